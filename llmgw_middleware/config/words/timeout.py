"""Words for limits of time."""

from typing import Annotated, ClassVar

from llmgw_middleware.config.words.field import Field, Manual
from llmgw_middleware.config.words.kinds import Duration
from llmgw_middleware.config.words.word import Word


class TimeoutWord(Word):
    """Limits of time. The route's count before the backend's, those before the gateway's, key by key."""

    noun: ClassVar[str] = "timeout"

    pool: Annotated[
        Duration | None, Field(description="Wait for a free connection."), Manual(default="1s")
    ] = None
    connect: Annotated[Duration | None, Field(description="TCP and TLS handshake."), Manual(default="5s")] = (
        None
    )
    write: Annotated[
        Duration | None, Field(description="No progress while sending."), Manual(default="10s")
    ] = None
    first_token: Annotated[
        Duration | None,
        Field(description="Until the first content, not the first byte."),
        Manual(default="60s"),
    ] = None
    stream_idle: Annotated[
        Duration | None, Field(description="Silence between events of a stream."), Manual(default="60s")
    ] = None
    caller_stall: Annotated[
        Duration | None, Field(description="The caller takes nothing from its stream."), Manual(default="60s")
    ] = None
    read: Annotated[
        Duration | None,
        Field(
            description="The whole request, over all attempts. A stream that has begun is ended by streamIdle and "
            "callerStall instead. On a backend it only shortens that backend's attempts."
        ),
        Manual(default="120s"),
    ] = None
    idle: Annotated[
        Duration | None,
        Field(description="How long an unused connection is kept open."),
        Manual(default="300s"),
    ] = None
    stream_total: Annotated[
        Duration | None,
        Field(description="A stream that has begun, from its first byte to its end."),
        Manual(default="none"),
    ] = None
