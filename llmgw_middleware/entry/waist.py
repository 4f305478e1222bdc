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

    def reads_of_callers(self, name: str) -> bool:
        """Whether any rule reads the attribute ``name`` of who calls."""
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

    def signal(
        self, name: str, *, user: object = None, request_id: str | None = None, value: float = 1.0
    ) -> int:
        """Count what the application says of an answer; return for how many canaries and experiments."""
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

    @property
    def variant(self) -> str | None:
        """The side of a split that this request is on: a variant, ``stable`` or ``canary``, a backend; None without."""
        return None if self.decision is None or self.decision.split is None else self.decision.split.variant

    def signal(
        self, name: str, *, value: float = 1.0, user: object = None, request_id: str | None = None
    ) -> int:
        """Tell how an answer was received; by default it is this request's. See ``Gateway.signal``."""
        if user is None and request_id is None and self.decision is not None:
            request_id = self.decision.request_id
        return self.gateway.signal(name, user=user, request_id=request_id, value=value)
