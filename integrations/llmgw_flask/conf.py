"""What the application says of the gateway, in code and in ``app.config``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask

from llmgw_middleware import ConfigError, HostRequest, ProcessSettings

Source = Mapping[str, Any] | str | Path | Sequence[Any]
"""A configuration: a mapping, a file or folder, or a list of those."""

Identify = str | Callable[[HostRequest], Any]
"""Tells who calls: a function, or ``module:function``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSettings:
    """What is in force for one application.

    Code gives the defaults, ``app.config`` wins over code (so that a test or a deployment can change what the code
    says), and the environment's ``LLMGW_CONFIG`` and ``LLMGW_ENABLED`` win over both. A relative path is looked up in
    the process's working folder.
    """

    config: Source | None = None
    identify: Identify | None = None
    trusted_origins: tuple[str, ...] = ()
    enabled: bool | None = None
    user_key: str = "user_id"


def settings_of(
    app: Flask,
    *,
    config: Source | None,
    identify: Identify | None,
    trusted_origins: Iterable[str],
    enabled: bool | None,
    user_key: str,
) -> AppSettings:
    """Read ``app.config`` over the given defaults; raises ConfigError for what it cannot mean."""
    said = app.config
    return AppSettings(
        config=_config(said.get("LLMGW"), said.get("LLMGW_CONFIG"), config),
        identify=said.get("LLMGW_IDENTIFY", identify),
        trusted_origins=_origins(said.get("LLMGW_TRUSTED_ORIGINS", trusted_origins)),
        enabled=_enabled(said.get("LLMGW_ENABLED", enabled)),
        user_key=user_key,
    )


def source_in_force(settings: AppSettings) -> Source:
    """Return the configuration that is used: the environment's, else the application's.

    Raises ConfigError where there is none.
    """
    source = ProcessSettings().config or settings.config
    if source is None:
        raise ConfigError("app.config has neither LLMGW_CONFIG nor LLMGW, and no config= was given")
    return source


def _config(inline: Any, files: Any, default: Source | None) -> Source | None:
    if inline is not None and files is not None:
        raise ConfigError("app.config: LLMGW and LLMGW_CONFIG are both set; keep the one that is meant")
    if inline is not None and (isinstance(inline, str) or not isinstance(inline, (Mapping, Sequence))):
        raise ConfigError(
            "app.config: LLMGW is a mapping or a list of routes; for a file or a folder use LLMGW_CONFIG"
        )
    if files is not None and not isinstance(files, (str, Path, list, tuple)):
        raise ConfigError("app.config: LLMGW_CONFIG is a path or a list of paths; for a mapping use LLMGW")
    return next((choice for choice in (inline, files, default) if choice is not None), None)


def _origins(origins: Any) -> tuple[str, ...]:
    if isinstance(origins, str):
        raise ConfigError(f"trusted origins are a list, not a text: write [{origins!r}]")
    return tuple(origins)


def _enabled(said: Any) -> bool | None:
    if said is not None and not isinstance(said, bool):
        raise ConfigError(f"app.config: LLMGW_ENABLED is True or False, not {said!r}")
    return said
