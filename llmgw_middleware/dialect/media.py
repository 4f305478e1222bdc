"""Media types of what a URL or a file's name points at."""

from __future__ import annotations

from urllib.parse import urlsplit

_BY_ENDING = {
    "avif": "image/avif",
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "gif": "image/gif",
    "heic": "image/heic",
    "htm": "text/html",
    "html": "text/html",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "md": "text/markdown",
    "mp3": "audio/mp3",
    "mp4": "video/mp4",
    "pdf": "application/pdf",
    "png": "image/png",
    "txt": "text/plain",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webp": "image/webp",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def guessed_type(name: str) -> str | None:
    """Return the media type that the ending of a URL's path or of a file's name tells, None if it tells none."""
    path = urlsplit(name).path if "://" in name else name
    return _BY_ENDING.get(path.rpartition(".")[2].lower()) if "." in path else None


def ending_of(media_type: str) -> str | None:
    """Return the shortest usual ending of a media type."""
    plain = media_type.partition(";")[0].strip().lower()
    return next(
        (ending for ending, known in _BY_ENDING.items() if known == plain and ending not in {"htm", "jpg"}),
        None,
    )
