import io
import json
import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from llmgw_middleware.errors import AuthError, ConfigError
from llmgw_middleware.model.http import Pass, Request, Response
from llmgw_middleware.model.identity import Identity
from llmgw_middleware.wsgi import Bridge, LLMGatewayWSGI, raw_path
from llmgw_middleware.wsgi.hang_up import HangUp, hang_up
from llmgw_middleware.wsgi.middleware import status_line
from tests.doors import CHAT, FakeGateway, FakeStream, decision, never, passes, streaming

TIMEOUT = 10.0


def host(environ, start_response):
    """The application behind the door: it tells what it was asked."""
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("content-type", "text/plain")])
    return [b"host " + environ["PATH_INFO"].encode("latin-1") + b" " + body]


def environ_of(path=CHAT, body=b"{}", **more):
    environ = {
        "PATH_INFO": path,
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": "application/json",
        "REMOTE_ADDR": "10.0.0.1",
    }
    environ |= {"SCRIPT_NAME": "", "QUERY_STRING": ""}
    environ |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body), **more}
    environ = {key: value for key, value in environ.items() if value is not None}
    setup_testing_defaults(environ)
    return environ


def call(door, environ):
    """Return status, headers and the iterable of one call."""
    seen = []
    chunks = door(environ, lambda status, headers: seen.append((status, dict(headers))))
    return *seen[0], chunks


def ask(door, **options):
    status, _, chunks = call(door, environ_of(**options))
    return status, json.loads(b"".join(chunks))


@pytest.fixture
def doors() -> Iterator[list[LLMGatewayWSGI]]:
    made: list[LLMGatewayWSGI] = []
    yield made
    for door in made:
        door._bridge.thread.stop()


@pytest.fixture
def door_to(doors):
    def build(gateway=None, **options):
        doors.append(LLMGatewayWSGI(host, gateway=gateway or FakeGateway(), **options))
        return doors[-1]

    return build


class TestOtherPaths:
    def test_the_application_gets_the_same_objects_and_nothing_is_started(self):
        seen: list[Any] = []

        def application(*arguments):
            seen.append(arguments)
            return []

        door = LLMGatewayWSGI(application, gateway=FakeGateway())
        before, environ = threading.active_count(), environ_of("/other")
        start_response: Any = object()
        door(environ, start_response)
        assert seen[0][0] is environ
        assert seen[0][1] is start_response
        assert environ["wsgi.input"].tell() == 0
        assert (threading.active_count(), door._bridge.thread.started) == (before, False)

    def test_switched_off_everything_is_the_applications(self):
        door = LLMGatewayWSGI(host, gateway=FakeGateway(), enabled=False)
        assert b"".join(call(door, environ_of())[2]) == b"host /v1/chat/completions {}"
        assert repr(door) == "<LLMGatewayWSGI off>"


