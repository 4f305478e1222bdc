"""Canonical requests, worded for an upstream that speaks Anthropic messages."""

from __future__ import annotations

from typing import Any

import msgspec

from llmgw_middleware.dialect.adjust import Adjustments
from llmgw_middleware.dialect.anthropic_blocks import Blocks, cache_control, limit_breakpoints
from llmgw_middleware.dialect.chat import ChatRequest, Reasoning, ThinkingPart, Tool, ToolCall, ToolResult
from llmgw_middleware.dialect.chat_port import Terms, Written
from llmgw_middleware.dialect.effort import LEAST, budget_of
from llmgw_middleware.dialect.end_user import opaque_id
from llmgw_middleware.dialect.provider import ANTHROPIC_VERSION
from llmgw_middleware.dialect.schema_limits import worded

WITHOUT_SAMPLING = "2026-10-21"
"""From this version on ``temperature``, ``top_p`` and ``top_k`` are refused, even at their defaults."""

_NO_TOOL_SCHEMA = msgspec.Raw(b'{"type":"object","properties":{}}')
_TIERS = {"auto": "auto", "default": "standard_only"}
_REFUSED = (
    "frequency_penalty", "presence_penalty", "logit_bias", "n", "seed", "logprobs", "top_logprobs", "verbosity",
    "metadata", "store", "web_search",
)  # fmt: skip
"""Fields of the canonical chat that Anthropic messages have no word for."""


def write_request(request: ChatRequest, terms: Terms) -> Written:
    """Word the request for ``/messages``. Raises Unsupported, and BadRequest for what is wrong in itself."""
    writer = _Writer(request, terms)
    return Written(
        path="/messages",
        body=msgspec.json.encode(writer.body()),
        headers=headers(terms.version or ANTHROPIC_VERSION, stream=request.stream),
        dropped=writer.adjustments.dropped,
    )


