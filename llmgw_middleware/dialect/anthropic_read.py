"""Anthropic requests of callers, read into the canonical chat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import msgspec

from llmgw_middleware.dialect.anthropic_turns import Turns, cache_of
from llmgw_middleware.dialect.chat import ChatRequest, Effort, Reasoning, ResponseFormat, Tool, ToolChoice
from llmgw_middleware.dialect.port import Fields
from llmgw_middleware.dialect.unread import Unread, is_object, wrong
from llmgw_middleware.model.http import Header

_EFFORTS = frozenset(get_args(Effort))
_TIERS = {"auto": "auto", "standard_only": "default"}
_HINTS = ("cache_control", "eager_input_streaming", "defer_loading", "input_examples")
"""Members of tools that change when something is sent, not what."""

_NAMES = {
    "tools": "tools",
    "stop": "stop_sequences",
    "user": "metadata.user_id",
    "response_format": "output_config.format",
    "parallel_tools": "tool_choice.disable_parallel_tool_use",
}


def read_request(fields: Fields, headers: Sequence[Header]) -> ChatRequest:  # noqa: ARG001 - versions differ in what they refuse, and not in meaning
    """Read the top level of a request. Raises BadRequest naming the field; what is not known is in ``extra``."""
    body = Unread(fields)
    extra: dict[str, msgspec.Raw] = {}
    turns = Turns(body, extra)
    body.skip("cache_control")  # automatic caching: a hint
    choice, parallel = _tool_choice(body, extra)
    output = body.object("output_config")
    request = ChatRequest(
        model=body.text("model"),
        system=turns.system,
        turns=turns.turns,
        tools=_tools(body, extra),
        tool_choice=choice,
        parallel_tools=parallel,
        max_tokens=body.whole("max_tokens", least=1),
        temperature=_unless_1(body.number("temperature")),
        top_p=_unless_1(body.number("top_p")),
        top_k=body.whole("top_k"),
        stop=body.strings("stop_sequences"),
        response_format=_response_format(body, output, extra),
        reasoning=_reasoning(body, output, extra),
        user=_user(body, extra),
        service_tier=_tier(body),
        stream=body.flag("stream") is True,
        names=_NAMES,
        extra=extra,
    )
    if output is not None:
        output.left(extra)
    body.left(extra)
    return request


def _unless_1(value: float | None) -> int | float | None:
    return None if value == 1 else value


def _user(body: Unread, extra: dict[str, msgspec.Raw]) -> str | None:
    metadata = body.object("metadata")
    if metadata is None:
        return None
    user = metadata.text("user_id")
    metadata.left(extra)
    return user or None


def _tier(body: Unread) -> str | None:
    tier = body.text("service_tier")
    return None if tier is None else _TIERS.get(tier, tier)


def _reasoning(body: Unread, output: Unread | None, extra: dict[str, msgspec.Raw]) -> Reasoning | None:
    effort = None if output is None else output.text("effort")
    if effort is not None and effort not in _EFFORTS:
        raise wrong("output_config.effort", f"one of {', '.join(get_args(Effort))}")
    thinking = body.object("thinking")
    if thinking is None:
        if effort is None:
            return None
        return Reasoning(effort=effort, param="output_config.effort")  # type: ignore[arg-type] # it was looked up among them
    kind, budget = thinking.text("type"), thinking.whole("budget_tokens", least=1)
    display = thinking.text("display")
    thinking.left(extra)
    if kind == "disabled":
        return Reasoning(effort="none", param="thinking")
    if kind not in {"enabled", "adaptive", "between_tools"}:
        raise wrong("thinking.type", "enabled, adaptive, between_tools or disabled")
    return Reasoning(effort=effort, budget=budget, display=display, param="thinking")  # type: ignore[arg-type] # it was looked up among them


def _response_format(
    body: Unread, output: Unread | None, extra: dict[str, msgspec.Raw]
) -> ResponseFormat | None:
    found = None if output is None else output.object("format")
    old = body.take("output_format")  # the name that the beta had
    if found is None and old is not None:
        if not is_object(old):
            extra["output_format"] = old
            return None
        found = Unread({"output_format": old}).object("output_format")
    if found is None:
        return None
    if found.text("type") != "json_schema":
        raise wrong(found.path("type"), "json_schema")
    schema = found.take("schema")
    found.left(extra)
    return ResponseFormat(kind="json_schema", schema=schema, name="response", strict=True)


def _tools(body: Unread, extra: dict[str, msgspec.Raw]) -> list[Tool]:
    found = (_tool(one, extra) for one in body.objects("tools"))
    return [tool for tool in found if tool is not None]


def _tool(one: Unread, extra: dict[str, msgspec.Raw]) -> Tool | None:
    kind = one.text("type")
    if kind not in {None, "custom"}:
        # A tool that Anthropic itself runs, or knows: nobody else does.
        extra[one.at] = msgspec.Raw(msgspec.json.encode(kind))
        return None
    cache = cache_of(one)
    tool = Tool(
        name=one.needed("name"),
        description=one.text("description"),
        schema=one.take("input_schema"),
        strict=one.flag("strict"),
        cache=cache,
    )
    one.skip(*_HINTS)
    one.left(extra)
    return tool


_MODES: dict[str, Literal["auto", "none", "required", "tool"]] = {
    "auto": "auto",
    "any": "required",
    "none": "none",
    "tool": "tool",
}


def _tool_choice(body: Unread, extra: dict[str, msgspec.Raw]) -> tuple[ToolChoice | None, bool | None]:
    found = body.object("tool_choice")
    if found is None:
        return None, None
    mode = _MODES.get(found.text("type") or "")
    if mode is None:
        raise wrong("tool_choice.type", "auto, any, tool or none")
    name = found.needed("name") if mode == "tool" else None
    alone = found.flag("disable_parallel_tool_use")
    found.left(extra)
    return ToolChoice(mode=mode, name=name), False if alone else None
