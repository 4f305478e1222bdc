from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.config.interpolate import Interpolation
from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.python import document

ENV = {"HOST": "example.org", "EMPTY": "", "PORT": "8001", "NESTED": "${HOST}"}


def interpolated(text: Any, *, lenient: bool = False, env: Mapping[str, str] = ENV) -> tuple[Any, Report]:
    report = Report(lenient=lenient)
    return Interpolation(env, report).tree(document(text, Report())), report


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("http://${HOST}:${PORT}/v1", "http://example.org:8001/v1"),
        ("${EMPTY}", ""),
        ("${EMPTY:-x}", "x"),
        ("${NONE:-}", ""),
        ("${NONE:-a:-b}", "a:-b"),
        ("$${HOST}", "${HOST}"),
        ("$HOST", "$HOST"),
        ("a$", "a$"),
        ("${NESTED}", "${HOST}"),
    ],
)
def test_references_are_replaced(written, text):
    scalar, report = interpolated(written)
    assert scalar.text == text
    assert report.problems == []


def test_a_number_from_outside_counts_as_one():
    assert interpolated("${PORT}")[0].typed == 8001


def test_what_is_shown_is_what_was_written():
    assert interpolated("${HOST}")[0].source == "${HOST}"


@pytest.mark.parametrize(
    ("lenient", "severity"), [(True, "warning"), (False, "error")], ids=["check", "serve"]
)
def test_a_missing_variable_is_a_warning_to_check_and_an_error_to_serve(lenient, severity):
    scalar, report = interpolated("${NONE}", lenient=lenient)
    assert scalar.missing
    (problem,) = report.problems
    assert (problem.severity, problem.code) == (severity, "missing_env")
    assert "NONE is not set" in problem.message


@pytest.mark.parametrize("written", ["${}", "${1X}", "${a-b}", "${open", "${X:default}", "${file:relative}"])
def test_a_malformed_reference_is_an_error(written):
    assert interpolated(written)[1].problems[0].code == "bad_reference"


def test_a_file_is_read_without_its_last_line_break(tmp_path):
    (tmp_path / "key").write_text("sk-1\n")
    assert interpolated(f"${{file:{tmp_path}/key}}")[0].text == "sk-1"


def test_a_missing_file_is_told_with_its_path(tmp_path):
    (problem,) = interpolated(f"${{file:{tmp_path}/none}}")[1].problems
    assert problem.code == "missing_file"
    assert str(tmp_path) in problem.message


def test_lists_and_mappings_are_gone_through_but_keys_are_left_alone():
    tree, _ = interpolated({"${HOST}": ["${HOST}", 1]})
    assert tree["${HOST}"][0].text == "example.org"
    assert tree["${HOST}"][1].typed == 1


@given(st.text().filter(lambda text: "${" not in text))
def test_text_without_references_is_left_alone(text):
    assert interpolated(text)[0].text == text


@given(st.text())
def test_a_value_from_the_environment_is_taken_as_it_is(value):
    assert interpolated("<${V}>", env={"V": value})[0].text == f"<{value}>"
