"""The names that an expression may use for what comes from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from llmgw_middleware.body import MISSING
from llmgw_middleware.cel.code import Run
from llmgw_middleware.cel.limits import Frame

Path = tuple[str | int, ...]


class Reader(msgspec.Struct, frozen=True):
    """Reads what stands at the beginning of a path. ``run`` returns MISSING where nothing does.

    ``taken`` steps of the path are behind the reader; the rest is looked up in its value. ``framed``: it asks the frame.
    ``price`` tells how many steps reading takes in a loop, of what is looked for anew each time.
    """

    run: Run
    taken: int = 0
    framed: bool = False
    price: Callable[[Any], int] | None = None


class Variable:
    """A variable. ``fields`` are the only names that may follow it, or None if there is no telling."""

    fields: frozenset[str] | None = None

    def reader(self, path: Path) -> Reader:
        """Return what reads the variable, or what stands under it at ``path`` as far as that can be read directly."""
        raise NotImplementedError


class Given(Variable):
    """A variable that is an entry of a mapping: the facts are that mapping."""

    def __init__(self, name: str) -> None:
        self._name = name

    def reader(self, path: Path) -> Reader:  # noqa: ARG002 - values are looked into by the language
        """Return what reads the entry."""
        name = self._name
        return Reader(lambda facts, frame: facts.get(name, MISSING))


class Beside(Variable):
    """A variable that is known beside the request, such as the answer to it: ``beside`` of the evaluation."""

    def __init__(self, name: str, fields: frozenset[str] | None = None) -> None:
        self._name = name
        self.fields = fields

    def reader(self, path: Path) -> Reader:  # noqa: ARG002
        """Return what reads it beside the request."""
        name = self._name

        def run(facts: Any, frame: Frame) -> Any:
            return MISSING if frame.beside is None else frame.beside.get(name, MISSING)

        return Reader(run, framed=True)


class Vocabulary(msgspec.Struct, frozen=True, kw_only=True):
    """Every variable by its name, which may be dotted.

    ``elsewhere`` are names that exist in other places of a configuration, with a sentence why not here. ``lenient``: a
    name that does not exist is an error only where it is evaluated.
    """

    variables: Mapping[str, Variable]
    elsewhere: Mapping[str, str] = msgspec.field(default_factory=dict)
    container: str = ""
    lenient: bool = False

    def also(self, variables: Mapping[str, Variable]) -> Vocabulary:
        """Return a vocabulary with more variables."""
        merged = {**self.variables, **variables}
        others = {name: why for name, why in self.elsewhere.items() if name not in merged}
        return Vocabulary(variables=merged, elsewhere=others, container=self.container, lenient=self.lenient)


def given(*names: str, container: str = "") -> Vocabulary:
    """Return the vocabulary of expressions over a mapping with these keys; what else they name fails when evaluated."""
    return Vocabulary(variables={name: Given(name) for name in names}, container=container, lenient=True)


NOTHING: Final = Vocabulary(variables={})
"""No variables at all."""
