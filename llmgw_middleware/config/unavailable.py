"""What the language knows and this version does not do yet.

Such words are refused where they stand, with their position, and never accepted and ignored. Whoever builds a part
deletes its rows here and adds its words.
"""

from __future__ import annotations

from collections.abc import Mapping

_DIALECT_KEYS = frozenset(
    {
        "supportsPrefill",
    }
)  # fmt: skip
KEYS: Mapping[str, frozenset[str]] = {
    "configuration": frozenset(
        {"console", "observe"}
    ),
    "route": frozenset(
        {
            "circuitBreaker", "limits",
        }
    ),
    "stream": frozenset({"continue"}),
    "policies": frozenset({"budgets", "limits"}),
    "backend": _DIALECT_KEYS,
    "pool": frozenset({"circuitBreaker"}),
    "pool member": _DIALECT_KEYS,
}  # fmt: skip
"""Keys by the part that would hold them."""

VALUES: Mapping[str, frozenset[str]] = {"store": frozenset({"redis"})}
"""Values by the key that would hold them."""


def refusal(what: str) -> str:
    """Return the sentence for ``what``, a word of this file."""
    return f"{what} is not available in this version."
