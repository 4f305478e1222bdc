import pytest

from llmgw_middleware.config.problem import Problem, Report, ordered
from llmgw_middleware.config.tree import Position

AT = Position("a.yaml", 2, 3)


@pytest.mark.parametrize(
    ("file", "line", "hint", "text"),
    [
        ("a.yaml", 2, None, "a.yaml:2:3 code Text."),
        ("a.yaml", 2, "did you mean x?", "a.yaml:2:3 code Text. (did you mean x?)"),
        ("routes[0]", 0, None, "routes[0] code Text."),
        ("", 0, None, "- code Text."),
    ],
)
def test_a_problem_reads_as_one_line(file, line, hint, text):
    problem = Problem(
        severity="error", file=file, line=line, column=3, code="code", message="Text.", hint=hint
    )
    assert str(problem) == text


def test_a_report_fails_by_errors_only():
    report = Report()
    report.warn("a", AT, "x")
    assert not report.failed
    report.error("b", AT, "x")
    assert report.failed


@pytest.mark.parametrize(("lenient", "failed"), [(True, False), (False, True)])
def test_what_only_serving_needs_is_a_warning_while_checking(lenient, failed):
    report = Report(lenient=lenient)
    report.unmet("a", AT, "x")
    assert report.failed is failed


def test_problems_are_told_once_in_the_order_of_their_places():
    report = Report()
    for file, line in (("b", 5), ("a", 9), ("b", 1), ("b", 5)):
        report.error("x", Position(file, line, 1), "x")
    assert [(p.file, p.line) for p in ordered(report.problems)] == [("b", 1), ("b", 5), ("a", 9)]
