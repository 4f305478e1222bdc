"""The whole configuration as plain values: what loading yields and building takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Literal

from llmgw_middleware.model.backend import Backend, Pool
from llmgw_middleware.model.policy import DEFAULT_RETRY, DEFAULT_TIMEOUTS, BreakerRules, RetryRules, Timeouts
from llmgw_middleware.model.route import PathTest, Route
from llmgw_middleware.model.transform import NO_CHANGES, Changes
from llmgw_middleware.model.trial import Canary, Experiment

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Geography:
    """How a caller's country is found. ``header`` (lower case) is believed only from a trusted proxy.

    ``regions`` are added to the built-in table; their codes are upper case.
    """

    header: str | None = None
    database: str | None = None
    regions: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityRules:
    """What is read of the host's user. ``attributes`` maps a name to a dotted path or ``module:function``.

    ``cache``: seconds for which a user's attributes are kept; 0: they are read for each request.
    """

    require: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    default: Mapping[str, Any] = field(default_factory=dict)
    cache: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything the operator said, checked and complete.

    ``paths`` is what is intercepted, worked out from the routes where ``gateway.paths`` is absent. ``timeouts`` are
    the gateway's and ``retry`` the policy's (a route's ``perRoute`` row is already in the route's own), with every
    default filled in. Beyond ``max_in_flight`` requests at once, ``max_pending`` wait up to ``queue_timeout`` seconds. Backends that are only named stand in ``backends`` unresolved.
    ``before_routing`` changes what rules see of a request, ``on_answers`` the headers of every answer of an upstream.
    """

    paths: tuple[PathTest, ...] = ()
    routes: tuple[Route, ...] = ()
    backends: Mapping[str, Backend] = field(default_factory=dict)
    pools: Mapping[str, Pool] = field(default_factory=dict)
    timeouts: Timeouts = DEFAULT_TIMEOUTS
    retry: RetryRules = DEFAULT_RETRY
    breaker: BreakerRules = BreakerRules()
    max_in_flight: int | None = None
    max_pending: int = 0
    queue_timeout: float = 1.0
    drain_timeout: float = 30.0
    max_body_size: int = 20 * MEGABYTE
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    debug_headers: bool = False
    on_no_route: Literal["error", "pass"] = "error"
    identity: IdentityRules = IdentityRules()
    geography: Geography = Geography()
    state_folder: str | None = None
    flag_lookup: str | None = None
    canaries: tuple[Canary, ...] = ()
    experiments: tuple[Experiment, ...] = ()
    before_routing: Changes = NO_CHANGES
    on_answers: Changes = NO_CHANGES
    sources: tuple[str, ...] = ()

    @property
    def unresolved(self) -> tuple[str, ...]:
        """Names of the backends whose address nobody gave."""
        return tuple(name for name, backend in self.backends.items() if not backend.resolved)
