"""``make demo-flask``: the Flask sample with its mock providers, started as a process and used over HTTP."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.e2e.demo_site import FLASK_DEMO, ROOT, Demo, ask, free_port, put, question, running_demo, token_of


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("demo"), script=FLASK_DEMO) as demo:
        yield demo


@pytest.fixture
def alice(demo: Demo) -> Iterator[httpx.Client]:
    with demo.login("alice") as client:
        yield client


@pytest.mark.parametrize(
    ("name", "backend", "provider", "model"),
    [
        ("alice", "free-backend", "openai", "gpt-5-mini"),
        ("bob", "premium-backend", "openai", "gpt-5"),
        ("admin", "eu-backend", "azure", "gpt-5"),
    ],
)
def test_who_is_logged_in_decides_who_answers(demo, name, backend, provider, model) -> None:
    with demo.login(name) as client:
        answer = ask(client)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-llmgw-backend"] == backend
    assert demo.heard(provider)[-1]["model"] == model


@pytest.mark.parametrize("header", ["X-User-Tier", "Tier", "X_User_Tier"])
def test_a_forged_tier_changes_nothing(alice, header) -> None:
    answer = ask(alice, headers={header: "premium"}, user="bob", metadata={"tier": "premium"})
    assert answer.headers["x-llmgw-backend"] == "free-backend"


def test_a_tier_that_staff_chose_counts_at_the_next_question(demo, alice) -> None:
    with demo.login("admin") as admin:
        assert choose(admin, "alice", "premium").status_code == 302
        promoted = ask(alice)
        choose(admin, "alice", "free")
    assert promoted.headers["x-llmgw-backend"] == "premium-backend"
    assert ask(alice).headers["x-llmgw-backend"] == "free-backend"


def choose(client: httpx.Client, person: str, tier: str) -> httpx.Response:
    client.get("/admin/")
    return client.post(
        "/admin/", data={"person": person, "tier": tier, "csrf_token": client.cookies["csrftoken"]}
    )


def test_only_staff_choose_tiers(alice) -> None:
    assert alice.get("/admin/").status_code == 403
    assert choose(alice, "alice", "premium").status_code == 403


def test_an_anonymous_caller_is_told_to_log_in(demo) -> None:
    with httpx.Client(base_url=demo.site) as client:
        client.get("/login/")
        answer = ask(client)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_authenticated")


@pytest.mark.parametrize("path", ["/", "/admin/"])
def test_a_page_sends_an_anonymous_reader_to_the_login(demo, path) -> None:
    answer = httpx.get(demo.site + path)
    assert (answer.status_code, "/login/?next=" in answer.headers["location"]) == (302, True)


def test_a_wrong_password_is_refused(demo) -> None:
    with httpx.Client(base_url=demo.site) as client:
        client.get("/login/")
        form = {"username": "bob", "password": "alice", "csrf_token": client.cookies["csrftoken"]}
        assert "do not belong together" in client.post("/login/", data=form).text


def test_a_question_without_the_csrf_token_is_refused(alice) -> None:
    answer = alice.post("/v1/chat/completions", json=question())
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "csrf_failed")


def test_a_question_from_another_site_is_refused(alice) -> None:
    answer = ask(alice, headers={"origin": "https://elsewhere.example"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "csrf_failed")


@pytest.mark.parametrize("path", ["/me", "/demo/providers"])
def test_the_site_tells_an_anonymous_caller_nothing(demo, path) -> None:
    assert httpx.get(demo.site + path).status_code == 401


def test_an_answer_streams_in_pieces(alice) -> None:
    request: dict[str, Any] = {"json": question(stream=True), "headers": token_of(alice)}
    with alice.stream("POST", "/v1/chat/completions", **request) as answer:
        pieces = list(answer.iter_raw())
    assert len(pieces) >= 5
    assert b"".join(pieces).rstrip().endswith(b"data: [DONE]")


def test_a_broken_provider_is_replaced_and_nobody_notices(alice) -> None:
    put(alice, "openai", "down")
    answer = ask(alice)
    put(alice, "openai", "up")
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-llmgw-attempts"] == "2"


def test_the_official_client_completes_a_chat(demo, alice) -> None:
    cookies = "; ".join(f"{name}={value}" for name, value in alice.cookies.items())
    headers = {"cookie": cookies, "origin": demo.site, **token_of(alice)}
    with openai.OpenAI(base_url=f"{demo.site}/v1", api_key="unused", default_headers=headers) as client:
        assert client.chat.completions.create(**question()).model.startswith("gpt-5-mini")


def test_the_chat_page_forbids_scripts_from_elsewhere(alice) -> None:
    page = alice.get("/")
    assert "default-src 'none'; script-src 'self'" in page.headers["content-security-policy"]
    assert "/static/chat_page/chat.js" in page.text
    assert alice.get("/static/chat_page/chat.js").headers["content-type"].startswith("text/javascript")


def test_the_page_learns_who_is_logged_in(demo) -> None:
    with demo.login("admin") as admin:
        me = admin.get("/me").json()
    assert (me["name"], me["tier"], me["country"], me["staff"]) == ("admin", "premium", "DE", True)


def test_the_command_that_the_page_shows_explains_the_same_decision(alice) -> None:
    command = alice.get("/me").json()["explain"].replace("{body}", '{"model": "gpt-5"}')
    words = command.replace("llmgw ", f"{Path(sys.executable).with_name('llmgw')} ", 1)
    done = subprocess.run(["/bin/sh", "-c", words], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "free-backend" in done.stdout


def test_who_logs_out_is_nobody(alice) -> None:
    assert alice.post("/logout/", headers=token_of(alice)).status_code == 302
    assert alice.get("/me").status_code == 401


def test_a_signal_stops_everything_even_amid_a_stream(tmp_path) -> None:
    with running_demo(tmp_path, port=free_port(), script=FLASK_DEMO) as demo, demo.login("alice") as alice:
        put(alice, "openai", "slow")
        request: dict[str, Any] = {"json": question(stream=True), "headers": token_of(alice)}
        with alice.stream("POST", "/v1/chat/completions", **request) as answer:
            next(answer.iter_raw())
            demo.process.send_signal(signal.SIGTERM)
            assert demo.process.wait(20) == 0
    assert "Traceback" not in demo.text
    with pytest.raises(httpx.ConnectError):
        httpx.get(demo.site)
