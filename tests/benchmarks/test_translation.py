from __future__ import annotations

import pytest

from benchmarks import translation
from llmgw_middleware.dialect.port import Operation


@pytest.mark.parametrize("operation", [Operation.CHAT, Operation.MESSAGES])
@pytest.mark.parametrize(
    ("provider", "events"), [("anthropic", translation.messages), ("openai", translation.chunks)]
)
def test_every_direction_is_measured_to_its_end(monkeypatch, operation, provider, events):
    monkeypatch.setattr(translation, "RUNS", 1)
    monkeypatch.setattr(translation, "DELTAS", 10)
    assert translation.cost(translation.taps(operation, provider), events()) > 0
