"""A mock of an OpenAI-compatible provider, kept so small that one core serves more than any Python gateway asks of it.

``python -m benchmarks.upstream [--cert FILE --key FILE]`` listens on a free port of 127.0.0.1 and prints it. What it
does is chosen by the request itself, in a member near the end of the body: ``"mock": "events=50,pause=10,wait=200"``.
Without ``events`` the answer is JSON; ``pause`` (ms) lies between events, ``wait`` (ms) before the answer.
Every event carries the time of its sending on the monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import time
from dataclasses import dataclass
from typing import cast

import uvloop

MARK = b'"mock":"'
TAIL = 300
"""The member that says what to do stands within the last bytes of a body."""

_JSON = json.dumps({
    "id": "chatcmpl-bench",
    "object": "chat.completion",
    "created": 1700000000,
    "model": "bench",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "word " * 130}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 210, "completion_tokens": 130, "total_tokens": 340},
}).encode()  # fmt: skip
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
    len(_JSON),
    _JSON,
)
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """Return ``data`` as one chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def _event(delta: str, finish: str) -> bytes:
    head = '"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"bench"'
    text = f'{{{head},"choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]}}'
    return f"data: {text}\n\n".encode()


_BEFORE, _AFTER = _event('{"content":"word @%019d "}', "null").split(b"%019d")
ROLE = chunk(_event('{"role":"assistant","content":""}', "null"))
LAST = chunk(_event("{}", '"stop"')) + chunk(b"data: [DONE]\n\n") + END
_SIZE = b"%x\r\n" % (len(_BEFORE) + 19 + len(_AFTER))


def content() -> bytes:
    """Return one event of content, stamped with the time of now, as a chunk."""
    return b"%s%s%019d%s\r\n" % (_SIZE, _BEFORE, time.monotonic_ns(), _AFTER)


@dataclass(frozen=True, slots=True)
class Script:
    """What to do with a request. Times in seconds; ``events`` 0 asks for JSON."""

    events: int = 0
    pause: float = 0.0
    wait: float = 0.0


def script_of(text: bytes) -> Script:
    """Read ``events=50,pause=10,wait=200``; unknown words are an error."""
    words = dict(part.split("=") for part in text.decode().split(",") if part)
    script = Script(
        events=int(words.pop("events", 0)),
        pause=float(words.pop("pause", 0)) / 1000,
        wait=float(words.pop("wait", 0)) / 1000,
    )
    if words:
        raise ValueError(f"the mock knows no {', '.join(words)}")
    return script


class Scripts:
    """Finds the script of a body, reading each text once."""

    def __init__(self) -> None:
        self._known: dict[bytes, Script] = {}

    def of(self, body: bytes) -> Script:
        """Return what ``body`` asks for."""
        start = body.rfind(MARK, max(0, len(body) - TAIL))
        text = b"" if start < 0 else body[start + len(MARK) : body.index(b'"', start + len(MARK))]
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = script_of(text)
        return found


class Connection(asyncio.Protocol):
    """Answers one request after the other; callers do not pipeline."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._waiting = b""
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._later = asyncio.get_running_loop().call_later

    def connection_lost(self, _: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        if self._waiting:
            data = self._waiting + data
        body = body_of(data)
        if body is None:
            self._waiting = data
            return
        self._waiting = b""
        script = self._scripts.of(body)
        if script.wait:
            self._timer = self._later(script.wait, self._answer, script)
        else:
            self._answer(script)

    def _answer(self, script: Script) -> None:
        if not script.events:
            self._transport.write(ANSWER)
        elif not script.pause:
            events = b"".join([content() for _ in range(script.events)])
            self._transport.write(STREAM + ROLE + events + LAST)
        else:
            self._transport.write(STREAM + ROLE)
            self._next(script, script.events)

    def _next(self, script: Script, left: int) -> None:
        if left:
            self._transport.write(content())
            self._timer = self._later(script.pause, self._next, script, left - 1)
        else:
            self._transport.write(LAST)


def body_of(data: bytes) -> bytes | None:
    """Return the body of the request in ``data``, or None until it is complete."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = data[:end].lower()
    at = head.find(b"\r\ncontent-length:")
    size = 0 if at < 0 else int(head[at + 17 :].split(b"\r\n", 1)[0])
    return data[end + 4 :] if len(data) - end - 4 >= size else None


async def serve(cert: str | None, key: str | None) -> None:
    """Listen until cancelled; the port is printed first."""
    context = None
    if cert is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(cert, key)
    scripts = Scripts()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(scripts), "127.0.0.1", 0, ssl=context, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.upstream", description=__doc__)
    parser.add_argument("--cert")
    parser.add_argument("--key")
    asked = parser.parse_args()
    uvloop.run(serve(asked.cert, asked.key))


if __name__ == "__main__":
    main()