def headers(version: str, *, stream: bool) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers of a request in this dialect."""
    return (
        (b"content-type", b"application/json"),
        (b"accept", b"text/event-stream" if stream else b"application/json"),
        (b"anthropic-version", version.encode("latin-1", "replace")),
    )


class _Writer:
    """Words one request. Fields are written in the order in which Anthropic documents them."""

    def __init__(self, request: ChatRequest, terms: Terms) -> None:
        self._request = request
        self._terms = terms
        self._model = terms.model or ""
        self.adjustments = Adjustments(terms.on_unsupported)

    def body(self) -> dict[str, Any]:
        request = self._request
        self._refuse()
        blocks = Blocks(request, self.adjustments, mid_system=self._terms.can.mid_system)
        out: dict[str, Any] = {"model": self._model, "max_tokens": self._limit()}
        if request.system:
            out["system"] = blocks.system()
        out["messages"] = blocks.messages()
        self._think(out)
        self._form(out)
        self._sample(out)
        stop = self._stop()
        if stop:
            out["stop_sequences"] = stop
        tools = self._tools()
        if tools:
            out["tools"] = tools
        self._choose(out)
        self._tell(out)
        if request.stream:
            out["stream"] = True
        limit_breakpoints(out)
        return out

    def _refuse(self) -> None:
        request, adjust = self._request, self.adjustments
        for field in _REFUSED:
            if getattr(request, field) is not None:
                adjust.leave_out(request.name_of(field))
        if request.modalities:
            adjust.leave_out_value("modalities", "The backend of this route answers in text only.")
        if request.response_format is not None and request.response_format.kind == "json_object":
            adjust.leave_out_value(
                "response_format", "The backend of this route has no JSON mode without a schema."
            )
        for param in request.extra:
            adjust.leave_out(param)

    def _limit(self) -> int:
        """Return ``max_tokens``, which is required. A defaulted limit grows by the budget of the thinking."""
        if self._request.max_tokens is not None:
            return self._request.max_tokens
        most = self._terms.can.max_output
        limit = self._terms.max_tokens + self._budget()
        return limit if most is None else min(limit, most)

    def _budget(self) -> int:
        reasoning = self._request.reasoning
        if reasoning is None or self._terms.can.thinking != "budget":
            return 0
        return reasoning.budget if reasoning.budget is not None else budget_of(reasoning.effort or "none")

    def _think(self, out: dict[str, Any]) -> None:
        reasoning = self._request.reasoning
        if reasoning is None:
            return
        if self._terms.can.thinking == "none" and reasoning.effort != "none":
            self.adjustments.leave_out(reasoning.param, "The model of this route does not think.")
            return
        off = reasoning.effort == "none"
        if not off and self._unsigned_round():
            # A tool round that began without signed thoughts cannot go on with thinking: it would be a 400.
            self.adjustments.note(reasoning.param)
            off = True
        if off:
            out["thinking"] = {"type": "disabled"}
        elif self._terms.can.thinking == "budget":
            self._think_by_budget(out, reasoning)
        else:
            out["thinking"] = {"type": "adaptive"}
            effort = reasoning.effort
            if effort is not None:
                out.setdefault("output_config", {})["effort"] = "low" if effort == "minimal" else effort

    def _think_by_budget(self, out: dict[str, Any], reasoning: Reasoning) -> None:
        budget = max(LEAST, self._budget())
        if budget >= out["max_tokens"]:
            budget = out["max_tokens"] - 1
        if budget < LEAST:
            self.adjustments.leave_out_value(
                reasoning.param,
                f"The backend of this route thinks with at least {LEAST} tokens, and the answer's limit leaves no room for them.",
            )
            return
        out["thinking"] = {"type": "enabled", "budget_tokens": budget}

    def _unsigned_round(self) -> bool:
        """Whether the last turns are a tool round whose call came without a signed thought before it."""
        turns = self._request.turns
        last = next((i for i in reversed(range(len(turns))) if turns[i].role == "assistant"), None)
        if last is None or not any(isinstance(p, ToolResult) for t in turns[last + 1 :] for p in t.parts):
            return False
        parts = turns[last].parts
        called = any(isinstance(part, ToolCall) for part in parts)
        return called and not any(
            isinstance(part, ThinkingPart) and part.signature and part.family == "anthropic" for part in parts
        )

    def _form(self, out: dict[str, Any]) -> None:
        form = self._request.response_format
        if form is None or form.kind != "json_schema":
            return
        schema = form.schema or _NO_TOOL_SCHEMA
        written = {
            "type": "json_schema",
            "schema": worded(schema, "response_format.json_schema.schema"),
        }
        out.setdefault("output_config", {})["format"] = written

    def _sample(self, out: dict[str, Any]) -> None:
        request, adjust = self._request, self.adjustments
        version = self._terms.version or ANTHROPIC_VERSION
        allowed = version < WITHOUT_SAMPLING and self._terms.can.sampling
        for field in ("temperature", "top_p", "top_k"):
            value = getattr(request, field)
            if value is None:
                continue
            if not allowed:
                adjust.leave_out(field)
            elif field == "temperature" and value > 1:
                adjust.change(field, 1, "The backend of this route takes a temperature from 0 to 1.")
                out[field] = 1
            else:
                out[field] = value

    def _stop(self) -> list[str]:
        said = self._request.stop
        kept = [sequence for sequence in said if sequence.strip()]
        if len(kept) < len(said):
            self.adjustments.leave_out_value(
                self._request.name_of("stop"),
                "The backend of this route takes no stop sequence of white space.",
            )
        return kept

    def _tools(self) -> list[dict[str, Any]]:
        allowed = self._request.tool_choice.allowed if self._request.tool_choice else ()
        return [_tool(tool) for tool in self._usable() if not allowed or tool.name in allowed]

    def _usable(self) -> list[Tool]:
        usable = []
        for tool in self._request.tools:
            if tool.custom:
                self.adjustments.leave_out_value(
                    "tools", "The backend of this route has no tools that take free text."
                )
            else:
                usable.append(tool)
        return usable

    def _choose(self, out: dict[str, Any]) -> None:
        request = self._request
        if "tools" not in out:
            return
        written: dict[str, Any] | None = None
        choice = request.tool_choice
        if choice is not None:
            mode = {"required": "any"}.get(choice.mode, choice.mode)
            written = {"type": mode, "name": choice.name} if mode == "tool" else {"type": mode}
        if request.parallel_tools is False and (written is None or written["type"] != "none"):
            written = {**(written or {"type": "auto"}), "disable_parallel_tool_use": True}
        if written is not None:
            out["tool_choice"] = written

    def _tell(self, out: dict[str, Any]) -> None:
        request = self._request
        if request.user:
            out["metadata"] = {"user_id": opaque_id(request.user, self._terms.salt)}
        tier = request.service_tier
        if tier is not None and tier not in _TIERS:
            self.adjustments.leave_out_value(
                "service_tier", f"The backend of this route has no service tier {tier!r}."
            )
        elif tier is not None:
            out["service_tier"] = _TIERS[tier]


def _tool(tool: Tool) -> dict[str, Any]:
    out: dict[str, Any] = {"name": tool.name}
    if tool.description:
        out["description"] = tool.description
    out["input_schema"] = tool.schema or _NO_TOOL_SCHEMA
    if tool.strict:
        out["strict"] = True
    return {**out, **cache_control(tool.cache)}
