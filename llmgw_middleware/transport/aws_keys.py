"""Where AWS keys come from: the configuration, the environment, or botocore's chain (extra ``bedrock``)."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

from llmgw_middleware.transport.port import NoCredential
from llmgw_middleware.transport.sigv4 import AwsKey

_ID, _SECRET, _TOKEN = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"


def written_key(text: str) -> AwsKey:
    """Read ``id:secret`` or ``id:secret:token``. Raises ValueError, which does not show the text."""
    parts = text.split(":", 2)
    if len(parts) < 2 or not all(parts):  # noqa: PLR2004 - an id and a secret
        raise ValueError("an AWS key is written as id:secret, or id:secret:token with a session")
    return AwsKey(id=parts[0], secret=parts[1], token=parts[2] if len(parts) > 2 else None)  # noqa: PLR2004


def missing_key(env: Mapping[str, str] | None = None) -> str | None:
    """Return why no key can ever be had where none is written, or None."""
    env = os.environ if env is None else env
    if find_spec("botocore") is not None or (_ID in env and _SECRET in env):
        return None
    return (
        f"calls to it are signed, and there is no AWS key: set {_ID} and {_SECRET}, install llmgw-middleware[bedrock] "
        "for profiles, roles and instance metadata, or give an apiKey"
    )


def key_source(written: str | None, env: Mapping[str, str] | None = None) -> Callable[[], AwsKey]:
    """Return what gets the key: ``written`` in the configuration, else botocore's chain, else the environment's.

    Raises ValueError for half a key. What it returns raises NoCredential where there is none.
    """
    if written is not None:
        key = written_key(written)
        return lambda: key
    if find_spec("botocore") is not None:
        return _Chain().key
    known = os.environ if env is None else env

    def from_environment() -> AwsKey:
        why = missing_key(known)
        if why is not None:
            raise NoCredential(why)
        return AwsKey(id=known[_ID], secret=known[_SECRET], token=known.get(_TOKEN) or None)

    return from_environment


class _Chain:
    """Botocore's own chain of providers, made at its first use. Botocore refreshes what it found; here it is only asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: Any = None

    def key(self) -> AwsKey:
        """Ask the chain; this blocks. Raises NoCredential."""
        import botocore.session
        from botocore.exceptions import BotoCoreError

        with self._lock:
            try:
                if self._found is None:
                    self._found = botocore.session.Session().get_credentials()
                if self._found is None:
                    raise NoCredential("no AWS credential was found by botocore")
                frozen = self._found.get_frozen_credentials()
            except BotoCoreError as problem:
                raise NoCredential(f"botocore found no AWS credential: {problem}") from problem
            expiry = getattr(self._found, "_expiry_time", None)
        return AwsKey(
            id=frozen.access_key,
            secret=frozen.secret_key,
            token=frozen.token,
            expires=None if expiry is None else expiry.timestamp(),
        )
