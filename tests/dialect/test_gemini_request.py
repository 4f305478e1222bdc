import json
from typing import Any

import msgspec
import pytest

from llmgw_middleware.dialect.adjust import Unsupported
from llmgw_middleware.dialect.chat import (
    AudioPart,
    CarrierPart,
    ChatRequest,
    FilePart,
    ImagePart,
    Reasoning,
    ResponseFormat,
    TextPart,
    ThinkingPart,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from llmgw_middleware.dialect.chat_port import Terms, Written
from llmgw_middleware.dialect.gemini_request import write_request
from llmgw_middleware.errors import BadRequest
from tests.dialect.chat_events import asked

FLASH, GEMINI_3 = "gemini-2.5-flash", "gemini-3-flash-preview"
SCHEMA = msgspec.Raw(b'{"type":"object","properties":{"x":{"minimum":1.50}}}')
CALL = ToolCall(id="call_1", name="f", arguments='{"big":12345678901234567890}')


def written(request: ChatRequest, model: str = FLASH, **terms: Any) -> Written:
    return write_request(request, Terms(model=model, **terms))


def body(request: ChatRequest, model: str = FLASH, **terms: Any) -> Any:
    return json.loads(written(request, model, **terms).body)


def user(*parts: Any) -> Turn:
    return Turn(role="user", parts=parts, at="messages.0")


def model(*parts: Any) -> Turn:
    return Turn(role="assistant", parts=parts, at="messages.1")


def contents(*turns: Turn, name: str = FLASH) -> Any:
    return body(ChatRequest(turns=turns), name)["contents"]


@pytest.mark.parametrize(
    ("stream", "path"),
    [
        (False, "/models/gemini-2.5-flash:generateContent"),
        (True, "/models/gemini-2.5-flash:streamGenerateContent?alt=sse"),
    ],
)
def test_a_stream_is_another_method(stream, path):
    assert written(asked(stream=stream)).path == path


def test_a_model_in_a_path_is_encoded():
    assert written(asked(), "models/my/tuned model").path == "/models/my%2Ftuned%20model:generateContent"


def test_a_request_without_a_model_cannot_be_addressed():
    with pytest.raises(BadRequest) as caught:
        write_request(asked(), Terms(model=None))
    assert caught.value.param == "model"


# the canonical request's fields, the model, the part of the body
FIELDS = {
    "a limit": ({"max_tokens": 9}, FLASH, {"generationConfig": {"maxOutputTokens": 9}}),
    "sampling": (
        {"temperature": 1.5, "top_p": 0.5, "top_k": 4, "seed": 3, "frequency_penalty": 1, "presence_penalty": -1}, FLASH,
        {"generationConfig": {"temperature": 1.5, "topP": 0.5, "topK": 4, "seed": 3, "frequencyPenalty": 1, "presencePenalty": -1}},
    ),
    "several answers": ({"n": 3}, FLASH, {"generationConfig": {"candidateCount": 3}}),
    "stops": ({"stop": ["a", "b"]}, FLASH, {"generationConfig": {"stopSequences": ["a", "b"]}}),
    "log probabilities": (
        {"logprobs": True, "top_logprobs": 2}, FLASH, {"generationConfig": {"responseLogprobs": True, "logprobs": 2}},
    ),
    "any JSON": (
        {"response_format": ResponseFormat(kind="json_object")}, FLASH,
        {"generationConfig": {"responseMimeType": "application/json"}},
    ),
    "JSON of a schema": (
        {"response_format": ResponseFormat(kind="json_schema", schema=SCHEMA, name="n")}, FLASH,
        {"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": json.loads(bytes(SCHEMA))}},
    ),
    "an effort where budgets are wanted": (
        {"reasoning": Reasoning(effort="medium")}, FLASH,
        {"generationConfig": {"thinkingConfig": {"thinkingBudget": 4096, "includeThoughts": True}}},
    ),
    "no thinking": (
        {"reasoning": Reasoning(effort="none")}, FLASH,
        {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0, "includeThoughts": False}}},
    ),
    "more than Flash can think": (
        {"reasoning": Reasoning(effort="max")}, FLASH,
        {"generationConfig": {"thinkingConfig": {"thinkingBudget": 24576, "includeThoughts": True}}},
    ),
    "the most that Pro can think": (
        {"reasoning": Reasoning(budget=99999)}, "gemini-2.5-pro",
        {"generationConfig": {"thinkingConfig": {"thinkingBudget": 32768, "includeThoughts": True}}},
    ),
    "a budget where levels are wanted": (
        {"reasoning": Reasoning(budget=5000)}, GEMINI_3,
        {"generationConfig": {"thinkingConfig": {"thinkingLevel": "medium", "includeThoughts": True}}},
    ),
    "the most effort": (
        {"reasoning": Reasoning(effort="max", display="omitted")}, GEMINI_3,
        {"generationConfig": {"thinkingConfig": {"thinkingLevel": "high", "includeThoughts": False}}},
    ),
    "a tier": ({"service_tier": "flex"}, FLASH, {"serviceTier": "flex"}),
    "the default tier": ({"service_tier": "default"}, FLASH, {"serviceTier": "standard"}),
    "hints for a cache": ({"prompt_cache_key": "k"}, FLASH, {}),
    "instructions": (
        {"system": [TextPart("a"), TextPart(""), TextPart("b")]}, FLASH,
        {"systemInstruction": {"parts": [{"text": "a"}, {"text": "b"}]}},
    ),
    "a search of the web": ({"web_search": msgspec.Raw(b"{}")}, FLASH, {"tools": [{"googleSearch": {}}]}),
    "a function": (
        {"tools": [Tool(name="f", description="d", schema=SCHEMA, strict=True), Tool(name="g")]}, FLASH,
        {"tools": [{"functionDeclarations": [{"name": "f", "description": "d", "parametersJsonSchema": json.loads(bytes(SCHEMA))}, {"name": "g"}]}]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FIELDS.values(), ids=FIELDS)
def test_a_field_has_its_place(case):
    fields, name, wanted = case
    found = body(asked(**fields), name)
    assert {key: value for key, value in found.items() if key != "contents"} == wanted


@pytest.mark.parametrize(
    ("choice", "config", "declared"),
    [
        (ToolChoice(mode="auto"), {"mode": "AUTO"}, ["f", "g"]),
        (ToolChoice(mode="none"), {"mode": "NONE"}, ["f", "g"]),
        (ToolChoice(mode="required"), {"mode": "ANY"}, ["f", "g"]),
        (ToolChoice(mode="tool", name="g"), {"mode": "ANY", "allowedFunctionNames": ["g"]}, ["f", "g"]),
        (ToolChoice(mode="auto", allowed=["g"]), {"mode": "AUTO"}, ["g"]),
        (ToolChoice(mode="required", allowed=["g"]), {"mode": "ANY", "allowedFunctionNames": ["g"]}, ["g"]),
    ],
)
def test_which_tools_may_be_called(choice, config, declared):
    found = body(asked(tools=[Tool(name="f"), Tool(name="g")], tool_choice=choice))
    assert found["toolConfig"] == {"functionCallingConfig": config}
    assert [tool["name"] for tool in found["tools"][0]["functionDeclarations"]] == declared


# one turn's parts, and the parts of the content
PARTS = {
    "text": ([TextPart("a"), TextPart("")], [{"text": "a"}]),
    "an image as data": (
        [ImagePart(media_type="image/png", data="AA==")], [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}],
    ),
    "an image by its address": (
        [ImagePart(url="https://a.example/x.JPG?s=1")],
        [{"fileData": {"mimeType": "image/jpeg", "fileUri": "https://a.example/x.JPG?s=1"}}],
    ),
    "a document": (
        [FilePart(media_type="application/pdf", data="AA==", name="x")],
        [{"inlineData": {"mimeType": "application/pdf", "data": "AA=="}}],
    ),
    "a plain document": ([FilePart(text="words")], [{"text": "words"}]),
    "sound": ([AudioPart("AA==", "wav")], [{"inlineData": {"mimeType": "audio/wav", "data": "AA=="}}]),
}  # fmt: skip


