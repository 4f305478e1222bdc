import asyncio
import logging
from typing import cast

import pytest

from llmgw_middleware.entry import (
    Door,
    Found,
    Resolver,
    below_mount,
    check_content_type,
    check_length,
    check_origin,
    check_origins,
    framed,
    joined,
    load_hook,
    settled,
)
from llmgw_middleware.errors import (
    AuthError,
    BodyTooLarge,
    ConfigError,
    Forbidden,
    GatewayError,
    UnsupportedMediaType,
)
from llmgw_middleware.model.http import HostRequest, Response
from llmgw_middleware.model.identity import ANONYMOUS, Identity
from tests.doors import CHAT, FakeGateway, FakeStream

NO_USERS: dict[str, Identity] = {}
ASKED = HostRequest(method="POST", path=CHAT, headers={}, client=None, native=None)


class User:
    tier = "premium"


async def nobody(request):
    return None


def resolver(hook):
    return Resolver(FakeGateway(), hook, nobody)


def resolved(hook):
    return resolver(hook).resolve(ASKED)


def headers(**values):
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in values.items()]


class TestResolver:
    def test_none_is_anonymous(self):
        assert not resolved(lambda _: None).authenticated

    def test_what_the_hook_says_is_kept_and_gaps_are_filled(self):
        identity = resolved(
            lambda _: Identity(id="7", attributes={"staff": True}, source="token", session_key="k")
        )
        assert (identity.id, identity.source, identity.session_key) == ("7", "token", "k")
        assert identity.attributes == {"staff": True, "tier": "free"}

    def test_an_attribute_that_the_hook_gives_wins_over_the_default(self):
        assert resolved(lambda _: Identity(attributes={"tier": "gold"})).attributes == {"tier": "gold"}

    def test_configured_paths_are_read_off_the_objects_that_a_door_found(self):
        found = Found(
            id="7", source="session", attributes={"staff": False, "tier": "?"}, subjects={"user": User()}
        )
        assert resolved(lambda _: found).attributes == {"staff": False, "tier": "premium"}

    def test_an_authentication_error_is_the_answer(self):
        def hook(_):
            raise AuthError("token expired")

        with pytest.raises(AuthError, match="token expired"):
            resolved(hook)

    @pytest.mark.parametrize(
        "found",
        [True, "alice", {"id": 1}, Identity(id=cast("str", 7)), Identity(session_key=cast("str", 7))],
        ids=repr,
    )
    def test_a_wrong_return_type_is_a_500(self, found):
        with pytest.raises(GatewayError) as caught:
            resolved(lambda _: found)
        assert (caught.value.status_code, caught.value.error_code) == (500, "identity_failed")

    def test_any_other_exception_is_a_500_and_only_the_log_has_its_words(self, caplog):
        with caplog.at_level(logging.ERROR, "llmgw"), pytest.raises(GatewayError) as caught:
            resolved(lambda _: NO_USERS["secret-name"])
        assert caught.value.error_code == "identity_failed"
        assert "secret-name" not in caught.value.message
        assert "KeyError: 'secret-name'" in caplog.text

    def test_an_async_hook_runs_on_the_calling_thread_in_a_loop_of_its_own(self):
        async def hook(_):
            await asyncio.sleep(0)
            return Identity(id="9", source="token")

        assert resolved(hook).id == "9"

    async def test_on_a_loop_a_plain_hook_runs_in_a_thread(self):
        def hook(_):
            with pytest.raises(RuntimeError):
                asyncio.get_running_loop()
            return Identity(id="9", source="token")

        assert (await resolver(hook).aresolve(ASKED)).id == "9"

    async def test_on_a_loop_an_async_hook_is_awaited_there(self):
        here = asyncio.get_running_loop()

        async def hook(_):
            return Identity(id=str(asyncio.get_running_loop() is here))

        assert (await resolver(hook).aresolve(ASKED)).id == "True"

    async def test_on_a_loop_an_async_hook_that_breaks_is_a_500(self, caplog):
        async def hook(_):
            raise LookupError("no database")

        with caplog.at_level(logging.CRITICAL, "llmgw"), pytest.raises(GatewayError, match="request's id"):
            await resolver(hook).aresolve(ASKED)

    async def test_a_host_may_bring_its_own_way_into_a_thread(self):
        ways = []

        async def in_thread(resolve, request):
            ways.append(request)
            return resolve(request)

        await resolver(lambda _: None).aresolve(ASKED, in_thread=in_thread)
        assert ways == [ASKED]

    def test_its_repr_says_whose_resolver_it_is(self):
        assert repr(Resolver(FakeGateway(), None, nobody)) == "<Resolver built-in nobody>"


