"""The canonical chat request: what every dialect's request is read into, and written from.

Values only, and no dialect's spelling. JSON that the gateway has no business in (schemas, arguments, metadata) stays
as its bytes, so that floats, big integers and key order survive. A field that is None was not said; values that
restate a provider's default (``n: 1``, ``temperature: 1``) are read as not said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

Number: TypeAlias = int | float
"""As it was written: 1 stays 1 and 1.0 stays 1.0."""

Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
"""How hard to think. ``none`` switches thinking off."""

EFFORTS: tuple[Effort, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

Family: TypeAlias = Literal["anthropic", "google", "openai"]
"""Who minted an opaque value. Claude on Bedrock or Vertex mints as ``anthropic``; it goes back to that family only."""


class Cache(msgspec.Struct, frozen=True, gc=False):
    """A breakpoint of prompt caching after the part that has it. ``ttl`` is ``5m``, ``1h`` or not said."""

    ttl: str | None = None


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where a statement comes from.

    ``url`` and ``title`` name the source. ``start`` and ``end`` are offsets in characters (never bytes) over the text
    of the whole answer, all text parts joined; ``cited`` is the passage of the source. ``raw`` is the upstream's own
    object, for what has no place here (pages, blocks); it is set where ``url`` is None.
    """

    url: str | None = None
    title: str | None = None
    cited: str | None = None
    start: int | None = None
    end: int | None = None
    raw: msgspec.Raw | None = None


class TextPart(msgspec.Struct, frozen=True):
    """Text. In requests it may be empty; writers leave empty parts out where their dialect refuses them."""

    text: str
    cache: Cache | None = None
    citations: Sequence[Source] = ()


class ImagePart(msgspec.Struct, frozen=True, kw_only=True):
    """An image: either ``data`` (base64, with its ``media_type``), or ``url`` (http or https), or a provider's ``file_id``."""

    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    detail: str | None = None
    cache: Cache | None = None


class FilePart(msgspec.Struct, frozen=True, kw_only=True):
    """A document: ``data`` (base64, with its ``media_type``), ``text`` (plain), ``url``, or a provider's ``file_id``."""

    media_type: str | None = None
    data: str | None = None
    text: str | None = None
    url: str | None = None
    file_id: str | None = None
    name: str | None = None
    cache: Cache | None = None


class AudioPart(msgspec.Struct, frozen=True):
    """Spoken input. ``data`` is base64, ``format`` such as ``wav`` or ``mp3``."""

    data: str
    format: str


class ThinkingPart(msgspec.Struct, frozen=True):
    """What the model thought before. ``signature`` proves it to the ``family`` that minted it; it must come back unchanged.

    Writers of another family leave the signature out, and the part with it where unsigned thinking is refused.
    """

    text: str
    signature: str | None = None
    family: Family | None = None


class CarrierPart(msgspec.Struct, frozen=True):
    """Thinking that only its ``family`` can read (``redacted_thinking``, ``redactedContent``): opaque, kept in place."""

    data: str
    family: Family


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """The assistant asks for a tool.

    ``arguments`` is JSON text, of an object; empty means ``{}``. Nobody has checked it: in requests a writer that needs
    an object refuses what is none (``bad_arguments``). ``id`` is never empty. ``custom``: ``arguments`` is free text.
    ``signature`` is a thought signature that belongs to this call (family ``google``). ``at`` is the path of the
    arguments in the caller's body.
    """

    id: str
    name: str
    arguments: str = ""
    custom: bool = False
    signature: str | None = None
    cache: Cache | None = None
    at: str = ""


class ToolResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a tool said to the call of that ``id``. ``name`` is the tool's, if an earlier call in the history told it."""

    id: str
    parts: Sequence[TextPart | ImagePart | FilePart]
    name: str | None = None
    is_error: bool = False
    cache: Cache | None = None

    @property
    def text(self) -> str:
        """The texts joined."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


class RefusalPart(msgspec.Struct, frozen=True):
    """The assistant says why it will not answer."""

    text: str


Part: TypeAlias = (
    TextPart
    | ImagePart
    | FilePart
    | AudioPart
    | ThinkingPart
    | CarrierPart
    | ToolCall
    | ToolResult
    | RefusalPart
)
"""One piece of a turn. Order within a turn means something and is kept."""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One message. ``at`` is its dotted path in the caller's body (``messages.3``), for errors.

    ``user`` turns hold texts, media and tool results; ``assistant`` turns texts, thinking, refusals and tool calls;
    ``system`` turns stand in the middle (leading ones are ``ChatRequest.system``). ``name`` is the participant's.
    """

    role: Literal["user", "assistant", "system"]
    parts: Sequence[Part]
    at: str
    name: str | None = None


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A function the model may call. ``schema`` is the JSON Schema of its arguments, None if it takes none.

    ``custom``: it takes free text, and ``schema`` is the caller's object on its format.
    """

    name: str
    description: str | None = None
    schema: msgspec.Raw | None = None
    strict: bool | None = None
    custom: bool = False
    cache: Cache | None = None


class ToolChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Which tools must or may be called. ``tool``: the one of that ``name``. ``allowed`` narrows the tools; empty: all."""

    mode: Literal["auto", "none", "required", "tool"]
    name: str | None = None
    allowed: Sequence[str] = ()


class ResponseFormat(msgspec.Struct, frozen=True, kw_only=True):
    """The form that the answer must have: any JSON object, or JSON of a ``schema``."""

    kind: Literal["json_object", "json_schema"]
    schema: msgspec.Raw | None = None
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


class Reasoning(msgspec.Struct, frozen=True, kw_only=True):
    """How much to think. Callers say ``effort``, or a ``budget`` in tokens, or both; neither: the model decides.

    ``param`` is what the caller called it, for errors and ``x-llmgw-dropped``. ``display``: ``summarized`` or
    ``omitted``, whether the thoughts are shown.
    """

    effort: Effort | None = None
    budget: int | None = None
    display: str | None = None
    param: str = "reasoning_effort"


class ChatRequest(msgspec.Struct, kw_only=True):
    """One request for a chat answer.

    ``system``: the leading instructions, one part for each message or block, boundaries kept. ``max_tokens`` is the
    limit of the answer. ``stop``: sequences that end it. ``logit_bias``, ``metadata`` and ``web_search`` are the
    caller's JSON. ``user``: the caller's own id of the person (``user``, ``safety_identifier``, ``metadata.user_id``).
    ``include_usage``: a stream shall end with its usage. ``names`` says what the caller calls a field, where that is
    not the field's name here (``max_tokens`` → ``max_completion_tokens``), for errors.

    ``extra`` is what the caller said and this value has no place for, by dotted path (``foo``,
    ``messages.2.content.0``): every writer refuses or drops each of them, see ``adjust.Adjustments``.
    """

    model: str | None = None
    system: Sequence[TextPart] = ()
    turns: Sequence[Turn] = ()
    tools: Sequence[Tool] = ()
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    max_tokens: int | None = None
    temperature: Number | None = None
    top_p: Number | None = None
    top_k: int | None = None
    stop: Sequence[str] = ()
    frequency_penalty: Number | None = None
    presence_penalty: Number | None = None
    logit_bias: msgspec.Raw | None = None
    n: int | None = None
    seed: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    response_format: ResponseFormat | None = None
    reasoning: Reasoning | None = None
    verbosity: str | None = None
    user: str | None = None
    metadata: msgspec.Raw | None = None
    store: bool | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    web_search: msgspec.Raw | None = None
    modalities: Sequence[str] = ()
    stream: bool = False
    include_usage: bool = False
    names: Mapping[str, str] = {}
    extra: Mapping[str, msgspec.Raw] = {}

    def name_of(self, field: str) -> str:
        """Return what the caller calls ``field``."""
        return self.names.get(field, field)


def merged(turns: Sequence[Turn]) -> list[Turn]:
    """Join neighbours of one role, as dialects that insist on taking turns want it.

    In user turns the tool results come first: every dialect that has them in user turns wants it so.
    """
    out: list[Turn] = []
    for turn in turns:
        before = out[-1] if out else None
        if before is not None and before.role == turn.role and turn.role != "system":
            parts = [*before.parts, *turn.parts]
            out[-1] = Turn(role=turn.role, parts=parts, at=before.at, name=before.name)
        else:
            out.append(turn)
    return [_results_first(turn) if turn.role == "user" else turn for turn in out]


def _results_first(turn: Turn) -> Turn:
    results = [part for part in turn.parts if isinstance(part, ToolResult)]
    if not results or len(results) == len(turn.parts):
        return turn
    rest = [part for part in turn.parts if not isinstance(part, ToolResult)]
    return Turn(role=turn.role, parts=[*results, *rest], at=turn.at, name=turn.name)
