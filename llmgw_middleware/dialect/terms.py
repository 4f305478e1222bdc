"""The terms of one backend, worked out once for each model."""

from __future__ import annotations

import hashlib

from llmgw_middleware.dialect.capability import said_of
from llmgw_middleware.dialect.chat_port import Terms
from llmgw_middleware.dialect.port import Policy
from llmgw_middleware.dialect.provider import Profile
from llmgw_middleware.model.backend import Backend

MOST_KNOWN = 1000
"""Models that are remembered; their names come from callers."""

_PLACES = ("region", "project", "location", "deployment")


class TermsOf:
    """Returns the terms for a model and for what the route says of unsupported fields."""

    __slots__ = ("_backend", "_known", "_place", "_profile", "_salt")

    def __init__(self, backend: Backend, profile: Profile) -> None:
        self._backend = backend
        self._profile = profile
        self._place = {name: value for name in _PLACES if (value := getattr(backend, name)) is not None}
        self._salt = _salt(backend)
        self._known: dict[tuple[str | None, Policy], Terms] = {}

    def __repr__(self) -> str:
        return f"<TermsOf {self._backend.name}>"

    def __call__(self, model: str | None, on_unsupported: Policy | None) -> Terms:
        """Return the terms; the route's word goes before the backend's."""
        policy = on_unsupported or self._backend.on_unsupported
        known = self._known.get((model, policy))
        if known is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            known = self._known[model, policy] = self._made(model, policy)
        return known

    def _made(self, model: str | None, policy: Policy) -> Terms:
        profile = self._profile
        return Terms(
            model=model,
            on_unsupported=policy,
            max_tokens=self._backend.max_tokens,
            version=profile.version,
            can=profile.can(model),
            capabilities=said_of(model, profile.capabilities),
            quirks=profile.quirks,
            family=profile.family,
            place=self._place,
            salt=self._salt,
        )


def _salt(backend: Backend) -> bytes:
    """Return a secret that is the same in every process, and that nobody knows who does not know the backend's key."""
    secret = backend.api_keys[0].reveal() if backend.api_keys else backend.name
    return hashlib.sha256(b"llmgw end user\0" + secret.encode(errors="replace")).digest()
