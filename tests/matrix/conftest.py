from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.matrix.rows import Row

Measured = Callable[[str, float], None]
"""Notes a figure for ``results.md``: its column, and what was measured."""
Note = Callable[[str, object], None]


@pytest.fixture(autouse=True)
def of_a_row(request: pytest.FixtureRequest, record_property: Note) -> None:
    """Note of which row a test is."""
    given = getattr(request.node, "callspec", None)
    for value in given.params.values() if given else ():
        if isinstance(value, Row):
            record_property("row", value.name)


@pytest.fixture
def measured(record_property: Note) -> Measured:
    return lambda column, value: record_property(f"measured {column}", round(value, 2))
