import pytest

from llmgw_middleware.dialect.capability import ROWS, Capabilities, capabilities_of, plain_name, said_of


@pytest.mark.parametrize(
    ("model", "plain"),
    [
        ("gpt-5", "gpt-5"),
        ("openai/gpt-5", "gpt-5"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5-20250929-v1:0"),
        ("anthropic.claude-3-haiku-20240307-v1:0", "claude-3-haiku-20240307-v1:0"),
        ("publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("us.amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0"),
        ("gpt-4.1", "gpt-4.1"),
    ],
)
def test_a_model_is_the_same_wherever_it_is_served(model, plain):
    assert plain_name(model) == plain


@pytest.mark.parametrize(
    ("model", "known"),
    [
        ("claude-opus-4-8", {"sampling": False, "mid_system": True, "thinking": "effort"}),
        ("claude-sonnet-4-5", {"sampling": True, "thinking": "budget"}),
        ("us.anthropic.claude-opus-4-7-v1:0", {"sampling": False}),
        ("claude-sonnet-5", {"sampling": False, "mid_system": True}),
        ("claude-haiku-4-5", {"sampling": True, "max_output": 64_000}),
        ("claude-3-haiku-20240307", {"thinking": "none", "max_output": 4096}),
        ("gemini-2.5-flash", {"thinking": "budget"}),
        ("gemini-3-flash-preview", {"thinking": "level"}),
        ("o3-mini", {"max_completion": True}),
        ("gpt-5.2", {"max_completion": True}),
        ("gpt-5.1-codex-max", {"max_completion": True, "responses_only": True}),
        ("gpt-5.2-pro", {"responses_only": True}),
        ("gpt-5.2", {"responses_only": False}),
        ("gpt-4o", {"max_completion": False, "thinking": "none"}),
        ("unheard-of", {"sampling": True, "max_output": None}),
        (None, {"sampling": True}),
    ],
)
def test_what_is_known_of_a_model(model, known):
    found = capabilities_of(model, {})
    assert {name: getattr(found, name) for name in known} == known


def test_what_is_configured_counts_and_of_patterns_the_longest():
    rows: dict[str, dict[str, str | bool | int]] = {
        "my-*": {"sampling": False, "midSystem": True},
        "my-large": {"sampling": True},
    }
    said = said_of("my-large", rows)
    assert said == {"sampling": True, "midSystem": True}
    found = capabilities_of("my-large", said)
    assert (found.sampling, found.mid_system) == (True, True)


def test_every_row_speaks_of_fields_there_are():
    for _, values in ROWS:
        assert Capabilities(**values)  # type: ignore[arg-type]
