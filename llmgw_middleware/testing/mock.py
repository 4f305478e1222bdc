"""A provider for demos and tests that answers as OpenAI, Anthropic, Gemini and Bedrock do, whole and as streams.

An ASGI application without a framework. It serves every path that ends in ``/chat/completions``, ``/embeddings``,
``/models``, ``/messages``, ``/messages/count_tokens``, ``/responses/input_tokens``,
``/models/{model}:generateContent`` and its kin, or ``/model/{model}/converse`` and its kin, under any prefix. It misbehaves on demand: by the name of the model (``mock_faults``) or by rules set
while it runs:

* ``POST /_mock/control`` with ``{"match": {"model": "gpt-*", "key": "…"}, "error": 503, "rate": 0.5, "times": 3}`` adds a
  rule (or a list of them); every key of ``mock_faults`` may stand there. GET shows the rules, DELETE removes them.
* ``GET /_mock/requests`` lists the last requests, credentials masked. DELETE forgets them.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

from llmgw_middleware.testing.mock_answers import chat_answer, models
from llmgw_middleware.testing.mock_control import ControlRule, behaviour_of
from llmgw_middleware.testing.mock_faults import Behaviour, MockError, MockMisuse, error_named, read_model
from llmgw_middleware.testing.mock_line import CallerLeft, Line
from llmgw_middleware.testing.mock_operation import Operation, operation_of
from llmgw_middleware.testing.mock_record import Visit, VisitorBook
from llmgw_middleware.testing.mock_speech import send_answer, send_document
from llmgw_middleware.testing.mock_wire import OPENAI

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MODELS = ("gpt-4o", "gpt-4o-mini", "claude-haiku-4-5", "text-embedding-3-small")
"""What a mock lists by default. It answers to any other name as well."""

_OPERATIONS = ("/_mock/control", "/_mock/requests")
_SERVED = (
    "POST …/chat/completions, …/embeddings, …/responses/input_tokens, …/messages, …/models/{model}:generateContent, …/model/{model}/converse, "
    "GET …/models"
)


def create_mock(
    name: str = "mock",
    *,
    models: Sequence[str] = MODELS,
    keys: Sequence[str] = (),
    latency: float = 0.15,
    gap: float = 0.03,
    pace: float = 1.0,
) -> MockProvider:
    """Return a mock provider.

    ``name`` is what its answers call it; ``models`` what it lists; with ``keys`` any other bearer token gets 401.
    ``latency`` is the time before an answer, ``gap`` the time between two words, in seconds; ``pace`` multiplies
    every wait, those of faults too: 0 for tests that have no time.
    """
    return MockProvider(
        name, models=models, keys=keys, standing=Behaviour(latency=latency, gap=gap), pace=pace
    )


class MockProvider:
    """The application. ``rules`` and ``book`` may be read and changed by who runs it in the same process."""

    def __init__(
        self, name: str, *, models: Sequence[str], keys: Sequence[str], standing: Behaviour, pace: float
    ) -> None:
        self.name = name
        self.rules: list[ControlRule] = []
        self.book = VisitorBook()
        self._models = tuple(models)
        self._keys = frozenset(keys)
        self._standing = standing
        self._pace = pace

    def __repr__(self) -> str:
        return f"<MockProvider {self.name}: {self.book.count} requests, {len(self.rules)} rules>"

    def control(self, **asked: Any) -> ControlRule:
        """Add a rule, in the words of the control endpoint: ``mock.control(error=503, times=2)``. Raises MockMisuse."""
        rule = ControlRule(asked)
        self.rules.append(rule)
        return rule

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with Line(receive, send, pace=self._pace) as line:
            path = scope["path"].rstrip("/")
            operation = next((o for o in _OPERATIONS if path.endswith(o)), None)
            try:
                body = await line.body()
                if operation is not None:
                    await self._answer_control(line, scope["method"], operation, body)
                else:
                    visit = self.book.enter(dict(scope), body)
                    await self._receive_visit(line, visit, operation_of(path))
            except CallerLeft:
                return

    async def _receive_visit(self, line: Line, visit: Visit, operation: Operation | None) -> None:
        line.visit = visit
        line.wire = OPENAI if operation is None else operation.wire
        try:
            await self._answer(line, visit, operation)
        except MockMisuse as problem:
            await line.error(
                MockError(
                    status=400, type="invalid_request_error", code="invalid_value", message=str(problem)
                )
            )
        except CallerLeft:
            visit.outcome = "left"
            raise
        finally:
            visit.ended = self.book.now()

    async def _answer(self, line: Line, visit: Visit, operation: Operation | None) -> None:
        key = _key(visit)
        if self._keys and key not in self._keys:
            await line.error(error_named("401"))
        elif operation is None or visit.method != operation.method:
            text = f"No {visit.method} {visit.path} here. This mock answers {_SERVED}."
            await line.error(MockError(status=404, type="invalid_request_error", code=None, message=text))
        elif operation.kind == "models":
            await line.document(200, models(self._models, self.name))
        else:
            await self._create(line, visit, operation, key)

    async def _create(self, line: Line, visit: Visit, operation: Operation, key: str | None) -> None:
        body = _object(visit.body)
        chat = operation.kind == "chat"
        request = (
            operation.wire.asked(visit.path, body) if chat else {"model": operation.model(visit.path, body)}
        )
        asked = request.get("model")
        if not isinstance(asked, str) or not asked:
            raise MockMisuse("you must provide a model")
        model, wanted = read_model(asked)
        behaviour = behaviour_of(self.rules, asked, key, asked=wanted).over(self._standing)
        visit.model, visit.stream = asked, request.get("stream") is True
        await line.pause(behaviour.latency or 0.0)
        if behaviour.error is not None:
            await line.error(error_named(behaviour.error))
        elif chat:
            answer = chat_answer(self.name, model, request, number=visit.number, tool=behaviour.tool)
            await send_answer(line, answer, request, behaviour)
        else:
            await send_document(line, operation.document(model, body), behaviour)

    async def _answer_control(self, line: Line, method: str, operation: str, body: bytes) -> None:
        try:
            await line.document(200, self._control(method, operation, body))
        except MockMisuse as problem:
            await line.error(
                MockError(status=400, type="invalid_request_error", code="invalid_rule", message=str(problem))
            )

    def _control(self, method: str, operation: str, body: bytes) -> dict[str, Any]:
        if operation == "/_mock/requests":
            if method == "DELETE":
                self.book.clear()
            return self.book.describe()
        if method == "DELETE":
            self.rules.clear()
        elif method == "POST":
            self.rules += [ControlRule(rule) for rule in _rules(body)]
        return {"name": self.name, "rules": [rule.describe() for rule in self.rules]}


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _key(visit: Visit) -> str | None:
    """Return the caller's key, from whichever header its provider would want it in."""
    for name, value in visit.headers:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return value[7:].decode("latin-1")
        if name in {b"x-api-key", b"api-key", b"x-goog-api-key"}:
            return value.decode("latin-1")
    return None


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        raise MockMisuse("the body of the request is no JSON") from None
    if not isinstance(found, dict):
        raise MockMisuse("the body of the request is no JSON object")
    return found


def _rules(body: bytes) -> list[Mapping[str, Any]]:
    try:
        found = json.loads(body)
    except ValueError:
        raise MockMisuse("a rule is a JSON object") from None
    rules = found if isinstance(found, list) else [found]
    if not all(isinstance(rule, dict) for rule in rules):
        raise MockMisuse("a rule is a JSON object")
    return rules
