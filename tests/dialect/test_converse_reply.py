import json
from typing import Any

import pytest

from llmgw_middleware.dialect.chat_event import Carrier, Failed, Finish, ToolStarted
from llmgw_middleware.dialect.converse import ConverseUpstream
from llmgw_middleware.dialect.converse_errors import read_error
from llmgw_middleware.dialect.converse_reply import read_usage
from llmgw_middleware.dialect.eventstream import frame
from llmgw_middleware.dialect.port import MalformedReply
from llmgw_middleware.model.fault import FaultKind
from llmgw_middleware.model.usage import Usage
from tests.dialect.chat_events import SCENE, calls_of, check_grammar, gathered, run, text_of

UPSTREAM = ConverseUpstream()
USAGE = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}


def told(kind: str, **payload: Any) -> bytes:
    return frame({":event-type": kind, ":message-type": "event"}, json.dumps(payload | {"p": "abc"}).encode())


def delta(index: int, **said: Any) -> bytes:
    return told("contentBlockDelta", contentBlockIndex=index, delta=said)


def tool(index: int, **call: Any) -> bytes:
    return told("contentBlockStart", contentBlockIndex=index, start={"toolUse": call})


START, STOP = told("messageStart", role="assistant"), told("messageStop", stopReason="end_turn")
METADATA = told("metadata", usage=USAGE)


def events(*frames: bytes) -> list[Any]:
    found = run(UPSTREAM.decoder(SCENE, "application/vnd.amazon.eventstream"), b"".join(frames))
    check_grammar(found)
    return found


def test_the_reason_is_not_the_end():
    decoder = UPSTREAM.decoder(SCENE, "")
    decoder.feed(START + delta(0, text="a") + STOP)
    assert (decoder.finished, decoder.done) == (True, False)
    found = decoder.feed(METADATA)
    assert decoder.done
    assert [type(event).__name__ for event in found] == ["UsageSeen", "Finished"]


@pytest.mark.parametrize(
    "frames", [(STOP, METADATA), (METADATA, STOP), (STOP,)], ids=["usual", "reversed", "without usage"]
)
def test_an_answer_is_complete_once_it_said_why_it_ended(frames):
    found = gathered(events(START, delta(0, text="a"), *frames))
    assert (text_of(found), found.choices[0].finish) == ("a", Finish.STOP)


@pytest.mark.parametrize(
    "frames", [(), (METADATA,), (STOP[:-3],)], ids=["nothing", "usage only", "half a frame"]
)
def test_an_answer_that_did_not_is_truncated(frames):
    found = events(START, delta(0, text="a"), *frames)[-1]
    assert isinstance(found, Failed)
    assert found.fault.kind is FaultKind.TRUNCATED


def test_tools_are_counted_and_their_pieces_find_them():
    found = gathered(
        events(
            START, delta(0, text="look"), tool(1, toolUseId="t1", name="f"), tool(2, toolUseId="t2", name="g"),
            delta(2, toolUse={"input": '{"b":'}), delta(1, toolUse={"input": ""}), delta(2, toolUse={"input": "2}"}),
            told("messageStop", stopReason="tool_use"), METADATA,
        )
    )  # fmt: skip
    assert calls_of(found) == [("f", {}), ("g", {"b": 2})]
    assert found.choices[0].finish is Finish.TOOLS


def test_the_servers_own_tools_are_no_calls():
    server = tool(0, toolUseId="s", name="web", type="server_tool_use")
    result = told("contentBlockStart", contentBlockIndex=1, start={"toolResult": {"toolUseId": "s"}})
    found = events(
        START, server, delta(0, toolUse={"input": "{}"}), result, delta(2, text="a"), STOP, METADATA
    )
    assert not any(isinstance(event, ToolStarted) for event in found)
    assert gathered(found).choices[0].finish is Finish.STOP


def test_thoughts_their_proof_and_hidden_ones_are_kept_in_order():
    found = events(
        START, delta(0, reasoningContent={"text": "hm"}), delta(0, reasoningContent={"signature": "s"}),
        delta(1, reasoningContent={"redactedContent": "xx"}), delta(2, text="a"), STOP, METADATA,
    )  # fmt: skip
    assert [event for event in found if isinstance(event, Carrier)] == [
        Carrier("signature", "s", "anthropic"),
        Carrier("redacted", "xx", "anthropic"),
    ]


def test_an_exception_ends_the_stream():
    broken = frame(
        {":message-type": "exception", ":exception-type": "throttlingException"}, b'{"message":"slow down"}'
    )
    found = events(START, delta(0, text="a"), broken, delta(0, text="b"))
    assert isinstance(found[-1], Failed)
    assert (found[-1].fault.kind, found[-1].fault.message) == (FaultKind.RATE_LIMITED, "slow down")
    assert text_of(gathered(found[:-1])) == "a"


def test_bytes_that_are_no_event_stream_are_a_protocol_error():
    found = events(START, b"\x00" * 40)[-1]
    assert isinstance(found, Failed)
    assert found.fault.kind is FaultKind.PROTOCOL


