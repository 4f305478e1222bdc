"""Changes to a message, worked out by expressions over facts.

An expression without a value removes its header or field, so that nobody gets a value of their own through by making
the expression fail. A body that cannot be worked out is refused: half a body is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from llmgw_middleware.cel.explain import MASK, shown
from llmgw_middleware.cel.fault import EvaluationError
from llmgw_middleware.cel.plain import plain
from llmgw_middleware.cel.program import Program, compile_expression
from llmgw_middleware.cel.values import is_list, is_map
from llmgw_middleware.cel.variables import reads_body, reads_secret
from llmgw_middleware.cel.vocabulary import Vocabulary
from llmgw_middleware.model.expression import Expression
from llmgw_middleware.model.http import Header
from llmgw_middleware.model.transform import Changes, Put

_UNFIT: Final = frozenset({*range(32), 127} - {9})
"""No line of a header may hold them: the controls but the tab (RFC 9110, 5.5)."""

_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
Lines = tuple[bytes, ...]


class TransformFailed(Exception):
    """A body that is to be made by an expression has none. The text says why."""


@dataclass(slots=True)
class Edits:
    """What is done to headers, in this order. A name with no lines is taken away."""

    replaced: tuple[Header, ...] | None = None
    added: list[tuple[bytes, Lines | None]] = field(default_factory=list)
    put: list[tuple[bytes, Lines | None]] = field(default_factory=list)
    removed: frozenset[bytes] = frozenset()

    def over(self, headers: Iterable[Header]) -> tuple[Header, ...]:
        """Return the headers after the changes."""
        lines = list(headers if self.replaced is None else self.replaced)
        for name, values in self.added:
            if values is None or name == b"host":
                lines = [line for line in lines if line[0] != name]
            lines.extend((name, value) for value in values or ())
        for name, values in self.put:
            lines = [line for line in lines if line[0] != name]
            lines.extend((name, value) for value in values or ())
        return tuple(line for line in lines if line[0] not in self.removed)

    def pseudo(self) -> dict[bytes, bytes]:
        """Return what is set of ``:method`` and the like."""
        return {
            name: values[0]
            for name, values in (*self.added, *self.put)
            if name[:1] == b":" and values and name not in self.removed
        }

    def plain(self) -> Edits:
        """Return the same without ``:method`` and the like."""
        return Edits(
            self.replaced,
            [row for row in self.added if row[0][:1] != b":"],
            [row for row in self.put if row[0][:1] != b":"],
            self.removed,
        )


class Transformer:
    """Compiled changes. ``failures`` counts expressions that had no value."""

    def __init__(self, changes: Changes, vocabulary: Vocabulary) -> None:
        def program(expression: Expression) -> Program:
            return compile_expression(expression.text, where=expression.where, vocabulary=vocabulary)

        def programs(puts: Sequence[Put]) -> list[tuple[str, Program]]:
            return [(put.name, program(put.value)) for put in puts]

        self.failures = 0
        self._metadata = programs(changes.metadata)
        self._replace = None if changes.replace is None else program(changes.replace)
        self._add = [(name.encode(), made) for name, made in programs(changes.add)]
        self._set = [(name.encode(), made) for name, made in programs(changes.set)]
        self._removed = frozenset(name.encode() for name in changes.remove)
        self._body = None if changes.body is None else program(changes.body)
        self._body_set = [(tuple(name.split(".")), made) for name, made in programs(changes.body_set)]
        self._body_removed = [tuple(name.split(".")) for name in changes.body_remove]
        self.changes_body = bool(self._body or self._body_set or self._body_removed)

    def __repr__(self) -> str:
        return f"<Transformer [{len(self._set)} set, {len(self._add)} added, {self.failures} failures]>"

    @property
    def reads_body(self) -> bool:
        """Whether any header is worked out of the body."""
        made = [program for _, program in (*self._metadata, *self._add, *self._set)]
        return any(reads_body(program.reads) for program in (*made, self._replace) if program is not None)

    @property
    def made_of_body(self) -> frozenset[str]:
        """The names of the headers that are worked out of the body."""
        puts = (*self._add, *self._set)
        return frozenset(name.decode() for name, program in puts if reads_body(program.reads))

    def beside(self, facts: Any, beside: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is known beside the facts, with the ``metadata`` that is made here."""
        metadata = dict(beside.get("metadata") or {})
        known = {**beside, "metadata": metadata}
        for name, program in self._metadata:
            value = self._value(program, facts, known)
            if value is None:
                metadata.pop(name, None)
            else:
                metadata[name] = value[0]
        return known

    def edits(self, facts: Any, beside: Mapping[str, Any]) -> Edits:
        """Work out what is done to headers."""
        return Edits(
            replaced=self._replaced(facts, beside),
            added=[(name, self._lines(program, facts, beside)) for name, program in self._add],
            put=[(name, self._lines(program, facts, beside)) for name, program in self._set],
            removed=self._removed,
        )

    def body(self, facts: Any, beside: Mapping[str, Any], body: bytes) -> bytes:
        """Return the body after the changes. Raises TransformFailed, and BadRequest if fields of no JSON are changed."""
        if self._body is not None:
            body = self._whole(self._body, facts, beside)
        if not (self._body_set or self._body_removed):
            return body
        fields = facts.body.fields() if self._body is None else _fields(body)
        changed: dict[str, Any] = dict(fields)
        for path, program in self._body_set:
            value = self._plain(program, facts, beside)
            if value is None:
                _take(changed, path)
            else:
                _put(changed, path, value[0])
        for path in self._body_removed:
            _take(changed, path)
        return msgspec.json.encode(changed)

    def told(self, facts: Any, beside: Mapping[str, Any]) -> Iterator[str]:
        """Say what each change comes to, for a dry run; secrets are masked."""
        for name, program in self._metadata:
            yield f"metadata {name}: {self._said(program, facts, beside)}"
        if self._replace is not None:
            yield f"replace headers: {self._said(self._replace, facts, beside)}"
        for verb, rows in (("add", self._add), ("set", self._set)):
            for header, program in rows:
                yield f"{verb} {header.decode()}: {self._said(program, facts, beside, as_line=True)}"
        for header in sorted(self._removed):
            yield f"remove {header.decode()}"
        if self._body is not None:
            yield f"body: {self._said(self._body, facts, beside)}"
        for path, program in self._body_set:
            yield f"bodySet {'.'.join(path)}: {self._said(program, facts, beside)}"
        for path in self._body_removed:
            yield f"bodyRemove {'.'.join(path)}"

    def _said(self, program: Program, facts: Any, beside: Mapping[str, Any], *, as_line: bool = False) -> str:
        try:
            value = program.evaluate(facts, beside)
        except EvaluationError as error:
            return f"taken away, {error.message}"
        if as_line and _lines(value) is None:
            return f"taken away, no header says {shown(value)}"
        return MASK if reads_secret(program.reads) else shown(value)

    def _value(self, program: Program, facts: Any, beside: Mapping[str, Any]) -> tuple[Any] | None:
        """Return the value in a tuple, or None if there is none."""
        try:
            return (program.evaluate(facts, beside),)
        except EvaluationError:
            self.failures += 1
            return None

    def _plain(self, program: Program, facts: Any, beside: Mapping[str, Any]) -> tuple[Any] | None:
        """Return the value as JSON has it; one that is nested too deeply is none."""
        value = self._value(program, facts, beside)
        try:
            return None if value is None else (plain(value[0]),)
        except RecursionError:
            self.failures += 1
            return None

    def _lines(self, program: Program, facts: Any, beside: Mapping[str, Any]) -> Lines | None:
        value = self._value(program, facts, beside)
        return None if value is None else _lines(value[0])

    def _replaced(self, facts: Any, beside: Mapping[str, Any]) -> tuple[Header, ...] | None:
        if self._replace is None:
            return None
        value = self._value(self._replace, facts, beside)
        if value is None or not is_map(value[0]):
            return None
        return tuple(
            (name, line)
            for given, lines in value[0].items()
            if type(given) is str and _TOKEN.fullmatch(name := given.lower().encode("utf-8", "replace"))
            for line in _lines(lines) or ()
        )

    def _whole(self, program: Program, facts: Any, beside: Mapping[str, Any]) -> bytes:
        try:
            value = program.evaluate(facts, beside)
        except EvaluationError as error:
            self.failures += 1
            raise TransformFailed(error.message) from error
        if type(value) is bytes:
            return value
        if type(value) is str:
            return value.encode("utf-8", "replace")
        if value is None:
            raise TransformFailed("the body is null")
        try:
            return msgspec.json.encode(plain(value))
        except RecursionError as error:
            raise TransformFailed("it is nested too deeply") from error


