from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.leaving import more_than

NOTHING: dict[str, Any] = {"leases": 0, "connections": 0, "waiting": 0, "tasks": []}


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param({}, {}, {}, id="nothing"),
        pytest.param({}, {"leases": 2}, {"leases": 2}, id="leases"),
        pytest.param(
            {}, {"connections": 1, "waiting": 1}, {"connections": 1, "waiting": 1}, id="connections"
        ),
        pytest.param({"tasks": ["a"]}, {"tasks": ["a", "a"]}, {"tasks": {"a": 1}}, id="one more task"),
        pytest.param({"tasks": ["a", "b"]}, {"tasks": ["b"]}, {}, id="a task that has ended since"),
    ],
)
def test_what_is_in_hand_and_was_not_before_is_told(before: Any, now: Any, expected: Any):
    assert more_than({**NOTHING, **before}, {**NOTHING, **now}) == expected
