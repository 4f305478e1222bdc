"""Whatever is written, and whatever it is asked about, there is a value or an error of the language: nothing else."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from llmgw_middleware.cel.explain import reason
from llmgw_middleware.cel.fault import CelError, EvaluationError, ExpressionError
from llmgw_middleware.cel.library.shelves import FUNCTIONS, METHODS
from llmgw_middleware.cel.plain import plain
from llmgw_middleware.cel.program import compile_expression
from llmgw_middleware.cel.vocabulary import given as over
from tests.cel.asking import facts, program
from tests.match.asking import user

LITERALS = (
    "1", "-1", "0", "2u", "1.5", "-0.0", "9223372036854775807", '"a"', '""', '"10.0.0.0/8"', '"2026-01-02T03:04:05Z"', 'b"x"', "true",
    "false", "null", "[]", "[1, 2]", "{}", '{"a": 1}', "{1: 2}", 'duration("1h")', 'timestamp("2026-01-02T03:04:05Z")', "int",
    "x", "y", "optional.of(1)", "optional.none()", 'ip("10.0.0.1")', 'cidr("10.0.0.0/8")', "0.0 / 0.0", "1.0 / 0.0",
)  # fmt: skip
MARKS = ("+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||")
CLOSED = sorted(name for name, function in FUNCTIONS.items() if not function.open)
"""Functions of their arguments alone."""

LOOPS = (
    "all",
    "exists",
    "exists_one",
    "filter",
    "map",
    "mapValues",
    "filterKeys",
    "with",
    "optMap",
    "optFlatMap",
)


def larger(parts):
    """Expressions made of smaller ones."""
    pair = st.tuples(parts, st.sampled_from(MARKS), parts).map(lambda p: f"({p[0]} {p[1]} {p[2]})")
    call = st.tuples(st.sampled_from(CLOSED), st.lists(parts, max_size=3)).map(
        lambda p: f"{p[0]}({', '.join(p[1])})"
    )
    method = st.tuples(parts, st.sampled_from(sorted(METHODS)), st.lists(parts, max_size=2)).map(
        lambda p: f"({p[0]}).{p[1]}({', '.join(p[2])})"
    )
    loop = st.tuples(parts, st.sampled_from(LOOPS), parts).map(lambda p: f"({p[0]}).{p[1]}(x, {p[2]})")
    other = st.tuples(parts, parts, parts).map(lambda p: f"({p[0]} ? {p[1]} : {p[2]})")
    index = st.tuples(parts, parts, st.sampled_from(("", "?"))).map(lambda p: f"({p[0]})[{p[2]}{p[1]}]")
    field = st.tuples(parts, st.sampled_from((".a", ".?a"))).map(lambda p: f"({p[0]}){p[1]}")
    sign = st.tuples(st.sampled_from("!-"), parts).map("".join)
    catch = st.lists(parts, min_size=1, max_size=2).map(lambda p: f"coalesce({', '.join(p)})")
    return st.one_of(pair, call, method, loop, other, index, field, sign, catch)


EXPRESSIONS = st.recursive(st.sampled_from(LITERALS), larger, max_leaves=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(EXPRESSIONS, JSON, JSON)
@settings(max_examples=400, deadline=None)
def test_an_expression_has_a_value_or_an_error(text, x, y):
    try:
        value = compile_expression(text, vocabulary=over("x", "y")).evaluate({"x": x, "y": y})
    except CelError:
        return
    plain(value)


@given(st.text(max_size=60) | st.text(alphabet="abc.()[]{}?:!&|=<>+-*/%,\"'`\\ru0123456789 \n", max_size=60))
@example("`")
@example("a.?b.?c")
@example("{?a: 1}")
@example("[?a]")
@example("r'\\")
@settings(max_examples=400, deadline=None)
def test_any_text_is_an_expression_or_an_error_with_a_place(text):
    fault = None
    try:
        program(text)
    except ExpressionError as error:
        fault = error
    assert fault is None or (fault.line >= 1 and fault.column >= 1)


@given(EXPRESSIONS)
@settings(max_examples=200, deadline=None)
def test_what_is_worked_out_at_load_is_what_a_request_would_give(text):
    bound = {"one": 1, "a": "a", "no": False, "x": [1], "y": {"a": 1}}
    later = text.replace("true", "(!no)").replace('"a"', "a").replace("1.5", "(1.5 * double(one))")
    assert _outcome(text, bound) == _outcome(later, bound)


def _outcome(text, bound):
    try:
        return repr(compile_expression(text, vocabulary=over(*bound)).evaluate(bound))
    except ExpressionError as error:
        return f"at load: {error.message}" if "matches" not in text and "regex" not in text else "error"
    except EvaluationError:
        return "error"


@given(EXPRESSIONS.map(lambda text: text.replace("x", "body.max_tokens").replace("y", "user.tier")))
@settings(max_examples=200, deadline=None)
def test_every_condition_can_be_explained(text):
    try:
        asked = program(text)
    except ExpressionError:
        return
    assert reason(asked, facts(who=user(tier="free")))
