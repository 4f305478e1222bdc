"""The one door of the process.

Django makes a middleware for every handler: one for the server, one for each test client. They share a gateway, with
its connections and what it has learned of its backends.
"""

from __future__ import annotations

from functools import cache
from typing import Any, cast

from django.core.signals import setting_changed

from llmgw_django.conf import NAMES, project_settings
from llmgw_django.door import DjangoDoor
from llmgw_middleware import ConfigError, Gateway
from llmgw_middleware.wsgi import gateway_for


@cache
def door() -> DjangoDoor | None:
    """Return the door for the project's settings, made at the first call; None where it is switched off.

    Nothing is started: no thread, no socket. Raises ConfigError, naming every problem.
    """
    setting_changed.connect(forget, dispatch_uid="llmgw_django")
    said = project_settings()
    gateway = gateway_for(said.config, enabled=said.enabled)
    return None if gateway is None else DjangoDoor(gateway, identify=said.identify)


def open_door() -> DjangoDoor:
    """Return the door; raises ConfigError where there is none."""
    found = door()
    if found is None:
        raise ConfigError("LLMGW_ENABLED is false: this process has no gateway")
    return found


def gateway() -> Gateway:
    """Return the gateway behind the door; raises ConfigError."""
    return cast("Gateway", open_door().gateway)  # gateway_for makes no other


def forget(*, setting: str, **_: Any) -> None:
    """Make another door at the next use after a setting was overridden, as ``override_settings`` does."""
    if setting in NAMES and door.cache_info().currsize:
        former = door()
        door.cache_clear()
        if former is not None:
            former.close()