class TestHooks:
    def test_a_name_is_loaded(self):
        assert getattr(load_hook("tests.test_entry:nobody"), "__name__", None) == "nobody"

    def test_a_function_is_itself(self):
        assert load_hook(nobody) is nobody

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("shop.auth", "write module:function"),
            (":identify", "write module:function"),
            ("no_such_module:identify", "No module named"),
            ("tests.test_entry:no_such_function", "no attribute 'no_such_function'"),
            ("tests.test_entry:CHAT", "is no function"),
        ],
    )
    def test_a_name_that_names_no_function_is_refused(self, name, text):
        with pytest.raises(ConfigError, match=text):
            load_hook(name)


TRUSTED = frozenset({"https://partner.example"})
ORIGINS = [
    pytest.param(
        {"origin": "https://partner.example", "sec_fetch_site": "cross-site"}, True, id="trusted-any"
    ),
    pytest.param({"origin": "https://PARTNER.example"}, True, id="trusted-upper-case"),
    pytest.param({"origin": "https://shop.example", "sec_fetch_site": "same-origin"}, True, id="same-origin"),
    pytest.param(
        {"origin": "https://evil.example", "sec_fetch_site": "same-origin"}, True, id="the-browser-decides"
    ),
    pytest.param({"sec_fetch_site": "none"}, True, id="typed-by-the-user"),
    pytest.param({"origin": "https://shop.example", "sec_fetch_site": "same-site"}, False, id="same-site"),
    pytest.param({"sec_fetch_site": "cross-site"}, False, id="cross-site-without-origin"),
    pytest.param({"sec_fetch_site": ""}, False, id="empty-site"),
    pytest.param({}, True, id="no-browser"),
    pytest.param({"origin": "https://shop.example"}, True, id="own-host"),
    pytest.param({"origin": "http://shop.example"}, True, id="own-host-behind-tls"),
    pytest.param({"origin": "https://shop.example:8443"}, False, id="another-port"),
    pytest.param({"origin": "https://evil.example"}, False, id="another-host"),
    pytest.param({"origin": "https://shop.example.evil.example"}, False, id="longer-host"),
    pytest.param({"origin": "null"}, False, id="null"),
    pytest.param({"origin": ""}, False, id="empty-origin"),
]


class TestOrigin:
    @pytest.mark.parametrize(("given", "passes"), ORIGINS)
    def test_the_first_line_that_applies_decides(self, given, passes):
        lines = headers(host="shop.example", **given)
        if passes:
            check_origin(lines, TRUSTED)
        else:
            with pytest.raises(Forbidden) as caught:
                check_origin(lines, TRUSTED)
            assert caught.value.error_code == "csrf_failed"

    def test_a_second_origin_does_not_hide_behind_a_trusted_one(self):
        lines = headers(host="shop.example", origin="https://partner.example")
        with pytest.raises(Forbidden):
            check_origin([*lines, (b"origin", b"https://evil.example")], TRUSTED)

    def test_without_a_host_no_origin_is_our_own(self):
        with pytest.raises(Forbidden):
            check_origin(headers(origin="https://shop.example"), frozenset())

    @pytest.mark.parametrize(
        "origin", ["partner.example", "https://", "ftp://a.example", "https://a.example/path", "*"]
    )
    def test_a_trusted_origin_must_be_one(self, origin):
        with pytest.raises(ConfigError, match="is no origin"):
            check_origins([origin])

    def test_a_trusted_origin_is_compared_as_browsers_write_it(self):
        assert check_origins(["HTTPS://Shop.Example:8443/"]) == ["https://shop.example:8443"]


