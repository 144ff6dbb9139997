"""Whether a medium breaks off before its end, as far as its container tells. A signature over half a picture would call the half whole.

c2pa finds that out of PNG and of a GIF's first frame. Of the others it reads what it needs for a manifest, and signs the rest as it is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from averment.detector.credentials.containers import box_ends, jpeg_segments, png_chunks
from averment.detector.credentials.formats import container_type

_OFFSETS, _COUNTS = frozenset({273, 324}), frozenset({279, 325})
"""Tags of TIFF 6.0: where strips and tiles begin, and how many bytes they have."""
_GIF_HEADER, _IMAGE, _EXTENSION, _TRAILER = 13, 0x2C, 0x21, 0x3B
_WIDTHS = {3: "H", 4: "I"}
_MAX_DIRECTORIES = 4096


def broken_off(data: bytes) -> str | None:
    """What shows that ``data`` isn't all there; None if nothing does, which is all that can be said of what is cut in its last bytes."""
    kind = container_type(data)
    if kind == "image/jpeg":
        return "it breaks off before the end of the image" if not _jpeg_ends(data) else None
    if kind == "image/png":
        return "it breaks off before the end of the image" if not any(name == b"IEND" for _, _, name in png_chunks(data)) else None
    if kind == "image/gif":
        return "it breaks off before the end of the image" if not _gif_ends(data) else None
    if kind == "image/webp":
        needed = int.from_bytes(data[4:8], "little") + 8
    elif kind == "image/tiff":
        needed = max(_tiff_ends(data), default=0)
    elif data[4:8] == b"ftyp":
        needed = max(box_ends(data), default=0)
    else:
        return None
    return f"it breaks off: of {needed:,} bytes {len(data):,} are there" if needed > len(data) else None


def _jpeg_ends(data: bytes) -> bool:
    """Whether the end of the image (EOI) stands behind its header. In the image's data it can't, where each FF is followed by 00 or a restart."""
    header = max((end for _, end, _ in jpeg_segments(data)), default=2)
    return data.rfind(b"\xff\xd9", header) >= 0  # from the end, where it is: from the header it costs as much as c2pa's own signing


def _gif_ends(data: bytes) -> bool:
    """Whether the trailer stands where the blocks lead to (GIF89a, sections 18 to 27)."""
    if len(data) < _GIF_HEADER:
        return False
    position = _GIF_HEADER + _colours(data[10])
    while position < len(data) and data[position] != _TRAILER:
        if data[position] == _IMAGE and position + 9 < len(data):
            position += 10 + _colours(data[position + 9]) + 1  # its descriptor, its colours, and how long its codes are
        elif data[position] == _EXTENSION:
            position += 2
        else:
            return False
        while position < len(data) and data[position]:
            position += 1 + data[position]
        position += 1
    return position < len(data)


def _colours(flags: int) -> int:
    """The bytes of a table of colours, of which there are two to the power of the lowest three bits and one."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _tiff_ends(data: bytes) -> Iterator[int]:
    """Where each strip or tile of the pictures ends, and each directory."""
    order = "<" if data[:2] == b"II" else ">"
    (position,) = struct.unpack_from(f"{order}I", data, 4) if len(data) >= 8 else (0,)
    for _ in range(_MAX_DIRECTORIES):
        if position == 0:
            return
        yield position + 2
        if position + 2 > len(data):
            return
        (entries,) = struct.unpack_from(f"{order}H", data, position)
        end = position + 2 + 12 * entries + 4
        yield end
        if end > len(data):
            return
        found: dict[int, tuple[int, ...]] = {}
        for at in range(position + 2, end - 4, 12):
            tag, width, count, value = struct.unpack_from(f"{order}HHII", data, at)
            if tag not in _OFFSETS | _COUNTS or width not in _WIDTHS:
                continue
            size = count * struct.calcsize(_WIDTHS[width])
            start = at + 8 if size <= 4 else value
            yield start + size
            if start + size > len(data):
                return
            found[tag] = struct.unpack_from(f"{order}{count}{_WIDTHS[width]}", data, start)
        for offsets, counts in ((273, 279), (324, 325)):
            yield from (where + length for where, length in zip(found.get(offsets, ()), found.get(counts, ()), strict=False))
        (position,) = struct.unpack_from(f"{order}I", data, end - 4)
