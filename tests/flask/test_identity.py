"""Who calls: Flask-Login, the session, a resolver of one's own; never anonymous by accident."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask import abort, current_app, g, session
from flask.sessions import SecureCookieSessionInterface
from flask_login import current_user

from llmgw_middleware import AuthError, HostRequest, Identity
from tests.flask import shop
from tests.flask.shop import ask, error

FOREIGN: dict[str, Any] = {"origin": "https://app.example", "sec_fetch_site": "cross-site"}


@pytest.fixture
def routed(upstream):
    """Return what tells whose backend has answered a request, and as which kind of caller."""

    def told(response):
        assert response.status_code == 200, response.data
        return upstream.requests[-1].path.split("/")[1]

    return told


class TestFlaskLogin:
    @pytest.mark.parametrize(("name", "backend"), [("alice", "free"), ("bob", "premium")])
    def test_who_is_logged_in_decides(self, serve, routed, name, backend):
        client = serve(shop.with_flask_login())
        client.post(f"/login/{name}")
        assert routed(ask(client)) == backend

    def test_nobody_is_anonymous(self, serve):
        config = shop.config() | {"identity": {"require": True}}
        client = serve(shop.with_flask_login(), config=config)
        assert error(ask(client)) == (401, "not_authenticated")

    @pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")  # Flask-Login 0.6
    def test_who_is_remembered_is_known_by_a_cookie(self, serve, routed):
        client = serve(shop.with_flask_login())
        client.post("/login/bob")
        client.delete_cookie("session")
        assert routed(ask(client)) == "premium"
        client.delete_cookie("session")
        assert error(ask(client, origin="https://evil.example")) == (403, "csrf_failed")

    def test_a_user_loader_that_fails_makes_nobody_anonymous(self, serve, caplog):
        def broken(key):
            raise LookupError(key)

        app = shop.with_flask_login(_user_callback=broken)
        client = serve(app)
        client.post("/login/bob")
        assert error(ask(client)) == (500, "identity_failed")
        assert "LookupError" in caplog.text

    def test_the_session_of_a_deleted_user_is_nobodys(self, serve, monkeypatch):
        config = shop.config() | {"identity": {"require": True}}
        client = serve(shop.with_flask_login(), config=config)
        client.post("/login/bob")
        monkeypatch.delitem(shop.USERS, "bob")
        assert error(ask(client)) == (401, "not_authenticated")

    def test_a_key_of_the_session_besides_does_not_count(self, serve):
        app = shop.with_flask_login()

        @app.post("/elsewhere")
        def elsewhere():
            session["user_id"] = "bob"
            return ""

        client = serve(app, config=shop.config() | {"identity": {"require": True}})
        client.post("/elsewhere")
        assert error(ask(client)) == (401, "not_authenticated")


class TestTokens:
    """A request loader's caller; a foreign page could not have sent what has no cookie."""

    @pytest.mark.parametrize(
        ("path", "headers"),
        [
            ("/v1/chat/completions", {"authorization": "Bearer of-bob"}),
            ("/v1/chat/completions?key=of-bob", {}),
        ],
        ids=["header", "query"],
    )
    def test_the_origin_rule_is_not_for_a_token(self, serve, routed, path, headers):
        client = serve(shop.with_flask_login())
        assert routed(ask(client, path, **headers, **FOREIGN)) == "premium"

    def test_a_token_beside_a_cookie_is_one(self, serve, routed):
        client = serve(shop.with_flask_login())
        client.set_cookie("theme", "dark")
        assert routed(ask(client, authorization="Bearer of-bob", **FOREIGN)) == "premium"

    def test_a_loader_that_reads_a_cookie_is_no_token(self, serve):
        client = serve(shop.with_flask_login())
        client.set_cookie("key", "of-bob")
        assert error(ask(client, **FOREIGN)) == (403, "csrf_failed")

    def test_what_a_browser_repeats_by_itself_is_no_token(self, serve):
        client = serve(shop.with_flask_login())
        assert error(ask(client, authorization="Basic Ym9iOmJvYg==", **FOREIGN)) == (403, "csrf_failed")

    def test_the_token_counts_beside_the_session_of_another(self, serve, routed):
        client = serve(shop.with_flask_login())
        client.post("/login/alice")
        assert (
            routed(ask(client, authorization="Bearer of-bob")) == "free"
        )  # Flask-Login asks the session first

    def test_a_token_that_nobody_has_is_anonymous(self, serve, routed):
        client = serve(shop.with_flask_login())
        assert routed(ask(client, authorization="Bearer of-nobody")) == "free"


