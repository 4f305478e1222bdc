"""LiteLLM's configuration as one that can be written down."""

from __future__ import annotations

from pathlib import Path

from llmgw_middleware.config.litellm.deployments import deployments
from llmgw_middleware.config.litellm.groups import Routing, judge, words
from llmgw_middleware.config.node import Node, Origin
from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.source import read
from llmgw_middleware.config.tree import Position, Scalar, Table
from llmgw_middleware.config.writing import items, table, value

_IDENTITY = "is about the proxy's own keys: here the host application knows who calls"
_NO_SWITCH = "needs no switch here"


def imported(paths: list[Path], report: Report) -> Table:
    """Return the words of LiteLLM's files. Credentials are references; what cannot be said is reported."""
    whole = Table(Position(str(paths[0])))
    for document in read(paths, report).documents:
        for key, tree in document.items():
            whole.put(key, tree, document.keys_at[key])
    return _translated(Node(whole, "", Origin("LiteLLM", report)))


def _translated(root: Node) -> Table:
    router, library = root.node("router_settings"), root.node("litellm_settings")
    routing = Routing()
    for settings in (router, library):
        routing.read(settings)
    found = deployments(root.nodes("model_list"))
    if not found:
        root.refuse("model_list", "model_list names no model that could be served.")
    judge(routing, [deployment.group for deployment in found], root)
    backends, routes = words(found, routing)
    at = root.at()
    policies = _policies(router, library)
    limits = _limits(router, library)
    _settled(root, router, library)
    root.rest()
    return table(
        at,
        routes=items(at, routes) if routes else None,
        backends=items(at, backends) if backends else None,
        policies=policies,
        gateway=limits,
    )


def _policies(router: Node | None, library: Node | None) -> Table | None:
    retries = _first(router, library, "num_retries")
    rest = router.scalar("cooldown_time") if router is not None else None
    at = next((scalar.at for scalar in (retries, rest) if scalar is not None), None)
    if at is None:
        return None
    attempts = None if retries is None else table(at, maxAttempts=value(int(retries.text) + 1, at))
    return table(at, retry=attempts, circuitBreaker=None if rest is None else table(at, sleepDuration=rest))


def _limits(router: Node | None, library: Node | None) -> Table | None:
    whole = (router.scalar("timeout") if router is not None else None) or (
        library.scalar("request_timeout") if library is not None else None
    )
    return None if whole is None else table(whole.at, timeout=table(whole.at, read=whole))


def _first(router: Node | None, library: Node | None, key: str) -> Scalar | None:
    found = [node.scalar(key) for node in (router, library) if node is not None]
    return next((scalar for scalar in found if scalar is not None), None)


def _settled(root: Node, router: Node | None, library: Node | None) -> None:
    """Report what has another answer here."""
    general = root.node("general_settings")
    if general is not None:
        general.leave_out("master_key", "database_url", "custom_auth", "enable_jwt_auth", why=_IDENTITY)
    if router is not None:
        router.leave_out(
            "redis_host",
            "redis_port",
            "redis_password",
            "redis_url",
            why="holds state, which is in memory here",
        )
        router.leave_out("enable_pre_call_checks", why=_NO_SWITCH)
        router.leave_out(
            "allowed_fails", why="counts failures; here a share of them opens a circuit (threshold)"
        )
    if library is not None:
        library.leave_out("drop_params", "set_verbose", why=_NO_SWITCH)
