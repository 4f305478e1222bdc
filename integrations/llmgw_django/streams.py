"""Streamed bodies in the two forms that Django takes; the wrong one would be read to its end before it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from asgiref.sync import sync_to_async

from llmgw_django.connections import release
from llmgw_middleware.wsgi import SyncStream


class SyncBody(Iterator[bytes]):
    """The chunks for a WSGI server, on the request's own thread.

    Database connections are released once more at the first step: ``SessionMiddleware`` above may have saved the
    session after the answer was made. ``close`` is idempotent.
    """

    def __init__(self, stream: SyncStream) -> None:
        self._stream = stream
        self._begun = False

    def __repr__(self) -> str:
        return f"<SyncBody of {self._stream!r}>"

    def __next__(self) -> bytes:
        if not self._begun:
            self._begun = True
            release()
        return next(self._stream)

    def close(self) -> None:
        """Stop the upstream."""
        self._stream.close()


class AsyncBody:
    """The chunks for an ASGI server, on its event loop.

    It has no ``close``, which Django would call from another thread. A caller who leaves while a chunk is waited for
    is a cancellation of that step, and the upstream is closed there; ``abandon`` serves a stream that is dropped
    between two steps. Database connections are released once more at the first step, as in ``SyncBody``.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._begun = False
        self._ended = False
        self._closing: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<AsyncBody {'ended' if self._ended else 'open' if self._begun else 'not begun'}>"

    def __aiter__(self) -> AsyncBody:
        return self

    async def __anext__(self) -> bytes:
        if self._ended:
            raise StopAsyncIteration
        try:
            if not self._begun:
                self._begun = True
                await sync_to_async(release, thread_sensitive=True)()
            chunk: bytes = await self._stream.__anext__()
        except BaseException:  # the end and a cancellation among them: whatever it was, this stream is over
            self._ended = True
            await self._stream.aclose()
            raise
        return chunk

    def abandon(self) -> None:
        """Stop the upstream, from any thread and without waiting, unless the stream has ended."""
        if not self._ended:
            with suppress(RuntimeError):  # the loop has closed, and the stream's connection with it
                self._loop.call_soon_threadsafe(self._close)

    def __del__(self) -> None:
        if not getattr(self, "_ended", True):
            self.abandon()

    def _close(self) -> None:
        if not self._ended:
            self._ended = True
            self._closing = self._loop.create_task(self._stream.aclose())
