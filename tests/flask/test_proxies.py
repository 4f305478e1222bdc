"""Behind a proxy, with Werkzeug's ``ProxyFix`` and without: whose address counts, and whose word for the country."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.middleware.proxy_fix import ProxyFix

from tests.flask import shop

PROXY, CALLER = "10.0.0.1", "203.0.113.7"
VIA_PROXY = {"X-Forwarded-For": CALLER, "X-Country": "DE"}


@pytest.fixture
def asked(install: Any, ending: Any, upstream: Any) -> Any:
    """Return what asks an application behind a proxy, and tells which backend answered, ``german`` or ``other``."""

    def ask(*, fixed: bool, peer: str = PROXY, headers: dict[str, str] = VIA_PROXY) -> str:
        config = shop.config(upstream.url, trustedProxies=["10.0.0.0/8"])
        chat = {"path": "/v1/chat/completions"}
        config["geo"] = {"header": "X-Country"}
        config["routes"] = [{**chat, "country": ["DE"], "backend": "premium"}, {**chat, "backend": "free"}]
        app = shop.bare()
        install(app, config=config)
        if fixed:
            app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]  # as Flask's documentation does it
        given: dict[str, Any] = {name.replace("-", "_"): value for name, value in headers.items()}
        client = ending(app).test_client()
        answer = shop.ask(client, environ_overrides={"REMOTE_ADDR": peer}, **given)
        assert answer.status_code == 200
        return "german" if upstream.requests[-1].path.startswith("/premium/") else "other"

    return ask


@pytest.mark.parametrize("fixed", [False, True], ids=["plain", "ProxyFix"])
class TestCountry:
    def test_a_trusted_proxys_word_counts(self, asked: Any, fixed: Any):
        assert asked(fixed=fixed) == "german"

    def test_a_callers_own_does_not(self, asked: Any, fixed: Any):
        assert asked(fixed=fixed, peer="198.51.100.9") == "other"

    def test_nor_does_it_from_a_socket_of_the_file_system(self, asked: Any, fixed: Any):
        assert asked(fixed=fixed, peer="") == "other"


@pytest.mark.parametrize(("origin", "status"), [("https://shop.example", 200), ("https://evil.example", 403)])
def test_the_origin_is_compared_with_the_host_that_the_browser_sees(
    install: Any, ending: Any, upstream: Any, origin: str, status: int
):
    app = shop.with_flask_login()
    install(app, config=shop.config(upstream.url))
    app.wsgi_app = ProxyFix(app.wsgi_app, x_host=1)  # type: ignore[method-assign]
    client = ending(app).test_client()
    client.post("/login/bob")
    answer = shop.ask(client, origin=origin, x_forwarded_host="shop.example", x_forwarded_for=CALLER)
    assert answer.status_code == status


def test_below_a_prefix_that_the_proxy_took_off_the_path_is_the_rest(
    install: Any, ending: Any, upstream: Any
):
    app = shop.bare()
    install(app, config=shop.config(upstream.url))
    app.wsgi_app = ProxyFix(app.wsgi_app, x_prefix=1)  # type: ignore[method-assign]
    assert shop.ask(ending(app).test_client(), x_forwarded_prefix="/shop").status_code == 200
