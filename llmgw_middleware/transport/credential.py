"""Credentials that change with time: they are fetched off the path of requests, and kept until shortly before their end."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar

from llmgw_middleware.transport.port import Call, NoCredential
from llmgw_middleware.transport.sigv4 import AwsKey, signed

EARLY = 300.0
"""Seconds before its end from which a credential is renewed while it is still used."""


class Credential(Protocol):
    """What makes a call acceptable to its upstream. Thread-safe: one serves every event loop of a process."""

    async def authorize(self, call: Call) -> Call:
        """Return ``call`` with its credential. Raises NoCredential where there is none to be had."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A bearer token and when it ends, as wall time."""

    text: str = field(repr=False)
    expires: float | None = None


class Expiring(Protocol):
    """A value with an end."""

    @property
    def expires(self) -> float | None:
        """When it ends, as wall time; None: never."""
        ...


T = TypeVar("T", bound=Expiring)


class Kept(Generic[T]):
    """A value that ``fetch`` gets, blocking, in a thread of its own; it may raise NoCredential.

    ``clock`` is wall time. Nobody waits for a renewal while the old value is good; only one is fetched at a time.
    """

    def __init__(self, fetch: Callable[[], T], *, clock: Callable[[], float] = time.time) -> None:
        self._fetch = fetch
        self._clock = clock
        self._value: T | None = None
        self._lock = threading.Lock()
        self._renewing = False

    def __repr__(self) -> str:
        return f"<Kept {'nothing yet' if self._value is None else type(self._value).__name__}>"

    async def current(self) -> T:
        """Return a value that is good now. Raises NoCredential."""
        value = self._value
        left = _left(value, self._clock())
        if value is None or left <= 0:
            return await asyncio.to_thread(self._renewed)
        if left < EARLY and not self._renewing:
            self._renewing = True
            threading.Thread(target=self._renew_quietly, name="llmgw credential", daemon=True).start()
        return value

    def _renewed(self) -> T:
        """Fetch, unless another thread has just done so."""
        with self._lock:
            value = self._value
            if value is not None and _left(value, self._clock()) > 0:
                return value
            fresh = self._value = self._fetch()
            return fresh

    def _renew_quietly(self) -> None:
        """Fetch ahead of time. A failure shows once the old value has ended."""
        try:
            fresh = self._fetch()
        except NoCredential:
            return
        finally:
            self._renewing = False
        with self._lock:
            self._value = fresh


def _left(value: Expiring | None, now: float) -> float:
    if value is None:
        return 0.0
    return float("inf") if value.expires is None else value.expires - now


class Signing:
    """Signs calls by AWS Signature Version 4."""

    def __init__(
        self, keys: Kept[AwsKey], *, region: str, service: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._keys = keys
        self._region = region
        self._service = service
        self._clock = clock

    def __repr__(self) -> str:
        return f"<Signing for {self._service} in {self._region}>"

    async def authorize(self, call: Call) -> Call:
        """Return the call with its signature."""
        key = await self._keys.current()
        return signed(call, key, region=self._region, service=self._service, now=self._clock())


class Bearing:
    """Sends a token of an identity provider."""

    def __init__(self, tokens: Kept[Token]) -> None:
        self._tokens = tokens

    def __repr__(self) -> str:
        return f"<Bearing {self._tokens!r}>"

    async def authorize(self, call: Call) -> Call:
        """Return the call with its token."""
        token = await self._tokens.current()
        kept = tuple(header for header in call.headers if header[0] != b"authorization")
        return replace(call, headers=(*kept, (b"authorization", b"Bearer " + token.text.encode("ascii"))))
