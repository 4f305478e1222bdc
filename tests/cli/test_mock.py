from __future__ import annotations

import argparse
import json
import shlex
import signal
import subprocess
import sys
import urllib.request
from itertools import pairwise

import pytest

from llmgw_middleware.cli import mock
from llmgw_middleware.testing.mock_server import MockServer, listening_socket
from tests.testing.mock_calls import hasty

RUN = "import sys; from llmgw_middleware.cli import main; sys.exit(main())"


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    mock.add(parser.add_subparsers())
    return parser.parse_args(["mock", *arguments])


def test_the_defaults_are_those_of_provider_mock():
    args = parse()
    assert (args.host, args.port, args.name, args.latency, args.gap) == (
        "127.0.0.1",
        9000,
        "mock",
        0.15,
        0.03,
    )


def test_a_time_that_cannot_be_read_is_refused(capsys):
    with pytest.raises(SystemExit):
        parse("--gap", "soon")
    assert "200ms, 2s or 1m" in capsys.readouterr().err


def test_a_taken_port_is_told_and_is_no_traceback(capsys):
    with listening_socket() as sock:
        port = sock.getsockname()[1]
        assert mock.run(parse("--port", str(port))) == 2
    assert f"cannot listen on 127.0.0.1 port {port}" in capsys.readouterr().err


def test_without_uvicorn_the_extra_is_named(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert mock.run(parse()) == 2
    assert "pip install 'llmgw-middleware[serve]'" in capsys.readouterr().err


def test_an_ipv6_address_is_written_in_brackets():
    assert "http://[::1]:9000/v1" in mock.welcome("mock", "::1", 9000)


def test_the_printed_commands_work_as_printed():
    with MockServer(hasty()) as server:
        host, port = server.url.removeprefix("http://").split(":")
        text = mock.welcome("mock", host, int(port)).replace("\\\n", " ")
        commands = [line.strip() for line in text.splitlines() if line.strip().startswith("curl ")]
        assert len(commands) == 6
        for command in commands:
            status = fetch(shlex.split(command, comments=False))
            assert status == 200, command


def fetch(command: list[str]) -> int:
    """Do what curl would, with the options that the examples use."""
    options = dict(pairwise(command))
    url = next(word for word in command if word.startswith("http"))
    data = options.get("-d")
    request = urllib.request.Request(url, data=data.encode() if data else None, method=options.get("-X"))
    if data:
        json.loads(data)
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()
        return int(answer.status)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop(stop):
    command = [
        sys.executable,
        "-c",
        RUN,
        "mock",
        "--port",
        "0",
        "--name",
        "spare",
        "--latency",
        "0",
        "--gap",
        "0",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        url = next(word for word in first.split() if word.startswith("http"))
        with urllib.request.urlopen(f"{url}/models", timeout=10) as answer:
            assert json.load(answer)["data"][0]["owned_by"] == "spare"
        process.send_signal(stop)
        _, errors = process.communicate(timeout=20)
    assert process.returncode in {0, -stop}
    assert "Traceback" not in errors
