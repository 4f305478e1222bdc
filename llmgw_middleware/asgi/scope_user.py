"""Who calls, as Starlette's Authentication- and SessionMiddleware and their kin leave it in an ASGI scope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgw_middleware.entry import Found
from llmgw_middleware.model.identity import Source

ID_NAMES = ("id", "pk", "identity", "username", "display_name")
"""Where a user object may keep its id: the first that has something counts."""

AMBIENT_SCHEMES = frozenset({"basic", "digest", "negotiate", "ntlm"})
"""Authorization schemes that a browser sends by itself, for a foreign page as well."""


def found_in(scope: Mapping[str, Any], headers: Mapping[str, str], user_key: str = "user_id") -> Found | None:
    """Return whom the scope names, or None when it holds neither a user nor a session.

    A ``user`` decides, also when it is not logged in; the session's ``user_key`` is asked where there is none. Raises
    TypeError for a user who is logged in and has no id: taking it for anonymous would be worse.
    """
    subjects = {name: scope[name] for name in ("user", "session") if name in scope}
    if not subjects:
        return None
    if "user" in subjects:
        user = subjects["user"]
        known = user is not None and _is_authenticated(user)
        id_ = _id_of(user) if known else ""
    else:
        id_ = _text(subjects["session"].get(user_key))
        known = id_ != ""
    return Found(id=id_, source=_source(headers) if known else "none", subjects=subjects)


def _is_authenticated(user: Any) -> bool:
    said = _read(user, "is_authenticated", default=True)
    return bool(said() if callable(said) else said)


def _id_of(user: Any) -> str:
    for name in ID_NAMES:
        try:
            text = _text(_read(user, name))
        except NotImplementedError:  # Starlette's BaseUser has properties that only promise
            continue
        if text:
            return text
    raise TypeError(
        f"scope['user'] ({type(user).__name__}) is logged in and has none of {', '.join(ID_NAMES)}; pass identify="
    )


def _read(user: Any, name: str, default: Any = None) -> Any:
    return user.get(name, default) if isinstance(user, Mapping) else getattr(user, name, default)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _source(headers: Mapping[str, str]) -> Source:
    """Say whether a foreign page could have caused this: it cannot send a token, a browser sends cookies for it."""
    scheme = headers.get("authorization", "").partition(" ")[0].lower()
    return "token" if scheme and scheme not in AMBIENT_SCHEMES else "session"
