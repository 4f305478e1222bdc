"""Data URLs, efforts, schemas, sizes, terms, and bodies that are read field by field."""

from __future__ import annotations

import msgspec
import pytest

from llmgw_middleware.dialect.chat import (
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    Part,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from llmgw_middleware.dialect.chat_size import measured
from llmgw_middleware.dialect.data_url import data_url, split_data_url
from llmgw_middleware.dialect.effort import BUDGETS, effort_of
from llmgw_middleware.dialect.end_user import opaque_id
from llmgw_middleware.dialect.provider import profile_of
from llmgw_middleware.dialect.schema_limits import worded
from llmgw_middleware.dialect.terms import MOST_KNOWN, TermsOf
from llmgw_middleware.dialect.unread import Unread
from llmgw_middleware.errors import BadRequest
from llmgw_middleware.model.backend import Backend, Secret


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("data:image/PNG;base64,aGk=", ("image/png", "aGk=")),
        ("data:text/plain;charset=utf-8;base64,aGk=", ("text/plain", "aGk=")),
        ("data:;base64,aGk=", ("text/plain", "aGk=")),
    ],
)
def test_a_data_url_is_split(url, found):
    assert split_data_url(url, "x") == found


@pytest.mark.parametrize("url", ["data:image/png,abc", "data:image/png;base64", "data:"])
def test_a_data_url_without_base64_is_refused_by_its_place(url):
    with pytest.raises(BadRequest) as caught:
        split_data_url(url, "messages.0.content.0.image_url.url")
    assert caught.value.param == "messages.0.content.0.image_url.url"


def test_a_data_url_is_made():
    assert data_url("image/png", "aGk=") == "data:image/png;base64,aGk="


@pytest.mark.parametrize("effort", ["low", "medium", "high", "xhigh"])
def test_an_effort_comes_back_from_its_budget(effort):
    assert effort_of(BUDGETS[effort]) == effort


def test_no_budget_is_no_effort():
    assert effort_of(0) == "none"


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def test_what_a_schema_lacks_is_said_at_every_depth():
    inner = {"type": "string", "maxLength": 3}
    schema = {
        "type": "array",
        "items": {"anyOf": [inner, {"type": "null"}]},
        "minItems": 2,
        "$defs": {"x": inner},
    }
    said = {"type": "string", "description": "{maxLength: 3}"}
    assert worded(raw(schema), "s") == {
        "type": "array",
        "items": {"anyOf": [said, {"type": "null"}]},
        "$defs": {"x": said},
        "description": "{minItems: 2}",
    }


def test_an_open_object_stays_as_it_says():
    assert worded(raw({"type": "object", "additionalProperties": True}), "s")["additionalProperties"] is True
    assert worded(raw({"type": "object"}), "s")["additionalProperties"] is False


@pytest.mark.parametrize("schema", [5, [], "x"])
def test_what_is_no_schema_is_refused(schema):
    with pytest.raises(BadRequest):
        worded(raw(schema), "s")


def test_a_person_has_one_name_per_backend_and_none_that_tells_who():
    name = opaque_id("ann@example.org", b"one")
    assert name == opaque_id("ann@example.org", b"one") != opaque_id("ann@example.org", b"two")
    assert "ann" not in name


def test_a_request_is_measured_without_its_base64():
    parts: list[Part] = [
        TextPart("é"),
        ImagePart(media_type="image/png", data="x" * 1000),
        FilePart(data="x" * 1000),
        FilePart(text="abc"),
        AudioPart("x" * 1000, "wav"),
        ToolResult(id="1", parts=[TextPart("ab"), ImagePart(url="https://a.example")]),
    ]
    request = ChatRequest(
        system=[TextPart("abcd")],
        turns=[
            Turn(role="user", parts=parts, at="messages.0"),
            Turn(role="assistant", parts=[ToolCall(id="1", name="f", arguments="{}")], at="messages.1"),
        ],
        tools=[Tool(name="f", description="dd", schema=msgspec.Raw(b"{}"))],
    )
    assert measured(request) == (4 + 2 + 3 + 2 + 3 + 5, 3, 2, 1, 1)


def terms_of(**more: object) -> TermsOf:
    backend = Backend(name="b", provider="anthropic", api_keys=(Secret("sk-1"),), **more)  # type: ignore[arg-type] # by name
    return TermsOf(backend, profile_of(backend))


def test_terms_tell_what_the_backend_says_and_the_route_over_it():
    terms = terms_of(max_tokens=5, on_unsupported="drop")
    assert (terms("m", None).on_unsupported, terms("m", "error").on_unsupported) == ("drop", "error")
    assert (terms("m", None).max_tokens, terms("m", None).version) == (5, "2023-06-01")


def test_terms_are_made_once_for_each_model_and_show_no_secret():
    terms = terms_of()
    assert terms("m", None) is terms("m", None)
    assert "sk-1" not in repr(terms) + repr(terms("m", None))
    for number in range(MOST_KNOWN + 5):
        terms(f"m{number}", None)
    assert terms("m", None) == terms("m", None)


def unread(**fields: object) -> Unread:
    return Unread({name: raw(value) for name, value in fields.items()})


def test_what_nobody_takes_is_left_with_its_path():
    body = unread(a=1, b={"c": 2, "d": None}, e=None)
    left: dict[str, msgspec.Raw] = {}
    inner = body.object("b")
    assert inner is not None
    inner.left(left)
    body.left(left)
    assert left == {"b.c": raw(2), "a": raw(1)}


@pytest.mark.parametrize(
    ("value", "take"),
    [
        (5, lambda body: body.text("x")),
        ("", lambda body: body.needed("x")),
        ("5", lambda body: body.whole("x")),
        (True, lambda body: body.whole("x")),
        (0, lambda body: body.whole("x", least=1)),
        (True, lambda body: body.number("x")),
        (1, lambda body: body.flag("x")),
        ([1], lambda body: body.strings("x")),
        ([], lambda body: body.object("x")),
        ({}, lambda body: body.items("x")),
        ([1], lambda body: body.objects("x")),
    ],
)
def test_a_value_of_another_kind_is_refused_by_its_name(value, take):
    with pytest.raises(BadRequest) as caught:
        take(unread(x=value))
    assert (caught.value.param or "").startswith("x")


def test_numbers_keep_their_kind():
    assert [repr(unread(x=value).number("x")) for value in (1, 1.0)] == ["1", "1.0"]
    assert unread(x=4.0).whole("x") == 4


@pytest.mark.parametrize(("body", "code"), [(b"[" * 3000, "json_too_deep"), (b'"\xff"', "invalid_json")])
def test_what_cannot_be_read_is_told_apart(body, code):
    with pytest.raises(BadRequest) as caught:
        Unread({"x": msgspec.Raw(body)}).value("x")
    assert caught.value.error_code == code
