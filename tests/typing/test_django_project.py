"""A user's typed project passes ``mypy --strict`` from outside of this one, and its mistakes are found."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROJECTS = sorted(HERE.glob("django_*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.stem)
def test_strict_mypy_agrees(project, tmp_path):
    pytest.importorskip("mypy", reason="mypy is not installed")
    (tmp_path / "main.py").write_text(project.read_text())
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "main.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
