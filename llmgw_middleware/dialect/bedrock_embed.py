"""Embeddings by models on Bedrock, each maker's in its own body: Titan, Nova and Cohere, by ``/invoke``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from llmgw_middleware.dialect.adjust import Adjustments
from llmgw_middleware.dialect.chat_port import Means
from llmgw_middleware.dialect.converse_errors import read_error
from llmgw_middleware.dialect.converse_request import model_path
from llmgw_middleware.dialect.embedding import ESTIMATED, EmbeddingAsk, guessed, read_ask, write_embeddings
from llmgw_middleware.dialect.loose import count, mapping, objects
from llmgw_middleware.dialect.port import JOINT, Asked, MalformedReply, Outgoing, Receipt, StreamTap, Unspoken
from llmgw_middleware.model.fault import Fault
from llmgw_middleware.model.http import Header
from llmgw_middleware.model.usage import Usage

_JSON: tuple[Header, ...] = ((b"content-type", b"application/json"), (b"accept", b"application/json"))


class BedrockEmbeddings:
    """Implements ``port.Conversation``. Titan and Nova take one text per call: several are several calls, in order."""

    __slots__ = ("_means",)

    def __init__(self, means: Means) -> None:
        self._means = means

    def __repr__(self) -> str:
        return "<BedrockEmbeddings>"

    def outgoing(self, asked: Asked) -> Outgoing:
        """Word the request. Raises BadRequest, Unsupported among them, and Unspoken for a model that embeds nothing."""
        policy = self._means.terms(asked.model, asked.on_unsupported).on_unsupported
        ask, model = read_ask(asked, policy), asked.model or ""
        path = model_path(asked.model, "invoke")
        if ask.dimensions is not None and "cohere." in model and "embed-v4" not in model:
            lost = Adjustments(policy)
            lost.leave_out("dimensions")
            ask.dimensions, ask.dropped = None, (*ask.dropped, *lost.dropped)
        first, *rest = (msgspec.json.encode(body) for body in _bodies(ask, model))
        return Outgoing(
            path=path,
            headers=_JSON,
            body=first,
            rest=tuple(rest),
            dropped=ask.dropped,
            remember=(ask, asked.model),
        )

    def tap(self, outgoing: Outgoing, content_type: str, *, show_usage: bool) -> StreamTap | None:  # noqa: ARG002 - it has no streams
        """Return nothing: embeddings have no streams."""
        return None

    def read_reply(self, outgoing: Outgoing, body: bytes, content_type: str) -> Receipt:  # noqa: ARG002 - it has one form
        """Read the vectors of one answer, or of several joined by ``JOINT``; raises MalformedReply."""
        ask, model = outgoing.remember
        try:
            answers = [mapping(msgspec.json.decode(one)) for one in body.split(JOINT)]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise MalformedReply(f"the answer is no JSON: {problem}") from problem
        vectors = [vector for answer in answers for vector in _vectors(answer)]
        if len(vectors) != len(ask.texts):
            raise MalformedReply("the answer has not one vector for each text")
        tokens = sum(count(answer.get("inputTextTokenCount")) for answer in answers)
        usage = Usage(input=tokens) if tokens else guessed(ask)
        return Receipt(
            body=write_embeddings(ask, vectors, model, usage),
            model=model,
            usage=usage,
            headers=() if tokens else ESTIMATED,
        )

    def read_error(self, status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:
        """Read an error answer."""
        return read_error(status, headers, body, now=now)


def _bodies(ask: EmbeddingAsk, model: str) -> list[dict[str, Any]]:
    if "cohere." in model:
        size = {} if ask.dimensions is None else {"output_dimension": ask.dimensions}
        return [{"texts": ask.texts, "input_type": ask.purpose or "search_document", **size}]
    if "nova" in model:
        return [_nova(text, ask.dimensions) for text in ask.texts]
    if "titan" in model:
        size = {} if ask.dimensions is None else {"dimensions": ask.dimensions}
        return [{"inputText": text, **size} for text in ask.texts]
    raise Unspoken("The model of this route's backend embeds nothing.")


def _nova(text: str, dimensions: int | None) -> dict[str, Any]:
    params: dict[str, Any] = {
        "embeddingPurpose": "GENERIC_INDEX",
        "text": {"truncationMode": "END", "value": text},
    }
    if dimensions is not None:
        params["embeddingDimension"] = dimensions
    return {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": params}


def _vectors(answer: dict[str, Any]) -> list[list[float]]:
    """Return the vectors of Titan's, Nova's or Cohere's answer."""
    one, several = answer.get("embedding"), answer.get("embeddings")
    if isinstance(one, list):
        return [one]
    if isinstance(several, dict):
        several = several.get("float")  # Cohere 4 answers by type
    found = [row.get("embedding") for row in objects(several)] or several
    return [vector for vector in found if isinstance(vector, list)] if isinstance(found, list) else []
