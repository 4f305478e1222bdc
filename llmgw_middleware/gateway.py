"""The gateway: what is in force, what runs beside it, and the path of a request.

The path is ``handle``: identify → select → admit → choose → exchange. What each of them does is ``passage.py``.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, overload

from llmgw_middleware.attributes import AttributeReader
from llmgw_middleware.dialect.registry import caller_dialect
from llmgw_middleware.errors import GatewayError
from llmgw_middleware.geo import Locator
from llmgw_middleware.lifespan import Loops, ending
from llmgw_middleware.loop_thread import LoopThread
from llmgw_middleware.match.callers import WHOLE
from llmgw_middleware.model.decision import Decision
from llmgw_middleware.model.http import Pass, Request, Response
from llmgw_middleware.model.plan import Plan
from llmgw_middleware.model.world import World
from llmgw_middleware.observe.log import RequestLog
from llmgw_middleware.observe.observer import Observer
from llmgw_middleware.observe.recorder import Recorder
from llmgw_middleware.passage import Passage, refusal, tell
from llmgw_middleware.rollouts.trials import Rollouts
from llmgw_middleware.snapshot import Snapshot
from llmgw_middleware.transport.port import Transport
from llmgw_middleware.watch import Watcher

log = logging.getLogger("llmgw")

FAREWELL = 1.0
"""Seconds that streams have to tell their callers that they were ended."""

C = TypeVar("C")


class Gateway:
    """Answers LLM requests by the configuration in force, which ``reload`` swaps in one step.

    Thread-safe but for ``handle``, ``aopen`` and ``aclose``, which belong to the running event loop. ``make_transport``
    is called once per loop; ``observers`` hear of every finished request.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        rebuild: Callable[[Snapshot | None], Snapshot],
        make_transport: Callable[[], Transport],
        observers: tuple[Observer, ...] = (),
        rng: random.Random | None = None,
    ) -> None:
        self._snapshot = snapshot
        self._rebuild = rebuild
        self._watcher = Watcher(snapshot.plan.sources, self.reload)
        self._chance = (rng or random.Random()).random  # noqa: S311 - it spreads load, it guards nothing
        self._world = World(now=time.time, chance=self._chance)
        watch = self._watcher.run if self._watcher.sources else None
        self._loops = Loops(make_transport, chance=self._chance, watch=watch)
        self._loop_thread = LoopThread(at_end=self.aclose)
        self.recorder = Recorder()
        self._observers: tuple[Observer, ...] = (self.recorder, RequestLog(), *observers)

    def __repr__(self) -> str:
        plan = self.plan
        return (
            f"<Gateway [{len(plan.routes)} routes, {len(plan.backends)} backends, {len(plan.pools)} pools]>"
        )

    @property
    def plan(self) -> Plan:
        """The configuration in force."""
        return self._snapshot.plan

    @property
    def snapshot(self) -> Snapshot:
        """The compiled configuration in force, for dry runs."""
        return self._snapshot

    @property
    def attributes(self) -> AttributeReader:
        """Reads what the configuration asks of the host's user."""
        return self._snapshot.attributes

    @property
    def locator(self) -> Locator:
        """Finds a caller's address and country."""
        return self._snapshot.locator

    @property
    def uses_identity(self) -> bool:
        """Whether any rule needs to know who calls."""
        return self._snapshot.uses_identity

    def reads_of_callers(self, name: str) -> bool:
        """Whether any rule reads the attribute ``name`` of who calls."""
        return not self._snapshot.read_of_callers.isdisjoint((name, WHOLE))

    @property
    def thread(self) -> LoopThread:
        """The one event loop of the process for hosts that have none; it is started by its first use."""
        return self._loop_thread

    @overload
    def client(
        self, *, user: Any = None, attributes: Mapping[str, Any] | None = None, session_key: str | None = None
    ) -> Any: ...

    @overload
    def client(
        self,
        kind: type[C],
        *,
        user: Any = None,
        attributes: Mapping[str, Any] | None = None,
        session_key: str | None = None,
    ) -> C: ...

    def client(self, kind: type[Any] | None = None, **who: Any) -> Any:
        """Return an HTTP client (default: ``httpx.Client``) whose requests are answered here, without a socket.

        ``kind``: ``httpx.Client``, ``httpx.AsyncClient``, httpx2's, or a class derived from them, such as an SDK's.
        ``user``, ``attributes`` and ``session_key`` say who calls: see ``client.identity_of``. Raises TypeError.
        """
        from llmgw_middleware.client import make_client  # imports httpx, which a gateway need not

        return make_client(self, kind, **who)

    @property
    def rollouts(self) -> Rollouts:
        """The canaries and experiments in force: their figures, and what a person may decide about them."""
        return self._snapshot.rollouts

    def mirrors(self) -> dict[str, dict[str, Any]]:
        """Return what became of the copies of each route that has a ``mirror``, as plain values."""
        return self._snapshot.mirrors()

    def signal(
        self,
        name: str,
        *,
        user: object = None,
        request_id: str | None = None,
        value: float = 1.0,
    ) -> int:
        """Tell how an answer was received: a thumbs-down, a refund. From any thread.

        The answer is that of ``request_id``, else the last one that ``user`` (an id) had in each canary and experiment.
        Of one answer each signal counts once. For canaries a ``value`` above 0 says that it was given. Returns for how
        many canaries and experiments it was counted: 0 where that answer was in none, or is no longer remembered.
        Raises ValueError where neither is given.
        """
        if user is None and request_id is None:
            raise ValueError("a signal is about an answer: pass request_id= or user=")
        who = None if user is None else str(user)
        return self._snapshot.rollouts.signal(name, user=who, request_id=request_id, value=value)

    def intercepts(self, method: str, path: str) -> bool:
        """Whether a request is the gateway's. ``path`` is raw and below the mount point; OPTIONS stays the host's."""
        return self._snapshot.intercepted.covers(path) and method != "OPTIONS"

    def reload(self) -> None:
        """Read the configuration again and swap it in; raises ConfigError and keeps the old one if it is wrong.

        Requests in flight finish on the one they began with.
        """
        self._snapshot = self._rebuild(self._snapshot)
        log.info("configuration reloaded: %r", self)

    async def aopen(self) -> None:
        """Start what runs beside the path on this event loop. Idempotent; ``handle`` does it by itself."""
        self._loops.current().check(self._snapshot.checkers)

    async def aclose(self) -> None:
        """Close this event loop's connections and tasks. Idempotent."""
        await self._loops.aclose()

    async def drain(self, seconds: float | None = None) -> bool:
        """Let no new request in on this event loop, and wait until those under way are over.

        After ``seconds`` (default: ``gateway.drainTimeout``) open streams are ended by an error event, without a
        finish. Returns whether nothing is left. ``aclose`` ends the draining, too.
        """
        bound = self._loops.current()
        if await bound.gate.drain(self.plan.drain_timeout if seconds is None else seconds):
            return True
        bound.interrupt(ending())
        return await bound.gate.drain(FAREWELL)

    def refuse(self, error: GatewayError, *, path: str, request_id: str | None = None) -> Response:
        """Return an error in the caller's dialect, for what a door refuses before ``handle``."""
        request_id = request_id or secrets.token_hex(16)
        refused = Decision(
            request_id=request_id,
            started=time.time(),
            path=path,
            outcome="error",
            status=error.status_code,
            code=error.error_code,
            duration=0.0,
        )
        tell(self._observers, refused)
        return refusal(error, caller_dialect(path), request_id)

    async def handle(self, request: Request) -> Response | Pass:
        """Answer ``request``: identify → select → admit → choose → exchange.

        Never raises but for cancellation; every request is settled exactly once.
        """
        snapshot, bound = self._snapshot, self._loops.current()
        passage = Passage(snapshot, bound, self._observers, request, self._world)
        try:
            passage.check()
            identity = await request.identify()
            facts = passage.identify(
                identity, None if snapshot.flags is None else await snapshot.flags.ask(identity)
            )
            if passage.lists_models(facts):
                return passage.listing(facts)
            route = passage.select(facts)
            if route is None:
                return passage.no_route(facts)
            chooser = passage.admit(route, facts)
            if not passage.entered:
                plan = snapshot.plan
                await bound.gate.enter(
                    plan.max_in_flight, pending=plan.max_pending, patience=plan.queue_timeout
                )
                passage.entered = True
            order = passage.order(chooser, passage.choose(chooser, facts), facts)
            bound.check(snapshot.checkers)
            answer = await bound.exchange.run(order)
            try:
                return passage.finish(answer)
            except BaseException:
                if answer.stream is not None:
                    await answer.stream.aclose()  # nobody else will ever hold it
                raise
        except GatewayError as error:
            return passage.fail(error)
        except asyncio.CancelledError:
            passage.settle("cancelled")
            raise
        except Exception:
            # The one border: a fault of our own becomes a 500 that tells only the log what happened.
            log.exception("request %s failed inside the gateway", passage.decision.request_id)
            return passage.fail(
                GatewayError("The gateway failed. Its log has the reason under this request id.")
            )
