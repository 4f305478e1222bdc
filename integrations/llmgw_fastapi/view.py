"""What the gateway did, read in a view or in middleware around it."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from llmgw_middleware import Decision, Gateway, Handle


def handle(connection: HTTPConnection) -> Handle[Gateway]:
    """Return the gateway and, where it decided about this request, the decision.

    Raises LookupError where no gateway stands around the view: it was not added, or is switched off.
    """
    found: Handle[Gateway] | None = connection.scope.get("llmgw")
    if found is None:
        raise LookupError(
            "no gateway stands around this view; is LLMGatewayMiddleware added, and is it switched on (LLMGW_ENABLED)?"
        )
    return found


def decision(connection: HTTPConnection) -> Decision | None:
    """Return what the gateway decided about this request.

    In a view: that it passed (``onNoRoute: pass``), and why. In a middleware around the gateway, after the answer:
    route, backend, attempts, usage; a stream's record is complete when the stream is. None for every other request.
    """
    found: Handle[Gateway] | None = connection.scope.get("llmgw")
    return None if found is None else found.decision
