"""Lists and maps that are written down: ``[a, ?b]`` and ``{k: v}``."""

from __future__ import annotations

from typing import Any

from llmgw_middleware.cel.code import Code, Compiles, Run, constant
from llmgw_middleware.cel.fault import EvaluationError
from llmgw_middleware.cel.limits import Frame
from llmgw_middleware.cel.syntax import ListOf, MapOf
from llmgw_middleware.cel.values import Optional, key_of, no_overload, shown_key


def list_code(compiler: Compiles, part: ListOf) -> Code:
    """Compile a list; ``?item`` stands in it only if the optional has a value."""
    codes = [(compiler.code(item), optional) for item, optional in part.items]
    plain = [code.run for code, optional in codes if not optional]
    if len(plain) == len(codes):
        if all(code.constant for code, _ in codes):
            return constant([code.value for code, _ in codes])
        return Code(lambda facts, frame: [run(facts, frame) for run in plain])

    def run(facts: Any, frame: Frame) -> Any:
        found = []
        for code, optional in codes:
            value = code.run(facts, frame)
            if not optional:
                found.append(value)
            elif _there(value):
                found.append(value.value)
        return found

    return Code(run)


def map_code(compiler: Compiles, part: MapOf) -> Code:
    """Compile a map; ``?key: optional`` stands in it only if the optional has a value."""
    entries = [(compiler.code(k), compiler.code(v), optional) for k, v, optional in part.entries]
    rows = [(key.run, value.run, optional) for key, value, optional in entries]

    def run(facts: Any, frame: Frame) -> Any:
        return _map(rows, facts, frame)

    if any(not (key.constant and value.constant) or optional for key, value, optional in entries):
        return Code(run)
    try:
        return constant(run(None, Frame(0, 0)))
    except EvaluationError:
        return Code(run)


def _map(rows: list[tuple[Run, Run, bool]], facts: Any, frame: Frame) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key_run, value_run, optional in rows:
        raw = key_run(facts, frame)
        if type(raw) is float:
            raise no_overload("the key of a map", raw)
        key = key_of(raw)
        value = value_run(facts, frame)
        if optional:
            if not _there(value):
                continue
            value = value.value
        if key in found:
            raise EvaluationError(f"the key {shown_key(raw)} stands in a map twice")
        found[key] = value
    return found


def _there(value: Any) -> bool:
    if type(value) is not Optional:
        raise no_overload('"?"', value)
    return value.there
