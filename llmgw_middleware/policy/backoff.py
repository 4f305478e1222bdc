"""How long to wait before the next try."""

from __future__ import annotations

from llmgw_middleware.model.policy import DEFAULT_RETRY, RetryRules

_LARGEST_EXPONENT = 60
"""Beyond it every interval is at its maximum, and powers of two would no longer fit a float."""


def delay(rules: RetryRules, n: int, *, chance: float) -> float:
    """Return the seconds before repeat ``n``, 1 for the first (seed 004: ``backoff``, ``initialInterval``, ``maxInterval``, ``jitter``).

    constant: the initial interval · linear: n times it · exponential: doubled each time; never more than the maximum.
    With jitter it is uniform between 0 and that ("full jitter"): ``chance`` in [0, 1) says where. What ``rules`` do not
    say is as in ``DEFAULT_RETRY``. Raises ValueError for n below 1.
    """
    if n < 1:
        raise ValueError(f"repeats are counted from 1, not {n}")
    full = rules.over(DEFAULT_RETRY)
    initial, longest = full.initial_interval or 0.0, full.max_interval or 0.0
    factor = {"constant": 1.0, "linear": float(n), "exponential": 2.0 ** min(n - 1, _LARGEST_EXPONENT)}
    ceiling = min(longest, initial * factor[full.backoff or "exponential"])
    return ceiling * chance if full.jitter else ceiling
