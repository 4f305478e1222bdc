"""One configuration, compiled: everything a request needs, in one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmgw_middleware.attributes import AttributeReader
from llmgw_middleware.choice import Chooser
from llmgw_middleware.dialect.responses_owner import Owners
from llmgw_middleware.exchange.upstream import Upstream
from llmgw_middleware.facts import Facts, Locates
from llmgw_middleware.flags import Flags
from llmgw_middleware.geo import Locator
from llmgw_middleware.health import Beside
from llmgw_middleware.match.paths import Interceptor
from llmgw_middleware.match.table import RouteTable
from llmgw_middleware.model.decision import Decision
from llmgw_middleware.model.http import Request
from llmgw_middleware.model.identity import Identity
from llmgw_middleware.model.plan import Plan
from llmgw_middleware.model.usage import Price
from llmgw_middleware.model.world import World
from llmgw_middleware.policy.condition import Condition
from llmgw_middleware.rollouts.trials import Rollouts
from llmgw_middleware.shadow import mirrors_shown
from llmgw_middleware.shaping import Prelude
from llmgw_middleware.usage.catalogue import Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a reload swaps in one step.

    ``conditions`` are the backends' by name: those of backends that did not change go over into the next snapshot.
    ``prices`` are by target and backend; ``read_of_callers`` what rules read of who calls;
    ``owners`` know which backend keeps which response; ``catalogue`` has the prices that nobody configured; ``prelude`` is what happens to every request before routing; ``rollouts`` are the canaries and experiments;
    ``flags`` asks for feature flags, None where no rule does.
    """

    plan: Plan
    intercepted: Interceptor
    table: RouteTable
    choosers: Mapping[str, Chooser]
    upstreams: Mapping[str, Upstream]
    conditions: Mapping[str, Condition]
    prices: Mapping[tuple[str, str], Price]
    locator: Locator
    attributes: AttributeReader
    checkers: tuple[Beside, ...]
    rollouts: Rollouts
    read_of_callers: frozenset[str]
    owners: Owners
    prelude: Prelude | None = None
    catalogue: Catalogue | None = None
    flags: Flags | None = None

    @property
    def uses_identity(self) -> bool:
        """Whether any rule needs to know who calls."""
        return bool(self.read_of_callers)

    def facts(self, request: Request, identity: Identity, locate: Locates, world: World) -> Facts:
        """Return what rules see of a request: what it says, and what the transform before routing makes of it."""
        facts = Facts(request, identity, locate, world=world)
        return facts if self.prelude is None else self.prelude.view(facts)

    def mirrors(self) -> dict[str, dict[str, Any]]:
        """Return what became of the copies of each route that has a ``mirror``, as plain values."""
        return mirrors_shown({name: c.mirror for name, c in self.choosers.items() if c.mirror is not None})

    @property
    def failures(self) -> dict[str, int]:
        """How often expressions had no value: a ``when`` by its place, transforms by their route."""
        found = self.table.failures
        for name, chooser in self.choosers.items():
            if chooser.shaping is not None and chooser.shaping.failures:
                found[f"transform of {name}"] = chooser.shaping.failures
        if self.prelude is not None and self.prelude.failures:
            found["gateway.transform"] = self.prelude.failures
        return found

    def cost(self, decision: Decision) -> float | None:
        """Return the dollars of a finished request, or None where price or usage are not known.

        What was configured counts, then what the catalogue knows of the model that was sent.
        """
        usage = decision.usage
        if usage is None:
            return None
        price = self.prices.get((decision.target or "", decision.backend or ""))
        if price is not None:
            return price.cost(usage)
        backend = self.plan.backends.get(decision.backend or "")
        if backend is None or self.catalogue is None:
            return None
        return self.catalogue.cost(backend.preset or backend.provider, decision.model_sent, usage)
