"""What all words share: keys in both spellings, positions, and the refusal of keys nobody knows."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.spelling import did_you_mean
from llmgw_middleware.config.tree import Position, Scalar, Table, Tree, camel, find
from llmgw_middleware.config.unavailable import KEYS, refusal
from llmgw_middleware.config.words.field import NEEDED, Key
from llmgw_middleware.config.words.refused import Refusal, Refused, wrong
from llmgw_middleware.config.words.takes import metadata

_PLACELESS = Table(Position("configuration"))


class Word:
    """A part of the configuration. ``noun`` is what messages call it, ``fields`` its keys by attribute.

    A subclass declares its keys as annotated attributes. The annotations are read once, when the class is made, and
    are not kept. Instances do not change. ``given`` names the attributes that were written; the others have their
    defaults.
    """

    noun: ClassVar[str] = "configuration"
    fields: ClassVar[Mapping[str, Key]] = {}
    names: ClassVar[Mapping[str, str]] = {}
    """The attribute of each key, keys as the schema spells them."""

    given: frozenset[str]
    _table: Table

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        own = {
            name: Key(name, annotation, cls.__dict__.get(name, NEEDED))
            for name, annotation in inspect.get_annotations(cls).items()
            if metadata(annotation)
        }
        cls.fields = {**cls.fields, **own}
        cls.names = {key.spelled: name for name, key in cls.fields.items()}
        cls.__annotations__ = {}

    def __init__(self, table: Table = _PLACELESS, /, **given: Any) -> None:
        made = {
            name: key.default_factory()
            for name, key in self.fields.items()
            if key.default_factory is not None and name not in given
        }
        self.__dict__.update(made, **given, given=frozenset(given), _table=table)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} does not change: {name} cannot be set")

    def __eq__(self, other: object) -> bool:
        """Whether the same is said, wherever it is written."""
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.fields)

    __hash__ = None  # type: ignore[assignment] # mappings are part of it

    @classmethod
    def take(cls, value: Any, report: Report) -> Self:
        """Return what is written in ``value``. Raises Refused with everything that its keys do not take.

        Unknown and unavailable keys are reported and left out, so that one reading finds them all.
        """
        if not isinstance(value, Table):
            wrong("a mapping of keys", value)
        written = cls._written(value, report)
        given: dict[str, Any] = {}
        refusals: list[Refusal] = []
        for name, key in cls.fields.items():
            try:
                if name in written:
                    given[name] = key.takes.take(written[name], report)
                elif key.needed:
                    told = f'The key "{key.spelled}" is needed here.'
                    refusals.append(Refusal("missing_key", told, path=(key.spelled,)))
            except Refused as refused:
                refusals += refused.under(key.spelled)
        if refusals:
            raise Refused(*refusals)
        return cls(value, **given)

    def at(self, *path: str | int) -> Position:
        """Return where the value at ``path`` (camelCase keys and indexes) was written, or the word itself."""
        tree, at = find(self._table, path)
        return tree.at if isinstance(tree, Scalar) else at

    def written(self, key: str) -> Tree | None:
        """Return what was written under ``key`` (camelCase), if anything."""
        tree = find(self._table, (key,))[0]
        return None if tree is self._table else tree

    @property
    def blank(self) -> bool:
        """Whether no key was written with a value, not even a wrong one."""
        return all(isinstance(value, Scalar) and value.value is None for value in self._table.values())

    @classmethod
    def _written(cls, table: Table, report: Report) -> dict[str, Tree]:
        """Return what is to be read, by attribute. Null and missing values count as not given."""
        fields: dict[str, Tree] = {}
        for key, value in table.items():
            spelled = key if key in cls.names else camel(key)
            name = cls.names.get(spelled)
            if name is None:
                cls._refuse(key, spelled, table.keys_at[key], report)
            elif name in fields:
                report.error(
                    "duplicate_key", table.keys_at[key], f'"{key}" and "{spelled}" are the same key.'
                )
            elif not _absent(cls.fields[name], value):
                fields[name] = value
        return fields

    @classmethod
    def _refuse(cls, key: str, known: str, at: Position, report: Report) -> None:
        later = KEYS.get(cls.noun, frozenset())
        if key in later or known in later:
            of = "" if cls.noun == "configuration" else f" of {article(cls.noun)}"
            report.error("not_available", at, refusal(f'The key "{key}"{of}'))
            return
        hint = did_you_mean(key, [*cls.names, *later])
        report.error("unknown_key", at, f'{article(cls.noun).capitalize()} has no key "{key}".', hint)


def article(noun: str) -> str:
    """Return the noun with its article."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _absent(key: Key, value: Tree) -> bool:
    return isinstance(value, Scalar) and (value.value is None or (value.missing and not key.textual))
