"""``llmgw docs``: the rules of a configuration as a page for people (seed 000: "Document routing rules and their purposes")."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from llmgw_middleware.cli.flow import flow
from llmgw_middleware.model.backend import Backend, Pool
from llmgw_middleware.model.plan import Plan
from llmgw_middleware.model.route import FieldTest, Match, PathTest, Route, ValueTest


def add(commands: Any) -> None:
    """Register the command."""
    words = commands.add_parser(
        "docs",
        help="write a page that documents the rules",
        description="Print a Markdown page about a configuration: the flow as a diagram (mermaid), every rule with its "
        "description and conditions in the order in which they are considered, the backends. It holds no secret.",
    )
    words.add_argument("files", nargs="+", metavar="FILE", help="a YAML, JSON or TOML file, or a folder")
    words.add_argument("-o", "--output", type=Path, metavar="PAGE", help="write the page here")
    words.add_argument(
        "--check",
        action="store_true",
        help="with -o: only say whether the page is current (exit code 1: it is not)",
    )
    words.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print or write the page."""
    from llmgw_middleware.build import load_plan

    text = page(load_plan(arguments.files, os.environ, serving=False))
    output: Path | None = arguments.output
    if output is None:
        print(text, end="")
        return 0
    if arguments.check:
        current = output.exists() and output.read_text(encoding="utf-8") == text
        if not current:
            print(f"{output} is not current: llmgw docs … -o {output}", file=sys.stderr)
        return 0 if current else 1
    output.write_text(text, encoding="utf-8")
    return 0


def page(plan: Plan) -> str:
    """Return the page."""
    order = sorted(plan.routes, key=lambda route: (route.default, route.priority))
    parts = [
        "# Routing rules\n",
        "The first rule whose every condition holds takes a request; they are considered from top to bottom.\n",
        f"```mermaid\n{flow(plan)}```\n",
        *(_route(place, route) for place, route in enumerate(order, start=1)),
        _unmatched(plan),
        _backends(plan),
    ]
    return "\n".join(part for part in parts if part)


def _route(place: int, route: Route) -> str:
    rows = [
        ("taken when", _taken_when(route)),
        ("goes to", _goes_to(route)),
        ("on trial", "" if route.trial is None else f"{_code(route.trial)}, the shares at its beginning"),
        ("sticks by", _sticks(route)),
        ("then", ", then ".join(map(_code, route.fallback))),
        ("copied to", _copied(route)),
        ("models", ", ".join(map(_code, route.models))),
        ("priority", "" if route.priority == 100 or route.default else str(route.priority)),  # noqa: PLR2004 - the default
        ("written at", _code(route.where) if route.where else ""),
    ]
    told = "\n".join(f"* **{name}** {text}" for name, text in rows if text)
    purpose = f"{route.description}\n\n" if route.description else ""
    return f"## {place}. {_plain(route.name)}\n\n{purpose}{told}\n"


def _taken_when(route: Route) -> str:
    if route.default:
        return "no other rule takes it"
    alternatives = [" and ".join(_conditions(match)) or "always" for match in route.matches]
    return "; or ".join(alternatives)


def _conditions(match: Match) -> Iterator[str]:
    if match.paths:
        yield " or ".join(map(_path, match.paths))
    if match.hosts:
        yield f"the host is {_list(match.hosts)}"
    if match.methods:
        yield f"the method is {_list(match.methods)}"
    for kind in ("headers", "query", "body", "user"):
        noun = {"headers": "header", "query": "parameter", "body": "field", "user": "the user's"}[kind]
        for field in getattr(match, kind):
            yield _field(noun, field)
    yield from (f"{_code(when.text)} is true" for when in match.when)
    if match.country:
        yield f"the country is {_list(match.country)}"
    if match.region:
        yield f"the region is {_list(match.region)}"
    if match.country_known is not None:
        yield f"the country is {'known' if match.country_known else 'unknown'}"


