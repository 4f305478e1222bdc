"""Who calls, as the application's own middleware says, and which pages may use it."""

import pytest
from starlette.testclient import TestClient

from llmgw_middleware import AuthError, ConfigError, Identity
from tests.doors import CHAT, FakeGateway
from tests.fastapi.shop import AUTHENTICATION, SESSION, asked, door, shop

BROWSER = {"origin": "http://testserver"}


def logged_in(app, name="alice"):
    client = TestClient(app)
    client.post(f"/login/{name}")
    return client


def test_the_session_names_the_caller():
    client = logged_in(shop(door(), SESSION))
    told = client.post(CHAT, json={}, headers=BROWSER).json()
    assert (told["id"], told["source"]) == ("alice", "session")


def test_the_session_may_keep_the_id_elsewhere():
    client = logged_in(shop(door(user_key="nobody"), SESSION))
    assert client.post(CHAT, json={}).json()["source"] == "none"


def test_a_forged_session_is_nobody():
    app = shop(door(), SESSION)
    assert (
        asked(app, headers={"cookie": "session=eyJ1c2VyX2lkIjogImFkbWluIn0=.aaaa.bbbb"})["source"] == "none"
    )


def test_the_authenticated_user_names_the_caller():
    app = shop(door(), AUTHENTICATION)
    assert asked(app, headers={"x-name": "alice"})["id"] == "alice"
    assert asked(app)["source"] == "none"


def test_a_refusal_of_the_applications_authentication_is_the_answer():
    gateway = FakeGateway()
    answer = TestClient(shop(door(gateway), AUTHENTICATION)).post(
        CHAT, json={}, headers={"x-name": "nobody-we-know"}
    )
    assert (answer.status_code, gateway.requests) == (400, [])


def test_the_user_goes_before_the_session():
    client = logged_in(shop(door(), AUTHENTICATION, SESSION), "bob")
    assert client.post(CHAT, json={}, headers={"x-name": "alice"}).json()["id"] == "alice"
    assert client.post(CHAT, json={}).json()["source"] == "none"


def test_without_either_rules_that_ask_who_calls_are_a_configuration_error():
    assert asked(shop(door(FakeGateway(uses_identity=True)))) == "identity_unavailable"


def test_a_hook_of_ones_own_sees_the_scope():
    def identify(request):
        return Identity(id=request.native["session"]["user_id"].upper(), source="session")

    client = logged_in(shop(door(identify=identify), SESSION))
    assert client.post(CHAT, json={}).json()["id"] == "ALICE"


@pytest.mark.parametrize(
    ("problem", "status", "code"),
    [
        (AuthError("expired"), 401, "not_authenticated"),
        (AuthError("not you", status=403), 403, "forbidden"),
        (KeyError("user_id"), 500, "identity_failed"),
    ],
    ids=repr,
)
def test_a_hook_that_fails_makes_nobody_anonymous(problem, status, code):
    async def identify(request):
        raise problem

    answer = TestClient(shop(door(identify=identify))).post(CHAT, json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_hook_that_names_nothing_does_not_start():
    app = shop(door(identify="shop.auth:identify"))
    with pytest.raises(ConfigError, match=r"'shop\.auth:identify' cannot be loaded"), TestClient(app):
        pass
