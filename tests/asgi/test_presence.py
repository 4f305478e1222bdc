import asyncio

import pytest

from llmgw_middleware.asgi import presence as presence_module
from llmgw_middleware.asgi.presence import Lookout, Presence

GONE = {"type": "http.disconnect"}


def looking():
    return Lookout(asyncio.get_running_loop())


class Line:
    """A connection whose caller leaves when told to."""

    def __init__(self, fails=None):
        self.left = asyncio.Event()
        self._fails = fails

    async def receive(self):
        await self.left.wait()
        if self._fails is not None:
            raise self._fails
        return GONE


async def test_work_that_ends_first_is_undisturbed():
    line = Line()
    async with Presence(line.receive, looking()) as presence:
        result = await asyncio.sleep(0, "done")
    assert (result, presence.left, repr(presence)) == ("done", False, "<Presence here>")


async def test_a_caller_who_leaves_cancels_the_work_and_nothing_beyond_it():
    line = Line()
    async with Presence(line.receive, looking()) as presence:
        line.left.set()
        await asyncio.Event().wait()
    assert presence.left
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_work_that_swallows_the_cancellation_leaves_no_trace_of_it():
    line = Line()
    async with Presence(line.receive, looking()) as presence:
        line.left.set()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.Event().wait()
    task = asyncio.current_task()
    assert task is not None
    assert (presence.left, task.cancelling()) == (True, 0)


async def test_an_error_of_the_work_goes_on_also_when_the_caller_left():
    line = Line()

    async def work():
        line.left.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise LookupError("while cleaning up")

    with pytest.raises(LookupError):
        async with Presence(line.receive, looking()):
            await work()


async def test_a_cancellation_from_outside_and_a_caller_who_left_at_once_is_the_outsiders():
    line, inside = Line(), asyncio.Event()

    async def work():
        async with Presence(line.receive, looking()):
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await inside.wait()
    task.cancel()
    line.left.set()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_server_that_fails_to_tell_is_heard(monkeypatch):
    monkeypatch.setattr(presence_module, "SOON", 0.0)
    line = Line(fails=RuntimeError("receive is broken"))

    async def work():
        async with Presence(line.receive, looking()):
            line.left.set()
            for _ in range(5):
                await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="receive is broken"):
        await work()


async def test_messages_that_are_no_farewell_are_passed_over():
    messages = [{"type": "http.request", "body": b"", "more_body": False}, GONE]

    async def receive():
        return messages.pop(0)

    async with Presence(receive, looking()) as presence:
        await asyncio.Event().wait()
    assert presence.left


def test_it_needs_a_task():
    async def receive():
        return GONE

    loop = asyncio.new_event_loop()
    entering = Presence(receive, Lookout(loop)).__aenter__()
    with pytest.raises(RuntimeError):
        entering.send(None)
    loop.close()


async def test_what_is_done_at_once_needs_no_watch():
    line = Line()
    before = asyncio.all_tasks()
    async with Presence(line.receive, looking()) as presence:
        assert asyncio.all_tasks() == before
    assert presence.left is False
