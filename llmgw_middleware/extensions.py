"""What an application may bring of its own."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from llmgw_middleware.flags import Lookup
from llmgw_middleware.model.plan import Plan
from llmgw_middleware.observe.observer import Observer
from llmgw_middleware.rollouts.standings import Listener, Standings
from llmgw_middleware.transport.port import Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class Extensions:
    """What an application puts in place of the built-in parts, or beside them.

    ``accept`` sees every plan before it is used, at the start and at each reload, and may raise ConfigError: a host
    that cannot take new paths while it runs says so there. ``standings`` keeps where canaries stand (default: in
    memory); ``on_change`` are called with every ``Change`` of one, each on a thread of its own;
    ``flags`` looks feature flags up (default: the function that ``flags.lookup`` names).
    """

    transport: Callable[[], Transport] | None = None
    observers: tuple[Observer, ...] = ()
    rng: random.Random | None = None
    standings: Standings | None = None
    on_change: tuple[Listener, ...] = ()
    flags: Lookup | None = None
    accept: Callable[[Plan], None] | None = None
