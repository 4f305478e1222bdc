"""The demo as somebody uses it: started as a process, talked to over HTTP with a logged-in session."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "sample_apps" / "django_chat" / "demo.py"
FLASK_DEMO = ROOT / "sample_apps" / "flask_chat" / "demo.py"
LAST_LINE = "Ctrl-C stops the demo."


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Demo:
    """A running demo. ``said`` is everything it printed so far."""

    process: subprocess.Popen[str]
    site: str
    said: list[str] = field(default_factory=list)
    reader: Thread | None = None

    @property
    def text(self) -> str:
        return "".join(self.said)

    @property
    def mocks(self) -> str:
        found = re.search(r"Providers +(http://\S+)", self.text)
        assert found, self.text
        return found.group(1)

    def listen(self) -> None:
        """Read until the demo says that it is ready; go on reading aside, so that it never waits for a reader."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if LAST_LINE in line:
                self.reader = Thread(target=self.said.extend, args=(self.process.stdout,), daemon=True)
                self.reader.start()
                return
        raise AssertionError(f"the demo ended before it was ready:\n{self.text}")

    def end(self) -> None:
        """Ask it to stop, unless it has stopped, and read the rest of its words."""
        self.process.terminate()
        self.process.wait(30)
        if self.reader is not None:
            self.reader.join(10)
        if self.process.stdout is not None:
            self.process.stdout.close()

    @contextmanager
    def login(self, name: str) -> Iterator[httpx.Client]:
        """Yield a client with the cookies of a browser where ``name`` has logged in."""
        with httpx.Client(base_url=self.site, timeout=30) as client:
            client.get("/login/")
            token = client.cookies["csrftoken"]
            form = {"username": name, "password": name, "csrfmiddlewaretoken": token, "csrf_token": token}
            answer = client.post("/login/", data=form)
            assert answer.status_code == 302, answer.text
            yield client

    def heard(self, provider: str) -> list[dict[str, Any]]:
        """Return the requests a mock provider was sent, oldest first."""
        found: list[dict[str, Any]] = httpx.get(f"{self.mocks}/{provider}/_mock/requests").json()["requests"]
        return found


@contextmanager
def running_demo(state: Path, *, port: int | None = None, script: Path = DEMO) -> Iterator[Demo]:
    """Start the demo with a state folder of its own and stop it at the end."""
    port = port or free_port()
    process = subprocess.Popen(
        [sys.executable, script, "--port", str(port), "--state", state],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
    )
    demo = Demo(process, f"http://127.0.0.1:{port}")
    try:
        demo.listen()
        yield demo
    finally:
        demo.end()


def token_of(client: httpx.Client) -> dict[str, str]:
    """Return the header by which a page of the site proves that it is one."""
    return {"x-csrftoken": client.cookies["csrftoken"]}


def question(text: str = "Why is the sky blue?", **fields: Any) -> dict[str, Any]:
    return {"model": "gpt-5", "messages": [{"role": "user", "content": text}], **fields}


def ask(client: httpx.Client, *, headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
    """Ask as the page asks."""
    return client.post(
        "/v1/chat/completions", json=question(**fields), headers={**token_of(client), **(headers or {})}
    )


def put(client: httpx.Client, provider: str, state: str) -> None:
    """Press one of the page's switches."""
    answer = client.post("/demo/providers", json={"name": provider, "state": state}, headers=token_of(client))
    assert answer.status_code == 200, answer.text
