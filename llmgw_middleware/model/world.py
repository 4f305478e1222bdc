"""What a rule may ask of the world beside the request: the time, chance, and feature flags."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llmgw_middleware.model.identity import Identity

Flag = Callable[[str, Identity], bool]
"""Whether a feature flag is on for a caller."""


def _off(name: str, identity: Identity) -> bool:  # noqa: ARG001 - whoever asks for whatever
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """``now`` returns seconds since 1970, ``chance`` a number in [0, 1), ``flag`` whether one is on for a caller."""

    now: Callable[[], float] = float
    chance: Callable[[], float] = float
    flag: Flag = _off


STILL = World()
"""A world in which nothing moves: it is 1970, chance always gives 0, and no flag is on."""
