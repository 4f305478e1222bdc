"""Requests, rules and facts in few words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llmgw_middleware.facts import Facts
from llmgw_middleware.model.http import Request
from llmgw_middleware.model.identity import ANONYMOUS, Identity
from llmgw_middleware.model.place import NOWHERE, Place
from llmgw_middleware.model.route import FieldTest, Match, PathTest, Route, ValueTest

CHAT = "/v1/chat/completions"


class Here:
    """A locator that knows where everybody is."""

    def __init__(self, place: Place = NOWHERE, address: str | None = None) -> None:
        self._place = place
        self._address = address
        self.asked = 0

    def __call__(self, request: Request, identity: Identity) -> Place:
        self.asked += 1
        return self._place

    def address(self, request: Request) -> str | None:
        return self._address


def request(
    method: str = "POST",
    path: str = CHAT,
    *,
    query: str = "",
    headers: tuple[tuple[str, str], ...] = (),
    body: Any = None,
    peer: str | None = None,
) -> Request:
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    lines = tuple((name.encode(), value.encode("latin-1")) for name, value in headers)
    return Request(method=method, path=path, query=query.encode(), headers=lines, body=raw, peer=peer)


def facts(
    method: str = "POST",
    path: str = CHAT,
    *,
    identity: Identity = ANONYMOUS,
    at: Here | None = None,
    **rest: Any,
) -> Facts:
    return Facts(request(method, path, **rest), identity, Here() if at is None else at)


def user(key: str = "42", **attributes: Any) -> Identity:
    return Identity(id=key, attributes=attributes, source="session")


def path(value: str) -> PathTest:
    """An exact path, a prefix that ends in ``/*``, or a pattern that begins with ``~``."""
    if value.startswith("~"):
        return PathTest(kind="regex", value=value[1:])
    if value.endswith("/*"):
        return PathTest(kind="prefix", value=value[:-2])
    return PathTest(kind="exact", value=value)


def fields(tests: Mapping[str, Any]) -> tuple[FieldTest, ...]:
    return tuple(
        FieldTest(name=name, test=test if isinstance(test, ValueTest) else ValueTest(exact=test))
        for name, test in tests.items()
    )


def match(
    *paths: str,
    headers: Mapping[str, Any] | None = None,
    query: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
    user: Mapping[str, Any] | None = None,
    **rest: Any,
) -> Match:
    return Match(
        paths=tuple(map(path, paths)),
        headers=fields(headers or {}),
        query=fields(query or {}),
        body=fields(body or {}),
        user=fields(user or {}),
        **rest,
    )


def route(name: str, *matches: Match, priority: int = 100, default: bool = False) -> Route:
    return Route(
        name=name, matches=matches or (Match(),), priority=priority, default=default, target="backend"
    )
