r"""Patterns that match whole values in time that a caller cannot stretch.

With google-re2 installed every pattern takes time linear in the value. Without it Python's ``re`` is used, which
backtracks; so a pattern is judged before it is used. The judge reads the parse tree and asks of every repeat whether
the engine could be of two minds about where it ends: it could if what follows may begin with a character that the
repeat takes as well.

* A repeat that can end in one place only costs one pass: ``[^/]+/`` or ``\d+-``.
* One that can end anywhere multiplies what comes after it by the length of the value: ``.*foo.*`` is quadratic.
* Inside another repeat it multiplies with itself: ``(a+)+`` is exponential.

Up to quadratic is accepted, and values over 8 KiB do not match; at that length the slowest pattern that passes was
measured at 0.4 s, the usual ones below a millisecond. What google-re2 does not know (backreferences, lookaround,
atomic groups) is refused with ``re`` as well, so that a configuration means the same on both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from re import _constants as op  # type: ignore[attr-defined]  # the parse tree has no public name
from re import _parser  # type: ignore[attr-defined]
from typing import Any

LONGEST = 8 * 1024
"""How long, in characters, a value may be that ``re`` is let loose on."""

QUADRATIC = 2
MOST_WAYS = {0: 5_000, 1: 5_000, QUADRATIC: 4}
"""How many ways of matching bounded repeats and alternatives may add, by the exponent of the value's length."""

MOST_TIMES = 1000
"""How often google-re2 counts."""

REMEDY = "install llmgw-middleware[re2], whose time is linear, or write the pattern without it"

Matcher = Callable[[str], bool]


class UnsafePattern(ValueError):
    """A pattern that cannot be used; the text says why, and what to do."""


def compile_pattern(pattern: str) -> Matcher:
    r"""Return what tells whether a whole value matches ``pattern``.

    ``\d``, ``\w`` and ``\s`` mean ASCII; ``.`` takes no newline. Raises ``UnsafePattern`` if the pattern is
    malformed or, without google-re2, could backtrack without bound.
    """
    try:
        import re2
    except ImportError:
        return _backtracking(pattern)
    return _linear(re2, pattern)


def judge(pattern: str) -> str | None:
    """Return why ``pattern`` could backtrack without bound under ``re``, or None. Raises ``UnsafePattern`` if malformed."""
    try:
        tree = _parser.parse(pattern, re.ASCII)
        cost = _Judge(tree).cost()
    except (re.error, ValueError, OverflowError, RecursionError) as error:
        raise UnsafePattern(f"the pattern {pattern!r} is malformed: {error}") from error
    except _Refused as refusal:
        return str(refusal)
    if cost.exponent > QUADRATIC:
        return f"{cost.exponent} repeats can share the same text in many ways"
    if cost.ways > MOST_WAYS[cost.exponent]:
        return "its alternatives and bounded repeats can match the same text in too many ways"
    return None


def _linear(re2: Any, pattern: str) -> Matcher:
    options = re2.Options()
    options.log_errors = False
    try:
        fullmatch = re2.compile(pattern, options).fullmatch
    except re2.error as error:
        text = error.args[0] if error.args else error
        shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        raise UnsafePattern(f"the pattern {pattern!r} cannot be used: {shown}") from error

    def matches(value: str) -> bool:
        try:
            return fullmatch(value) is not None
        except UnicodeEncodeError:  # a lone surrogate is no text that google-re2 could read
            return False

    return matches


def _backtracking(pattern: str) -> Matcher:
    reason = judge(pattern)
    if reason is not None:
        raise UnsafePattern(f"the pattern {pattern!r} could take without bound: {reason}; {REMEDY}")
    fullmatch = re.compile(pattern, re.ASCII).fullmatch
    return lambda value: len(value) <= LONGEST and fullmatch(value) is not None


class _Refused(Exception):
    """The pattern has a part that is never accepted."""


@dataclass(frozen=True, slots=True)
class _Cost:
    """What a part can make the engine do: ``value length ** free * ways``, and one pass more if it ``scans`` after."""

    free: int = 0
    scans: bool = False
    ways: int = 1

    def then(self, later: _Cost) -> _Cost:
        scans = later.scans or (self.scans and not later.free)
        return _Cost(self.free + later.free, scans, self.ways * later.ways)

    @property
    def exponent(self) -> int:
        return self.free + self.scans

    @property
    def certain(self) -> bool:
        """Whether the engine is never of two minds."""
        return self.free == 0 and self.ways == 1


