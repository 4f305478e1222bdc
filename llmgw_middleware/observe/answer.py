"""What an answer says of its decision: the request id always, the rest to those who may look."""

from __future__ import annotations

import math
from collections.abc import Iterable

from llmgw_middleware.model.decision import Decision
from llmgw_middleware.model.http import Header

REQUEST_ID = b"x-request-id"
_LONGEST_ID = 128
_ID_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:")


def request_id_of(headers: Iterable[Header]) -> str | None:
    """Return the incoming id if it is worth keeping: 1 to 128 letters, digits and ``-_.:``."""
    for name, value in headers:
        if name == REQUEST_ID and 0 < len(value) <= _LONGEST_ID and _ID_BYTES.issuperset(value):
            return value.decode("ascii")
    return None


def id_headers(request_id: str) -> tuple[Header, ...]:
    """Return the id under both names that official SDKs read: OpenAI's and Anthropic's."""
    value = request_id.encode()
    return ((REQUEST_ID, value), (b"request-id", value))


def retry_headers(seconds: float | None) -> tuple[Header, ...]:
    """Return the hint when to come again, in whole seconds and in milliseconds, as the official SDKs read it."""
    if seconds is None:
        return ()
    return (
        (b"retry-after", str(math.ceil(seconds)).encode()),
        (b"retry-after-ms", str(math.ceil(seconds * 1000)).encode()),
    )


def decision_headers(decision: Decision, *, elapsed: float) -> tuple[Header, ...]:
    """Return the ``x-llmgw-…`` headers. ``elapsed``: seconds until the answer began.

    ``x-llmgw-overhead-ms`` is the part of it that no upstream was waited for.
    """
    waited = sum(attempt.duration or 0.0 for attempt in decision.attempts)
    overhead = max(0.0, elapsed - waited) * 1000
    named = (
        (b"x-llmgw-route", decision.route),
        (b"x-llmgw-backend", decision.backend),
        (b"x-llmgw-variant", None if decision.split is None else decision.split.variant),
        (b"x-llmgw-model", decision.model_served or decision.model_sent),
        (b"x-llmgw-attempts", str(len(decision.attempts))),
        (b"x-llmgw-decision", summary(decision)),
        (b"x-llmgw-overhead-ms", f"{overhead:.2f}"),
        (b"server-timing", f"llmgw;dur={overhead:.2f}, upstream;dur={waited * 1000:.2f}"),
    )
    return tuple((name, _printable(value)) for name, value in named if value)


def summary(decision: Decision) -> str:
    """Return the decision on one line: the route, the split's side, each attempt and how it ended.

    >>> summary(Decision(request_id="1", started=0.0, route="chat"))
    'chat'
    """
    words = [decision.route or decision.code or "no route"]
    if decision.split is not None:
        by = "chance" if decision.split.key is None else "sticky key"
        words.append(f"split {decision.split.chosen} by {by}, bucket {decision.split.bucket}")
    words += [f"{attempt.backend}: {attempt.outcome}" for attempt in decision.attempts]
    return " > ".join(words)


def _printable(text: str) -> bytes:
    """Return a header value: names in a configuration may hold anything, a header may not."""
    return "".join(c if c.isprintable() else " " for c in text).encode("latin-1", "replace")
