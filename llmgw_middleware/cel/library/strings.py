"""Of text: the standard functions and the string extension."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from llmgw_middleware.cel.code import Function
from llmgw_middleware.cel.fault import EvaluationError
from llmgw_middleware.cel.library.format import format_string
from llmgw_middleware.cel.limits import Frame, listed, made, read
from llmgw_middleware.cel.patterns import matches, regex_replace
from llmgw_middleware.cel.values import is_list, is_map, no_overload

_BLANK: Final = (
    " \t\n\v\f\r\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_LOWER = str.maketrans({chr(c): chr(c + 32) for c in range(65, 91)})
_UPPER = str.maketrans({chr(c + 32): chr(c) for c in range(65, 91)})
_QUOTED: Final = {
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
    "\\": "\\\\", '"': '\\"',
}  # fmt: skip


def text(value: Any, what: str) -> str:
    """Return a string that is one; raises for what is none."""
    if type(value) is not str:
        raise no_overload(what, value)
    return value


def number(value: Any, what: str) -> int:
    """Return an int that is one."""
    if type(value) is not int:
        raise no_overload(what, value)
    return value


def _search(frame: Frame, subject: str, part: str) -> None:
    """Account for looking for ``part``: a short one may nearly match at every character."""
    read(frame, len(subject) * (1 + (min(len(part), 100) >> 4)))


def starts_with(frame: Frame, value: Any, prefix: Any) -> bool:
    """Return ``value.startsWith(prefix)``."""
    if type(value) is str and type(prefix) is str:
        read(frame, len(prefix))
        return value.startswith(prefix)
    raise no_overload("startsWith()", value, prefix)


def ends_with(frame: Frame, value: Any, suffix: Any) -> bool:
    """Return ``value.endsWith(suffix)``."""
    if type(value) is str and type(suffix) is str:
        read(frame, len(suffix))
        return value.endswith(suffix)
    raise no_overload("endsWith()", value, suffix)


def contains(frame: Frame, value: Any, part: Any) -> bool:
    """Return ``value.contains(part)``: of text, of a list, or of the keys of a map."""
    if type(value) is str and type(part) is str:
        _search(frame, value, part)
        return part in value
    if is_list(value) or is_map(value):
        from llmgw_middleware.cel.operators import is_in

        return is_in(part, value, frame)
    raise no_overload("contains()", value, part)


def _plain(apply: Callable[[str], str], what: str) -> Function:
    def run(frame: Frame, value: Any) -> str:
        subject = text(value, what)
        read(frame, len(subject))
        return apply(subject)

    return Function(run=run, least=1, most=1)


def char_at(frame: Frame, value: Any, index: Any) -> str:
    """Return ``value.charAt(index)``; behind the last character there is an empty string."""
    subject, at = text(value, "charAt()"), number(index, "charAt()")
    if not 0 <= at <= len(subject):
        raise EvaluationError(f"charAt() has no index {at}")
    return subject[at : at + 1]


def index_of(frame: Frame, value: Any, part: Any, start: Any = 0) -> int:
    """Return ``value.indexOf(part, start)``, -1 if it is not there."""
    subject, found = text(value, "indexOf()"), text(part, "indexOf()")
    at = number(start, "indexOf()")
    if not 0 <= at <= len(subject):
        raise EvaluationError(f"indexOf() has no index {at}")
    _search(frame, subject, found)
    return subject.find(found, at)


def last_index_of(frame: Frame, value: Any, part: Any, last: Any = None) -> int:
    """Return ``value.lastIndexOf(part, last)``, -1 if it is not there."""
    subject, found = text(value, "lastIndexOf()"), text(part, "lastIndexOf()")
    # Python looks from the right in the plain way, which may nearly match all of a long part at every character.
    read(frame, len(subject) * max(1, len(found)))
    if last is None:
        return subject.rfind(found)
    at = number(last, "lastIndexOf()")
    if not 0 <= at <= len(subject):
        raise EvaluationError(f"lastIndexOf() has no index {at}")
    return subject.rfind(found, 0, at + len(found))


def replace(frame: Frame, value: Any, old: Any, new: Any, limit: Any = -1) -> str:
    """Return ``value.replace(old, new, limit)``."""
    subject, before, after = text(value, "replace()"), text(old, "replace()"), text(new, "replace()")
    most = number(limit, "replace()")
    _search(frame, subject, before)
    read(frame, len(subject) << 2)
    count = subject.count(before) if most < 0 else min(most, subject.count(before))
    made(frame, len(subject) + count * max(0, len(after) - len(before)))
    return subject.replace(before, after, most)


def split(frame: Frame, value: Any, separator: Any, limit: Any = -1) -> list[str]:
    """Return ``value.split(separator, limit)``."""
    subject, between = text(value, "split()"), text(separator, "split()")
    most = number(limit, "split()")
    _search(frame, subject, between)
    if most == 0:
        return []
    pieces = len(subject) if not between else subject.count(between) + 1
    listed(frame, pieces if most < 0 else min(pieces, most))
    if between:
        return subject.split(between, most - 1 if most > 0 else -1)
    if most < 0 or most >= len(subject):
        return list(subject)
    return [*subject[: most - 1], subject[most - 1 :]]


def join(frame: Frame, value: Any, separator: Any = "") -> str:
    """Return ``list.join(separator)``."""
    if hasattr(value, "joined"):
        return value.joined()  # type: ignore[no-any-return]  # headers join their own lines
    between = text(separator, "join()")
    if not is_list(value):
        raise no_overload("join()", value)
    read(frame, len(value) << 3)
    size = sum(len(text(item, "join()")) for item in value) + len(between) * max(0, len(value) - 1)
    made(frame, size)
    return between.join(value)


def substring(frame: Frame, value: Any, start: Any, end: Any = None) -> str:
    """Return ``value.substring(start, end)``."""
    subject, begin = text(value, "substring()"), number(start, "substring()")
    stop = len(subject) if end is None else number(end, "substring()")
    if not 0 <= begin <= stop <= len(subject):
        raise EvaluationError(f"substring() has no range {begin} to {stop} in {len(subject)} characters")
    made(frame, stop - begin)
    return subject[begin:stop]


def reverse(frame: Frame, value: Any) -> Any:
    """Return ``value.reverse()``: of text, or of a list."""
    if is_list(value):
        listed(frame, len(value))
        return value[::-1]
    subject = text(value, "reverse()")
    made(frame, len(subject))
    return subject[::-1]


def quote(frame: Frame, value: Any) -> str:
    """Return ``strings.quote(value)``: text with quotes around it, safe to print."""
    subject = text(value, "quote()")
    read(frame, len(subject) << 4)
    made(frame, 2 * len(subject))
    return f'"{"".join(_QUOTED.get(char, char) for char in subject)}"'


def split_any(frame: Frame, value: Any, *more: Any) -> Any:
    """Split text at a separator, or the lines of headers at their commas."""
    if hasattr(value, "split_lines") and not more:
        return value.split_lines()
    return split(frame, value, *(more or (None,)))


FUNCTIONS: Mapping[str, Function] = {
    "strings.quote": Function(run=quote, least=1, most=1),
    "matches": Function(run=matches, least=2, most=2),
}
METHODS: Mapping[str, Function] = {
    "startsWith": Function(run=starts_with, least=2, most=2),
    "endsWith": Function(run=ends_with, least=2, most=2),
    "contains": Function(run=contains, least=2, most=2),
    "matches": FUNCTIONS["matches"],
    "regexReplace": Function(run=regex_replace, least=3, most=3),
    "lower": _plain(str.lower, "lower()"),
    "upper": _plain(str.upper, "upper()"),
    "lowerAscii": _plain(lambda value: value.translate(_LOWER), "lowerAscii()"),
    "upperAscii": _plain(lambda value: value.translate(_UPPER), "upperAscii()"),
    "trim": _plain(lambda value: value.strip(_BLANK), "trim()"),
    "charAt": Function(run=char_at, least=2, most=2, light=True),
    "indexOf": Function(run=index_of, least=2, most=3),
    "lastIndexOf": Function(run=last_index_of, least=2, most=3),
    "replace": Function(run=replace, least=3, most=4),
    "split": Function(run=split_any, least=1, most=3),
    "join": Function(run=join, least=1, most=2),
    "substring": Function(run=substring, least=2, most=3),
    "reverse": Function(run=reverse, least=1, most=1),
    "format": Function(run=format_string, least=2, most=2, cost=20),
}
