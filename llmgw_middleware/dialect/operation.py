"""Which operation a request asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

from llmgw_middleware.dialect.port import Fields, Operation
from llmgw_middleware.model.route import PathTest

KNOWN_SUFFIXES: Mapping[str, Operation] = MappingProxyType(
    {
        "/chat/completions": Operation.CHAT,
        "/responses": Operation.RESPONSES,
        "/messages": Operation.MESSAGES,
        "/messages/count_tokens": Operation.COUNT_TOKENS,
        "/embeddings": Operation.EMBEDDINGS,
        "/models": Operation.MODELS,
    }
)
"""The end of a path, by whole segments, and what it names."""


def operation_of(path: str, fields: Fields | None) -> Operation:
    """Return the operation by the end of ``path``; any other path is a chat if its JSON body has ``messages``."""
    named = _named(path)
    if named is not None:
        return named
    return Operation.CHAT if fields is not None and "messages" in fields else Operation.OPAQUE


def operations_of(paths: Iterable[PathTest]) -> frozenset[Operation]:
    """Return every operation that a request to one of ``paths`` may ask for."""
    found: set[Operation] = set()
    for path in paths:
        if path.kind != "exact":
            return frozenset(Operation)
        named = _named(path.value)
        found |= {Operation.CHAT, Operation.OPAQUE} if named is None else {named}
    return frozenset(found)


@lru_cache(maxsize=256)  # requests ask for the same few paths, each several times
def _named(path: str) -> Operation | None:
    plain = path.rstrip("/")
    return next((operation for suffix, operation in KNOWN_SUFFIXES.items() if plain.endswith(suffix)), None)
