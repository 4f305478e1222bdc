"""One admitted request, with all that its attempts need to know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from llmgw_middleware.dialect.port import CallerDialect, Operation, Policy
from llmgw_middleware.exchange.upstream import Upstream
from llmgw_middleware.facts import Facts
from llmgw_middleware.model.decision import Decision
from llmgw_middleware.model.http import Header, Request
from llmgw_middleware.model.policy import CommitRules, RetryRules, Timeouts
from llmgw_middleware.model.route import Rewrite
from llmgw_middleware.policy.deadline import Deadline
from llmgw_middleware.policy.endpoint import Endpoint
from llmgw_middleware.policy.pool import Target


@dataclass(frozen=True, slots=True)
class Leg:
    """A backend as one route uses it: ``timeouts`` are the route's laid over the backend's; ``read`` is its own.

    ``headers`` are those of its side of a split.
    """

    upstream: Upstream
    timeouts: Timeouts
    read: float | None
    headers: tuple[Header, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a route says of all its orders, worked out when the configuration is loaded.

    ``routing_fields`` of a body are for the rules only. ``legs`` are by backend, ``retry`` by target. ``read``: seconds for a request, over all its attempts.
    ``on_unsupported`` is None where each backend says it. ``drain``: a stream is read to its end even if the caller leaves.
    ``sticky_key`` reads what keeps a caller at one member of a pool, ``cost`` what a request would cost at an
    endpoint of a target.
    """

    rewrite: Rewrite
    routing_fields: frozenset[str]
    legs: Mapping[str, Leg]
    retry: Mapping[str, RetryRules]
    read: float | None
    on_content_filter: Literal["stop", "next"]
    on_unsupported: Policy | None
    drain: bool
    commit: CommitRules
    sticky_key: Callable[[Facts], str | None]
    cost: Callable[[Target, Facts], Callable[[Endpoint], float]]


class Order(msgspec.Struct, kw_only=True, gc=False, eq=False):
    """What is wanted, of whom, by when, and who is told at the end.

    ``model`` is what the caller, or the route in its place, asks for. ``began`` and ``deadline`` are on the loop's clock.
    ``show_usage``: the caller of a stream asked for its usage chunk. ``replay_safe``: it may be sent again after an
    upstream may have acted upon it. ``sent`` is the request to be sent where rules saw another one, and ``edit`` changes
    the headers of each call. ``settle`` is called once, when the request is over for good: after the last byte of a stream.
    """

    terms: Terms
    facts: Facts
    operation: Operation
    model: str | None
    stream: bool
    show_usage: bool
    replay_safe: bool
    targets: Sequence[Target]
    began: float
    deadline: Deadline
    decision: Decision
    caller: CallerDialect
    settle: Callable[[], None]
    sent: Request | None = None
    edit: Callable[[tuple[Header, ...]], tuple[Header, ...]] | None = None
