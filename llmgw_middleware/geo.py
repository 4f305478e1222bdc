"""Where a caller is: from what the host knows, what a trusted proxy says, or the caller's address."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from threading import Lock
from typing import Any, Literal, Protocol

from llmgw_middleware.model.http import Request
from llmgw_middleware.model.identity import Identity
from llmgw_middleware.model.place import NOWHERE, Place
from llmgw_middleware.model.plan import Geography
from llmgw_middleware.model.regions import known_region, regions_of

__all__ = ["Locator", "known_region", "regions_of"]

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

UNKNOWN = frozenset({"XX", "T1"})
"""What Cloudflare's header says of an address it does not know (XX) and of the Tor network (T1)."""

LOOKUPS = 10_000
LOOKUP_SECONDS = 3600.0


class _Reader(Protocol):
    def get(self, ip_address: Address) -> Any: ...

    def close(self) -> None: ...


class Locator:
    """Finds a caller's address, country and regions. Thread-safe.

    Headers count only if the direct peer is one of ``trusted_proxies``. The database is opened at the first look-up,
    or by ``open``, and stays open; its answers are kept for an hour.
    """

    def __init__(self, geography: Geography, trusted_proxies: Sequence[Network]) -> None:
        self._header = None if geography.header is None else geography.header.lower().encode()
        self._database = geography.database
        self._extra = geography.regions
        self._trusted = tuple(trusted_proxies)
        self._lock = Lock()
        self._reader: _Reader | None = None
        self._countries = {} if geography.database is None else _kept()

    def __repr__(self) -> str:
        header = "none" if self._header is None else self._header.decode()
        state = "open" if self._reader is not None else "not open"
        database = "none" if self._database is None else f"{self._database} ({state})"
        return f"<Locator [header {header}, database {database}, {len(self._trusted)} trusted proxies]>"

    def __call__(self, request: Request, identity: Identity) -> Place:
        """Return where the caller is: ``locate``."""
        return self.locate(request, identity)

    def locate(self, request: Request, identity: Identity) -> Place:
        """Return where the caller is.

        The first that knows a country decides: the identity's ``country``, the configured header of a trusted proxy,
        the database by the caller's address.
        """
        country = _country(identity.attributes.get("country"))
        if country is not None:
            return self.at(country, source="identity")
        country = self._from_header(request)
        if country is not None:
            return self.at(country, source="header")
        country = self._from_database(request)
        return NOWHERE if country is None else self.at(country, source="database")

    def at(self, country: str, *, source: Literal["identity", "header", "database"] = "identity") -> Place:
        """Return the place that ``country``, an upper-case code, stands for."""
        return Place(country=country, regions=regions_of(country, self._extra), source=source)

    def address(self, request: Request) -> str | None:
        """Return the caller's address; behind trusted proxies the first untrusted hop from the right.

        None if there is none, or if that hop is no address: what stands further left is the caller's own word.
        """
        found = self._address(request)
        return None if found is None else str(found)

    def open(self) -> None:
        """Open the database if one is configured. Raises ValueError with the remedy if it cannot be read."""
        with self._lock:
            if self._database is not None and self._reader is None:
                self._reader = _open(self._database)

    def close(self) -> None:
        """Close the database. A later look-up opens it again."""
        with self._lock:
            reader, self._reader = self._reader, None
            self._countries.clear()
        if reader is not None:
            reader.close()

    def _from_header(self, request: Request) -> str | None:
        if self._header is None or b"_" in self._header or not self._is_trusted(_parsed(request.peer)):
            return None
        said = {_country(value.decode("latin-1")) for name, value in request.headers if name == self._header}
        # Two lines that differ: one of them is not the proxy's.
        return said.pop() if len(said) == 1 else None

    def _from_database(self, request: Request) -> str | None:
        if self._database is None:
            return None
        address = self._address(request)
        if address is None:
            return None
        with self._lock:
            if address not in self._countries:
                if self._reader is None:
                    self._reader = _open(self._database)
                self._countries[address] = _of_record(self._reader.get(address))
            return self._countries.get(address)

    def _address(self, request: Request) -> Address | None:
        nearest = _parsed(request.peer)
        if not self._is_trusted(nearest):
            return nearest
        for hop in _hops(request):
            nearest = _parsed(_without_port(hop))
            if not self._is_trusted(nearest):
                return nearest
        return nearest

    def _is_trusted(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self._trusted)


def _kept() -> MutableMapping[Address, str | None]:
    from cachetools import TTLCache  # a database is what few configurations have

    return TTLCache(maxsize=LOOKUPS, ttl=LOOKUP_SECONDS)


def _hops(request: Request) -> Iterable[str]:
    """Return the entries of X-Forwarded-For, the nearest first; each proxy adds on the right."""
    lines = [value for name, value in request.headers if name == b"x-forwarded-for"]
    return (hop.strip() for hop in reversed(b",".join(lines).decode("latin-1").split(",")) if hop.strip())


def _without_port(hop: str) -> str:
    """Return the address of ``192.0.2.1:443``, ``[2001:db8::1]:443`` or ``[2001:db8::1]``."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _parsed(text: str | None) -> Address | None:
    """Return an address, an IPv4-mapped one (``::ffff:192.0.2.1``) as IPv4; None for what is none."""
    if text is None or "%" in text:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _country(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    code = value.strip().upper()
    return code if len(code) == 2 and code.isascii() and code.isalpha() and code not in UNKNOWN else None  # noqa: PLR2004 - alpha-2


def _of_record(record: Any) -> str | None:
    """Return the country of a database record: MaxMind's and DB-IP's form, or ipinfo's flat one."""
    if not isinstance(record, dict):
        return None
    country = record.get("country")
    if isinstance(country, dict):
        return _country(country.get("iso_code"))
    return _country(record.get("country_code")) or _country(country)


def _open(path: str) -> _Reader:
    try:
        import maxminddb
    except ImportError as error:
        raise ValueError(
            "geo.database needs the package maxminddb; install llmgw-middleware[geo], or remove geo.database"
        ) from error
    try:
        reader: _Reader = maxminddb.open_database(path)
    except OSError as error:
        raise ValueError(f"geo.database: {path} cannot be opened: {error.strerror}") from error
    except maxminddb.InvalidDatabaseError as error:
        raise ValueError(f"geo.database: {path} is no mmdb file") from error
    return reader
