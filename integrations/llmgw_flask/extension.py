"""The extension: the gateway's paths as URL rules of the application."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Flask, Response, abort, current_app, g, request

from llmgw_flask.commands import group
from llmgw_flask.conf import Identify, Source, settings_of
from llmgw_flask.door import FlaskDoor
from llmgw_flask.identity import unwrapped
from llmgw_flask.rules import UrlRules
from llmgw_middleware import ConfigError, Extensions
from llmgw_middleware.wsgi import gateway_for

NAME = "llmgw"
"""The name of the endpoint, of the commands, and in ``app.extensions``."""


class LLMGateway:
    """Answers the configured LLM paths of a Flask application, for whom the application knows.

    ``config``: a mapping, or files. ``identify``: tells who calls in place of Flask-Login and the session, a function
    of ``HostRequest`` or ``module:function``. ``trusted_origins``: other sites whose pages may call with the visitor's
    session. ``enabled`` False leaves every path alone. ``user_key``: where an application without Flask-Login keeps the
    user's id in the session. ``app.config`` wins over these: ``LLMGW``, ``LLMGW_CONFIG``, ``LLMGW_IDENTIFY``,
    ``LLMGW_TRUSTED_ORIGINS``, ``LLMGW_ENABLED``; the environment's ``LLMGW_CONFIG`` and ``LLMGW_ENABLED`` win over both.

    The paths become URL rules of the endpoint ``llmgw``, so whatever looks at rules sees them, and a more specific view
    of the application's own keeps its path. ``app.extensions["llmgw"].gateway`` is the gateway (None in place of the
    door where it is switched off), ``g.llmgw.decision`` what was decided about the current request. No thread, loop
    or socket exists before the first intercepted request.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        config: Source | None = None,
        identify: Identify | None = None,
        trusted_origins: Iterable[str] = (),
        enabled: bool | None = None,
        user_key: str = "user_id",
    ) -> None:
        self._config = config
        self._identify = identify
        self._trusted_origins = trusted_origins
        self._enabled = enabled
        self._user_key = user_key
        if app is not None:
            self.init_app(app)

    def __repr__(self) -> str:
        return f"<LLMGateway config={self._config if isinstance(self._config, str) else type(self._config).__name__}>"

    def init_app(self, app: Flask) -> None:
        """Give ``app`` a gateway of its own; raises ConfigError, naming every problem.

        Call it before the first request, as for every URL rule.
        """
        if NAME in app.extensions:
            raise ConfigError("this application has its gateway already")
        settings = settings_of(
            app,
            config=self._config,
            identify=self._identify,
            trusted_origins=self._trusted_origins,
            enabled=self._enabled,
            user_key=self._user_key,
        )
        app.cli.add_command(group(settings))
        rules = UrlRules()
        gateway = gateway_for(
            settings.config,
            enabled=settings.enabled,
            extensions=Extensions(
                accept=lambda plan: rules.accept((each.kind, each.value) for each in plan.paths)
            ),
        )
        if gateway is None:
            app.extensions[NAME] = None
            return
        door = FlaskDoor(gateway, settings)
        rules.add_to(app, NAME, self.view)
        app.extensions[NAME] = door
        # Runs before every before_request function: those of the application find the body, and we do too.
        app.url_value_preprocessor(_arrive)

    def view(self, **_: Any) -> Response:
        """Answer the current request: the view behind the endpoint ``llmgw``.

        Its name is here for ``csrf.exempt(gateway.view)``, fit only for applications whose callers all have tokens.
        """
        call = g.pop("_llmgw_arrival", None)
        if call is None:
            abort(404)  # the rule stands, but the configuration in force no longer wants this path
        return _door().answer(call)


def _arrive(endpoint: str | None, _: Any) -> None:
    if endpoint == NAME:
        g._llmgw_arrival = _door().arrive(unwrapped(request))  # noqa: SLF001 - a name of our own on g


def _door() -> FlaskDoor:
    door: FlaskDoor = current_app.extensions[NAME]
    return door
