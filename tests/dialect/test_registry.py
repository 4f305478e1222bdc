from __future__ import annotations

import msgspec
import pytest

from llmgw_middleware.dialect.anthropic_caller import AnthropicCaller
from llmgw_middleware.dialect.opaque import OpaqueConversation, OpaqueTap
from llmgw_middleware.dialect.openai_caller import OpenAICaller
from llmgw_middleware.dialect.operation import operation_of, operations_of
from llmgw_middleware.dialect.port import Asked, Operation, Outgoing
from llmgw_middleware.dialect.provider import profile
from llmgw_middleware.dialect.registry import Conversations, caller_dialect, conversation
from llmgw_middleware.model.backend import Secret
from llmgw_middleware.model.fault import FaultKind
from llmgw_middleware.model.route import PathTest
from tests.dialect.talk import means_of

MEANS = means_of(profile("openai"))

NOTHING = Outgoing(path="", headers=(), body=b"")
MESSAGES = {"messages": msgspec.Raw(b"[]")}


@pytest.mark.parametrize(
    ("path", "fields", "operation"),
    [
        ("/v1/chat/completions", None, Operation.CHAT),
        ("/v1/chat/completions/", {}, Operation.CHAT),
        ("/openai/deployments/d/chat/completions", {}, Operation.CHAT),
        ("/chat/completions", {}, Operation.CHAT),
        ("/v1/embeddings", {}, Operation.EMBEDDINGS),
        ("/v1/models", None, Operation.MODELS),
        ("/v1/models/gpt-4o", None, Operation.OPAQUE),
        ("/v1/xchat/completions", None, Operation.OPAQUE),
        ("/v1/mymodels", None, Operation.OPAQUE),
        ("/v1/chat/completions/x", {}, Operation.OPAQUE),
        ("/api/ask", MESSAGES, Operation.CHAT),
        ("/v1/embeddings", MESSAGES, Operation.EMBEDDINGS),
        ("/v1/audio/speech", {"input": msgspec.Raw(b'"x"')}, Operation.OPAQUE),
        ("/", None, Operation.OPAQUE),
    ],
)
def test_the_end_of_the_path_names_the_operation(path, fields, operation):
    assert operation_of(path, fields) is operation


@pytest.mark.parametrize(
    ("kind", "value", "operations"),
    [
        ("exact", "/v1/chat/completions", {Operation.CHAT}),
        ("exact", "/v1/messages/count_tokens", {Operation.COUNT_TOKENS}),
        ("exact", "/api/ask", {Operation.CHAT, Operation.OPAQUE}),
        ("prefix", "/v1/messages", set(Operation)),
        ("regex", "/v1/.*", set(Operation)),
    ],
)
def test_a_path_tells_which_operations_can_be_asked_for_there(kind, value, operations):
    assert operations_of([PathTest(kind=kind, value=value)]) == operations


@pytest.mark.parametrize(
    ("name", "url"), [("openai", "https://api.openai.com/v1"), ("openai-compatible", None)]
)
def test_a_profile_is_a_row(name, url):
    assert (profile(name).name, profile(name).url) == (name, url)


def test_an_unknown_provider_names_the_known_ones():
    with pytest.raises(KeyError, match="'opnai'; there are openai, openai-compatible, anthropic"):
        profile("opnai")


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("openai", ((b"authorization", b"Bearer sk-1"),)),
        ("openai-compatible", ((b"authorization", b"Bearer sk-1"),)),
        ("mock", ((b"authorization", b"Bearer sk-1"),)),
        ("anthropic", ((b"x-api-key", b"sk-1"),)),
        ("gemini", ((b"x-goog-api-key", b"sk-1"),)),
        ("azure", ((b"api-key", b"sk-1"),)),
        ("bedrock", ()),
    ],
)
def test_a_key_is_sent_as_its_provider_wants_and_no_key_as_nothing(name, header):
    assert profile(name).authorization(Secret("sk-1")) == header
    assert profile(name).authorization(None) == ()


