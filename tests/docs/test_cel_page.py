"""What the page on expressions says is so: every example has its value, every function is named, every figure is the program's."""

import json
import re

import pytest

from llmgw_middleware.cel import limits, patterns
from llmgw_middleware.cel.fault import EvaluationError
from llmgw_middleware.cel.library.encodings import BUCKETS
from llmgw_middleware.cel.library.shelves import FUNCTIONS, METHODS
from llmgw_middleware.cel.macros import MACROS
from llmgw_middleware.cel.plain import plain
from llmgw_middleware.cel.program import compile_expression
from llmgw_middleware.cel.variables import GATEWAY, PREFIX, REPLY
from llmgw_middleware.facts import Facts
from llmgw_middleware.model.identity import Identity
from llmgw_middleware.model.place import Place
from tests.docs.pages import page
from tests.match.asking import Here, request

PAGE = page("cel.md")
[BODY] = PAGE.blocks("json")
EXAMPLES = [
    tuple(part.strip() for part in line.rsplit("//", 1))
    for block in PAGE.blocks("cel")
    for line in block.splitlines()
]


def the_request() -> Facts:
    headers = (
        ("host", "api.test"),
        ("x-team", "blue"),
        ("accept", "a, b"),
        ("accept", "c"),
        ("authorization", "Bearer x"),
        ("cookie", "theme=dark"),
    )
    who = Identity(
        id="ana", attributes={"tier": "premium", "groups": ["staff"]}, source="session", session_key="s"
    )
    place = Place(country="DE", regions=frozenset({"EU"}), source="header")
    asked = request(query="trial=yes", headers=headers, body=json.loads(BODY))
    return Facts(asked, who, Here(place, "10.1.2.3"))


@pytest.mark.parametrize(("text", "wanted"), EXAMPLES, ids=[text for text, _ in EXAMPLES])
def test_an_example_has_its_value(text, wanted):
    program = compile_expression(text, vocabulary=GATEWAY)
    if wanted == "error":
        with pytest.raises(EvaluationError):
            program.evaluate(the_request())
    else:
        value, expected = plain(program.evaluate(the_request())), json.loads(wanted)
        assert (value, type(value)) == (expected, type(expected))


@pytest.mark.parametrize("name", sorted({*FUNCTIONS, *METHODS, *(name for name, _ in MACROS)}))
def test_every_function_is_named(name):
    assert re.search(rf"`(?:x\.)?{re.escape(name)}(?:\(.*?\))?`", PAGE.text), name


@pytest.mark.parametrize("name", sorted(REPLY.variables))
def test_every_variable_and_field_is_named(name):
    fields = REPLY.variables[name].fields or ()
    rows = PAGE.text.partition("## Variables")[2].partition("## Functions")[0]
    assert f"`{name}" in rows
    assert all(f"`{name}.{field}`" in rows or f"`.{field}`" in rows for field in fields)


def test_the_limits_are_the_programs():
    rows = PAGE.text.partition("## Limits")[2].partition("## What")[0]
    figures = [
        int(found.replace(",", ""))
        for found in re.findall(r"\| ([\d,]+)(?: KiB| MiB| entries| characters)? \|", rows)
    ]
    assert figures == [
        limits.LONGEST_TEXT // 1024,
        limits.NESTING,
        limits.HEIGHT,
        limits.LOOPS,
        limits.STEPS,
        limits.LARGEST // 1024**2,
        limits.LONGEST_LIST,
        patterns.LONGEST_PATTERN,
    ]
    assert (BUCKETS, PREFIX) == (10_000, 4 * 1024)
