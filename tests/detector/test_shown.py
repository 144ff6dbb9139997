"""What a file says of its colours and its ground decides what people see: where that isn't what is decoded, it isn't judged."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFilter

from averment.detector.embedded import EmbeddedDetector
from averment.detector.imaging import UnreadableError
from averment.detector.shown import decode_shown

SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
P3 = ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841))
PRO_PHOTO = ((0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8251))
"""Red, green and blue in XYZ under D50, as profiles hold them."""


def picture(size: int = 160) -> Image.Image:
    ramp = np.linspace(0, 255, size).astype(np.uint8)
    return Image.fromarray(np.stack([np.tile(ramp, (size, 1)), np.tile(ramp[:, None], (1, size)), np.full((size, size), 90, np.uint8)], -1))


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def profile(lamps: tuple[tuple[float, ...], ...], gamma: float) -> bytes:
    """A colour profile of three lamps and one curve (ICC.1:2001)."""

    def xyz(values: tuple[float, ...]) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))

    curve = b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(gamma * 256), 0)
    tags = {b"wtpt": xyz((0.9642, 1.0, 0.8249))}
    for name, lamp in zip(("r", "g", "b"), lamps, strict=True):
        tags |= {f"{name}XYZ".encode(): xyz(lamp), f"{name}TRC".encode(): curve}
    return _profile(b"RGB ", tags)


def grey_profile(gamma: float) -> bytes:
    return _profile(b"GRAY", {b"kTRC": b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(gamma * 256), 0)})


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    table, body, begin = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", begin + len(body), len(value))
        body += value
    head = struct.pack(">I4xI4s4s4s12x4s28x3i", begin + len(body), 0x02400000, b"mntr", space, b"XYZ ", b"acsp", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + table + body


def png_saying(*said: tuple[bytes, bytes]) -> bytes:
    plain = encoded(picture())
    chunks = (struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in said)
    return plain[:33] + b"".join(chunks) + plain[33:]


def number(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "colours",
    [
        profile(SRGB, 2.2),
        profile(SRGB, 1.8),
        profile(P3, 2.2),
        profile(PRO_PHOTO, 1.8),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    ],
    ids=["sRGB", "gamma 1.8", "Display P3", "ProPhoto", "littleCMS"],
)
def test_the_spaces_of_cameras_and_editors_are_judged(kind: str, colours: bytes) -> None:
    """A telephone's or an editor's picture is what it was before: no false alarm about its profile."""
    assert decode_shown(encoded(picture(), kind, icc_profile=colours)).size == (160, 160)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "colours", [profile(SRGB, 1.0), profile(SRGB, 6.0), profile(SRGB[::-1], 2.2)], ids=["linear", "steep", "red for blue"]
)
def test_a_profile_that_shows_another_picture_is_refused(kind: str, colours: bytes) -> None:
    """What browsers show is what the profile makes of the pixels, and nobody judged that."""
    with pytest.raises(UnreadableError, match="by its colour profile it is shown in other colours"):
        decode_shown(encoded(picture(), kind, icc_profile=colours))


def test_a_grey_picture_goes_by_its_profile_of_greys_or_colours() -> None:
    """Browsers take a profile of colours for greys, too; one of greys, or of inks, for colours they leave out."""
    grey = picture().convert("L")
    assert decode_shown(encoded(grey, "JPEG", icc_profile=grey_profile(1.8))).size == (160, 160)
    for colours in (grey_profile(1.0), profile(SRGB, 1.0)):
        with pytest.raises(UnreadableError, match="other colours"):
            decode_shown(encoded(grey, "JPEG", icc_profile=colours))
    assert decode_shown(encoded(picture().convert("CMYK"), "JPEG", icc_profile=profile(SRGB, 1.0))).size == (160, 160)


def test_four_inks_that_may_be_their_complement_are_refused() -> None:
    """Without Adobe's marker Pillow takes them as they are, and browsers as the negative of that."""
    adobe = encoded(picture().convert("CMYK"), "JPEG")
    assert decode_shown(adobe).size == (160, 160)
    at = adobe.index(b"\xff\xee")
    with pytest.raises(UnreadableError, match="four inks"):
        decode_shown(adobe[:at] + adobe[at + 2 + int.from_bytes(adobe[at + 2 : at + 4], "big") :])


def test_a_profile_that_can_not_be_read_is_no_pass() -> None:
    """Another program may read it."""
    unread = pytest.raises(UnreadableError, match="colour profile can't be read")
    with unread:
        decode_shown(encoded(picture(), "JPEG", icc_profile=b"profile" * 30))
    assert decode_shown(encoded(picture(), "JPEG") + encoded(picture(), "JPEG", icc_profile=b"of the one behind it" * 9)).size == (160, 160)
    half = encoded(picture(), "JPEG", icc_profile=profile(SRGB, 1.0)).replace(b"ICC_PROFILE\0\1\1", b"ICC_PROFILE\0\1\2")
    with unread:
        decode_shown(half)
    with unread:
        decode_shown(png_saying((b"iCCP", b"name\0\0" + zlib.compress(profile(SRGB, 1.0))[:-4] + b"none")))


