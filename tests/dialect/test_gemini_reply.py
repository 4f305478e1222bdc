import json
from typing import Any

import msgspec
import pytest

from llmgw_middleware.dialect.chat_event import Carrier, Failed, Finish, Finished, ToolStarted
from llmgw_middleware.dialect.gemini import GeminiUpstream
from llmgw_middleware.dialect.gemini_errors import read_error
from llmgw_middleware.dialect.gemini_reply import read_usage
from llmgw_middleware.dialect.port import MalformedReply
from llmgw_middleware.model.fault import FaultKind
from llmgw_middleware.model.usage import Usage
from tests.dialect.chat_events import SCENE, calls_of, check_grammar, gathered, run, text_of

UPSTREAM = GeminiUpstream()


def answer(*parts: dict[str, Any], finish: str | None = None, **fields: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, **fields}
    return {
        "candidates": [candidate | ({"finishReason": finish} if finish else {})],
        "modelVersion": "gemini-x",
    }


def sse(*answers: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(one).encode() + b"\r\n\r\n" for one in answers)


def events(*answers: Any) -> list[Any]:
    found = run(UPSTREAM.decoder(SCENE, "text/event-stream"), sse(*answers))
    check_grammar(found)
    return found


def reply(*answers: Any) -> Any:
    return gathered(events(*answers))


def test_stop_with_calls_is_tool_calls():
    found = reply(answer({"functionCall": {"name": "f", "args": {"a": 1}}}, finish="STOP"))
    assert (found.choices[0].finish, calls_of(found)) == (Finish.TOOLS, [("f", {"a": 1})])


def test_a_call_without_an_id_gets_one():
    started = [
        event
        for event in events(answer({"functionCall": {"name": "f"}}, finish="STOP"))
        if isinstance(event, ToolStarted)
    ]
    assert [event.id for event in started] == ["call_" + "m" * 24]


def test_arguments_in_pieces_are_put_together():
    def piece(path: str, *, more: bool = False, **value: Any) -> dict[str, Any]:
        partial = {"jsonPath": path, **value, **({"willContinue": True} if more else {})}
        return answer({"functionCall": {"partialArgs": [partial], "willContinue": True}})

    found = reply(
        answer({"functionCall": {"name": "read", "willContinue": True}}),
        piece("$.id", more=True, stringValue="A"),
        piece("$.id", stringValue="B"),
        piece("$.list[1].n", numberValue=2.5),
        piece("$.list[0]", nullValue=None),
        piece("$['odd key']", boolValue=False),
        answer({"functionCall": {}}),
        answer({"functionCall": {"name": "next", "args": {}}}, finish="STOP"),
    )
    wanted = {"id": "AB", "list": [None, {"n": 2.5}], "odd key": False}
    assert calls_of(found) == [("read", wanted), ("next", {})]


@pytest.mark.parametrize(
    ("reason", "finish", "detail"),
    [
        ("STOP", Finish.STOP, None),
        ("MAX_TOKENS", Finish.LENGTH, None),
        ("SAFETY", Finish.FILTERED, "SAFETY"),
        ("IMAGE_SAFETY", Finish.FILTERED, "IMAGE_SAFETY"),
        ("MALFORMED_FUNCTION_CALL", Finish.MALFORMED, "MALFORMED_FUNCTION_CALL"),
        ("NO_IMAGE", Finish.MALFORMED, "NO_IMAGE"),
        ("SOMETHING_NEW", Finish.STOP, "SOMETHING_NEW"),
    ],
)
def test_why_an_answer_ended(reason, finish, detail):
    found = events(answer({"text": "a"}, finish=reason))[-1]
    assert isinstance(found, Finished)
    assert (found.reason, found.detail) == (finish, detail)


def test_a_blocked_prompt_is_a_filtered_answer_of_nothing():
    found = reply({"promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "why"}})
    choice = found.choices[0]
    assert (choice.parts, choice.finish, choice.detail, choice.explanation) == (
        [],
        Finish.FILTERED,
        "SAFETY",
        "why",
    )


def test_a_stream_without_its_reason_is_truncated():
    found = events(answer({"text": "a"}))[-1]
    assert isinstance(found, Failed)
    assert found.fault.kind is FaultKind.TRUNCATED


def test_an_error_in_a_stream_ends_it():
    found = events(
        answer({"text": "a"}),
        {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}},
        answer({"text": "b"}, finish="STOP"),
    )
    assert isinstance(found[-1], Failed)
    assert (found[-1].fault.kind, found[-1].fault.message) == (
        FaultKind.OVERLOADED,
        "The model is overloaded.",
    )


def test_an_event_that_cannot_be_read_is_passed_over_and_counted():
    decoder = UPSTREAM.decoder(SCENE, "text/event-stream")
    data = b"data: {\n\ndata: 1\n\n: ping\n\n" + sse(answer({"text": "a"}, finish="STOP"))
    assert text_of(gathered(run(decoder, data))) == "a"
    assert decoder.malformed == 2


def test_an_event_above_the_limit_is_a_protocol_error():
    decoder = GeminiUpstream(max_event=64).decoder(SCENE, "text/event-stream")
    (found,) = decoder.feed(b"data: " + b"x" * 100)
    assert isinstance(found, Failed)
    assert (found.fault.kind, decoder.done) == (FaultKind.PROTOCOL, True)


def test_offsets_of_sources_count_characters():
    support = {"segment": {"startIndex": 3, "endIndex": 6}, "groundingChunkIndices": [0, 7]}
    grounding = {
        "groundingChunks": [{"web": {"uri": "https://a.example", "title": "A"}}],
        "groundingSupports": [support],
    }
    found = reply(answer({"text": "ä ü"}), answer({"text": "x"}, finish="STOP", groundingMetadata=grounding))
    (source,) = found.choices[0].citations
    assert (source.url, source.title, source.start, source.end) == ("https://a.example", "A", 2, 4)


def test_what_the_servers_own_tools_did_is_no_call():
    parts = (
        {"executableCode": {"code": "1"}},
        {"toolCall": {"toolType": "FILE_SEARCH", "id": "x"}},
        {"text": "a"},
    )
    found = reply(answer(*parts, finish="STOP"))
    assert (calls_of(found), text_of(found), found.choices[0].finish) == ([], "a", Finish.STOP)


def test_a_signature_belongs_to_its_call():
    found = events(answer({"functionCall": {"name": "f"}, "thoughtSignature": "s"}, finish="STOP"))
    assert Carrier("signature", "s", "google", 0, 0) in found


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        (
            {"promptTokenCount": 10, "toolUsePromptTokenCount": 5, "candidatesTokenCount": 2, "thoughtsTokenCount": 3, "cachedContentTokenCount": 4},
            Usage(input=15, output=5, cached=4, reasoning=3),
        ),
        ({"promptTokenCount": 10, "thoughtsTokenCount": 3}, Usage(input=10, output=3, reasoning=3)),
        ({"trafficType": "ON_DEMAND"}, None),
        (None, None),
    ],
)  # fmt: skip
def test_thoughts_are_part_of_what_was_put_out(reported, usage):
    assert read_usage(reported) == usage


