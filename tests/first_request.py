"""Run by itself: asks a gateway once, and prints the status and the modules that were loaded meanwhile."""

import asyncio
import json
import sys
from typing import Any

from llmgw_middleware import LLMGatewayMiddleware

COMPLETION = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"},
    ],
    "data": [],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
QUESTION = {
    "model": "m",
    "max_tokens": 1,
    "input": "Hi",
    "messages": [{"role": "user", "content": "Hi"}],
}


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(65536)
    body = json.dumps(COMPLETION).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    writer.write(head + body)
    await writer.drain()


def gateway(path: str, port: int) -> LLMGatewayMiddleware:
    backend = {
        "name": "b",
        "url": f"http://127.0.0.1:{port}/v1",
        "price": {"input": 0, "output": 0},
        "quirks": {"responses": False},
    }
    route = {"path": path, "backend": "b", "passthrough": True, "onUnsupported": "drop"}

    async def host(*_: Any) -> None:
        raise AssertionError("this path is the gateway's")

    return LLMGatewayMiddleware(host, config={"routes": [route], "backends": [backend]})


async def ask(app: LLMGatewayMiddleware, path: str) -> int:
    waiting = [{"type": "http.request", "body": json.dumps(QUESTION).encode(), "more_body": False}]
    sent: list[Any] = []

    async def receive() -> Any:
        return waiting.pop() if waiting else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers}
    await app(scope, receive, send)
    status: int = sent[0]["status"]
    return status


async def main(path: str) -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    app = gateway(path, server.sockets[0].getsockname()[1])
    before = set(sys.modules)
    status = await asyncio.wait_for(ask(app, path), 30)
    print(status, *sorted(set(sys.modules) - before))
    server.close()


asyncio.run(main(sys.argv[1]))
