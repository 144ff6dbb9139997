"""Decoding what strangers sent: ``imaging.decode``, with what a file may cost in time bounded as well as what it may cost in memory.

A JPEG may say its picture in any number of passes (scans, ITU-T T.81 section B.2.3), each of which takes a decoder over all of the picture
again: some sixty bytes of a file cost a hundredth of a second, and a megabyte minutes. Encoders write about ten.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from averment.detector import imaging
from averment.detector.imaging import UnreadableError

if TYPE_CHECKING:
    from PIL import Image

MAX_SCANS = 100
"""Passes of a JPEG; one with more is not decoded."""

_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
"""What interrupts entropy-coded data: stuffed zeros, fill bytes and restart markers don't (T.81 section B.1.1)."""
_END_OF_IMAGE, _START_OF_SCAN, _ALONE = 0xD9, 0xDA, (0x01, 0xD8)


def decode(data: bytes) -> Image.Image:
    """``data`` (JPEG, PNG or WebP) as an upright RGB image.

    Raises:
        UnreadableError: what ``imaging.decode`` refuses, and a JPEG of more than ``MAX_SCANS`` passes.
        MissingExtraError: Pillow isn't installed.
    """
    if data[:2] == b"\xff\xd8" and scans(data, MAX_SCANS) > MAX_SCANS:
        raise UnreadableError(f"the JPEG is written in more than {MAX_SCANS} passes, which are not decoded")
    return imaging.decode(data)


def scans(data: bytes, most: int) -> int:
    """How many passes a JPEG has; counting ends above ``most``. What segments hold (a thumbnail is a JPEG, too) isn't counted."""
    count, place = 0, 2
    while count <= most and (marker := _MARKER.search(data, place)) is not None:
        code = marker[1][0]
        if code == _END_OF_IMAGE:
            break
        count += code == _START_OF_SCAN
        length = 0 if code in _ALONE else max(2, int.from_bytes(data[marker.end() : marker.end() + 2], "big"))
        place = marker.end() + length
    return count
