"""The variables of the gateway: a request, who sent it, and from where, read from the facts as far as asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from llmgw_middleware.cel.adopt import adopted
from llmgw_middleware.cel.code import Run
from llmgw_middleware.cel.fault import EvaluationError
from llmgw_middleware.cel.headers import SECRET_HEADERS, Headers, as_sent
from llmgw_middleware.cel.limits import Frame, spend
from llmgw_middleware.cel.times import NANO, Timestamp
from llmgw_middleware.cel.vocabulary import Beside, Path, Reader, Variable, Vocabulary
from llmgw_middleware.errors import BadRequest
from llmgw_middleware.facts import MISSING, Facts

PREFIX: Final = 4096
"""Bytes of ``request.bodyPrefix``."""

_CHARACTERS_PER_TOKEN: Final = 4


class _Lazy(Mapping[Any, Any]):
    """A map whose values are read when asked for."""

    __slots__ = ("_facts", "_frame", "_readers")

    def __init__(self, readers: Mapping[str, Run], facts: Facts, frame: Frame) -> None:
        self._readers = readers
        self._facts = facts
        self._frame = frame

    def __getitem__(self, name: Any) -> Any:
        value = self._readers[name](self._facts, self._frame)
        if value is MISSING:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return (name for name, run in self._readers.items() if run(self._facts, self._frame) is not MISSING)

    def __len__(self) -> int:
        return sum(1 for _ in self)


_LARGE: Final = frozenset({"headers", "query", "uri", "inputTokensEstimate"})
"""What is read as a whole at a price."""


class _Fields(Variable):
    """A variable with known fields."""

    def __init__(self, readers: Mapping[str, Run]) -> None:
        self._readers = readers
        self.fields = frozenset(readers)

    def reader(self, path: Path) -> Reader:
        name = path[0] if path else None
        if isinstance(name, str) and name in self._readers:
            return Reader(self._readers[name], 1, framed=name in _LARGE)
        readers = self._readers
        return Reader(lambda facts, frame: _Lazy(readers, facts, frame), framed=True)


class _Body(Variable):
    """The JSON body: only the values on the path are decoded."""

    def reader(self, path: Path) -> Reader:
        steps: list[str] = []
        for step in path:
            # `body["0"]` asks an object for a key, `body[0]` a list for an item: a path tells them apart by kind.
            if step.isdecimal() if isinstance(step, str) else step < 0:
                break
            steps.append(str(step))
        return Reader(body_at(tuple(steps)), len(steps))


def body_at(steps: tuple[str, ...]) -> Run:
    """Return what reads the body at a path; what is no JSON has no value."""

    def run(facts: Facts, frame: Frame) -> Any:
        try:
            return facts.body.whole(steps)
        except BadRequest as error:
            if error.error_code == "duplicate_key":
                raise
            raise EvaluationError(f"the body cannot be read: {error.message}") from error

    return run


class _Request(_Fields):
    """The request. Headers and parameters are read one by one; ``request.body.x`` is ``body.x``."""

    def reader(self, path: Path) -> Reader:
        match path:
            case ("headers", str() as name, *_):
                return Reader(_header(name.lower().encode()), 2, price=_number_of_headers)
            case ("query", str() as name, *_):
                return Reader(_parameter(name), 2, price=_length_of_query)
            case ("body", _, *_):
                inner = _BODY.reader(path[1:])
                return Reader(inner.run, 1 + inner.taken)
        return super().reader(path)


def _number_of_headers(facts: Facts) -> int:
    return len(facts.request.headers)


def _length_of_query(facts: Facts) -> int:
    return len(facts.request.query) >> 3


def _to_adopt(facts: Facts) -> int:
    """Return what it takes to look at an attribute of the host's, which is small."""
    return 10


def _header(name: bytes) -> Run:
    def run(facts: Facts, frame: Frame) -> Any:
        lines = facts.headers(name)
        return as_sent(lines) if lines else MISSING

    return run


def _parameter(name: str) -> Run:
    def run(facts: Facts, frame: Frame) -> Any:
        value = facts.query(name)
        return MISSING if value is None else value

    return run


class _User(Variable):
    """Who is logged in: ``id``, ``authenticated``, and whatever the host says."""

    def reader(self, path: Path) -> Reader:
        names: list[str] = []
        for step in path:
            if not isinstance(step, str):
                break
            names.append(step)
        if not names:
            return Reader(_whole_user, framed=True)
        name = ".".join(names)
        return Reader(lambda facts, frame: adopted(facts.attribute(name)), len(names), price=_to_adopt)


def _whole_user(facts: Facts, frame: Frame) -> Any:
    spend(frame, 4 * len(facts.identity.attributes))
    known = {name: adopted(value) for name, value in facts.identity.attributes.items()}
    known["authenticated"] = facts.identity.authenticated
    if facts.identity.id:
        known["id"] = facts.identity.id
    return known


class _Claims(Variable):
    """``jwt``: the claims that the host found in a token and checked, or null."""

    def reader(self, path: Path) -> Reader:
        if path and isinstance(path[0], str):
            name = path[0]
            return Reader(lambda facts, frame: adopted((_claims(facts) or {}).get(name, MISSING)), 1)
        return Reader(lambda facts, frame: adopted(_claims(facts)))


def _claims(facts: Facts) -> Any:
    claims = facts.identity.attributes.get("jwt")
    return claims if isinstance(claims, Mapping) else None


