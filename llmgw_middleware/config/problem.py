"""What is wrong with a configuration, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from llmgw_middleware.config.tree import Position

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One finding. ``line`` and ``column`` count from 1; 0 where nothing is known.

    ``file`` is the path as it was given, or for a Python mapping the place in it (``routes[2].backend``). ``code`` is
    stable. No text of a problem holds a value that came from the environment or a file.
    """

    severity: Severity
    file: str
    line: int = 0
    column: int = 0
    code: str
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        remedy = f" ({self.hint})" if self.hint else ""
        return f"{place or '-'} {self.code} {self.message}{remedy}"


@dataclass(slots=True)
class Report:
    """Collects problems while a configuration is read. ``lenient``: what only serving needs is a warning."""

    lenient: bool = False
    problems: list[Problem] = field(default_factory=list)

    def error(self, code: str, at: Position, message: str, hint: str | None = None) -> None:
        """Note what makes the configuration unusable."""
        self._add("error", code, at, message, hint)

    def warn(self, code: str, at: Position, message: str, hint: str | None = None) -> None:
        """Note what is legal but hardly meant."""
        self._add("warning", code, at, message, hint)

    def unmet(self, code: str, at: Position, message: str, hint: str | None = None) -> None:
        """Note what has to be there to serve: a warning while only checking."""
        self._add("warning" if self.lenient else "error", code, at, message, hint)

    @property
    def failed(self) -> bool:
        """Whether any error was noted."""
        return any(problem.severity == "error" for problem in self.problems)

    def _add(self, severity: Severity, code: str, at: Position, message: str, hint: str | None) -> None:
        self.problems.append(
            Problem(
                severity=severity,
                file=at.file,
                line=at.line,
                column=at.column,
                code=code,
                message=message,
                hint=hint,
            )
        )


def ordered(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return each problem once, by file in the order of first mention, then by place."""
    once = dict.fromkeys(problems)
    rank = {name: index for index, name in enumerate(dict.fromkeys(problem.file for problem in once))}
    return tuple(sorted(once, key=lambda p: (rank[p.file], p.line, p.column)))
