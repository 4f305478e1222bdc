"""The terms of ``when``: expressions over facts, and what becomes of their errors."""

from __future__ import annotations

from typing import Final, Literal

from llmgw_middleware.cel.explain import reason
from llmgw_middleware.cel.fault import EvaluationError
from llmgw_middleware.cel.program import Program, compile_expression
from llmgw_middleware.cel.variables import GATEWAY, reads_body
from llmgw_middleware.facts import Facts
from llmgw_middleware.model.expression import Expression

_LASTING: Final = frozenset({"headers", "host", "scheme"})
"""What a caller's other requests have in common with this one."""


class Term:
    """One term of a ``when``: all of them have to hold.

    An error counts as false, but as true in a deny rule: nobody shall get past it by making its expression fail.
    ``failures`` counts errors.
    """

    __slots__ = ("_on_error", "failures", "program")

    def __init__(self, program: Program, *, deny: bool) -> None:
        self.program = program
        self.failures = 0
        self._on_error = deny

    def __repr__(self) -> str:
        return f"<Term {self.program.source!r}, {self.failures} failures>"

    @property
    def kind(self) -> Literal["user", "query", "body"]:
        """What it depends on: the body, something else of this one request, or only who sends it and from where."""
        reads = self.program.reads
        if reads_body(reads):
            return "body"
        fleeting = any(path[0] == "request" and (len(path) < 2 or path[1] not in _LASTING) for path in reads)  # noqa: PLR2004
        return "query" if fleeting else "user"

    def holds(self, facts: Facts) -> bool:
        """Whether it holds; raises ``BadRequest`` (``duplicate_key``) for a key that the body has twice."""
        try:
            return self.program.holds(facts)
        except EvaluationError:
            self.failures += 1
            return self._on_error

    def why(self, facts: Facts) -> str:
        """Say why it does not hold, with the values it saw; secrets are masked."""
        return reason(self.program, facts)


def terms_of(expression: Expression, *, deny: bool) -> list[Term]:
    """Compile a ``when``; ``deny``: it belongs to a deny rule. Raises ExpressionError."""
    program = compile_expression(expression.text, where=expression.where, vocabulary=GATEWAY)
    return [Term(term, deny=deny) for term in program.terms]
