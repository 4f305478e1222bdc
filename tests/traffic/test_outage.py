"""A short outage; the long one is ``python -m tests.traffic.outage``."""

from tests.traffic.outage import run


async def test_an_outage_is_not_multiplied_and_ends_soon():
    seen = await run(seconds=2.0, rate=50.0, after=2.5)
    assert seen.requests > 50
    assert seen.attempts <= 1.2 * seen.requests + 10 * 2.0
    assert len(seen.waits) > seen.requests / 2
    assert seen.recovered < 2.5
