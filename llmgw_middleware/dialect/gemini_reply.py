"""What Gemini answers, read object by object: a complete answer is one, a stream many, and both mean the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from llmgw_middleware.dialect.chat import Source
from llmgw_middleware.dialect.chat_event import (
    Carrier,
    ChatEvent,
    Citation,
    Failed,
    Finish,
    Finished,
    Started,
    Text,
    Thinking,
    ToolArguments,
    ToolStarted,
    UsageSeen,
)
from llmgw_middleware.dialect.chat_port import Mint
from llmgw_middleware.dialect.gemini_arguments import PartialArguments
from llmgw_middleware.dialect.gemini_errors import fault_in_stream
from llmgw_middleware.dialect.loose import count, mapping, objects, text
from llmgw_middleware.model.usage import Usage

_FILTERED = frozenset(
    {
        "BLOCKLIST", "IMAGE_OTHER", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "IMAGE_SAFETY", "LANGUAGE",
        "MODEL_ARMOR", "PROHIBITED_CONTENT", "RECITATION", "SAFETY", "SPII",
    }
)  # fmt: skip
_MALFORMED = frozenset(
    {
        "MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "MISSING_THOUGHT_SIGNATURE", "NO_IMAGE", "OTHER",
        "TOO_MANY_TOOL_CALLS", "UNEXPECTED_TOOL_CALL",
    }
)  # fmt: skip
_LENGTH = frozenset({"MAX_TOKENS", "CONTINUATION"})
_NO_REASON = frozenset({"", "FINISH_REASON_UNSPECIFIED"})


def read_usage(reported: Any) -> Usage | None:
    """Return ``usageMetadata`` as counts, None if it has none. Thoughts are part of what was put out."""
    found = mapping(reported)
    if not any(name.endswith("TokenCount") for name in found):
        return None
    prompt = count(found.get("promptTokenCount")) + count(found.get("toolUsePromptTokenCount"))
    thoughts = count(found.get("thoughtsTokenCount"))
    return Usage(
        input=prompt,
        output=count(found.get("candidatesTokenCount")) + thoughts,
        cached=min(count(found.get("cachedContentTokenCount")), prompt),
        reasoning=thoughts,
    )


class Reader:
    """One answer, as far as it was read. ``finished``: every candidate has its reason, or the prompt was blocked."""

    __slots__ = ("_candidates", "_mint", "_started", "_usage", "finished")

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self._started = False
        self._usage: Usage | None = None
        self._candidates: dict[int, _Candidate] = {}
        self.finished = False

    def take(self, answer: Mapping[str, Any], raw: bytes) -> Iterator[ChatEvent]:
        """Read one object; ``raw`` are its bytes."""
        error = answer.get("error")
        if error:
            yield Failed(fault_in_stream(mapping(error), raw))
            return
        usage = read_usage(answer.get("usageMetadata"))
        if not self._started:
            self._started = True
            yield Started(
                text(answer.get("responseId")) or None, text(answer.get("modelVersion")) or None, usage
            )
        for place, found in enumerate(objects(answer.get("candidates"))):
            index = count(found.get("index", place))
            candidate = self._candidates.setdefault(index, _Candidate(index, self._mint))
            yield from candidate.take(found)
        self._block(mapping(answer.get("promptFeedback")))
        if usage is not None and usage != self._usage:
            self._usage = usage
            yield UsageSeen(usage)
        self.finished = bool(self._candidates) and all(
            c.reason is not None for c in self._candidates.values()
        )

    def end(self) -> Iterator[ChatEvent]:
        """Tell how each candidate ended."""
        for index in sorted(self._candidates):
            yield from self._candidates[index].end()

    def assume_finished(self) -> None:
        """Take a complete answer without a reason as one that stopped."""
        for candidate in self._candidates.values():
            candidate.reason = candidate.reason or "STOP"

    def logprobs(self) -> list[msgspec.Raw | None]:
        """Return the log probabilities of each candidate by its number, in the canonical form."""
        return [self._candidates[index].logprobs for index in sorted(self._candidates)]

    def _block(self, feedback: Mapping[str, Any]) -> None:
        reason = text(feedback.get("blockReason"))
        if reason and not self._candidates:
            blocked = self._candidates[0] = _Candidate(0, self._mint)
            blocked.reason, blocked.blocked = reason, True
            blocked.message = text(feedback.get("blockReasonMessage"))


class _Candidate:
    __slots__ = ("_index", "_mint", "_partial", "_said", "_tools", "blocked", "logprobs", "message", "reason")

    def __init__(self, index: int, mint: Mint) -> None:
        self._index = index
        self._mint = mint
        self._tools = 0
        self._partial: PartialArguments | None = None
        self._said: list[str] = []
        self.reason: str | None = None
        self.blocked = False
        self.message = ""
        self.logprobs: msgspec.Raw | None = None

    def take(self, found: Mapping[str, Any]) -> Iterator[ChatEvent]:
        for part in objects(mapping(found.get("content")).get("parts")):
            yield from self._part(part)
        yield from self._grounded(mapping(found.get("groundingMetadata")))
        reason = text(found.get("finishReason"))
        if reason not in _NO_REASON:
            yield from self._complete()
            self.reason = reason
            self.message = text(found.get("finishMessage"))
        if isinstance(found.get("logprobsResult"), dict):
            self.logprobs = _logprobs(found["logprobsResult"])

    def end(self) -> Iterator[ChatEvent]:
        reason = self.reason or ""
        kind = self._kind(reason)
        plain = kind in {Finish.STOP, Finish.TOOLS} and reason == "STOP"
        yield Finished(
            kind,
            detail=None if plain or kind is Finish.LENGTH else reason,
            explanation=self.message or None,
            choice=self._index,
        )

    def _kind(self, reason: str) -> Finish:
        if self.blocked or reason in _FILTERED:
            return Finish.FILTERED
        if reason in _LENGTH:
            return Finish.LENGTH
        if reason in _MALFORMED:
            return Finish.MALFORMED
        # Gemini says STOP of calls, too.
        return Finish.TOOLS if self._tools else Finish.STOP

    def _part(self, part: Mapping[str, Any]) -> Iterator[ChatEvent]:
        """Read one part. What the server's own tools did, and what is no text, is not the caller's to see."""
        signature = text(part.get("thoughtSignature"))
        call = part.get("functionCall")
        if isinstance(call, dict):
            yield from self._call(call, signature)
            return
        said = text(part.get("text"))
        if said and part.get("thought") is True:
            yield Thinking(said, self._index)
        elif said:
            self._said.append(said)
            yield Text(said, self._index)
        if signature:
            yield Carrier("signature", signature, "google", None, self._index)

    def _call(self, call: dict[str, Any], signature: str) -> Iterator[ChatEvent]:
        name = text(call.get("name"))
        if name:
            yield from self._complete()
            tool = self._tools
            self._tools += 1
            identity = text(call.get("id")) or f"call_{self._mint()}"
            yield ToolStarted(tool, identity, name, choice=self._index)
            if signature:
                yield Carrier("signature", signature, "google", tool, self._index)
            self._partial = PartialArguments()
        if self._partial is not None:
            self._partial.take(call)
            if not call.get("willContinue"):
                yield from self._complete()

    def _complete(self) -> Iterator[ChatEvent]:
        """Tell the arguments of the call that is open, if there are any."""
        partial, self._partial = self._partial, None
        if partial is not None and partial.value:
            arguments = msgspec.json.encode(partial.value).decode()
            yield ToolArguments(self._tools - 1, arguments, self._index)

    def _grounded(self, metadata: Mapping[str, Any]) -> Iterator[ChatEvent]:
        chunks = [
            mapping(chunk.get("web") or chunk.get("retrievedContext"))
            for chunk in objects(metadata.get("groundingChunks"))
        ]
        supports = objects(metadata.get("groundingSupports"))
        spoken = "".join(self._said).encode() if supports else b""
        for support in supports:
            segment = mapping(support.get("segment"))
            start, end = count(segment.get("startIndex")), count(segment.get("endIndex"))
            numbers = support.get("groundingChunkIndices")
            for number in numbers if isinstance(numbers, list) else ():
                if isinstance(number, int) and 0 <= number < len(chunks):
                    yield Citation(_source(chunks[number], spoken, start, end), self._index)
        if not supports:
            for chunk in chunks:
                if chunk.get("uri"):
                    yield Citation(
                        Source(url=text(chunk["uri"]), title=text(chunk.get("title")) or None), self._index
                    )


def _source(chunk: Mapping[str, Any], spoken: bytes, start: int, end: int) -> Source:
    """Return a source. Gemini's offsets count bytes of UTF-8, the canonical ones characters."""
    url = text(chunk.get("uri"))
    return Source(
        url=url or None,
        title=text(chunk.get("title")) or None,
        cited=text(chunk.get("text")) or None,
        start=_characters(spoken, start),
        end=_characters(spoken, end),
        raw=None if url else msgspec.Raw(msgspec.json.encode(chunk)),
    )


def _characters(spoken: bytes, offset: int) -> int:
    return len(spoken[:offset].decode(errors="ignore"))


def _logprobs(found: Mapping[str, Any]) -> msgspec.Raw:
    """Return log probabilities as OpenAI words them."""
    tops = [objects(step.get("candidates")) for step in objects(found.get("topCandidates"))]
    rows = []
    for index, chosen in enumerate(objects(found.get("chosenCandidates"))):
        top = tops[index] if index < len(tops) else []
        rows.append({**_token(chosen), "top_logprobs": [_token(other) for other in top]})
    return msgspec.Raw(msgspec.json.encode({"content": rows, "refusal": None}))


def _token(found: Mapping[str, Any]) -> dict[str, Any]:
    said = text(found.get("token"))
    return {"token": said, "logprob": found.get("logProbability", 0.0), "bytes": list(said.encode())}