class TestAnswers:
    def test_a_request_reaches_the_gateway_as_it_was_sent(self, door_to):
        door = door_to()
        ask(door, body=b'{"a":1}', QUERY_STRING="q=%20", HTTP_X_REQUEST_ID="r-1", HTTP_COOKIE="a=b")
        [request] = door.gateway.requests
        assert (request.method, request.path, request.query, request.body) == (
            "POST",
            CHAT,
            b"q=%20",
            b'{"a":1}',
        )
        assert (b"cookie", b"a=b") in request.headers
        assert (b"content-type", b"application/json") in request.headers
        assert request.peer == "10.0.0.1"

    def test_an_answer_has_its_length_and_status_line(self, door_to):
        status, headers, chunks = call(door_to(), environ_of())
        assert (status, headers["content-length"]) == ("200 OK", str(len(b"".join(chunks))))

    def test_a_server_that_takes_no_headers_stops_the_upstream(self, door_to):
        def start_response(*_):
            raise ValueError("a header that the server refuses")

        stream = FakeStream(b"data: 1\n\n")
        with pytest.raises(ValueError, match="refuses"):
            door_to(FakeGateway(streaming(stream)))(environ_of(), start_response)
        assert stream.closed.wait(TIMEOUT)

    def test_it_keeps_to_the_letter_of_wsgi(self, door_to):
        door = validator(door_to(FakeGateway(streaming(FakeStream(b"data: 1\n\n")))))
        chunks: Any = door(environ_of(), lambda status, headers, exc_info=None: lambda data: None)
        assert list(chunks) == [b"data: 1\n\n"]
        chunks.close()

    def test_the_application_can_look_at_the_decision(self, door_to):
        environ = environ_of()
        call(door_to(), environ)
        assert environ["llmgw"].decision.request_id == "r1"

    def test_a_stream_is_handed_out_chunk_by_chunk(self, door_to):
        source = FakeStream(b"data: 1\n\n", b"data: 2\n\n", holds=(1,))
        _, headers, chunks = call(door_to(FakeGateway(streaming(source))), environ_of())
        assert "content-length" not in headers
        assert next(chunks) == b"data: 1\n\n"
        source.release()
        assert b"data: 2\n\n" in list(chunks)

    def test_closing_the_answer_stops_the_upstream(self, door_to):
        source = FakeStream(b"data: 1\n\n", holds=(1,))
        _, _, chunks = call(door_to(FakeGateway(streaming(source))), environ_of())
        next(chunks)
        chunks.close()
        assert source.closed.wait(TIMEOUT)

    @pytest.mark.parametrize(
        ("status", "line"), [(200, "200 OK"), (499, "499 Client Closed Request"), (599, "599 Unknown")]
    )
    def test_every_status_has_a_line(self, status, line):
        assert status_line(status) == line


class TestBodies:
    def test_a_body_at_the_limit_passes(self, door_to):
        assert ask(door_to(), body=b"x" * 1000)[1]["body"] == 1000

    @pytest.mark.parametrize("length", ["1001", None], ids=["announced", "chunked"])
    def test_one_byte_more_is_413(self, door_to, length):
        options = {"CONTENT_LENGTH": length, "wsgi.input_terminated": True}
        status, answer = ask(door_to(), body=b"x" * 1001, **options)
        assert (status[:3], answer["error"]["code"]) == ("413", "body_too_large")

    def test_a_refused_body_is_read_away_so_that_the_connection_can_go_on(self, door_to):
        environ = environ_of(body=b"x" * 1001)
        call(door_to(), environ)
        assert environ["wsgi.input"].tell() == 1001

    def test_a_refused_body_without_measure_is_left_where_it_is(self, door_to):
        environ = environ_of(body=b"x" * 1_000_000)
        call(door_to(), environ)
        assert environ["wsgi.input"].tell() < 100_000

    def test_a_chunked_body_is_read_to_its_end(self, door_to):
        options = {"CONTENT_LENGTH": None, "wsgi.input_terminated": True}
        assert ask(door_to(), body=b"x" * 900, **options)[1]["body"] == 900

    def test_without_a_length_nothing_is_read_that_might_not_end(self, door_to):
        assert ask(door_to(), body=b"x" * 9, CONTENT_LENGTH=None)[1]["body"] == 0

    def test_a_body_that_breaks_off_is_400(self, door_to):
        status, answer = ask(door_to(), body=b"x" * 9, CONTENT_LENGTH="10")
        assert (status, answer["error"]["code"]) == ("400 Bad Request", "incomplete_body")

    def test_another_type_than_json_is_415(self, door_to):
        assert ask(door_to(), CONTENT_TYPE="text/plain")[0] == "415 Unsupported Media Type"

    def test_what_no_rule_wants_goes_back_with_its_body(self, door_to):
        environ = environ_of(body=b"the same bytes")
        _, _, chunks = call(door_to(FakeGateway(passes)), environ)
        assert b"".join(chunks) == b"host /v1/chat/completions the same bytes"
        assert environ["llmgw"].decision.request_id == "r1"


