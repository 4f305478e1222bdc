"""Expressions and what they are asked about, in few words."""

from __future__ import annotations

from typing import Any

from llmgw_middleware.cel.program import Program, compile_expression
from llmgw_middleware.cel.variables import GATEWAY
from llmgw_middleware.cel.vocabulary import given
from llmgw_middleware.facts import Facts
from llmgw_middleware.model.identity import ANONYMOUS, Identity
from tests.match.asking import Here, request

BODY = {
    "model": "gpt-4o",
    "messages": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hi"}],
    "max_tokens": 100,
    "metadata": {"team": "search"},
}


def program(text: str) -> Program:
    return compile_expression(text, vocabulary=GATEWAY)


def facts(body: Any = None, who: Identity = ANONYMOUS, at: Here | None = None, **rest: Any) -> Facts:
    return Facts(request(body=BODY if body is None else body, **rest), who, at or Here())


def asked(text: str, **of: Any) -> Any:
    """The value of an expression over a request."""
    return program(text).evaluate(facts(**of))


def value(text: str, **bindings: Any) -> Any:
    """The value of an expression over plain bindings."""
    return compile_expression(text, vocabulary=given(*bindings)).evaluate(bindings)
