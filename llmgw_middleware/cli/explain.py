"""``llmgw explain``: where a request would go and why, without any network."""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from llmgw_middleware.cli.curl import Asked, from_curl
from llmgw_middleware.errors import ConfigError
from llmgw_middleware.explain import Explanation, Step, explain
from llmgw_middleware.model.http import Request
from llmgw_middleware.model.identity import Identity
from llmgw_middleware.model.plan import Plan
from llmgw_middleware.origin import Setting


def add(commands: Any) -> None:
    """Register the command."""
    words = commands.add_parser(
        "explain",
        help="say where a request would go and why, without any network",
        description="Decide about one request as the gateway would: every rule with why it did or did not match, the "
        "split, the pool, and which backends would be tried. Exit code 0: decided; 1: the configuration has problems.",
    )
    words.add_argument("files", nargs="+", metavar="FILE", help="a YAML, JSON or TOML file, or a folder")
    words.add_argument("-X", dest="method", metavar="METHOD", help="default: POST with -d, else GET")
    words.add_argument("--path", metavar="PATH", help="the request's path; it may carry a query string")
    words.add_argument("-H", dest="headers", action="append", default=[], metavar="'NAME: VALUE'")
    words.add_argument("-d", dest="data", metavar="BODY", help="the body, or @FILE")
    words.add_argument(
        "--curl", metavar="COMMAND", help="take path, method, headers and body from a curl command"
    )
    words.add_argument(
        "--user",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an attribute of the caller; id=… is who it is",
    )
    words.add_argument("--session", metavar="KEY", help="the caller's session key, for sticky: session")
    words.add_argument("--ip", metavar="ADDRESS", type=_address, help="the address of the direct peer")
    words.add_argument(
        "--country", metavar="CODE", type=_country, help="where the caller is, ISO 3166 alpha-2"
    )
    words.add_argument(
        "--flag",
        dest="flags",
        action="append",
        default=[],
        metavar="NAME",
        help="a feature flag that is on; the others are off",
    )
    words.add_argument("--seed", type=int, metavar="N", help="makes what chance decides repeatable")
    words.add_argument("--json", action="store_true", help="print one JSON object")
    words.set_defaults(run=run, who=described)


def run(arguments: argparse.Namespace) -> int:
    """Print the explanation."""
    from llmgw_middleware.build import build_snapshot, load_plan

    asked = _asked(arguments)
    plan = load_plan(arguments.files, os.environ, serving=False)
    request = Request(
        method=asked.method,
        path=asked.path,
        query=asked.query,
        headers=asked.headers,
        body=asked.body,
        peer=arguments.ip,
    )
    told = explain(
        build_snapshot(plan),
        request,
        arguments.who(plan, request, arguments),
        chance=random.Random(arguments.seed).random(),  # noqa: S311 - a dry run's luck
        now=time.time(),
        country=arguments.country,
        flags=arguments.flags,
    )
    print(json.dumps(told.as_dict(), indent=2, ensure_ascii=False) if arguments.json else text(asked, told))
    return 0


def _asked(arguments: argparse.Namespace) -> Asked:
    """Return the request that is asked about; options come before what a curl command says."""
    try:
        asked = Asked() if arguments.curl is None else from_curl(arguments.curl)
        return asked.over(
            path=arguments.path,
            method=arguments.method,
            headers=arguments.headers,
            data=_data(arguments.data),
        )
    except ValueError as error:
        raise ConfigError(f"llmgw explain: {error}") from error


def _data(data: str | None) -> bytes | None:
    if data is None or not data.startswith("@"):
        return None if data is None else data.encode()
    try:
        return Path(data[1:]).read_bytes()
    except OSError as error:
        raise ValueError(f"-d {data}: {error.strerror}") from error


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no IP address such as 192.0.2.7") from None


def _country(text: str) -> str:
    code = text.upper()
    if len(code) != 2 or not code.isalpha() or not code.isascii():  # noqa: PLR2004 - alpha-2
        raise argparse.ArgumentTypeError(f"{text!r} is no ISO 3166 alpha-2 code such as DE")
    return code


Who = Callable[[Plan, Request, argparse.Namespace], Identity]
"""Tells who calls. An application gives its own as ``who``: its users have names there."""


def described(plan: Plan, _: Request, arguments: argparse.Namespace) -> Identity:
    """Return the caller whom the words describe."""
    return identity_of(plan, arguments.user, arguments.session)


def identity_of(plan: Plan, pairs: list[str], session: str | None) -> Identity:
    """Return the caller that ``--user`` describes, the configured defaults filled in; raises ConfigError."""
    attributes = {**plan.identity.default, **attributes_of(pairs)}
    known = bool(pairs) or session is not None
    return Identity(
        id=str(attributes.pop("id", "")),
        attributes=attributes,
        source="session" if known else "none",
        session_key=session,
    )


