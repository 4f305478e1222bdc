"""Changes to requests and answers, as transforms."""

from __future__ import annotations

import json

from llmgw_middleware.config.node import Node
from llmgw_middleware.config.tree import Items, Position, Scalar, Table
from llmgw_middleware.config.writing import items, put_first, table, value

_DIRECTIONS = ("request", "response")


def lay_transformation(transformation: Node | None, route: Table, *, for_rules: bool = False) -> None:
    """Put a transformation on ``route``; its values are CEL in both languages.

    ``for_rules``: it runs before routing, where the method, the path and the host can be others for the rules.
    """
    if transformation is None:
        return
    for direction in _DIRECTIONS:
        changes = transformation.node(direction)
        if changes is not None:
            _change(changes, direction, route, for_rules=for_rules)


def _change(changes: Node, direction: str, route: Table, *, for_rules: bool) -> None:
    for key in ("add", "set"):
        for one in changes.nodes(key):
            name, text = one.scalar("name"), one.scalar("value")
            if name is None or text is None:
                continue
            if name.text.startswith(":") and not for_rules:
                one.leave_out(
                    "name", why=f"sets {name.text}, which the backend's url and the route decide here"
                )
            else:
                _append(route, direction, key, table(name.at, name=name, value=text))
    for gone in changes.scalars("remove"):
        _append(route, direction, "remove", gone)
    for noted, tree in (changes.table("metadata") or Table(changes.at())).items():
        put_first(_descend(route, ("transform", direction, "metadata"), tree.at), noted, tree)
    body = changes.scalar("body") if direction == "request" else None
    if body is not None:
        put_first(_descend(route, ("transform", direction), body.at), "body", body)


def lay_headers(changes: Node | None, direction: str, route: Table) -> None:
    """Put fixed headers into words: as texts of CEL."""
    if changes is None:
        return
    for key in ("add", "set"):
        for one in changes.nodes(key):
            name, text = one.scalar("name"), one.scalar("value")
            if name is None or text is None:
                continue
            added = key == "add" and direction == "request"
            quoted = value((_beside if added else _quoted)(name.text.lower(), text.text), text.at)
            _append(route, direction, "set" if added else key, table(name.at, name=name, value=quoted))
    for gone in changes.scalars("remove"):
        _append(route, direction, "remove", gone)


def _quoted(_: str, text: str) -> str:
    """Return a text as CEL has it."""
    return json.dumps(text, ensure_ascii=False)


def _beside(name: str, text: str) -> str:
    """Return a line beside those that the caller sent, which else would not cross to the upstream."""
    sent = f"request.headers[{json.dumps(name)}]"
    return f"{json.dumps(name)} in request.headers ? [{sent}, {_quoted(name, text)}] : {_quoted(name, text)}"


def _append(route: Table, direction: str, key: str, tree: Table | Scalar) -> None:
    below = _descend(route, ("transform", direction), tree.at)
    found = below.get(key)
    if not isinstance(found, Items):
        found = items(tree.at, [])
        below.put(key, found, tree.at)
    found.append(tree)


def _descend(above: Table, keys: tuple[str, ...], at: Position) -> Table:
    """Return the mapping below, made where it is not there yet."""
    for key in keys:
        found = above.get(key)
        if not isinstance(found, Table):
            found = table(at)
            above.put(key, found, at)
        above = found
    return above
