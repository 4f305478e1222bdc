import json
from pathlib import Path

import pytest

from llmgw_middleware.cli import main

SEEDS = Path(__file__).parent.parent / "seeds"
CHAT = ["-X", "POST", "--path", "/v1/chat/completions"]


@pytest.fixture
def told(capsys):
    def tell(*words: str):
        assert main(["explain", *words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return tell


def seed(*names: str) -> list[str]:
    return [str(SEEDS / f"{name}.yaml") for name in names]


# What seed 004 and seed 000 say of their own examples.
DECISIONS = {
    "chat goes to the pool": (["004-routes", "004-pool"], CHAT, "chat-completions", "openai-backend"),
    "testers get the beta": (["004-routes"], [*CHAT, "-H", "X-Beta-User: true"], "beta-chat", "beta-backend"),
    "other values do not": (
        ["004-routes"],
        [*CHAT, "-H", "X-Beta-User: yes"],
        "chat-completions",
        "llm-pool",
    ),
    "embeddings": (
        ["004-routes"],
        ["-X", "POST", "--path", "/v1/embeddings"],
        "embeddings",
        "openai-backend",
    ),
    "a prefix": (["000-rules"], ["-X", "GET", "--path", "/api/chat/x"], "route-1", "chat-service:8001"),
    "a mobile client": (
        ["000-rules"],
        [*CHAT, "-H", "X-Client-Type: mobile"],
        "route-2",
        "mobile-service:8002",
    ),
    "a priority comes first": (
        ["000-rules"],
        ["-X", "POST", "--path", "/v1/chat/completions?model=gpt-4", "-H", "X-Client-Type: mobile"],
        "route-3",
        "premium-service:8003",
    ),
    "v1": (["000-rule-types"], ["--path", "/api/v1/x"], "v1", "backend-v1"),
    "v2": (["000-rule-types"], ["--path", "/api/v2/x"], "v2", "backend-v2"),
    "web": (["000-rule-types"], [*CHAT, "-H", "x-client: web"], "web", "web-backend"),
    "gpt-3.5": (
        ["000-rule-types"],
        ["-X", "POST", "--path", "/v1/chat/completions?model=gpt-3.5"],
        "gpt-3.5",
        "standard",
    ),
    "the US": (["000-rule-types"], [*CHAT, "--country", "us"], "us", "us-east"),
    "the EU": (["000-rule-types"], [*CHAT, "--country", "FR"], "eu", "eu-west"),
    "APAC": (["000-rule-types"], [*CHAT, "--country", "JP"], "apac", "ap-south"),
    "premium": (["000-rule-types"], [*CHAT, "--user", "tier=premium"], "premium-users", "premium-backend"),
    "free": (["000-rule-types"], [*CHAT, "--user", "tier=free"], "free-users", "free-backend"),
}


@pytest.mark.parametrize(("files", "words", "route", "backend"), DECISIONS.values(), ids=DECISIONS)
def test_the_seeds_decide_as_they_say(told, files, words, route, backend):
    found = told(*seed(*files), *words)
    assert (found["outcome"], found["route"], found["backend"]) == ("route", route, backend)


def test_the_object_has_its_public_keys(told):
    found = told(*seed("004-routes", "004-pool"), *CHAT, "-d", '{"model": "gpt-4"}')
    assert {
        "outcome",
        "route",
        "backend",
        "pool",
        "model",
        "rules",
        "split",
        "identity",
        "geo",
        "plan",
    } <= set(found)
    assert (found["pool"], found["model"], found["split"]) == ("llm-pool", "gpt-4", None)
    assert found["rules"][0] == {
        "name": "beta-chat",
        "priority": 5,
        "matched": False,
        "reason": "header x-beta-user is absent",
    }
    assert [step["backend"] for step in found["plan"]] == [
        "openai-backend",
        "anthropic-backend",
        "azure-backend",
    ]


def test_a_sticky_split_is_the_same_for_every_seed(told):
    words = [*seed("000-rule-types"), *CHAT, "--session", "s-1"]
    first, second = told(*words, "--seed", "1"), told(*words, "--seed", "2")
    assert first["split"] == second["split"]
    assert first["split"]["key"] == "s-1"


def test_chance_is_repeatable_by_its_seed(told):
    words = [*seed("000-rule-types"), *CHAT]
    assert told(*words, "--seed", "7")["split"] == told(*words, "--seed", "7")["split"]


def test_a_curl_command_is_a_request(told):
    command = (
        "curl -sN https://shop.example/v1/chat/completions?a=1 -H 'X-Beta-User: true' -d '{\"model\": \"m\"}'"
    )
    found = told(*seed("004-routes"), "--curl", command)
    assert (found["route"], found["model"]) == ("beta-chat", "m")


def test_a_body_comes_from_a_file(told, tmp_path):
    (tmp_path / "body.json").write_text('{"model": "from-file"}')
    assert told(*seed("004-routes"), *CHAT, "-d", f"@{tmp_path / 'body.json'}")["model"] == "from-file"


def test_people_read_a_table_and_a_verdict(capsys):
    main(
        [
            "explain",
            *seed("004-routes", "004-pool"),
            *CHAT,
            "--user",
            "id=alice",
            "--user",
            "tier=free",
            "--country",
            "DE",
        ]
    )
    out = capsys.readouterr().out
    assert "POST /v1/chat/completions by alice [tier=free, country DE (from the identity)]" in out
    assert "    5  beta-chat         no   header x-beta-user is absent" in out
    assert "plan     openai-backend, then anthropic-backend, then azure-backend" in out
    assert "attempts llm-pool: at most 2 (default), up to 200ms apart (default)" in out
    assert "timeouts pool 1s, connect 5s, write 10s, firstToken 60s" in out


def test_figures_are_told_with_who_gave_them(capsys):
    main(
        [
            "explain",
            *seed("004-routes", "004-timeouts", "004-retry"),
            "-X",
            "POST",
            "--path",
            "/v1/embeddings",
        ]
    )
    out = capsys.readouterr().out
    assert "attempts openai-backend: at most 3 (policies), up to 200ms, up to 400ms apart (default)" in out
    assert "timeouts read 30s (route); pool 1s" in out


WRONG = {
    "a missing file": (["nowhere.yaml"], "nowhere.yaml"),
    "a header without a colon": ([*seed("004-routes"), "-H", "nonsense"], "Name: value"),
    "a path without a slash": ([*seed("004-routes"), "--path", "v1"], "slash"),
    "a user without a value": ([*seed("004-routes"), "--user", "tier"], "NAME=VALUE"),
    "an unknown curl option": ([*seed("004-routes"), "--curl", "curl -Z x"], "-Z"),
}


@pytest.mark.parametrize(("words", "hint"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_explained_says_why(capsys, words, hint):
    assert main(["explain", *words]) == 1
    assert hint in capsys.readouterr().err


def test_the_purpose_of_the_route_is_shown(tmp_path, capsys):
    file = tmp_path / "llmgw.yaml"
    file.write_text(
        "routes: [{path: /v1/x, description: Who asks x., backend: 'http://a/v1', passthrough: true}]"
    )
    assert main(["explain", str(file), "--path", "/v1/x"]) == 0
    assert "purpose  Who asks x.\n" in capsys.readouterr().out
