"""Authorization policies as deny rules in front of the rules that they guard."""

from __future__ import annotations

from collections.abc import Sequence

from llmgw_middleware.config.node import Node
from llmgw_middleware.config.tree import Position, Scalar, Table
from llmgw_middleware.config.writing import table, value

_ACTIONS = ("Allow", "Deny", "Require")
_CONDITIONS = ("path", "host", "methods", "headers", "query", "match", "priority")


def guards(route: Table, policies: Sequence[Node]) -> list[Table]:
    """Return a deny rule for each policy of ``authorization``, at the same place as ``route`` and before it.

    An expression that fails denies. ``Allow`` lets through whom any expression admits, ``Require`` whom all do.
    """
    made = []
    for number, policy in enumerate(policies, start=1):
        refused = _refused(policy)
        if refused is None:
            continue
        guard = table(refused.at, name=_name(route, number, refused.at))
        for key in _CONDITIONS:
            if key in route:
                guard.put(key, route[key], route.keys_at[key])
        guard.put("when", refused, refused.at)
        guard.put("respond", _answer(refused.at), refused.at)
        made.append(guard)
    return made


def _refused(authorization: Node) -> Scalar | None:
    """Return when a request is refused, as one expression."""
    policy = authorization.node("policy")
    action = authorization.text("action") or "Allow"
    expressions = policy.scalars("matchExpressions") if policy is not None else []
    if action not in _ACTIONS:
        authorization.wrong("action", f"one of {', '.join(_ACTIONS)}")
        return None
    if not expressions:
        asked = [key for key in authorization.keys if key != "action"]
        authorization.leave_guard_out(*asked)
        if not asked:
            authorization.wrong("policy", "expressions under matchExpressions")
        return None
    joined = (" && " if action == "Require" else " || ").join(f"({one.text})" for one in expressions)
    return value(joined if action == "Deny" else f"!({joined})", expressions[0].at)


def _name(route: Table, number: int, at: Position) -> Scalar:
    name = route["name"]
    called = name.text if isinstance(name, Scalar) else ""
    return value(f"{called}/authorization" if number == 1 else f"{called}/authorization-{number}", at)


def _answer(at: Position) -> Table:
    return table(
        at,
        status=value(403, at),
        code=value("not_authorized", at),
        message=value("You are not allowed to do this.", at),
    )
