"""The chunks of a streamed answer, pulled from the loop by a thread of the host's."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Protocol

from llmgw_middleware.errors import Unavailable
from llmgw_middleware.loop_thread.call import Call, Cancelled
from llmgw_middleware.model.http import Pass, Response, Stream

Gone = Callable[[], bool]
"""Asks whether the caller has left; cheap, and never blocks."""

POLL = 0.25
"""Seconds between two looks at the caller while nothing else happens."""
HEARTBEAT = b": keep-alive\n\n"
"""An SSE comment (WHATWG HTML §9.2.6): readers ignore it, a broken connection does not."""

_EVENT_ENDS = (b"\n\n", b"\r\r", b"\r\n\r\n")


class CallerGone(Exception):
    """The caller left before there was an answer."""


async def let_go(answer: Response | Pass) -> None:
    """Stop the upstream of an answer that nobody will read."""
    if isinstance(answer, Response) and answer.stream is not None:
        await answer.stream.aclose()


class Loop(Protocol):
    """What a stream asks of the thread it is read from."""

    @property
    def stopped(self) -> bool:
        """Whether the process is on its way out."""
        ...

    def submit(self, coroutine: Coroutine[Any, Any, Any]) -> Call[Any]:
        """Start ``coroutine`` on the loop; raises Unavailable once the process is stopping."""
        ...


class SyncStream(Iterator[bytes]):
    """The chunks of a streamed answer for a host that iterates on its own thread.

    Ends early, without a word, when the caller is gone. ``close`` is idempotent, does not block and may be called from
    any thread: it cancels the step that waits and then closes the upstream.
    """

    def __init__(
        self,
        thread: Loop,
        stream: Stream,
        *,
        gone: Gone | None,
        heartbeat: float | None,
        poll: float,
        on_close: Callable[[], None] | None,
    ) -> None:
        self._thread = thread
        self._stream = stream
        self._gone = gone
        self._heartbeat = heartbeat
        self._poll = poll if heartbeat is None else min(poll, heartbeat)
        self._pid = os.getpid()
        self._pending: Call[bytes | None] | None = None
        self._task: asyncio.Task[Any] | None = None
        self._closed = False
        self._cut = False
        self._tail = b""
        self._on_close = on_close

    def __repr__(self) -> str:
        state = "closed" if self._closed else "waiting" if self._pending is not None else "open"
        return f"<SyncStream {state}>"

    def __iter__(self) -> SyncStream:
        return self

    def __next__(self) -> bytes:
        chunk = self._pull()
        if chunk is None:
            self.close()
            raise StopIteration
        self._tail = (self._tail + chunk[-4:])[-4:]
        return chunk

    def close(self) -> None:
        """Stop the upstream."""
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close()
        if self._closed:
            return
        self._closed = True
        if self._pid != os.getpid():  # the parent's stream; it closes it
            return
        try:
            self._thread.submit(self.finish())
        except (Unavailable, RuntimeError):  # the loop has ended and took the stream with it
            return

    def __del__(self) -> None:
        if hasattr(self, "_on_close"):
            self.close()

    async def cut(self) -> None:
        """End before the end, as the process does: a reader who goes on is told. On the loop only."""
        self._cut = not self._closed
        await self.finish()

    async def finish(self) -> None:
        """Cancel the step that waits, let it end, then close the upstream. On the loop only."""
        self._closed = True
        task = self._task
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])
        await self._stream.aclose()

    def _pull(self) -> bytes | None:
        """Wait for the next chunk, or for the moment to say something else; None ends the body."""
        if self._cut:  # never a clean end: the answer is not complete
            raise Unavailable("The server is stopping.", code="draining")
        if self._closed or (self._pending is None and self._stream.last):
            return None
        step = self._pending = self._pending or self._thread.submit(self._step())
        silent_since = time.monotonic()
        try:
            while not step.wait(self._poll):
                if self._gone is not None and self._gone():
                    return None
                if self._heartbeat is not None and time.monotonic() - silent_since >= self._heartbeat:
                    if self._tail.endswith(_EVENT_ENDS):
                        return HEARTBEAT
                    silent_since = time.monotonic()
            self._pending = None
            return step.result()
        except Cancelled:
            if self._thread.stopped:
                raise Unavailable("The server is stopping.", code="draining") from None
            return None

    async def _step(self) -> bytes | None:
        self._task = asyncio.current_task()
        return None if self._closed else await anext(self._stream, None)
