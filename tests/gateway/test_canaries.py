"""Canaries, experiments and signals over real upstreams."""

import asyncio
import json
from typing import Any

import pytest

from llmgw_middleware.cli import main
from llmgw_middleware.model.identity import Identity
from llmgw_middleware.testing.upstream import ScriptedUpstream, chat, error, stream
from tests.gateway.asking import PATH, ask, backend, gateway, header, said


@pytest.fixture(autouse=True)
def run_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("LLMGW_RUN_DIR", str(tmp_path / "run"))
    return tmp_path / "run"


@pytest.fixture
def sides():
    """The stable and the canary's upstream."""
    with ScriptedUpstream() as old, ScriptedUpstream() as new:
        old.default(chat("old"))
        new.default(chat("new"))
        yield old, new


def config(sides: tuple[ScriptedUpstream, ScriptedUpstream], **route: Any) -> dict[str, Any]:
    old, new = sides
    return {
        "gateway": {"debugHeaders": True},
        "policies": {"circuitBreaker": {"enabled": False}, "retry": {"maxAttempts": 1}},
        "routes": [{"name": "chat", "path": PATH, "backend": "old", **route}],
        "backends": [backend("old", old.url), backend("new", new.url)],
    }


def canary(sides: Any, *, route: Any = None, **words: Any) -> dict[str, Any]:
    rules = {"name": "rollout", "route": "chat", "canary": "new", "stages": ["50%", "100%"], **words}
    return {**config(sides, **(route or {})), "canaries": [rules]}


def experiment(sides: Any) -> dict[str, Any]:
    variants = [{"name": "a", "backend": "old"}, {"name": "b", "backend": "new"}]
    return {**config(sides), "experiments": [{"name": "compare", "route": "chat", "variants": variants}]}


def user(number: int) -> Identity:
    return Identity(id=f"user-{number}", source="session")


async def asked(gw: Any, count: int, **more: Any) -> list[Any]:
    return [await ask(gw, who=user(number), **more) for number in range(count)]


async def test_a_canary_that_fails_takes_itself_back_and_nobody_is_sent_there_any_more(sides):
    sides[1].default(error(500))
    async with gateway(canary(sides)) as gw:
        answers = await asked(gw, 60)
        assert {answer.status for answer in answers} == {200, 502}
        [change] = gw.rollouts.evaluate()
        assert (change.kind, gw.rollouts.weight("rollout")) == ("rolled_back", 0.0)
        assert {answer.status for answer in await asked(gw, 60)} == {200}


async def test_a_fallback_hides_the_failure_from_callers_but_not_from_the_judge(sides):
    sides[1].default(error(500))
    async with gateway(canary(sides, route={"fallback": ["old"]})) as gw:
        assert {answer.status for answer in await asked(gw, 60)} == {200}
        [change] = gw.rollouts.evaluate()
        assert "error rate increase 100 % (stable 0 %" in change.reason


async def test_stable_stands_by_even_when_the_canary_has_everything(sides):
    sides[1].default(error(500))
    async with gateway(canary(sides, stages=["100%"], route={"fallback": True})) as gw:
        answers = await asked(gw, 10)
    assert {(a.decision.split.variant, a.decision.backend, a.status) for a in answers} == {
        ("canary", "old", 200)
    }


async def test_a_canary_that_was_taken_back_is_no_fallback_either(sides):
    sides[0].default(error(500))
    async with gateway(canary(sides, route={"fallback": True})) as gw:
        gw.rollouts.roll_back("rollout")
        assert {answer.status for answer in await asked(gw, 10)} == {502}


async def test_the_side_is_told_to_the_application_and_in_the_debug_header(sides):
    async with gateway(experiment(sides)) as gw:
        for answer in await asked(gw, 20):
            variant = answer.decision.split.variant
            assert variant == {"old": "a", "new": "b"}[answer.decision.backend]
            assert header(answer, "x-llmgw-variant") == variant


async def test_streams_count_when_they_are_over(sides):
    for upstream in sides:
        upstream.default(stream("one", "two"))
    async with gateway(canary(sides)) as gw:
        answer = await ask(gw, who=user(1), stream=True)
        assert gw.rollouts.canaries()["rollout"]["sides"]["canary"]["requests"] == 0
        await said(answer)
        counted = gw.rollouts.canaries()["rollout"]["sides"]
        assert sum(side["requests"] for side in counted.values()) == 1


