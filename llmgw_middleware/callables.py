"""Functions of the application, by the name that a configuration has for them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def function_named(name: str, *, key: str) -> Callable[..., Any]:
    """Return the function that ``module:function`` names; raises ValueError, which says what ``key`` it stood under."""
    module, _, path = name.partition(":")
    try:
        found: Any = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{key}: {name} cannot be loaded: {error}") from error
    if not callable(found):
        raise ValueError(f"{key}: {name} is no function")  # noqa: TRY004 - of the configuration's value
    return found  # type: ignore[no-any-return]  # whatever it returns is the caller's to check
