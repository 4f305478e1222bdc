"""Parts of chat answers that servers word in their own ways: thoughts, lists of parts, sources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from llmgw_middleware.dialect.chat import Source


def spoken(content: Any) -> Iterator[tuple[Literal["text", "thinking"], str]]:
    """Return kind and text of each part of a content that is a list (Mistral)."""
    for part in content if isinstance(content, list) else ():
        if isinstance(part, str):
            yield "text", part
        elif isinstance(part, dict):
            thoughts = part.get("thinking")
            if part.get("type") == "thinking" and isinstance(thoughts, list):
                yield from (("thinking", text) for _, text in spoken(thoughts))
            elif part.get("type") == "thinking" and isinstance(thoughts, str):
                yield "thinking", thoughts
            elif isinstance(text := part.get("text"), str) and text:
                yield "text", text


def thought(reasoning_content: Any, reasoning: Any, details: Any) -> str:
    """Return what was thought, from whichever of the three fields has it; the same thought may stand in several."""
    for said in (reasoning_content, reasoning):
        if said and isinstance(said, str):
            return said
    if not isinstance(details, list):
        return ""
    texts = (one.get("text") or one.get("summary") for one in details if isinstance(one, dict))
    return "".join(text for text in texts if isinstance(text, str))


def sources(annotations: Any) -> Iterator[Source]:
    """Return the URL citations of an answer."""
    for one in annotations if isinstance(annotations, list) else ():
        found = one.get("url_citation") if isinstance(one, dict) else None
        if isinstance(found, dict) and isinstance(found.get("url"), str):
            yield Source(
                url=found["url"],
                title=_text(found.get("title")),
                cited=_text(found.get("content")),
                start=_place(found.get("start_index")),
                end=_place(found.get("end_index")),
            )


def annotation(source: Source) -> dict[str, Any]:
    """Return a source with a URL as chat callers know it."""
    inner = {
        "url": source.url,
        "title": source.title or "",
        "start_index": source.start or 0,
        "end_index": source.end or 0,
    }
    return {"type": "url_citation", "url_citation": inner}


def cited(found: list[Source]) -> dict[str, Any]:
    """Return the members of a message or delta that tell its sources; those without a URL as they came."""
    out: dict[str, Any] = {}
    with_url = [annotation(source) for source in found if source.url is not None]
    others = [source.raw for source in found if source.url is None and source.raw is not None]
    if with_url:
        out["annotations"] = with_url
    if others:
        out["x_citations"] = others
    return out


def thinking_block(text: str, signature: str) -> dict[str, str]:
    """Return a thought with its proof, as chat callers keep it for the next round."""
    return {"type": "thinking", "thinking": text, "signature": signature}


def redacted_block(data: str) -> dict[str, str]:
    """Return a thought that only its model can read."""
    return {"type": "redacted_thinking", "data": data}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _place(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
