"""When models end, as their makers have announced it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fnmatch import fnmatchcase

_OPENAI: Mapping[str, date] = {
    "gpt-3.5-turbo*": date(2026, 10, 23),
    "gpt-4": date(2026, 10, 23),
    "gpt-4-0*": date(2026, 10, 23),
    "gpt-4-1106-preview": date(2026, 10, 23),
    "gpt-4-32k*": date(2026, 10, 23),
    "gpt-4-turbo*": date(2026, 10, 23),
    "gpt-4o*": date(2027, 1, 14),
    "gpt-4.1*": date(2027, 1, 14),
}
_ANTHROPIC: Mapping[str, date] = {
    "claude-2*": date(2025, 7, 21),
    "claude-instant*": date(2025, 7, 21),
    "claude-3-*": date(2026, 4, 20),
}
RETIREMENTS: Mapping[str, Mapping[str, date]] = {"openai": _OPENAI, "anthropic": _ANTHROPIC}
"""The last days of models by the provider that serves them; others that serve the same model have dates of their own."""


def retirement(provider: str, model: str) -> date | None:
    """Return the day on which ``model`` ends at ``provider``, None where none is announced."""
    rows = RETIREMENTS.get(provider, {})
    return next((day for pattern, day in rows.items() if fnmatchcase(model, pattern)), None)
