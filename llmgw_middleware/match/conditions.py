"""The conditions of a rule, compiled to predicates over facts, each able to say why it does not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from llmgw_middleware.cel.headers import SECRET_HEADERS
from llmgw_middleware.errors import BadRequest
from llmgw_middleware.facts import MISSING, Facts
from llmgw_middleware.match.fields import MASK, SHOWN, Demand, data_demand, shown, spelled, text_demand
from llmgw_middleware.match.terms import Term, terms_of
from llmgw_middleware.model.route import FieldTest, Match, PathTest, ValueTest
from llmgw_middleware.regex import compile_pattern

Kind = Literal["path", "host", "method", "header", "query", "user", "geo", "body"]

SECRET_PARAMETERS: Final = frozenset({"key", "api_key", "api-key", "token", "access_token"})
"""Values of these are never shown, neither the caller's nor the rule's."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """A condition that holds where one of few ``texts`` stands at a ``place``; ``read`` returns what stands there.

    It returns None for what is no text: then the condition itself has to be asked.
    """

    place: str
    read: Callable[[Facts], Sequence[str] | None]
    texts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. ``label`` names what it looks at (``header x-beta-user``).

    ``fault`` says what is the matter when it fails, without the caller's value; ``why`` looks again and shows the value,
    cut to 80 characters, secrets masked. ``keyed``: what it could be looked up by, if it asks for nothing but a text.
    """

    kind: Kind
    label: str
    holds: Callable[[Facts], bool]
    fault: str
    why: Callable[[Facts], str]
    term: Term | None = None
    keyed: Keyed | None = None


def conditions_of(match: Match, *, deny: bool = False) -> tuple[Condition, ...]:
    """Compile a match, the cheap conditions first: path, host, method, header, query, user, geography, body.

    The terms of ``when`` come behind those; of them too, those that read the body last. ``deny``: the match is a deny
    rule's.
    """
    terms = [term for when in match.when for term in terms_of(when, deny=deny)]
    found: list[Condition] = []
    if match.paths:
        found.append(path_condition(match.paths))
    if match.hosts:
        found.append(_host(match.hosts))
    if match.methods:
        found.append(_method(match.methods))
    found.extend(_header(field) for field in match.headers)
    found.extend(_query(field) for field in match.query)
    found.extend(_user(field) for field in match.user)
    found.extend(_geography(match))
    found.extend(_when(term) for term in terms if term.kind != "body")
    found.extend(_body(field) for field in match.body)
    found.extend(_when(term) for term in terms if term.kind == "body")
    return tuple(found)


def _when(term: Term) -> Condition:
    return Condition(
        term.kind,
        "when",
        term.holds,
        f"when: {term.program.source} is not true",
        lambda facts: f"when: {term.why(facts)}",
        term,
    )


def path_condition(paths: Sequence[PathTest]) -> Condition:
    """Compile alternative paths. They are compared with the raw path."""
    tests = tuple(_path_test(path) for path in paths)
    fault = _path_fault(paths)
    return Condition(
        "path",
        "path",
        lambda facts: any(test(facts.request.path) for test in tests),
        f"path is {fault}",
        lambda facts: f"path is {_cut(facts.request.path)}, {fault}",
    )


def _path_test(path: PathTest) -> Callable[[str], bool]:
    if path.kind == "regex":
        return compile_pattern(path.value)
    if path.kind == "exact":
        return path.value.__eq__
    whole = path.value.rstrip("/")
    return lambda raw: raw == whole or raw.startswith(f"{whole}/")


def _path_fault(paths: Sequence[PathTest]) -> str:
    words = {"exact": "{}", "prefix": "under {}", "regex": "matching {!r}"}
    return f"not {' or '.join(words[path.kind].format(path.value) for path in paths)}"


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def accepted_methods(methods: Iterable[str]) -> tuple[str, ...]:
    """Return the methods that a list admits, in its order: HEAD follows GET."""
    upper = [method.upper() for method in methods]
    both = (m for method in upper for m in ((method, "HEAD") if method == "GET" else (method,)))
    return tuple(dict.fromkeys(both))


def _method(methods: Sequence[str]) -> Condition:
    accepted = frozenset(accepted_methods(methods))
    fault = f"not {' or '.join(methods)}"
    return Condition(
        "method",
        "method",
        lambda facts: facts.request.method in accepted,
        f"method is {fault}",
        lambda facts: f"method is {_cut(facts.request.method)}, {fault}",
    )


def _host(hosts: Sequence[str]) -> Condition:
    """Compile alternative hosts; ``*.`` stands for one label or more."""
    exact = frozenset(host for host in hosts if not host.startswith("*."))
    below = tuple(host[1:] for host in hosts if host.startswith("*."))
    fault = f"not {' or '.join(hosts)}"
    return Condition(
        "host",
        "host",
        lambda facts: facts.host in exact or facts.host.endswith(below),
        f"host is {fault}",
        lambda facts: f"host is {_cut(facts.host) or 'absent'}, {fault}",
    )


def _header(field: FieldTest) -> Condition:
    """Each repeated line is tested alone; commas are not split. ``:authority`` and the like are parts of the request."""
    name = field.name.lower()
    raw = name.encode()
    secret = name in SECRET_HEADERS
    demand = text_demand(field.test, secret=secret)
    test, absent, label = demand.holds, demand.absent, f"header {name}"

    def holds(facts: Facts) -> bool:
        lines = facts.headers(raw)
        if not lines:
            return absent
        return test(lines[0]) if len(lines) == 1 else any(map(test, lines))

    def why(facts: Facts) -> str:
        lines = facts.headers(raw)
        seen = MASK if secret else _cut(" and ".join(map(shown, lines[:3])))
        return _why(label, demand, lines[0] if lines else MISSING, seen)

    keyed = keyed_by(label, field.test, lambda facts: facts.headers(raw), spelled)
    return Condition("header", label, holds, _fault(label, demand), why, keyed=keyed)


