import asyncio
import gc
import os
import sys
import threading
import types
from collections.abc import Iterator

import pytest

from llmgw_middleware.errors import ConfigError, Unavailable
from llmgw_middleware.loop_thread import HEARTBEAT, CallerGone, LoopThread
from tests.doors import FakeStream

TIMEOUT = 10.0


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    thread = LoopThread()
    yield thread
    thread.stop()


async def name():
    return threading.current_thread().name


async def forever(started, ended):
    started.set()
    try:
        await asyncio.Event().wait()
    finally:
        ended.set()


async def _set(event):
    event.set()


def reading(stream, into):
    """Read ``stream`` to its end in a thread of its own."""
    reader = threading.Thread(target=lambda: into.extend(stream))
    reader.start()
    return reader


class TestCalls:
    def test_a_result_that_comes_as_its_caller_leaves_is_discarded(self, thread):
        release, discarded = asyncio.Event(), threading.Event()

        async def late():
            await release.wait()
            return "late"

        async def discard(result):
            assert result == "late"
            discarded.set()

        def gone():
            thread.submit(asyncio.sleep(0)).wait(TIMEOUT)  # the call waits
            release_soon = thread.submit(_set(release))
            release_soon.wait(TIMEOUT)
            thread.submit(asyncio.sleep(0.01)).wait(TIMEOUT)  # and now it has ended
            return True

        with pytest.raises(CallerGone):
            thread.run(late(), gone=gone, poll=0.001, discard=discard)
        assert discarded.wait(TIMEOUT)

    def test_a_call_that_is_cancelled_has_nothing_to_discard(self, thread):
        discarded = []

        async def discard(result):
            discarded.append(result)

        with pytest.raises(CallerGone):
            thread.run(asyncio.sleep(TIMEOUT, "late"), gone=lambda: True, poll=0.001, discard=discard)
        thread.run(asyncio.sleep(0.01))
        assert discarded == []

    def test_nothing_exists_before_the_first_use(self):
        before = threading.active_count()
        thread = LoopThread()
        assert not thread.started
        assert (threading.active_count(), repr(thread)) == (before, "<LoopThread not started>")

    def test_a_coroutine_runs_on_the_one_thread(self, thread):
        assert thread.run(name()) == thread.run(name()) == "llmgw-loop"
        assert repr(thread) == "<LoopThread running, 0 streams>"

    def test_what_it_raises_is_raised(self, thread):
        async def fail():
            raise LookupError("why")

        with pytest.raises(LookupError, match="why"):
            thread.run(fail())

    @pytest.mark.parametrize("gone", [None, lambda: False], ids=["without a look", "with a look"])
    def test_a_timeout_of_the_work_is_no_end_of_a_poll(self, thread, gone):
        async def fail():
            raise TimeoutError("the work's own")

        with pytest.raises(TimeoutError, match="the work's own"):
            thread.run(fail(), gone=gone, poll=0.01)

    def test_work_that_outlives_many_polls_is_waited_for(self, thread):
        looks = []
        done = asyncio.Event()

        def gone():
            looks.append(1)
            if len(looks) == 3:
                thread.submit(set_(done))
            return False

        async def set_(event):
            event.set()

        async def work():
            await done.wait()
            return "worth it"

        assert thread.run(work(), gone=gone, poll=0.01) == "worth it"
        assert len(looks) >= 3

    def test_work_is_cancelled_when_the_caller_is_gone(self, thread):
        started, ended = threading.Event(), threading.Event()
        with pytest.raises(CallerGone):
            thread.run(forever(started, ended), gone=started.is_set, poll=0.01)
        assert ended.wait(TIMEOUT)

    def test_work_is_cancelled_when_the_waiting_thread_is_interrupted(self, thread):
        started, ended = threading.Event(), threading.Event()

        def gone():
            if started.is_set():
                raise SystemExit
            return False

        with pytest.raises(SystemExit):
            thread.run(forever(started, ended), gone=gone, poll=0.01)
        assert ended.wait(TIMEOUT)


