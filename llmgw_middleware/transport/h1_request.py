"""What a call looks like on the wire: where it goes, and the bytes that say it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from llmgw_middleware.transport.hop import sendable
from llmgw_middleware.transport.port import Call

MAX_KNOWN = 1024
"""Header names and methods remembered as good, so that they are judged once and not per request."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, 5.6.2
_CONTROLS = bytes([*range(9), *range(10, 32), 127])  # all but the tab; the line ends are counted
_LEFT_ALONE = "!$%&'()*+,-./:;=?@[]_~|^`{}\"<>\\"
_WITH_LENGTH = frozenset({"POST", "PUT", "PATCH"})  # RFC 9110, 8.6: even an empty body has its length said


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host (no brackets, ASCII) and port: what connections are pooled by."""

    scheme: str
    host: str
    port: int

    @property
    def secure(self) -> bool:
        """Whether it is spoken to over TLS."""
        return self.scheme == "https"

    @property
    def authority(self) -> bytes:
        """What the ``host`` header says: no port where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}").encode()

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority.decode()}"


def split_url(url: str) -> tuple[str, str]:
    """Return the text of the origin and that of path and query; the common shape only is told apart here."""
    slash = url.find("/", 8)
    return (url, "/") if slash < 0 else (url[:slash], url[slash:])


def origin_of(text: str) -> Origin:
    """Return the origin that ``scheme://host:port`` names. Raises ValueError; user and password are left out."""
    if not text.isprintable() or " " in text or "?" in text or "#" in text or "\\" in text:
        raise _unsayable("a URL whose origin is none")
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
        host = host if host.isascii() else host.encode("idna").decode()
    except ValueError as error:
        raise _unsayable(str(error)) from error
    if not host or port is None:
        raise _unsayable("a URL without a host, or of another scheme than http and https")
    return Origin(parts.scheme, host, port)


def target_of(text: str) -> bytes:
    """Return path and query as the request line has them. Raises ValueError for control characters."""
    if text.isascii() and text.isprintable() and " " not in text and "#" not in text:
        return text.encode()
    path = text.partition("#")[0]
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in path):  # noqa: PLR2004 -- ASCII's controls
        raise _unsayable("a control character in the URL")
    return quote(path, safe=_LEFT_ALONE).encode()


def finished(start: bytes, call: Call) -> bytes:
    """Return the head that begins with ``start``: with the length of the body, and the blank line."""
    if call.body or call.method in _WITH_LENGTH:
        return b"%bcontent-length: %d\r\n\r\n" % (start, len(call.body))
    return start + b"\r\n"


class RequestWriter:
    """Writes the heads of requests. It remembers header names."""

    def __init__(self) -> None:
        self._names: set[bytes] = set()
        self._methods: set[str] = set()

    def head(self, call: Call, authority: bytes, target: bytes) -> bytes:
        """Return request line and headers. Raises ValueError for what HTTP cannot carry."""
        return finished(self.start(call, authority, target), call)

    def start(self, call: Call, authority: bytes, target: bytes) -> bytes:
        """Return all of the head but what the body adds to it. Raises ValueError for what HTTP cannot carry.

        Answers are asked for uncompressed unless the call says otherwise: a stream of events gains nothing by it.
        """
        headers = call.headers
        names = [name for name, _ in headers]
        if not self._names.issuperset(names):
            headers = sendable(headers)
            names = [name for name, _ in headers]
            self._learn(names)
        if call.method not in self._methods:
            self._learn_method(call.method)
        parts = [b"%b %b HTTP/1.1\r\nhost: %b\r\n" % (call.method.encode(), target, authority)]
        parts += [b"%b: %b\r\n" % header for header in headers]
        if b"accept-encoding" not in names:
            parts.append(b"accept-encoding: identity\r\n")
        head = b"".join(parts)
        # The first part holds two lines, every other one, and each ends with the one line break it should have.
        if len(head) - len(head.translate(None, _CONTROLS)) != 2 * (len(parts) + 1):
            raise _unsayable("a line break or another control character in a header")
        return head

    def _learn(self, names: list[bytes]) -> None:
        """Take names that ``sendable`` let through as good from now on. Raises ValueError."""
        for name in names:
            if not _TOKEN.fullmatch(name):
                raise _unsayable(f"the header name {name[:40]!r}")
        if len(self._names) + len(names) > MAX_KNOWN:
            self._names.clear()
        self._names.update(names)

    def _learn_method(self, method: str) -> None:
        if not method.isascii() or not _TOKEN.fullmatch(method.encode()) or method == "CONNECT":
            raise _unsayable(f"the method {method[:40]!r}")
        if len(self._methods) >= MAX_KNOWN:
            self._methods.clear()
        self._methods.add(method)

    def __repr__(self) -> str:
        return f"<RequestWriter [names: {len(self._names)}, methods: {len(self._methods)}]>"


def _unsayable(what: str) -> ValueError:
    return ValueError(f"a call that HTTP cannot carry: {what}")
