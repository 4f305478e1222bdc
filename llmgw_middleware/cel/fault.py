"""What can be wrong with an expression: its text, once, at load; or what it meets, per evaluation."""

from __future__ import annotations


class CelError(Exception):
    """An expression that cannot be used, or that has no value."""

    @property
    def message(self) -> str:
        """What is wrong, without a place."""
        return str(self.args[0])


class ExpressionError(CelError):
    """The text is no expression, uses names that do not exist, or goes beyond a limit.

    ``line`` and ``column`` count from 1 inside the text; ``hint`` says what may have been meant.
    """

    def __init__(self, message: str, *, line: int = 1, column: int = 1, hint: str | None = None) -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.hint = hint
        self.where = ""

    def __str__(self) -> str:
        place = f"{self.where} at {self.line}:{self.column}" if self.where else f"{self.line}:{self.column}"
        remedy = f" ({self.hint})" if self.hint else ""
        return f"{place}: {self.message}{remedy}"


class EvaluationError(CelError):
    """The expression has no value for what it was given: a missing key, a wrong type, a division by zero."""


class Exhausted(EvaluationError):
    """The evaluation went beyond its steps, or made something too large. Nothing in the expression absorbs it."""
