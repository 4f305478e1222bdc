"""What all words share: keys in both spellings, positions, and the refusal of keys nobody knows."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationInfo,
    model_validator,
)

from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.spelling import did_you_mean
from llmgw_middleware.config.tree import Position, Scalar, Table, Tree, camel, find
from llmgw_middleware.config.unavailable import KEYS, refusal
from llmgw_middleware.config.words.kinds import wrong

_PLACELESS = Table(Position("configuration"))


class Word(BaseModel):
    """A part of the configuration. ``noun`` is what messages call it.

    Validated with a ``Report`` as context: unknown and unavailable keys are reported there and left out, so that
    one reading finds them all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=camel)

    noun: ClassVar[str] = "configuration"
    _table: Table = PrivateAttr(default=_PLACELESS)

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, value: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        if not isinstance(value, Table):
            wrong("a mapping of keys", value)
        word = handler(cls._fields_of(value, info.context))
        word._table = value  # noqa: SLF001 - the word's own
        return word

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
    def names(cls) -> dict[str, str]:
        """Return the field of each key, keys as the schema spells them."""
        return {field.alias or name: name for name, field in cls.model_fields.items()}

    @classmethod
    def _fields_of(cls, table: Table, report: Report | None) -> dict[str, Tree]:
        """Return what to validate, under the schema's own keys. Null and missing values count as not given."""
        report = report or Report()
        names = cls.names()
        fields: dict[str, Tree] = {}
        for key, value in table.items():
            known = key if key in names else camel(key)
            if known not in names:
                cls._refuse(key, known, table.keys_at[key], report)
            elif known in fields:
                report.error("duplicate_key", table.keys_at[key], f'"{key}" and "{known}" are the same key.')
            elif not cls._absent(names[known], value):
                fields[known] = value
        return fields

    @classmethod
    def _absent(cls, name: str, value: Tree) -> bool:
        if not isinstance(value, Scalar):
            return False
        textual = cls.model_fields[name].annotation in (str, str | None)
        return value.value is None or (value.missing and not textual)

    @classmethod
    def _refuse(cls, key: str, known: str, at: Position, report: Report) -> None:
        later = KEYS.get(cls.noun, frozenset())
        if key in later or known in later:
            of = "" if cls.noun == "configuration" else f" of {article(cls.noun)}"
            report.error("not_available", at, refusal(f'The key "{key}"{of}'))
            return
        hint = did_you_mean(key, [*cls.names(), *later])
        report.error("unknown_key", at, f'{article(cls.noun).capitalize()} has no key "{key}".', hint)


def article(noun: str) -> str:
    """Return the noun with its article."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
