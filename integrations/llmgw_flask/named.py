"""The caller whom a command names: a user of the application, as a request of theirs would be understood."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from typing import Any

from flask import Flask, request, session

from llmgw_flask.conf import AppSettings
from llmgw_flask.identity import entry_of, unwrapped
from llmgw_middleware import ConfigError, GatewayError, HostRequest, Identity, Request
from llmgw_middleware.cli.explain import attributes_of, described


class Named:
    """Tells who calls for ``explain --user alice``: has Flask-Login load alice and asks what a request is asked.

    ``NAME=VALUE`` beside the name changes what was found: what would happen to alice on another tier? With such words
    only, they describe the caller, as on the command line without an application.
    """

    def __init__(self, app: Flask, settings: AppSettings) -> None:
        self._app = app
        self._settings = settings

    def __repr__(self) -> str:
        return f"<Named of {self._app.name}>"

    def __call__(self, plan: Any, asked: Request, arguments: Namespace) -> Identity:
        """Return the caller; raises ConfigError for an unknown name and for a user whom nobody lets in."""
        names = [word for word in arguments.user if "=" not in word]
        if not names:
            return described(plan, asked, arguments)
        if len(names) > 1:
            raise ConfigError(f"--user: one caller has one name, not {len(names)} ({', '.join(names)})")
        more = dict(attributes_of([word for word in arguments.user if "=" in word]))
        found = self._asked(asked, names[0])
        key = str(more.pop("id", found.id))
        session_key = arguments.session or found.session_key
        return replace(found, id=key, attributes={**found.attributes, **more}, session_key=session_key)

    def _asked(self, asked: Request, name: str) -> Identity:
        door = self._app.extensions["llmgw"]
        if door is None:
            raise ConfigError("the gateway is switched off: there is none that could ask who calls")
        resolver = entry_of(door.gateway, self._settings).resolver
        with self._app.test_request_context(
            asked.path,
            method=asked.method,
            query_string=asked.query,
            headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in asked.headers],
            environ_base={"REMOTE_ADDR": asked.peer or ""},
        ):
            self._log_in(name)
            try:
                found = resolver.resolve(_host(asked))
            except GatewayError as error:
                raise ConfigError(f"--user {name} is refused: {error.status_code} {error.message}") from error
        if not found.authenticated:
            raise ConfigError(
                f"--user {name}: this user has no access, as is_authenticated or a resolver says"
            )
        return found

    def _log_in(self, name: str) -> None:
        """Let the context be of a session of ``name``, as Flask-Login's own test client does."""
        manager: Any = getattr(self._app, "login_manager", None)
        if manager is None or manager.user_callback is None:
            raise ConfigError(
                f"--user {name}: users are looked up by Flask-Login only; NAME=VALUE describes one"
            )
        if manager.user_callback(name) is None:
            raise ConfigError(f"--user {name}: the user loader knows no such id; NAME=VALUE describes one")
        session["_user_id"], session["_fresh"] = name, True


def _host(asked: Request) -> HostRequest:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return HostRequest(
        method=asked.method, path=asked.path, headers=headers, client=asked.peer, native=unwrapped(request)
    )
