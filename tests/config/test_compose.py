import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.config.compose import documents, json_as_yaml
from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.tree import find, plain


def composed(text: str) -> tuple[list[Any], Report]:
    report = Report()
    return documents(text, "f.yaml", report), report


def only(text: str) -> Any:
    found, report = composed(text)
    assert not report.problems
    return found[0]


def test_every_value_knows_its_line_and_column():
    value, key_at = find(only("routes:\n  - name: x\n    path: /v1\n"), ("routes", 0, "path"))
    assert (value.at.line, value.at.column) == (3, 11)
    assert (key_at.line, key_at.column) == (3, 5)


def test_unquoted_scalars_are_typed_and_keep_their_source_text():
    tree = only("a: 010\nb: '010'\nc: NO\n")
    assert plain(tree) == {"a": 10, "b": "010", "c": "NO"}
    assert tree["a"].text == "010"


def test_documents_are_separate_and_empty_ones_are_left_out():
    found, _ = composed("a: 1\n---\n---\nb: 2\n")
    assert [plain(tree) for tree in found] == [{"a": 1}, {"b": 2}]


def test_an_empty_file_holds_nothing():
    assert composed("# nothing\n")[0] == []


def test_a_key_that_stands_twice_is_an_error_with_both_places():
    _, report = composed("a: 1\nb: 2\na: 3\n")
    (problem,) = report.problems
    assert str(problem) == 'f.yaml:3:1 duplicate_key The key "a" stands here twice, first at f.yaml:1.'


def test_anchors_are_followed():
    assert plain(only("a: &x {k: 1}\nb: *x\n")) == {"a": {"k": 1}, "b": {"k": 1}}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: &x [*x]\n", "leads back to itself"),
        ("a: !weird 1\n", "means nothing here"),
        ("? [a]\n: 1\n", "A key has to be text"),
        ("a: [1\n", "This cannot be read"),
        ("a: b: c\n", "This cannot be read"),
        ("<<: {a: 1}\n", "Merge keys"),
        ("a: \x00\n", "This cannot be read"),
        ("[" * 3000, "cannot be read|nested too deeply"),
    ],
    ids=["circle", "tag", "complex key", "unclosed", "two colons", "merge key", "control character", "depth"],
)
def test_what_cannot_be_read_is_an_error_with_a_place(text, says):
    import re

    _, report = composed(text)
    assert re.search(says, report.problems[0].message)
    assert report.problems[0].line >= 1


def test_aliases_that_multiply_are_stopped():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 7)]
    _, report = composed("\n".join(lines))
    assert "multiplies without bound" in report.problems[0].message


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a:\n\t- 1\n", "indent with spaces, not tabs"),
        ("a: {b: ${X}}\n", 'quote "${…}" inside braces and brackets'),
    ],
    ids=["tab", "reference in braces"],
)
def test_the_usual_slips_come_with_a_remedy(text, hint):
    assert composed(text)[1].problems[0].hint == hint


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(max_size=5), JSON, min_size=1, max_size=3),
    st.sampled_from([None, 2, "\t"]),
)
def test_json_is_read_as_json(value, indent):
    assert plain(only(json_as_yaml(json.dumps(value, indent=indent)))) == value


def test_values_in_json_know_their_place():
    value, _ = find(only('{\n  "routes": [{"name": "x"}]\n}'), ("routes", 0, "name"))
    assert (value.at.line, value.at.column) == (2, 23)
