"""Which kind of container a medium is, from its first bytes: more kinds carry credentials than the detector scores. And whether one may be in it."""

from __future__ import annotations

from averment.detector.credentials.containers import boxes, jpeg_segments, png_chunks, riff_chunks
from averment.detector.sniffing import media_type

_BRANDS = {b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heif"}

_APP11 = 0xEB


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


def may_carry(data: bytes) -> bool:
    """Whether there is a part in ``data`` of the kind that holds a C2PA manifest in its container (C2PA 2.1, A.3), as far as the container can be
    followed. It is a hint only, for the wording of a refusal: c2pa reads on where this stops, so whether there is a credential ``inspect`` says."""
    kind = container_type(data)
    if kind == "image/jpeg":
        return any(marker == _APP11 for _, _, marker in jpeg_segments(data))
    if kind == "image/png":
        return any(found == b"caBX" for _, _, found in png_chunks(data))
    if kind == "image/webp":
        return b"C2PA" in riff_chunks(data)
    if data[4:8] == b"ftyp":
        return b"uuid" in boxes(data)
    return b"c2pa" in data
