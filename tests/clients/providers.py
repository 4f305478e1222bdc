"""One ASGI application that is every provider: each at the paths of its own interface, and all of one mind."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.clients import (
    anthropic_provider,
    bedrock_provider,
    gemini_provider,
    openai_provider,
    responses_provider,
)
from tests.clients.speech import INPUT, Asked, Said, answer_to

UNKNOWN = "no-such-model"
"""A model that no provider has."""
Answer = tuple[int, str, Iterable[str | bytes]]
GEMINI = re.compile(r"/models/([^/:]+):(generateContent|streamGenerateContent)$")
BEDROCK = re.compile(r"/model/([^/]+)/(converse|converse-stream)$")


@dataclass
class Providers:
    """The application. ``seen`` are the requests as they came: path, headers and body."""

    seen: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise ValueError("this application speaks HTTP only")
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        document = json.loads(body) if body else {}
        self.seen.append((scope["path"], headers, document))
        status, kind, chunks = self._answer(scope["path"], document)
        head = [(b"content-type", kind.encode())]
        await send({"type": "http.response.start", "status": status, "headers": head})
        for chunk in chunks:
            data = chunk if isinstance(chunk, bytes) else chunk.encode()
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    def _answer(self, path: str, body: dict[str, Any]) -> Answer:  # noqa: PLR0911 - one for each interface
        if found := GEMINI.search(path):
            asked = gemini_provider.asked(body, found[1], stream=found[2].startswith("stream"))
            return self._say(gemini_provider, asked)
        if found := BEDROCK.search(path):
            asked = bedrock_provider.asked(body, found[1], stream=found[2].endswith("stream"))
            return self._say(bedrock_provider, asked, framed="application/vnd.amazon.eventstream")
        match path.rpartition("/")[2]:
            case "completions":
                return self._say(openai_provider, openai_provider.asked(body))
            case "messages":
                return self._say(anthropic_provider, anthropic_provider.asked(body))
            case "responses":
                return self._say(responses_provider, responses_provider.asked(body))
            case "embeddings":
                return _document(openai_provider.embeddings(body))
            case "count_tokens":
                return _document({"input_tokens": INPUT})
        return 404, "text/plain", [f"no provider answers at {path}"]

    def _say(self, dialect: Any, asked: Asked, framed: str = "text/event-stream") -> Answer:
        self.asked.append(asked)
        if asked.model == UNKNOWN:
            return _document(dialect.UNKNOWN_MODEL, status=404)
        said: Said = answer_to(asked)
        if asked.stream:
            return 200, framed, dialect.events(said, asked)
        return _document(dialect.whole(said, asked))


def _document(found: Any, *, status: int = 200) -> Answer:
    return status, "application/json", [json.dumps(found)]
