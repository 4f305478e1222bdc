"""What the tests of gevent run, in a process of its own: there threads are greenlets from the first line on.

``python -m tests.loop_thread.green NAME``: ends well if the promise is kept. ``UVLOOP=1`` chooses uvloop for loops.
"""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import asyncio  # noqa: E402 - what is imported shall be patched
import os  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402

from llmgw_middleware.errors import Unavailable  # noqa: E402
from llmgw_middleware.loop_thread import CallerGone, LoopThread, original  # noqa: E402
from tests.doors import FakeStream  # noqa: E402

THREAD = LoopThread()


async def slept(seconds: float = 0.05) -> int:
    await asyncio.sleep(seconds)
    return int(original("_thread", "get_ident")())


async def forever(ended: list[int]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        ended.append(1)


def others_run_while_one_waits() -> None:
    turns = 0

    def turn() -> None:
        nonlocal turns
        while True:
            gevent.sleep(0.002)
            turns += 1

    gevent.spawn(turn)
    assert THREAD.run(slept()) != original("_thread", "get_ident")()
    assert turns >= 5


def fifty_wait_at_once() -> None:
    waiting = [gevent.spawn(THREAD.run, slept(0.1), gone=lambda: False, poll=0.01) for _ in range(50)]
    assert len(gevent.joinall(waiting, timeout=3)) == 50
    assert len({each.value for each in waiting}) == 1


def names_are_looked_up() -> None:
    async def ask() -> Any:
        return await asyncio.get_running_loop().getaddrinfo("localhost", 80)

    assert THREAD.run(ask())


def work_is_done_off_the_loop() -> None:
    async def ask() -> Any:
        here = original("_thread", "get_ident")
        with_error = asyncio.to_thread(int, "x")
        return await asyncio.to_thread(here) != here(), await asyncio.gather(
            with_error, return_exceptions=True
        )

    elsewhere, [error] = THREAD.run(ask())
    assert elsewhere
    assert isinstance(error, ValueError)


def what_it_raises_is_raised() -> None:
    async def fail() -> None:
        raise LookupError("why")

    try:
        THREAD.run(fail())
    except LookupError as error:
        assert str(error) == "why"  # noqa: PT017 - pytest does not run here
    else:
        raise AssertionError("nothing was raised")


def who_leaves_has_it_cancelled() -> None:
    ended: list[int] = []
    try:
        THREAD.run(forever(ended), gone=lambda: True, poll=0.01)
    except CallerGone:
        THREAD.run(slept())
        assert ended == [1]
    else:
        raise AssertionError("nobody left")


def a_stream_is_pulled_and_closed() -> None:
    source = FakeStream(b"a", b"b", b"c", holds=(1,))
    stream = THREAD.iterate(source)
    assert next(stream) == b"a"
    gevent.spawn_later(0.02, source.release)
    assert list(stream) == [b"b", b"c"]
    THREAD.run(slept(0))
    assert source.closes == 1


def it_ends_when_the_process_does() -> None:
    ended: list[int] = []
    told: list[str] = []

    def ask() -> None:
        try:
            THREAD.run(forever(ended))
        except Unavailable as error:
            told.append(error.error_code)

    waiting = gevent.spawn(ask)
    gevent.sleep(0.05)
    THREAD.stop()
    waiting.join(3)
    assert (told, ended, repr(THREAD)) == (["draining"], [1], "<LoopThread stopped>")


if __name__ == "__main__":
    assert threading.Thread is not original("threading", "Thread")
    if os.environ.get("UVLOOP"):
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    globals()[sys.argv[1]]()
