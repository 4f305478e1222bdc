"""What makes a backend's calls acceptable, where a header that never changes is not enough."""

from __future__ import annotations

from llmgw_middleware.dialect.provider import Profile
from llmgw_middleware.model.backend import Backend
from llmgw_middleware.transport.aws_keys import key_source
from llmgw_middleware.transport.credential import Bearing, Credential, Kept, Signing
from llmgw_middleware.transport.oauth import entra_tokens, google_tokens


def credentials_of(backend: Backend, row: Profile) -> tuple[Credential | None, ...]:
    """Return one for each place in ``api_keys``; None where the header says it all.

    Raises ValueError where a key is not written as its provider wants, or can never be had.
    """
    keys = backend.api_keys
    if row.auth == "sigv4":
        written: list[str | None] = [key.reveal() for key in keys]
        return tuple(
            Signing(Kept(key_source(text)), region=row.region or "", service=row.signs_as)
            for text in written or [None]
        )
    if row.auth == "oauth" and not keys:
        return (Bearing(Kept(google_tokens() if row.tokens_of == "google" else entra_tokens())),)
    return (None,) * max(1, len(keys))
