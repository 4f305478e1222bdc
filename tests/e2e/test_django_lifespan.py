"""``with_lifespan`` under a server that insists on a lifespan."""

from __future__ import annotations

import os
import sys

import pytest

from llmgw_middleware.testing.upstream import chat as completion
from tests.e2e.django_servers import ASGI, chat, site
from tests.e2e.servers import TIMEOUT, serve_process

pytestmark = pytest.mark.slow


def test_a_gateway_lives_as_long_as_its_server():
    with site("uvicorn --lifespan on") as running:
        running.upstream.script(completion("hello"))
        with running.caller() as caller:
            assert b"hello" in caller.ask(body=chat()).body
        running.process.stop()
        assert running.process.log.read_text() == ""
        running.upstream.wait_open(0)


def test_without_it_such_a_server_does_not_start():
    command = (sys.executable, "-m", "uvicorn", "--log-level", "warning", "--lifespan", "on")
    env = {
        "DJANGO_SETTINGS_MODULE": "tests.django.project.settings",
        "PROJECT_DATABASE": os.environ["PROJECT_DATABASE"],
    }
    with serve_process(lambda _, fd: [*command, "--fd", str(fd), ASGI], env) as running:
        assert running.process.wait(TIMEOUT) == 3
        assert "Django can only handle ASGI/HTTP connections, not lifespan." in running.log.read_text()
