"""Where the gateway's paths begin in an application that is mounted somewhere."""

from __future__ import annotations

from urllib.parse import unquote

PATH_SAFE = "/:@!$&'()*+,;=~"
"""What a path may hold unescaped (RFC 3986 §3.3)."""


def below_mount(raw: str, mount: str) -> str:
    """Return the raw (percent-encoded) path below ``mount``, which is decoded (``root_path``, ``SCRIPT_NAME``).

    Compared by whole segments, so that an encoded slash below the mount stays one.
    """
    mount = mount.rstrip("/")
    if not mount:
        return raw
    depth = mount.count("/") + 1
    segments = raw.split("/", depth)
    if unquote("/".join(segments[:depth])) != mount:
        return raw
    return f"/{segments[depth]}" if len(segments) > depth else ""
