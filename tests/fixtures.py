"""Where the shared fixture tables are, and what happens to tests where they are not."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

FIXTURES = Path(__file__).resolve().parent.parent.parent / "shared" / "fixtures"
"""Beside the project, never inside it."""

REQUIRED = os.environ.get("LLMGW_REQUIRE_FIXTURES") == "1"


def fixture_path(name: str) -> Path:
    """Return a file or folder of the fixtures; skips the test where they are absent, or fails it if required."""
    path = FIXTURES / name
    if not path.exists():
        reason = f"fixtures not found at ../shared/fixtures/{name}"
        if REQUIRED:
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def fixture_json(name: str) -> Any:
    """Return a fixture file as JSON; skips or fails as ``fixture_path`` does."""
    return json.loads(fixture_path(name).read_bytes())


def fixture_params(name: str, cases: Callable[[Path], Iterable[tuple[str, Any]]]) -> list[Any]:
    """Return ``cases(path)``, pairs of id and value, as parameters of a test.

    Where the fixtures are absent there is one parameter that skips, or one that fails if they are required. A
    folder that is there must yield at least one case.
    """
    path = FIXTURES / name
    if not path.exists():
        reason = f"fixtures not found at ../shared/fixtures/{name}"
        if REQUIRED:
            raise FileNotFoundError(reason)
        return [pytest.param(None, id="absent", marks=pytest.mark.skip(reason=reason))]
    found = [pytest.param(value, id=case) for case, value in cases(path)]
    if not found:
        raise LookupError(f"../shared/fixtures/{name} is there but holds no case")
    return found
