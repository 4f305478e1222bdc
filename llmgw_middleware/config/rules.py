"""Words of routes to routes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from llmgw_middleware.config.conditions import ConditionReader
from llmgw_middleware.config.expressions import ExpressionReader
from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.sendable import sendable
from llmgw_middleware.config.targets import Targets
from llmgw_middleware.config.times import timeouts
from llmgw_middleware.config.traffic import PerRoute, judge_budget, retry
from llmgw_middleware.config.words.condition import Conditions
from llmgw_middleware.config.words.route import RouteWord
from llmgw_middleware.model.policy import CommitRules
from llmgw_middleware.model.route import Answer, Copies, Match, Rewrite, Route, Side

_CONDITIONS = frozenset(Conditions.fields) | {"match"}


class RouteReader:
    """Reads routes one by one, in the order they were written."""

    def __init__(
        self,
        conditions: ConditionReader,
        expressions: ExpressionReader,
        targets: Targets,
        per_route: PerRoute,
        report: Report,
        *,
        tried: frozenset[str] = frozenset(),
    ) -> None:
        self._tried = tried
        self._conditions = conditions
        self._expressions = expressions
        self._targets = targets
        self._per_route = per_route
        self._report = report
        self._names: dict[str, RouteWord] = {}

    @property
    def names(self) -> frozenset[str]:
        """Return the names of all routes, those that are not enabled too."""
        return frozenset(self._names)

    def routes(self, words: tuple[RouteWord, ...]) -> tuple[Route, ...]:
        """Return the enabled routes; those without a name are called ``route-1`` and so on, by their place."""
        named = [(word.name or f"route-{number}", word) for number, word in enumerate(words, start=1)]
        for name, word in named:
            self._take(name, word)
        self._per_route.judge([name for name, _ in named])
        routes = [(word, self._route(name, word)) for name, word in named]
        return tuple(route for word, route in routes if word.enabled)

    def _take(self, name: str, word: RouteWord) -> None:
        first = self._names.setdefault(name, word)
        if first is not word:
            at = word.at("name")
            self._report.error(
                "duplicate_name", at, f'Another route at {first.at("name")} is called "{name}" too.'
            )

    def _route(self, name: str, word: RouteWord) -> Route:
        matches = self._while_enabled(word, self._conditions.matches(word))
        self._judge(name, word, matches)
        return Route(
            name=name,
            matches=matches,
            priority=word.priority,
            default=word.default,
            target=None if word.backend is None else self._targets.refer(word.backend, word.at("backend")),
            split=self._split(name, word),
            answer=_answer(word),
            sticky=word.sticky,
            fallback=self._fallback(word),
            mirror=self._mirror(word),
            fallback_sides=word.fallback is True,
            models=self._models(word),
            passthrough=word.passthrough,
            rewrite=self._rewrite(word, matches),
            transform=self._expressions.transform(word.transform),
            timeouts=timeouts(word.timeout),
            retry=retry(word.retry).over(self._per_route.rules(name)),
            replay_safe=word.replay_safe,
            on_content_filter=word.on_content_filter,
            on_unsupported=word.on_unsupported,
            on_disconnect=word.on_disconnect,
            commit=word.stream.commit or CommitRules(),
            description=word.description,
            where=str(word.at()),
        )

    def _rewrite(self, word: RouteWord, matches: tuple[Match, ...]) -> Rewrite:
        given = word.rewrite
        found = {path.value for match in matches for path in match.paths if path.kind == "prefix"}
        if given.prefix is not None:
            at = given.at("prefix")
            if given.path is not None:
                self._report.error("two_values", at, "rewrite has path or prefix; keep one of them.")
            if not found:
                self._report.error(
                    "no_effect", at, "No path of this route is a prefix, so there is none to rewrite."
                )
        prefix = None if given.prefix is None else given.prefix.rstrip("/")
        prefixes = () if prefix is None else tuple(sorted(found, key=len, reverse=True))
        return Rewrite(model=given.model, path=given.path, prefix=prefix, prefixes=prefixes)

    def _judge(self, name: str, word: RouteWord, matches: tuple[Match, ...]) -> None:
        self._judge_target(name, word)
        judge_budget(word.retry, self._report)
        if word.sticky is not None:
            self._expressions.judge(word.sticky.expression, word.at("sticky"))
        if word.default and any(getattr(word, field) for field in _CONDITIONS):
            self._report.error(
                "default_with_conditions",
                word.at("default"),
                f'The default route "{name}" has conditions.',
                "leave out default: true, or the conditions",
            )
        if word.passthrough and not all(match.paths for match in matches):
            self._report.error(
                "passthrough_without_path",
                word.at("passthrough"),
                f'The route "{name}" passes everything through: it needs a path.',
            )
        if word.fallback is True and not word.backends and name not in self._tried:
            self._report.error(
                "fallback_without_split",
                word.at("fallback"),
                f'The route "{name}" has no split whose other sides could be tried.',
                "name the backends to fall back to",
            )

    def _judge_target(self, name: str, word: RouteWord) -> None:
        given = [key for key in ("backend", "backends", "respond") if getattr(word, key)]
        if len(given) > 1:
            both = " and ".join(given)
            self._report.error(
                "two_targets", word.at(given[1]), f'The route "{name}" has {both}; it takes one of them.'
            )
        elif not given and name not in self._tried:
            self._report.error(
                "no_target",
                word.at(),
                f'The route "{name}" leads nowhere.',
                "give it backend, backends or respond",
            )

    def _split(self, name: str, word: RouteWord) -> tuple[Side, ...]:
        sides = tuple(
            Side(
                target=self._targets.refer(side.backend, side.at("backend")),
                weight=side.weight,
                headers=sendable(side.headers, partial(side.at, "headers"), self._report),
            )
            for side in word.backends
        )
        if sides and not any(side.weight for side in sides):
            self._report.error(
                "bad_weight", word.at("backends"), f'All weights of the route "{name}" are zero.'
            )
        targets = [side.target for side in sides]
        for index, target in enumerate(targets):
            if target in targets[:index]:
                self._report.error(
                    "duplicate_name",
                    word.at("backends", index, "backend"),
                    f'"{target}" stands in this split twice.',
                )
        return sides

    def _fallback(self, word: RouteWord) -> tuple[str, ...]:
        if isinstance(word.fallback, bool):
            return ()
        return tuple(
            self._targets.refer(name, word.at("fallback", index)) for index, name in enumerate(word.fallback)
        )

    def _while_enabled(self, word: RouteWord, matches: tuple[Match, ...]) -> tuple[Match, ...]:
        """Add to every alternative what ``enabled`` asks; a flag and a time are conditions like others."""
        if isinstance(word.enabled, bool):
            return matches
        asked = self._expressions.condition(word.enabled.condition, word.at("enabled"))
        return tuple(replace(match, when=(*asked, *match.when)) for match in matches)

    def _mirror(self, word: RouteWord) -> Copies | None:
        if word.mirror is None:
            return None
        if not word.mirror.percent:
            self._report.error(
                "bad_value", word.mirror.at("percent"), "A mirror of 0 % copies nothing: leave it out."
            )
        target = self._targets.refer(word.mirror.backend, word.mirror.at("backend"))
        return Copies(target=target, share=word.mirror.percent)

    def _models(self, word: RouteWord) -> tuple[str, ...]:
        for index, name in enumerate(word.models):
            if "*" in name[:-1]:
                self._report.error(
                    "bad_value", word.at("models", index), "A * stands only at the end of a model's name."
                )
        return word.models


def _answer(word: RouteWord) -> Answer | None:
    answer = word.respond
    return None if answer is None else Answer(status=answer.status, code=answer.code, message=answer.message)
