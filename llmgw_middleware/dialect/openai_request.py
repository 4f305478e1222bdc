"""Requests worded for an OpenAI-shaped backend: the caller's own bytes but for what the gateway must change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from llmgw_middleware.dialect.port import Fields
from llmgw_middleware.model.http import Header

_CROSSING = frozenset({b"idempotency-key", b"openai-beta"})
"""The caller's headers that mean something to the upstream; all others stay here."""

_encode = msgspec.json.Encoder().encode
_text = msgspec.json.Decoder(str).decode
_TRUE = msgspec.Raw(b"true")
_JSON = ((b"content-type", b"application/json"), (b"accept", b"application/json"))
_JSON_STREAM = ((b"content-type", b"application/json"), (b"accept", b"text/event-stream"))


def request_headers(headers: Sequence[Header], *, stream: bool) -> tuple[Header, ...]:
    """Return the headers of a JSON request; ``headers`` are the caller's."""
    own = _JSON_STREAM if stream else _JSON
    crossing = [header for header in headers if header[0] in _CROSSING]
    return (*own, *crossing) if crossing else own


def request_body(
    fields: Fields,
    *,
    intact: bytes | None,
    model: str | None,
    usage: bool,
    changes: Mapping[str, msgspec.Raw | None] | None = None,
) -> bytes:
    """Encode the top level again: what was matched is what is sent, nested bytes untouched.

    ``intact`` is a body that has just these fields, each once: it is sent where nothing changes. ``model`` replaces the caller's when it differs; ``usage`` asks for the usage chunk of a stream. ``changes`` are
    new values by field, None for one that is left out.
    """
    if changes:
        merged = {**fields, **changes}
        fields = {name: value for name, value in merged.items() if value is not None}
    changed: dict[str, msgspec.Raw] = {}
    if model is not None and _string(fields.get("model")) != model:
        changed["model"] = msgspec.Raw(msgspec.json.encode(model))
    if usage:
        options = _with_usage(fields.get("stream_options"))
        if options is not None:
            changed["stream_options"] = options
    if changed:
        return _encode({**fields, **changed})
    return _encode(fields) if changes or intact is None else intact


def _with_usage(options: msgspec.Raw | None) -> msgspec.Raw | None:
    """Return ``stream_options`` with usage asked for; None leaves it alone, as it is or because it is no object."""
    if options is None or bytes(options).strip() == b"null":
        return msgspec.Raw(b'{"include_usage":true}')
    found = _object(options)
    if found is None or _is_true(found.get("include_usage")):
        return None
    return msgspec.Raw(msgspec.json.encode({**found, "include_usage": _TRUE}))


def _object(value: msgspec.Raw | None) -> dict[str, msgspec.Raw] | None:
    try:
        return None if value is None else msgspec.json.decode(value, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _is_true(value: msgspec.Raw | None) -> bool:
    return value is not None and bytes(value).strip() == b"true"


def _string(value: msgspec.Raw | None) -> str | None:
    try:
        return None if value is None else _text(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
