"""The synchronous face of a gateway."""

from __future__ import annotations

import logging

from llmgw_middleware.entry import Waist
from llmgw_middleware.errors import Unavailable
from llmgw_middleware.loop_thread import POLL, CallerGone, LoopThread, SyncStream, let_go
from llmgw_middleware.model.http import Pass, Request, Response
from llmgw_middleware.wsgi.environ import Environ
from llmgw_middleware.wsgi.hang_up import hang_up

logger = logging.getLogger("llmgw")


HEARTBEAT = 1.0
"""Seconds of silence after which an event stream gets a comment where the caller's socket cannot be looked at."""


GONE = Response(status=499)
"""The answer to a caller who has left: nobody reads it, logs show it."""


class Bridge:
    """The synchronous face of a gateway: its requests run on the one event loop of the process.

    Nothing is started before the first call. What a host asks of its own thread (identity, the session, the ORM) it
    asks there, before it calls: ``settled(identity)`` is the request's ``identify``.
    """

    def __init__(self, gateway: Waist, *, thread: LoopThread | None = None, poll: float = POLL) -> None:
        self.gateway = gateway
        self._thread = gateway.thread if thread is None else thread
        self._poll = poll
        self._warned = False

    def __repr__(self) -> str:
        return f"<Bridge to {self.gateway!r} on {self._thread!r}>"

    @property
    def thread(self) -> LoopThread:
        """The thread with the event loop."""
        return self._thread

    def handle(self, request: Request, environ: Environ) -> Response | Pass:
        """Answer ``request``; if the caller leaves meanwhile the upstream is let go and the answer is an empty 499."""
        self._warn_of_single_thread(environ)
        caller = hang_up(environ)
        try:
            return self._thread.run(
                self.gateway.handle(request), gone=caller, poll=self._poll, discard=let_go
            )
        except CallerGone:
            return GONE
        except Unavailable as error:
            return self.gateway.refuse(error, path=request.path)
        finally:
            if caller is not None:
                caller.close()

    def stream(self, response: Response, environ: Environ) -> SyncStream:
        """Return the chunks of a streamed answer; close the iterator when it is not read to its end."""
        if response.stream is None:
            raise ValueError("this response has a body and no stream")
        caller = hang_up(environ)
        # The stream itself says something after a longer silence. Only where the caller cannot be seen leaving must
        # something be written often, as a failed write is then the one way to notice.
        heartbeat = HEARTBEAT if caller is None and _is_event_stream(response) else None
        return self._thread.iterate(
            response.stream,
            gone=caller,
            heartbeat=heartbeat,
            poll=self._poll,
            on_close=None if caller is None else caller.close,
        )

    def _warn_of_single_thread(self, environ: Environ) -> None:
        if not self._warned and environ.get("wsgi.multithread") is False:
            self._warned = True
            logger.warning(
                "this server answers one request at a time, so a stream keeps every other caller waiting; "
                "serve with threads (gunicorn --worker-class gthread --threads 8) or under ASGI"
            )


def _is_event_stream(response: Response) -> bool:
    return any(
        name == b"content-type" and value.lower().startswith(b"text/event-stream")
        for name, value in response.headers
    )
