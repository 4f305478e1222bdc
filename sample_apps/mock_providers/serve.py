"""The demo's upstreams: three mock providers on one port, told apart by the first segment of the path.

``python serve.py --port 8001`` serves ``/openai/v1/…``, ``/azure/v1/…`` and ``/anthropic/v1/…`` in OpenAI's form, and a
switchboard: ``GET /states`` tells how each provider does, ``PUT /states/azure`` with ``{"state": "down"}`` changes it.
Everything else that a mock can do is under its own path, such as ``GET /openai/_mock/requests``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from types import MappingProxyType
from typing import Any

import uvicorn

from llmgw_middleware.testing.mock import create_mock

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PROVIDERS: Mapping[str, str] = MappingProxyType(
    {"openai": "OpenAI", "azure": "Azure", "anthropic": "Anthropic"}
)
"""By the path's first segment: what the provider calls itself in its answers."""

STATES: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "up": {},
        "slow": {"latency": "2s", "gap": "80ms"},
        "down": {"error": 503},
        "cut": {"cut": 14},
    }
)
"""What each state does to every request, in the words of the mock's control endpoint."""


class Providers:
    """The application: a mock per provider, and the state that each is in."""

    def __init__(self) -> None:
        self._mocks = {name: create_mock(f"{label} (mock)") for name, label in PROVIDERS.items()}
        self._states = dict.fromkeys(PROVIDERS, "up")

    def __repr__(self) -> str:
        return f"<Providers {self._states}>"

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        first, _, rest = scope["path"].lstrip("/").partition("/")
        if first in self._mocks:
            await self._mocks[first](scope, receive, send)
        elif first == "states":
            status, content = self._switch(scope["method"], rest, await body_of(receive))
            await answer(send, status, content)
        else:
            await answer(send, 404, {"error": f"Here are /states and /{', /'.join(self._mocks)}."})

    def _switch(self, method: str, name: str, body: bytes) -> tuple[int, Mapping[str, str]]:
        if method == "PUT":
            state = json.loads(body).get("state")
            if name not in self._mocks or state not in STATES:
                return 400, {
                    "error": f"A provider is {', '.join(PROVIDERS)}; a state is {', '.join(STATES)}."
                }
            mock = self._mocks[name]
            mock.rules.clear()
            if STATES[state]:
                mock.control(**STATES[state])
            self._states[name] = state
        return 200, self._states


async def body_of(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def answer(send: Send, status: int, content: Mapping[str, str]) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(content).encode()})


def main() -> None:
    parser = argparse.ArgumentParser(description="Mock providers for the sample applications.")
    parser.add_argument("--port", type=int, default=8001, help="where they listen (default: 8001)")
    port = parser.parse_args().port
    uvicorn.run(Providers(), host="127.0.0.1", port=port, lifespan="off", log_level="warning")


if __name__ == "__main__":
    main()
