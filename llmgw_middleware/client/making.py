"""Ready-made clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from llmgw_middleware.client.libraries import library_of
from llmgw_middleware.client.port import Answering
from llmgw_middleware.client.transports import transport_class
from llmgw_middleware.client.who import identity_of

BASE_URL = "http://llmgw"
"""Stands where a server's address would; it is never resolved."""


def make_client(
    gateway: Answering,
    kind: type[Any] | None = None,
    *,
    user: Any = None,
    attributes: Mapping[str, Any] | None = None,
    session_key: str | None = None,
) -> Any:
    """Return a client of the class ``kind`` (default: ``httpx.Client``) over ``gateway``, for one ``user``.

    It has no timeouts of its own: the configuration's apply, as do those that a request is sent with. Raises TypeError
    for a class that is no client of httpx or httpx2, and for a user without an id.
    """
    kind = httpx.Client if kind is None else kind
    library = library_of(kind)
    if library is None or not issubclass(kind, (library.Client, library.AsyncClient)):
        raise TypeError(
            f"client({kind!r}): no client class; pass httpx.Client, httpx.AsyncClient, or a class derived from them, "
            "such as openai.DefaultHttpxClient"
        )
    identity = identity_of(gateway, user, attributes=attributes, session_key=session_key)
    transport = transport_class(library, blocking=not issubclass(kind, library.AsyncClient))
    made: Any = kind
    return made(transport=transport(gateway, identity), base_url=BASE_URL, timeout=None)
