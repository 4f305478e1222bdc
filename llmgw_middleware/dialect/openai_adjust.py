"""What changes in a chat request for one server or model, nested bytes untouched elsewhere.

A request in the upstream's own dialect passes through; only the renames that a quirk demands are made here. Nothing is
parsed but the field that a quirk is about, and that only where a search of its bytes finds the word in question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from llmgw_middleware.dialect.port import Fields
from llmgw_middleware.dialect.provider import Profile

Changes = dict[str, msgspec.Raw | None]
"""New values by field; None leaves a field out."""

_HINTS = frozenset(
    {
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "stream_options",
        "user",
    }
)
"""Fields that change nothing in an answer: a server that refuses what it does not know is not sent them."""

_RESTATED: Mapping[str, frozenset[bytes]] = {
    "service_tier": frozenset({b'"auto"', b'"default"', b"null"}),
    "store": frozenset({b"false", b"null"}),
}
"""Values of further fields that restate what such a server does anyway."""

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_messages = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode
_parts = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_text = msgspec.json.Decoder(str).decode
_SYSTEM = msgspec.Raw(b'"system"')


class Adjust:
    """The changes that one profile asks for, compiled. Without any, ``changes`` costs one comparison."""

    __slots__ = ("_profile", "_renames", "_steps")

    def __init__(self, profile: Profile) -> None:
        quirks = profile.quirks
        self._profile = profile
        self._renames: dict[str, bool] = {}
        steps: list[Callable[[Fields, Changes, bytes], None]] = []
        if quirks.max_tokens_field != "as-sent":
            steps.append(self._rename_limit)
        if not quirks.developer_role or not quirks.content_list:
            steps.append(self._rewrite_messages)
        if not quirks.strict_tools:
            steps.append(_drop_strict)
        if not quirks.unknown_fields:
            steps.append(_drop_hints)
        self._steps = tuple(steps)

    def __repr__(self) -> str:
        return f"<Adjust for {self._profile.name}: {len(self._steps)} steps>"

    def changes(self, fields: Fields, model: str | None, raw: bytes) -> Changes:
        """Return what must be sent otherwise than the caller wrote it.

        ``model`` is the one that is sent, ``raw`` what the fields were read from.
        """
        changes: Changes = {}
        if "max_tokens" in fields and "max_completion_tokens" not in fields and self._reasons(model):
            changes |= {"max_completion_tokens": fields["max_tokens"], "max_tokens": None}
        for step in self._steps:
            step(fields, changes, raw)
        return changes

    def _reasons(self, model: str | None) -> bool:
        """Whether a model of OpenAI's refuses ``max_tokens``."""
        if self._profile.family != "openai" or model is None:
            return False
        known = self._renames.get(model)
        if known is None:
            if len(self._renames) > 1000:  # noqa: PLR2004 - names come from callers
                self._renames.clear()
            known = self._renames[model] = self._profile.can(model).max_completion
        return known

    def _rename_limit(self, fields: Fields, changes: Changes, _: bytes) -> None:
        wanted = self._profile.quirks.max_tokens_field
        other = "max_completion_tokens" if wanted == "max_tokens" else "max_tokens"
        if other in fields:
            changes[other] = None
            # The newer name counts where a caller sent both.
            if wanted not in fields or other == "max_completion_tokens":
                changes[wanted] = fields[other]

    def _rewrite_messages(self, fields: Fields, changes: Changes, raw: bytes) -> None:
        quirks = self._profile.quirks
        # Searched in the whole body: to cut a long conversation out of it would be a copy.
        roles = not quirks.developer_role and _within(raw, b'"developer"')
        lists = not quirks.content_list and _within(raw, b'"text"')
        if not (roles or lists) or "messages" not in fields:
            return
        try:
            messages = _messages(fields["messages"])
        except _UNREADABLE:
            return  # the upstream says what is wrong with it
        for message in messages:
            if roles and bytes(message.get("role", b"")) == b'"developer"':
                message["role"] = _SYSTEM
            if lists and (joined := _joined(bytes(message.get("content", b"")))) is not None:
                message["content"] = joined
        changes["messages"] = msgspec.Raw(msgspec.json.encode(messages))


def _within(raw: bytes, word: bytes) -> bool:
    return raw.rfind(word) >= 0  # from behind: for short words in long texts that takes a quarter of the time


def _joined(content: bytes) -> msgspec.Raw | None:
    """Return a list of text parts as one string, or None for what is no such list."""
    if not content.startswith(b"["):
        return None
    try:
        parts = _parts(content)
        if not parts or any(bytes(part.get("type", b"")) != b'"text"' for part in parts):
            return None
        return msgspec.Raw(msgspec.json.encode("\n".join(_text(part["text"]) for part in parts)))
    except (*_UNREADABLE, KeyError):
        return None


def _drop_strict(fields: Fields, changes: Changes, raw: bytes) -> None:
    if "tools" not in fields or not _within(raw, b'"strict"'):
        return
    try:
        tools = _messages(fields["tools"])
        for tool in tools:
            if "function" in tool:
                function = _object(tool["function"])
                function.pop("strict", None)
                tool["function"] = msgspec.Raw(msgspec.json.encode(function))
    except _UNREADABLE:
        return
    changes["tools"] = msgspec.Raw(msgspec.json.encode(tools))


def _drop_hints(fields: Fields, changes: Changes, _: bytes) -> None:
    for name in fields:
        if name in _HINTS or bytes(fields[name]).strip() in _RESTATED.get(name, frozenset()):
            changes[name] = None
