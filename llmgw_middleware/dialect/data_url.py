"""``data:`` URLs (RFC 2397), as requests carry images and files."""

from __future__ import annotations

from llmgw_middleware.errors import BadRequest


def split_data_url(url: str, param: str) -> tuple[str, str]:
    """Return media type (lower case, without parameters) and base64. Raises BadRequest if it is not in base64."""
    head, comma, data = url.removeprefix("data:").partition(",")
    media_type, *options = head.split(";")
    if not comma or "base64" not in (option.strip().lower() for option in options):
        raise BadRequest(
            f"{param!r} is a data URL, but not one in base64.", code="unsupported_value", param=param
        )
    return media_type.strip().lower() or "text/plain", data


def data_url(media_type: str | None, data: str) -> str:
    """Return the URL of ``data``, which is base64."""
    return f"data:{media_type or 'application/octet-stream'};base64,{data}"
