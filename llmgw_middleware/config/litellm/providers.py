"""LiteLLM's names of models, ``provider/model``, as our providers and presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from llmgw_middleware.dialect.presets import PRESETS


@dataclass(frozen=True, slots=True)
class Home:
    """Where a model is at home: our provider, and a preset of it; ``variable`` holds the key by LiteLLM's custom."""

    provider: str
    variable: str | None
    preset: str | None = None


_PROVIDERS: Mapping[str, Home] = {
    "openai": Home("openai", "OPENAI_API_KEY"),
    "azure": Home("azure", "AZURE_API_KEY"),
    "anthropic": Home("anthropic", "ANTHROPIC_API_KEY"),
    "gemini": Home("gemini", "GEMINI_API_KEY"),
    "vertex_ai": Home("gemini", None),
    "bedrock": Home("bedrock", None),
    "custom_openai": Home("openai-compatible", None),
    "openai_like": Home("openai-compatible", None),
}
_PRESETS: Mapping[str, str] = {
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "nvidia_nim": "nvidia",
    "hosted_vllm": "vllm",
    "lm_studio": "lmstudio",
    "ollama_chat": "ollama",
    "dashscope": "qwen",
    "github_models": "github",
    "vercel_ai_gateway": "vercel",
}
"""Providers that have another name here; the others have the same."""

_FAMILIES = (
    ("gpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("claude-", "anthropic"),
    ("gemini-", "gemini"),
)
"""Whose a model without a provider is, by its beginning."""


def home_of(written: str, named: str | None) -> tuple[Home | None, str]:
    """Return where a model is at home, and its plain name. ``named`` is ``custom_llm_provider``, if given.

    A name without a provider that no family knows is taken for OpenAI's, as LiteLLM does; of a provider that is not
    known here the home is None.
    """
    provider, slash, model = written.partition("/")
    if named:
        model = model if slash and provider == named else written
        return _home(named), model
    if slash:
        return _home(provider), model
    family = next((family for start, family in _FAMILIES if written.startswith(start)), "openai")
    return _home(family), written


def _home(provider: str) -> Home | None:
    if provider in _PROVIDERS:
        return _PROVIDERS[provider]
    preset = _PRESETS.get(provider, provider)
    return Home("openai-compatible", f"{provider.upper()}_API_KEY", preset) if preset in PRESETS else None
