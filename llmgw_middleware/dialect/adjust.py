"""What a request says and an upstream's dialect has no words for: refused, or left out and told."""

from __future__ import annotations

from typing import Any

import msgspec

from llmgw_middleware.dialect.port import Policy, Unsayable, Unspoken
from llmgw_middleware.errors import BadRequest


class Unsupported(BadRequest, Unsayable):
    """A request that this upstream cannot express: 400 ``unsupported_parameter``, or ``unsupported_value``.

    ``param`` is the dotted path in the caller's body. Raised before anything is sent: another backend may be asked.
    """

    code = "unsupported_parameter"

    def __init__(self, message: str, *, param: str, code: str | None = None) -> None:
        super().__init__(message, param=param, code=code)


UNSAYABLE = (Unsupported, Unspoken)
"""Errors that only mean that one backend cannot be told the request."""


class Adjustments:
    """The one place where a writer gives something up. ``policy`` decides whether that is allowed.

    ``dropped`` is what the answer's ``x-llmgw-dropped`` names, in order: ``n``, ``temperature=1``.
    """

    __slots__ = ("_dropped", "policy")

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._dropped: dict[str, None] = {}

    def __repr__(self) -> str:
        return f"<Adjustments {self.policy}: {', '.join(self._dropped) or 'none'}>"

    @property
    def dropped(self) -> tuple[str, ...]:
        """What was left out or changed."""
        return tuple(self._dropped)

    def leave_out(self, param: str, why: str = "") -> None:
        """Leave a field out. Raises Unsupported ``unsupported_parameter`` unless dropping is allowed.

        ``why`` is a sentence for the caller; it says what the backend lacks, not who it is.
        """
        if self.policy == "error":
            raise Unsupported(
                why or f"The backend of this route has no equivalent of {param!r}.{_REMEDY}", param=param
            )
        self._dropped[param] = None

    def leave_out_value(self, param: str, why: str) -> None:
        """Leave a field out whose value does not fit: ``unsupported_value`` unless dropping is allowed."""
        if self.policy == "error":
            raise Unsupported(why + _REMEDY, param=param, code="unsupported_value")
        self._dropped[param] = None

    def change(self, param: str, to: Any, why: str) -> None:
        """Note that a value was changed to ``to``: ``unsupported_value`` unless dropping is allowed."""
        if self.policy == "error":
            raise Unsupported(why + _REMEDY, param=param, code="unsupported_value")
        self._dropped[f"{param}={msgspec.json.encode(to).decode()}"] = None

    def note(self, param: str) -> None:
        """Note what had to be given up whatever the policy says, since the request could not be answered with it."""
        self._dropped[param] = None


_REMEDY = " Leave it out, or let the route drop it (onUnsupported: drop)."
