import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.dialect.openai import OpenAIChat
from llmgw_middleware.dialect.port import Asked, Operation
from llmgw_middleware.dialect.provider import Profile, profile, profile_of
from llmgw_middleware.dialect.registry import conversation
from llmgw_middleware.model.backend import Backend
from tests.dialect.talk import means_of

SYSTEM = {"role": "developer", "content": "Be brief."}
PARTS = {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
IMAGE = {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "data:,"}}]}  # fmt: skip
TOOL = {"type": "function", "function": {"name": "f", "strict": True, "parameters": {"x": 1.50}}}
PLAIN_TOOL = {"type": "function", "function": {"name": "f", "parameters": {"x": 1.50}}}


def row(**quirks: str | bool) -> Profile:
    return profile_of(
        Backend(name="b", provider="openai-compatible", quirks={"developer_role": True, **quirks})
    )


def sent(row: Profile, body: dict[str, object], model: str | None = None) -> object:
    raw = json.dumps(body).encode()
    fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    outgoing = OpenAIChat(row, ask_usage=False).outgoing(Asked(fields=fields, raw=raw, model=model))
    return json.loads(outgoing.body)


# the row, what the caller sent, what goes out
CASES = {
    "max_tokens is the only name": (
        row(max_tokens_field="max_tokens"), {"max_completion_tokens": 5}, {"max_tokens": 5},
    ),
    "max_completion_tokens is the only name": (
        row(max_tokens_field="max_completion_tokens"), {"max_tokens": 5}, {"max_completion_tokens": 5},
    ),
    "of two limits the newer name counts": (
        row(max_tokens_field="max_tokens"), {"max_tokens": 9, "max_completion_tokens": 5}, {"max_tokens": 5},
    ),
    "no developer role": (
        row(developer_role=False), {"messages": [SYSTEM]}, {"messages": [{"role": "system", "content": "Be brief."}]},
    ),
    "a word developer in a text is left alone": (
        row(developer_role=False), {"messages": [{"role": "user", "content": '"developer"'}]},
        {"messages": [{"role": "user", "content": '"developer"'}]},
    ),
    "no lists of parts": (
        row(content_list=False), {"messages": [PARTS]}, {"messages": [{"role": "user", "content": "a\nb"}]},
    ),
    "a list with an image stays a list": (row(content_list=False), {"messages": [IMAGE]}, {"messages": [IMAGE]}),
    "no strict functions": (row(strict_tools=False), {"tools": [TOOL]}, {"tools": [PLAIN_TOOL]}),
    "no hints": (
        row(unknown_fields=False), {"user": "u", "store": False, "top_p": 1, "stream_options": {}}, {"top_p": 1},
    ),
    "what changes the answer stays and is refused up there": (
        row(unknown_fields=False), {"store": True, "logit_bias": {}}, {"store": True, "logit_bias": {}},
    ),
    "without quirks nothing changes": (row(), {"messages": [SYSTEM, PARTS], "tools": [TOOL], "max_tokens": 1, "x": 1.50},
        {"messages": [SYSTEM, PARTS], "tools": [TOOL], "max_tokens": 1, "x": 1.50},
    ),
    "what cannot be read is left to the upstream": (
        row(developer_role=False, strict_tools=False), {"messages": '"developer"', "tools": '"strict"'},
        {"messages": '"developer"', "tools": '"strict"'},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_quirk_changes_what_it_is_about(case):
    profile, body, wanted = case
    assert sent(profile, body) == wanted


@pytest.mark.parametrize(
    ("model", "name"),
    [("o3-mini", "max_completion_tokens"), ("gpt-5.2", "max_completion_tokens"), ("gpt-4o", "max_tokens")],
)
def test_reasoning_models_of_openai_get_the_newer_name_of_the_limit(model, name):
    assert sent(profile("openai"), {"model": model, "max_tokens": 7}, model) == {"model": model, name: 7}


def test_other_servers_get_the_limit_as_it_was_sent():
    assert sent(row(), {"model": "gpt-5", "max_tokens": 7}, "gpt-5") == {"model": "gpt-5", "max_tokens": 7}


def test_the_path_of_a_deployment_names_the_model_that_is_sent():
    azure = profile_of(Backend(name="b", provider="azure", api_version="2024-10-21"))
    outgoing = OpenAIChat(azure, ask_usage=True).outgoing(Asked(fields={}, raw=b"", model="gpt-4o"))
    assert outgoing.path == "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["messages", "tools", "max_tokens", "user", "x"]), JSON))
def test_no_request_can_break_the_rewriting(body):
    every = row(
        max_tokens_field="max_tokens",
        developer_role=False,
        content_list=False,
        strict_tools=False,
        unknown_fields=False,
    )
    assert isinstance(sent(every, body), dict)


def test_a_plain_address_gets_what_the_caller_wrote():
    talk = conversation(
        Operation.CHAT, row(developer_role=False), bare=True, means=means_of(profile("openai"))
    )
    fields = {"messages": msgspec.Raw(b'[ {"role": "developer"} ]')}
    assert talk is not None
    assert talk.outgoing(Asked(fields=fields, raw=b"")).body == b'{"messages":[ {"role": "developer"} ]}'
