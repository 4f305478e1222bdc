"""Who can say what to whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from llmgw_middleware.dialect.anthropic import AnthropicCounting, AnthropicMessages
from llmgw_middleware.dialect.anthropic_caller import AnthropicCaller
from llmgw_middleware.dialect.anthropic_chat import MessagesCaller, MessagesUpstream
from llmgw_middleware.dialect.by_model import ByModel
from llmgw_middleware.dialect.chat_port import CallerChat, Means, UpstreamChat
from llmgw_middleware.dialect.counting import EstimatedCounting
from llmgw_middleware.dialect.opaque import OpaqueConversation
from llmgw_middleware.dialect.openai import OpenAIChat, OpenAIEmbeddings
from llmgw_middleware.dialect.openai_caller import OpenAICaller
from llmgw_middleware.dialect.openai_chat import ChatCaller, ChatUpstream
from llmgw_middleware.dialect.operation import operation_of
from llmgw_middleware.dialect.port import MODELS, CallerDialect, Conversation, Operation
from llmgw_middleware.dialect.provider import Profile
from llmgw_middleware.dialect.responses import ResponsesCaller, ResponsesUpstream
from llmgw_middleware.dialect.responses_errors import ResponsesErrors
from llmgw_middleware.dialect.responses_native import ResponsesNative
from llmgw_middleware.dialect.translation import Translation
from llmgw_middleware.model.http import Header

_OPENAI, _ANTHROPIC, _RESPONSES = OpenAICaller(), AnthropicCaller(), ResponsesErrors()

_CALLERS: Mapping[Operation, CallerChat] = {
    Operation.CHAT: ChatCaller(),
    Operation.RESPONSES: ResponsesCaller(),
    Operation.MESSAGES: MessagesCaller(),
}
"""Whose requests can be translated."""

_UPSTREAMS: Mapping[str, Callable[[Profile, Means], UpstreamChat]] = {
    "openai": lambda profile, means: ChatUpstream(max_event=means.max_event, path=profile.path),
    "anthropic": lambda _, means: MessagesUpstream(max_event=means.max_event),
    "gemini": lambda _, means: _gemini(means),
    "converse": lambda _, means: _converse(means),
    "responses": lambda _, means: ResponsesUpstream(max_event=means.max_event),
}
"""Into what requests can be translated, by the dialect of a profile."""


def conversation(operation: Operation, profile: Profile, *, bare: bool, means: Means) -> Conversation | None:
    """Return how ``operation`` is said to a backend of that provider; None: it cannot be.

    The same dialect passes through, another one is translated. A ``bare`` backend is treated as a reverse proxy would:
    everything passes through, and its streams are not asked for usage. Models are listed from the configuration,
    never by asking a backend, so there is nothing to say.
    """
    match operation:
        case Operation.CHAT | Operation.MESSAGES | Operation.RESPONSES:
            same = _same(operation, profile, bare=bare, means=means)
            return same or Translation(
                _CALLERS[operation], _UPSTREAMS[profile.dialect](profile, means), means
            )
        case Operation.COUNT_TOKENS:
            return _counting(profile, bare=bare, means=means)
        case Operation.EMBEDDINGS:
            return _embeddings(profile, means)
        case Operation.OPAQUE:
            return OpaqueConversation()
        case Operation.MODELS:
            return None


def _same(operation: Operation, profile: Profile, *, bare: bool, means: Means) -> Conversation | None:
    """Return the conversation of an operation that passes through, None where it has to be translated."""
    openai = profile.dialect in {"openai", "responses"}
    if operation is Operation.MESSAGES and (bare or profile.dialect == "anthropic"):
        return AnthropicMessages(profile, means)
    if operation is Operation.RESPONSES and (bare or (openai and profile.quirks.responses)):
        return ResponsesNative(profile, means)
    if operation is Operation.CHAT and (bare or profile.dialect == "openai"):
        return _chat(profile, bare=bare, means=means)
    return None


def _chat(profile: Profile, *, bare: bool, means: Means) -> Conversation:
    """Return the conversation of a chat that passes through. Some of OpenAI's models have only Responses."""
    chat = OpenAIChat(profile, ask_usage=profile.stream_usage and not bare, adjust=not bare, means=means)
    if bare or profile.family != "openai" or not profile.quirks.responses:
        return chat
    responses = Translation(ChatCaller(), ResponsesUpstream(max_event=means.max_event), means)
    return ByModel(chat, responses, lambda model: profile.can(model).responses_only)


def _counting(profile: Profile, *, bare: bool, means: Means) -> Conversation:
    caller = MessagesCaller()
    if bare or profile.dialect == "anthropic":
        return AnthropicCounting(profile)
    if profile.dialect == "gemini":
        return _counted_by_gemini(caller, means)
    if profile.dialect == "converse":
        return _counted_by_bedrock(caller, means)
    if profile.quirks.responses:
        return _counted_by_openai(caller, means)
    return EstimatedCounting(caller, means)


# The dialects of two providers are loaded where a backend speaks them: most configurations have neither.


def _gemini(means: Means) -> UpstreamChat:
    from llmgw_middleware.dialect.gemini import GeminiUpstream

    return GeminiUpstream(max_event=means.max_event)


def _converse(means: Means) -> UpstreamChat:
    from llmgw_middleware.dialect.converse import ConverseUpstream

    return ConverseUpstream(max_event=means.max_event)


def _counted_by_gemini(caller: CallerChat, means: Means) -> Conversation:
    from llmgw_middleware.dialect.counting_native import NativeCounting
    from llmgw_middleware.dialect.gemini_errors import read_error
    from llmgw_middleware.dialect.gemini_request import counting_request

    return NativeCounting(caller, means, worded=counting_request, key="totalTokens", read_error=read_error)


def _counted_by_bedrock(caller: CallerChat, means: Means) -> Conversation:
    from llmgw_middleware.dialect.converse_errors import read_error
    from llmgw_middleware.dialect.converse_request import counting_request
    from llmgw_middleware.dialect.counting_native import NativeCounting

    return NativeCounting(caller, means, worded=counting_request, key="inputTokens", read_error=read_error)


def _counted_by_openai(caller: CallerChat, means: Means) -> Conversation:
    from llmgw_middleware.dialect.counting_native import NativeCounting
    from llmgw_middleware.dialect.openai_errors import read_error
    from llmgw_middleware.dialect.responses_write import counting_request

    return NativeCounting(caller, means, worded=counting_request, key="input_tokens", read_error=read_error)


def _embeddings(profile: Profile, means: Means) -> Conversation | None:
    match profile.dialect:
        case "openai" | "responses":
            return OpenAIEmbeddings(profile)
        case "gemini":
            from llmgw_middleware.dialect.gemini_embed import GeminiEmbeddings

            return GeminiEmbeddings(means)
        case "converse":
            from llmgw_middleware.dialect.bedrock_embed import BedrockEmbeddings

            return BedrockEmbeddings(means)
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
