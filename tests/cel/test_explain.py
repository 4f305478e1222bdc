"""Why an expression is not true: the smallest part that made it so, with the values it saw."""

import pytest

from llmgw_middleware.cel.explain import reason
from tests.cel.asking import facts, program
from tests.match.asking import user

REASONS = {
    "a comparison": ('user.tier == "gold"', "user.tier == \"gold\" is false: user.tier is 'free'"),
    "the first false term": (
        'user.tier == "free" && body.model.startsWith("claude")',
        "body.model.startsWith(\"claude\") is false: body.model is 'gpt-4o'",
    ),
    "the false term, not the one without value": (
        'body.nothing == 1 && user.tier == "gold"',
        "user.tier == \"gold\" is false: user.tier is 'free'",
    ),
    "every alternative": (
        'user.tier == "gold" || body.max_tokens > 1000',
        "user.tier == \"gold\" is false: user.tier is 'free' and body.max_tokens > 1000 is false: body.max_tokens is 100",
    ),
    "a negation": ('!(user.tier == "free")', "user.tier == \"free\" is true: user.tier is 'free'"),
    "a choice": (
        'user.tier == "free" ? body.max_tokens < 50 : true',
        "body.max_tokens < 50 is false: body.max_tokens is 100",
    ),
    "an item of a list": (
        'body.messages.all(m, m.role == "system")',
        "not all of body.messages: m.role == \"system\" is false: m.role is 'user'",
    ),
    "no item of a list": (
        'body.messages.exists(m, m.role == "tool")',
        'none of the 2 of body.messages has m.role == "tool"',
    ),
    "a size": ("size(body.messages) > 20", "size(body.messages) > 20 is false: size(body.messages) is 2"),
    "a missing attribute": ("user.plan == 1", "user.plan has no value: there is no key 'user.plan'"),
    "a missing field": ("body.x.y > 1", "body.x has no value: there is no key 'body.x'"),
    "a wrong type": ("body.model > 1", 'body.model > 1 has no value: ">" does not take string, int'),
    "what is no bool": ("body.model", "body.model is 'gpt-4o', neither true nor false"),
    "a namespace": ("math.abs(body.max_tokens) > 100", "math.abs(body.max_tokens) > 100 is false: math.abs(body.max_tokens) is 100"),
    "a truth": ("true", "true is true"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "why"), REASONS.values(), ids=REASONS)
def test_reason(text, why):
    assert reason(program(text), facts(who=user(tier="free"))) == why


@pytest.mark.parametrize("name", ["Authorization", "cookie", "x-api-key"])
def test_no_secret_is_shown(name):
    text = f'request.headers["{name}"] == "x" || request.headers["{name}"].size() > 99'
    seen = facts(headers=((name.lower(), "s3cret"),))
    why = reason(program(text), seen)
    assert "s3cret" not in why
    assert "***" in why


def test_a_long_value_is_cut():
    seen = facts(body={"model": "x" * 500})
    assert reason(program('model == "a"'), seen) == f"model == \"a\" is false: model is '{'x' * 80}'…"
