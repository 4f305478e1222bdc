"""Test cases of a project that uses the gateway, run by Django's own test runner in a process of their own."""

from __future__ import annotations

import http.client
import json
from typing import Any

from django.contrib.auth.models import User
from django.test import AsyncClient, Client, LiveServerTestCase, TestCase, TransactionTestCase
from django.test.utils import override_settings

from llmgw_middleware.testing.upstream import ScriptedUpstream, stream
from llmgw_middleware.testing.upstream import chat as completion
from tests.django.project.gateway import config
from tests.django.project.models import Profile

PATH = "/v1/chat/completions"
QUESTION = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
STREAMED = {**QUESTION, "stream": True}


class Asking:
    """An upstream for each test, and a customer in the test's own database."""

    upstream: ScriptedUpstream

    def setUp(self) -> None:
        self.upstream = ScriptedUpstream().start()
        self.overriding = override_settings(LLMGW=config(self.upstream.url))
        self.overriding.enable()
        self.carol = User.objects.create(username="carol")
        Profile.objects.create(user=self.carol, tier="premium")

    def tearDown(self) -> None:
        self.overriding.disable()
        self.upstream.stop()

    def assert_premium(self) -> None:
        paths = [seen.path for seen in self.upstream.requests]
        assert paths, "nothing arrived upstream"
        assert all(path.startswith("/premium/") for path in paths), paths


class Within:
    """The same questions for each kind of test case."""

    def test_the_client_is_answered(self: Any) -> None:
        self.upstream.script(completion("hello"))
        client = Client()
        client.force_login(self.carol)
        answer = client.post(PATH, QUESTION, "application/json")
        assert answer.json()["choices"][0]["message"]["content"] == "hello"
        self.assert_premium()
        assert User.objects.filter(username="carol").exists()

    def test_the_client_reads_a_stream(self: Any) -> None:
        self.upstream.script(stream("a", "b", "c", gap=0.02))
        client = Client()
        client.force_login(self.carol)
        answer: Any = client.post(PATH, STREAMED, "application/json")
        pieces = list(answer.streaming_content)
        assert len(pieces) >= 3
        assert b"".join(pieces).endswith(b"data: [DONE]\n\n")
        assert User.objects.filter(username="carol").exists()

    async def test_the_asynchronous_client_reads_a_stream(self: Any) -> None:
        self.upstream.script(stream("a", "b", "c"))
        client = AsyncClient()
        await client.aforce_login(self.carol)
        answer: Any = await client.post(PATH, STREAMED, "application/json")
        pieces = [piece async for piece in answer.streaming_content]
        assert b"".join(pieces).endswith(b"data: [DONE]\n\n")
        self.assert_premium()
        assert await User.objects.filter(username="carol").aexists()


class InATransaction(Asking, Within, TestCase):
    """``TestCase``: everything happens in a transaction that is rolled back."""


class WithoutATransaction(Asking, Within, TransactionTestCase):
    """``TransactionTestCase``: what is written is committed."""


class OverASocket(Asking, LiveServerTestCase):
    """``LiveServerTestCase``: a server in another thread."""

    def test_a_browser_reads_a_stream(self) -> None:
        self.upstream.script(stream("a", "b", "c"))
        client = Client()
        client.force_login(self.carol)
        head = {"Content-Type": "application/json", "Cookie": f"sessionid={client.cookies['sessionid'].value}; csrftoken={'a' * 32}", "X-CSRFToken": "a" * 32}  # fmt: skip
        connection = http.client.HTTPConnection(self.live_server_url.removeprefix("http://"), timeout=10)
        connection.request("POST", PATH, json.dumps(STREAMED), head)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        assert answer.status == 200
        assert body.endswith(b"data: [DONE]\n\n"), body
        self.assert_premium()
