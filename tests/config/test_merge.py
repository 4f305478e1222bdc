from typing import Any

from llmgw_middleware.config.compose import documents
from llmgw_middleware.config.merge import merge
from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.tree import plain


def merged(*texts: str) -> tuple[Any, list[str]]:
    report = Report()
    parts: list[Any] = [
        tree for n, text in enumerate(texts, 1) for tree in documents(text, f"{n}.yaml", report)
    ]
    return plain(merge(parts, report)), [str(problem) for problem in report.problems]


def test_nothing_merges_to_nothing():
    assert merged() == ({}, [])


def test_mappings_merge_deeply():
    assert merged("a: {b: 1, c: {d: 2}}", "a: {c: {e: 3}}")[0] == {"a": {"b": 1, "c": {"d": 2, "e": 3}}}


def test_named_items_merge_key_by_key_and_new_ones_follow():
    both, problems = merged("r: [{name: a, x: 1}, {name: b}]", "r: [{name: c}, {name: a, y: 2}]")
    assert both == {"r": [{"name": "a", "x": 1, "y": 2}, {"name": "b"}, {"name": "c"}]}
    assert problems == []


def test_lists_inside_named_items_merge_by_name_too():
    both, _ = merged(
        "b: [{name: p, backends: [{name: x}]}]", "b: [{name: p, backends: [{name: x, weight: 2}]}]"
    )
    assert both == {"b": [{"name": "p", "backends": [{"name": "x", "weight": 2}]}]}


def test_lists_of_values_are_replaced():
    assert merged("m: [GET, POST]", "m: [PUT]") == ({"m": ["PUT"]}, [])


def test_a_list_with_nameless_items_is_replaced_and_that_is_told():
    both, (problem,) = merged("r: [{name: a}, {path: /x}]", "r: [{name: b}]")
    assert both == {"r": [{"name": "b"}]}
    assert problem.startswith('2.yaml:1:1 list_replaced The list "r" replaces the one at 1.yaml:1')


def test_the_same_value_twice_is_fine():
    assert merged("a: 1", "a: 1") == ({"a": 1}, [])


def test_two_values_are_an_error_that_names_both_places():
    _, (problem,) = merged("a: {b: 1}", "x: 0\na:\n  b: 2\n")
    assert problem == '2.yaml:3:3 two_values "b" has another value here than at 1.yaml:1. (keep one of them)'


def test_a_value_and_a_mapping_do_not_merge():
    assert "two_values" in merged("a: 1", "a: {b: 1}")[1][0]


def test_a_secret_given_twice_is_not_printed():
    _, (problem,) = merged("k: sk-live-1", "k: sk-live-2")
    assert "sk-live" not in problem


def test_names_that_stand_twice_in_one_list_are_left_for_the_loader_to_refuse():
    both, _ = merged("r: [{name: a, x: 1}, {name: a, x: 2}]", "r: [{name: a, y: 3}]")
    assert both == {"r": [{"name": "a", "x": 1, "y": 3}, {"name": "a", "x": 2}]}
