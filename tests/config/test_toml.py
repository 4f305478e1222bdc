import sys

import pytest

from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.toml import document
from llmgw_middleware.config.tree import Scalar, Tree, find, plain

TEXT = """\
[gateway]
maxBodySize = "1MB"
timeout = {read = "5s"}

[[routes]]
name = "a"

[[routes]]
name = "b"
[routes.headers]
"X-Team" = true

[geo.regions]
NORDIC = ["SE", "NO"]
"""


def tree() -> Tree:
    return document(TEXT, "f.toml", Report())[0]


def test_toml_is_read_as_values():
    read = plain(tree())
    assert [route["name"] for route in read["routes"]] == ["a", "b"]
    assert read["routes"][1]["headers"] == {"X-Team": True}


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("gateway", "maxBodySize"), 2),
        (("gateway", "timeout", "read"), 3),
        (("routes", 0, "name"), 6),
        (("routes", 1, "name"), 9),
        (("routes", 1, "headers", "X-Team"), 11),
        (("geo", "regions", "NORDIC"), 14),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_keys_are_found_in_their_lines(path, line):
    assert find(tree(), path)[1].line == line


def test_an_unquoted_value_keeps_its_source_text():
    value, _ = find(tree(), ("routes", 1, "headers", "X-Team"))
    assert isinstance(value, Scalar)
    assert value.text == "true"


def test_what_is_no_toml_is_an_error_with_its_place():
    report = Report()
    assert document("a = 1\nb = = 2\n", "f.toml", report) == []
    assert (report.problems[0].code, report.problems[0].line) == ("syntax", 2)


@pytest.mark.parametrize("depth", [450 if sys.version_info < (3, 12) else 600, 3000])
def test_what_is_nested_too_deeply_is_a_problem(depth):
    report = Report()
    assert document(f"a = {'[' * depth}{']' * depth}", "f.toml", report) == []
    assert [problem.message for problem in report.problems] == ["This is nested too deeply."]
