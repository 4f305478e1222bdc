"""``make demo``: the Django sample with its mock providers, started as a process and used over HTTP."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from llmgw_middleware.testing.mock_record import masked
from tests.e2e.demo_site import DEMO, ROOT, Demo, ask, free_port, put, question, running_demo, token_of


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo(state) -> Iterator[Demo]:
    with running_demo(state) as demo:
        yield demo


@pytest.fixture
def alice(demo) -> Iterator[httpx.Client]:
    with demo.login("alice") as client:
        yield client


@pytest.fixture
def bob(demo) -> Iterator[httpx.Client]:
    with demo.login("bob") as client:
        yield client


@pytest.fixture
def repaired(alice) -> Iterator[None]:
    yield
    for provider in ("openai", "azure", "anthropic"):
        put(alice, provider, "up")


# -- who gets what ---------------------------------------------------------------------------------------------------


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
    assert answer.headers["x-llmgw-attempts"] == "1"
    assert demo.heard(provider)[-1]["model"] == model


@pytest.mark.parametrize("header", ["X-User-Tier", "Tier", "X-Llmgw-Tier", "X_User_Tier"])
def test_a_forged_tier_changes_nothing(alice, header) -> None:
    answer = ask(alice, headers={header: "premium"}, user="bob", metadata={"tier": "premium"})
    assert answer.headers["x-llmgw-backend"] == "free-backend"


@pytest.mark.parametrize("dash", ["-", "_"])
def test_a_country_in_a_header_changes_nothing(bob, dash) -> None:
    answer = ask(bob, headers={f"CF{dash}IPCountry": "DE", f"X{dash}Forwarded{dash}For": "85.214.0.1"})
    assert answer.headers["x-llmgw-backend"] == "premium-backend"


def test_a_tier_changed_in_the_admin_counts_at_the_next_question(demo, alice) -> None:
    with demo.login("admin") as admin:
        change_tier(admin, "alice", "premium")
        promoted = ask(alice)
        change_tier(admin, "alice", "free")
    assert promoted.headers["x-llmgw-backend"] == "premium-backend"
    assert ask(alice).headers["x-llmgw-backend"] == "free-backend"


def change_tier(admin: httpx.Client, name: str, tier: str) -> None:
    listing = admin.get("/admin/auth/user/").text
    found = re.search(rf'href="(/admin/auth/user/\d+/change/)[^"]*">{name}<', listing)
    assert found, listing
    form = fields_of(admin.get(found.group(1)).text) | {"profile-0-tier": tier}
    assert admin.post(found.group(1), data=form).status_code == 302


def fields_of(html: str) -> dict[str, str]:
    """Return the values a browser would send back for the user's form."""
    inputs = re.findall(
        r'<input type="(?:text|hidden|email)" name="([^"]+)"(?:[^>]*? value="([^"]*)")?', html
    )
    boxes = re.findall(r'<input type="checkbox" name="([^"]+)"[^>]* checked', html)
    return dict(inputs) | dict.fromkeys(boxes, "on")


def test_the_site_lists_the_models_of_the_caller(alice) -> None:
    listing = alice.get("/v1/models").json()
    assert listing["object"] == "list"
    assert "gpt-5-mini" in [model["id"] for model in listing["data"]]


# -- who may not -----------------------------------------------------------------------------------------------------


def test_an_anonymous_caller_is_told_to_log_in(demo) -> None:
    answer = httpx.post(f"{demo.site}/v1/chat/completions", json=question())
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_authenticated")


@pytest.mark.parametrize("path", ["/", "/admin/"])
def test_a_page_sends_an_anonymous_reader_to_a_login(demo, path) -> None:
    answer = httpx.get(demo.site + path)
    assert (answer.status_code, "login/?next=" in answer.headers["location"]) == (302, True)


def test_a_question_without_the_csrf_token_is_refused(alice) -> None:
    answer = alice.post("/v1/chat/completions", json=question())
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "csrf_failed")


