"""How many tokens a request has, before anybody has counted them.

No tokenizer: texts are measured in bytes and divided, images, files and audio count as constants. How far that is off
differs by model and language, so each count that an upstream tells corrects the estimates for its model.
"""

from __future__ import annotations

from dataclasses import dataclass

BYTES_PER_TOKEN = 4.0
"""UTF-8 bytes of a text that are taken for a token; about right for English, too many for code."""

PER_MESSAGE = 4
"""Tokens by which a dialect frames each message."""

PER_IMAGE = 1500
PER_FILE = 3000
PER_AUDIO = 500
"""Tokens of what is no text. Providers count by pixels, pages and seconds, which nobody here looks at."""

MOST_MODELS = 1000
"""Models whose corrections are remembered; names come from callers."""

_WEIGHT = 0.2
_BOUNDS = (0.25, 4.0)


@dataclass(frozen=True, slots=True)
class Size:
    """What a request is made of. ``text`` is in bytes and includes tools and schemas; base64 is never part of it."""

    text: int
    messages: int = 1
    images: int = 0
    files: int = 0
    audio: int = 0

    @property
    def tokens(self) -> float:
        """The estimate before any correction."""
        media = self.images * PER_IMAGE + self.files * PER_FILE + self.audio * PER_AUDIO
        return self.text / BYTES_PER_TOKEN + self.messages * PER_MESSAGE + media


class Estimator:
    """Estimates by model, corrected by a moving average of what was counted over what was estimated."""

    __slots__ = ("_factors",)

    def __init__(self) -> None:
        self._factors: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"<Estimator of {len(self._factors)} models>"

    def tokens(self, model: str | None, size: Size) -> int:
        """Return about how many input tokens a request to ``model`` has; at least 1."""
        return max(1, round(size.tokens * self._factors.get(model or "", 1.0)))

    def learn(self, model: str | None, size: Size, counted: int) -> None:
        """Take in that an upstream counted ``counted`` input tokens, cached ones included. 0 teaches nothing."""
        if counted <= 0 or model is None:
            return
        low, high = _BOUNDS
        seen = min(high, max(low, counted / size.tokens))
        known = self._factors.get(model)
        if known is None and len(self._factors) >= MOST_MODELS:
            self._factors.clear()
        self._factors[model] = seen if known is None else known + _WEIGHT * (seen - known)
