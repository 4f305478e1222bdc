"""Sixteen ways in which a provider fails its callers, by name.

::

    with ScriptedUpstream() as primary, ScriptedUpstream() as fallback:
        FAULTS["stream cut"].play(primary, fallback)
        ...                                            # ask an application that knows both

Each is a scene for two providers: what the primary does wrong, and what the one beside it does. Both answer chat
completions, streamed and whole. The answer is always ``TEXT``, worth 9 tokens in and 3 out; its ``model`` says who
gave it (``PRIMARY``, ``FALLBACK``). The pytest fixture ``llmgw_faults`` has both providers running.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from llmgw_middleware.testing import fault_scenes as scenes
from llmgw_middleware.testing.answers import error
from llmgw_middleware.testing.fault_answers import FALLBACK, PRIMARY, TEXT, TEXTS, unended
from llmgw_middleware.testing.script import Reset, Script, Silence, raw
from llmgw_middleware.testing.upstream import ScriptedUpstream

__all__ = ["FALLBACK", "FAULTS", "PRIMARY", "SLOW", "TEXT", "TEXTS", "Fault"]

SLOW = 60.0
"""Seconds that a slow provider takes, unless ``play`` is told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault by its ``name``; ``story`` tells what happens.

    ``code`` is the error that a caller should get where another provider must not be asked; None where the caller
    should get the whole answer.
    """

    name: str
    story: str
    make: scenes.Making
    code: str | None = None

    def __repr__(self) -> str:
        return f"<Fault {self.name}>"

    def play(self, primary: ScriptedUpstream, fallback: ScriptedUpstream, *, slow: float = SLOW) -> None:
        """Let the two behave so from now on.

        ``slow``: real seconds, for faults that are about being late; take more than the gateway's ``firstToken``.
        """
        scene = self.make(slow)
        primary.script(*scene.first)
        primary.default(scene.primary)
        fallback.default(scene.fallback)


def _limited(headers: Mapping[str, str]) -> Script:
    return error(
        429, message="Rate limit reached.", kind="requests", code="rate_limit_exceeded", headers=headers
    )


def _refused(message: str, code: str) -> Script:
    return error(400, message=message, kind="invalid_request_error", code=code)


_TOO_LONG = "This model's maximum context length is 8192 tokens. Please reduce the length of the messages."
_FILTERED = "The prompt triggered the content management policy."

_ALL = (
    Fault(
        name="429 with Retry-After",
        story="The primary limits the rate and asks to be left alone for a second, every time.",
        make=scenes.persistent(_limited({"retry-after": "1"})),
    ),
    Fault(
        name="429 without Retry-After",
        story="The primary limits the rate and does not say for how long.",
        make=scenes.persistent(_limited({})),
    ),
    Fault(name="500 once", story="The primary fails one request.", make=scenes.once(error(500))),
    Fault(
        name="503 persistent",
        story="The primary is overloaded, every time.",
        make=scenes.persistent(scenes.OVERLOADED),
    ),
    Fault(
        name="reset before headers",
        story="The primary takes the request and resets the connection.",
        make=scenes.persistent(raw(Reset())),
    ),
    Fault(
        name="silence",
        story="The primary takes the request and never says a word.",
        make=scenes.persistent(raw(Silence())),
    ),
    Fault(
        name="slow first token",
        story="The primary's headers, role and pings come at once, its content comes late. A whole answer comes late.",
        make=scenes.slow_first_token,
    ),
    Fault(
        name="stream cut",
        story="The primary closes the connection in the middle of its answer.",
        make=scenes.persistently(scenes.CUT),
    ),
    Fault(
        name="stall",
        story="The primary falls silent in the middle of its answer and keeps the connection.",
        make=scenes.persistently(scenes.STALL),
    ),
    Fault(
        name="malformed chunk",
        story="The primary sends half an event amid a stream that goes on and ends well. Its whole answer is no JSON.",
        make=scenes.persistently(scenes.malformed),
    ),
    Fault(
        name="no [DONE]",
        story="The primary's stream ends without a terminator; its whole answer has no length and ends by a close.",
        make=scenes.persistently(unended),
    ),
    Fault(
        name="context length",
        story="The request is too long for the primary. The fallback can hold it.",
        make=scenes.persistent(_refused(_TOO_LONG, "context_length_exceeded")),
    ),
    Fault(
        name="content filter",
        story="The primary's provider refuses the prompt. The fallback would answer, and must not be asked.",
        make=scenes.persistent(_refused(_FILTERED, "content_filter")),
        code="content_filter",
    ),
    Fault(
        name="fallback that rejects prefill",
        story="The primary breaks off; the fallback refuses to continue an assistant's message with 400.",
        make=scenes.rejecting_prefill,
    ),
    Fault(
        name="flapping primary",
        story="The primary fails and works by turns.",
        make=scenes.flapping,
    ),
    Fault(
        name="failover accounting",
        story="The primary breaks off after reporting 18,000 tokens. The account must hold the fallback's and no others.",
        make=scenes.persistently(scenes.COSTLY),
    ),
)

FAULTS: Mapping[str, Fault] = MappingProxyType({fault.name: fault for fault in _ALL})
"""All sixteen, by name."""