class TestDoor:
    @pytest.mark.parametrize(
        ("source", "method", "refused"),
        [
            ("session", "POST", True),
            ("session", "DELETE", True),
            ("session", "GET", False),
            ("token", "POST", False),
            ("none", "POST", False),
        ],
    )
    def test_the_origin_rule_is_for_sessions_that_change_something(self, source, method, refused):
        door = Door(FakeGateway(), builtin=nobody)
        foreign = headers(host="shop.example", origin="https://evil.example")
        if refused:
            with pytest.raises(Forbidden):
                door.check_caller(Identity(source=source), method, foreign)
        else:
            door.check_caller(Identity(source=source), method, foreign)

    def test_the_type_is_looked_at_before_the_length(self):
        door = Door(FakeGateway(limit=10), builtin=nobody)
        with pytest.raises(UnsupportedMediaType):
            door.check_head("POST", CHAT, headers(content_type="text/plain", content_length="11"))

    def test_a_refusal_keeps_a_good_request_id_and_replaces_a_bad_one(self):
        door = Door(FakeGateway(), builtin=nobody)
        error = GatewayError("no")
        assert (b"x-request-id", b"abc-1") in door.refuse(error, CHAT, headers(x_request_id="abc-1")).headers
        assert (b"x-request-id", b"made-up") in door.refuse(error, CHAT, headers(x_request_id="a b")).headers

    def test_its_repr_tells_its_rules(self):
        door = Door(FakeGateway(), builtin=nobody, trusted_origins=["https://a.example"])
        assert (
            repr(door) == "<Door <Resolver built-in nobody> limit=1000 trusted_origins=['https://a.example']>"
        )


class TestBody:
    @pytest.mark.parametrize(
        "kind", ["application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json"]
    )
    def test_json_is_taken(self, kind):
        check_content_type("POST", CHAT, headers(content_type=kind))

    @pytest.mark.parametrize(
        "kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""]
    )
    @pytest.mark.parametrize("path", [CHAT, "/v1/embeddings"])
    def test_anything_else_is_not(self, path, kind):
        with pytest.raises(UnsupportedMediaType):
            check_content_type("POST", path, headers(content_type=kind))

    def test_no_type_is_not_json(self):
        with pytest.raises(UnsupportedMediaType, match="no content type"):
            check_content_type("POST", CHAT, [])

    def test_a_second_type_does_not_hide_behind_json(self):
        with pytest.raises(UnsupportedMediaType):
            check_content_type(
                "POST", CHAT, [*headers(content_type="application/json"), (b"content-type", b"text/plain")]
            )

    @pytest.mark.parametrize(
        ("method", "path"), [("GET", CHAT), ("GET", "/v1/models"), ("POST", "/v1/files")]
    )
    def test_other_operations_take_what_they_like(self, method, path):
        check_content_type(method, path, headers(content_type="multipart/form-data"))

    @pytest.mark.parametrize(
        ("length", "limit", "refused"), [("11", 10, True), ("10", 10, False), ("x", 10, False)]
    )
    def test_an_announced_length_may_refuse_early(self, length, limit, refused):
        lines = headers(content_length=length)
        if refused:
            with pytest.raises(BodyTooLarge, match="10 bytes"):
                check_length(lines, limit)
        else:
            check_length(lines, limit)


class TestPieces:
    def test_repeated_headers_are_joined_and_underscores_are_not_seen(self):
        lines = [(b"accept", b"a"), (b"x_user", b"admin"), (b"accept", b"b")]
        assert joined(lines) == {"accept": "a, b"}

    def test_a_body_is_framed_by_its_length_and_a_stream_is_not(self):
        assert framed(Response(status=200, body=b"four")) == ((b"content-length", b"4"),)
        assert framed(Response(status=200, stream=FakeStream())) == ()

    async def test_what_was_settled_beforehand_is_told(self):
        assert await settled(ANONYMOUS)() is ANONYMOUS
        with pytest.raises(AuthError):
            await settled(AuthError("no"))()

    @pytest.mark.parametrize(
        ("raw", "mount", "below"),
        [
            ("/v1/chat", "", "/v1/chat"),
            ("/ai/v1/chat", "/ai", "/v1/chat"),
            ("/ai/v1/chat", "/ai/", "/v1/chat"),
            ("/ai/v1%2Fchat", "/ai", "/v1%2Fchat"),
            ("/%61i/v1/chat", "/ai", "/v1/chat"),
            ("/ai", "/ai", ""),
            ("/aide/v1", "/ai", "/aide/v1"),
            ("/v1/chat", "/ai", "/v1/chat"),
            ("/a/b/v1", "/a/b", "/v1"),
            ("/k%C3%BCche/v1", "/küche", "/v1"),
        ],
    )
    def test_the_mount_is_taken_off_by_whole_segments(self, raw, mount, below):
        assert below_mount(raw, mount) == below
