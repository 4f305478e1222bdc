"""Who calls, as Flask's session and Flask-Login say."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable
from typing import Any

from asgiref.sync import async_to_sync
from flask import Request, current_app, g, request, session
from werkzeug.exceptions import HTTPException

from llmgw_flask.conf import AppSettings
from llmgw_middleware import AuthError, GatewayError, HostRequest
from llmgw_middleware.wsgi import Door, Found, Hook, Waist, load_hook

SENT_BY_BROWSERS = frozenset({"basic", "digest", "negotiate", "ntlm"})
"""Schemes of ``Authorization`` that a browser repeats by itself, for a foreign page as well (RFC 9110 §11.5)."""

REFUSALS = frozenset({401, 403})


class UserReader:
    """The resolver of applications that give none of their own.

    Where the application has a ``LoginManager``, Flask-Login decides. Else ``session[user_key]`` is the caller's id; what
    the application keeps as ``g.user`` (set before the request, as Flask's tutorial does) is then the user that
    ``identity.attributes`` reads, and a ``g.user`` of None says that the session's user is no more. The paths start at
    ``user``, ``session`` and ``g``. It runs inside the request's context, on the request's own thread.
    """

    def __init__(self, gateway: Waist, *, user_key: str = "user_id") -> None:
        self._gateway = gateway
        self._user_key = user_key

    def __repr__(self) -> str:
        return f"<UserReader session[{self._user_key!r}]>"

    def __call__(self, _: HostRequest) -> Found:
        """Return the caller; raises GatewayError where the rules ask for one and the application can tell of none."""
        manager = getattr(current_app, "login_manager", None)
        return self._by_session() if manager is None else _by_flask_login(manager)

    def _by_session(self) -> Found:
        if current_app.session_interface.is_null_session(unwrapped(session)):
            self._unavailable(
                "It has no secret key, hence no session: set app.secret_key, or LLMGW_IDENTIFY."
            )
        key, user = session.get(self._user_key), g.get("user")
        if key is None and _is_somebody(user):
            self._unavailable(
                f"There is a g.user, but the session has no {self._user_key!r} to know it by: "
                "name the session's key with user_key=, or set LLMGW_IDENTIFY."
            )
        if key is None or ("user" in g and not _is_somebody(user)):
            return _nobody()
        return _somebody(str(key), user)

    def _unavailable(self, remedy: str) -> None:
        if self._gateway.uses_identity:
            raise GatewayError(
                f"The configuration asks who calls, but this application does not say. {remedy}",
                code="identity_unavailable",
            )


def entry_of(gateway: Waist, settings: AppSettings) -> Door:
    """Return the rules of entry of an application; raises ConfigError for a wrong resolver or origin."""
    return Door(
        gateway,
        builtin=reader_of(gateway, settings),
        identify=hook_of(settings),
        trusted_origins=settings.trusted_origins,
    )


def reader_of(gateway: Waist, settings: AppSettings) -> Hook:
    """Return the resolver for an application without one of its own."""
    return in_flasks_accent(UserReader(gateway, user_key=settings.user_key))


def hook_of(settings: AppSettings) -> Hook | None:
    """Return the application's own resolver, if it has one; raises ConfigError if it names no function."""
    hook = load_hook(settings.identify)
    return None if hook is None else in_flasks_accent(hook)


def in_flasks_accent(hook: Hook) -> Hook:
    """Return ``hook``, where ``abort(401)`` and ``abort(403)`` are what they are in a view: an answer, no failure."""

    def ask(host: HostRequest) -> Any:
        try:
            found = hook(host)
            return async_to_sync(_result)(found) if inspect.isawaitable(found) else found
        except HTTPException as error:
            if error.code not in REFUSALS:
                raise
            text = error.description or error.name
            raise AuthError(text, status=error.code) from error

    return ask


def sent_by_script(asked: Request) -> bool:
    """Whether the credentials can only have come from a program, never from a browser by itself.

    A request loader may read a header, a cookie or anything else. Where a cookie or a browser's own ``Authorization``
    is there it may have been that, and the rules against forged requests apply.
    """
    scheme = asked.headers.get("Authorization", "").partition(" ")[0].lower()
    return scheme not in SENT_BY_BROWSERS if scheme else not asked.cookies


def _by_flask_login(manager: Any) -> Found:
    from flask_login import current_user

    user = unwrapped(current_user)
    if not user.is_authenticated:
        return _nobody()
    key = str(getattr(user, manager.id_attribute)())
    # Flask-Login has put whom it knows by a cookie, "remember me" included, into the session under this key.
    by_session = str(session.get("_user_id")) == key
    return _somebody(key, user, token=not by_session and sent_by_script(request))


def _somebody(key: str, user: Any, *, token: bool = False) -> Found:
    return Found(
        id=key,
        source="token" if token else "session",
        session_key=_session_key(),
        subjects=_subjects(user),
    )


def _nobody() -> Found:
    return Found(session_key=_session_key(), subjects=_subjects(None))


def _subjects(user: Any) -> dict[str, Any]:
    # The objects, not Flask's proxies for them, which look like functions.
    return {"user": user, "session": unwrapped(session), "g": unwrapped(g)}


def _is_somebody(user: Any) -> bool:
    return user is not None and bool(getattr(user, "is_authenticated", True))


def unwrapped(proxy: Any) -> Any:
    """Return the object behind one of Flask's proxies."""
    return proxy._get_current_object()  # noqa: SLF001 - how a LocalProxy is unwrapped


def _session_key() -> str | None:
    """Return the name of a session that is kept on the server; a session in a cookie has none."""
    key = getattr(unwrapped(session), "sid", None)
    return None if key is None else str(key)


async def _result(found: Awaitable[Any]) -> Any:
    return await found
