from __future__ import annotations

import json
from typing import Any

import pytest

from llmgw_middleware.dialect.openai_errors import read_error
from llmgw_middleware.testing.mock_control import ControlRule
from llmgw_middleware.testing.mock_faults import ERRORS, Behaviour, MockMisuse, read_duration, read_model
from llmgw_middleware.testing.mock_schema import sample_of
from tests.dialect.events import DONE, tapped
from tests.testing.mock_calls import CHAT, ask, chat, hasty

CONTROL = "/_mock/control"


@pytest.mark.parametrize(
    ("name", "model", "behaviour"),
    [
        ("gpt-4o", "gpt-4o", Behaviour()),
        ("mock-model", "mock-model", Behaviour()),
        ("gpt-4o+latency=200ms+error=503", "gpt-4o", Behaviour(latency=0.2, error="503")),
        ("gpt-4o+cut", "gpt-4o", Behaviour(cut=3)),
        ("gpt-4o+stall=0", "gpt-4o", Behaviour(stall=0)),
        ("gpt-4o+reset", "gpt-4o", Behaviour(reset=0)),
        ("gpt-4o+error_first", "gpt-4o", Behaviour(error_first=True)),
        ("gpt-4o+error=insufficient_quota", "gpt-4o", Behaviour(error="insufficient_quota")),
        ("gpt-4o+gap=1.5s+tool", "gpt-4o", Behaviour(gap=1.5, tool=True)),
        ("mock-slow-2s", "mock-slow-2s", Behaviour(latency=2.0)),
        ("mock-slow", "mock-slow", Behaviour(latency=2.0)),
        ("mock-error-429", "mock-error-429", Behaviour(error="429")),
        ("mock-error-first", "mock-error-first", Behaviour(error_first=True)),
        ("mock-cut-5", "mock-cut-5", Behaviour(cut=5)),
        ("mock-stall-1", "mock-stall-1", Behaviour(stall=1)),
        ("mock-reset-2+gap=1s", "mock-reset-2", Behaviour(reset=2, gap=1.0)),
    ],
)
def test_a_models_name_tells_what_to_do(name, model, behaviour):
    assert read_model(name) == (model, behaviour)


@pytest.mark.parametrize(
    ("text", "seconds"), [("200ms", 0.2), ("2s", 2.0), ("1m", 60.0), ("3", 3.0), (0.5, 0.5), ("1.5s", 1.5)]
)
def test_a_duration_is_read(text, seconds):
    assert read_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-1s", -1, True, None, [], "1h"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(MockMisuse, match="200ms, 2s or 1m"):
        read_duration(text)


def test_zero_is_something_said():
    assert Behaviour(cut=0, latency=0.0).over(Behaviour(cut=5, latency=1.0, gap=2.0)) == Behaviour(
        cut=0, latency=0.0, gap=2.0
    )


@pytest.mark.parametrize("name", [*ERRORS, "418", "599"])
async def test_every_error_is_answered_and_understood_by_our_own_reader(name):
    answer = await ask(hasty(), CHAT, chat(f"m+error={name}"))
    fault = read_error(answer.status, (), answer.body, now=0.0)
    assert answer.status == (ERRORS[name].status if name in ERRORS else int(name))
    assert fault.message
    if not name.isdigit():
        assert fault.kind.value == name


@pytest.mark.parametrize("status", [429, 503, 529])
async def test_who_should_wait_is_told_how_long(status):
    assert (await ask(hasty(), CHAT, chat(f"m+error={status}"))).headers["retry-after"] == "1"


STREAMED = [
    pytest.param("m+cut=2", 2, True, "upstream_stream_truncated", id="cut"),
    pytest.param("m+cut=0", 0, True, "upstream_stream_truncated", id="cut-at-once"),
    pytest.param("m+reset=2", 2, False, "upstream_stream_truncated", id="reset"),
    pytest.param("m+reset", 0, False, "upstream_stream_truncated", id="reset-at-once"),
    pytest.param("m+error_first", 0, True, "upstream_error", id="error-first"),
    pytest.param("m+cut=9999", None, True, None, id="cut-beyond-the-end"),
]


