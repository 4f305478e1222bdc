import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from llmgw_middleware.asgi.middleware import LLMGatewayMiddleware
from llmgw_middleware.cli import main, serve
from llmgw_middleware.errors import ConfigError
from llmgw_middleware.testing.answers import chat
from llmgw_middleware.testing.streams import stream
from llmgw_middleware.testing.upstream import ScriptedUpstream
from tests.e2e.gateways import STREAMED, WHOLE, config_for
from tests.e2e.servers import ROOT, RawCaller

TIMEOUT = 20.0

APP = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"the application"})

async def refuses(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})

def identify(request):
    from llmgw_middleware import Identity
    return Identity(id="7", source="token")
"""


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture
def folder(tmp_path, upstream):
    (tmp_path / "llmgw.yaml").write_text(json.dumps(config_for(upstream.url)))
    (tmp_path / "shop.py").write_text(textwrap.dedent(APP))
    return tmp_path


@contextmanager
def served(folder, *words) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Run ``llmgw serve`` on a free port; yield the port once something listens there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = "import sys; from llmgw_middleware.cli import main; sys.exit(main())"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", start, "serve", "llmgw.yaml", "--port", str(port), *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # a group of its own, so that the workers of a parent that fails end with it
    )
    try:
        yield port, process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def ready(process, sign="Uvicorn running on") -> str:
    """Read the log until the server says that it has started; return what it said."""
    said = ""
    for line in process.stdout:
        said += str(line)
        if line.startswith("INFO:") and sign in line:
            return said
    raise AssertionError(f"it did not start: {said}")


class TestWarnings:
    def test_without_anything_to_serve_it_says_so(self, capsys):
        assert main(["serve"]) == 1
        assert "--manifests" in capsys.readouterr().err

    def test_with_strict_a_warning_keeps_it_from_serving(self, tmp_path, capsys):
        (tmp_path / "kind.yaml").write_text(
            "apiVersion: agentgateway.dev/v1alpha1\nkind: AgentgatewayModel\nmetadata: {name: m}\n"
        )
        assert main(["serve", "--manifests", str(tmp_path), "--strict"]) == 1
        assert "unsupported_kind" in capsys.readouterr().err

    def test_a_guard_that_is_not_understood_keeps_it_from_serving(self, tmp_path, capsys):
        (tmp_path / "guard.yaml").write_text(
            "apiVersion: agentgateway.dev/v1alpha1\nkind: AgentgatewayPolicy\nmetadata: {name: p}\n"
            "spec: {targetRefs: [{kind: Gateway, name: g}], traffic: {csrf: {}}}\n"
        )
        assert main(["serve", "--manifests", str(tmp_path)]) == 1
        assert "unsupported_guard" in capsys.readouterr().err


class TestAlone:
    def test_it_answers_llm_paths_lives_and_knows_nothing_else(self, folder, upstream):
        upstream.script(chat("hello"))
        with served(folder) as (port, process):
            ready(process)
            with RawCaller(port) as caller:
                assert b"hello" in caller.ask(body=WHOLE).body
                assert json.loads(caller.ask("GET", "/healthz").body) == {"status": "ok"}
                missing = caller.ask("GET", "/")
        assert (missing.status, json.loads(missing.body)["error"]["code"]) == (404, "no_route")

    def test_trusted_proxies_decide_whose_country_is_believed_though_the_address_is_forwarded(
        self, folder, upstream
    ):
        config = config_for(upstream.url, trustedProxies=["127.0.0.1/32"])
        config["geo"] = {"header": "CF-IPCountry"}
        config["routes"][0]["country"] = ["DE"]
        (folder / "llmgw.yaml").write_text(json.dumps(config))
        upstream.script(chat("hello"))
        with served(folder) as (port, process):
            ready(process)
            with RawCaller(port) as caller:
                forwarded = {"X-Forwarded-For": "203.0.113.9", "CF-IPCountry": "DE"}
                assert caller.ask(body=WHOLE, headers=forwarded).status == 200

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
    def test_a_signal_ends_it_in_good_order(self, folder, number):
        with served(folder) as (_, process):
            ready(process)
            process.send_signal(number)
            rest, _ = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0
        assert "Application shutdown complete" in rest
        assert "Traceback" not in rest

    def test_live_streams_are_told_that_the_server_ends(self, folder, upstream):
        (folder / "llmgw.yaml").write_text(json.dumps(config_for(upstream.url, drainTimeout="100ms")))
        upstream.script(stream("token", stall_after=1))
        with served(folder) as (port, process):
            ready(process)
            with RawCaller(port) as caller:
                caller.send_request(body=STREAMED)
                caller.read_until(b"token")
                process.terminate()
                goodbye = caller.read_until(b"0\r\n\r\n")
            process.communicate(timeout=TIMEOUT)
        assert b"draining" in goodbye
        assert b"[DONE]" not in goodbye
        assert process.returncode == 0

    def test_several_workers_serve_and_end_together(self, folder, upstream):
        upstream.default(chat("hello"))
        with served(folder, "--workers", "2") as (port, process):
            ready(process, "Started parent process")
            with RawCaller(port) as caller:
                assert b"hello" in caller.ask(body=WHOLE).body
            process.terminate()
            process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0

    def test_its_own_log_can_be_seen(self, folder, upstream):
        upstream.script(chat("hello"))
        with served(folder) as (port, process):
            ready(process)
            with RawCaller(port) as caller:
                caller.ask(body=WHOLE)
            process.terminate()
            rest, _ = process.communicate(timeout=TIMEOUT)
        assert "llmgw " in rest


class TestAround:
    def test_the_application_gets_all_other_requests(self, folder, upstream):
        upstream.script(chat("hello"))
        with served(folder, "--app", "shop:app") as (port, process):
            ready(process)
            with RawCaller(port) as caller:
                assert caller.ask("GET", "/").body == b"the application"
                assert b"hello" in caller.ask(body=WHOLE).body

    def test_an_application_that_refuses_to_start_is_not_served(self, folder):
        with served(folder, "--app", "shop:refuses") as (_, process):
            said, _ = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 3
        assert "no database" in said


def wrong(tmp_path) -> str:
    config: dict[str, Any] = config_for("http://127.0.0.1:1")
    config["routes"][0] |= {"backend": "onyl", "priorty": 3}
    path = tmp_path / "wrong.yaml"
    path.write_text(json.dumps(config))
    return str(path)


class TestRefusals:
    def test_a_wrong_configuration_exits_1_with_every_problem_and_never_listens(
        self, tmp_path, capsys, monkeypatch
    ):
        monkeypatch.setattr("uvicorn.Config", lambda *_, **__: pytest.fail("it goes on"))
        assert main(["serve", wrong(tmp_path)]) == 1
        said = capsys.readouterr().err
        assert "priorty" in said
        assert "onyl" in said

    def test_a_missing_extra_says_what_to_install(self, folder, capsys, monkeypatch):
        monkeypatch.setitem(sys.modules, "uvicorn", None)
        assert main(["serve", str(folder / "llmgw.yaml")]) == 2
        assert "pip install 'llmgw-middleware[serve]'" in capsys.readouterr().err

    def test_rules_about_users_need_somebody_who_knows_them(self, folder):
        config = config_for("http://127.0.0.1:1") | {"identity": {"require": True}}
        (folder / "users.yaml").write_text(json.dumps(config))
        with pytest.raises(ConfigError, match="--identify"):
            serve.application([str(folder / "users.yaml")])

    @pytest.mark.parametrize("name", ["shop", "no_such_module:app", "shop:no_such_app", ":app"])
    def test_an_application_that_cannot_be_loaded_is_named(self, folder, name, monkeypatch):
        monkeypatch.chdir(folder)
        monkeypatch.syspath_prepend(str(folder))
        with pytest.raises(ConfigError, match="--app"):
            serve.application(["llmgw.yaml"], app=name)

    @pytest.mark.parametrize("workers", ["0", "-1", "two"])
    def test_workers_are_counted(self, workers, capsys):
        group = argparse.ArgumentParser().add_subparsers()
        serve.add(group)
        with pytest.raises(SystemExit):
            group.choices["serve"].parse_args(["llmgw.yaml", "--workers", workers])
        assert "--workers" in capsys.readouterr().err


def test_an_identify_hook_is_asked(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    door = serve.application(["llmgw.yaml"], identify="shop:identify")
    assert isinstance(door, LLMGatewayMiddleware)
    assert "identify" in repr(door._door.resolver)
