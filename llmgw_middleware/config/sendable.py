"""Headers that are sent upstream as they are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.tree import Position
from llmgw_middleware.config.words.kinds import header_fault

_OURS = frozenset(
    {
        "connection", "content-length", "cookie", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    }
)  # fmt: skip
_UNSENDABLE = re.compile(r"[^\t\x20-\x7e\x80-\xff]")


def sendable(
    headers: Mapping[str, str], at: Callable[[str], Position], report: Report
) -> tuple[tuple[str, str], ...]:
    """Return the headers; what no request can carry is reported where ``at`` says that the name stands."""
    for name, value in headers.items():
        if fault := header_fault(name):
            report.error("bad_header", at(name), fault)
        elif name.lower() in _OURS:
            report.error("bad_header", at(name), f'The header "{name}" is the connection\'s own business.')
        elif _UNSENDABLE.search(value):
            report.error(
                "bad_header", at(name), f'The value of "{name}" holds a character that no header can carry.'
            )
    return tuple(headers.items())
