"""Which paths are the gateway's, where nobody lists them."""

from __future__ import annotations

from collections.abc import Iterable

from llmgw_middleware.dialect.operation import KNOWN_SUFFIXES
from llmgw_middleware.dialect.port import Operation
from llmgw_middleware.model.route import PathTest, Route

_HOME = "/v1"
_CHAT = next(suffix for suffix, operation in KNOWN_SUFFIXES.items() if operation is Operation.CHAT)
_MODELS = next(suffix for suffix, operation in KNOWN_SUFFIXES.items() if operation is Operation.MODELS)


def paths_of(routes: Iterable[Route]) -> tuple[PathTest, ...]:
    """Return the paths of all routes, each once.

    A route without a path adds the known operations under ``/v1``; beside a chat path comes its model listing.
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
    if path.kind == "exact" and path.value.endswith(_CHAT):
        return [PathTest(kind="exact", value=path.value.removesuffix(_CHAT) + _MODELS)]
    return []
