"""Where the figures that apply to an attempt come from: the route, the backend, the gateway or policy, or a default."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from llmgw_middleware.model.backend import Backend
from llmgw_middleware.model.plan import Plan
from llmgw_middleware.model.policy import DEFAULT_RETRY, DEFAULT_TIMEOUTS, RetryRules, Timeouts
from llmgw_middleware.model.route import Route


@dataclass(frozen=True, slots=True)
class Setting:
    """A figure that applies, under its key in the configuration. ``source`` says who gave it."""

    key: str
    value: Any
    source: str


def timeouts_of(route: Route, backend: Backend, plan: Plan) -> tuple[Setting, ...]:
    """Return the time limits of an attempt at ``backend``, in seconds; those that nobody set are left out.

    ``read`` is the request's deadline: a backend's own only shortens its attempts, so it is named besides.
    """
    layers = (("route", route.timeouts), ("gateway", plan.timeouts))
    with_backend = (("route", route.timeouts), ("backend", backend.timeouts), ("gateway", plan.timeouts))
    settings = [
        setting
        for field in fields(Timeouts)
        if (setting := _first(field.name, layers if field.name == "read" else with_backend, DEFAULT_TIMEOUTS))
    ]
    if backend.timeouts.read is not None:
        settings.append(Setting("read (of each attempt)", backend.timeouts.read, "backend"))
    return tuple(settings)


def retry_of(route: Route, backend: Backend | None, plan: Plan) -> tuple[Setting, ...]:
    """Return the rules of repetition at one target. ``backend`` is None for a pool, whose members differ."""
    own = () if backend is None else (("backend", backend.retry),)
    layers = (("route", route.retry), *own, ("policies", plan.retry))
    found = (_first(field.name, layers, DEFAULT_RETRY) for field in fields(RetryRules))
    return tuple(_plain(setting) for setting in found if setting is not None)


def _first(name: str, layers: tuple[tuple[str, Any], ...], defaults: Any) -> Setting | None:
    for source, layer in layers:
        value = getattr(layer, name)
        if value is not None:
            # The outermost layer has every default filled in already.
            said = "default" if layer is layers[-1][1] and value == getattr(defaults, name) else source
            return Setting(_camel(name), value, said)
    return None


def _plain(setting: Setting) -> Setting:
    value = sorted(setting.value) if isinstance(setting.value, frozenset) else setting.value
    return Setting(_BUDGET.get(setting.key, setting.key), value, setting.source)


_BUDGET = {"budgetRatio": "budget.ratio", "budgetMinimum": "budget.minPerSecond"}


def _camel(name: str) -> str:
    return "".join(_words(name))


def _words(name: str) -> Iterator[str]:
    first, *rest = name.split("_")
    yield first
    yield from (word.capitalize() for word in rest)
