"""Changes to requests and answers."""

from __future__ import annotations

from dataclasses import dataclass

from llmgw_middleware.model.expression import Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """A value and the name of what gets it: a header (lower case), or a dotted path into the JSON body."""

    name: str
    value: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Changes to one message, in this order: ``metadata``, ``replace``, ``add``, ``set``, ``remove``, then the body.

    ``metadata`` names values for the expressions after it. ``replace`` is a map that takes the place of all headers.
    ``body`` is a whole new body, ``body_set`` and ``body_remove`` change fields of it.
    """

    metadata: tuple[Put, ...] = ()
    replace: Expression | None = None
    add: tuple[Put, ...] = ()
    set: tuple[Put, ...] = ()
    remove: tuple[str, ...] = ()
    body: Expression | None = None
    body_set: tuple[Put, ...] = ()
    body_remove: tuple[str, ...] = ()


NO_CHANGES = Changes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """What happens to a request, and to the answer to it."""

    request: Changes = NO_CHANGES
    response: Changes = NO_CHANGES


NO_TRANSFORM = Transform()
