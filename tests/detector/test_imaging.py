"""Hostile and odd media: every way of being unusable has a reason, and nothing but a reason comes out."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from averment.detector import imaging
from averment.detector.decoding import decode, scans
from averment.detector.imaging import INPUT_SIDE, UnreadableError, prepare, square


def picture(width: int = 200, height: int = 200, mode: str = "RGB") -> Image.Image:
    """A smooth gradient (made here; no person, no licence)."""
    across = np.linspace(0, 255, width)[None, :].repeat(height, axis=0)
    down = np.linspace(0, 255, height)[:, None].repeat(width, axis=1)
    return Image.fromarray(np.stack([across, down, (across + down) / 2], axis=2).astype(np.uint8)).convert(mode)


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes whose header claims any size: a decompression bomb."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


ANIMATED = [Image.new("RGB", (100, 100), colour) for colour in ("red", "green")]

HOSTILE = {
    "empty": (b"", "empty"),
    "text": (b"<html><script>alert(1)</script></html>", "not a JPEG, PNG or WebP"),
    "a GIF called JPEG": (encoded(picture(), "GIF"), "not a JPEG, PNG or WebP"),
    "a BMP": (encoded(picture(), "BMP"), "not a JPEG, PNG or WebP"),
    "a TIFF": (encoded(picture(), "TIFF"), "not a JPEG, PNG or WebP"),
    "an EPS, which Pillow would run Ghostscript for": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n", "not a JPEG, PNG or WebP"),
    "truncated JPEG": (encoded(picture())[:-400], "damaged"),
    "JPEG header alone": (encoded(picture())[:30], "damaged|not a JPEG"),
    "truncated PNG": (encoded(picture(), "PNG")[:300], "damaged"),
    "truncated WebP": (encoded(picture(), "WEBP")[:60], "damaged|not a JPEG"),
    "bomb of a gigapixel": (png_claiming(40_000, 40_000), "pixels"),
    "bomb within Pillow's own bound": (png_claiming(8_000, 8_000), "8000 x 8000 pixels"),
    "zero width": (png_claiming(0, 100), "damaged|too small|not a JPEG"),
    "too small": (encoded(picture(79, 300)), "too small"),
    "a strip": (encoded(picture(1000, 100)), "strip"),
    "animated WebP": (encoded(ANIMATED[0], "WEBP", save_all=True, append_images=ANIMATED[1:]), "animated"),
    "animated PNG": (encoded(ANIMATED[0], "PNG", save_all=True, append_images=ANIMATED[1:]), "animated"),
    "JPEG quality 5": (encoded(picture(), quality=5), "compressed"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_media_is_refused_with_its_reason(name: str) -> None:
    """Each kind of unusable file gives the reason that fits it, and no other exception."""
    data, reason = HOSTILE[name]
    with pytest.raises(UnreadableError, match=reason):
        decode(data)


def test_an_oversized_file_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """More bytes than the bound are not handed to a decoder, even if they would decode."""
    data = encoded(picture())
    monkeypatch.setattr(imaging, "MAX_BYTES", len(data) - 1)
    with pytest.raises(UnreadableError, match="bytes"):
        decode(data)
    monkeypatch.setattr(imaging, "MAX_BYTES", len(data))
    assert decode(data).size == (200, 200)


@given(st.binary(max_size=400), st.integers(0, 300))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_damaged_bytes_never_escape_as_another_error(junk: bytes, at: int) -> None:
    """Junk spliced into a real JPEG either decodes to a full input or is refused; nothing else happens."""
    good = encoded(picture())
    try:
        pixels = prepare(good[:at] + junk + good[at + len(junk) :])
    except UnreadableError:
        return
    assert pixels.shape == (INPUT_SIDE, INPUT_SIDE, 3)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1", "LA"])
def test_every_colour_mode_becomes_the_same_kind_of_input(mode: str) -> None:
    """Grey, palette, CMYK and transparent images give uint8 RGB of the input's size."""
    pixels = prepare(encoded(picture(mode=mode), "JPEG" if mode in {"L", "CMYK"} else "PNG"))
    assert pixels.shape == (INPUT_SIDE, INPUT_SIDE, 3)
    assert pixels.dtype == np.uint8


def test_greys_of_16_bits_are_refused() -> None:
    """Pillow would make them white: a score would be about a picture that nobody sees, and any two would be near-duplicates."""
    wide = Image.fromarray((np.arange(200 * 200).reshape(200, 200) % 65536).astype(np.uint16))
    with pytest.raises(UnreadableError, match="16 bits"):
        decode(encoded(wide, "PNG"))


def test_a_png_with_frames_is_animated_whatever_its_header_says() -> None:
    """A header that promises one frame or none, or stands there twice, is no animation to Pillow, and is one to some browser: what it shows nobody
    judged. A header without frames is of a picture that stands still."""
    still = encoded(picture(), "PNG")
    head, tail, control = still[:33], still[33:-12], struct.pack(">IIIIIHHBB", 0, 200, 200, 0, 0, 1, 1, 0, 0)
    later = control.replace(b"\0\0\0\0", b"\0\0\0\1", 1)
    frame = chunk(b"fcTL", later) + chunk(b"fdAT", struct.pack(">I", 2) + zlib.compress(b"\0" * 200 * 601))
    for promised in ((1,), (0,), (2, 2), (2**31 + 1,)):
        headers = b"".join(chunk(b"acTL", struct.pack(">II", frames, 0)) for frames in promised)
        with pytest.raises(UnreadableError, match="animated"):
            decode(head + headers + chunk(b"fcTL", control) + tail + frame + still[-12:])
    assert decode(head + chunk(b"acTL", struct.pack(">II", 1, 0)) + chunk(b"fcTL", control) + tail + still[-12:]).size == (200, 200)
    assert decode(still + frame).size == (200, 200)  # behind the end, where nobody looks


