from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.dialect.hints import hint, retry_after

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


RESETS = {
    "openai, used up": (
        [(b"x-ratelimit-remaining-requests", b"0"), (b"x-ratelimit-reset-requests", b"6m0s")],
        360.0,
    ),
    "openai, in milliseconds": (
        [(b"x-ratelimit-remaining-tokens", b"0"), (b"x-ratelimit-reset-tokens", b"20ms")],
        0.02,
    ),
    "openai, not used up": (
        [(b"x-ratelimit-remaining-requests", b"7"), (b"x-ratelimit-reset-requests", b"6m0s")],
        None,
    ),
    "the later of two": (
        [
            (b"x-ratelimit-remaining-requests", b"0"),
            (b"x-ratelimit-reset-requests", b"1s"),
            (b"x-ratelimit-remaining-tokens", b"0"),
            (b"x-ratelimit-reset-tokens", b"1.5s"),
        ],
        1.5,
    ),
    "anthropic, a time": (
        [
            (b"anthropic-ratelimit-input-tokens-remaining", b"0"),
            (b"anthropic-ratelimit-input-tokens-reset", b"2027-01-15T08:00:12Z"),
        ],
        12.0,
    ),
    "anthropic, past": (
        [
            (b"anthropic-ratelimit-requests-remaining", b"0"),
            (b"anthropic-ratelimit-requests-reset", b"2027-01-15T07:00:00Z"),
        ],
        None,
    ),
    "a reset nobody can read": (
        [(b"x-ratelimit-remaining-tokens", b"0"), (b"x-ratelimit-reset-tokens", b"soon")],
        None,
    ),
    "retry-after goes before": (
        [
            (b"retry-after", b"3"),
            (b"x-ratelimit-remaining-tokens", b"0"),
            (b"x-ratelimit-reset-tokens", b"9s"),
        ],
        3.0,
    ),
}


@pytest.mark.parametrize(("headers", "expected"), RESETS.values(), ids=RESETS)
def test_a_limit_that_is_used_up_tells_when_it_is_reset(headers, expected):
    said = hint(headers, b"{}", now=NOW)
    assert said == (None if expected is None else pytest.approx(expected))


def test_gemini_says_it_in_the_body():
    body = b'{"error": {"code": 429, "details": [{"@type": "RetryInfo", "retryDelay": "34.4s"}]}}'
    assert hint([], body, now=NOW) == pytest.approx(34.4)
    assert hint([(b"retry-after", b"2")], body, now=NOW) == 2.0
    assert hint([], b'{"retryDelay": "never"}', now=NOW) is None


@given(
    st.lists(
        st.tuples(st.sampled_from([n for n, _ in RESETS["openai, used up"][0]]), st.binary(max_size=12))
    ),
    st.binary(),
)
def test_no_header_and_no_body_breaks_the_reading(headers, body):
    said = hint(headers, body, now=NOW)
    assert said is None or said >= 0
