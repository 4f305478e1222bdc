from __future__ import annotations

import pytest

from llmgw_middleware.dialect.adjust import Adjustments, Unsupported


def test_without_leave_a_field_is_refused_by_its_name():
    with pytest.raises(Unsupported) as caught:
        Adjustments("error").leave_out("seed")
    error = caught.value
    assert (error.status_code, error.error_code, error.param) == (400, "unsupported_parameter", "seed")
    assert "onUnsupported: drop" in error.message


@pytest.mark.parametrize(
    "give_up",
    [lambda a: a.change("temperature", 1, "At most 1."), lambda a: a.leave_out_value("stop", "Blank.")],
    ids=["change", "leave-out"],
)
def test_without_leave_a_value_is_refused_as_a_value(give_up):
    with pytest.raises(Unsupported) as caught:
        give_up(Adjustments("error"))
    assert caught.value.error_code == "unsupported_value"


def test_what_is_dropped_is_told_in_order_and_once():
    adjustments = Adjustments("drop")
    adjustments.leave_out("n")
    adjustments.leave_out_value("seed", "x")
    adjustments.leave_out("n")
    adjustments.change("temperature", 1, "x")
    assert adjustments.dropped == ("n", "seed", "temperature=1")
    assert repr(adjustments) == "<Adjustments drop: n, seed, temperature=1>"


def test_what_has_to_go_goes_whatever_the_policy():
    adjustments = Adjustments("error")
    adjustments.note("reasoning_effort")
    assert adjustments.dropped == ("reasoning_effort",)
