"""What is said of a value that its key does not take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from llmgw_middleware.config.tree import Items, Table
from llmgw_middleware.config.unavailable import refusal


class Refusal:
    """One thing that is wrong, at ``path`` below what was read; ``of_key``: with the last key itself."""

    __slots__ = ("code", "hint", "message", "of_key", "path")

    def __init__(
        self,
        code: str,
        message: str,
        hint: str | None = None,
        *,
        path: tuple[str | int, ...] = (),
        of_key: bool = False,
    ) -> None:
        self.code = code
        self.message = message
        self.hint = hint
        self.path = path
        self.of_key = of_key


class Refused(Exception):
    """Raised for a value that cannot be taken, with everything that is wrong in it."""

    def __init__(self, *refusals: Refusal) -> None:
        super().__init__(*(refusal.message for refusal in refusals))
        self.refusals: Sequence[Refusal] = refusals

    def under(self, step: str | int, *, of_key: bool = False) -> Iterator[Refusal]:
        """Return the refusals as seen from the mapping or list that has the value under ``step``."""
        for told in self.refusals:
            yield Refusal(
                told.code, told.message, told.hint, path=(step, *told.path), of_key=of_key or told.of_key
            )


def refuse(code: str, message: str, hint: str | None = None) -> NoReturn:
    """Raise what becomes a problem at the value's place."""
    raise Refused(Refusal(code, message, hint))


def unavailable(what: str) -> NoReturn:
    """Refuse a word that this version does not do yet."""
    refuse("not_available", refusal(what))


def wrong(wanted: str, value: Any, hint: str | None = None) -> NoReturn:
    """Refuse a value; ``wanted`` completes the sentence "This takes …", in which the key will take This's place."""
    given = (
        "a mapping"
        if isinstance(value, Table)
        else "a list"
        if isinstance(value, Items)
        else f'"{value.source}"'
    )
    refuse("bad_value", f"This takes {wanted}, not {given}.", hint)
