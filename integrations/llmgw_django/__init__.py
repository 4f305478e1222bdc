"""The LLM gateway as a Django middleware: routes by who is logged in, under WSGI and ASGI alike.

Settings::

    MIDDLEWARE = [..., "django.contrib.auth.middleware.AuthenticationMiddleware",
                  "llmgw_django.middleware.LLMGatewayMiddleware"]
    INSTALLED_APPS = [..., "llmgw_django"]     # start-up checks, manage.py llmgw
    LLMGW_CONFIG = BASE_DIR / "llmgw.yaml"     # or LLMGW = {...}
"""

from __future__ import annotations

from llmgw_middleware import Gateway

__all__ = ["gateway"]


def gateway() -> Gateway:
    """Return the gateway of this process, for ``gateway().client(user=…)``, ``reload`` and the record of decisions.

    Nothing is started by asking. Raises ConfigError, naming every problem, also where it is switched off.
    """
    from llmgw_django import shared  # reads the settings, which are not there yet when the app is loaded

    return shared.gateway()
