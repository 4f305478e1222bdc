"""LiteLLM's configuration in the gateway's own words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from llmgw_middleware.config.litellm.translate import imported
from llmgw_middleware.config.load import load
from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.written import text_of_tree
from llmgw_middleware.match.table import RouteTable
from llmgw_middleware.model.plan import Plan
from tests.match.asking import facts


def row(group: str, model: str, info: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
    return {"model_name": group, "litellm_params": {"model": model, **params}, "model_info": info or {}}


class Imported:
    """What becomes of a configuration: its text, its plan, and what was said."""

    def __init__(self, folder: Path, words: dict[str, Any]) -> None:
        file = folder / "litellm.yaml"
        file.write_text(yaml.safe_dump(words))
        report = Report(lenient=True)
        self.text = text_of_tree(imported([file], report))
        self.told = [problem.message for problem in report.problems]
        target = folder / "llmgw.yaml"
        target.write_text(self.text)
        found = load(target, env={}, serving=False)
        assert found.plan is not None, found.errors
        self.plan: Plan = found.plan

    def chosen(self, model: str) -> str | None:
        route = RouteTable(self.plan.routes).select(facts(body={"model": model})).route
        return None if route is None else route.target


@pytest.fixture
def bring(tmp_path):
    def importing(*rows: dict[str, Any], **settings: Any) -> Imported:
        return Imported(tmp_path, {"model_list": list(rows), **settings})

    return importing


def test_a_group_is_a_route_by_model(bring):
    made = bring(row("fast", "openai/gpt-4o-mini"), row("slow", "gpt-4o"))
    assert [made.chosen(name) for name in ("fast", "slow", "other")] == ["fast", "slow", None]
    assert made.plan.backends["fast"].model == "gpt-4o-mini"


def test_rows_of_one_group_are_a_pool_with_their_weights_and_orders(bring):
    made = bring(row("m", "gpt-4o", rpm=900), row("m", "groq/llama", rpm=100, order=2))
    assert made.chosen("m") == "m"
    assert [(x.backend, x.weight, x.priority) for x in made.plan.pools["m"].members] == [
        ("m-1", 900, 0),
        ("m-2", 100, 2),
    ]
    assert made.plan.pools["m"].strategy == "weighted"
    assert any("rpm is taken as a weight only" in text for text in made.told)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("least-busy", "least-connections"),
        ("latency-based-routing", "latency"),
        ("cost-based-routing", "cost"),
    ],
)
def test_strategies_have_their_counterparts(bring, theirs, ours):
    rows = (row("m", "gpt-4o"), row("m", "groq/llama"))
    assert bring(*rows, router_settings={"routing_strategy": theirs}).plan.pools["m"].strategy == ours


@pytest.mark.parametrize(
    ("model", "provider", "url"),
    [
        ("gpt-4o", "openai", "https://api.openai.com/v1"),
        ("groq/llama-3", "openai-compatible", "https://api.groq.com/openai/v1"),
        ("together_ai/x", "openai-compatible", "https://api.together.xyz/v1"),
    ],
)
def test_providers_and_their_addresses(bring, model, provider, url):
    backend = bring(row("m", model)).plan.backends["m"]
    assert (backend.provider, backend.url) == (provider, url)


def test_an_address_of_ones_own_makes_it_compatible_instead_of_openai(bring):
    backend = bring(row("m", "openai/local", api_base="http://127.0.0.1:8000/v1/")).plan.backends["m"]
    assert (backend.provider, backend.url) == ("openai-compatible", "http://127.0.0.1:8000/v1")


@pytest.mark.parametrize(
    ("params", "reference"),
    [
        ({"api_key": "os.environ/MY_KEY"}, "${MY_KEY}"),
        ({"api_key": "sk-inline"}, "${M_API_KEY}"),
        ({}, "${OPENAI_API_KEY}"),
    ],
    ids=["from the environment", "inline", "none"],
)
def test_keys_are_written_as_variables(bring, params, reference):
    made = bring(row("m", "gpt-4o", **params))
    assert f"apiKey: {reference}" in made.text
    assert "sk-inline" not in made.text


def test_patterns_come_after_names_and_cut_the_provider_off(bring):
    made = bring(row("*", "openai/*"), row("groq/*", "groq/*"), row("groq/fast", "groq/llama"))
    assert [made.chosen(name) for name in ("groq/fast", "groq/x", "y")] == ["groq/fast", "groq", "any"]
    assert made.plan.backends["groq"].model_for("groq/x") == "x"
    assert made.plan.backends["any"].model_for("y") == "y"


def test_fallbacks_become_the_routes(bring):
    made = bring(
        row("a", "gpt-4o"), row("b", "groq/x"), litellm_settings={"fallbacks": [{"a": ["b", "gone"]}]}
    )
    assert {route.name: route.fallback for route in made.plan.routes} == {"a": ("b",), "b": ()}
    assert any('"gone"' in text for text in made.told)


def test_fallbacks_of_every_group_are_those_of_the_star(bring):
    rows = (row("a", "gpt-4o"), row("b", "groq/x"), row("c", "groq/y"))
    made = bring(*rows, router_settings={"fallbacks": [{"a": ["b"]}, {"*": ["c"]}]})
    assert {route.name: route.fallback for route in made.plan.routes} == {"a": ("b",), "b": ("c",), "c": ()}


def test_what_a_filter_refuses_goes_to_the_next(bring):
    made = bring(
        row("a", "gpt-4o"), row("b", "groq/x"), router_settings={"content_policy_fallbacks": [{"a": ["b"]}]}
    )
    route = made.plan.routes[0]
    assert (route.fallback, route.on_content_filter) == (("b",), "next")


def test_aliases_of_groups_lead_to_them(bring):
    made = bring(
        row("gpt-4o", "gpt-4o"),
        router_settings={"model_group_alias": {"gpt-4": "gpt-4o", "old": {"model": "gpt-4o"}}},
    )
    assert [made.chosen(name) for name in ("gpt-4", "old", "gpt-4o")] == ["gpt-4o"] * 3


def test_limits_prices_and_windows_come_along(bring):
    info = {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06, "max_input_tokens": 128000}
    params = {"timeout": 30, "stream_timeout": 5, "max_parallel_requests": 9, "max_retries": 1}
    backend = bring(row("m", "gpt-4o", info, **params)).plan.backends["m"]
    assert (backend.timeouts.read, backend.timeouts.first_token, backend.max_in_flight) == (30, 5, 9)
    assert (backend.retry.max_attempts, backend.context_window) == (2, 128000)
    assert backend.price is not None
    assert (backend.price.input, backend.price.output) == (1e-06, 2e-06)


def test_repeats_time_and_cooldown_hold_for_all(bring):
    made = bring(row("m", "gpt-4o"), router_settings={"num_retries": 2, "cooldown_time": 45, "timeout": 20})
    plan = made.plan
    assert (plan.retry.max_attempts, plan.breaker.sleep, plan.timeouts.read) == (3, 45, 20)


@pytest.mark.parametrize(
    ("words", "path"),
    [
        ({"general_settings": {"master_key": "x"}}, "general_settings.master_key"),
        ({"litellm_settings": {"callbacks": ["x"]}}, "litellm_settings.callbacks"),
        ({"router_settings": {"redis_host": "x"}}, "router_settings.redis_host"),
        ({"guardrails": []}, "guardrails"),
    ],
)
def test_what_cannot_be_said_is_listed_with_its_path(bring, words, path):
    assert any(path in text for text in bring(row("m", "gpt-4o"), **words).told)


def test_a_provider_that_is_not_known_is_listed_and_its_row_left_out(bring):
    made = bring(row("m", "gpt-4o"), row("n", "sagemaker/x"))
    assert list(made.plan.backends) == ["m"]
    assert any("sagemaker/x" in text for text in made.told)
