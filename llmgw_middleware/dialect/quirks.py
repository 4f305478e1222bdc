"""What servers that speak OpenAI's dialect do differently, one switch each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal

MaxTokensField = Literal["max_tokens", "max_completion_tokens", "as-sent"]
ReasoningField = Literal["reasoning_content", "reasoning"]
QuirkValue = str | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """The switches of one server; the defaults are OpenAI's own behaviour.

    ``max_tokens_field`` is the one name under which it takes the limit of an answer (``as-sent``: the caller's).
    ``stream_options``: streams may be asked for usage. ``developer_role``: it knows the role besides ``system``.
    ``reasoning_field`` is what its thinking is called, ``thinking_in_history`` whether it wants that back.
    ``unknown_fields``: it passes over what it does not know; else hints that change no answer are not sent. ``content_list``: a message
    may be a list of parts; else text parts are sent as one string. ``strict_tools``: a function may be ``strict``.
    ``responses``: it serves ``/responses``. ``models_path`` answers a health check.
    """

    max_tokens_field: MaxTokensField = "as-sent"
    stream_options: bool = True
    developer_role: bool = True
    reasoning_field: ReasoningField = "reasoning_content"
    thinking_in_history: bool = False
    unknown_fields: bool = True
    content_list: bool = True
    strict_tools: bool = True
    responses: bool = False
    models_path: str = "/models"


def over(quirks: Quirks, changes: Mapping[str, QuirkValue]) -> Quirks:
    """Lay single quirks, by field, over a row's."""
    return replace(quirks, **changes)  # type: ignore[arg-type]  # typed by the words of the configuration


def named(quirks: Quirks) -> dict[str, QuirkValue]:
    """Return every switch by the name that the configuration gives it."""
    return {_camel(field.name): getattr(quirks, field.name) for field in fields(quirks)}


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
