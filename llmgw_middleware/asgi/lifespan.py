"""Start and end of a gateway under an ASGI server, around those of the application."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NoReturn

from llmgw_middleware.asgi.shapes import App, Message, Receive, Scope, Send
from llmgw_middleware.entry import Waist
from llmgw_middleware.errors import ConfigError

logger = logging.getLogger("llmgw")

MUST_STAND_OUTSIDE = ("SessionMiddleware", "AuthenticationMiddleware")
SHOULD_STAND_OUTSIDE = ("CORSMiddleware",)


class Lifespan:
    """One ``lifespan`` call. The gateway starts before the application and closes after it.

    An application without a lifespan gets one: without it nobody would tell the gateway of the end. A refusal is sent
    as ``lifespan.startup.failed``, on which servers exit; an exception they would take for a missing lifespan.
    """

    def __init__(self, app: App, gateway: Waist, scope: Scope, receive: Receive, send: Send) -> None:
        self._app = app
        self._gateway = gateway
        self._scope = scope
        self._receive = receive
        self._send = send
        self._first: Message | None = None
        self._answered = False

    def __repr__(self) -> str:
        return f"<Lifespan of {self._gateway!r}>"

    async def run(self) -> None:
        """Serve the call to its end."""
        self._first = await self._receive()
        await self._gateway.aopen()
        try:
            await self._run_app()
        finally:
            await self._gateway.aclose()

    async def _run_app(self) -> None:
        try:
            await self._app(self._scope, self._hear, self._say)
        except Exception as error:
            if self._answered:
                raise
            logger.debug("the application has no lifespan: %r", error)
        if not self._answered:
            await self._send({"type": "lifespan.startup.complete"})
            await self._receive()
            await self._gateway.aclose()
            await self._send({"type": "lifespan.shutdown.complete"})

    async def _hear(self) -> Message:
        message, self._first = self._first, None
        return await self._receive() if message is None else message

    async def _say(self, message: Message) -> None:
        self._answered = True
        if message["type"] != "lifespan.startup.complete":
            await self._gateway.aclose()
        await self._send(message)


async def refuse(receive: Receive, send: Send, error: ConfigError) -> NoReturn:
    """Refuse to start, then raise ``error``, as Starlette does: its test client would wait for ever without.

    The text is logged too, as not every server shows it.
    """
    await receive()
    logger.error("the gateway does not start: %s", error)
    await send({"type": "lifespan.startup.failed", "message": f"llmgw: {error}"})
    raise error


def check_order(scope: Scope, door: type) -> None:
    """Look where ``door`` stands in a Starlette application; raises ConfigError when it cannot see who calls.

    ``user_middleware`` lists the outermost first, and what is added last is outermost.
    """
    names = [_names(entry) for entry in _middleware_of(scope)]
    ours = next((i for i, entry in enumerate(_middleware_of(scope)) if entry is door), None)
    if ours is None:
        return
    inside = [name for kin in names[ours + 1 :] for name in kin]
    for name in MUST_STAND_OUTSIDE:
        if name in inside:
            raise ConfigError(
                f"{name} stands inside {door.__name__}, which therefore never sees who calls; "
                f"call add_middleware({door.__name__}, …) before add_middleware({name}, …): the last added is outermost"
            )
    for name in SHOULD_STAND_OUTSIDE:
        if name in inside:
            logger.warning(
                "%s stands inside %s: answers of the gateway get no CORS headers; add the gateway first",
                name,
                door.__name__,
            )


def _middleware_of(scope: Scope) -> Sequence[Any]:
    return [getattr(entry, "cls", None) for entry in getattr(scope.get("app"), "user_middleware", ())]


def _names(cls: Any) -> tuple[str, ...]:
    return tuple(kin.__name__ for kin in getattr(cls, "__mro__", ()))