def test_transparency_lies_on_white() -> None:
    """What a viewer sees through a transparent image is white, not whatever colour hides under alpha 0."""
    pixels = prepare(encoded(Image.new("RGBA", (120, 120), (255, 0, 0, 0)), "PNG"))
    assert pixels.min() == 255


def test_exif_orientation_is_applied() -> None:
    """A phone's sideways picture is judged upright: the same input as the picture turned by hand."""
    sideways = picture(160, 240).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # "rotate by 90 degrees clockwise to show"
    turned = prepare(encoded(sideways, "PNG", exif=exif))
    assert np.array_equal(turned, prepare(encoded(sideways.transpose(Image.Transpose.ROTATE_270), "PNG")))


def test_the_square_keeps_the_head_of_an_upright_portrait() -> None:
    """An upright picture loses three times as much below as above; a wide one the same left and right."""
    image = Image.new("RGB", (100, 180))
    image.paste("white", (0, 20, 100, 21))
    assert square(image).getpixel((50, 0)) == (255, 255, 255)
    wide = Image.new("RGB", (180, 100))
    wide.paste("white", (40, 0, 41, 100))
    assert square(wide).getpixel((0, 50)) == (255, 255, 255)


def in_passes(count: int) -> bytes:
    """A progressive JPEG whose last pass is repeated until there are ``count``; decoders take each over the whole picture."""
    buffer = io.BytesIO()
    Image.effect_noise((96, 96), 40).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    last = data.rfind(b"\xff\xda")
    body, end = data[last:-2], data[-2:]
    return data[:-2] + body * (count - scans(data, 1000)) + end


def test_a_picture_in_very_many_passes_is_refused_before_it_is_decoded() -> None:
    """Each pass is a few bytes of the file and the whole picture for the decoder; as many as encoders write are read."""
    assert scans(in_passes(60), 1000) == 60
    assert decode(in_passes(60)).size == (96, 96)
    with pytest.raises(UnreadableError, match="more than 100 passes"):
        decode(in_passes(101))


@pytest.mark.parametrize("filler", [b"\xff", b"\0", b"\xff\x00"])
@pytest.mark.parametrize("whole", [True, False])
def test_a_jpeg_of_nothing_between_its_parts_is_refused_before_it_is_read(filler: bytes, whole: bool) -> None:
    """Pillow steps over it byte by byte: the largest file of it took a minute. A little of it is read, and whatever follows the picture."""
    data = encoded(picture())
    start, rest = data[:20], data[20:]  # the file's mark and its first segment, which JFIF has 16 bytes long
    much = filler * (1024 * 1024 + 1)
    with pytest.raises(UnreadableError, match="more than 1,048,576 bytes between its parts"):
        decode(start + much + rest if whole else start + much)
    assert decode(start + filler * 100 + rest).size == decode(data + much).size == decode(data).size


def test_a_file_of_very_many_parts_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is four bytes of a JPEG or twelve of a PNG, and a step of a loop in Python: the largest file of them took a minute."""
    jpeg, png = encoded(picture()), encoded(picture(), "PNG")
    comment, text = b"\xff\xfe\x00\x02", b"\0\0\0\0tEXt" + zlib.crc32(b"tEXt").to_bytes(4, "big")
    for many, few in (
        (jpeg[:2] + comment * 50_000 + jpeg[2:], jpeg[:2] + comment * 1_000 + jpeg[2:]),
        (png[:33] + text * 50_000 + png[33:], png[:33] + text * 1_000 + png[33:]),
        (png[:-12] + text * 50_000 + png[-12:], png),
    ):
        assert decode(few).size == decode(jpeg).size
        monkeypatch.setattr(imaging, "decode", lambda _: pytest.fail("it was read"))
        with pytest.raises(UnreadableError, match="more than 50,000 parts"):
            decode(many)
        monkeypatch.undo()


def test_the_first_picture_of_a_telephones_file_is_judged() -> None:
    """Previews and brightness maps come as further pictures in one JPEG; whoever opens it sees the first, and nothing in it moves."""
    first, second = picture(200, 200), picture(100, 100)
    both = encoded(first, "MPO", save_all=True, append_images=[second])
    assert Image.open(io.BytesIO(both)).n_frames == 2
    assert decode(both).size == (200, 200)
    assert np.array_equal(np.asarray(decode(both)), np.asarray(decode(encoded(first))))


def test_a_telephones_file_is_refused_for_what_any_jpeg_is() -> None:
    """Its further pictures excuse nothing of the first."""
    both = encoded(picture(), "MPO", save_all=True, append_images=[picture()], quality=5)
    with pytest.raises(UnreadableError, match="compressed"):
        decode(both)


def test_a_thumbnail_in_a_segment_is_no_pass_of_the_picture() -> None:
    """What segments hold isn't counted: photographs carry thumbnails, and files of editors whole pictures."""
    data = in_passes(20)
    segment = b"\xff\xe2" + (2 + 60_000).to_bytes(2, "big") + b"\xff\xda" * 30_000
    assert scans(data[:2] + segment * 20 + data[2:], 1000) == 20
    assert scans(b"\xff\xd8\xff", 10) == 0
