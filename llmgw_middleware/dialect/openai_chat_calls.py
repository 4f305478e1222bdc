"""Tool calls of a chat stream, put in order: which delta belongs to which call, and when a call can be told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llmgw_middleware.dialect.chat_event import Carrier, ChatEvent, ToolArguments, ToolStarted
from llmgw_middleware.dialect.chat_port import Mint


class _Call:
    """One call as far as it is known. ``number`` is its place among the calls told; None until its name is known."""

    __slots__ = ("held", "id", "name", "number", "signature")

    def __init__(self) -> None:
        self.id: str | None = None
        self.name: str | None = None
        self.number: int | None = None
        self.held: list[str] = []
        self.signature: str | None = None


class Calls:
    """The calls of one choice. Upstream indices may have gaps, be absent, or be used again with a new id."""

    __slots__ = ("_by_index", "_choice", "_last", "_mint", "_order", "_told")

    def __init__(self, mint: Mint, choice: int) -> None:
        self._mint = mint
        self._choice = choice
        self._by_index: dict[int, _Call] = {}
        self._order: list[_Call] = []
        self._last: _Call | None = None
        self._told = 0

    def __repr__(self) -> str:
        return f"<Calls {self._told} told, {len(self._order)} known>"

    @property
    def nameless(self) -> bool:
        """Whether a call was begun whose name never came."""
        return any(call.number is None for call in self._order)

    def read(self, deltas: Any) -> Iterator[ChatEvent]:
        """Read the ``tool_calls`` of one chunk."""
        for delta in deltas if isinstance(deltas, list) else ():
            if isinstance(delta, dict):
                yield from self._read(delta)

    def _read(self, delta: dict[str, Any]) -> Iterator[ChatEvent]:
        function = delta.get("function") or delta.get("custom")
        inner = function if isinstance(function, dict) else {}
        name, identity = _word(inner.get("name")), _word(delta.get("id"))
        call = self._find(delta.get("index"), identity, name)
        call.id = call.id or identity
        call.name = call.name or name
        signature = _signature(delta)
        if call.number is None and call.name is not None:
            started = self._tell(call, call.name, custom="custom" in delta)
            yield started
            if call.held:
                yield ToolArguments(started.tool, "".join(call.held), self._choice)
        text = inner.get("arguments", inner.get("input"))
        if text and isinstance(text, str):
            if call.number is None:
                call.held.append(text)
            else:
                yield ToolArguments(call.number, text, self._choice)
        if signature is not None and call.number is not None:
            yield Carrier("signature", signature, "google", call.number, self._choice)

    def _find(self, index: Any, identity: str | None, name: str | None) -> _Call:
        if isinstance(index, bool) or not isinstance(index, int):
            return self._find_unnumbered(identity, name)
        call = self._by_index.get(index)
        if call is None or (identity is not None and call.id not in {None, identity}):
            call = self._by_index[index] = self._new()
        self._last = call
        return call

    def _find_unnumbered(self, identity: str | None, name: str | None) -> _Call:
        """Find a call that has no index: by its id, else a name begins a new one."""
        known = next((call for call in self._order if identity is not None and call.id == identity), None)
        if known is None and (identity is not None or name is not None or self._last is None):
            known = self._new()
        self._last = known or self._last or self._new()
        return self._last

    def _new(self) -> _Call:
        call = _Call()
        self._order.append(call)
        return call

    def _tell(self, call: _Call, name: str, *, custom: bool) -> ToolStarted:
        call.number = self._told
        self._told += 1
        if call.id is None:
            call.id = f"call_{self._mint()}"
        return ToolStarted(call.number, call.id, name, custom, self._choice)


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _signature(delta: dict[str, Any]) -> str | None:
    """Return Gemini's thought signature, as its OpenAI-shaped API sends it."""
    content = delta.get("extra_content")
    google = content.get("google") if isinstance(content, dict) else None
    return _word(google.get("thought_signature")) if isinstance(google, dict) else None
