"""A request of Flask's as the gateway takes it."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import IO

from flask import Request as FlaskRequest
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.wsgi import get_input_stream

from llmgw_middleware import BadRequest, GatewayError, HostRequest, Identity, Request
from llmgw_middleware.wsgi import Door, Plan, discard, headers_of, peer_of, pieces, raw_path, settled

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A request that is the gateway's: ``path`` is raw and below the mount point, ``body`` read, or why it is not."""

    native: FlaskRequest
    path: str
    headers: Headers
    body: bytes | GatewayError

    def host(self) -> HostRequest:
        """Return what resolvers see."""
        return HostRequest(
            method=self.native.method,
            path=self.path,
            headers={name.lower(): value for name, value in self.native.headers.items()},
            client=self.native.remote_addr,
            native=self.native,
        )

    def request(self, body: bytes, outcome: Identity | GatewayError, plan: Plan) -> Request:
        """Return what ``Gateway.handle`` takes; ``plan`` names the proxies that are believed."""
        return Request(
            method=self.native.method,
            path=self.path,
            query=self.native.environ.get("QUERY_STRING", "").encode("latin-1"),
            headers=self.headers,
            body=body,
            scheme=self.native.scheme,
            peer=peer_of(self.native.environ, plan),
            identify=settled(outcome),
        )


def arrive(native: FlaskRequest, door: Door) -> Arrival | None:
    """Read a request, unless it is the application's after all (None).

    Done before the application's own functions see it: a CSRF check that looks at form data would eat the body, and
    ``MAX_CONTENT_LENGTH`` is meant for the application's forms. They find the body as usual (``get_data``, ``get_json``).
    """
    path = raw_path(native.environ)
    if not door.gateway.intercepts(native.method, path):
        return None
    headers = headers_of(native.environ)
    try:
        door.check_head(native.method, path, headers)
        body: bytes | GatewayError = _read(native, door)
    except GatewayError as refusal:
        body = refusal
        discard(pieces(native.environ), door.limit)
        _put(native, BytesIO())  # nothing is left, and nobody shall wait for more
    return Arrival(native=native, path=path, headers=headers, body=body)


def _read(native: FlaskRequest, door: Door) -> bytes:
    try:
        _put(native, get_input_stream(native.environ, max_content_length=door.limit + 1))
        body = native.get_data(cache=True)
    except RequestEntityTooLarge:
        door.check_size(door.limit + 1)
        raise
    except ClientDisconnected as error:
        raise BadRequest("The body broke off before its announced end.", code="incomplete_body") from error
    door.check_size(len(body))
    return body


def _put(native: FlaskRequest, stream: IO[bytes]) -> None:
    setattr(native, "stream", stream)  # noqa: B010 - it is declared without its setter
