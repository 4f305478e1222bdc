"""What the table of rules found for a request."""

from __future__ import annotations

import msgspec

from llmgw_middleware.model.decision import RuleTrace
from llmgw_middleware.model.route import Route


class Selection(msgspec.Struct, kw_only=True, gc=False):
    """What the table found.

    ``rules`` are all rules with reasons, filled for a trace only. ``allow`` are the methods with which a rule would have matched, if none does;
    ``needed_body`` says that a candidate failed because the body cannot be read.
    """

    route: Route | None
    rules: tuple[RuleTrace, ...] = ()
    allow: tuple[str, ...] = ()
    needed_body: bool = False
