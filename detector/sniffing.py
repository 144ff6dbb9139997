"""What kind of file the bytes are, whatever their sender calls them. Standard library only."""

from __future__ import annotations


def media_type(data: bytes) -> str | None:
    """The media type that the signature shows (JPEG, PNG, WebP), whatever the sender called it; None for anything else."""
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None
