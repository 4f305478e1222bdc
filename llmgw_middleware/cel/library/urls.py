"""Of addresses of the web, of their queries, and of forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode

from llmgw_middleware.cel.code import Function
from llmgw_middleware.cel.fault import EvaluationError
from llmgw_middleware.cel.library.conversions import encoded
from llmgw_middleware.cel.library.strings import text
from llmgw_middleware.cel.limits import Frame, made, read
from llmgw_middleware.cel.values import is_list, is_map, missing, no_overload

_MOST_FIELDS = 1000


def url_encode(frame: Frame, value: Any) -> str:
    """Return ``url.encode(text)``: everything but letters, digits and ``-._~`` as percent signs."""
    subject = text(value, "url.encode()")
    read(frame, len(subject) << 4)
    made(frame, 3 * len(subject))
    return quote(encoded(subject), safe="")


def url_decode(frame: Frame, value: Any) -> str:
    """Return ``url.decode(text)``; a plus stays one."""
    subject = text(value, "url.decode()")
    read(frame, len(subject) << 4)
    try:
        return unquote_to_bytes(encoded(subject)).decode()
    except UnicodeDecodeError as error:
        raise EvaluationError("url.decode() was given what is no UTF-8 text") from error


def form_decode(frame: Frame, value: Any) -> dict[str, Any]:
    """Return ``form.decode(text or bytes)``: a map; a name that is repeated has a list."""
    subject = value.decode("utf-8", "replace") if type(value) is bytes else text(value, "form.decode()")
    read(frame, len(subject) << 4)
    found: dict[str, Any] = {}
    for name, entry in _pairs(subject):
        if name not in found:
            found[name] = entry
        elif type(found[name]) is list:
            found[name].append(entry)
        else:
            found[name] = [found[name], entry]
    return found


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise EvaluationError(f"there are more than {_MOST_FIELDS} fields") from error


def form_encode(frame: Frame, value: Any) -> str:
    """Return ``form.encode(map)``: values are scalars or lists of them."""
    if not is_map(value):
        raise no_overload("form.encode()", value)
    pairs = [
        (text(name, "form.encode()"), _scalar(item))
        for name, entry in value.items()
        for item in (entry if is_list(entry) else [entry])
    ]
    size = sum(len(name) + 3 * len(item) for name, item in pairs)
    read(frame, size << 2)
    made(frame, size)
    return urlencode(pairs, errors="replace")


def _scalar(value: Any) -> str:
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) in {str, int, float}:
        return str(value)
    raise no_overload("form.encode()", value)


def _query_of(frame: Frame, value: Any, what: str) -> tuple[str, list[tuple[str, str]]]:
    """Return what stands before the query, and its parameters."""
    path, _, query = text(value, what).partition("?")
    read(frame, len(query) << 4)
    return path, _pairs(query)


def query(frame: Frame, value: Any, name: Any) -> list[str]:
    """Return ``uri.query(name)``: every value of a parameter."""
    wanted = text(name, "query()")
    found = [entry for key, entry in _query_of(frame, value, "query()")[1] if key == wanted]
    if not found:
        raise missing(wanted)
    return found


def add_query(frame: Frame, value: Any, name: Any, entry: Any) -> str:
    """Return ``uri.addQuery(name, value)``."""
    return _with_query(frame, value, name, entry, keep=True)


def set_query(frame: Frame, value: Any, name: Any, entry: Any) -> str:
    """Return ``uri.setQuery(name, value)``: other values of the parameter go."""
    return _with_query(frame, value, name, entry, keep=False)


def _with_query(frame: Frame, value: Any, name: Any, entry: Any, *, keep: bool) -> str:
    key = text(name, "addQuery()")
    path, pairs = _query_of(frame, value, "addQuery()")
    pairs = [*(pair for pair in pairs if keep or pair[0] != key), (key, text(entry, "addQuery()"))]
    size = sum(len(one) + len(other) for one, other in pairs)
    read(frame, size << 4)
    made(frame, len(path) + 3 * size)
    return f"{path}?{urlencode(pairs, errors='replace')}"


FUNCTIONS: Mapping[str, Function] = {
    "url.encode": Function(run=url_encode, least=1, most=1),
    "url.decode": Function(run=url_decode, least=1, most=1),
    "form.encode": Function(run=form_encode, least=1, most=1),
    "form.decode": Function(run=form_decode, least=1, most=1),
}
METHODS: Mapping[str, Function] = {
    "query": Function(run=query, least=2, most=2),
    "addQuery": Function(run=add_query, least=3, most=3),
    "setQuery": Function(run=set_query, least=3, most=3),
}