def _path(path: PathTest) -> str:
    if path.kind == "exact":
        return f"the path is {_code(path.value)}"
    if path.kind == "prefix":
        return f"the path is at or below {_code(path.value or '/')}"
    return f"the path matches {_code(path.value)}"


def _field(noun: str, field: FieldTest) -> str:
    return f"{noun} {_code(field.name)} {' and '.join(_test(field.test))}"


def _test(test: ValueTest) -> Iterator[str]:
    if test.exact is not None:
        yield f"is {_value(test.exact)}"
    if test.regex is not None:
        yield f"matches {_code(test.regex)}"
    if test.prefix is not None:
        yield f"starts with {_code(test.prefix)}"
    if test.one_of is not None:
        yield f"is one of {', '.join(map(_value, test.one_of))}"
    if test.contains is not None:
        yield f"contains {_value(test.contains)}"
    for name, sign in (("gt", ">"), ("gte", "≥"), ("lt", "<"), ("lte", "≤")):
        limit = getattr(test, name)
        if limit is not None:
            yield f"{sign} {limit:g}"
    if test.present is not None:
        yield "is there" if test.present else "is absent"


def _goes_to(route: Route) -> str:
    if route.answer is not None:
        answer = route.answer
        return f"nobody: {answer.status} {_code(answer.code)}, “{_plain(answer.message)}”"
    if route.target is not None:
        return _code(route.target)
    total = sum(side.weight for side in route.split)
    return ", ".join(
        f"{_code(side.target)}{f' ({_plain(side.name)})' if side.name else ''} {100 * side.weight / total:.3g} %"
        for side in route.split
    )


def _copied(route: Route) -> str:
    return "" if route.mirror is None else f"{_code(route.mirror.target)}, {100 * route.mirror.share:.3g} %"


def _sticks(route: Route) -> str:
    if not route.split:
        return ""
    return "user, else session, else nothing" if route.sticky is None else _plain(str(route.sticky))


def _unmatched(plan: Plan) -> str:
    if any(match == Match() for route in plan.routes for match in route.matches):
        return ""
    answer = "the host application" if plan.on_no_route == "pass" else "404 `no_route`"
    return f"What no rule takes is answered by {answer}.\n"


def _backends(plan: Plan) -> str:
    rows = [f"| {_code(name)} | {_provider(b)} | {_model(b)} |" for name, b in plan.backends.items()]
    pools = [
        f"| {_code(name)} | pool, {pool.strategy} | {_members(pool)} |" for name, pool in plan.pools.items()
    ]
    return "\n".join(
        ["## Backends\n", "| name | what | model or members |", "| --- | --- | --- |", *pools, *rows, ""]
    )


def _provider(backend: Backend) -> str:
    """Return provider and host: never a credential, which an address may hold too."""
    if backend.url is None:
        return f"{backend.provider}, only named"
    return f"{backend.provider} at {_code(urlsplit(backend.url).hostname or '')}"


def _model(backend: Backend) -> str:
    if backend.model is not None:
        return _code(backend.model)
    return ", ".join(f"{_code(a)} → {_code(m)}" for a, m in backend.models.items()) or "as the caller asks"


def _members(pool: Pool) -> str:
    return ", ".join(f"{_code(member.backend)} {member.weight:g}" for member in pool.members)


def _list(values: Sequence[str]) -> str:
    return " or ".join(map(_code, values))


def _value(value: Any) -> str:
    return _code(str(value).lower() if isinstance(value, bool) else str(value))


def _code(text: str) -> str:
    """Return text as code; a bar would end a table's cell, a backtick the code."""
    return f"`{_plain(text).replace('|', chr(92) + '|').replace('`', chr(39))}`"


def _plain(text: str) -> str:
    """Return text on one line, without what Markdown would take for markup of a page."""
    return " ".join(text.split()).replace("<", "&lt;")