async def test_a_signal_about_an_answer_counts_for_its_variant(sides):
    async with gateway(experiment(sides)) as gw:
        [answer] = await asked(gw, 1)
        assert gw.signal("liked", request_id=answer.decision.request_id) == 1
        assert gw.signal("disliked", user="user-0") == 1
        assert gw.signal("disliked", user="user-99") == 0
        with pytest.raises(ValueError, match="pass request_id= or user="):
            gw.signal("liked")


async def test_a_gateway_without_canaries_takes_signals_for_nothing(sides):
    async with gateway(config(sides)) as gw:
        assert gw.signal("liked", user="user-0") == 0


async def command(*words: str) -> int:
    return await asyncio.to_thread(main, list(words))


async def test_a_person_steers_a_running_canary_from_the_command_line(sides, capsys):
    async with gateway(canary(sides)) as gw:
        await asked(gw, 1)
        for words, weight in (("pause", 0.5), ("promote", 1.0), ("rollback", 0.0), ("resume", 0.5)):
            assert await command("canary", words, "rollout") == 0
            assert gw.rollouts.weight("rollout") == weight
        assert "rollout: promoted, now 100 % (stage 2), process" in capsys.readouterr().out
        assert await command("canary", "resume", "rollout") == 1
        assert "canary 'rollout' is running: it cannot be resumed" in capsys.readouterr().out
        assert await command("canary", "pause", "rolout") == 1
        assert 'did you mean "rollout"?' in capsys.readouterr().out


async def test_the_command_line_shows_where_a_canary_stands(sides, capsys):
    async with gateway(canary(sides, stageDuration="1h")) as gw:
        await asked(gw, 20)
        assert await command("canary", "status") == 0
        shown = capsys.readouterr().out
        assert shown.startswith("rollout  running at 50 % (stage 1 of 2) of chat, process ")
        assert "s of the stage, " in shown
        assert "error rate increase: 0 % (stable 0 %, limit 1 %), 0 % of the evidence for a rollback" in shown
        assert await command("canary", "status", "rollout", "--json") == 0
        [told] = json.loads(capsys.readouterr().out)["canaries"]
        assert told["sides"]["stable"]["requests"] + told["sides"]["canary"]["requests"] == 20
        assert await command("canary", "status", "other") == 1


async def test_the_command_line_shows_an_experiment_as_a_table(sides, capsys):
    async with gateway(experiment(sides)) as gw:
        answers = await asked(gw, 30)
        gw.signal("liked", request_id=answers[0].decision.request_id)
        assert await command("experiment", "status", "compare") == 0
        shown = capsys.readouterr().out
        assert "compare  on chat, process" in shown
        for measure in ("errors", "p90 latency", "tokens", "cost", "signal liked"):
            assert shown.count(f"  {measure}") == 2
        assert await command("experiment", "status", "--json") == 0
        [told] = json.loads(capsys.readouterr().out)["experiments"]
        assert sum(variant["requests"] for variant in told["variants"]) == 30


async def test_the_socket_is_the_users_alone_and_goes_with_the_gateway(sides, run_dir):
    async with gateway(canary(sides)) as gw:
        await asked(gw, 1)
        await asyncio.sleep(0)
        [path] = run_dir.glob("*.sock")
        assert run_dir.stat().st_mode & 0o777 == 0o700
    assert not path.exists()


async def test_a_folder_that_others_can_enter_is_not_used(sides, run_dir, caplog, capsys):
    run_dir.mkdir(mode=0o755)
    run_dir.chmod(0o755)
    async with gateway(canary(sides)) as gw:
        assert (await asked(gw, 1))[0].status == 200
        await asyncio.sleep(0)
        assert not list(run_dir.glob("*.sock"))
    assert "must be a folder of this user alone (chmod 700)" in caplog.text
    assert await command("canary", "status") == 1
    assert "No gateway with canaries or experiments can be reached" in capsys.readouterr().err


async def test_a_socket_that_nobody_listens_on_is_cleared_away(run_dir):
    import socket

    run_dir.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(run_dir / "1.sock"))
    assert await command("canary", "status") == 1
    assert not (run_dir / "1.sock").exists()


@pytest.mark.parametrize("said_words", [b"nonsense\n", b"[]\n", b'{"command": "reboot"}\n', b"\n"])
async def test_words_that_are_no_command_change_nothing(sides, run_dir, said_words):
    async with gateway(canary(sides)) as gw:
        await asked(gw, 1)
        await asyncio.sleep(0)
        [path] = run_dir.glob("*.sock")
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(said_words)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert b'"ok": true' not in answer
        assert gw.rollouts.weight("rollout") == 0.5
