"""What the rules of a configuration read of who calls."""

from __future__ import annotations

from collections.abc import Iterator

from llmgw_middleware.cel.program import compile_expression
from llmgw_middleware.cel.variables import REPLY
from llmgw_middleware.match.routing import changes_in, expressions_of
from llmgw_middleware.model.expression import Expression
from llmgw_middleware.model.plan import Plan
from llmgw_middleware.model.route import Route

WHOLE = "*"
"""Stands for everything that is known of a caller."""


def read_of_callers(plan: Plan) -> frozenset[str]:
    """Return the names of attributes that rules read, ``id`` and ``session`` among them; ``*`` where one reads all."""
    return frozenset(_read(plan))


def _read(plan: Plan) -> Iterator[str]:
    if plan.identity.require:
        yield "id"
    for route in plan.routes:
        yield from _read_by(route)
    for expression in (*changes_in(plan.before_routing), *changes_in(plan.on_answers)):
        yield from _read_in(expression)


def _read_by(route: Route) -> Iterator[str]:
    if route.sticky is not None and route.sticky.kind in {"user", "session"}:
        yield "id" if route.sticky.kind == "user" else "session"
    for match in route.matches:
        yield from (test.name.partition(".")[0] for test in match.user)
    for expression in expressions_of(route):
        yield from _read_in(expression)


def _read_in(expression: Expression) -> Iterator[str]:
    for path in compile_expression(expression.text, vocabulary=REPLY).reads:
        if path[0] == "jwt":
            yield WHOLE
        elif path[0] == "user":
            yield str(path[1]) if len(path) > 1 else WHOLE
