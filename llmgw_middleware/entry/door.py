"""The rules of entry in their order: content type, body limit, identity, origin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from llmgw_middleware.entry.body import check_content_type, check_length, too_large
from llmgw_middleware.entry.cross_site import SAFE_METHODS, check_origin, check_origins
from llmgw_middleware.entry.resolver import Hook, Resolver, load_hook
from llmgw_middleware.entry.waist import Waist
from llmgw_middleware.errors import GatewayError
from llmgw_middleware.model.http import Header, HostRequest, Response
from llmgw_middleware.model.identity import Identity
from llmgw_middleware.observe.answer import request_id_of

SHORT = 20
"""Digits of a length that is worth being read at once."""


class Door:
    """The rules of entry of one gateway, for one kind of host.

    ``trusted_origins`` (``https://shop.example``) may call with a browser's session from elsewhere. Raises ConfigError
    for an origin that is none and a hook that cannot be loaded.
    """

    def __init__(
        self,
        gateway: Waist,
        *,
        builtin: Hook,
        identify: str | Hook | None = None,
        trusted_origins: Iterable[str] = (),
    ) -> None:
        self.gateway = gateway
        self.resolver = Resolver(gateway, load_hook(identify), builtin)
        self.trusted_origins = frozenset(check_origins(trusted_origins))

    def __repr__(self) -> str:
        return f"<Door {self.resolver!r} limit={self.limit} trusted_origins={sorted(self.trusted_origins)}>"

    @property
    def limit(self) -> int:
        """How many bytes a body may have."""
        return self.gateway.plan.max_body_size

    def check_head(
        self, method: str, path: str, headers: Sequence[Header], named: Mapping[bytes, bytes] | None = None
    ) -> None:
        """Refuse what can be refused before the body is read: 415 by its type, 413 by its announced length.

        ``named`` are the headers by name, where somebody has put them so already.
        """
        limit = self.limit
        named = dict(headers) if named is None else named
        length = named.get(b"content-length", b"0")
        plain = named.get(b"content-type") == b"application/json" and len(named) == len(headers)
        if plain and length.isdigit() and len(length) < SHORT and int(length) <= limit:
            return  # what all SDKs send
        check_content_type(method, path, headers)
        check_length(headers, limit)

    def check_size(self, size: int) -> None:
        """Refuse a body of which ``size`` bytes have been read already."""
        if size > self.limit:
            raise too_large(self.limit)

    def check_caller(self, identity: Identity, method: str, headers: Sequence[Header]) -> None:
        """Refuse a foreign page that would act with the caller's session: 403 ``csrf_failed``."""
        if identity.source == "session" and method not in SAFE_METHODS:
            check_origin(headers, self.trusted_origins)

    def identify(self, request: HostRequest, headers: Sequence[Header]) -> Identity:
        """Tell who calls and whether this page may, on the calling thread."""
        identity = self.resolver.resolve(request)
        self.check_caller(identity, request.method, headers)
        return identity

    def outcome(self, request: HostRequest, headers: Sequence[Header]) -> Identity | GatewayError:
        """Do the same, and return the refusal instead of raising it, for ``settled``."""
        try:
            return self.identify(request, headers)
        except GatewayError as error:
            return error

    def refuse(self, error: GatewayError, path: str, headers: Iterable[Header]) -> Response:
        """Word a refusal in the caller's dialect, under the request id that the caller gave, if it is one."""
        return self.gateway.refuse(error, path=path, request_id=request_id_of(headers))
