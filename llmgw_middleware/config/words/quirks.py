"""Words for what a server does differently, and for what single models can do."""

from typing import Annotated, ClassVar, Literal

from llmgw_middleware.config.words.field import Field, Manual
from llmgw_middleware.config.words.kinds import Flag, UrlPath, choice, count
from llmgw_middleware.config.words.word import Word

_MaxTokensField = Annotated[
    Literal["max_tokens", "max_completion_tokens", "as-sent"],
    choice("maxTokensField", "max_tokens", "max_completion_tokens", "as-sent"),
]
_ReasoningField = Annotated[
    Literal["reasoning_content", "reasoning"], choice("reasoningField", "reasoning_content", "reasoning")
]
_Thinking = Annotated[
    Literal["effort", "budget", "level", "none"], choice("thinking", "effort", "budget", "level", "none")
]
_Tokens = Annotated[int, count(1, 100_000_000)]
_ROW = Manual(default="the preset's or provider's")
_KNOWN = Manual(default="what is known of the model")


class QuirksWord(Word):
    """Single switches, laid over those of the preset or provider."""

    noun: ClassVar[str] = "list of quirks"

    max_tokens_field: Annotated[
        _MaxTokensField | None,
        Field(description="The only name under which it takes the limit of an answer."),
        _ROW,
    ] = None
    stream_options: Annotated[Flag | None, Field(description="Streams may be asked for usage."), _ROW] = None
    developer_role: Annotated[
        Flag | None, Field(description="It knows the role `developer`; else `system` is sent."), _ROW
    ] = None
    reasoning_field: Annotated[
        _ReasoningField | None, Field(description="What it calls thinking in a message."), _ROW
    ] = None
    thinking_in_history: Annotated[
        Flag | None, Field(description="It wants earlier thinking back."), _ROW
    ] = None
    unknown_fields: Annotated[
        Flag | None,
        Field(
            description="It passes over fields it does not know; else hints that change no answer, such as `user`, are not sent."
        ),
        _ROW,
    ] = None
    content_list: Annotated[
        Flag | None, Field(description="A message may be a list of parts; else text is sent as one."), _ROW
    ] = None
    strict_tools: Annotated[
        Flag | None, Field(description="A function may be `strict`; else that word is not sent."), _ROW
    ] = None
    responses: Annotated[Flag | None, Field(description="It serves /responses."), _ROW] = None
    models_path: Annotated[
        UrlPath | None, Field(description="Where a health check asks if it names no path."), _ROW
    ] = None


class CapabilitiesWord(Word):
    """What a model can do."""

    noun: ClassVar[str] = "set of capabilities"

    sampling: Annotated[Flag | None, Field(description="It takes temperature, top_p, top_k."), _KNOWN] = None
    mid_system: Annotated[
        Flag | None, Field(description="System messages may stand among the others."), _KNOWN
    ] = None
    thinking: Annotated[_Thinking | None, Field(description="How thinking is asked for."), _KNOWN] = None
    max_completion: Annotated[
        Flag | None, Field(description="It takes `max_completion_tokens` and refuses `max_tokens`."), _KNOWN
    ] = None
    responses_only: Annotated[
        Flag | None,
        Field(description="OpenAI serves it by /responses alone: chats are translated to that."),
        _KNOWN,
    ] = None
    developer: Annotated[Flag | None, Field(description="It knows the role `developer`."), _KNOWN] = None
    audio: Annotated[Flag | None, Field(description="It hears."), _KNOWN] = None
    max_output: Annotated[_Tokens | None, Field(description="The most tokens of an answer."), _KNOWN] = None
