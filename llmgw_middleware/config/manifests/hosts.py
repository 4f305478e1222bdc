"""Host names of listeners and routes: what both admit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

ANY = ""
"""Stands for every host."""


def common(first: str, second: str) -> str | None:
    """Return the narrower of two names if one lies in the other; ``*.`` stands for one label or more."""
    if ANY in (first, second):
        return first or second
    if first == second:
        return first
    if first.startswith("*.") and second.endswith(first[1:]):
        return second
    if second.startswith("*.") and first.endswith(second[1:]):
        return first
    return None


def admitted(listeners: Iterable[str], route: Iterable[str]) -> tuple[str, ...]:
    """Return every name that a listener and the route have in common, each once."""
    asked = [name.lower() for name in route] or [ANY]
    found = (common(listener.lower(), name) for listener in listeners for name in asked)
    return tuple(dict.fromkeys(name for name in found if name is not None))


def ranked(hosts: Iterable[str]) -> Iterator[tuple[tuple[int, int], tuple[str, ...]]]:
    """Group names by precedence: exact ones, then wildcards by length, then every host."""
    groups: dict[tuple[int, int], list[str]] = {}
    for host in hosts:
        groups.setdefault(_precedence(host), []).append(host)
    for rank in sorted(groups):
        yield rank, tuple(groups[rank])


def _precedence(host: str) -> tuple[int, int]:
    if host == ANY:
        return 2, 0
    return (1, -len(host)) if host.startswith("*.") else (0, 0)
