"""Words of retries, breaking, keys and commit, and what they become."""

import pytest

from llmgw_middleware.model.backend import Secret
from llmgw_middleware.model.policy import CommitRules, RetryRules, SlowCalls

ROUTE = "routes: [{{name: r, path: /v1/x, backend: 'http://u/v1', {words}}}]\n"


def route(load_text, words: str):
    return load_text(ROUTE.format(words=words)).plan.routes[0]


COMMITS = {
    "commit: firstToken": CommitRules(),
    "commit: full": CommitRules(kind="full"),
    "commit: {window: 2s}": CommitRules(kind="window", window=2.0),
    "commit: {window: 0.5}": CommitRules(kind="window", window=0.5),
}


@pytest.mark.parametrize(("words", "commit"), COMMITS.items(), ids=COMMITS)
def test_when_a_stream_is_the_callers(load_text, words, commit):
    assert route(load_text, f"stream: {{{words}}}").commit == commit


@pytest.mark.parametrize("words", ["{window: soon}", "{window: 2s, more: 1}", "{}", "[full]", "whole"])
def test_another_commit_is_refused(load_text, words):
    (problem,) = load_text(ROUTE.format(words=f"stream: {{commit: {words}}}")).errors
    assert problem.code == "bad_value"


def test_a_routes_own_retry_comes_before_its_row_of_the_policy(load_text):
    text = ROUTE.format(words="retry: {maxAttempts: 4}") + (
        "policies: {retry: {maxAttempts: 3, perRoute: [{route: r, maxAttempts: 2, retryOn: [503]}]}}"
    )
    plan = load_text(text).plan
    assert plan.routes[0].retry == RetryRules(max_attempts=4, retry_on=frozenset({503}))
    assert plan.retry.max_attempts == 3


def test_a_row_for_no_route_is_a_warning_with_the_right_name(load_text):
    text = ROUTE.format(words="priority: 1") + "policies: {retry: {perRoute: [{route: rr}]}}"
    (problem,) = [p for p in load_text(text).problems if p.code == "unknown_route"]
    assert (problem.severity, problem.hint) == ("warning", 'did you mean "r"?')


def test_a_back_off_is_read(load_text):
    words = "retry: {backoff: linear, initialInterval: 1s, maxInterval: 2s, jitter: false}"
    assert route(load_text, words).retry == RetryRules(
        backoff="linear",
        initial_interval=1.0,
        max_interval=2.0,
        jitter=False,
    )


@pytest.mark.parametrize("codes", ["[200]", "[abc]", "429", "[true]"])
def test_only_error_statuses_can_be_repeated(load_text, codes):
    (problem,) = load_text(ROUTE.format(words=f"retry: {{retryOn: {codes}}}")).errors
    assert problem.code == "bad_value"


def test_slow_calls_belong_to_the_breaker(load_text):
    text = "policies: {circuitBreaker: {slowCall: {threshold: 80%, duration: 3s}}}"
    assert load_text(text).plan.breaker.slow_calls == SlowCalls(threshold=0.8, duration=3.0)


def test_a_breaker_never_sleeps_less_than_at_first(load_text):
    breaker = load_text("policies: {circuitBreaker: {sleepDuration: 10m}}").plan.breaker
    assert (breaker.sleep, breaker.max_sleep) == (600.0, 600.0)


def test_several_keys_are_kept_in_order(load_text):
    plan = load_text("backends: [{name: b, url: 'http://u', apiKey: [sk-1, sk-2]}]").plan
    assert plan.backends["b"].api_keys == (Secret("sk-1"), Secret("sk-2"))


def test_each_inline_key_of_a_list_is_reported_at_its_place(load_text):
    found = load_text("backends:\n- name: b\n  url: http://u\n  apiKey:\n  - sk-1\n  - sk-2\n")
    assert [p.line for p in found.problems if p.code == "inline_secret"] == [5, 6]


def test_traffic_of_a_backend_and_a_member(load_text):
    text = (
        "backends: [{name: p, type: pool, strategy: latency, backends: [{name: b, priority: 2}]},"
        " {name: b, url: 'http://u', maxInFlight: 3, contextWindow: 8000, retry: {maxAttempts: 1}}]"
    )
    plan = load_text(text).plan
    backend = plan.backends["b"]
    assert (backend.max_in_flight, backend.context_window, backend.retry.max_attempts) == (3, 8000, 1)
    assert (plan.pools["p"].strategy, plan.pools["p"].members[0].priority) == ("latency", 2)


def test_a_queue_is_never_longer_than_a_second(load_text):
    plan = load_text("gateway: {maxInFlight: 5, maxPending: 7, queueTimeout: 30s, drainTimeout: 5s}").plan
    assert (plan.max_in_flight, plan.max_pending, plan.queue_timeout, plan.drain_timeout) == (5, 7, 1.0, 5.0)


def test_a_budget_is_the_policys_or_a_backends(load_text):
    text = (
        "policies: {retry: {budget: {ratio: 5%, minPerSecond: 1}}}\n"
        "backends: [{name: b, url: 'http://u', retry: {budget: {ratio: 10%}}}]"
    )
    plan = load_text(text).plan
    assert (plan.retry.budget_ratio, plan.retry.budget_minimum) == (0.05, 1.0)
    assert plan.backends["b"].retry.budget_ratio == 0.1


@pytest.mark.parametrize(
    "text",
    [
        ROUTE.format(words="retry: {budget: {ratio: 5%}}"),
        ROUTE.format(words="priority: 1")
        + "policies: {retry: {perRoute: [{route: r, budget: {minPerSecond: 1}}]}}",
    ],
    ids=["route", "perRoute"],
)
def test_a_budget_of_a_route_is_refused_as_it_could_not_act(load_text, text):
    (problem,) = load_text(text).errors
    assert (problem.code, problem.hint) == (
        "bad_place",
        "move it to policies.retry, or to the backend's retry",
    )
