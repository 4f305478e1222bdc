"""The right to send a backend one request, as its breaker gives it."""

from __future__ import annotations

import msgspec

NO_SLOT = -(10**9)
"""The bucket of what no window holds."""


class Permit(msgspec.Struct, gc=False, eq=False):
    """The right to one request, reported on once. Only its breaker writes to it.

    ``opening``: how often the breaker had opened when it was given. ``until``: when it may be given to another, in
    half-open. ``reported``: None while it is out, then whether a success stands on it. ``slot``: the window's bucket
    that holds that success.
    """

    opening: int
    until: float
    reported: bool | None = None
    slot: int = NO_SLOT

    def __repr__(self) -> str:
        said = {None: "out", True: "a success", False: "over"}[self.reported]
        return f"<Permit of opening {self.opening}, {said}>"