_OTHER = -1
_ALL = frozenset((*range(128), _OTHER))
_CATEGORIES = {
    op.CATEGORY_DIGIT: frozenset(map(ord, "0123456789")),
    op.CATEGORY_SPACE: frozenset(map(ord, " \t\n\r\f\v")),
    op.CATEGORY_WORD: frozenset(c for c in range(128) if chr(c).isalnum() or c == ord("_")),
}
_NEGATED = {
    op.CATEGORY_NOT_DIGIT: op.CATEGORY_DIGIT,
    op.CATEGORY_NOT_SPACE: op.CATEGORY_SPACE,
    op.CATEGORY_NOT_WORD: op.CATEGORY_WORD,
}
_FOREIGN = {
    op.GROUPREF: "a backreference",
    op.GROUPREF_EXISTS: "a conditional group",
    op.ASSERT: "a lookaround",
    op.ASSERT_NOT: "a lookaround",
    op.ATOMIC_GROUP: "an atomic group",
    op.POSSESSIVE_REPEAT: "a possessive repeat",
}
_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT)

Chars = frozenset[int]
"""Code points below 128, and ``_OTHER`` for all the rest together."""


class _Judge:
    """Walks one parse tree."""

    def __init__(self, tree: Any) -> None:
        self._tree = tree
        self._folds = bool(tree.state.flags & re.IGNORECASE) or _has_flag(tree, re.IGNORECASE)
        if tree.state.flags & re.VERBOSE:
            raise _Refused("the flag x, which google-re2 does not know")

    def cost(self) -> _Cost:
        return self._sequence(self._tree, frozenset())

    def _sequence(self, nodes: Iterable[Any], after: Chars) -> _Cost:
        """Return the cost of nodes in a row; ``after`` is what the text behind them may begin with."""
        cost = _Cost()
        for kind, argument in reversed(list(nodes)):
            cost = self._node(kind, argument, after).then(cost)
            chars, empty = self._first_of(kind, argument)
            after = chars | after if empty else chars
        return cost

    def _node(self, kind: Any, argument: Any, after: Chars) -> _Cost:
        if kind in _FOREIGN:
            raise _Refused(f"{_FOREIGN[kind]} is not supported")
        if kind in _REPEATS:
            least, most, inner = argument
            return self._repeat(least, most, inner, after)
        if kind is op.BRANCH:
            return self._branch(argument[1], after)
        if kind is op.SUBPATTERN:
            return self._sequence(argument[3], after)
        return _Cost()

    def _repeat(self, least: int, most: Any, inner: Any, after: Chars) -> _Cost:
        unbounded = most is op.MAXREPEAT
        if (least if unbounded else most) > MOST_TIMES:
            raise _Refused(f"a repetition over {MOST_TIMES} times, which google-re2 does not know")
        chars, empty = self._first(inner)
        once = self._sequence(inner, chars | after if most != 1 else after)
        if unbounded and (empty or not once.certain):
            raise _Refused("a repeat inside a repeat, or a repeat of alternatives that begin alike")
        if least == most or not (chars & after or empty):
            own = _Cost(scans=unbounded)
        else:
            own = _Cost(free=1) if unbounded else _Cost(ways=most - least + 1)
        if unbounded:
            return own
        return own.then(_Cost(once.free * most, once.scans, min(once.ways, 100) ** most))

    def _branch(self, branches: Sequence[Any], after: Chars) -> _Cost:
        costs = [self._sequence(branch, after) for branch in branches]
        firsts = [self._first(branch) for branch in branches]
        seen: set[int] = set()
        apart = True
        for chars, empty in firsts:
            begins = chars | after if empty else chars
            apart = apart and seen.isdisjoint(begins)
            seen |= begins
        ways = [cost.ways for cost in costs]
        return _Cost(
            max(cost.free for cost in costs),
            any(cost.scans for cost in costs),
            max(ways) if apart else sum(ways),
        )

    def _first(self, nodes: Iterable[Any]) -> tuple[Chars, bool]:
        """Return what a match of nodes in a row may begin with, and whether it may be empty."""
        found: Chars = frozenset()
        for kind, argument in nodes:
            chars, empty = self._first_of(kind, argument)
            found |= chars
            if not empty:
                return found, False
        return found, True

    def _first_of(self, kind: Any, argument: Any) -> tuple[Chars, bool]:
        if kind in _REPEATS:
            least, most, inner = argument
            chars, empty = self._first(inner)
            return (chars, empty or least == 0) if most else (frozenset(), True)
        if kind is op.BRANCH:
            firsts = [self._first(branch) for branch in argument[1]]
            return frozenset().union(*(chars for chars, _ in firsts)), any(empty for _, empty in firsts)
        if kind is op.SUBPATTERN:
            return self._first(argument[3])
        if kind is op.AT:
            return frozenset(), True
        return self._folded(_chars(kind, argument)), False

    def _folded(self, chars: Chars) -> Chars:
        if not self._folds:
            return chars
        letters = {ord(case) for c in chars if c != _OTHER for case in (chr(c).lower(), chr(c).upper())}
        return chars | letters | {_OTHER}


