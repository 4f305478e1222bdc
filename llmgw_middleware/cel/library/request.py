"""Of the request itself: its headers, where its caller is, chance, and flags."""

from __future__ import annotations

import uuid as uuids
from collections.abc import Mapping
from typing import Any

from llmgw_middleware.cel.code import Function
from llmgw_middleware.cel.fault import EvaluationError
from llmgw_middleware.cel.headers import Headers
from llmgw_middleware.cel.limits import Frame, spend
from llmgw_middleware.cel.values import no_overload


def _headers(value: Any, what: str) -> Headers:
    if type(value) is not Headers:
        raise no_overload(what, value)
    return value


def in_region(facts: Any, frame: Frame, name: Any) -> bool:
    """Return ``inRegion(name)``: whether the caller's country lies in a region, or is it."""
    if type(name) is not str:
        raise no_overload("inRegion()", name)
    place = facts.place
    if place.country is None:
        # Neither yes nor no: `!inRegion("EU")` must not let through whom nobody can place.
        raise EvaluationError("the caller's country is unknown")
    return name in place.regions or name.upper() == place.country


def flag(facts: Any, frame: Frame, name: Any) -> bool:
    """Return ``flag(name)``: whether a feature flag is on for the caller."""
    if type(name) is not str:
        raise no_overload("flag()", name)
    return bool(facts.world.flag(name, facts.identity))


def random(facts: Any, frame: Frame) -> float:
    """Return ``random()``: a number from 0 up to, but not, 1."""
    return float(facts.world.chance())


def uuid(facts: Any, frame: Frame) -> str:
    """Return ``uuid()``: a random one."""
    chance = facts.world.chance
    bits = sum(int(chance() * 2**32) << shift for shift in (0, 32, 64, 96))
    return str(uuids.UUID(int=bits, version=4))


def redacted(frame: Frame, value: Any) -> Headers:
    """Return ``headers.redacted()``: the same headers, the secret ones hidden."""
    headers = _headers(value, "redacted()")
    spend(frame, 4 * len(headers))
    return headers.redacted()


FUNCTIONS: Mapping[str, Function] = {
    "inRegion": Function(run=in_region, least=1, most=1, open=True, light=True, reads=("geo",)),
    "flag": Function(run=flag, least=1, most=1, open=True, light=True, reads=("user",), cost=50),
    "random": Function(run=random, least=0, most=0, open=True, light=True),
    "uuid": Function(run=uuid, least=0, most=0, open=True, light=True, cost=20),
}
METHODS: Mapping[str, Function] = {
    "redacted": Function(run=redacted, least=1, most=1),
    "raw": Function(run=lambda frame, value: _headers(value, "raw()").raw(), least=1, most=1, light=True),
    "cookie": Function(
        run=lambda frame, value, name: _headers(value, "cookie()").cookie(name), least=2, most=2, light=True
    ),
}
