"""Which gateway a process runs: what the environment says wins over what the application passed."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from llmgw_middleware.config.settings import ProcessSettings
from llmgw_middleware.entry import Waist
from llmgw_middleware.errors import ConfigError
from llmgw_middleware.extensions import Extensions

Source = Mapping[str, Any] | str | Path | Sequence[Any]
"""A configuration: a mapping, a file or folder, or a list of those."""


def gateway_for(
    config: Source | None = None,
    *,
    gateway: Waist | None = None,
    enabled: bool | None = None,
    extensions: Extensions | None = None,
) -> Waist | None:
    """Return the gateway to use, or None where it is switched off.

    ``LLMGW_ENABLED`` wins over ``enabled``, ``LLMGW_CONFIG`` over ``config``; a ready ``gateway`` is used as it is.
    ``LLMGW_LOG_LEVEL`` sets the level of the logger ``llmgw``. ``extensions`` are for a gateway that is made here.
    Raises ConfigError, naming every problem.
    """
    settings = ProcessSettings()
    if settings.log_level is not None:
        logging.getLogger("llmgw").setLevel(settings.log_level)
    if _first(settings.enabled, enabled) is False:
        return None
    if gateway is not None:
        if config is not None:
            raise ConfigError(
                "config and gateway were both given; a ready gateway has its configuration already"
            )
        return gateway
    source = _first(settings.config, config)
    if source is None:
        raise ConfigError("no configuration: pass config= (a mapping, file or folder), or set LLMGW_CONFIG")
    from llmgw_middleware.build import (
        build_gateway,  # all that reads and compiles: not for who only imports us
    )

    return build_gateway(source, env=os.environ, extensions=extensions)


def _first(*choices: Any) -> Any:
    return next((choice for choice in choices if choice is not None), None)
