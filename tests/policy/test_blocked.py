import pytest

from llmgw_middleware.policy.blocked import Blocked

# Why each endpoint is passed over, whether the target is a pool, and what the caller is told.
TABLE = {
    "one that is open": ("open", False, 503, "circuit_open"),
    "one at its limit": ("full", False, 503, "overloaded"),
    "one that rests": ("cooling", False, 429, "rate_limit_exceeded"),
    "a pool that is open": ("open open", True, 503, "no_healthy_backend"),
    "a pool that rests": ("cooling cooling", True, 429, "rate_limit_exceeded"),
    "a pool of which one rests": ("cooling open", True, 503, "no_healthy_backend"),
    "a pool of which the others were asked": ("tried cooling", True, 429, "rate_limit_exceeded"),
    "a pool of which all were asked": ("tried tried", True, 503, "no_healthy_backend"),
    "a pool that is too small": ("small small", True, 503, "no_healthy_backend"),
}


@pytest.mark.parametrize(("reasons", "is_pool", "status", "code"), TABLE.values(), ids=TABLE.keys())
def test_what_holds_everybody_back_decides_what_is_said(reasons, is_pool, status, code):
    passed_over = tuple((f"b{i}", reason) for i, reason in enumerate(reasons.split()))
    reason = passed_over[-1][1]
    error = Blocked(
        target="chat", reason=reason, retry_after=7.0, passed_over=passed_over, is_pool=is_pool
    ).error()
    assert (error.status_code, error.error_code, error.retry_after) == (status, code, 7.0)
    assert (b"x-should-retry", b"false") in error.headers


def test_nobody_inside_is_named():
    error = Blocked(target="chat", reason="open", passed_over=(("secret-backend", "open"),)).error()
    assert "secret-backend" not in error.message
