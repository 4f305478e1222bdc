"""The seeds' examples, copied into ``tests/seeds``: each alone, and seed 004's together."""

from pathlib import Path
from typing import Any

import pytest

from llmgw_middleware.config.load import load
from llmgw_middleware.model.policy import BreakerRules, RetryRules, Timeouts
from llmgw_middleware.model.route import PathTest, Side, Sticky

SEEDS = Path(__file__).parent.parent / "seeds"
WORKING = ["000-rules", "000-rule-types", "004-routes", "004-pool", "004-timeouts"]


def loaded(*names: str) -> Any:
    return load([SEEDS / f"{name}.yaml" for name in names], env={}, serving=False)


@pytest.mark.parametrize("name", WORKING)
def test_an_example_loads_with_nothing_but_unresolved_backends(name):
    found = loaded(name)
    assert found.plan is not None
    assert {problem.code for problem in found.problems} <= {"unresolved_backend"}


def test_seed_004_loads_as_a_whole():
    found = loaded("004-routes", "004-pool", "004-timeouts", "004-retry", "004-breaker")
    assert found.errors == ()
    assert found.plan is not None


def test_seed_004_retry_holds_for_all_and_its_route_for_itself():
    plan = loaded("004-routes", "004-retry").plan
    assert (plan.retry.max_attempts, plan.retry.backoff, plan.retry.jitter) == (3, "exponential", True)
    assert (plan.retry.initial_interval, plan.retry.max_interval) == (0.2, 5.0)
    assert plan.retry.retry_on == {429, 500, 502, 503, 504}
    assert plan.routes[0].retry == RetryRules(max_attempts=2, retry_on=frozenset({429, 503}))
    assert plan.routes[1].retry == RetryRules()


def test_seed_004_breaker_has_its_figures():
    breaker = loaded("004-breaker").plan.breaker
    assert breaker == BreakerRules(
        enabled=True, threshold=0.5, min_requests=20, window=60.0, sleep=30.0, probe_requests=5
    )


def test_seed_004_together_resolves_the_pool_and_merges_the_route():
    plan = loaded("004-routes", "004-pool", "004-timeouts").plan
    assert [(route.name, route.target, route.priority) for route in plan.routes] == [
        ("chat-completions", "llm-pool", 10),
        ("embeddings", "openai-backend", 20),
        ("beta-chat", "beta-backend", 5),
    ]
    assert plan.routes[1].timeouts == Timeouts(read=30.0)
    assert set(plan.unresolved) == {"openai-backend", "anthropic-backend", "azure-backend", "beta-backend"}


def test_seed_004_pool_is_weighted_with_fallback_checks_and_prices():
    pool = loaded("004-pool").plan.pools["llm-pool"]
    assert [(member.backend, member.weight) for member in pool.members] == [
        ("openai-backend", 60.0),
        ("anthropic-backend", 30.0),
        ("azure-backend", 10.0),
    ]
    assert [member.price.output for member in pool.members if member.price] == [0.000015, 0.000012, 0.000010]
    assert (pool.strategy, pool.fallback) == ("weighted", True)
    assert pool.health_check is not None
    assert (pool.health_check.interval, pool.health_check.timeout) == (30.0, 5.0)


def test_seed_004_timeouts_are_the_gateways():
    times = loaded("004-timeouts").plan.timeouts
    assert (times.connect, times.read, times.write, times.idle) == (5.0, 120.0, 10.0, 300.0)


def test_seed_000_rules_are_the_same_as_a_python_list():
    rules = [
        {"path": "/api/chat/*", "backend": "chat-service:8001", "methods": ["POST", "GET"]},
        {"headers": {"X-Client-Type": "mobile"}, "backend": "mobile-service:8002"},
        {"query": {"model": "gpt-4"}, "backend": "premium-service:8003", "priority": 10},
    ]
    here = load(rules, env={}, serving=True)
    assert here.problems == ()
    assert here.plan is not None
    there = loaded("000-rules").plan
    assert [(r.name, r.matches, r.target) for r in here.plan.routes] == [
        (r.name, r.matches, r.target) for r in there.routes
    ]
    assert here.plan.backends == there.backends


def test_seed_000_rules_have_names_prefixes_and_bare_backends():
    plan = loaded("000-rules").plan
    assert [route.name for route in plan.routes] == ["route-1", "route-2", "route-3"]
    assert plan.routes[0].matches[0].paths == (PathTest(kind="prefix", value="/api/chat"),)
    assert all(backend.bare and backend.resolved for backend in plan.backends.values())


def test_seed_000_rule_types_end_with_a_split():
    split = loaded("000-rule-types").plan.routes[-1]
    assert split.split == (Side(target="backend-a", weight=80.0), Side(target="backend-b", weight=20.0))
    assert split.sticky == Sticky(kind="session")
