"""From a client's request to the gateway's, and back."""

from __future__ import annotations

from typing import Any

from llmgw_middleware.client.port import Answering
from llmgw_middleware.dialect.registry import caller_dialect
from llmgw_middleware.errors import BodyTooLarge, GatewayError, NotFound
from llmgw_middleware.model.decision import Decision
from llmgw_middleware.model.http import Request, Response
from llmgw_middleware.model.identity import Identity
from llmgw_middleware.observe.answer import id_headers, request_id_of

DECISION = "llmgw_decision"
"""Where ``response.extensions`` has the ``Decision``: what was chosen for this request, and why."""


def request_from(sent: Any, body: bytes, identity: Identity) -> Request:
    """Return ``sent``, an httpx request, as the gateway's."""

    async def identify() -> Identity:
        return identity

    path, _, query = sent.url.raw_path.partition(b"?")
    return Request(
        method=sent.method,
        path=path.decode("ascii"),
        query=query,
        headers=tuple((name.lower(), value) for name, value in sent.headers.raw),
        body=body,
        scheme=sent.url.scheme,
        identify=identify,
    )


async def answer(gateway: Answering, request: Request) -> Response:
    """Answer as a door would: what is not the gateway's is 404, as no application stands behind this one."""
    try:
        _check(gateway, request)
    except GatewayError as error:
        return gateway.refuse(error, path=request.path, request_id=request_id_of(request.headers))
    found = await gateway.handle(request)
    return found if isinstance(found, Response) else _handed_back(request, found.decision)


def head_of(answered: Response) -> dict[str, Any]:
    """Return what both libraries' ``Response`` take besides the body."""
    extensions = {} if answered.decision is None else {DECISION: answered.decision}
    return {"status_code": answered.status, "headers": list(answered.headers), "extensions": extensions}


def patience_of(sent: Any) -> float | None:
    """Return how many seconds ``sent`` may wait for its answer, and for each of its chunks; None is for ever."""
    patience: float | None = sent.extensions.get("timeout", {}).get("read")
    return patience


def _check(gateway: Answering, request: Request) -> None:
    if not gateway.intercepts(request.method, request.path):
        raise NotFound(f"{request.method} {request.path} is not among the gateway's paths.")
    limit = gateway.plan.max_body_size
    if len(request.body) > limit:
        raise BodyTooLarge(f"The body is longer than the {limit} bytes that gateway.maxBodySize allows.")


def _handed_back(request: Request, decision: Decision) -> Response:
    """Answer what the gateway gives back, and has on record already."""
    error = NotFound("No route matches this request, and there is no default route.")
    status, kind, body = caller_dialect(request.path).write_error(error, request_id=decision.request_id)
    headers = (*kind, *id_headers(decision.request_id))
    return Response(status=status, headers=headers, body=body, decision=decision)