@pytest.mark.parametrize("case", PARTS.values(), ids=PARTS)
def test_a_part_has_its_form(case):
    parts, wanted = case
    assert contents(user(*parts))[0] == {"role": "user", "parts": wanted}


def test_a_call_and_its_result_carry_id_name_and_untouched_numbers():
    found = written(
        ChatRequest(
            turns=[user(TextPart("q")), model(CALL), user(ToolResult(id="call_1", parts=[TextPart("r")]))]
        )
    ).body
    assert b'{"functionCall":{"id":"call_1","name":"f","args":{"big":12345678901234567890}}}' in found
    assert b'{"functionResponse":{"id":"call_1","name":"f","response":{"result":"r"}}}' in found


def test_a_failed_tool_is_told_as_an_error():
    found = contents(user(ToolResult(id="c", name="f", parts=[TextPart("no")], is_error=True)))
    assert found[0]["parts"][0]["functionResponse"]["response"] == {"error": "no"}


def test_results_come_first_in_their_turn_and_their_images_after_them():
    picture = ImagePart(media_type="image/png", data="AA==")
    found = contents(user(TextPart("look"), ToolResult(id="c", name="f", parts=[TextPart("r"), picture])))
    assert [next(iter(part)) for part in found[0]["parts"]] == ["functionResponse", "inlineData", "text"]


def test_roles_take_turns_and_instructions_from_the_middle_stay_there():
    system = Turn(role="system", parts=[TextPart("be brief")], at="messages.2")
    found = contents(
        user(TextPart("a")), user(TextPart("b")), model(TextPart("c")), system, user(TextPart("d"))
    )
    assert [(turn["role"], [part["text"] for part in turn["parts"]]) for turn in found] == [
        ("user", ["a", "b"]),
        ("model", ["c"]),
        ("user", ["be brief", "d"]),
    ]


