"""Serves an ASGI application with uvicorn on a free port of 127.0.0.1, and prints the port.

``python -m benchmarks.serve benchmarks.floor:app`` is ``uvicorn --loop uvloop --http httptools`` without access log;
``--factory`` calls the object first. ``BENCH_PROFILE`` names a file for a profile, see ``profiling.py``;
``BENCH_LOG`` a file for the log, which then is written from INFO on; ``BENCH_PLAIN`` has the gateway run as Python where it
was compiled.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
from contextlib import nullcontext
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from pathlib import Path

import uvicorn

from benchmarks.profiling import sampling


def pass_over_compiled() -> None:
    """Have the gateway's modules imported from their sources."""
    sources = FileFinder.path_hook((SourceFileLoader, SOURCE_SUFFIXES))

    def hook(path: str) -> FileFinder:
        if "llmgw_middleware" not in Path(path).parts:
            raise ImportError
        return sources(path)

    sys.path_hooks.insert(0, hook)


def listening() -> socket.socket:
    """Return a socket on a free port."""
    found = socket.create_server(("127.0.0.1", 0), backlog=4096)
    found.set_inheritable(True)
    return found


def main() -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serve", description=__doc__)
    parser.add_argument("app", metavar="MODULE:NAME")
    parser.add_argument("--factory", action="store_true")
    asked = parser.parse_args()
    if os.environ.get("BENCH_PLAIN"):
        pass_over_compiled()
    if log := os.environ.get("BENCH_LOG"):
        logging.basicConfig(filename=log, level=logging.INFO)
    config = uvicorn.Config(
        asked.app,
        factory=asked.factory,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        log_config=None,
        backlog=4096,
    )
    config.load()  # before a profile begins
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises it again at its end
    with listening() as sock:
        print(sock.getsockname()[1], flush=True)
        where = os.environ.get("BENCH_PROFILE")
        with sampling(where) if where else nullcontext():
            uvicorn.Server(config).run(sockets=[sock])


if __name__ == "__main__":
    main()
