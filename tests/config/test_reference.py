import shutil
from pathlib import Path

import pytest

from llmgw_middleware.config.reference import main, tables
from llmgw_middleware.config.schema import json_schema
from llmgw_middleware.config.unavailable import KEYS

PAGE = Path(__file__).parent.parent.parent / "docs" / "configuration.md"


def test_the_page_is_current():
    assert main(["--check"], PAGE) == 0


def test_a_page_that_is_not_current_is_told_and_can_be_written(tmp_path, capsys):
    page = tmp_path / "configuration.md"
    shutil.copy(PAGE, page)
    page.write_text(page.read_text(encoding="utf-8") + "more", encoding="utf-8")
    assert main(["--check"], page) == 1
    assert "is not current" in capsys.readouterr().err
    assert main([], page) == 0
    assert page.read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")


def test_a_page_without_its_mark_is_left_alone(tmp_path, capsys):
    page = tmp_path / "configuration.md"
    page.write_text("# Other\n")
    assert main([], page) == 2
    assert page.read_text() == "# Other\n"
    assert "lacks the line" in capsys.readouterr().err


def test_every_key_of_the_schema_has_a_row():
    schema = json_schema()
    text = tables()
    for word in (schema, *schema["$defs"].values()):
        for key in word["properties"]:
            assert f"| `{key}` |" in text


@pytest.mark.parametrize(
    "row",
    [
        "| `maxBodySize` | size | 20MB |",
        "| `connect` | duration | 5s |",
        "| `priority` | whole number | 100 |",
    ],
)
def test_a_row_tells_what_a_key_takes_and_its_default(row):
    assert row in tables()


def test_what_is_not_available_is_listed():
    assert all(f"`{key}`" in tables() for keys in KEYS.values() for key in keys)
