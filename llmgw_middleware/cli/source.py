"""An application's configuration for commands that take files."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def as_files(source: Mapping[str, Any] | str | os.PathLike[str] | Sequence[Any]) -> Iterator[list[str]]:
    """Yield ``source`` as names of files; what a host holds as Python values is one file for the time being."""
    if isinstance(source, (str, os.PathLike)):
        yield [str(source)]
    elif isinstance(source, Mapping) or any(isinstance(item, Mapping) for item in source):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "LLMGW.json")
            file.write_text(json.dumps(source, default=str))
            yield [str(file)]
    else:
        yield [str(item) for item in source]
