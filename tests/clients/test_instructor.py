"""Instructor, which makes a client return objects, over every provider."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.conftest import Site
from tests.clients.speech import NUMBER, TOWN

instructor = pytest.importorskip("instructor", reason="instructor is not installed")
openai = pytest.importorskip("openai", reason="openai is not installed")
pydantic = pytest.importorskip("pydantic")

ASKED: Any = [{"role": "user", "content": "hello there"}]


class Trip(pydantic.BaseModel):  # type: ignore[misc,name-defined]  # pydantic is imported where it is installed
    """A trip."""

    town: str
    days: int


@pytest.mark.parametrize("mode", ["TOOLS", "JSON_SCHEMA"])
def test_an_answer_is_an_object(site: Site, dialect: str, mode: str):
    with openai.OpenAI(base_url=site.url(dialect), api_key="none", max_retries=0) as inner:
        client = instructor.from_openai(inner, mode=instructor.Mode[mode])
        found = client.chat.completions.create(model="m", messages=ASKED, response_model=Trip, max_retries=0)
    assert (found.town, found.days) == (TOWN, NUMBER)


def test_an_answer_of_anthropics_client_is_an_object(site: Site, dialect: str):
    anthropic = pytest.importorskip("anthropic", reason="anthropic is not installed")
    # Instructor forbids several calls at once, for which Gemini and Converse have no word.
    url = site.url(dialect, path="", lenient=dialect in {"gemini", "bedrock"})
    with anthropic.Anthropic(base_url=url, api_key="none", max_retries=0) as inner:
        client = instructor.from_anthropic(inner)
        found = client.messages.create(
            model="m", max_tokens=2000, messages=ASKED, response_model=Trip, max_retries=0
        )
    assert (found.town, found.days) == (TOWN, NUMBER)
