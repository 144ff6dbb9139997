"""The parts of the containers that credentials and XMP are put into, by their own lengths: nothing is decoded, and broken data end the walk."""

from __future__ import annotations

import struct
from collections.abc import Iterator

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Start, end and marker of each segment from SOI up to the image data. Markers may have fill bytes before them (T.81 section B.1.1.2)."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF and data[position + 1] not in {0xDA, 0xD9}:
        if data[position + 1] == 0xFF:
            position += 1
            continue
        (length,) = struct.unpack_from(">H", data, position + 2)
        end = position + 2 + length
        if length < 2 or end > len(data):
            return
        yield position, end, data[position + 1]
        position = end


def png_chunks(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Start, end and kind of each chunk up to the end of the image, or to where the file breaks off."""
    position = len(PNG_MAGIC)
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            return
        yield position, end, kind
        if kind == b"IEND":
            return
        position = end


def riff_chunks(data: bytes) -> Iterator[bytes]:
    """The kind of each chunk of a WebP file."""
    position = 12
    while position + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        yield kind
        position += 8 + length + length % 2


def boxes(data: bytes) -> Iterator[bytes]:
    """The kind of each outermost box of an ISO base media file (ISO/IEC 14496-12, 4.2)."""
    return (kind for kind, _ in _boxes(data))


def box_ends(data: bytes) -> Iterator[int]:
    """Where each outermost box ends by its own length, whether or not the file goes so far."""
    return (end for _, end in _boxes(data))


def _boxes(data: bytes) -> Iterator[tuple[bytes, int]]:
    position = 0
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        if length == 1:
            length = int.from_bytes(data[position + 8 : position + 16], "big")
        if length < 8:  # up to the end of the file, or nothing that can be followed
            yield kind, len(data)
            return
        position += length
        yield kind, position
