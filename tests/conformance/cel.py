"""Tells how much of the language's and of agentgateway's tables passes: ``python -m tests.conformance.cel``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.conformance import cel_cases
from tests.conformance.cel_cases import KNOWN_GAPS, Case
from tests.fixtures import FIXTURES

TABLES: tuple[tuple[str, str, Callable[[Path], Iterator[tuple[str, Case]]], Callable[[Case], bool]], ...] = (
    ("cel-spec, extensions", cel_cases.EXTENSIONS, cel_cases.extensions, cel_cases.core_passes),
    ("agentgateway, functions", cel_cases.FUNCTIONS, cel_cases.listed, cel_cases.function_passes),
    ("agentgateway, request context", cel_cases.CONTEXT, cel_cases.listed, cel_cases.context_passes),
    ("agentgateway, attribute references", cel_cases.REFERENCES, cel_cases.listed, cel_cases.references_pass),
    (
        "agentgateway, transformations",
        cel_cases.TRANSFORMATIONS,
        cel_cases.named,
        cel_cases.transformation_passes,
    ),
)


def main() -> int:
    """Print the figures; 0 if every table passes but for the known gaps."""
    if not FIXTURES.exists():
        print(f"fixtures not found at {FIXTURES}")
        return 2
    cases = list(cel_cases.core(FIXTURES / cel_cases.CORE))
    failing = [name for name, case in cases if not cel_cases.core_passes(case)]
    for kind, what in (("value", "that give a value"), ("error", "that give an error")):
        _tell(
            f"cel-spec, core cases {what}", [_result(c, failing) for _, c in cases if c["expect"][0] == kind]
        )
    surprises = [name for name in failing if name not in KNOWN_GAPS]
    for title, path, read, passes in TABLES:
        results = [(name, passes(case)) for name, case in read(FIXTURES / path)]
        _tell(title, [good for _, good in results])
        surprises += [name for name, good in results if not good]
    for name, why in KNOWN_GAPS.items():
        print(f"known gap: {name}: {why}")
    for name in surprises:
        print(f"fails: {name}")
    return int(bool(surprises))


def _result(case: Any, failing: list[str]) -> bool:
    return case["id"] not in failing


def _tell(title: str, results: list[bool]) -> None:
    print(f"{title}: {sum(results)}/{len(results)} ({100 * sum(results) / len(results):.1f} %)")


if __name__ == "__main__":
    sys.exit(main())
