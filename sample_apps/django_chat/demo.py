"""The demo: the Django site under uvicorn, with mock providers beside it. ``make demo`` runs this file.

``python sample_apps/django_chat/demo.py --port 8000`` makes the database and its users where they are missing, starts
both servers on this machine only, and stops them on Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(1, str(HERE.parent))

from demo_launcher import HOST, Demo, main  # noqa: E402 - found beside this folder

WELCOME = """
  Chat       {site}/
  Log in as  alice / alice   free tier              answered by gpt-5-mini
             bob   / bob     premium tier           answered by gpt-5
             admin / admin   premium tier, in the EU; {site}/admin/ makes others premium
  Rules      sample_apps/django_chat/llmgw.yaml (edit it while the demo runs)
  Canary     ask for the model "preview"; {llmgw} canary status
  Providers  {mocks} (mocks; the page has switches that break them)

  Why does a question go where it goes?
    {llmgw} explain sample_apps/django_chat/llmgw.yaml -X POST --path /v1/chat/completions \\
      -d '{{"model": "gpt-5"}}' --user id=1 --user tier=free

  Ctrl-C stops the demo.
"""


def uvicorn(port: int) -> list[str]:
    """Return what one would type after ``python``."""
    return [
        *("-m", "uvicorn", "website.asgi:application", "--host", HOST, "--port", str(port)),
        *("--timeout-graceful-shutdown", "1", "--no-access-log", "--log-level", "warning"),
    ]


def prepare_database() -> None:
    """Do what ``manage.py migrate`` and ``manage.py demo_users`` do."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("demo_users")


DEMO = Demo(
    title="Django",
    target="demo",
    folder=HERE,
    command=uvicorn,
    welcome=WELCOME,
    environment={"DJANGO_SETTINGS_MODULE": "website.settings"},
    prepare=prepare_database,
)

if __name__ == "__main__":
    sys.exit(main(DEMO))
