"""The project's settings that concern the gateway."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from llmgw_middleware import ConfigError, ProcessSettings

NAMES = frozenset({"LLMGW", "LLMGW_CONFIG", "LLMGW_IDENTIFY", "LLMGW_ENABLED"})
"""Settings whose change makes another gateway necessary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSettings:
    """What the project says.

    ``config`` is ``LLMGW`` (a mapping, or a list of routes) or ``LLMGW_CONFIG`` (a file, a folder, a list of files).
    ``identify`` replaces the reading of ``request.user``: a function of ``HostRequest`` or ``module:function``.
    ``enabled`` False leaves every path to the project. The environment's ``LLMGW_CONFIG`` and ``LLMGW_ENABLED`` win.
    """

    config: Any = None
    identify: str | Callable[..., Any] | None = None
    enabled: bool = True


def project_settings() -> ProjectSettings:
    """Read the settings; raises ConfigError where two of them contradict each other or one is of the wrong kind."""
    inline, files = getattr(settings, "LLMGW", None), getattr(settings, "LLMGW_CONFIG", None)
    if inline is not None and files is not None:
        raise ConfigError("settings: LLMGW and LLMGW_CONFIG are both set; keep the one that is meant")
    if inline is not None and (isinstance(inline, str) or not isinstance(inline, (Mapping, Sequence))):
        raise ConfigError(
            "settings: LLMGW is a mapping or a list of routes; for a file or a folder use LLMGW_CONFIG"
        )
    if files is not None and not isinstance(files, (str, Path, list, tuple)):
        raise ConfigError("settings: LLMGW_CONFIG is a path or a list of paths; for a mapping use LLMGW")
    enabled = getattr(settings, "LLMGW_ENABLED", True)
    if not isinstance(enabled, bool):
        raise ConfigError(f"settings: LLMGW_ENABLED is True or False, not {enabled!r}")
    return ProjectSettings(
        config=files if inline is None else inline,
        identify=getattr(settings, "LLMGW_IDENTIFY", None),
        enabled=enabled,
    )


def source_in_force() -> Any:
    """Return the configuration that is used: the environment's ``LLMGW_CONFIG``, else the project's.

    Raises ConfigError where there is none.
    """
    source = ProcessSettings().config or project_settings().config
    if source is None:
        raise ConfigError("settings: neither LLMGW_CONFIG nor LLMGW is set")
    return source
