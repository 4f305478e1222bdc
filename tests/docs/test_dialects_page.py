"""What the page on dialects says is so: its tables are the program's, its files load, its clients are made."""

from __future__ import annotations

import shutil

import pytest
import yaml

from llmgw_middleware.build import load_plan
from llmgw_middleware.config.dialects import START, main, tables
from tests.docs.pages import DOCS, page

PAGE = page("dialects.md")
FILE = DOCS / "dialects.md"


def test_the_page_is_current():
    assert main(["--check"], FILE) == 0


def test_a_page_that_is_not_current_is_told_and_can_be_written(tmp_path, capsys):
    copy = tmp_path / "dialects.md"
    shutil.copy(FILE, copy)
    copy.write_text(copy.read_text(encoding="utf-8") + "more", encoding="utf-8")
    assert main(["--check"], copy) == 1
    assert "is not current" in capsys.readouterr().err
    assert main([], copy) == 0
    assert copy.read_text(encoding="utf-8") == FILE.read_text(encoding="utf-8")


def test_a_page_without_its_mark_is_left_alone(tmp_path, capsys):
    copy = tmp_path / "dialects.md"
    copy.write_text("# Other\n")
    assert main([], copy) == 2
    assert f"lacks the line {START}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "row",
    [
        "| `seed` | ✗ | ✗ | `generationConfig.seed` | ✗ |",
        "| `temperature: 0.5` | `temperature` | ✗ |",
        "| quota | 429 `insufficient_quota` | 402 `billing_error` |",
        "| `medium` | 4096 | `medium` |",
    ],
)
def test_the_tables_say_what_is_known_otherwise(row):
    assert row in tables()


@pytest.mark.parametrize("text", PAGE.blocks("yaml"), ids=lambda text: text.splitlines()[0])
def test_every_file_of_the_page_loads(text):
    plan = load_plan(yaml.safe_load(text), env={"ANTHROPIC_API_KEY": "sk-1"})
    assert plan.backends["claude"].provider == "anthropic"


@pytest.mark.parametrize("snippet", PAGE.snippets, ids=lambda text: text.split()[1])
def test_every_client_of_the_page_is_made(snippet):
    pytest.importorskip(snippet.split()[1], reason="the SDK is not installed")
    made: dict[str, object] = {}
    exec(snippet, made)
    assert made["client"]
