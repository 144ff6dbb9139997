"""Decoding what strangers sent: ``imaging.decode``, with what a file may cost in time bounded as well as what it may cost in memory.

A JPEG may say its picture in any number of passes (scans, ITU-T T.81 section B.2.3), each of which takes a decoder over all of the picture
again: some sixty bytes of a file cost a hundredth of a second, and a megabyte minutes. Encoders write about ten.

Pillow reads what stands before a picture part by part, and in a JPEG what lies between two parts byte by byte (any number of fill bytes, T.81
section B.1.1.2): a file of nothing else cost a minute. Encoders write some parts, of a PNG some thousand, and leave nothing between them.

Photographs of many telephones carry a second picture behind the first (CIPA DC-007: a preview, or how much brighter a screen may show it). What
anybody is shown is the first; it is judged like that of any other JPEG, and not taken for the first frame of an animation.

A PNG may hold frames of an animation which Pillow counts by the header (acTL) alone, and takes a header that stands there twice, or promises none
or one, for no animation; browsers differ in what they show then. With frames in it (fdAT; W3C PNG, Third Edition) it is animated, whatever it says.

A PNG may give its greys 16 bits. Pillow cuts them at 255 on the way to RGB, which leaves a white picture; browsers show the real one.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from averment.core.extras import require
from averment.detector import imaging
from averment.detector.imaging import MAX_ASPECT, MIN_SIDE, UnreadableError

if TYPE_CHECKING:
    from PIL import Image

MAX_SCANS = 100
"""Passes of a JPEG; one with more is not decoded."""

MAX_PARTS = 50_000
"""Segments of a JPEG, or chunks of a PNG; a file with more is not decoded."""

MAX_BETWEEN = 1024 * 1024
"""Bytes of a JPEG before its picture that belong to no segment."""

PNG = b"\x89PNG\r\n\x1a\n"
"""How a PNG begins."""

_FRAME = b"fdAT"
_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
"""What interrupts entropy-coded data: stuffed zeros, fill bytes and restart markers don't (T.81 section B.1.1)."""
APP2, START_OF_SCAN = 0xE2, 0xDA
_END_OF_IMAGE, _ALONE = 0xD9, (0x01, 0xD8)
_INDEX = b"MPF\0"


def decode(data: bytes, *, least: int = MIN_SIDE) -> Image.Image:
    """``data`` (JPEG, PNG or WebP) as an upright RGB image. How small one may be is the reference model's bound; another's is ``least``, in pixels a side.

    Raises:
        UnreadableError: what ``imaging.decode`` refuses, a JPEG of more than ``MAX_SCANS`` passes, a file of more than ``MAX_PARTS`` parts or with more
            than ``MAX_BETWEEN`` bytes between them, greys of more than 8 bits, and a PNG with frames.
        MissingExtraError: Pillow isn't installed.
    """
    if data[:2] == b"\xff\xd8":
        _check_parts(data)
        if scans(data, MAX_SCANS) > MAX_SCANS:
            raise UnreadableError(f"the JPEG is written in more than {MAX_SCANS} passes, which are not decoded")
        data = _first_alone(data)
    if data[:8] == PNG:
        if any(number == MAX_PARTS for number, _ in enumerate(chunks(data))):
            raise UnreadableError(f"the PNG is written in more than {MAX_PARTS:,} parts, which are not read")
        if _mode(data).startswith(("I", "F")):
            raise UnreadableError("the PNG's greys have 16 bits, which are not decoded; save it with 8")
        decoded = _pixels(data, least)  # which tells how many frames there are, where it sees them
        if any(kind == _FRAME for kind, _ in chunks(data)):
            raise UnreadableError("the image is animated (the PNG holds frames that not every program shows)")
        return decoded
    return _pixels(data, least)


