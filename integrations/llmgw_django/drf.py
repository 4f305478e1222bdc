"""Who calls, as Django REST framework says: ``LLMGW_IDENTIFY = "llmgw_django.drf:identify"``.

The framework authenticates inside its views, so a middleware sees nobody behind a token. Here the project's own
``DEFAULT_AUTHENTICATION_CLASSES`` are asked: tokens, simplejwt, sessions, whatever stands in that list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, Literal

# Only to fail while the settings are read, and not at the first request, where the framework is not installed. The
# rest of it wants the models to be loaded and is imported when it is asked.
import rest_framework  # noqa: F401
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from llmgw_django import shared
from llmgw_middleware import AuthError, GatewayError, HostRequest
from llmgw_middleware.wsgi import Found

_CSRF = "CSRF Failed"
"""How the framework begins what it says of a request that its session authentication takes for forged."""

_WRITTEN = ("user", "_post", "_files")
"""Attributes of Django's request that the framework sets."""


def identify(request: HostRequest) -> Found:
    """Return whom the framework's authenticators name; nobody of them: an anonymous caller.

    Attributes are those that a logged-in user has without the framework. Credentials that are not good are the
    answer, with the status and the words that the authenticator chose: raises GatewayError.
    """
    from rest_framework.exceptions import APIException
    from rest_framework.request import Request
    from rest_framework.settings import api_settings

    native: HttpRequest = request.native
    authenticators = [each() for each in api_settings.DEFAULT_AUTHENTICATION_CLASSES]
    asked = Request(native, parsers=[DjangosOwn()], authenticators=authenticators)
    with left_as_it_was(native):
        try:
            user = asked.user
        except APIException as error:
            raise _refusal(error, asked) from error
        except PermissionDenied as error:
            raise AuthError(str(error) or "Permission denied.", status=403) from error
    session = getattr(native, "session", None)
    if session is not None and asked.successful_authenticator is None:
        session.keys()  # reads it, upon which a key that names no session is forgotten; nobody else has read it here
    return shared.open_door().users.found(user, session, source=_source(asked, native))


class DjangosOwn:
    """A parser for the framework, whose session authentication looks for a CSRF token in a form.

    Django reads forms and leaves every other body alone; JSON is the gateway's to read.
    """

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:  # noqa: ARG002 - the framework's signature
        """Return the fields and files of a form, none of any other body."""
        native = parser_context["request"]._request  # noqa: SLF001 - where the framework keeps Django's request
        return SimpleNamespace(data=native.POST, files=native.FILES)


@contextmanager
def left_as_it_was(native: HttpRequest) -> Iterator[None]:
    """Take back what the framework writes on Django's request, its own user first of all.

    Views behind a pass ask for themselves.
    """
    state = vars(native)
    before = {name: state[name] for name in _WRITTEN if name in state}
    try:
        yield
    finally:
        for name in _WRITTEN:
            state.pop(name, None)
        state.update(before)


def _source(asked: Any, native: HttpRequest) -> Literal["session", "token"]:
    """Tell a token from what a browser sends by itself, with which another site's page could act.

    A session is the latter, and so is a token in a cookie: what was accepted without an Authorization header although
    there are cookies.
    """
    from rest_framework.authentication import SessionAuthentication

    by_session = isinstance(asked.successful_authenticator, SessionAuthentication)
    by_cookie = bool(native.COOKIES) and "Authorization" not in native.headers
    return "session" if by_session or by_cookie else "token"


def _refusal(error: Any, asked: Any) -> GatewayError:
    """Return the framework's refusal in the gateway's form, with the challenge that RFC 9110 §11.6.1 wants of a 401."""
    text, status = _text(error.detail), int(error.status_code)
    if status not in (AuthError.status, 403):
        return GatewayError(text, status=status, code="identity_failed")
    refused = AuthError(text, status=status, code="csrf_failed" if text.startswith(_CSRF) else None)
    challenge = next(filter(None, (each.authenticate_header(asked) for each in asked.authenticators)), None)
    if challenge is not None and status == AuthError.status:
        refused.headers = ((b"www-authenticate", str(challenge).encode("latin-1", "replace")),)
    return refused


def _text(detail: Any) -> str:
    """Return the words of an error's ``detail``, which may be a list or, as simplejwt's, a mapping."""
    if isinstance(detail, Mapping):
        return _text(detail.get("detail") or list(detail.values()))
    if isinstance(detail, Sequence) and not isinstance(detail, str):
        return " ".join(map(_text, detail))
    return str(detail)
