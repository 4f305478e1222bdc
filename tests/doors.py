"""A small gateway for tests of the doors: it records what it is asked and answers as told."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self

from llmgw_middleware.errors import GatewayError
from llmgw_middleware.loop_thread import LoopThread
from llmgw_middleware.model.decision import Decision
from llmgw_middleware.model.http import HostRequest, Pass, Request, Response
from llmgw_middleware.model.identity import Identity
from llmgw_middleware.model.plan import Plan

CHAT = "/v1/chat/completions"
JSON = ((b"content-type", b"application/json"),)
SSE = ((b"content-type", b"text/event-stream; charset=utf-8"),)


class FakeAttributes:
    """Reads ``tier`` off the user, as ``identity.attributes: {tier: user.tier}, default: {tier: free}`` would."""

    def read(
        self,
        request: HostRequest,
        subjects: Mapping[str, Any],
        *,
        user: str = "",
        known: Mapping[str, Any] | None = None,
        queried: Mapping[str, Callable[[], Any]] | None = None,
    ) -> dict[str, Any]:
        asked = {name: ask() for name, ask in (queried or {}).items()}
        return {**(known or {}), **asked, "tier": getattr(subjects.get("user"), "tier", "free")}


class FakeStream:
    """Chunks, then the end; before each chunk named in ``holds`` it waits until ``release`` is called.

    ``tells_last``: it says of its last chunk that it is the last.
    """

    def __init__(
        self,
        *chunks: bytes,
        holds: tuple[int, ...] = (),
        fails: Exception | None = None,
        tells_last: bool = False,
    ) -> None:
        self._chunks = list(chunks)
        self._tells_last = tells_last
        self.last = False
        self._holds = set(holds)
        self._fails = fails
        self._given = 0
        self._gate = threading.Event()
        self.waiting = threading.Event()
        self.closed = threading.Event()
        self.closes = 0
        self.on_stall: Callable[[], None] | None = None

    def release(self) -> None:
        self._gate.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        index, self._given = self._given, self._given + 1
        if index in self._holds:
            self.waiting.set()
            while not self._gate.is_set():  # noqa: ASYNC110 - released from other threads
                await asyncio.sleep(0.005)
        if index < len(self._chunks):
            self.last = self._tells_last and index == len(self._chunks) - 1
            return self._chunks[index]
        if self._fails is not None:
            raise self._fails
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closes += 1
        self.closed.set()


Script = Callable[[Request], Awaitable[Response | Pass]]


class FakeGateway:
    """Intercepts ``/v1/…`` and answers with the script; by default it tells who calls."""

    def __init__(
        self, script: Script | None = None, *, uses_identity: bool = False, limit: int = 1000
    ) -> None:
        self.plan = Plan(max_body_size=limit)
        self.attributes = FakeAttributes()
        self.uses_identity = uses_identity
        self.thread = LoopThread(at_end=self.aclose)
        self.requests: list[Request] = []
        self.signals: list[tuple[str, object, str | None, float]] = []
        self.opened = 0
        self.closed = 0
        self._script = script or self._tell

    def reads_of_callers(self, name: str) -> bool:
        return self.uses_identity

    def intercepts(self, method: str, path: str) -> bool:
        return path.startswith("/v1/") and method != "OPTIONS"

    async def handle(self, request: Request) -> Response | Pass:
        self.requests.append(request)
        try:
            return await self._script(request)
        except GatewayError as error:
            return self.refuse(error, path=request.path)

    def signal(
        self, name: str, *, user: object = None, request_id: str | None = None, value: float = 1.0
    ) -> int:
        self.signals.append((name, user, request_id, value))
        return 1

    def refuse(self, error: GatewayError, *, path: str, request_id: str | None = None) -> Response:
        body = json.dumps({"error": {"code": error.error_code, "message": error.message}}).encode()
        headers = (*JSON, *error.headers, (b"x-request-id", (request_id or "made-up").encode()))
        return Response(status=error.status_code, headers=headers, body=body)

    async def aopen(self) -> None:
        self.opened += 1

    async def aclose(self) -> None:
        self.closed += 1

    async def _tell(self, request: Request) -> Response:
        identity: Identity = await request.identify()
        told = {
            "id": identity.id,
            "source": identity.source,
            "attributes": dict(identity.attributes),
            "body": len(request.body),
            "path": request.path,
        }
        return Response(status=200, headers=JSON, body=json.dumps(told).encode(), decision=decision())


def decision() -> Decision:
    return Decision(request_id="r1", started=0.0)


def streaming(stream: FakeStream) -> Script:
    async def script(request: Request) -> Response:
        await request.identify()
        return Response(status=200, headers=SSE, stream=stream, decision=decision())

    return script


def never(started: threading.Event, ended: threading.Event) -> Script:
    """Return a script that waits until it is cancelled, and says so."""

    async def script(request: Request) -> Response:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError("nothing sets the event")

    return script


async def passes(request: Request) -> Pass:
    return Pass(decision=decision())
