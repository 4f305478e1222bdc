"""Django's own test cases, run by Django's own runner, which wants a process to itself."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.e2e.servers import ROOT


@pytest.mark.slow
@pytest.mark.parametrize("case", ["InATransaction", "WithoutATransaction", "OverASocket"])
def test_every_kind_of_test_case_works(tmp_path, case: str):
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.django.project.settings",
        "PROJECT_DATABASE": str(tmp_path / "project.sqlite3"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-W", "error", "-m", "django", "test", f"tests.django.cases.{case}"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\nOK" in done.stderr
    assert "Ran 0 tests" not in done.stderr
