"""From files or Python values to a plan, with every problem and its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from llmgw_middleware.config.assemble import assemble
from llmgw_middleware.config.interpolate import Interpolation
from llmgw_middleware.config.manifests.named import manifests_named
from llmgw_middleware.config.merge import merge
from llmgw_middleware.config.problem import Problem, Report, ordered
from llmgw_middleware.config.source import Source, read, read_manifests
from llmgw_middleware.config.tree import Scalar, Table, find
from llmgw_middleware.config.words.configuration import Configuration
from llmgw_middleware.config.words.refused import Refusal, Refused
from llmgw_middleware.config.words.word import Word
from llmgw_middleware.model.plan import Plan

W = TypeVar("W", bound=Word)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What loading yields: the plan, unless there are errors, and all problems in the order of their places."""

    plan: Plan | None
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that make the configuration unusable."""
        return tuple(problem for problem in self.problems if problem.severity == "error")


def load(source: Source, *, env: Mapping[str, str], serving: bool) -> Loaded:
    """Load ``source``; nothing is raised for a wrong configuration.

    ``env`` fills in ``${VAR}``. ``serving`` false: missing variables and backends that are only named are warnings,
    so that rules can be checked and explained anywhere.
    """
    report = Report(lenient=not serving)
    written = read(source, report)
    interpolation = Interpolation(env, report)
    root = merge((interpolation.table(document) for document in written.documents), report)
    named = read_manifests(manifests_named(root), report)
    manifests = (*written.manifests, *named.manifests)
    if manifests:
        from llmgw_middleware.config.manifests.overlay import judge_secrets, overlay
        from llmgw_middleware.config.manifests.translate import translate  # large, and most have no manifests

        root = overlay(translate(manifests, env, report), root)
        judge_secrets(root, report)
    words = validated(Configuration, root, report)
    sources = (*written.sources, *named.sources)
    plan = assemble(words, report, sources) if words is not None else None
    return Loaded(plan=None if report.failed else plan, problems=ordered(report.problems))


def validated(kind: type[W], root: Table, report: Report) -> W | None:
    """Return the words of ``root``, or None with everything wrong reported at its place."""
    try:
        return kind.take(root, report)
    except Refused as refused:
        for refusal in refused.refusals:
            _note(refusal, root, report)
        return None


def _note(refusal: Refusal, root: Table, report: Report) -> None:
    """Turn one refusal into a problem at the value's place."""
    tree, key_at = find(root, refusal.path)
    at = key_at if refusal.of_key else tree.at
    if isinstance(tree, Scalar) and tree.missing:
        report.error("missing_env", at, "This value is needed, and its variable is not set.")
    else:
        report.error(refusal.code, at, _with_key(refusal.message, refusal.path), refusal.hint)


def _with_key(message: str, path: tuple[str | int, ...]) -> str:
    """Name the key that takes something else."""
    keys = [step for step in path if isinstance(step, str)]
    return f'"{keys[-1]}"{message[4:]}' if keys and message.startswith("This takes ") else message
