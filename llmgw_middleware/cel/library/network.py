"""Addresses and networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_interface
from typing import Any, ClassVar

from llmgw_middleware.cel.code import Function
from llmgw_middleware.cel.fault import EvaluationError
from llmgw_middleware.cel.limits import Frame
from llmgw_middleware.cel.values import no_overload

Address = IPv4Address | IPv6Address


class Ip:
    """An address. An IPv4 address mapped into IPv6 equals itself."""

    __slots__ = ("address",)
    TYPE: ClassVar = "net.IP"

    def __init__(self, address: Address) -> None:
        self.address = address

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ip) and _unmapped(other.address) == _unmapped(self.address)

    def __hash__(self) -> int:
        return hash(_unmapped(self.address))

    def __str__(self) -> str:
        return str(self.address)

    def __repr__(self) -> str:
        return f"ip('{self}')"


class Cidr:
    """A network, with the address that it was written with."""

    __slots__ = ("address", "network")
    TYPE: ClassVar = "net.CIDR"

    def __init__(self, address: Address, network: IPv4Network | IPv6Network) -> None:
        self.address = address
        self.network = network

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cidr) and (other.address, other.network) == (self.address, self.network)

    def __hash__(self) -> int:
        return hash((self.address, self.network))

    def __str__(self) -> str:
        return f"{self.address}/{self.network.prefixlen}"

    def __repr__(self) -> str:
        return f"cidr('{self}')"


def _unmapped(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _parsed(value: str) -> Address | None:
    if "%" in value or ("." in value and ":" in value):
        return None  # zones, and IPv4 written inside IPv6, belong to no address of a rule
    try:
        return ip_address(value)
    except ValueError:
        return None


def ip(frame: Frame, value: Any) -> Ip:
    """Return ``ip(text)``."""
    if type(value) is Ip:
        return value
    address = _parsed(_text(value, "ip()"))
    if address is None:
        raise EvaluationError(f"{str(value)[:60]!r} is no IP address")
    return Ip(address)


def _text(value: Any, what: str) -> str:
    if type(value) is not str:
        raise no_overload(what, value)
    return value


def cidr(frame: Frame, value: Any) -> Cidr:
    """Return ``cidr(text)``."""
    if type(value) is Cidr:
        return value
    text = _text(value, "cidr()")
    address, slash, length = text.partition("/")
    if not slash or not length.isdecimal() or _parsed(address) is None:
        raise EvaluationError(f"{text[:60]!r} is no network such as 10.0.0.0/8")
    try:
        found = ip_interface(text)
    except ValueError:
        raise EvaluationError(f"{text[:60]!r} is no network such as 10.0.0.0/8") from None
    return Cidr(found.ip, found.network)


def is_ip(frame: Frame, value: Any) -> bool:
    """Return ``isIP(text)``."""
    return _parsed(_text(value, "isIP()")) is not None


def is_cidr(frame: Frame, value: Any) -> bool:
    """Return ``isCIDR(text)``."""
    text = _text(value, "isCIDR()")
    try:
        cidr(frame, text)
    except EvaluationError:
        return False
    return True


def canonical(frame: Frame, value: Any) -> bool:
    """Return ``ip.isCanonical(text)``: whether the address is written as it is printed."""
    return str(ip(frame, value)) == _text(value, "ip.isCanonical()")


def _of_ip(name: str, apply: Callable[[Address], Any]) -> Function:
    def run(frame: Frame, value: Any) -> Any:
        if type(value) is not Ip:
            raise no_overload(f"{name}()", value)
        return apply(value.address)

    return Function(run=run, least=1, most=1, light=True, cost=10)


def _link_local_multicast(address: Address) -> bool:
    return address in (
        IPv4Network("224.0.0.0/24") if address.version == 4 else IPv6Network("ff02::/16")  # noqa: PLR2004
    )


def _global_unicast(address: Address) -> bool:
    broadcast = address == IPv4Address("255.255.255.255")
    return not (
        address.is_multicast
        or address.is_loopback
        or address.is_unspecified
        or address.is_link_local
        or broadcast
    )


def _network(value: Any, what: str) -> Cidr:
    if type(value) is not Cidr:
        raise no_overload(what, value)
    return value


def contains_ip(frame: Frame, value: Any, address: Any) -> bool:
    """Return ``cidr.containsIP(address)``."""
    return ip(frame, address).address in _network(value, "containsIP()").network


def contains_cidr(frame: Frame, value: Any, other: Any) -> bool:
    """Return ``cidr.containsCIDR(other)``."""
    outer, inner = _network(value, "containsCIDR()").network, cidr(frame, other).network
    if outer.version != inner.version:
        return False
    return bool(inner.subnet_of(outer))  # type: ignore[arg-type]  # of one version


def masked(frame: Frame, value: Any) -> Cidr:
    """Return ``cidr.masked()``: the network with its own first address."""
    network = _network(value, "masked()").network
    return Cidr(network.network_address, network)


FUNCTIONS: Mapping[str, Function] = {
    "ip": Function(run=ip, least=1, most=1, light=True, cost=10),
    "cidr": Function(run=cidr, least=1, most=1, light=True, cost=10),
    "isIP": Function(run=is_ip, least=1, most=1, light=True, cost=10),
    "isCIDR": Function(run=is_cidr, least=1, most=1, light=True, cost=10),
    "ip.isCanonical": Function(run=canonical, least=1, most=1, light=True, cost=10),
}
METHODS: Mapping[str, Function] = {
    "family": _of_ip("family", lambda address: address.version),
    "isUnspecified": _of_ip("isUnspecified", lambda address: address.is_unspecified),
    "isLoopback": _of_ip("isLoopback", lambda address: address.is_loopback),
    "isLinkLocalUnicast": _of_ip("isLinkLocalUnicast", lambda address: address.is_link_local),
    "isLinkLocalMulticast": _of_ip("isLinkLocalMulticast", _link_local_multicast),
    "isGlobalUnicast": _of_ip("isGlobalUnicast", _global_unicast),
    "containsIP": Function(run=contains_ip, least=2, most=2, light=True, cost=10),
    "containsCIDR": Function(run=contains_cidr, least=2, most=2, light=True, cost=10),
    "masked": Function(run=masked, least=1, most=1, light=True, cost=10),
    "prefixLength": Function(
        run=lambda frame, value: _network(value, "prefixLength()").network.prefixlen,
        least=1,
        most=1,
        light=True,
        cost=10,
    ),
    "ip": Function(
        run=lambda frame, value: Ip(_network(value, "ip()").address), least=1, most=1, light=True, cost=10
    ),
}
