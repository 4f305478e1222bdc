"""What every door does first: is the body acceptable, who calls, may this page call.

A door owns the host's accent (ASGI, WSGI, Django); the rules stand here once, in the order that `Door` names them:
content type, body limit, identity, origin.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import unquote, urlsplit

from asgiref.sync import async_to_sync

from llmgw_middleware.dialect.operation import operation_of
from llmgw_middleware.dialect.port import Operation
from llmgw_middleware.errors import (
    BodyTooLarge,
    ConfigError,
    Forbidden,
    GatewayError,
    UnsupportedMediaType,
)
from llmgw_middleware.loop_thread import LoopThread
from llmgw_middleware.model.decision import Decision
from llmgw_middleware.model.http import Header, HostRequest, Pass, Request, Response
from llmgw_middleware.model.identity import ANONYMOUS, Identity, Source
from llmgw_middleware.model.plan import Plan
from llmgw_middleware.observe.answer import request_id_of

logger = logging.getLogger("llmgw")

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that change nothing (RFC 9110 §9.2.1): the origin rule lets them through."""

PATH_SAFE = "/:@!$&'()*+,;=~"
"""What a path may hold unescaped (RFC 3986 §3.3)."""

JSON_OPERATIONS = frozenset({Operation.CHAT, Operation.EMBEDDINGS})

Hook = Callable[[HostRequest], Any]
"""Tells who calls: returns ``Identity``, ``None`` for nobody, or an awaitable of either."""

InThread = Callable[[Callable[[HostRequest], Identity], HostRequest], Awaitable[Identity]]
"""Runs a synchronous resolver off the event loop."""


class AttributeSource(Protocol):
    """Reads the configured attributes off the host's objects; ``attributes.py`` is the real one."""

    def read(self, request: HostRequest, subjects: Mapping[str, Any]) -> dict[str, Any]:
        """Return every configured attribute; a path that fails gives its default."""
        ...


class Waist(Protocol):
    """What a door asks of a gateway. ``gateway.Gateway`` is the real one."""

    @property
    def plan(self) -> Plan:
        """The configuration that is in force."""
        ...

    @property
    def attributes(self) -> AttributeSource:
        """Reads ``identity.attributes``."""
        ...

    @property
    def uses_identity(self) -> bool:
        """Whether any rule asks who calls."""
        ...

    @property
    def thread(self) -> LoopThread:
        """The one event loop of the process for hosts that have none."""
        ...

    def intercepts(self, method: str, path: str) -> bool:
        """Whether this request is the gateway's."""
        ...

    async def handle(self, request: Request) -> Response | Pass:
        """Answer a request."""
        ...

    def refuse(self, error: GatewayError, *, path: str, request_id: str | None = None) -> Response:
        """Word an error in the caller's dialect."""
        ...

    async def aopen(self) -> None:
        """Start what belongs to the running event loop."""
        ...

    async def aclose(self) -> None:
        """End what belongs to the running event loop."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Whom a host knows: what a door's built-in resolver returns.

    ``subjects`` are the objects that the dotted paths of ``identity.attributes`` start from (``user``, ``session``);
    ``attributes`` are known besides (Django: ``staff``, ``groups``), and a configured one of the same name wins.
    """

    id: str = ""
    source: Source = "none"
    session_key: str | None = field(default=None, repr=False)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    subjects: Mapping[str, Any] = field(default_factory=dict, repr=False)


W_co = TypeVar("W_co", bound=Waist, covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handle(Generic[W_co]):
    """What the application sees of the gateway: ``scope["llmgw"]``, ``request.llmgw``, ``environ["llmgw"]``."""

    gateway: W_co
    decision: Decision | None = None


def load_hook(hook: str | Hook | None) -> Hook | None:
    """Return the function that ``module:function`` names, or ``hook`` itself; raises ConfigError."""
    if hook is None or callable(hook):
        return hook
    module, _, name = hook.partition(":")
    if not module or not name:
        raise ConfigError(f"identify: {hook!r} does not name a function; write module:function")
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"identify: {hook!r} cannot be loaded: {error}") from error
    if not callable(found):
        raise ConfigError(f"identify: {hook!r} is no function")
    return found  # type: ignore[no-any-return]  # whatever the host wrote, it can be called


