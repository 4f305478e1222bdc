"""How large an expression, and what it makes, may become. Everything beyond is an error, never a slow answer."""

from __future__ import annotations

from typing import Any, Final

from llmgw_middleware.cel.fault import Exhausted

LONGEST_TEXT: Final = 32 * 1024
"""Characters of one expression."""

NESTING: Final = 32
"""How deep brackets, arguments and branches may stand in one another."""

HEIGHT: Final = 160
"""How many operations may hang on one another (``a + b + c + …``): each costs a frame of Python's stack."""

LOOPS: Final = 3
"""How deep ``all``, ``map`` and their like may stand in one another."""

STEPS: Final = 100_000
"""Steps of one evaluation: one per operation in a loop, and more for what takes longer the longer its values are."""

LARGEST: Final = 2 * 1024 * 1024
"""Characters of a string, or bytes, that an expression may make."""

LONGEST_LIST: Final = 100_000
"""Entries of a list or map that an expression may make."""


class Frame:
    """What one evaluation holds: the steps left, the loop variables, and what is known beside the request."""

    __slots__ = ("beside", "slots", "steps")

    def __init__(self, steps: int, size: int, beside: Any = None) -> None:
        self.steps = steps
        self.slots: list[Any] = [None] * size
        self.beside = beside


def spend(frame: Frame, steps: int) -> None:
    """Take ``steps``; raises Exhausted when there are no more."""
    frame.steps -= steps
    if frame.steps < 0:
        raise Exhausted("the expression took more steps than it may")


def made(frame: Frame, size: int) -> None:
    """Account for a string or bytes of ``size`` that is about to be made, at the speed of copying."""
    if size > LARGEST:
        raise Exhausted(f"the expression makes a value of {size} characters, {LARGEST} are allowed")
    spend(frame, size >> 9)


def read(frame: Frame, size: int) -> None:
    """Account for looking at each of ``size`` characters or entries."""
    spend(frame, size >> 6)


def listed(frame: Frame, size: int) -> None:
    """Account for a list or map of ``size`` entries that is about to be made."""
    if size > LONGEST_LIST:
        raise Exhausted(f"the expression makes a list of {size} entries, {LONGEST_LIST} are allowed")
    spend(frame, size >> 3)
