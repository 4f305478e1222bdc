"""Upstreams: where requests can go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from llmgw_middleware.model.policy import RetryRules, Timeouts
from llmgw_middleware.model.usage import Price


class Secret:
    """A credential. Its text is had only by ``reveal()``; printed it is ``***``."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself, for the one place that sends it."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One upstream.

    ``url`` is None while the backend is only named (*unresolved*): it can be explained, not served. ``bare`` marks a
    URL without a path (``host:port`` of seed 000): such a backend gets the caller's validated path and query.
    ``api_keys`` are rotated, each with its own cooldown. ``models`` maps an alias, exact or with ``*`` for any text, to what is sent; ``model`` is always sent. ``where`` is
    ``file:line``.

    ``api``, ``api_version`` and ``auth`` choose among a provider's forms (None: its first); ``region``, ``project``,
    ``location`` and ``deployment`` are parts of its address. ``preset`` names a row of known servers, ``quirks`` are
    laid over it, ``capabilities`` are by model pattern. ``max_tokens`` is the limit of an answer where a dialect needs
    one and the caller gave none; ``max_event_size`` the bytes of one event of a stream; ``on_unsupported`` what
    becomes of a field that the backend's dialect cannot say.
    """

    name: str
    provider: str = "openai-compatible"
    url: str | None = None
    bare: bool = False
    api_keys: tuple[Secret, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)
    model: str | None = None
    price: Price | None = None
    max_in_flight: int | None = None
    context_window: int | None = None
    api: str | None = None
    api_version: str | None = None
    auth: str | None = None
    region: str | None = None
    project: str | None = None
    location: str | None = None
    deployment: str | None = None
    preset: str | None = None
    quirks: Mapping[str, str | bool] = field(default_factory=dict)
    capabilities: Mapping[str, Mapping[str, str | bool | int]] = field(default_factory=dict)
    max_tokens: int = 8192
    max_event_size: int = 1024 * 1024
    on_unsupported: Literal["error", "drop"] = "error"
    timeouts: Timeouts = Timeouts()
    retry: RetryRules = RetryRules()
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    where: str = field(default="", compare=False)

    @property
    def resolved(self) -> bool:
        """Whether its address is known."""
        return self.url is not None

    def model_for(self, asked: str | None) -> str | None:
        """Return the model to send when the caller asked for ``asked``; the longest wildcard alias wins."""
        if self.model is not None:
            return self.model
        if asked is None or not self.models:
            return asked
        exact = self.models.get(asked)
        if exact is not None:
            return exact
        patterns = [(alias, _under_star(alias, asked)) for alias in self.models if "*" in alias]
        fitting = [(alias, text) for alias, text in patterns if text is not None]
        if not fitting:
            return asked
        alias, text = max(fitting, key=lambda pair: len(pair[0]))
        return self.models[alias].replace("*", text)


def _under_star(pattern: str, text: str) -> str | None:
    """Return what the first ``*`` of ``pattern`` stands for in ``text``; None if it does not fit.

    Each part is taken at its first place, so the time is linear.
    """
    first, *inner, last = pattern.split("*")
    if not (text.startswith(first) and text.endswith(last) and len(text) >= len(first) + len(last)):
        return None
    at, end = len(first), len(text) - len(last)
    upto = end
    for part in inner:
        found = text.find(part, at, end)
        if found < 0:
            return None
        upto = min(upto, found)
        at = found + len(part)
    return text[len(first) : upto]


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """Active probing of a pool's members: seconds, and how many results in a row change the verdict."""

    interval: float = 30.0
    timeout: float = 5.0
    path: str = "/models"
    unhealthy_after: int = 3
    healthy_after: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A backend's place in a pool. ``price`` overrides the backend's own.

    Members of a lower ``priority`` come first; the next group serves only when none of the first is usable.
    """

    backend: str
    weight: float = 1.0
    price: Price | None = None
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Backends that answer for one another. ``fallback``: the next one is tried on an error. ``where``: ``file:line``."""

    name: str
    members: tuple[Member, ...]
    strategy: Literal["round-robin", "weighted", "latency", "cost", "least-connections", "p2c", "sticky"] = (
        "round-robin"
    )
    fallback: bool = False
    health_check: HealthCheck | None = None
    where: str = field(default="", compare=False)
