"""What a door asks of a gateway, and what the application sees of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from llmgw_middleware.errors import GatewayError
from llmgw_middleware.loop_thread import LoopThread
from llmgw_middleware.model.decision import Decision
from llmgw_middleware.model.http import HostRequest, Pass, Request, Response
from llmgw_middleware.model.plan import Plan


class AttributeSource(Protocol):
    """Reads the configured attributes off the host's objects; ``attributes.py`` is the real one."""

    def read(
        self,
        request: HostRequest,
        subjects: Mapping[str, Any],
        *,
        user: str = "",
        known: Mapping[str, Any] | None = None,
        queried: Mapping[str, Callable[[], Any]] | None = None,
    ) -> dict[str, Any]:
        """Return every configured attribute, ``known`` and ``queried`` ones besides; a path that fails gives its default.

        ``user`` is the id under which the values may be kept.
        """
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


W_co = TypeVar("W_co", bound=Waist, covariant=True)


@dataclass(slots=True, kw_only=True)  # made for every request: frozen would cost three times as much
class Handle(Generic[W_co]):
    """What the application sees of the gateway: ``scope["llmgw"]``, ``request.llmgw``, ``environ["llmgw"]``."""

    gateway: W_co
    decision: Decision | None = None
