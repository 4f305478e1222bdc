"""What the page on testing says is done here: its files are a project of their own, its tables are the program's."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from llmgw_middleware.testing import upstream
from llmgw_middleware.testing.faults import FAULTS, SLOW
from tests.docs.pages import DOCS, page

PAGE = page("testing.md")


@pytest.mark.parametrize("name", PAGE.files)
def test_a_file_of_the_page_passes_in_a_project_of_its_own(tmp_path, name):
    PAGE.write_files(tmp_path)
    words = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:asyncio", name]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert re.search(r"^\d+ passed", done.stdout, re.MULTILINE), done.stdout
    assert done.returncode == 0


def test_every_snippet_is_a_file():
    assert PAGE.snippets == []


def test_the_table_has_all_faults_and_their_stories():
    rows = dict(re.findall(r"^\| `([^`(]+)` \| (The .*) \|$", PAGE.text, re.MULTILINE))
    assert rows == {name: fault.story for name, fault in FAULTS.items()}
    assert f"{SLOW:g} by default" in PAGE.text


def test_every_answer_in_the_table_can_be_given():
    calls = re.findall(r"^\| `(\w+\(.*?\))` \|", PAGE.text, re.MULTILINE)
    assert len(calls) == 5
    for call in calls:
        made = eval(call.replace("{…}", "{}").replace("…", "x"), vars(upstream))
        assert isinstance(made, upstream.Script)


def test_every_way_to_break_a_stream_breaks_it():
    [row] = [line for line in PAGE.text.splitlines() if line.startswith("| `stream(")]
    ways = re.findall(r"`(\w+=\w+)`", row)
    assert len(ways) == 5
    whole = upstream.stream("a", "b")
    for way in ways:
        assert eval(f'stream("a", "b", {way})', vars(upstream)) != whole


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", PAGE.text):
        assert (DOCS / target).exists(), target
