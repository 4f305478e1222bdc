"""The attribute paths that stand in an expression, found without evaluating it."""

from __future__ import annotations

from llmgw_middleware.cel.syntax import Call, Ident, Part, Select, inside


def references(root: Part) -> tuple[str, ...]:
    """Return every dotted name, as far as it is written with dots: ``a.b[0].c`` is ``a.b``."""
    found: dict[str, None] = {}
    waiting = [root]
    while waiting:
        part = waiting.pop(0)
        name = _dotted(part)
        if name is not None:
            found[name] = None
        elif isinstance(part, Call) and _dotted(part.target) in _SPACES:
            waiting.extend(part.args)
        else:
            waiting.extend(inside(part))
    return tuple(found)


_SPACES = frozenset(
    {"base64", "cel", "form", "ip", "math", "md5", "optional", "sha1", "sha256", "strings", "url"}
)
"""What stands before functions, and is no variable."""


def _dotted(part: Part | None) -> str | None:
    names: list[str] = []
    while isinstance(part, Select):
        names.append(part.field)
        part = part.operand
    return ".".join((part.name, *reversed(names))) if isinstance(part, Ident) else None
