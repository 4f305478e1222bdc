"""The gateway's door in Flask: what is asked on the way in, and the way out."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Request as FlaskRequest
from flask import Response as FlaskResponse
from flask import abort, g

from llmgw_flask.arrival import Arrival, arrive
from llmgw_flask.conf import AppSettings
from llmgw_flask.identity import entry_of
from llmgw_middleware import GatewayError, Pass, Response
from llmgw_middleware.wsgi import Bridge, Handle, Waist


class FlaskDoor:
    """One application's gateway, as ``app.extensions["llmgw"]``, and the way in and out of it.

    Raises ConfigError if ``identify`` names no function or an origin is none.
    """

    def __init__(self, gateway: Waist, settings: AppSettings) -> None:
        self.gateway = gateway
        self._entry = entry_of(gateway, settings)
        self._bridge = Bridge(gateway)

    def __repr__(self) -> str:
        return f"<FlaskDoor {self._entry!r} {self._bridge!r}>"

    def arrive(self, native: FlaskRequest) -> Arrival | None:
        """Read a request that one of our rules has caught; None where the gateway does not want it."""
        return arrive(native, self._entry)

    def signal(
        self, name: str, *, user: object = None, request_id: str | None = None, value: float = 1.0
    ) -> int:
        """Tell how an answer was received, in any view; as ``Gateway.signal``."""
        return self.gateway.signal(name, user=user, request_id=request_id, value=value)

    def answer(self, call: Arrival) -> FlaskResponse:
        """Answer inside the request's context; ``onNoRoute: pass`` is Flask's 404, as no view stands behind ours."""
        if isinstance(call.body, GatewayError):
            return told(self._entry.refuse(call.body, call.path, call.headers))
        outcome = self._entry.outcome(call.host(), call.headers)
        answer = self._bridge.handle(call.request(call.body, outcome, self.gateway.plan), call.native.environ)
        g.llmgw = Handle(gateway=self.gateway, decision=answer.decision)
        if isinstance(answer, Pass):
            abort(404)
        if answer.stream is None:
            return told(answer)
        # Never stream_with_context: an abandoned generator would leave the application's context on the thread.
        return told(answer, self._bridge.stream(answer, call.native.environ))


def told(answer: Response, stream: Iterable[bytes] | None = None) -> FlaskResponse:
    """Return the answer in Flask's form; ``stream`` are the chunks of one that has no body."""
    response = FlaskResponse(
        answer.body if stream is None else stream, status=answer.status, direct_passthrough=stream is not None
    )
    del response.headers["Content-Type"]
    for name, value in answer.headers:
        response.headers.add(name.decode("latin-1"), value.decode("latin-1"))
    return response
