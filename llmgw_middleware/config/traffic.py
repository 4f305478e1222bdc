"""Words of traffic policies to values."""

from __future__ import annotations

from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.spelling import did_you_mean
from llmgw_middleware.config.words.traffic import CircuitBreakerWord, PerRouteWord, RetryPolicyWord, RetryWord
from llmgw_middleware.model.policy import BreakerRules, RetryRules, SlowCalls


def retry(word: RetryWord) -> RetryRules:
    """Return what is said here; None where nothing is."""
    return RetryRules(
        max_attempts=word.max_attempts,
        backoff=word.backoff,
        initial_interval=word.initial_interval,
        max_interval=word.max_interval,
        jitter=word.jitter,
        retry_on=None if word.retry_on is None else frozenset(word.retry_on),
        budget_ratio=word.budget.ratio,
        budget_minimum=word.budget.min_per_second,
    )


def breaker(word: CircuitBreakerWord) -> BreakerRules:
    """Return the rules of every backend's breaker."""
    slow = word.slow_call
    return BreakerRules(
        enabled=word.enabled,
        threshold=word.threshold,
        min_requests=word.min_requests,
        window=word.window_duration,
        sleep=word.sleep_duration,
        probe_requests=word.probe_requests,
        max_sleep=max(word.max_sleep_duration, word.sleep_duration),
        slow_calls=None if slow is None else SlowCalls(threshold=slow.threshold, duration=slow.duration),
    )


def judge_budget(word: RetryWord, report: Report) -> None:
    """Refuse a budget where it could not act: retries are counted for each backend, whatever the route."""
    if word.budget.ratio is not None or word.budget.min_per_second is not None:
        report.error(
            "bad_place",
            word.at("budget"),
            "A budget bounds the retries of a backend, not of a route.",
            "move it to policies.retry, or to the backend's retry",
        )


class PerRoute:
    """The rows of ``policies.retry.perRoute`` by route."""

    def __init__(self, word: RetryPolicyWord, report: Report) -> None:
        self._report = report
        self._rows: dict[str, PerRouteWord] = {}
        for row in word.per_route:
            judge_budget(row, report)
            first = self._rows.setdefault(row.route, row)
            if first is not row:
                report.error(
                    "duplicate_name",
                    row.at("route"),
                    f'Another row at {first.at("route")} is for "{row.route}" too.',
                )

    def rules(self, route: str) -> RetryRules:
        """Return what stands there for ``route``."""
        row = self._rows.get(route)
        return RetryRules() if row is None else retry(row)

    def judge(self, routes: list[str]) -> None:
        """Warn of rows that name no route."""
        for name, row in self._rows.items():
            if name not in routes:
                self._report.warn(
                    "unknown_route",
                    row.at("route"),
                    f'No route is called "{name}".',
                    did_you_mean(name, routes),
                )
