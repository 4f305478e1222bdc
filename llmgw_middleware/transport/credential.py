"""Credentials that change with time: they are fetched off the path of requests, and kept until shortly before their end."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from msgspec.structs import replace

from llmgw_middleware.transport.port import Call, NoCredential
from llmgw_middleware.transport.sigv4 import AwsKey, signed

log = logging.getLogger("llmgw")

EARLY = 300.0
"""Seconds before its end from which a credential is renewed while it is still used."""

PAUSE = 2.0
"""Seconds after a fetch in which no other is begun."""


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

    ``clock`` is wall time. Nobody waits for a renewal while the old value is good. Only one is fetched at a time,
    whoever waits waits for that one, and the next is begun no sooner than ``PAUSE`` after its end: a provider that is
    down, or that gives what is about to end, is neither asked by every request nor waited for by each in turn.
    """

    def __init__(self, fetch: Callable[[], T], *, clock: Callable[[], float] = time.time) -> None:
        self._fetch = fetch
        self._clock = clock
        self._value: T | None = None
        self._lock = threading.Lock()
        self._fetching: Future[T] | None = None
        self._ended = -PAUSE
        self._why = "there is no credential"

    def __repr__(self) -> str:
        return f"<Kept {'nothing yet' if self._value is None else type(self._value).__name__}>"

    async def current(self) -> T:
        """Return a value that is good now. Raises NoCredential."""
        value, now = self._value, self._clock()
        left = _left(value, now)
        if value is not None and left >= EARLY:
            return value
        fetching = self._begun(now)
        value = self._value  # it may have come since it was looked at
        if value is not None and _left(value, now) > 0:
            return value
        if fetching is None:
            raise NoCredential(self._why)
        waiting = asyncio.wrap_future(fetching)
        waiting.add_done_callback(_heard)
        return await asyncio.shield(waiting)  # who leaves stops nobody else's

    def _begun(self, now: float) -> Future[T] | None:
        """Return what is being fetched, begun now if nothing is; None in the pause after the last."""
        with self._lock:
            if self._fetching is None and not 0 <= now - self._ended < PAUSE:
                self._fetching = Future()
                self._fetching.set_running_or_notify_cancel()  # so that nobody's leaving cancels it
                threading.Thread(
                    target=self._fetch_into, args=(self._fetching,), name="llmgw credential", daemon=True
                ).start()
            return self._fetching

    def _fetch_into(self, fetching: Future[T]) -> None:
        fault: NoCredential | None = None
        try:
            fresh = self._fetch()
        except NoCredential as problem:
            fault = problem
        except Exception as problem:  # noqa: BLE001 - whatever a provider's own code raises, it may hold what is secret
            fault = NoCredential(f"the credential cannot be had ({type(problem).__name__})")
        with self._lock:
            self._fetching, self._ended = None, self._clock()
            if fault is None:
                self._value = fresh
            else:
                self._why = str(fault)
        if fault is None:
            fetching.set_result(fresh)
        else:
            log.warning("no credential for an upstream: %s", fault)
            fetching.set_exception(fault)


def _heard(waiting: asyncio.Future[T]) -> None:
    """Look at what came, as whoever waited may have left."""
    if not waiting.cancelled():
        waiting.exception()


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
