"""The whole configuration's words to a plan."""

from __future__ import annotations

import re

from llmgw_middleware.config.conditions import ConditionReader
from llmgw_middleware.config.expressions import ExpressionReader
from llmgw_middleware.config.intercepted import paths_of
from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.rules import RouteReader
from llmgw_middleware.config.targets import Targets
from llmgw_middleware.config.times import timeouts
from llmgw_middleware.config.traffic import PerRoute, breaker, retry
from llmgw_middleware.config.trials import TrialReader, routes_tried
from llmgw_middleware.config.words.configuration import Configuration
from llmgw_middleware.config.words.gateway import FlagsWord, IdentityWord, StateWord
from llmgw_middleware.model.plan import Geography, IdentityRules, Plan
from llmgw_middleware.model.policy import DEFAULT_RETRY, DEFAULT_TIMEOUTS

_ATTRIBUTE_PATH = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*(?::[A-Za-z_]\w*(?:\.\w+)*)?")

LONGEST_QUEUE = 1.0
"""Seconds: who waits longer for a place had better be told at once."""


def assemble(words: Configuration, report: Report, sources: tuple[str, ...]) -> Plan:
    """Return the plan. What does not fit together is reported; then the plan is not to be used."""
    gateway = words.gateway
    expressions = ExpressionReader(report)
    conditions = ConditionReader(words.geo.regions, expressions, report)
    targets = Targets(words.backends, report)
    per_route = PerRoute(words.policies.retry, report)
    reader = RouteReader(conditions, expressions, targets, per_route, report, tried=routes_tried(words))
    written = reader.routes(words.routes)
    trials = TrialReader(written, reader.names, targets, expressions, report)
    canaries = trials.canaries(words.canaries)
    experiments = trials.experiments(words.experiments)
    routes = trials.routes
    paths = conditions.paths(gateway.paths, lambda *steps: gateway.at("paths", *steps))
    pools = targets.pools()
    before_routing, on_answers = expressions.before_routing(gateway.transform)
    return Plan(
        paths=paths_of(routes) if gateway.paths is None else paths,
        routes=routes,
        backends=targets.backends(),
        pools=pools,
        timeouts=timeouts(gateway.timeout).over(DEFAULT_TIMEOUTS),
        retry=retry(words.policies.retry).over(DEFAULT_RETRY),
        breaker=breaker(words.policies.circuit_breaker),
        max_in_flight=gateway.max_in_flight,
        max_pending=gateway.max_pending,
        queue_timeout=min(gateway.queue_timeout, LONGEST_QUEUE),
        drain_timeout=gateway.drain_timeout,
        max_body_size=gateway.max_body_size,
        trusted_proxies=gateway.trusted_proxies,
        debug_headers=gateway.debug_headers,
        on_no_route=gateway.on_no_route,
        identity=_identity(words.identity, report),
        geography=Geography(
            header=words.geo.header,
            database=words.geo.database,
            regions={name: frozenset(codes) for name, codes in words.geo.regions.items()},
        ),
        before_routing=before_routing,
        on_answers=on_answers,
        state_folder=_state_folder(words.state, report),
        flag_lookup=_flag_lookup(words.flags, report),
        canaries=canaries,
        experiments=experiments,
        sources=sources,
    )


def _state_folder(word: StateWord, report: Report) -> str | None:
    if word.store == "file" and word.path is None:
        report.error("missing_key", word.at("store"), 'The key "path" is needed with store: file.')
    if word.store == "memory" and word.path is not None:
        report.error("bad_value", word.at("path"), "A path is for store: file; memory has none.")
    return word.path if word.store == "file" else None


def _flag_lookup(word: FlagsWord, report: Report) -> str | None:
    if word.lookup is not None and not (":" in word.lookup and _ATTRIBUTE_PATH.fullmatch(word.lookup)):
        report.error("bad_value", word.at("lookup"), '"lookup" takes a function as module:function.')
    return word.lookup


def _identity(word: IdentityWord, report: Report) -> IdentityRules:
    for name, path in word.attributes.items():
        if not _ATTRIBUTE_PATH.fullmatch(path):
            report.error(
                "bad_value",
                word.at("attributes", name),
                f'The attribute "{name}" is read by a dotted path such as user.profile.tier, or by module:function.',
            )
    return IdentityRules(
        require=word.require, attributes=word.attributes, default=word.default, cache=word.cache
    )
