"""Who calls, as the host says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Source = Literal["session", "token", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The caller. ``id`` is empty for anonymous callers.

    ``source`` says how the host knew: a browser's session (then cross-site rules apply), a token, or not at all.
    ``session_key`` serves ``sticky: session`` and never leaves the process.
    """

    id: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    source: Source = "none"
    session_key: str | None = field(default=None, repr=False)

    @property
    def authenticated(self) -> bool:
        """Whether the host knows the caller."""
        return self.source != "none"


ANONYMOUS = Identity()
