"""What happens to a request on its path, verb by verb; ``gateway.py`` has them in their order."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Literal

from llmgw_middleware.admission import admit, denial, model_asked, operation_asked, replay_safe
from llmgw_middleware.choice import Choice, Chooser
from llmgw_middleware.dialect.port import MODELS, OPAQUE, CallerDialect
from llmgw_middleware.dialect.registry import caller_dialect
from llmgw_middleware.errors import AuthError, GatewayError, MethodNotAllowed, NotFound
from llmgw_middleware.exchange.order import Order
from llmgw_middleware.facts import Facts
from llmgw_middleware.lifespan import Bound
from llmgw_middleware.match.paths import check_path
from llmgw_middleware.model.decision import Decision
from llmgw_middleware.model.http import Header, Pass, Request, Response
from llmgw_middleware.model.identity import Identity
from llmgw_middleware.model.route import Route
from llmgw_middleware.model.world import Flag, World
from llmgw_middleware.observe.answer import (
    REQUEST_ID,
    decision_headers,
    id_headers,
    request_id_of,
    retry_headers,
)
from llmgw_middleware.observe.observer import Observer
from llmgw_middleware.policy.deadline import Deadline
from llmgw_middleware.snapshot import Snapshot

log = logging.getLogger("llmgw")


class Passage:
    """One request on its way through the house, and the record of it."""

    __slots__ = (
        "_began", "_bound", "_caller", "_clock", "_observers", "_operation", "_request", "_selection", "_settled",
        "_shape", "_snapshot", "_world", "decision", "entered",
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
        self.entered = self._settled = False
        self._clock = bound.clock
        self._began = bound.clock()
        self._operation = OPAQUE
        self._shape: Callable[..., Response] | None = None
        self._caller: CallerDialect = caller_dialect(request.path, request.headers)
        self.decision = Decision(
            request_id=(REQUEST_ID in request.named and request_id_of(request.headers)) or bound.ids.take(),
            started=time.time(),
            method=request.method,
            path=request.path,
        )

    def identify(self, identity: Identity, flag: Flag | None) -> Facts:
        """Take in who calls: all that rules may see follows from the request and that. ``flag`` tells feature flags."""
        self.decision.identity = identity
        if self._snapshot.plan.identity.require and not identity.authenticated:
            raise AuthError("Log in first: this gateway serves no anonymous callers.")
        world = self._world if flag is None else replace(self._world, flag=flag)
        return self._snapshot.facts(self._request, identity, self._snapshot.locator, world)

    def check(self) -> None:
        """Refuse a path that hosts and rules may read otherwise."""
        path = self._request.path
        if path not in self._snapshot.intercepted.plain:
            check_path(path)

    def lists_models(self, facts: Facts) -> bool:
        """Note what is asked for, and say whether it is a listing, which is no backend's business."""
        self._operation = operation_asked(facts)
        return self._operation is MODELS

    def select(self, facts: Facts) -> Route | None:
        """Find the first rule whose every condition holds."""
        selection = self._selection = self._snapshot.table.select(facts)
        if selection.route is not None:
            self.decision.route = selection.route.name
        return selection.route

    def admit(self, route: Route, facts: Facts) -> Chooser:
        """Refuse what the route denies or does not offer, and enter where there is room at once."""
        if route.answer is not None:
            raise denial(route.answer)
        asked = self.decision.model_asked = model_asked(facts)
        chooser = self._snapshot.choosers[route.name]
        admit(chooser, self._operation, facts, asked)
        self.entered = self._bound.gate.admits(self._snapshot.plan.max_in_flight)
        return chooser

    def choose(self, chooser: Chooser, facts: Facts) -> Choice:
        """Pick the side of a split, and with it the targets to ask in turn."""
        choice = chooser.choose(facts, chance=self._world.chance())
        self.decision.split = choice.split
        self.decision.target = choice.targets[0].name
        return choice

    def order(self, chooser: Chooser, choice: Choice, facts: Facts) -> Order:
        """Write down what is wanted, as the route shapes it, and offer the copy that a mirror gets."""
        if chooser.shaping is None:
            return self._order(chooser, choice, facts, self.decision.model_asked)
        shaped = chooser.shaping.request(facts)
        self._shape = partial(chooser.shaping.answer, shaped=shaped)
        return self._order(chooser, choice, shaped.facts, model_asked(shaped.facts), edit=shaped.edits.over)

    def _order(
        self,
        chooser: Chooser,
        choice: Choice,
        facts: Facts,
        model: str | None,
        edit: Callable[[tuple[Header, ...]], tuple[Header, ...]] | None = None,
    ) -> Order:
        """Write down what is wanted. ``model`` is what the body asks for; ``edit`` changes the headers of each call."""
        operation, terms, request = self._operation, chooser.terms, self._request
        stream = operation is not OPAQUE and facts.body.true("stream")
        self.decision.stream = stream
        order = Order(
            terms=terms,
            facts=facts,
            operation=operation,
            model=terms.rewrite.model or model,
            stream=stream,
            show_usage=stream
            and "stream_options" in facts.body.fields()
            and facts.body.get(("stream_options", "include_usage")) is True,
            replay_safe=replay_safe(chooser.route, operation, facts),
            targets=choice.targets,
            began=self._began,
            deadline=Deadline.after(terms.read, now=self._began),
            decision=self.decision,
            caller=self._caller,
            settle=self._settle,
            # What rules saw may have headers that are for them alone.
            sent=None if facts.request is request else replace(request, body=facts.request.body),
            edit=edit,
        )
        if chooser.mirror is not None and self._world.chance() < chooser.mirror.share:
            self._bound.shadow.offer(chooser.mirror, order)
        return order

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
        body = self._caller.write_models(tuple(names), self._request.query)
        return self.finish(Response(status=200, headers=headers, body=body))

    def no_route(self, facts: Facts) -> Pass:
        """Say why nothing matched, or give the request back to the host."""
        if self._snapshot.plan.on_no_route == "pass":
            self.settle("pass")
            return Pass(decision=self.decision)
        selection = self._selection
        if selection.allow:
            raise MethodNotAllowed(f"{self._request.method} is not allowed here.", allow=selection.allow)
        prelude = self._snapshot.prelude
        needed_body = selection.needed_body or (prelude is not None and prelude.reads_body)
        if needed_body and not facts.body.readable:
            facts.body.fields()  # raises what is wrong with it
        raise NotFound("No route matches this request, and there is no default route.")

    def finish(self, answer: Response) -> Response:
        """Shape an answer as its route wants it, and put on it what it says of its decision."""
        if self._shape is not None:
            answer = self._shape(answer, backend=self.decision.backend)
        return self._signed(answer, id_headers(self.decision.request_id))

    def _signed(self, answer: Response, more: tuple[Header, ...] = ()) -> Response:
        decision = answer.decision = self.decision
        answer.headers += more
        if self._snapshot.plan.debug_headers or decision.identity.attributes.get("staff") is True:
            answer.headers += decision_headers(decision, elapsed=self._clock() - self._began)
        return answer

    def fail(self, error: GatewayError) -> Response:
        """Tell the caller of an error, in the caller's dialect."""
        answer = refusal(error, self._caller, self.decision.request_id)
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
        if self.entered:
            self._bound.gate.leave()
        decision = self.decision
        decision.duration = self._clock() - self._began
        decision.cost = self._snapshot.cost(decision)
        tell(self._observers, decision)
        if decision.split is not None:
            tell((self._snapshot.rollouts,), decision)


def tell(observers: tuple[Observer, ...], decision: Decision) -> None:
    """Let ``observers`` hear of a finished request; what fails in one disturbs nobody."""
    for observer in observers:
        try:
            observer.finished(decision)
        except Exception:
            log.exception("%r failed on request %s", observer, decision.request_id)


def refusal(error: GatewayError, caller: CallerDialect, request_id: str) -> Response:
    """Return an error as an answer in the caller's dialect."""
    status, content, body = caller.write_error(error, request_id=request_id)
    headers = (*content, *error.headers, *retry_headers(error.retry_after), *id_headers(request_id))
    return Response(status=status, headers=headers, body=body)
