"""Whole HTTP answers for a scripted upstream, in the wire format of OpenAI."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from llmgw_middleware.testing.script import Script, Send, raw

HeaderLines = Mapping[str, str] | Iterable[tuple[str, str]]
"""Headers as a mapping, or as pairs where a name may come twice."""

CREATED = 1_700_000_000
"""The ``created`` of every object that is answered."""


def pairs(headers: HeaderLines) -> list[tuple[str, str]]:
    """Return the headers as a list of pairs."""
    return list(headers.items() if isinstance(headers, Mapping) else headers)


def head(status: int, headers: HeaderLines) -> bytes:
    """Return the status line and headers, with the blank line."""
    reason = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Unknown"
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in pairs(headers))]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(data: bytes) -> bytes:
    """Return ``data`` as one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
"""The end of a chunked body."""


def answer(
    status: int = 200,
    *,
    json: Any = None,
    body: bytes | str | None = None,
    headers: HeaderLines = (),
    chunked: bool = False,
) -> Script:
    """Answer with ``json`` or ``body``.

    Content-type and content-length are added unless ``headers`` name them; ``chunked`` sends the body as one chunk
    instead of with its length.
    """
    content = (
        jsonlib.dumps(json).encode() if body is None else body.encode() if isinstance(body, str) else body
    )
    lines = pairs(headers)
    named = {name.lower() for name, _ in lines}
    if "content-type" not in named:
        lines.append(("content-type", "application/json" if body is None else "text/plain; charset=utf-8"))
    if chunked:
        return raw(head(status, [*lines, ("transfer-encoding", "chunked")]) + chunk(content) + LAST_CHUNK)
    if "content-length" not in named:
        lines.append(("content-length", str(len(content))))
    return Script((Send(head(status, lines) + content),))


def usage_of(prompt: int = 9, completion: int = 3) -> dict[str, int]:
    """Return a usage object with its total."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def chat(
    text: str = "hello",
    *,
    model: str = "mock-model",
    usage: bool = True,
    finish_reason: str = "stop",
    headers: HeaderLines = (),
) -> Script:
    """Answer with a complete ``chat.completion``."""
    message = {"role": "assistant", "content": text, "refusal": None}
    completion: dict[str, Any] = {
        "id": "chatcmpl-mock",
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}],
    }
    if usage:
        completion["usage"] = usage_of()
    return answer(json=completion, headers=headers)


def error_body(message: str, *, kind: str, code: str | None, param: str | None = None) -> dict[str, Any]:
    """Return OpenAI's error object."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def error(
    status: int = 500,
    *,
    message: str = "The server had an error.",
    kind: str = "server_error",
    code: str | None = None,
    headers: HeaderLines = (),
) -> Script:
    """Answer with an error object of OpenAI."""
    return answer(status, json=error_body(message, kind=kind, code=code), headers=headers)
