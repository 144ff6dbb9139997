"""Which kind of container a medium is, from its first bytes: more kinds carry credentials than the detector scores."""

from __future__ import annotations

from averment.detector.sniffing import media_type

_BRANDS = {b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heif"}


def container_type(data: bytes) -> str | None:
    """The MIME type of an image or MP4 that content credentials can be put into, or None."""
    if found := media_type(data):
        return found
    if data[:4] in {b"II*\x00", b"MM\x00*"}:
        return "image/tiff"
    if data[:6] in {b"GIF87a", b"GIF89a"}:
        return "image/gif"
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "video/mp4")
    return None
