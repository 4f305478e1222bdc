"""What a user's type checker says of a client."""

import subprocess
import sys

SNIPPET = """
import httpx
import openai
from llmgw_middleware import build_gateway

gateway = build_gateway("llmgw.yaml")
user: object = {"id": "42"}

reveal_type(gateway.client(httpx.Client, user=user))
reveal_type(gateway.client(httpx.AsyncClient, user="42", attributes={"tier": "premium"}, session_key="s"))
sdk = openai.OpenAI(http_client=gateway.client(openai.DefaultHttpxClient, user=user), api_key="unused")
asdk = openai.AsyncOpenAI(http_client=gateway.client(openai.DefaultAsyncHttpxClient, user=user), api_key="unused")
status: int = gateway.client(user=None).get("/v1/models").status_code
"""


WRONG = """
from llmgw_middleware.gateway import Gateway


def misspelt(gateway: Gateway) -> None:
    gateway.client(usr=1)
"""


def test_a_client_has_the_type_of_its_class_and_a_wrong_word_is_an_error(tmp_path):
    (tmp_path / "shop.py").write_text(SNIPPET)
    (tmp_path / "wrong.py").write_text(WRONG)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "shop.py", "wrong.py"]
    told = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False).stdout
    kinds = [line.rpartition("is ")[2] for line in told.splitlines() if "Revealed" in line]
    assert kinds == ['"httpx._client.Client"', '"httpx._client.AsyncClient"']
    assert [line[: line.index(" error")] for line in told.splitlines() if " error: " in line] == [
        "wrong.py:6:"
    ]
