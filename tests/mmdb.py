"""Writes small databases in the MaxMind DB format, version 2.0."""

from __future__ import annotations

from ipaddress import IPv4Network, ip_network
from typing import Any

Node = list[Any]


def mmdb(records: dict[str, Any]) -> bytes:
    """Return a database of IPv6 kind with one record per network; IPv4 stands in ``::/96``."""
    root: Node = [None, None]
    data = b""
    for text, record in records.items():
        _insert(root, _bits(text), len(data))
        data += _encoded(record)
    nodes = _numbered(root)
    tree = b"".join(_pointer(side, nodes) for node in nodes for side in node)
    return tree + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + _encoded(_metadata(len(nodes)))


def _bits(text: str) -> str:
    network = ip_network(text)
    address = int(network.network_address)
    length = network.prefixlen + (96 if isinstance(network, IPv4Network) else 0)
    return f"{address:0128b}"[:length]


def _insert(root: Node, bits: str, offset: int) -> None:
    node = root
    for bit in bits[:-1]:
        if node[int(bit)] is None:
            node[int(bit)] = [None, None]
        node = node[int(bit)]
    node[int(bits[-1])] = offset


def _numbered(root: Node) -> list[Node]:
    nodes = [root]
    for node in nodes:
        nodes.extend(side for side in node if isinstance(side, list))
    return nodes


def _pointer(side: Node | int | None, nodes: list[Node]) -> bytes:
    if side is None:
        number = len(nodes)
    elif isinstance(side, int):
        number = len(nodes) + 16 + side
    else:
        number = next(place for place, node in enumerate(nodes) if node is side)
    return number.to_bytes(3, "big")


def _metadata(count: int) -> dict[str, Any]:
    return {
        "binary_format_major_version": _number(2, size=2),
        "binary_format_minor_version": _number(0, size=2),
        "build_epoch": b"\x08\x02" + (1).to_bytes(8, "big"),
        "database_type": "Test-Country",
        "description": {"en": "for tests"},
        "ip_version": _number(6, size=2),
        "languages": b"\x00\x04",
        "node_count": _number(count, size=4),
        "record_size": _number(24, size=2),
    }


def _number(value: int, *, size: int) -> bytes:
    """Return an unsigned integer of 2 (type 5) or 4 (type 6) bytes."""
    return bytes([{2: 5, 4: 6}[size] << 5 | size]) + value.to_bytes(size, "big")


def _encoded(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict):
        return bytes([7 << 5 | len(value)]) + b"".join(_encoded(k) + _encoded(v) for k, v in value.items())
    raw: bytes = value.encode()
    size = bytes([2 << 5 | len(raw)]) if len(raw) < 29 else bytes([2 << 5 | 29, len(raw) - 29])
    return size + raw
