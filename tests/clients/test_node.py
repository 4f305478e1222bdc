"""OpenAI's client for Node and Vercel's AI SDK, over every provider. ``make node-clients`` installs them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import Site
from tests.clients.speech import INPUT, NUMBER, OUTPUT, TOWN

NODE = Path(__file__).with_name("node")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed"),
    pytest.mark.skipif(
        not (NODE / "node_modules").exists(), reason="the clients are not installed: make node-clients"
    ),
]


def told(script: str, url: str, what: str) -> Any:
    """Run one of the scripts; return what it prints."""
    command = ["node", str(NODE / script), url, what]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class TestOpenAI:
    def test_a_chat_is_answered(self, site: Site, dialect: str):
        answer = told("openai.js", site.url(dialect), "chat")
        assert (answer["text"], answer["finish"]) == ("You said: hello there", "stop")
        assert (answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]) == (INPUT, OUTPUT)

    def test_a_stream_comes_word_by_word(self, site: Site, dialect: str):
        words = told("openai.js", site.url(dialect), "stream")["words"]
        assert ("".join(words), len(words)) == ("You said: hello there", 4)

    def test_a_tool_is_called_and_its_answer_heard(self, site: Site, dialect: str):
        assert told("openai.js", site.url(dialect), "tools") == {
            "name": "weather",
            "arguments": {"town": TOWN, "days": NUMBER},
            "text": "The tool says: sunny",
        }

    def test_a_structured_answer_is_parsed(self, site: Site, dialect: str):
        assert told("openai.js", site.url(dialect), "structured") == {"town": TOWN, "days": NUMBER}

    def test_an_error_is_one_of_the_clients_own(self, site: Site, dialect: str):
        assert told("openai.js", site.url(dialect), "error") == {"kind": "NotFoundError", "status": 404}


class TestVercel:
    def test_a_chat_is_answered(self, site: Site, dialect: str):
        assert told("vercel.js", site.url(dialect), "chat") == {
            "text": "You said: hello there",
            "finish": "stop",
            "usage": [INPUT, OUTPUT],
        }

    def test_a_stream_comes_word_by_word(self, site: Site, dialect: str):
        answer = told("vercel.js", site.url(dialect), "stream")
        assert ("".join(answer["words"]), len(answer["words"])) == ("You said: hello there", 4)
        assert answer["usage"] == [INPUT, OUTPUT]

    def test_a_tool_is_called_and_its_answer_heard(self, site: Site, dialect: str):
        answer = told("vercel.js", site.url(dialect), "tools")
        assert answer == {"text": f"The tool says: {NUMBER} days of sun in {TOWN}", "steps": 2}

    def test_a_structured_answer_is_parsed(self, site: Site, dialect: str):
        assert told("vercel.js", site.url(dialect), "structured") == {"town": TOWN, "days": NUMBER}
