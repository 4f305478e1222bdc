"""What the page on production says of servers and of codes is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from llmgw_middleware.testing.upstream import stream
from tests.docs.pages import DOCS, page
from tests.docs.walk import words
from tests.e2e.django_servers import SERVERS, WSGI, chat, site
from tests.e2e.servers import GRACE, serve_process

PAGE = page("production.md")
PACKAGE = DOCS.parent / "llmgw_middleware"
COMMANDS = [command for command, _ in PAGE.commands]


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_its_servers_know_the_options_they_are_given(command: str):
    program, *options = words(command)
    told = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    assert [option for option in options if option.startswith("-") and option not in told] == []


SHORTER = {
    "drain(20)": "drain(0.2)",
    "30\n": f"{GRACE}\n",
    '"shop.settings"': '"tests.django.project.settings"',
}
"""The page's seconds in those of a test, and the site's name in that of the tests' project."""


def shortened(text: str) -> str:
    for long, short in SHORTER.items():
        assert long.strip() in PAGE.text
        text = text.replace(long, short)
    return text


@pytest.fixture
def draining(tmp_path: Path) -> Path:
    """A folder with the page's files."""
    (tmp_path / "shop").mkdir()
    for name, text in PAGE.files.items():
        (tmp_path / name).write_text(shortened(text))
    return tmp_path


def by_gunicorn(folder: Path, fd: int) -> list[str]:
    options = ["-c", str(folder / "gunicorn.conf.py"), "--log-level", "warning", "--bind", f"fd://{fd}"]
    return [sys.executable, "-m", "gunicorn", *options, WSGI]


def by_uvicorn(folder: Path, fd: int) -> list[str]:
    options = ["--app-dir", str(folder), "--log-level", "warning", "--timeout-graceful-shutdown", str(GRACE)]
    return [sys.executable, "-m", "uvicorn", *options, "--fd", str(fd), "shop.asgi:application"]


@pytest.mark.slow
@pytest.mark.parametrize("server", [by_gunicorn, by_uvicorn], ids=["gunicorn", "uvicorn"])
def test_its_hooks_say_goodbye_to_a_stream(draining: Path, server: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(SERVERS, "page", lambda env: serve_process(lambda _, fd: server(draining, fd), env))
    with site("page") as running, running.caller() as caller:
        running.upstream.script(stream("a", stall_after=1))
        caller.send_request(body=chat(stream=True))
        caller.read_until(b'"a"')
        running.process.process.terminate()
        caller.read_until(b'"code":"draining"')
        running.upstream.wait_left(0)
        assert b"[DONE]" not in caller.read_until(b"0\r\n\r\n")


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
    from llmgw_middleware.wsgi.bridge import HEARTBEAT

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
