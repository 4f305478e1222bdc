"""Canonical requests, worded for Gemini's ``generateContent``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from llmgw_middleware.dialect.adjust import Adjustments
from llmgw_middleware.dialect.capability import Capabilities, capabilities_of
from llmgw_middleware.dialect.chat import ChatRequest, ImagePart, Reasoning, ResponseFormat, Tool
from llmgw_middleware.dialect.chat_port import Terms, Written
from llmgw_middleware.dialect.end_user import opaque_id
from llmgw_middleware.dialect.gemini_parts import Contents
from llmgw_middleware.errors import BadRequest

MAX_STOPS = 5
"""How many stop sequences Gemini takes."""

LEAST_OF_PRO, MOST_OF_PRO, MOST_OF_FLASH = 128, 32768, 24576
"""Bounds of a budget of Gemini 2.5, in tokens."""

_BUDGETS: Mapping[str, int] = {"none": 0, "minimal": 1024, "low": 1024, "medium": 4096, "high": 16384, "xhigh": 32768, "max": 32768}  # fmt: skip
_LEVELS: Mapping[str, str] = {"minimal": "minimal", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}  # fmt: skip
_TIERS: Mapping[str, str] = {
    "default": "standard",
    "standard": "standard",
    "flex": "flex",
    "priority": "priority",
}
_RESOLUTIONS = {"low": "MEDIA_RESOLUTION_LOW", "high": "MEDIA_RESOLUTION_HIGH"}
_LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")


def model_path(model: str | None, method: str) -> str:
    """Return the path of one method of a model. Raises BadRequest without a model."""
    if not model:
        raise BadRequest("'model' is missing, and the backend of this route names none.", param="model")
    return f"/models/{quote(model.removeprefix('models/'), safe='')}:{method}"


def write_request(request: ChatRequest, terms: Terms) -> Written:
    """Word the request. Raises Unsupported, and BadRequest for what is wrong in itself."""
    writer = _Writer(request, terms)
    method = "streamGenerateContent?alt=sse" if request.stream else "generateContent"
    return Written(
        path=model_path(terms.model, method),
        body=msgspec.json.encode(writer.body()),
        headers=(
            (b"content-type", b"application/json"),
            (b"accept", b"text/event-stream" if request.stream else b"application/json"),
        ),
        dropped=writer.adjustments.dropped,
    )


def counting_request(request: ChatRequest, terms: Terms) -> tuple[str, dict[str, Any]]:
    """Return path and body of the question how many tokens the input of a request has."""
    body = _Writer(request, terms).body()
    counts: dict[str, Any] = {
        name: body[name] for name in ("contents", "systemInstruction", "tools") if name in body
    }
    path = model_path(terms.model, "countTokens")
    if "project" in terms.place:
        return path, counts
    model = f"models/{(terms.model or '').removeprefix('models/')}"
    return path, {"generateContentRequest": {"model": model, **counts}}


class _Writer:
    def __init__(self, request: ChatRequest, terms: Terms) -> None:
        self._request = request
        self._can: Capabilities = capabilities_of(terms.model, terms.capabilities)
        self._vertex = "project" in terms.place
        self._salt = terms.salt
        self._model = terms.model or ""
        self.adjustments = Adjustments(terms.on_unsupported)

    def body(self) -> dict[str, Any]:
        request = self._request
        for path in request.extra:
            self.adjustments.leave_out(path)
        self._refuse_the_rest()
        contents = Contents(self.adjustments, needs_signatures=self._can.thinking in {"level", "effort"})
        body: dict[str, Any] = {"contents": contents.write(request.turns)}
        system = [{"text": part.text} for part in request.system if part.text]
        fields = {
            "systemInstruction": {"parts": system} if system else None,
            "tools": self._tools(),
            "toolConfig": self._tool_config(),
            "generationConfig": self._generation(),
            "serviceTier": self._tier(),
            "labels": self._labels(),
        }
        return body | {name: value for name, value in fields.items() if value}

    def _refuse_the_rest(self) -> None:
        request = self._request
        for field in ("logit_bias", "verbosity", "store"):
            if getattr(request, field):
                self.adjustments.leave_out(request.name_of(field))
        if request.parallel_tools is False:
            self.adjustments.leave_out(request.name_of("parallel_tools"))
        if any(mode != "text" for mode in request.modalities):
            self.adjustments.leave_out_value(
                request.name_of("modalities"), "Answers of this backend are translated as text only."
            )

    def _tools(self) -> list[dict[str, Any]]:
        choice = self._request.tool_choice
        allowed = frozenset(choice.allowed) if choice is not None else frozenset[str]()
        declared = [
            declaration
            for index, tool in enumerate(self._request.tools)
            if not allowed or tool.name in allowed
            for declaration in self._declared(tool, index)
        ]
        tools: list[dict[str, Any]] = [{"functionDeclarations": declared}] if declared else []
        if self._request.web_search is not None:
            tools.append({"googleSearch": {}})
        return tools

    def _declared(self, tool: Tool, index: int) -> list[dict[str, Any]]:
        if tool.custom:
            self.adjustments.leave_out(f"tools.{index}", "The backend has no tools that take free text.")
            return []
        declaration: dict[str, Any] = {"name": tool.name}
        if tool.description:
            declaration["description"] = tool.description
        if tool.schema is not None:
            declaration["parametersJsonSchema"] = tool.schema
        return [declaration]

    def _tool_config(self) -> dict[str, Any] | None:
        choice = self._request.tool_choice
        if choice is None:
            return None
        mode = {"auto": "AUTO", "none": "NONE", "required": "ANY", "tool": "ANY"}[choice.mode]
        config: dict[str, Any] = {"mode": mode}
        if choice.mode == "tool":
            config["allowedFunctionNames"] = [choice.name]
        elif choice.mode == "required" and choice.allowed:
            config["allowedFunctionNames"] = list(choice.allowed)
        return {"functionCallingConfig": config}

    def _generation(self) -> dict[str, Any]:
        request = self._request
        config = {
            "maxOutputTokens": request.max_tokens,
            "temperature": request.temperature,
            "topP": request.top_p,
            "topK": request.top_k,
            "stopSequences": self._stops(),
            "frequencyPenalty": request.frequency_penalty,
            "presencePenalty": request.presence_penalty,
            "candidateCount": request.n,
            "seed": request.seed,
            "responseLogprobs": request.logprobs or None,
            "logprobs": request.top_logprobs,
            "mediaResolution": self._resolution(),
            "thinkingConfig": self._thinking(),
            **_format(request.response_format),
        }
        return {name: value for name, value in config.items() if value is not None}

    def _stops(self) -> Sequence[str] | None:
        stops = self._request.stop
        if len(stops) > MAX_STOPS:
            name = self._request.name_of("stop")
            self.adjustments.change(
                name, list(stops[:MAX_STOPS]), f"The backend takes at most {MAX_STOPS} stop sequences."
            )
        return list(stops[:MAX_STOPS]) or None

    def _resolution(self) -> str | None:
        """Return the one resolution for all images: the finest that any of them asks for."""
        parts = (part for turn in self._request.turns for part in turn.parts)
        asked = {part.detail for part in parts if isinstance(part, ImagePart)}
        return next((_RESOLUTIONS[detail] for detail in ("high", "low") if detail in asked), None)

    def _thinking(self) -> dict[str, Any] | None:
        asked = self._request.reasoning
        if asked is None or (asked.effort is None and asked.budget is None):
            return None
        if self._can.thinking == "none":
            if asked.effort != "none":
                self.adjustments.leave_out(asked.param, "The model of this backend does not think.")
            return None
        shown = asked.display != "omitted"
        if self._can.thinking == "budget":
            budget = self._budget(asked)
            return {"thinkingBudget": budget, "includeThoughts": shown and budget > 0}
        effort = asked.effort or _effort(asked.budget or 0)
        if effort == "none":
            self.adjustments.change(
                asked.param, "minimal", "The model of this backend cannot be kept from thinking."
            )
        return {"thinkingLevel": _LEVELS.get(effort, "minimal"), "includeThoughts": shown}

    def _budget(self, asked: Reasoning) -> int:
        """Return a budget within what the model takes; 2.5 Pro cannot be kept from thinking."""
        budget = asked.budget if asked.budget is not None else _BUDGETS[asked.effort or "medium"]
        if budget <= 0 and "-pro" in self._model:
            self.adjustments.change(
                asked.param, "minimal", "The model of this backend cannot be kept from thinking."
            )
            return LEAST_OF_PRO
        return max(0, min(budget, MOST_OF_FLASH if "flash" in self._model else MOST_OF_PRO))

    def _tier(self) -> str | None:
        tier = self._request.service_tier
        if tier is None or tier == "auto":
            return None
        if tier not in _TIERS:
            self.adjustments.leave_out_value(
                self._request.name_of("service_tier"), f"The backend has no service tier {tier!r}."
            )
        return _TIERS.get(tier)

    def _labels(self) -> dict[str, str] | None:
        """Return the labels that Vertex bills by; Gemini's own API has none."""
        request = self._request
        labels: dict[str, str] = {}
        if request.user is not None:
            if self._vertex:
                labels["user"] = opaque_id(request.user, self._salt)[:32]
            else:
                self.adjustments.leave_out(request.name_of("user"))
        if request.metadata is not None:
            found = _metadata_labels(request.metadata) if self._vertex else None
            if found is None:
                self.adjustments.leave_out(request.name_of("metadata"))
            labels |= found or {}
        return labels or None


def _metadata_labels(metadata: msgspec.Raw) -> dict[str, str] | None:
    """Return metadata as labels, None where a key or value is none that Google takes."""
    try:
        found = msgspec.json.decode(metadata, type=dict[str, str])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    fits = all(_LABEL.fullmatch(key) and _LABEL_VALUE.fullmatch(value) for key, value in found.items())
    return found if fits else None


def _format(asked: ResponseFormat | None) -> dict[str, Any]:
    if asked is None:
        return {}
    schema = {} if asked.schema is None else {"responseJsonSchema": asked.schema}
    return {"responseMimeType": "application/json", **schema}


def _effort(budget: int) -> str:
    """Return the effort that a budget of tokens stands for."""
    if budget <= 0:
        return "none"
    return next((name for name, least in (("high", 16384), ("medium", 4096)) if budget >= least), "low")
