"""The values of the language: how they are held, compared and ordered.

null, bool, int, double, string, bytes, list and map are Python's None, bool, int, float, str, bytes, list and dict; what
Python has not is here. A dict cannot tell ``true`` from 1, so a bool that is a key stands as ``KEY[True]``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from llmgw_middleware.body import MISSING
from llmgw_middleware.cel.fault import EvaluationError

INT_MAX: Final = 2**63 - 1
INT_MIN: Final = -(2**63)
UINT_MAX: Final = 2**64 - 1


class UInt(int):
    """An unsigned 64-bit integer. It equals an int of the same value, as the language wants."""

    __slots__ = ()


class Type:
    """The type of a value, itself a value."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Type) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return self.name


class Optional:
    """A value that may be there: ``optional.of(x)``, ``optional.none()``, ``map.?key``."""

    __slots__ = ("there", "value")

    def __init__(self, value: Any = None, *, there: bool = True) -> None:
        self.value = value
        self.there = there

    def __repr__(self) -> str:
        return f"optional.of({self.value!r})" if self.there else "optional.none()"


NONE: Final = Optional(there=False)


class MissingKey(EvaluationError):
    """A key that is not there."""


class _Key:
    """A bool as it stands in a map."""

    __slots__ = ("value",)

    def __init__(self, value: bool) -> None:  # noqa: FBT001 - it is the value
        self.value = value

    def __repr__(self) -> str:
        return repr(self.value)


KEY: Final = {True: _Key(value=True), False: _Key(value=False)}

_NAMES: Final[dict[type, str]] = {
    bool: "bool",
    int: "int",
    UInt: "uint",
    float: "double",
    str: "string",
    bytes: "bytes",
    type(None): "null_type",
    list: "list",
    tuple: "list",
    dict: "map",
    Type: "type",
    Optional: "optional_type",
}
_NUMBERS: Final = frozenset({int, UInt, float})
_PLAIN: Final = frozenset({str, bytes, bool, int, UInt, float, type(None), Type})


def type_name(value: Any) -> str:
    """Return the name of a value's type."""
    name = _NAMES.get(type(value))
    if name is not None:
        return name
    own = getattr(value, "TYPE", None)
    if own is not None:
        return str(own)
    if isinstance(value, Mapping):
        return "map"
    return "list" if isinstance(value, Sequence) and not isinstance(value, str) else "dyn"


def no_overload(what: str, *values: object) -> EvaluationError:
    """Return the fault of a function or operator that does not take values of these types."""
    return EvaluationError(f"{what} does not take {', '.join(map(type_name, values)) or 'no values'}")


def is_number(value: Any) -> bool:
    """Whether a value is an int, a uint or a double."""
    return type(value) in _NUMBERS


def is_list(value: Any) -> bool:
    """Whether a value is a list."""
    return type(value) is list or type(value) is tuple


def is_map(value: Any) -> bool:
    """Whether a value is a map."""
    return type(value) is dict or isinstance(value, Mapping)


def equal(left: Any, right: Any) -> bool:
    """Whether two values are equal; numbers by value whatever their types, everything else only within its type."""
    one, other = type(left), type(right)
    if one in _NUMBERS and other in _NUMBERS:
        return _numbers_equal(left, right)
    if one is other and one in _PLAIN:
        return bool(left == right)
    if is_list(left):
        return is_list(right) and len(left) == len(right) and all(map(equal, left, right))
    if is_map(left):
        if not (is_map(right) and len(left) == len(right)):
            return False
        return all(key in right and equal(value, right[key]) for key, value in left.items())
    if one is Optional and other is Optional:
        return left.there == right.there and (not left.there or equal(left.value, right.value))
    return one is other and bool(left == right)


def _numbers_equal(left: Any, right: Any) -> bool:
    if type(left) is float or type(right) is float:
        return float(left) == float(right)
    return bool(left == right)


