"""For whom the application calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from llmgw_middleware.client.port import Answering
from llmgw_middleware.model.http import HostRequest
from llmgw_middleware.model.identity import ANONYMOUS, Identity

ID_NAMES = ("pk", "id", "get_id", "identity", "username")
"""Where a user object may keep its id: the first that has something counts."""

NO_REQUEST = HostRequest(method="", path="", headers={}, client=None, native=None)
"""What an attribute's ``module:function`` is called with where there is no request."""


def identity_of(
    gateway: Answering,
    user: Any = None,
    *,
    attributes: Mapping[str, Any] | None = None,
    session_key: str | None = None,
) -> Identity:
    """Return who ``user`` is, by the rules of the configuration in force. Runs on the calling thread.

    ``user`` is one of:

    * None, or a user object whose ``is_authenticated`` is false: nobody;
    * text: the id; a mapping: attributes, ``id`` among them; an ``Identity``;
    * the application's own user object: ``identity.attributes`` is read from it, as a door does. Its id is the first
      that it has of ``pk``, ``id``, ``get_id()``, ``identity`` and ``username``.

    ``identity.default`` fills gaps; ``attributes`` and ``session_key`` win over everything. Paths that start elsewhere
    than at ``user`` have their defaults. The source is ``token``: no browser is involved, so no cross-site rule
    applies. Raises TypeError for a user without an id.
    """
    found = _found(gateway, user)
    return replace(
        found,
        attributes={**gateway.plan.identity.default, **found.attributes, **(attributes or {})},
        source="none" if found.source == "none" else "token",
        session_key=found.session_key if session_key is None else session_key,
    )


def _found(gateway: Answering, user: Any) -> Identity:
    if isinstance(user, Identity):
        return replace(user, source="token") if user.id else user
    if isinstance(user, str) and user:
        return Identity(id=user, source="token")
    if isinstance(user, Mapping):
        return Identity(id=_text(user.get("id")), attributes=user, source="token")
    known = user is not None and _is_authenticated(user)
    id_ = _id_of(user) if known else ""
    # Nobody is None for the paths, which is no failure of theirs.
    subjects = dict.fromkeys(gateway.attributes.needs) | {"user": user if known else None}
    read = gateway.attributes.read(NO_REQUEST, subjects)
    return Identity(id=id_, attributes=read, source="token") if known else replace(ANONYMOUS, attributes=read)


def _is_authenticated(user: Any) -> bool:
    said = getattr(user, "is_authenticated", True)
    return bool(said() if callable(said) else said)


def _id_of(user: Any) -> str:
    for name in ID_NAMES:
        try:
            value = getattr(user, name, None)
            text = _text(value() if callable(value) else value)
        except NotImplementedError:  # a base class may only promise it, as Starlette's does
            continue
        if text:
            return text
    raise TypeError(
        f"user={type(user).__name__} has none of {', '.join(ID_NAMES)}; pass its id as text, an Identity, a mapping "
        "of attributes, or None for nobody"
    )


def _text(value: Any) -> str:
    return "" if value is None else str(value)
