"""Transforms on the way of a request: before routing for the rules, after it for the upstream, and on the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from llmgw_middleware.cel.headers import Headers
from llmgw_middleware.cel.variables import BEFORE, REPLY, ROUTED
from llmgw_middleware.errors import BadRequest
from llmgw_middleware.facts import Facts
from llmgw_middleware.match.transform import Edits, Transformer, TransformFailed
from llmgw_middleware.model.http import Header, Request, Response
from llmgw_middleware.model.transform import NO_CHANGES, Changes, Transform

_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
"""Methods whose requests have a body: a GET is not given one."""


@dataclass(slots=True)
class Shaped:
    """A request on its way upstream: the facts with the new body, what is done to headers, what was noted."""

    facts: Facts
    edits: Edits
    beside: Mapping[str, Any]


class Prelude:
    """What happens to every request before routing. Headers that it sets are for the rules alone.

    ``reads_body``: some of them are worked out of the body, so rules on them need it as much as rules on the body do;
    ``made_of_body`` are their names.
    """

    def __init__(self, changes: Changes) -> None:
        self._transformer = Transformer(changes, BEFORE)
        self.reads_body = self._transformer.reads_body
        self.made_of_body = self._transformer.made_of_body

    @property
    def failures(self) -> int:
        """How many expressions had no value."""
        return self._transformer.failures

    def told(self, facts: Facts) -> tuple[str, ...]:
        """Say what the changes come to, for a dry run."""
        return tuple(self._transformer.told(facts, self._transformer.beside(facts, {})))

    def view(self, facts: Facts) -> Facts:
        """Return the facts as rules shall see them; raises BadRequest."""
        transformer = self._transformer
        beside = transformer.beside(facts, {})
        request, edits = facts.request, transformer.edits(facts, beside)
        body = _body(transformer, facts, beside)
        seen = _addressed(request, edits.pseudo())
        seen = replace(
            seen, headers=_unsized(edits.plain().over(seen.headers), changed=body != request.body), body=body
        )
        return facts.seen_as(seen, beside["metadata"])


def _addressed(request: Request, pseudo: Mapping[bytes, bytes]) -> Request:
    """Return the request with another method, path, scheme or host."""
    parts = {name: value.decode("latin-1") for name, value in pseudo.items()}
    path, _, query = parts.get(b":path", "").partition("?")
    headers = request.headers
    if b":authority" in pseudo:
        headers = (*(h for h in headers if h[0] != b"host"), (b"host", pseudo[b":authority"]))
    return replace(
        request,
        method=parts.get(b":method", request.method),
        scheme=parts.get(b":scheme", request.scheme),
        path=path or request.path,
        query=query.encode("latin-1") if path else request.query,
        headers=headers,
    )


def _body(transformer: Transformer, facts: Facts, beside: Mapping[str, Any]) -> bytes:
    request = facts.request
    if not transformer.changes_body or (not request.body and request.method not in _WITH_BODY):
        return request.body
    try:
        return transformer.body(facts, beside, facts.request.body)
    except TransformFailed as error:
        raise BadRequest(
            f"The body that the configuration makes of this request cannot be made: {error}.",
            code="transform_failed",
        ) from error


def _unsized(headers: tuple[Header, ...], *, changed: bool) -> tuple[Header, ...]:
    """Leave out the length of a body that has changed."""
    return tuple(h for h in headers if h[0] != b"content-length") if changed else headers


class Shaping:
    """What one route does to requests and answers."""

    def __init__(self, route: str, transform: Transform, every: Changes = NO_CHANGES) -> None:
        self._route = {"name": route}
        self._request = Transformer(transform.request, ROUTED)
        self._answers = [
            Transformer(changes, REPLY) for changes in (transform.response, every) if changes != NO_CHANGES
        ]

    @property
    def failures(self) -> int:
        """How many expressions had no value."""
        return self._request.failures + sum(one.failures for one in self._answers)

    def told(self, facts: Facts) -> tuple[str, ...]:
        """Say what the changes to a request come to, for a dry run."""
        beside = self._request.beside(facts, {"route": self._route, "metadata": facts.metadata})
        return tuple(self._request.told(facts, beside))

    def request(self, facts: Facts) -> Shaped:
        """Return what is sent upstream; raises BadRequest."""
        beside = self._request.beside(facts, {"route": self._route, "metadata": facts.metadata})
        edits = self._request.edits(facts, beside)
        body = _body(self._request, facts, beside)
        if body != facts.request.body:
            facts = facts.seen_as(replace(facts.request, body=body), facts.metadata)
        return Shaped(facts, edits, beside)

    def answer(self, answer: Response, shaped: Shaped, backend: str | None) -> Response:
        """Change the headers of an answer."""
        for transformer in self._answers:
            beside = {**shaped.beside, "backend": {"name": backend}, "response": _seen(answer)}
            beside = transformer.beside(shaped.facts, beside)
            answer.headers = transformer.edits(shaped.facts, beside).plain().over(answer.headers)
        return answer


def _seen(answer: Response) -> dict[str, Any]:
    lines: dict[str, list[str]] = {}
    for name, value in answer.headers:
        lines.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    return {"code": answer.status, "headers": Headers(lines)}
