"""More requests than there is room for: some wait, the rest is told at once; and the end of a process."""

import asyncio

import pytest

from llmgw_middleware.testing.upstream import Silence, Wait, chat, raw, sse, stream, stream_chunks
from tests.gateway.asking import ask, backend, chat_config, error_of, gateway, header, said, stream_of
from tests.traffic.hearing import listen

HELD = raw(Wait("go")) + chat()
HALF = sse(stream_chunks("Half ", "of it", finish=False), done=False, finish=False)


def config(url, *, route=None, **limits):
    return chat_config(backend("one", url), route=route, gateway=limits)


def bound(gw):
    return gw._loops.current()


async def held(gw, upstream, count):
    """Let ``count`` requests be under way."""
    tasks = [asyncio.create_task(ask(gw)) for _ in range(count)]
    await asyncio.to_thread(upstream.wait_request, count)
    return tasks


async def test_beyond_max_in_flight_the_rest_is_refused_at_once(llmgw_upstream):
    llmgw_upstream.default(HELD)
    async with gateway(config(llmgw_upstream.url, maxInFlight=2)) as gw:
        tasks = await held(gw, llmgw_upstream, 2)
        response = await ask(gw)
        assert (response.status, error_of(response)["code"]) == (503, "overloaded")
        assert header(response, "retry-after") == "1"
        llmgw_upstream.release("go")
        assert [(await task).status for task in tasks] == [200, 200]
        assert (await ask(gw)).status == 200
    assert len(llmgw_upstream.requests) == 3


async def test_max_pending_wait_and_go_on_in_turn(llmgw_upstream):
    llmgw_upstream.default(HELD)
    async with gateway(config(llmgw_upstream.url, maxInFlight=1, maxPending=2)) as gw:
        [first] = await held(gw, llmgw_upstream, 1)
        waiting = [asyncio.create_task(ask(gw)) for _ in range(2)]
        await asyncio.sleep(0)
        assert error_of(await ask(gw))["code"] == "overloaded"
        llmgw_upstream.release("go")
        assert [r.status for r in await asyncio.gather(first, *waiting)] == [200] * 3
        assert bound(gw).gate.inside == 0


async def test_nobody_waits_longer_than_the_queue_timeout(llmgw_upstream):
    llmgw_upstream.default(HELD)
    limits = {"maxInFlight": 1, "maxPending": 5, "queueTimeout": "30ms"}
    async with gateway(config(llmgw_upstream.url, **limits)) as gw:
        [first] = await held(gw, llmgw_upstream, 1)
        assert error_of(await ask(gw))["code"] == "overloaded"
        llmgw_upstream.release("go")
        assert (await first).status == 200
    assert len(llmgw_upstream.requests) == 1


async def test_a_stream_holds_its_place_until_its_end(llmgw_upstream):
    llmgw_upstream.default(HALF + raw(Wait("go")) + raw(*stream("!").actions[1:]))
    async with gateway(config(llmgw_upstream.url, maxInFlight=1)) as gw:
        response = await ask(gw, stream=True)
        assert (await ask(gw)).status == 503
        llmgw_upstream.release("go")
        await said(response)
        llmgw_upstream.default(chat())
        assert (await ask(gw)).status == 200


async def test_who_leaves_while_waiting_takes_no_place(llmgw_upstream):
    llmgw_upstream.default(HELD)
    async with gateway(config(llmgw_upstream.url, maxInFlight=1, maxPending=1)) as gw:
        [first] = await held(gw, llmgw_upstream, 1)
        waiting = asyncio.create_task(ask(gw))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        llmgw_upstream.release("go")
        assert (await first).status == 200
        assert bound(gw).gate.inside == 0


async def test_a_full_backend_refuses_when_it_stands_alone(llmgw_upstream):
    llmgw_upstream.default(HELD)
    alone = chat_config(backend("one", llmgw_upstream.url, maxInFlight=1))
    async with gateway(alone) as gw:
        [first] = await held(gw, llmgw_upstream, 1)
        response = await ask(gw)
        assert (response.status, error_of(response)["code"]) == (503, "overloaded")
        llmgw_upstream.release("go")
        assert (await first).status == 200


