"""The caller whom a command names: a user of the project, as a request of theirs would be understood."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.http import HttpRequest, parse_cookie

from llmgw_django import shared
from llmgw_middleware import ConfigError, GatewayError, HostRequest, Identity, Request
from llmgw_middleware.cli.explain import attributes_of, described


class Named:
    """Tells who calls for ``explain --user alice``: loads alice and asks what a request is asked.

    ``NAME=VALUE`` beside the name changes what was found: what would happen to alice on another tier? With such words
    only, they describe the caller, as on the command line without a project. ``user`` is who was loaded.
    """

    def __init__(self) -> None:
        self.user: Any = None

    def __repr__(self) -> str:
        return f"<Named {self.user!r}>"

    def __str__(self) -> str:
        return f"{self.user.get_username()}, {type(self.user)._meta.label} {self.user.pk}"  # noqa: SLF001 - Django's public name

    def __call__(self, plan: Any, request: Request, arguments: Namespace) -> Identity:
        """Return the caller; raises ConfigError for an unknown name and for a user whom nobody lets in."""
        names = [word for word in arguments.user if "=" not in word]
        pairs = [word for word in arguments.user if "=" in word]
        if not names:
            return described(plan, request, arguments)
        if len(names) > 1:
            raise ConfigError(f"--user: one caller has one name, not {len(names)} ({', '.join(names)})")
        self.user = user_named(names[0])
        return _changed(self._asked(request, arguments.session), attributes_of(pairs))

    def _asked(self, request: Request, session: str | None) -> Identity:
        native = native_request(request, self.user, session)
        headers = {name.lower(): value for name, value in native.headers.items()}
        host = HostRequest(
            method=request.method, path=request.path, headers=headers, client=request.peer, native=native
        )
        try:
            return shared.open_door().identify(host)
        except GatewayError as error:
            raise ConfigError(f"{self} is refused: {error.status_code} {error.message}") from error


def user_named(name: str) -> Any:
    """Return the user with that user name, else that primary key; raises ConfigError."""
    model = get_user_model()
    manager: Any = model._default_manager  # noqa: SLF001 - Django's own name for the public thing
    found = manager.filter(**{str(model.USERNAME_FIELD): name}).first()
    if found is None:
        try:
            found = manager.filter(pk=name).first()
        except (ValueError, ValidationError):  # the primary key is no number, or no UUID
            found = None
    if found is None:
        raise ConfigError(f"--user {name}: {model._meta.label} has no such user; NAME=VALUE describes one")  # noqa: SLF001
    return found


def native_request(request: Request, user: Any, session: str | None) -> HttpRequest:
    """Return the request as it would stand before the gateway: ``user`` has logged in and nothing is forged."""
    native: Any = HttpRequest()
    native.method, native.path, native.path_info = request.method, request.path, request.path
    native.META = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query.decode("latin-1"),
        "REMOTE_ADDR": request.peer or "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        **dict(_meta(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers),
    }
    native.COOKIES = parse_cookie(native.META.get("HTTP_COOKIE", ""))

    async def auser() -> Any:
        return user

    native.user, native.auser = user, auser
    if apps.is_installed("django.contrib.sessions"):
        native.session = import_module(settings.SESSION_ENGINE).SessionStore(session)
    # The names by which Django's and REST framework's own test clients say the same.
    native._dont_enforce_csrf_checks = True  # noqa: SLF001
    native._force_auth_user = user  # noqa: SLF001
    return native  # type: ignore[no-any-return]  # made above, and only added to


def _meta(name: str, value: str) -> tuple[str, str]:
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}", value


def _changed(found: Identity, attributes: Mapping[str, Any]) -> Identity:
    more = dict(attributes)
    return replace(found, id=str(more.pop("id", found.id)), attributes={**found.attributes, **more})