def test_a_signature_comes_back_where_it_was():
    signed = ToolCall(id="c", name="f", signature="sig")
    found = contents(
        model(ThinkingPart("hm", "proof", "google"), ThinkingPart("", "end", "google"), signed), name=GEMINI_3
    )
    assert found[0]["parts"] == [
        {"text": "hm", "thought": True, "thoughtSignature": "proof"},
        {"text": "", "thoughtSignature": "end"},
        {"functionCall": {"id": "c", "name": "f", "args": {}}, "thoughtSignature": "sig"},
    ]


def test_the_first_of_unsigned_calls_gets_the_documented_placeholder_where_it_is_needed():
    found = contents(model(CALL, ToolCall(id="2", name="g")), name=GEMINI_3)[0]["parts"]
    assert [part.get("thoughtSignature") for part in found] == ["skip_thought_signature_validator", None]
    assert all("thoughtSignature" not in part for part in contents(model(CALL))[0]["parts"])


def test_what_another_maker_minted_is_left_out():
    found = contents(
        model(ThinkingPart("hm", "s", "anthropic"), CarrierPart("xx", "anthropic"), TextPart("a"))
    )
    assert found == [{"role": "model", "parts": [{"text": "a"}]}]


@pytest.mark.parametrize("given", ["[1]", "{", '"x"'])
def test_arguments_that_are_no_object_are_refused(given):
    with pytest.raises(BadRequest) as caught:
        contents(model(ToolCall(id="c", name="f", arguments=given)))
    assert caught.value.error_code == "bad_arguments"


def test_a_result_of_no_call_is_refused():
    with pytest.raises(BadRequest, match="no message before it makes"):
        contents(user(ToolResult(id="c", parts=[])))


# what Gemini cannot say, its name in the error, what is left of it when dropping is allowed
LOST = {
    "logit bias": ({"logit_bias": msgspec.Raw(b"{}")}, "logit_bias", ("logit_bias",)),
    "calls one by one": (
        {"parallel_tools": False, "names": {"parallel_tools": "parallel_tool_calls"}}, "parallel_tool_calls",
        ("parallel_tool_calls",),
    ),
    "storage": ({"store": True}, "store", ("store",)),
    "verbosity": ({"verbosity": "low"}, "verbosity", ("verbosity",)),
    "a person": ({"user": "u"}, "user", ("user",)),
    "metadata": ({"metadata": msgspec.Raw(b'{"a":"b"}')}, "metadata", ("metadata",)),
    "spoken answers": ({"modalities": ["text", "audio"]}, "modalities", ("modalities",)),
    "six stops": ({"stop": list("abcdef")}, "stop", ('stop=["a","b","c","d","e"]',)),
    "an unknown tier": ({"service_tier": "scale"}, "service_tier", ("service_tier",)),
    "a tool of free text": ({"tools": [Tool(name="f", custom=True)]}, "tools.0", ("tools.0",)),
    "fields nobody knows": ({"extra": {"foo.bar": msgspec.Raw(b"1")}}, "foo.bar", ("foo.bar",)),
    "no thinking where it cannot be kept from it": (
        {"reasoning": Reasoning(effort="none")}, "reasoning_effort", ('reasoning_effort="minimal"',),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LOST.values(), ids=LOST)
def test_what_has_no_equivalent_is_refused_by_name_or_dropped_and_told(case):
    fields, param, dropped = case
    name = GEMINI_3 if "reasoning" in fields else FLASH
    with pytest.raises(Unsupported) as caught:
        written(asked(**fields), name)
    assert caught.value.param == param
    assert written(asked(**fields), name, on_unsupported="drop").dropped == dropped


def test_pro_cannot_be_kept_from_thinking():
    request = asked(reasoning=Reasoning(effort="none"))
    with pytest.raises(Unsupported):
        written(request, "gemini-2.5-pro")
    sent = written(request, "gemini-2.5-pro", on_unsupported="drop")
    assert sent.dropped == ('reasoning_effort="minimal"',)
    assert json.loads(sent.body)["generationConfig"]["thinkingConfig"]["thinkingBudget"] == 128


def test_vertex_has_labels_for_people_and_metadata():
    request = asked(user="a@example.com", metadata=msgspec.Raw(b'{"team":"search"}'))
    labels = body(request, place={"project": "p"})["labels"]
    assert labels["team"] == "search"
    assert len(labels["user"]) == 32
    assert "example" not in labels["user"]


def test_the_finest_detail_that_an_image_asks_for_holds_for_all():
    images = [ImagePart(media_type="image/png", data="AA==", detail=detail) for detail in ("low", "high")]
    assert body(ChatRequest(turns=[user(*images)]))["generationConfig"] == {
        "mediaResolution": "MEDIA_RESOLUTION_HIGH"
    }


def test_an_image_whose_type_nobody_tells_is_refused():
    with pytest.raises(Unsupported):
        contents(user(ImagePart(url="https://a.example/picture")))