@pytest.mark.parametrize(("model", "words", "complete", "fault"), STREAMED)
async def test_a_stream_breaks_as_it_was_told(model, words, complete, fault):
    mock = hasty()
    answer = await ask(mock, CHAT, chat(model, stream=True))
    seen = tapped(answer.body, close=True)
    assert (answer.status, answer.complete, seen.fault) == (200, complete, fault)
    assert DONE in answer.body if fault is None else DONE not in answer.body
    assert words in {None, mock.book.visits[-1].words}


@pytest.mark.parametrize("model", ["m+cut", "m+reset"])
async def test_a_document_breaks_off_in_the_middle(model):
    answer = await ask(hasty(), CHAT, chat(model))
    assert not answer.complete
    assert 0 < len(answer.body) < int(answer.headers["content-length"])


async def test_an_error_first_in_a_document_comes_with_a_success():
    answer = await ask(hasty(), CHAT, chat("m+error_first"))
    assert (answer.status, answer.json["error"]["type"]) == (200, "server_error")


@pytest.mark.parametrize(("stream", "parts"), [(True, 3), (False, 1)])
async def test_a_stall_lasts_until_the_caller_leaves(stream, parts):
    mock = hasty()
    answer = await ask(mock, CHAT, chat("m+stall=2", stream=stream), leave_after=parts)
    assert not answer.complete
    assert mock.book.visits[-1].outcome == "left"


@pytest.mark.parametrize("stream", [True, False])
async def test_a_caller_who_leaves_before_the_answer_is_noticed(stream):
    mock = hasty()
    answer = await ask(mock, CHAT, chat("m+latency=1m", stream=stream), leave_after=0)
    assert (answer.status, mock.book.visits[-1].outcome) == (0, "left")


async def test_waits_are_written_down():
    mock = hasty(latency=0.5)
    await ask(mock, CHAT, chat())
    await ask(mock, CHAT, chat("m+latency=2s"))
    assert [visit.waited for visit in mock.book.visits] == [0.5, 2.0]


async def test_words_take_their_time():
    mock = hasty(latency=0.0, gap=0.1)
    await ask(mock, CHAT, chat(stream=True, max_tokens=10))
    assert 0.5 < mock.book.visits[-1].waited < 3.0


async def control(mock: Any, rule: Any) -> Any:
    answer = await ask(mock, CONTROL, rule)
    assert answer.status == 200
    return answer.json


async def statuses(mock: Any, count: int, model: str = "m", key: bytes = b"k") -> list[int]:
    headers = [(b"authorization", b"Bearer " + key)]
    return [(await ask(mock, CHAT, chat(model), headers=headers)).status for _ in range(count)]


async def test_a_rule_changes_what_happens_next():
    mock = hasty()
    await control(mock, {"error": 503})
    assert await statuses(mock, 2) == [503, 503]


async def test_a_rule_is_used_up():
    mock = hasty()
    await control(mock, {"error": 503, "times": 2})
    assert await statuses(mock, 3) == [503, 503, 200]


@pytest.mark.parametrize(("rate", "expected"), [(0.5, [200, 503] * 3), (1.0, [503] * 6), (0.0, [200] * 6)])
async def test_a_rate_is_kept_evenly(rate, expected):
    mock = hasty()
    await control(mock, {"error": 503, "rate": rate})
    assert await statuses(mock, 6) == expected


async def test_a_tenth_is_every_tenth():
    mock = hasty()
    await control(mock, {"error": 503, "rate": 0.1})
    assert await statuses(mock, 20) == [*[200] * 9, 503] * 2


@pytest.mark.parametrize(
    ("match", "model", "key", "status"),
    [
        ({"model": "gpt-4o"}, "gpt-4o", b"k", 503),
        ({"model": "gpt-4o"}, "gpt-4o-mini", b"k", 200),
        ({"model": "gpt-*"}, "gpt-4o-mini", b"k", 503),
        ({"key": "k1"}, "m", b"k1", 503),
        ({"key": "k1"}, "m", b"k2", 200),
        ({"model": "m", "key": "k1"}, "x", b"k1", 200),
        ({}, "m", b"k", 503),
    ],
)
async def test_a_rule_is_for_the_requests_that_match(match, model, key, status):
    mock = hasty()
    await control(mock, {"match": match, "error": 503})
    assert await statuses(mock, 1, model, key) == [status]


