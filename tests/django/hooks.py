"""Resolvers that tests name by ``module:function``."""

from __future__ import annotations

from llmgw_middleware import AuthError, HostRequest, Identity


def by_token(request: HostRequest) -> Identity | None:
    scheme, _, name = request.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer":
        return None
    if name == "expired":
        raise AuthError("The token has expired.")
    return Identity(id=name, source="token", attributes={"tier": "premium" if name == "bob" else "free"})


async def by_token_async(request: HostRequest) -> Identity | None:
    return by_token(request)


async def by_database_async(request: HostRequest) -> Identity | None:
    """Ask the ORM as asynchronous code does."""
    from django.contrib.auth.models import User

    user = await User.objects.aget(username=request.headers["x-name"])
    return Identity(id=str(user.pk), source="token", attributes={"tier": "premium"})


def by_cookie(request: HostRequest) -> Identity:
    return Identity(id="7", source="session")


def broken(request: HostRequest) -> Identity:
    raise KeyError("a secret detail")


NOT_A_FUNCTION = 7


def by_native_user(request: HostRequest) -> Identity:
    team = request.headers["x-team"]
    return Identity(id=request.native.user.get_username(), source="session", attributes={"team": team})


def nobody_gets_in(request: HostRequest) -> Identity:
    raise AuthError("Not today.", status=403)
