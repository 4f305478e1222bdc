"""The demo: the FastAPI site under uvicorn, with mock providers beside it. ``make demo-fastapi`` runs this file.

``python sample_apps/fastapi_chat/demo.py --port 8000`` starts both servers on this machine only, and stops them on
Ctrl-C or SIGTERM.
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
  Rules      sample_apps/fastapi_chat/llmgw.yaml (edit it while the demo runs)
  Providers  {mocks} (mocks; the page has switches that break them)

  Why does a question go where it goes?
    {llmgw} explain sample_apps/fastapi_chat/llmgw.yaml -X POST --path /v1/chat/completions \\
      -d '{{"model": "gpt-5"}}' --user id=alice --user tier=free

  Ctrl-C stops the demo.
"""


def uvicorn(port: int) -> list[str]:
    """Return what one would type after ``python``."""
    return [
        *("-m", "uvicorn", "app:app", "--host", HOST, "--port", str(port)),
        *("--timeout-graceful-shutdown", "1", "--no-access-log", "--log-level", "warning"),
    ]


DEMO = Demo(title="FastAPI", target="demo-fastapi", folder=HERE, command=uvicorn, welcome=WELCOME)

if __name__ == "__main__":
    sys.exit(main(DEMO))
