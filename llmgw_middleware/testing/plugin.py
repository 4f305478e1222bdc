"""Fixtures for pytest; installed with the package, so that no ``conftest.py`` has to name them.

Every pytest run of an environment loads this module, whatever it tests. So it has nothing but two functions: what
they need is imported when a test asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def llmgw_upstream() -> Iterator[Any]:
    """Run a ``ScriptedUpstream``: a provider on a free port that does what the test tells it."""
    from llmgw_middleware.testing.upstream import ScriptedUpstream

    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture
def llmgw_faults() -> Iterator[Any]:
    """Run a ``FaultBench``: a primary and a fallback provider that fail as ``play(name)`` says."""
    from llmgw_middleware.testing.fault_bench import FaultBench

    with FaultBench() as bench:
        yield bench
