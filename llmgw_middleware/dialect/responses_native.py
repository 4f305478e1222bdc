"""Callers of ``/responses`` and backends that serve it: pass-through, with the tap beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from llmgw_middleware.dialect.adjust import Unsupported
from llmgw_middleware.dialect.chat import ChatRequest
from llmgw_middleware.dialect.chat_port import Means
from llmgw_middleware.dialect.openai_errors import fault_in_stream, read_error
from llmgw_middleware.dialect.openai_request import request_body, request_headers
from llmgw_middleware.dialect.port import Asked, MalformedReply, Outgoing, Piece, Receipt, StreamTap
from llmgw_middleware.dialect.provider import Profile
from llmgw_middleware.dialect.responses import ResponsesCaller, ResponsesUpstream
from llmgw_middleware.dialect.responses_decode import ENDS, fault_of, read_usage
from llmgw_middleware.dialect.sse import MAX_EVENT, EventTooLong, Splitter, read_event
from llmgw_middleware.dialect.translation import EVENT_STREAM, JSON, WholeTap, gathered
from llmgw_middleware.model.fault import Fault, FaultKind
from llmgw_middleware.model.http import Header
from llmgw_middleware.model.usage import Usage

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_CALLS = frozenset({"function_call", "custom_tool_call"})


class _Event(msgspec.Struct, gc=False):
    # Any: only what is looked at must be of its kind.
    type: Any = None
    delta: Any = None
    item: Any = None
    response: Any = None
    error: Any = None


class _Response(msgspec.Struct, gc=False):
    id: Any = None
    output: msgspec.Raw = msgspec.Raw(b"")
    error: Any = None
    model: Any = None
    usage: Any = None
    status: Any = None


_decode = msgspec.json.Decoder(_Event).decode
_decode_response = msgspec.json.Decoder(_Response).decode


class ResponsesNative:
    """Implements ``port.Conversation``. Unknown fields, items and events survive in both directions."""

    __slots__ = ("_means", "_owner", "_owners", "_profile")

    def __init__(self, profile: Profile, means: Means) -> None:
        self._profile = profile
        self._means = means
        self._owner, self._owners = means.name, means.owners

    def __repr__(self) -> str:
        return "<ResponsesNative>"

    def outgoing(self, asked: Asked) -> Outgoing:
        """Word the request. Nothing changes but ``model``. Raises Unsupported for what leans on another backend's memory."""
        fields, model = asked.fields, asked.model
        if fields is not None and self._owners.elsewhere(fields, self._owner):
            raise Unsupported(
                "The response that this request continues is kept by a backend that this route does not lead to.",
                param="previous_response_id",
            )
        return Outgoing(
            path=self._profile.path("/responses", model),
            headers=request_headers(asked.headers, stream=asked.stream),
            body=asked.raw
            if fields is None
            else request_body(fields, intact=asked.raw if asked.intact else None, model=model, usage=False),
        )

    def tap(self, outgoing: Outgoing, content_type: str, *, show_usage: bool) -> StreamTap | None:  # noqa: ARG002 - usage is always shown
        """Return a fresh tap."""
        if content_type == EVENT_STREAM:
            return ResponsesTap(max_event=self._means.max_event, kept=self._keep)
        if content_type != JSON:
            return None
        scene = self._means.scene(ChatRequest(include_usage=True))
        return WholeTap(
            lambda body: ResponsesUpstream().read_reply(body, scene), ResponsesCaller().encoder(scene)
        )

    def read_reply(self, outgoing: Outgoing, body: bytes, content_type: str) -> Receipt:  # noqa: ARG002 - an answer tells all by itself
        """Read a response, one that is still queued included; raises MalformedReply."""
        if content_type == EVENT_STREAM:
            scene = self._means.scene(ChatRequest(include_usage=True))
            reply = gathered(ResponsesUpstream().decoder(scene, content_type), body)
            return Receipt(
                body=ResponsesCaller().write_reply(reply, scene), model=reply.model, usage=reply.usage
            )
        try:
            if not body.isascii():
                body.decode()
            found = _decode_response(body)
        except _UNREADABLE as problem:
            raise MalformedReply(f"the answer is no response: {problem}") from problem
        if bytes(found.output)[:1] != b"[":
            raise MalformedReply("the answer has no list of output")
        if found.status == "failed" or found.error:
            raise MalformedReply("the answer has a status of success and says that it failed")
        self._keep(found.id)
        model = found.model if isinstance(found.model, str) else None
        return Receipt(body=body, model=model, usage=read_usage(found.usage))

    def _keep(self, identity: object) -> None:
        self._owners.remember(identity, self._owner)

    def read_error(self, status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:
        """Read an error answer."""
        return read_error(status, headers, body, now=now)


class ResponsesTap:
    """Reads one stream of a response; every event is forwarded byte for byte. Implements ``port.StreamTap``.

    The event that holds the whole answer ends it, and nothing after it is forwarded (some servers say ``[DONE]``).
    ``kept`` hears the id of the response as soon as it is told.
    """

    __slots__ = ("_kept", "_splitter", "done", "fault", "finished", "malformed", "model", "usage")

    def __init__(self, *, max_event: int = MAX_EVENT, kept: Callable[[object], None] | None = None) -> None:
        self._kept = kept
        self.fault: Fault | None = None
        self.finished = False
        self.done = False
        self.usage: Usage | None = None
        self.model: str | None = None
        self.malformed = 0
        self._splitter = Splitter(max_event)

    def __repr__(self) -> str:
        state = self.fault.kind.value if self.fault is not None else "done" if self.done else "open"
        return f"<ResponsesTap {state}, {self.malformed} malformed>"

    def feed(self, data: bytes) -> Sequence[Piece]:
        """Take bytes split anywhere; return what may go to the caller now."""
        if self._over():
            return ()
        try:
            return self._run(self._splitter.feed(data))
        except EventTooLong as problem:
            pieces = self._run(problem.events)
            if not self._over():
                self.fault = Fault(kind=FaultKind.PROTOCOL, message=str(problem))
            return pieces

    def close(self) -> Sequence[Piece]:
        """Take the upstream's end. A last event without its blank line counts."""
        if self._over():
            return ()
        rest = self._splitter.close()
        pieces = self._run([rest.rstrip(b"\r\n") + b"\n\n"]) if rest.strip() else ()
        if not self._over():
            self.fault = Fault(kind=FaultKind.TRUNCATED, message="the stream ended before its finish")
        return pieces

    def _over(self) -> bool:
        return self.done or self.fault is not None

    def _run(self, events: Sequence[bytes]) -> Sequence[Piece]:
        out: list[bytes] = []
        content = False
        for event in events:
            said = self._judge(event)
            if said is None:
                continue
            content |= said
            out.append(event)
            if self.done:
                break
        return (Piece(b"".join(out), content),) if out else ()

    def _judge(self, event: bytes) -> bool | None:
        """Return whether an event is content; None keeps it from the caller."""
        if self.fault is not None:
            return None
        _, data = read_event(event)
        if data is None or not data.strip():
            return False
        if data.strip() == b"[DONE]":
            return None
        try:
            data.decode()
            said = _decode(data)
        except _UNREADABLE:
            self.malformed += 1
            return None
        return self._heed(said, data)

    def _heed(self, said: _Event, data: bytes) -> bool | None:
        kind = said.type if isinstance(said.type, str) else ""
        if kind == "error" or (not kind and said.error):
            self.fault = fault_in_stream(data)
            return None
        response = said.response if isinstance(said.response, dict) else {}
        if kind == "response.failed":
            self.fault = fault_of(response)
            return None
        if self._kept is not None and response.get("id"):
            self._kept(response["id"])
            self._kept = None
        if self.model is None and isinstance(response.get("model"), str):
            self.model = response["model"]
        if kind in ENDS:
            self.finished = self.done = True
            self.usage = read_usage(response.get("usage"))
            return True  # even an answer that says nothing is the answer
        if kind == "response.output_item.added":
            return isinstance(said.item, dict) and said.item.get("type") in _CALLS
        return kind.endswith(".delta") and bool(said.delta)