def _pixels(data: bytes, least: int) -> Image.Image:
    """As ``imaging.decode``, where ``least`` allows it of smaller pictures as well."""
    if least >= MIN_SIDE or len(data) > imaging.MAX_BYTES:
        return imaging.decode(data)  # which has the reason, where it refuses
    pil: Any = require("PIL.Image", extra="detector", needed_for="reading images")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = None
        with suppress(Exception):
            opened = pil.open(io.BytesIO(data), formats=imaging.FORMATS)
        if opened is None or min(opened.size) >= MIN_SIDE:
            return imaging.decode(data)
        width, height = opened.size
        if min(width, height) < least:
            raise UnreadableError(f"the image is too small: {width} x {height}, at least {least} x {least} are needed")
        if max(width, height) > MAX_ASPECT * min(width, height):
            raise UnreadableError(f"the image is a strip of {width} x {height}; the sides may differ {MAX_ASPECT:g} times at most")
        try:
            facts = {name: getattr(opened, name, None) for name in ("format", "quantization")}
            frames = getattr(opened, "n_frames", 1)
            imaging._check_header(SimpleNamespace(size=(MIN_SIDE, MIN_SIDE), n_frames=frames, **facts))  # refused of any size
            opened.load()
            upright: Image.Image = imaging._upright_rgb(opened)
        except UnreadableError:
            raise
        except Exception as error:
            raise UnreadableError(f"the image is damaged: {type(error).__name__}: {str(error)[:120]}") from error
        return upright


def chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """A PNG's chunks (W3C PNG, section 5.3) up to its end, whether or not their checksums are right: the kind of each, and what it holds."""
    place = len(PNG)
    while place + 8 <= len(data) and (kind := data[place + 4 : place + 8]) != b"IEND":
        length = int.from_bytes(data[place : place + 4], "big")
        yield kind, memoryview(data)[place + 8 : place + 8 + length]
        place += 12 + length


def _first_alone(data: bytes) -> bytes:
    """A JPEG without the index of the pictures behind it, whose name is struck out, so that Pillow sees the first alone."""
    indices = []
    for _, start, code in segments(data):
        if code == START_OF_SCAN:
            break
        if code == APP2 and data[start : start + len(_INDEX)] == _INDEX:
            indices.append(start)
    if not indices:
        return data
    struck = bytearray(data)
    for start in indices:
        struck[start : start + len(_INDEX)] = bytes(len(_INDEX))
    return bytes(struck)


def _mode(data: bytes) -> str:
    """Pillow's name for what the picture's header announces; "" of what it refuses, for which ``imaging.decode`` has the reason."""
    pil: Any = require("PIL.Image", extra="detector", needed_for="reading images")
    with suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return str(pil.open(io.BytesIO(data), formats=("PNG",)).mode)
    return ""


def _check_parts(data: bytes) -> None:
    """Refuse a JPEG whose parts take long to read.

    Raises:
        UnreadableError: there are too many, or too much before the picture belongs to none.
    """
    between, begun = 0, False
    for number, (before, _, code) in enumerate(segments(data)):
        if begun and code == _END_OF_IMAGE:
            return
        between += 0 if begun else before
        begun = begun or code == START_OF_SCAN
        if number == MAX_PARTS:
            raise UnreadableError(f"the JPEG is written in more than {MAX_PARTS:,} parts, which are not read")
        if between > MAX_BETWEEN:
            raise UnreadableError(f"the JPEG has more than {MAX_BETWEEN:,} bytes between its parts, which are not read")


def scans(data: bytes, most: int) -> int:
    """How many passes a JPEG has; counting ends above ``most``. What segments hold (a thumbnail is a JPEG, too) isn't counted."""
    count = 0
    for _, _, code in segments(data):
        if code == _END_OF_IMAGE or count > most:
            break
        count += code == START_OF_SCAN
    return count


class Segment(NamedTuple):
    """How many bytes before its marker belong to no other, where what it holds begins, and its code (0 of the file's end)."""

    before: int
    start: int
    code: int


def segments(data: bytes) -> Iterator[Segment]:
    """Of each marker of a JPEG, and of its end."""
    place = 2
    while (marker := _MARKER.search(data, place)) is not None:
        code = marker[1][0]
        length = 0 if code in _ALONE else max(2, int.from_bytes(data[marker.end() : marker.end() + 2], "big"))
        yield Segment(marker.start() - place, marker.end() + (2 if length else 0), code)
        place = marker.end() + length
    yield Segment(max(0, len(data) - place), len(data), 0)
