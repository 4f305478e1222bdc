"""Is the body acceptable: by its type, by its announced length, by what was read of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from llmgw_middleware.dialect.operation import operation_of
from llmgw_middleware.dialect.port import Operation
from llmgw_middleware.entry.headers import values
from llmgw_middleware.errors import BodyTooLarge, UnsupportedMediaType
from llmgw_middleware.model.http import Header

JSON_OPERATIONS = frozenset(Operation) - {Operation.MODELS, Operation.OPAQUE}


def check_content_type(method: str, path: str, headers: Sequence[Header]) -> None:
    """Refuse an operation with a JSON body that was sent something else, as a foreign page's form would be."""
    if method != "POST" or operation_of(path, None) not in JSON_OPERATIONS:
        return
    kinds = [value.partition(";")[0].strip().lower() for value in values(headers, b"content-type")]
    if not kinds or not all(kind == "application/json" or kind.endswith("+json") for kind in kinds):
        seen = ", ".join(kinds) or "no content type"
        raise UnsupportedMediaType(
            f"This operation takes a JSON body; send content-type: application/json, not {seen}."
        )


def check_length(headers: Iterable[Header], limit: int) -> None:
    """Refuse a body announced as longer than ``limit``. A length that is no number is the server's business."""
    for name, value in headers:
        if name == b"content-length" and value.strip().isdigit() and int(value) > limit:
            raise too_large(limit)


def too_large(limit: int) -> BodyTooLarge:
    """Return the error of a body over ``limit`` bytes."""
    return BodyTooLarge(f"The body is longer than the {limit} bytes that gateway.maxBodySize allows.")
