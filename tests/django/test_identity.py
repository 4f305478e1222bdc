from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.test import RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext

from llmgw_django import shared
from llmgw_django.identity import UserReader
from llmgw_middleware import GatewayError, HostRequest, build_gateway
from llmgw_middleware.testing.upstream import chat as completion
from tests.django.conftest import Caller
from tests.django.project.models import Profile

KEY = "k" * 32
BACKENDS = [{"name": "b", "url": "http://127.0.0.1:9/v1"}]


def gateway_asking(**user: Any) -> Any:
    return build_gateway(
        {"routes": [{"name": "r", "path": "/v1/*", "user": user, "backend": "b"}], "backends": BACKENDS}
    )


def host(**given: Any) -> HostRequest:
    native = RequestFactory().post("/v1/chat/completions")
    for name, value in given.items():
        setattr(native, name, value)
    return HostRequest(method="POST", path="/v1/chat/completions", headers={}, client=None, native=native)


def test_a_logged_in_user_is_told_by_the_session():
    admin = User.objects.get(username="admin")
    found = UserReader(gateway_asking(staff=True))(host(user=admin, session=SessionStore(KEY)))
    assert (found.id, found.source, found.session_key) == (str(admin.pk), "session", KEY)
    assert found.attributes == {"staff": True, "superuser": False}


def test_groups_are_asked_for_only_where_a_rule_reads_them():
    bob = User.objects.get(username="bob")
    assert not UserReader(gateway_asking(staff=True))(host(user=bob, session=None)).queried
    with CaptureQueriesContext(connection) as queries:
        found = UserReader(gateway_asking(groups={"contains": "pilots"}))(host(user=bob, session=None))
    assert not queries.captured_queries
    assert found.queried["groups"]() == ["pilots"]


async def test_an_expression_may_ask_for_groups(caller: Caller, gateway, upstream):
    gateway["routes"][0] = {**gateway["routes"][0], "when": "'pilots' in user.groups"}
    del gateway["routes"][0]["user"]
    upstream.default(completion())
    with override_settings(LLMGW=gateway):
        for name in ("bob", "alice"):
            await caller.login(name)
            await caller.post()
    assert [seen.path.split("/")[1] for seen in upstream.requests] == ["premium", "free"]


def test_an_anonymous_visitor_keeps_the_session_for_splits():
    found = UserReader(gateway_asking(staff=True))(host(user=AnonymousUser(), session=SessionStore(KEY)))
    assert (found.id, found.source, found.session_key) == ("", "none", KEY)
    assert found.subjects["user"] is None


def test_a_user_model_without_groups_and_staff_will_do():
    class Bare:
        pk = 5
        is_authenticated = True

    found = UserReader(gateway_asking(groups={"contains": "x"}))(host(user=Bare(), session=None))
    assert (found.id, found.attributes) == ("5", {"staff": False, "superuser": False})
    assert not found.queried


def test_rules_that_ask_who_calls_need_somebody_who_knows():
    with pytest.raises(GatewayError) as raised:
        UserReader(gateway_asking(staff=True))(host())
    assert raised.value.error_code == "identity_unavailable"
    assert "AuthenticationMiddleware" in raised.value.message


def test_rules_that_ask_nobody_do_without_users():
    reader = UserReader(
        build_gateway({"routes": [{"name": "r", "path": "/v1/*", "backend": "b"}], "backends": BACKENDS})
    )
    assert reader(host()).source == "none"


async def test_the_decision_knows_the_user(caller: Caller, gateway, upstream):
    upstream.script(completion())
    await caller.login("bob")
    bob = await User.objects.aget(username="bob")
    await caller.post()
    decision = last_decision()
    assert (decision.identity.id, decision.identity.source) == (str(bob.pk), "session")
    assert decision.identity.attributes["tier"] == "premium"


async def test_a_name_or_address_is_kept_nowhere(caller: Caller, gateway, upstream):
    upstream.script(completion())
    await caller.login("bob")
    await caller.post()
    assert "bob" not in repr(last_decision())


@pytest.mark.parametrize("hook", ["by_token", "by_token_async"])
async def test_a_resolver_of_the_project_decides(caller: Caller, gateway, upstream, hook: str):
    upstream.script(completion(), completion())
    with override_settings(LLMGW_IDENTIFY=f"tests.django.hooks:{hook}"):
        await caller.post(Authorization="Bearer bob")
        await caller.post(Authorization="Bearer somebody")
    assert [seen.path.split("/")[1] for seen in upstream.requests] == ["premium", "free"]


async def test_a_resolver_may_ask_the_database_asynchronously(caller: Caller, gateway, upstream):
    upstream.script(completion())
    with override_settings(LLMGW_IDENTIFY="tests.django.hooks:by_database_async"):
        assert (await caller.post(X_Name="bob")).status_code == 200
    assert upstream.requests[0].path.startswith("/premium/")


async def test_a_refusal_by_the_resolver_is_the_answer(caller: Caller, gateway):
    with override_settings(LLMGW_IDENTIFY="tests.django.hooks:by_token"):
        response = await caller.post(Authorization="Bearer expired")
    assert response.status_code == 401
    assert "expired" in json.loads(response.content)["error"]["message"]


async def test_a_broken_resolver_makes_nobody_anonymous(caller: Caller, gateway, upstream, caplog):
    with override_settings(LLMGW_IDENTIFY="tests.django.hooks:broken"):
        response = await caller.post()
    assert response.status_code == 500
    assert b"secret detail" not in response.content
    assert "a secret detail" in caplog.text
    assert not upstream.requests


async def test_where_a_login_is_required_nobody_else_is_served(caller: Caller, gateway, upstream):
    gateway["identity"]["require"] = True
    upstream.script(completion())
    with override_settings(LLMGW=gateway):
        response = await caller.post()
        assert response.status_code == 401
        assert json.loads(response.content)["error"]["code"] == "not_authenticated"
        await caller.login("alice")
        assert (await caller.post()).status_code == 200


@pytest.mark.parametrize(("cache", "read_again"), [("30s", 0), (0, 1)], ids=["kept", "not kept"])
async def test_a_users_attributes_are_kept_between_requests_where_the_configuration_says_so(
    caller: Caller, gateway, upstream, cache: Any, read_again: int
):
    gateway["identity"]["cache"] = cache
    upstream.script(completion(), completion())
    await caller.login("bob")
    with override_settings(LLMGW=gateway), profiles_read() as read:
        await caller.post()
        first = len(read)
        await caller.post()
    assert first == 1
    assert len(read) - first == read_again
    assert [seen.path.split("/")[1] for seen in upstream.requests] == ["premium", "premium"]


@contextmanager
def profiles_read() -> Iterator[list[str]]:
    """Collect the queries for profiles, whatever thread makes them."""
    read: list[str] = []
    table = Profile._meta.db_table
    former = CursorWrapper.execute

    def execute(self: Any, sql: Any, params: Any = None) -> Any:
        if f'FROM "{table}"' in str(sql):
            read.append(str(sql))
        return former(self, sql, params)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CursorWrapper, "execute", execute)
        yield read


def last_decision() -> Any:
    door: Any = shared.door()
    return next(iter(door.gateway.recorder))
