from __future__ import annotations

from typing import Any

import pytest
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.test import override_settings

from llmgw_django.middleware import LLMGatewayMiddleware

SESSION = "django.contrib.sessions.middleware.SessionMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
AUTH = "django.contrib.auth.middleware.AuthenticationMiddleware"
OURS = "llmgw_django.middleware.LLMGatewayMiddleware"
BACKENDS = [{"name": "b", "url": "http://127.0.0.1:9/v1"}]
DEFAULT = {"name": "all", "default": True, "backend": "b"}
PLAIN = {"routes": [DEFAULT], "backends": BACKENDS}
ASKING = {"routes": [{"name": "r", "path": "/v1/*", "user": {"staff": True}, "backend": "b"}, DEFAULT], "backends": BACKENDS}  # fmt: skip


class OwnSession(SessionMiddleware):
    pass


class OwnGateway(LLMGatewayMiddleware):
    pass


def ids(**settings: Any) -> list[str]:
    with override_settings(**{"LLMGW": PLAIN, **settings}):
        return sorted({str(message.id).removeprefix("llmgw.") for message in run_checks(tags=["llmgw"])})


@pytest.mark.parametrize(
    ("middleware", "expected"),
    [
        pytest.param([SESSION, CSRF, AUTH, OURS], [], id="the order of the manual"),
        pytest.param([OURS, SESSION, CSRF, AUTH], ["E001", "E002", "W002"], id="above all"),
        pytest.param([SESSION, CSRF, OURS, AUTH], ["E002"], id="above authentication"),
        pytest.param([SESSION, AUTH, OURS, CSRF], ["W002"], id="above the CSRF check"),
        pytest.param([SESSION, AUTH, OURS], ["W002"], id="without a CSRF check"),
        pytest.param([SESSION, CSRF, AUTH], ["W001"], id="not listed"),
        pytest.param([CSRF, OURS], [], id="without users where none are asked for"),
        pytest.param(
            [CSRF, OURS, f"{__name__}.OwnSession"], ["E001"], id="above a session of the project's own"
        ),
        pytest.param(
            [SESSION, CSRF, f"{__name__}.OwnGateway", AUTH], ["E002"], id="a gateway of the project's own"
        ),
        pytest.param([SESSION, CSRF, AUTH, OURS, "no.such.Middleware"], [], id="what Django itself reports"),
    ],
)
def test_the_order_of_middleware_is_checked(middleware: list[str], expected: list[str]):
    assert ids(MIDDLEWARE=middleware) == expected


def test_users_that_are_asked_for_must_be_there():
    assert ids(MIDDLEWARE=[CSRF, OURS], LLMGW=ASKING) == ["E001", "E002"]


def test_a_resolver_of_the_project_makes_up_for_them():
    assert ids(MIDDLEWARE=[CSRF, OURS], LLMGW=ASKING, LLMGW_IDENTIFY="tests.django.hooks:by_token") == []


@pytest.mark.parametrize(
    "hook", ["no.such:thing", "tests.django.hooks:absent", "nothing", "tests.django.hooks:NOT_A_FUNCTION"]
)
def test_a_resolver_that_is_none_is_an_error(hook: str):
    assert ids(LLMGW_IDENTIFY=hook) == ["E003"]


def test_every_problem_of_the_configuration_is_an_error_with_its_place(tmp_path):
    file = tmp_path / "llmgw.yaml"
    file.write_text("routes:\n  - {name: r, bakend: b}\nbackends:\n  - {name: b, ulr: x}\n")
    with override_settings(LLMGW=None, LLMGW_CONFIG=file):
        found = [m for m in run_checks(tags=["llmgw"]) if m.id == "llmgw.E010"]
    text = "\n".join(message.msg for message in found)
    assert len(found) >= 2
    assert f"{file}:2:" in text
    assert "backend" in text
    assert f"{file}:4:" in text


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"LLMGW_CONFIG": "llmgw.yaml"}, id="both"),
        pytest.param({"LLMGW": None}, id="none"),
        pytest.param({"LLMGW": "llmgw.yaml"}, id="a file in place of a mapping"),
        pytest.param({"LLMGW": None, "LLMGW_CONFIG": {}}, id="a mapping in place of a file"),
        pytest.param({"LLMGW_ENABLED": "yes"}, id="neither True nor False"),
    ],
)
def test_settings_that_cannot_be_meant_stop_the_server(settings: dict[str, Any]):
    assert "E010" in ids(**settings)
    with (
        override_settings(**{"LLMGW": PLAIN, **settings}),
        pytest.raises(ImproperlyConfigured, match="LLMGW"),
    ):
        LLMGatewayMiddleware(lambda request: HttpResponse())


def test_what_is_legal_but_hardly_meant_is_a_warning():
    covered = {"name": "late", "path": "/v1/chat/completions", "backend": "b", "priority": 200}
    said = {
        **PLAIN,
        "routes": [{"name": "early", "path": "/v1/*", "backend": "b"}, covered, DEFAULT],
    }
    with override_settings(LLMGW=said):
        [message] = [m for m in run_checks(tags=["llmgw"]) if m.id == "llmgw.W010"]
    assert "late" in message.msg


def test_switched_off_nothing_is_wrong():
    assert ids(LLMGW_ENABLED=False, MIDDLEWARE=[OURS, SESSION, AUTH]) == []


def test_a_warning_does_not_stop_the_server():
    with override_settings(LLMGW=PLAIN, MIDDLEWARE=[SESSION, AUTH, OURS]):
        LLMGatewayMiddleware(lambda request: HttpResponse())


def test_every_message_says_what_to_do():
    with override_settings(LLMGW=ASKING, MIDDLEWARE=[OURS, SESSION], LLMGW_IDENTIFY=None):
        messages = run_checks(tags=["llmgw"])
    assert len(messages) == 3
    assert all(message.hint for message in messages)
