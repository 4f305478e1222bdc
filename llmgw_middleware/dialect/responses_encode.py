"""Answers worded as OpenAI's Responses: the events of a stream, and the object at its end, which is a whole answer, too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from llmgw_middleware.dialect.chat import Source
from llmgw_middleware.dialect.chat_event import (
    Carrier,
    ChatEvent,
    Citation,
    Finish,
    Finished,
    Refusal,
    Started,
    Text,
    Thinking,
    ToolArguments,
    ToolStarted,
    UsageSeen,
)
from llmgw_middleware.dialect.chat_port import Scene
from llmgw_middleware.dialect.responses_carrier import packed
from llmgw_middleware.model.usage import Usage

_encode = msgspec.json.encode
Item = dict[str, Any]


def write_usage(usage: Usage) -> Item:
    """Return counts as Responses word them."""
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }


class ResponsesEncoder:
    """Writes one stream. Implements ``chat_port.Encoder``.

    ``sequence_number`` rises by one from event to event; places in ``output`` are given once; what was told in pieces
    is told again whole in the ``…done`` events and in the last one.
    """

    __slots__ = (
        "_calls",
        "_end",
        "_message",
        "_number",
        "_out",
        "_part",
        "_reasoning",
        "_response",
        "_scene",
        "_usage",
    )

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._out: list[bytes] = []
        self._number = 0
        self._response: Item = {}
        self._message: Item | None = None
        self._part: Item | None = None
        self._reasoning: Item | None = None
        self._calls: dict[int, Item] = {}
        self._usage: Usage | None = None
        self._end = Finished(Finish.STOP)

    def __repr__(self) -> str:
        return f"<ResponsesEncoder {self._number} events, {len(self._response.get('output', ()))} items>"

    def write(self, events: Iterable[ChatEvent]) -> bytes:
        """Return the events that say these."""
        for event in events:
            self._write(event)
        return self._taken()

    def close(self) -> bytes:
        """Close what is open, and tell the whole answer."""
        response = self.final()
        self._tell(f"response.{response['status']}", response=response)
        return self._taken()

    def final(self) -> Item:
        """Close what is open; return the whole answer."""
        self._begin(None)
        self._close_message()
        self._close_reasoning()
        for item in self._calls.values():
            self._close_call(item)
        response, reason = self._response, self._end.reason
        cut = {Finish.LENGTH: "max_output_tokens", Finish.FILTERED: "content_filter"}.get(reason)
        response["status"] = "completed" if cut is None else "incomplete"
        response["incomplete_details"] = None if cut is None else {"reason": cut}
        response["usage"] = None if self._usage is None else write_usage(self._usage)
        return response

    def _write(self, event: ChatEvent) -> None:
        match event:
            case Text(text):
                self._say("output_text", "text", text)
            case Refusal(text):
                self._say("refusal", "refusal", text)
            case Thinking(text):
                self._think(text)
            case Carrier(kind, data, family, None):
                self._carry(packed(family, kind, data) if family != "openai" else data.partition(":")[2])
            case ToolStarted():
                self._call(event)
            case ToolArguments(tool, text):
                self._argue(tool, text)
            case Citation(source):
                self._cite(source)
            case _:
                self._note(event)

    def _note(self, event: ChatEvent) -> None:
        if isinstance(event, Started):
            self._begin(event)
        elif isinstance(event, UsageSeen):
            self._usage = event.usage
        elif isinstance(event, Finished):
            self._end = event

    def _begin(self, started: Started | None) -> None:
        if self._response:
            return
        scene, request = self._scene, self._scene.request
        self._usage = None if started is None else started.usage
        self._response = {
            "id": f"resp_{scene.mint()}",
            "object": "response",
            "created_at": scene.created,
            "status": "in_progress",
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "max_output_tokens": request.max_tokens,
            "model": (started.model if started is not None else None) or scene.model or "",
            "output": [],
            "parallel_tool_calls": request.parallel_tools is not False,
            "previous_response_id": None,
            "reasoning": {
                "effort": None if request.reasoning is None else request.reasoning.effort,
                "summary": None,
            },
            "store": False,
            "temperature": request.temperature,
            "text": {"format": {"type": "text"}},
            "tool_choice": "auto",
            "tools": [],
            "top_p": request.top_p,
            "truncation": "disabled",
            "usage": None,
            "metadata": {},
        }
        self._tell("response.created", response=self._response)
        self._tell("response.in_progress", response=self._response)

    def _tell(self, kind: str, **fields: Any) -> None:
        payload = {"type": kind, "sequence_number": self._number, **fields}
        self._number += 1
        self._out.append(b"event: " + kind.encode() + b"\ndata: " + _encode(payload) + b"\n\n")

    def _taken(self) -> bytes:
        out, self._out = b"".join(self._out), []
        return out

    def _open(self, item: Item) -> Item:
        """Put an item into the output, and tell of it."""
        self._begin(None)
        self._response["output"].append(item)
        self._tell("response.output_item.added", output_index=self._place(item), item=item)
        return item

    def _place(self, item: Item) -> int:
        return next(place for place, other in enumerate(self._response["output"]) if other is item)

    def _say(self, kind: str, field: str, text: str) -> None:
        self._close_reasoning()
        if self._message is None:
            self._message = self._open(
                {
                    "type": "message",
                    "id": f"msg_{self._scene.mint()}",
                    "status": "in_progress",
                    "role": "assistant",
                    "content": [],
                }
            )
        if self._part is None or self._part["type"] != kind:
            self._close_part()
            empty: Item = {"annotations": [], "logprobs": []} if kind == "output_text" else {}
            self._part = {"type": kind, field: "", **empty}
            self._message["content"].append(self._part)
            self._tell("response.content_part.added", **self._where(), part=self._part)
        self._part[field] += text
        more: Item = {"logprobs": []} if kind == "output_text" else {}
        self._tell(f"response.{kind}.delta", **self._where(), delta=text, **more)

    def _where(self) -> Item:
        message = self._message or {}
        return {
            "item_id": message["id"],
            "output_index": self._place(message),
            "content_index": len(message["content"]) - 1,
        }

    def _close_part(self) -> None:
        part, self._part = self._part, None
        if part is None:
            return
        if part["type"] == "output_text":
            self._tell("response.output_text.done", **self._where(), text=part["text"], logprobs=[])
        else:
            self._tell("response.refusal.done", **self._where(), refusal=part["refusal"])
        self._tell("response.content_part.done", **self._where(), part=part)

    def _close_message(self) -> None:
        self._close_part()
        message, self._message = self._message, None
        if message is not None:
            self._done(message)

    def _done(self, item: Item) -> None:
        cut = self._end.reason in {Finish.LENGTH, Finish.FILTERED}
        if "status" in item:
            item["status"] = "incomplete" if cut else "completed"
        self._tell("response.output_item.done", output_index=self._place(item), item=item)

    def _think(self, text: str) -> None:
        self._close_message()
        item = self._reasoning or self._open_reasoning()
        where = {"item_id": item["id"], "output_index": self._place(item), "summary_index": 0}
        if not item["summary"]:
            item["summary"].append({"type": "summary_text", "text": ""})
            self._tell("response.reasoning_summary_part.added", **where, part=item["summary"][0])
        item["summary"][0]["text"] += text
        self._tell("response.reasoning_summary_text.delta", **where, delta=text)

    def _open_reasoning(self) -> Item:
        item = self._reasoning = self._open(
            {"type": "reasoning", "id": f"rs_{self._scene.mint()}", "summary": []}
        )
        return item

    def _carry(self, proof: str) -> None:
        """Close the thoughts with what must come back with them."""
        self._close_message()
        item = self._reasoning or self._open_reasoning()
        item["encrypted_content"] = proof
        self._close_reasoning()

    def _close_reasoning(self) -> None:
        item, self._reasoning = self._reasoning, None
        if item is None:
            return
        if item["summary"]:
            where = {"item_id": item["id"], "output_index": self._place(item), "summary_index": 0}
            part = item["summary"][0]
            self._tell("response.reasoning_summary_text.done", **where, text=part["text"])
            self._tell("response.reasoning_summary_part.done", **where, part=part)
        self._done(item)

    def _call(self, event: ToolStarted) -> None:
        self._close_message()
        self._close_reasoning()
        kind, field, start = (
            ("custom_tool_call", "input", "ctc_") if event.custom else ("function_call", "arguments", "fc_")
        )
        item = {
            "type": kind,
            "id": start + self._scene.mint(),
            "call_id": event.id,
            "name": event.name,
            field: "",
            "status": "in_progress",
        }
        self._calls[event.tool] = self._open(item)

    def _argue(self, tool: int, text: str) -> None:
        item = self._calls[tool]
        field = "input" if item["type"] == "custom_tool_call" else "arguments"
        item[field] += text
        kind = "custom_tool_call_input" if field == "input" else "function_call_arguments"
        self._tell(f"response.{kind}.delta", item_id=item["id"], output_index=self._place(item), delta=text)

    def _close_call(self, item: Item) -> None:
        where = {"item_id": item["id"], "output_index": self._place(item)}
        if item["type"] == "custom_tool_call":
            self._tell("response.custom_tool_call_input.done", **where, input=item["input"])
        else:
            item["arguments"] = item["arguments"] or "{}"
            self._tell(
                "response.function_call_arguments.done",
                **where,
                name=item["name"],
                arguments=item["arguments"],
            )
        self._done(item)

    def _cite(self, source: Source) -> None:
        part = self._part
        if part is None or part["type"] != "output_text" or source.url is None:
            return
        end = len(part["text"])
        annotation = {
            "type": "url_citation",
            "url": source.url,
            "title": source.title or "",
            "start_index": min(source.start or 0, end),
            "end_index": end if source.end is None else min(source.end, end),
        }
        part["annotations"].append(annotation)
        number = len(part["annotations"]) - 1
        self._tell(
            "response.output_text.annotation.added",
            **self._where(),
            annotation_index=number,
            annotation=annotation,
        )
