import threading
from importlib.util import find_spec

import pytest

from llmgw_middleware.model.usage import Price, Usage
from llmgw_middleware.usage.catalogue import Catalogue

USAGE = Usage(input=1000, output=100, cached=200, cache_write=300)


def calculate(seller: str, model: str, usage: Usage) -> float | None:
    if (seller, model) != ("google", "g"):
        return None
    plain = usage.input - usage.cached - usage.cache_write
    return (plain * 10 + usage.cached + usage.cache_write * 12 + usage.output * 30) / 1e6


def opened(load=lambda: calculate) -> Catalogue:
    catalogue = Catalogue(load)
    catalogue.cost("openai", None, USAGE)
    for thread in threading.enumerate():
        if thread.name == "llmgw prices":
            thread.join(5)
    return catalogue


def test_a_known_model_has_its_price():
    assert opened().cost("gemini", "g", USAGE) == pytest.approx(calculate("google", "g", USAGE))


@pytest.mark.parametrize(("provider", "model"), [("gemini", "unheard-of"), ("openai", "g"), ("gemini", None)])
def test_what_is_not_known_costs_none_and_not_nothing(provider, model):
    assert opened().cost(provider, model, USAGE) is None


def test_before_the_prices_are_there_none_is_known():
    assert Catalogue(lambda: calculate).cost("gemini", "g", USAGE) is None


def test_they_are_loaded_once_and_beside_everything_else():
    loads, thread = [], []

    def load():
        loads.append(1)
        thread.append(threading.current_thread().name)
        return calculate

    catalogue = opened(load)
    catalogue.cost("gemini", "g", USAGE)
    assert (loads, thread) == ([1], ["llmgw prices"])


def test_rates_are_asked_for_once_a_model_and_long_requests_by_themselves():
    asked = []

    def counting(seller, model, usage):
        asked.append(usage)
        return calculate(seller, model, usage)

    catalogue = opened(lambda: counting)
    catalogue.cost("gemini", "g", USAGE)
    first = len(asked)
    catalogue.cost("gemini", "g", USAGE)
    assert len(asked) == first
    catalogue.cost("gemini", "g", Usage(input=200_000))
    assert asked[-1].input == 200_000


def test_cache_writes_have_prices_of_their_own():
    price = Price(input=1.0, output=2.0, cached_input=0.1, cache_write=1.25, cache_write_hour=2.0)
    usage = Usage(input=100, output=10, cached=20, cache_write=30, cache_write_hour=10)
    assert price.cost(usage) == pytest.approx(50 * 1.0 + 20 * 0.1 + 20 * 1.25 + 10 * 2.0 + 10 * 2.0)


def test_where_nothing_else_is_said_what_is_cached_costs_as_input():
    assert (
        Price(input=1.0, output=0.0).cost(Usage(input=10, cached=4, cache_write=3, cache_write_hour=1))
        == 10.0
    )


@pytest.mark.skipif(
    find_spec("genai_prices") is None, reason="genai-prices, of the extra prices, is not installed"
)
@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "gpt-4o"), ("anthropic", "claude-sonnet-4-5"), ("gemini", "gemini-2.5-pro"), ("bedrock", "us.amazon.nova-pro-v1:0")],
)  # fmt: skip
def test_the_package_knows_what_people_use(provider, model):
    cost = opened(None).cost(provider, model, Usage(input=1000, output=100))
    assert cost is not None
    assert 0 < cost < 0.1
