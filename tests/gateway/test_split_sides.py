"""What becomes of a caller whose side of a split is down."""

from typing import Any

import pytest

from llmgw_middleware.model.identity import Identity
from llmgw_middleware.testing.upstream import ScriptedUpstream, chat, error
from tests.gateway.asking import PATH, ask, backend, gateway, header


@pytest.fixture
def sides():
    with ScriptedUpstream() as well, ScriptedUpstream() as ill:
        well.default(chat("well"))
        ill.default(error(503))
        yield well, ill


def config(sides: Any, **route: Any) -> dict[str, Any]:
    well, ill = sides
    split = [{"backend": "well", "weight": 50}, {"backend": "ill", "weight": 50}]
    return {
        "gateway": {"debugHeaders": True},
        "policies": {"retry": {"maxAttempts": 1}, "circuitBreaker": {"minRequests": 4}},
        "routes": [{"name": "chat", "path": PATH, "backends": split, "sticky": "user", **route}],
        "backends": [backend("well", well.url), backend("ill", ill.url)],
    }


async def asked(gw: Any, count: int = 40) -> list[Any]:
    return [await ask(gw, who=Identity(id=f"user-{n}", source="session")) for n in range(count)]


async def test_without_a_fallback_it_is_told(sides):
    async with gateway(config(sides)) as gw:
        answers = await asked(gw)
    told = {(answer.decision.split.chosen, answer.status) for answer in answers}
    assert told == {("well", 200), ("ill", 503)}


@pytest.mark.parametrize("fallback", [True, ["well"]], ids=["sides", "named"])
async def test_with_a_fallback_the_other_side_answers_and_the_decision_says_so(sides, fallback):
    async with gateway(config(sides, fallback=fallback)) as gw:
        answers = await asked(gw)
    assert {answer.status for answer in answers} == {200}
    moved = [answer for answer in answers if answer.decision.split.chosen == "ill"]
    assert {answer.decision.backend for answer in moved} == {"well"}
    assert "split ill by sticky key" in (header(moved[0], "x-llmgw-decision") or "")


async def test_an_open_circuit_sends_callers_to_the_other_side_at_once(sides):
    _, ill = sides
    async with gateway(config(sides, fallback=True)) as gw:
        await asked(gw)
        before = len(ill.requests)
        answers = await asked(gw)
    assert len(ill.requests) == before
    moved = [answer for answer in answers if answer.decision.split.chosen == "ill"]
    assert moved
    assert all(answer.status == 200 and dict(answer.decision.skipped)["ill"] for answer in moved)


async def test_a_caller_comes_back_to_their_side_once_it_is_well(sides):
    _, ill = sides
    async with gateway(
        {**config(sides, fallback=True), "policies": {"circuitBreaker": {"enabled": False}}}
    ) as gw:
        first = await asked(gw, 10)
        ill.default(chat("well again"))
        again = await asked(gw, 10)
    assert [a.decision.split.chosen for a in first] == [a.decision.split.chosen for a in again]
    assert {a.decision.backend for a in again} == {"well", "ill"}
