"""``llmgw schema``: the JSON Schema of a configuration."""

from __future__ import annotations

import argparse
import json
from typing import Any


def add(commands: Any) -> None:
    """Register the command."""
    words = commands.add_parser(
        "schema",
        help="print the JSON Schema of a configuration",
        description="Print the JSON Schema (draft 2020-12) of a configuration, for editors.",
    )
    words.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Print the schema."""
    from llmgw_middleware.config.schema import json_schema

    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return 0
