"""What the page on production says of servers and of codes is so."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.docs.pages import DOCS, page
from tests.docs.walk import words

PAGE = page("production.md")
PACKAGE = DOCS.parent / "llmgw_middleware"
COMMANDS = [command for command, _ in PAGE.commands]


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_its_servers_know_the_options_they_are_given(command: str):
    program, *options = words(command)
    told = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    assert [option for option in options if option.startswith("-") and option not in told] == []


def test_every_code_that_it_explains_is_one_of_ours():
    codes = re.findall(r"^\| `(\w+)` \|", PAGE.text, re.MULTILINE)
    source = "".join(each.read_text() for each in PACKAGE.rglob("*.py"))
    assert len(codes) >= 4
    assert [code for code in codes if f'"{code}"' not in source] == []


@pytest.mark.parametrize("key", ["callerStall", "trustedProxies"])
def test_every_key_that_it_names_is_one_of_the_configuration(key: str):
    assert f"| `{key}` |" in (DOCS / "configuration.md").read_text()
    assert key in PAGE.text


def test_the_numbers_are_the_codes():
    from llmgw_middleware.loop_thread import POLL
    from llmgw_middleware.wsgi import HEARTBEAT

    assert f"within {POLL:g} s in silence" in PAGE.text
    assert ("heartbeat each second" in PAGE.text) == (HEARTBEAT == 1.0)


def test_every_link_leads_somewhere():
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in PAGE.text.splitlines()
        if line.startswith("#")
    }
    for target in re.findall(r"\]\(([^)]+)\)", PAGE.text):
        name, _, anchor = target.partition("#")
        assert anchor in headings if not name else (DOCS / name).exists(), target
