"""What keeps a caller on one side of a split."""

from __future__ import annotations

from collections.abc import Callable

from llmgw_middleware.cel.fault import EvaluationError
from llmgw_middleware.cel.plain import plain
from llmgw_middleware.cel.program import compile_expression
from llmgw_middleware.cel.values import is_number
from llmgw_middleware.cel.variables import GATEWAY
from llmgw_middleware.facts import Facts
from llmgw_middleware.model.expression import Expression
from llmgw_middleware.model.route import Sticky

KeyReader = Callable[[Facts], str | None]


def key_reader(sticky: Sticky | None) -> KeyReader:
    """Return what reads a caller's sticky key, or None where the caller has none: then chance decides.

    Without ``sticky`` it is the user's id, else the host's session. Keys from a header or a cookie are the caller's
    word: who sends another one changes sides.
    """
    if sticky is None:
        return _user_or_session
    if sticky.expression is not None:
        return _by_expression(sticky.expression)
    name = sticky.name
    if sticky.kind in _PLAIN:
        return _PLAIN[sticky.kind]
    if sticky.kind == "cookie":
        return lambda facts: facts.cookie(name) or None
    line = name.lower().encode()
    return lambda facts: next(iter(facts.headers(line)), "") or None


def _by_expression(expression: Expression) -> KeyReader:
    """Return what reads the value of an expression: text or a number. Where it has none, there is no key."""
    program = compile_expression(expression.text, where=expression.where, vocabulary=GATEWAY)

    def read(facts: Facts) -> str | None:
        try:
            value = program.evaluate(facts)
        except EvaluationError:
            return None
        return str(plain(value)) if is_number(value) else value if type(value) is str and value else None

    return read


def _nobody(_: Facts) -> None:
    return None


def _user(facts: Facts) -> str | None:
    return facts.identity.id or None


def _session(facts: Facts) -> str | None:
    return facts.identity.session_key or None


def _user_or_session(facts: Facts) -> str | None:
    return facts.identity.id or facts.identity.session_key or None


def _address(facts: Facts) -> str | None:
    return facts.address


_PLAIN: dict[str, KeyReader] = {"user": _user, "session": _session, "ip": _address, "none": _nobody}
