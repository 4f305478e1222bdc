"""Tables of cases from the language's own conformance tests and from agentgateway's, and how a case is judged."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from llmgw_middleware.cel.fault import CelError
from llmgw_middleware.cel.plain import plain
from llmgw_middleware.cel.program import compile_expression
from llmgw_middleware.cel.times import NANO, Duration, Timestamp
from llmgw_middleware.cel.values import Type, UInt, key_of
from llmgw_middleware.cel.variables import GATEWAY, REPLY
from llmgw_middleware.cel.vocabulary import Beside, given
from llmgw_middleware.facts import Facts
from llmgw_middleware.match.transform import Transformer
from llmgw_middleware.model.expression import Expression
from llmgw_middleware.model.http import Header, Request, Response
from llmgw_middleware.model.identity import ANONYMOUS
from llmgw_middleware.model.transform import Changes, Put
from llmgw_middleware.shaping import Prelude
from tests.match.asking import Here

CORE = "cel-spec/core_nonproto.json"
FUNCTIONS = "agentgateway/cel/functions.json"
CONTEXT = "agentgateway/cel/request_context.json"
REFERENCES = "agentgateway/cel/attribute_refs.json"

EXTENSIONS = "cel-spec/simple_tests.json"
EXTENSION_FILES = frozenset(
    {"string_ext", "math_ext", "macros2", "bindings_ext", "optionals", "encoders_ext", "network_ext"}
)
"""What of the extensions is there. Not among them: ``block_ext``, which is what an optimizer makes of expressions."""

KNOWN_GAPS = {
    "parse/bytes_literals/triple_single_quoted_unescaped_punctuation": "the table lost a backslash of the expression: "
    "its result has one that the text has not",
    "parse/bytes_literals/triple_double_quoted_unescaped_punctuation": "the same",
}

Case = Mapping[str, Any]


def core(path: Path) -> Iterator[tuple[str, Case]]:
    return ((case["id"], case) for case in msgspec.json.decode(path.read_bytes()))


def extensions(path: Path) -> Iterator[tuple[str, Case]]:
    for case in msgspec.json.decode(path.read_bytes()):
        usable = not case["proto"] and case["okb"] and not case["check_only"]
        if case["file"] in EXTENSION_FILES and usable and case["expect"][0] in {"value", "error"}:
            yield f"{case['file']}/{case['section']}/{case['name']}", case


def listed(path: Path) -> Iterator[tuple[str, Case]]:
    cases = msgspec.json.decode(path.read_bytes())["cases"]
    return ((f"{number}-{case['expr'][:60]}", case) for number, case in enumerate(cases))


def untagged(tagged: Any) -> Any:  # noqa: PLR0911 - one kind after another
    """The value that a table writes with its type."""
    kind, *rest = tagged
    match kind:
        case "uint64":
            return UInt(rest[0])
        case "double":
            return float(rest[0])
        case "bytes":
            return base64.b64decode(rest[0])
        case "null":
            return None
        case "list":
            return [untagged(item) for item in rest[0]]
        case "map":
            return {key_of(untagged(key)): untagged(value) for key, value in rest[0]}
        case "type":
            return Type(rest[0])
        case "duration":
            return Duration(rest[0] * NANO + rest[1])
        case "timestamp":
            return Timestamp(rest[0] * NANO + rest[1])
    return rest[0]


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same and of the same type."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    return bool(one == other)


def core_passes(case: Case) -> bool:
    bindings = {name: untagged(value) for name, value in (case.get("bindings") or {}).items()}
    vocabulary = given(*bindings, container=case.get("container") or "")
    try:
        value = compile_expression(case["expr"], vocabulary=vocabulary).evaluate(bindings)
    except CelError:
        return bool(case["expect"][0] == "error")
    return case["expect"][0] == "value" and same(value, untagged(case["expect"][1]))


def function_passes(case: Case) -> bool:
    bindings = {"vars": {"foo": "hello", "bar": "world"}}
    try:
        value = plain(compile_expression(case["expr"], vocabulary=given("vars")).evaluate(bindings))
    except CelError:  # what the table refuses when it is evaluated may be refused at load
        return case.get("error", False) is True
    return "expect" in case and same(value, case["expect"])


def request_of(described: Case) -> Request:
    """The request of a case, as a door would have made it."""
    uri = urlsplit(described["uri"])
    headers = [(name.lower().encode(), value.encode()) for name, value in described.get("headers") or ()]
    return Request(
        method=described["method"],
        scheme=uri.scheme,
        path=uri.path or "/",
        query=uri.query.encode(),
        headers=((b"host", uri.netloc.encode()), *headers),
        body=(described.get("body") or "").encode(),
    )


def context_passes(case: Case) -> bool:
    facts = Facts(request_of(case["request"]), ANONYMOUS, Here())
    try:
        value = plain(compile_expression(case["expr"], vocabulary=GATEWAY).evaluate(facts))
    except CelError:
        return "error" in case
    return "error" not in case and same(value, case["expect"])


def references_pass(case: Case) -> bool:
    program = compile_expression(case["expr"], vocabulary=given())
    return set(program.references) == set(case["refs"])


TRANSFORMATIONS = "agentgateway/cel/transformations.json"
_ANSWER = REPLY.also({"response": Beside("response")})


def named(path: Path) -> Iterator[tuple[str, Case]]:
    return ((case["name"], case) for case in msgspec.json.decode(path.read_bytes())["cases"])


def changes_of(described: Case | None) -> Changes:
    """A case's transformation, in the words of the plan."""
    described = described or {}

    def puts(key: str) -> tuple[Put, ...]:
        rows = (described.get(key) or {}).items()
        return tuple(Put(name=name, value=Expression(text=text)) for name, text in rows)

    def one(key: str) -> Expression | None:
        return Expression(text=described[key]) if key in described else None

    return Changes(
        metadata=puts("metadata"), replace=one("replace"), add=puts("add"), set=puts("set"), body=one("body")
    )


