"""Which paths are the gateway's, and which spellings of them are refused.

Rules are matched on the raw path. A host that decodes and tidies paths would take ``/v1//chat`` or ``/v1/%63hat`` for
``/v1/chat`` as well, past every rule. So whatever a tidied spelling makes of an intercepted path is intercepted too,
and then refused as ambiguous instead of matched or handed on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote_to_bytes

from llmgw_middleware.errors import BadRequest
from llmgw_middleware.model.route import PathTest
from llmgw_middleware.regex import compile_pattern

_HEX: Final = frozenset("0123456789abcdefABCDEF")
_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_DECODINGS: Final = 2


class Interceptor:
    """The paths that the gateway takes from the host. Prefixes are by whole segments."""

    def __init__(self, paths: Sequence[PathTest]) -> None:
        prefixes = tuple(path.value.rstrip("/") for path in paths if path.kind == "prefix")
        self._exact = frozenset((*(path.value for path in paths if path.kind == "exact"), *prefixes))
        self.plain = frozenset(path for path in self._exact if _ambiguity(path) is None)
        """Paths that the configuration names, and that ``check_path`` lets through."""
        self._prefixes = tuple(f"{prefix}/" for prefix in prefixes)
        self._patterns = tuple(compile_pattern(path.value) for path in paths if path.kind == "regex")
        self._shown = tuple(path.value for path in paths)

    def __repr__(self) -> str:
        return f"<Interceptor [{', '.join(self._shown) or 'nothing'}]>"

    def covers(self, path: str) -> bool:
        """Whether ``path`` (raw, below the mount point) is the gateway's, in this or in a tidied spelling."""
        if path in self._exact or path.startswith(self._prefixes):
            return True
        if self._patterns and any(matches(path) for matches in self._patterns):
            return True
        if "%" in path or "/." in path or "//" in path or ";" in path or "\\" in path or "\0" in path:
            return any(self._names(spelling) for spelling in _tidied(path))
        return False

    def _names(self, path: str) -> bool:
        known = path in self._exact or path.startswith(self._prefixes)
        return known or any(matches(path) for matches in self._patterns)


def _tidied(path: str) -> list[str]:
    """Return what lenient servers make of a path: decoded once or twice, without parameters and dot segments."""
    spellings = []
    for _ in range(_DECODINGS + 1):
        # A C string ends at NUL, a segment at its parameters.
        segments = [part.partition(";")[0] for part in path.partition("\0")[0].replace("\\", "/").split("/")]
        spellings.append("/" + "/".join(_resolved(segments)))
        if "%" not in path:
            break
        path = unquote_to_bytes(path).decode("utf-8", "replace")
    return spellings


def _resolved(segments: list[str]) -> list[str]:
    """Return segments without empty ones and dots (RFC 3986, section 5.2.4)."""
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    return kept


def check_path(path: str) -> None:
    r"""Refuse a raw path that another server could read as another one: ``BadRequest`` of code ``bad_path``.

    Refused are: what is no visible ASCII; ``\``, ``;``, ``#`` and ``?``; ``//`` and dot segments; and of the encoded
    characters a slash, a backslash, controls, what is no UTF-8, and what RFC 3986 (section 2.3) never encodes:
    letters, digits and ``-._~``; and what is encoded twice. ``/v1/models/a%3Ab`` and ``/v1/r%C3%A9sum%C3%A9`` pass.
    """
    reason = _ambiguity(path)
    if reason is not None:
        raise BadRequest(
            f"The path of this request is ambiguous: it has {reason}. Send its plain spelling.",
            code="bad_path",
        )


def _ambiguity(path: str) -> str | None:
    if not path.startswith("/"):
        return "no slash at its beginning" if path else None
    if not (path.isascii() and path.isprintable()) or " " in path:
        return "characters that have to be percent-encoded"
    for text in ("\\", ";", "#", "?", "//"):
        if text in path:
            return f"the text {text!r}" if text != "\\" else "a backslash"
    if "/." in path and not {".", ".."}.isdisjoint(path.split("/")):
        return "a dot segment"
    return _encoded_ambiguity(path) if "%" in path else None


def _encoded_ambiguity(path: str) -> str | None:
    for code in path.split("%")[1:]:
        if len(code) < 2 or not _HEX.issuperset(code[:2]):  # noqa: PLR2004 - two digits
            return "a % that is followed by no code"
        byte = int(code[:2], 16)
        if byte in b"/\\\x7f" or byte < 0x20:  # noqa: PLR2004 - the end of the controls
            return f"the encoded character %{code[:2]}"
        if byte == ord("%") and len(code) >= 4 and _HEX.issuperset(code[2:4]):  # noqa: PLR2004 - two codes
            return f"the character %{code[2:4]} encoded twice"
        if byte in _UNRESERVED:
            return f"the encoded character %{code[:2]}, which is written {chr(byte)!r}"
    try:
        unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return "encoded bytes that are no UTF-8"
    return None
