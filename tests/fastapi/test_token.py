"""``bearer``: who calls, by a token."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from starlette.testclient import TestClient

from llmgw_fastapi import bearer
from llmgw_middleware import AuthError, HostRequest, Identity
from tests.doors import CHAT, FakeGateway
from tests.fastapi.shop import SESSION, asked, door, shop

KEY = "a-key-of-thirty-two-bytes-or-more"


def decode(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, KEY, algorithms=["HS256"])
    return claims


async def adecode(token: str) -> dict[str, Any]:
    return decode(token)


class Decoder:
    """An object that decodes, as clients of key servers are."""

    async def __call__(self, token: str) -> dict[str, Any]:
        return decode(token)


def token(key: str = KEY, **claims: Any) -> str:
    return jwt.encode({"sub": "alice", "tier": "premium", **claims}, key, algorithm="HS256")


def request(authorization: str | None = None) -> HostRequest:
    headers = {} if authorization is None else {"authorization": authorization}
    return HostRequest(method="POST", path=CHAT, headers=headers, client=None, native={})


def post(authorization: str | None, *added: Any, identify: Any = None, **headers: str) -> Any:
    """Post to the shop; return the answer."""
    hook = identify or bearer(decode, invalid=jwt.InvalidTokenError)
    if authorization is not None:
        headers["authorization"] = authorization
    return TestClient(shop(door(identify=hook), *added)).post(CHAT, json={}, headers=headers)


@pytest.mark.parametrize("how", [decode, adecode, Decoder()], ids=["plain", "async", "object"])
def test_a_valid_token_names_the_caller_and_the_claims_are_attributes(how):
    told = post(f"Bearer {token()}", identify=bearer(how)).json()
    assert (told["id"], told["source"], told["attributes"]["tier"]) == ("alice", "token", "premium")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_may_be_written_in_any_case(scheme):
    assert post(f"{scheme} {token()}").json()["id"] == "alice"


@pytest.mark.parametrize("authorization", [None, "Basic YTpi", "Token abc"], ids=str)
def test_without_a_bearer_token_the_caller_is_anonymous(authorization):
    assert post(authorization).json()["source"] == "none"


BAD = {
    "another-key": token("another-key-of-thirty-two-bytes-or-more"),
    "expired": token(exp=datetime.now(UTC) - timedelta(minutes=5)),
    "no-token-at-all": "hello",
    "empty": "",
    "unsigned": jwt.encode({"sub": "admin"}, None, algorithm="none"),
    "two-headers": f"{token()}, Bearer {token()}",
    "nobody": token(sub=""),
    "latin": "ÄÖÜ",
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_token_is_401_with_a_challenge_and_never_anonymous(bad):
    answer = post(f"Bearer {bad}".encode("latin-1"))  # type: ignore[arg-type] # as it stands on the wire
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_authenticated")
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


def test_a_refusal_says_nothing_of_the_token_or_the_reason():
    body = post(f"Bearer {BAD['another-key']}").text
    assert BAD["another-key"] not in body
    assert "Signature" not in body


def test_a_token_that_decode_knows_nothing_of_is_401():
    answer = post("Bearer x", identify=bearer(lambda _: None))
    assert (answer.status_code, "not known" in answer.text) == (401, True)


def test_claims_may_name_the_caller_elsewhere():
    hook = bearer(decode, subject="client_id")
    assert post(f"Bearer {token(client_id=7)}", identify=hook).json()["id"] == "7"
    assert "no 'client_id'" in post(f"Bearer {token()}", identify=hook).text


def test_decode_may_say_itself_who_it_is():
    hook = bearer(lambda key: Identity(id=key, attributes={"tier": "gold"}, source="token"))
    told = post("Bearer k-1", identify=hook).json()
    assert (told["id"], told["attributes"]) == ("k-1", {"tier": "gold"})


@pytest.mark.parametrize(("status", "challenged"), [(401, True), (403, False)])
def test_what_decode_refuses_itself_is_the_answer(status, challenged):
    def refuse(token: str) -> None:
        raise AuthError("This key was withdrawn.", status=status)

    answer = post("Bearer x", identify=bearer(refuse))
    assert (answer.status_code, "withdrawn" in answer.text) == (status, True)
    assert ("www-authenticate" in answer.headers) is challenged


@pytest.mark.parametrize("problem", [OSError("the key server is down"), TypeError("ours")], ids=repr)
def test_what_goes_wrong_beside_the_token_is_500_and_logged(problem, caplog):
    def broken(token: str) -> None:
        raise problem

    answer = post("Bearer x", identify=bearer(broken, invalid=jwt.InvalidTokenError))
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "identity_failed")
    assert str(problem) in caplog.text
    assert str(problem) not in answer.text


def test_a_decode_that_returns_something_else_is_a_fault_of_ours_not_the_callers():
    answer = post("Bearer x", identify=bearer(lambda token: token))
    assert answer.status_code == 500


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}], ids=str
)
def test_a_page_elsewhere_may_call_with_a_token_also_beside_a_cookie(headers):
    hook = bearer(decode)
    with TestClient(shop(door(identify=hook), SESSION)) as client:
        client.post("/login/bob")
        answer = client.post(CHAT, json={}, headers={"authorization": f"Bearer {token()}", **headers})
    assert (answer.status_code, answer.json()["id"]) == (200, "alice")


def test_a_token_in_the_query_is_not_looked_at():
    app = shop(door(identify=bearer(decode)))
    assert asked(app, f"{CHAT}?access_token={token()}")["source"] == "none"


def test_only_waiting_decoders_run_on_the_event_loop():
    import inspect

    assert [inspect.iscoroutinefunction(bearer(how)) for how in (decode, adecode, Decoder())] == [
        False,
        True,
        True,
    ]


def test_the_fake_tells_what_the_gateway_was_asked():
    gateway = FakeGateway()
    assert (
        asked(shop(door(gateway, identify=bearer(decode))), headers={"authorization": "Bearer x"})
        == "identity_failed"
    )
    assert json.loads(gateway.requests[0].body) == {}
