"""One line per request on the logger ``llmgw``. No prompt, no key, no user's name."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

from llmgw_middleware.model.decision import Decision

log = logging.getLogger("llmgw")


class RequestLog:
    """Writes an INFO record per finished request, a WARNING for one that failed on our side or the upstream's.

    The fields stand in the record's ``extra`` too, under ``llmgw_`` names, for structured formatters.
    """

    def finished(self, decision: Decision) -> None:
        """Log ``decision`` if anybody listens at its level."""
        failed = decision.outcome == "truncated" or (decision.status or 0) >= 500  # noqa: PLR2004 - not the caller's fault
        level = logging.WARNING if failed else logging.INFO
        if log.isEnabledFor(level):
            told = fields(decision)
            log.log(level, "%s", _line(told), extra=dict(zip(_EXTRA, told.values(), strict=True)))


def fields(decision: Decision) -> dict[str, object]:
    """Return what is logged of a decision, under stable names."""
    return {
        "request_id": decision.request_id,
        "method": decision.method,
        "path": decision.path,
        "route": decision.route,
        "backend": decision.backend,
        "model": decision.model_sent,
        "status": decision.status,
        "outcome": decision.outcome,
        "code": decision.code,
        "attempts": len(decision.attempts),
        "duration_ms": None if decision.duration is None else round(decision.duration * 1000, 1),
        "first_token_ms": None if decision.first_token is None else round(decision.first_token * 1000, 1),
        "input_tokens": None if decision.usage is None else decision.usage.input,
        "output_tokens": None if decision.usage is None else decision.usage.output,
        "cost_usd": None if decision.cost is None else float(f"{decision.cost:.6g}"),
    }


def line(decision: Decision) -> str:
    """Return a decision as ``key=value`` words; what is not known is left out."""
    return _line(fields(decision))


def _line(told: Mapping[str, object]) -> str:
    return " ".join([f"{name}={_word(value)}" for name, value in told.items() if value is not None])


def _word(value: object) -> str:
    """Return a value as one word; a model's name is the caller's, and could begin a line or a word of its own."""
    text = str(value)
    plain = text.isprintable() and " " not in text and '"' not in text and "=" not in text
    return text if plain else json.dumps(text)


_EXTRA = tuple(f"llmgw_{name}" for name in fields(Decision(request_id="", started=0.0)))