class TestLoops:
    async def kind(self):
        return type(asyncio.get_running_loop())

    def test_uvloop_is_used_where_it_is_installed(self, thread):
        uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")
        assert thread.run(self.kind()) is uvloop.Loop

    def test_asyncio_is_used_where_the_environment_asks_for_it(self, thread, monkeypatch):
        monkeypatch.setenv("LLMGW_LOOP", "asyncio")
        assert thread.run(self.kind()) is asyncio.SelectorEventLoop

    def test_asyncio_is_used_where_uvloop_is_not_installed(self, thread, monkeypatch):
        monkeypatch.setitem(sys.modules, "uvloop", None)
        assert thread.run(self.kind()) is asyncio.SelectorEventLoop

    @pytest.mark.parametrize(
        ("asked", "told"), [("uvloop", "not installed"), ("fast", "auto, asyncio or uvloop")]
    )
    def test_what_the_environment_asks_for_in_vain_is_told(self, thread, monkeypatch, asked, told):
        monkeypatch.setitem(sys.modules, "uvloop", None)
        monkeypatch.setenv("LLMGW_LOOP", asked)
        with pytest.raises(ConfigError, match=told):
            thread.run(self.kind())

    @pytest.fixture
    def own(self):
        """A loop that the host's own policy makes."""

        class Own(asyncio.SelectorEventLoop):
            pass

        class Policy(asyncio.DefaultEventLoopPolicy):
            def new_event_loop(self):
                return Own()

        before = asyncio.get_event_loop_policy()
        asyncio.set_event_loop_policy(Policy())
        yield Own
        asyncio.set_event_loop_policy(before)

    def test_a_loop_of_the_hosts_own_policy_is_left_alone(self, thread, own):
        assert thread.run(self.kind()) is own

    def test_what_the_environment_asks_for_is_stronger_than_the_policy(self, thread, own, monkeypatch):
        monkeypatch.setenv("LLMGW_LOOP", "asyncio")
        assert thread.run(self.kind()) is asyncio.SelectorEventLoop


class TestStreams:
    def test_chunks_come_in_order_and_the_end_closes(self, thread):
        source = FakeStream(b"a", b"b")
        assert list(thread.iterate(source)) == [b"a", b"b"]
        assert source.closed.wait(TIMEOUT)

    def test_a_chunk_is_given_before_the_next_is_there(self, thread):
        source = FakeStream(b"a", b"b", holds=(1,))
        stream = thread.iterate(source)
        assert next(stream) == b"a"
        source.release()
        assert next(stream) == b"b"
        stream.close()

    def test_nothing_is_read_ahead_of_the_caller(self, thread):
        source = FakeStream(b"a", b"b", holds=(1,))
        stream = thread.iterate(source)
        next(stream)
        thread.run(name())
        assert not source.waiting.is_set()
        stream.close()

    def test_close_stops_the_upstream_once(self, thread):
        source = FakeStream(b"a", b"b")
        stream = thread.iterate(source)
        next(stream)
        stream.close()
        stream.close()
        assert source.closed.wait(TIMEOUT)
        assert list(stream) == []
        assert (source.closes, repr(stream)) == (1, "<SyncStream closed>")

    def test_close_from_another_thread_ends_a_step_that_waits(self, thread):
        source = FakeStream(b"a", b"b", holds=(1,))
        got: list[bytes] = []
        stream = thread.iterate(source)
        reader = reading(stream, got)
        assert source.waiting.wait(TIMEOUT)
        stream.close()
        reader.join(TIMEOUT)
        assert source.closed.wait(TIMEOUT)
        assert got == [b"a"]

    def test_a_stream_that_nobody_holds_is_closed(self, thread):
        source = FakeStream(b"a", b"b")
        next(thread.iterate(source))
        gc.collect()
        assert source.closed.wait(TIMEOUT)

    def test_a_caller_who_left_ends_it_in_silence(self, thread):
        source = FakeStream(b"a", b"b", holds=(1,))
        assert list(thread.iterate(source, gone=source.waiting.is_set, poll=0.01)) == [b"a"]
        assert source.closed.wait(TIMEOUT)

    def test_an_error_of_the_stream_is_raised(self, thread):
        stream = thread.iterate(FakeStream(b"a", fails=LookupError("cut")))
        next(stream)
        with pytest.raises(LookupError, match="cut"):
            next(stream)
        stream.close()

    @pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"], ids=repr)
    def test_silence_between_events_is_filled_with_a_comment(self, thread, end):
        source = FakeStream(b"data: 1" + end[:1], end[1:], b"data: 2\n\n", holds=(2,))
        stream = thread.iterate(source, heartbeat=0.01)
        assert [next(stream) for _ in range(4)] == [b"data: 1" + end[:1], end[1:], HEARTBEAT, HEARTBEAT]
        source.release()
        rest = [chunk for chunk in stream if chunk != HEARTBEAT]
        assert rest == [b"data: 2\n\n"]

    def test_silence_inside_an_event_stays_silent(self, thread):
        source = FakeStream(b"data: 1\n", b"data: 2\n\n", holds=(1,))
        looks = []

        def gone():
            looks.append(1)
            if len(looks) == 5:
                source.release()
            return False

        assert list(thread.iterate(source, gone=gone, heartbeat=0.01)) == [b"data: 1\n", b"data: 2\n\n"]

    def test_silence_before_the_first_event_stays_silent(self, thread):
        source = FakeStream(b"data: 1\n\n", holds=(0,))
        looks = []

        def gone():
            looks.append(1)
            if len(looks) == 5:
                source.release()
            return False

        assert list(thread.iterate(source, gone=gone, heartbeat=0.01)) == [b"data: 1\n\n"]

    def test_nothing_is_asked_for_behind_the_last_chunk(self, thread):
        source = FakeStream(b"a", b"b", holds=(2,), tells_last=True)
        assert list(thread.iterate(source)) == [b"a", b"b"]
        assert source.closed.wait(TIMEOUT)
        assert not source.waiting.is_set()

    def test_a_last_chunk_that_comes_during_a_comment_is_given(self, thread):
        source = FakeStream(b"data: 1\n\n", b"data: 2\n\n", holds=(1,), tells_last=True)
        stream = thread.iterate(source, heartbeat=0.01)
        assert [next(stream), next(stream)] == [b"data: 1\n\n", HEARTBEAT]
        source.release()
        assert [chunk for chunk in stream if chunk != HEARTBEAT] == [b"data: 2\n\n"]

    def test_what_belongs_to_the_caller_is_given_back_once(self, thread):
        closed = []
        stream = thread.iterate(FakeStream(b"a"), on_close=lambda: closed.append(1))
        assert list(stream) == [b"a"]
        stream.close()
        assert closed == [1]


