"""One admitted request, with all that its attempts need to know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from llmgw_middleware.dialect.port import CallerDialect, Fields, Operation
from llmgw_middleware.model.decision import Decision
from llmgw_middleware.model.http import Request
from llmgw_middleware.model.policy import CommitRules, RetryRules, Timeouts
from llmgw_middleware.model.route import Rewrite
from llmgw_middleware.policy.deadline import Deadline
from llmgw_middleware.policy.endpoint import Endpoint
from llmgw_middleware.policy.pool import Target


@dataclass(slots=True, kw_only=True)  # made for every request: frozen would cost three times as much
class Order:
    """What is wanted, of whom, by when, and who is told at the end.

    ``began`` and ``deadline`` are on the loop's clock. ``timeouts_for`` gives a backend's, the route's laid over them.
    ``retry_for`` and ``cost_of`` give a target's rules and what this request would cost at its endpoints.
    ``replay_safe``: it may be sent again after an upstream may have acted upon it. ``drain``: a stream is read to its
    end even if the caller leaves. ``settle`` is called once, when the request is over for good: after the last byte of a stream.
    """

    request: Request
    operation: Operation
    fields: Fields | None
    model: str | None
    stream: bool
    show_usage: bool
    rewrite: Rewrite
    targets: Sequence[Target]
    sticky_key: str | None
    timeouts_for: Callable[[str], Timeouts]
    retry_for: Callable[[Target], RetryRules]
    cost_of: Callable[[Target], Callable[[Endpoint], float]]
    replay_safe: bool
    on_content_filter: Literal["stop", "next"]
    drain: bool
    began: float
    deadline: Deadline
    commit: CommitRules
    decision: Decision
    caller: CallerDialect
    settle: Callable[[], None]
