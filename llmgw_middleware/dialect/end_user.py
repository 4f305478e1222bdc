"""The caller's id of a person, as it may leave the house."""

from __future__ import annotations

import hashlib
import hmac


def opaque_id(user: str, salt: bytes) -> str:
    """Return an id that is the same for the same person and tells nobody who that is.

    Providers ask that no name, address or number of a person be sent. ``salt`` is the backend's own, so two providers
    cannot match their users.
    """
    return hmac.new(salt, user.encode(errors="replace"), hashlib.sha256).hexdigest()