class TestEnd:
    def test_stopping_cancels_work_closes_streams_and_says_goodbye(self):
        said = threading.Event()

        async def goodbye():
            said.set()

        thread = LoopThread(at_end=goodbye)
        source, ended = FakeStream(b"a", b"b"), threading.Event()
        stream = thread.iterate(source)
        next(stream)
        thread.submit(forever(threading.Event(), ended))
        thread.run(name())
        thread.stop()
        assert (ended.is_set(), source.closes, said.is_set()) == (True, 1, True)
        assert repr(thread) == "<LoopThread stopped>"

    def test_who_waits_while_it_stops_is_told_so(self):
        thread, started = LoopThread(), threading.Event()

        def stop_once_started():
            started.wait(TIMEOUT)
            thread.stop()

        stopper = threading.Thread(target=stop_once_started)
        stopper.start()
        with pytest.raises(Unavailable) as caught:
            thread.run(forever(started, threading.Event()))
        assert caught.value.error_code == "draining"
        stopper.join(TIMEOUT)

    def test_a_stream_that_is_stopped_does_not_end_as_if_it_were_complete(self):
        thread = LoopThread()
        source = FakeStream(b"a", b"b", holds=(1,))

        def gone():
            if source.waiting.is_set():
                thread.stop()
            return False

        stream = thread.iterate(source, gone=gone, poll=0.01)
        next(stream)
        with pytest.raises(Unavailable):
            next(stream)

    def test_after_the_end_nothing_starts(self, thread):
        thread.stop()
        with pytest.raises(Unavailable):
            thread.run(name())

    def test_stopping_what_never_started_does_nothing(self):
        thread = LoopThread()
        thread.stop()
        assert not thread.started

    def test_eventlets_green_threads_are_refused(self, monkeypatch, thread):
        green = types.SimpleNamespace(is_monkey_patched=lambda _: True)
        monkeypatch.setitem(sys.modules, "eventlet.patcher", green)
        with pytest.raises(ConfigError, match="gthread"):
            thread.run(name())


def in_child(work):
    """Fork, run ``work`` in the child, return its exit code: 0 if it returned True."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings(
    "ignore:This process:DeprecationWarning"
)  # forking with threads is what is tested
class TestFork:
    def test_a_child_starts_its_own_and_the_parent_keeps_its(self, thread):
        thread.run(name())
        assert in_child(lambda: not thread.started and thread.run(name()) == "llmgw-loop") == 0
        assert thread.run(name()) == "llmgw-loop"

    def test_a_fork_that_python_is_not_told_of_is_noticed_on_use(self, thread, monkeypatch):
        thread.run(name())
        monkeypatch.setattr(thread, "_pid", -1)
        assert repr(thread) == "<LoopThread not started in this process>"
        assert thread.run(name()) == "llmgw-loop"
        [parents] = thread._abandoned
        parents.call_soon_threadsafe(parents.stop)

    def test_a_child_leaves_the_parents_streams_alone(self, thread):
        stream = thread.iterate(FakeStream(b"a", b"b"))
        next(stream)
        assert in_child(lambda: stream.close() is None and not thread.started) == 0
        assert next(stream) == b"b"
        stream.close()
