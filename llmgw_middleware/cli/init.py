"""``llmgw init``: a starter configuration, with the providers whose keys are in the environment."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """A backend that the starter file can begin with. ``url`` None: the provider's own."""

    variable: str
    name: str
    provider: str
    url: str | None = None

    def text(self) -> str:
        """Return its lines under ``backends:``."""
        url = [f"    url: {self.url}"] if self.url else []
        key = (
            f"    apiKey: ${{{self.variable}}}   # read from the environment when the configuration is loaded"
        )
        return "\n".join([f"  - name: {self.name}", f"    provider: {self.provider}", *url, key])


STARTERS = (
    Starter(variable="OPENAI_API_KEY", name="openai", provider="openai"),
    Starter(
        variable="OPENROUTER_API_KEY",
        name="openrouter",
        provider="openai-compatible",
        url="https://openrouter.ai/api/v1",
    ),
    Starter(
        variable="GROQ_API_KEY",
        name="groq",
        provider="openai-compatible",
        url="https://api.groq.com/openai/v1",
    ),
    Starter(
        variable="MISTRAL_API_KEY",
        name="mistral",
        provider="openai-compatible",
        url="https://api.mistral.ai/v1",
    ),
    Starter(
        variable="DEEPSEEK_API_KEY",
        name="deepseek",
        provider="openai-compatible",
        url="https://api.deepseek.com/v1",
    ),
)

_MOCK = """\
  - name: mock                          # no provider's key is set: answers come from `llmgw mock`
    provider: mock"""

_FILE = """\
# Configuration of llmgw-middleware. Check it with: llmgw check {path}
# Every key is explained in docs/configuration.md; `llmgw schema` helps editors.

identity:
  require: false                        # true: only callers who are logged in
  # attributes: {{tier: user.profile.tier}}   # what rules may ask of your users
  # default: {{tier: free}}

routes:
  # The first route whose every condition holds is applied.
  # - name: premium
  #   path: /v1/chat/completions
  #   user: {{tier: premium}}
  #   backend: {first}
  #   rewrite: {{model: gpt-4o}}
  - name: default
    default: true                       # what no other route takes
    backend: {first}
{fallback}
backends:
{backends}
"""

_DJANGO = """\
MIDDLEWARE += ["llmgw_django.middleware.LLMGatewayMiddleware"]   # in settings.py, after AuthenticationMiddleware
LLMGW_CONFIG = BASE_DIR / "{path}"
"""

_ASGI = """\
from llmgw_middleware import LLMGatewayMiddleware
app = LLMGatewayMiddleware(app, config="{path}")
"""


def add(commands: Any) -> None:
    """Register the command."""
    words = commands.add_parser(
        "init",
        help="write a starter configuration",
        description="Write a commented starter configuration and print the two lines that your application needs.",
    )
    host = words.add_mutually_exclusive_group()
    host.add_argument("--django", action="store_const", const="django", dest="host", help="lines for Django")
    host.add_argument(
        "--asgi", action="store_const", const="asgi", dest="host", help="lines for any ASGI application"
    )
    words.add_argument("path", nargs="?", default="llmgw.yaml", metavar="PATH", help="default: llmgw.yaml")
    words.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the file unless it exists, and print what to add."""
    path = Path(arguments.path)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(starter(os.environ, str(path)))
    except FileExistsError:
        print(f"{path} exists already and is left as it is.", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{path} cannot be written: {error.strerror}.", file=sys.stderr)
        return 2
    host = arguments.host or ("django" if Path("manage.py").exists() else "asgi")
    print(f"Wrote {path}. Add these two lines to your application:\n")
    print((_DJANGO if host == "django" else _ASGI).format(path=path), end="")
    return 0


def starter(env: Mapping[str, str], path: str) -> str:
    """Return the file's text: a backend for each key found in ``env``, else the mock."""
    found = [one for one in STARTERS if env.get(one.variable)]
    names = [one.name for one in found] or ["mock"]
    fallback = (
        f"    fallback: [{', '.join(names[1:])}]   # tried in order when the first fails\n"
        if names[1:]
        else ""
    )
    backends = "\n".join(one.text() for one in found) or _MOCK
    return _FILE.format(path=path, first=names[0], fallback=fallback, backends=backends)
