import json
from pathlib import Path

import pytest

from llmgw_middleware.cli.source import as_files

ROUTE = {"name": "a", "path": "/v1/x", "backend": "b"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("llmgw.yaml", ["llmgw.yaml"]),
        (Path("conf"), ["conf"]),
        (["a.yaml", Path("b.yaml")], ["a.yaml", "b.yaml"]),
        ((Path("a.yaml"),), ["a.yaml"]),
    ],
    ids=["name", "path", "several", "one of several"],
)
def test_files_keep_their_names(source, expected):
    with as_files(source) as files:
        assert files == expected


@pytest.mark.parametrize("source", [{"routes": [ROUTE]}, [ROUTE]], ids=["mapping", "list of routes"])
def test_values_are_a_file_for_the_time_being(source):
    with as_files(source) as [file]:
        assert json.loads(Path(file).read_text()) == source
    assert not Path(file).exists()