def transformation_passes(case: Case) -> bool:
    """Run a case; its parts are judged one by one."""
    facts = Facts(request_of(case["request"]), ANONYMOUS, Here())
    seen = Prelude(changes_of(case["transform"].get("request"))).view(facts)
    answer = Response(
        status=(case.get("response") or {}).get("status", 200),
        headers=tuple((n.encode(), v.encode()) for n, v in (case.get("response") or {}).get("headers", ())),
        body=(case.get("response") or {}).get("body", "").encode(),
    )
    transformer = Transformer(changes_of(case["transform"].get("response")), _ANSWER)
    known = {"code": answer.status, "headers": {}, "body": answer.body}
    beside = transformer.beside(seen, {"metadata": seen.metadata, "response": known})
    answer.headers = transformer.edits(seen, beside).over(answer.headers)
    answer.body = transformer.body(seen, beside, answer.body)
    return all(_shows(seen, answer, part, wanted) for part, wanted in case["expect"].items())


def _shows(seen: Facts, answer: Response, part: str, wanted: Any) -> bool:
    request = seen.request
    if part in {"headers", "response_headers"}:
        found = _lines(request.headers if part == "headers" else answer.headers)
        return all(found.get(name) == lines for name, lines in wanted.items())
    if part == "absent":
        # The host is a part of the address there, and a header here.
        return not any(name in _lines(request.headers) for name in wanted if name != "host")
    parts: dict[str, Callable[[], Any]] = {
        "method": lambda: request.method,
        "uri": lambda: f"{request.scheme}://{seen.headers(b'host')[0]}{request.path}",
        "metadata": lambda: dict(seen.metadata),
        "form": lambda: dict(parse_qsl(request.body.decode())),
        "response_body": answer.body.decode,
        "response_json": lambda: msgspec.json.decode(answer.body),
    }
    return bool(parts[part]() == wanted)


def _lines(headers: Iterable[Header]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name.decode(), []).append(value.decode())
    return found
