"""Whether a picture is shown as what a decoder makes of it. What a file says beside its pixels decides what people see, and no detector reads that.

* Colours. Browsers take pixels through the file's colour profile (ICC, in all three formats) or a PNG's words on them (gAMA, cHRM, cICP; W3C PNG, Third
  Edition, section 4.3). Whoever writes a generated face brightened, or with red and blue exchanged, and beside it the profile that undoes that, shows
  everybody the face and a detector another picture: of 29 such faces that ours flags, it flagged 6. The spaces that cameras and editors work in
  (Display P3, Adobe RGB, ProPhoto) move colours a little; what moves them further is refused. Browsers take four inks in a JPEG for Adobe's, which are
  written as their complement, whether or not the file says so; Pillow where it does.
* Ground. Through a half transparent picture its ground is seen. We take white; on a dark page the same file can show another face. A cut-out, its hair
  and its shadow are no pictures by themselves; a wide half transparent part with detail of its own is one, and is refused.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections import Counter
from collections.abc import Iterator
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from averment.core.extras import require
from averment.detector.decoding import APP2, PNG, START_OF_SCAN, chunks, decode, segments
from averment.detector.imaging import MIN_SIDE, UnreadableError

if TYPE_CHECKING:
    from PIL import Image

MOST_MOVED = 25.0
"""By how many of 255 steps the colours of a profile may be away from those that are decoded, in the mean over all channels of 216 colours that span
them. Computed from the spaces' definitions: gamma 1.8 moves them by 10, Display P3 10, Adobe RGB 9, eciRGB 17, Rec. 2020 18, ProPhoto 22; light that is
written linearly 36, red and blue exchanged 67."""

MOST_MOVED_INKS = 64.0
"""The same of four inks: what a decoder without the press's profile makes of them is by 36 from what SWOP's does."""

_SPEAK_OF_COLOURS = (b"gAMA", b"cHRM", b"iCCP", b"cICP", b"sRGB")
_PLAIN_PRIMARIES, _PLAIN_CURVES = (1, 12), (1, 6, 13, 14, 15)
"""Of cICP (ITU-T H.273): BT.709 and Display P3, and the curves that are near sRGB's. Others are of high dynamic range, or linear."""
_SRGB = ((0.3127, 0.3290), (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
"""White, red, green and blue (IEC 61966-2-1)."""
_GAMMA = 2.2

_UNREAD = "its colour profile can't be read, and decides how it is shown"

_REDUCED = 4
_SQUARE = 11
"""Pixels of the reduced picture: a face that is judged has 40 or more before that. In hair and at edges no square of that size is half transparent."""
_CLEAR, _SOLID = 13, 242
_DETAIL, _MOST_DETAIL = 3, 30
"""How much a pixel of the transparency differs from those around it where something is drawn in it, and how many may. A shadow is smooth."""


def decode_shown(data: bytes, *, least: int = MIN_SIDE) -> Image.Image:
    """``decode``, of a picture that is shown as that.

    Raises:
        UnreadableError: as ``decode``, or what people see may be another picture.
        MissingExtraError: Pillow isn't installed.
    """
    decoded = decode(data, least=least)
    pil: Any = require("PIL.Image", extra="detector", needed_for="reading images")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = pil.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP"))
        if data.startswith(PNG):
            _check_chunks(data)
        if opened.mode == "CMYK" and "adobe" not in opened.info:
            raise UnreadableError(
                "its four inks don't say whether they are written as Adobe does, and programs differ in which they take; save it in sRGB"
            )
        if profile := opened.info.get("icc_profile"):
            check_profile(profile, opened.mode)
        elif _has_profile(data):
            raise UnreadableError(_UNREAD)
        _check_ground(opened)
    return decoded


def _has_profile(data: bytes) -> bool:
    """Whether a JPEG or PNG holds what Pillow gives no profile for: half of one, say, of which another program may make something."""
    if data.startswith(PNG):
        return any(kind == b"iCCP" for kind, _ in _before_the_picture(data))
    name = b"ICC_PROFILE\0"
    before = takewhile(lambda segment: segment.code != START_OF_SCAN, segments(data))  # pictures behind it have profiles of their own
    return data[:2] == b"\xff\xd8" and any(segment.code == APP2 and data.startswith(name, segment.start) for segment in before)


def check_profile(profile: bytes, mode: str) -> None:
    """Refuse a profile that shows other colours, by either of the ways that programs take through it, and one that can't be read.

    Raises:
        UnreadableError: it is one of these.
    """
    cms: Any = require("PIL.ImageCms", extra="detector", needed_for="reading colour profiles")
    try:
        opened = cms.ImageCmsProfile(io.BytesIO(profile))
        space = opened.profile.xcolor_space.strip()
        if (space == "CMYK") != (mode == "CMYK") or space not in {"RGB", "GRAY", "CMYK"}:
            return  # browsers leave out a profile of another kind than the picture
        colours = _colours(space)
        plain = _numbers(colours.convert("RGB"))
        moved = 0.0
        for intent in (cms.Intent.PERCEPTUAL, cms.Intent.RELATIVE_COLORIMETRIC):
            screen = cms.createProfile("sRGB")
            through = cms.buildTransform(opened, screen, colours.mode, "RGB", renderingIntent=intent, flags=cms.Flags.NOOPTIMIZE)
            moved = max(moved, float(abs(_numbers(cms.applyTransform(colours, through)) - plain).mean()))
    except Exception as error:
        raise UnreadableError(_UNREAD) from error
    _check_moved(moved, "its colour profile", MOST_MOVED_INKS if space == "CMYK" else MOST_MOVED)


def _check_moved(moved: float, what: str, most: float = MOST_MOVED) -> None:
    if not moved <= most:  # also where it is no number
        raise UnreadableError(f"by {what} it is shown in other colours than those that would be judged; save it in sRGB")


def _check_chunks(data: bytes) -> None:
    """Refuse a PNG that speaks twice of its colours, of which programs differ in which they take, or whose words show other ones."""
    numpy: Any = require("numpy", extra="detector", needed_for="reading images")
    found = [(kind, body) for kind, body in _before_the_picture(data) if kind in _SPEAK_OF_COLOURS]
    if any(count > 1 for count in Counter(kind for kind, _ in found).values()):
        raise UnreadableError("the PNG says twice how its colours are shown, and programs differ in which they take")
    plain = _numbers(_colours("RGB"))
    with numpy.errstate(all="ignore"):
        for kind, body in found:
            if kind == b"gAMA" and len(body) == 4 and (gamma := int.from_bytes(body, "big")):  # without which it is left out
                shown = 255 * (plain / 255) ** (100_000 / gamma / _GAMMA)
                _check_moved(float(abs(shown - plain).mean()), "its gAMA")
            elif kind == b"cHRM" and len(body) == 32:
                places = [value / 100_000 for value in struct.unpack(">8I", body)]
                _check_moved(_moved_by(list(zip(places[::2], places[1::2], strict=True))), "its cHRM")
            elif kind == b"cICP" and len(body) == 4 and (body[0] not in _PLAIN_PRIMARIES or body[1] not in _PLAIN_CURVES):
                raise UnreadableError("by its cICP it is shown in other colours than those that would be judged; save it in sRGB")


def _before_the_picture(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    for kind, body in chunks(data):
        if kind == b"IDAT":
            return
        yield kind, body


def _moved_by(places: list[tuple[float, float]]) -> float:
    """How far colours are moved by light of these chromaticities (white, red, green, blue), seen by an eye that is used to that white."""
    numpy: Any = require("numpy", extra="detector", needed_for="reading images")
    try:
        theirs, ours = _light(places), _light(list(_SRGB))
        mixed = numpy.linalg.inv(ours / ours.sum(axis=1, keepdims=True)) @ (theirs / theirs.sum(axis=1, keepdims=True))
    except (ZeroDivisionError, numpy.linalg.LinAlgError):
        return float("nan")
    plain = _numbers(_colours("RGB"))
    shown = 255 * numpy.clip((plain / 255) ** _GAMMA @ mixed.T, 0, 1) ** (1 / _GAMMA)
    return float(abs(shown - plain).mean())


def _light(places: list[tuple[float, float]]) -> Any:
    """The matrix from amounts of red, green and blue to CIE XYZ: as much of each as together make white."""
    numpy: Any = require("numpy", extra="detector", needed_for="reading images")
    white, *lamps = (numpy.array([x / y, 1.0, (1 - x - y) / y]) for x, y in places)
    each = numpy.stack(lamps, axis=1)
    return each * numpy.linalg.solve(each, white)


def _colours(space: str) -> Any:
    """A picture, one pixel high, of colours that span ``space`` evenly."""
    numpy: Any = require("numpy", extra="detector", needed_for="reading images")
    pil: Any = require("PIL.Image", extra="detector", needed_for="reading images")
    channels = {"GRAY": 1, "RGB": 3, "CMYK": 4}[space]
    steps = numpy.linspace(0, 255, 6).astype("uint8")
    every = numpy.stack(numpy.meshgrid(*[steps] * channels, indexing="ij"), axis=-1).reshape(1, -1, channels)
    return pil.fromarray(every[:, :, 0]) if channels == 1 else pil.frombytes(space, (every.shape[1], 1), every.tobytes())


def _numbers(picture: Any) -> Any:
    numpy: Any = require("numpy", extra="detector", needed_for="reading images")
    return numpy.asarray(picture, dtype="float64")


def _check_ground(opened: Any) -> None:
    """Refuse a picture in whose transparency something is drawn."""
    if opened.mode not in {"RGBA", "LA", "PA"} and "transparency" not in opened.info:
        return
    filters: Any = require("PIL.ImageFilter", extra="detector", needed_for="reading images")
    whole = opened.convert("RGBA").getchannel("A")
    if min(opened.size) < MIN_SIDE and whole.getextrema()[0] < 255:
        raise UnreadableError("it is transparent, and too small to tell whether something is drawn in that; save it without transparency")
    alpha = whole.reduce(_REDUCED)
    half = alpha.point([255 * (_CLEAR < value < _SOLID) for value in range(256)])
    if not (wide := half.filter(filters.MinFilter(_SQUARE)).filter(filters.MaxFilter(_SQUARE))).getbbox():
        return
    drawn = abs(_numbers(alpha) - _numbers(alpha.filter(filters.GaussianBlur(2)))) > _DETAIL
    if (drawn & (_numbers(wide) > 0)).sum() > _MOST_DETAIL:
        raise UnreadableError(
            "it is half transparent, and shows another picture on another ground than white; save it without transparency"
        )
