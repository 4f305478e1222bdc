"""Chat completion requests of callers, read into the canonical chat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import msgspec

from llmgw_middleware.dialect.chat import (
    ChatRequest,
    Effort,
    Reasoning,
    ResponseFormat,
    Tool,
    ToolChoice,
)
from llmgw_middleware.dialect.openai_chat_turns import Turns
from llmgw_middleware.dialect.port import Fields
from llmgw_middleware.dialect.unread import Unread, is_text, text_of, wrong
from llmgw_middleware.model.http import Header

_EFFORTS = frozenset(get_args(Effort))
_HINTS = ("prompt_cache_retention", "prompt_cache_options")


def read_request(fields: Fields, headers: Sequence[Header]) -> ChatRequest:  # noqa: ARG001 - a chat says everything in its body
    """Read the top level of a request. Raises BadRequest naming the field; what is not known is in ``extra``."""
    body = Unread(fields)
    extra: dict[str, msgspec.Raw] = {}
    names: dict[str, str] = {}
    turns = Turns(body, extra)
    body.skip(*_HINTS)
    request = ChatRequest(
        model=body.text("model"),
        system=turns.system,
        turns=turns.turns,
        tools=_tools(body, extra),
        tool_choice=_tool_choice(body, extra),
        parallel_tools=_unless(body.flag("parallel_tool_calls"), usual=True),
        max_tokens=_max_tokens(body, names),
        temperature=_unless(body.number("temperature"), usual=1),
        top_p=_unless(body.number("top_p"), usual=1),
        top_k=body.whole("top_k"),
        stop=body.strings("stop", or_one=True),
        frequency_penalty=_unless(body.number("frequency_penalty"), usual=0),
        presence_penalty=_unless(body.number("presence_penalty"), usual=0),
        logit_bias=_filled(body.take("logit_bias")),
        n=_unless(body.whole("n", least=1), usual=1),
        seed=body.whole("seed"),
        logprobs=_unless(body.flag("logprobs"), usual=False),
        top_logprobs=_unless(body.whole("top_logprobs"), usual=0),
        response_format=_response_format(body, extra),
        reasoning=_reasoning(body, extra),
        verbosity=body.text("verbosity"),
        user=_user(body, names),
        metadata=_filled(body.take("metadata")),
        store=_unless(body.flag("store"), usual=False),
        service_tier=body.text("service_tier"),
        prompt_cache_key=body.text("prompt_cache_key"),
        web_search=_web_search(body, names),
        modalities=[kind for kind in body.strings("modalities") if kind != "text"],
        stream=body.flag("stream") is True,
        include_usage=_include_usage(body, extra),
        names=names,
        extra=extra,
    )
    body.left(extra)
    return request


def _unless(value: Any, *, usual: Any) -> Any:
    """Return None for a value that restates the default."""
    return None if value == usual else value


def _filled(raw: msgspec.Raw | None) -> msgspec.Raw | None:
    return None if raw is None or not bytes(raw).strip(b"{} \t\r\n") else raw


def _max_tokens(body: Unread, names: dict[str, str]) -> int | None:
    new, old = body.whole("max_completion_tokens", least=1), body.whole("max_tokens", least=1)
    if new is not None:
        names["max_tokens"] = "max_completion_tokens"
    return old if new is None else new


def _user(body: Unread, names: dict[str, str]) -> str | None:
    new, old = body.text("safety_identifier"), body.text("user")
    if new:
        names["user"] = "safety_identifier"
    return new or old or None


def _web_search(body: Unread, names: dict[str, str]) -> msgspec.Raw | None:
    names["web_search"] = "web_search_options"
    return body.take("web_search_options")


def _include_usage(body: Unread, extra: dict[str, msgspec.Raw]) -> bool:
    options = body.object("stream_options")
    if options is None:
        return False
    asked = options.flag("include_usage")
    options.skip("include_obfuscation")  # padding against eavesdroppers: the connection's business
    options.left(extra)
    return asked is True


def _reasoning(body: Unread, extra: dict[str, msgspec.Raw]) -> Reasoning | None:
    effort = body.text("reasoning_effort")
    reasoning = body.object("reasoning")  # OpenRouter's spelling
    param = "reasoning_effort"
    if reasoning is not None:
        if effort is None:
            effort, param = reasoning.text("effort"), "reasoning"
        budget = reasoning.whole("max_tokens", least=1)
        reasoning.skip("exclude", "enabled", "summary")
        reasoning.left(extra)
    else:
        budget = None
    if effort is None and budget is None:
        return None
    if effort is not None and effort not in _EFFORTS:
        raise wrong(param, f"one of {', '.join(get_args(Effort))}")
    return Reasoning(effort=effort, budget=budget, param=param)  # type: ignore[arg-type] # it was looked up among them


def _response_format(body: Unread, extra: dict[str, msgspec.Raw]) -> ResponseFormat | None:
    found = body.object("response_format")
    if found is None:
        return None
    kind = found.text("type")
    if kind == "text":
        return None
    if kind == "json_object":
        found.left(extra)
        return ResponseFormat(kind="json_object")
    inner = found.object("json_schema")
    if kind != "json_schema" or inner is None:
        raise wrong(found.path("type"), "text, json_object, or json_schema beside a json_schema")
    form = ResponseFormat(
        kind="json_schema",
        schema=inner.take("schema"),
        name=inner.text("name"),
        description=inner.text("description"),
        strict=inner.flag("strict"),
    )
    inner.left(extra)
    found.left(extra)
    return form


def _tools(body: Unread, extra: dict[str, msgspec.Raw]) -> list[Tool]:
    tools = [_tool(one, extra) for one in body.objects("tools")]
    # Legacy functions are tools under another name.
    tools += [_function(one, extra) for one in body.objects("functions")]
    return [tool for tool in tools if tool is not None]


def _tool(one: Unread, extra: dict[str, msgspec.Raw]) -> Tool | None:
    kind = one.text("type") or "function"
    inner = one.object(kind) if kind in {"function", "custom"} else None
    if inner is None:
        one.left(extra)
        extra[one.path("type")] = msgspec.Raw(msgspec.json.encode(kind))
        return None
    one.skip("cache_control")
    one.left(extra)
    if kind == "function":
        return _function(inner, extra)
    tool = Tool(
        name=inner.needed("name"),
        description=inner.text("description"),
        schema=inner.take("format"),
        custom=True,
    )
    inner.left(extra)
    return tool


def _function(inner: Unread, extra: dict[str, msgspec.Raw]) -> Tool:
    tool = Tool(
        name=inner.needed("name"),
        description=inner.text("description"),
        schema=inner.take("parameters"),
        strict=inner.flag("strict"),
    )
    inner.left(extra)
    return tool


_MODES: dict[str, Literal["auto", "none", "required"]] = {
    "auto": "auto",
    "none": "none",
    "required": "required",
    "any": "required",  # Mistral's word
}


def _tool_choice(body: Unread, extra: dict[str, msgspec.Raw]) -> ToolChoice | None:
    name = "tool_choice"
    raw, legacy = body.take(name), body.take("function_call")
    if raw is None and legacy is not None:
        raw, name = legacy, "function_call"
    if raw is None:
        return None
    if is_text(raw):
        mode = _MODES.get(text_of(raw, name))
        if mode is None:
            raise wrong(name, "auto, none, required or an object")
        return ToolChoice(mode=mode)
    found = Unread({name: raw}).object(name)
    return None if found is None else _named(found, extra)


def _named(found: Unread, extra: dict[str, msgspec.Raw]) -> ToolChoice:
    kind = found.text("type")
    if kind == "allowed_tools":
        return _allowed(found.object("allowed_tools") or found, extra)
    inner = (found.object(kind) if kind in {"function", "custom"} else None) or found
    choice = ToolChoice(mode="tool", name=inner.needed("name"))
    inner.left(extra)
    return choice


def _allowed(found: Unread, extra: dict[str, msgspec.Raw]) -> ToolChoice:
    mode = _MODES.get(found.text("mode") or "auto")
    if mode is None:
        raise wrong(found.path("mode"), "auto or required")
    names = []
    for tool in found.objects("tools"):
        tool.skip("type")
        names.append((tool.object("function") or tool).needed("name"))
    found.left(extra)
    return ToolChoice(mode=mode, allowed=names)
