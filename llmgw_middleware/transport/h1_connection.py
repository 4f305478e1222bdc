"""One connection to an upstream: asyncio's protocol at one side, one request at a time at the other.

What arrives is given to an ``Answer``; who waits for it is woken. There is never more than one who waits, and no task.
Whatever goes wrong, a cancelled waiter included, closes the connection; then ``on_close`` is called, once and at once.
"""

from __future__ import annotations

import asyncio
import math
import select
import socket
import ssl
from collections.abc import Callable
from typing import cast

from llmgw_middleware.transport.h1_outbox import PIECE, Outbox
from llmgw_middleware.transport.h1_parser import Answer
from llmgw_middleware.transport.h1_tls import Tls
from llmgw_middleware.transport.port import Malformed, Reset, TransportError, Unreachable

READ = 64 * 1024
"""Bytes per read: the size of the inbox that all connections of a loop share, as each is emptied at once."""

FULL = 128 * 1024
"""Bytes of a body that nobody took yet beyond which the upstream is not read; at most ``READ`` more have come by then."""


class Connection(asyncio.BufferedProtocol):
    """A connection that is made, serves requests one after another, and is closed for good.

    ``inbox`` may be shared by connections of one loop. ``on_close`` is told when the connection is given up,
    ``on_lost`` when its socket is gone.
    """

    __slots__ = (
        "_by_peer",
        "_inbox",
        "_loop",
        "_outbox",
        "_paused",
        "_poll",
        "_ring_at",
        "_timer",
        "_tls",
        "_until",
        "_waiter",
        "_wire",
        "answer",
        "closed",
        "expires",
        "fault",
        "on_close",
        "on_lost",
        "on_made",
        "served",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        inbox: memoryview,
        tls: Tls | None = None,
        *,
        on_made: Callable[[Connection], None] | None = None,
        on_lost: Callable[[Connection], None] | None = None,
    ) -> None:
        self._loop = loop
        self._inbox = inbox
        self._tls = tls
        self._wire: asyncio.Transport | None = None
        self._poll: select.poll | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ring_at = self._until = 0.0
        self._outbox = Outbox(tls)
        self._paused = self._by_peer = False
        self.on_made, self.on_lost = on_made, on_lost
        self.on_close: Callable[[Connection], None] | None = None
        self.answer: Answer | None = None
        """Of the request under way; None while the connection rests."""
        self.fault: TransportError | None = None
        """Why it was closed, if something was under way."""
        self.closed = False
        self.served = 0
        """Requests whose answers were received to their end."""
        self.expires = 0.0
        """The loop's time until which it may rest."""

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; a connection that was given up meanwhile ends here."""
        self._wire = self._outbox.wire = wire = cast("asyncio.Transport", transport)
        if self.on_made is not None:
            self.on_made(self)
        if self.closed:
            wire.abort()
            return
        wire.set_write_buffer_limits(high=PIECE)
        plug = wire.get_extra_info("socket")
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(plug.fileno(), select.POLLIN)
        if self._tls is not None:
            self._shake(self._tls, b"")

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 -- asyncio's signature
        """Return where to put what arrived."""
        return self._inbox

    def buffer_updated(self, nbytes: int) -> None:
        """Take in what arrived."""
        data = self._inbox[:nbytes]
        try:
            if self._tls is None:
                self._receive(data)
            else:
                self._receive_sealed(self._tls, data)
        except TransportError as fault:
            self.close(fault)

    def eof_received(self) -> None:
        """Take in that the upstream sends no more."""
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take in that the socket is gone."""
        self._wire = self._outbox.wire = self._poll = None
        if exc is not None and not self.closed:
            self._by_peer = True
            words = f"{type(exc).__name__}: {exc}"
            self.close(Reset(words) if self._tls is None or self._tls.ready else Unreachable(f"TLS: {words}"))
        self._end()
        self.forget()

    def pause_writing(self) -> None:
        """Send no more of a long body for now."""
        self._outbox.choke()

    def resume_writing(self) -> None:
        """Go on sending."""
        try:
            self._outbox.unchoke()
        except TransportError as fault:
            self.close(fault)

    def forget(self) -> None:
        """Tell that the socket is gone, once. uvloop does not when a connection's making is cancelled at its end."""
        told, self.on_lost = self.on_lost, None
        if told is not None:
            told(self)

    # What a caller does.

    @property
    def ready(self) -> bool:
        """Whether requests may be sent: the TLS handshake is over, if there is one."""
        return self._tls is None or self._tls.ready

    def ask(self, answer: Answer, head: bytes, body: bytes, *, write: float) -> None:
        """Send a request. ``write``: seconds without progress after which waiting for its answer fails with Reset."""
        self.answer = answer
        if self._outbox.send(head, body):
            self._outbox.watch(self._loop.time(), write)

    def take(self, answer: Answer) -> bytes:
        """Return what has come of the body."""
        data = answer.take()
        if self._paused and self._wire is not None:
            self._paused = False
            self._wire.resume_reading()
        return data

    def change(self, until: float) -> asyncio.Future[None]:
        """Return what is done when something happened that who waits should look at; one waits at a time.

        Waiting for it raises TimeoutError at ``until``. Who is cancelled meanwhile has to ``leave``. Raises why the connection
        was given up.
        """
        if self.fault is not None:
            raise type(self.fault)(
                *self.fault.args
            )  # anew, as each raising adds to what an error says of its way
        if self._waiter is not None:
            raise RuntimeError("two callers wait for one answer")
        waiter = self._waiter = self._loop.create_future()
        self._until = until
        if self._timer is None or self._ring_at > until or self._outbox.watched:
            self._arm()
        return waiter

    @property
    def stale(self) -> bool:
        """Whether it had served before, and the upstream closed it before a byte of the present answer came."""
        return self._by_peer and self.served > 0 and self.answer is not None and not self.answer.received

    @property
    def session(self) -> ssl.SSLSession | None:
        """The TLS session, if there is one that can be taken up again."""
        return None if self._tls is None else self._tls.session

    def rest(self) -> bool:
        """Be done with the answer. Returns whether another request may be sent; if not, it is closed."""
        answer, self.answer = self.answer, None
        fit = answer is not None and answer.whole and answer.keep
        if not fit or self.closed or self._outbox.left:
            self.close()
            return False
        self.served += 1
        return True

    def fresh(self) -> bool:
        """Say whether a resting connection may be used: open, and nothing unread in the kernel. Else it is closed."""
        ready = not self.closed and self._wire is not None and not self._wire.is_closing()
        if ready and (self._poll is None or not self._poll.poll(0)):
            return True
        self.close()
        return False

    def leave(self) -> None:
        """Give it up because whoever waits is cancelled: what comes now is nobody's."""
        self.close(Reset("whoever waited for it left"))

    def close(self, fault: TransportError | None = None) -> None:
        """Give it up, at once. Idempotent; the first ``fault`` is what who waits is told."""
        if self.closed:
            return
        self.closed = True
        self.fault = fault or Reset("the connection was closed")
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._outbox.drop()
        if self._wire is not None:
            self._hang_up(self._wire)
        if self.answer is not None and not self.answer.complete:
            self.answer.forget_parser()
        self._wake()
        if self.on_close is not None:
            self.on_close(self)

    # Receiving.

    def _receive(self, data: bytes | memoryview) -> None:
        answer = self.answer
        if answer is None:
            self.close()  # nobody asked: whoever comes next must not take it for an answer
            return
        answer.feed(data)
        if answer.surplus:
            self.close(Malformed("bytes stand behind the answer's end"))
        elif answer.status:
            self._outbox.watched = False
            if answer.buffered > FULL and not self._paused and self._wire is not None:
                self._paused = True
                self._wire.pause_reading()
            self._wake()

    def _receive_sealed(self, tls: Tls, data: memoryview) -> None:
        if tls.ready:
            tls.feed(data)
        else:
            self._shake(tls, data)
            if not tls.ready:
                return
        while plain := tls.open():
            self._receive(plain)
            if self.closed:
                return
        if tls.owes:
            self._outbox.put_tls()
        if tls.finished:
            self._end()

    def _shake(self, tls: Tls, data: bytes | memoryview) -> None:
        try:
            tls.shake(data)
        finally:
            self._outbox.put_tls()
        if tls.ready:
            self._wake()

    def _end(self) -> None:
        """Take in that no more will come."""
        if self.closed:
            return
        self._by_peer = True
        if self._tls is not None and not self._tls.ready:
            self.close(Unreachable("TLS: the upstream closed the connection amid the handshake"))
            return
        fault: TransportError | None = None
        if self.answer is not None:
            try:
                self.answer.end(clean=self._tls is None or self._tls.finished)
            except TransportError as error:
                fault = error
        self.close(fault)

    def _hang_up(self, wire: asyncio.Transport) -> None:
        if self.answer is not None or wire.get_write_buffer_size():
            wire.abort()
            return
        if self._tls is not None:
            wire.write(self._tls.farewell())
        wire.close()

    # Waiting.

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _arm(self) -> None:
        """See that the timer rings in time. One that rings too early costs less than one that is set for each wait."""
        at = min(self._until, self._outbox.look_at) if self._outbox.watched else self._until
        if self._timer is not None:
            if self._ring_at <= at:
                return
            self._timer.cancel()
            self._timer = None
        if at < math.inf:
            self._ring_at = at
            self._timer = self._loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._timer = None
        waiter = self._waiter
        if waiter is None or waiter.done():
            return  # who waits next sets it again
        now = self._loop.time()
        if self._outbox.watched and self._outbox.stalled(now):
            self.close(Reset(f"sending made no progress for {self._outbox.limit:g} s"))
        elif now >= self._until:
            self._waiter = None
            waiter.set_exception(TimeoutError("nothing came before the deadline"))
        else:
            self._arm()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "resting" if self.answer is None else repr(self.answer)
        return f"<Connection {state} [served: {self.served}]>"
