"""Proofs of other makers, packed into what a Responses caller sends back as it came: ``encrypted_content``."""

from __future__ import annotations

from typing import Literal, cast, get_args

from llmgw_middleware.dialect.chat import Family

Kind = Literal["signature", "redacted"]

_MARK = "llmgw"
_PARTS = 4


def packed(family: Family, kind: Kind, data: str) -> str:
    """Return a proof as one opaque text."""
    return f"{_MARK}:{family}:{kind}:{data}"


def unpacked(text: str) -> tuple[Family, Kind, str] | None:
    """Return family, kind and proof, or None for a text that was not packed here."""
    parts = text.split(":", _PARTS - 1)
    if (
        len(parts) < _PARTS
        or parts[0] != _MARK
        or parts[1] not in get_args(Family)
        or parts[2] not in get_args(Kind)
    ):
        return None
    return cast("Family", parts[1]), cast("Kind", parts[2]), parts[3]
