"""Recorded answers of real providers, as rows of the fixtures' index."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fixtures import fixture_params


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One file. ``body`` is what came over the wire; chunks without framing are framed, without a terminator."""

    path: str
    provider: str
    endpoint: str
    status: int | None
    streaming: bool
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def recordings(wanted: Callable[[dict[str, Any]], bool]) -> list[Any]:
    """Return the recordings whose row is wanted, as parameters of a test."""
    return fixture_params("providers", lambda folder: ((r.path, r) for r in _read(folder, wanted)))


def _read(folder: Path, wanted: Callable[[dict[str, Any]], bool]) -> Iterator[Recording]:
    for row in json.loads((folder / "index.json").read_bytes()):
        if wanted(row):
            status, headers, body = _answer(folder / row["path"])
            yield Recording(
                path=row["path"],
                provider=row["provider"],
                endpoint=row["endpoint"] or "",
                status=status or row["status"],
                streaming=row["streaming"],
                headers=headers,
                body=body,
            )


def _answer(path: Path) -> tuple[int | None, tuple[tuple[bytes, bytes], ...], bytes]:
    raw = path.read_bytes()
    if path.name.endswith(".chunks.txt"):
        return None, (), b"".join(b"data: " + line + b"\n\n" for line in raw.splitlines() if line.strip())
    if path.suffix != ".json":
        return None, (), raw
    answer = json.loads(raw)
    if not (
        isinstance(answer, dict)
        and isinstance(answer.get("response"), dict)
        and "status" in answer["response"]
    ):
        return None, (), raw
    response = answer["response"]
    if "base64" in response:
        return response["status"], tuple(_lines(response["headers"])), b64decode(response["base64"])
    body = json.dumps(response["json"]) if "json" in response else response.get("text", "")
    return response["status"], tuple(_lines(response["headers"])), body.encode()


def _lines(headers: dict[str, Any]) -> Iterator[tuple[bytes, bytes]]:
    for name, value in headers.items():
        for line in value if isinstance(value, list) else [value]:
            yield name.encode(), str(line).encode()
