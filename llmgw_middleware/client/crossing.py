"""From a client's request to the gateway's, and back."""

from __future__ import annotations

from typing import Any

from llmgw_middleware.client.port import Answering
from llmgw_middleware.errors import BodyTooLarge, GatewayError, NotFound
from llmgw_middleware.model.http import Pass, Request, Response
from llmgw_middleware.model.identity import Identity

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
        return gateway.refuse(error, path=request.path)
    found = await gateway.handle(request)
    if isinstance(found, Response):
        return found
    return _handed_back(gateway, request, found)


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


def _handed_back(gateway: Answering, request: Request, passed: Pass) -> Response:
    error = NotFound("No route matches this request, and there is no default route.")
    refused = gateway.refuse(error, path=request.path, request_id=passed.decision.request_id)
    return Response(
        status=refused.status, headers=refused.headers, body=refused.body, decision=passed.decision
    )
