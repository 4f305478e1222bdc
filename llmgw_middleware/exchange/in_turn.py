"""Several calls for one request, one after the other; and the credential that has to be made for a call."""

from __future__ import annotations

import asyncio
import time

from msgspec.structs import replace

from llmgw_middleware.dialect.port import JOINT
from llmgw_middleware.exchange.faults import BROKEN, fault_of
from llmgw_middleware.exchange.headers import JSON
from llmgw_middleware.exchange.opening import collect
from llmgw_middleware.exchange.order import Leg
from llmgw_middleware.exchange.outcome import Outcome, Whole
from llmgw_middleware.exchange.wording import JSON_HEADERS, Wording
from llmgw_middleware.transport.port import Call, Credential, Reply, Transport


async def in_turn(
    wording: Wording, call: Call, leg: Leg, key_index: int, *, transport: Transport, end: float
) -> Outcome:
    """Make several calls one after the other and read their answers as one; the first that fails is the outcome."""
    credential = leg.upstream.credentials[key_index]
    bodies = []
    try:
        for body in (call.body, *wording.outgoing.rest):
            one = replace(call, body=body)
            if credential is not None:
                one = await authorized(one, credential, end)
            reply = await transport.send(one, timeouts=leg.timeouts, deadline=end)
            good = 200 <= reply.status < 300  # noqa: PLR2004 - the class of success
            found = await _taken(reply, end)
            if not good:
                return wording.talk.read_error(reply.status, reply.headers, found, now=time.time())
            bodies.append(found)
        return Whole(200, JSON_HEADERS, wording.talk.read_reply(wording.outgoing, JOINT.join(bodies), JSON))
    except BROKEN as error:
        return fault_of(error)


async def authorized(call: Call, credential: Credential, deadline: float) -> Call:
    """Return the call with a credential that changes with time."""
    async with asyncio.timeout_at(deadline):
        return await credential.authorize(call)


async def _taken(reply: Reply, deadline: float) -> bytes:
    """Read the body, and let the connection go."""
    try:
        return await collect(reply, deadline)
    finally:
        await reply.aclose()
