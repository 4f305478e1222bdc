from __future__ import annotations

from django.contrib.auth.models import User
from django.db import connection, connections, transaction
from django.test import TestCase

from llmgw_django.connections import release
from llmgw_middleware.testing.upstream import ScriptedUpstream
from llmgw_middleware.testing.upstream import chat as completion
from tests.django.conftest import chat
from tests.django.project.gateway import config


def test_an_open_connection_is_closed():
    assert User.objects.exists()
    assert connection.connection is not None
    release()
    assert connection.connection is None


def test_a_transaction_is_left_alone():
    with transaction.atomic():
        user = User.objects.create(username="in a transaction")
        release()
        assert User.objects.filter(pk=user.pk).exists()
        transaction.set_rollback(True)


def test_no_connection_is_made_for_the_sake_of_closing():
    connections.close_all()
    del connections["default"]
    release()
    assert not connections.all(initialized_only=True)


class InsideATestCase(TestCase):
    """Django's own test case, which wraps each test in a transaction."""

    def test_what_was_written_survives_a_call(self):
        User.objects.create(username="of this test")
        with ScriptedUpstream() as upstream, self.settings(LLMGW=config(upstream.url)):
            upstream.script(completion())
            self.client.force_login(User.objects.get(username="of this test"))
            response = self.client.post("/v1/chat/completions", chat(), content_type="application/json")
        self.assertEqual(response.status_code, 200)  # noqa: PT009 - a TestCase's own words
        self.assertTrue(User.objects.filter(username="of this test").exists())  # noqa: PT009
