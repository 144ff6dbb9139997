"""Which kind of container a medium is, from its first bytes: more kinds carry credentials than the detector scores. And what parts it has."""

from __future__ import annotations

import struct
from collections.abc import Iterator

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


def may_carry(data: bytes) -> bool:
    """Whether there is a part in ``data`` of the kind that holds a C2PA manifest in its container (C2PA 2.1, A.3), before the pixels where that
    is where it belongs. It is quick, for whoever signs; whether there is a manifest ``inspect`` says."""
    kind = container_type(data)
    if kind == "image/jpeg":
        return b"\xeb" in _jpeg_markers(data)
    if kind == "image/png":
        return b"caBX" in _png_chunks(data)
    if kind == "image/webp":
        return b"C2PA" in _riff_chunks(data)
    if data[4:8] == b"ftyp":
        return b"uuid" in _boxes(data)
    return b"c2pa" in data


def _jpeg_markers(data: bytes) -> Iterator[bytes]:
    place = 2
    while data[place : place + 1] == b"\xff" and data[place + 1 : place + 2] not in {b"\xda", b""}:
        yield data[place + 1 : place + 2]
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")


def _png_chunks(data: bytes) -> Iterator[bytes]:
    place = 8
    while place + 8 <= len(data) and data[place + 4 : place + 8] != b"IDAT":
        yield data[place + 4 : place + 8]
        place += 12 + int.from_bytes(data[place : place + 4], "big")


def _riff_chunks(data: bytes) -> Iterator[bytes]:
    place = 12
    while place + 8 <= len(data):
        yield data[place : place + 4]
        (length,) = struct.unpack_from("<I", data, place + 4)
        place += 8 + length + length % 2


def _boxes(data: bytes) -> Iterator[bytes]:
    """The outermost boxes of an ISO base media file (ISO/IEC 14496-12, 4.2)."""
    place = 0
    while place + 8 <= len(data):
        yield data[place + 4 : place + 8]
        length = int.from_bytes(data[place : place + 4], "big")
        if length == 1:
            length = int.from_bytes(data[place + 8 : place + 16], "big")
        if length < 8:
            return
        place += length
