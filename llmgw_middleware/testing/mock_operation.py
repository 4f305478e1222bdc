"""What can be asked of a mock: paths, and which API each belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from llmgw_middleware.testing import mock_converse, mock_gemini
from llmgw_middleware.testing.mock_answers import embeddings, tokens_of_responses
from llmgw_middleware.testing.mock_anthropic import ANTHROPIC, counted
from llmgw_middleware.testing.mock_converse import CONVERSE
from llmgw_middleware.testing.mock_gemini import GEMINI
from llmgw_middleware.testing.mock_wire import OPENAI, Wire

Body = Mapping[str, Any]


def _in_body(_: str, body: Body) -> Any:
    return body.get("model")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of one API. ``model`` finds the model, ``document`` answers what is no chat."""

    wire: Wire
    kind: Literal["chat", "document", "models"] = "chat"
    method: str = "POST"
    model: Callable[[str, Body], Any] = _in_body
    document: Callable[[str, Body], Any] = lambda _model, _body: {}


_ENDS: Mapping[str, Operation] = {
    "/chat/completions": Operation(wire=OPENAI),
    "/embeddings": Operation(wire=OPENAI, kind="document", document=embeddings),
    "/responses/input_tokens": Operation(
        wire=OPENAI, kind="document", document=lambda _, body: tokens_of_responses(body)
    ),
    "/models": Operation(wire=OPENAI, kind="models", method="GET"),
    "/messages": Operation(wire=ANTHROPIC),
    "/messages/count_tokens": Operation(
        wire=ANTHROPIC, kind="document", document=lambda _, body: counted(body)
    ),
}

_GEMINI: Mapping[str, Callable[[str, Body], Any]] = {
    "batchEmbedContents": lambda _, body: mock_gemini.embedded(body),
    "countTokens": lambda _, body: mock_gemini.counted(body),
}
_BEDROCK: Mapping[str, Callable[[str, Body], Any]] = {
    "invoke": mock_converse.invoked,
    "count-tokens": lambda _, body: mock_converse.counted(body),
}


def operation_of(path: str) -> Operation | None:
    """Return the operation that the end of a path names, under any prefix."""
    for end, operation in _ENDS.items():
        if path.endswith(end):
            return operation
    if mock_gemini.PATH.search(path):
        return _by_method(GEMINI, path, mock_gemini.named, _GEMINI)
    if mock_converse.PATH.search(path):
        return _by_method(CONVERSE, path, mock_converse.named, _BEDROCK)
    return None


def _by_method(
    wire: Wire,
    path: str,
    named: Callable[[str], tuple[str, str]],
    documents: Mapping[str, Callable[[str, Body], Any]],
) -> Operation:
    answers = documents.get(named(path)[1])
    if answers is None:
        return Operation(wire=wire)
    return Operation(wire=wire, kind="document", model=lambda path, _: named(path)[0], document=answers)