def test_a_payload_that_cannot_be_read_is_passed_over_and_counted():
    decoder = UPSTREAM.decoder(SCENE, "")
    odd = frame({":event-type": "contentBlockDelta"}, b"{") + told("somethingNew", x=1)
    assert text_of(gathered(run(decoder, START + odd + delta(0, text="a") + STOP))) == "a"
    assert decoder.malformed == 1


@pytest.mark.parametrize(
    ("reason", "finish", "detail"),
    [
        ("end_turn", Finish.STOP, None),
        ("max_tokens", Finish.LENGTH, None),
        ("model_context_window_exceeded", Finish.LENGTH, "model_context_window_exceeded"),
        ("guardrail_intervened", Finish.FILTERED, "guardrail_intervened"),
        ("malformed_tool_use", Finish.MALFORMED, "malformed_tool_use"),
        ("something_new", Finish.STOP, "something_new"),
    ],
)
def test_why_an_answer_ended(reason, finish, detail):
    choice = gathered(events(START, delta(0, text="a"), told("messageStop", stopReason=reason))).choices[0]
    assert (choice.finish, choice.detail) == (finish, detail)


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        (USAGE, Usage(input=3, output=2)),
        (
            {"inputTokens": 3, "outputTokens": 2, "cacheReadInputTokens": 10, "cacheWriteInputTokens": 7, "cacheDetails": [{"ttl": "1h", "inputTokens": 5}, {"ttl": "5m", "inputTokens": 2}]},
            Usage(input=20, output=2, cached=10, cache_write=7, cache_write_hour=5),
        ),
        (None, None),
    ],
)  # fmt: skip
def test_what_a_cache_gave_is_part_of_the_input(reported, usage):
    assert read_usage(reported) == usage


def test_sources_are_told():
    web = {
        "title": "A",
        "location": {"web": {"url": "https://a.example"}},
        "sourceContent": [{"text": "said"}],
    }
    page = {"title": "B", "location": {"documentPage": {"start": 1}}}
    content = [{"citationsContent": {"content": [{"text": "a"}], "citations": [web, page]}}]
    body = json.dumps({"output": {"message": {"content": content}}, "stopReason": "end_turn"}).encode()
    choice = UPSTREAM.read_reply(body, SCENE).choices[0]
    assert [(s.url, s.title, s.cited, s.raw is None) for s in choice.citations] == [
        ("https://a.example", "A", "said", True),
        (None, "B", None, False),
    ]


@pytest.mark.parametrize("body", [b"{}", b"[]", b"<html>", b"\xff", b'{"output":1}', b"null"])
def test_an_answer_that_is_none_is_malformed(body):
    with pytest.raises(MalformedReply):
        UPSTREAM.read_reply(body, SCENE)


@pytest.mark.parametrize(
    ("status", "name", "message", "kind"),
    [
        (400, "ValidationException", "no", FaultKind.REFUSED),
        (400, "ValidationException", "Input is too long for requested model.", FaultKind.CONTEXT_LENGTH),
        (400, "ValidationException", "The provided model identifier is invalid.", FaultKind.NO_MODEL),
        (400, "ServiceQuotaExceededException", "no", FaultKind.QUOTA),
        (403, "AccessDeniedException", "no", FaultKind.UNAUTHORIZED),
        (403, "UnrecognizedClientException", "no", FaultKind.UNAUTHORIZED),
        (404, "ResourceNotFoundException", "no", FaultKind.NO_MODEL),
        (408, "ModelTimeoutException", "no", FaultKind.FAILED),
        (424, "ModelErrorException", "no", FaultKind.FAILED),
        (429, "ThrottlingException:http://internal.amazon.com/coral/", "Too many requests", FaultKind.RATE_LIMITED),
        (429, "ThrottlingException", "Too many tokens per day, please wait", FaultKind.QUOTA),
        (429, "ModelNotReadyException", "no", FaultKind.OVERLOADED),
        (500, "InternalServerException", "no", FaultKind.FAILED),
        (503, "ServiceUnavailableException", "no", FaultKind.OVERLOADED),
        (429, "", "no", FaultKind.RATE_LIMITED),
        (502, "", "no", FaultKind.FAILED),
        (418, "", "no", FaultKind.REFUSED),
        (301, "", "no", FaultKind.REDIRECT),
    ],
)  # fmt: skip
def test_errors_are_of_their_kind(status, name, message, kind):
    headers = ((b"x-amzn-errortype", name.encode()),) if name else ()
    fault = read_error(status, headers, json.dumps({"message": message}).encode(), now=0.0)
    assert (fault.kind, fault.message) == (kind, message)


def test_an_error_may_be_named_in_its_body():
    body = b'{"__type":"com.amazon.coral.service#UnrecognizedClientException","Message":"no"}'
    assert read_error(400, (), body, now=0.0).kind is FaultKind.UNAUTHORIZED


def test_a_frame_above_the_configured_limit_is_a_protocol_error():
    decoder = ConverseUpstream(max_event=256).decoder(SCENE, "")
    found = decoder.feed(START + delta(0, text="x" * 300))[-1]
    assert isinstance(found, Failed)
    assert found.fault.kind is FaultKind.PROTOCOL
