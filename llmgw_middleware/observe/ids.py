"""Names for requests that came without one."""

from __future__ import annotations

import secrets

_LENGTH = 32
_AT_ONCE = 128


class RequestIds:
    """Ids of 32 hexadecimal digits that nobody can guess. The kernel is asked for many at once.

    Belongs to one event loop: a forked child, which would give out the same ones, never has its parent's.
    """

    def __init__(self) -> None:
        self._ready: list[str] = []

    def __repr__(self) -> str:
        return f"<RequestIds {len(self._ready)} ready>"

    def take(self) -> str:
        """Return an id that no other request has."""
        if not self._ready:
            drawn = secrets.token_hex(_LENGTH // 2 * _AT_ONCE)
            self._ready = [drawn[at : at + _LENGTH] for at in range(0, len(drawn), _LENGTH)]
        return self._ready.pop()
