"""The gateway's paths as URL rules of Flask."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from flask import Flask
from flask.typing import RouteCallable

from llmgw_middleware import ConfigError

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""What the gateway takes; HEAD comes with GET, and OPTIONS stays with Flask, as CORS extensions expect."""

WRAP = "Use wrap_wsgi(app, …) instead of the extension: it needs no URL rules."


class UrlRules:
    """The rules that one application has, which cannot become more once it has served a request.

    ``accept`` raises ConfigError for a plan that intercepts what no rule leads to. A view of the application whose
    rule is more specific than ours keeps its path.
    """

    def __init__(self) -> None:
        self._exact: frozenset[str] = frozenset()
        self._prefixes: tuple[str, ...] = ()
        self._added = False

    def __repr__(self) -> str:
        return f"<UrlRules {sorted(self._exact)} {[f'{prefix}/*' for prefix in self._prefixes]}>"

    def accept(self, paths: Iterable[tuple[str, str]]) -> None:
        """Take the paths, as pairs of kind and value, or, once there are rules, compare them with these."""
        paths = list(paths)
        for kind, value in paths:
            check(kind, value)
        if not self._added:
            self._exact = frozenset(value for kind, value in paths if kind == "exact")
            self._prefixes = tuple(value.rstrip("/") for kind, value in paths if kind == "prefix")
            return
        missing = [value for kind, value in paths if not self._leads_to(kind, value)]
        if missing:
            raise ConfigError(
                f"gateway.paths: Flask cannot add URL rules while it runs, and none leads to {', '.join(missing)}. "
                f"Restart the application, or choose gateway.paths wide enough from the start. {WRAP}"
            )

    def add_to(self, app: Flask, endpoint: str, view: RouteCallable) -> None:
        """Give the application its rules."""
        if app.url_map.host_matching:
            raise ConfigError(f"This application matches hosts, and the gateway's rules name none. {WRAP}")
        for path in sorted(self._exact):
            app.add_url_rule(unquote(path), endpoint, view, methods=METHODS)
        for prefix in self._prefixes:
            app.add_url_rule(unquote(prefix) or "/", endpoint, view, methods=METHODS, strict_slashes=False)
            app.add_url_rule(f"{unquote(prefix)}/<path:rest>", endpoint, view, methods=METHODS)
        self._added = True

    def _leads_to(self, kind: str, value: str) -> bool:
        if kind == "exact" and value in self._exact:
            return True
        return any(f"{value.rstrip('/')}/".startswith(f"{prefix}/") for prefix in self._prefixes)


def check(kind: str, value: str) -> None:
    """Refuse a path that no URL rule can say."""
    if kind == "regex":
        raise ConfigError(
            f"gateway.paths: the pattern {value!r} cannot be a URL rule of Flask. "
            f"List the paths or prefixes under gateway.paths. {WRAP}"
        )
    if not {"<", ">"}.isdisjoint(unquote(value)):
        raise ConfigError(f"gateway.paths: {value!r} cannot be a URL rule of Flask, as it has < or >. {WRAP}")
