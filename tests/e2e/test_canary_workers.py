"""A canary in several processes: one command reaches them all, and a rollback outlives them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from llmgw_middleware.testing.answers import chat
from llmgw_middleware.testing.upstream import ScriptedUpstream
from llmgw_middleware.wsgi import LLMGatewayWSGI
from tests.e2e.gateways import WHOLE
from tests.e2e.servers import Process, RawCaller, serve_gunicorn

pytestmark = pytest.mark.slow
PATIENCE = 30.0


def nothing(environ: Any, start_response: Any) -> list[bytes]:
    """The application behind the door."""
    start_response("404 Not Found", [("content-length", "0")])
    return []


def served() -> LLMGatewayWSGI:
    """Return what gunicorn serves, in each of its processes."""
    url, state = os.environ["UPSTREAM"], os.environ["STATE"]
    return LLMGatewayWSGI(
        nothing,
        config={
            "routes": [{"name": "chat", "path": "/v1/chat/completions", "backend": "old"}],
            "backends": [{"name": name, "url": f"{url}/v1"} for name in ("old", "new")],
            "canaries": [{"name": "rollout", "route": "chat", "canary": "new", "stages": ["50%", "100%"]}],
            "state": {"store": "file", "path": state},
        },
    )


@pytest.fixture
def workers(tmp_path, monkeypatch):
    """Return what starts two processes; each opens its door with its first request."""
    monkeypatch.setenv("LLMGW_RUN_DIR", str(tmp_path / "run"))

    @contextmanager
    def running() -> Iterator[Process]:
        env = {"STATE": str(tmp_path / "state"), "LLMGW_RUN_DIR": str(tmp_path / "run")}
        with ScriptedUpstream() as upstream:
            upstream.default(chat())
            env["UPSTREAM"] = upstream.url
            target = "tests.e2e.test_canary_workers:served()"
            with serve_gunicorn(target, env, options=("--workers", "2")) as process:
                end = time.monotonic() + PATIENCE
                while len(list((tmp_path / "run").glob("*.sock"))) < 2:
                    assert time.monotonic() < end, process.log.read_text()
                    with RawCaller(process.port) as caller:
                        assert caller.ask(body=WHOLE).status == 200
                yield process

    return running


def canary(*words: str) -> str:
    """Run ``llmgw canary`` as a person would, and return what it printed."""
    program = Path(sys.executable).with_name("llmgw")
    done = subprocess.run(
        [program, "canary", *words], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def standings() -> list[tuple[str, float]]:
    return [(c["status"], c["weight"]) for c in json.loads(canary("status", "--json"))["canaries"]]


def test_one_command_reaches_every_process_and_a_rollback_outlives_them(workers):
    with workers():
        assert standings() == [("running", 0.5)] * 2
        canary("promote", "rollout")
        end = time.monotonic() + PATIENCE
        while standings() != [("running", 1.0)] * 2:  # who followed looks every five seconds
            assert time.monotonic() < end, standings()
            time.sleep(0.2)
        canary("rollback", "rollout")
        assert ("rolled_back", 0.0) in standings()
    with workers():
        assert standings() == [("rolled_back", 0.0)] * 2