def _query(field: FieldTest) -> Condition:
    secret = field.name.lower() in SECRET_PARAMETERS
    demand = text_demand(field.test, secret=secret)

    def read(facts: Facts) -> Any:
        value = facts.query(field.name)
        return MISSING if value is None else value

    label = f"query {field.name}"
    keyed = keyed_by(label, field.test, lambda facts: _texts(read(facts)), spelled)
    return replace(_of_value("query", label, demand, read, secret=secret), keyed=keyed)


def _user(field: FieldTest) -> Condition:
    name, label = field.name, f"user.{field.name}"
    keyed = keyed_by(label, field.test, lambda facts: _texts(facts.attribute(name)))
    found = _of_value("user", label, data_demand(field.test), lambda facts: facts.attribute(name))
    return replace(found, keyed=keyed)


def keyed_by(
    place: str,
    test: ValueTest,
    read: Callable[[Facts], Sequence[str] | None],
    spell: Callable[[Any], str] | None = None,
) -> Keyed | None:
    """Return what a test that asks for one text, or for one of several, can be looked up by.

    ``spell`` makes a text of what the rule says, where what is read always is one.
    """
    options = test.one_of if test.one_of is not None else (test.exact,)
    texts = options if spell is None else tuple(spell(option) for option in options if option is not None)
    plain = ValueTest(exact=test.exact, one_of=test.one_of)
    if test != plain or (test.exact is None) == (test.one_of is None):
        return None
    return Keyed(place, read, frozenset(texts)) if all(isinstance(text, str) for text in texts) else None


def _texts(value: Any) -> Sequence[str] | None:
    if value is MISSING:
        return ()
    return (value,) if isinstance(value, str) else None


def _of_value(
    kind: Kind, label: str, demand: Demand, read: Callable[[Facts], Any], *, secret: bool = False
) -> Condition:
    test, absent = demand.holds, demand.absent

    def holds(facts: Facts) -> bool:
        value = read(facts)
        return absent if value is MISSING else test(value)

    def why(facts: Facts) -> str:
        value = read(facts)
        return _why(label, demand, value, MASK if secret else shown(value))

    return Condition(kind, label, holds, _fault(label, demand), why)


def _body(field: FieldTest) -> Condition:
    """Compile a condition on the body: it fails if the body cannot be read, and a doubled key is refused at once."""
    path = tuple(field.name.split("."))
    label = f"body.{field.name}"
    demand = data_demand(field.test)
    readable = _of_value("body", label, demand, lambda facts: facts.body.get(path))
    test, absent = demand.holds, demand.absent

    def holds(facts: Facts) -> bool:
        try:
            value = facts.body.get(path)
            return absent if value is MISSING else test(value)
        except BadRequest as error:
            if error.error_code == "duplicate_key":
                raise
            return False

    def why(facts: Facts) -> str:
        try:
            return readable.why(facts)
        except BadRequest as error:
            return f"{label} cannot be read: {error.message}"

    def read(facts: Facts) -> Sequence[str] | None:
        try:
            return _texts(facts.body.get(path))
        except BadRequest as error:
            if error.error_code == "duplicate_key":
                raise
            return ()

    return Condition("body", label, holds, readable.fault, why, keyed=keyed_by(label, field.test, read))


def _fault(label: str, demand: Demand) -> str:
    if demand.absent:
        return f"{label} is present"
    clauses = [part.clause for part in demand.parts]
    return f"{label} {' or '.join(clauses)}" if clauses else f"{label} is absent"


def _why(label: str, demand: Demand, value: Any, seen: str) -> str:
    if value is MISSING:
        return f"{label} is absent"
    part = demand.failing(value)
    return f"{label} {part.after(seen)}" if part is not None else f"{label} is present: {seen}"


def _geography(match: Match) -> list[Condition]:
    found = []
    if match.country_known is not None:
        found.append(_known(wanted=match.country_known))
    if match.country:
        found.append(_country(match.country))
    if match.region:
        found.append(_region(match.region))
    return found


def _known(*, wanted: bool) -> Condition:
    fault = "country is unknown" if wanted else "country is known"
    return Condition(
        "geo",
        "country",
        lambda facts: (facts.place.country is not None) is wanted,
        fault,
        lambda facts: f"country is {facts.place.country}, not unknown" if facts.place.country else fault,
    )


def _country(countries: Sequence[str]) -> Condition:
    accepted = frozenset(country.upper() for country in countries)
    fault = f"not {' or '.join(countries)}"
    return Condition(
        "geo",
        "country",
        lambda facts: facts.place.country in accepted,
        f"country is {fault}",
        lambda facts: f"country is {facts.place.country or 'unknown'}, {fault}",
    )


def _region(regions: Sequence[str]) -> Condition:
    accepted = frozenset(regions)
    names = " or ".join(regions)

    def why(facts: Facts) -> str:
        place = facts.place
        if place.country is None:
            return f"country is unknown, so the region is not {names}"
        return f"country is {place.country}, in {', '.join(sorted(place.regions)) or 'no region'}, not in {names}"

    return Condition(
        "geo",
        "region",
        lambda facts: not accepted.isdisjoint(facts.place.regions),
        f"region is not {names}",
        why,
    )
