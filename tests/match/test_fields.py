from typing import Any

import pytest

from llmgw_middleware.body import MISSING
from llmgw_middleware.match.fields import data_demand, equals, shown, text_demand
from llmgw_middleware.model.route import ValueTest

Row = tuple[str, dict[str, Any], list[Any], list[Any]]

ON_TEXT: list[Row] = [
    ("exact", {"exact": "true"}, ["true"], ["True", "true ", ""]),
    ("exact-number", {"exact": 10}, ["10"], ["10.0", "1"]),
    ("exact-boolean", {"exact": True}, ["true"], ["True", "1"]),
    ("exact-empty", {"exact": ""}, [""], ["x"]),
    ("regex", {"regex": "gpt-.*"}, ["gpt-", "gpt-4"], ["xgpt-4", "gpt"]),
    ("regex-of-whole", {"regex": "a|b"}, ["a", "b"], ["ab", "xa"]),
    ("prefix", {"prefix": "gpt-"}, ["gpt-", "gpt-4"], ["xgpt-", "GPT-"]),
    ("one-of", {"one_of": ("a", 2, True)}, ["a", "2", "true"], ["b", "True"]),
    ("one-of-nothing", {"one_of": ()}, [], ["", "a"]),
    ("contains", {"contains": "eta"}, ["beta", "eta"], ["bet"]),
    ("several", {"prefix": "a", "regex": ".*z"}, ["abz"], ["ab", "bz"]),
    ("present", {"present": True}, ["", "x"], []),
    ("present-and-more", {"present": True, "exact": "x"}, ["x"], ["y"]),
    ("absent-and-more", {"present": False, "exact": "x"}, [], ["x", ""]),
    ("a-number-is-asked", {"gt": 1}, [], ["2", "x"]),
]
ON_DATA: list[Row] = [
    ("text", {"exact": "premium"}, ["premium"], ["Premium", None, ["premium"], {"premium": 1}]),
    ("number", {"exact": 10}, [10, 10.0, "10"], [True, "10.0", 11, None, [10]]),
    ("fraction", {"exact": 0.5}, [0.5, "0.5"], ["0.50", 0.25]),
    ("one-is-not-true", {"exact": 1}, [1, 1.0, "1"], [True, "true"]),
    ("zero-is-not-false", {"exact": 0}, [0, "0"], [False, "", None]),
    ("true", {"exact": True}, [True, "true"], [1, "True", "1"]),
    ("false", {"exact": False}, [False, "false"], [0, "", None]),
    ("text-spells-number", {"exact": "10"}, ["10", 10, 10.0], ["10.0", 100, True]),
    ("text-spells-boolean", {"exact": "true"}, ["true", True], [1, False]),
    ("list", {"exact": [1]}, [[1]], [1, [2], "[1]"]),
    ("regex", {"regex": "[1-3]|free"}, ["free", 2, "3"], [4, 23, None, ["free"], True]),
    ("regex-on-boolean", {"regex": "t.*"}, [True, "tea"], [False]),
    ("prefix", {"prefix": "4"}, ["42", 42, 4.5], [24, None, ["4"]]),
    ("one-of", {"one_of": ("a", 2)}, ["a", 2, "2", 2.0], ["b", None, ["a"], True]),
    (
        "contains-in-list",
        {"contains": "staff"},
        [["x", "staff"], ("staff",), {"staff"}],
        [[], ["staffx"], {"staff": 1}, None],
    ),
    ("contains-in-text", {"contains": "aff"}, ["staff", ["aff"]], ["", 5]),
    ("contains-number", {"contains": 2}, [[1, 2], ["2"], "123"], [[12], "13", [True]]),
    ("contains-true", {"contains": True}, [[True]], [[1]]),
    ("contains-list", {"contains": [1]}, [[[1]]], [[1], "[1]"]),
    ("gt", {"gt": 5}, [5.1, 6], [5, 4, "6", True, None, [6]]),
    ("gte", {"gte": 5}, [5, 6], [4.9, "5"]),
    ("lt", {"lt": 1}, [0, -1, 0.9], [1, False, "0"]),
    ("lte", {"lte": 1}, [1, 0.5], [1.1, True]),
    ("between", {"gte": 1, "lt": 3}, [1, 2.9], [0.9, 3]),
    ("present", {"present": True}, [None, "", 0, []], []),
    ("absent-and-more", {"present": False, "gt": 1}, [], [2, 1]),
]


