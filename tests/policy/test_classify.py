import pytest

from llmgw_middleware.model.fault import Fault, FaultKind
from llmgw_middleware.policy.classify import VERDICTS, error_for, hint_of

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


# Who may be asked after it: the same backend, only if it may be sent twice, only if nobody else is left, another.
COURSES = {
    FaultKind.UNREACHABLE: "same other unsent",
    FaultKind.RATE_LIMITED: "same other",
    FaultKind.QUOTA: "other",
    FaultKind.OVERLOADED: "same other",
    FaultKind.FAILED: "same replay other",
    FaultKind.RESET: "same replay other",
    FaultKind.SILENT: "other",
    FaultKind.UNAUTHORIZED: "other",
    FaultKind.NO_MODEL: "other",
    FaultKind.CONTEXT_LENGTH: "other larger",
    FaultKind.CONTENT_FILTER: "",
    FaultKind.REFUSED: "",
    FaultKind.REDIRECT: "other",
    FaultKind.PROTOCOL: "other",
    FaultKind.TRUNCATED: "same replay elsewhere_first other",
}


@pytest.mark.parametrize("kind", FaultKind, ids=lambda k: k.name)
def test_who_may_be_asked_after_it(kind):
    verdict, words = VERDICTS[kind], COURSES[kind].split()
    for word in ("same", "replay", "elsewhere_first", "other", "larger"):
        assert getattr(verdict, word) is (word in words)
    assert verdict.sent is ("unsent" not in words)


@pytest.mark.parametrize(
    ("hint", "seconds"),
    [(None, None), (0.0, 0.0), (2.5, 2.5), (-1.0, None), (float("inf"), None), (float("nan"), None)],
)
def test_only_a_sensible_hint_is_one(hint, seconds):
    assert hint_of(Fault(kind=FaultKind.RATE_LIMITED, retry_after=hint)) == seconds
