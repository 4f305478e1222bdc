"""The transports: what httpx calls in place of a connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from types import ModuleType
from typing import Any

import httpx

from llmgw_middleware.client.crossing import answer, head_of, patience_of, request_from
from llmgw_middleware.client.libraries import body_class, library_of
from llmgw_middleware.client.port import Answering
from llmgw_middleware.errors import GatewayError, Unavailable
from llmgw_middleware.loop_thread import POLL, CallerGone, LoopThread, SyncStream, let_go
from llmgw_middleware.model.http import Response, Stream
from llmgw_middleware.model.identity import Identity
from llmgw_middleware.observe.answer import request_id_of


class Blocking:
    """Answers a blocking client's requests on the gateway's one event loop of the process.

    Usable from every thread, one with a running event loop included (which then waits), and after a fork. Nothing is
    started before the first request. Closing it closes nothing: what runs belongs to the gateway. It serves
    ``httpx.Client`` and ``httpx2.Client`` alike.
    """

    def __init__(self, gateway: Answering, identity: Identity) -> None:
        self._gateway = gateway
        self._identity = identity

    def __repr__(self) -> str:
        return f"<GatewayTransport to {self._gateway!r} for {self._identity.id or 'nobody'}>"

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer ``request``; raises ReadTimeout when that takes longer than its read timeout.

        Raises RuntimeError on the gateway's own event loop, which would wait for itself.
        """
        thread, library = self._gateway.thread, _library(request)
        _keep_off(thread)
        ours = request_from(request, request.read(), self._identity)
        patience = Patience(patience_of(request))
        try:
            answered = thread.run(
                answer(self._gateway, ours), gone=patience.gone, poll=patience.poll, discard=let_go
            )
        except CallerGone:
            raise _late(library, request) from None
        except Unavailable as error:
            answered = self._gateway.refuse(error, path=ours.path, request_id=request_id_of(ours.headers))
        if answered.stream is None:
            return _whole(library, request, answered)
        body = body_class(library, SyncBody, "SyncByteStream")
        return _streamed(library, request, answered, body(thread, answered.stream, patience, request))


class GatewayTransport(Blocking, httpx.BaseTransport):
    """``Blocking`` as a transport of httpx."""


class Asynchronous:
    """Answers an asynchronous client's requests on the running event loop.

    Closing it closes nothing: connections belong to the gateway, by event loop. It serves ``httpx.AsyncClient`` and
    ``httpx2.AsyncClient`` alike.
    """

    def __init__(self, gateway: Answering, identity: Identity) -> None:
        self._gateway = gateway
        self._identity = identity

    def __repr__(self) -> str:
        return f"<AsyncGatewayTransport to {self._gateway!r} for {self._identity.id or 'nobody'}>"

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer ``request``; raises ReadTimeout when that takes longer than its read timeout."""
        library = _library(request)
        ours = request_from(request, await request.aread(), self._identity)
        try:
            async with asyncio.timeout(patience_of(request)):
                answered = await answer(self._gateway, ours)
        except TimeoutError:
            raise _late(library, request) from None
        if answered.stream is None:
            return _whole(library, request, answered)
        body = body_class(library, AsyncBody, "AsyncByteStream")
        return _streamed(library, request, answered, body(answered.stream, request))


class AsyncGatewayTransport(Asynchronous, httpx.AsyncBaseTransport):
    """``Asynchronous`` as a transport of httpx."""


def transport_class(library: ModuleType, *, blocking: bool) -> type[Any]:
    """Return the transport as a class of ``library``: clients of httpx2 refuse one that is derived from httpx."""
    if library is httpx:
        return GatewayTransport if blocking else AsyncGatewayTransport
    if blocking:
        return body_class(library, Blocking, "BaseTransport")
    return body_class(library, Asynchronous, "AsyncBaseTransport")


class Patience:
    """How long a blocking caller still waits. ``seconds`` None: for ever."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self.poll = POLL if seconds is None else min(POLL, seconds)
        self.over = False
        self.begin()

    def __repr__(self) -> str:
        return f"<Patience of {self._seconds} s{', over' if self.over else ''}>"

    def begin(self) -> None:
        """Count from now."""
        self._end = None if self._seconds is None else time.monotonic() + self._seconds

    def gone(self) -> bool:
        """Return whether the time is up."""
        self.over = self._end is not None and time.monotonic() >= self._end
        return self.over


class SyncBody:
    """The chunks of a streamed answer for a blocking reader. Closing it stops the upstream."""

    def __init__(
        self, thread: LoopThread, stream: Stream, patience: Patience, request: httpx.Request
    ) -> None:
        self._thread = thread
        self._patience = patience
        self._request = request
        self._chunks: SyncStream = thread.iterate(stream, gone=patience.gone, poll=patience.poll)

    def __repr__(self) -> str:
        return f"<SyncBody {self._chunks!r}>"

    def __iter__(self) -> Iterator[bytes]:
        _keep_off(self._thread)
        self._patience.begin()
        try:
            for chunk in self._chunks:
                yield chunk
                self._patience.begin()
        except Unavailable as error:  # the process is stopping
            raise _broken(_library(self._request), self._request, error) from error
        if self._patience.over:
            raise _late(_library(self._request), self._request)

    def close(self) -> None:
        """Stop the upstream, if the stream has not ended. Does not wait."""
        self._chunks.close()


class AsyncBody:
    """The chunks of a streamed answer for an asynchronous reader. Closing it stops the upstream."""

    def __init__(self, stream: Stream, request: httpx.Request) -> None:
        self._stream = stream
        self._request = request

    def __repr__(self) -> str:
        return f"<AsyncBody of {self._stream!r}>"

    async def __aiter__(self) -> AsyncIterator[bytes]:
        patience = patience_of(self._request)
        while True:
            try:
                async with asyncio.timeout(patience):
                    chunk = await anext(self._stream, None)
            except TimeoutError:
                raise _late(_library(self._request), self._request) from None
            if chunk is None:
                return
            yield chunk

    async def aclose(self) -> None:
        """Stop the upstream, if the stream has not ended."""
        await self._stream.aclose()


def _library(request: httpx.Request) -> ModuleType:
    return library_of(type(request)) or httpx


def _keep_off(thread: LoopThread) -> None:
    if thread.inside:
        raise RuntimeError(
            "a blocking client was used on the gateway's own event loop, which would wait for itself; "
            "use an asynchronous client there"
        )


def _whole(library: ModuleType, request: httpx.Request, answered: Response) -> httpx.Response:
    response: httpx.Response = library.Response(**head_of(answered), content=answered.body, request=request)
    return response


def _streamed(library: ModuleType, request: httpx.Request, answered: Response, body: Any) -> httpx.Response:
    response: httpx.Response = library.Response(**head_of(answered), stream=body, request=request)
    return response


def _late(library: ModuleType, request: httpx.Request) -> Exception:
    late: Exception = library.ReadTimeout(
        "the gateway did not answer within the read timeout", request=request
    )
    return late


def _broken(library: ModuleType, request: httpx.Request, error: GatewayError) -> Exception:
    broken: Exception = library.ReadError(f"the answer is not complete: {error}", request=request)
    return broken
