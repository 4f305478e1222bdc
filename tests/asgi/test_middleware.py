import asyncio
import threading
from typing import Any

import pytest

from llmgw_middleware.asgi import LLMGatewayMiddleware
from llmgw_middleware.asgi.scope import path_of
from llmgw_middleware.errors import AuthError, ConfigError
from llmgw_middleware.model.identity import Identity
from tests.asgi.calls import Call, ask, host, scope_of
from tests.doors import CHAT, FakeGateway, FakeStream, never, passes, streaming


def door_to(gateway=None, **options):
    return LLMGatewayMiddleware(host, gateway=gateway or FakeGateway(), **options)


async def set_by(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, 10)


class TestOtherTraffic:
    @pytest.mark.parametrize(
        "scope",
        [
            scope_of("/other"),
            scope_of(method="OPTIONS"),
            {"type": "websocket", "path": CHAT},
            {"type": "unknown"},
        ],
        ids=["path", "preflight", "websocket", "unknown"],
    )
    async def test_the_application_gets_the_very_same_objects(self, scope):
        seen: list[Any] = []
        before = dict(scope)

        async def app(*arguments):
            seen.append(arguments)

        receive: Any = object()
        send: Any = object()
        await LLMGatewayMiddleware(app, gateway=FakeGateway())(scope, receive, send)
        [(got_scope, got_receive, got_send)] = seen
        assert (got_scope is scope, got_receive is receive, got_send is send) == (True, True, True)
        assert scope == before

    async def test_switched_off_everything_is_the_applications(self):
        door = door_to(enabled=False)
        assert (await ask(door)).body == b"host {}"
        assert repr(door) == "<LLMGatewayMiddleware off>"

    async def test_the_environment_switches_off_whatever_the_code_says(self, monkeypatch):
        monkeypatch.setenv("LLMGW_ENABLED", "false")
        assert (await ask(door_to(enabled=True))).body == b"host {}"


class TestAnswers:
    async def test_a_request_reaches_the_gateway_as_it_was_sent(self):
        door = door_to()
        await ask(door, b'{"a"', b":1}", query_string=b"q=1", headers=((b"cookie", b"a=b"),))
        [request] = door.gateway.requests
        assert (request.method, request.path, request.query, request.body) == (
            "POST",
            CHAT,
            b"q=1",
            b'{"a":1}',
        )
        assert (request.peer, (b"cookie", b"a=b") in request.headers) == ("10.0.0.1", True)

    async def test_an_answer_is_one_start_and_one_whole_body(self):
        call = await ask(door_to())
        assert [m["type"] for m in call.sent] == ["http.response.start", "http.response.body"]
        assert (call.status, call.headers[b"content-length"]) == (200, b"%d" % len(call.body))

    async def test_the_application_around_us_can_look_at_the_decision(self):
        scope, call = scope_of(), Call()
        door = door_to()
        await door(scope, call.receive, call.send)
        assert (scope["llmgw"].gateway, scope["llmgw"].decision.request_id) == (door.gateway, "r1")

    async def test_a_stream_is_sent_chunk_by_chunk_and_ended(self):
        source = FakeStream(b"data: 1\n\n", b"data: 2\n\n")
        call = await ask(door_to(FakeGateway(streaming(source))))
        assert [m.get("body") for m in call.sent] == [None, b"data: 1\n\n", b"data: 2\n\n", b""]
        assert (call.complete, source.closed.is_set(), b"content-length" in call.headers) == (
            True,
            True,
            False,
        )

    async def test_a_chunk_that_is_known_to_be_the_last_is_sent_together_with_the_end(self):
        source = FakeStream(b"data: 1\n\n", b"data: 2\n\n", tells_last=True)
        call = await ask(door_to(FakeGateway(streaming(source))))
        bodies = [(m["body"], m["more_body"]) for m in call.sent[1:]]
        assert bodies == [(b"data: 1\n\n", True), (b"data: 2\n\n", False)]
        assert source.closed.is_set()

    async def test_a_stream_that_breaks_is_never_ended_as_if_it_were_complete(self):
        source = FakeStream(b"data: 1\n\n", fails=LookupError("cut"))
        call = Call()
        with pytest.raises(LookupError):
            await ask(door_to(FakeGateway(streaming(source))), call=call)
        assert (call.complete, source.closed.is_set()) == (False, True)

    async def test_what_no_rule_wants_goes_back_with_its_body(self):
        assert (
            await ask(door_to(FakeGateway(passes)), b"the same ", b"bytes")
        ).body == b"host the same bytes"

    async def test_after_the_body_the_application_hears_the_caller_leave(self):
        heard = []

        async def app(scope, receive, send):
            heard.extend([(await receive())["type"], (await receive())["type"]])

        call = Call()
        call.left.set()
        # The caller leaves at once; the gateway answers without waiting, so it is the application that hears of it.
        await LLMGatewayMiddleware(app, gateway=FakeGateway(passes))(scope_of(), call.receive, call.send)
        assert heard == ["http.request", "http.disconnect"]


