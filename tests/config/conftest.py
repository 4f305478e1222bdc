from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from llmgw_middleware.config.load import Loaded, load

LoadText = Callable[..., Loaded]


@pytest.fixture
def load_text(tmp_path: Path) -> LoadText:
    """Loads text as one file, by default of YAML."""

    def loading(
        text: str, *, name: str = "llmgw.yaml", env: Mapping[str, str] | None = None, serving: bool = False
    ) -> Loaded:
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        return load(file, env=env or {}, serving=serving)

    return loading


@pytest.fixture
def load_route(load_text: LoadText) -> LoadText:
    """Loads one route with a backend, given as YAML flow or block lines."""

    def loading(route: str, **options: bool) -> Loaded:
        text = (
            f"routes:\n  - {{name: r, {route}}}\nbackends:\n  - {{name: b, url: 'http://127.0.0.1:1/v1'}}\n"
        )
        return load_text(text, **options)

    return loading
