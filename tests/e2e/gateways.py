"""What the tests over real sockets put behind their doors: the real gateway, and an application around it."""

from __future__ import annotations

import json
from typing import Any

from llmgw_middleware.build import build_gateway
from llmgw_middleware.gateway import Gateway
from llmgw_middleware.testing.answers import LAST_CHUNK, chunk
from llmgw_middleware.testing.script import Script, Wait, raw
from llmgw_middleware.testing.streams import event_bytes, sse, stream_chunk, stream_chunks

STREAMED = json.dumps({"model": "m", "stream": True, "messages": []}).encode()
WHOLE = json.dumps({"model": "m", "messages": []}).encode()


def config_for(url: str, **gateway: Any) -> dict[str, Any]:
    """Return a configuration with one backend at ``url``; ``gateway`` are keys of that section."""
    return {
        "gateway": {"paths": ["/v1/*"], **gateway},
        "routes": [{"name": "chat", "path": "/v1/chat/completions", "backend": "only"}],
        "backends": [{"name": "only", "provider": "openai-compatible", "url": f"{url}/v1"}],
    }


def gateway_to(url: str, **gateway: Any) -> Gateway:
    """Return the real gateway with one backend at ``url``."""
    return build_gateway(config_for(url, **gateway), env={})


def events_on_demand(count: int) -> Script:
    """Return a stream whose event number ``n`` is sent when the upstream is told to ``release("event n")``.

    Event 0, the first content, comes by itself; after the last come the finish and ``[DONE]``.
    """
    script = sse(stream_chunks("token 0", finish=False), done=False, finish=False)
    for number in range(1, count):
        script += raw(
            Wait(f"event {number}"), chunk(event_bytes(stream_chunk({"content": f"token {number}"})))
        )
    end = event_bytes(stream_chunk({}, finish_reason="stop")) + event_bytes("[DONE]")
    return script + raw(chunk(end), LAST_CHUNK)


async def host(scope: Any, receive: Any, send: Any) -> None:
    """An application without a lifespan: it tells of the request as it came."""
    if scope["type"] != "http":
        raise ValueError("this application speaks HTTP only")
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    told = f"host {scope['method']} {scope['raw_path'].decode()} ".encode() + body
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(told))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": told})
