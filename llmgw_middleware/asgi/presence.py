"""Notices that an ASGI caller leaves, while something else is being done for it."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from llmgw_middleware.asgi.shapes import Receive

SOON = 0.02
"""Seconds, at least and at most twice as many, after which the watch begins. What is answered sooner, an error above all,
needs none and is spared the task; who left in the meantime is noticed then."""


class Lookout:
    """Sees that callers whose answers take longer are watched: one timer for all of them, none where there are none."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._new: set[Presence] = set()
        self._older: set[Presence] = set()
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Lookout for {len(self._new) + len(self._older)} callers>"

    def add(self, presence: Presence) -> None:
        """Begin to watch ``presence`` unless it is dropped soon."""
        self._new.add(presence)
        if self._timer is None:
            self._timer = self.loop.call_later(SOON, self._look)

    def drop(self, presence: Presence) -> None:
        """Forget ``presence``."""
        self._new.discard(presence)
        self._older.discard(presence)

    def _look(self) -> None:
        due, self._older, self._new = self._older, self._new, set()
        self._timer = self.loop.call_later(SOON, self._look) if self._older else None
        for presence in due:
            presence.watch()


class Presence:
    """Reads ``receive()`` beside the task that entered it and cancels that task when the caller leaves.

    ::

        async with Presence(receive, lookout) as presence:
            answer = await work()          # cancelled, and waited for, when the caller leaves
        if presence.left: ...

    Only the cancellation that it caused itself is kept from going further, as ``asyncio.timeout`` does it; one that
    comes from outside passes.
    """

    __slots__ = ("_cancelling", "_lookout", "_owner", "_receive", "_watch", "left")

    def __init__(self, receive: Receive, lookout: Lookout) -> None:
        self._receive = receive
        self._lookout = lookout
        self._watch: asyncio.Task[None] | None = None
        self.left = False

    def __repr__(self) -> str:
        return f"<Presence {'left' if self.left else 'here'}>"

    async def __aenter__(self) -> Self:
        owner = asyncio.current_task(self._lookout.loop)
        if owner is None:
            raise RuntimeError("a caller can only be watched from a task")
        self._owner = owner
        self._cancelling = owner.cancelling()
        self._lookout.add(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._lookout.drop(self)
        if self._watch is not None:
            await _end(self._watch)
            failure = None if self._watch.cancelled() else self._watch.exception()
            if failure is not None and kind is None:
                raise failure
        ours = self.left and self._owner.uncancel() <= self._cancelling
        return ours and kind is not None and issubclass(kind, asyncio.CancelledError)

    def watch(self) -> None:
        """Begin to read what the server says of the caller."""
        self._watch = self._lookout.loop.create_task(self._until_left())

    def leave(self) -> None:
        """Take the caller for gone: one that reads nothing any more is."""
        if not self.left:
            self.left = True
            self._owner.cancel()

    async def _until_left(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass  # a body that the server gives twice, or a message of an extension
        self.leave()


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel ``task`` and wait until it is over; a tenth of what ``asyncio.wait`` costs."""
    if not task.done():
        task.cancel()
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task.add_done_callback(lambda _: None if over.done() else over.set_result(None))
        await over
