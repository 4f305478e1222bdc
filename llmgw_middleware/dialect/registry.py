"""Who can say what to whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

from llmgw_middleware.dialect.anthropic_caller import AnthropicCaller
from llmgw_middleware.dialect.chat_port import CallerChat, Means, UpstreamChat
from llmgw_middleware.dialect.openai_caller import OpenAICaller
from llmgw_middleware.dialect.operation import operation_of
from llmgw_middleware.dialect.port import MODELS, CallerDialect, Conversation, Operation
from llmgw_middleware.dialect.provider import Profile
from llmgw_middleware.dialect.responses_errors import ResponsesErrors
from llmgw_middleware.dialect.translation import Translation
from llmgw_middleware.model.http import Header

_OPENAI, _ANTHROPIC, _RESPONSES = OpenAICaller(), AnthropicCaller(), ResponsesErrors()

_CALLERS: Mapping[Operation, str] = {
    Operation.CHAT: "openai_chat:ChatCaller",
    Operation.RESPONSES: "responses:ResponsesCaller",
    Operation.MESSAGES: "anthropic_chat:MessagesCaller",
}
"""Whose requests can be translated."""

_UPSTREAMS: Mapping[str, str] = {
    "openai": "openai_chat:ChatUpstream",
    "anthropic": "anthropic_chat:MessagesUpstream",
    "gemini": "gemini:GeminiUpstream",
    "converse": "converse:ConverseUpstream",
    "responses": "responses:ResponsesUpstream",
}
"""Into what requests can be translated, by the dialect of a profile."""

_COUNTING: Mapping[str, tuple[str, str, str]] = {
    "gemini": ("gemini_request:counting_request", "totalTokens", "gemini_errors:read_error"),
    "converse": ("converse_request:counting_request", "inputTokens", "converse_errors:read_error"),
}
"""How tokens are counted where a provider has a call for it: its wording, the key of the count, its errors."""

_COUNTED_BY_OPENAI = ("responses_write:counting_request", "input_tokens", "openai_errors:read_error")


def _of(row: str) -> Any:
    """Return what a row names, ``module:attribute`` of this room: a dialect is loaded where it is spoken."""
    module, _, name = row.partition(":")
    return getattr(import_module(f"llmgw_middleware.dialect.{module}"), name)


def _made(row: str, *given: Any, **named: Any) -> Conversation:
    conversation: Conversation = _of(row)(*given, **named)
    return conversation


class Conversations(dict[Operation, Conversation | None]):
    """How each operation is said to one backend; None: it cannot be.

    Those of ``operations`` are made at once, as a request should not wait for what it needs to be loaded; any other is
    made when it is first asked for.
    """

    def __init__(
        self, profile: Profile, *, bare: bool, means: Means, operations: Iterable[Operation] = ()
    ) -> None:
        super().__init__()
        self._profile = profile
        self._bare = bare
        self._means = means
        for operation in operations:
            self[operation]

    def __missing__(self, operation: Operation) -> Conversation | None:
        made = conversation(operation, self._profile, bare=self._bare, means=self._means)
        return self.setdefault(operation, made)


def conversation(operation: Operation, profile: Profile, *, bare: bool, means: Means) -> Conversation | None:
    """Return how ``operation`` is said to a backend of that provider; None: it cannot be.

    The same dialect passes through, another one is translated. A ``bare`` backend is treated as a reverse proxy would:
    everything passes through, and its streams are not asked for usage. Models are listed from the configuration,
    never by asking a backend, so there is nothing to say.
    """
    match operation:
        case Operation.CHAT | Operation.MESSAGES | Operation.RESPONSES:
            same = _same(operation, profile, bare=bare, means=means)
            return same or Translation(_caller(operation), _upstream(profile, means), means)
        case Operation.COUNT_TOKENS:
            return _counting(profile, bare=bare, means=means)
        case Operation.EMBEDDINGS:
            return _embeddings(profile, means)
        case Operation.OPAQUE:
            return _made("opaque:OpaqueConversation")
        case Operation.MODELS:
            return None


def _caller(operation: Operation) -> CallerChat:
    caller: CallerChat = _of(_CALLERS[operation])()
    return caller


def _upstream(profile: Profile, means: Means) -> UpstreamChat:
    kind = _of(_UPSTREAMS[profile.dialect])
    made: UpstreamChat = (
        kind(max_event=means.max_event, path=profile.path)
        if profile.dialect == "openai"
        else kind(max_event=means.max_event)
    )
    return made


def _same(operation: Operation, profile: Profile, *, bare: bool, means: Means) -> Conversation | None:
    """Return the conversation of an operation that passes through, None where it has to be translated."""
    openai = profile.dialect in {"openai", "responses"}
    if operation is Operation.MESSAGES and (bare or profile.dialect == "anthropic"):
        return _made("anthropic:AnthropicMessages", profile, means)
    if operation is Operation.RESPONSES and (bare or (openai and profile.quirks.responses)):
        return _made("responses_native:ResponsesNative", profile, means)
    if operation is Operation.CHAT and (bare or profile.dialect == "openai"):
        return _chat(profile, bare=bare, means=means)
    return None


def _chat(profile: Profile, *, bare: bool, means: Means) -> Conversation:
    """Return the conversation of a chat that passes through. Some of OpenAI's models have only Responses."""
    ask_usage = profile.stream_usage and not bare
    chat = _made("openai:OpenAIChat", profile, ask_usage=ask_usage, adjust=not bare, means=means)
    if bare or profile.family != "openai" or not profile.quirks.responses:
        return chat
    upstream: UpstreamChat = _of(_UPSTREAMS["responses"])(max_event=means.max_event)
    responses = Translation(_caller(Operation.CHAT), upstream, means)
    return _made("by_model:ByModel", chat, responses, lambda model: profile.can(model).responses_only)


def _counting(profile: Profile, *, bare: bool, means: Means) -> Conversation:
    if bare or profile.dialect == "anthropic":
        return _made("anthropic:AnthropicCounting", profile)
    caller = _caller(Operation.MESSAGES)
    own = _COUNTING.get(profile.dialect) or (_COUNTED_BY_OPENAI if profile.quirks.responses else None)
    if own is None:
        return _made("counting:EstimatedCounting", caller, means)
    worded, key, read_error = own
    return _made(
        "counting_native:NativeCounting",
        caller,
        means,
        worded=_of(worded),
        key=key,
        read_error=_of(read_error),
    )


def _embeddings(profile: Profile, means: Means) -> Conversation | None:
    match profile.dialect:
        case "openai" | "responses":
            return _made("openai:OpenAIEmbeddings", profile)
        case "gemini":
            return _made("gemini_embed:GeminiEmbeddings", means)
        case "converse":
            return _made("bedrock_embed:BedrockEmbeddings", means)
        case _:
            return None


_ASKED_BY_RESPONSES = Operation.RESPONSES
_OF_ANTHROPIC = frozenset({Operation.MESSAGES, Operation.COUNT_TOKENS})


def caller_dialect(path: str, headers: Sequence[Header] = ()) -> CallerDialect:
    """Return the dialect in which a caller of ``path`` is answered.

    Both dialects list models at the same path; there an ``anthropic-version`` header tells whose caller it is.
    """
    operation = operation_of(path, None)
    if operation in _OF_ANTHROPIC:
        return _ANTHROPIC
    if operation is _ASKED_BY_RESPONSES:
        return _RESPONSES
    if operation is MODELS and any(name == b"anthropic-version" for name, _ in headers):
        return _ANTHROPIC
    return _OPENAI
