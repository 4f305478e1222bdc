"""RESULTS.md, and the command line."""

import re
from pathlib import Path

import pytest

from benchmarks.__main__ import arguments, names
from benchmarks.machine import compiled
from benchmarks.results import INTRO, merged
from benchmarks.scenarios import QUICK, SCENARIOS, about

ROOT = Path(__file__).parent.parent.parent
ORDER = ["one", "two", "three"]


def section(name, text):
    return f"## {name}\n\n{text}\n"


def test_the_first_run_begins_the_file():
    assert merged("", {"two": section("two", "new")}, ORDER) == f"{INTRO}\n## two\n\nnew\n"


def test_a_scenario_that_is_run_again_is_replaced_and_others_stay():
    before = merged("", {"one": section("one", "stale"), "three": section("three", "kept")}, ORDER)
    after = merged(before, {"one": section("one", "new")}, ORDER)
    assert "stale" not in after
    assert after.index("new") < after.index("kept")


def test_putting_the_same_in_twice_changes_nothing():
    once = merged("", {name: section(name, name) for name in ORDER}, ORDER)
    assert merged(once, {"two": section("two", "two")}, ORDER) == once


def test_a_section_of_a_scenario_that_is_gone_goes():
    assert "gone" not in merged(section("gone", "x"), {}, ORDER)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["a.py"], "measured_here not compiled"),
        (["a.py", "b.py", "a.cpython-311-x86_64-linux-gnu.so"], "1 modules of measured_here compiled"),
    ],
)
def test_the_line_of_the_machine_says_what_of_the_package_is_compiled(files, words, tmp_path, monkeypatch):
    (tmp_path / "measured_here").mkdir()
    for name in ("__init__.py", *files):
        (tmp_path / "measured_here" / name).touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert compiled("measured_here") == words


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        (["paced", "json", "json"], ["json", "paced"]),
        (["quick"], [name for name in SCENARIOS if name in QUICK]),
        (["all"], list(SCENARIOS)),
    ],
)
def test_scenarios_come_once_and_in_their_order(asked, meant):
    assert names(arguments(asked).scenario) == meant


def test_an_unknown_scenario_is_refused(capsys):
    with pytest.raises(SystemExit):
        arguments(["jsom"])
    assert "invalid choice: 'jsom'" in capsys.readouterr().err


@pytest.mark.parametrize("name", SCENARIOS)
def test_each_scenario_says_what_it_is(name):
    assert about(name).endswith(".")


def test_the_page_names_every_scenario():
    page = (ROOT / "docs" / "performance.md").read_text()
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \|", page, re.MULTILINE)) == set(SCENARIOS)
