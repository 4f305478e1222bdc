import json

from llmgw_middleware.cli import main
from llmgw_middleware.config.schema import json_schema


def test_the_schema_is_printed_as_json(capsys):
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema()
