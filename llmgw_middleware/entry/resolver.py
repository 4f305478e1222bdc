"""Who calls: the host's answer, or its developer's, as an identity or an error."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from llmgw_middleware.entry.waist import Waist
from llmgw_middleware.errors import ConfigError, GatewayError
from llmgw_middleware.model.http import HostRequest
from llmgw_middleware.model.identity import ANONYMOUS, Identity, Source

logger = logging.getLogger("llmgw")


Hook = Callable[[HostRequest], Any]
"""Tells who calls: returns ``Identity``, ``None`` for nobody, or an awaitable of either."""


InThread = Callable[[Callable[[HostRequest], Identity], HostRequest], Awaitable[Identity]]
"""Runs a synchronous resolver off the event loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Whom a host knows: what a door's built-in resolver returns.

    ``subjects`` are the objects that the dotted paths of ``identity.attributes`` start from (``user``, ``session``);
    ``attributes`` are known besides (Django: ``staff``), and a configured one of the same name wins. ``queried`` are
    such that cost the host something to tell (Django: ``groups``): they are asked where ``identity.cache`` has none.
    """

    id: str = ""
    source: Source = "none"
    session_key: str | None = field(default=None, repr=False)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    queried: Mapping[str, Callable[[], Any]] = field(default_factory=dict, repr=False)
    subjects: Mapping[str, Any] = field(default_factory=dict, repr=False)


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
        if self.custom and self._async:
            _in_own_loop()  # loads what that takes: no request should wait for it

    def __repr__(self) -> str:
        kind = "hook" if self.custom else "built-in"
        return f"<Resolver {kind} {getattr(self._ask, '__qualname__', type(self._ask).__name__)}>"

    def resolve(self, request: HostRequest) -> Identity:
        """Resolve on the calling thread; an async hook runs in a loop of its own there."""
        try:
            found = self._ask(request)
            if inspect.isawaitable(found):
                found = _in_own_loop()(found)
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
            attributes = self._gateway.attributes.read(
                request, found.subjects, user=found.id, known=found.attributes, queried=found.queried
            )
            return Identity(
                id=found.id,
                attributes=attributes,
                source=found.source,
                session_key=found.session_key,
            )
        if not isinstance(found, Identity):
            raise TypeError(f"identify returned {type(found).__name__}; it must return Identity or None")
        name: object = found.id
        key: object = found.session_key or ""
        if not (isinstance(name, str) and isinstance(key, str)):
            raise TypeError("identify returned an Identity whose id or session_key is no text")
        # What the developer's own resolver says is final; configured paths and defaults fill the gaps.
        read = self._gateway.attributes.read(request, {"user": found.attributes}, user=found.id)
        if read.keys() <= found.attributes.keys():
            return found
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


def is_async(hook: Hook) -> bool:
    """Whether calling ``hook`` gives an awaitable: a coroutine function, or an object whose ``__call__`` is one."""
    return inspect.iscoroutinefunction(hook) or inspect.iscoroutinefunction(getattr(hook, "__call__", None))  # noqa: B004


def _in_own_loop() -> Callable[[Awaitable[Any]], Any]:
    """Return what waits for an awaitable on a thread without a loop; it is large, and few resolvers need it."""
    from asgiref.sync import async_to_sync

    return async_to_sync(_result)


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