def _lines(value: Any) -> Lines | None:
    """Return the lines of a header: of a list one for each item; None for what no header can say."""
    if is_list(value):
        lines = [None if is_list(item) else _lines(item) for item in value]
        if not lines or None in lines:
            return None
        return tuple(line[0] for line in lines if line)
    if type(value) is bytes:
        line = value
    elif value is None or is_map(value):
        return None
    else:
        text = plain(value)
        line = (text if type(text) is str else msgspec.json.encode(text).decode()).encode("utf-8", "replace")
    return None if not _UNFIT.isdisjoint(line) else (line,)


def _fields(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (ValueError, RecursionError) as error:
        raise TransformFailed("the new body is no JSON object") from error


def _opened(holder: dict[str, Any], name: str) -> dict[str, Any] | None:
    """Return the object in a field, open to be changed; None if there is none."""
    inner = holder.get(name)
    if isinstance(inner, msgspec.Raw):
        try:
            inner = msgspec.json.decode(inner, type=dict[str, msgspec.Raw])
        except (ValueError, RecursionError):
            return None
        holder[name] = inner
    return inner if isinstance(inner, dict) else None


def _put(holder: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Set what stands at a path; objects on the way are made."""
    for name in path[:-1]:
        inner = _opened(holder, name)
        if inner is None:
            inner = holder[name] = {}
        holder = inner
    holder[path[-1]] = value


def _take(holder: dict[str, Any], path: tuple[str, ...]) -> None:
    for name in path[:-1]:
        inner = _opened(holder, name)
        if inner is None:
            return
        holder = inner
    holder.pop(path[-1], None)