def test_a_question_from_another_site_is_refused(alice) -> None:
    answer = ask(alice, headers={"origin": "https://elsewhere.example"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "csrf_failed")


@pytest.mark.parametrize("path", ["/me", "/demo/providers"])
def test_the_site_tells_an_anonymous_caller_nothing(demo, path) -> None:
    assert httpx.get(demo.site + path).status_code == 401


def test_cookies_and_tokens_stay_on_this_side(demo, alice) -> None:
    ask(alice, headers={"authorization": "Bearer of-the-host"})
    sent = dict(demo.heard("openai")[-1]["headers"])
    assert {"cookie", "x-csrftoken"} & sent.keys() == set()
    assert sent["authorization"] == masked("authorization", "Bearer mock-needs-no-key")


def test_what_an_upstream_sets_stays_on_that_side(alice) -> None:
    answer = ask(alice)
    assert "set-cookie" not in answer.headers
    assert not answer.headers["x-request-id"].startswith("req_mock_")


# -- streams, failures -----------------------------------------------------------------------------------------------


def test_an_answer_streams_in_pieces(alice) -> None:
    request: dict[str, Any] = {"json": question(stream=True), "headers": token_of(alice)}
    with alice.stream("POST", "/v1/chat/completions", **request) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        pieces = list(answer.iter_raw())
    assert len(pieces) >= 5
    assert b"".join(pieces).rstrip().endswith(b"data: [DONE]")


@pytest.mark.usefixtures("repaired")
def test_a_broken_provider_is_replaced_and_nobody_notices(alice) -> None:
    put(alice, "openai", "down")
    answer = ask(alice)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-llmgw-backend"] in {"spare-azure", "spare-anthropic"}
    assert answer.headers["x-llmgw-attempts"] == "2"


@pytest.mark.usefixtures("repaired")
def test_with_every_provider_down_the_caller_is_told(alice) -> None:
    for provider in ("openai", "azure", "anthropic"):
        put(alice, provider, "down")
    answer = ask(alice)
    assert answer.status_code == 503, answer.text
    assert answer.json()["error"]["message"]


@pytest.mark.usefixtures("repaired")
def test_an_answer_that_breaks_off_says_so(alice) -> None:
    put(alice, "openai", "cut")
    body = ask(alice, stream=True).text
    assert '"code":"upstream_stream_truncated"' in body.replace(" ", "")
    assert "[DONE]" not in body


# -- the official client ---------------------------------------------------------------------------------------------


@pytest.fixture
def client(demo, alice) -> Iterator[openai.OpenAI]:
    cookies = "; ".join(f"{name}={value}" for name, value in alice.cookies.items())
    headers = {"cookie": cookies, "origin": demo.site, **token_of(alice)}
    with openai.OpenAI(
        base_url=f"{demo.site}/v1", api_key="unused", default_headers=headers, max_retries=0
    ) as it:
        yield it


def test_openai_python_completes_a_chat(client) -> None:
    answer = client.chat.completions.create(**question())
    assert answer.model.startswith("gpt-5-mini")
    assert answer.choices[0].message.content


def test_openai_python_reads_a_stream(client) -> None:
    with client.chat.completions.create(**question(stream=True)) as stream:
        chunks = list(stream)
    assert len([c for c in chunks if c.choices and c.choices[0].delta.content]) > 1
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"


def test_openai_python_makes_an_embedding(client) -> None:
    made = client.embeddings.create(model="text-embedding-3-small", input=["blue", "sky"])
    assert [len(each.embedding) > 0 for each in made.data] == [True, True]


def test_openai_python_lists_models(client) -> None:
    assert "gpt-5-mini" in [model.id for model in client.models.list()]


# -- pages -----------------------------------------------------------------------------------------------------------


def test_the_chat_page_forbids_scripts_from_elsewhere(alice) -> None:
    page = alice.get("/")
    assert "default-src 'none'; script-src 'self'" in page.headers["content-security-policy"]
    assert "/static/chat_page/chat.js" in page.text


@pytest.mark.parametrize(
    ("name", "kind"),
    [("chat.js", "text/javascript"), ("chat.css", "text/css"), ("mark.svg", "image/svg+xml")],
)
def test_static_files_are_served(demo, name, kind) -> None:
    answer = httpx.get(f"{demo.site}/static/chat_page/{name}")
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, kind)


def test_the_page_learns_who_is_logged_in(demo) -> None:
    with demo.login("admin") as admin:
        me = admin.get("/me").json()
    assert (me["name"], me["tier"], me["country"], me["staff"]) == ("admin", "premium", "DE", True)


def test_the_command_that_the_page_shows_explains_the_same_decision(alice) -> None:
    command = alice.get("/me").json()["explain"].replace("{body}", '{"model": "gpt-5"}')
    llmgw = Path(sys.executable).with_name("llmgw")
    words = command.replace("llmgw ", f"{llmgw} ", 1)
    done = subprocess.run(["/bin/sh", "-c", words], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "free-backend" in done.stdout


# -- start and stop --------------------------------------------------------------------------------------------------


def test_the_demo_says_where_it_is_and_who_may_log_in(demo) -> None:
    assert f"{demo.site}/" in demo.text
    assert all(f"{name} / {name}" in re.sub(" +", " ", demo.text) for name in ("alice", "bob", "admin"))


def test_a_port_in_use_is_said_plainly(demo, state) -> None:
    port = demo.site.rpartition(":")[2]
    second = [sys.executable, DEMO, "--port", port, "--state", state]
    done = subprocess.run(second, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"port {port} of 127.0.0.1 cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_stops_everything_even_amid_a_stream(state, number) -> None:
    with running_demo(state, port=free_port()) as demo, demo.login("alice") as alice:
        put(alice, "openai", "slow")
        mocks = demo.mocks
        request: dict[str, Any] = {"json": question(stream=True), "headers": token_of(alice)}
        with alice.stream("POST", "/v1/chat/completions", **request) as answer:
            next(answer.iter_raw())
            demo.process.send_signal(number)
            assert demo.process.wait(20) == 0
    assert "Traceback" not in demo.text
    for address in (demo.site, mocks):
        with pytest.raises(httpx.ConnectError):
            httpx.get(address)