def _chars(kind: Any, argument: Any) -> Chars:
    """Return what one character may be."""
    if kind is op.LITERAL:
        return frozenset((argument if argument < 128 else _OTHER,))  # noqa: PLR2004 - the end of ASCII
    if kind is op.NOT_LITERAL:
        return _ALL - {argument}
    if kind is op.RANGE:
        low, high = argument
        return _ALL & frozenset((*range(low, min(high, 127) + 1), *((_OTHER,) if high > 127 else ())))  # noqa: PLR2004
    if kind is op.CATEGORY:
        return _ALL - _CATEGORIES[_NEGATED[argument]] if argument in _NEGATED else _CATEGORIES[argument]
    if kind is op.IN:
        negated = argument[0][0] is op.NEGATE
        parts = (_chars(*part) for part in argument[negated:])
        union: Chars = frozenset().union(*parts)
        # What is beyond ASCII is one lump: excluding some of it leaves the rest.
        return (_ALL - union) | {_OTHER} if negated else union
    return _ALL


def _has_flag(nodes: Any, flag: int) -> bool:
    """Whether some group switches ``flag`` on."""
    for kind, argument in nodes:
        if kind is op.SUBPATTERN and (argument[1] & flag or _has_flag(argument[3], flag)):
            return True
        if kind in _REPEATS and _has_flag(argument[2], flag):
            return True
        if kind is op.BRANCH and any(_has_flag(branch, flag) for branch in argument[1]):
            return True
    return False


LONGEST_SEARCHED = {0: LONGEST, 1: LONGEST, QUADRATIC: LONGEST // 4, 3: LONGEST // 64}
"""How long a value may be that ``re`` looks for a match in, by the exponent of its length: each can begin anywhere."""


@dataclass(frozen=True, slots=True)
class Searcher:
    """Looks for a pattern anywhere in a value. Values over ``longest`` characters are for nobody to search.

    ``steps`` tells what a search through so many characters may take, in steps of some 0.3 µs.
    """

    search: Callable[[str], Any]
    sub: Callable[[Callable[[Any], str], str], str]
    longest: int | None
    steps: Callable[[int], int]


def compile_search(pattern: str) -> Searcher:
    """Return what looks for ``pattern`` in a value; raises ``UnsafePattern`` as ``compile_pattern`` does.

    Searching begins anew at every character, so that without google-re2 values may be less long than where a whole
    value has to match; a pattern that is worse than quadratic there may still look through short ones.
    """
    try:
        import re2
    except ImportError:
        return _searching(pattern)
    compile_pattern(pattern)
    compiled = re2.compile(pattern)
    weight = 1 + min(_size_of(pattern), 64 * 64) // 64
    return Searcher(compiled.search, compiled.sub, None, lambda length: length * weight >> 6)


def _size_of(pattern: str) -> int:
    """Return about how many steps a pattern is written out as, its repetitions one after another."""
    try:
        return _size(_parser.parse(pattern, re.ASCII))
    except (re.error, ValueError, OverflowError, RecursionError):
        return 8 * len(pattern)  # what only google-re2 knows, such as classes of Unicode


def _size(nodes: Iterable[Any]) -> int:
    size = 0
    for kind, argument in nodes:
        if kind in _REPEATS:
            least, most, inner = argument
            size += _size(inner) * (least + 1 if most is op.MAXREPEAT else most)
        elif kind is op.BRANCH:
            size += sum(map(_size, argument[1]))
        elif kind is op.SUBPATTERN:
            size += _size(argument[3])
        else:
            size += 1
    return size


def _searching(pattern: str) -> Searcher:
    try:
        tree = _parser.parse(pattern, re.ASCII)
        cost = _Judge(tree).cost()
    except (re.error, ValueError, OverflowError, RecursionError) as error:
        raise UnsafePattern(f"the pattern {pattern!r} is malformed: {error}") from error
    except _Refused as refusal:
        raise UnsafePattern(
            f"the pattern {pattern!r} could take without bound: {refusal}; {REMEDY}"
        ) from None
    anchored = bool(tree) and tree[0][0] is op.AT and tree[0][1] in {op.AT_BEGINNING, op.AT_BEGINNING_STRING}
    exponent = cost.exponent + (not anchored)
    if exponent not in LONGEST_SEARCHED or cost.ways > MOST_WAYS[min(cost.exponent, QUADRATIC)]:
        raise UnsafePattern(
            f"the pattern {pattern!r} could take without bound: its repeats can share the same text; {REMEDY}"
        )
    compiled = re.compile(pattern, re.ASCII)
    worst = max(exponent, 1)
    return Searcher(
        compiled.search,
        compiled.sub,
        LONGEST_SEARCHED[exponent],
        lambda length: length**worst >> (4 if worst == 1 else 8),
    )
