"""What the process itself is told by its environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from llmgw_middleware.config.unavailable import refusal
from llmgw_middleware.errors import ConfigError

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class ProcessSettings(BaseSettings):
    """The ``LLMGW_…`` variables; what is not set is None. They win over what the application passes.

    Raises ConfigError, naming the variable, for a value that it does not take.
    """

    model_config = SettingsConfigDict(
        env_prefix="LLMGW_", frozen=True, extra="ignore", env_ignore_empty=True, validate_default=False
    )

    config: Annotated[
        tuple[Path, ...] | None,
        NoDecode,
        Field(description="Files or folders, separated as in PATH; several are one configuration."),
    ] = None
    enabled: Annotated[bool | None, Field(description="false: the gateway intercepts nothing.")] = None
    log_level: Annotated[LogLevel | None, Field(description="Level of the logger `llmgw`.")] = None
    debug: Annotated[bool, Field(description="Debug headers on every answer.")] = False
    redis_url: Annotated[str | None, Field(description="Not available in this version.", repr=False)] = None

    def __init__(self) -> None:
        try:
            super().__init__()
        except ValidationError as error:
            raise ConfigError(
                "\n".join(_sentence(str(e["loc"][0]), e["msg"]) for e in error.errors())
            ) from None

    @field_validator("config", mode="before")
    @classmethod
    def _paths(cls, value: str) -> tuple[str, ...]:
        return tuple(part for part in value.split(os.pathsep) if part)

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: str) -> str:
        return value.upper()

    @field_validator("redis_url", mode="after")
    @classmethod
    def _no_redis(cls, _value: str) -> str:
        raise ValueError(refusal("State in Redis"))


def _sentence(field: str, message: str) -> str:
    return f"LLMGW_{field.upper()}: {message.removeprefix('Value error, ')}"
