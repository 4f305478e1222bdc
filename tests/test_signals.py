"""Signals belong to the server: no door takes one. ``llmgw serve`` is a server of its own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY = {"cli"}
TAKES = {"signal", "add_signal_handler", "set_wakeup_fd", "siginterrupt"}


def files() -> list[Path]:
    found = [*(ROOT / "llmgw_middleware").rglob("*.py"), *(ROOT / "integrations").rglob("*.py")]
    return sorted(path for path in found if path.relative_to(ROOT).parts[1] not in MAY)


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_signal_handler_is_installed(path: Path):
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    names = {func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "") for func in calls}
    assert not names & TAKES
