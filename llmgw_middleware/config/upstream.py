"""One backend's words, from wherever they stand, to a backend."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from llmgw_middleware.config.form import given_address, judge_form, judge_region, own_address
from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.sendable import sendable
from llmgw_middleware.config.times import timeouts
from llmgw_middleware.config.traffic import retry
from llmgw_middleware.config.tree import Items, Position, Scalar
from llmgw_middleware.config.words.backend import BackendWord
from llmgw_middleware.config.words.word import Word
from llmgw_middleware.dialect.provider import profile
from llmgw_middleware.model.backend import Backend, Secret
from llmgw_middleware.model.usage import Price

_MEMBER_ONLY = frozenset({"name", "weight", "cost_per_token", "price", "priority"})


class Definition:
    """A backend as one or several places define it, key by key."""

    def __init__(self, word: BackendWord) -> None:
        self._name = word.name
        self._word = word
        self._homes = dict.fromkeys(word.given, word)

    @property
    def named_at(self) -> Position:
        """Where it was named first."""
        return self._word.at("name")

    @property
    def url_unknown(self) -> bool:
        """Whether a URL is given, but by a variable that is not set."""
        written = self._home("url").written("url")
        return isinstance(written, Scalar) and written.missing

    def add(self, word: BackendWord, report: Report) -> None:
        """Take the keys of another definition; a key may not have two values."""
        for field in word.given - _MEMBER_ONLY:
            home = self._homes.setdefault(field, word)
            if getattr(home, field) != getattr(word, field):
                key = BackendWord.fields[field].spelled
                report.error(
                    "two_values",
                    word.at(key),
                    f'"{key}" of the backend "{self._name}" has another value at {home.at(key)}.',
                    "keep one of them",
                )

    def at_key(self, key: str, field: str) -> Position:
        """Return where ``key`` stands."""
        return self._home(field).at(key)

    def backend(self, report: Report) -> Backend:
        """Return the backend; it is unresolved where neither a URL nor a provider with one is given."""
        self._judge_keys(report)
        asked = self._asked(report)
        judge_form(asked, self.at_key, report)
        url, bare = (None, False) if self.url_unknown else self._address(asked, report)
        return replace(asked, url=url, bare=bare)

    def _asked(self, report: Report) -> Backend:
        """Return the backend but for its address."""
        return Backend(
            name=self._name,
            provider=self._value("provider") or "openai-compatible",
            api=self._value("api"),
            api_version=self._value("api_version"),
            auth=self._value("auth"),
            region=self._value("region"),
            project=self._value("project"),
            location=self._value("location"),
            deployment=self._value("deployment"),
            preset=self._value("preset"),
            quirks=_given(self._value("quirks")),
            capabilities={model: _named(word) for model, word in self._value("capabilities").items()},
            api_keys=self._keys(),
            models=dict(self._value("models")),
            model=self._value("model"),
            price=price_of(self._word, report),
            on_unsupported=self._value("on_unsupported"),
            max_tokens=self._value("max_tokens"),
            max_event_size=self._value("max_event_size"),
            max_in_flight=self._value("max_in_flight"),
            context_window=self._value("context_window"),
            timeouts=timeouts(self._value("timeout")),
            retry=retry(self._value("retry")),
            headers=self._headers(report),
            where=str(self._word.at()),
        )

    def _home(self, field: str) -> BackendWord:
        return self._homes.get(field, self._word)

    def _value(self, field: str) -> Any:
        return getattr(self._home(field), field)

    def _address(self, asked: Backend, report: Report) -> tuple[str | None, bool]:
        text = self._value("url")
        if text is None:
            known = self._value("provider") or asked.preset
            return (own_address(asked, self.at_key, report) if known else None), False
        judge_region(asked, self.at_key, report)
        try:
            return given_address(text, asked)
        except ValueError as error:
            report.error("bad_url", self.at_key("url", "url"), str(error))
            return None, False

    def _keys(self) -> tuple[Secret, ...]:
        keys: tuple[Secret, ...] = self._value("api_keys")
        return tuple(key for key in keys if key.reveal())

    def _judge_keys(self, report: Report) -> None:
        written = self._home("api_keys").written("apiKey")
        items = list(written) if isinstance(written, Items) else [written]
        for item, key in zip(items, self._value("api_keys"), strict=False):
            if isinstance(item, Scalar):
                self._judge_key(item, key, report)

    def _judge_key(self, written: Scalar, key: Secret, report: Report) -> None:
        if not key.reveal():
            report.unmet("empty_secret", written.at, f'The key of the backend "{self._name}" is empty.')
        elif not written.loose:
            report.warn(
                "inline_secret",
                written.at,
                f'The key of the backend "{self._name}" stands in the configuration itself.',
                "write ${VARIABLE} or ${file:/path}",
            )
        try:
            profile("openai-compatible").authorization(key)
        except ValueError:
            report.error(
                "bad_secret",
                written.at,
                f'The key of the backend "{self._name}" holds a character that no header can carry.',
                "look for a line break or a quote that was copied along",
            )

    def _headers(self, report: Report) -> tuple[tuple[str, str], ...]:
        home = self._home("headers")
        return sendable(self._value("headers"), lambda name: home.at("headers", name), report)


def _given(word: Word) -> dict[str, Any]:
    """Return what was written in a word, by field."""
    return {field: getattr(word, field) for field in sorted(word.given)}


def _named(word: Word) -> dict[str, Any]:
    """Return what was written in a word, by the names of the configuration."""
    return {word.__class__.fields[field].spelled: value for field, value in _given(word).items()}


def price_of(word: BackendWord, report: Report) -> Price | None:
    """Return what a token costs here, if it is said; by one key or the other."""
    if word.price is not None and word.cost_per_token is not None:
        report.error(
            "two_values", word.at("price"), "price and costPerToken are two ways to say the same; keep one."
        )
    if word.price is not None:
        said = word.price
        return Price(
            input=said.input,
            output=said.output,
            cached_input=said.cached_input,
            cache_write=said.cache_write,
            cache_write_hour=said.cache_write_hour,
        )
    if word.cost_per_token is not None:
        return Price(input=word.cost_per_token, output=word.cost_per_token)
    return None
