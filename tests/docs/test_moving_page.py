"""The page on moving is run as it is printed."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from llmgw_middleware.cli import main
from tests.docs.pages import page

PAGE = page("moving.md")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the page's file, as the working directory."""
    PAGE.write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(command: str) -> int:
    program, *words = shlex.split(command)
    assert program == "llmgw"
    return main(words)


def test_what_is_left_out_of_litellm_is_printed_as_the_page_prints_it(folder, capsys):
    command, printed = next(pair for pair in PAGE.commands if "litellm" in pair[0])
    assert run(command) == 0
    assert capsys.readouterr().err == printed.partition("$ ")[0]
    assert "sk-1234" not in (folder / "llmgw.yaml").read_text()


def test_what_was_imported_decides_as_the_page_says(folder, capsys):
    assert run(PAGE.command("llmgw import litellm")) == 0
    for command, printed in PAGE.commands:
        asked = re.fullmatch(r"(llmgw explain .*) \| jq -r \.(\w+)", command)
        if asked:
            capsys.readouterr()
            assert run(asked[1]) == 0
            assert json.loads(capsys.readouterr().out)[asked[2]] == printed.strip()


def test_every_importer_that_the_page_names_is_there(capsys):
    with pytest.raises(SystemExit):
        main(["import", "--help"])
    told = capsys.readouterr().out
    named = {shlex.split(command)[2] for command, _ in PAGE.commands if command.startswith("llmgw import")}
    assert named == {"litellm", "agentgateway"}
    assert all(kind in told for kind in named)
