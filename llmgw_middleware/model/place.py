"""Where a caller is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A country (ISO 3166-1 alpha-2, upper case, or None), the regions it lies in, and who said so."""

    country: str | None = None
    regions: frozenset[str] = frozenset()
    source: Literal["identity", "header", "database", "none"] = "none"


NOWHERE = Place()
