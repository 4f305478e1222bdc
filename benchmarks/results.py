"""RESULTS.md: a section per scenario, each replaced when its scenario is run again."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import Line, median, number, table
from benchmarks.lab import Lab
from benchmarks.machine import compiled, describe, versions

FILE = Path(__file__).with_name("RESULTS.md")
PACKAGES = (
    "llmgw-middleware", "uvicorn", "uvloop", "httptools", "msgspec", "httpx", "gunicorn", "Django", "Flask",
)  # fmt: skip
INTRO = """# Results

Ratios hold within one section; absolute figures belong to the machine and to what else it did. Values are medians of
the rounds, with the least and the most. How figures are made and read: [docs/performance.md](../docs/performance.md).
"""


def section(name: str, about: str, lines: Sequence[Line], lab: Lab) -> str:
    """Return the section of one scenario."""
    noise = f"; cores busy with other work meanwhile: {number(median(lab.foreign))}" if lab.foreign else ""
    client = os.environ.get("LLMGW_BENCH_TRANSPORT", "default")
    words = f"python -m benchmarks {name} --rounds {lab.rounds} --scale {lab.scale:g}"
    if client != "default":
        words = f"LLMGW_BENCH_TRANSPORT={client} {words}"
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    said = f"{when}; {describe()}; {compiled('llmgw_middleware')}; {versions(PACKAGES)}{noise}."
    return f"## {name}\n\n{about}\n\n    {words}\n\n{table(lines)}\n\n{said}\n"


def merged(text: str, sections: Mapping[str, str], order: Sequence[str]) -> str:
    """Return the file ``text`` with ``sections`` put in, in ``order``."""
    parts = re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]
    known = {part.split("\n", 1)[0].removeprefix("## "): part.rstrip() + "\n" for part in parts}
    known.update(sections)
    return "\n".join([INTRO, *(known[name] for name in order if name in known)])
