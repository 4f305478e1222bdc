"""Responses requests of callers, read into the canonical chat: what needs a memory up there is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import msgspec

from llmgw_middleware.dialect.adjust import Unsupported
from llmgw_middleware.dialect.chat import ChatRequest, Effort, Reasoning, ResponseFormat, Tool, ToolChoice
from llmgw_middleware.dialect.port import Fields
from llmgw_middleware.dialect.responses_items import Items
from llmgw_middleware.dialect.unread import Unread, is_text, text_of, wrong
from llmgw_middleware.model.http import Header

_STATEFUL = ("previous_response_id", "conversation", "prompt")
_HINTS = ("prompt_cache_retention", "stream_options", "include", "prompt_cache_options")
_SEARCHES = ("web_search", "web_search_preview", "web_search_2025_08_26", "web_search_preview_2025_03_11")
_MODES: dict[str, Literal["auto", "none", "required"]] = {
    "auto": "auto",
    "none": "none",
    "required": "required",
}
_EFFORTS = get_args(Effort)


def read_request(fields: Fields, headers: Sequence[Header]) -> ChatRequest:  # noqa: ARG001 - its body says everything
    """Read the top level of a request. Raises BadRequest naming the field; what is not known is in ``extra``."""
    body = Unread(fields)
    _refuse_state(body)
    extra: dict[str, msgspec.Raw] = {}
    items = Items(body, extra)
    text = body.object("text")
    tools, search = _tools(body, extra)
    request = ChatRequest(
        model=body.text("model"),
        system=items.system,
        turns=items.turns,
        tools=tools,
        tool_choice=_tool_choice(body, extra),
        parallel_tools=_unless(body.flag("parallel_tool_calls"), usual=True),
        max_tokens=body.whole("max_output_tokens", least=1),
        temperature=_unless(body.number("temperature"), usual=1),
        top_p=_unless(body.number("top_p"), usual=1),
        top_logprobs=_unless(body.whole("top_logprobs"), usual=0),
        logprobs=_logprobs(fields),
        response_format=None if text is None else _format(text, extra),
        verbosity=None if text is None else text.text("verbosity"),
        reasoning=_reasoning(body, extra),
        user=body.text("safety_identifier") or body.text("user"),
        metadata=_filled(body.take("metadata")),
        store=_unless(body.flag("store"), usual=False),
        service_tier=body.text("service_tier"),
        prompt_cache_key=body.text("prompt_cache_key"),
        web_search=search,
        stream=body.flag("stream") is True,
        include_usage=True,
        names={
            "max_tokens": "max_output_tokens",
            "parallel_tools": "parallel_tool_calls",
            "response_format": "text.format",
            "verbosity": "text.verbosity",
            "web_search": "tools",
            "user": "safety_identifier",
        },
        extra=extra,
    )
    if text is not None:
        text.left(extra)
    if _unless(body.text("truncation"), usual="disabled") is not None:
        extra["truncation"] = msgspec.Raw(b'"auto"')
    body.skip(*_HINTS, "user")
    body.left(extra)
    return request


def _refuse_state(body: Unread) -> None:
    """Refuse what an answer elsewhere would have to be remembered for; dropping it would change the question."""
    for name in _STATEFUL:
        if body.take(name) is not None:
            raise Unsupported(
                f"{name!r} needs a backend that keeps responses, and this route's keeps none.", param=name
            )
    if body.flag("background"):
        raise Unsupported(
            "'background' needs a backend that keeps responses, and this route's keeps none.",
            param="background",
        )


def _unless(value: Any, *, usual: Any) -> Any:
    """Return None for a value that restates the default."""
    return None if value == usual else value


def _filled(raw: msgspec.Raw | None) -> msgspec.Raw | None:
    return None if raw is None or not bytes(raw).strip(b"{} \t\r\n") else raw


def _logprobs(fields: Fields) -> bool | None:
    return True if b"message.output_text.logprobs" in bytes(fields.get("include", b"")) else None


def _reasoning(body: Unread, extra: dict[str, msgspec.Raw]) -> Reasoning | None:
    found = body.object("reasoning")
    if found is None:
        return None
    effort, summary = found.text("effort"), found.text("summary") or found.text("generate_summary")
    found.skip("generate_summary", "context")
    found.left(extra)
    if effort is None:
        return None
    if effort not in _EFFORTS:
        raise wrong("reasoning.effort", f"one of {', '.join(_EFFORTS)}")
    return Reasoning(effort=effort, display="summarized" if summary else None, param="reasoning.effort")  # type: ignore[arg-type]  # it was looked up


def _format(text: Unread, extra: dict[str, msgspec.Raw]) -> ResponseFormat | None:
    found = text.object("format")
    if found is None:
        return None
    kind = found.text("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return ResponseFormat(kind="json_object")
    if kind != "json_schema":
        raise wrong(found.path("type"), "text, json_object or json_schema")
    form = ResponseFormat(
        kind="json_schema",
        schema=found.take("schema"),
        name=found.text("name"),
        description=found.text("description"),
        strict=found.flag("strict"),
    )
    found.left(extra)
    return form


def _tools(body: Unread, extra: dict[str, msgspec.Raw]) -> tuple[list[Tool], msgspec.Raw | None]:
    tools: list[Tool] = []
    search: msgspec.Raw | None = None
    for one in body.objects("tools"):
        kind = one.text("type")
        if kind in {"function", "custom"}:
            tools.append(
                Tool(
                    name=one.needed("name"),
                    description=one.text("description"),
                    schema=one.take("parameters" if kind == "function" else "format"),
                    strict=one.flag("strict"),
                    custom=kind == "custom",
                )
            )
            one.left(extra)
        elif kind in _SEARCHES:
            search = msgspec.Raw(b"{}")
            one.skip("search_context_size", "external_web_access")
            one.left(extra)
        else:
            extra[one.path("type")] = msgspec.Raw(msgspec.json.encode(kind))
    return tools, search


def _tool_choice(body: Unread, extra: dict[str, msgspec.Raw]) -> ToolChoice | None:
    raw = body.take("tool_choice")
    if raw is None:
        return None
    if is_text(raw):
        mode = _MODES.get(text_of(raw, "tool_choice"))
        if mode is None:
            raise wrong("tool_choice", "auto, none, required or an object")
        return ToolChoice(mode=mode)
    found = Unread({"tool_choice": raw}).object("tool_choice")
    if found is None:
        return None
    kind = found.text("type")
    if kind == "allowed_tools":
        mode = _MODES.get(found.text("mode") or "auto", "auto")
        names = []
        for tool in found.objects("tools"):
            tool.skip("type")
            names.append(tool.needed("name"))
        found.left(extra)
        return ToolChoice(mode=mode, allowed=names)
    if kind in {"function", "custom"}:
        return ToolChoice(mode="tool", name=found.needed("name"))
    extra["tool_choice"] = msgspec.Raw(msgspec.json.encode(kind))
    return None
