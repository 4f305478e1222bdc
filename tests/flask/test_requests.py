"""A request's way through the door: types, sizes, spellings, origins, and what stays untouched."""

from __future__ import annotations

import io
import threading

import pytest
from flask import g, request

from llmgw_flask import LLMGateway
from llmgw_middleware.testing.answers import answer
from llmgw_middleware.testing.answers import chat as completion
from llmgw_middleware.testing.streams import stream
from tests.flask import shop
from tests.flask.shop import ask, error


@pytest.fixture
def client(serve):
    return serve(shop.with_flask_login())


class TestAnswers:
    def test_a_chat_is_answered(self, client):
        response = ask(client)
        assert response.get_json()["choices"][0]["message"]["content"] == "welcome"
        assert response.content_type == "application/json"
        assert int(response.headers["content-length"]) == len(response.data)

    def test_a_stream_is_passed_through(self, client, upstream):
        upstream.script(stream("one ", "two"))
        response = ask(client, data=shop.chat(stream=True))
        assert response.content_type.startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-cache, no-transform"
        assert response.data.rstrip().endswith(b"data: [DONE]")

    def test_what_the_upstream_refuses_is_told(self, client, upstream):
        upstream.default(answer(400, json={"error": {"message": "too long", "code": "too_long"}}))
        assert ask(client).status_code == 400

    def test_nothing_of_the_host_reaches_the_upstream(self, client, upstream):
        client.post("/login/bob")
        ask(client, authorization="Bearer of-bob", x_csrftoken="token")
        names = {name for name, _ in upstream.requests[0].headers}
        assert names.isdisjoint({b"cookie", b"x-csrftoken"})
        assert upstream.requests[0].header("authorization") == "Bearer key-premium"

    def test_no_cookie_of_the_upstream_reaches_the_caller(self, client, upstream):
        upstream.default(completion(headers=[("set-cookie", "upstream=1")]))
        response = ask(client)
        assert "upstream=1" not in response.headers.get("set-cookie", "")

    def test_the_models_are_listed(self, client):
        response = client.get("/v1/models")
        assert (response.status_code, response.get_json()["object"]) == (200, "list")
        assert response.headers["cache-control"] == "private"


class TestTypes:
    @pytest.mark.parametrize(
        "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
    )
    def test_a_form_is_no_chat(self, client, kind, upstream):
        assert error(ask(client, content_type=kind)) == (415, "unsupported_media_type")
        assert not upstream.requests

    def test_any_kind_of_json_will_do(self, client):
        assert ask(client, content_type="application/vnd.shop+json").status_code == 200


class TestSizes:
    def test_five_megabytes_pass(self, client, upstream):
        body = shop.chat(pad="x" * 5_000_000)
        assert ask(client, data=body).status_code == 200
        assert len(upstream.requests[0].body) >= 5_000_000

    def test_the_limit_is_the_gateways(self, serve):
        body = shop.chat()
        client = serve(shop.bare(), gateway={"maxBodySize": len(body)})
        assert ask(client, data=body).status_code == 200
        assert error(ask(client, data=body + b" ")) == (413, "body_too_large")

    def test_the_forms_limit_of_the_application_is_another(self, serve):
        app = shop.bare()
        app.config["MAX_CONTENT_LENGTH"] = 10
        assert ask(serve(app)).status_code == 200

    def test_a_body_without_a_length_is_counted(self, serve):
        body = shop.chat()
        client = serve(shop.bare(), gateway={"maxBodySize": len(body)})

        def send(data):
            terminated = {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
            return client.post(
                "/v1/chat/completions",
                input_stream=io.BytesIO(data),
                content_type="application/json",
                environ_overrides=terminated,
            )

        assert send(body).status_code == 200
        assert error(send(body + b" " * 100_000)) == (413, "body_too_large")

    def test_a_body_that_breaks_off_is_told(self, client):
        response = client.post(
            "/v1/chat/completions",
            input_stream=io.BytesIO(b"{"),
            content_type="application/json",
            environ_overrides={"CONTENT_LENGTH": "100"},
        )
        assert error(response) == (400, "incomplete_body")


class TestSpellings:
    @pytest.mark.parametrize("path", ["/v1/%63hat/completions", "/v1/chat%2Fcompletions"])
    def test_an_ambiguous_spelling_is_refused(self, client, path):
        response = client.post(
            path, data=shop.chat(), content_type="application/json", environ_overrides={"REQUEST_URI": path}
        )
        assert error(response) == (400, "bad_path")

    def test_below_a_mount_point_the_path_is_the_rest(self, client):
        response = client.post(
            "/v1/chat/completions",
            data=shop.chat(),
            content_type="application/json",
            base_url="http://x/shop",
        )
        assert response.status_code == 200


class TestOrigins:
    @pytest.fixture
    def bob(self, client):
        client.post("/login/bob")
        return client

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({}, 200),
            ({"origin": "http://localhost"}, 200),
            ({"origin": "https://evil.example"}, 403),
            ({"origin": "null"}, 403),
            ({"origin": "http://localhost", "sec_fetch_site": "same-origin"}, 200),
            ({"origin": "http://localhost", "sec_fetch_site": "same-site"}, 403),
            ({"sec_fetch_site": "cross-site"}, 403),
            ({"sec_fetch_site": "none"}, 200),
        ],
        ids=str,
    )
    def test_a_foreign_page_may_not_call_with_a_session(self, bob, headers, status):
        assert ask(bob, **headers).status_code == status

    def test_a_trusted_one_may(self, serve):
        client = serve(shop.with_flask_login(), trusted_origins=["https://app.example"])
        client.post("/login/bob")
        assert ask(client, origin="https://app.example", sec_fetch_site="cross-site").status_code == 200

    def test_a_trusted_one_may_be_named_in_the_applications_configuration(self, serve):
        app = shop.with_flask_login()
        app.config["LLMGW_TRUSTED_ORIGINS"] = ["https://app.example"]
        client = serve(app)
        client.post("/login/bob")
        assert ask(client, origin="https://app.example").status_code == 200

    def test_nobody_is_not_asked_for_the_origin(self, client):
        assert ask(client, origin="https://evil.example").status_code == 200


