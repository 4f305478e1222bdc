import importlib.util

import pytest

from llmgw_middleware.transport import aws_keys
from llmgw_middleware.transport.aws_keys import key_source, missing_key, written_key
from llmgw_middleware.transport.port import NoCredential
from llmgw_middleware.transport.sigv4 import AwsKey

ENV = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}
BOTOCORE = importlib.util.find_spec("botocore") is not None


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("AKID:secret/x+y", AwsKey(id="AKID", secret="secret/x+y")),
        ("AKID:secret:to:ken", AwsKey(id="AKID", secret="secret", token="to:ken")),
    ],
)
def test_a_key_may_be_written_with_its_secret_and_token(text, key):
    assert written_key(text) == key


@pytest.mark.parametrize("text", ["AKID", "", ":xyzzy", "AKID:"])
def test_half_a_key_is_refused_without_being_shown(text):
    with pytest.raises(ValueError, match="id:secret") as caught:
        written_key(text)
    assert text == "" or text not in str(caught.value)


def test_a_written_key_comes_before_the_environment():
    assert key_source("A:b", ENV)() == AwsKey(id="A", secret="b")


def test_the_environment_has_a_key_without_botocore(monkeypatch):
    monkeypatch.setattr(aws_keys, "find_spec", lambda _: None)
    assert key_source(None, ENV)() == AwsKey(id="AKID", secret="s", token="t")


def test_no_key_from_anywhere_is_told(monkeypatch):
    monkeypatch.setattr(aws_keys, "find_spec", lambda _: None)
    assert "llmgw-middleware[bedrock]" in (missing_key({}) or "")
    assert missing_key(ENV) is None
    with pytest.raises(NoCredential, match=r"llmgw-middleware\[bedrock\]"):
        key_source(None, {})()


@pytest.mark.skipif(not BOTOCORE, reason="botocore, of the extra bedrock, is not installed")
def test_botocores_chain_is_asked(monkeypatch, tmp_path):
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id = AKFILE\naws_secret_access_key = s2\n")
    for name in (*ENV, "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert key_source(None, {})() == AwsKey(id="AKFILE", secret="s2")
