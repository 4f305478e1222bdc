"""Writes what is translated, refused and left out into ``docs/dialects.md``: ``python -m llmgw_middleware.config.dialects``.

Nothing on the generated part is written by hand: each field is put into a request, the request is worded for each
dialect of backends by the code that does so on the way of every request, and what comes of it is a cell of the table.
With ``--check`` nothing is written; the exit code tells whether the page is current.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from llmgw_middleware.dialect.adjust import UNSAYABLE
from llmgw_middleware.dialect.anthropic_finish import READ as ANTHROPIC_READ
from llmgw_middleware.dialect.anthropic_finish import WRITTEN as ANTHROPIC_WRITTEN
from llmgw_middleware.dialect.chat_port import Means
from llmgw_middleware.dialect.effort import BUDGETS, effort_of
from llmgw_middleware.dialect.openai_chat_finish import READ as OPENAI_READ
from llmgw_middleware.dialect.openai_chat_finish import WRITTEN as OPENAI_WRITTEN
from llmgw_middleware.dialect.port import Asked, Conversation, Operation
from llmgw_middleware.dialect.provider import profile_of
from llmgw_middleware.dialect.registry import caller_dialect, conversation
from llmgw_middleware.dialect.terms import TermsOf
from llmgw_middleware.errors import BadRequest
from llmgw_middleware.model.backend import Backend
from llmgw_middleware.model.fault import Fault, FaultKind
from llmgw_middleware.policy.classify import error_for

PAGE = Path("docs/dialects.md")
START = "<!-- generated, do not edit below -->\n"

_UPSTREAMS: Mapping[str, Backend] = {
    "OpenAI chat": Backend(name="b", provider="openai", model="gpt-5.2"),
    "Anthropic (4.5)": Backend(name="b", provider="anthropic", model="claude-sonnet-4-5"),
    "Anthropic (4.8)": Backend(name="b", provider="anthropic", model="claude-opus-4-8"),
    "Gemini": Backend(name="b", provider="gemini", model="gemini-3-pro"),
    "Bedrock Converse": Backend(
        name="b", provider="bedrock", model="anthropic.claude-sonnet-4-5-20250929-v1:0", region="eu-central-1"
    ),
}
"""Backends by the heading of their column."""

_PIXEL = "iVBORw0KGgo="
_TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
_CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
_ROUND: list[Any] = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": None, "tool_calls": [_CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "x"},
]


def _user(*parts: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}, *parts]}]}


_CHAT: Mapping[str, dict[str, Any]] = {
    "leading `system` or `developer`": {"messages": [{"role": "system", "content": "a"}, _ROUND[0]]},
    "`system` further down": {"messages": [_ROUND[0], {"role": "system", "content": "a"}, _ROUND[0]]},
    "image, as data": _user({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_PIXEL}"}}),
    "image, by URL": _user({"type": "image_url", "image_url": {"url": "https://a.example/x.png"}}),
    "pdf, as data": _user({"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0="}}),
    "file, by id": _user({"type": "file", "file": {"file_id": "file-1"}}),
    "`input_audio`": _user({"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}),
    "`tool_calls` and their results": {"messages": _ROUND, "tools": [_TOOL]},
    "`tools`": {"tools": [_TOOL]},
    "`tools`: custom": {"tools": [{"type": "custom", "custom": {"name": "x"}}]},
    "`tool_choice: required`": {"tools": [_TOOL], "tool_choice": "required"},
    "`tool_choice: none`": {"tools": [_TOOL], "tool_choice": "none"},
    "`parallel_tool_calls: false`": {"tools": [_TOOL], "parallel_tool_calls": False},
    "`max_completion_tokens`, `max_tokens`": {"max_completion_tokens": 77},
    "`temperature: 0.5`": {"temperature": 0.5},
    "`temperature: 1.5`": {"temperature": 1.5},
    "`top_p`": {"top_p": 0.5},
    "`top_k`": {"top_k": 5},
    "`stop`": {"stop": ["END"]},
    "`frequency_penalty`": {"frequency_penalty": 0.5},
    "`presence_penalty`": {"presence_penalty": 0.5},
    "`logit_bias`": {"logit_bias": {"1": 5}},
    "`n`": {"n": 2},
    "`seed`": {"seed": 7},
    "`logprobs`": {"logprobs": True},
    "`response_format: json_schema`": {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "x", "schema": {"type": "object", "properties": {}}},
        }
    },
    "`response_format: json_object`": {"response_format": {"type": "json_object"}},
    "`reasoning_effort: low`": {"reasoning_effort": "low"},
    "`reasoning_effort: none`": {"reasoning_effort": "none"},
    "`verbosity`": {"verbosity": "low"},
    "`user`, `safety_identifier`": {"user": "ann"},
    "`metadata`": {"metadata": {"a": "b"}},
    "`store: true`": {"store": True},
    "`service_tier: default`": {"service_tier": "default"},
    "`service_tier: flex`": {"service_tier": "flex"},
    "`prompt_cache_key`": {"prompt_cache_key": "x"},
    "cache breakpoint": _user({"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}),
    "`web_search_options`": {"web_search_options": {}},
    "`modalities: [audio]`": {"modalities": ["text", "audio"]},
    "`prediction`, and what nobody knows": {"prediction": {"type": "content"}},
}
"""A request for each row, laid over a plain one."""


def _asked(*blocks: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}, *blocks]}]}


_USE = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
_RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "x"}
_LOOK = {"name": "look", "input_schema": {"type": "object", "properties": {}}}
_MESSAGES: Mapping[str, dict[str, Any]] = {
    "`system`": {"system": [{"type": "text", "text": "a"}]},
    "`role: system` inside": {
        "messages": [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]
    },
    "image, base64": _asked(
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": _PIXEL}}
    ),
    "image, by URL": _asked({"type": "image", "source": {"type": "url", "url": "https://a.example/x.png"}}),
    "document, pdf": _asked(
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
        }
    ),
    "document, text": _asked(
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}
    ),
    "document, by URL": _asked({"type": "document", "source": {"type": "url", "url": "https://a.example/x"}}),
    "`tool_use` and `tool_result`": {
        "tools": [_LOOK],
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": [_USE]},
            {"role": "user", "content": [_RESULT]},
        ],
    },
    "`tools`": {"tools": [_LOOK]},
    "tools that Anthropic runs": {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
    "`tool_choice: any`": {"tools": [_LOOK], "tool_choice": {"type": "any"}},
    "`disable_parallel_tool_use`": {
        "tools": [_LOOK],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    },
    "`max_tokens`": {"max_tokens": 77},
    "`temperature: 0.5`": {"temperature": 0.5},
    "`top_p`": {"top_p": 0.5},
    "`top_k`": {"top_k": 5},
    "`stop_sequences`": {"stop_sequences": ["END"]},
    "`thinking: enabled`": {"thinking": {"type": "enabled", "budget_tokens": 2000}},
    "`thinking: disabled`": {"thinking": {"type": "disabled"}},
    "`output_config.effort`": {"output_config": {"effort": "high"}},
    "`output_config.format`": {
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object", "properties": {}}}}
    },
    "`cache_control`": _asked({"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}),
    "`metadata.user_id`": {"metadata": {"user_id": "ann"}},
    "`service_tier: auto`": {"service_tier": "auto"},
    "`container`, and what nobody knows": {"container": "c"},
}
_PLAIN: Mapping[Operation, dict[str, Any]] = {
    Operation.CHAT: {"model": "m", "messages": [{"role": "user", "content": "Hi"}]},
    Operation.MESSAGES: {"model": "m", "max_tokens": 20_000, "messages": [{"role": "user", "content": "Hi"}]},
}
_REFUSED, _SILENT = "✗", "omitted"


def _talk(operation: Operation, backend: Backend) -> Conversation:
    row = profile_of(backend)
    means = Means(
        terms=TermsOf(backend, row),
        mint=lambda: "0" * 24,
        clock=lambda: 0.0,
        estimate=lambda _model, _request: 1,
        learn=lambda _model, _request, _counted: None,
        max_event=backend.max_event_size,
    )
    found = conversation(operation, row, bare=False, means=means)
    if found is None:
        raise LookupError(f"{operation.value} cannot be said to {backend.provider}")
    return found


def _sent(talk: Conversation, body: Mapping[str, Any], model: str | None) -> dict[str, Any]:
    fields = msgspec.json.decode(msgspec.json.encode(body), type=dict[str, msgspec.Raw])
    outgoing = talk.outgoing(Asked(fields=fields, raw=b"", model=model))
    found: dict[str, Any] = msgspec.json.decode(outgoing.body)
    return found


def _cell(operation: Operation, backend: Backend, over: Mapping[str, Any]) -> str:
    """Return what becomes of a field: the fields that carry it, ``✗`` or ``omitted``."""
    talk, plain = _talk(operation, backend), _PLAIN[operation]
    try:
        found = _sent(talk, {**plain, **over}, backend.model)
    except UNSAYABLE:
        return _REFUSED
    except BadRequest as error:
        return f"400: {error.message}"
    changed = list(_changes(_sent(talk, plain, backend.model), found, ""))
    return ", ".join(f"`{path}`" for path in dict.fromkeys(changed)) or _SILENT


def _changes(before: Any, after: Any, at: str) -> Iterator[str]:
    """Return the paths of what ``after`` has and ``before`` has not; two steps are told."""
    for name, value in after.items():
        path = f"{at}.{name}" if at else name
        if name not in before or (before[name] != value and not isinstance(value, dict)):
            if isinstance(value, dict) and not at:
                yield from (f"{path}.{inner}" for inner in value)
            else:
                yield path
        elif before[name] != value:
            yield from _changes(before[name], value, path)


def _fields(title: str, operation: Operation, rows: Mapping[str, dict[str, Any]], same: str) -> str:
    columns = {name: backend for name, backend in _UPSTREAMS.items() if not name.startswith(same)}
    lines = [f"### {title}", "", f"| | {' | '.join(columns)} |", f"| --- {'| --- ' * len(columns)}|"]
    for row, over in rows.items():
        cells = [_cell(operation, backend, over) for backend in columns.values()]
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _finishes() -> str:
    lines = [
        "### Why an answer ended",
        "",
        "| an answer's end | read from chat | read from messages | told to chat callers | told to Anthropic callers |",
        "| --- | --- | --- | --- | --- |",
    ]
    for finish, word in OPENAI_WRITTEN.items():
        chat = ", ".join(f"`{said}`" for said, meant in OPENAI_READ.items() if meant is finish)
        messages = ", ".join(f"`{said}`" for said, meant in ANTHROPIC_READ.items() if meant is finish)
        lines.append(f"| {finish.value} | {chat} | {messages} | `{word}` | `{ANTHROPIC_WRITTEN[finish]}` |")
    return "\n".join([*lines, ""])


def _efforts() -> str:
    lines = ["### Thinking", "", "| effort | budget in tokens | told back as |", "| --- | --- | --- |"]
    lines += [f"| `{effort}` | {budget} | `{effort_of(budget)}` |" for effort, budget in BUDGETS.items()]
    return "\n".join([*lines, ""])


def _errors() -> str:
    lines = [
        "### An upstream's errors",
        "",
        "| kind | OpenAI callers | Anthropic callers |",
        "| --- | --- | --- |",
    ]
    for kind in FaultKind:
        error = error_for(Fault(kind=kind, message="…"))
        status, _, body = caller_dialect("/messages").write_error(error, request_id="")
        told = msgspec.json.decode(body)["error"]["type"]
        lines.append(
            f"| {kind.name.lower().replace('_', ' ')} | {error.status_code} `{error.error_code}` | {status} `{told}` |"
        )
    return "\n".join([*lines, ""])


def tables() -> str:
    """Return the generated part of the page."""
    return "\n".join(
        [
            _fields("From OpenAI chat", Operation.CHAT, _CHAT, "OpenAI"),
            _fields("From Anthropic messages", Operation.MESSAGES, _MESSAGES, "Anthropic"),
            _efforts(),
            _finishes(),
            _errors(),
        ]
    )


def main(arguments: Sequence[str], page: Path = PAGE) -> int:
    """Write the page, or with ``--check`` compare it; return 0 where it is current."""
    text = page.read_text(encoding="utf-8")
    before, start, _ = text.partition(START)
    if not start:
        sys.stderr.write(f"{page} lacks the line {START}")
        return 2
    wanted = f"{before}{START}\n{tables()}"
    if "--check" in arguments:
        if text != wanted:
            sys.stderr.write(f"{page} is not current: run python -m llmgw_middleware.config.dialects\n")
        return int(text != wanted)
    page.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
