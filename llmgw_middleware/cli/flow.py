"""The flow of requests as a diagram in mermaid's language."""

from __future__ import annotations

from collections.abc import Iterator

from llmgw_middleware.model.plan import Plan
from llmgw_middleware.model.route import Route


def flow(plan: Plan) -> str:
    """Return a flowchart from the caller through the rules to the backends; dashed lines are fallbacks.

    >>> print(flow(Plan()), end="")
    flowchart LR
      caller((caller))
    """
    return "\n".join(["flowchart LR", "  caller((caller))", *(f"  {line}" for line in _lines(plan)), ""])


def _lines(plan: Plan) -> Iterator[str]:
    ids = {name: f"b{number}" for number, name in enumerate((*plan.pools, *plan.backends), start=1)}
    order = sorted(plan.routes, key=lambda route: (route.default, route.priority))
    for number, route in enumerate(order, start=1):
        yield f'caller --> r{number}["{number}. {_text(route.name)}"]'
        yield from (f"r{number} {arrow}" for arrow in _arrows(route, ids))
    for name, pool in plan.pools.items():
        yield f'{ids[name]}[("{_text(name)}")]'
        yield from (f'{ids[name]} -->|"{m.weight:g}"| {ids[m.backend]}' for m in pool.members)
    for name in plan.backends:
        yield f'{ids[name]}(["{_text(name)}"])'


def _arrows(route: Route, ids: dict[str, str]) -> Iterator[str]:
    if route.answer is not None:
        yield f'--> a{route.answer.status}[/"{route.answer.status} {_text(route.answer.code)}"/]'
    if route.target is not None:
        yield f"--> {ids[route.target]}"
    total = sum(side.weight for side in route.split)
    for side in route.split:
        yield f'-->|"{100 * side.weight / total:.3g} %"| {ids[side.target]}'
    for name in route.fallback:
        yield f"-.-> {ids[name]}"
    if route.mirror is not None:
        yield f'-. "copy {100 * route.mirror.share:.3g} %" .-> {ids[route.mirror.target]}'


def _text(name: str) -> str:
    """Return a label: entities stand for what would end it."""
    return " ".join(name.split()).replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;")
