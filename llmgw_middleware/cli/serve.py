"""``llmgw serve``: the gateway in a server of its own, alone or around an ASGI application."""

from __future__ import annotations

import argparse
import functools
import importlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llmgw_middleware.cli import port
from llmgw_middleware.errors import ConfigError

PORT = 8080
GRACE = 30
"""Seconds that connections get to end after SIGTERM, after a single worker's gateway has been drained."""


def add(parser_group: Any) -> None:
    """Register the command with the subparsers of ``llmgw``."""
    parser = parser_group.add_parser(
        "serve",
        help="serve the gateway, alone or around an ASGI application",
        description="Serve the gateway alone (with GET /healthz), or around an ASGI application.",
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="configuration: files or folders")
    parser.add_argument(
        "--manifests",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="manifests of agentgateway and the Gateway API: a file or folder; FILE is laid over them by name",
    )
    parser.add_argument("--strict", action="store_true", help="warnings keep it from serving")
    parser.add_argument("--app", metavar="MODULE:NAME", help="the application that gets all other requests")
    parser.add_argument(
        "--identify", metavar="MODULE:FUNCTION", help="tells who calls, where the configuration asks"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on, default: %(default)s")
    parser.add_argument("--port", type=port, default=PORT, help="default: %(default)s; 0 takes a free one")
    parser.add_argument("--workers", type=_count, default=1, help="processes, default: %(default)s")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C. Returns 0, or 2 without uvicorn.

    Raises ConfigError, with every problem, before anything listens; an
    application that refuses to start ends the process with uvicorn's code 3.
    """
    try:
        import uvicorn  # of the extra "serve"
        from uvicorn.supervisors import Multiprocess
    except ImportError:
        print(
            "llmgw serve needs uvicorn, which is not installed: pip install 'llmgw-middleware[serve]'",
            file=sys.stderr,
        )
        return 2
    files = tuple(map(str, (*args.files, *args.manifests)))
    if not files:
        raise ConfigError("llmgw serve: name a configuration, or manifests with --manifests.")
    _tell(files, strict=args.strict)
    factory = functools.partial(application, files, app=args.app, identify=args.identify)
    served = factory()  # fails here, not in a worker that has been asked to listen
    gateway = served.gateway
    several = args.workers > 1
    config = uvicorn.Config(
        factory if several else served,
        factory=several,
        host=args.host,
        port=args.port,
        workers=args.workers,
        lifespan="on",
        timeout_graceful_shutdown=GRACE,
        # gateway.trustedProxies decides whom to believe; uvicorn would rewrite the peer before it could.
        proxy_headers="FORWARDED_ALLOW_IPS" in os.environ,
    )
    # uvicorn ends in good order and then raises the signal again, which would end us as if it had not.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    if several:
        with config.bind_socket() as sock:
            sock.listen(config.backlog)  # callers wait until the first worker is there
            Multiprocess(config, sockets=[sock]).run()
    else:
        from llmgw_middleware.cli.draining import DrainingServer

        DrainingServer(config, gateway).run()
    return 0


def application(files: Sequence[str], *, app: str | None = None, identify: str | None = None) -> Any:
    """Return the ASGI application that is served. Raises ConfigError."""
    from llmgw_middleware.asgi import LLMGatewayMiddleware
    from llmgw_middleware.build import build_gateway
    from llmgw_middleware.cli.alone import Alone

    _show_log()
    gateway = build_gateway([Path(file) for file in files])
    if app is None and identify is None and gateway.uses_identity:
        raise ConfigError(
            "The configuration asks who calls, and alone the gateway cannot know: "
            "serve it around an application (--app), or pass --identify module:function."
        )
    inner = Alone(gateway) if app is None else _load(app)
    return LLMGatewayMiddleware(inner, gateway=gateway, identify=identify)


def _tell(files: Sequence[str], *, strict: bool) -> None:
    """Print what the configuration is warned of; raises ConfigError for any of it if ``strict``."""
    from llmgw_middleware.config.load import load

    loaded = load([Path(file) for file in files], env=os.environ, serving=True)
    warnings = [str(problem) for problem in loaded.problems if problem.severity == "warning"]
    if strict and warnings and loaded.plan is not None:
        raise ConfigError("The configuration has warnings, and --strict is given:\n" + "\n".join(warnings))
    for warning in warnings:
        print(warning, file=sys.stderr)


def _show_log() -> None:
    """Show the log of the gateway: this process is ours, and nobody else has said where it goes."""
    logging.basicConfig(format="%(levelname)s:     %(name)s %(message)s")
    log = logging.getLogger("llmgw")
    if log.level == logging.NOTSET:
        log.setLevel(logging.INFO)


def _load(name: str) -> Any:
    """Return the object that ``module:name`` names, also from the working directory; raises ConfigError."""
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise ConfigError(f"--app {name!r} does not name an application; write module:name")
    try:
        found = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"--app {name!r} cannot be loaded: {error}") from error
    return found


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number
