"""Words for when a route is there at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from llmgw_middleware.config.spelling import did_you_mean
from llmgw_middleware.config.tree import Scalar, Table
from llmgw_middleware.config.words.kinds import REFERENCE, scalar, text_of
from llmgw_middleware.config.words.refused import refuse, wrong
from llmgw_middleware.config.words.takes import Kind

_KEYS = ("flag", "from", "until")
_WANTED = "true, false, or {flag: name, from: time, until: time}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnabledForm:
    """Under which flag, from when and until when a route is there; ``since`` and ``until`` in RFC 3339, UTC."""

    flag: str | None = None
    since: str | None = None
    until: str | None = None

    @property
    def condition(self) -> str | None:
        """The same as an expression."""
        parts = []
        if self.flag is not None:
            parts.append(f'flag("{self.flag}")')
        if self.since is not None:
            parts.append(f'now >= timestamp("{self.since}")')
        if self.until is not None:
            parts.append(f'now < timestamp("{self.until}")')
        return " && ".join(parts) or None


def _enabled(value: Any) -> bool | EnabledForm:
    if isinstance(value, Table):
        return _form(value)
    given = scalar(value, _WANTED).typed
    return given if isinstance(given, bool) else wrong(_WANTED, value)


def _form(table: Table) -> EnabledForm:
    unknown = next((key for key in table if key not in _KEYS), None)
    if unknown is not None:
        refuse("unknown_key", f'enabled has no key "{unknown}".', did_you_mean(unknown, _KEYS))
    form = EnabledForm(
        flag=None if "flag" not in table else _flag(table["flag"]),
        since=None if "from" not in table else _time(table["from"]),
        until=None if "until" not in table else _time(table["until"]),
    )
    if form.condition is None:
        wrong(_WANTED, table)
    if form.since is not None and form.until is not None and form.since >= form.until:
        refuse("bad_value", "enabled ends before it begins.")
    return form


def _flag(value: Any) -> str:
    name = text_of(value, "a flag's name").strip()
    return name if name and not set(name) & set("\"'\\") else wrong("a flag's name, without quotes", value)


def _time(value: Any) -> str:
    """Return a time in UTC; one without a zone could mean any of two dozen."""
    wanted = "a time with its zone such as 2026-12-24T18:00:00Z"
    text = value.text if isinstance(value, Scalar) else text_of(value, wanted)
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        wrong(wanted, value)
    if found.tzinfo is None:
        wrong(wanted, value)
    return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(value: Any) -> float:
    return datetime.fromisoformat(_time(value)).timestamp()


Moment = Annotated[float, Kind(_moment, {"type": "string"}, "time")]


Enabled = Annotated[
    bool | EnabledForm,
    Kind(
        _enabled,
        {
            "anyOf": [
                {"type": "boolean"},
                REFERENCE,
                {
                    "type": "object",
                    "properties": {key: {"type": "string"} for key in _KEYS},
                    "additionalProperties": False,
                    "minProperties": 1,
                },
            ]
        },
        "true, false, or {flag: name, from: time, until: time}",
    ),
]
