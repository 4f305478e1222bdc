"""How thinking is asked of the models on Bedrock, each maker's in its own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgw_middleware.dialect.adjust import Adjustments
from llmgw_middleware.dialect.capability import Capabilities
from llmgw_middleware.dialect.chat import CarrierPart, ChatRequest, Effort, ThinkingPart, ToolCall, Turn

LEAST = 1024
"""The smallest budget that Claude takes."""

_BUDGETS: Mapping[Effort, int] = {
    "minimal": 1024, "low": 1024, "medium": 4096, "high": 16384, "xhigh": 32768, "max": 32768,
}  # fmt: skip
_STEPS: tuple[tuple[int, Effort], ...] = ((4096, "low"), (16384, "medium"), (32768, "high"))
_PLAIN: Mapping[str, str] = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}  # fmt: skip


class Thinking:
    """Works out the fields for one request. ``model`` is the plain name."""

    __slots__ = ("_adjustments", "_asked", "_can", "_model", "_request")

    def __init__(self, request: ChatRequest, model: str, can: Capabilities, adjustments: Adjustments) -> None:
        self._request = request
        self._model = model
        self._can = can
        self._adjustments = adjustments
        self._asked = self._judged()

    def __repr__(self) -> str:
        return f"<Thinking of {self._model}: {self._asked}>"

    def max_tokens(self, usual: int) -> int | None:
        """Return the limit of the answer. A budget must be below it, and a limit of our own grows by the budget."""
        limit = self._request.max_tokens
        budget = self._budget()
        return usual + budget if limit is None and budget else limit

    def fields(self) -> dict[str, Any]:
        """Return the model's own fields."""
        effort = self._asked
        if effort is None:
            return {}
        if self._model.startswith("claude"):
            return self._claude(effort)
        if effort == "none":
            return {}
        if self._model.startswith("amazon.nova"):
            return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": _PLAIN[effort]}}
        return {"reasoning_effort": _PLAIN[effort]}

    def _claude(self, effort: Effort) -> dict[str, Any]:
        budget = self._budget()
        if budget:
            return {"thinking": {"type": "enabled", "budget_tokens": budget}}
        if effort == "none":
            return {"thinking": {"type": "disabled"}}
        if self._can.thinking == "budget":
            return {}
        return {
            "thinking": {"type": "adaptive"},
            "output_config": {"effort": "low" if effort == "minimal" else effort},
        }

    def _budget(self) -> int:
        """Return Claude's budget where it wants one, else 0."""
        if (
            self._asked in {None, "none"}
            or self._can.thinking != "budget"
            or not self._model.startswith("claude")
        ):
            return 0
        asked = self._request.reasoning
        budget = (
            asked.budget
            if asked is not None and asked.budget is not None
            else _BUDGETS[self._asked or "medium"]
        )
        limit = self._request.max_tokens
        return max(LEAST, budget) if limit is None else max(LEAST, min(budget, limit - 1))

    def _judged(self) -> Effort | None:
        """Return the effort to ask for, None for nothing said."""
        asked = self._request.reasoning
        if asked is None or (asked.effort is None and asked.budget is None):
            return None
        effort: Effort = asked.effort or effort_of(asked.budget or 0)
        if effort == "none":
            return effort
        if self._can.thinking == "none":
            self._adjustments.leave_out(asked.param, "The model of this backend does not think on demand.")
            return None
        limit = self._request.max_tokens
        if self._can.thinking == "budget" and limit is not None and limit <= LEAST:
            self._adjustments.leave_out_value(
                asked.param,
                f"Thinking takes {LEAST} tokens or more, and the limit of the answer leaves no room.",
            )
            return None
        if self._model.startswith("claude") and _unsigned_round(self._request.turns):
            # Claude refuses to think on in a round of tools whose first thoughts it cannot check.
            self._adjustments.note(asked.param)
            return None
        return effort


def effort_of(budget: int) -> Effort:
    """Return the effort that a budget of tokens stands for."""
    if budget <= 0:
        return "none"
    return next((effort for limit, effort in _STEPS if budget < limit), "xhigh")


def _unsigned_round(turns: Any) -> bool:
    """Whether the conversation stands in a round of tools that began without signed thoughts."""
    for turn in reversed(turns):
        if turn.role == "assistant":
            return _calls(turn) and not any(_signed(part) for part in turn.parts)
        if any(not hasattr(part, "is_error") for part in turn.parts):
            return False  # the user has spoken since
    return False


def _calls(turn: Turn) -> bool:
    return any(isinstance(part, ToolCall) for part in turn.parts)


def _signed(part: Any) -> bool:
    if isinstance(part, ThinkingPart):
        return part.family == "anthropic" and bool(part.signature)
    return isinstance(part, CarrierPart) and part.family == "anthropic"
