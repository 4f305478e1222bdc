"""An agent of Pydantic AI with a tool, over every provider and by both of its models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Union, get_origin

import pytest

from tests.clients.conftest import Site
from tests.clients.speech import INPUT, NUMBER, OUTPUT, TOWN

pydantic_ai = pytest.importorskip("pydantic_ai", reason="pydantic-ai is not installed")
openai = pytest.importorskip("openai", reason="openai is not installed")
pydantic = pytest.importorskip("pydantic")


class Trip(pydantic.BaseModel):  # type: ignore[misc,name-defined]  # pydantic is imported where it is installed
    """A trip."""

    town: str
    days: int


@pytest.fixture(params=["openai", "anthropic"])
async def model(request: pytest.FixtureRequest, site: Site, dialect: str) -> AsyncIterator[Any]:
    if request.param == "openai":
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.providers.openai import OpenAIProvider

        async with openai.AsyncOpenAI(base_url=site.url(dialect), api_key="none", max_retries=0) as client:
            yield OpenAIChatModel("m", provider=OpenAIProvider(openai_client=client))
        return
    anthropic = pytest.importorskip("anthropic", reason="anthropic is not installed")
    from anthropic.types.beta import BetaMessageParam
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    if get_origin(BetaMessageParam) is Union:
        pytest.skip("this pydantic-ai instantiates what this anthropic has made a union")
    url = site.url(dialect, path="")
    async with anthropic.AsyncAnthropic(base_url=url, api_key="none", max_retries=0) as client:
        yield AnthropicModel("m", provider=AnthropicProvider(anthropic_client=client))


def weather(town: str, days: int) -> str:
    """Tell the weather."""
    return f"{days} days of sun in {town}"


async def test_an_agent_answers(model: Any):
    result = await pydantic_ai.Agent(model, instructions="Be brief.").run("hello there")
    assert result.output == "You said: hello there"
    usage = result.usage
    assert (usage.input_tokens, usage.output_tokens) == (INPUT, OUTPUT)


async def test_its_tool_is_called_and_heard(model: Any):
    agent = pydantic_ai.Agent(model, tools=[weather])
    assert (await agent.run("hello there")).output == f"The tool says: {NUMBER} days of sun in {TOWN}"


async def test_its_answer_streams(model: Any):
    async with pydantic_ai.Agent(model).run_stream("hello there") as result:
        pieces = [piece async for piece in result.stream_text(delta=True, debounce_by=None)]
    assert "".join(pieces) == "You said: hello there"
    assert len(pieces) == 4


async def test_its_answer_is_structured(model: Any):
    result = await pydantic_ai.Agent(model, output_type=Trip).run("hello there")
    assert result.output == Trip(town=TOWN, days=NUMBER)
