"""The objects that the mock answers with, in OpenAI's wire format, made from the request alone."""

from __future__ import annotations

import base64
import json
import math
import random
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmgw_middleware.testing.mock_faults import MockError, MockMisuse
from llmgw_middleware.testing.mock_schema import sample_of
from llmgw_middleware.testing.mock_text import answer_text, text_of, words_of

CREATED = 1_700_000_000
DIMENSIONS = 1536
MAX_CHOICES = 8
MAX_INPUTS = 2048
SHORT_WORD = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class MockAnswer:
    """What is said: one list of ``words`` for each choice, or a tool ``call`` whose arguments are the words."""

    model: str
    number: int
    words: tuple[str, ...]
    finish: str
    choices: int
    prompt_tokens: int
    call: str | None = None

    @property
    def text(self) -> str:
        """The words in one."""
        return "".join(self.words)

    @property
    def usage(self) -> dict[str, Any]:
        """Counts: a word is a token, and so are four characters of the prompt."""
        completion = len(self.words) * self.choices
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        }


def chat_answer(name: str, model: str, body: Mapping[str, Any], *, number: int, tool: bool) -> MockAnswer:
    """Work out what to say to a chat request. Raises MockMisuse for one that OpenAI would refuse as well."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise MockMisuse("'messages' must be a list with at least one message")
    call = _tool_called(body, messages, tool=tool)
    words, finish = _said(name, model, body, messages, call)
    return MockAnswer(
        model=model,
        number=number,
        words=tuple(words),
        finish=finish,
        choices=min(max(1, _int(body.get("n"), 1)), MAX_CHOICES),
        prompt_tokens=sum(4 + len(text_of(message)) // 4 for message in messages),
        call=None if call is None else str(call.get("name")),
    )


def _said(
    name: str, model: str, body: Mapping[str, Any], messages: Sequence[Any], call: Mapping[str, Any] | None
) -> tuple[list[str], str]:
    topic = " ".join(text_of(messages[-1]).split())[:40] or "example"
    if call is not None:
        arguments = json.dumps(
            sample_of(call.get("parameters") or {"type": "object"}, topic), ensure_ascii=False
        )
        return words_of(arguments), "tool_calls"
    form = body.get("response_format")
    kind = form.get("type") if isinstance(form, dict) else None
    if isinstance(form, dict) and kind in {"json_schema", "json_object"}:
        named = form.get("json_schema")
        schema = named.get("schema") if isinstance(named, dict) else None
        fitting = sample_of(schema, topic) if schema else {"model": model, "served_by": name, "topic": topic}
        words = words_of(json.dumps(fitting, ensure_ascii=False))
    else:
        words = words_of(answer_text(name, model, messages))
    limit = _int(body.get("max_completion_tokens") or body.get("max_tokens"), len(words))
    return (words, "stop") if limit >= len(words) else (words[: max(1, limit)], "length")


def _tool_called(body: Mapping[str, Any], messages: Sequence[Any], *, tool: bool) -> Mapping[str, Any] | None:
    """Return the function to call: one that is demanded, or whose name the last message speaks of."""
    offered = list(_functions(body.get("tools")))
    choice = body.get("tool_choice")
    if not offered or choice == "none" or messages[-1].get("role") == "tool":
        return None
    if isinstance(choice, dict):
        wanted = (choice.get("function") or {}).get("name")
        return next((f for f in offered if f.get("name") == wanted), offered[0])
    if tool or choice == "required":
        return offered[0]
    said = text_of(messages[-1]).lower()
    return next((f for f in offered if any(word in said for word in _name_words(f))), None)


def _functions(tools: Any) -> Iterator[Mapping[str, Any]]:
    for offer in tools if isinstance(tools, list) else ():
        function = offer.get("function") if isinstance(offer, dict) else None
        if isinstance(function, dict):
            yield function


def _name_words(function: Mapping[str, Any]) -> list[str]:
    """Return the words of a function's name but for the short ones, which are in every sentence."""
    return [word for word in str(function.get("name")).lower().split("_") if len(word) > SHORT_WORD]


