"""The Django sample as a newcomer meets it: its commands, its rules, its users."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

SITE = Path(__file__).parents[2] / "sample_apps" / "django_chat"


def manage(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run ``manage.py`` with a state folder of its own."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DJANGO_", "LLMGW_", "MOCK_"))
    }
    return subprocess.run(
        [sys.executable, SITE / "manage.py", *words],
        capture_output=True,
        text=True,
        check=False,
        env=env | {"DEMO_STATE": str(state)},
    )


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("state")
    done = manage(folder, "migrate", "--verbosity", "0")
    assert done.returncode == 0, done.stderr
    return folder


def test_django_finds_nothing_to_say(state) -> None:
    done = manage(state, "check", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr


def test_the_migrations_are_complete(state) -> None:
    done = manage(state, "makemigrations", "--check", "--dry-run")
    assert done.returncode == 0, done.stdout


def test_making_the_users_again_changes_nothing(state) -> None:
    first, second = manage(state, "demo_users"), manage(state, "demo_users")
    assert (first.returncode, first.stdout.count("created")) == (0, 3), first.stderr
    assert (second.returncode, second.stdout) == (0, ""), second.stderr


def test_making_the_users_again_keeps_a_chosen_tier(state) -> None:
    manage(state, "demo_users")
    with sqlite3.connect(state / "django_chat.sqlite3") as database:
        database.execute("update chat_profile set tier = 'premium'")
    database.close()
    manage(state, "demo_users")
    with sqlite3.connect(state / "django_chat.sqlite3") as database:
        tiers = {tier for (tier,) in database.execute("select tier from chat_profile")}
    database.close()
    assert tiers == {"premium"}


def llmgw(*words: str) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("llmgw")
    return subprocess.run([command, *words], capture_output=True, text=True, check=False, cwd=SITE)


def test_the_rules_have_no_problem() -> None:
    done = llmgw("check", "llmgw.yaml", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["ok"], told["problems"]) == (0, True, [])


@pytest.mark.parametrize(
    ("path", "caller", "route", "backend"),
    [
        ("/v1/chat/completions", ["--user", "tier=free"], "free-chat", {"free-backend"}),
        ("/v1/chat/completions", ["--user", "tier=premium"], "premium-chat", {"premium-backend"}),
        ("/v1/chat/completions", ["--user", "tier=premium", "--country", "FR"], "premium-eu", {"eu-backend"}),
        (
            "/v1/chat/completions",
            ["--user", "tier=premium", "--country", "US"],
            "premium-chat",
            {"premium-backend"},
        ),
        ("/v1/chat/completions", ["--user", "tier=free", "--country", "DE"], "free-chat", {"free-backend"}),
        ("/v1/chat/completions", ["--user", "tier=trial"], "otherwise", {"spare-azure", "spare-anthropic"}),
        ("/v1/embeddings", ["--user", "tier=free"], "embeddings", {"embeddings-backend"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_the_rules_send_each_caller_where_they_say(path, caller, route, backend) -> None:
    done = llmgw(
        "explain",
        "llmgw.yaml",
        "-X",
        "POST",
        "--path",
        path,
        "-d",
        '{"model": "gpt-5"}',
        "--user",
        "id=1",
        *caller,
        "--json",
    )
    told = json.loads(done.stdout)
    assert (told["outcome"], told["route"]) == ("route", route)
    assert told["backend"] in backend
