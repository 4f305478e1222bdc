"""Parts to closures. What does not depend on a request is worked out here, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any, Final

from llmgw_middleware.body import MISSING
from llmgw_middleware.cel import logic
from llmgw_middleware.cel.calls import call, method_names
from llmgw_middleware.cel.code import Code, Loop, Run, constant, failing
from llmgw_middleware.cel.fault import EvaluationError, ExpressionError
from llmgw_middleware.cel.lexer import fault
from llmgw_middleware.cel.limits import LOOPS, Frame, spend
from llmgw_middleware.cel.lists import list_code, map_code
from llmgw_middleware.cel.operators import negate
from llmgw_middleware.cel.pairs import binary
from llmgw_middleware.cel.syntax import (
    Binary,
    Call,
    Choice,
    Ident,
    Index,
    ListOf,
    Literal,
    Logic,
    MapOf,
    Part,
    Select,
    Unary,
)
from llmgw_middleware.cel.values import Type, look_up, missing, optional_at, select
from llmgw_middleware.cel.vocabulary import Path, Reader, Vocabulary

TYPES: Final = frozenset(
    [
        "bool",
        "int",
        "uint",
        "double",
        "string",
        "bytes",
        "list",
        "map",
        "null_type",
        "type",
        "optional_type",
        "google.protobuf.Timestamp",
        "google.protobuf.Duration",
        "net.IP",
        "net.CIDR",
    ]
)
FOLDING: Final = 10_000
"""Steps that working out a constant may take at load."""


class Compiler:
    """Compiles one expression. ``reads`` are the variables it reads, with what it takes of them."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self._text = text
        self._vocabulary = vocabulary
        self._scope: dict[str, int] = {}
        self._depth = 0
        self._parts = 0
        self.reads: set[Path] = set()
        self.slots = 0
        self.needs_frame = False

    def framed(self) -> None:
        """Note that the program needs a frame."""
        self.needs_frame = True

    def weigh(self, steps: int) -> None:
        """Note that a part takes so many steps more in a loop than its parts."""
        self._parts += steps

    def reads_all(self) -> None:
        """Note that the program reads every variable there is."""
        self.reads.update((name,) for name in self._vocabulary.variables)

    @property
    def variables(self) -> Mapping[str, Run]:
        """Readers of every variable."""
        return {name: v.reader(()).run for name, v in self._vocabulary.variables.items()}

    def fault(self, at: int, message: str, hint: str | None = None) -> ExpressionError:
        """Return an error at an offset of the text."""
        return fault(self._text, at, message, hint)

    def unknown(self, at: int, message: str, hint: str | None = None) -> Code:
        """Refuse what does not exist, or, if the vocabulary is lenient, let it fail where it is evaluated."""
        if not self._vocabulary.lenient:
            raise self.fault(at, message, hint)
        return failing(message)

    def note(self, *names: str) -> None:
        """Note that variables are read by a function that looks at them itself."""
        self.reads.update((name,) for name in names)

    def is_local(self, name: str) -> bool:
        """Whether a name is a loop's variable here."""
        return name in self._scope

    def name_of(self, part: Part) -> str:
        """Return the name that a part is; raises ExpressionError if it is no plain name."""
        if isinstance(part, Ident) and not part.rooted:
            return part.name
        raise self.fault(part.start, "the name of a variable should stand here")

    @contextmanager
    def local(self, name: str) -> Iterator[int]:
        """Give a variable a place, and its name inside the block."""
        before = self._scope
        slot, self.slots = self.slots, self.slots + 1
        self.framed()
        self._scope = {**before, name: slot}
        try:
            yield slot
        finally:
            self._scope = before

    def loop(self, part: Part, names: tuple[Part, ...], *bodies: Part) -> Loop:
        """Compile the bodies of a loop over ``part`` with its variables."""
        over = self.code(part)
        self._depth += 1
        if self._depth > LOOPS:
            raise self.fault(part.start, f"loops stand more than {LOOPS} deep in one another")
        before, counted = self._scope, self._parts
        try:
            slots = tuple(self._named(name) for name in names)
            compiled = tuple(self.code(body).run for body in bodies)
        finally:
            self._scope = before
            self._depth -= 1
        return Loop(over.run, slots, compiled, 1 + self._parts - counted)

    def _named(self, name: Part) -> int:
        slot, self.slots = self.slots, self.slots + 1
        self.framed()
        self._scope = {**self._scope, self.name_of(name): slot}
        return slot

    def code(self, part: Part) -> Code:
        """Compile a part."""
        self._parts += 1
        match part:
            case Literal(value=value):
                return constant(value)
            case Ident() | Select() | Index():
                return self._reading(part)
            case Call():
                body = self._body_read(part)
                return call(self, part) if body is None else self._reading(body)
            case Logic(mark=mark, terms=terms):
                runs = [self.code(term) for term in terms]
                joined = (logic.all_of if mark == "&&" else logic.any_of)(tuple(code.run for code in runs))
                return self.folded(joined, *runs)
            case Binary(mark=mark, left=left, right=right):
                one, other = self.code(left), self.code(right)
                run, framed = binary(mark, one, other)
                self.needs_frame = self.needs_frame or framed
                return self.folded(run, one, other)
            case Unary(mark=mark, operand=operand):
                return self._unary(mark, self.code(operand))
            case Choice(condition=condition, then=then, other=other):
                codes = (self.code(condition), self.code(then), self.code(other))
                return self.folded(logic.choice(*(code.run for code in codes)), *codes)
            case ListOf():
                return list_code(self, part)
            case MapOf():
                return map_code(self, part)
        raise TypeError(part)

    def folded(self, run: Run, *operands: Code) -> Code:
        """Return the code of ``run``, worked out now if nothing it needs has to wait."""
        if not all(code.constant for code in operands):
            return Code(run)
        try:
            return constant(run(None, Frame(FOLDING, self.slots)))
        except (EvaluationError, ArithmeticError, ValueError):
            # It may stand in a branch that is never taken: let it fail there.
            return Code(run)

    def _unary(self, mark: str, operand: Code) -> Code:
        if mark == "!":
            return self.folded(logic.negation(operand.run), operand)
        inner = operand.run
        return self.folded(lambda facts, frame: negate(inner(facts, frame)), operand)

    def _reading(self, part: Part) -> Code:
        """Compile a name and what is taken of it: variables read what they can at once."""
        root, steps = self._trail(part)
        if isinstance(root, Ident):
            found = self._variable(root, part, steps)
            if found is not None:
                return found
        return self._outer(part)

    def _outer(self, part: Part) -> Code:
        """Compile the outermost step of a path whose inside is compiled by itself."""
        match part:
            case Select(operand=operand, field=name, optional=optional):
                return self._selected(self.code(operand), name, optional=optional)
            case Index(operand=operand, key=key, optional=optional):
                held, at = self.code(operand), self.code(key)
                one, other, look = held.run, at.run, optional_at if optional else look_up
                return self.folded(
                    lambda facts, frame: look(one(facts, frame), other(facts, frame)), held, at
                )
            case Ident(name=name):
                return self._no_variable(part, name)
        raise TypeError(part)

    def _selected(self, held: Code, name: str, *, optional: bool) -> Code:
        inner = held.run
        if optional:
            return self.folded(lambda facts, frame: optional_at(inner(facts, frame), name), held)
        return self.folded(lambda facts, frame: select(inner(facts, frame), name), held)

    def presence(self, part: Select) -> Run | None:
        """Return what tells whether a field is there, if it belongs to a variable; else None."""
        root, steps = self._trail(part)
        if not isinstance(root, Ident) or part.optional:
            return None
        found = self._locate(root, steps)
        if found is None:
            return None
        name, rest = found
        reader = self._vocabulary.variables[name].reader(rest)
        if reader.taken != len(rest) or not rest:
            return None
        self._note(name, rest, reader)
        run = reader.run
        return lambda facts, frame: run(facts, frame) is not MISSING

    def _trail(self, part: Part) -> tuple[Part, tuple[Path, int]]:
        """Return where a path begins, the constant steps from there, and how many of the first are fields."""
        steps: list[str | int] = []
        selected: list[bool] = []
        while True:
            match part:
                case Select(operand=operand, field=name, optional=False):
                    steps.append(name)
                    selected.append(True)
                    part = operand
                case Index(operand=operand, key=Literal(value=str() | int() as key), optional=False) if (
                    key is not True and key is not False
                ):
                    steps.append(key)
                    selected.append(False)
                    part = operand
                case _:
                    break
        steps.reverse()
        selected.reverse()
        fields = selected.index(False) if False in selected else len(selected)
        return self._body_read(part) or part, (tuple(steps), fields)

    def _body_read(self, part: Part) -> Ident | None:
        """Return the variable ``body`` for ``json(request.body)``: it is that, parsed once for all expressions."""
        match part:
            case Call(target=None, name="json", args=(arg,)):
                root, (path, _) = self._trail(arg)
                if (
                    isinstance(root, Ident)
                    and (root.name, *path) == ("request", "body")
                    and "request" not in self._scope
                    and {"request", "body"} <= self._vocabulary.variables.keys()
                ):
                    return Ident(part.start, part.end, "body", rooted=True)
        return None

    def _variable(self, root: Ident, part: Part, steps: tuple[Path, int]) -> Code | None:
        if not root.rooted and root.name in self._scope:
            if part is not root:
                return None
            slot = self._scope[root.name]
            return Code(lambda facts, frame: frame.slots[slot])
        found = self._locate(root, steps)
        if found is None:
            return self._type_named(root, part, steps)
        name, rest = found
        self._check_field(name, rest, part)
        variable = self._vocabulary.variables[name]
        reader = variable.reader(rest)
        self._note(name, rest, reader)
        run = reader.run
        if self._depth and reader.price is not None:
            self.framed()
            run = _priced(run, reader.price)
        run = _present(run, ".".join((name, *map(str, rest[: reader.taken]))))
        for step in rest[reader.taken :]:
            run = _stepped(run, step)
        return Code(run)

    def _locate(self, root: Ident, steps: tuple[Path, int]) -> tuple[str, Path] | None:
        """Return the variable that begins a path, the longest dotted name first, and the path under it."""
        path, selects = steps
        if not root.rooted and root.name in self._scope:
            return None
        container = "" if root.rooted else self._vocabulary.container
        for prefix in _containers(container):
            for taken in range(selects, -1, -1):
                name = ".".join((*prefix, root.name, *map(str, path[:taken])))
                if name in self._vocabulary.variables:
                    return name, path[taken:]
        return None

    def _note(self, name: str, rest: Path, reader: Reader) -> None:
        self.reads.add((name, *rest))
        self.needs_frame = self.needs_frame or reader.framed

    def _check_field(self, name: str, rest: Path, part: Part) -> None:
        known = self._vocabulary.variables[name].fields
        if known is None or not rest or rest[0] in known or self._vocabulary.lenient:
            return
        near = get_close_matches(str(rest[0]), known, n=1)
        hint = f'did you mean "{name}.{near[0]}"?' if near else f"there are {', '.join(sorted(known))}"
        raise self.fault(part.start, f'"{name}" has no field "{rest[0]}"', hint)

    def _type_named(self, root: Ident, part: Part, steps: tuple[Path, int]) -> Code | None:
        path, selects = steps
        if len(path) == selects:
            name = ".".join((root.name, *map(str, path)))
            if name in TYPES:
                return constant(Type(name))
        return None if part is not root else self._no_variable(root, root.name)

    def _no_variable(self, part: Part, name: str) -> Code:
        vocabulary = self._vocabulary
        if name in vocabulary.elsewhere:
            return self.unknown(part.start, f'"{name}" is not known here: {vocabulary.elsewhere[name]}')
        near = get_close_matches(name, [*vocabulary.variables, *self._scope, *method_names()], n=1)
        hint = f'did you mean "{near[0]}"?' if near else None
        return self.unknown(part.start, f'there is no variable "{name}"', hint)


def _priced(run: Run, price: Callable[[Any], int]) -> Run:
    def priced(facts: Any, frame: Frame) -> Any:
        spend(frame, price(facts))
        return run(facts, frame)

    return priced


def _present(run: Run, name: str) -> Run:
    def present(facts: Any, frame: Frame) -> Any:
        value = run(facts, frame)
        if value is MISSING:
            raise missing(name)
        return value

    return present


def _stepped(run: Run, step: str | int) -> Run:
    if isinstance(step, str):
        return lambda facts, frame: select(run(facts, frame), step)
    return lambda facts, frame: look_up(run(facts, frame), step)


def _containers(container: str) -> Iterator[tuple[str, ...]]:
    parts = tuple(container.split(".")) if container else ()
    for length in range(len(parts), -1, -1):
        yield parts[:length]
