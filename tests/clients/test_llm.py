"""The ``llm`` command, over every provider."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.clients.conftest import Site

if find_spec("llm") is None:
    pytest.skip("llm is not installed", allow_module_level=True)


@pytest.fixture
def home(site: Site, dialect: str, tmp_path: Path) -> Path:
    """A folder of llm's own, which knows the site as a model."""
    model = {"model_id": "site", "model_name": "m", "api_base": site.url(dialect), "can_stream": True}
    (tmp_path / "extra-openai-models.yaml").write_text(json.dumps([model]))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["--no-stream"]], ids=["streamed", "whole"])
def test_a_prompt_is_answered(home: Path, options: list[str]):
    command = [sys.executable, "-m", "llm", "-m", "site", "--key", "none", *options, "hello there"]
    env = {**os.environ, "LLM_USER_PATH": str(home)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=env)
    assert (done.returncode, done.stdout.strip()) == (0, "You said: hello there"), done.stderr
