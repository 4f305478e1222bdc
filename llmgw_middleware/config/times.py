"""Words of time limits to values."""

from __future__ import annotations

from dataclasses import fields

from llmgw_middleware.config.words.timeout import TimeoutWord
from llmgw_middleware.model.policy import Timeouts


def timeouts(word: TimeoutWord) -> Timeouts:
    """Return what is said here; None where nothing is."""
    return Timeouts(**{field.name: getattr(word, field.name) for field in fields(Timeouts)})
