"""Complete answers of an OpenAI-shaped backend: checked, read, and forwarded as they are."""

from __future__ import annotations

import msgspec

from llmgw_middleware.dialect.openai_shapes import Reply
from llmgw_middleware.dialect.openai_usage import read_usage
from llmgw_middleware.dialect.port import MalformedReply, Receipt

_LIST = ord("[")


_decode = msgspec.json.Decoder(Reply).decode


def read_chat(body: bytes) -> Receipt:
    """Read a ``chat.completion``. Raises MalformedReply if it is no JSON object with a list of ``choices``."""
    reply = _read(body)
    return _receipt(body, reply, reply.choices, "choices")


def read_embeddings(body: bytes) -> Receipt:
    """Read a list of embeddings. Raises MalformedReply if it is no JSON object with a list of ``data``."""
    reply = _read(body)
    return _receipt(body, reply, reply.data, "data")


def _read(body: bytes) -> Reply:
    try:
        if not body.isascii():
            body.decode()  # the JSON parser passes over bytes in fields that nobody reads
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise MalformedReply(f"the answer is no JSON object of this dialect: {problem}") from problem


def _receipt(body: bytes, reply: Reply, items: msgspec.Raw, name: str) -> Receipt:
    if reply.error:
        raise MalformedReply("the answer has a status of success and an error object")
    if not items or memoryview(items)[0] != _LIST:
        raise MalformedReply(f"the answer has no list of {name}")
    model = reply.model if isinstance(reply.model, str) and reply.model else None
    return Receipt(body=body, model=model, usage=read_usage(reply.usage))
