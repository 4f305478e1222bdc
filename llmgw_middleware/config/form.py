"""Which of a provider's forms a backend takes, and where that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from llmgw_middleware.config.address import address
from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.spelling import did_you_mean
from llmgw_middleware.config.tree import Position
from llmgw_middleware.dialect.presets import PRESETS
from llmgw_middleware.dialect.provider import APIS, Profile, filled, places, profile, profile_of
from llmgw_middleware.model.backend import Backend

At = Callable[[str, str], Position]
"""Tells where a key stands, by its name and its field."""

_MEANT_FOR: Mapping[str, tuple[str, frozenset[str]]] = {
    "preset": ("preset", frozenset({"openai-compatible"})),
    "apiVersion": ("api_version", frozenset({"anthropic", "azure", "bedrock", "gemini", "mock"})),
    "region": ("region", frozenset({"bedrock"})),
    "project": ("project", frozenset({"gemini", "openai-compatible"})),
    "location": ("location", frozenset({"gemini"})),
    "deployment": ("deployment", frozenset({"azure"})),
}
"""Keys that some providers have no use for: the field, and who has."""

_SIGNED = frozenset({"bedrock"})
_TOKENS = frozenset({"azure", "gemini"})


def judge_form(asked: Backend, at: At, report: Report) -> None:
    """Report keys that mean nothing to the backend's provider, and forms that it has not."""
    for key, (field, providers) in _MEANT_FOR.items():
        if getattr(asked, field) is not None and asked.provider not in providers:
            report.error(
                "bad_value", at(key, field), f'"{key}" means nothing to {asked.provider}.', "leave it out"
            )
    _judge_pairs(asked, at, report)
    _judge_api(asked, at, report)
    if (asked.auth == "sigv4" and asked.provider not in _SIGNED) or (
        asked.auth == "oauth" and asked.provider not in _TOKENS
    ):
        report.error(
            "bad_value", at("auth", "auth"), f"{asked.provider} takes no credential of the kind {asked.auth}."
        )


def _judge_pairs(asked: Backend, at: At, report: Report) -> None:
    """Report keys that mean something only beside another."""
    if asked.provider == "azure" and asked.deployment is not None and asked.api_version is None:
        report.error(
            "bad_value",
            at("deployment", "deployment"),
            "A deployment stands in the path only with an apiVersion; in the v1 form it is the model.",
            "write model: instead, or add apiVersion",
        )
    if asked.provider == "azure" and asked.api_version is not None and asked.api == "responses":
        report.error(
            "bad_value", at("api", "api"), "Azure serves /responses in its v1 form: leave apiVersion out."
        )
    if (
        asked.provider == "bedrock"
        and asked.api_version is not None
        and not (asked.api or "").startswith("mantle")
    ):
        report.error(
            "bad_value",
            at("apiVersion", "api_version"),
            "Converse has no versions; an apiVersion is for Claude by api: mantle.",
            "leave it out",
        )
    preset = PRESETS.get(asked.preset or "")
    placed = preset is not None and "{project}" in preset.url
    if asked.provider == "openai-compatible" and asked.project is not None and not placed:
        report.error(
            "bad_value",
            at("project", "project"),
            "The address of this backend has no project.",
            "leave it out",
        )
    if asked.provider == "gemini" and asked.location is not None and asked.project is None:
        report.error(
            "missing_key", at("location", "location"), "A location needs its project.", "add project"
        )


def judge_region(asked: Backend, at: At, report: Report) -> None:
    """Report a backend at an address of its own whose calls cannot be signed for want of a region."""
    if _form(asked).auth == "sigv4" and asked.region is None:
        report.error(
            "missing_key",
            at("url", "url"),
            f'Calls to "{asked.name}" are signed, and that needs its region.',
            "add region: …",
        )


def _judge_api(asked: Backend, at: At, report: Report) -> None:
    allowed = APIS.get(asked.provider, ())
    if asked.api is not None and asked.api not in allowed:
        only = f"it has {', '.join(allowed)}" if allowed else "it has only one"
        report.error(
            "bad_value",
            at("api", "api"),
            f'{asked.provider} has no interface called "{asked.api}"; {only}.',
            did_you_mean(asked.api, allowed),
        )


def own_address(asked: Backend, at: At, report: Report) -> str | None:
    """Return the address that the provider or preset has by itself, None where it lacks a part or has none."""
    template = profile_of(asked).url
    if template is None:
        return None
    known = _parts(asked, template)
    missing = [name for name in places(template) if not known[name]]
    for name in missing:
        report.error(
            "missing_key",
            at("provider", "provider") if asked.preset is None else at("preset", "preset"),
            f'The address of "{asked.name}" needs its {name}.',
            f"add {name}: …",
        )
    return None if missing else filled(template, known)


def given_address(text: str, asked: Backend) -> tuple[str, bool]:
    """Return the configured address, with the provider's path where it has none, and whether it stays bare.

    Raises ValueError with what is wrong; it never shows the text.
    """
    found = address(text)
    base = _form(asked).base
    if base is None or not found.bare:
        return found.url, found.bare
    return found.url + filled(base, _parts(asked, base)), False


def _form(asked: Backend) -> Profile:
    """Return the backend's row, or its provider's where its api is none of the provider's."""
    allowed = APIS.get(asked.provider, ())
    return (
        profile(asked.provider) if asked.api is not None and asked.api not in allowed else profile_of(asked)
    )


def _parts(asked: Backend, template: str) -> dict[str, str | None]:
    return {name: getattr(asked, name) for name in places(template)}
