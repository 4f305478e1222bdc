"""No expression, and no caller's value in it, takes long or makes much."""

from collections.abc import Iterator, Mapping, ValuesView
from itertools import pairwise
from typing import Any

import pytest

from llmgw_middleware.cel.fault import EvaluationError, Exhausted, ExpressionError
from llmgw_middleware.cel.limits import HEIGHT, LONGEST_TEXT, NESTING, Frame
from llmgw_middleware.cel.program import compile_expression
from llmgw_middleware.cel.vocabulary import given
from llmgw_middleware.cel.weight import weighed
from tests.cel.asking import asked, program, value


def test_brackets_stand_so_deep_and_no_deeper():
    assert value("(" * NESTING + "1" + ")" * NESTING) == 1
    with pytest.raises(ExpressionError, match="more than 32 deep"):
        program("(" * (NESTING + 1) + "1" + ")" * (NESTING + 1))


def test_loops_stand_three_deep_and_no_deeper():
    loops = "[1].all(a, [1].all(b, [1].all(c, {})))"
    assert value(loops.format("true")) is True
    with pytest.raises(ExpressionError, match="loops stand more than 3 deep"):
        program(loops.format("[1].all(d, true)"))


@pytest.mark.parametrize("text", ["-" * 200 + "1", " + ".join(["1"] * 200), "true ? 1 : " * 200 + "1"])
def test_so_many_operations_hang_on_one_another_and_no_more(text):
    with pytest.raises(ExpressionError, match=f"more than {HEIGHT} operations"):
        program(text)


def test_an_expression_is_so_long_and_no_longer():
    with pytest.raises(ExpressionError, match="characters long"):
        program("1" + " " * LONGEST_TEXT)


@pytest.mark.parametrize(
    "text",
    [
        "body.l.exists(x, request.headers['x-a'] == x)",
        "body.l.exists(x, request.query.a == x)",
        "body.l.exists(x, size(request.headers) == x)",
    ],
)
def test_what_is_looked_for_anew_in_each_round_is_paid_in_each_round(text):
    long = {"headers": (("x-a", "1"), *(("x-b", "1") for _ in range(2000))), "query": "a=" + "%41" * 9000}
    short = {"headers": (("x-a", "1"),), "query": "a=1"}
    assert asked(text, body={"l": [-1] * 500}, **short) is False
    with pytest.raises(Exhausted):
        asked(text, body={"l": [-1] * 500}, **long)


def test_many_terms_are_no_depth():
    assert value(" && ".join(["true"] * 2000)) is True


def test_the_steps_of_one_evaluation_are_counted_anew():
    steps = compile_expression("l.all(x, x >= 0)", vocabulary=given("l"))
    assert all(steps.evaluate({"l": list(range(9000))}, steps=50_000) for _ in range(3))
    with pytest.raises(Exhausted):
        steps.evaluate({"l": list(range(9000))}, steps=9_000)


ABSORBING = [
    "l.all(x, l.all(y, l.all(z, true))) || true",
    "true || l.all(x, l.all(y, l.all(z, true)))",
    "default(l.all(x, l.all(y, l.all(z, true))), true)",
    "coalesce(l.all(x, l.all(y, l.all(z, true))), true)",
    "l.exists(w, l.all(x, l.all(y, x + y >= 0)) || true)",
]


@pytest.mark.parametrize("text", ABSORBING)
def test_nothing_absorbs_an_evaluation_that_takes_too_long(text):
    if text.startswith("true"):
        assert value(text, l=list(range(500))) is True
        return
    with pytest.raises(Exhausted):
        value(text, l=list(range(500)))


GROWING = {
    "a string": "s.with(a, a + a + a + a)",
    "bytes": "bytes(s).with(a, a + a + a + a)",
    "a replacement": 's.replace("a", "aaaa")',
    "a pattern's replacement": 's.regexReplace("a", "aaaa")',
    "a join": 's.split("").join(s)',
    "a format": '"%s%s%s%s".format([s, s, s, s])',
    "a list": "l.with(a, a + a + a)",
    "a split": 's.split("")',
}


@pytest.mark.parametrize("text", GROWING.values(), ids=GROWING)
def test_what_an_expression_makes_is_so_large_and_no_larger(text):
    with pytest.raises(Exhausted):
        value(text, s="a" * 600_000, l=[0] * 40_000)


