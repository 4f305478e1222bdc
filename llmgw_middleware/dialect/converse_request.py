"""Canonical requests, worded for Bedrock's Converse."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from llmgw_middleware.dialect.adjust import Adjustments
from llmgw_middleware.dialect.capability import Capabilities, capabilities_of, plain_name
from llmgw_middleware.dialect.chat import ChatRequest, Number, TextPart, Tool, ToolCall, ToolResult
from llmgw_middleware.dialect.chat_port import Terms, Written
from llmgw_middleware.dialect.converse_blocks import Blocks, cache_point
from llmgw_middleware.dialect.converse_thinking import Thinking
from llmgw_middleware.dialect.end_user import opaque_id
from llmgw_middleware.errors import BadRequest

EVENT_STREAM = b"application/vnd.amazon.eventstream"
_NO_SCHEMA = msgspec.Raw(b'{"type":"object","properties":{}}')
_REFUSED = (
    "frequency_penalty", "presence_penalty", "logit_bias", "n", "seed", "logprobs", "top_logprobs", "verbosity", "store",
    "web_search",
)  # fmt: skip
"""Fields of the canonical chat that Converse has no word for."""

_TIERS = frozenset({"default", "flex", "priority", "reserved"})
_GONE = "No longer offered. Do not call it."


def model_path(model: str | None, method: str) -> str:
    """Return the path of one method of a model, whose id is encoded (``:`` and the ``/`` of ARNs). Raises BadRequest."""
    if not model:
        raise BadRequest("'model' is missing, and the backend of this route names none.", param="model")
    return f"/model/{quote(model, safe='')}/{method}"


def write_request(request: ChatRequest, terms: Terms) -> Written:
    """Word the request. Raises Unsupported, and BadRequest for what is wrong in itself."""
    writer = _Writer(request, terms)
    return Written(
        path=model_path(terms.model, "converse-stream" if request.stream else "converse"),
        body=msgspec.json.encode(writer.body()),
        headers=(
            (b"content-type", b"application/json"),
            (b"accept", EVENT_STREAM if request.stream else b"application/json"),
        ),
        dropped=writer.adjustments.dropped,
    )


def counting_request(request: ChatRequest, terms: Terms) -> tuple[str, dict[str, Any]]:
    """Return path and body of the question how many tokens the input of a request has."""
    body = _Writer(request, terms).body()
    counts = {name: body[name] for name in ("messages", "system", "toolConfig") if name in body}
    return model_path(terms.model, "count-tokens"), {"input": {"converse": counts}}


class _Writer:
    def __init__(self, request: ChatRequest, terms: Terms) -> None:
        self._request = request
        self._terms = terms
        self._model = plain_name(terms.model or "")
        self._can: Capabilities = capabilities_of(terms.model, terms.capabilities)
        self.adjustments = Adjustments(terms.on_unsupported)

    def body(self) -> dict[str, Any]:
        request = self._request
        for path in request.extra:
            self.adjustments.leave_out(path)
        self._refuse_the_rest()
        blocks = Blocks(self.adjustments, mid_system=self._can.mid_system, hears=self._can.audio)
        thinking = Thinking(request, self._model, self._can, self.adjustments)
        fields = {
            "system": self._system(),
            "inferenceConfig": self._inference(thinking.max_tokens(self._terms.max_tokens)),
            "toolConfig": self._tools(),
            "outputConfig": self._format(),
            "additionalModelRequestFields": self._top_k() | thinking.fields(),
            "requestMetadata": self._metadata(),
            "serviceTier": self._tier(),
        }
        written = {name: value for name, value in fields.items() if value}
        return {"messages": blocks.write(request.turns), **written}

    def _refuse_the_rest(self) -> None:
        request = self._request
        for field in _REFUSED:
            value = getattr(request, field)
            if value is not None and value is not False:
                self.adjustments.leave_out(request.name_of(field))
        if request.parallel_tools is False:
            self.adjustments.leave_out(request.name_of("parallel_tools"))
        if any(mode != "text" for mode in request.modalities):
            self.adjustments.leave_out_value(
                request.name_of("modalities"), "Answers of this backend are translated as text only."
            )

    def _system(self) -> list[dict[str, Any]]:
        return [block for part in self._request.system if part.text.strip() for block in _instruction(part)]

    def _inference(self, max_tokens: int | None) -> dict[str, Any]:
        request = self._request
        config = {
            "maxTokens": max_tokens,
            "temperature": self._sampled("temperature", request.temperature),
            "topP": self._sampled("top_p", request.top_p),
            "stopSequences": list(request.stop) or None,
        }
        return {name: value for name, value in config.items() if value is not None}

    def _sampled(self, field: str, value: Number | None) -> Number | None:
        if value is None:
            return None
        name = self._request.name_of(field)
        if not self._can.sampling:
            self.adjustments.leave_out(name, "The model of this backend cannot be told how to sample.")
            return None
        if value > 1:
            self.adjustments.change(name, 1, f"The backend takes {name} from 0 to 1.")
            return 1
        return value

    def _top_k(self) -> dict[str, Any]:
        top_k = self._request.top_k
        if top_k is None:
            return {}
        if not self._can.sampling:
            self.adjustments.leave_out(
                self._request.name_of("top_k"), "The model of this backend cannot be told how to sample."
            )
            return {}
        if self._model.startswith("amazon.nova"):
            return {"inferenceConfig": {"topK": top_k}}
        return {"k" if self._model.startswith("cohere.") else "top_k": top_k}

    def _tools(self) -> dict[str, Any] | None:
        choice = self._request.tool_choice
        told = self._tools_told()
        if choice is not None and choice.mode == "none":
            if not told:
                return None
            self.adjustments.leave_out_value(
                self._request.name_of("tool_choice"),
                "The backend cannot be kept from calling tools that the conversation knows.",
            )
            choice = None
        allowed = frozenset(choice.allowed) if choice is not None else frozenset[str]()
        specs = [
            spec
            for index, tool in enumerate(self._request.tools)
            if not allowed or tool.name in allowed
            for spec in self._spec(tool, index)
        ]
        if not specs:
            # Tool blocks without a configuration of tools are refused: what was called is declared.
            gone = [
                {"toolSpec": {"name": name, "description": _GONE, "inputSchema": {"json": _NO_SCHEMA}}}
                for name in told
            ]
            return {"tools": gone} if gone else None
        config: dict[str, Any] = {"tools": specs}
        if choice is not None:
            config["toolChoice"] = (
                {"tool": {"name": choice.name}}
                if choice.mode == "tool"
                else {"any" if choice.mode == "required" else "auto": {}}
            )
        return config

    def _tools_told(self) -> list[str]:
        """Return the names of the tools that the conversation speaks of."""
        parts = (part for turn in self._request.turns for part in turn.parts)
        names = [part.name or "tool" for part in parts if isinstance(part, ToolCall | ToolResult)]
        return list(dict.fromkeys(names))

    def _spec(self, tool: Tool, index: int) -> list[dict[str, Any]]:
        if tool.custom:
            self.adjustments.leave_out(f"tools.{index}", "The backend has no tools that take free text.")
            return []
        spec: dict[str, Any] = {"name": tool.name}
        if tool.description:
            spec["description"] = tool.description
        spec["inputSchema"] = {"json": tool.schema or _NO_SCHEMA}
        if tool.strict:
            spec["strict"] = True
        return [{"toolSpec": spec}, *([cache_point(tool.cache)] if tool.cache is not None else [])]

    def _format(self) -> dict[str, Any] | None:
        asked = self._request.response_format
        if asked is None:
            return None
        if asked.kind == "json_object" or asked.schema is None:
            self.adjustments.leave_out_value(
                self._request.name_of("response_format"),
                "The backend answers with JSON of a schema, not with any.",
            )
            return None
        described: dict[str, Any] = {"name": asked.name or "answer", "schema": bytes(asked.schema).decode()}
        if asked.description:
            described["description"] = asked.description
        return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": described}}}

    def _metadata(self) -> dict[str, str] | None:
        request = self._request
        found: dict[str, str] = {}
        if request.metadata is not None:
            try:
                found = msgspec.json.decode(request.metadata, type=dict[str, str])
            except (msgspec.DecodeError, UnicodeDecodeError):
                self.adjustments.leave_out_value(
                    request.name_of("metadata"), "The backend takes metadata as texts by name."
                )
        if request.user is not None:
            found["user"] = opaque_id(request.user, self._terms.salt)[:64]
        return found or None

    def _tier(self) -> dict[str, str] | None:
        tier = self._request.service_tier
        if tier is None or tier == "auto":
            return None
        if tier not in _TIERS:
            self.adjustments.leave_out_value(
                self._request.name_of("service_tier"), f"The backend has no service tier {tier!r}."
            )
            return None
        return {"type": tier}


def _instruction(part: TextPart) -> list[dict[str, Any]]:
    return [{"text": part.text}] if part.cache is None else [{"text": part.text}, cache_point(part.cache)]
