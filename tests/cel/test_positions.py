"""What is wrong with an expression is said at load, with its place and what may have been meant."""

import pytest

from llmgw_middleware.cel.fault import ExpressionError
from tests.cel.asking import program

WRONG = {
    "nothing": ("  ", (1, 1), "empty", None),
    "no end": ("1 +", (1, 4), "ends where a value should stand", None),
    "too much": ("true true", (1, 6), '"true" stands where', None),
    "a word for an operator": ("true and false", (1, 6), '"and" stands where', "CEL writes &&"),
    "assignment": ('user.tier = "a"', (1, 11), "'=' has no meaning", "CEL writes =="),
    "a string without end": ('model == "a', (1, 10), "has no end", None),
    "an escape that is none": (r'"\q"', (1, 1), r"\q is no escape", None),
    "half a surrogate": (r'"\ud800"', (1, 1), "no character", None),
    "a number too large": ("9223372036854775808", (1, 1), "no 64-bit integer", None),
    "a number with letters": ("12abc", (1, 1), "neither a number nor a name", None),
    "a reserved word": ("if", (1, 1), "reserved word", None),
    "a message": ("Name{a: 1}", (1, 1), "not supported", "write a map"),
    "a misspelt variable": ("usr.tier", (1, 1), 'no variable "usr"', 'did you mean "user"?'),
    "a misspelt field": ("request.pth", (1, 1), 'no field "pth"', 'did you mean "request.path"?'),
    "a misspelt function": ('model.startWith("a")', (1, 7), 'no function "startWith"', "startsWith"),
    "a function before its argument": ('startsWith(model, "a")', (1, 1), "no function", "x.startsWith"),
    "a method that is none": ("model.hash()", (1, 7), "no function", "hash(…)"),
    "too many arguments": ("size(1, 2)", (1, 1), "does not take 2 arguments", None),
    "a variable of another place": ("response.code", (1, 1), "transform.response only", None),
    "the environment": ("env.HOME", (1, 1), "not exposed", None),
    "has() of no field": ("has(model)", (1, 1), "asks for a field", None),
    "a loop without a name": ("[1].all(1, true)", (1, 9), "name of a variable", None),
    "the second line": ("true &&\n  usr.x", (2, 3), 'no variable "usr"', None),
    "a malformed pattern": ('model.matches("(")', (1, 15), "cannot be used", None),
}


@pytest.mark.parametrize(("text", "place", "message", "hint"), WRONG.values(), ids=WRONG)
def test_an_error_has_its_place_and_a_remedy(text, place, message, hint):
    with pytest.raises(ExpressionError) as raised:
        program(text)
    assert (raised.value.line, raised.value.column) == place
    assert message in raised.value.message
    assert (hint or "") in (raised.value.hint or "")
