"""Signals belong to the server: no door takes one. ``llmgw serve`` is a server of its own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY = {"cli"}
TAKES = {"add_signal_handler", "set_wakeup_fd", "siginterrupt"}


def files() -> list[Path]:
    found = [*(ROOT / "llmgw_middleware").rglob("*.py"), *(ROOT / "integrations").rglob("*.py")]
    return sorted(path for path in found if path.relative_to(ROOT).parts[1] not in MAY)


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_signal_handler_is_installed(path: Path):
    nodes = list(ast.walk(ast.parse(path.read_text())))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    called = {
        node.func.attr
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert "signal" not in imported
    assert not called & TAKES
