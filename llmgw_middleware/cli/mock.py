"""``llmgw mock``: a provider that answers as OpenAI, Anthropic, Gemini and Bedrock do, and misbehaves on demand."""

from __future__ import annotations

import argparse
import contextlib
import sys
from typing import Any

from llmgw_middleware.cli import OK, UNUSABLE, port
from llmgw_middleware.testing.mock import MODELS, create_mock
from llmgw_middleware.testing.mock_faults import MockMisuse, read_duration
from llmgw_middleware.testing.mock_server import listening_socket

PORT = 9000
"""The port that ``provider: mock`` expects."""

_EXAMPLES = """\
Mock provider {name!r} at {url}/v1 (any key, any model). Ctrl-C stops it.

  curl {url}/v1/chat/completions -H 'content-type: application/json' \\
    -d '{{"model": "{model}", "stream": true, "messages": [{{"role": "user", "content": "Hello"}}]}}'
  curl {url}/v1/embeddings -H 'content-type: application/json' -d '{{"model": "e", "input": "Hello"}}'
  curl {url}/v1/models

It speaks Anthropic's /v1/messages, Gemini's /v1beta/models/{model}:generateContent and Bedrock's
/model/{model}/converse as well, streams included.

A model's name can ask for trouble: mock-slow-2s, mock-cut-3, {model}+latency=200ms+error=503.
So can a rule, for the requests to come:

  curl {url}/_mock/control -d '{{"match": {{"model": "{model}"}}, "error": 503, "times": 2}}'
  curl -X DELETE {url}/_mock/control        forget the rules
  curl {url}/_mock/requests                 what arrived

In llmgw.yaml:  {{name: mock, provider: mock, url: {url}/v1}}
                {{name: mock-claude, provider: mock, api: messages, url: {url}}}"""


def add(parser_group: Any) -> None:
    """Register the command with the subparsers of ``llmgw``."""
    parser = parser_group.add_parser(
        "mock",
        help="run a mock provider that answers as OpenAI and others do",
        description=__doc__.replace("``", ""),
    )
    parser.add_argument("--port", type=port, default=PORT, help="default: %(default)s; 0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on, default: %(default)s")
    parser.add_argument("--name", default="mock", help="what its answers call it, default: %(default)s")
    parser.add_argument(
        "--latency", type=_duration, default="150ms", metavar="TIME", help="before an answer, default: 150ms"
    )
    parser.add_argument(
        "--gap", type=_duration, default="30ms", metavar="TIME", help="between two words, default: 30ms"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until a signal comes. Returns 2 if uvicorn is not installed or the address cannot be had."""
    try:
        import uvicorn  # of the extra "serve"
    except ImportError:
        print(
            "llmgw mock needs uvicorn, which is not installed: pip install 'llmgw-middleware[serve]'",
            file=sys.stderr,
        )
        return UNUSABLE
    try:
        sock = listening_socket(args.host, args.port)
    except OSError as problem:
        print(
            f"llmgw mock cannot listen on {args.host} port {args.port}: {problem.strerror}", file=sys.stderr
        )
        return UNUSABLE
    with sock:
        print(welcome(args.name, args.host, sock.getsockname()[1]), flush=True)
        app = create_mock(args.name, latency=args.latency, gap=args.gap)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn stops in good order, then passes the signal on
            uvicorn.Server(config).run(sockets=[sock])
    return OK


def welcome(name: str, host: str, port: int) -> str:
    """Return what is printed once the mock listens."""
    host = f"[{host}]" if ":" in host else host
    return _EXAMPLES.format(name=name, url=f"http://{host}:{port}", model=MODELS[1])


def _duration(text: str) -> float:
    try:
        return read_duration(text)
    except MockMisuse as problem:
        raise argparse.ArgumentTypeError(str(problem)) from problem
