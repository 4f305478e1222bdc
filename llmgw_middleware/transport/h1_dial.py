"""From a name to a connection: addresses off the loop, and the first of them that answers (RFC 8305)."""

from __future__ import annotations

import asyncio
import ipaddress
import math
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from itertools import chain, zip_longest

from llmgw_middleware.transport.h1_connection import Connection
from llmgw_middleware.transport.h1_request import Origin
from llmgw_middleware.transport.port import Unreachable

STAGGER = 0.25
"""Seconds that one address is tried alone before the next is tried beside it (RFC 8305, 5)."""

KNOWN_FOR = 10.0
"""Seconds that the addresses of a name are remembered."""

Resolve = Callable[[str, int], list[str]]
"""Finds the addresses of a host, best first; blocks. Raises OSError or UnicodeError."""


def resolve(host: str, port: int) -> list[str]:
    """Ask the system. Blocks; raises OSError, or UnicodeError for what no name can be."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def is_address(host: str) -> bool:
    """Say whether ``host`` is an address itself."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def interleaved(addresses: Iterable[str]) -> tuple[str, ...]:
    """Return them with families taking turns, the first one's family first (RFC 8305, 4), each once."""
    families: dict[bool, list[str]] = {}
    for address in dict.fromkeys(addresses):
        families.setdefault(":" in address, []).append(address)
    turns = chain.from_iterable(zip_longest(*families.values()))
    return tuple(address for address in turns if address is not None)


class Names:
    """Addresses by host. Asked in the loop's threads, by one question at a time for each host."""

    def __init__(self, resolve: Resolve = resolve) -> None:
        self._resolve = resolve
        self._known: dict[tuple[str, int], tuple[float, tuple[str, ...]]] = {}
        self._asked: dict[tuple[str, int], asyncio.Future[list[str]]] = {}

    async def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """Return the addresses in the order to try them. Raises Unreachable. Leaving stops nobody else's question."""
        if is_address(host):
            return (host,)
        loop = asyncio.get_running_loop()
        until, addresses = self._known.get((host, port), (0.0, ()))
        if addresses and loop.time() < until:
            return addresses
        try:
            found = await asyncio.shield(self._question(loop, host, port))
        except (OSError, UnicodeError) as error:
            raise Unreachable(f"the name {host!r} has no address: {error}") from error
        self._known[host, port] = (loop.time() + KNOWN_FOR, interleaved(found))
        return self._known[host, port][1]

    def forget(self, host: str, port: int) -> None:
        """Ask again the next time, as nobody answered there."""
        self._known.pop((host, port), None)

    def _question(self, loop: asyncio.AbstractEventLoop, host: str, port: int) -> asyncio.Future[list[str]]:
        question = self._asked.get((host, port))
        if question is None:
            question = loop.run_in_executor(None, self._resolve, host, port)
            self._asked[host, port] = question
            question.add_done_callback(partial(self._answered, (host, port)))
        return question

    def _answered(self, key: tuple[str, int], question: asyncio.Future[list[str]]) -> None:
        del self._asked[key]
        if not question.cancelled():
            question.exception()  # those who asked may all have left

    def __repr__(self) -> str:
        return f"<Names [known: {len(self._known)}, asked: {len(self._asked)}]>"


async def connect(names: Names, origin: Origin, make: Callable[[], Connection]) -> Connection:
    """Return a connection to ``origin``, over TLS if it is so made. Raises Unreachable.

    Leaving at any moment leaves no socket.
    """
    addresses = await names.addresses(origin.host, origin.port)
    try:
        connection = await first(addresses, lambda address: _to(address, origin.port, make))
    except Unreachable:
        names.forget(origin.host, origin.port)
        raise
    try:
        while not connection.ready:
            await connection.change(math.inf)
    except BaseException:
        connection.close()
        raise
    return connection


async def _to(address: str, port: int, make: Callable[[], Connection]) -> Connection:
    connection = make()
    try:
        await asyncio.get_running_loop().create_connection(lambda: connection, address, port)
    except BaseException as error:
        connection.close()
        connection.forget()
        if isinstance(error, OSError):
            raise Unreachable(f"{address} port {port}: {error}") from error
        raise
    return connection


async def first(
    addresses: tuple[str, ...],
    attempt: Callable[[str], Awaitable[Connection]],
    *,
    stagger: float = STAGGER,
) -> Connection:
    """Return the connection of the first address that answers. Raises Unreachable when none does.

    Each next address is begun when the one before failed, or had ``stagger`` seconds; the others are given up.
    """
    if len(addresses) == 1:
        return await attempt(addresses[0])
    waiting = deque(addresses)
    running: set[asyncio.Future[Connection]] = set()
    failed: list[str] = []
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.ensure_future(attempt(waiting.popleft())))
            await asyncio.wait(
                running, timeout=stagger if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for trial in [each for each in running if each.done()]:
                running.discard(trial)
                if (error := trial.exception()) is None:
                    return trial.result()
                failed.append(str(error))
    finally:
        _give_up(running)
    raise Unreachable("; ".join(failed))


def _give_up(trials: Iterable[asyncio.Future[Connection]]) -> None:
    for trial in trials:
        trial.cancel()
        trial.add_done_callback(_close)


def _close(trial: asyncio.Future[Connection]) -> None:
    """Close a connection that came too late."""
    if not trial.cancelled() and trial.exception() is None:
        trial.result().close()
