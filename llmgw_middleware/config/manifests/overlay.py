"""An operator's own words laid over imported ones: what is written by hand holds."""

from __future__ import annotations

from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.tree import Items, Scalar, Table, Tree

_LEADS = ("backend", "backends", "respond")
"""Keys of a route of which it has one: saying one takes the imported other away."""


def overlay(imported: Table, own: Table) -> Table:
    """Return both. Mappings merge deeply, lists whose items have names merge by name; else ``own`` replaces.

    A route that leads elsewhere, and a pool in place of a backend, replace what the imported one says of that.
    """
    if "type" in own and "type" not in imported:
        return own
    merged = Table(own.at)
    led = any(key in own for key in _LEADS)
    for key, tree in imported.items():
        if key in own or not (led and key in _LEADS):
            merged.put(key, tree, imported.keys_at[key])
    for key, tree in own.items():
        merged.put(key, _both(merged[key], tree) if key in merged else tree, own.keys_at[key])
    return merged


def judge_secrets(root: Table, report: Report) -> None:
    """Report backends whose Secret is nowhere: such a backend is as one that is only named."""
    backends = root.get("backends")
    for backend in backends if isinstance(backends, Items) else ():
        if isinstance(backend, Table):
            headers = backend.get("headers")
            _judge(backend, "apiKey", _name(backend) or "", report)
            if isinstance(headers, Table):
                for name in list(headers):
                    _judge(headers, name, _name(backend) or "", report)


def _judge(table: Table, key: str, backend: str, report: Report) -> None:
    """Take a credential that is missing out, and say so."""
    found = table.get(key)
    if not (isinstance(found, Scalar) and found.missing):
        return
    del table[key]
    variable = found.source.rpartition("${")[2].rstrip("}")
    report.unmet(
        "unresolved_secret",
        found.at,
        f'The Secret of the backend "{backend}" is in no manifest, and the variable {variable} is not set.',
        f"set {variable}, add the Secret, or write {key} under backends",
    )


def _both(imported: Tree, own: Tree) -> Tree:
    if isinstance(imported, Table) and isinstance(own, Table):
        return overlay(imported, own)
    if isinstance(imported, Items) and isinstance(own, Items) and _named(imported):
        return _by_name(imported, own)
    return own


def _by_name(imported: Items, own: Items) -> Items:
    merged = Items(own.at)
    places = {_name(item): index for index, item in enumerate(imported)}
    merged.extend(imported)
    for item in own:
        index = places.get(_name(item) or "")
        if index is None:
            merged.append(item)
        else:
            merged[index] = _both(merged[index], item)
    return merged


def _named(items: Items) -> bool:
    return all(_name(item) is not None for item in items)


def _name(item: Tree) -> str | None:
    name = item.get("name") if isinstance(item, Table) else None
    return name.text if isinstance(name, Scalar) else None
