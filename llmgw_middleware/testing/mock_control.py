"""Rules that change the mock while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmgw_middleware.testing.mock_faults import Behaviour, MockMisuse, read_behaviour


class ControlRule:
    """A behaviour for the requests that match.

    ``model`` is exact or ends in ``*``, ``key`` is the bearer token; None matches all. Of the matching requests the
    share ``rate`` is affected, evenly and without chance (0.5: the second, the fourth, …), at most ``times``.
    """

    __slots__ = ("_asked", "_behaviour", "_due", "_key", "_left", "_model", "_rate", "hits")

    def __init__(self, asked: Mapping[str, Any]) -> None:
        """Read a rule as the control endpoint takes it. Raises MockMisuse."""
        behaviour = {key: value for key, value in asked.items() if key not in {"match", "rate", "times"}}
        match = asked.get("match") or {}
        if not isinstance(match, dict) or not match.keys() <= {"model", "key"}:
            raise MockMisuse('match takes {"model": …, "key": …}, each of them optional')
        self._behaviour = read_behaviour(behaviour)
        self._asked = dict(behaviour)
        self._model = _text(match, "model")
        self._key = _text(match, "key")
        self._rate = _number(asked, "rate", most=1.0)
        self._left = None if asked.get("times") is None else int(_number(asked, "times", most=float("inf")))
        self._due = 0.0
        self.hits = 0

    def __repr__(self) -> str:
        return f"<ControlRule {self._asked} for {self._model or 'every model'}, {self.hits} hits>"

    def behaviour_for(self, model: str, key: str | None) -> Behaviour | None:
        """Return the behaviour if this request is affected, and count it."""
        if self._left == 0 or not self._matches(model, key):
            return None
        self._due += self._rate
        # Ten tenths add up to a little less than one.
        if self._due < 1.0 - 1e-9:
            return None
        self._due -= 1.0
        self.hits += 1
        if self._left is not None:
            self._left -= 1
        return self._behaviour

    def describe(self) -> dict[str, Any]:
        """Return the rule as JSON, without its key."""
        match = {"model": self._model, "key": None if self._key is None else "***"}
        return {
            "match": match,
            **self._asked,
            "rate": self._rate,
            "times_left": self._left,
            "hits": self.hits,
        }

    def _matches(self, model: str, key: str | None) -> bool:
        if self._key is not None and key != self._key:
            return False
        if self._model is None or not self._model.endswith("*"):
            return self._model in {None, model}
        return model.startswith(self._model[:-1])


def behaviour_of(rules: Sequence[ControlRule], model: str, key: str | None, *, asked: Behaviour) -> Behaviour:
    """Return what the name of the model asks for, with every rule that affects the request laid over it."""
    behaviour = asked
    for rule in rules:
        ruled = rule.behaviour_for(model, key)
        if ruled is not None:
            behaviour = ruled.over(behaviour)
    return behaviour


def _text(match: Mapping[str, Any], name: str) -> str | None:
    value = match.get(name)
    if value is not None and not isinstance(value, str):
        raise MockMisuse(f"match.{name} takes a text, not {value!r}")
    return value


def _number(asked: Mapping[str, Any], name: str, *, most: float) -> float:
    value = asked.get(name, 1.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise MockMisuse(
            f"{name} takes a number from 0{'' if most == float('inf') else f' to {most:g}'}, not {value!r}"
        )
    return float(value)
