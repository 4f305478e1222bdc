"""Calls that do not evaluate their arguments first: loops, ``has``, bindings, and what catches errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from llmgw_middleware.body import MISSING
from llmgw_middleware.cel.code import Code, Compiles, Loop, Run, each, each_pair, truth
from llmgw_middleware.cel.fault import EvaluationError, Exhausted
from llmgw_middleware.cel.limits import Frame, spend
from llmgw_middleware.cel.syntax import Call, Select
from llmgw_middleware.cel.values import (
    NONE,
    Optional,
    has,
    is_map,
    key_of,
    key_value,
    no_overload,
)

_CATCHING: Final = 10
"""Steps that an error costs which is caught in a loop."""

Macro = Callable[[Any, Call], Code | None]


def _rounds(loop: Loop, what: str) -> Callable[[Any, Frame], Any]:
    """Return what goes through a loop: it pays for each round and puts the variables in their places."""
    cost = loop.cost
    if len(loop.slots) == 1:
        [slot] = loop.slots

        def rounds(facts: Any, frame: Frame) -> Any:
            slots = frame.slots
            for item in each(loop.over(facts, frame), what):
                frame.steps -= cost
                if frame.steps < 0:
                    spend(frame, 0)
                slots[slot] = item
                yield item

        return rounds
    first, second = loop.slots

    def pairs(facts: Any, frame: Frame) -> Any:
        slots = frame.slots
        for key, item in each_pair(loop.over(facts, frame), what):
            spend(frame, cost)
            slots[first], slots[second] = key, item
            yield key

    return pairs


def _quantifier(name: str, *, decisive: bool) -> Macro:
    def compiled(compiler: Compiles, part: Call) -> Code | None:
        loop = _test_loop(compiler, part)
        if loop is None:
            return None
        rounds, test = _rounds(loop, f"{name}()"), loop.bodies[0]
        other = not decisive

        def run(facts: Any, frame: Frame) -> Any:
            fault: EvaluationError | None = None
            for _ in rounds(facts, frame):
                try:
                    value = test(facts, frame)
                except Exhausted:
                    raise
                except EvaluationError as error:
                    fault = error
                    continue
                if value is decisive:
                    return decisive
                if value is not other:
                    fault = no_overload(f"{name}()", value)
            if fault is not None:
                raise fault
            return other

        return Code(run)

    return compiled


def _test_loop(compiler: Compiles, part: Call) -> Loop | None:
    """Compile ``list.name(x, test)`` or ``list.name(i, x, test)``."""
    if part.target is None or len(part.args) not in {2, 3}:
        return None
    *names, test = part.args
    return compiler.loop(part.target, tuple(names), test)


def _exists_one(compiler: Compiles, part: Call) -> Code | None:
    loop = _test_loop(compiler, part)
    if loop is None:
        return None
    rounds, test = _rounds(loop, f"{part.name}()"), loop.bodies[0]

    def run(facts: Any, frame: Frame) -> Any:
        return sum(truth(test(facts, frame), "exists_one()") for _ in rounds(facts, frame)) == 1

    return Code(run)


def _filter(compiler: Compiles, part: Call) -> Code | None:
    if part.target is None or len(part.args) != 2:  # noqa: PLR2004 - the variable and the test
        return None
    loop = compiler.loop(part.target, part.args[:1], part.args[1])
    rounds, test = _rounds(loop, "filter()"), loop.bodies[0]
    return Code(
        lambda facts, frame: [item for item in rounds(facts, frame) if truth(test(facts, frame), "filter()")]
    )


def _map(compiler: Compiles, part: Call) -> Code | None:
    if part.target is None or len(part.args) not in {2, 3}:
        return None
    loop = compiler.loop(part.target, part.args[:1], *part.args[1:])
    return Code(_mapped(loop, "map()"))


def _transform_list(compiler: Compiles, part: Call) -> Code | None:
    if part.target is None or len(part.args) not in {3, 4}:
        return None
    loop = compiler.loop(part.target, part.args[:2], *part.args[2:])
    return Code(_mapped(loop, "transformList()"))


def _mapped(loop: Loop, what: str) -> Run:
    rounds, body = _rounds(loop, what), loop.bodies[-1]
    if len(loop.bodies) == 1:
        return lambda facts, frame: [body(facts, frame) for _ in rounds(facts, frame)]
    test = loop.bodies[0]
    return lambda facts, frame: [
        body(facts, frame) for _ in rounds(facts, frame) if truth(test(facts, frame), what)
    ]


def _transform_map(compiler: Compiles, part: Call) -> Code | None:
    if part.target is None or len(part.args) not in {3, 4}:
        return None
    loop = compiler.loop(part.target, part.args[:2], *part.args[2:])
    rounds, body = _rounds(loop, "transformMap()"), loop.bodies[-1]
    test = loop.bodies[0] if len(loop.bodies) > 1 else None
    return Code(
        lambda facts, frame: {
            key_of(key): body(facts, frame)
            for key in rounds(facts, frame)
            if test is None or truth(test(facts, frame), "transformMap()")
        }
    )


def _map_values(compiler: Compiles, part: Call) -> Code | None:
    if part.target is None or len(part.args) != 2:  # noqa: PLR2004
        return None
    loop = compiler.loop(part.target, part.args[:1], part.args[1])
    slot, body, cost = loop.slots[0], loop.bodies[0], loop.cost

    def run(facts: Any, frame: Frame) -> Any:
        found = {}
        for key, value in _entries(loop.over(facts, frame), "mapValues()"):
            spend(frame, cost)
            frame.slots[slot] = value
            found[key] = body(facts, frame)
        return found

    return Code(run)


def _filter_keys(compiler: Compiles, part: Call) -> Code | None:
    if part.target is None or len(part.args) != 2:  # noqa: PLR2004
        return None
    loop = compiler.loop(part.target, part.args[:1], part.args[1])
    slot, test, cost = loop.slots[0], loop.bodies[0], loop.cost

    def run(facts: Any, frame: Frame) -> Any:
        found = {}
        for key, value in _entries(loop.over(facts, frame), "filterKeys()"):
            spend(frame, cost)
            frame.slots[slot] = key_value(key)
            if truth(test(facts, frame), "filterKeys()"):
                found[key] = value
        return found

    return Code(run)


def _entries(value: Any, what: str) -> Any:
    if not is_map(value):
        raise no_overload(what, value)
    return value.items()


def _has(compiler: Any, part: Call) -> Code:
    if len(part.args) != 1 or not isinstance(part.args[0], Select):
        raise compiler.fault(part.start, "has() asks for a field: has(user.tier)")
    asked = part.args[0]
    run = compiler.presence(asked)
    if run is not None:
        return Code(run)
    held = compiler.code(asked.operand)
    inner, field = held.run, asked.field
    return compiler.folded(lambda facts, frame: has(inner(facts, frame), field), held)  # type: ignore[no-any-return]  # the compiler's own


def _bound(compiler: Compiles, name: Any, value: Any, body: Any) -> Code:
    held = compiler.code(value).run
    with compiler.local(compiler.name_of(name)) as slot:
        inner = compiler.code(body).run

    def run(facts: Any, frame: Frame) -> Any:
        frame.slots[slot] = held(facts, frame)
        return inner(facts, frame)

    return Code(run)


def _with(compiler: Compiles, part: Call) -> Code | None:
    if len(part.args) != 2:  # noqa: PLR2004 - the name and the body
        return None
    return _bound(compiler, part.args[0], part.target, part.args[1])


def _bind(compiler: Compiles, part: Call) -> Code:
    if len(part.args) != 3:  # noqa: PLR2004 - the name, the value, the body
        raise compiler.fault(part.start, "cel.bind() takes a name, its value, and an expression with it")
    return _bound(compiler, *part.args)


def _default(compiler: Compiles, part: Call) -> Code:
    if len(part.args) != 2:  # noqa: PLR2004 - the value and what to take instead
        raise compiler.fault(part.start, "default() takes an expression, and what to take if it has no value")
    compiler.weigh(_CATCHING)
    return _first_of([compiler.code(arg).run for arg in part.args], skip_null=False)


def _coalesce(compiler: Compiles, part: Call) -> Code:
    if not part.args:
        raise compiler.fault(part.start, "coalesce() takes the expressions to try")
    compiler.weigh(_CATCHING * len(part.args))
    return _first_of([compiler.code(arg).run for arg in part.args], skip_null=True)


def _first_of(runs: list[Run], *, skip_null: bool) -> Code:
    """Return the first that has a value (and is not null); if none has, the last error, or null."""

    def run(facts: Any, frame: Frame) -> Any:
        fault: EvaluationError | None = None
        for candidate in runs:
            try:
                value = candidate(facts, frame)
            except Exhausted:
                raise
            except EvaluationError as error:
                fault = error
                continue
            if value is not None or not skip_null:
                return value
            fault = None
        if fault is not None:
            raise fault
        return None

    return Code(run)


def _variables(compiler: Compiles, part: Call) -> Code:
    if part.args:
        raise compiler.fault(part.start, "variables() takes nothing")
    compiler.reads_all()
    compiler.framed()
    readers = compiler.variables

    def run(facts: Any, frame: Frame) -> Any:
        spend(frame, 100 * len(readers))
        values = ((name, read(facts, frame)) for name, read in readers.items())
        return {name: value for name, value in values if value is not MISSING}

    return Code(run)


def _opt_map(*, flat: bool) -> Macro:
    def compiled(compiler: Compiles, part: Call) -> Code | None:
        if part.target is None or len(part.args) != 2:  # noqa: PLR2004
            return None
        held = compiler.code(part.target).run
        with compiler.local(compiler.name_of(part.args[0])) as slot:
            body = compiler.code(part.args[1]).run

        def run(facts: Any, frame: Frame) -> Any:
            value = held(facts, frame)
            if type(value) is not Optional:
                raise no_overload("optMap()", value)
            if not value.there:
                return NONE
            frame.slots[slot] = value.value
            found = body(facts, frame)
            return found if flat else Optional(found)

        return Code(run)

    return compiled


MACROS: Final[Mapping[tuple[str, bool], Macro]] = {
    ("has", False): _has,
    ("all", True): _quantifier("all", decisive=False),
    ("exists", True): _quantifier("exists", decisive=True),
    ("exists_one", True): _exists_one,
    ("existsOne", True): _exists_one,
    ("filter", True): _filter,
    ("map", True): _map,
    ("transformList", True): _transform_list,
    ("transformMap", True): _transform_map,
    ("mapValues", True): _map_values,
    ("filterKeys", True): _filter_keys,
    ("with", True): _with,
    ("cel.bind", False): _bind,
    ("default", False): _default,
    ("coalesce", False): _coalesce,
    ("variables", False): _variables,
    ("optMap", True): _opt_map(flat=False),
    ("optFlatMap", True): _opt_map(flat=True),
}
"""By name, and whether there is a receiver."""
