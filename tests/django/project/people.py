"""The users of the project and what a browser of theirs sends."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

CSRF_TOKEN = "a" * 32


def set_up() -> None:
    """Start Django with a database of this process's own, once."""
    import django
    from django.apps import apps

    if apps.ready:
        return
    folder = tempfile.mkdtemp(prefix="llmgw-django-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.django.project.settings"
    os.environ["PROJECT_DATABASE"] = str(Path(folder, "project.sqlite3"))
    django.setup()


def create() -> None:
    """Create alice (free), bob (premium, of the group pilots) and admin (staff), unless they are there."""
    from django.contrib.auth.models import Group, User
    from django.core.management import call_command
    from django.db import connections

    from tests.django.project.models import Profile

    call_command("migrate", run_syncdb=True, verbosity=0)
    if not User.objects.exists():
        for name, tier in (("alice", "free"), ("bob", "premium"), ("admin", "free")):
            user = User.objects.create_user(name, password=name, is_staff=name == "admin")
            Profile.objects.create(user=user, tier=tier)
        User.objects.get(username="bob").groups.add(Group.objects.create(name="pilots"))
    connections.close_all()


def cookies(name: str) -> str:
    """Return the Cookie header of a browser in which ``name`` has logged in."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore
    from django.db import connections

    user = User.objects.get(username=name)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    connections.close_all()
    return f"sessionid={session.session_key}; csrftoken={CSRF_TOKEN}"


def token(name: str) -> str:
    """Return the token of REST framework by which ``name`` calls."""
    from django.db import connections
    from rest_framework.authtoken.models import Token

    made, _ = Token.objects.get_or_create(user__username=name, defaults={"user": _user(name)})
    connections.close_all()
    return str(made.key)


def _user(name: str) -> Any:
    from django.contrib.auth.models import User

    return User.objects.get(username=name)
