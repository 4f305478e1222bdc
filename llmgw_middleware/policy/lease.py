"""The right to use an endpoint for one attempt, and what the attempt taught."""

from __future__ import annotations

from collections.abc import Sequence

from llmgw_middleware.model.fault import Fault
from llmgw_middleware.policy.classify import VERDICTS, Cooldown, hint_of
from llmgw_middleware.policy.endpoint import Endpoint
from llmgw_middleware.policy.permit import Permit
from llmgw_middleware.policy.trail import Trail


class Lease:
    """Counted as in flight until ``release``, which is called in a ``finally`` and is idempotent.

    ``key_index`` says which of the backend's ``api_keys`` is to be sent (0 where there is one or none). Between, at
    most one of ``succeeded`` and ``failed`` is called; ``truncated`` may follow ``succeeded``. ``stand_ins``: the
    endpoints that a request may go to instead.
    """

    __slots__ = ("_first", "_held", "_permit", "_stand_ins", "_trail", "endpoint", "key_index")

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        trail: Trail,
        permit: Permit,
        key_index: int,
        stand_ins: Sequence[Endpoint] = (),
    ) -> None:
        self.endpoint = endpoint
        self.key_index = key_index
        self._permit = permit
        self._trail = trail
        self._stand_ins = stand_ins
        self._held = True
        self._first = trail.sent(endpoint.name)
        endpoint.condition.in_flight += 1

    def __repr__(self) -> str:
        return (
            f"<Lease of {self.endpoint.name}, key {self.key_index}, {'held' if self._held else 'returned'}>"
        )

    def succeeded(self, now: float, first_token: float | None) -> None:
        """Note that the attempt committed. The lease stays held.

        ``first_token``: seconds to the first content; where the answer is not streamed, to the whole of it.
        """
        condition = self.endpoint.condition
        self._count(now)
        condition.keys.succeeded(self.key_index)
        condition.breaker.record(self._permit, ok=True, now=now, slow=condition.breaker.slow(first_token))
        if first_token is not None and condition.timed:
            condition.latency.record(first_token, now)
            condition.pace.record(first_token, now)

    def truncated(self, now: float) -> None:
        """Note that the stream, which had committed, did not reach its end."""
        if self._trail.fail(self.endpoint.name):
            self.endpoint.condition.breaker.late_failure(self._permit, now)

    def failed(self, fault: Fault, now: float) -> None:
        """Note that the attempt failed, with what follows from it for breaker, key and trail. The lease stays held."""
        condition, verdict = self.endpoint.condition, VERDICTS[fault.kind]
        self._count(now)
        if verdict.failure and self._trail.fail(self.endpoint.name):
            condition.breaker.record(self._permit, ok=False, now=now)
        else:
            condition.breaker.release(self._permit)
        self._cool(verdict.cooldown, fault, now)
        if verdict.larger:
            # A backend whose window nobody told is taken for smaller than one that is marked.
            self._trail.larger_than = max(self._trail.larger_than or 0, condition.context_window or 0)

    def key_usable(self, now: float) -> bool:
        """Whether the backend has another key that does not rest."""
        return self.endpoint.condition.keys.usable(now, besides=self.key_index)

    def release(self) -> None:
        """Give it back. An attempt that neither succeeded nor failed counts for nothing: the caller left."""
        if self._held:
            self._held = False
            self.endpoint.condition.breaker.release(self._permit)
            self.endpoint.condition.in_flight -= 1

    def _count(self, now: float) -> None:
        if self._first:
            self._first = False
            self.endpoint.condition.budget.request(now)

    def _cool(self, cooldown: Cooldown, fault: Fault, now: float) -> None:
        keys, hint = self.endpoint.condition.keys, hint_of(fault)
        if cooldown == "hint" and (hint is not None or self._replaceable(now)):
            keys.cool(self.key_index, now, hint)
        elif cooldown == "long" or (cooldown == "key" and len(keys) > 1):
            keys.cool_long(self.key_index, now)

    def _replaceable(self, now: float) -> bool:
        """Whether another key or another endpoint is usable: only then may a rest be guessed."""
        return self.key_usable(now) or any(
            e.name != self.endpoint.name and e.usable(now) is None for e in self._stand_ins
        )
