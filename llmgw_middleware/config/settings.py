"""What the process itself is told by its environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, TypeVar

from llmgw_middleware.config.unavailable import refusal
from llmgw_middleware.errors import ConfigError

T = TypeVar("T")

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

_PREFIX = "LLMGW_"
_LEVELS: tuple[LogLevel, ...] = ("DEBUG", "INFO", "WARNING", "ERROR")
_YES = ("1", "true", "t", "yes", "y", "on")
_NO = ("0", "false", "f", "no", "n", "off")


class ProcessSettings:
    """The ``LLMGW_…`` variables; what is not set is None. They win over what the application passes.

    ``config``: files or folders, separated as in PATH; several are one configuration. ``enabled`` false: the gateway
    intercepts nothing. ``log_level``: the level of the logger ``llmgw``. ``debug``: debug headers on every answer,
    false where it is not set. Raises ConfigError, naming the variable, for a value that it does not take.
    """

    config: Final[tuple[Path, ...] | None]
    enabled: Final[bool | None]
    log_level: Final[LogLevel | None]
    debug: Final[bool]

    def __init__(self) -> None:
        given = {name.upper(): value for name, value in os.environ.items() if value}
        problems: list[str] = []
        self.config = _read("CONFIG", _paths, given, problems)
        self.enabled = _read("ENABLED", _flag, given, problems)
        self.log_level = _read("LOG_LEVEL", _level, given, problems)
        self.debug = bool(_read("DEBUG", _flag, given, problems))
        _read("REDIS_URL", _no_redis, given, problems)
        if problems:
            raise ConfigError("\n".join(problems))

    def __repr__(self) -> str:
        said = (f"{name}={value!r}" for name, value in vars(self).items())
        return f"ProcessSettings({', '.join(said)})"


def _read(name: str, read: Callable[[str], T], given: dict[str, str], problems: list[str]) -> T | None:
    """Return what a variable says, None where it is not set or wrong; what is wrong is added to ``problems``."""
    value = given.get(_PREFIX + name)
    if value is None:
        return None
    try:
        return read(value)
    except ValueError as error:
        problems.append(f"{_PREFIX}{name}: {error}")
        return None


def _paths(value: str) -> tuple[Path, ...]:
    return tuple(Path(part) for part in value.split(os.pathsep) if part)


def _flag(value: str) -> bool:
    word = value.strip().lower()
    if word not in (*_YES, *_NO):
        raise ValueError("This takes true or false.")
    return word in _YES


def _level(value: str) -> LogLevel:
    for level in _LEVELS:
        if value.upper() == level:
            return level
    raise ValueError(f"This takes one of {', '.join(_LEVELS)}.")


def _no_redis(_: str) -> None:
    raise ValueError(refusal("State in Redis"))
