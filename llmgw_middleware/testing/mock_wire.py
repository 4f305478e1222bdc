"""How a mock's answer looks on the wire, for each API that it shows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from llmgw_middleware.testing.mock_answers import MockAnswer, closing, completion, error_body, opening, spoken
from llmgw_middleware.testing.mock_faults import MockError

Lines = list[tuple[bytes, bytes]]


class Wire(Protocol):
    """One provider's wire format. Stateless."""

    content_type: bytes

    def asked(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the request as a chat completion would word it, model and ``stream`` included. Raises MockMisuse."""
        ...

    def whole(self, answer: MockAnswer) -> Any:
        """Return the complete answer."""
        ...

    def opening(self, answer: MockAnswer) -> Iterator[bytes]:
        """Yield the events before the first word."""
        ...

    def spoken(self, answer: MockAnswer) -> Iterator[bytes]:
        """Yield an event for every word, the choices taking turns."""
        ...

    def closing(self, answer: MockAnswer, *, usage: bool) -> Iterator[bytes]:
        """Yield the events after the last word. ``usage``: it was asked for, where that is a question."""
        ...

    def error(self, error: MockError) -> tuple[int, Lines, Any]:
        """Return status, headers and body of an error answer."""
        ...

    def failed(self, error: MockError) -> bytes:
        """Return an error as an event."""
        ...


def event(payload: Any, name: str | None = None) -> bytes:
    """Return a server-sent event."""
    head = b"" if name is None else b"event: " + name.encode() + b"\n"
    return (
        head + b"data: " + json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
    )


class OpenAIWire:
    """Chat completions. Implements ``Wire``."""

    content_type = b"text/event-stream; charset=utf-8"

    def asked(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002 - the body says it all
        """Return the request as it is."""
        return body

    def whole(self, answer: MockAnswer) -> Any:
        """Return the ``chat.completion``."""
        return completion(answer)

    def opening(self, answer: MockAnswer) -> Iterator[bytes]:
        """Yield the roles, and the head of a tool call."""
        return map(event, opening(answer))

    def spoken(self, answer: MockAnswer) -> Iterator[bytes]:
        """Yield a chunk for every word."""
        return map(event, spoken(answer))

    def closing(self, answer: MockAnswer, *, usage: bool) -> Iterator[bytes]:
        """Yield finishes, usage and the terminator."""
        yield from map(event, closing(answer, usage=usage))
        yield b"data: [DONE]\n\n"

    def error(self, error: MockError) -> tuple[int, Lines, Any]:
        """Return status and body of an error."""
        return error.status, [], error_body(error)

    def failed(self, error: MockError) -> bytes:
        """Return a chunk that is an error."""
        return event(error_body(error))


OPENAI = OpenAIWire()