class TestBodies:
    async def test_a_body_at_the_limit_passes(self):
        assert (await ask(door_to(), b"x" * 600, b"x" * 400)).told["body"] == 1000

    async def test_one_byte_more_is_413_while_it_is_counted(self):
        call = await ask(door_to(), b"x" * 600, b"x" * 401, b"x")
        assert (call.status, call.told["error"]["code"], call.read) == (413, "body_too_large", 2)

    async def test_an_announced_body_over_the_limit_is_not_read(self):
        call = await ask(door_to(), headers=((b"content-length", b"1001"),))
        assert (call.status, call.read) == (413, 0)

    async def test_another_type_than_json_is_415_before_anything_is_read(self):
        call = await ask(door_to(), headers=((b"content-type", b"text/plain"),))
        assert (call.status, call.read) == (415, 0)

    async def test_a_caller_who_breaks_off_is_not_answered_by_the_gateway(self):
        door = door_to()
        call = await ask(door, call=Call(b"half", leave_amid=True))
        assert (call.status, call.body, door.gateway.requests) == (499, b"", [])


class TestLeaving:
    async def test_before_the_answer_the_work_is_cancelled_and_awaited(self):
        started, ended = threading.Event(), threading.Event()
        call = Call()
        task = asyncio.create_task(ask(door_to(FakeGateway(never(started, ended))), call=call))
        await set_by(started)
        call.left.set()
        await task
        assert (ended.is_set(), call.status, call.body) == (True, 499, b"")

    async def test_amid_silence_the_stream_is_closed(self):
        source, call = FakeStream(b"data: 1\n\n", b"data: 2\n\n", holds=(1,)), Call()
        task = asyncio.create_task(ask(door_to(FakeGateway(streaming(source))), call=call))
        await set_by(source.waiting)
        call.left.set()
        await task
        assert (source.closed.is_set(), call.status, call.body, call.complete) == (
            True,
            200,
            b"data: 1\n\n",
            False,
        )

    @pytest.mark.parametrize("at", [0, 1, 2], ids=["start", "chunk", "end"])
    async def test_a_send_that_fails_means_the_same(self, at):
        source, call = FakeStream(b"data: 1\n\n"), Call()

        async def send(message: Any) -> None:
            call.sent.append(message)
            if len(call.sent) > at:
                raise OSError("connection closed")

        await door_to(FakeGateway(streaming(source)))(scope_of(), call.receive, send)
        assert (source.closed.is_set(), len(call.sent)) == (True, at + 1)

    async def test_a_cancellation_from_outside_goes_on(self):
        started, ended = threading.Event(), threading.Event()
        call = Call()
        task = asyncio.create_task(ask(door_to(FakeGateway(never(started, ended))), call=call))
        await set_by(started)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (ended.is_set(), call.sent) == (True, [])

    async def test_no_task_is_left_behind(self):
        before = asyncio.all_tasks()
        await ask(door_to(FakeGateway(streaming(FakeStream(b"data: 1\n\n")))))
        assert asyncio.all_tasks() == before


