"""Who was on which side lately, so that what the application says later is counted there."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

MOST_REQUESTS = 20_000
MOST_USERS = 50_000
"""How many are remembered; the oldest are forgotten first."""


@dataclass(slots=True)
class Exposure:
    """A request on one side of a canary or experiment. ``signals`` are those that it has got."""

    trial: str
    side: str
    signals: set[str] = field(default_factory=set)


class Exposures:
    """The last requests by their id, and the last one of each user in each trial. Not thread-safe."""

    def __init__(self, *, most_requests: int = MOST_REQUESTS, most_users: int = MOST_USERS) -> None:
        self._most_requests = most_requests
        self._most_users = most_users
        self._requests: OrderedDict[str, Exposure] = OrderedDict()
        self._users: OrderedDict[str, dict[str, Exposure]] = OrderedDict()
        self._units: OrderedDict[tuple[str, str], None] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Exposures of {len(self._requests)} requests and {len(self._users)} users>"

    def add(self, exposure: Exposure, unit: str, request_id: str, user: str) -> bool:
        """Remember ``exposure``; return whether its unit, what the trial sticks by, is new to the trial."""
        self._requests[request_id] = exposure
        if user:
            self._users.setdefault(user, {})[exposure.trial] = exposure
            self._users.move_to_end(user)
        fresh = (exposure.trial, unit) not in self._units
        self._units[exposure.trial, unit] = None
        self._units.move_to_end((exposure.trial, unit))
        _shorten(self._requests, self._most_requests)
        _shorten(self._users, self._most_users)
        _shorten(self._units, self._most_users)
        return fresh

    def of(self, signal: str, *, user: str | None, request_id: str | None) -> list[Exposure]:
        """Return the exposures that a signal is about, and note that they have got it; none of them twice."""
        found: list[Exposure] = []
        if request_id is not None and request_id in self._requests:
            found.append(self._requests[request_id])
        if user is not None and request_id is None:
            found += self._users.get(user, {}).values()
        fresh = [exposure for exposure in found if signal not in exposure.signals]
        for exposure in fresh:
            exposure.signals.add(signal)
        return fresh


def _shorten(
    kept: OrderedDict[str, Exposure]
    | OrderedDict[str, dict[str, Exposure]]
    | OrderedDict[tuple[str, str], None],
    most: int,
) -> None:
    while len(kept) > most:
        kept.popitem(last=False)
