import pytest

from llmgw_middleware.dialect.presets import PRESETS
from llmgw_middleware.dialect.provider import APIS, PROFILES, filled, places, profile_of
from llmgw_middleware.dialect.quirks import Quirks, named
from llmgw_middleware.model.backend import Backend, Secret

# a backend's keys, and of its row: dialect, address, authentication
FORMS = {
    "openai": ({"provider": "openai"}, "openai", "https://api.openai.com/v1", "bearer"),
    "openai by responses": ({"provider": "openai", "api": "responses"}, "responses", "https://api.openai.com/v1", "bearer"),
    "anthropic": ({"provider": "anthropic"}, "anthropic", "https://api.anthropic.com/v1", "header:x-api-key"),
    "anthropic by bearer": (
        {"provider": "anthropic", "auth": "bearer"}, "anthropic", "https://api.anthropic.com/v1", "bearer",
    ),
    "gemini": (
        {"provider": "gemini"}, "gemini", "https://generativelanguage.googleapis.com/v1beta", "header:x-goog-api-key",
    ),
    "gemini of another version": (
        {"provider": "gemini", "api_version": "v1"}, "gemini", "https://generativelanguage.googleapis.com/v1",
        "header:x-goog-api-key",
    ),
    "vertex": (
        {"provider": "gemini", "project": "p-1"}, "gemini",
        "https://aiplatform.googleapis.com/v1beta1/projects/p-1/locations/global/publishers/google", "oauth",
    ),
    "vertex in one place": (
        {"provider": "gemini", "project": "p-1", "location": "us-central1"}, "gemini",
        "https://us-central1-aiplatform.googleapis.com/v1beta1/projects/p-1/locations/us-central1/publishers/google", "oauth",
    ),
    "bedrock": (
        {"provider": "bedrock", "region": "eu-west-1"}, "converse", "https://bedrock-runtime.eu-west-1.amazonaws.com", "sigv4",
    ),
    "bedrock with a key": (
        {"provider": "bedrock", "region": "eu-west-1", "api_keys": (Secret("k"),)}, "converse",
        "https://bedrock-runtime.eu-west-1.amazonaws.com", "bearer",
    ),
    "mantle for OpenAI's dialect": (
        {"provider": "bedrock", "region": "us-east-1", "api": "mantle", "model": "openai.gpt-oss-120b"}, "openai",
        "https://bedrock-mantle.us-east-1.api.aws/openai/v1", "sigv4",
    ),
    "mantle for Claude": (
        {"provider": "bedrock", "region": "us-east-1", "api": "mantle", "models": {"c": "anthropic.claude-opus-4-8"}},
        "anthropic", "https://bedrock-mantle.us-east-1.api.aws/anthropic/v1", "sigv4",
    ),
    "a preset": ({"preset": "groq"}, "openai", "https://api.groq.com/openai/v1", "bearer"),
    "a preset with an account": (
        {"preset": "cloudflare", "project": "acc"}, "openai", "https://api.cloudflare.com/client/v4/accounts/acc/ai/v1",
        "bearer",
    ),
    "a mock that speaks Messages": (
        {"provider": "mock", "api": "messages"}, "anthropic", "http://127.0.0.1:9000/v1", "header:x-api-key",
    ),
    "a mock that speaks Gemini": (
        {"provider": "mock", "api": "gemini"}, "gemini", "http://127.0.0.1:9000/v1beta", "header:x-goog-api-key",
    ),
    "a mock that speaks Converse": ({"provider": "mock", "api": "converse"}, "converse", "http://127.0.0.1:9000", "bearer"),
}  # fmt: skip


@pytest.mark.parametrize("case", FORMS.values(), ids=FORMS)
def test_a_backend_has_one_form(case):
    keys, dialect, url, auth = case
    backend = Backend(name="b", **keys)
    row = profile_of(backend)
    known = {name: getattr(backend, name) for name in places(row.url or "")}
    assert (row.dialect, filled(row.url or "", known), row.auth) == (dialect, url, auth)


def test_azures_path_names_no_deployment_in_its_newer_form():
    row = profile_of(Backend(name="b", provider="azure"))
    assert (row.base, row.path("/chat/completions", "gpt-5")) == ("/openai/v1", "/chat/completions")


@pytest.mark.parametrize(("deployment", "named"), [(None, "my%20gpt"), ("d-1", "d-1")])
def test_azures_older_form_names_a_deployment_and_a_date(deployment, named):
    row = profile_of(Backend(name="b", provider="azure", api_version="2024-10-21", deployment=deployment))
    assert (row.base, row.path("/embeddings", "my gpt")) == (
        "",
        f"/openai/deployments/{named}/embeddings?api-version=2024-10-21",
    )


def test_a_deployment_without_any_name_is_no_address():
    row = profile_of(Backend(name="b", provider="azure", api_version="2024-10-21"))
    with pytest.raises(ValueError, match="its name or a model"):
        row.path("/chat/completions", None)


def test_mantle_is_signed_as_a_service_of_its_own():
    assert profile_of(Backend(name="b", provider="bedrock", api="mantle")).signs_as == "bedrock-mantle"
    assert profile_of(Backend(name="b", provider="bedrock")).signs_as == "bedrock"


def test_a_configured_version_is_pinned():
    assert not profile_of(Backend(name="b", provider="anthropic")).pinned
    row = profile_of(Backend(name="b", provider="anthropic", api_version="2026-10-21"))
    assert (row.version, row.pinned) == ("2026-10-21", True)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_makes_a_row(name):
    row = profile_of(Backend(name="b", preset=name))
    assert (row.dialect, row.url, row.quirks) == ("openai", PRESETS[name].url, PRESETS[name].quirks)


def test_single_quirks_are_laid_over_the_presets():
    row = profile_of(Backend(name="b", preset="deepseek", quirks={"responses": False}))
    assert (row.quirks.responses, row.quirks.max_tokens_field) == (False, "max_tokens")


def test_every_provider_with_several_interfaces_takes_each_of_them():
    for name, apis in APIS.items():
        for api in apis:
            assert profile_of(Backend(name="b", provider=name, api=api)).name in PROFILES


def test_every_quirk_has_the_name_of_the_configuration():
    from llmgw_middleware.config.words.quirks import QuirksWord

    assert set(named(Quirks())) == set(QuirksWord.names)
    assert named(Quirks(developer_role=False))["developerRole"] is False
