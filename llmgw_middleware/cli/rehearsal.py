"""Tests of a configuration, run without any network."""

from __future__ import annotations

import json
import math
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Any

from llmgw_middleware.cli.curl import Asked, from_curl
from llmgw_middleware.config.cases import Case
from llmgw_middleware.errors import ConfigError, GatewayError
from llmgw_middleware.explain import Explanation, explain
from llmgw_middleware.facts import Facts
from llmgw_middleware.model.decision import SplitChoice
from llmgw_middleware.model.http import Request
from llmgw_middleware.model.identity import Identity
from llmgw_middleware.model.plan import Plan
from llmgw_middleware.model.route import Sticky
from llmgw_middleware.snapshot import Snapshot

DEVIATIONS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one test: nothing in ``faults`` if it passed. ``route`` is the one that took the request."""

    case: Case
    faults: tuple[str, ...]
    route: str | None

    @property
    def passed(self) -> bool:
        """Whether everything came as expected."""
        return not self.faults

    def as_dict(self) -> dict[str, Any]:
        """Return its public shape."""
        return {
            "name": self.case.name,
            "where": self.case.where,
            "passed": self.passed,
            "route": self.route,
            "faults": list(self.faults),
        }


def rehearse(snapshot: Snapshot, cases: Sequence[Case], *, seed: int = 0) -> Iterator[Result]:
    """Run every test; raises ConfigError for a request that is none. ``seed`` makes luck repeatable."""
    for case in cases:
        yield _Rehearsal(snapshot, case, random.Random(seed)).result()  # noqa: S311 - a dry run's luck


def coverage(plan: Plan, results: Sequence[Result]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the routes that a test has reached, and those that none has."""
    reached = {result.route for result in results}
    names = [route.name for route in plan.routes]
    return tuple(n for n in names if n in reached), tuple(n for n in names if n not in reached)


class _Rehearsal:
    """One test before one configuration."""

    def __init__(self, snapshot: Snapshot, case: Case, rng: random.Random) -> None:
        self._snapshot = snapshot
        self._case = case
        self._rng = rng
        self._request = _request(case)
        self._identity = _identity(case, snapshot.plan)

    def result(self) -> Result:
        told = self._told()
        faults = [*self._differences(told), *self._off_shares(told)]
        return Result(case=self._case, faults=tuple(faults), route=told.route)

    def _told(self) -> Explanation:
        return explain(
            self._snapshot,
            self._request,
            self._identity,
            chance=self._rng.random(),
            country=self._case.country,
            flags=self._case.flags,
            now=time.time() if self._case.at is None else self._case.at,
        )

    def _differences(self, told: Explanation) -> Iterator[str]:
        seen = _seen(told)
        for name, wanted in self._case.expect.items():
            if seen[name] != wanted:
                yield f"{name}: expected {_shown(wanted)}, got {_shown(seen[name])}{_why(told, name)}"

    def _off_shares(self, told: Explanation) -> Iterator[str]:
        shares = self._case.shares
        if not shares:
            return
        if told.split is None or told.route is None:
            yield f"shares: {_shown(told.route)} has no split whose sides could be counted"
            return
        counted = self._counted(told.route)
        for side, share in shares.items():
            got = counted[side] / self._case.users
            if abs(got - share) > self._tolerance(share):
                yield f"shares: expected {_percent(share)} ± {_percent(self._tolerance(share))} on {side}, got {_percent(got)}"

    def _tolerance(self, share: float) -> float:
        said = self._case.tolerance
        return DEVIATIONS * math.sqrt(share * (1 - share) / self._case.users) if said is None else said

    def _counted(self, route: str) -> Counter[str]:
        """Count the sides of so many callers who differ in what the route sticks by."""
        chooser = self._snapshot.choosers[route]
        sticky = chooser.route.sticky
        counted: Counter[str] = Counter()
        for number in range(self._case.users):
            request, identity = _another(self._request, self._identity, sticky, number)
            facts = Facts(request, identity, self._snapshot.locator)
            split = chooser.choose(facts, chance=self._rng.random()).split
            counted[_side(split) or ""] += 1
        return counted


def _request(case: Case) -> Request:
    try:
        asked = Asked() if case.curl is None else from_curl(case.curl)
        if case.curl is None:
            asked = asked.over(
                path=case.path,
                method=case.method,
                headers=[f"{name}: {value}" for name, value in case.headers.items()],
                data=_data(case.body),
            )
    except ValueError as error:
        raise ConfigError(f"{case.where}: {case.name}: {error}") from error
    return Request(
        method=asked.method,
        path=asked.path,
        query=asked.query,
        headers=asked.headers,
        body=asked.body,
        peer=case.ip,
    )


def _data(body: Any) -> bytes | None:
    if body is None or isinstance(body, str):
        return None if body is None else body.encode()
    return json.dumps(body).encode()


def _identity(case: Case, plan: Plan) -> Identity:
    attributes = {**plan.identity.default, **case.user}
    return Identity(
        id=str(attributes.pop("id", "")),
        attributes=attributes,
        source="session" if case.user or case.session is not None else "none",
        session_key=case.session,
    )


def _another(
    request: Request, identity: Identity, sticky: Sticky | None, number: int
) -> tuple[Request, Identity]:
    """Return another caller's request."""
    key = f"{identity.id or 'caller'}-{number}"
    identity = replace(identity, id=key, session_key=key, source="session")
    if sticky is not None and sticky.kind in {"header", "cookie"}:
        name, value = (sticky.name, key) if sticky.kind == "header" else ("cookie", f"{sticky.name}={key}")
        kept = tuple(line for line in request.headers if line[0] != name.encode())
        return replace(request, headers=(*kept, (name.encode(), value.encode()))), identity
    if sticky is not None and sticky.kind == "ip":
        return replace(request, peer=str(IPv4Address(0x0A000000 + number))), identity
    return request, identity


def _seen(told: Explanation) -> dict[str, Any]:
    error: GatewayError | None = told.error
    return {
        "outcome": told.outcome,
        "route": told.route,
        "backend": told.backend,
        "pool": told.pool,
        "model": told.model,
        "side": _side(told.split),
        "plan": tuple(step.backend for step in told.plan),
        "status": None if error is None else error.status_code,
        "code": None if error is None else error.error_code,
    }


def _side(split: SplitChoice | None) -> str | None:
    return None if split is None else split.variant


def _why(told: Explanation, name: str) -> str:
    """Say of a route that was not taken why not."""
    if name != "route":
        return ""
    return "".join(f"\n    {rule.name}: {rule.reason}" for rule in told.rules if not rule.matched)


def _shown(value: Any) -> str:
    if value is None or value == ():
        return "nothing"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"
