"""Rules in a row that ask for a text at the same place, such as one header or the model.

One look finds the few of them that can match, so that a thousand tenants cost what ten do. The order of rules stays what
it is: a run is looked at when its turn comes, and what it finds is tested as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Generic, Protocol, TypeVar

from llmgw_middleware.facts import Facts
from llmgw_middleware.match.conditions import Condition, Keyed

SHORTEST = 4
"""Rules in a row from which on a look in a table costs less than asking each."""


class Tested(Protocol):
    """A rule as it stands in a list of candidates: what is left to check."""

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All of them must hold."""
        ...


T = TypeVar("T", bound=Tested)
Step = tuple[Callable[[Facts], object], T | None]
"""A test, and the candidate that is found if it holds; where that is None the test returns what it found, or None."""


class Run(Generic[T]):
    """Candidates in a row by the text that they ask for."""

    def __init__(
        self,
        read: Callable[[Facts], Sequence[str] | None],
        by_text: Mapping[str, Sequence[Step[T]]],
        everybody: Sequence[Step[T]],
    ) -> None:
        self.read = read
        self.by_text = by_text
        self.everybody = everybody

    def find(self, facts: Facts) -> T | None:
        """Return the first of them that holds."""
        texts = self.read(facts)
        if texts is not None and len(texts) <= 1:
            return first(self.by_text.get(texts[0], ()), facts) if texts else None
        return first(self.everybody, facts)


def first(steps: Iterable[Step[T]], facts: Facts) -> T | None:
    """Return the first candidate that holds."""
    for holds, candidate in steps:
        found = holds(facts)
        if found:
            return candidate or found  # type: ignore[return-value]  # see Step
    return None


def steps_of(candidates: Sequence[T]) -> tuple[Step[T], ...]:
    """Return the steps that find the first of ``candidates`` that holds."""
    steps: list[Step[T]] = []
    for place, group in groupby(candidates, key=_place):
        row = list(group)
        if place is None or len(row) < SHORTEST:
            steps += [_step(candidate) for candidate in row]
        else:
            steps.append((_run(place, row).find, None))
    return tuple(steps)


def _place(candidate: Tested) -> str | None:
    keyed = _keyed(candidate)
    return None if keyed is None else keyed.place


def _keyed(candidate: Tested) -> Keyed | None:
    """Return the condition to look up by. The body is only read where nothing else would have been asked first."""
    conditions = candidate.conditions
    for condition in conditions:
        if condition.keyed is not None and (condition.kind != "body" or len(conditions) == 1):
            return condition.keyed
    return None


def _run(place: str, row: Sequence[T]) -> Run[T]:
    by_text: dict[str, list[Step[T]]] = {}
    everybody = [_step(candidate) for candidate in row]
    reads = []
    for candidate, step in zip(row, everybody, strict=True):
        keyed = _keyed(candidate)
        if keyed is None or keyed.place != place:
            raise ValueError(f"a candidate does not look at {place}")
        reads.append(keyed.read)
        for text in keyed.texts:
            by_text.setdefault(text, []).append(step)
    return Run(reads[0], by_text, everybody)


def _step(candidate: T) -> Step[T]:
    tests = tuple(condition.holds for condition in candidate.conditions)
    return (tests[0] if len(tests) == 1 else _all_of(tests)), candidate


def _all_of(tests: tuple[Callable[[Facts], bool], ...]) -> Callable[[Facts], bool]:
    def holds(facts: Facts) -> bool:
        for test in tests:  # noqa: SIM110 - all() with a generator takes twice as long, for every request
            if not test(facts):
                return False
        return True

    return holds