class TestIdentity:
    async def test_a_plain_hook_runs_in_a_thread_and_sees_the_scope(self):
        seen = []

        def identify(request):
            seen.append(
                (
                    threading.current_thread() is threading.main_thread(),
                    request.native["path"],
                    request.client,
                )
            )
            return Identity(id="7", source="token")

        assert (await ask(door_to(identify=identify))).told["id"] == "7"
        assert seen == [(False, CHAT, "10.0.0.1")]

    async def test_a_refusal_is_the_answer(self):
        async def identify(request):
            raise AuthError("token expired")

        assert (await ask(door_to(identify=identify))).status == 401

    async def test_the_sessions_user_is_taken_from_the_scope(self):
        told = (await ask(door_to(), session={"user_id": 7})).told
        assert (told["id"], told["source"], told["attributes"]) == ("7", "session", {"tier": "free"})

    async def test_a_foreign_page_cannot_use_the_session(self):
        door = door_to(trusted_origins=["https://partner.example"])
        evil, partner = ((b"origin", b"https://evil.example"),), ((b"origin", b"https://partner.example"),)
        assert (await ask(door, session={"user_id": 7}, headers=evil)).status == 403
        assert (await ask(door, session={"user_id": 7}, headers=partner)).status == 200
        assert (await ask(door, session={}, headers=evil)).status == 200

    async def test_a_session_that_is_not_there_is_a_configuration_error_where_rules_ask_who_calls(self):
        call = await ask(door_to(FakeGateway(uses_identity=True)))
        assert (call.status, call.told["error"]["code"]) == (500, "identity_unavailable")
        assert "add it before them" in call.told["error"]["message"]

    async def test_without_such_rules_everybody_is_anonymous(self):
        assert (await ask(door_to())).told["source"] == "none"

    async def test_an_empty_session_is_anonymous_where_rules_ask_who_calls(self):
        assert (await ask(door_to(FakeGateway(uses_identity=True)), session={})).told["source"] == "none"


class TestConfiguration:
    def test_a_wrong_one_is_refused_at_once_outside_a_loop(self):
        with pytest.raises(ConfigError, match="identify"):
            door_to(identify="nowhere:identify")

    async def test_inside_a_loop_every_request_meets_the_refusal(self):
        door = door_to(identify="nowhere:identify")
        with pytest.raises(ConfigError, match="identify"):
            await ask(door, path="/other")

    def test_config_and_gateway_together_are_refused(self):
        with pytest.raises(ConfigError, match="both given"):
            door_to(config={})

    def test_nothing_at_all_is_refused(self):
        with pytest.raises(ConfigError, match="LLMGW_CONFIG"):
            LLMGatewayMiddleware(host)


class TestPaths:
    @pytest.mark.parametrize(
        ("scope", "path"),
        [
            ({"path": "/v1/a", "raw_path": b"/v1/a"}, "/v1/a"),
            ({"path": "/v1/a b", "raw_path": b"/v1/a%20b"}, "/v1/a%20b"),
            ({"path": "/v1/a/b", "raw_path": b"/v1/a%2Fb"}, "/v1/a%2Fb"),
            ({"path": "/v1/a b"}, "/v1/a%20b"),
            ({"path": "/v1/a", "raw_path": None}, "/v1/a"),
            ({"path": "/rewritten", "raw_path": b"/v1/a"}, "/rewritten"),
            ({"path": "/ai/v1/a", "raw_path": b"/ai/v1/a", "root_path": "/ai"}, "/v1/a"),
            ({"path": "/ai/v1/a/b", "raw_path": b"/ai/v1/a%2Fb", "root_path": "/ai"}, "/v1/a%2Fb"),
        ],
        ids=str,
    )
    def test_the_callers_own_spelling_is_taken_where_the_server_tells(self, scope, path):
        assert path_of(scope) == path
