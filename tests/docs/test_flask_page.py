"""What the page on Flask says is done here: in an empty folder, with its own words and nothing else."""

from __future__ import annotations

import importlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import yaml
from flask import Flask, session

from llmgw_middleware.testing.answers import chat as completion
from llmgw_middleware.testing.upstream import ScriptedUpstream
from tests.e2e.servers import TIMEOUT
from tests.flask.shop import ask, error

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "flask.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


[CONFIG] = blocks("yaml")
APP, FACTORY, WRAPPER, RESOLVER, CSRF, DECISION, ASGI = blocks("python")
INSTALL, SERVERS, CALLS, COMMANDS, GUNICORN, UVICORN = blocks("console")


QUESTION = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}


def dialogue(block: str) -> list[tuple[str, list[str]]]:
    """Return each command of a console block with the lines it is shown to print."""
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    return [(first, rest.splitlines()) for first, _, rest in (part.partition("\n") for part in parts)]


# -- the walk through -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page's two files, whose ports are free ones."""
    folder = tmp_path_factory.mktemp("walk")
    (folder / "llmgw.yaml").write_text(with_ports(CONFIG))
    (folder / "app.py").write_text(APP)
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


PORTS = {"9000": str(free_port()), "5000": str(free_port()), "8000": str(free_port())}


def with_ports(text: str) -> str:
    return re.sub(r"\b(9000|5000|8000)\b", lambda found: PORTS[found.group()], text)


def shell(command: str, folder: Path) -> dict[str, Any]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {name: value for name, value in os.environ.items() if not name.startswith(("LLMGW_", "FLASK_"))}
    return {
        "args": ["/bin/sh", "-c", f"exec {command}" if "|" not in command else command],
        "cwd": folder,
        "env": env | {"PATH": path},
    }


def listens(port: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) == 0