async def test_a_later_rule_lies_over_an_earlier_one():
    mock = hasty()
    await control(mock, [{"error": 503, "latency": "1s"}, {"error": 429}])
    assert await statuses(mock, 1) == [429]
    assert mock.book.visits[-1].waited == 1.0


async def test_rules_are_shown_without_their_keys_and_forgotten():
    mock = hasty()
    shown = await control(mock, {"match": {"key": "k1"}, "stall": 3, "times": 4})
    assert shown["rules"] == [
        {"match": {"model": None, "key": "***"}, "stall": 3, "rate": 1.0, "times_left": 4, "hits": 0}
    ]
    assert (await ask(mock, CONTROL)).json == shown
    assert (await ask(mock, CONTROL, method="DELETE")).json["rules"] == []


@pytest.mark.parametrize(
    "rule",
    [
        b"{",
        b"3",
        [3],
        {"colour": 1},
        {"rate": 2},
        {"rate": "x"},
        {"times": -1},
        {"match": {"path": "x"}},
        {"match": {"model": 3}},
    ],
    ids=repr,
)
async def test_a_rule_that_cannot_be_read_is_refused_and_not_kept(rule):
    mock = hasty()
    answer = await ask(mock, CONTROL, rule)
    assert (answer.status, answer.json["error"]["code"], mock.rules) == (400, "invalid_rule", [])


def test_a_rules_repr_hides_its_key():
    assert (
        repr(ControlRule({"match": {"key": "k1", "model": "m"}, "error": 503}))
        == "<ControlRule {'error': 503} for m, 0 hits>"
    )


async def test_what_arrived_can_be_proved_without_showing_credentials():
    mock = hasty()
    theirs = [
        (b"authorization", b"Bearer sk-secret"),
        (b"cookie", b"sid=abc"),
        (b"x-api-key", b"sk-2"),
        (b"x-a", b"1"),
    ]
    await ask(mock, CHAT, chat(stream=True), headers=theirs)
    shown = await ask(mock, "/_mock/requests")
    [visit] = shown.json["requests"]
    assert (visit["model"], visit["stream"], visit["status"], visit["outcome"]) == (
        "gpt-4o-mini",
        True,
        200,
        "served",
    )
    assert dict(visit["headers"])["x-a"] == "1"
    assert dict(visit["headers"])["authorization"].startswith("Bearer ***")
    assert not any(secret in shown.body for secret in (b"sk-secret", b"sid=abc", b"sk-2"))


async def test_the_same_key_has_the_same_print():
    mock = hasty()
    for key in (b"Bearer a", b"Bearer a", b"Bearer b"):
        await ask(mock, CHAT, chat(), headers=[(b"authorization", key)])
    first, second, third = (
        dict(visit["headers"])["authorization"] for visit in mock.book.describe()["requests"]
    )
    assert first == second != third


async def test_the_book_is_cleared_and_control_calls_are_not_in_it():
    mock = hasty()
    await ask(mock, CHAT, chat())
    await ask(mock, CONTROL)
    assert len((await ask(mock, "/_mock/requests")).json["requests"]) == 1
    assert (await ask(mock, "/_mock/requests", method="DELETE")).json == {"count": 1, "requests": []}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "w"),
        ({"type": "integer"}, 1),
        ({"type": ["null", "string"]}, None),
        ({"type": "boolean"}, True),
        ({"enum": ["b", "a"]}, "b"),
        ({"const": 7}, 7),
        ({"default": "d", "type": "string"}, "d"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, 1.5),
        ({"type": "array", "items": {"type": "string"}}, ["w"]),
        ({"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "integer"}}}, {"a": 1}),
        ({"type": "object"}, {}),
        (True, None),
    ],
    ids=json.dumps,
)
def test_a_sample_fits_its_schema(schema, value):
    assert sample_of(schema, "w") == value


def test_a_schema_that_holds_itself_comes_to_an_end():
    node: dict[str, Any] = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
    assert "next" in sample_of({"$ref": "#/$defs/Node", "$defs": {"Node": node}}, "w")
