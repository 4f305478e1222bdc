"""Headers as doors read and write them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from llmgw_middleware.model.http import Header, Response


def joined(headers: Iterable[Header]) -> Mapping[str, str]:
    """Return headers as ``HostRequest`` has them: lower-case names, repeated lines joined by commas.

    A name with an underscore is left out: WSGI cannot tell it from the one with a hyphen, so a caller could pass for
    a proxy. Nothing is decoded before somebody looks: who tells who calls often needs no header at all.
    """
    return _Joined(headers)


def values(headers: Iterable[Header], name: bytes) -> list[str]:
    """Return every line of the header ``name`` (lower case)."""
    return [value.decode("latin-1").strip() for key, value in headers if key == name]


def framed(answer: Response) -> tuple[Header, ...]:
    """Return the headers of ``answer``, with the length of a body that is no stream."""
    if answer.stream is not None:
        return answer.headers
    return (*answer.headers, (b"content-length", b"%d" % len(answer.body)))


class _Joined(Mapping[str, str]):
    __slots__ = ("_headers", "_lines")

    def __init__(self, headers: Iterable[Header]) -> None:
        self._headers = headers
        self._lines: dict[str, str] | None = None

    def __repr__(self) -> str:
        return f"<headers {', '.join(self) or 'none'}>"

    def __getitem__(self, name: str) -> str:
        return self._decoded()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._decoded())

    def __len__(self) -> int:
        return len(self._decoded())

    def _decoded(self) -> dict[str, str]:
        if self._lines is None:
            lines: dict[str, str] = {}
            for name, value in self._headers:
                if b"_" not in name:
                    key, text = name.decode("latin-1"), value.decode("latin-1")
                    lines[key] = f"{lines[key]}, {text}" if key in lines else text
            self._lines = lines
        return self._lines
