"""Embeddings for callers of OpenAI's API, from backends that have an API of their own for them."""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from llmgw_middleware.dialect.adjust import Adjustments, Unsupported
from llmgw_middleware.dialect.port import Asked, Policy
from llmgw_middleware.dialect.unread import Unread, is_text
from llmgw_middleware.errors import BadRequest
from llmgw_middleware.model.http import Header
from llmgw_middleware.model.usage import Usage

ESTIMATED: tuple[Header, ...] = ((b"x-llmgw-estimated", b"true"),)
_BYTES_PER_TOKEN = 4


@dataclass(slots=True, kw_only=True)
class EmbeddingAsk:
    """What is to be embedded. ``purpose``: ``search_document``, ``search_query`` and the like, as Cohere words them."""

    texts: list[str]
    dimensions: int | None
    packed: bool
    purpose: str | None
    dropped: tuple[str, ...] = ()


def read_ask(asked: Asked, policy: Policy) -> EmbeddingAsk:
    """Read a request. Raises BadRequest; Unsupported for tokens, which mean nothing to another maker's model."""
    if asked.fields is None:
        raise BadRequest("The request body has to be a JSON object.", code="invalid_json")
    body = Unread(asked.fields)
    body.skip("model", "user", "safety_identifier")
    form = body.text("encoding_format") or "float"
    if form not in {"float", "base64"}:
        raise BadRequest("'encoding_format' has to be float or base64.", param="encoding_format")
    texts = _texts(body)
    dimensions, purpose = body.whole("dimensions", least=1), body.text("input_type")
    extra: dict[str, msgspec.Raw] = {}
    body.left(extra)
    adjustments = Adjustments(policy)
    for path in extra:
        adjustments.leave_out(path)
    return EmbeddingAsk(
        texts=texts,
        dimensions=dimensions,
        packed=form == "base64",
        purpose=purpose,
        dropped=adjustments.dropped,
    )


def _texts(body: Unread) -> list[str]:
    raw = body.take("input")
    if raw is None:
        raise BadRequest("The request has no input.", param="input")
    if is_text(raw):
        texts = [msgspec.json.decode(raw, type=str)]
    else:
        try:
            texts = msgspec.json.decode(raw, type=list[str])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Unsupported(
                "The backend of this route embeds texts, not tokens: send 'input' as a text or a list of texts.",
                param="input",
                code="unsupported_value",
            ) from None
    if not texts or not all(texts):
        raise BadRequest("'input' has to be a text or a list of texts, none of them empty.", param="input")
    return texts


def write_embeddings(
    ask: EmbeddingAsk, vectors: Sequence[Sequence[float]], model: str | None, usage: Usage
) -> bytes:
    """Word the vectors as a list of OpenAI's embeddings, in base64 of little-endian float32 if that was asked for."""
    rows = [
        {"object": "embedding", "index": index, "embedding": packed(vector) if ask.packed else vector}
        for index, vector in enumerate(vectors)
    ]
    counts = {"prompt_tokens": usage.input, "total_tokens": usage.input}
    return msgspec.json.encode({"object": "list", "data": rows, "model": model or "", "usage": counts})


def packed(vector: Sequence[float]) -> str:
    """Return a vector as base64 of little-endian float32."""
    return b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def guessed(ask: EmbeddingAsk) -> Usage:
    """Return about how many tokens the texts have, where nobody counted them."""
    return Usage(input=sum(1 + len(text.encode()) // _BYTES_PER_TOKEN for text in ask.texts))
