import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.config.address import Address, address, looks_like_address, path_pattern, path_prefix
from llmgw_middleware.model.route import PathTest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("chat-service:8001", Address("http://chat-service:8001", bare=True)),
        ("http://a", Address("http://a", bare=True)),
        ("https://a.b:8443/", Address("https://a.b:8443", bare=True)),
        ("https://a/v1/", Address("https://a/v1", bare=False)),
        ("HTTP://a/v1", Address("http://a/v1", bare=False)),
        ("[::1]:9000", Address("http://[::1]:9000", bare=True)),
    ],
)
def test_an_address_is_a_url_without_a_trailing_slash(text, expected):
    assert address(text) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ftp://a", "starts with http"),
        ("http://", "names a host"),
        ("http://user:hunter2@a/v1", "no user and password"),
        ("http://a?x=1", "no query"),
        ("http://a#x", "no query"),
        ("http://a:99999", "port is a number"),
        ("http://a:x", "port is a number"),
        ("http://a b", "names a host"),
        ("http://a/${X}", "names a host"),
    ],
)
def test_what_is_no_address_is_refused_without_showing_it(text, says):
    with pytest.raises(ValueError, match=says) as caught:
        address(text)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["chat-service:8001", "127.0.0.1:80", "[::1]:80", "http://x", "a:1"])
def test_an_address_is_told_from_a_name(name):
    assert looks_like_address(name)


@pytest.mark.parametrize("name", ["gpt-4", "openai", "eu:west", "a:", ":80", "a b:80", "llm-pool"])
def test_a_name_is_told_from_an_address(name):
    assert not looks_like_address(name)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("/v1/chat", "exact", "/v1/chat"),
        ("/v1/chat/", "exact", "/v1/chat/"),
        ("/api/chat/*", "prefix", "/api/chat"),
        ("/*", "prefix", ""),
        ("/caf\u00e9/%C3%A9", "exact", "/caf%C3%A9/%C3%A9"),
        ("/models/{m}:go", "exact", "/models/%7Bm%7D:go"),
    ],
)
def test_a_path_is_exact_or_a_prefix(text, kind, value):
    assert path_pattern(text) == PathTest(kind=kind, value=value)


@pytest.mark.parametrize("text", ["/api/chat", "/api/chat/"])
def test_a_trailing_slash_of_a_prefix_is_ignored(text):
    assert path_prefix(text) == PathTest(kind="prefix", value="/api/chat")


@pytest.mark.parametrize(
    "text", ["", "v1", "/a/*/b", "/a*", "*", "/a/../b", "/a/.", "/a;b", "/a%2Fb", "/a\\b", "/a b", "/a#b"]
)
def test_a_path_that_can_never_match_is_refused(text):
    with pytest.raises(ValueError, match="path"):
        path_pattern(text)


@given(st.lists(st.text("abz019-_.~", min_size=2), min_size=1, max_size=4))
def test_plain_segments_stay_as_they_are(segments):
    text = "/" + "/".join(f"x{segment}" for segment in segments)
    assert path_pattern(text).value == text
    assert path_pattern(text + "/*").value == text
