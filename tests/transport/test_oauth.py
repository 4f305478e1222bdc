import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest

from llmgw_middleware.testing.upstream import ScriptedUpstream, answer
from llmgw_middleware.transport.oauth import entra_tokens, google_tokens
from llmgw_middleware.transport.port import NoCredential

GRANTED = answer(200, json={"access_token": "tok", "expires_in": 3600})


@pytest.fixture
def provider() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as up:
        up.default(GRANTED)
        yield up


def form(up: ScriptedUpstream) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(up.requests[0].body.decode()).items()}


def account(tmp_path: Any, **fields: Any) -> dict[str, str]:
    file = tmp_path / "account.json"
    file.write_text(json.dumps(fields))
    return {"GOOGLE_APPLICATION_CREDENTIALS": str(file)}


def test_a_users_file_of_google_is_exchanged_for_a_token(provider, tmp_path):
    env = account(
        tmp_path, type="authorized_user", token_uri=f"{provider.url}/token", client_id="c", client_secret="s", refresh_token="r"
    )  # fmt: skip
    token = google_tokens(env)()
    assert (token.text, form(provider)) == (
        "tok",
        {"grant_type": "refresh_token", "client_id": "c", "client_secret": "s", "refresh_token": "r"},
    )


def test_without_a_file_the_metadata_server_is_asked(provider, tmp_path):
    env = {"HOME": str(tmp_path), "GCE_METADATA_HOST": provider.url.removeprefix("http://")}
    assert google_tokens(env)().text == "tok"
    seen = provider.requests[0]
    assert seen.path.endswith("/service-accounts/default/token")
    assert (b"metadata-flavor", b"Google") in seen.headers


def test_the_file_of_the_cloud_tools_is_found(provider, tmp_path):
    folder = tmp_path / ".config/gcloud"
    folder.mkdir(parents=True)
    fields = {"type": "authorized_user", "token_uri": f"{provider.url}/token"}
    (folder / "application_default_credentials.json").write_text(json.dumps(fields))
    assert google_tokens({"HOME": str(tmp_path)})().text == "tok"


def test_entra_is_asked_for_an_applications_token(provider):
    env = {
        "AZURE_TENANT_ID": "t",
        "AZURE_CLIENT_ID": "c",
        "AZURE_CLIENT_SECRET": "s",
        "AZURE_AUTHORITY_HOST": provider.url,
    }
    assert entra_tokens(env)().text == "tok"
    assert provider.requests[0].path == "/t/oauth2/v2.0/token"
    assert form(provider)["scope"] == "https://cognitiveservices.azure.com/.default"


def test_without_an_application_the_managed_identity_is_asked(provider):
    assert entra_tokens({"AZURE_POD_IDENTITY_AUTHORITY_HOST": provider.url})().text == "tok"
    assert (b"metadata", b"true") in provider.requests[0].headers


@pytest.mark.parametrize(
    "play",
    [answer(401, json={"error": "invalid_client", "secret": "s3cr3t"}), answer(200, json={"no": "token"}), answer(200, json={"access_token": "a\nb"})],
    ids=["refused", "no token", "an odd token"],
)  # fmt: skip
def test_no_token_is_told_without_the_providers_words(provider, play):
    provider.script(play)
    with pytest.raises(NoCredential) as caught:
        entra_tokens({"AZURE_POD_IDENTITY_AUTHORITY_HOST": provider.url})()
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "says"),
    [({"type": "external_account"}, "cannot be used"), ({}, "cannot be used")],
)
def test_a_file_of_another_kind_is_refused(tmp_path, fields, says):
    with pytest.raises(NoCredential, match=says):
        google_tokens(account(tmp_path, **fields))()


def test_a_file_that_is_named_and_missing_is_told(tmp_path):
    with pytest.raises(NoCredential, match="is no file"):
        google_tokens({"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "none.json")})()


def test_a_file_that_is_no_json_is_told(tmp_path):
    file = tmp_path / "x.json"
    file.write_text("{")
    with pytest.raises(NoCredential, match="cannot be read"):
        google_tokens({"GOOGLE_APPLICATION_CREDENTIALS": str(file)})()
