"""What an answer cost."""

import pytest

from llmgw_middleware.model.usage import Price, Usage

PRICE = Price(input=1.0, output=2.0, cached_input=0.5)


def test_what_came_from_a_cache_has_its_own_price():
    assert PRICE.cost(Usage(input=10, cached=4, output=1)) == 6 + 2 + 2


@pytest.mark.parametrize("part", ["input", "output"])
def test_a_count_beyond_every_float_still_has_a_cost(part):
    assert PRICE.cost(Usage(**{part: 10**400})) > PRICE.cost(Usage(**{part: 10**9}))