class Resolver:
    """Asks the host who calls and turns every kind of answer into an ``Identity`` or a ``GatewayError``.

    ``hook`` is the developer's and replaces ``builtin``, the door's own. ``None`` is anonymous; a ``GatewayError``
    (``AuthError`` among them) is the answer; any other exception is a 500, logged with its traceback: a resolver that
    breaks never makes a caller anonymous.
    """

    def __init__(self, gateway: Waist, hook: Hook | None, builtin: Hook) -> None:
        self._gateway = gateway
        self._ask = builtin if hook is None else hook
        self._async = is_async(self._ask)
        self.custom = hook is not None

    def __repr__(self) -> str:
        kind = "hook" if self.custom else "built-in"
        return f"<Resolver {kind} {getattr(self._ask, '__qualname__', type(self._ask).__name__)}>"

    def resolve(self, request: HostRequest) -> Identity:
        """Resolve on the calling thread; an async hook runs in a loop of its own there."""
        try:
            found = self._ask(request)
            if inspect.isawaitable(found):
                found = async_to_sync(_result)(found)
            return self._identity(found, request)
        except GatewayError:
            raise
        except Exception as error:
            raise self._failed(request, error) from error

    async def aresolve(self, request: HostRequest, *, in_thread: InThread = asyncio.to_thread) -> Identity:
        """Resolve from the event loop; a synchronous hook, attributes included, is run by ``in_thread``."""
        if not self._async:
            return await in_thread(self.resolve, request)
        try:
            return self._identity(await self._ask(request), request)
        except GatewayError:
            raise
        except Exception as error:
            raise self._failed(request, error) from error

    def _identity(self, found: Any, request: HostRequest) -> Identity:
        if found is None:
            found = ANONYMOUS
        if isinstance(found, Found):
            read = self._gateway.attributes.read(request, found.subjects)
            return Identity(
                id=found.id,
                attributes={**found.attributes, **read},
                source=found.source,
                session_key=found.session_key,
            )
        if not isinstance(found, Identity):
            raise TypeError(f"identify returned {type(found).__name__}; it must return Identity or None")
        # What the developer's own resolver says is final; configured paths and defaults fill the gaps.
        read = self._gateway.attributes.read(request, {"user": found.attributes})
        return Identity(
            id=found.id,
            attributes={**read, **found.attributes},
            source=found.source,
            session_key=found.session_key,
        )

    def _failed(self, request: HostRequest, error: Exception) -> GatewayError:
        logger.error("who calls could not be found out: %s %s", request.method, request.path, exc_info=error)
        return GatewayError(
            "Who calls could not be found out. The server's log has the reason under this request's id.",
            code="identity_failed",
        )


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

    def check_head(self, method: str, path: str, headers: Sequence[Header]) -> None:
        """Refuse what can be refused before the body is read: 415 by its type, 413 by its announced length."""
        check_content_type(method, path, headers)
        check_length(headers, self.limit)

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

    async def aidentify(self, request: HostRequest, headers: Sequence[Header]) -> Identity:
        """Tell who calls and whether this page may, from the event loop."""
        identity = await self.resolver.aresolve(request)
        self.check_caller(identity, request.method, headers)
        return identity

    def refuse(self, error: GatewayError, path: str, headers: Iterable[Header]) -> Response:
        """Word a refusal in the caller's dialect, under the request id that the caller gave, if it is one."""
        return self.gateway.refuse(error, path=path, request_id=request_id_of(headers))


def is_async(hook: Hook) -> bool:
    """Whether calling ``hook`` gives an awaitable: a coroutine function, or an object whose ``__call__`` is one."""
    return inspect.iscoroutinefunction(hook) or inspect.iscoroutinefunction(getattr(hook, "__call__", None))  # noqa: B004


async def _result(found: Awaitable[Any]) -> Any:
    return await found


def settled(outcome: Identity | GatewayError) -> Callable[[], Awaitable[Identity]]:
    """Return a ``Request.identify`` for a door that has asked beforehand: it tells what came out."""

    async def identify() -> Identity:
        if isinstance(outcome, GatewayError):
            raise outcome
        return outcome

    return identify


