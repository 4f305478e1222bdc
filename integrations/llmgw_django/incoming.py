"""A Django request as the gateway takes it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO, cast
from urllib.parse import quote, unquote, unquote_to_bytes, urlsplit

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, UnreadablePostError
from django.utils.encoding import repercent_broken_unicode

from llmgw_middleware import BadRequest, HostRequest, Identity, Request
from llmgw_middleware.wsgi import Door, below_mount, headers_of

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A request that is the gateway's. ``path`` is raw and below the mount point."""

    native: HttpRequest
    path: str
    headers: Headers

    @property
    def method(self) -> str:
        """The method, in upper case."""
        return self.native.method or ""

    @property
    def client(self) -> str | None:
        """The address of the direct peer, or what a middleware above has put in its place."""
        return self.native.META.get("REMOTE_ADDR") or None

    def host(self) -> HostRequest:
        """Return what resolvers see."""
        headers = {name.lower(): value for name, value in self.native.headers.items()}
        return HostRequest(
            method=self.method, path=self.path, headers=headers, client=self.client, native=self.native
        )

    def request(self, body: bytes, identify: Callable[[], Awaitable[Identity]]) -> Request:
        """Return what ``Gateway.handle`` takes."""
        return Request(
            method=self.method,
            path=self.path,
            query=self.native.META.get("QUERY_STRING", "").encode("latin-1", "replace"),
            headers=self.headers,
            body=body,
            scheme=self.native.scheme or "http",
            peer=self.client,
            identify=identify,
        )

    def read(self, door: Door) -> bytes:
        """Read the body and leave it readable: ``request.body`` and ``request.POST`` work afterwards.

        Not by ``request.body``, whose limit (``DATA_UPLOAD_MAX_MEMORY_SIZE``, 2.5 MB) is less than an image takes.
        Raises BodyTooLarge, UnsupportedMediaType, and BadRequest when the caller broke off.
        """
        door.check_head(self.method, self.path, self.headers)
        read_already: bytes | None = getattr(self.native, "_body", None)
        if read_already is not None:
            door.check_size(len(read_already))
            return read_already
        body = self._read(door.limit)
        door.check_size(len(body))
        hand_back(self.native, body)
        return body

    def _read(self, limit: int) -> bytes:
        source, announced = self._source()
        body = bytearray()
        try:
            while len(body) <= limit and (piece := source.read(limit + 1 - len(body))):
                body += piece
        except UnreadablePostError as error:
            raise incomplete(len(body)) from error
        if len(body) < min(announced, limit):
            raise incomplete(len(body))
        return bytes(body)

    def _source(self) -> tuple[BinaryIO, int]:
        """Return where the body comes from, and how long it is said to be (0: not said)."""
        meta = self.native.META
        announced = meta.get("CONTENT_LENGTH") or ""
        if not announced and meta.get("wsgi.input_terminated"):
            return meta[
                "wsgi.input"
            ], 0  # chunked: Django's own stream takes a body without a length for empty
        return cast("BinaryIO", self.native), int(announced) if announced.isdecimal() else 0


def hand_back(request: HttpRequest, body: bytes) -> None:
    """Put a body that was read where ``HttpRequest.body`` itself would have put it."""
    native: Any = request
    native._stream.close()  # noqa: SLF001 - what HttpRequest.body does, step by step
    native._body = body  # noqa: SLF001
    native._stream = BytesIO(body)  # noqa: SLF001


def incomplete(got: int) -> BadRequest:
    """Return the error of a body that ended too early."""
    return BadRequest(f"The body broke off after {got} bytes.", code="incomplete_body")


def raw_path(request: HttpRequest) -> str:
    """Return the percent-encoded path below ``SCRIPT_NAME``, as the caller wrote it where the server tells.

    Where a middleware above has rewritten ``path_info`` that decides, as it is what the views would see.
    """
    sent = _sent(request)
    if sent is not None:
        raw = below_mount(sent, request.META.get("SCRIPT_NAME") or "") or "/"
        if request.path_info in (unquote(raw), repercent_broken_unicode(unquote_to_bytes(raw)).decode()):
            return raw
    return quote(request.path_info, safe="/:@!$&'()*+,;=~", errors="surrogateescape")


def headers(request: HttpRequest) -> Headers:
    """Return the request's headers with lower-case names."""
    if isinstance(request, ASGIRequest):
        return tuple((name.lower(), value) for name, value in request.scope.get("headers", ()))
    return headers_of(request.META)


def _sent(request: HttpRequest) -> str | None:
    if isinstance(request, ASGIRequest):
        raw: bytes | None = request.scope.get("raw_path")
        return None if raw is None else raw.decode("latin-1").partition("?")[0]
    uri: str | None = request.META.get("RAW_URI") or request.META.get("REQUEST_URI")
    if uri is None or uri.startswith("/"):
        return uri if uri is None else uri.partition("?")[0]
    return urlsplit(uri).path
