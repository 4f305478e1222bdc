"""Calls: macros, functions of a namespace, functions, and functions written behind their first argument."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, Final, Protocol

from llmgw_middleware.cel.code import Code, Compiles, Function, Run
from llmgw_middleware.cel.library.shelves import FUNCTIONS, METHODS
from llmgw_middleware.cel.macros import MACROS
from llmgw_middleware.cel.patterns import pattern_code
from llmgw_middleware.cel.syntax import Call, Ident, Part, Select

_PREFIXED: Final = {"startsWith": str.startswith, "endsWith": str.endswith}


class _Calls(Compiles, Protocol):
    def unknown(self, at: int, message: str, hint: str | None = None) -> Code: ...

    def folded(self, run: Run, *operands: Code) -> Code: ...

    def is_local(self, name: str) -> bool: ...

    def note(self, *names: str) -> None: ...


def method_names() -> tuple[str, ...]:
    """Return the names of everything that can be called."""
    return tuple(dict.fromkeys((*FUNCTIONS, *METHODS, *(name for name, _ in MACROS))))


def call(compiler: _Calls, part: Call) -> Code:
    """Compile a call."""
    space = _namespace(part.target)
    if space is not None and not compiler.is_local(space.partition(".")[0]):
        name = f"{space}.{part.name}"
        macro = MACROS.get((name, False))
        if macro is not None and (found := macro(compiler, part)) is not None:
            return found
        if name in FUNCTIONS:
            return _applied(compiler, part, FUNCTIONS[name], name, part.args)
    macro = MACROS.get((part.name, part.target is not None))
    if macro is not None and (found := macro(compiler, part)) is not None:
        return found
    known = FUNCTIONS if part.target is None else METHODS
    if part.name not in known:
        return _no_function(compiler, part)
    args = part.args if part.target is None else (part.target, *part.args)
    return _applied(compiler, part, known[part.name], part.name, args)


def _namespace(target: Part | None) -> str | None:
    names = []
    while isinstance(target, Select) and not target.optional:
        names.append(target.field)
        target = target.operand
    return ".".join((target.name, *reversed(names))) if isinstance(target, Ident) else None


def _applied(compiler: _Calls, part: Call, function: Function, name: str, args: tuple[Part, ...]) -> Code:
    if not function.takes(len(args)):
        count = len(part.args)
        return compiler.unknown(part.at, f"{name}() does not take {count} argument{'s' * (count != 1)}")
    codes = [compiler.code(arg) for arg in args]
    quick = _quick(name, codes) or pattern_code(compiler, part, name, codes)
    if quick is not None:
        return compiler.folded(quick, *codes)
    if not function.light:
        compiler.framed()
    compiler.note(*function.reads)
    compiler.weigh(function.cost)
    run = _run(function, [code.run for code in codes])
    return Code(run) if function.open else compiler.folded(run, *codes)


def _run(function: Function, runs: list[Run]) -> Run:
    apply = function.run
    if function.open:
        return lambda facts, frame: apply(facts, frame, *[run(facts, frame) for run in runs])
    if len(runs) == 1:
        [only] = runs
        return lambda facts, frame: apply(frame, only(facts, frame))
    if len(runs) == 2:  # noqa: PLR2004 - one argument behind its receiver
        one, two = runs
        return lambda facts, frame: apply(frame, one(facts, frame), two(facts, frame))
    return lambda facts, frame: apply(frame, *[run(facts, frame) for run in runs])


def _quick(name: str, codes: list[Code]) -> Run | None:
    """Return a closer form of the calls that rules make most: what a value begins or ends with, known at load."""
    if name not in _PREFIXED or len(codes) != 2 or type(codes[1].value) is not str:  # noqa: PLR2004
        return None
    test, run, known = _PREFIXED[name], codes[0].run, codes[1].value
    general = METHODS[name].run

    def tested(facts: Any, frame: Any) -> Any:
        value = run(facts, frame)
        return test(value, known) if type(value) is str else general(frame, value, known)

    return tested


def _no_function(compiler: _Calls, part: Call) -> Code:
    name = part.name
    hint: str | None
    if part.target is None and name in METHODS:
        hint = f"it stands behind its first argument: x.{name}(…)"
    elif part.target is not None and name in FUNCTIONS:
        hint = f"it takes all its arguments in brackets: {name}(…)"
    else:
        near = get_close_matches(name, method_names(), n=1)
        hint = f'did you mean "{near[0]}"?' if near else None
    return compiler.unknown(part.at, f'there is no function "{name}"', hint)