class TestSession:
    def test_the_key_of_the_session_is_the_id(self, serve, upstream):
        app = shop.bare()
        app.add_url_rule("/in", "in", lambda: session.update(user_id=42) or "")
        config = shop.config(upstream.url) | {"identity": {"attributes": {"n": "session.user_id"}}}
        config["routes"][0]["user"] = {"n": 42, "id": "42"}
        client = serve(app, config=config)
        client.get("/in")
        assert ask(client).status_code == 200
        assert upstream.requests[0].path.startswith("/premium")

    @pytest.mark.parametrize(("user_key", "status"), [("uid", 200), ("user_id", 401)])
    def test_another_key_can_be_named(self, serve, upstream, user_key, status):
        app = shop.bare()
        app.add_url_rule("/in", "in", lambda: session.update(uid=42) or "")
        config = shop.config(upstream.url) | {"identity": {"require": True}}
        client = serve(app, config=config, user_key=user_key)
        client.get("/in")
        assert ask(client).status_code == status

    def test_a_session_without_a_secret_key_is_a_mistake_that_is_told(self, serve):
        app = shop.bare()
        app.secret_key = None
        response = ask(serve(app))
        assert error(response) == (500, "identity_unavailable")
        assert "secret_key" in response.get_json()["error"]["message"]

    def test_rules_that_ask_for_nobody_need_no_session(self, serve, upstream):
        app = shop.bare()
        app.secret_key = None
        config = shop.config(upstream.url)
        del config["routes"][0], config["identity"]
        assert ask(serve(app, config=config)).status_code == 200

    def test_the_key_of_a_session_on_the_server_serves_sticky_rules(self, serve, upstream):
        app = shop.bare()
        app.session_interface = ServerSide()
        sides = [{"backend": "free", "weight": 1}, {"backend": "premium", "weight": 1}]
        route = {"name": "all", "path": "/v1/chat/completions", "backends": sides, "sticky": "session"}
        config = shop.config(upstream.url) | {"routes": [route]}
        client = serve(app, config=config)
        for _ in range(12):
            ask(client)
        assert len({seen.path for seen in upstream.requests}) == 1


class ServerSide(SecureCookieSessionInterface):
    """Sessions that have a name, as those of Flask-Session."""

    def open_session(self, app, request):
        kept: Any = super().open_session(app, request)
        kept.sid = "session-7"
        return kept


class TestTheTutorialsUser:
    """``g.user``, loaded before the request: seen by the extension, whose view runs after."""

    @pytest.fixture
    def install(self):
        from llmgw_flask import LLMGateway

        return LLMGateway

    @pytest.mark.parametrize(("name", "backend"), [("alice", "free"), ("bob", "premium")])
    def test_its_attributes_are_read(self, serve, routed, name, backend):
        client = serve(shop.with_sessions())
        client.post(f"/login/{name}")
        assert routed(ask(client)) == backend

    def test_a_user_who_is_no_more_is_nobody(self, serve):
        client = serve(shop.with_sessions(), config=shop.config() | {"identity": {"require": True}})
        client.post("/login/zoe")
        assert error(ask(client)) == (401, "not_authenticated")

    def test_attributes_may_start_at_g(self, serve, upstream, routed):
        app = shop.with_sessions()
        app.before_request(lambda: setattr(g, "plan", "premium"))
        config = shop.config(upstream.url) | {"identity": {"attributes": {"tier": "g.plan"}}}
        assert routed(ask(serve(app, config=config))) == "premium"

    def test_a_user_without_a_key_is_a_mistake_that_is_told(self, serve):
        app = shop.bare()
        app.before_request(lambda: setattr(g, "user", shop.USERS["bob"]))
        response = ask(serve(app))
        assert error(response) == (500, "identity_unavailable")
        assert "user_key" in response.get_json()["error"]["message"]

    def test_a_user_who_is_nobody_is_no_mistake(self, serve, routed):
        app = shop.bare()
        guest = replace(shop.USERS["alice"], is_authenticated=False)
        app.before_request(lambda: setattr(g, "user", guest))
        assert routed(ask(serve(app))) == "free"


class TestAResolverOfOnesOwn:
    def test_it_runs_inside_the_applications_context(self, serve, routed):
        def identify(request):
            assert request.native.path == "/v1/chat/completions"
            return Identity(id=current_app.name, attributes={"tier": current_user.tier}, source="session")

        client = serve(shop.with_flask_login(), identify=identify)
        client.post("/login/bob")
        assert routed(ask(client)) == "premium"

    def test_it_may_be_a_coroutine(self, serve, routed):
        async def identify(request):
            return Identity(
                id=current_user.get_id(), attributes={"tier": current_user.tier}, source="session"
            )

        client = serve(shop.with_flask_login(), identify=identify)
        client.post("/login/bob")
        assert routed(ask(client)) == "premium"

    def test_it_may_be_named_in_the_applications_configuration(self, serve, routed):
        app = shop.bare()
        app.config["LLMGW_IDENTIFY"] = "tests.flask.hooks:premium"
        assert routed(ask(serve(app))) == "premium"

    @pytest.mark.parametrize(
        ("refuse", "expected"),
        [
            (lambda: abort(401), (401, "not_authenticated")),
            (lambda: abort(403), (403, "forbidden")),
            (lambda: abort(418), (500, "identity_failed")),
            (lambda: 1 / 0, (500, "identity_failed")),
        ],
        ids=["abort(401)", "abort(403)", "another abort", "a fault"],
    )
    def test_how_it_ends_is_told(self, serve, refuse, expected):
        assert error(ask(serve(shop.bare(), identify=lambda _: refuse()))) == expected

    def test_its_own_words_reach_the_caller(self, serve):
        def identify(_):
            raise AuthError("The token has expired.")

        response = ask(serve(shop.bare(), identify=identify))
        assert response.get_json()["error"]["message"] == "The token has expired."

    def test_it_is_offered_no_body(self, serve, routed):
        seen: list[HostRequest] = []
        assert routed(ask(serve(shop.bare(), identify=seen.append))) == "free"
        assert not hasattr(seen[0], "body")
