"""Arguments of a Gemini call that come in pieces: values by JSON path, put together to one object."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from llmgw_middleware.dialect.loose import mapping, objects, text

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d{1,4})\]|\[['\"]([^'\"]*)['\"]\]")
_DEEPEST = 64
"""Steps of a path. A longer one is passed over: what it makes could not be written as JSON."""

_VALUES = ("stringValue", "numberValue", "boolValue", "nullValue")


class PartialArguments:
    """Takes ``partialArgs`` as they come. Strings that continue are joined."""

    __slots__ = ("_open", "value")

    def __init__(self) -> None:
        self.value: dict[str, Any] = {}
        self._open: set[str] = set()

    def take(self, call: dict[str, Any]) -> None:
        """Take one ``functionCall`` object; whole ``args`` are laid over what is there."""
        self.value.update(mapping(call.get("args")))
        for piece in objects(call.get("partialArgs")):
            path = text(piece.get("jsonPath"))
            kind = next((name for name in _VALUES if name in piece), None)
            if kind is None:
                continue
            value = None if kind == "nullValue" else piece[kind]
            steps = _steps(path)
            if len(steps) > _DEEPEST:
                continue
            _put(self.value, steps, value, join=path in self._open)
            (self._open.add if piece.get("willContinue") else self._open.discard)(path)


def _steps(path: str) -> list[str | int]:
    return [int(m[2]) if m[2] else (m[1] or m[3]) for m in _STEP.finditer(path.removeprefix("$"))]


def _put(root: dict[str, Any], steps: Sequence[str | int], value: Any, *, join: bool) -> None:
    at: Any = root
    for step, after in pairwise(steps):
        at = _enter(at, step, [] if isinstance(after, int) else {})
        if at is None:
            return
    if steps:
        before = _get(at, steps[-1])
        _set(
            at,
            steps[-1],
            before + value if join and isinstance(before, str) and isinstance(value, str) else value,
        )


def _enter(at: Any, step: str | int, fresh: Any) -> Any:
    found = _get(at, step)
    if not isinstance(found, dict | list):
        found = fresh
        _set(at, step, found)
    return found


def _get(at: Any, step: str | int) -> Any:
    if isinstance(at, dict) and isinstance(step, str):
        return at.get(step)
    return at[step] if isinstance(at, list) and isinstance(step, int) and step < len(at) else None


def _set(at: Any, step: str | int, value: Any) -> None:
    if isinstance(at, dict) and isinstance(step, str):
        at[step] = value
    elif isinstance(at, list) and isinstance(step, int):
        at.extend([None] * (step + 1 - len(at)))
        at[step] = value
