"""The demo: the Flask site under gunicorn's threads, with mock providers beside it. ``make demo-flask`` runs this file.

``python sample_apps/flask_chat/demo.py --port 8000`` starts both servers on this machine only, and stops them on Ctrl-C
or SIGTERM.
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
  Rules      sample_apps/flask_chat/llmgw.yaml (edit it while the demo runs)
  Providers  {mocks} (mocks; the page has switches that break them)

  Why does a question go where it goes?
    {llmgw} explain sample_apps/flask_chat/llmgw.yaml -X POST --path /v1/chat/completions \\
      -d '{{"model": "gpt-5"}}' --user id=alice --user tier=free

  Ctrl-C stops the demo.
"""


def gunicorn(port: int) -> list[str]:
    """Return what one would type after ``python``. A stream holds a thread; the people live in the one process."""
    return [
        *("-m", "gunicorn", "app:create_app()", "--bind", f"{HOST}:{port}"),
        *(
            "--worker-class",
            "gthread",
            "--threads",
            "32",
            "--graceful-timeout",
            "1",
            "--log-level",
            "warning",
        ),
    ]


DEMO = Demo(title="Flask", target="demo-flask", folder=HERE, command=gunicorn, welcome=WELCOME)

if __name__ == "__main__":
    sys.exit(main(DEMO))
