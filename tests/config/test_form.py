import pytest

from llmgw_middleware.dialect.provider import profile_of


def loaded(load_text, fields):
    return load_text(f"backends: [{{name: b, {fields}}}]")


@pytest.mark.parametrize(
    ("fields", "url", "bare"),
    [
        ("preset: groq", "https://api.groq.com/openai/v1", False),
        ("provider: openai-compatible, preset: ollama", "http://localhost:11434/v1", False),
        ("preset: vllm, url: 'http://gpu-1:8000/v1'", "http://gpu-1:8000/v1", False),
        ("preset: cloudflare, project: acc-1", "https://api.cloudflare.com/client/v4/accounts/acc-1/ai/v1", False),
        ("provider: azure, url: 'https://r.openai.azure.com'", "https://r.openai.azure.com/openai/v1", False),
        ("provider: azure, url: 'https://apim/llm/v1'", "https://apim/llm/v1", False),
        (
            "provider: azure, url: 'https://r.openai.azure.com', apiVersion: 2024-10-21, deployment: d",
            "https://r.openai.azure.com", False,
        ),
    ],
)  # fmt: skip
def test_where_a_backend_of_a_form_is(load_text, fields, url, bare):
    found = loaded(load_text, fields)
    assert found.errors == ()
    backend = found.plan.backends["b"]
    assert (backend.url, backend.bare) == (url, bare)


@pytest.mark.parametrize(
    ("fields", "code", "says"),
    [
        ("preset: grok", "bad_value", 'did you mean "groq"?'),
        ("provider: openai, preset: groq", "bad_value", '"preset" means nothing to openai'),
        ("provider: openai, region: us-east-1", "bad_value", '"region" means nothing to openai'),
        (
            "provider: bedrock, region: eu-west-1, apiVersion: 2023-06-01",
            "bad_value",
            "Converse has no versions",
        ),
        ("preset: groq, project: p", "bad_value", "has no project"),
        ("provider: bedrock", "missing_key", "needs its region"),
        ("provider: bedrock, url: 'https://b'", "missing_key", "signed, and that needs its region"),
        ("provider: gemini, location: eu", "missing_key", "A location needs its project"),
        ("provider: bedrock, region: r, api: chat", "bad_value", "it has converse, mantle"),
        ("provider: anthropic, api: chat", "bad_value", "it has only one"),
        ("provider: azure, url: 'https://r', apiVersion: '1', api: responses", "bad_value", "v1 form"),
        ("preset: cloudflare", "missing_key", 'The address of "b" needs its project.'),
        ("provider: azure, url: 'https://r', deployment: d", "bad_value", "only with an apiVersion"),
        ("provider: openai, auth: sigv4", "bad_value", "openai takes no credential of the kind sigv4"),
        ("provider: openai, auth: oauth", "bad_value", "no credential of the kind oauth"),
        ("provider: openai, auth: 'header:'", "bad_value", "header:<name>"),
        ("provider: openai, auth: beaver", "bad_value", 'did you mean "bearer"?'),
        ("preset: groq, quirks: {developerRoles: true}", "unknown_key", 'did you mean "developerRole"?'),
        ("preset: groq, quirks: {developerRole: 1}", "bad_value", "true or false"),
        ("preset: groq, quirks: {modelsPath: models}", "bad_value", 'starts with "/"'),
        ("preset: groq, capabilities: {m: {samplings: true}}", "unknown_key", 'did you mean "sampling"?'),
        ("preset: groq, capabilities: {m: {maxOutput: 0}}", "bad_value", "whole number"),
        ("provider: azure, url: 'https://r', apiVersion: 2024-10-21, region: x", "bad_value", "region"),
        ("provider: azure, url: 'https://r', apiVersion: 'a/b'", "bad_value", "letters, digits"),
    ],
)
def test_a_form_that_there_is_not_is_an_error(load_text, fields, code, says):
    problem = loaded(load_text, fields).errors[0]
    assert problem.code == code
    assert says in str(problem)


def test_quirks_and_capabilities_reach_the_row(load_text):
    fields = "preset: mistral, quirks: {strictTools: false}, capabilities: {'m-*': {sampling: false, maxOutput: 9}}"
    row = profile_of(loaded(load_text, fields).plan.backends["b"])
    assert (row.quirks.strict_tools, row.quirks.unknown_fields) == (False, False)
    assert (row.can("m-1").sampling, row.can("m-1").max_output) == (False, 9)


def test_a_form_may_be_written_in_two_places_if_they_agree(load_text):
    text = "backends:\n- {name: b, preset: groq}\n- {name: p, type: pool, backends: [{name: b, preset: %s}]}"
    assert load_text(text % "groq").errors == ()
    assert load_text(text % "mistral").errors[0].code == "two_values"
