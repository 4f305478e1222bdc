"""Under gevent the loop has a thread of the operating system, and greenlets wait for it without stopping others."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.e2e.servers import ROOT

pytest.importorskip("gevent", reason="gevent is not installed")

PROMISES = (
    "others_run_while_one_waits",
    "fifty_wait_at_once",
    "names_are_looked_up",
    "work_is_done_off_the_loop",
    "what_it_raises_is_raised",
    "who_leaves_has_it_cancelled",
    "a_stream_is_pulled_and_closed",
    "it_ends_when_the_process_does",
)


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["asyncio", pytest.param("uvloop", marks=pytest.mark.matrix)])
@pytest.mark.parametrize("promise", PROMISES)
def test_under_gevent(promise: str, loop: str):
    if loop == "uvloop":
        pytest.importorskip("uvloop", reason="uvloop is not installed")
    env = {**os.environ, "UVLOOP": "1" if loop == "uvloop" else ""}
    command = [sys.executable, "-W", "error", "-m", "tests.loop_thread.green", promise]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
