"""The path of a request: identify → select → admit → choose → exchange."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, TypeVar, overload

from llmgw_middleware.admission import admit, denial, model_asked, operation_asked, replay_safe
from llmgw_middleware.attributes import AttributeReader
from llmgw_middleware.choice import Choice, Chooser
from llmgw_middleware.dialect.port import MODELS, OPAQUE, CallerDialect, Operation
from llmgw_middleware.dialect.registry import caller_dialect
from llmgw_middleware.errors import AuthError, GatewayError, MethodNotAllowed, NotFound, Unavailable
from llmgw_middleware.exchange.order import Order
from llmgw_middleware.facts import Facts
from llmgw_middleware.geo import Locator
from llmgw_middleware.lifespan import Bound, Loops
from llmgw_middleware.loop_thread import LoopThread
from llmgw_middleware.match.callers import WHOLE
from llmgw_middleware.match.paths import check_path
from llmgw_middleware.match.table import Selection
from llmgw_middleware.model.decision import Decision
from llmgw_middleware.model.http import Header, Pass, Request, Response
from llmgw_middleware.model.plan import Plan
from llmgw_middleware.model.route import Route
from llmgw_middleware.model.world import World
from llmgw_middleware.observe.answer import (
    REQUEST_ID,
    decision_headers,
    id_headers,
    request_id_of,
    retry_headers,
)
from llmgw_middleware.observe.log import RequestLog
from llmgw_middleware.observe.observer import Observer
from llmgw_middleware.observe.recorder import Recorder
from llmgw_middleware.policy.deadline import Deadline
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
        self._thread = LoopThread(at_end=self.aclose)
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
        return self._thread

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
        bound.interrupt(Unavailable("This server is shutting down.", code="draining"))
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
        _tell(self._observers, refused)
        return _refusal(error, caller_dialect(path), request_id)

    async def handle(self, request: Request) -> Response | Pass:
        """Answer ``request``. Never raises but for cancellation; every request is settled exactly once."""
        passage = _Passage(self._snapshot, self._loops.current(), self._observers, request, self._world)
        try:
            return passage.finish(await passage.answer())
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


class _Passage:
    """One request on its way through the house, and the record of it."""

    __slots__ = (
        "_began", "_bound", "_caller", "_chance", "_clock", "_entered", "_observers", "_request", "_settled", "_snapshot",
        "_world", "decision",
    )  # fmt: skip

    def __init__(
        self,
        snapshot: Snapshot,
        bound: Bound,
        observers: tuple[Observer, ...],
        request: Request,
        world: World,
    ) -> None:
        self._snapshot = snapshot
        self._bound = bound
        self._observers = observers
        self._request = request
        self._world = world
        self._chance = world.chance
        self._entered = self._settled = False
        self._clock = bound.clock
        self._began = bound.clock()
        self._caller: CallerDialect = caller_dialect(request.path, request.headers)
        self.decision = Decision(
            request_id=(REQUEST_ID in request.named and request_id_of(request.headers)) or bound.ids.take(),
            started=time.time(),
            method=request.method,
            path=request.path,
        )

    async def answer(self) -> Response | Pass:
        """Go the whole way."""
        path = self._request.path
        if path not in self._snapshot.intercepted.plain:
            check_path(path)
        facts = await self.identify()
        operation = operation_asked(facts)
        if operation is MODELS:
            return self.listing(facts)
        selection = self.select(facts)
        if selection.route is None:
            return self.no_route(selection, facts)
        chooser = await self.admit(selection.route, operation, facts)
        choice = self.choose(chooser, facts)
        return await self.exchange(operation, chooser, choice, facts)

    async def identify(self) -> Facts:
        """Ask the host who calls: all that rules may see follows from the request and that."""
        identity = await self._request.identify()
        self.decision.identity = identity
        if self._snapshot.plan.identity.require and not identity.authenticated:
            raise AuthError("Log in first: this gateway serves no anonymous callers.")
        world, flags = self._world, self._snapshot.flags
        if flags is not None:
            world = replace(world, flag=await flags.ask(identity))
        return self._snapshot.facts(self._request, identity, self._snapshot.locator, world)

    def select(self, facts: Facts) -> Selection:
        """Find the first rule whose every condition holds."""
        selection = self._snapshot.table.select(facts)
        if selection.route is not None:
            self.decision.route = selection.route.name
        return selection

    async def admit(self, route: Route, operation: Operation, facts: Facts) -> Chooser:
        """Refuse what the route denies or does not offer, and what there is no room for."""
        if route.answer is not None:
            raise denial(route.answer)
        asked = self.decision.model_asked = model_asked(facts)
        chooser = self._snapshot.choosers[route.name]
        admit(chooser, operation, facts, asked)
        gate, plan = self._bound.gate, self._snapshot.plan
        if not gate.admits(plan.max_in_flight):
            await gate.enter(plan.max_in_flight, pending=plan.max_pending, patience=plan.queue_timeout)
        self._entered = True
        return chooser

    def choose(self, chooser: Chooser, facts: Facts) -> Choice:
        """Pick the side of a split, and with it the targets to ask in turn."""
        choice = chooser.choose(facts, chance=self._chance())
        self.decision.split = choice.split
        self.decision.target = choice.targets[0].name
        return choice

    async def exchange(
        self, operation: Operation, chooser: Chooser, choice: Choice, facts: Facts
    ) -> Response:
        """Run the request against its targets, as the route shapes it."""
        shaping = chooser.shaping
        shaped = None if shaping is None else shaping.request(facts)
        facts = facts if shaped is None else shaped.facts
        opaque, bound, terms = operation is OPAQUE, self._bound, chooser.terms
        stream = not opaque and facts.body.true("stream")
        self.decision.stream = stream
        bound.check(self._snapshot.checkers)
        order = Order(
            terms=terms,
            facts=facts,
            operation=operation,
            model=terms.rewrite.model
            or (self.decision.model_asked if shaped is None else model_asked(facts)),
            stream=stream,
            show_usage=stream and facts.body.get(("stream_options", "include_usage")) is True,
            replay_safe=replay_safe(chooser.route, operation, facts),
            targets=choice.targets,
            began=self._began,
            deadline=Deadline.after(terms.read, now=self._began),
            decision=self.decision,
            caller=self._caller,
            settle=self._settle,
            # What rules saw may have headers that are for them alone.
            sent=None if facts.request is self._request else replace(self._request, body=facts.request.body),
            edit=None if shaped is None else shaped.edits.over,
        )
        if chooser.mirror is not None and self._chance() < chooser.mirror.share:
            bound.shadow.offer(chooser.mirror, order)
        answer = await bound.exchange.run(order)
        if shaping is None or shaped is None:
            return answer
        try:
            return shaping.answer(answer, shaped, self.decision.backend)
        except BaseException:
            if answer.stream is not None:
                await answer.stream.aclose()  # nobody else will ever hold it
            raise

    def listing(self, facts: Facts) -> Response:
        """List the models of the routes that this caller could take."""
        prelude = self._snapshot.prelude
        made = frozenset[str]() if prelude is None else prelude.made_of_body
        routes = self._snapshot.table.open_to(facts, made=made)
        names = dict.fromkeys(
            n for r in routes if r.answer is None for n in self._snapshot.choosers[r.name].offered
        )
        self.settle("served", status=200)
        headers = ((b"content-type", b"application/json"), (b"cache-control", b"private"))
        return Response(
            status=200,
            headers=headers,
            body=self._caller.write_models(tuple(names), self._request.query),
            decision=self.decision,
        )

    def no_route(self, selection: Selection, facts: Facts) -> Pass:
        """Say why nothing matched, or give the request back to the host."""
        if self._snapshot.plan.on_no_route == "pass":
            self.settle("pass")
            return Pass(decision=self.decision)
        if selection.allow:
            raise MethodNotAllowed(f"{self._request.method} is not allowed here.", allow=selection.allow)
        prelude = self._snapshot.prelude
        needed_body = selection.needed_body or (prelude is not None and prelude.reads_body)
        if needed_body and not facts.body.readable:
            facts.body.fields()  # raises what is wrong with it
        raise NotFound("No route matches this request, and there is no default route.")

    def finish(self, answer: Response | Pass) -> Response | Pass:
        """Put on the answer what it says of its decision."""
        if isinstance(answer, Pass):
            return answer
        return self._signed(answer, *id_headers(self.decision.request_id))

    def _signed(self, answer: Response, *more: Header) -> Response:
        decision = answer.decision = self.decision
        answer.headers = (*answer.headers, *more)
        if self._snapshot.plan.debug_headers or decision.identity.attributes.get("staff") is True:
            answer.headers += decision_headers(decision, elapsed=self._clock() - self._began)
        return answer

    def fail(self, error: GatewayError) -> Response:
        """Tell the caller of an error, in the caller's dialect."""
        answer = _refusal(error, self._caller, self.decision.request_id)
        self.settle("error", status=answer.status, code=error.error_code)
        return self._signed(answer)

    def settle(
        self,
        outcome: Literal["served", "error", "pass", "cancelled"],
        *,
        status: int | None = None,
        code: str | None = None,
    ) -> None:
        """Close the record of a request that no stream outlives."""
        self.decision.outcome, self.decision.status, self.decision.code = outcome, status, code
        self._settle()

    def _settle(self) -> None:
        if self._settled:
            return  # an answer was there already, and then something failed on its way to the caller
        self._settled = True
        if self._entered:
            self._bound.gate.leave()
        decision = self.decision
        decision.duration = self._clock() - self._began
        decision.cost = self._snapshot.cost(decision)
        _tell(self._observers, decision)
        if decision.split is not None:
            _tell((self._snapshot.rollouts,), decision)


def _tell(observers: tuple[Observer, ...], decision: Decision) -> None:
    for observer in observers:
        try:
            observer.finished(decision)
        except Exception:
            log.exception("%r failed on request %s", observer, decision.request_id)


def _refusal(error: GatewayError, caller: CallerDialect, request_id: str) -> Response:
    status, content, body = caller.write_error(error, request_id=request_id)
    headers = (*content, *error.headers, *retry_headers(error.retry_after), *id_headers(request_id))
    return Response(status=status, headers=headers, body=body)
