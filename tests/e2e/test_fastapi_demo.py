"""``make demo-fastapi`` and its variant for tokens: started as processes and used over HTTP."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import jwt
import openai
import pytest

from tests.e2e.demo_site import ROOT, Demo, question, running_demo
from tests.e2e.servers import TIMEOUT, serve_process

FOLDER = ROOT / "sample_apps" / "fastapi_chat"
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("demo"), script=FOLDER / "demo.py") as demo:
        yield demo


@contextmanager
def logged_in(demo: Demo, name: str) -> Iterator[httpx.Client]:
    """Yield a client with the cookies of a browser where ``name`` has logged in."""
    with httpx.Client(base_url=demo.site, timeout=30, headers={"origin": demo.site}) as client:
        answer = client.post("/login/", data={"username": name, "password": name})
        assert answer.status_code == 303, answer.text
        yield client


@pytest.fixture
def alice(demo: Demo) -> Iterator[httpx.Client]:
    with logged_in(demo, "alice") as client:
        yield client


def put(client: httpx.Client, provider: str, state: str) -> None:
    """Press one of the page's switches."""
    answer = client.post("/demo/providers", json={"name": provider, "state": state})
    assert answer.status_code == 200, answer.text


WAYS = [
    ("alice", "free-backend", "openai", "gpt-5-mini"),
    ("bob", "premium-backend", "openai", "gpt-5"),
    ("admin", "eu-backend", "azure", "gpt-5"),
]


@pytest.mark.parametrize(("name", "backend", "provider", "model"), WAYS)
def test_who_is_logged_in_decides_who_answers(demo, name, backend, provider, model):
    with logged_in(demo, name) as client:
        answer = client.post(CHAT, json=question())
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-llmgw-backend"] == backend
    assert demo.heard(provider)[-1]["model"] == model


def test_a_tier_that_staff_chose_counts_at_the_next_question(demo, alice):
    with logged_in(demo, "admin") as admin:
        assert admin.post("/admin/", data={"person": "alice", "tier": "premium"}).status_code == 303
        promoted = alice.post(CHAT, json=question())
        admin.post("/admin/", data={"person": "alice", "tier": "free"})
    assert promoted.headers["x-llmgw-backend"] == "premium-backend"
    assert alice.post(CHAT, json=question()).headers["x-llmgw-backend"] == "free-backend"


def test_only_staff_choose_tiers(alice):
    form = {"person": "alice", "tier": "premium"}
    assert [alice.get("/admin/").status_code, alice.post("/admin/", data=form).status_code] == [403, 403]


def test_an_anonymous_caller_is_told_to_log_in(demo):
    answer = httpx.post(demo.site + CHAT, json=question())
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_authenticated")
    assert httpx.get(demo.site).headers["location"] == "/login/"
    assert httpx.get(f"{demo.site}/me").status_code == 401


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}], ids=str
)
def test_a_page_elsewhere_cannot_ask_in_the_name_of_alice(alice, headers):
    answer = alice.post(CHAT, json=question(), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "csrf_failed")


def test_an_answer_streams_in_pieces(alice):
    with alice.stream("POST", CHAT, json=question(stream=True)) as answer:
        pieces = list(answer.iter_raw())
    assert len(pieces) >= 5
    assert b"".join(pieces).rstrip().endswith(b"data: [DONE]")


def test_a_broken_provider_is_replaced_and_nobody_notices(alice):
    put(alice, "openai", "down")
    answer = alice.post(CHAT, json=question())
    put(alice, "openai", "up")
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-llmgw-attempts"] == "2"


def test_the_chat_page_forbids_scripts_from_elsewhere(alice):
    page = alice.get("/")
    assert "default-src 'none'; script-src 'self'" in page.headers["content-security-policy"]
    assert alice.get("/static/chat_page/chat.js").headers["content-type"].startswith("text/javascript")


def test_the_command_that_the_page_shows_explains_the_same_decision(alice):
    command = alice.get("/me").json()["explain"].replace("{body}", '{"model": "gpt-5"}')
    words = command.replace("llmgw ", f"{Path(sys.executable).with_name('llmgw')} ", 1)
    done = subprocess.run(["/bin/sh", "-c", words], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "free-backend" in done.stdout


def test_who_logs_out_is_nobody(alice):
    assert alice.post("/logout/").status_code == 303
    assert alice.get("/me").status_code == 401


@pytest.mark.parametrize(("name", "password"), [("bob", "alice"), ("nobody", "nobody"), ("bob", "")])
def test_a_wrong_password_is_refused(demo, name, password):
    answer = httpx.post(f"{demo.site}/login/", data={"username": name, "password": password})
    assert "set-cookie" not in answer.headers
    assert answer.status_code == 422 or "do not belong together" in answer.text


# -- tokens ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def api(demo) -> Iterator[str]:
    """The address of ``token_app.py``, in front of the demo's providers."""
    options = ["--app-dir", FOLDER, "token_app:app", "--log-level", "warning"]
    with serve_process(
        lambda _, fd: [sys.executable, "-m", "uvicorn", "--fd", fd, *map(str, options)],  # type: ignore[list-item] # made text there
        {"MOCK_PROVIDERS_URL": demo.mocks},
    ) as server:
        yield f"http://127.0.0.1:{server.port}"


def token_for(api: str, name: str) -> str:
    answer = httpx.post(f"{api}/token", data={"username": name, "password": name}, timeout=TIMEOUT)
    token: str = answer.raise_for_status().json()["access_token"]
    return token


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way[0])
def test_a_token_is_the_key_of_an_openai_client_and_decides_who_answers(demo, api, way):
    name, backend, provider, model = way
    token = token_for(api, name)
    with openai.OpenAI(base_url=f"{api}/v1", api_key=token, max_retries=0) as client:
        answer = client.chat.completions.with_raw_response.create(**question())
    sent: Any = demo.heard(provider)[-1]
    assert (answer.headers["x-llmgw-backend"], sent["model"], token in str(sent)) == (backend, model, False)


def test_a_token_is_good_from_any_page(api):
    headers = {"authorization": f"Bearer {token_for(api, 'alice')}", "origin": "https://elsewhere.example"}
    assert httpx.post(api + CHAT, json=question(), headers=headers, timeout=TIMEOUT).status_code == 200


@pytest.mark.parametrize(
    "token",
    [
        "nonsense",
        jwt.encode(
            {"sub": "admin", "tier": "premium", "exp": 2**33}, "a key of somebody else's making, long"
        ),
    ],
    ids=["nonsense", "forged"],
)
def test_a_bad_token_is_refused_with_a_challenge(api, token):
    answer = httpx.post(
        api + CHAT, json=question(), headers={"authorization": f"Bearer {token}"}, timeout=TIMEOUT
    )
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')


def test_without_a_token_the_caller_is_told_to_log_in(api):
    assert httpx.post(api + CHAT, json=question(), timeout=TIMEOUT).status_code == 401
    assert (
        httpx.post(f"{api}/token", data={"username": "bob", "password": "x"}, timeout=TIMEOUT).status_code
        == 401
    )


def test_the_rules_have_no_problem():
    command = [str(Path(sys.executable).with_name("llmgw")), "check", "llmgw.yaml", "--strict"]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
