"""Regular expressions: compiled at load where the pattern is known then, and always in time linear or bounded."""

from __future__ import annotations

import re
from typing import Any, Final, Protocol

from llmgw_middleware.cel.code import Code, Run
from llmgw_middleware.cel.fault import EvaluationError, ExpressionError
from llmgw_middleware.cel.limits import Frame, made, spend
from llmgw_middleware.cel.syntax import Call
from llmgw_middleware.cel.values import no_overload
from llmgw_middleware.regex import Searcher, UnsafePattern, compile_search

LONGEST_PATTERN: Final = 200
"""Characters of a pattern that is known only when a request comes."""

COMPILING: Final = 10_000
"""Steps that such a pattern costs."""

SEARCHING: Final = 20
"""Steps that a search costs, besides those for the length of its text."""

_COSTLY = re.compile(r"\\[pP]|\{[0-9]")
"""What makes compiling a pattern slow: repetition by number, and classes of Unicode."""

_PLAIN = re.compile(r"\^([A-Za-z0-9_/ -]+)(\$|\.\*)?")
_GROUP = re.compile(r"\$(?:(\$)|([0-9A-Za-z_]+)|\{([^}]*)\})")


class _Compiler(Protocol):
    def fault(self, at: int, message: str, hint: str | None = None) -> ExpressionError: ...

    def framed(self) -> None: ...

    def weigh(self, steps: int) -> None: ...


def pattern_code(compiler: _Compiler, part: Call, name: str, codes: list[Code]) -> Run | None:
    """Return the code of ``matches`` or ``regexReplace`` whose pattern is known at load, or None for anything else."""
    if name not in {"matches", "regexReplace"} or len(codes) < 2 or type(codes[1].value) is not str:  # noqa: PLR2004
        return None
    try:
        searcher = compile_search(codes[1].value)
    except UnsafePattern as error:
        raise compiler.fault(part.args[-1 if name == "matches" else 0].start, str(error)) from error
    plain = _PLAIN.fullmatch(codes[1].value) if name == "matches" else None
    if plain is not None:
        return _plainly(codes[0].run, plain[1], whole=plain[2] == "$")
    compiler.framed()
    compiler.weigh(SEARCHING)
    subject = codes[0].run
    if name == "matches":
        return lambda facts, frame: _found(searcher, subject(facts, frame), frame)
    template = codes[2].run
    return lambda facts, frame: _replaced(searcher, subject(facts, frame), template(facts, frame), frame)


def _plainly(subject: Run, text: str, *, whole: bool) -> Run:
    """Return the code of ``^text``, ``^text.*`` or ``^text$``, which need no engine."""

    def run(facts: Any, frame: Frame) -> Any:
        value = subject(facts, frame)
        if type(value) is not str:
            raise no_overload("matches()", value)
        return value == text if whole else value.startswith(text)

    return run


def matches(frame: Frame, value: Any, pattern: Any) -> bool:
    """Return ``value.matches(pattern)``: whether the pattern is found anywhere in the value."""
    return _found(_searcher(frame, pattern), value, frame)


def regex_replace(frame: Frame, value: Any, pattern: Any, template: Any) -> str:
    """Return ``value.regexReplace(pattern, template)``; ``$1`` and ``${name}`` stand for groups."""
    return _replaced(_searcher(frame, pattern), value, template, frame)


def _searcher(frame: Frame, pattern: Any) -> Searcher:
    if type(pattern) is not str:
        raise no_overload("matches()", pattern)
    if len(pattern) > LONGEST_PATTERN:
        raise EvaluationError(f"a pattern that comes with a request has at most {LONGEST_PATTERN} characters")
    if _COSTLY.search(pattern):
        raise EvaluationError("a pattern that comes with a request has no {n}, no \\p and no \\P")
    spend(frame, COMPILING)
    try:
        return compile_search(pattern)
    except UnsafePattern as error:
        raise EvaluationError(str(error)) from error


def _checked(searcher: Searcher, value: Any, frame: Frame, name: str) -> str:
    if type(value) is not str:
        raise no_overload(name, value)
    if searcher.longest is not None and len(value) > searcher.longest:
        raise EvaluationError(
            f"{name} looks through at most {searcher.longest} characters with this pattern; with google-re2 through any"
        )
    spend(frame, searcher.steps(len(value)))
    return value


def _found(searcher: Searcher, value: Any, frame: Frame) -> bool:
    text = _checked(searcher, value, frame, "matches()")
    try:
        return searcher.search(text) is not None
    except UnicodeEncodeError as error:
        raise EvaluationError("matches() takes no lone surrogates") from error


def _replaced(searcher: Searcher, value: Any, template: Any, frame: Frame) -> str:
    text = _checked(searcher, value, frame, "regexReplace()")
    if type(template) is not str:
        raise no_overload("regexReplace()", template)
    spend(frame, len(text) >> 2)  # a match may stand at every character

    size = len(text)

    def put(match: Any) -> str:
        nonlocal size
        piece = _GROUP.sub(lambda found: _group(match, found), template)
        size += len(piece)
        made(frame, size)
        return piece

    try:
        return searcher.sub(put, text)
    except UnicodeEncodeError as error:
        raise EvaluationError("regexReplace() takes no lone surrogates") from error


def _group(match: Any, found: re.Match[str]) -> str:
    if found[1]:
        return "$"
    name = found[2] or found[3] or ""
    try:
        return match.group(int(name) if name.isdecimal() else name) or ""
    except (IndexError, KeyError):
        return ""
