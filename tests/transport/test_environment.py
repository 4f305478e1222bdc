"""Proxies that the environment names."""

from __future__ import annotations

import asyncio

import pytest

from llmgw_middleware.model.policy import DEFAULT_TIMEOUTS
from llmgw_middleware.testing.upstream import ScriptedUpstream, answer, error
from llmgw_middleware.transport.environment import EnvironmentTransport, Proxies, proxies_of
from llmgw_middleware.transport.h1_request import Origin, origin_of
from llmgw_middleware.transport.port import Call, Reply, Transport, Unreachable

PROXY = "http://proxy:3128"
OTHER = "http://other:3128"

WAYS: dict[str, tuple[dict[str, str], str | None, str | None]] = {
    "nothing": ({}, None, None),
    "https only": ({"HTTPS_PROXY": PROXY}, None, PROXY),
    "http only": ({"HTTP_PROXY": PROXY}, PROXY, None),
    "both": ({"HTTP_PROXY": PROXY, "HTTPS_PROXY": OTHER}, PROXY, OTHER),
    "all": ({"ALL_PROXY": PROXY}, PROXY, PROXY),
    "all but one": ({"ALL_PROXY": PROXY, "https_proxy": OTHER}, PROXY, OTHER),
    "small letters": ({"http_proxy": PROXY, "https_proxy": PROXY}, PROXY, PROXY),
    "small letters win": ({"https_proxy": PROXY, "HTTPS_PROXY": OTHER}, None, PROXY),
    "an empty one is none": ({"https_proxy": "", "HTTPS_PROXY": PROXY, "ALL_PROXY": PROXY}, PROXY, None),
    "no scheme": ({"HTTPS_PROXY": "proxy:3128"}, None, PROXY),
    "a header of a CGI server": ({"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, None, None),
    "small letters under CGI": ({"http_proxy": PROXY, "REQUEST_METHOD": "GET"}, PROXY, None),
}


@pytest.mark.parametrize("name", WAYS)
def test_the_way_to_an_origin_is_what_the_variables_say(name: str):
    env, plain, secure = WAYS[name]
    proxies = proxies_of(env)
    assert proxies.way_to(origin_of("http://api.example")) == plain
    assert proxies.way_to(origin_of("https://api.example")) == secure
    assert bool(proxies) is (plain is not None or secure is not None)


EXCEPTIONS: dict[str, dict[str, bool]] = {
    "*": {"https://api.example": True},
    "": {"https://api.example": False},
    "api.example": {
        "https://api.example": True,
        "https://v1.api.example": True,
        "https://myapi.example": False,
    },
    ".api.example": {"https://api.example": True, "https://v1.api.example": True},
    "*.api.example": {"https://v1.api.example": True},
    "API.Example": {"https://api.example": True},
    "localhost, 127.0.0.1": {
        "http://localhost:11434": True,
        "http://127.0.0.1:1": True,
        "http://127.0.0.2": False,
    },
    "localhost 10.1.2.3": {"http://10.1.2.3": True},
    "api.example:8443": {"https://api.example:8443": True, "https://api.example": False},
    "10.0.0.0/8,fd00::/8": {"http://10.9.9.9:80": True, "http://11.0.0.1": False, "http://[fd00::1]": True},
    "::1": {"http://[::1]:80": True, "http://[::2]:80": False},
    "[::1]:80": {"http://[::1]": True, "http://[::1]:81": False},
    "example": {"https://10.0.0.1": False},
    ".": {"https://api.example": False},
}


@pytest.mark.parametrize("exceptions", EXCEPTIONS)
def test_exceptions_are_gone_to_straight(exceptions: str):
    proxies = proxies_of({"ALL_PROXY": PROXY, "NO_PROXY": exceptions})
    straight = {url: proxies.way_to(origin_of(url)) is None for url in EXCEPTIONS[exceptions]}
    assert straight == EXCEPTIONS[exceptions]


def test_exceptions_in_small_letters_win():
    proxies = proxies_of({"ALL_PROXY": PROXY, "no_proxy": "a.example", "NO_PROXY": "b.example"})
    assert proxies.exceptions == ("a.example",)


WRONG = [
    "ftp://proxy:1",
    "https://",
    "http://proxy:port",
    "http://:3128",
    "http://proxy:99999",
    "http://[::1",
]


@pytest.mark.parametrize("value", WRONG)
def test_what_is_no_proxy_is_refused_without_being_repeated(value: str):
    with pytest.raises(ValueError, match="HTTPS_PROXY is no URL of a proxy") as caught:
        proxies_of({"HTTPS_PROXY": value})
    assert value not in str(caught.value)


def test_a_socks_proxy_needs_a_package(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("llmgw_middleware.transport.environment.find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r"ALL_PROXY names a SOCKS proxy.*httpx\[socks\]"):
        proxies_of({"ALL_PROXY": "socks5://proxy:1080"})


def test_it_says_nothing_of_a_password():
    proxies = proxies_of({"ALL_PROXY": "http://me:secret@proxy:3128", "NO_PROXY": "a,b"})
    assert repr(proxies) == "<Proxies for http and https [exceptions: 2]>"
    assert "secret" not in repr(EnvironmentTransport(proxies))
    assert repr(Proxies()) == "<Proxies for nothing [exceptions: 0]>"


# Calls on their way


async def ask(transport: Transport, url: str) -> Reply:
    deadline = asyncio.get_running_loop().time() + 10
    call = Call(method="POST", url=url, headers=(), body=b"{}")
    return await transport.send(call, timeouts=DEFAULT_TIMEOUTS, deadline=deadline)


async def text(reply: Reply) -> bytes:
    deadline, parts = asyncio.get_running_loop().time() + 10, []
    while part := await reply.receive(deadline):
        parts.append(part)
    await reply.aclose()
    return b"".join(parts)


async def test_a_call_goes_through_its_proxy():
    with ScriptedUpstream() as proxy:
        proxy.default(answer(body="by proxy"))
        transport = EnvironmentTransport(Proxies(http=proxy.url))
        for _ in range(2):
            assert await text(await ask(transport, "http://nowhere.invalid/v1/a?b=c")) == b"by proxy"
        assert (proxy.requests[0].path, proxy.requests[0].query) == ("http://nowhere.invalid/v1/a", "b=c")
        assert proxy.requests[0].header("host") == "nowhere.invalid"
        assert proxy.accepted == 1
        await transport.aclose()


async def test_a_call_to_an_exception_goes_straight():
    with ScriptedUpstream() as upstream:
        upstream.default(answer(body="straight"))
        transport = EnvironmentTransport(Proxies(http="http://nowhere.invalid", exceptions=("127.0.0.1",)))
        assert await text(await ask(transport, f"{upstream.url}/v1")) == b"straight"
        assert upstream.requests[0].path == "/v1"
        await transport.aclose()


async def test_a_proxy_that_makes_no_tunnel_is_unreachable():
    with ScriptedUpstream() as proxy:
        proxy.default(error(502, message="no"))
        transport = EnvironmentTransport(Proxies(https=proxy.url))
        with pytest.raises(Unreachable):
            await ask(transport, "https://nowhere.invalid/v1")
        assert (proxy.requests[0].method, proxy.requests[0].path) == ("CONNECT", "nowhere.invalid:443")
        await transport.aclose()


class Noted:
    """A transport that notes what it is asked."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.closed = 0

    async def send(self, call: Call, **_: object) -> Reply:
        self.urls.append(call.url)
        raise Unreachable("noted")

    async def aclose(self) -> None:
        self.closed += 1


async def test_one_transport_serves_all_origins_behind_one_proxy():
    made: dict[str, Noted] = {}

    def proxied(url: str) -> Noted:
        assert url not in made
        return made.setdefault(url, Noted())

    transport = EnvironmentTransport(Proxies(http=PROXY, https=OTHER), proxied=proxied)
    urls = ["http://a/1", "http://b/2", "http://a/3", "https://a/4"]
    for url in urls:
        with pytest.raises(Unreachable, match="noted"):
            await ask(transport, url)
    assert {proxy: noted.urls for proxy, noted in made.items()} == {PROXY: urls[:3], OTHER: urls[3:]}
    await transport.aclose()
    assert [noted.closed for noted in made.values()] == [1, 1]
    with pytest.raises(Unreachable, match="closed"):
        await ask(transport, "http://a/5")


async def test_a_url_that_is_none_has_no_way():
    transport = EnvironmentTransport(Proxies(http=PROXY))
    with pytest.raises(ValueError, match="cannot carry"):
        await ask(transport, "http://127.0.0.1:nine/")
    await transport.aclose()


def test_an_origin_of_another_scheme_than_the_proxys_goes_straight():
    assert Proxies(https=PROXY).way_to(Origin("http", "a", 80)) is None