class TestUntouched:
    @pytest.mark.parametrize(
        ("method", "path"), [("GET", "/"), ("GET", "/nothing"), ("OPTIONS", "/"), ("POST", "/")]
    )
    def test_other_paths_are_as_without_us(self, client, method, path):
        def told(asked):
            response = asked.open(path, method=method)
            return response.status_code, response.data, sorted(response.headers)

        assert told(client) == told(shop.with_flask_login().test_client())

    def test_nothing_is_started_before_the_first_request_of_ours(self, serve):
        before = threading.active_count()
        client = serve(shop.bare())
        client.get("/")
        thread = client.application.extensions["llmgw"]._bridge.thread
        assert (threading.active_count(), thread.started) == (before, False)
        ask(client)
        assert thread.started

    def test_switched_off_it_takes_no_path(self, serve):
        client = serve(shop.bare(), enabled=False)
        assert ask(client).status_code == 404
        assert client.application.extensions["llmgw"] is None

    def test_the_applications_configuration_switches_it_off(self, serve):
        app = shop.bare()
        app.config["LLMGW_ENABLED"] = False
        assert ask(serve(app, enabled=True)).status_code == 404

    def test_the_environment_switches_it_off(self, serve, monkeypatch):
        monkeypatch.setenv("LLMGW_ENABLED", "false")
        assert ask(serve(shop.bare(), enabled=True)).status_code == 404

    def test_teardown_runs_for_who_was_asked(self, serve):
        app, torn = shop.with_flask_login(), []
        app.teardown_appcontext(lambda _: torn.append(1))
        ask(serve(app))
        assert torn == [1]

    def test_what_no_rule_wants_is_the_applications_404(self, serve):
        app = shop.bare()
        app.register_error_handler(404, lambda _: ("nothing here", 404))
        client = serve(app, gateway={"paths": ["/v1/*"], "onNoRoute": "pass"})
        response = ask(client, "/v1/elsewhere")
        assert (response.status_code, response.data) == (404, b"nothing here")


def test_the_body_is_handed_on_by_the_wrapper(upstream, ending):
    from llmgw_flask import wrap_wsgi

    app = shop.bare()
    app.add_url_rule("/v1/echo", "echo", lambda: request.data, methods=["POST"])
    wrap_wsgi(app, config=shop.config(upstream.url, paths=["/v1/*"], onNoRoute="pass"))
    sent = shop.chat(pad="x" * 100_000)
    assert ask(ending(app).test_client(), "/v1/echo", sent).data == sent


def test_the_wrapper_leaves_the_context_before_the_upstream_is_called(upstream, ending):
    from llmgw_flask import wrap_wsgi

    app, order = shop.with_flask_login(), []
    app.teardown_appcontext(lambda _: order.append("context left"))
    wrap_wsgi(app, config=shop.config(upstream.url))

    def play(_):
        order.append("upstream called")
        return completion()

    upstream.default(play)
    ask(ending(app).test_client())
    assert order == ["context left", "upstream called"]


@pytest.mark.parametrize("install", [LLMGateway], ids=["extension"], indirect=True)
class TestSignals:
    def test_any_view_can_say_how_an_answer_was_received(self, client):
        assert client.application.extensions["llmgw"].signal("thumbs_down", user=7) == 0

    def test_who_stands_around_the_answer_need_not_say_which_it_was(self, client):
        with client:
            ask(client)
            assert g.llmgw.signal("liked") == 0
            assert g.llmgw.variant is None
