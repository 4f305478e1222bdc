"""Words of canaries and experiments to rules, and to the splits of their routes."""

from __future__ import annotations

import re
from dataclasses import replace

from llmgw_middleware.config.expressions import ExpressionReader
from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.spelling import did_you_mean
from llmgw_middleware.config.targets import Targets
from llmgw_middleware.config.words.configuration import Configuration
from llmgw_middleware.config.words.trial import CanaryWord, ExperimentWord
from llmgw_middleware.model.route import Route, Side
from llmgw_middleware.model.trial import Canary, Experiment, RollbackRules, Variant

_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
FEWEST = 2
"""Variants of a comparison."""


def routes_tried(words: Configuration) -> frozenset[str]:
    """Return the names of the routes that a canary or experiment leads somewhere."""
    return frozenset([*(word.route for word in words.canaries), *(word.route for word in words.experiments)])


class TrialReader:
    """Reads canaries and experiments, and divides the routes that they are about."""

    def __init__(
        self,
        routes: tuple[Route, ...],
        known: frozenset[str],
        targets: Targets,
        expressions: ExpressionReader,
        report: Report,
    ) -> None:
        self._routes = {route.name: route for route in routes}
        self._known = known
        self._targets = targets
        self._expressions = expressions
        self._report = report
        self._names: dict[str, CanaryWord | ExperimentWord] = {}
        self._taken: dict[str, CanaryWord | ExperimentWord] = {}

    @property
    def routes(self) -> tuple[Route, ...]:
        """The routes, those that are tried divided in two or more."""
        return tuple(self._routes.values())

    def canaries(self, words: tuple[CanaryWord, ...]) -> tuple[Canary, ...]:
        """Return the rules of canaries whose routes are there."""
        return tuple(rules for word in words if (rules := self._canary(word)) is not None)

    def experiments(self, words: tuple[ExperimentWord, ...]) -> tuple[Experiment, ...]:
        """Return the rules of experiments whose routes are there."""
        return tuple(rules for word in words if (rules := self._experiment(word)) is not None)

    def _canary(self, word: CanaryWord) -> Canary | None:
        route = self._route(word, "canary")
        new = self._targets.refer(word.canary, word.at("canary"))
        stable = self._stable(word, route)
        if word.notify is not None and not _FUNCTION.fullmatch(word.notify):
            self._report.error(
                "bad_value", word.at("notify"), '"notify" takes a function as module:function.'
            )
        if route is None or stable is None:
            return None
        if stable == new:
            self._report.error(
                "duplicate_name",
                word.at("canary"),
                f'The canary "{word.name}" is what stable is already: "{new}".',
            )
        sides = _sides(stable, new, word.stages[0])
        self._divide(route, word, sides)
        return Canary(
            name=word.name,
            route=route.name,
            stable=stable,
            canary=new,
            stages=word.stages,
            stage_duration=word.stage_duration,
            rollback=_rollback(word),
            sticky=word.sticky or route.sticky,
            notify=word.notify,
            where=str(word.at()),
        )

    def _experiment(self, word: ExperimentWord) -> Experiment | None:
        route = self._route(word, "experiment")
        variants = tuple(
            Variant(name=v.name, target=self._targets.refer(v.backend, v.at("backend")), weight=v.weight)
            for v in word.variants
        )
        self._judge(word, variants)
        if route is None or not any(variant.weight for variant in variants):
            return None
        self._divide(
            route, word, tuple(Side(target=v.target, weight=v.weight, name=v.name) for v in variants)
        )
        return Experiment(
            name=word.name,
            route=route.name,
            variants=variants,
            sticky=word.sticky or route.sticky,
            where=str(word.at()),
        )

    def _judge(self, word: ExperimentWord, variants: tuple[Variant, ...]) -> None:
        names = [variant.name for variant in variants]
        if len(names) < FEWEST:
            self._report.error(
                "bad_value",
                word.at("variants"),
                f'The experiment "{word.name}" needs two variants to compare.',
            )
        elif not any(variant.weight for variant in variants):
            self._report.error(
                "bad_weight", word.at("variants"), f'All weights of the experiment "{word.name}" are zero.'
            )
        for index, name in enumerate(names):
            if name in names[:index]:
                self._report.error(
                    "duplicate_name",
                    word.at("variants", index, "name"),
                    f'Another variant is called "{name}" too.',
                )

    def _route(self, word: CanaryWord | ExperimentWord, noun: str) -> Route | None:
        first = self._names.setdefault(word.name, word)
        if first is not word:
            self._report.error(
                "duplicate_name",
                word.at("name"),
                f'Another canary or experiment at {first.at("name")} is called "{word.name}" too.',
            )
        if word.sticky is not None:
            self._expressions.judge(word.sticky.expression, word.at("sticky"))
        if word.route not in self._known:
            hint = did_you_mean(word.route, self._known)
            self._report.error(
                "unknown_route",
                word.at("route"),
                f'The {noun} "{word.name}" names no route: "{word.route}".',
                hint,
            )
            return None
        if self._taken.setdefault(word.route, word) is not word:
            other = self._taken[word.route]
            self._report.error(
                "two_trials",
                word.at("route"),
                f'The route "{word.route}" is divided by "{other.name}" at {other.at()} already.',
            )
            return None
        return self._usable(word, noun)

    def _usable(self, word: CanaryWord | ExperimentWord, noun: str) -> Route | None:
        route = self._routes.get(word.route)
        if route is not None and (route.split or route.answer is not None):
            what = "a split" if route.split else "an answer"
            self._report.error(
                "two_targets",
                word.at("route"),
                f'The route "{word.route}" has {what}; it takes that or a{"n" if noun[0] == "e" else ""} {noun}.',
            )
            return None
        return route  # None: it is not enabled

    def _stable(self, word: CanaryWord, route: Route | None) -> str | None:
        if word.stable is not None:
            return self._targets.refer(word.stable, word.at("stable"))
        if route is not None and route.target is None:
            self._report.error(
                "no_target",
                word.at(),
                f'The canary "{word.name}" has no stable side.',
                "give it stable, or its route a backend",
            )
        return None if route is None else route.target

    def _idle(self, word: CanaryWord | ExperimentWord, route: Route, sides: tuple[Side, ...]) -> None:
        """Warn of a backend of the route that nobody is sent to any more."""
        if route.target is not None and route.target not in [side.target for side in sides]:
            self._report.warn(
                "no_effect",
                word.at("route"),
                f'The backend of the route "{route.name}", "{route.target}", gets nothing: "{word.name}" divides its requests.',
                "leave it out of the route",
            )
        for side in sides:
            if not side.weight and isinstance(word, ExperimentWord):
                self._report.warn(
                    "zero_weight",
                    word.at("variants"),
                    f'"{side.name}" has the weight 0 in "{word.name}": nobody is sent there.',
                )

    def _divide(self, route: Route, word: CanaryWord | ExperimentWord, sides: tuple[Side, ...]) -> None:
        self._idle(word, route, sides)
        self._routes[route.name] = replace(
            route, target=None, split=sides, trial=word.name, sticky=word.sticky or route.sticky
        )


def _sides(stable: str, canary: str, share: float) -> tuple[Side, ...]:
    """Return stable and canary; the canary stands last, so that it only gains callers when it grows."""
    return (
        Side(target=stable, weight=1 - share, name="stable"),
        Side(target=canary, weight=share, name="canary"),
    )


def _rollback(word: CanaryWord) -> RollbackRules:
    rules = word.rollback
    return RollbackRules(
        max_error_rate=rules.max_error_rate,
        max_error_rate_increase=rules.max_error_rate_increase,
        max_latency_increase=rules.max_latency_increase,
        min_requests=rules.min_requests,
        signals=rules.signals,
    )