class TestIdentity:
    def test_the_hook_runs_on_the_requests_own_thread_and_sees_the_environ(self, door_to):
        seen = []

        def identify(request):
            seen.append(
                (
                    threading.current_thread(),
                    request.native["PATH_INFO"],
                    request.headers["x-a"],
                    request.client,
                )
            )
            return Identity(id="7", source="token")

        assert ask(door_to(identify=identify), HTTP_X_A="1")[1]["id"] == "7"
        assert seen == [(threading.current_thread(), CHAT, "1", "10.0.0.1")]

    def test_an_async_hook_runs_there_too(self, door_to):
        threads = []

        async def identify(request):
            threads.append(threading.current_thread())
            return Identity(id="8", source="token")

        assert ask(door_to(identify=identify))[1]["id"] == "8"
        assert threads[0].name != "llmgw-loop"

    def test_a_refusal_is_answered_in_the_callers_dialect(self, door_to):
        def identify(request):
            raise AuthError("token expired")

        status, answer = ask(door_to(identify=identify))
        assert (status, answer["error"]["message"]) == ("401 Unauthorized", "token expired")

    def test_a_foreign_page_cannot_use_the_session(self, door_to):
        door = door_to(
            identify=lambda _: Identity(id="7", source="session"), trusted_origins=["https://partner.example"]
        )
        assert ask(door, HTTP_ORIGIN="https://evil.example")[0] == "403 Forbidden"
        assert ask(door, HTTP_ORIGIN="https://partner.example")[0] == "200 OK"

    def test_rules_about_users_without_a_hook_are_a_configuration_error(self, door_to):
        status, answer = ask(door_to(FakeGateway(uses_identity=True)))
        assert (status, answer["error"]["code"]) == ("500 Internal Server Error", "identity_unavailable")
        assert "identify=" in answer["error"]["message"]

    def test_without_such_rules_everybody_is_anonymous(self, door_to):
        assert ask(door_to())[1]["source"] == "none"

    def test_a_hook_that_cannot_be_loaded_stops_the_start(self):
        with pytest.raises(ConfigError, match="identify"):
            LLMGatewayWSGI(host, gateway=FakeGateway(), identify="nowhere:identify")


class TestPaths:
    @pytest.mark.parametrize(
        ("environ", "path"),
        [
            ({"PATH_INFO": "/v1/chat"}, "/v1/chat"),
            ({"PATH_INFO": "/v1/a b"}, "/v1/a%20b"),
            ({"PATH_INFO": "/v1/k\xc3\xbc"}, "/v1/k%C3%BC"),
            ({"PATH_INFO": "/v1/a/b", "RAW_URI": "/v1/a%2Fb?q=1"}, "/v1/a%2Fb"),
            ({"PATH_INFO": "/v1/a/b", "REQUEST_URI": "/v1/a%2Fb"}, "/v1/a%2Fb"),
            ({"PATH_INFO": "/v1", "SCRIPT_NAME": "/ai", "RAW_URI": "/ai/v1"}, "/v1"),
            ({"PATH_INFO": "/v1", "RAW_URI": "http://shop.example/v1?q"}, "/v1"),
            ({"PATH_INFO": "/rewritten", "RAW_URI": "/v1/chat"}, "/rewritten"),
            ({"PATH_INFO": "/v1/\xff", "RAW_URI": "/v1/%FF"}, "/v1/%FF"),
        ],
        ids=str,
    )
    def test_the_callers_own_spelling_is_taken_where_the_server_tells(self, environ, path):
        assert raw_path(environ) == path


def looking(environ) -> HangUp:
    gone = hang_up(environ)
    assert gone is not None
    return gone


def status_of(answer: Response | Pass) -> int:
    assert isinstance(answer, Response)
    return answer.status


