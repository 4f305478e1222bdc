"""Reads what rules ask of the host's user from the host's own objects."""

from __future__ import annotations

import inspect
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from decimal import Decimal
from enum import Enum
from importlib import import_module
from threading import Lock
from typing import Any

from llmgw_middleware.errors import GatewayError
from llmgw_middleware.model.http import HostRequest
from llmgw_middleware.model.plan import IdentityRules

log = logging.getLogger("llmgw.identity")

Subjects = Mapping[str, Any]
Read = Callable[[HostRequest, Subjects], Any]
Key = tuple[str, type, str]
"""Whose value it is, of which of the host's kinds of user, and its name."""

MOST_KEPT = 100_000
"""Values that are kept at once; the least recently used go first."""
_ABSENT: Any = object()


class AttributeReader:
    """Reads the attributes that ``identity.attributes`` names.

    A dotted path (``user.profile.tier``, ``session.country``) starts at one of the subjects that a door offers and
    goes by key or by attribute; what can be called on the way is called without arguments. ``module:function`` is
    called with the ``HostRequest``. Values come out plain: text, numbers, booleans, lists and mappings of them, so that
    no rule touches the host's database later; anything else becomes its text.

    A path that fails gives the attribute's default; it is counted in ``failures`` and the first time logged. None,
    also on the way, says that the host knows nothing: the default, and no failure. An attribute without value and
    default is left out. ``needs`` are the subjects that the paths start from. Raises ValueError for a path that is
    malformed and a function that cannot be imported.

    With ``identity.cache`` a user's values are kept for so many seconds of ``clock``: those of functions, of paths from
    ``user``, and what a door has to query. What starts elsewhere (a session) is read each time, as is a user that is a
    mapping, which costs nothing. A failure is never kept.
    """

    def __init__(self, rules: IdentityRules, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._readers = {name: _reader(name, path) for name, path in rules.attributes.items()}
        self._paths = dict(rules.attributes)
        self._defaults = dict(rules.default)
        self.needs = frozenset(path.partition(".")[0] for path in self._paths.values() if ":" not in path)
        self.failures: Counter[str] = Counter()
        self._kept = _kept(rules.cache, clock) if rules.cache else None
        self._lock = Lock()

    def __repr__(self) -> str:
        names = ", ".join(self._readers) or "none"
        return f"<AttributeReader [{names}; {self.failures.total()} failures]>"

    def read(
        self,
        request: HostRequest,
        subjects: Subjects,
        *,
        user: str = "",
        known: Mapping[str, Any] | None = None,
        queried: Mapping[str, Callable[[], Any]] | None = None,
    ) -> dict[str, Any]:
        """Return every attribute that has a value, defaults included. Raises only ``GatewayError``.

        ``user`` is the id under which values may be kept; empty: none are. ``known`` are attributes that the door has
        already, ``queried`` such that it would have to ask for; a configured one of the same name wins over both.
        """
        found = dict(self._defaults)
        if known:
            found |= {name: value for name, value in known.items() if name not in self._readers}
        if not (queried or self._readers):
            return found
        kind = type(subjects.get("user"))
        for name, ask in (queried or {}).items():
            if name not in self._readers:
                found[name] = self._kept_or((user, kind, name), ask)
        for name, reader in self._readers.items():
            key = (user, kind, name) if self._may_keep(name, kind) else ("", kind, name)
            value = self._value(key, reader, request, subjects)
            if value is not None:
                found[name] = value
        return found

    def _may_keep(self, name: str, kind: type) -> bool:
        path = self._paths[name]
        return ":" in path or (path.partition(".")[0] == "user" and not issubclass(kind, Mapping))

    def _value(self, key: Key, reader: Read, request: HostRequest, subjects: Subjects) -> Any:
        try:
            return self._kept_or(key, lambda: _plain(reader(request, subjects)))
        except GatewayError:
            raise
        except Exception as error:  # noqa: BLE001 - a host's property may raise anything; the default is the answer
            self._failed(key[-1], error)
            return None

    def _kept_or(self, key: Key, ask: Callable[[], Any]) -> Any:
        """Return what is kept of a named user, else what ``ask`` says, which is kept then."""
        if self._kept is None or not key[0]:
            return ask()
        with self._lock:
            value = self._kept.get(key, _ABSENT)
        if value is _ABSENT:
            value = ask()
            with self._lock:
                self._kept[key] = value
        return value

    def _failed(self, name: str, error: Exception) -> None:
        self.failures[name] += 1
        if self.failures[name] == 1:
            # The error's kind only: its text may quote what the host keeps about a person.
            log.warning(
                "identity.attributes.%s: %s failed with %s; its default is used, and this is logged once",
                name,
                self._paths[name],
                type(error).__name__,
            )


def _kept(seconds: float, clock: Callable[[], float]) -> MutableMapping[Key, Any]:
    from cachetools import TTLCache  # keeping is what few configurations ask for

    return TTLCache(maxsize=MOST_KEPT, ttl=seconds, timer=clock)


def _reader(name: str, path: str) -> Read:
    if ":" in path:
        function = _function(name, path)
        return lambda request, _: _settled(function(request))
    subject, *parts = path.split(".")
    if not all((subject, *parts)):
        raise ValueError(f"identity.attributes.{name}: {path!r} has an empty part; write user.profile.tier")
    return lambda _, subjects: _walk(subjects[subject], parts)


def _function(name: str, path: str) -> Callable[[HostRequest], Any]:
    module, _, inside = path.partition(":")
    try:
        found: Any = import_module(module)
        for part in inside.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"identity.attributes.{name}: {path!r} cannot be imported: {error}") from error
    if not callable(found):
        raise ValueError(f"identity.attributes.{name}: {path!r} is no function")  # noqa: TRY004 - a text is wrong
    if inspect.iscoroutinefunction(found):
        raise ValueError(f"identity.attributes.{name}: {path!r} is async; attributes are read synchronously")
    function: Callable[[HostRequest], Any] = found
    return function


def _walk(value: Any, parts: Iterable[str]) -> Any:
    value = _called(value)
    for part in parts:
        if value is None:
            return None
        value = _called(_step(value, part))
    return value


def _step(value: Any, part: str) -> Any:
    """Go one step by key or by attribute.

    Host sessions have keys and items without being registered as mappings, and attributes besides (``session_key``).
    """
    if isinstance(value, Mapping):
        return value[part]
    if hasattr(type(value), "keys") and hasattr(type(value), "__getitem__"):
        try:
            return value[part]
        except KeyError:
            return getattr(value, part)
    if isinstance(value, (list, tuple)) and part.isdecimal():
        return value[int(part)]
    return getattr(value, part)


def _called(value: Any) -> Any:
    if not callable(value) or isinstance(value, type):
        return value
    if getattr(value, "alters_data", False):  # how Django marks delete() and save()
        raise TypeError("a method that alters data is not called")
    return _settled(value())


def _settled(value: Any) -> Any:
    if inspect.iscoroutine(value):
        value.close()
        raise TypeError("attributes are read synchronously")
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return _plain(value.value)
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray)):
        return [_plain(item) for item in value]
    return str(value)
