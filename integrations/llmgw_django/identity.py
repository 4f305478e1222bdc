"""Who calls, as Django's session and authentication say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from django.http import HttpRequest

from llmgw_middleware import GatewayError, HostRequest
from llmgw_middleware.wsgi import Found, Waist


class UserReader:
    """The resolver of projects that give none of their own: ``request.user`` and ``request.session``.

    Attributes: ``staff``, ``superuser``, and ``groups`` (names) where a rule reads them, as they cost a query. A user's
    name and address are not among them; ``identity.attributes`` can ask for more. It uses the ORM, so it runs on the
    request's own thread.
    """

    def __init__(self, gateway: Waist) -> None:
        self._gateway = gateway

    def __repr__(self) -> str:
        groups = self._gateway.reads_of_callers("groups")
        return f"<UserReader {'with' if groups else 'without'} groups>"

    def __call__(self, request: HostRequest) -> Found:
        """Return the logged-in user; raises GatewayError where the project has no users but the rules ask for one."""
        native: HttpRequest = request.native
        user, session = getattr(native, "user", None), getattr(native, "session", None)
        if user is None and self._gateway.uses_identity:
            raise GatewayError(
                "The configuration asks who calls, but request.user is not set. Put LLMGatewayMiddleware below "
                "AuthenticationMiddleware in MIDDLEWARE, or set LLMGW_IDENTIFY.",
                code="identity_unavailable",
            )
        return self.found(user, session)

    def found(self, user: Any, session: Any, *, source: Literal["session", "token"] = "session") -> Found:
        """Return ``user`` as the gateway takes it; None and Django's anonymous user are nobody.

        ``source`` is how the host knew. Nobody has vouched for the session that a token happens to come along with, so
        it is not told then.
        """
        if user is None or not user.is_authenticated:
            return Found(session_key=_key(session), subjects={"user": None, "session": session})
        return Found(
            id=str(user.pk),
            source=source,
            session_key=_key(session) if source == "session" else None,
            attributes=_flags(user),
            queried=self._queried(user),
            subjects={"user": user, "session": session},
        )

    def _queried(self, user: Any) -> dict[str, Callable[[], list[str]]]:
        groups = getattr(user, "groups", None)
        if groups is None or not self._gateway.reads_of_callers("groups"):
            return {}
        return {"groups": lambda: list(groups.values_list("name", flat=True))}


def _flags(user: Any) -> dict[str, bool]:
    # A project's own user model need not have any of these.
    return {
        "staff": bool(getattr(user, "is_staff", False)),
        "superuser": bool(getattr(user, "is_superuser", False)),
    }


def _key(session: Any) -> str | None:
    # Asked after the user, whose reading has loaded the session: a key that names no session is gone by now.
    key: str | None = getattr(session, "session_key", None)
    return key
