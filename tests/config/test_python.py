from decimal import Decimal
from pathlib import PurePosixPath

import pytest

from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.python import document, source_text
from llmgw_middleware.config.tree import find, plain


def test_a_place_is_the_path_to_it():
    tree = document({"routes": [{"headers": {"X-A": 1}}]}, Report())
    assert str(find(tree, ("routes", 0, "headers", "X-A"))[1]) == "routes[0].headers.X-A"


def test_tuples_and_paths_are_fine():
    tree = document({"a": (1, True), "b": PurePosixPath("/x/y")}, Report())
    assert plain(tree) == {"a": [1, True], "b": "/x/y"}


@pytest.mark.parametrize("value", [Decimal(1), b"x", object(), {1}], ids=lambda v: type(v).__name__)
def test_what_no_file_could_hold_is_an_error(value):
    report = Report()
    document({"a": value}, report)
    (problem,) = report.problems
    assert str(problem) == f"a bad_value A {type(value).__name__} cannot stand in a configuration."


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (None, "null"), (10, "10"), (1.5, "1.5"), ("x", "x")]
)
def test_source_text_is_what_yaml_would_hold(value, text):
    assert source_text(value) == text
