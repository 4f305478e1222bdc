"""What is sent for the model that a caller asks for."""

import pytest

from llmgw_middleware.model.backend import Backend

CASES = [
    ({"fast": "mini"}, "fast", "mini"),
    ({"fast": "mini"}, "faster", "faster"),
    ({"gpt-*": "a", "gpt-4*": "b"}, "gpt-4o", "b"),
    ({"*-sonnet-*": "s"}, "claude-sonnet-4", "s"),
    ({"*-sonnet-*": "s"}, "sonnet-4", "sonnet-4"),
    ({"a*a": "x"}, "a", "a"),
    ({"groq/*": "*"}, "groq/llama-3", "llama-3"),
    ({"*": "team-*"}, "m", "team-m"),
    ({"x-*-y-*": "*"}, "x-1-y-2", "1"),
    ({"gpt-4": "exact", "*": "any"}, "gpt-4", "exact"),
]


@pytest.mark.parametrize(("models", "asked", "sent"), CASES)
def test_an_alias_is_exact_or_a_pattern_and_the_longest_wins(models, asked, sent):
    assert Backend(name="b", models=models).model_for(asked) == sent


def test_a_fixed_model_comes_before_aliases():
    assert Backend(name="b", model="m", models={"*": "x"}).model_for("a") == "m"
