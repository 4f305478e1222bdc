"""Feature flags by django-waffle."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User

from llmgw_django.flags import waffle
from llmgw_middleware import Identity

models = pytest.importorskip("waffle.models", reason="django-waffle is not installed")


@pytest.fixture
def flag():
    made = models.Flag.objects.create(name="new-chat")
    yield made
    made.delete()


def identity(name: str) -> Identity:
    return Identity(id=str(User.objects.get(username=name).pk), source="session")


def test_a_flag_that_nobody_made_is_off():
    assert not waffle("new-chat", identity("alice"))


def test_a_flag_is_on_for_its_users(flag):
    flag.users.add(User.objects.get(username="alice"))
    assert waffle("new-chat", identity("alice"))
    assert not waffle("new-chat", identity("bob"))


def test_a_flag_is_on_for_its_groups(flag):
    group = Group.objects.create(name="waffle pilots")
    User.objects.get(username="bob").groups.add(group)
    flag.groups.add(group)
    assert waffle("new-chat", identity("bob"))
    assert not waffle("new-chat", identity("alice"))
    group.delete()


@pytest.mark.parametrize("who", ["", "none", "999999"])
def test_a_caller_who_is_no_user_has_what_everyone_has(flag, who):
    assert not waffle("new-chat", Identity(id=who))
    flag.everyone = True
    flag.save()
    assert waffle("new-chat", Identity(id=who))
