"""Which paths are the gateway's, where nobody lists them."""

from __future__ import annotations

from collections.abc import Iterable

from llmgw_middleware.dialect.operation import KNOWN_SUFFIXES
from llmgw_middleware.dialect.port import Operation
from llmgw_middleware.model.route import PathTest, Route

_HOME = "/v1"
_SUFFIX = {operation: suffix for suffix, operation in KNOWN_SUFFIXES.items()}
_MODELS, _MESSAGES, _COUNT = (
    _SUFFIX[operation] for operation in (Operation.MODELS, Operation.MESSAGES, Operation.COUNT_TOKENS)
)
_TALKS = (_SUFFIX[Operation.CHAT], _SUFFIX[Operation.RESPONSES], _MESSAGES)


def paths_of(routes: Iterable[Route]) -> tuple[PathTest, ...]:
    """Return the paths of all routes, each once.

    A route without a path adds the known operations under ``/v1``; beside a path of chat, responses or messages comes
    its model listing.
    """
    found: dict[PathTest, None] = {}
    for route in routes:
        for match in route.matches:
            for path in match.paths or _known():
                found[path] = None
                found.update(dict.fromkeys(_beside(path)))
    return tuple(found)


def _known() -> list[PathTest]:
    return [
        PathTest(kind="exact", value=_HOME + suffix)
        for suffix, operation in KNOWN_SUFFIXES.items()
        if operation is not Operation.MODELS
    ]


def _beside(path: PathTest) -> list[PathTest]:
    talk = next((suffix for suffix in _TALKS if path.kind != "regex" and path.value.endswith(suffix)), None)
    return [] if talk is None else [PathTest(kind="exact", value=path.value.removesuffix(talk) + _MODELS)]


def with_counting(paths: tuple[PathTest, ...]) -> tuple[PathTest, ...]:
    """Return the paths of a match, with the counting of tokens beside messages: clients ask one like the other."""
    counted = (
        PathTest(kind="exact", value=path.value.removesuffix(_MESSAGES) + _COUNT)
        for path in paths
        if path.kind == "exact" and path.value.endswith(_MESSAGES)
    )
    return tuple(dict.fromkeys((*paths, *counted)))
