"""Words of conditions to the values that rules are compiled from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llmgw_middleware.config.address import path_pattern, path_prefix
from llmgw_middleware.config.expressions import ExpressionReader
from llmgw_middleware.config.intercepted import with_counting
from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.spelling import did_you_mean
from llmgw_middleware.config.tree import Position
from llmgw_middleware.config.words.condition import (
    Alternative,
    Conditions,
    PathForm,
    Presence,
    TextForm,
    ValueForm,
)
from llmgw_middleware.config.words.route import RouteWord
from llmgw_middleware.geo import known_region
from llmgw_middleware.model.route import FieldTest, Match, PathTest, ValueTest

_SINGLE = ("path", "host", "methods", "country", "region")


class ConditionReader:
    """Reads conditions; what cannot hold or does not exist is reported. ``regions`` are the operator's own."""

    def __init__(self, regions: Iterable[str], expressions: ExpressionReader, report: Report) -> None:
        self._regions = frozenset(regions)
        self._expressions = expressions
        self._report = report

    def matches(self, route: RouteWord) -> tuple[Match, ...]:
        """Return the route's alternatives, each with the conditions that stand beside ``match``."""
        beside = self._match(route)
        if not route.match:
            return (beside,)
        for index, alternative in enumerate(route.match):
            for key in _SINGLE:
                if getattr(route, key) and getattr(alternative, key):
                    at = alternative.at(key)
                    self._report.error(
                        "match_twice",
                        at,
                        f'"{key}" stands beside match at {route.at(key)} and in its alternative {index + 1}.',
                        "keep it in one of the two",
                    )
        return tuple(_joined(beside, self._match(alternative)) for alternative in route.match)

    def paths(self, written: Any, at: Callable[..., Position]) -> tuple[PathTest, ...]:
        """Return the paths of one pattern or a list of them; ``at`` tells the place of a step below."""
        if written is None:
            return ()
        if isinstance(written, tuple):
            found = [self._path(pattern, at(index)) for index, pattern in enumerate(written)]
        else:
            found = [self._path(written, at())]
        return with_counting(tuple(path for path in found if path is not None))

    def _path(self, pattern: str | PathForm, at: Position) -> PathTest | None:
        if isinstance(pattern, PathForm) and (pattern.regex is None) == (pattern.prefix is None):
            self._report.error("bad_path", at, "A path form has one of prefix and regex.")
            return None
        try:
            if isinstance(pattern, str):
                return path_pattern(pattern)
            if pattern.regex is not None:
                return PathTest(kind="regex", value=pattern.regex)
            return path_prefix(pattern.prefix or "")
        except ValueError as error:
            self._report.error("bad_path", at, str(error))
            return None

    def _match(self, words: Conditions) -> Match:
        known = words.country.present if isinstance(words.country, Presence) else None
        return Match(
            paths=self.paths(words.path, lambda *steps: words.at("path", *steps)),
            hosts=words.host,
            methods=words.methods,
            headers=self._fields(words, "headers", words.headers),
            query=self._fields(words, "query", words.query),
            body=self._fields(words, "body", words.body),
            user=self._fields(words, "user", words.user),
            country=words.country if isinstance(words.country, tuple) else (),
            region=self._known_regions(words),
            country_known=known,
            when=self._expressions.condition(words.when, words.at("when")),
            priority=words.priority if isinstance(words, Alternative) else None,
        )

    def _fields(self, words: Conditions, key: str, tests: Mapping[str, Any]) -> tuple[FieldTest, ...]:
        return tuple(
            FieldTest(name=name, test=self._test(written, words.at(key, name)))
            for name, written in tests.items()
        )

    def _test(self, written: Any, at: Position) -> ValueTest:
        if not isinstance(written, TextForm | ValueForm):
            return ValueTest(exact=written)
        given = {name: getattr(written, name) for name in written.given}
        if written.blank:
            self._report.error("bad_value", at, "A form needs a key such as regex, prefix, oneOf or present.")
        if given.get("present") is False and len(given) > 1:
            self._report.error(
                "bad_value", at, "What is absent cannot have a value: present: false stands alone."
            )
        return ValueTest(**given)

    def _known_regions(self, words: Conditions) -> tuple[str, ...]:
        for index, name in enumerate(words.region):
            if name not in self._regions and not known_region(name):
                hint = did_you_mean(name, (*self._regions, *_BUILT_IN))
                self._report.error(
                    "unknown_region", words.at("region", index), f'There is no region "{name}".', hint
                )
        return words.region


_BUILT_IN = ("AF", "AN", "AS", "EU-continent", "NA", "OC", "SA", "EU", "EEA", "EMEA", "APAC", "LATAM", "US")


def _joined(first: Match, second: Match) -> Match:
    """Return a match for which both have to hold; keys that cannot be joined stand in one of the two."""
    return Match(
        paths=first.paths or second.paths,
        hosts=first.hosts or second.hosts,
        methods=first.methods or second.methods,
        headers=first.headers + second.headers,
        query=first.query + second.query,
        body=first.body + second.body,
        user=first.user + second.user,
        country=first.country or second.country,
        region=first.region or second.region,
        country_known=second.country_known if first.country_known is None else first.country_known,
        when=first.when + second.when,
        priority=second.priority,
    )
