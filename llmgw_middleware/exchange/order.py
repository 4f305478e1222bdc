"""One admitted request, with all that its attempts need to know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llmgw_middleware.dialect.port import CallerDialect, Fields, Operation
from llmgw_middleware.model.decision import Decision
from llmgw_middleware.model.http import Request
from llmgw_middleware.model.policy import Timeouts
from llmgw_middleware.model.route import Rewrite
from llmgw_middleware.policy.deadline import Deadline
from llmgw_middleware.policy.pool import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is wanted, of whom, by when, and who is told at the end.

    ``began`` and ``deadline`` are on the loop's clock. ``timeouts_for`` gives a backend's, the route's laid over them.
    ``settle`` is called once, when the request is over for good: after the last byte of a stream.
    """

    request: Request
    operation: Operation
    fields: Fields | None
    model: str | None
    stream: bool
    show_usage: bool
    rewrite: Rewrite
    targets: Sequence[Target]
    timeouts_for: Callable[[str], Timeouts]
    began: float
    deadline: Deadline
    decision: Decision
    caller: CallerDialect
    settle: Callable[[], None]
