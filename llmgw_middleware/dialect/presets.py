"""OpenAI-compatible providers by name: an address and what differs there. A new row is no code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from llmgw_middleware.dialect.quirks import Quirks

_PLAIN = Quirks(developer_role=False)
_LOCAL = Quirks(developer_role=False, strict_tools=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One provider. ``keyless``: it runs on one's own machine and asks for no key."""

    name: str
    url: str
    quirks: Quirks = _PLAIN
    keyless: bool = False


_ROWS = (
    Preset(
        name="groq",
        url="https://api.groq.com/openai/v1",
        quirks=Quirks(reasoning_field="reasoning"),
    ),
    Preset(
        name="deepseek",
        url="https://api.deepseek.com",
        quirks=Quirks(
            developer_role=False, max_tokens_field="max_tokens", thinking_in_history=True, responses=True
        ),
    ),
    Preset(
        name="mistral",
        url="https://api.mistral.ai/v1",
        quirks=Quirks(
            max_tokens_field="max_tokens", developer_role=False, unknown_fields=False, stream_options=False
        ),
    ),
    Preset(
        name="openrouter",
        url="https://openrouter.ai/api/v1",
        quirks=Quirks(reasoning_field="reasoning", thinking_in_history=True, responses=True),
    ),
    Preset(
        name="zai",
        url="https://api.z.ai/api/paas/v4",
        quirks=Quirks(max_tokens_field="max_tokens", developer_role=False),
    ),
    Preset(
        name="cerebras",
        url="https://api.cerebras.ai/v1",
        quirks=Quirks(reasoning_field="reasoning", max_tokens_field="max_completion_tokens"),
    ),
    Preset(name="huggingface", url="https://router.huggingface.co/v1"),
    Preset(
        name="cohere",
        url="https://api.cohere.ai/compatibility/v1",
        quirks=Quirks(max_tokens_field="max_tokens"),
    ),
    Preset(
        name="perplexity",
        url="https://api.perplexity.ai",
        quirks=Quirks(developer_role=False, max_tokens_field="max_tokens", models_path="/v1/models"),
    ),
    Preset(name="gemini-openai", url="https://generativelanguage.googleapis.com/v1beta/openai"),
    Preset(name="xai", url="https://api.x.ai/v1", quirks=Quirks(responses=True)),
    Preset(name="together", url="https://api.together.xyz/v1"),
    Preset(name="fireworks", url="https://api.fireworks.ai/inference/v1"),
    Preset(name="deepinfra", url="https://api.deepinfra.com/v1/openai"),
    Preset(name="sambanova", url="https://api.sambanova.ai/v1"),
    Preset(name="nvidia", url="https://integrate.api.nvidia.com/v1"),
    Preset(name="nebius", url="https://api.tokenfactory.nebius.com/v1"),
    Preset(name="novita", url="https://api.novita.ai/openai/v1"),
    Preset(name="hyperbolic", url="https://api.hyperbolic.xyz/v1"),
    Preset(name="scaleway", url="https://api.scaleway.ai/v1"),
    Preset(name="ovh", url="https://oai.endpoints.kepler.ai.cloud.ovh.net/v1"),
    Preset(name="chutes", url="https://llm.chutes.ai/v1"),
    Preset(name="moonshot", url="https://api.moonshot.ai/v1"),
    Preset(name="minimax", url="https://api.minimax.io/v1"),
    Preset(name="qwen", url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1"),
    Preset(name="github", url="https://models.github.ai/inference", quirks=Quirks()),
    Preset(name="vercel", url="https://ai-gateway.vercel.sh/v1", quirks=Quirks()),
    Preset(name="cloudflare", url="https://api.cloudflare.com/client/v4/accounts/{project}/ai/v1"),
    Preset(name="ollama", url="http://localhost:11434/v1", quirks=_LOCAL, keyless=True),
    Preset(name="lmstudio", url="http://localhost:1234/v1", quirks=_LOCAL, keyless=True),
    Preset(name="vllm", url="http://localhost:8000/v1", quirks=_LOCAL, keyless=True),
    Preset(name="sglang", url="http://localhost:30000/v1", quirks=_LOCAL, keyless=True),
    Preset(name="llamacpp", url="http://localhost:8080/v1", quirks=_LOCAL, keyless=True),
)

PRESETS: Mapping[str, Preset] = MappingProxyType({row.name: row for row in _ROWS})
"""Every preset by the name that ``preset:`` gives it."""