def test_log_probabilities_are_worded_canonically():
    result = {
        "chosenCandidates": [{"token": "a", "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "b", "logProbability": -1}]}],
    }
    body = json.dumps(answer({"text": "a"}, finish="STOP", logprobsResult=result)).encode()
    raw = UPSTREAM.read_reply(body, SCENE).choices[0].logprobs
    assert raw is not None
    (row,) = msgspec.json.decode(raw)["content"]
    assert (row["token"], row["logprob"], row["bytes"], row["top_logprobs"][0]["token"]) == (
        "a",
        -0.5,
        [97],
        "b",
    )


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"<html>", b"\xff", b'{"error":{"code":500}}', b"null", b"[1]"]
)
def test_an_answer_that_is_none_is_malformed(body):
    with pytest.raises(MalformedReply):
        UPSTREAM.read_reply(body, SCENE)


def test_a_complete_answer_without_a_reason_has_stopped():
    found = UPSTREAM.read_reply(json.dumps(answer({"text": "a"})).encode(), SCENE)
    assert (text_of(found), found.choices[0].finish) == ("a", Finish.STOP)


def error(status: int, word: str, message: str = "no", **fields: Any) -> bytes:
    return json.dumps({"error": {"code": status, "message": message, "status": word, **fields}}).encode()


DAILY = [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, error(400, "INVALID_ARGUMENT"), FaultKind.REFUSED),
        (400, b"[" + error(400, "INVALID_ARGUMENT") + b"]", FaultKind.REFUSED),
        (400, error(400, "FAILED_PRECONDITION"), FaultKind.REFUSED),
        (400, error(400, "INVALID_ARGUMENT", details=[{"reason": "API_KEY_INVALID"}]), FaultKind.UNAUTHORIZED),
        (400, error(400, "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum number of tokens allowed (8)."), FaultKind.CONTEXT_LENGTH),
        (401, error(401, "UNAUTHENTICATED"), FaultKind.UNAUTHORIZED),
        (403, error(403, "PERMISSION_DENIED"), FaultKind.UNAUTHORIZED),
        (404, error(404, "NOT_FOUND"), FaultKind.NO_MODEL),
        (429, error(429, "RESOURCE_EXHAUSTED"), FaultKind.RATE_LIMITED),
        (429, error(429, "RESOURCE_EXHAUSTED", details=DAILY), FaultKind.QUOTA),
        (500, error(500, "INTERNAL"), FaultKind.FAILED),
        (503, error(503, "UNAVAILABLE"), FaultKind.OVERLOADED),
        (504, error(504, "DEADLINE_EXCEEDED"), FaultKind.FAILED),
        (502, b"<html>", FaultKind.FAILED),
        (404, b"", FaultKind.NO_MODEL),
        (302, b"", FaultKind.REDIRECT),
        (418, b"[]", FaultKind.REFUSED),
    ],
)  # fmt: skip
def test_errors_are_of_their_kind(status, body, kind):
    assert read_error(status, (), body, now=0.0).kind is kind


ODD_SUPPORT = {
    "groundingMetadata": {
        "groundingChunks": [{"web": {"uri": "http://x"}}],
        "groundingSupports": [{"groundingChunkIndices": 7}],
    }
}


def test_numbers_of_sources_that_are_no_list_name_none():
    found = reply(answer({"text": "a"}, finish="STOP", **ODD_SUPPORT))
    assert (text_of(found), found.choices[0].citations) == ("a", [])


def test_a_complete_answer_may_number_its_only_candidate_as_it_likes():
    found = UPSTREAM.read_reply(json.dumps(answer({"text": "a"}, index=5, logprobsResult={})).encode(), SCENE)
    assert text_of(found) == "a"
    assert found.choices[0].logprobs is not None


def test_arguments_too_deep_to_be_written_are_passed_over():
    call = {"name": "f", "args": {"a": 1}, "partialArgs": [{"jsonPath": "[0]" * 5000, "stringValue": "x"}]}
    deep = {"name": "f", "partialArgs": [{"jsonPath": ".a" + "[0]" * 5000, "stringValue": "x"}]}
    found = reply(answer({"functionCall": call}, {"functionCall": deep}, finish="STOP"))
    assert calls_of(found) == [("f", {"a": 1}), ("f", {})]
