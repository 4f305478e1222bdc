"""What a client asks of a gateway."""

from __future__ import annotations

from typing import Protocol

from llmgw_middleware.attributes import AttributeReader
from llmgw_middleware.errors import GatewayError
from llmgw_middleware.loop_thread import LoopThread
from llmgw_middleware.model.http import Pass, Request, Response
from llmgw_middleware.model.plan import Plan


class Answering(Protocol):
    """A gateway as a client sees it; ``gateway.Gateway`` is the real one."""

    @property
    def plan(self) -> Plan:
        """The configuration in force."""
        ...

    @property
    def attributes(self) -> AttributeReader:
        """Reads ``identity.attributes``."""
        ...

    @property
    def thread(self) -> LoopThread:
        """Where the requests of blocking callers are answered."""
        ...

    def intercepts(self, method: str, path: str) -> bool:
        """Whether a request is the gateway's."""
        ...

    async def handle(self, request: Request) -> Response | Pass:
        """Answer a request."""
        ...

    def refuse(self, error: GatewayError, *, path: str, request_id: str | None = None) -> Response:
        """Word an error in the caller's dialect."""
        ...
