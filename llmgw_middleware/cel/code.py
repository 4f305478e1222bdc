"""What a part of an expression is compiled to: a closure over the facts of a request and the frame of an evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

import msgspec

from llmgw_middleware.cel.fault import EvaluationError, ExpressionError
from llmgw_middleware.cel.limits import Frame
from llmgw_middleware.cel.syntax import Part
from llmgw_middleware.cel.values import is_list, is_map, key_value, no_overload

Run = Callable[[Any, Frame], Any]


class _Open:
    """The type of ``OPEN``."""

    def __repr__(self) -> str:
        return "OPEN"


OPEN: Final = _Open()
"""Stands for a value that is not known before there is a request."""


class Code(msgspec.Struct, frozen=True):
    """A compiled part. ``value`` is OPEN unless it is the same for every request."""

    run: Run
    value: Any = OPEN

    @property
    def constant(self) -> bool:
        """Whether the value is known."""
        return self.value is not OPEN


def constant(value: Any) -> Code:
    """Return the code of a value."""
    return Code(lambda facts, frame: value, value)


def failing(message: str) -> Code:
    """Return the code of what has no value, whatever the request."""

    def run(facts: Any, frame: Frame) -> Any:
        raise EvaluationError(message)

    return Code(run)


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """A function of values. ``run`` is given the frame, then the arguments, the receiver first.

    ``least`` and ``most`` count arguments with the receiver; most -1: any number. ``open`` functions depend on more than
    their arguments: they are given the facts before the frame, and are never worked out at load; ``reads`` names the
    variables that they look at. ``light`` ones do not touch the frame. ``cost`` is how many steps a
    call takes in a loop, besides what it takes for the length of its arguments.
    """

    run: Callable[..., Any]
    least: int
    most: int
    open: bool = False
    light: bool = False
    reads: tuple[str, ...] = ()
    cost: int = 2

    def takes(self, count: int) -> bool:
        """Whether it can be called with so many arguments."""
        return self.least <= count and (self.most < 0 or count <= self.most)


class Compiles(Protocol):
    """What macros ask of the compiler."""

    def code(self, part: Part) -> Code:
        """Compile a part."""
        ...

    def framed(self) -> None:
        """Note that the program needs a frame."""
        ...

    def local(self, name: str) -> AbstractContextManager[int]:
        """Return a place for a variable that is known by ``name`` inside the block."""
        ...

    def loop(self, part: Part, names: tuple[Part, ...], *bodies: Part) -> Loop:
        """Compile the bodies of a loop over ``part`` with its variables."""
        ...

    def name_of(self, part: Part) -> str:
        """Return the name that a part is; raises ExpressionError if it is no plain name."""
        ...

    def fault(self, at: int, message: str, hint: str | None = None) -> ExpressionError:
        """Return an error at an offset of the text."""
        ...

    def weigh(self, steps: int) -> None:
        """Note that a part takes so many steps more in a loop than its parts."""
        ...

    def reads_all(self) -> None:
        """Note that the program reads every variable there is."""
        ...

    @property
    def variables(self) -> Mapping[str, Run]:
        """Readers of every variable."""
        ...


class Loop(msgspec.Struct, frozen=True):
    """A compiled loop: what it goes through, where its variables are put, what a round costs."""

    over: Run
    slots: tuple[int, ...]
    bodies: tuple[Run, ...]
    cost: int


def each(value: Any, what: str) -> Iterator[Any]:
    """Return what a loop with one variable goes through: the items of a list, the keys of a map."""
    if is_list(value):
        return iter(value)
    if type(value) is dict or is_map(value):
        return map(key_value, value)
    raise no_overload(what, value)


def each_pair(value: Any, what: str) -> Iterator[tuple[Any, Any]]:
    """Return what a loop with two variables goes through: index and item, or key and value."""
    if is_list(value):
        return iter(enumerate(value))
    if is_map(value):
        return ((key_value(key), item) for key, item in value.items())
    raise no_overload(what, value)


def truth(value: Any, what: str) -> bool:
    """Return a bool that is one; raises for what is none."""
    if value is True or value is False:
        return bool(value)
    raise no_overload(what, value)
