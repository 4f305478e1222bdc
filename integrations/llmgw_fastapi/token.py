"""Who calls, by the token that came in the Authorization header."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from llmgw_middleware import AuthError, Hook, HostRequest, Identity

Told = Mapping[str, Any] | Identity | None
"""What a token says: its claims, or whom it stands for; None for a token that nobody knows."""

Decode = Callable[[str], Told] | Callable[[str], Awaitable[Told]]
Invalid = type[Exception] | tuple[type[Exception], ...]


def bearer(decode: Decode, *, invalid: Invalid = (), subject: str = "sub") -> Hook:
    """Return an ``identify`` for callers who send ``Authorization: Bearer TOKEN``.

    ::

        def decode(token: str) -> dict[str, Any]:
            return jwt.decode(token, KEY, algorithms=["HS256"], audience="shop")

        identify = bearer(decode, invalid=jwt.InvalidTokenError)

    ``decode`` returns the token's claims, or an ``Identity``; a plain function runs in a worker thread. The claim
    ``subject`` is the caller's id, and all claims are attributes that rules may ask for; ``identity.attributes`` finds
    deeper ones, as ``user.realm.tier``.

    A request without a token is anonymous: 401 under ``identity.require``. A token that is 401 carries
    ``WWW-Authenticate: Bearer`` (RFC 6750 §3): ``decode`` raised one of the ``invalid`` exceptions or ``AuthError``, or
    returned None, or the claims name nobody. Every other exception is a 500, as a key server that is down makes no
    token bad.
    """

    def identify(request: HostRequest) -> Identity | None:
        token = _token(request)
        if token is None:
            return None
        with _challenge(invalid):
            return _identity(decode(token), subject)

    async def aidentify(request: HostRequest) -> Identity | None:
        token = _token(request)
        if token is None:
            return None
        with _challenge(invalid):
            found: Any = decode(token)
            return _identity(await found, subject)

    return aidentify if _is_async(decode) else identify


def _is_async(decode: Decode) -> bool:
    return any(inspect.iscoroutinefunction(each) for each in (decode, type(decode).__call__))


def _token(request: HostRequest) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _identity(told: Any, subject: str) -> Identity:
    if isinstance(told, Identity):
        return told
    if told is None:
        raise AuthError("The token is not known here.")
    if not isinstance(told, Mapping):
        raise TypeError(f"decode returned {type(told).__name__}; it must return claims, Identity or None")
    name = told.get(subject)
    if name is None or name == "":
        raise AuthError(f"The token names nobody: it has no {subject!r}.")
    return Identity(id=str(name), attributes=dict(told), source="token")


@contextmanager
def _challenge(invalid: Invalid) -> Iterator[None]:
    """Put the challenge on a 401, and make one of what ``decode`` raises for a bad token."""
    try:
        yield
    except AuthError as error:
        if error.status_code == AuthError.status:
            error.headers += (CHALLENGE,)
        raise
    except invalid as error:
        refusal = AuthError("The token is not valid, or not any more.")
        refusal.headers = (CHALLENGE,)
        raise refusal from error


CHALLENGE = (b"www-authenticate", b'Bearer error="invalid_token"')