# what is made twice of a value, which is made twice again, and what is then done with it
DOUBLED = {
    "lists are compared": ("[{0}, {0}]", "{0} == {0}"),
    "maps are compared": ('{{"a": {0}, "b": {0}}}', "{0} != {0}"),
    "optionals are compared": ("optional.of([{0}, {0}])", "{0} == {0}"),
    "a list is looked for": ("[{0}, {0}]", "{0} in [{0}]"),
    "a list is looked for in nothing but itself": ("[{0}, {0}]", "[{0}].exists(x, x in [{0}, 1])"),
    "a list is kept once": ("[{0}, {0}]", "[{0}, {0}].distinct() == []"),
    "a list is written": ("[{0}, {0}]", 'toJson({0}) == ""'),
}


@pytest.mark.parametrize(("doubled", "end"), DOUBLED.values(), ids=DOUBLED)
def test_a_value_that_holds_another_twice_and_so_on_is_not_walked_through_for_ever(doubled, end):
    names = [f"x{number}" for number in range(25)]
    text = end.format(names[-1])
    for inner, outer in reversed(list(pairwise(names))):
        text = f"cel.bind({outer}, {doubled.format(inner)}, {text})"
    with pytest.raises(Exhausted):
        value(text, x0=1)


class Watched(Mapping[str, Any]):
    """A map that holds one value twice, and counts how often anybody looked inside such a map."""

    looks = 0

    def __init__(self, value: Any) -> None:
        self._both = {"a": value, "b": value}

    def __getitem__(self, key: str) -> Any:
        return self._both[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._both)

    def __len__(self) -> int:
        return len(self._both)

    def values(self) -> ValuesView[Any]:
        Watched.looks += 1
        return self._both.values()


def test_a_walk_ends_where_the_steps_do():
    doubled: Any = 1
    for _ in range(14):
        doubled = Watched(doubled)
    Watched.looks = 0
    with pytest.raises(Exhausted):
        weighed(Frame(1000, 0), doubled)
    assert Watched.looks < 1000


def test_a_pattern_that_comes_with_the_request_is_short():
    with pytest.raises(EvaluationError, match="at most 200 characters"):
        value("s.matches(p)", s="a", p="a" * 201)


@pytest.mark.parametrize("pattern", ["a{100}", r"\pL", r"\PL", "(a{2,9})"])
def test_a_pattern_that_comes_with_the_request_is_soon_compiled(pattern):
    with pytest.raises(EvaluationError, match=r"has no \{n\}"):
        value("s.matches(p)", s="a", p=pattern)


def test_a_pattern_that_repeats_much_costs_more_steps():
    loop = compile_expression('l.all(x, !s.matches("^((a{10}){10}){10}b"))', vocabulary=given("l", "s"))
    with pytest.raises(Exhausted):
        loop.evaluate({"l": [0] * 5, "s": "a" * 100_000})
    loop = compile_expression(
        'l.all(x, !s.matches("[0-9]{3}-[0-9]{2}-[0-9]{4}"))', vocabulary=given("l", "s")
    )
    assert loop.evaluate({"l": [0] * 50, "s": "a" * 100_000}) is True


def test_a_pattern_that_comes_with_the_request_costs_steps():
    with pytest.raises(Exhausted):
        value("l.exists(x, s.matches(x))", s="a", l=[f"b{n}" for n in range(100)])


def test_without_google_re2_a_pattern_is_judged_and_its_text_is_short(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "re2", None)
    with pytest.raises(ExpressionError, match="could take without bound"):
        program('model.matches("(a+)+$")')
    assert asked('model.matches("gpt-.*")') is True
    with pytest.raises(EvaluationError, match="looks through at most 2048 characters"):
        value('s.matches("a.*b")', s="a" * 3000)
    assert value('s.matches("^ab*")', s="a" * 8000) is True
    with pytest.raises(Exhausted):
        value('l.exists(x, s.matches("a.*b"))', s="a" * 1000, l=[0] * 50)


def test_a_long_part_that_is_looked_for_from_the_right_costs_steps():
    assert value('s.lastIndexOf("/")', s="a/" * 100_000) == 199_999
    with pytest.raises(Exhausted):
        value("s.lastIndexOf(p)", s="a" * 600_000, p="a" * 20_000 + "b" + "a" * 20_000)


def test_numbers_stay_within_64_bits():
    with pytest.raises(EvaluationError, match="64-bit"):
        value("a * a", a=2**62)


def test_a_number_beyond_all_types_is_an_error_and_no_crash():
    with pytest.raises(EvaluationError):
        asked("body.n + 1.0 > 0.0", body={"n": 10**400})
    with pytest.raises(EvaluationError):
        asked("body.n < 1.0", body={"n": 10**400})


def test_values_as_deep_as_json_allows_are_compared_or_refused():
    deep = b'{"a":' + b"[" * 500 + b"]" * 500 + b"}"
    fault = None
    try:
        assert asked("body.a == body.a", body=deep) is True
    except EvaluationError as error:
        fault = error
    assert fault is None or "RecursionError" in fault.message
