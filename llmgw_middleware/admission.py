"""Whether a request may take its route. Limits and budgets will be asked here too."""

from __future__ import annotations

import re

from llmgw_middleware.choice import Chooser
from llmgw_middleware.dialect.operation import operation_of
from llmgw_middleware.dialect.port import MODELS, OPAQUE, Operation
from llmgw_middleware.errors import BadRequest, Forbidden, GatewayError, NotFound
from llmgw_middleware.facts import Facts
from llmgw_middleware.model.route import Answer, Route

_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""A token: what a method is made of (RFC 9110, section 9.1)."""


def operation_asked(facts: Facts) -> Operation:
    """Return what is asked for. A path that says nothing is looked at through its body; only POST asks a model."""
    method, path = facts.request.method, facts.request.path
    operation = operation_of(path, None)
    if operation is MODELS:
        return operation if method in {"GET", "HEAD"} else OPAQUE
    if method != "POST":
        return OPAQUE
    if operation is OPAQUE and facts.body.readable:
        return operation_of(path, facts.body.fields())
    return operation


def model_asked(facts: Facts) -> str | None:
    """Return the model that the body names, if it names one."""
    return facts.body.text("model") if facts.body.readable else None


def admit(chooser: Chooser, operation: Operation, facts: Facts, asked: str | None) -> None:
    """Refuse what the route does not offer; raises GatewayError. ``asked`` is the model."""
    route = chooser.route
    if route.models and not _offers(route.models, asked):
        raise Forbidden(
            f"Route {route.name!r} does not offer model {asked!r}.", code="model_not_allowed", param="model"
        )
    if operation is OPAQUE and not chooser.forwards_opaque:
        raise NotFound(
            f"Route {route.name!r} does not forward {facts.request.method} {facts.request.path}: it is no operation that "
            "the gateway knows, and the route does not say passthrough: true."
        )
    if operation is OPAQUE:
        _check_method(facts.request.method)


def _check_method(method: str) -> None:
    """Refuse a method that nobody can be sent; raises BadRequest. CONNECT asks for a tunnel, which is no request."""
    if method == "CONNECT" or not _METHOD.fullmatch(method):
        raise BadRequest(f"The method {method[:40]!r} cannot be forwarded.", code="bad_method")


def replay_safe(route: Route, operation: Operation, facts: Facts) -> bool:
    """Whether the request may be sent again after an upstream may have acted upon it.

    What the route says, else: chat and embeddings that keep no state upstream (``store: true``), and opaque GETs.
    """
    if route.replay_safe is not None:
        return route.replay_safe
    if operation is OPAQUE:
        return facts.request.method in {"GET", "HEAD"}
    return not facts.body.true("store")


def denial(answer: Answer) -> GatewayError:
    """Return a deny rule's answer as the error that it is."""
    return Forbidden(answer.message, status=answer.status, code=answer.code)


def _offers(models: tuple[str, ...], asked: str | None) -> bool:
    if asked is None:
        return False
    return any(asked == m or (m.endswith("*") and asked.startswith(m[:-1])) for m in models)
