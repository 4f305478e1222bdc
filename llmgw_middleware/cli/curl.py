"""A request as the command line gives it: by options, or as a curl command."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from llmgw_middleware.model.http import Header

_WITH_VALUE = {
    "-X": "method",
    "--request": "method",
    "-H": "header",
    "--header": "header",
    "-d": "data",
    "--data": "data",
    "--data-raw": "data",
    "--data-binary": "data",
    "--json": "json",
    "--url": "url",
}
_IGNORED = {
    "-s",
    "-S",
    "-N",
    "-i",
    "-v",
    "-k",
    "-L",
    "-sS",
    "-sN",
    "--silent",
    "--no-buffer",
    "--include",
    "--compressed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Method, path, query, headers (lower-case names) and body of the request that is asked about."""

    method: str = "GET"
    path: str = "/"
    query: bytes = b""
    headers: tuple[Header, ...] = ()
    body: bytes = b""

    def over(
        self, *, path: str | None, method: str | None, headers: Sequence[str], data: bytes | None
    ) -> Asked:
        """Return this request with what was given put in; raises ValueError."""
        asked = self
        if path is not None:
            bare, _, query = path.partition("?")
            asked = replace(asked, path=bare, query=query.encode())
        if not asked.path.startswith("/"):
            raise ValueError(f"the path {asked.path!r} does not begin with a slash")
        if headers:
            asked = replace(asked, headers=(*asked.headers, *map(_header, headers)))
        if data is not None:
            typed = any(name == b"content-type" for name, _ in asked.headers)
            kind = () if typed else ((b"content-type", b"application/json"),)
            asked = replace(asked, method="POST", body=data, headers=(*asked.headers, *kind))
        return asked if method is None else replace(asked, method=method.upper())


def from_curl(command: str) -> Asked:
    """Return the request that a curl command would make; raises ValueError for an option that is not known here."""
    words = iter(shlex.split(command))
    method = path = data = None
    headers: list[str] = []
    for word in words:
        if word == "curl" or word in _IGNORED:
            continue
        meaning = _WITH_VALUE.get(word, "url" if not word.startswith("-") else None)
        if meaning is None:
            raise ValueError(f"--curl: the option {word} is not known; leave it out")
        value = word if not word.startswith("-") else next(words, "")
        if meaning == "method":
            method = value
        elif meaning == "header":
            headers.append(value)
        elif meaning in {"data", "json"}:
            data = value.encode()
        else:
            path = _path(value)
    return Asked().over(path=path, method=method, headers=headers, data=data)


def _path(url: str) -> str:
    parts = urlsplit(url if "//" in url else f"//{url}")
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _header(line: str) -> Header:
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise ValueError(f"-H {line!r}: write 'Name: value'")
    return name.strip().lower().encode("latin-1"), value.strip().encode("latin-1")
