import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.config.tree import (
    Items,
    Position,
    Scalar,
    Table,
    Tree,
    camel,
    core_value,
    find,
    plain,
    snake,
)

HERE = Position("f.yaml", 1, 1)


def scalar(text: str, line: int = 1, **more: Any) -> Scalar:
    return Scalar(value=text, text=text, source=text, at=Position("f.yaml", line, 1), **more)


def table(**parts: Tree) -> Table:
    made = Table(HERE)
    for line, (key, part) in enumerate(parts.items(), start=1):
        made.put(key, part, Position("f.yaml", line, 5))
    return made


@pytest.mark.parametrize(
    "text",
    [
        "NO",
        "no",
        "yes",
        "on",
        "off",
        "y",
        "1_000",
        "1:30",
        "0o9",
        "+",
        ".",
        "1.2.3",
        "TrUe",
        "=",
        "2026-01-01",
    ],
)
def test_what_yaml_1_1_converted_is_text(text):
    assert core_value(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("FALSE", False), ("~", None), ("", None), ("Null", None), ("10", 10), ("-3", -3), ("0o17", 15),
        ("0x1F", 31), ("1.5", 1.5), (".5", 0.5), ("1e3", 1000.0), ("-.inf", -math.inf),
    ],
)  # fmt: skip
def test_plain_scalars_mean_what_the_core_schema_says(text, value):
    assert core_value(text) == value
    assert type(core_value(text)) is type(value)


def test_a_number_of_thousands_of_digits_stays_text():
    assert core_value("9" * 5000) == "9" * 5000


@given(st.integers(-(10**200), 10**200))
def test_every_decimal_integer_is_read_back(number):
    assert core_value(str(number)) == number


def test_a_step_that_leads_nowhere_is_skipped():
    inner = scalar("x", line=7)
    tree, at = find(table(a=table(b=inner)), ("a", "<one>", "b", "nope"))
    assert tree is inner
    assert at == Position("f.yaml", 1, 5)


def test_a_camel_case_step_finds_a_snake_case_key():
    assert find(table(max_body_size=scalar("1")), ("maxBodySize",))[0] == scalar("1")


def test_an_index_beyond_the_list_is_skipped():
    items = Items(HERE)
    items.append(scalar("x"))
    assert find(items, (0,))[0] == scalar("x")
    assert find(items, (1,))[0] is items


def test_a_tree_becomes_plain_values():
    items = Items(HERE)
    items.append(scalar("x"))
    assert plain(table(a=items, b=scalar("1"))) == {"a": ["x"], "b": "1"}


def test_a_loose_text_may_spell_a_number():
    assert scalar("10", loose=True).typed == 10
    assert scalar("10").typed == "10"


def test_a_scalar_is_printed_without_what_came_from_outside():
    secret = Scalar(value="sk-1", text="sk-1", source="${KEY}", at=HERE, loose=True)
    assert repr(secret) == "<${KEY} at f.yaml:1>"


@pytest.mark.parametrize(
    ("cameled", "snaked"), [("maxBodySize", "max_body_size"), ("path", "path"), ("apiKey", "api_key")]
)
def test_snake_case_of_a_key(cameled, snaked):
    assert snake(cameled) == snaked


@pytest.mark.parametrize(
    ("snaked", "cameled"),
    [("max_body_size", "maxBodySize"), ("Path", "Path"), ("X-Team", "X-Team"), ("a__b", "a__b")],
)
def test_camel_case_is_made_of_snake_case_only(snaked, cameled):
    assert camel(snaked) == cameled
