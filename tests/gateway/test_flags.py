"""Feature flags and times as conditions of routes."""

import logging
import threading
from typing import Any

import pytest

from llmgw_middleware.build import build_gateway, load_plan
from llmgw_middleware.config.load import load
from llmgw_middleware.errors import ConfigError
from llmgw_middleware.flags import Flags
from llmgw_middleware.match.routing import flags_asked
from llmgw_middleware.model.identity import Identity
from llmgw_middleware.testing.upstream import ScriptedUpstream, chat
from tests.gateway.asking import ALICE, BOB, PATH, ask, backend, gateway, header

asked: list[tuple[str, str, str]] = []


def lookup(name: str, identity: Identity) -> bool:
    asked.append((name, identity.id, threading.current_thread().name))
    return identity.id == "alice"


async def awaited(name: str, identity: Identity) -> bool:
    return identity.id == "alice"


def broken(name: str, identity: Identity) -> bool:
    raise RuntimeError("no database")


def config(url: str = "http://127.0.0.1:9/v1", **first: Any) -> dict[str, Any]:
    return {
        "gateway": {"debugHeaders": True},
        "routes": [
            {"name": "new", "path": PATH, "backend": "b", **(first or {"enabled": {"flag": "new-chat"}})},
            {"name": "old", "path": PATH, "backend": "b"},
        ],
        "backends": [backend("b", url)],
    }


async def routes(words: dict[str, Any], **extensions: Any) -> list[str | None]:
    """Where alice and bob are sent."""
    with ScriptedUpstream() as up:
        up.default(chat())
        words["backends"] = [backend("b", up.url)]
        async with gateway(words, **extensions) as gw:
            return [header(await ask(gw, who=who), "x-llmgw-route") for who in (ALICE, BOB)]


@pytest.mark.parametrize("ask_flag", [lookup, awaited], ids=["plain", "async"])
async def test_a_route_under_a_flag_is_there_for_whom_the_flag_is_on(ask_flag):
    assert await routes(config(), flags=ask_flag) == ["new", "old"]


async def test_the_lookup_is_named_in_the_configuration():
    words = {**config(), "flags": {"lookup": f"{__name__}:lookup"}}
    assert await routes(words) == ["new", "old"]


async def test_an_expression_asks_the_same_lookup():
    assert await routes(config(when='flag("new-chat") && user.id != ""'), flags=lookup) == ["new", "old"]


async def test_a_flag_is_asked_for_once_a_request_and_away_from_the_event_loop():
    asked.clear()
    words = config(when='flag("b") || flag("a")', enabled={"flag": "b"})
    await routes(words, flags=lookup)
    assert [(name, who) for name, who, _ in asked] == [
        ("a", "alice"),
        ("b", "alice"),
        ("a", "bob"),
        ("b", "bob"),
    ]
    assert threading.current_thread().name not in {thread for _, _, thread in asked}


async def test_a_flag_that_cannot_be_asked_for_is_off_and_logged_once(caplog):
    with caplog.at_level(logging.ERROR, logger="llmgw"):
        assert await routes(config(), flags=broken) == ["old", "old"]
    assert caplog.text.count("the flag new-chat could not be asked for: it counts as off") == 1


async def test_without_a_lookup_every_flag_is_off():
    assert await routes(config()) == ["old", "old"]


async def test_failures_are_counted():
    flags = Flags({"a"}, broken)
    assert not (await flags.ask(ALICE))("a", ALICE)
    assert flags.failures == {"a": 1}
    assert repr(flags) == "<Flags a>"


def test_a_configuration_without_flags_asks_for_none():
    words = config(enabled=True)
    assert build_gateway(words, env={}).snapshot.flags is None
    assert flags_asked(load_plan(words, {})) == frozenset()


@pytest.mark.parametrize("name", ["nowhere:f", f"{__name__}:asked"])
def test_a_lookup_that_is_not_there_keeps_a_gateway_from_starting(name):
    with pytest.raises(ConfigError, match=r"flags\.lookup"):
        build_gateway({**config(), "flags": {"lookup": name}}, env={})


WRONG = {
    "an unknown key": ({"enabled": {"flga": "x"}}, "unknown_key"),
    "nothing": ({"enabled": {}}, "bad_value"),
    "a time without a zone": ({"enabled": {"from": "2026-01-01T00:00:00"}}, "bad_value"),
    "no time": ({"enabled": {"until": "soon"}}, "bad_value"),
    "an end before the beginning": (
        {"enabled": {"from": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}},
        "bad_value",
    ),
    "a quote in a flag's name": ({"enabled": {"flag": 'a"b'}}, "bad_value"),
    "a word that is no truth": ({"enabled": "perhaps"}, "bad_value"),
}


@pytest.mark.parametrize(("words", "code"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_meant_is_refused(words, code):
    assert code in [problem.code for problem in load(config(**words), env={}, serving=False).errors]


def test_a_lookup_is_a_function():
    loaded = load({**config(), "flags": {"lookup": "waffle"}}, env={}, serving=False)
    assert [problem.code for problem in loaded.errors] == ["bad_value"]
