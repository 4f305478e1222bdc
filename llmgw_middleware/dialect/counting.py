"""Counting of tokens where the backend does not count: estimated here, and marked."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from llmgw_middleware.dialect.chat_port import CallerChat, Means
from llmgw_middleware.dialect.port import Asked, Outgoing, Receipt, StreamTap
from llmgw_middleware.errors import BadRequest
from llmgw_middleware.model.fault import Fault, FaultKind
from llmgw_middleware.model.http import Header

ESTIMATED: tuple[Header, ...] = ((b"x-llmgw-estimated", b"true"),)


class EstimatedCounting:
    """Answers ``count_tokens`` without asking anybody. Implements ``port.Conversation``."""

    __slots__ = ("_caller", "_means")

    def __init__(self, caller: CallerChat, means: Means) -> None:
        self._caller = caller
        self._means = means

    def __repr__(self) -> str:
        return "<EstimatedCounting>"

    def outgoing(self, asked: Asked) -> Outgoing:
        """Answer at once; raises BadRequest for a request that cannot be read."""
        if asked.fields is None:
            raise BadRequest("The request body has to be a JSON object.", code="invalid_json")
        try:
            request = self._caller.read_request(asked.fields, asked.headers)
        except RecursionError as problem:
            raise BadRequest(
                "The request body is nested too deeply to be counted.", code="json_too_deep"
            ) from problem
        return Outgoing(
            path="", headers=(), body=b"", answer=estimated(self._means.estimate(asked.model, request))
        )

    def tap(self, outgoing: Outgoing, content_type: str, *, show_usage: bool) -> StreamTap | None:  # noqa: ARG002 - counting has no streams
        """Return nothing: counting has no streams."""
        return None

    def read_reply(self, outgoing: Outgoing, body: bytes, content_type: str) -> Receipt:  # noqa: ARG002 - nobody was asked
        """Take what is there; nobody is ever asked."""
        return Receipt(body=body)

    def read_error(self, status: int, headers: Sequence[Header], body: bytes, *, now: float) -> Fault:  # noqa: ARG002 - nobody was asked
        """Return what an error would be; nobody is ever asked."""
        return Fault(kind=FaultKind.FAILED, status=status)


def estimated(tokens: int) -> Receipt:
    """Return the answer of an estimate."""
    return Receipt(body=msgspec.json.encode({"input_tokens": tokens}), headers=ESTIMATED)
