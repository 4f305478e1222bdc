"""How the mock misbehaves: in the name of a model, or by rules set while it runs.

In a model's name, after the model proper: ``gpt-4o-mini+latency=200ms+error=503``. Or a model that is nothing else:
``mock-slow-2s``, ``mock-error-503``, ``mock-cut-3``, ``mock-stall-3``, ``mock-reset``, ``mock-error-first``.

==============  ======================================================================================
``latency``     time before the status line: ``200ms``, ``2s``, ``1m``; a number is seconds
``gap``         time between words
``error``       answer with this status, or with the error of this name (``ERRORS``)
``error_first`` status 200, and an error as the first event (or as the whole JSON body)
``cut``         end after so many words, cleanly, without finish; a JSON body breaks off in the middle
``stall``       fall silent after so many words until the caller leaves; a JSON body never comes
``reset``       break the connection after so many words (0: after the headers)
``tool``        call the first tool that was offered
==============  ======================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m)?")
_UNITS: Mapping[str | None, float] = {"ms": 0.001, "s": 1.0, "m": 60.0, None: 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class MockError:
    """An error answer of OpenAI."""

    status: int
    type: str
    code: str | None
    message: str


_SERVER = "server_error"
_REQUEST = "invalid_request_error"

ERRORS: Mapping[str, MockError] = {
    "400": MockError(
        status=400, type=_REQUEST, code="invalid_value", message="The mock was told to refuse this."
    ),
    "401": MockError(
        status=401, type=_REQUEST, code="invalid_api_key", message="Incorrect API key provided."
    ),
    "403": MockError(status=403, type=_REQUEST, code="forbidden", message="The key may not use this model."),
    "404": MockError(status=404, type=_REQUEST, code="model_not_found", message="The model does not exist."),
    "429": MockError(status=429, type="requests", code="rate_limit_exceeded", message="Rate limit reached."),
    "500": MockError(status=500, type=_SERVER, code=None, message="The server had an error."),
    "502": MockError(status=502, type=_SERVER, code=None, message="Bad gateway."),
    "503": MockError(
        status=503, type=_SERVER, code="overloaded", message="The engine is currently overloaded."
    ),
    "504": MockError(status=504, type=_SERVER, code=None, message="Gateway timeout."),
    "529": MockError(status=529, type="overloaded_error", code="overloaded", message="Overloaded."),
    "insufficient_quota": MockError(
        status=429,
        type="insufficient_quota",
        code="insufficient_quota",
        message="You exceeded your current quota, please check your plan and billing details.",
    ),
    "context_length_exceeded": MockError(
        status=400,
        type=_REQUEST,
        code="context_length_exceeded",
        message="This model's maximum context length is 128000 tokens. Please reduce the length of the messages.",
    ),
    "content_filter": MockError(
        status=400,
        type=_REQUEST,
        code="content_filter",
        message="The prompt triggered the content management policy.",
    ),
}
"""By status or name. Any other status from 400 to 599 is answered too, in plain words."""


class MockMisuse(ValueError):
    """What was asked of the mock cannot be read. The text says what can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What to do to one request; None and False leave things as they are. Times are seconds."""

    latency: float | None = None
    gap: float | None = None
    error: str | None = None
    error_first: bool = False
    cut: int | None = None
    stall: int | None = None
    reset: int | None = None
    tool: bool = False

    def over(self, lower: Behaviour) -> Behaviour:
        """Return this behaviour, with ``lower``'s where this one says nothing."""
        own = ((f.name, getattr(self, f.name)) for f in fields(self))
        return replace(
            lower, **{name: value for name, value in own if value is not None and value is not False}
        )


_KEYS = frozenset(f.name for f in fields(Behaviour))
_FLAGS = frozenset({"error_first", "tool"})
_DEFAULTS: Mapping[str, Any] = {
    "latency": "2s",
    "gap": "200ms",
    "error": "503",
    "cut": 3,
    "stall": 3,
    "reset": 0,
}
_WORDS: Mapping[str, str] = {"slow": "latency", "error-first": "error_first"}
_NAMED = re.compile(r"mock-(slow|error-first|error|cut|stall|reset)(?:-(\w+))?")


def read_model(model: str) -> tuple[str, Behaviour]:
    """Return the model proper and the behaviour that its name asks for. Raises MockMisuse."""
    plain, *parts = model.split("+")
    asked: dict[str, Any] = {}
    named = _NAMED.fullmatch(plain)
    if named:
        asked[_WORDS.get(named[1], named[1])] = named[2]
    for part in parts:
        key, _, value = part.partition("=")
        asked[key] = value or None
    return plain, read_behaviour(asked)


def read_behaviour(asked: Mapping[str, Any]) -> Behaviour:
    """Return the behaviour for keys and values as a model's name or a control rule gives them. Raises MockMisuse."""
    read: dict[str, Any] = {}
    for key, value in asked.items():
        if key not in _KEYS:
            raise MockMisuse(f"the mock knows no {key!r}; it knows {', '.join(sorted(_KEYS))}")
        given = _DEFAULTS.get(key) if value is None or value is True else value
        read[key] = _read(key, given)
    return Behaviour(**read)


def _read(key: str, value: Any) -> Any:
    if key in _FLAGS:
        return value in (None, True, "true", "1", 1)
    if key in {"latency", "gap"}:
        return read_duration(value)
    if key == "error":
        return _read_error(value)
    try:
        return max(0, int(value))
    except (TypeError, ValueError):
        raise MockMisuse(f"{key} takes a number of words, not {value!r}") from None


def read_duration(value: Any) -> float:
    """Return seconds for ``200ms``, ``2s``, ``1m`` or a number of seconds. Raises MockMisuse."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise MockMisuse(f"a time is written as 200ms, 2s or 1m, not {value!r}")
    return float(match[1]) * _UNITS[match[2]]


def _read_error(value: Any) -> str:
    name = str(value)
    if name in ERRORS or (name.isdigit() and 400 <= int(name) < 600):  # noqa: PLR2004 - the statuses of errors
        return name
    raise MockMisuse(f"error takes a status from 400 to 599 or one of {', '.join(ERRORS)}, not {value!r}")


def error_named(name: str) -> MockError:
    """Return the error for a name or status that ``read_behaviour`` accepted."""
    known = ERRORS.get(name)
    if known is not None:
        return known
    status = int(name)
    kind = _SERVER if status >= 500 else _REQUEST  # noqa: PLR2004 - the class of failures
    return MockError(status=status, type=kind, code=None, message=f"The mock was told to answer {status}.")
