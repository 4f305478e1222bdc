"""Callers who come by the dozen and leave, and what a server has in hand afterwards."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from typing import Any, Protocol

from llmgw_middleware.testing.script import Silence, raw
from llmgw_middleware.testing.upstream import ScriptedUpstream, stream
from llmgw_middleware.testing.upstream import chat as completion
from tests.e2e.gateways import STREAMED, WHOLE
from tests.e2e.servers import RawCaller

AT_ONCE = 20
"""Callers at a time: fewer than the threads of a threaded server, so that all of them are in the same phase."""
HALF = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"
PHASES = {
    "before the answer": (STREAMED, raw(Silence()), b""),
    "before the first content": (STREAMED, stream("a", stall_after=0), b""),
    "in silence": (STREAMED, stream("a", stall_after=1), b'"a"'),
    "mid-stream": (STREAMED, stream(*["word"] * 2000, gap=0.01), b"word"),
    "amid an answer that is no stream": (WHOLE, raw(HALF, Silence()), b""),
}
"""What is asked, what the upstream does, and what a caller waits for before it leaves."""


class Site(Protocol):
    """A running server whose application answers ``GET /inside`` with ``tests.leftovers``."""

    @property
    def upstream(self) -> ScriptedUpstream:
        """Where its gateway sends requests."""
        ...

    def caller(self) -> RawCaller:
        """Connect to it."""
        ...


def inside(running: Site) -> dict[str, Any]:
    """Return what the server has in hand, memory left out."""
    with running.caller() as caller:
        found: dict[str, Any] = json.loads(caller.ask("GET", "/inside").body)
    found.pop("memory")
    return found


def memory(running: Site) -> int:
    """Return the server's resident set in MiB."""
    with running.caller() as caller:
        return int(json.loads(caller.ask("GET", "/inside").body)["memory"])


def serves(running: Site) -> bool:
    """Whether a caller is answered."""
    running.upstream.script(completion("still here"))
    with running.caller() as caller:
        answer = caller.ask(body=WHOLE)
    return (answer.status, b"still here" in answer.body) == (200, True)


def come_and_go(running: Site, phase: str) -> None:
    """Let ``AT_ONCE`` callers come to a phase and leave in it, all together."""
    body, script, until = PHASES[phase]
    before = len(running.upstream.requests)
    running.upstream.script(*[script] * AT_ONCE)
    with ExitStack() as stack:
        callers = [stack.enter_context(running.caller()) for _ in range(AT_ONCE)]
        for caller in callers:
            caller.send_request(body=body)
        running.upstream.wait_request(before + AT_ONCE)
        for caller in callers if until else ():
            caller.read_until(until)
    for index in range(before, before + AT_ONCE):
        running.upstream.wait_left(index)


def at_rest(running: Site) -> dict[str, Any]:
    """Return what a server has in hand while nobody is served: the same twice in a row, and nothing for callers.

    Once is not enough: what served the request before may still be on its way out, and a server that answers from
    another thread than its loop's shows it.
    """
    end, last = time.monotonic() + 5, inside(running)
    while (now := inside(running)) != last or any(now[each] for each in ("leases", "connections", "waiting")):
        assert time.monotonic() < end, f"it does not come to rest: {now}"
        last = now
    return now


def settled(running: Site, expected: dict[str, Any]) -> dict[str, Any]:
    """Ask until what is in hand is ``expected``, or five seconds are over; return the last answer."""
    end = time.monotonic() + 5
    while (found := inside(running)) != expected and time.monotonic() < end:
        pass
    return found


def leave_nothing_behind(running: Site, phase: str, number: int) -> None:
    """Let ``number`` callers leave in ``phase``; assert that all is given back and that the next one is served."""
    assert serves(running)
    before = at_rest(running)
    for _ in range(number // AT_ONCE):
        come_and_go(running, phase)
    assert settled(running, before) == before
    assert serves(running)
