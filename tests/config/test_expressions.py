"""Expressions in a configuration are judged when it is loaded."""

import pytest


def test_a_configuration_is_told_by_file_line_and_column(load_text):
    (problem,) = load_text("routes:\n  - path: /a\n    when: usr.tier == 1\n    respond: {}\n").errors
    assert (problem.code, problem.line, problem.column) == ("bad_expression", 3, 11)
    assert problem.message == 'The expression is wrong at 1:1: there is no variable "usr".'
    assert problem.hint == 'did you mean "user"?'


def test_a_condition_that_is_never_true_nor_false_is_refused(load_text):
    (problem,) = load_text("routes: [{path: /a, when: '1 + 1', respond: {}}]").errors
    assert (problem.code, problem.message) == (
        "bad_expression",
        "A condition is true or false; this one is always something else.",
    )


SPOTS = {
    "match": "routes: [{match: [{when: usr.x}], respond: {}}]",
    "sticky": "routes: [{backends: [{backend: 'a:1', weight: 1}], sticky: 'usr.x + \"\"'}]",
    "a header of a route": "routes: [{backend: 'a:1', transform: {request: {set: [{name: x-a, value: usr.x}]}}}]",
    "a field of a route": "routes: [{backend: 'a:1', transform: {request: {bodySet: [{field: a, value: usr.x}]}}}]",
    "a header of an answer": "routes: [{backend: 'a:1', transform: {response: {add: [{name: x-a, value: usr.x}]}}}]",
    "before routing": "gateway: {transform: {request: {replace: usr.x}}}",
    "metadata": "gateway: {transform: {request: {metadata: {a: usr.x}}}}",
    "a body": "routes: [{backend: 'a:1', transform: {request: {body: usr.x}}}]",
}


@pytest.mark.parametrize("text", SPOTS.values(), ids=SPOTS)
def test_an_expression_is_judged_wherever_it_stands(load_text, text):
    assert [problem.code for problem in load_text(text).errors] == ["bad_expression"]


HEADERS = {
    "framing": "routes: [{backend: 'a:1', transform: {request: {set: [{name: Content-Length, value: '1'}]}}}]",
    "the path": "routes: [{backend: 'a:1', transform: {request: {set: [{name: ':path', value: '1'}]}}}]",
    "an answer's framing": "routes: [{backend: 'a:1', transform: {response: {remove: [transfer-encoding]}}}]",
    "no name": "routes: [{backend: 'a:1', transform: {request: {remove: ['a b']}}}]",
}


@pytest.mark.parametrize("text", HEADERS.values(), ids=HEADERS)
def test_a_transform_changes_no_header_that_is_not_its_own(load_text, text):
    assert [problem.code for problem in load_text(text).errors] == ["bad_header"]


def test_a_path_into_the_body_has_a_name_at_each_dot(load_text):
    text = "routes: [{backend: 'a:1', transform: {request: {bodyRemove: [a..b]}}}]"
    assert [problem.code for problem in load_text(text).errors] == ["bad_value"]
