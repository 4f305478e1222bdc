"""An expression as it was written."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """Text in CEL. ``where`` is the place of it: ``file:line``."""

    text: str
    where: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.text