def rows(table: list[Row]) -> list[Any]:
    return [pytest.param(*row[1:], id=row[0]) for row in table]


@pytest.mark.parametrize(("test", "holds", "fails"), rows(ON_TEXT))
def test_a_text_is_tested_as_its_form_says(test, holds, fails):
    demand = text_demand(ValueTest(**test))
    assert [value for value in (*holds, *fails) if demand.holds(value)] == holds
    assert not demand.absent


@pytest.mark.parametrize(("test", "holds", "fails"), rows(ON_DATA))
def test_data_is_tested_as_its_form_says(test, holds, fails):
    demand = data_demand(ValueTest(**test))
    assert [value for value in (*holds, *fails) if demand.holds(value)] == holds
    assert not demand.absent


@pytest.mark.parametrize("compiled", [text_demand, data_demand])
def test_asking_for_absence_is_met_by_nothing_but_absence(compiled):
    demand = compiled(ValueTest(present=False))
    assert demand.absent
    assert not demand.holds("")


FAILING = [
    (ValueTest(exact="premium"), "free", "is not 'premium'", "is 'free', not 'premium'"),
    (ValueTest(exact=True), False, "is not true", "is false, not true"),
    (ValueTest(regex="gpt-.*"), "o3", "does not match 'gpt-.*'", "is 'o3', which does not match 'gpt-.*'"),
    (ValueTest(prefix="gpt"), None, "does not start with 'gpt'", "is null, which does not start with 'gpt'"),
    (ValueTest(one_of=("a", 2)), 3, "is not one of 'a', 2", "is 3, not one of 'a', 2"),
    (ValueTest(contains="x"), ["y"], "does not contain 'x'", "is [\"y\"], which does not contain 'x'"),
    (ValueTest(gt=5), 5, "is not greater than 5", "is 5, not greater than 5"),
    (ValueTest(gte=0.5), 0.25, "is not at least 0.5", "is 0.25, not at least 0.5"),
    (ValueTest(lt=1), 1, "is not less than 1", "is 1, not less than 1"),
    (ValueTest(lte=1), 2, "is not at most 1", "is 2, not at most 1"),
    (ValueTest(gte=1, lte=3), 9, "is not at most 3", "is 9, not at most 3"),
]


@pytest.mark.parametrize(("test", "value", "clause", "with_value"), FAILING, ids=[row[2] for row in FAILING])
def test_the_first_demand_that_fails_says_so(test, value, clause, with_value):
    part = data_demand(test).failing(value)
    assert part is not None
    assert (part.clause, part.after(shown(value))) == (clause, with_value)


def test_a_secret_is_masked_on_both_sides():
    part = text_demand(ValueTest(exact="Bearer sk-1"), secret=True).failing("Bearer sk-2")
    assert part is not None
    assert part.after("***") == "is ***, not ***"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (MISSING, "absent"),
        ("it's", '"it\'s"'),
        ("a\nb", r"'a\nb'"),
        ("x" * 81, "'" + "x" * 80 + "'…"),
        ([1, True, None], "[1,true,null]"),
        ({"a": "b"}, '{"a":"b"}'),
        (list(range(100)), "[" + ",".join(map(str, range(100)))[:79] + "…"),
        (object(), "object"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_are_shown_short_and_on_one_line(value, text):
    assert shown(value) == text


def test_equality_is_symmetric_for_scalars():
    scalars = ["true", True, "1", 1, 1.0, "1.0", 0, False, "0", "x", 0.5, "0.5"]
    assert all(equals(one)(other) is equals(other)(one) for one in scalars for other in scalars)
