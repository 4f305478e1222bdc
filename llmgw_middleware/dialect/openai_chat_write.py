"""Canonical requests, worded for an upstream that speaks chat completions."""

from __future__ import annotations

from typing import Any

import msgspec

from llmgw_middleware.dialect.adjust import Adjustments
from llmgw_middleware.dialect.chat import ChatRequest, ResponseFormat, Tool
from llmgw_middleware.dialect.chat_port import Terms, Written
from llmgw_middleware.dialect.effort import effort_of
from llmgw_middleware.dialect.end_user import opaque_id
from llmgw_middleware.dialect.openai_chat_messages import Messages

MOST_STOPS = 4
"""Stop sequences that a request may have."""

LONGEST_USER = 128
"""Characters of ``safety_identifier``; a longer id is hashed."""

_STRAIGHT = (
    "temperature", "top_p", "frequency_penalty", "presence_penalty", "logit_bias", "n", "seed", "logprobs",
    "top_logprobs", "verbosity", "metadata", "store", "service_tier", "prompt_cache_key",
)  # fmt: skip
"""Fields that have the same name and meaning in both."""

_JSON = (b"content-type", b"application/json")


def write_request(request: ChatRequest, terms: Terms) -> Written:
    """Word the request for ``/chat/completions``. Raises Unsupported."""
    writer = _Writer(request, terms)
    accept = b"text/event-stream" if request.stream else b"application/json"
    return Written(
        path="/chat/completions",
        body=msgspec.json.encode(writer.body()),
        headers=(_JSON, (b"accept", accept)),
        dropped=writer.adjustments.dropped,
    )


class _Writer:
    """Words one request."""

    def __init__(self, request: ChatRequest, terms: Terms) -> None:
        self._request = request
        self._terms = terms
        self._quirks = terms.quirks
        self.adjustments = Adjustments(terms.on_unsupported)

    def body(self) -> dict[str, Any]:
        request = self._request
        self._refuse()
        out: dict[str, Any] = {} if self._terms.model is None else {"model": self._terms.model}
        out["messages"] = Messages(self._terms, self.adjustments).written(request)
        self._limit(out)
        self._copy(out)
        self._stop(out)
        self._reason(out)
        if request.response_format is not None:
            out["response_format"] = _form(request.response_format)
        self._tools(out)
        self._name_user(out)
        if request.stream:
            out["stream"] = True
            if self._quirks.stream_options:
                out["stream_options"] = {"include_usage": True}
        return out

    def _refuse(self) -> None:
        for param in self._request.extra:
            self.adjustments.leave_out(param)
        if self._request.top_k is not None:
            self.adjustments.leave_out("top_k")

    def _copy(self, out: dict[str, Any]) -> None:
        request = self._request
        for field in _STRAIGHT:
            value = getattr(request, field)
            if value is not None:
                out[field] = value
        if request.modalities:
            out["modalities"] = ["text", *request.modalities]
        if request.web_search is not None:
            out["web_search_options"] = request.web_search

    def _name_user(self, out: dict[str, Any]) -> None:
        """Name the person under OpenAI's word for it, or the older one that other servers know."""
        user = self._request.user
        own = self._terms.family == "openai"
        if not user or not (own or self._quirks.unknown_fields):
            return
        if len(user) > LONGEST_USER:
            user = opaque_id(user, self._terms.salt)
        out["safety_identifier" if own else "user"] = user

    def _limit(self, out: dict[str, Any]) -> None:
        if self._request.max_tokens is None:
            return
        name = self._quirks.max_tokens_field
        if name == "as-sent":
            name = "max_completion_tokens"
        out[name] = self._request.max_tokens

    def _stop(self, out: dict[str, Any]) -> None:
        said = list(self._request.stop)
        if not said:
            return
        param = self._request.name_of("stop")
        if self._terms.can.max_completion:
            self.adjustments.leave_out(param, "The model of this route takes no stop sequences.")
            return
        if len(said) > MOST_STOPS:
            self.adjustments.leave_out_value(
                param, f"The backend of this route takes at most {MOST_STOPS} stop sequences."
            )
        out["stop"] = said[:MOST_STOPS]

    def _reason(self, out: dict[str, Any]) -> None:
        reasoning, can = self._request.reasoning, self._terms.can
        if reasoning is None:
            return
        effort = reasoning.effort
        if effort is None and reasoning.budget is not None:
            effort = effort_of(reasoning.budget)
        if effort is None:
            return  # it thinks as much as it wants to, which is the default
        if can.thinking == "none" or (effort == "none" and not can.max_completion):
            if effort != "none":
                self.adjustments.leave_out(reasoning.param, "The model of this route does not think.")
            return
        out["reasoning_effort"] = effort

    def _tools(self, out: dict[str, Any]) -> None:
        request = self._request
        if not request.tools:
            return
        out["tools"] = [self._tool(tool) for tool in request.tools]
        choice = request.tool_choice
        if choice is not None and choice.mode == "tool":
            out["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
        elif choice is not None and choice.allowed:
            named = [{"type": "function", "function": {"name": name}} for name in choice.allowed]
            out["tool_choice"] = {
                "type": "allowed_tools",
                "allowed_tools": {"mode": choice.mode, "tools": named},
            }
        elif choice is not None:
            out["tool_choice"] = choice.mode
        if request.parallel_tools is not None:
            out["parallel_tool_calls"] = request.parallel_tools

    def _tool(self, tool: Tool) -> dict[str, Any]:
        inner: dict[str, Any] = {"name": tool.name}
        if tool.description:
            inner["description"] = tool.description
        if tool.custom:
            if tool.schema is not None:
                inner["format"] = tool.schema
            return {"type": "custom", "custom": inner}
        if tool.schema is not None:
            inner["parameters"] = tool.schema
        if tool.strict and self._quirks.strict_tools:
            inner["strict"] = True
        return {"type": "function", "function": inner}


def _form(form: ResponseFormat) -> dict[str, Any]:
    if form.kind == "json_object":
        return {"type": "json_object"}
    inner: dict[str, Any] = {"name": form.name or "response"}
    if form.description:
        inner["description"] = form.description
    if form.schema is not None:
        inner["schema"] = form.schema
    if form.strict is not None:
        inner["strict"] = form.strict
    return {"type": "json_schema", "json_schema": inner}
