"""Flask-WTF's CSRFProtect sees the gateway's rules as it sees any view."""

from __future__ import annotations

import pytest
from flask_wtf.csrf import CSRFProtect, generate_csrf

from llmgw_flask import LLMGateway
from tests.flask import shop
from tests.flask.shop import ask, error


@pytest.fixture
def app():
    app = shop.with_flask_login()
    app.add_url_rule("/token", "token", generate_csrf)
    return app


@pytest.fixture
def csrf(app):
    csrf = CSRFProtect(app)
    csrf.exempt(app.view_functions["login"])
    return csrf


@pytest.fixture
def bob(app, csrf, upstream, ending):
    LLMGateway(app, config=shop.config(upstream.url))
    client = ending(app).test_client()
    client.post("/login/bob")
    return client


def test_a_page_sends_its_token_as_for_any_form(bob):
    token = bob.get("/token").text
    assert ask(bob, x_csrftoken=token).status_code == 200


def test_without_the_token_flask_wtf_refuses(bob, upstream):
    response = ask(bob)
    assert (response.status_code, "CSRF token" in response.text) == (400, True)
    assert not upstream.requests


def test_the_origin_rule_holds_besides(bob):
    token = bob.get("/token").text
    assert error(ask(bob, x_csrftoken=token, origin="https://evil.example")) == (403, "csrf_failed")


def test_a_large_body_passes_its_look_at_the_form(bob, app):
    app.config["MAX_CONTENT_LENGTH"] = 1000
    token = bob.get("/token").text
    assert ask(bob, data=shop.chat(pad="x" * 100_000), x_csrftoken=token).status_code == 200


@pytest.mark.parametrize("size", [10, 5000], ids=["form", "too long"])
def test_a_form_is_refused_whoever_looks_at_it_first(app, csrf, upstream, ending, size):
    LLMGateway(app, config=shop.config(upstream.url, maxBodySize=1000))
    client = ending(app).test_client()
    kind = "application/x-www-form-urlencoded" if size == 10 else "application/json"
    token = client.get("/token").text
    response = ask(client, data=b"a=" + b"x" * size, content_type=kind, x_csrftoken=token)
    assert response.status_code == (415 if size == 10 else 413)


def test_an_application_for_tokens_only_exempts_the_view(app, csrf, upstream, ending):
    gateway = LLMGateway(app, config=shop.config(upstream.url))
    csrf.exempt(gateway.view)
    client = ending(app).test_client()
    assert ask(client, authorization="Bearer of-bob").status_code == 200
