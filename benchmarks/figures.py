"""Numbers and how they are judged and shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil


def percentile(values: Iterable[float], share: float) -> float:
    """Return the smallest value that at least ``share`` (0 to 1) of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values, so no percentile")
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def median(values: Iterable[float]) -> float:
    """Return the middle value, or the mean of the two in the middle."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values, so no median")
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def spread(values: Sequence[float], unit: float = 1.0) -> str:
    """Return ``median (least-most)``, each multiplied by ``unit``."""
    low, mid, high = min(values) * unit, median(values) * unit, max(values) * unit
    return number(mid) if len(values) == 1 else f"{number(mid)} ({number(low)}-{number(high)})"


def number(value: float) -> str:
    """Return a number with three significant digits at most, and no exponent."""
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 1 else f"{value:.3f}"


def signed(value: float) -> str:
    """Return a difference with its sign."""
    return f"{'+' if value >= 0 else '-'}{number(abs(value))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The bound of a figure. ``at_least`` turns it round; ``text`` is how it is shown."""

    bound: float
    text: str
    at_least: bool = False

    def met(self, value: float) -> bool:
        """Whether ``value`` keeps it."""
        return value >= self.bound if self.at_least else value <= self.bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the table. ``judged`` is what is compared with ``target``: a ratio or the figure itself."""

    figure: str
    value: str
    baseline: str = ""
    ratio: str = ""
    judged: float | None = None
    target: Target | None = None

    @property
    def verdict(self) -> str:
        """``yes``, ``no``, or nothing where no target is set."""
        if self.target is None or self.judged is None:
            return ""
        return "yes" if self.target.met(self.judged) else "**no**"

    @property
    def cells(self) -> tuple[str, ...]:
        """What stands in the columns of ``HEAD``."""
        wanted = "" if self.target is None else self.target.text
        return (self.figure, self.value, self.baseline, self.ratio, wanted, self.verdict)


HEAD = ("figure", "gateway", "against", "ratio", "target", "met")


def table(lines: Sequence[Line]) -> str:
    """Return rows as a Markdown table that can be read as plain text as well."""
    rows = [HEAD, *(line.cells for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    shown = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    rule = "| " + " | ".join("-" * max(3, width) for width in widths) + " |"
    return "\n".join([shown[0], rule, *shown[1:]])


def versus(
    figure: str, ours: Sequence[float], base: Sequence[float], *, unit: float, target: Target | None = None
) -> Line:
    """Return the row of a figure that is judged by its ratio to another system's in the same run."""
    ratio = median(ours) / median(base)
    return Line(
        figure=figure,
        value=spread(ours, unit),
        baseline=spread(base, unit),
        ratio=f"{ratio:.2f} ×",
        judged=ratio,
        target=target,
    )
