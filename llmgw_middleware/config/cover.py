"""Whether one rule takes everything that another one asks for. Says no where it cannot tell."""

from __future__ import annotations

from collections.abc import Sequence

from llmgw_middleware.model.route import FieldTest, Match, PathTest, Route, ValueTest
from llmgw_middleware.regex import compile_pattern


def covers(earlier: Route, later: Route) -> bool:
    """Whether every request that ``later`` matches is matched by ``earlier`` too."""
    return all(any(_match_covers(first, second) for first in earlier.matches) for second in later.matches)


def path_covers(first: PathTest, second: PathTest) -> bool:
    """Whether every path that ``second`` takes is taken by ``first``."""
    if first == second:
        return True
    if second.kind == "regex":
        return False
    if first.kind == "prefix":
        return second.value == first.value or second.value.startswith(f"{first.value}/")
    return first.kind == "regex" and second.kind == "exact" and compile_pattern(first.value)(second.value)


def _match_covers(first: Match, second: Match) -> bool:
    return (
        _paths_cover(first.paths, second.paths)
        and _hosts_cover(first.hosts, second.hosts)
        and _lists_cover(_with_head(first.methods), _with_head(second.methods))
        and _lists_cover(first.country, second.country)
        and _lists_cover(first.region, second.region)
        and _known_covers(first, second)
        and {e.text for e in first.when} <= {e.text for e in second.when}
        and all(
            _fields_cover(getattr(first, kind), getattr(second, kind))
            for kind in ("headers", "query", "body", "user")
        )
    )


def _paths_cover(first: Sequence[PathTest], second: Sequence[PathTest]) -> bool:
    if not first or not second:
        return not first
    return all(any(path_covers(one, other) for one in first) for other in second)


def _hosts_cover(first: Sequence[str], second: Sequence[str]) -> bool:
    if not first or not second:
        return not first
    return all(
        any(one == other or (one.startswith("*.") and other.endswith(one[1:])) for one in first)
        for other in second
    )


def _lists_cover(first: Sequence[str], second: Sequence[str]) -> bool:
    return not first or (bool(second) and set(second) <= set(first))


def _with_head(methods: tuple[str, ...]) -> tuple[str, ...]:
    return (*methods, "HEAD") if "GET" in methods else methods


def _known_covers(first: Match, second: Match) -> bool:
    if first.country_known is None or first.country_known == second.country_known:
        return True
    return first.country_known and bool(second.country or second.region)


def _fields_cover(first: Sequence[FieldTest], second: Sequence[FieldTest]) -> bool:
    """Whether each test of ``first`` follows from one of ``second``'s on the same name."""
    return all(
        any(one.name == other.name and _implied(one.test, other.test) for other in second) for one in first
    )


def _implied(wanted: ValueTest, given: ValueTest) -> bool:
    if wanted == given:
        return True
    if given.present is False or wanted.present is False:
        return False
    if wanted == ValueTest(present=True):
        return True
    allowed = given.one_of if given.one_of is not None else (given.exact,) if given.exact is not None else ()
    if not allowed:
        return False
    return all(_takes(wanted, str(value)) for value in allowed)


def _takes(wanted: ValueTest, text: str) -> bool:
    """Whether ``text`` passes a test of a single part; several parts are not judged."""
    match wanted:
        case ValueTest(one_of=tuple() as values) if wanted == ValueTest(one_of=values):
            return text in {str(value) for value in values}
        case ValueTest(prefix=str() as prefix) if wanted == ValueTest(prefix=prefix):
            return text.startswith(prefix)
        case ValueTest(regex=str() as regex) if wanted == ValueTest(regex=regex):
            return compile_pattern(regex)(text)
    return False
