"""A user's typed Flask project, checked from outside as the user would: mypy --strict, the installed packages."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

RIGHT = """\
from pathlib import Path

from flask import Flask, Response, g

from llmgw_flask import LLMGateway, wrap_wsgi
from llmgw_middleware import AuthError, HostRequest, Identity


def identify(request: HostRequest) -> Identity | None:
    token = request.headers.get("authorization")
    if token == "revoked":
        raise AuthError("This token was revoked.", status=403)
    return Identity(id="1", attributes={"tier": "free"}, source="token") if token else None


async def aidentify(request: HostRequest) -> Identity | None:
    return identify(request)


gateway = LLMGateway(
    config=Path("llmgw.yaml"),
    identify=identify,
    trusted_origins=["https://app.example"],
    enabled=True,
    user_key="uid",
)


def create_app() -> Flask:
    app = Flask(__name__)
    gateway.init_app(app)
    app.after_request(tell)
    return app


def tell(response: Response) -> Response:
    response.headers["X-Route"] = g.llmgw.decision.route
    return response


def create_wrapped_app() -> Flask:
    app = Flask(__name__)
    wrap_wsgi(app, config={"routes": []}, identify=aidentify)
    return app


def create_small_app() -> Flask:
    app = Flask(__name__)
    LLMGateway(app, config=["a.yaml", "b.yaml"], identify="shop.auth:identify")
    return app


view: Response = gateway.view(rest="chat/completions")
"""

WRONG = {
    "LLMGateway(config=7)": "arg-type",
    "LLMGateway('app')": "arg-type",
    "LLMGateway(identify=lambda: None)": "arg-type",
    "LLMGateway(user_key=1)": "arg-type",
    "LLMGateway(confg='llmgw.yaml')": "call-arg",
    "wrap_wsgi(config='llmgw.yaml')": "call-arg",
    "app = wrap_wsgi(Flask('x'), config='x.yaml')": "func-returns-value",
    "LLMGateway().view().stream.aclose()": "attr-defined",
}


def judged(folder: Path, text: str) -> str:
    (folder / "shop.py").write_text(text)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(folder / "cache"), "shop.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder, so that mypy reads the packages once."""
    return tmp_path_factory.mktemp("typed")


def test_a_typed_project_has_nothing_to_mend(folder: Path):
    assert judged(folder, RIGHT) == "Success: no issues found in 1 source file\n"


def test_every_misuse_is_found_on_its_line(folder: Path):
    lines = ["from flask import Flask", "from llmgw_flask import LLMGateway, wrap_wsgi", *WRONG]
    found = re.findall(r"shop\.py:(\d+): error: .*\[([\w-]+)\]", judged(folder, "\n".join(lines)))
    first = {int(number): code for number, code in reversed(found)}
    assert [first.get(number) for number in range(3, len(lines) + 1)] == list(WRONG.values())