def unavailable(remedy: str) -> GatewayError:
    """Return the error of a configuration that asks who calls in a host that cannot tell."""
    return GatewayError(
        f"The configuration asks who calls, but the application says nothing of it here. {remedy}",
        code="identity_unavailable",
    )


def framed(answer: Response) -> tuple[Header, ...]:
    """Return the headers of ``answer``, with the length of a body that is no stream."""
    if answer.stream is not None:
        return answer.headers
    return (*answer.headers, (b"content-length", b"%d" % len(answer.body)))


def joined(headers: Iterable[Header]) -> dict[str, str]:
    """Return headers as ``HostRequest`` has them: lower-case names, repeated lines joined by commas.

    A name with an underscore is left out: WSGI cannot tell it from the one with a hyphen, so a caller could pass for
    a proxy.
    """
    lines: dict[str, str] = {}
    for name, value in headers:
        if b"_" not in name:
            key, text = name.decode("latin-1"), value.decode("latin-1")
            lines[key] = f"{lines[key]}, {text}" if key in lines else text
    return lines


def values(headers: Iterable[Header], name: bytes) -> list[str]:
    """Return every line of the header ``name`` (lower case)."""
    return [value.decode("latin-1").strip() for key, value in headers if key == name]


def check_content_type(method: str, path: str, headers: Iterable[Header]) -> None:
    """Refuse an operation with a JSON body that was sent something else, as a foreign page's form would be."""
    if method != "POST" or operation_of(path, None) not in JSON_OPERATIONS:
        return
    kinds = [value.partition(";")[0].strip().lower() for value in values(headers, b"content-type")]
    if not kinds or not all(kind == "application/json" or kind.endswith("+json") for kind in kinds):
        seen = ", ".join(kinds) or "no content type"
        raise UnsupportedMediaType(
            f"This operation takes a JSON body; send content-type: application/json, not {seen}."
        )


def check_length(headers: Iterable[Header], limit: int) -> None:
    """Refuse a body announced as longer than ``limit``. A length that is no number is the server's business."""
    for value in values(headers, b"content-length"):
        if value.isdecimal() and int(value) > limit:
            raise too_large(limit)


def too_large(limit: int) -> BodyTooLarge:
    """Return the error of a body over ``limit`` bytes."""
    return BodyTooLarge(f"The body is longer than the {limit} bytes that gateway.maxBodySize allows.")


def check_origins(origins: Iterable[str]) -> list[str]:
    """Return trusted origins as browsers write them; raises ConfigError for what is no origin."""
    checked = []
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/") or parts.query:
            raise ConfigError(
                f"trusted_origins: {origin!r} is no origin; write scheme://host or scheme://host:port"
            )
        checked.append(f"{parts.scheme}://{parts.netloc.lower()}")
    return checked


def check_origin(headers: Iterable[Header], trusted_origins: frozenset[str]) -> None:
    """Refuse a request that another site's page made: the rule of Go's ``http.CrossOriginProtection``.

    The first line that applies decides: a trusted Origin passes; Sec-Fetch-Site must be ``same-origin`` or ``none``;
    without it a present Origin must name our Host; with neither it was no browser.
    """
    lines = list(headers)
    origins = [value.lower() for value in values(lines, b"origin")]
    sites = values(lines, b"sec-fetch-site")
    if origins and trusted_origins.issuperset(origins):
        return
    if sites:
        same = all(site in ("same-origin", "none") for site in sites)
    else:
        hosts = [value.lower() for value in values(lines, b"host")]
        same = all([urlsplit(origin).netloc] == hosts for origin in origins)
    if not same:
        raise Forbidden(
            "Another site's page may not call with this session; add its origin to the trusted origins if it should.",
            code="csrf_failed",
        )


def below_mount(raw: str, mount: str) -> str:
    """Return the raw (percent-encoded) path below ``mount``, which is decoded (``root_path``, ``SCRIPT_NAME``).

    Compared by whole segments, so that an encoded slash below the mount stays one.
    """
    mount = mount.rstrip("/")
    if not mount:
        return raw
    depth = mount.count("/") + 1
    segments = raw.split("/", depth)
    if unquote("/".join(segments[:depth])) != mount:
        return raw
    return f"/{segments[depth]}" if len(segments) > depth else ""