@contextmanager
def server(command: str, port: str, folder: Path) -> Iterator[None]:
    """Run one of the page's servers until it answers, and to the end of the block."""
    process = subprocess.Popen(**shell(command, folder), stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + TIMEOUT
        while not listens(port):
            assert process.poll() is None, f"{command} ended"
            assert time.monotonic() < end, f"{command} does not listen"
            time.sleep(0.05)  # the operating system tells nobody when another process listens
        yield
    finally:
        process.terminate()
        process.wait(TIMEOUT)


def printed(command: str, folder: Path) -> list[str]:
    done = subprocess.run(**shell(command, folder), capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return [line.rstrip() for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def mock(folder: Path) -> Iterator[None]:
    [(command, _), _] = dialogue(SERVERS)
    with server(with_ports(command), PORTS["9000"], folder):
        yield


@pytest.mark.slow
def test_who_follows_the_page_in_an_empty_folder_has_an_application_routed_by_tier(folder: Path, mock: None):
    [_, (command, _)] = dialogue(SERVERS)
    with server(with_ports(command), PORTS["5000"], folder):
        for asked, shown in dialogue(CALLS):
            assert printed(with_ports(asked), folder) == shown


@pytest.mark.parametrize(("command", "shown"), dialogue(COMMANDS), ids=["check", "explain"])
def test_the_commands_print_what_is_shown(folder: Path, command: str, shown: list[str]):
    assert printed(command, folder) == shown


@pytest.mark.slow
def test_the_production_server_serves_the_same_application(folder: Path, mock: None):
    [(command, _)] = dialogue(GUNICORN)
    assert "gthread" in command
    port = PORTS["8000"]
    served = f"{command} --bind 127.0.0.1:{port} --log-level error"
    with server(served, port, folder), httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        client.post("/login", data={"name": "bob"})
        answer = client.post("/v1/chat/completions", json=QUESTION)
    assert (answer.status_code, answer.headers["x-llmgw-backend"]) == (200, "large")


def test_what_it_installs_there_is():
    [(command, _)] = dialogue(INSTALL)
    assert command == 'pip install "llmgw-middleware[flask]" Flask-Login'
    assert "\nflask = [" in (ROOT / "pyproject.toml").read_text()


# -- the other snippets -----------------------------------------------------------------------------------------------


def log_in(name: str) -> str:
    session["user_id"] = name
    return name


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as running:
        running.default(completion("welcome"))
        yield running


@pytest.fixture
def snippet(tmp_path, monkeypatch, upstream) -> Iterator[Any]:
    """Return what imports a snippet as a module of a folder with the page's rules, there led to the upstream."""
    config = yaml.safe_load(CONFIG)
    for backend in config["backends"]:
        backend["url"] = f"{upstream.url}/{backend['name']}/v1"
    (tmp_path / "llmgw.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    with ExitStack() as stack:

        def load(text: str) -> ModuleType:
            (tmp_path / "snippet.py").write_text(text)
            stack.callback(sys.modules.pop, "snippet", None)
            module = importlib.import_module("snippet")
            app = getattr(module, "app", None)
            if isinstance(app, Flask) and "llmgw" in app.extensions:
                stack.callback(app.extensions["llmgw"]._bridge.thread.stop)
                app.add_url_rule("/in/<name>", "in", log_in)
            return module

        yield load


def test_the_factory_takes_another_configuration(snippet):
    create_app = snippet(FACTORY).create_app
    assert len(create_app().extensions["llmgw"].gateway.plan.routes) == 2
    assert create_app({"LLMGW_ENABLED": False}).extensions["llmgw"] is None


def test_the_wrapper_answers(snippet):
    client = snippet(WRAPPER).app.test_client()
    assert error(ask(client)) == (401, "not_authenticated")
    client.get("/in/alice")
    assert ask(client).status_code == 200


@pytest.mark.parametrize(
    ("token", "status"),
    [("Bearer secret-of-bob", 200), ("Bearer stolen", 401), ("", 401)],
    ids=["his", "wrong", "none"],
)
def test_the_resolver_knows_tokens(snippet, upstream, token, status):
    client = snippet(RESOLVER).app.test_client()
    assert ask(client, authorization=token).status_code == status
    assert [seen.path.split("/")[1] for seen in upstream.requests] == ["large"] * (status == 200)


def test_the_csrf_refusal_is_worded_for_scripts(snippet):
    module = snippet(CSRF)
    client = module.app.test_client()
    client.get("/in/alice")
    assert error(ask(client)) == (403, "csrf_failed")
    module.csrf.exempt(module.gateway.view)
    assert ask(client).status_code == 200


def test_the_decision_is_told(snippet):
    client = snippet(DECISION).app.test_client()
    client.get("/in/alice")
    assert ask(client).headers["X-Route"] == "chat"
    assert "X-Route" not in client.get("/nothing").headers


async def test_under_asgi_the_session_is_read_all_the_same(snippet):
    module = snippet(ASGI)
    module.app.add_url_rule("/in/<name>", "in", log_in)
    transport = httpx.ASGITransport(module.asgi)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        assert (await client.post("/v1/chat/completions", json=QUESTION)).status_code == 401
        await client.get("/in/alice")
        assert (await client.post("/v1/chat/completions", json=QUESTION)).status_code == 200
    await module.asgi.gateway.aclose()
    assert dialogue(UVICORN) == [("uvicorn app:asgi", [])]


def test_the_lines_of_the_readme_put_the_gateway_into_an_application(snippet):
    readme = (ROOT / "README.md").read_text()
    [lines] = [
        block for block in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "llmgw_flask" in block
    ]
    app = snippet(f"from flask import Flask\napp = Flask(__name__)\n{lines}").app
    assert "/v1/chat/completions" in {rule.rule for rule in app.url_map.iter_rules("llmgw")}


def test_every_setting_it_lists_is_read():
    source = (ROOT / "integrations" / "llmgw_flask" / "conf.py").read_text()
    named = set(re.findall(r"`(LLMGW\w*)`", PAGE))
    assert named
    assert all(f'"{name}"' in source for name in named)
