"""When a server is at rest: what callers leave behind is told from what the request before has not put away yet."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e import leaving

NOTHING: dict[str, Any] = {"leases": 0, "connections": 0, "waiting": 0, "tasks": ["own"]}
ON_ITS_WAY_OUT = {**NOTHING, "tasks": ["listen", "own"]}
HELD = {**NOTHING, "leases": 1}


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([NOTHING, NOTHING], id="at once"),
        pytest.param([ON_ITS_WAY_OUT, NOTHING, NOTHING], id="after the request before"),
        pytest.param([NOTHING, ON_ITS_WAY_OUT, NOTHING, NOTHING], id="between two others"),
        pytest.param([HELD, HELD, NOTHING, NOTHING], id="after a lease"),
    ],
)
def test_a_server_is_at_rest_when_it_says_the_same_twice_and_holds_nothing(monkeypatch, answers: Any):
    told = iter(answers)
    monkeypatch.setattr(leaving, "inside", lambda _: next(told))
    site: Any = None
    assert leaving.at_rest(site) == NOTHING
    assert next(told, None) is None
