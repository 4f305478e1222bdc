"""What the mock answers besides chats: embeddings and counts in each API's words."""

import pytest

from tests.testing.mock_calls import ask, hasty

SAID = {"role": "user", "parts": [{"text": "Hello there"}]}
TITAN = "amazon.titan-embed-text-v2:0"

# path, body, a key of the answer
DOCUMENTS = {
    "tokens of Anthropic": (
        "/v1/messages/count_tokens", {"model": "m", "messages": [{"role": "user", "content": "Hello there"}]}, "input_tokens",
    ),
    "tokens of OpenAI": (
        "/v1/responses/input_tokens",
        {"model": "m", "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hello there"}]}]},
        "input_tokens",
    ),
    "tokens of OpenAI, of a text": ("/v1/responses/input_tokens", {"model": "m", "input": "Hello there"}, "input_tokens"),
    "tokens of Gemini": ("/v1beta/models/m:countTokens", {"contents": [SAID]}, "totalTokens"),
    "tokens of Bedrock": (
        "/model/m/count-tokens", {"input": {"converse": {"messages": [{"role": "user", "content": [{"text": "Hello there"}]}]}}},
        "inputTokens",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DOCUMENTS.values(), ids=DOCUMENTS)
async def test_tokens_are_counted(case):
    path, body, key = case
    answer = await ask(hasty(), path, body)
    assert (answer.status, answer.json[key]) == (200, 6)


async def test_tokens_of_no_input_are_refused():
    assert (await ask(hasty(), "/v1/responses/input_tokens", {"model": "m"})).status == 400


async def test_gemini_embeds_several_texts_each_the_same_every_time():
    requests = [{"model": "models/e", "content": SAID, "outputDimensionality": 4}] * 2
    rows = (await ask(hasty(), "/v1beta/models/e:batchEmbedContents", {"requests": requests})).json[
        "embeddings"
    ]
    assert [len(row["values"]) for row in rows] == [4, 4]
    assert rows[0] == rows[1]


@pytest.mark.parametrize(
    ("model", "body", "key"),
    [
        (TITAN, {"inputText": "a", "dimensions": 4}, "embedding"),
        ("cohere.embed-english-v3", {"texts": ["a", "b"], "input_type": "search_document"}, "embeddings"),
        (
            "amazon.nova-2-multimodal-embeddings-v1:0",
            {"singleEmbeddingParams": {"text": {"value": "a"}}},
            "embeddings",
        ),
    ],
)
async def test_bedrock_invokes_embedding_models(model, body, key):
    assert (await ask(hasty(), f"/model/{model}/invoke", body)).json[key]


async def test_other_models_are_not_invoked():
    answer = await ask(hasty(), "/model/anthropic.claude/invoke", {"messages": []})
    assert (answer.status, answer.headers["x-amzn-errortype"][:19]) == (400, "ValidationException")


async def test_faults_hold_for_documents_too():
    answer = await ask(hasty(), f"/model/{TITAN}+error=429/invoke", {"inputText": "a"})
    assert (answer.status, answer.json["message"]) == (429, "Rate limit reached.")


@pytest.mark.parametrize("path", ["/v1/messages", "/v1beta/models/m:generateContent", "/model/m/converse"])
async def test_what_every_api_refuses_is_refused(path):
    assert (await ask(hasty(), path, {"model": "m", "max_tokens": 5})).status == 400
    assert (await ask(hasty(), path, method="GET")).status == 404