@pytest.mark.parametrize("key", ["sk-1\nx-evil: 1", "sk-1\r", "schlüssel", "\x00"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(key):
    with pytest.raises(ValueError, match="no header can carry") as caught:
        profile("openai").authorization(Secret(key))
    assert key not in str(caught.value)


SPOKEN = {
    (
        Operation.CHAT,
        "openai",
    ): "<ByModel <OpenAIChat, asks for usage>, or <Translation from OpenAI chat to <ResponsesUpstream>>>",
    (Operation.CHAT, "openai-compatible"): "<OpenAIChat, asks for usage>",
    (Operation.CHAT, "anthropic"): "<Translation from OpenAI chat to Anthropic messages>",
    (Operation.CHAT, "gemini"): "<Translation from OpenAI chat to <GeminiUpstream>>",
    (Operation.CHAT, "bedrock"): "<Translation from OpenAI chat to <ConverseUpstream>>",
    (Operation.MESSAGES, "openai"): "<Translation from Anthropic messages to OpenAI chat>",
    (Operation.MESSAGES, "anthropic"): "<AnthropicMessages>",
    (Operation.MESSAGES, "gemini"): "<Translation from Anthropic messages to <GeminiUpstream>>",
    (Operation.MESSAGES, "bedrock"): "<Translation from Anthropic messages to <ConverseUpstream>>",
    (Operation.COUNT_TOKENS, "anthropic"): "<AnthropicCounting>",
    (Operation.COUNT_TOKENS, "openai"): "<NativeCounting by input_tokens>",
    (Operation.EMBEDDINGS, "openai"): "<OpenAIEmbeddings>",
    (Operation.EMBEDDINGS, "anthropic"): "None",
    (Operation.OPAQUE, "anthropic"): "<OpaqueConversation>",
    (Operation.MODELS, "openai"): "None",
}


@pytest.mark.parametrize(
    ("operation", "provider", "text"),
    [(*key, text) for key, text in SPOKEN.items()],
    ids=[f"{operation.value}-{provider}" for operation, provider in SPOKEN],
)
def test_the_same_dialect_passes_through_and_another_is_translated(operation, provider, text):
    assert repr(conversation(operation, profile(provider), bare=False, means=MEANS)) == text


def test_conversations_that_are_not_asked_for_are_made_when_they_are():
    made = Conversations(profile("openai"), bare=False, means=MEANS, operations=[Operation.EMBEDDINGS])
    assert list(made) == [Operation.EMBEDDINGS]
    assert repr(made[Operation.OPAQUE]) == "<OpaqueConversation>"
    assert made[Operation.OPAQUE] is made[Operation.OPAQUE]


def test_models_are_never_asked_of_a_backend():
    assert conversation(Operation.MODELS, profile("openai"), bare=False, means=MEANS) is None


@pytest.mark.parametrize(("bare", "text"), [(False, "<OpenAIChat, asks for usage>"), (True, "<OpenAIChat>")])
def test_a_bare_backend_is_not_asked_for_usage(bare, text):
    assert repr(conversation(Operation.CHAT, profile("openai-compatible"), bare=bare, means=MEANS)) == text


@pytest.mark.parametrize(
    ("path", "headers", "kind"),
    [
        ("/v1/chat/completions", (), OpenAICaller),
        ("/v1/messages", (), AnthropicCaller),
        ("/v1/messages/count_tokens", (), AnthropicCaller),
        ("/v1/embeddings", (), OpenAICaller),
        ("/anything", ((b"anthropic-version", b"2023-06-01"),), OpenAICaller),
        ("/v1/models", (), OpenAICaller),
        ("/v1/models", ((b"anthropic-version", b"2023-06-01"),), AnthropicCaller),
    ],
)
def test_callers_are_spoken_to_in_their_own_dialect(path, headers, kind):
    assert isinstance(caller_dialect(path, headers), kind)


def test_an_opaque_request_keeps_its_bytes_and_its_content_type():
    theirs = (
        (b"content-type", b"multipart/form-data; boundary=x"),
        (b"cookie", b"a=1"),
        (b"accept", b"audio/mpeg"),
    )
    sent = OpaqueConversation().outgoing(Asked(fields={}, raw=b"--x", headers=theirs, model="m"))
    assert (sent.path, sent.body, sent.headers) == ("", b"--x", (theirs[0], theirs[2]))


def test_an_opaque_stream_is_relayed_as_it_comes():
    tap = OpaqueConversation().tap(NOTHING, "", show_usage=True)
    pieces = [*tap.feed(b"dat"), *tap.feed(b""), *tap.feed(b"a: 1\n\n"), *tap.close()]
    assert [(piece.data, piece.content) for piece in pieces] == [(b"dat", True), (b"a: 1\n\n", True)]
    assert (tap.done, tap.finished, tap.fault) == (True, True, None)


def test_an_opaque_stream_is_not_finished_before_its_end():
    tap = OpaqueTap()
    tap.feed(b"data: [DONE]\n\n")
    assert (tap.finished, tap.done) == (False, False)


def test_an_opaque_answer_is_taken_as_it_is():
    assert OpaqueConversation().read_reply(NOTHING, b"\x00\xff", "").body == b"\x00\xff"


def test_an_opaque_error_is_read_by_its_status():
    assert OpaqueConversation().read_error(503, (), b"<html>", now=0.0).kind is FaultKind.OVERLOADED
