"""One configuration, compiled: everything a request needs, in one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from llmgw_middleware.attributes import AttributeReader
from llmgw_middleware.choice import Chooser
from llmgw_middleware.exchange.upstream import Upstream
from llmgw_middleware.geo import Locator
from llmgw_middleware.health import Checker
from llmgw_middleware.match.paths import Interceptor
from llmgw_middleware.match.table import RouteTable
from llmgw_middleware.model.decision import Decision
from llmgw_middleware.model.plan import Plan
from llmgw_middleware.model.usage import Price
from llmgw_middleware.policy.condition import Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a reload swaps in one step.

    ``conditions`` are the backends' by name: those of backends that did not change go over into the next snapshot.
    ``prices`` are by target and backend; ``uses_identity`` says whether any rule needs to know who calls.
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
    checkers: tuple[Checker, ...]
    uses_identity: bool

    def cost(self, decision: Decision) -> float | None:
        """Return the dollars of a finished request, or None where price or usage are not known."""
        price = self.prices.get((decision.target or "", decision.backend or ""))
        return None if price is None or decision.usage is None else price.cost(decision.usage)
