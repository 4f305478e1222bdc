"""Canonical requests, worded for OpenAI's Responses: stateless, nothing is kept up there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from llmgw_middleware.dialect.adjust import Adjustments
from llmgw_middleware.dialect.chat import (
    CarrierPart,
    ChatRequest,
    FilePart,
    ImagePart,
    Part,
    RefusalPart,
    ResponseFormat,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
    merged,
)
from llmgw_middleware.dialect.chat_port import Terms, Written
from llmgw_middleware.dialect.data_url import data_url
from llmgw_middleware.dialect.effort import effort_of
from llmgw_middleware.dialect.end_user import opaque_id
from llmgw_middleware.errors import BadRequest

_NO_SCHEMA = msgspec.Raw(b'{"type":"object","properties":{}}')
_REFUSED = ("top_k", "stop", "frequency_penalty", "presence_penalty", "logit_bias", "n", "seed")
"""Fields of the canonical chat that Responses have no word for."""

_COUNTED = frozenset(
    {"model", "instructions", "input", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "text"}
)
"""Fields that ``/responses/input_tokens`` takes: those that are input; source: OpenAI's API reference."""

Item = dict[str, Any]


def write_request(request: ChatRequest, terms: Terms) -> Written:
    """Word the request for ``/responses``. Raises Unsupported, and BadRequest without a model."""
    if not terms.model:
        raise BadRequest("'model' is missing, and the backend of this route names none.", param="model")
    writer = _Writer(request, terms)
    return Written(
        path="/responses",
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
    return "/responses/input_tokens", {name: value for name, value in body.items() if name in _COUNTED}


class _Writer:
    def __init__(self, request: ChatRequest, terms: Terms) -> None:
        self._request = request
        self._terms = terms
        self.adjustments = Adjustments(terms.on_unsupported)

    def body(self) -> Item:
        request = self._request
        for path in request.extra:
            self.adjustments.leave_out(path)
        for field in _REFUSED:
            value = getattr(request, field)
            if value is not None and value not in ((), []):
                self.adjustments.leave_out(request.name_of(field))
        if any(mode != "text" for mode in request.modalities):
            self.adjustments.leave_out_value(
                request.name_of("modalities"), "The backend answers with text only."
            )
        one = len(request.system) == 1
        leading = (
            [] if one else [_message("developer", [_text(part)]) for part in request.system if part.text]
        )
        body = {
            "model": self._terms.model,
            "instructions": request.system[0].text if one else None,
            "input": [*leading, *self._items()],
            "max_output_tokens": request.max_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "tools": self._tools() or None,
            "tool_choice": self._tool_choice(),
            "parallel_tool_calls": request.parallel_tools,
            "reasoning": self._reasoning(),
            "text": self._text_options() or None,
            "top_logprobs": request.top_logprobs,
            "include": self._include(),
            "metadata": request.metadata,
            "safety_identifier": None if request.user is None else opaque_id(request.user, self._terms.salt),
            "service_tier": request.service_tier,
            "prompt_cache_key": request.prompt_cache_key,
            "store": bool(request.store),
            "stream": request.stream or None,
        }
        return {name: value for name, value in body.items() if value is not None}

    def _items(self) -> Iterator[Item]:
        for turn in merged(self._request.turns):
            if turn.role == "assistant":
                yield from self._said(turn)
            else:
                yield from self._asked(turn)

    def _asked(self, turn: Turn) -> Iterator[Item]:
        for part in turn.parts:
            if isinstance(part, ToolResult):
                yield self._result(part, turn)
        content = [one for part in turn.parts for one in self._input(part, turn)]
        if content:
            yield _message("developer" if turn.role == "system" else "user", content)

    def _input(self, part: Part, turn: Turn) -> Iterator[Item]:
        match part:
            case TextPart(text):
                yield from ({"type": "input_text", "text": text},) if text else ()
            case ImagePart():
                yield _image(part)
            case FilePart():
                yield _file(part)
            case ToolResult():
                pass
            case _:
                self.adjustments.leave_out(turn.at, "The backend takes texts, images and files.")

    def _said(self, turn: Turn) -> Iterator[Item]:
        """Word an assistant's turn: an item for each stretch of text, each call and each thought of this maker."""
        content: list[Item] = []
        for part in turn.parts:
            match part:
                case TextPart(text) if text:
                    content.append({"type": "output_text", "text": text})
                case RefusalPart(text) if text:
                    content.append({"type": "refusal", "refusal": text})
                case CarrierPart() | ToolCall():
                    yield from _flushed(content)
                    yield from _carried(part) if isinstance(part, CarrierPart) else (_call(part),)
                case _:
                    pass  # thoughts without a proof of this maker are left out
        yield from _flushed(content)

    def _result(self, result: ToolResult, turn: Turn) -> Item:
        media = [part for part in result.parts if not isinstance(part, TextPart)]
        output: Any = result.text
        if result.is_error:
            output = f"Error: {output}"
        if media:
            output = [one for part in result.parts for one in self._input(part, turn)]
        kind = "custom_tool_call_output" if self._custom(result) else "function_call_output"
        return {"type": kind, "call_id": result.id, "output": output}

    def _custom(self, result: ToolResult) -> bool:
        parts = (part for turn in self._request.turns for part in turn.parts if isinstance(part, ToolCall))
        return any(call.custom for call in parts if call.id == result.id)

    def _tools(self) -> list[Item]:
        tools = [_tool(tool) for tool in self._request.tools]
        return [*tools, {"type": "web_search"}] if self._request.web_search is not None else tools

    def _tool_choice(self) -> Any:
        choice = self._request.tool_choice
        if choice is None:
            return None
        kinds = {tool.name: "custom" if tool.custom else "function" for tool in self._request.tools}
        if choice.mode == "tool":
            return {"type": kinds.get(choice.name or "", "function"), "name": choice.name}
        if choice.allowed:
            tools = [{"type": kinds.get(name, "function"), "name": name} for name in choice.allowed]
            return {"type": "allowed_tools", "mode": choice.mode, "tools": tools}
        return choice.mode

    def _reasoning(self) -> Item | None:
        asked = self._request.reasoning
        if asked is None or (asked.effort is None and asked.budget is None):
            return None
        shown = {"summary": "auto"} if asked.display == "summarized" else {}
        return {"effort": asked.effort or effort_of(asked.budget or 0), **shown}

    def _text_options(self) -> Item:
        form = self._request.response_format
        options: Item = {} if form is None else {"format": _form(form)}
        return options | ({} if self._request.verbosity is None else {"verbosity": self._request.verbosity})

    def _include(self) -> list[str] | None:
        """Ask for thoughts that can come back, as nothing is kept up there, and for log probabilities."""
        include = ["reasoning.encrypted_content"] if self._terms.can.max_completion else []
        if self._request.logprobs:
            include.append("message.output_text.logprobs")
        return include or None


def _message(role: str, content: Sequence[Item]) -> Item:
    return {"type": "message", "role": role, "content": list(content)}


def _text(part: TextPart) -> Item:
    return {"type": "input_text", "text": part.text}


def _flushed(content: list[Item]) -> Iterator[Item]:
    if content:
        yield _message("assistant", content)
        content.clear()


def _image(part: ImagePart) -> Item:
    where = (
        {"file_id": part.file_id}
        if part.file_id
        else {"image_url": part.url or data_url(part.media_type, part.data or "")}
    )
    return {"type": "input_image", "detail": part.detail or "auto", **where}


def _file(part: FilePart) -> Item:
    if part.text is not None:
        return {"type": "input_text", "text": part.text}
    named = {} if part.name is None else {"filename": part.name}
    if part.data is not None:
        named.setdefault("filename", "document")
        return {"type": "input_file", **named, "file_data": data_url(part.media_type, part.data)}
    return {"type": "input_file", **({"file_url": part.url} if part.url else {"file_id": part.file_id})}


def _carried(part: CarrierPart) -> Iterator[Item]:
    if part.family == "openai":
        identity, _, encrypted = part.data.partition(":")
        yield {"type": "reasoning", "id": identity, "summary": [], "encrypted_content": encrypted}


def _call(call: ToolCall) -> Item:
    if call.custom:
        return {"type": "custom_tool_call", "call_id": call.id, "name": call.name, "input": call.arguments}
    return {
        "type": "function_call",
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments or "{}",
    }


def _tool(tool: Tool) -> Item:
    described = {} if tool.description is None else {"description": tool.description}
    if tool.custom:
        form = {} if tool.schema is None else {"format": tool.schema}
        return {"type": "custom", "name": tool.name, **described, **form}
    # Here a function is strict unless it says otherwise; in a chat it is the reverse.
    return {
        "type": "function",
        "name": tool.name,
        **described,
        "parameters": tool.schema or _NO_SCHEMA,
        "strict": bool(tool.strict),
    }


def _form(form: ResponseFormat) -> Item:
    if form.kind == "json_object":
        return {"type": "json_object"}
    out: Item = {"type": "json_schema", "name": form.name or "answer", "schema": form.schema or _NO_SCHEMA}
    if form.description:
        out["description"] = form.description
    return out if form.strict is None else out | {"strict": form.strict}
