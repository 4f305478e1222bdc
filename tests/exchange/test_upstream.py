import pytest

from llmgw_middleware.dialect.port import Asked, Operation, Outgoing
from llmgw_middleware.exchange.upstream import Upstream
from llmgw_middleware.model.backend import Backend, Secret
from llmgw_middleware.model.http import Request

CHAT = Outgoing(path="/chat/completions", headers=((b"content-type", b"application/json"),), body=b"{}")
RAW = Outgoing(path="", headers=(), body=b"")

# url, bare, operation, the caller's path and query, rewrite, the address that is called
ADDRESSES = {
    "the operation goes below the backend's path": (
        "https://api.example/v1", False, Operation.CHAT, "/llm/chat/completions", b"beta=true", None,
        "https://api.example/v1/chat/completions",
    ),
    "a bare backend gets the caller's path and query": (
        "http://chat-service:8001", True, Operation.CHAT, "/api/chat/x", b"a=1&b=2", None, "http://chat-service:8001/api/chat/x?a=1&b=2",
    ),
    "what no URL may hold in a query is encoded": (
        "http://chat:8001", True, Operation.CHAT, "/v1/x", b"a=%ff&b=\xc3\xa9 \r\n", None, "http://chat:8001/v1/x?a=%ff&b=%C3%A9%20%0D%0A",
    ),
    "an opaque path that begins like the backend's is not doubled": (
        "https://api.example/v1", False, Operation.OPAQUE, "/v1/audio/speech", b"", None, "https://api.example/v1/audio/speech",
    ),
    "another opaque path goes below the backend's": (
        "https://api.example/v1", False, Operation.OPAQUE, "/audio/speech", b"", None, "https://api.example/v1/audio/speech",
    ),
    "a path that only looks alike is not taken for the backend's": (
        "https://api.example/v1", False, Operation.OPAQUE, "/v1beta/x", b"", None, "https://api.example/v1/v1beta/x",
    ),
    "a rewritten path stands on the origin": (
        "https://api.example/v1", False, Operation.CHAT, "/v1/chat/completions", b"", "/v2/chat", "https://api.example/v2/chat",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ADDRESSES.values(), ids=ADDRESSES)
def test_the_address_comes_from_the_configuration(case):
    url, bare, operation, path, query, rewrite, called = case
    upstream = Upstream(Backend(name="b", url=url, bare=bare))
    request = Request(method="POST", path=path, query=query)
    outgoing = RAW if operation is Operation.OPAQUE else CHAT
    assert upstream.call(outgoing, request, operation=operation, rewrite_path=rewrite).url == called


def test_the_credential_is_sent_and_nothing_of_the_callers():
    upstream = Upstream(
        Backend(name="b", provider="openai", url="https://api.example/v1", api_keys=(Secret("sk-1"),))
    )
    caller = ((b"cookie", b"sessionid=1"), (b"authorization", b"Bearer host"), (b"x-csrftoken", b"t"))
    request = Request(method="POST", path="/v1/chat/completions", headers=caller)
    headers = dict(upstream.call(CHAT, request, operation=Operation.CHAT, rewrite_path=None).headers)
    assert headers[b"authorization"] == b"Bearer sk-1"
    assert not {b"cookie", b"x-csrftoken"} & set(headers)


def test_a_configured_header_comes_before_the_usual_ones():
    own = (
        ("Authorization", "Basic abc"),
        ("OpenAI-Organization", "org-1"),
        ("Content-Type", "application/x"),
    )
    upstream = Upstream(
        Backend(name="b", url="https://api.example/v1", api_keys=(Secret("sk-1"),), headers=own)
    )
    headers = upstream.call(
        CHAT, Request(method="POST", path="/"), operation=Operation.CHAT, rewrite_path=None
    ).headers
    named = [
        value
        for name, value in headers
        if name in {b"authorization", b"content-type", b"openai-organization"}
    ]
    assert sorted(named) == [b"Basic abc", b"application/x", b"org-1"]


def test_an_upstream_tells_its_address_and_never_its_key():
    assert repr(Upstream(Backend(name="b", url="https://api.example/v1", api_keys=(Secret("sk-1"),)))) == (
        "<Upstream b at https://api.example/v1>"
    )


@pytest.mark.parametrize(
    ("keys", "path", "called"),
    [
        ({}, "/models", "https://r/v1/models"),
        ({}, "/health", "https://r/v1/health"),
        ({"quirks": {"models_path": "/v2/models"}}, "/models", "https://r/v1/v2/models"),
        (
            {"provider": "azure", "api_version": "2024-10-21"},
            "/models",
            "https://r/v1/openai/models?api-version=2024-10-21",
        ),
    ],
)
def test_a_health_check_asks_where_models_are_listed(keys, path, called):
    assert Upstream(Backend(name="b", url="https://r/v1", **keys)).check_call(path).url == called


def test_an_azure_backend_is_called_by_its_deployment_and_key():
    upstream = Upstream(
        Backend(
            name="b", provider="azure", url="https://r", api_version="2024-10-21", api_keys=(Secret("k-1"),)
        )
    )
    talk = upstream.conversation(Operation.CHAT)
    outgoing = talk.outgoing(Asked(fields={}, raw=b"{}", model="gpt-4o"))
    call = upstream.call(
        outgoing,
        Request(method="POST", path="/v1/chat/completions"),
        operation=Operation.CHAT,
        rewrite_path=None,
    )
    assert call.url == "https://r/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
    assert dict(call.headers)[b"api-key"] == b"k-1"
    assert b"authorization" not in dict(call.headers)


async def test_calls_to_amazon_are_signed_for_their_region():
    upstream = Upstream(
        Backend(
            name="b", provider="bedrock", api="mantle", region="eu-west-1", url="https://m/openai/v1",
            auth="sigv4", api_keys=(Secret("AKID:secret"),),
        )
    )  # fmt: skip
    (credential,) = upstream.credentials
    assert credential is not None
    sent = await credential.authorize(upstream.check_call("/models"))
    proof = dict(sent.headers)[b"authorization"]
    assert b"/eu-west-1/bedrock-mantle/aws4_request" in proof
    assert b"secret" not in b"".join(value for _, value in sent.headers)


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"provider": "gemini", "project": "p"}, "<Bearing <Kept nothing yet>>"),
        ({"provider": "azure", "auth": "oauth"}, "<Bearing <Kept nothing yet>>"),
        ({"provider": "gemini", "project": "p", "api_keys": (Secret("t"),)}, "None"),
        ({"provider": "openai"}, "None"),
    ],
)
def test_tokens_are_fetched_where_no_key_is_given(keys, text):
    assert repr(Upstream(Backend(name="b", url="https://m/v1", **keys)).credentials[0]) == text


def test_a_key_that_amazon_could_not_use_is_told_at_once():
    with pytest.raises(ValueError, match="id:secret"):
        Upstream(
            Backend(name="b", provider="bedrock", url="https://m", auth="sigv4", api_keys=(Secret("x"),))
        )
