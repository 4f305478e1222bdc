"""Headers as a map whose names have no case."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from llmgw_middleware.cel.values import missing, no_overload

REDACTED: Final = "<redacted>"

SECRET_HEADERS: Final = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "cookie",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "x-csrftoken",
    }
)
"""Values of these are never shown."""

View = Callable[[list[str]], Any]


def as_sent(lines: list[str]) -> Any:
    """Return the one line as a string, several as a list."""
    return lines[0] if len(lines) == 1 else lines


def _joined(lines: list[str]) -> Any:
    return ",".join(lines)


def _split(lines: list[str]) -> Any:
    return [piece.strip() for line in lines for piece in line.split(",")]


class Headers(Mapping[Any, Any]):
    """The lines of every header by its name in lower case; ``view`` says how a header's lines are shown.

    ``secret`` names headers that ``redacted()`` hides.
    """

    __slots__ = ("_lines", "_secret", "_view")

    def __init__(
        self, lines: Mapping[str, list[str]], secret: frozenset[str] = frozenset(), view: View = as_sent
    ) -> None:
        self._lines = lines
        self._secret = secret
        self._view = view

    def __getitem__(self, name: Any) -> Any:
        if type(name) is not str:
            raise KeyError(name)
        return self._view(self._lines[name.lower()])

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._lines

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def __repr__(self) -> str:
        return f"<Headers {', '.join(self._lines)}>"

    def _shown(self, view: View) -> Headers:
        return Headers(self._lines, self._secret, view)

    def redacted(self) -> Headers:
        """Return the same headers, the secret ones hidden."""
        lines = {
            name: [REDACTED] * len(lines) if name in self._secret else lines
            for name, lines in self._lines.items()
        }
        return Headers(lines, self._secret, self._view)

    def raw(self) -> Headers:
        """Return every header as the list of its lines."""
        return self._shown(list)

    def joined(self) -> Headers:
        """Return every header as one string, its lines joined by commas."""
        return self._shown(_joined)

    def split_lines(self) -> Headers:
        """Return every header as a list, its lines split at their commas."""
        return self._shown(_split)

    def cookie(self, name: Any) -> str:
        """Return the first cookie of that name; raises EvaluationError if there is none."""
        if type(name) is not str:
            raise no_overload("cookie()", name)
        for line in self._lines.get("cookie", ()):
            for pair in line.split(";"):
                key, equals, value = pair.partition("=")
                if equals and key.strip() == name:
                    return value.strip().strip('"')
        raise missing(name)