@pytest.fixture
def line() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A connection: the server's end and the caller's."""
    server, caller = socket.socketpair()
    with server, caller:
        yield server, caller


class TestHangUp:
    @pytest.mark.parametrize("key", ["gunicorn.socket", "werkzeug.socket"])
    def test_a_caller_who_closes_is_gone(self, line, key):
        server, caller = line
        gone = looking({key: server})
        assert not gone()
        caller.close()
        assert gone()
        gone.close()

    def test_a_byte_of_the_next_request_is_left_where_it_is(self, line):
        server, caller = line
        gone = looking({"gunicorn.socket": server})
        caller.send(b"GET")
        assert not gone()
        assert server.recv(3) == b"GET"
        gone.close()

    def test_a_half_closed_caller_counts_as_gone(self, line):
        server, caller = line
        gone = looking({"gunicorn.socket": server})
        caller.send(b"GET")
        caller.shutdown(socket.SHUT_WR)
        assert gone()
        gone.close()

    def test_the_servers_own_socket_stays_open(self, line):
        server, caller = line
        gone = looking({"gunicorn.socket": server})
        assert not gone()
        gone.close()
        server.send(b"x")
        assert caller.recv(1) == b"x"

    def test_the_server_may_close_its_own(self, line):
        server, _ = line
        gone = looking({"gunicorn.socket": server})
        assert not gone()
        server.close()
        assert not gone()
        gone.close()

    def test_a_connection_that_the_server_has_closed_is_gone(self, line):
        server, _ = line
        gone = looking({"gunicorn.socket": server})
        server.close()
        assert gone()
        gone.close()

    def test_without_a_socket_there_is_nothing_to_look_at(self):
        assert hang_up({"gunicorn.socket": object()}) is None


class TestBridge:
    def test_a_caller_who_leaves_before_the_answer_cancels_the_work(self, line):
        server, caller = line
        started, ended = threading.Event(), threading.Event()
        bridge = Bridge(FakeGateway(never(started, ended)), poll=0.01)
        leaver = threading.Thread(target=lambda: started.wait(TIMEOUT) and caller.close())
        leaver.start()
        answer = bridge.handle(request_of(), {"gunicorn.socket": server})
        assert (status_of(answer), ended.wait(TIMEOUT)) == (499, True)
        leaver.join()
        bridge.thread.stop()

    def test_a_caller_who_leaves_amid_silence_stops_the_upstream(self, line):
        server, caller = line
        source = FakeStream(b"data: 1\n\n", b"data: 2\n\n", holds=(1,))
        bridge = Bridge(FakeGateway(), poll=0.01)
        stream = bridge.stream(Response(status=200, stream=source), {"gunicorn.socket": server})
        next(stream)
        caller.close()
        assert list(stream) == []
        assert source.closed.wait(TIMEOUT)
        bridge.thread.stop()

    def test_one_thread_for_all_is_warned_of_once(self, caplog):
        bridge = Bridge(FakeGateway())
        with caplog.at_level(logging.WARNING, "llmgw"):
            for _ in range(2):
                bridge.handle(request_of(), {"wsgi.multithread": False})
        assert caplog.text.count("one request at a time") == 1
        bridge.thread.stop()

    def test_the_gateway_is_closed_with_its_loop(self):
        gateway = FakeGateway()
        bridge = Bridge(gateway)
        bridge.handle(request_of(), {})
        bridge.thread.stop()
        assert gateway.closed == 1

    def test_a_process_on_its_way_out_says_so(self):
        bridge = Bridge(FakeGateway())
        bridge.thread.stop()
        assert status_of(bridge.handle(request_of(), {})) == 503

    def test_a_body_is_no_stream(self):
        with pytest.raises(ValueError, match="no stream"):
            Bridge(FakeGateway()).stream(Response(status=200, decision=decision()), {})


def request_of():
    return Request(method="POST", path=CHAT)
