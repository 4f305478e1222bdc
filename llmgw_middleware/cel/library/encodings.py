"""JSON, base64, hashes, and what an unverified token says."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import mmh3
import msgspec

from llmgw_middleware.cel.code import Function
from llmgw_middleware.cel.fault import EvaluationError
from llmgw_middleware.cel.library.conversions import encoded
from llmgw_middleware.cel.limits import Frame, made, read, spend
from llmgw_middleware.cel.plain import plain
from llmgw_middleware.cel.values import look_up, no_overload
from llmgw_middleware.cel.weight import weighed

BUCKETS = 10_000
"""How many buckets ``hash()`` sorts keys into."""


def raw(value: Any, what: str) -> bytes:
    """Return bytes, or text as UTF-8; raises for anything else."""
    if type(value) is bytes:
        return value
    if type(value) is str:
        return encoded(value)
    raise no_overload(what, value)


def json(frame: Frame, value: Any) -> Any:
    """Return ``json(value)``: what JSON text says. The last of a doubled key counts."""
    content = raw(value, "json()")
    read(frame, len(content))
    try:
        return msgspec.json.decode(content)
    except (ValueError, RecursionError) as error:
        raise EvaluationError("json() was given what is no JSON, or is nested too deeply") from error


def json_field(frame: Frame, value: Any, name: Any) -> Any:
    """Return ``jsonField(value, name)``: one field of JSON text."""
    return look_up(json(frame, value), name)


def to_json(frame: Frame, value: Any) -> str:
    """Return ``toJson(value)``: JSON text."""
    spend(frame, weighed(frame, value))
    try:
        text = msgspec.json.encode(plain(value)).decode()
    except (TypeError, ValueError, RecursionError) as error:
        raise EvaluationError("toJson() cannot write the value") from error
    made(frame, len(text))
    read(frame, len(text))
    return text


def base64_encode(frame: Frame, value: Any) -> str:
    """Return ``base64.encode(value)``."""
    content = raw(value, "base64.encode()")
    made(frame, len(content) * 2)
    return base64.b64encode(content).decode()


def base64_decode(frame: Frame, value: Any) -> bytes:
    """Return ``base64.decode(value)``; the padding may be missing."""
    content = raw(value, "base64.decode()")
    made(frame, len(content))
    try:
        return base64.b64decode(content.rstrip(b"=") + b"=" * (-len(content.rstrip(b"=")) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise EvaluationError("base64.decode() was given what is no base64") from error


def jwt_payload(frame: Frame, value: Any) -> Any:
    """Return ``unvalidatedJwtPayload(token)``: what a token claims. Nobody has checked its signature."""
    token = raw(value, "unvalidatedJwtPayload()")
    read(frame, len(token))
    parts = token.split(b".")
    if len(parts) != 3:  # noqa: PLR2004 - header, payload, signature
        raise EvaluationError("unvalidatedJwtPayload() was given no token")
    made(frame, len(parts[1]))
    try:
        payload = base64.b64decode(parts[1] + b"=" * (-len(parts[1]) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise EvaluationError("the payload of the token is no base64url") from error
    return json(frame, payload)


def _digest(name: str, algorithm: Callable[..., Any]) -> Function:
    def run(frame: Frame, value: Any) -> str:
        content = raw(value, f"{name}.encode()")
        read(frame, len(content))
        return str(algorithm(content, usedforsecurity=False).hexdigest())

    return Function(run=run, least=1, most=1)


def bucket(frame: Frame, value: Any, salt: Any = "") -> int:
    """Return ``hash(key, salt)``: the bucket of a key, 0 to 9999, by the murmur3 hash that splits use."""
    key = str(value) if type(value) is int else value
    content = raw(salt, "hash()") + raw(key, "hash()")
    read(frame, len(content))
    return int(mmh3.hash(content, seed=0, signed=False)) % BUCKETS


FUNCTIONS: Mapping[str, Function] = {
    "json": Function(run=json, least=1, most=1),
    "jsonField": Function(run=json_field, least=2, most=2),
    "toJson": Function(run=to_json, least=1, most=1),
    "base64.encode": Function(run=base64_encode, least=1, most=1),
    "base64.decode": Function(run=base64_decode, least=1, most=1),
    "base64Encode": Function(run=base64_encode, least=1, most=1),
    "base64Decode": Function(run=base64_decode, least=1, most=1),
    "unvalidatedJwtPayload": Function(run=jwt_payload, least=1, most=1),
    "md5.encode": _digest("md5", hashlib.md5),
    "sha1.encode": _digest("sha1", hashlib.sha1),
    "sha256.encode": _digest("sha256", hashlib.sha256),
    "hash": Function(run=bucket, least=1, most=2),
}
