"""Which side of a split a caller is on: the same side each time, and the same as before when a canary grows."""

from __future__ import annotations

from collections.abc import Sequence

import mmh3

from llmgw_middleware.model.decision import SplitChoice
from llmgw_middleware.model.route import Side

BUCKETS = 10_000


def bucket_of(salt: str, key: str) -> int:
    """Return the bucket, 0–9999, of ``key``: murmur3 (seed 000) of salt and key.

    Another salt deals the same keys anew, so that two splits are independent of one another.
    """
    # A lone surrogate has no UTF-8; it must not break a request that carries one.
    return mmh3.hash((salt + key).encode("utf-8", "surrogatepass"), seed=0, signed=False) % BUCKETS


class Splitter:
    """The sides of one split, with their thresholds nested in order of declaration from the last one upward.

    The last side has the buckets from 0 on, the one before it those that follow, and so on. Raising the weight of a
    canary that stands last only adds buckets to it: nobody it served goes back. ``name`` is the salt. ``standby`` are
    targets that may be fallen back to whatever their weight. Raises ValueError for weights that are negative or all zero.
    """

    def __init__(self, name: str, sides: Sequence[Side], *, standby: Sequence[str] = ()) -> None:
        total = sum(side.weight for side in sides)
        if any(side.weight < 0 for side in sides) or not total > 0:
            weights = ", ".join(f"{side.target}: {side.weight:g}" for side in sides)
            raise ValueError(
                f"split {name!r} needs weights from 0 on, one of them above 0; it has {weights or 'no sides'}"
            )
        self.name = name
        self._standby = tuple(standby)
        self._sides = tuple(side for side in sides if side.weight > 0)
        self._shares = tuple(side.weight / total for side in self._sides)
        self._bounds = _bounds(self._sides, total)

    def __repr__(self) -> str:
        shares = zip(self._sides, self._shares, strict=True)
        return f"<Splitter {self.name} [{', '.join(f'{side.target} {share:.4g}' for side, share in shares)}]>"

    def choose(self, key: str | None, *, chance: float) -> SplitChoice:
        """Return the side of ``key``; without one ``chance``, in [0, 1), decides."""
        bucket = int(chance * BUCKETS) if key is None else bucket_of(self.name, key)
        for bound, side in self._bounds:
            if bucket < bound:
                return SplitChoice(
                    name=self.name,
                    key=key,
                    bucket=bucket,
                    chosen=side.target,
                    variant=side.name or side.target,
                )
        raise ValueError(f"chance is {chance}; it must be at least 0 and below 1")

    def others(self, chosen: str) -> tuple[str, ...]:
        """Return the other sides in order of declaration.

        A side of weight 0 takes no traffic, not even as fallback, unless it stands by.
        """
        names = (*(side.target for side in self._sides), *self._standby)
        return tuple(dict.fromkeys(name for name in names if name != chosen))


def _bounds(sides: tuple[Side, ...], total: float) -> tuple[tuple[int, Side], ...]:
    """Return, from the last side upward, the bucket below which a side is chosen."""
    bounds = []
    reached = 0.0
    for side in reversed(sides):
        reached += side.weight
        bounds.append((round(reached / total * BUCKETS), side))
    bounds[-1] = (BUCKETS, bounds[-1][1])
    return tuple(bounds)


class Dial:
    """Holds the splitter in force. A canary turns it; whoever divides requests looks at it for each."""

    __slots__ = ("splitter",)

    def __init__(self, splitter: Splitter) -> None:
        self.splitter = splitter

    def __repr__(self) -> str:
        return f"<Dial at {self.splitter!r}>"
