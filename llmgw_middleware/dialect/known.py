"""Top-level fields of request bodies that dialects know."""

from __future__ import annotations

from typing import Final

KNOWN_FIELDS: Final = frozenset(
    [
        # OpenAI chat completions
        "model", "messages", "stream", "stream_options", "audio", "frequency_penalty", "function_call", "functions",
        "logit_bias", "logprobs", "max_completion_tokens", "max_tokens", "metadata", "modalities", "n",
        "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_options",
        "prompt_cache_retention", "reasoning_effort", "response_format", "safety_identifier", "seed", "service_tier",
        "stop", "store", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity",
        "web_search_options", "moderation",
        # OpenAI Responses
        "background", "context_management", "conversation", "include", "input", "instructions", "max_output_tokens",
        "max_tool_calls", "previous_response_id", "prompt", "reasoning", "text", "truncation",
        # OpenAI embeddings, completions, and what else has a body of JSON
        "dimensions", "encoding_format", "best_of", "echo", "suffix",
        # Anthropic messages
        "system", "max_tokens_to_sample", "stop_sequences", "thinking", "top_k", "container", "mcp_servers",
        "output_config", "output_format", "cache_control", "inference_geo", "speed",
        # Gemini
        "contents", "generationConfig", "safetySettings", "systemInstruction", "system_instruction", "toolConfig",
        "tool_config", "cachedContent", "labels",
        # servers that speak OpenAI's dialect: vLLM, llama.cpp, SGLang, OpenRouter, DeepSeek, Mistral
        "add_generation_prompt", "allowed_token_ids", "bad_words", "chat_template", "chat_template_kwargs",
        "documents", "early_stopping", "enable_thinking", "extra_body", "grammar", "guided_choice",
        "guided_decoding_backend", "guided_grammar", "guided_json", "guided_regex", "guided_whitespace_pattern",
        "ignore_eos", "include_reasoning", "include_stop_str_in_output", "json_schema", "length_penalty",
        "logits_processors", "min_p", "min_tokens", "mirostat", "mirostat_eta", "mirostat_tau", "models",
        "n_predict", "plugins", "preset", "prompt_logprobs", "provider", "random_seed", "reasoning_format", "regex",
        "repeat_last_n", "repeat_penalty", "repetition_penalty", "route", "safe_prompt", "samplers",
        "skip_special_tokens", "spaces_between_special_tokens", "stop_token_ids", "structured_outputs", "tfs_z",
        "top_a", "top_n_sigma", "transforms", "truncate_prompt_tokens", "typical_p", "usage", "use_beam_search",
    ]
)  # fmt: skip
"""A field that a rule reads and that is not here is taken for one that is meant for the rules alone."""
