"""The Flask sample as a newcomer meets it: its commands, its rules, its people."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

SITE = Path(__file__).parents[2] / "sample_apps" / "flask_chat"


def flask(*words: str) -> subprocess.CompletedProcess[str]:
    """Run ``flask`` in the sample's folder, as its documentation says."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FLASK_", "LLMGW_", "MOCK_"))
    }
    command = [sys.executable, "-m", "flask", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env, cwd=SITE)


def test_flask_lists_the_gateways_paths() -> None:
    done = flask("routes")
    assert done.returncode == 0, done.stderr
    listed = {line.split()[-1] for line in done.stdout.splitlines() if line.startswith("llmgw")}
    assert listed == {"/v1", "/v1/<path:rest>"}


def test_the_rules_have_no_problem() -> None:
    done = flask("llmgw", "check", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["ok"], told["problems"]) == (0, True, [])


@pytest.mark.parametrize(
    ("path", "caller", "route"),
    [
        ("/v1/chat/completions", ["--user", "tier=free"], "free-chat"),
        ("/v1/chat/completions", ["--user", "tier=premium"], "premium-chat"),
        ("/v1/chat/completions", ["--user", "tier=premium", "--country", "DE"], "premium-eu"),
        ("/v1/chat/completions", ["--user", "tier=free", "--country", "DE"], "free-chat"),
        ("/v1/embeddings", ["--user", "tier=free"], "embeddings"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_the_rules_send_each_caller_where_they_say(path, caller, route) -> None:
    request = ["-X", "POST", "--path", path, "-d", '{"model": "gpt-5"}', "--user", "id=alice"]
    told = json.loads(flask("llmgw", "explain", *request, *caller, "--json").stdout)
    assert (told["outcome"], told["route"]) == ("route", route)


def test_everybodys_password_is_the_name_and_no_other() -> None:
    people = runpy.run_path(str(SITE / "people.py"))["People"]()
    assert {person.id for person in people} == {"alice", "bob", "admin"}
    assert all(people.with_password(person.id, person.id) is person for person in people)
    assert people.with_password("alice", "bob") is None
    assert people.with_password("nobody", "nobody") is None
