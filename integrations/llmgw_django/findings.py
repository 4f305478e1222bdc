"""Everything that is wrong with the project's settings, for the checks and for the server's start."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from llmgw_django import shared
from llmgw_django.conf import project_settings
from llmgw_django.order import Finding, order
from llmgw_middleware import ConfigError
from llmgw_middleware.wsgi import load_hook

_HOOK = "identify: "
"""How the core begins what it says of a resolver."""


def findings(gateway: type) -> Iterator[Finding]:
    """Yield what is wrong with the resolver, the configuration and the order of ``MIDDLEWARE``.

    ``gateway`` is the middleware's class as it is listed. Nothing is wrong with what is switched off.
    """
    asks_who = False
    try:
        door = shared.door()
    except ConfigError as error:
        yield from _hook()
        if not str(error).startswith(_HOOK):
            yield from _configuration(str(error))
    else:
        if door is None:
            return
        asks_who = door.gateway.uses_identity and project_settings().identify is None
    yield from order(settings.MIDDLEWARE, gateway, asks_who=asks_who)


def errors(gateway: type) -> list[Finding]:
    """Return what stops the server."""
    return [each for each in findings(gateway) if each.is_error]


def _hook() -> Iterator[Finding]:
    try:
        load_hook(getattr(settings, "LLMGW_IDENTIFY", None))
    except ConfigError as error:
        yield Finding(
            code="E003",
            message=f"LLMGW_IDENTIFY: {str(error).removeprefix(_HOOK)}.",
            hint="Write 'package.module:function', or give the function itself.",
        )


def _configuration(text: str) -> Iterator[Finding]:
    """Yield one finding for each problem; the core lists them below a heading."""
    heading, *problems = text.splitlines()
    for problem in problems or [heading]:
        yield Finding(
            code="E010",
            message=f"{problem}",
            hint="LLMGW or LLMGW_CONFIG in the settings names the configuration.",
        )
