"""Who can say what to whom."""

from __future__ import annotations

from llmgw_middleware.dialect.opaque import OpaqueConversation
from llmgw_middleware.dialect.openai import OpenAIChat, OpenAIEmbeddings
from llmgw_middleware.dialect.openai_caller import OpenAICaller
from llmgw_middleware.dialect.port import CallerDialect, Conversation, Operation
from llmgw_middleware.dialect.provider import Profile


def conversation(operation: Operation, profile: Profile, *, bare: bool) -> Conversation | None:
    """Return how ``operation`` is said to a backend of that provider; None: it cannot be.

    A ``bare`` backend is treated as a reverse proxy would: its streams are not asked for usage. Models are listed
    from the configuration, never by asking a backend, so there is nothing to say.
    """
    match operation:
        case Operation.CHAT:
            return OpenAIChat(profile, ask_usage=profile.stream_usage and not bare, adjust=not bare)
        case Operation.EMBEDDINGS:
            return OpenAIEmbeddings(profile)
        case Operation.OPAQUE:
            return OpaqueConversation()
        case Operation.MODELS:
            return None


def caller_dialect(path: str) -> CallerDialect:  # noqa: ARG001 - so far every path speaks OpenAI's
    """Return the dialect in which a caller of ``path`` is answered."""
    return OpenAICaller()