async def test_draining_lets_streams_finish_and_nobody_in(llmgw_upstream):
    llmgw_upstream.default(HALF + raw(Wait("go")) + raw(*stream("!").actions[1:]))
    async with gateway(config(llmgw_upstream.url)) as gw:
        response = await ask(gw, stream=True)
        draining = asyncio.create_task(gw.drain(20))
        await asyncio.sleep(0)
        refused = await ask(gw)
        assert (refused.status, error_of(refused)["code"]) == (503, "draining")
        assert header(refused, "retry-after") == "1"
        llmgw_upstream.release("go")
        heard = await listen(response)
        assert (heard.text, heard.ends) == ("Half of it!", ("stop", "[DONE]"))
        assert await draining
    assert len(llmgw_upstream.requests) == 1


async def test_streams_that_outlast_the_draining_are_told_and_get_no_finish(llmgw_upstream):
    llmgw_upstream.default(HALF + raw(Silence()))
    async with gateway(config(llmgw_upstream.url, drainTimeout="30ms")) as gw:
        responses = [await ask(gw, stream=True) for _ in range(3)]
        listening = [asyncio.create_task(listen(response)) for response in responses]
        assert await gw.drain()
        for heard in await asyncio.gather(*listening):
            assert (heard.text, heard.ends, heard.errors) == ("Half of it", (), ("draining",))
        assert {decision.outcome for decision in gw.recorder} == {"truncated"}
        assert (bound(gw).gate.inside, bound(gw).relays) == (0, set())
    await asyncio.to_thread(llmgw_upstream.wait_open, 0)


async def test_streams_that_are_open_when_the_gateway_closes_are_told_why(llmgw_upstream):
    llmgw_upstream.default(HALF + raw(Silence()))
    async with gateway(config(llmgw_upstream.url)) as gw:
        response = await ask(gw, stream=True)
        assert response.stream is not None
        said = b""
        while b"of it" not in said:
            said += await anext(response.stream)
        listening = asyncio.create_task(listen(response))
        await asyncio.sleep(0)
        await gw.aclose()
        heard = await listening
        assert (heard.text, heard.ends, heard.errors) == ("", (), ("draining",))
        assert [decision.code for decision in gw.recorder] == ["draining"]
    await asyncio.to_thread(llmgw_upstream.wait_open, 0)


async def test_an_idle_gateway_is_drained_at_once(llmgw_upstream):
    async with gateway(config(llmgw_upstream.url)) as gw:
        assert await gw.drain(0)


async def test_a_caller_that_leaves_stops_the_upstream_unless_the_route_drains(llmgw_upstream):
    llmgw_upstream.default(HALF + raw(Silence()))
    async with gateway(config(llmgw_upstream.url)) as gw:
        response = await ask(gw, stream=True)
        await anext(stream_of(response))
        await stream_of(response).aclose()
        await asyncio.to_thread(llmgw_upstream.wait_left)
        assert response.decision is not None
        assert (response.decision.outcome, response.decision.usage) == ("cancelled", None)


async def test_on_disconnect_drain_the_usage_is_accounted_all_the_same(llmgw_upstream):
    rest = stream("!", usage=True).actions[1:]
    llmgw_upstream.default(HALF + raw(Wait("go")) + raw(*rest))
    ended = asyncio.Event()

    class Told:
        def finished(self, decision):
            ended.set()

    asked = config(llmgw_upstream.url, route={"onDisconnect": "drain"})
    async with gateway(asked, observers=(Told(),)) as gw:
        response = await ask(gw, stream=True)
        await anext(stream_of(response))
        await stream_of(response).aclose()
        assert not ended.is_set()
        assert bound(gw).gate.inside == 1
        llmgw_upstream.release("go")
        await asyncio.wait_for(ended.wait(), 5)
        [decision] = gw.recorder
        assert decision.outcome == "cancelled"
        assert decision.usage is not None
        assert decision.usage.output == 1
        assert bound(gw).gate.inside == 0
    assert llmgw_upstream.left == {}


@pytest.mark.parametrize("end", ["drain", "aclose"])
async def test_the_end_of_the_process_ends_reading_for_the_account(llmgw_upstream, end):
    llmgw_upstream.default(HALF + raw(Silence()))
    asked = config(llmgw_upstream.url, route={"onDisconnect": "drain"})
    async with gateway(asked) as gw:
        response = await ask(gw, stream=True)
        await anext(stream_of(response))
        await stream_of(response).aclose()
        if end == "drain":
            assert await gw.drain(0)
            assert bound(gw).gate.inside == 0
    await asyncio.to_thread(llmgw_upstream.wait_open, 0)
    assert [decision.outcome for decision in gw.recorder] == ["cancelled"]
    assert asyncio.all_tasks() == {asyncio.current_task()}
