"""The watermark in encoded pictures: JPEG, PNG and WebP in, the same kind out, with its own quality and metadata.

A picture is marked as weakly as it can be. At each strength of ``STRENGTHS`` the file is written, then compressed anew at JPEG 50 and
read; the weakest that is read with a margin is taken, so that a smooth picture is changed less than one full of texture. What can't be
read back even at the strongest is refused: a mark that nobody can read isn't one.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from averment.core.errors import BadInputError
from averment.core.extras import require
from averment.detector.credentials.containers import jpeg_segments, png_chunks, riff_chunks
from averment.detector.credentials.scheme import PUBLIC_KEY
from averment.detector.decoding import decode
from averment.detector.imaging import FORMATS, UnreadableError
from averment.detector.sniffing import media_type

if TYPE_CHECKING:
    from PIL import Image

    from averment.detector.credentials.watermark import Reading

STRENGTHS = (44.0, 42.0, 40.0, 38.0)
"""Peak signal-to-noise ratios in decibels, the weakest mark first."""

TRIAL_QUALITY = 50

MARGIN = 12.0
"""Score that the mark has to be read with after ``TRIAL_QUALITY``. Reading ends at ``watermark.THRESHOLD``; a crop that leaves half of the
picture takes three tenths of the score."""

LEAST_MARGIN = 9.0
"""What will do at the last of ``STRENGTHS``."""

PAYLOAD_DIGITS = 9
"""Hexadecimal digits of the source's SHA-256 that a mark carries (36 bits)."""

_MODES = frozenset({"L", "LA", "P", "RGB", "RGBA"})
_DEPTH = 24
"""Where a PNG says how many bits a channel has."""

_ORIENTATION = 0x0112
_WEBP_QUALITY = 95
_APP13 = 0xED
"""Photoshop's segment: IPTC's fields of authors and rights."""

_COLOUR_CHUNKS = frozenset({b"gAMA", b"cHRM", b"sRGB", b"cICP"})
"""What says which colours the numbers of a PNG mean, beside the profile."""


@dataclass(frozen=True)
class Marked:
    """A marked picture. ``payload`` is what it carries (hexadecimal), ``decibels`` the strength, ``score`` how it reads after JPEG 50."""

    data: bytes
    payload: str
    decibels: float
    score: float


def payload_of(sha256: str) -> str:
    """What a mark on the file with this SHA-256 says."""
    return sha256[:PAYLOAD_DIGITS]


def mark_media(data: bytes, payload: str, key: bytes = PUBLIC_KEY) -> Marked:
    """The picture ``data`` with a watermark that says ``payload`` (``PAYLOAD_DIGITS`` hexadecimal digits).

    Raises:
        BadInputError: not a JPEG, PNG or WebP picture of 8 bits a channel, broken, or one that can't carry a mark.
        MissingExtraError: Pillow or numpy isn't installed.
    """
    require("numpy", extra="credentials", needed_for="a watermark")
    from averment.detector.credentials.watermark import Overlay, read, read_whole

    kind = media_type(data)
    if kind is None:
        raise BadInputError("can't carry a watermark: not a JPEG, PNG or WebP picture", fix="sign it without --watermark")
    try:
        picture = decode(data)
    except UnreadableError as error:
        raise BadInputError(f"can't carry a watermark: {error}", fix="sign it without --watermark") from error
    header = _header(data)
    if header.mode not in _MODES:
        raise BadInputError(
            f"can't carry a watermark: its pixels are {header.mode}, not 8 bits of grey or RGB", fix="convert it to RGB first"
        )
    if header.format not in FORMATS:  # a JPEG with further pictures behind the first, as telephones write
        raise BadInputError(
            "can't carry a watermark: there are further pictures in it, which would be lost",
            fix="save the first alone, or sign it without --watermark",
        )
    if header.format == "PNG" and data[_DEPTH] > 8:
        raise BadInputError(
            f"can't carry a watermark: it has {data[_DEPTH]} bits a channel, and all but 8 would be lost",
            fix="save it with 8 first, or sign it without --watermark",
        )
    overlay, bare = Overlay(picture, int(payload, 16), key), _laid_bare(data, header, picture)
    for decibels in STRENGTHS:
        output = _encoded(overlay.over(bare, decibels), header, data)
        found = read_whole(_laundered(decode(output)), key)
        if found.payload == int(payload, 16) and found.score >= (LEAST_MARGIN if decibels == STRENGTHS[-1] else MARGIN):
            return Marked(output, payload, decibels, found.score)
    if (there := read(picture, key).payload) is not None:
        raise BadInputError(
            f"can't carry another watermark: it carries {shown(there)} already, which drowns it",
            fix="mark what it was before, or sign it without --watermark: it keeps the mark that it has",
        )
    raise BadInputError(
        f"can't carry a watermark: at {STRENGTHS[-1]:g} dB it is not read back after JPEG {TRIAL_QUALITY}",
        fix="use a larger or less compressed picture (400 pixels or more along the shorter side), or sign it without --watermark",
    )


