"""A request's way through its targets: who is asked first, and who after a failure. No IO, and no waiting."""

from __future__ import annotations

from collections.abc import Callable

from llmgw_middleware.errors import GatewayError, Unavailable
from llmgw_middleware.exchange.order import Order
from llmgw_middleware.model.fault import Fault
from llmgw_middleware.policy.blocked import Blocked
from llmgw_middleware.policy.lease import Lease
from llmgw_middleware.policy.pool import Target
from llmgw_middleware.policy.retry import Again, GiveUp, Move, NextRound, NextTarget, RetryMachine
from llmgw_middleware.policy.trail import Trail


class Course:
    """Asks the machines of ``policy`` on behalf of one order.

    ``lease``, then ``failed`` after each attempt that failed, and so on. Both raise what the caller is told once
    nobody is left to ask. The usual request is served by the first who is asked: what serves failures only is not made
    before there is one.
    """

    __slots__ = ("_again", "_chance", "_clock", "_machine", "_order", "_place", "_trail", "target")

    def __init__(self, order: Order, clock: Callable[[], float], chance: Callable[[], float]) -> None:
        self._order = order
        self._clock = clock
        self._chance = chance
        self._trail = Trail()
        self._machine: RetryMachine | None = None
        self._place = 0
        self._again: Lease | None = None
        self.target: Target = order.targets[0]
        """Whom the present attempt is for."""

    def __repr__(self) -> str:
        return f"<Course through {[t.name for t in self._order.targets]}, now at {self.target.name}>"

    def lease(self) -> Lease:
        """Return the lease of the endpoint whose turn it is."""
        while True:
            found = self._repeated(self._again) if self._again is not None else self._next()
            if isinstance(found, Lease):
                return found
            for name, why in found.passed_over:
                self._trail.note(name, why)
            self._heed(self._retry().blocked(found))

    def failed(self, fault: Fault, lease: Lease) -> float | None:
        """Take in that an attempt failed. Return the seconds to wait before the next lease; None: none."""
        now, endpoint, target = self._clock(), lease.endpoint, self.target
        move = self._retry().record(
            fault,
            backend=endpoint.name,
            now=now,
            chance=self._chance(),
            deadline=self._order.deadline.at,
            replay_safe=self._order.replay_safe,
            other_usable=target.other_usable(tried=self._trail, now=now),
            key_usable=lease.key_usable(now),
            budget_ok=lambda: endpoint.condition.budget.admit(now),
        )
        if isinstance(move, Again):
            self._again = lease
        return self._heed(move)

    def unable(self, why: GatewayError, lease: Lease) -> None:
        """Take in that the leased backend cannot be told this request: no attempt, and no word to its breaker.

        If nobody else can be asked, the caller is told the first such reason.
        """
        name, trail = lease.endpoint.name, self._trail
        trail.bar(name)
        trail.note(name, f"cannot be told: {why.param or why.error_code}")
        if trail.error is None:
            trail.error = why

    def note_skipped(self) -> None:
        """Put down in the decision who could not be asked, and why."""
        if self._trail.passed_over:
            self._order.decision.skipped = self._trail.passed_over

    def _next(self) -> Lease | Blocked:
        target, order = self.target, self._order
        strategy = target.strategy
        return target.lease(
            tried=self._trail,
            now=self._clock(),
            chance=self._chance(),
            key=order.terms.sticky_key(order.facts) if strategy.by_key else None,
            cost=order.terms.cost(target, order.facts) if strategy.by_cost else None,
        )

    def _repeated(self, last: Lease) -> Lease | Blocked:
        self._again = None
        return self.target.repeat(last.endpoint, tried=self._trail, now=self._clock())

    def _retry(self) -> RetryMachine:
        """Return the machine of the present target."""
        machine = self._machine
        if machine is None:
            order, target = self._order, self.target
            machine = self._machine = RetryMachine(
                order.terms.retry[target.name],
                fallback=target.fallback,
                has_next_target=self._place + 1 < len(order.targets),
                trail=self._trail,
                on_content_filter=order.terms.on_content_filter,
            )
        return machine

    def _heed(self, move: Move) -> float | None:
        if isinstance(move, GiveUp):
            raise move.error
        if isinstance(move, NextTarget):
            self._onward()
        return move.after if isinstance(move, (Again, NextRound)) else None

    def _onward(self) -> None:
        self._place += 1
        if self._place >= len(self._order.targets):
            raise self._trail.error or Unavailable("No backend of this route is left to ask.")
        self.target, self._machine = self._order.targets[self._place], None
