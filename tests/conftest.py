"""What a run says of the package it tests, and what it refuses to test: compiled modules of other sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from hatch_build import compiled_in

ROOT = Path(__file__).parent.parent


def pytest_configure() -> None:
    """End the run at once where it would not test what stands in the sources."""
    if outdated(ROOT):
        raise pytest.UsageError("compiled modules are older than their sources: make compiled, or make plain")


def pytest_report_header() -> str:
    """Say which of the two packages is tested."""
    return header(ROOT)


def header(root: Path) -> str:
    count = len(compiled_in(root))
    return f"llmgw_middleware: {count} modules compiled" if count else "llmgw_middleware: Python"


def outdated(root: Path) -> list[Path]:
    """Return the compiled modules whose source is newer, or gone."""
    return [library for library in compiled_in(root) if _changed(library)]


def _changed(library: Path) -> bool:
    source = library.with_name(library.name.partition(".")[0] + ".py")
    return not source.exists() or source.stat().st_mtime > library.stat().st_mtime
