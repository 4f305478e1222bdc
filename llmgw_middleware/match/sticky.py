"""What keeps a caller on one side of a split."""

from __future__ import annotations

from collections.abc import Callable

from llmgw_middleware.facts import Facts
from llmgw_middleware.model.route import Sticky

KeyReader = Callable[[Facts], str | None]


def key_reader(sticky: Sticky | None) -> KeyReader:
    """Return what reads a caller's sticky key, or None where the caller has none: then chance decides.

    Without ``sticky`` it is the user's id, else the host's session. Keys from a header or a cookie are the caller's
    word: who sends another one changes sides.
    """
    if sticky is None:
        return _user_or_session
    name = sticky.name
    if sticky.kind == "user":
        return _user
    if sticky.kind == "session":
        return _session
    if sticky.kind == "ip":
        return _address
    if sticky.kind == "cookie":
        return lambda facts: facts.cookie(name) or None
    line = name.lower().encode()
    return lambda facts: next(iter(facts.headers(line)), "") or None


def _user(facts: Facts) -> str | None:
    return facts.identity.id or None


def _session(facts: Facts) -> str | None:
    return facts.identity.session_key or None


def _user_or_session(facts: Facts) -> str | None:
    return facts.identity.id or facts.identity.session_key or None


def _address(facts: Facts) -> str | None:
    return facts.address
