"""Who can say what to whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from llmgw_middleware.dialect.anthropic import AnthropicCounting, AnthropicMessages
from llmgw_middleware.dialect.anthropic_caller import AnthropicCaller
from llmgw_middleware.dialect.anthropic_chat import MessagesCaller, MessagesUpstream
from llmgw_middleware.dialect.chat_port import CallerChat, Means, UpstreamChat
from llmgw_middleware.dialect.converse import ConverseUpstream
from llmgw_middleware.dialect.counting import EstimatedCounting
from llmgw_middleware.dialect.gemini import GeminiUpstream
from llmgw_middleware.dialect.opaque import OpaqueConversation
from llmgw_middleware.dialect.openai import OpenAIChat, OpenAIEmbeddings
from llmgw_middleware.dialect.openai_caller import OpenAICaller
from llmgw_middleware.dialect.openai_chat import ChatCaller, ChatUpstream
from llmgw_middleware.dialect.operation import operation_of
from llmgw_middleware.dialect.port import CallerDialect, Conversation, Operation
from llmgw_middleware.dialect.provider import Profile
from llmgw_middleware.dialect.translation import Translation
from llmgw_middleware.model.http import Header

_OPENAI, _ANTHROPIC = OpenAICaller(), AnthropicCaller()

_CALLERS: Mapping[Operation, CallerChat] = {
    Operation.CHAT: ChatCaller(),
    Operation.MESSAGES: MessagesCaller(),
}
"""Whose requests can be translated."""

_UPSTREAMS: Mapping[str, Callable[[Profile, Means], UpstreamChat]] = {
    "openai": lambda profile, means: ChatUpstream(max_event=means.max_event, path=profile.path),
    "anthropic": lambda _, means: MessagesUpstream(max_event=means.max_event),
    "gemini": lambda _, means: GeminiUpstream(max_event=means.max_event),
    "converse": lambda _profile, _means: ConverseUpstream(),
}
"""Into what requests can be translated, by the dialect of a profile."""

_SAME = {Operation.CHAT: "openai", Operation.MESSAGES: "anthropic"}
"""The dialect of backends to which an operation passes through."""


def conversation(operation: Operation, profile: Profile, *, bare: bool, means: Means) -> Conversation | None:
    """Return how ``operation`` is said to a backend of that provider; None: it cannot be.

    The same dialect passes through, another one is translated. A ``bare`` backend is treated as a reverse proxy would:
    everything passes through, and its streams are not asked for usage. Models are listed from the configuration,
    never by asking a backend, so there is nothing to say.
    """
    match operation:
        case Operation.CHAT | Operation.MESSAGES:
            if bare or profile.dialect == _SAME[operation]:
                return _same(operation, profile, bare=bare, means=means)
            upstream = _UPSTREAMS.get(profile.dialect)
            return (
                None
                if upstream is None
                else Translation(_CALLERS[operation], upstream(profile, means), means)
            )
        case Operation.COUNT_TOKENS:
            own = bare or profile.dialect == "anthropic"
            return AnthropicCounting(profile) if own else EstimatedCounting(MessagesCaller(), means)
        case Operation.EMBEDDINGS:
            return OpenAIEmbeddings(profile) if profile.dialect in {"openai", "responses"} else None
        case Operation.OPAQUE:
            return OpaqueConversation()
        case Operation.MODELS:
            return None


def _same(operation: Operation, profile: Profile, *, bare: bool, means: Means) -> Conversation:
    if operation is Operation.MESSAGES:
        return AnthropicMessages(profile, means)
    return OpenAIChat(profile, ask_usage=profile.stream_usage and not bare, adjust=not bare, means=means)


def caller_dialect(path: str, headers: Sequence[Header] = ()) -> CallerDialect:
    """Return the dialect in which a caller of ``path`` is answered.

    Both dialects list models at the same path; there an ``anthropic-version`` header tells whose caller it is.
    """
    operation = operation_of(path, None)
    if operation in {Operation.MESSAGES, Operation.COUNT_TOKENS}:
        return _ANTHROPIC
    if operation is Operation.MODELS and any(name == b"anthropic-version" for name, _ in headers):
        return _ANTHROPIC
    return _OPENAI
