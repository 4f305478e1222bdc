import pytest

from llmgw_middleware.model.fault import Fault, FaultKind
from llmgw_middleware.policy.classify import VERDICTS, error_for
from llmgw_middleware.policy.retry import GiveUp, NextBackend, NextTarget, RetryMachine

# The classification table: kind, counts as failure, another backend may be asked, status, code.
TABLE = [
    (FaultKind.UNREACHABLE, True, True, 502, "upstream_unreachable"),
    (FaultKind.RATE_LIMITED, False, True, 429, "rate_limit_exceeded"),
    (FaultKind.QUOTA, False, True, 429, "insufficient_quota"),
    (FaultKind.OVERLOADED, True, True, 503, "overloaded"),
    (FaultKind.FAILED, True, True, 502, "upstream_error"),
    (FaultKind.RESET, True, True, 502, "upstream_reset"),
    (FaultKind.SILENT, True, True, 504, "upstream_timeout"),
    (FaultKind.UNAUTHORIZED, False, True, 502, "upstream_auth_failed"),
    (FaultKind.NO_MODEL, False, True, 404, "model_not_found"),
    (FaultKind.CONTEXT_LENGTH, False, True, 400, "context_length_exceeded"),
    (FaultKind.CONTENT_FILTER, False, False, 400, "content_filter"),
    (FaultKind.REDIRECT, True, True, 502, "upstream_redirect"),
    (FaultKind.PROTOCOL, True, True, 502, "upstream_protocol_error"),
    (FaultKind.TRUNCATED, True, True, 502, "upstream_stream_truncated"),
]


@pytest.mark.parametrize(
    ("kind", "failure", "other", "status", "code"), TABLE, ids=[row[0].name for row in TABLE]
)
def test_each_row_of_the_table_holds(kind, failure, other, status, code):
    error = error_for(Fault(kind=kind, status=599, message="says the upstream", code="its_code"))
    assert (VERDICTS[kind].failure, VERDICTS[kind].other) == (failure, other)
    assert (error.status_code, error.error_code) == (status, code)


def test_every_kind_has_a_row():
    assert set(VERDICTS) == set(FaultKind)


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_a_refused_request_keeps_the_upstreams_status_and_words(status):
    error = error_for(
        Fault(
            kind=FaultKind.REFUSED,
            status=status,
            message="temperature is too high",
            code="bad_value",
            param="temperature",
        )
    )
    assert (error.status_code, error.message, error.error_code) == (
        status,
        "temperature is too high",
        "bad_value",
    )
    assert error.param == "temperature"


@pytest.mark.parametrize("kind", [k for k in FaultKind if VERDICTS[k].says is not None], ids=lambda k: k.name)
def test_the_upstreams_words_stay_inside_where_they_are_not_the_callers_business(kind):
    secret = "Incorrect API key provided: sk-live-123 at https://internal.example"
    assert "sk-live" not in error_for(Fault(kind=kind, message=secret)).message


def test_a_hint_is_forwarded_and_the_sdks_are_told_not_to_multiply_it():
    error = error_for(Fault(kind=FaultKind.RATE_LIMITED, status=429, retry_after=2.5))
    assert error.retry_after == 2.5
    assert (b"x-should-retry", b"false") in error.headers


def test_a_gateway_timeout_upstream_stays_one():
    assert error_for(Fault(kind=FaultKind.FAILED, status=504)).status_code == 504


@pytest.mark.parametrize("kind", FaultKind, ids=lambda k: k.name)
def test_what_comes_next_follows_the_table(kind):
    fault = Fault(kind=kind, status=400)
    expected = (NextBackend, NextTarget) if VERDICTS[kind].other else (GiveUp, GiveUp)
    moves = (RetryMachine(fallback=True).record(fault), RetryMachine(fallback=False).record(fault))
    assert tuple(type(move) for move in moves) == expected
