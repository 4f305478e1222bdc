"""What makes a backend's calls acceptable, where a header that never changes is not enough."""

from __future__ import annotations

from llmgw_middleware.dialect.provider import Profile
from llmgw_middleware.model.backend import Backend
from llmgw_middleware.transport.port import Credential


def credentials_of(backend: Backend, row: Profile) -> tuple[Credential | None, ...]:
    """Return one for each place in ``api_keys``; None where the header says it all.

    Raises ValueError where a key is not written as its provider wants.
    """
    if row.auth == "sigv4":
        return _signing(backend, row)
    if row.auth == "oauth" and not backend.api_keys:
        return (_bearing(row),)
    return (None,) * max(1, len(backend.api_keys))


def lacking(backend: Backend, row: Profile) -> str | None:
    """Return why the backend can never be called from here, for want of a credential, or None."""
    if row.auth != "sigv4" or backend.api_keys:
        return None
    from llmgw_middleware.transport.aws_keys import missing_key

    return missing_key()


def _signing(backend: Backend, row: Profile) -> tuple[Credential, ...]:
    # Few backends need these, and they take their time to load.
    from llmgw_middleware.transport.aws_keys import key_source
    from llmgw_middleware.transport.credential import Kept, Signing

    written: list[str | None] = [key.reveal() for key in backend.api_keys]
    return tuple(
        Signing(Kept(key_source(text)), region=row.region or "", service=row.signs_as)
        for text in written or [None]
    )


def _bearing(row: Profile) -> Credential:
    from llmgw_middleware.transport.credential import Bearing, Kept
    from llmgw_middleware.transport.oauth import entra_tokens, google_tokens

    return Bearing(Kept(google_tokens() if row.tokens_of == "google" else entra_tokens()))