class _Plain(Variable):
    """A variable that is read as a whole."""

    def __init__(self, read: Callable[[Facts], Any]) -> None:
        self._read = read

    def reader(self, path: Path) -> Reader:  # noqa: ARG002
        return Reader(_of(self._read))


def _whole(read: Callable[[Facts], Any], size: Callable[[Facts], int]) -> Run:
    """Return what reads something as a whole, which takes the longer the larger it is."""

    def run(facts: Facts, frame: Frame) -> Any:
        spend(frame, 10 + size(facts))
        return read(facts)

    return run


def _of(read: Callable[[Facts], Any]) -> Run:
    return lambda facts, frame: read(facts)


def _all_headers(facts: Facts) -> Headers:
    lines: dict[str, list[str]] = {}
    for name, value in facts.request.headers:
        if b"_" not in name:
            lines.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    return Headers(lines, SECRET_HEADERS)


def _all_parameters(facts: Facts) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in parse_qsl(
        facts.request.query.decode("latin-1"), keep_blank_values=True, errors="replace", max_num_fields=1000
    ):
        found.setdefault(name, value)
    return found


def _host(facts: Facts) -> Any:
    lines = facts.headers(b"host")
    return lines[0] if lines else MISSING


def _path_and_query(facts: Facts) -> str:
    query = facts.request.query.decode("latin-1")
    return f"{facts.request.path}?{query}" if query else facts.request.path


def _uri(facts: Facts) -> str:
    host = _host(facts)
    return f"{facts.request.scheme}://{'' if host is MISSING else host}{_path_and_query(facts)}"


def _estimate(facts: Facts) -> int:
    """Return roughly how many tokens the prompt has, by the length of its JSON text."""
    try:
        fields = facts.body.fields()
    except BadRequest as error:
        raise EvaluationError(f"the body cannot be read: {error.message}") from error
    size = sum(
        len(fields[name]) for name in ("messages", "input", "prompt", "system", "tools") if name in fields
    )
    return size // _CHARACTERS_PER_TOKEN


def _streams(facts: Facts, frame: Frame) -> Any:
    return body_at(("stream",))(facts, frame) is True


_BODY: Final = _Body()
_MODEL: Final = body_at(("model",))

_REQUEST: Final = _Request(
    {
        "method": _of(lambda facts: facts.request.method),
        "scheme": _of(lambda facts: facts.request.scheme),
        "host": _of(_host),
        "path": _of(lambda facts: facts.request.path),
        "pathAndQuery": _of(_path_and_query),
        "uri": _whole(_uri, lambda facts: len(facts.request.query) >> 4),
        "query": _whole(_all_parameters, lambda facts: len(facts.request.query)),
        "headers": _whole(_all_headers, lambda facts: 4 * len(facts.request.headers)),
        "body": _of(lambda facts: facts.request.body),
        "bodyPrefix": _of(lambda facts: facts.request.body[:PREFIX]),
    }
)


class _Model(Variable):
    """The model that the caller asks for: the body's field."""

    def reader(self, path: Path) -> Reader:  # noqa: ARG002
        return Reader(_MODEL)


def _now(facts: Facts) -> Timestamp:
    return Timestamp(int(facts.world.now() * NANO))


GATEWAY: Final = Vocabulary(
    variables={
        "request": _REQUEST,
        "body": _BODY,
        "model": _Model(),
        "user": _User(),
        "geo": _Fields(
            {
                "country": _of(lambda facts: facts.place.country or MISSING),
                "regions": _of(lambda facts: sorted(facts.place.regions)),
            }
        ),
        "llm": _Fields(
            {"model": _MODEL, "stream": _streams, "inputTokensEstimate": _whole(_estimate, lambda facts: 10)}
        ),
        "source": _Fields({"address": _of(lambda facts: facts.address or MISSING)}),
        "jwt": _Claims(),
        "now": _Plain(_now),
        "metadata": _Plain(lambda facts: facts.metadata),
    },
    elsewhere={
        "response": "there is an answer in transform.response only",
        "backend": "it is chosen by the time of transform.response only",
        "route": "it is chosen by the time of a route's own transform",
        "env": "the environment is not exposed; ${NAME} in the configuration puts a value into its text",
    },
)
"""Over the facts of a request: for conditions and sticky keys."""

BEFORE: Final = GATEWAY.also({"metadata": Beside("metadata")})
"""The same, in the transform before routing."""

ROUTED: Final = BEFORE.also({"route": Beside("route", frozenset({"name"}))})
"""The same, where the route is known."""

REPLY: Final = ROUTED.also(
    {
        "response": Beside("response", frozenset({"code", "headers"})),
        "backend": Beside("backend", frozenset({"name"})),
    }
)
"""The same, where there is an answer."""

OF_THE_BODY: Final = frozenset({"body", "model", "llm"})


def reads_body(reads: frozenset[Path]) -> bool:
    """Whether an expression with these reads may look into the body."""
    for name, *rest in reads:
        if name in OF_THE_BODY:
            return True
        if name == "request" and (
            not rest or rest[0] in {"body", "bodyPrefix"} or not isinstance(rest[0], str)
        ):
            return True
    return False


def reads_secret(reads: frozenset[Path]) -> bool:
    """Whether an expression with these reads may see a header whose value is never shown."""
    for name, *rest in reads:
        if name == "jwt":
            return True
        if name != "request" or (rest and rest[0] != "headers"):
            continue
        if len(rest) < 2 or str(rest[1]).lower() in SECRET_HEADERS:  # noqa: PLR2004 - headers, and one of them
            return True
    return False
