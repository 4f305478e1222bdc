"""A dry run: where a request would go and why, without any network."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from llmgw_middleware.admission import admit, denial, model_asked, operation_asked
from llmgw_middleware.choice import Chooser
from llmgw_middleware.dialect.port import Operation
from llmgw_middleware.errors import GatewayError
from llmgw_middleware.facts import Facts
from llmgw_middleware.geo import Locator
from llmgw_middleware.match.paths import check_path
from llmgw_middleware.match.selection import Selection
from llmgw_middleware.model.decision import RuleTrace, SplitChoice
from llmgw_middleware.model.http import Request
from llmgw_middleware.model.identity import Identity
from llmgw_middleware.model.place import Place
from llmgw_middleware.model.route import Route
from llmgw_middleware.model.world import World
from llmgw_middleware.origin import Setting, retry_of, timeouts_of
from llmgw_middleware.policy.backoff import delay
from llmgw_middleware.policy.lease import Lease
from llmgw_middleware.policy.pool import Target
from llmgw_middleware.policy.trail import Trail
from llmgw_middleware.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One backend of the plan: its target, the model it would be sent, and what applies to its attempts.

    ``attempts`` is the most that its target is given in all; ``delays`` are the waits before each repeat there, at
    their longest where they are drawn at random. ``timeouts`` and ``retry`` say where each figure comes from.
    """

    target: str
    backend: str
    model: str | None
    attempts: int
    delays: tuple[float, ...]
    timeouts: tuple[Setting, ...]
    retry: tuple[Setting, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return its public shape."""
        return {
            "target": self.target,
            "backend": self.backend,
            "model": self.model,
            "attempts": self.attempts,
            "delays": list(self.delays),
            "timeouts": {s.key: {"value": s.value, "source": s.source} for s in self.timeouts},
            "retry": {s.key: {"value": s.value, "source": s.source} for s in self.retry},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a request goes where it goes. ``backend`` is the leaf tried first; ``plan`` the attempts in their order.

    ``description`` is what the operator wrote beside the route.

    ``transforms`` says what each change to the request comes to. ``error`` is what the caller would be told where the outcome is ``error``, ``no_route`` or a deny rule's answer.
    """

    outcome: Literal["route", "no_route", "pass", "error"]
    identity: Identity
    place: Place
    rules: tuple[RuleTrace, ...] = ()
    route: str | None = None
    description: str = ""
    pool: str | None = None
    backend: str | None = None
    model: str | None = None
    split: SplitChoice | None = None
    transforms: tuple[str, ...] = ()
    plan: tuple[Step, ...] = ()
    error: GatewayError | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the public shape of ``llmgw explain --json``."""
        return {
            "outcome": self.outcome,
            "route": self.route,
            "description": self.description,
            "backend": self.backend,
            "pool": self.pool,
            "model": self.model,
            "rules": [_rule(rule) for rule in self.rules],
            "split": None if self.split is None else _split(self.split),
            "transforms": list(self.transforms),
            "identity": {
                "id": self.identity.id,
                "authenticated": self.identity.authenticated,
                "attributes": dict(self.identity.attributes),
            },
            "geo": {
                "country": self.place.country,
                "regions": sorted(self.place.regions),
                "source": self.place.source,
            },
            "plan": [step.as_dict() for step in self.plan],
            "error": None
            if self.error is None
            else {"code": self.error.error_code, "message": self.error.message},
        }


def _rule(rule: RuleTrace) -> Mapping[str, Any]:
    return {"name": rule.name, "priority": rule.priority, "matched": rule.matched, "reason": rule.reason}


def _split(split: SplitChoice) -> Mapping[str, Any]:
    return {
        "name": split.name,
        "key": split.key,
        "bucket": split.bucket,
        "chosen": split.chosen,
        "variant": split.variant,
    }


class _Elsewhere:
    """A locator that puts every caller in one country."""

    def __init__(self, locator: Locator, country: str) -> None:
        self._locator = locator
        self._country = country

    def __call__(self, request: Request, identity: Identity) -> Place:  # noqa: ARG002 - wherever they are
        return self._locator.at(self._country)

    def address(self, request: Request) -> str | None:
        return self._locator.address(request)


def explain(
    snapshot: Snapshot,
    request: Request,
    identity: Identity,
    *,
    chance: float,
    now: float = 0.0,
    country: str | None = None,
    flags: Collection[str] = (),
) -> Explanation:
    """Decide about ``request`` as the gateway would, and keep every reason.

    ``chance`` in [0, 1) stands for luck, ``now`` (seconds since 1970) for the time, ``country`` (upper case) for where
    the caller is; ``flags`` are the feature flags that are on. A request without a body is explained as far as its path,
    headers and caller go.
    """
    locator = snapshot.locator
    where = locator if country is None else _Elsewhere(locator, country)
    world = World(now=lambda: now, chance=lambda: chance, flag=lambda name, _: name in flags)
    facts = Facts(request, identity, where, world=world)
    if not snapshot.intercepted.covers(request.path):
        return Explanation(outcome="pass", identity=identity, place=facts.place)
    try:
        check_path(request.path)
        before = () if snapshot.prelude is None else snapshot.prelude.told(facts)
        facts = snapshot.facts(request, identity, where, world)
        selection = snapshot.table.select(facts, trace=True)
        if selection.route is None:
            told = _unrouted(snapshot, selection, facts)
        else:
            told = _routed(snapshot, selection, selection.route, facts, chance)
        named = tuple(f"gateway.transform: {what}" for what in before)
        return replace(told, transforms=named + told.transforms)
    except GatewayError as error:
        return Explanation(outcome="error", error=error, identity=identity, place=facts.place)


def _unrouted(snapshot: Snapshot, selection: Selection, facts: Facts) -> Explanation:
    passes = snapshot.plan.on_no_route == "pass"
    return Explanation(
        outcome="pass" if passes else "no_route",
        identity=facts.identity,
        place=facts.place,
        rules=selection.rules,
    )


def _routed(
    snapshot: Snapshot, selection: Selection, route: Route, facts: Facts, chance: float
) -> Explanation:
    seen = Explanation(
        outcome="route",
        identity=facts.identity,
        place=facts.place,
        rules=selection.rules,
        route=route.name,
        description=route.description,
    )
    if route.answer is not None:
        return replace(seen, error=denial(route.answer))
    chooser = snapshot.choosers[route.name]
    try:
        operation = operation_asked(facts)
        if _has_body(facts, operation):
            facts.body.fields()  # raises what is wrong with it
        admit(chooser, operation, facts, model_asked(facts))
        choice = chooser.choose(facts, chance=chance)
        if chooser.shaping is not None and facts.request.body:
            seen = replace(seen, transforms=tuple(f"{route.name}: {w}" for w in chooser.shaping.told(facts)))
            facts = chooser.shaping.request(facts).facts
    except GatewayError as error:
        return replace(seen, outcome="error", error=error)
    plan = tuple(_steps(snapshot, chooser, choice.targets, facts))
    first = choice.targets[0]
    return replace(
        seen,
        pool=first.name if first.is_pool else None,
        backend=plan[0].backend,
        model=plan[0].model,
        split=choice.split,
        plan=plan,
    )


def _has_body(facts: Facts, operation: Operation) -> bool:
    """Whether there is a body that the operation would have to read."""
    return operation not in {Operation.MODELS, Operation.OPAQUE} and bool(facts.request.body)


def _steps(snapshot: Snapshot, chooser: Chooser, targets: Sequence[Target], facts: Facts) -> Iterator[Step]:
    """Walk through the targets as the attempt loop would if every backend failed."""
    tried = Trail()
    asked = chooser.route.rewrite.model or model_asked(facts)
    for target in targets:
        while isinstance(lease := target.lease(tried=tried), Lease):
            lease.release()
            name = lease.endpoint.name
            yield _step(snapshot, chooser, target, name, asked)
            if not target.fallback:
                break


def _step(snapshot: Snapshot, chooser: Chooser, target: Target, name: str, asked: str | None) -> Step:
    plan, backend = snapshot.plan, snapshot.plan.backends[name]
    rules = chooser.retry_for(target)
    attempts = rules.max_attempts or 1
    return Step(
        target=target.name,
        backend=name,
        model=backend.model_for(asked),
        attempts=attempts,
        delays=tuple(delay(rules, repeat, chance=1.0) for repeat in range(1, attempts)),
        timeouts=timeouts_of(chooser.route, backend, plan),
        retry=retry_of(chooser.route, None if target.is_pool else backend, plan),
    )
