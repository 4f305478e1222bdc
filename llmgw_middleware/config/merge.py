"""Several documents become one configuration.

Mappings merge deeply; lists whose items have a ``name`` merge by name, key by key; other lists are replaced by the
later one; a value given twice has to be the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.tree import Items, Position, Scalar, Table, Tree


def merge(documents: Iterable[Table], report: Report) -> Table:
    """Return one table of them all, in their order."""
    merged: Table | None = None
    for document in documents:
        merged = document if merged is None else merge_tables(merged, document, report)
    return Table(Position("configuration")) if merged is None else merged


def merge_tables(first: Table, second: Table, report: Report) -> Table:
    """Return the keys of both; each keeps the place where it was written first."""
    table = Table(first.at)
    for key, value in first.items():
        table.put(key, value, first.keys_at[key])
    for key, value in second.items():
        if key in table:
            table[key] = _both(table[key], value, report, key=key, at=second.keys_at[key])
        else:
            table.put(key, value, second.keys_at[key])
    return table


def _both(first: Tree, second: Tree, report: Report, *, key: str, at: Position) -> Tree:
    if isinstance(first, Table) and isinstance(second, Table):
        return merge_tables(first, second, report)
    if isinstance(first, Items) and isinstance(second, Items):
        return _lists(first, second, report, key=key, at=at)
    if not (isinstance(first, Scalar) and isinstance(second, Scalar) and first.text == second.text):
        report.error(
            "two_values", at, f'"{key}" has another value here than at {first.at}.', "keep one of them"
        )
    return second


def _lists(first: Items, second: Items, report: Report, *, key: str, at: Position) -> Items:
    if not (_all_named(first) and _all_named(second)):
        if any(isinstance(item, Table) for item in first):
            report.warn(
                "list_replaced",
                at,
                f'The list "{key}" replaces the one at {first.at}: not every item has a name to merge by.',
                "give each item a name",
            )
        return second
    merged = Items(first.at)
    merged.extend(first)
    places = {_name(item): index for index, item in reversed(list(enumerate(first)))}
    for item in second:
        index = places.get(_name(item))
        if index is None:
            merged.append(item)
        else:
            merged[index] = _both(merged[index], item, report, key=key, at=item.at)
    return merged


def _all_named(items: Items) -> bool:
    return all(_name(item) is not None for item in items)


def _name(item: Tree) -> str | None:
    name = item.get("name") if isinstance(item, Table) else None
    return name.text if isinstance(name, Scalar) else None
