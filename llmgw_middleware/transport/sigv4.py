"""AWS Signature Version 4, as a pure function of the call, the credential and the time.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote, unquote, urlsplit

from msgspec.structs import replace

from llmgw_middleware.model.http import Header
from llmgw_middleware.transport.port import Call

_ALGORITHM = "AWS4-HMAC-SHA256"
_SIGNED = frozenset({"content-type", "host"})
"""Besides these every ``x-amz-`` header is signed; what a proxy may change on the way is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsKey:
    """A credential: its id, its secret, and the token of a session. ``expires`` is wall time, None for never."""

    id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires: float | None = None


def signed(call: Call, key: AwsKey, *, region: str, service: str, now: float) -> Call:
    """Return ``call`` with its signature; ``now`` is wall time. An authorization it has already is replaced."""
    at = datetime.fromtimestamp(now, UTC)
    kept = tuple(
        h for h in call.headers if h[0] not in {b"authorization", b"x-amz-date", b"x-amz-security-token"}
    )
    headers = (*kept, (b"x-amz-date", at.strftime("%Y%m%dT%H%M%SZ").encode()))
    if key.token is not None:
        headers += ((b"x-amz-security-token", key.token.encode("ascii")),)
    proof = authorization(
        call.method, call.url, headers, call.body, key=key, region=region, service=service, at=at
    )
    return replace(call, headers=(*headers, (b"authorization", proof.encode("ascii"))))


def authorization(
    method: str,
    url: str,
    headers: Sequence[Header],
    body: bytes,
    *,
    key: AwsKey,
    region: str,
    service: str,
    at: datetime,
) -> str:
    """Return the value of the ``authorization`` header; ``headers`` hold ``x-amz-date``, and the host is the url's."""
    canonical, names = _canonical(method, url, headers, body)
    day = at.strftime("%Y%m%d")
    scope = f"{day}/{region}/{service}/aws4_request"
    to_sign = "\n".join(
        (_ALGORITHM, at.strftime("%Y%m%dT%H%M%SZ"), scope, sha256(canonical.encode()).hexdigest())
    )
    secret = b"AWS4" + key.secret.encode()
    for part in (day, region, service, "aws4_request"):
        secret = hmac.digest(secret, part.encode(), "sha256")
    signature = hmac.digest(secret, to_sign.encode(), "sha256").hex()
    return f"{_ALGORITHM} Credential={key.id}/{scope}, SignedHeaders={names}, Signature={signature}"


def _canonical(method: str, url: str, headers: Sequence[Header], body: bytes) -> tuple[str, str]:
    """Return the canonical request and the names of the headers in it."""
    parts = urlsplit(url)
    lines: dict[str, list[str]] = {"host": [parts.netloc]}
    for name, value in headers:
        text = name.decode("ascii")
        if (text in _SIGNED or text.startswith("x-amz-")) and text != "host":
            lines.setdefault(text, []).append(" ".join(value.decode("latin-1").split()))
    names = ";".join(sorted(lines))
    # Every service but S3 takes the path as it is sent, encoded once more: ":" is %3A on the wire and %253A here.
    path = quote(parts.path or "/", safe="/-_.~")
    listed = "".join(f"{name}:{','.join(lines[name])}\n" for name in sorted(lines))
    digest = sha256(body).hexdigest()
    return "\n".join((method, path, _query(parts.query), listed, names, digest)), names


def _query(query: str) -> str:
    pairs = [pair.partition("=") for pair in query.split("&")] if query else []
    encoded = sorted((quote(unquote(n), safe="-_.~"), quote(unquote(v), safe="-_.~")) for n, _, v in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)
