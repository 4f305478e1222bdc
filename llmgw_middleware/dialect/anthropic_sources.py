"""Citations of Anthropic messages, from and to the canonical source."""

from __future__ import annotations

from typing import Any

import msgspec

from llmgw_middleware.dialect.chat import Source


def source_of(citation: dict[str, Any], *, start: int | None = None, end: int | None = None) -> Source:
    """Return a citation as a source. ``start`` and ``end`` are where the text that has it stands in the answer.

    Only results of web searches have a URL; pages, blocks and characters of documents are kept as they are.
    """
    url, title, cited = citation.get("url"), citation.get("title"), citation.get("cited_text")
    known = isinstance(url, str)
    return Source(
        url=url if known else None,
        title=title if isinstance(title, str) else None,
        cited=cited if isinstance(cited, str) else None,
        start=start,
        end=end,
        raw=None if known else msgspec.Raw(msgspec.json.encode(citation)),
    )


def citation_of(source: Source) -> dict[str, Any]:
    """Return a source as a citation of a text block."""
    return {
        "type": "web_search_result_location",
        "url": source.url or "",
        "title": source.title,
        "cited_text": source.cited or "",
        "encrypted_index": "",
    }
