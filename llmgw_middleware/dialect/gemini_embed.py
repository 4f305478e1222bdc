"""Embeddings by Gemini (``batchEmbedContents``) and by Vertex (``predict``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from llmgw_middleware.dialect.chat_port import Means
from llmgw_middleware.dialect.embedding import ESTIMATED, EmbeddingAsk, guessed, read_ask, write_embeddings
from llmgw_middleware.dialect.gemini_errors import read_error
from llmgw_middleware.dialect.gemini_request import model_path
from llmgw_middleware.dialect.loose import count, mapping, objects
from llmgw_middleware.dialect.port import Asked, MalformedReply, Outgoing, Receipt, StreamTap
from llmgw_middleware.model.fault import Fault
from llmgw_middleware.model.http import Header
from llmgw_middleware.model.usage import Usage

_JSON: tuple[Header, ...] = ((b"content-type", b"application/json"), (b"accept", b"application/json"))
_TASKS: Mapping[str, str] = {
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
    "search_document": "RETRIEVAL_DOCUMENT",
    "search_query": "RETRIEVAL_QUERY",
}


class GeminiEmbeddings:
    """Implements ``port.Conversation``."""

    __slots__ = ("_means",)

    def __init__(self, means: Means) -> None:
        self._means = means

    def __repr__(self) -> str:
        return "<GeminiEmbeddings>"

    def outgoing(self, asked: Asked) -> Outgoing:
        """Word the request. Raises BadRequest, Unsupported among them."""
        terms = self._means.terms(asked.model, asked.on_unsupported)
        ask = read_ask(asked, terms.on_unsupported)
        vertex = "project" in terms.place
        body = _instances(ask) if vertex else _requests(ask, asked.model)
        return Outgoing(
            path=model_path(asked.model, "predict" if vertex else "batchEmbedContents"),
            headers=_JSON,
            body=msgspec.json.encode(body),
            dropped=ask.dropped,
            remember=(ask, asked.model),
        )

    def tap(self, outgoing: Outgoing, content_type: str, *, show_usage: bool) -> StreamTap | None:  # noqa: ARG002 - it has no streams
        """Return nothing: embeddings have no streams."""
        return None

    def read_reply(self, outgoing: Outgoing, body: bytes, content_type: str) -> Receipt:  # noqa: ARG002 - it has one form
        """Read the vectors; raises MalformedReply."""
        ask, model = outgoing.remember
        try:
            found = mapping(msgspec.json.decode(body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise MalformedReply(f"the answer is no JSON: {problem}") from problem
        rows = objects(found.get("embeddings")) or [
            mapping(p.get("embeddings")) for p in objects(found.get("predictions"))
        ]
        vectors = [row.get("values") for row in rows]
        if len(vectors) != len(ask.texts) or not all(isinstance(vector, list) for vector in vectors):
            raise MalformedReply("the answer has not one vector for each text")
        counted = _counted(found, rows)
        usage = counted or guessed(ask)
        return Receipt(
            body=write_embeddings(ask, [vector or [] for vector in vectors], model, usage),
            model=model,
            usage=usage,
            headers=() if counted else ESTIMATED,
        )

    def read_error(self, status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:
        """Read an error answer."""
        return read_error(status, headers, body, now=now)


def _requests(ask: EmbeddingAsk, model: str | None) -> dict[str, Any]:
    options: dict[str, Any] = {"outputDimensionality": ask.dimensions, "taskType": _task(ask)}
    said = {name: value for name, value in options.items() if value is not None}
    name = f"models/{(model or '').removeprefix('models/')}"
    return {
        "requests": [{"model": name, "content": {"parts": [{"text": text}]}, **said} for text in ask.texts]
    }


def _instances(ask: EmbeddingAsk) -> dict[str, Any]:
    task = _task(ask)
    said = {} if task is None else {"task_type": task}
    body: dict[str, Any] = {"instances": [{"content": text, **said} for text in ask.texts]}
    return body if ask.dimensions is None else body | {"parameters": {"outputDimensionality": ask.dimensions}}


def _task(ask: EmbeddingAsk) -> str | None:
    return None if ask.purpose is None else _TASKS.get(ask.purpose, ask.purpose)


def _counted(found: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Usage | None:
    tokens = count(mapping(found.get("usageMetadata")).get("promptTokenCount"))
    tokens = tokens or sum(count(mapping(row.get("statistics")).get("token_count")) for row in rows)
    return Usage(input=tokens) if tokens else None
