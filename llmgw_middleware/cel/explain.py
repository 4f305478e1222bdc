"""Why an expression is not true: the smallest part that made it so, with the values it saw."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from llmgw_middleware.cel.code import each
from llmgw_middleware.cel.fault import CelError, EvaluationError, ExpressionError
from llmgw_middleware.cel.plain import plain
from llmgw_middleware.cel.program import Program
from llmgw_middleware.cel.syntax import (
    Call,
    Choice,
    Ident,
    Index,
    Literal,
    Logic,
    Part,
    Select,
    Unary,
    inside,
)
from llmgw_middleware.cel.variables import reads_secret
from llmgw_middleware.cel.vocabulary import Path, Reader, Variable, Vocabulary

SHOWN: Final = 80
"""How many characters of a caller's value, or of the expression, a reason shows."""

MASK: Final = "***"
_MOST: Final = 3
_LOOPS: Final = frozenset({"all", "exists", "exists_one", "existsOne"})
_CALLS_WITH_NAMES: Final = (
    frozenset(
        {
            "map",
            "filter",
            "with",
            "bind",
            "mapValues",
            "filterKeys",
            "transformList",
            "transformMap",
            "optMap",
            "optFlatMap",
        }
    )
    | _LOOPS
)


def reason(program: Program, facts: Any, beside: Any = None) -> str:
    """Say why ``program`` is not true for ``facts``; secrets are masked. Says so if it is true after all."""
    return _Explanation(program, facts, beside).why(program.part)


class _Known(Variable):
    """A loop's variable, at the round that is looked at."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def reader(self, path: Path) -> Reader:  # noqa: ARG002
        return Reader(lambda facts, frame: self._value)


class _Explanation:
    """Evaluates parts of one expression again, each by itself."""

    def __init__(
        self, program: Program, facts: Any, beside: Any, vocabulary: Vocabulary | None = None
    ) -> None:
        self._program = program
        self._facts = facts
        self._beside = beside
        self._vocabulary = vocabulary or program.vocabulary

    def why(self, part: Part) -> str:
        """Say why a part is not true."""
        try:
            value = self._value(part)
        except EvaluationError as error:
            return self._why_error(part, error)
        if value is True:
            return f"{self._source(part)} is true"
        if value is not False:
            return f"{self._source(part)} is {self._shown(part, value)}, neither true nor false"
        return self._why_false(part)

    def _why_false(self, part: Part) -> str:
        match part:
            case Logic(mark="&&", terms=terms):
                return self.why(next((term for term in terms if self._is(term, wanted=False)), terms[0]))
            case Logic(terms=terms):
                reasons = [self.why(term) for term in terms[:_MOST]]
                more = f" and {len(terms) - _MOST} more" if len(terms) > _MOST else ""
                return " and ".join(dict.fromkeys(reasons)) + more
            case Choice(condition=condition, then=then, other=other):
                taken = self._is(condition, wanted=True)
                chosen = then if taken else other
                if isinstance(chosen, Literal):
                    return f"{self._source(condition)} is {str(taken).lower()}{self._with_values(condition)}"
                return self.why(chosen)
            case Unary(mark="!", operand=operand):
                return f"{self._source(operand)} is true{self._with_values(operand)}"
            case Call(target=Part() as target, name="all", args=(Ident() as name, test)):
                return self._why_not_all(target, name, test)
            case Call(target=Part() as target, name="exists", args=(Ident(), test)):
                count = len(list(each(self._value(target), "exists()")))
                return f"none of the {count} of {self._source(target)} has {self._source(test)}"
        return f"{self._source(part)} is false{self._with_values(part)}"

    def _why_not_all(self, target: Part, name: Ident, test: Part) -> str:
        for item in each(self._value(target), "all()"):
            inner = self._inside(name.name, item)
            if not inner._is(test, wanted=True):  # noqa: SLF001 - it is one of us
                return f"not all of {self._source(target)}: {inner.why(test)}"
        return f"not all of {self._source(target)} have {self._source(test)}"

    def _inside(self, name: str, item: Any) -> _Explanation:
        vocabulary = self._vocabulary.also({name: _Known(item)})
        return _Explanation(self._program, self._facts, self._beside, vocabulary)

    def _why_error(self, part: Part, error: EvaluationError) -> str:
        """Find the smallest part that has no value."""
        for inner in () if _binds(part) else inside(part):
            try:
                self._value(inner)
            except EvaluationError as deeper:
                return self._why_error(inner, deeper)
            except ExpressionError:
                continue  # no expression by itself, such as `math` of `math.abs(x)`
        message = MASK if self._secret(part) else error.message
        return f"{self._source(part)} has no value: {message}"

    def _with_values(self, part: Part) -> str:
        """Return what the open parts of ``part`` were, at most three of them."""
        seen = dict.fromkeys(self._values(part))
        return f": {', '.join(list(seen)[:_MOST])}" if seen else ""

    def _values(self, part: Part) -> Iterator[str]:
        for inner in () if _binds(part) else inside(part):
            if isinstance(inner, Literal):
                continue
            if isinstance(inner, (Ident, Select, Index, Call)) and self._open(inner):
                yield f"{self._source(inner)} is {self._shown(inner, self._value(inner))}"
            else:
                yield from self._values(inner)
        if isinstance(part, Call) and _binds(part) and part.target is not None and self._open(part.target):
            yield f"{self._source(part.target)} is {self._shown(part.target, self._value(part.target))}"

    def _program_of(self, part: Part) -> Program:
        return Program(self._program.text, part, self._vocabulary, self._program.where)

    def _open(self, part: Part) -> bool:
        """Whether a part depends on the request; what only names a function's room does not."""
        try:
            return bool(self._program_of(part).reads) or isinstance(part, Call)
        except CelError:
            return False

    def _value(self, part: Part) -> Any:
        return self._program_of(part).evaluate(self._facts, self._beside)

    def _is(self, part: Part, *, wanted: bool) -> bool:
        try:
            return self._value(part) is wanted
        except EvaluationError:
            return False

    def _secret(self, part: Part) -> bool:
        return reads_secret(self._program_of(part).reads)

    def _shown(self, part: Part, value: Any) -> str:
        return MASK if self._secret(part) else shown(value)

    def _source(self, part: Part) -> str:
        return _cut(" ".join(self._program.text[part.start : part.end].split()))


def _binds(part: Part) -> bool:
    """Whether a part gives names to values, so that what is inside it means nothing by itself."""
    return isinstance(part, Call) and part.name in _CALLS_WITH_NAMES


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def shown(value: Any) -> str:
    """Return a value for people, cut to 80 characters: strings in quotes, the rest as JSON."""
    if type(value) is str:
        return repr(value) if len(value) <= SHOWN else f"{value[:SHOWN]!r}…"
    try:
        return _cut(msgspec.json.encode(plain(value)).decode())
    except (TypeError, ValueError, RecursionError):
        return type(value).__name__
