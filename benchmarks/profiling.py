"""A sampling profile of the process's own CPU time, by function.

The timer counts CPU, not waiting; its signal is taken at the next bytecode, so time in C counts for the caller.
"""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType

INTERVAL = 0.001
"""Seconds of CPU time between samples that are asked for; kernels give one per tick, often 4 ms."""


class Samples:
    """Counts which functions were at work (``own``) and which were on the stack (``inside``)."""

    def __init__(self) -> None:
        self.total = 0
        self.own: Counter[CodeType] = Counter()
        self.inside: Counter[CodeType] = Counter()

    def take(self, _: int, frame: FrameType | None) -> None:
        """Count one stack."""
        if frame is None:
            return
        self.total += 1
        self.own[frame.f_code] += 1
        stack = set()
        while frame is not None:
            stack.add(frame.f_code)
            frame = frame.f_back
        self.inside.update(stack)

    def functions(self) -> list[dict[str, object]]:
        """Return name, place and both shares (0 to 1) of every function that was seen, the widest first."""
        return [
            {
                "name": code.co_qualname,
                "place": _place(code),
                "within": count / self.total,
                "own": self.own[code] / self.total,
            }
            for code, count in self.inside.most_common()
        ]


@contextmanager
def sampling(where: str) -> Iterator[Samples]:
    """Sample while the block runs, then write ``functions`` to ``where`` as JSON."""
    samples = Samples()
    before = signal.signal(signal.SIGPROF, samples.take)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
    try:
        yield samples
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)
        Path(where).write_text(json.dumps(samples.functions()))


def _place(code: CodeType) -> str:
    return f"{'/'.join(Path(code.co_filename).parts[-2:])}:{code.co_firstlineno}"
