"""Which fields of a body are for the rules alone: those that the configuration reads and no dialect knows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from llmgw_middleware.cel.program import compile_expression
from llmgw_middleware.cel.variables import REPLY
from llmgw_middleware.dialect.known import KNOWN_FIELDS
from llmgw_middleware.model.expression import Expression
from llmgw_middleware.model.plan import Plan
from llmgw_middleware.model.route import Route
from llmgw_middleware.model.transform import Changes


def routing_fields(plan: Plan) -> frozenset[str]:
    """Return the top-level fields that are not sent upstream (seed 002's ``priority``)."""
    return frozenset(_read(plan)) - KNOWN_FIELDS


def _read(plan: Plan) -> Iterator[str]:
    for route in plan.routes:
        yield from (test.name.partition(".")[0] for match in route.matches for test in match.body)
    every = (*changes_in(plan.before_routing), *(e for route in plan.routes for e in expressions_of(route)))
    for expression in every:
        program = compile_expression(expression.text, where=expression.where, vocabulary=REPLY)
        for path in program.reads:
            names = path[1:] if path[:2] == ("request", "body") else path
            if len(names) > 1 and names[0] == "body":
                yield str(names[1])


def expressions_of(route: Route) -> Iterator[Expression]:
    """Yield every expression of a route."""
    yield from (when for match in route.matches for when in match.when)
    if route.sticky is not None and route.sticky.expression is not None:
        yield route.sticky.expression
    yield from changes_in(route.transform.request)
    yield from changes_in(route.transform.response)


def changes_in(changes: Changes) -> Iterator[Expression]:
    """Yield every expression of changes to a message."""
    yield from (e for e in (changes.replace, changes.body) if e is not None)
    for puts in (changes.metadata, changes.add, changes.set, changes.body_set):
        yield from (put.value for put in puts)


_FLAG = re.compile(r"""\bflag\(\s*(["'])(?P<name>[^"'\\]+)\1\s*\)""")


def flags_of(route: Route) -> frozenset[str]:
    """Return the feature flags that the expressions of a route ask for by name."""
    return _flags_in(expressions_of(route))


def flags_asked(plan: Plan) -> frozenset[str]:
    """Return the feature flags that the expressions of a configuration ask for by name."""
    everywhere = _flags_in((*changes_in(plan.before_routing), *changes_in(plan.on_answers)))
    return everywhere.union(*map(flags_of, plan.routes))


def _flags_in(expressions: Iterable[Expression]) -> frozenset[str]:
    return frozenset(found["name"] for e in expressions for found in _FLAG.finditer(e.text))