def completion(answer: MockAnswer) -> dict[str, Any]:
    """Return the ``chat.completion``."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None}
    if answer.call is not None:
        message |= {"content": None, "tool_calls": [_call(answer, answer.text)]}
    return {
        "id": f"chatcmpl-mock-{answer.number}",
        "object": "chat.completion",
        "created": CREATED,
        "model": answer.model,
        "choices": [
            {"index": index, "message": message, "logprobs": None, "finish_reason": answer.finish}
            for index in range(answer.choices)
        ],
        "usage": answer.usage,
        "system_fingerprint": "fp_mock",
    }


def opening(answer: MockAnswer) -> Iterator[dict[str, Any]]:
    """Yield the chunks before the first word: the role, and the head of a tool call."""
    for index in range(answer.choices):
        yield _chunk(
            answer, index, {"role": "assistant", "content": None if answer.call else "", "refusal": None}
        )
        if answer.call is not None:
            yield _chunk(answer, index, {"tool_calls": [_call(answer, "")]})


def spoken(answer: MockAnswer) -> Iterator[dict[str, Any]]:
    """Yield a chunk for every word, the choices taking turns."""
    for word in answer.words:
        for index in range(answer.choices):
            if answer.call is None:
                yield _chunk(answer, index, {"content": word})
            else:
                yield _chunk(answer, index, {"tool_calls": [{"index": 0, "function": {"arguments": word}}]})


def closing(answer: MockAnswer, *, usage: bool) -> Iterator[dict[str, Any]]:
    """Yield the finishes and, if asked for, the usage."""
    for index in range(answer.choices):
        yield _chunk(answer, index, {}, answer.finish)
    if usage:
        yield {**_chunk(answer, 0, {}), "choices": [], "usage": answer.usage}


def _chunk(
    answer: MockAnswer, index: int, delta: dict[str, Any], finish: str | None = None
) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-mock-{answer.number}",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": answer.model,
        "system_fingerprint": "fp_mock",
        "choices": [{"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}],
    }


def _call(answer: MockAnswer, arguments: str) -> dict[str, Any]:
    function = {"name": answer.call, "arguments": arguments}
    return {"index": 0, "id": f"call_mock_{answer.number}", "type": "function", "function": function}


def tokens_of_responses(body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer ``/responses/input_tokens``: four characters are a token. Raises MockMisuse for no input."""
    asked = body.get("input")
    items = [{"content": asked}] if isinstance(asked, str) else asked
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise MockMisuse("'input' must be a string or a list of items")
    said = [text_of(item) for item in items] + [str(body[key]) for key in ("instructions",) if body.get(key)]
    return {"object": "response.input_tokens", "input_tokens": sum(4 + len(text) // 4 for text in said)}


def embeddings(model: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return embeddings: unit vectors that depend on the input alone. Raises MockMisuse for no input."""
    inputs = _inputs(body.get("input"))
    size = _int(body.get("dimensions"), DIMENSIONS)
    encoded = body.get("encoding_format") == "base64"
    vectors = (vector(repr(one), size) for one in inputs)
    rows = [
        {"object": "embedding", "index": index, "embedding": _packed(vector) if encoded else vector}
        for index, vector in enumerate(vectors)
    ]
    tokens = sum(len(one) if isinstance(one, list) else 1 + len(str(one)) // 4 for one in inputs)
    return {
        "object": "list",
        "data": rows,
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _inputs(given: Any) -> list[Any]:
    """Return the inputs: a text, a list of texts, a list of token ids, or lists of those."""
    several = isinstance(given, list) and not all(isinstance(one, int) for one in given)
    found = given if several else [given]
    if given in (None, "", []) or not 0 < len(found) <= MAX_INPUTS:
        raise MockMisuse(f"'input' must be a text, tokens, or a list of at most {MAX_INPUTS} of them")
    return list(found)


def vector(seed: str, size: int) -> list[float]:
    """Return a unit vector that depends on ``seed`` alone."""
    rng = random.Random(seed)  # noqa: S311 - the same text has the same vector
    values = [rng.gauss(0, 1) for _ in range(size)]
    length = math.sqrt(sum(value * value for value in values)) or 1.0
    return [value / length for value in values]


def _packed(vector: Sequence[float]) -> str:
    """Return base64 of little-endian float32, which the official SDK asks for by default."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def models(names: Sequence[str], owner: str) -> dict[str, Any]:
    """Return a model listing."""
    rows = [{"id": name, "object": "model", "created": CREATED, "owned_by": owner} for name in names]
    return {"object": "list", "data": rows}


def error_body(error: MockError) -> dict[str, Any]:
    """Return the body of an error answer."""
    return {"error": {"message": error.message, "type": error.type, "param": None, "code": error.code}}


def _int(value: Any, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else default
