"""Expressions over a request."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from benchmarks.figures import Line, Target, number
from benchmarks.lab import Lab
from llmgw_middleware.cel.fault import EvaluationError
from llmgw_middleware.cel.program import compile_expression
from llmgw_middleware.cel.variables import GATEWAY
from llmgw_middleware.facts import Facts
from llmgw_middleware.geo import Locator
from llmgw_middleware.model.http import Request
from llmgw_middleware.model.identity import Identity
from llmgw_middleware.model.plan import Geography

TOUCHED = Target(bound=1.5, text="about 1 µs (≤ 1.5)")
STOPPED = Target(bound=50.0, text="≤ 50 ms")
MODEL = 'body.model.startsWith("gpt-")'
BOTH = f'user.tier == "premium" && {MODEL}'
HOSTILE = "body.l.exists(a, body.l.exists(b, body.l.exists(c, a + b + c < 0)))"
REPEATS = 7


def expressions(lab: Lab) -> list[Line]:
    """A rule on the model, after the body was first touched, and an expression that a caller tries to stretch."""
    count = max(200, int(20_000 * lab.scale))
    lines = [_touched(text, size, count) for text in (MODEL, BOTH) for size in (4_000, 1_000_000)]
    worst = _least(_hostile(), 1) / 1000
    lines.append(
        Line(
            figure="ms until loops over a caller's list are stopped",
            value=number(worst),
            judged=worst,
            target=STOPPED,
        )
    )
    return lines


def _touched(text: str, size: int, count: int) -> Line:
    program, facts = compile_expression(text, vocabulary=GATEWAY), _facts({"messages": ["x" * size]})
    program.evaluate(facts)
    found = _least(lambda: program.evaluate(facts), count)
    return Line(
        figure=f"CPU µs of `{text}`, a body of {size // 1000:,} KB",
        value=number(found),
        judged=found,
        target=TOUCHED,
    )


def _hostile() -> Callable[[], object]:
    program, facts = compile_expression(HOSTILE, vocabulary=GATEWAY), _facts({"l": list(range(5000))})

    def stopped() -> str:
        try:
            program.evaluate(facts)
        except EvaluationError as error:
            return error.message
        raise AssertionError("the expression was not stopped")

    return stopped


def _facts(more: dict[str, object]) -> Facts:
    body = json.dumps({"model": "gpt-4o", **more}).encode()
    request = Request(method="POST", path="/v1/chat/completions", body=body)
    caller = Identity(id="ana", attributes={"tier": "premium"}, source="session")
    return Facts(request, caller, Locator(Geography(), ()))


def _least(run: Callable[[], object], count: int) -> float:
    """Return the least CPU microseconds of one of ``count`` calls; what disturbs a repeat can only make it longer."""
    best = float("inf")
    for _ in range(REPEATS):
        began = time.process_time_ns()
        for _ in range(count):
            run()
        best = min(best, time.process_time_ns() - began)
    return best / count / 1000
