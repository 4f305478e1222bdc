"""What single models can and cannot do, as rows by the patterns of their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Literal

ThinkingForm = Literal["effort", "budget", "level", "none"]
CapabilityValue = str | bool | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """One model.

    ``sampling``: it takes temperature, top_p and top_k. ``mid_system``: system messages may stand among the others.
    ``thinking`` is how thinking is asked for: by an effort, a budget of tokens, Gemini 3's level, or not at all.
    ``max_completion``: OpenAI's reasoning models, which refuse
    ``max_tokens`` and ``stop``. ``responses_only``: OpenAI serves it by ``/responses`` and not as a chat. ``developer``: it knows the role. ``audio``: it hears. ``max_output`` is the most
    tokens of an answer, None where that is not known.
    """

    sampling: bool = True
    mid_system: bool = False
    thinking: ThinkingForm = "effort"
    max_completion: bool = False
    responses_only: bool = False
    developer: bool = True
    audio: bool = False
    max_output: int | None = None


Row = tuple[str, Mapping[str, CapabilityValue]]

_CURRENT: Mapping[str, CapabilityValue] = {
    "sampling": False, "thinking": "effort", "mid_system": True, "max_output": 128_000,
}  # fmt: skip

ROWS: Sequence[Row] = (
    ("claude-*", {"thinking": "budget", "max_output": 64_000}),
    ("claude-3-haiku*", {"thinking": "none", "max_output": 4096}),
    ("claude-3-opus*", {"thinking": "none", "max_output": 4096}),
    ("claude-3-5-*", {"thinking": "none", "max_output": 8192}),
    ("claude-opus-4-0*", {"max_output": 32_000}),
    ("claude-opus-4-2025*", {"max_output": 32_000}),
    ("claude-opus-4-1*", {"max_output": 32_000}),
    ("claude-opus-4-6*", {"thinking": "effort", "max_output": 128_000}),
    ("claude-sonnet-4-6*", {"thinking": "effort"}),
    ("claude-opus-4-7*", {"sampling": False, "thinking": "effort", "max_output": 128_000}),
    ("claude-opus-4-8*", _CURRENT),
    ("claude-opus-5*", _CURRENT),
    ("claude-sonnet-5*", _CURRENT),
    ("claude-haiku-5*", _CURRENT),
    ("claude-fable-*", _CURRENT),
    ("gemini-2.0*", {"thinking": "none", "audio": True}),
    ("gemini-2.5*", {"thinking": "budget", "audio": True, "max_output": 65_536}),
    ("gemini-3*", {"thinking": "level", "audio": True, "max_output": 65_536}),
    ("o1*", {"max_completion": True}),
    ("o3*", {"max_completion": True}),
    ("o4*", {"max_completion": True}),
    ("gpt-5*", {"max_completion": True}),
    ("o1-mini*", {"developer": False}),
    ("o1-pro*", {"responses_only": True}),
    ("o3-pro*", {"responses_only": True}),
    ("gpt-5*-pro*", {"responses_only": True}),
    ("gpt-5*-codex*", {"responses_only": True}),
    ("codex-*", {"max_completion": True, "responses_only": True}),
    ("*-deep-research*", {"responses_only": True}),
    ("computer-use-*", {"responses_only": True}),
    ("gpt-3.5*", {"thinking": "none", "max_output": 4096}),
    ("gpt-4*", {"thinking": "none"}),
    ("amazon.titan*", {"thinking": "none"}),
    ("amazon.nova*", {"thinking": "none"}),
    ("meta.*", {"thinking": "none"}),
    ("mistral.*", {"thinking": "none"}),
    ("cohere.*", {"thinking": "none"}),
    ("deepseek.*", {"thinking": "none"}),
)  # fmt: skip
"""Built-in knowledge, from the general to the exact: each row that matches is laid over those before it."""

_PLAIN = Capabilities()
_FIELDS: Mapping[str, str] = {
    "sampling": "sampling",
    "midSystem": "mid_system",
    "thinking": "thinking",
    "maxCompletion": "max_completion",
    "responsesOnly": "responses_only",
    "developer": "developer",
    "audio": "audio",
    "maxOutput": "max_output",
}
"""Fields by the names that the configuration gives them."""


def capabilities_of(model: str | None, said: Mapping[str, Any]) -> Capabilities:
    """Return what ``model`` can do: what the built-in rows know, with what is ``said`` (camelCase) laid over it."""
    found = _PLAIN
    plain = plain_name(model or "")
    for pattern, values in ROWS:
        if fnmatchcase(plain, pattern):
            found = replace(found, **values)  # type: ignore[arg-type]  # the rows are tested
    known = {_FIELDS[name]: value for name, value in said.items() if name in _FIELDS}
    return replace(found, **known) if known else found


def said_of(
    model: str | None, configured: Mapping[str, Mapping[str, CapabilityValue]]
) -> dict[str, CapabilityValue]:
    """Return what the configuration says of ``model``: every pattern that matches, the longest laid over the others."""
    said: dict[str, CapabilityValue] = {}
    plain = plain_name(model or "")
    for pattern in sorted(configured, key=len):
        if fnmatchcase(model or "", pattern) or fnmatchcase(plain, pattern):
            said.update(configured[pattern])
    return said


def plain_name(model: str) -> str:
    """Return a model's name without where it is served.

    ``us.anthropic.claude-sonnet-4-5-v1:0`` (Bedrock), ``publishers/google/models/gemini-2.5-pro`` (Vertex) and
    ``openai/gpt-5`` (routers) are the same models as at their makers.
    """
    name = model.rsplit("/", 1)[-1].lower()
    head, dot, rest = name.partition(".")
    if dot and head in {"us", "eu", "apac", "global", "jp", "au", "ca", "us-gov"}:
        name = rest
    return name.removeprefix("anthropic.").removeprefix("google.")
