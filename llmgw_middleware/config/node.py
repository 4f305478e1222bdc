"""A mapping of a manifest while it is read. What nobody asks for is reported in the end, with its path."""

from __future__ import annotations

from dataclasses import dataclass

from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.spelling import closest
from llmgw_middleware.config.tree import Items, Position, Scalar, Table, Tree

LEFT_OUT = "has no counterpart here and is left out"


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose mapping it is, as messages call it (``HTTPRoute default/chat``), and who hears of problems."""

    label: str
    report: Report


class Node:
    """One mapping. Reading a key marks it as understood; ``rest`` reports the others."""

    def __init__(self, table: Table, path: str, origin: Origin) -> None:
        self._table = table
        self._path = path
        self._origin = origin
        self._known: set[str] = set()
        self._below: dict[str, list[Node]] = {}

    def __repr__(self) -> str:
        return f"<Node {self._path or 'the whole'} of {self._origin.label}>"

    @property
    def report(self) -> Report:
        """Who hears of problems."""
        return self._origin.report

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that have a value."""
        return tuple(key for key, value in self._table.items() if not _is_null(value))

    def at(self, key: str | None = None) -> Position:
        """Return where a key stands, or the mapping itself."""
        return self._table.at if key is None else self._table.keys_at.get(key, self._table.at)

    def path(self, key: str) -> str:
        """Return the path of a key as people write it: ``spec.rules[0].matches``."""
        return f"{self._path}.{key}" if self._path else key

    def has(self, key: str) -> bool:
        """Whether a key has a value. It is not read by that."""
        return key in self._table and not _is_null(self._table[key])

    def scalar(self, key: str) -> Scalar | None:
        """Return a single value."""
        tree = self._value(key)
        if tree is not None and not isinstance(tree, Scalar):
            self.wrong(key, "a single value")
            return None
        return tree

    def text(self, key: str) -> str | None:
        """Return a single value's text."""
        scalar = self.scalar(key)
        return None if scalar is None else scalar.text

    def whole(self, key: str) -> int | None:
        """Return a whole number."""
        scalar = self.scalar(key)
        if scalar is None:
            return None
        if not isinstance(scalar.value, int) or isinstance(scalar.value, bool):
            self.wrong(key, "a whole number")
            return None
        return scalar.value

    def scalars(self, key: str) -> list[Scalar]:
        """Return a list of single values."""
        tree = self._value(key)
        if tree is None:
            return []
        if not isinstance(tree, Items) or not all(isinstance(item, Scalar) for item in tree):
            self.wrong(key, "a list of single values")
            return []
        return [item for item in tree if isinstance(item, Scalar)]

    def node(self, key: str) -> Node | None:
        """Return a mapping below."""
        tree = self._value(key)
        if tree is None:
            return None
        if not isinstance(tree, Table):
            self.wrong(key, "a mapping")
            return None
        return self._descend(key, [(self.path(key), tree)])[0]

    def nodes(self, key: str) -> list[Node]:
        """Return a list of mappings below."""
        tree = self._value(key)
        if tree is None:
            return []
        if not isinstance(tree, Items) or not all(isinstance(item, Table) for item in tree):
            self.wrong(key, "a list of mappings")
            return []
        tables = [item for item in tree if isinstance(item, Table)]
        return self._descend(key, [(f"{self.path(key)}[{i}]", table) for i, table in enumerate(tables)])

    def table(self, key: str) -> Table | None:
        """Return a mapping of free data as it stands."""
        tree = self._value(key)
        if tree is not None and not isinstance(tree, Table):
            self.wrong(key, "a mapping")
            return None
        return tree

    def skip(self, *keys: str) -> None:
        """Take keys that have no meaning for a gateway inside an application, such as a listener's port."""
        self._known.update(keys)

    def wrong(self, key: str, wanted: str) -> None:
        """Report a value that the manifest's own schema would refuse."""
        self.refuse(key, f"{self.path(key)} takes {wanted}.")

    def refuse(self, key: str, sentence: str) -> None:
        """Report an error at a key."""
        self.report.error("bad_manifest", self.at(key), f"{self._origin.label}: {sentence}")

    def note(self, code: str, key: str | None, sentence: str, hint: str | None = None) -> None:
        """Report a warning at a key."""
        self.report.warn(code, self.at(key), f"{self._origin.label}: {sentence}", hint)

    def leave_out(self, *keys: str, why: str = LEFT_OUT, hint: str | None = None) -> None:
        """Report keys that mean something which this gateway does not do."""
        for key in keys:
            if self.has(key):
                self._known.add(key)
                self.note("unsupported_field", key, f"{self.path(key)} {why}.", hint)

    def leave_guard_out(self, *keys: str) -> None:
        """Report keys that keep callers out or costs down: who serves without them has to say so first."""
        for key in keys:
            if self.has(key):
                self._known.add(key)
                self.report.unmet(
                    "unsupported_guard",
                    self.at(key),
                    f"{self._origin.label}: {self.path(key)} guards what stands behind it, and {LEFT_OUT}.",
                    "guard it in the application around the gateway or by rules, and take it out of the manifest",
                )

    def rest(self) -> None:
        """Report every key, here and below, that nobody asked for."""
        for key in self.keys:
            if key not in self._known:
                near = closest(key, self._known - set(self._table))
                self.leave_out(key, hint=f'did you mean "{near}"?' if near else None)
        for nodes in self._below.values():
            for node in nodes:
                node.rest()

    def _value(self, key: str) -> Tree | None:
        self._known.add(key)
        tree = self._table.get(key)
        return None if tree is None or _is_null(tree) else tree

    def _descend(self, key: str, tables: list[tuple[str, Table]]) -> list[Node]:
        if key not in self._below:
            self._below[key] = [Node(table, path, self._origin) for path, table in tables]
        return self._below[key]


def _is_null(tree: Tree) -> bool:
    return isinstance(tree, Scalar) and tree.value is None