def read_mark(data: bytes, key: bytes = PUBLIC_KEY) -> Reading:
    """The watermark in the picture ``data``.

    Raises:
        UnreadableError: it can't be decoded safely (the reasons of ``imaging.decode``).
        MissingExtraError: Pillow or numpy isn't installed.
    """
    require("numpy", extra="credentials", needed_for="a watermark")
    from averment.detector.credentials.watermark import read

    return read(decode(data), key)


def shown(payload: int) -> str:
    """A payload as the log writes it."""
    return f"{payload:0{PAYLOAD_DIGITS}x}"


def _laundered(picture: Image.Image) -> Image.Image:
    """As a service might pass it on: no larger than it is read, JPEG 50."""
    from averment.detector.credentials.watermark import SIDE

    pil: Any = require("PIL.Image", extra="credentials", needed_for="a watermark")
    scale = min(1.0, SIDE / min(picture.size))
    small = picture.resize((math.ceil(picture.width * scale), math.ceil(picture.height * scale)), pil.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=TRIAL_QUALITY)
    laundered: Image.Image = pil.open(buffer)
    return laundered


def _header(data: bytes) -> Any:
    pil: Any = require("PIL.Image", extra="credentials", needed_for="a watermark")
    return pil.open(io.BytesIO(data), formats=FORMATS)


def _laid_bare(data: bytes, header: Any, picture: Image.Image) -> Image.Image:
    """The colours that are stored, upright: of a picture with transparency not those that show on white."""
    if not _has_alpha(header):
        return picture
    ops: Any = require("PIL.ImageOps", extra="credentials", needed_for="a watermark")
    bare: Image.Image = ops.exif_transpose(_header(data)).convert("RGBA").convert("RGB")
    return bare


def _has_alpha(header: Any) -> bool:
    return header.mode in {"RGBA", "LA"} or "transparency" in header.info


def _encoded(picture: Any, header: Any, data: bytes) -> bytes:
    """``picture`` in the format of ``header``, at its quality, with its transparency, colours, Exif, XMP, IPTC and texts."""
    if _has_alpha(header):
        ops: Any = require("PIL.ImageOps", extra="credentials", needed_for="a watermark")
        picture.putalpha(ops.exif_transpose(_header(data)).convert("RGBA").getchannel("A"))
    elif header.mode == "L":
        picture = picture.convert("L")
    exif = header.getexif()
    exif.pop(_ORIENTATION, None)  # the pixels are upright now
    options: dict[str, Any] = {"exif": exif.tobytes()} if len(exif) else {}
    options |= {name: header.info[name] for name in ("icc_profile", "dpi") if header.info.get(name)}
    buffer = io.BytesIO()
    if header.format == "JPEG":
        _save_jpeg(picture, header, buffer, options, data)
    elif header.format == "PNG":
        _save_png(picture, header, buffer, options, data)
    else:
        options |= {"xmp": header.info["xmp"]} if header.info.get("xmp") else {}
        options.pop("dpi", None)
        picture.save(buffer, "WEBP", lossless=b"VP8L" in riff_chunks(data), quality=_WEBP_QUALITY, **options)
    return buffer.getvalue()


def _save_jpeg(picture: Any, header: Any, buffer: io.BytesIO, options: dict[str, Any], data: bytes) -> None:
    from PIL.JpegImagePlugin import get_sampling

    sampling = get_sampling(header)
    options |= {"subsampling": sampling} if sampling >= 0 else {}
    options |= {"xmp": header.info["xmp"]} if header.info.get("xmp") else {}
    options |= {"comment": header.info["comment"]} if header.info.get("comment") else {}
    rights = b"".join(data[start:end] for start, end, marker in jpeg_segments(data) if marker == _APP13)
    options |= {"extra": rights} if rights else {}
    progressive = bool(header.info.get("progressive"))
    picture.save(buffer, "JPEG", qtables=header.quantization, progressive=progressive, optimize=True, **options)


def _save_png(picture: Any, header: Any, buffer: io.BytesIO, options: dict[str, Any], data: bytes) -> None:
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    for name, text in getattr(header, "text", {}).items():
        texts.add_itxt(name, text)
    for start, end, kind in png_chunks(data):
        if kind in _COLOUR_CHUNKS:
            texts.add(kind, data[start + 8 : end - 4])
    picture.save(buffer, "PNG", pnginfo=texts, **options)
