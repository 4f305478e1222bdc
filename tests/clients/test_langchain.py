"""LangChain's models of OpenAI and Anthropic, with tools and structured answers, over every provider."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.conftest import Site
from tests.clients.speech import INPUT, NUMBER, OUTPUT, TOWN

core = pytest.importorskip("langchain_core", reason="langchain-core is not installed")
pydantic = pytest.importorskip("pydantic")

LIBRARIES = ("langchain_openai", "langchain_anthropic")


class Trip(pydantic.BaseModel):  # type: ignore[misc,name-defined]  # pydantic is imported where it is installed
    """A trip."""

    town: str
    days: int


@pytest.fixture(params=LIBRARIES)
def model(request: pytest.FixtureRequest, site: Site, dialect: str) -> Any:
    """Return a chat model of each library."""
    module = pytest.importorskip(request.param, reason=f"{request.param} is not installed")
    if request.param == "langchain_openai":
        return module.ChatOpenAI(
            model="m", base_url=site.url(dialect), api_key="none", max_retries=0, stream_usage=True
        )
    url = site.url(dialect, path="")
    return module.ChatAnthropic(model_name="m", base_url=url, api_key="none", max_retries=0, max_tokens=2000)


def weather() -> Any:
    from langchain_core.tools import tool

    @tool
    def weather(town: str, days: int) -> str:
        """Tell the weather of a town for some days."""
        return f"{days} days of sun in {town}"

    return weather


def test_a_question_is_answered(model: Any):
    answer = model.invoke([("system", "Be brief."), ("human", "hello there")])
    assert answer.text == "You said: hello there"
    assert (answer.usage_metadata["input_tokens"], answer.usage_metadata["output_tokens"]) == (INPUT, OUTPUT)


def test_a_stream_comes_word_by_word(model: Any):
    pieces = [chunk.text for chunk in model.stream("hello there")]
    assert "".join(pieces) == "You said: hello there"
    assert len([piece for piece in pieces if piece]) == 4


async def test_it_can_be_asked_asynchronously(model: Any):
    try:
        assert (await model.ainvoke("hello there")).text == "You said: hello there"
    finally:
        await (getattr(model, "root_async_client", None) or model._async_client).close()


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_tool_is_called_and_its_answer_heard(model: Any, streamed: Any):
    from langchain_core.messages import HumanMessage

    tool = weather()
    able = model.bind_tools([tool])
    messages: list[Any] = [HumanMessage("hello there")]
    messages.append(gathered(able.stream(messages)) if streamed else able.invoke(messages))
    [call] = messages[-1].tool_calls
    assert (call["name"], call["args"]) == ("weather", {"town": TOWN, "days": NUMBER})
    messages.append(tool.invoke(call))
    assert able.invoke(messages).text == f"The tool says: {NUMBER} days of sun in {TOWN}"


def gathered(chunks: Any) -> Any:
    whole = None
    for chunk in chunks:
        whole = chunk if whole is None else whole + chunk
    return whole


def test_a_structured_answer_is_parsed(model: Any):
    assert model.with_structured_output(Trip).invoke("hello there") == Trip(town=TOWN, days=NUMBER)