def less(left: Any, right: Any, mark: str) -> tuple[Any, Any]:
    """Return both sides in a form that Python orders as the language does. Raises where there is no order."""
    one, other = type(left), type(right)
    if one is other and one in _ORDERED:
        return left, right
    if one in _NUMBERS and other in _NUMBERS:
        if one is float or other is float:
            return float(left), float(right)
        return left, right
    if one is other and getattr(one, "ORDERED", False):
        return left, right
    raise no_overload(f'"{mark}"', left, right)


_ORDERED: Final = frozenset({str, bytes, bool, int, UInt, float})


def key_of(value: Any) -> Any:
    """Return the form in which a value is a key; raises for what cannot be one."""
    kind = type(value)
    if kind is str or kind is int or kind is UInt:
        return value
    if kind is bool:
        return KEY[value]
    if kind is float:
        if value.is_integer():
            return int(value)
        raise MissingKey(f"there is no key {value}")
    raise EvaluationError(f"a {type_name(value)} is no key of a map")


def key_value(key: Any) -> Any:
    """Return the value that a key stands for."""
    return key.value if type(key) is _Key else key


def look_up(holder: Any, key: Any) -> Any:
    """Return ``holder[key]``."""
    if type(holder) is dict:
        found = holder.get(key if type(key) is str else key_of(key), MISSING)
        if found is MISSING:
            raise missing(key)
        return found
    if is_list(holder):
        return holder[_position(holder, key)]
    if isinstance(holder, Mapping):
        try:
            return holder[key_of(key)]
        except KeyError:
            raise missing(key) from None
    if type(holder) is Optional:
        return optional_at(holder, key)
    raise no_overload("[ ]", holder, key)


def _position(holder: Sequence[Any], key: Any) -> int:
    if type(key) is float and key.is_integer():
        key = int(key)
    if type(key) is not int and type(key) is not UInt:
        raise no_overload("[ ]", holder, key)
    if not 0 <= key < len(holder):
        raise MissingKey(f"the list has no index {key}")
    return int(key)


def select(holder: Any, field: str) -> Any:
    """Return ``holder.field``."""
    if type(holder) is dict:
        found = holder.get(field, MISSING)
        if found is MISSING:
            raise missing(field)
        return found
    if type(holder) is Optional:
        return optional_at(holder, field)
    if isinstance(holder, Mapping):
        return look_up(holder, field)
    raise EvaluationError(f"a {type_name(holder)} has no field {field!r}")


def optional_at(holder: Any, key: Any) -> Optional:
    """Return ``holder[?key]``: an optional."""
    if type(holder) is Optional:
        if not holder.there:
            return NONE
        holder = holder.value
    if not (is_map(holder) or is_list(holder)):
        raise no_overload("[? ]", holder, key)
    try:
        found = look_up(holder, key)
    except MissingKey:
        return NONE
    return Optional(found)


def has(holder: Any, field: str) -> bool:
    """Whether ``holder.field`` is there."""
    if type(holder) is Optional:
        if not holder.there:
            return False
        holder = holder.value
    if is_map(holder):
        return field in holder
    raise EvaluationError(f"a {type_name(holder)} has no fields")


def contains(holder: Any, item: Any) -> bool:
    """Return ``item in holder``."""
    if is_map(holder):
        kind = type(item)
        if kind is float:
            return item.is_integer() and int(item) in holder
        return (kind is str or kind is int or kind is UInt or kind is bool) and key_of(item) in holder
    if is_list(holder):
        return any(equal(item, member) for member in holder)
    raise no_overload('"in"', item, holder)


def missing(key: Any) -> MissingKey:
    """Return the fault of a key that is not there."""
    return MissingKey(f"there is no key {key!r}" if type(key) is str else f"there is no key {shown_key(key)}")


def shown_key(key: Any) -> str:
    """Return a key that is no string as the language writes it."""
    return str(key).lower() if isinstance(key, bool) else str(key)