SRGB_PLACES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
"""White, red, green and blue in hundred thousandths, as cHRM has them."""


@pytest.mark.parametrize(
    "said",
    [
        [(b"gAMA", number(45455)), (b"cHRM", number(*SRGB_PLACES)), (b"sRGB", b"\0")],
        [(b"gAMA", number(55556))],
        [(b"gAMA", number(0))],
        [(b"cHRM", number(34570, 35850, 73470, 26530, 15960, 84040, 3660, 10))],
        [(b"cICP", bytes((12, 13, 0, 1)))],
    ],
    ids=["sRGB", "a Macintosh", "no gamma", "ProPhoto", "Display P3"],
)
def test_a_png_that_says_what_is_decoded_is_judged(said: list[tuple[bytes, bytes]]) -> None:
    """What programs write into PNGs, and what browsers leave out."""
    assert decode_shown(png_saying(*said)).size == (160, 160)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([(b"gAMA", number(5000))], "its gAMA"),
        ([(b"gAMA", number(200000))], "its gAMA"),
        ([(b"sRGB", b"\0"), (b"gAMA", number(5000))], "its gAMA"),
        ([(b"cHRM", number(*SRGB_PLACES[:2], *SRGB_PLACES[6:], *SRGB_PLACES[4:6], *SRGB_PLACES[2:4]))], "its cHRM"),
        ([(b"cHRM", bytes(32))], "its cHRM"),
        ([(b"cICP", bytes((9, 16, 0, 1)))], "its cICP"),
        ([(b"gAMA", number(5000)), (b"gAMA", number(45455))], "says twice"),
    ],
)
def test_a_png_that_says_other_colours_is_refused(said: list[tuple[bytes, bytes]], reason: str) -> None:
    """Brightened or exchanged pixels with the word that undoes it: browsers show one picture, and the decoder another."""
    with pytest.raises(UnreadableError, match=reason):
        decode_shown(png_saying(*said))


def two_faced(on_white: np.ndarray[Any, Any], on_black: np.ndarray[Any, Any]) -> Image.Image:
    """A grey picture that is ``on_white`` (from 128 up) on a white ground, and ``on_black`` (up to 127) on a black one."""
    solid = 255 - (on_white.astype(int) - on_black)
    grey = np.clip(255 * on_black.astype(int) // np.maximum(solid, 1), 0, 255)
    return Image.fromarray(np.stack([grey, solid], -1).astype(np.uint8))


def test_a_picture_that_is_another_on_another_ground_is_refused() -> None:
    """Also as a small part of a large one, and where the transparency is made of dots that are there or not."""
    draw = np.random.default_rng(1)
    blocks = [np.kron(draw.integers(0, 127, (10, 10)), np.ones((16, 16), int)) for _ in range(2)]
    faces = two_faced(128 + blocks[0], blocks[1]).convert("RGBA")
    large = Image.new("RGBA", (900, 900), "grey")
    large.paste(faces, (300, 300))
    dots = np.array(faces.resize((640, 640)))
    dots[:, :, 3] = np.where(draw.random((640, 640)) * 255 < dots[:, :, 3], 255, 0)
    for drawn in (faces, large, Image.fromarray(dots)):
        for kind in ("PNG", "WEBP"):
            with pytest.raises(UnreadableError, match="half transparent"):
                decode_shown(encoded(drawn, kind, **({"lossless": True} if kind == "WEBP" else {})))


def test_cut_outs_with_soft_edges_hair_and_shadows_are_judged() -> None:
    """What editors make of portraits: the ground shows through, and nothing is drawn in that."""
    round_about = Image.radial_gradient("L").resize((400, 400)).point([255 if value < 120 else 0 for value in range(256)])
    soft, shadow = (round_about.filter(ImageFilter.GaussianBlur(radius)) for radius in (6, 40))
    edge = np.asarray(soft)
    hair = np.where((edge > 20) & (edge < 235), np.random.default_rng(2).integers(0, 256, edge.shape), edge).astype(np.uint8)
    for alpha in (round_about, soft, shadow, Image.fromarray(hair), Image.new("L", (400, 400), 128)):
        portrait = picture(400).convert("RGBA")
        portrait.putalpha(alpha)
        assert decode_shown(encoded(portrait)).size == (400, 400)


def test_the_detector_cannot_say_of_what_is_shown_otherwise() -> None:
    """It is open, with the reason, and never clean."""
    [score] = EmbeddedDetector().score([encoded(picture(), "JPEG", icc_profile=profile(SRGB, 1.0))])
    assert "other colours" in (score.open_question or "")
