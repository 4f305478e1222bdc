"""The demo's canary: it advances on the chat page, and takes itself back when its provider breaks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.demo_site import ROOT, Demo, ask, put, running_demo

pytestmark = pytest.mark.slow
PATIENCE = 60.0


@pytest.fixture
def run_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("LLMGW_RUN_DIR", str(tmp_path / "run"))


@pytest.fixture
def demo(tmp_path, run_dir) -> Iterator[Demo]:
    with running_demo(tmp_path / "state") as demo:
        yield demo


def canary(*words: str) -> subprocess.CompletedProcess[str]:
    """Run ``llmgw canary`` as a person would, in another process."""
    return subprocess.run(
        [Path(sys.executable).with_name("llmgw"), "canary", *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ},
        timeout=30,
        check=False,
    )


def standing() -> dict[str, Any]:
    [found] = json.loads(canary("status", "preview-rollout", "--json").stdout)["canaries"]
    return dict(found)


def badge(answer: httpx.Response) -> str:
    """Return what the page's badge says of the side."""
    return answer.headers["x-llmgw-variant"]


def ask_until(client: httpx.Client, done: Any) -> Counter[str]:
    """Ask for the preview until ``done`` holds of where the canary stands; count the sides."""
    seen: Counter[str] = Counter()
    end = time.monotonic() + PATIENCE
    while not done(standing()):
        assert time.monotonic() < end, standing()
        for _ in range(10):
            answer = ask(client, model="preview")
            assert answer.status_code == 200, answer.text
            seen[badge(answer)] += 1
    return seen


def test_the_canary_advances_and_takes_itself_back_when_its_provider_breaks(demo):
    with demo.login("alice") as alice:
        ask(alice, model="preview")
        assert standing()["weight"] == 0.2
        advanced = ask_until(alice, lambda found: found["stage"] == 2)
        assert set(advanced) == {"stable", "canary"}
        assert "running at 50 % (stage 2 of 3)" in canary("status").stdout
        put(alice, "anthropic", "down")
        ask_until(alice, lambda found: found["status"] == "rolled_back")
        assert "error rate increase" in standing()["reason"]
        assert {badge(ask(alice, model="preview")) for _ in range(20)} == {"stable"}
        put(alice, "anthropic", "up")
        resumed = canary("resume", "preview-rollout")
        assert resumed.returncode == 0, resumed.stderr
        assert "now 20 % (stage 1)" in resumed.stdout