def attributes_of(pairs: Iterable[str]) -> dict[str, Any]:
    """Return what ``NAME=VALUE`` says; raises ConfigError."""
    attributes = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f"--user {pair}: write NAME=VALUE, as in --user tier=premium")
        attributes[name] = _value(value)
    return attributes


def _value(text: str) -> Any:
    """Return a list, an object or a truth value as such; all else is text, as rules compare text with numbers too."""
    if text in {"true", "false", "null"} or text[:1] in {"[", "{"}:
        try:
            return json.loads(text)
        except ValueError as error:
            raise ConfigError(f"--user …={text}: {error}") from error
    return text


def text(asked: Asked, told: Explanation) -> str:
    """Return the explanation as people read it."""
    lines = [_heading(asked, told), ""]
    if told.rules:
        width = max(len(rule.name) for rule in told.rules)
        lines += [
            f"  {rule.priority:>5}  {rule.name:<{width}}  {'yes' if rule.matched else 'no ':<3}  {rule.reason}"
            for rule in told.rules
        ]
        lines.append("")
    return "\n".join([*lines, *_verdict(told)])


def _heading(asked: Asked, told: Explanation) -> str:
    identity = told.identity
    who = (identity.id or "a user") if identity.authenticated else "anonymous"
    details = [f"{name}={value}" for name, value in identity.attributes.items()]
    if told.place.country is not None:
        details.append(f"country {told.place.country} (from the {told.place.source})")
    return f"{asked.method} {asked.path} by {who}" + (f" [{', '.join(details)}]" if details else "")


def _verdict(told: Explanation) -> list[str]:
    rows: list[tuple[str, str]] = []
    if told.outcome in {"no_route", "pass"} and told.route is None:
        rows.append(("outcome", _UNROUTED[told.outcome]))
    if told.route is not None:
        rows.append(("route", told.route))
    if told.description:
        rows.append(("purpose", " ".join(told.description.split())))
    if told.split is not None:
        by = "chance" if told.split.key is None else f"the key {told.split.key!r}"
        side = told.split.chosen
        if told.split.variant not in ("", side):
            side = f"{told.split.variant} of {told.split.name}, {side}"
        rows.append(("split", f"{side}, bucket {told.split.bucket} of 10000 by {by}"))
    rows += [("changes", what) for what in told.transforms]
    if told.pool is not None:
        rows.append(("pool", told.pool))
    if told.backend is not None:
        rows.append(("backend", told.backend))
        rows.append(("model", told.model or "as the caller asks"))
        rows.append(("plan", ", then ".join(step.backend for step in told.plan)))
        rows += _attempts(told.plan)
    if told.error is not None:
        rows.append(("answer", f"{told.error.status_code} {told.error.error_code}: {told.error.message}"))
    return [f"{name:<8} {value}" for name, value in rows]


def _attempts(plan: tuple[Step, ...]) -> list[tuple[str, str]]:
    """Return a line on the attempts of each target, and one on the time limits of each backend."""
    by_target = {step.target: step for step in plan}
    attempts = [("attempts", f"{name}: {_repeats(step)}") for name, step in by_target.items()]
    limits: dict[str, list[str]] = {}
    for step in plan:
        limits.setdefault(_settings(step.timeouts), []).append(step.backend)
    if len(limits) == 1:
        return [*attempts, ("timeouts", next(iter(limits)))]
    return [*attempts, *(("timeouts", f"{', '.join(names)}: {text}") for text, names in limits.items())]


def _repeats(step: Step) -> str:
    sources = {setting.key: setting.source for setting in step.retry}
    said = f"at most {step.attempts} ({sources['maxAttempts']})"
    if not step.delays:
        return said
    drawn = "up to " if any(s.key == "jitter" and s.value for s in step.retry) else ""
    waits = ", ".join(f"{drawn}{_seconds(wait)}" for wait in step.delays)
    return f"{said}, {waits} apart ({sources['initialInterval']})"


def _settings(settings: tuple[Setting, ...]) -> str:
    """Return the figures grouped by who gave them, what was said on purpose first."""
    groups: dict[str, list[str]] = {}
    for setting in sorted(settings, key=lambda setting: setting.source == "default"):
        groups.setdefault(setting.source, []).append(f"{setting.key} {_seconds(setting.value)}")
    return "; ".join(f"{', '.join(figures)} ({source})" for source, figures in groups.items())


def _seconds(value: float) -> str:
    return f"{value * 1000:g}ms" if value < 1 else f"{value:g}s"


_UNROUTED = {
    "no_route": "no route matches: the caller gets 404 no_route",
    "pass": "not the gateway's: the host application answers",
}
