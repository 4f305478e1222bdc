import pytest

from llmgw_middleware.model.decision import Attempt, Decision, SplitChoice
from llmgw_middleware.observe.answer import decision_headers, request_id_of, retry_headers, summary

IDS = {
    "letters, digits and marks": (b"req-1_a.b:c", "req-1_a.b:c"),
    "too long": (b"a" * 129, None),
    "empty": (b"", None),
    "a line break": (b"a\r\nx: y", None),
    "a space": (b"a b", None),
    "no ASCII": ("ü".encode(), None),
}


@pytest.mark.parametrize(("value", "kept"), IDS.values(), ids=IDS)
def test_an_incoming_id_is_kept_only_if_it_is_harmless(value, kept):
    assert request_id_of([(b"x-request-id", value)]) == kept


def test_a_hint_is_given_in_both_forms_and_rounded_up():
    assert retry_headers(1.2) == ((b"retry-after", b"2"), (b"retry-after-ms", b"1200"))
    assert retry_headers(None) == ()


def decision(**known):
    return Decision(request_id="1", started=0.0, **known)


def test_the_summary_tells_each_attempt():
    attempts = (Attempt(backend="a", target="p", started=0, outcome="overloaded"),
                Attempt(backend="b", target="p", started=0, outcome="served"))  # fmt: skip
    split = SplitChoice(name="chat", key="alice", bucket=42, chosen="p")
    assert summary(decision(route="chat", split=split, attempts=attempts)) == (
        "chat > split p by sticky key, bucket 42 > a: overloaded > b: served"
    )


def test_the_sticky_key_itself_is_not_told():
    split = SplitChoice(name="chat", key="session-secret", bucket=42, chosen="p")
    assert "session-secret" not in summary(decision(route="chat", split=split))


def test_the_overhead_is_what_no_upstream_was_waited_for():
    made = decision(route="chat", attempts=(Attempt(backend="a", target="a", started=0, duration=0.5),))
    headers = dict(decision_headers(made, elapsed=0.502))
    assert headers[b"x-llmgw-overhead-ms"] == b"2.00"
    assert headers[b"server-timing"] == b"llmgw;dur=2.00, upstream;dur=500.00"


def test_a_name_that_no_header_can_carry_is_made_harmless():
    headers = dict(decision_headers(decision(route="a\r\nset-cookie: x"), elapsed=0))
    assert b"\r" not in headers[b"x-llmgw-route"]
    assert b"\n" not in headers[b"x-llmgw-route"]
