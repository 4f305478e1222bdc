from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.dialect.hints import retry_after

NOW = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param([], None, id="none"),
        pytest.param([(b"retry-after", b"16")], 16.0, id="seconds"),
        pytest.param([(b"retry-after", b" 0.25 ")], 0.25, id="decimals"),
        pytest.param([(b"retry-after", b"0")], 0.0, id="zero"),
        pytest.param([(b"retry-after-ms", b"1500")], 1.5, id="milliseconds"),
        pytest.param([(b"x-ms-retry-after-ms", b"700")], 0.7, id="azure-milliseconds"),
        pytest.param([(b"retry-after", b"9"), (b"retry-after-ms", b"100")], 0.1, id="milliseconds-first"),
        pytest.param([(b"retry-after-ms", b"soon"), (b"retry-after", b"9")], 9.0, id="next-that-parses"),
        pytest.param([(b"retry-after", b"3"), (b"retry-after", b"4")], 3.0, id="first-line-wins"),
        pytest.param([(b"retry-after", b"Fri, 15 Jan 2027 08:00:30 GMT")], 30.0, id="date"),
        pytest.param([(b"retry-after", b"Friday, 15-Jan-27 08:00:30 GMT")], 30.0, id="date-rfc-850"),
        pytest.param([(b"retry-after", b"Fri, 15 Jan 2027 07:59:00 GMT")], None, id="past-date"),
        pytest.param([(b"retry-after", b"-1")], None, id="negative"),
        pytest.param([(b"retry-after", b"inf")], None, id="infinite"),
        pytest.param([(b"retry-after", b"nan")], None, id="not-a-number"),
        pytest.param([(b"retry-after", b"1e999")], None, id="overflow"),
        pytest.param([(b"retry-after", b"at 12:00 \xff")], None, id="no-date"),
        pytest.param([(b"retry-after", b"")], None, id="empty"),
    ],
)
def test_the_first_hint_that_can_be_read(headers, expected):
    hint = retry_after(headers, now=NOW)
    assert hint == (None if expected is None else pytest.approx(expected))


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_a_hint_is_never_negative_and_never_raises(plain, milliseconds):
    hint = retry_after([(b"retry-after", plain), (b"retry-after-ms", milliseconds)], now=NOW)
    assert hint is None or 0 <= hint < float("inf")
