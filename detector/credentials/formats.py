"""Which kind of container a medium is, from its first bytes: more kinds carry credentials than the detector scores. And whether one may be in it."""

from __future__ import annotations

from averment.detector.credentials.containers import boxes, jpeg_segments, png_chunks, riff_chunks
from averment.detector.sniffing import media_type

READ_HERE = "JPEG, PNG, WebP, TIFF, GIF, AVIF, HEIC or MP4"
"""Of which files credentials are written and read. MOV and M4A are of MP4's family. C2PA knows more: AVI, SVG, PDF, other sound."""

_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), "image/heic"),  # ISO/IEC 23008-12, annex B.4
    **dict.fromkeys((b"mif1", b"msf1"), "image/heif"),
    b"qt  ": "video/quicktime",
    **dict.fromkeys((b"M4A ", b"M4B "), "audio/mp4"),
}

_APP1, _APP11 = 0xE1, 0xEB


def container_type(data: bytes) -> str | None:
    """The MIME type of an image, film or sound that is one of ``READ_HERE``, or None."""
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


def surely_bare(data: bytes) -> bool:
    """Whether ``data`` is a JPEG or PNG that, followed without a break, has no part that a credential could be in, nor a reference to one.

    It spares asking c2pa, which looks for neither beyond a JPEG's header or a PNG's end. Of other containers nobody can be sure so cheaply.
    """
    kind = container_type(data)
    return (kind == "image/jpeg" and _bare_jpeg(data)) or (kind == "image/png" and _bare_png(data))


def _bare_jpeg(data: bytes) -> bool:
    end = 2
    for start, end, marker in jpeg_segments(data):
        if marker == _APP11 or (marker == _APP1 and b"provenance" in data[start:end]):
            return False
    return data[end : end + 256].lstrip(b"\xff")[:1] == b"\xda" and data[end : end + 1] == b"\xff"


def _bare_png(data: bytes) -> bool:
    kind = b""
    for start, end, kind in png_chunks(data):
        if kind == b"caBX" or (kind == b"iTXt" and data[start + 8 : end].startswith(b"XML:com.adobe.xmp")):  # perhaps compressed
            return False
    return kind == b"IEND"
