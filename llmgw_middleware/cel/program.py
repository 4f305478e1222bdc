"""An expression, ready to be evaluated.

``compile_expression`` reads the text once, at load, and refuses what is wrong with it; a ``Program`` then says what it
reads, and has a value for the facts of each request.

This is the one door to the parser, the compiler and the library of functions: they are loaded for the first expression,
and most configurations have none.
"""

from __future__ import annotations

from typing import Any

from llmgw_middleware.cel.code import Run
from llmgw_middleware.cel.fault import EvaluationError, ExpressionError
from llmgw_middleware.cel.limits import STEPS, Frame
from llmgw_middleware.cel.syntax import Logic, Part
from llmgw_middleware.cel.vocabulary import Path, Vocabulary

_MISFORTUNES = (RecursionError, ArithmeticError, ValueError, TypeError, LookupError, AttributeError)
"""What Python raises where values are too large or too odd for it."""


class Program:
    """A compiled expression. Safe to share between threads.

    ``text`` is its source, ``where`` the place of it in the configuration; ``reads`` are the variables it reads, each
    with what it takes of it (``("body", "model")``); ``value`` is OPEN unless it is the same for every request.
    """

    __slots__ = ("_framed", "_run", "_size", "part", "reads", "text", "value", "vocabulary", "where")

    def __init__(self, text: str, part: Part, vocabulary: Vocabulary, where: str) -> None:
        from llmgw_middleware.cel.compiler import Compiler

        compiler = Compiler(text, vocabulary)
        code = compiler.code(part)
        self._run: Run = code.run
        self.value = code.value
        self._framed = compiler.needs_frame
        self._size = compiler.slots
        self.text = text
        self.part = part
        self.where = where
        self.vocabulary = vocabulary
        self.reads: frozenset[Path] = frozenset(compiler.reads)

    def __repr__(self) -> str:
        return f"<Program {self.text!r}>"

    @property
    def source(self) -> str:
        """The text of this program: of a term, only its own."""
        return self.text[self.part.start : self.part.end]

    @property
    def terms(self) -> tuple[Program, ...]:
        """The terms of ``a && b && …`` as programs of their own; all of them have to hold."""
        part = self.part
        if not (isinstance(part, Logic) and part.mark == "&&"):
            return (self,)
        return tuple(
            inner
            for term in part.terms
            for inner in Program(self.text, term, self.vocabulary, self.where).terms
        )

    @property
    def references(self) -> tuple[str, ...]:
        """The dotted names in the text, as they stand there, loop variables included."""
        from llmgw_middleware.cel.references import references

        return references(self.part)

    def reads_any(self, *names: str) -> bool:
        """Whether it reads one of these variables."""
        return any(path[0] in names for path in self.reads)

    def evaluate(self, facts: Any, beside: Any = None, *, steps: int = STEPS) -> Any:
        """Return its value as the language has it; ``plain`` makes JSON of it.

        ``facts`` are what the vocabulary reads; ``beside`` maps names that are known beside the request. Raises
        EvaluationError, also beyond ``steps``; whatever reading the facts raises goes through.
        """
        frame = Frame(steps, self._size, beside) if self._framed else None
        try:
            return self._run(facts, frame)  # type: ignore[arg-type]  # nobody touches the frame
        except _MISFORTUNES as error:
            raise EvaluationError(f"the expression failed: {type(error).__name__}") from error

    def holds(self, facts: Any, beside: Any = None) -> bool:
        """Whether it is true. Raises EvaluationError, also if the value is no bool."""
        value = self.evaluate(facts, beside)
        if value is True or value is False:
            return bool(value)
        raise EvaluationError("a condition has to be true or false")


def compile_expression(text: str, *, where: str = "", vocabulary: Vocabulary) -> Program:
    """Compile ``text`` over the variables of ``vocabulary``.

    Raises ExpressionError with line and column inside the text for wrong grammar, for names, fields and functions that
    do not exist, for patterns that could take without bound, and for what goes beyond a limit.
    """
    from llmgw_middleware.cel.parser import parse

    try:
        return Program(text, parse(text), vocabulary, where)
    except ExpressionError as error:
        error.where = where
        raise
    except RecursionError:
        raise ExpressionError("the expression is nested too deeply") from None
