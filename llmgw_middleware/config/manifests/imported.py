"""Manifests as a configuration that can be written down."""

from __future__ import annotations

from pathlib import Path

from llmgw_middleware.config.manifests.translate import translate
from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.source import read_manifests
from llmgw_middleware.config.tree import Table


def imported(paths: list[Path], report: Report) -> Table:
    """Return the words of the manifests under ``paths``. Secrets are references, also those among the manifests."""
    return translate(read_manifests(paths, report).manifests, {}, report)
