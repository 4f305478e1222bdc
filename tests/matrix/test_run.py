from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.matrix import run

REPORT = """<testsuites><testsuite>
<testcase classname="tests.matrix.test_streams" name="test_a[Django, gthread]"><properties>
<property name="row" value="Django, gthread"/><property name="measured T4" value="0.2"/></properties></testcase>
<testcase classname="tests.matrix.test_streams" name="test_a[Django, gthread-x]"><properties>
<property name="row" value="Django, gthread"/><property name="measured T4" value="0.16"/></properties></testcase>
<testcase classname="tests.matrix.test_streams" name="test_b[Django, gthread]"><properties>
<property name="row" value="Django, gthread"/></properties><failure>no</failure></testcase>
<testcase classname="tests.e2e.test_asgi.TestLeaving" name="test_c"><skipped/></testcase>
</testsuite></testsuites>"""
HERE = "{}.{}".format(*sys.version_info)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    (tmp_path / "r.xml").write_text(REPORT)
    return tmp_path / "r.xml"


def test_what_was_measured_stands_by_row_the_worst_of_several(report: Path):
    assert run.both(report).splitlines()[:3] == [
        "| row | first | T2 | T3 | T4 | T5 | T6 | T7 | T8 | failed |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        "| Django, gthread |  |  |  | 0.2 |  |  |  |  | 1 |",
    ]


def test_results_are_counted_by_file(report: Path):
    assert run.both(report).splitlines()[-2:] == [
        "| `e2e.test_asgi` |  |  | 1 |",
        "| `matrix.test_streams` | 2 | 1 |  |",
    ]


def test_the_tests_of_the_matrix_note_their_row(request: pytest.FixtureRequest):
    assert "of_a_row" in request.fixturenames


def test_a_version_that_is_not_here_is_not_found(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert run.found("3.99") is None


@pytest.mark.parametrize("place", ["path", "pyenv"])
def test_an_interpreter_is_found(monkeypatch, tmp_path: Path, place: str):
    pyenv = tmp_path / "versions" / f"{HERE}.1" / "bin"
    pyenv.mkdir(parents=True)
    link = pyenv / "python" if place == "pyenv" else tmp_path / f"python{HERE}"
    link.symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert run.found(HERE) == link


def test_a_shim_that_starts_another_version_is_passed_over(monkeypatch, tmp_path: Path):
    (tmp_path / "python3.99").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert run.found("3.99") is None


@pytest.fixture
def results(monkeypatch, tmp_path: Path) -> Path:
    """A results file of the test's own, in a place without any Python."""
    monkeypatch.setattr(run, "found", lambda _: None)
    monkeypatch.setattr(run, "ROOT", tmp_path)
    monkeypatch.setattr(run, "RESULTS", tmp_path / "results.md")
    return tmp_path / "results.md"


def test_a_version_that_is_left_out_is_told(results: Path, capsys):
    assert run.main([]) == 0
    assert "Python 3.12, Django 6: left out" in capsys.readouterr().out
    assert results.read_text().count("Not run: there is no Python") == len(run.PAIRS)


def test_one_pair_can_be_run_and_what_is_told_of_others_stays(results: Path):
    results.write_text("# What ran\n\n## Python 3.11, Django 5.2\n\nAll well.\n")
    assert run.main(["3.12/6"]) == 0
    assert results.read_text().partition("\n## ")[2] == (
        "Python 3.11, Django 5.2\n\nAll well.\n"
        "\n## Python 3.12, Django 6\n\nNot run: there is no Python 3.12 on this machine.\n"
    )
