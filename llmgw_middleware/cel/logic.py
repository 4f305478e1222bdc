"""``&&``, ``||``, ``!`` and the choice: an error on one side does not matter where the other decides."""

from __future__ import annotations

from typing import Any

from llmgw_middleware.cel.code import Run
from llmgw_middleware.cel.fault import EvaluationError, Exhausted
from llmgw_middleware.cel.limits import Frame
from llmgw_middleware.cel.values import no_overload


def all_of(terms: tuple[Run, ...]) -> Run:
    """Return ``a && b && …``: false if any is, else an error if any is."""
    return _pair(*terms, decisive=False) if len(terms) == 2 else _row(terms, decisive=False)  # noqa: PLR2004


def any_of(terms: tuple[Run, ...]) -> Run:
    """Return ``a || b || …``: true if any is, else an error if any is."""
    return _pair(*terms, decisive=True) if len(terms) == 2 else _row(terms, decisive=True)  # noqa: PLR2004


def _pair(first: Run, second: Run, *, decisive: bool) -> Run:
    other, mark = not decisive, "||" if decisive else "&&"

    def run(facts: Any, frame: Frame) -> Any:
        try:
            one = first(facts, frame)
        except Exhausted:
            raise
        except EvaluationError as error:
            fault = error
        else:
            if one is decisive:
                return decisive
            if one is other:
                two = second(facts, frame)
                if two is decisive or two is other:
                    return two
                raise no_overload(f'"{mark}"', two)
            fault = no_overload(f'"{mark}"', one)
        if second(facts, frame) is decisive:
            return decisive
        raise fault

    return run


def _row(terms: tuple[Run, ...], *, decisive: bool) -> Run:
    other, mark = not decisive, "||" if decisive else "&&"

    def run(facts: Any, frame: Frame) -> Any:
        fault: EvaluationError | None = None
        for term in terms:
            try:
                value = term(facts, frame)
            except Exhausted:
                raise
            except EvaluationError as error:
                fault = error
            else:
                if value is decisive:
                    return decisive
                if value is not other:
                    fault = no_overload(f'"{mark}"', value)
        if fault is not None:
            raise fault
        return other

    return run


def negation(operand: Run) -> Run:
    """Return ``!a``."""

    def run(facts: Any, frame: Frame) -> Any:
        value = operand(facts, frame)
        if value is True:
            return False
        if value is False:
            return True
        raise no_overload('"!"', value)

    return run


def choice(condition: Run, then: Run, other: Run) -> Run:
    """Return ``a ? b : c``."""

    def run(facts: Any, frame: Frame) -> Any:
        value = condition(facts, frame)
        if value is True:
            return then(facts, frame)
        if value is False:
            return other(facts, frame)
        raise no_overload('"? :"', value)

    return run
