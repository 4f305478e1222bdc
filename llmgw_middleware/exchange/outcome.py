"""What comes of an attempt."""

from __future__ import annotations

import msgspec

from llmgw_middleware.dialect.port import Piece, Receipt, StreamTap
from llmgw_middleware.model.fault import Fault
from llmgw_middleware.model.http import Header
from llmgw_middleware.transport.port import Reply


class Whole(msgspec.Struct, gc=False):
    """A complete answer. The connection has been let go. ``asked`` false: no upstream was, so it says nothing of one."""

    status: int
    headers: tuple[Header, ...]
    receipt: Receipt
    asked: bool = True


class Begun(msgspec.Struct):
    """A stream whose first content is there: committed. Whoever holds it closes ``reply``."""

    reply: Reply
    tap: StreamTap
    held: list[Piece]


Outcome = Whole | Begun | Fault
