"""Files of tests for a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmgw_middleware.config.interpolate import Interpolation
from llmgw_middleware.config.load import validated
from llmgw_middleware.config.merge import merge
from llmgw_middleware.config.problem import Problem, Report, ordered
from llmgw_middleware.config.source import read
from llmgw_middleware.config.words.case import AskedWord, CasesWord, CaseWord


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test: what is asked, by whom, and what should come of it.

    ``expect`` holds what was written of ``outcome``, ``route``, ``backend``, ``pool``, ``model``, ``side``, ``plan``,
    ``status`` and ``code``; ``shares`` the share of ``users`` callers that each side should get, give or take
    ``tolerance`` (None: three standard deviations). ``curl`` is a command that says all of the request; ``flags`` are on, and the time is ``at``
    (seconds since 1970; None: now).
    """

    name: str
    where: str
    curl: str | None = None
    method: str | None = None
    path: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    user: Mapping[str, Any] = field(default_factory=dict)
    session: str | None = None
    ip: str | None = None
    country: str | None = None
    flags: tuple[str, ...] = ()
    at: float | None = None
    users: int = 10_000
    tolerance: float | None = None
    expect: Mapping[str, Any] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)


def read_cases(path: Path) -> tuple[tuple[Case, ...], tuple[Problem, ...]]:
    """Return the tests of a file or folder, and what is wrong with it; then the tests are not to be used."""
    report = Report()
    written = read([path], report)
    tables = (Interpolation({}, report).table(document) for document in written.documents)
    words = validated(CasesWord, merge(tables, report), report)
    cases = (
        () if words is None else tuple(_case(n, word, report) for n, word in enumerate(words.tests, start=1))
    )
    if words is not None and not cases:
        report.error("no_tests", words.at("tests"), "There are no tests.")
    return cases, ordered(report.problems)


def _case(number: int, word: CaseWord, report: Report) -> Case:
    expect = word.expect
    given = {name: getattr(expect, name) for name in type(expect).fields if name != "shares"}
    said = {name: value for name, value in given.items() if value is not None}
    if not said and not expect.shares:
        report.error("nothing_expected", word.at("expect"), "This test expects nothing: it could not fail.")
    asked = word.request
    return Case(
        name=word.name or f"test {number}",
        where=str(word.at()),
        **(_asked(asked) if isinstance(asked, AskedWord) else {"curl": asked}),
        user=word.user,
        session=word.session,
        ip=word.ip,
        country=word.country,
        flags=word.flags,
        at=word.time,
        users=word.users,
        tolerance=word.tolerance,
        expect=said,
        shares=expect.shares,
    )


def _asked(word: AskedWord) -> dict[str, Any]:
    return {"method": word.method, "path": word.path, "headers": word.headers, "body": word.body}
