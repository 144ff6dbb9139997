"""The watermark: what it survives, what it doesn't, and how seldom it is seen where there is none.

Pictures are smooth textures made here from fixed seeds: noise whose spectrum falls with the frequency, as that of photographs does.
How photographs fare is measured by ``benchmarks/detector/watermark.py``.
"""

from __future__ import annotations

import io
import math
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps
from PIL.PngImagePlugin import PngInfo

from averment.core.errors import BadInputError
from averment.detector.credentials import watermark
from averment.detector.credentials.marking import MARGIN, STRENGTHS, mark_media, payload_of, read_mark
from averment.detector.imaging import UnreadableError

PAYLOAD = "1a2b3c4d5"


def texture(width: int = 640, height: int = 512, seed: int = 1, contrast: float = 40.0) -> Image.Image:
    """Noise with a spectrum of 1/f in three channels that differ a little."""
    random = np.random.default_rng(seed)
    rows, columns = np.meshgrid(np.fft.fftfreq(height), np.fft.rfftfreq(width), indexing="ij")
    falling = 1 / np.maximum(np.hypot(rows, columns), 1 / max(width, height))
    grey = np.fft.irfft2(np.fft.rfft2(random.normal(size=(height, width))) * falling, s=(height, width))
    grey *= contrast / grey.std()
    tinted = grey[..., None] + random.normal(0, 2, (height, width, 3)) + np.array([128, 120, 112])
    return Image.fromarray(np.clip(tinted, 0, 255).astype(np.uint8))


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **({"quality": 92} | options if kind == "JPEG" else options))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def marked() -> Image.Image:
    """A marked picture, decoded."""
    return Image.open(io.BytesIO(mark_media(encoded(texture()), PAYLOAD).data)).convert("RGB")


def read(image: Image.Image) -> watermark.Reading:
    return watermark.read(image)


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    return Image.open(io.BytesIO(encoded(image, quality=quality)))


def scaled(image: Image.Image, factor: float) -> Image.Image:
    return image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.LANCZOS)


def noisy(image: Image.Image, deviation: float) -> Image.Image:
    noise = np.random.default_rng(3).normal(0, deviation, (image.height, image.width, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def cropped(image: Image.Image, share: float) -> Image.Image:
    """Off the left and the top, so that tiles don't begin where the picture does."""
    return image.crop((round(image.width * share), round(image.height * share), image.width, image.height))


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image,
        lambda image: jpeg(image, 50),
        lambda image: jpeg(scaled(image, 0.5), 85),
        lambda image: scaled(image, 2.0),
        lambda image: scaled(image, 0.77),
        lambda image: image.filter(ImageFilter.GaussianBlur(1)),
        lambda image: noisy(image, 6),
        lambda image: cropped(image, 0.05),
        lambda image: jpeg(cropped(image, 0.3), 75),
        lambda image: scaled(cropped(image, 0.2), 0.8),
        ImageOps.mirror,
        lambda image: ImageOps.autocontrast(image.convert("L"), cutoff=2).convert("RGB"),
    ],
    ids=[
        "as-written",
        "jpeg-50",
        "half-size",
        "double",
        "77-percent",
        "blur",
        "noise",
        "crop-5",
        "crop-30-jpeg",
        "crop-resize",
        "mirror",
        "grey",
    ],
)
def test_what_services_do_to_pictures_leaves_the_mark(marked: Image.Image, change) -> None:
    """Each of these is read, with the right payload and not by the skin of its teeth."""
    found = read(change(marked))
    assert found.payload == int(PAYLOAD, 16)
    assert found.score > watermark.THRESHOLD


def test_a_reading_says_what_was_done(marked: Image.Image) -> None:
    """The share that a crop left of the shorter side, and a mirrored picture as such."""
    assert read(marked).kept == 1
    assert read(cropped(marked, 0.25)).kept == pytest.approx(0.75, abs=0.01)
    assert (read(marked).mirrored, read(ImageOps.mirror(marked)).mirrored) == (False, True)


@pytest.mark.parametrize(
    "change",
    [lambda image: image.rotate(3, expand=False), lambda image: image.resize((512, 512)), lambda image: cropped(image, 0.55)],
    ids=["rotated", "stretched", "most-of-it-cropped"],
)
def test_what_the_documentation_says_it_does_not_survive(marked: Image.Image, change) -> None:
    """If one of these passes one day, the documentation has to say so."""
    assert read(change(marked)).payload is None


@pytest.mark.parametrize("seed", range(2, 5))
def test_unmarked_pictures_carry_nothing(seed: int) -> None:
    """Nor do they come near to it."""
    found = read(texture(seed=seed))
    assert found.payload is None
    assert found.score < watermark.THRESHOLD


def test_another_key_reads_nothing(marked: Image.Image) -> None:
    """A mark made with one key isn't there for another."""
    assert watermark.read_whole(marked, b"another").payload is None
    own = mark_media(encoded(texture()), PAYLOAD, b"secret").data
    assert read_mark(own).payload is None
    assert watermark.read_whole(Image.open(io.BytesIO(own)), b"secret").payload == int(PAYLOAD, 16)


def test_correlations_without_a_mark_stay_within_the_bound() -> None:
    """The bound is over the choice of the key: over 40 keys and all shifts, no threshold is passed more often than exp(-t²/2)."""
    image = texture(512, 512, contrast=60)
    counts, trials = dict.fromkeys((2.0, 3.0, 4.0), 0), 0
    plane = watermark._evened(watermark._canonical(image.convert("F")))
    for number in range(40):
        own = watermark.Patterns(f"key {number}".encode())
        surface = own._correlation(own.phases_of(plane), 0)
        assert surface.std() == pytest.approx(1, abs=0.1)
        trials += surface.size
        for threshold in counts:
            counts[threshold] += int((surface > threshold).sum())
    for threshold, count in counts.items():
        assert count <= trials * math.exp(-(threshold**2) / 2)
    assert counts[3.0] > trials * 0.0005  # and the normal distribution's tail (.00135) isn't missed by far: the scale is right


def test_the_check_leaves_one_message_in_4096() -> None:
    """A message at random passes for one with a chance of 2^-12."""
    own = watermark.patterns()
    random = np.random.default_rng(5)
    payloads = random.integers(0, 2**36, 40_000)
    checks = random.integers(0, 2**12, 40_000)
    passed = sum(own.symbols(int(payload))[-1] == check for payload, check in zip(payloads, checks, strict=True))
    assert 1 <= passed <= 25  # 9.8 expected; beyond these once in ten thousand runs
    assert watermark.false_alarm_bound() < 3e-6


def test_a_picture_is_changed_as_little_as_stated() -> None:
    """The peak signal-to-noise ratio is the strength's, give or take rounding, and a smooth picture takes the weakest."""
    source = texture(contrast=15)
    result = mark_media(encoded(source, "PNG"), PAYLOAD)
    before, after = np.asarray(source, dtype=float), np.asarray(Image.open(io.BytesIO(result.data)), dtype=float)
    decibels = 10 * math.log10(255**2 / ((before - after) ** 2).mean())
    assert result.decibels == STRENGTHS[0]
    assert decibels == pytest.approx(result.decibels, abs=0.6)
    assert result.score >= MARGIN


def test_a_picture_that_cannot_carry_a_mark_is_refused() -> None:
    """White noise drowns it: nothing is written that nobody could read."""
    noise = np.random.default_rng(1).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    with pytest.raises(BadInputError, match="not read back after JPEG 50"):
        mark_media(encoded(Image.fromarray(noise)), PAYLOAD)


def test_a_picture_that_is_marked_already_is_called_that_where_its_mark_drowns_another() -> None:
    """An edit of what was marked strongly isn't too small, as the refusal said: it has a mark, and keeps it."""
    image = texture().convert("RGB")
    strong = watermark.Overlay(image, int(PAYLOAD, 16)).over(image, 32.0)
    with pytest.raises(BadInputError, match=f"it carries {PAYLOAD} already") as refused:
        mark_media(encoded(strong), "0" * 9)
    assert "it keeps the mark that it has" in str(refused.value.fix)


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("JPEG", "RGB", {"quality": 88, "subsampling": 0}),
        ("JPEG", "L", {"progressive": True}),
        ("PNG", "RGB", {}),
        ("PNG", "RGBA", {}),
        ("PNG", "P", {}),
        ("WEBP", "RGB", {}),
        ("WEBP", "RGBA", {"lossless": True}),
    ],
)
def test_format_quality_and_metadata_stay(kind: str, mode: str, options: dict[str, object]) -> None:
    """The same kind of file comes out, with its Exif, colour profile, transparency and, of a JPEG, its tables."""
    source = texture(contrast=20).convert(mode)
    if mode == "RGBA":
        source.putalpha(Image.linear_gradient("L").resize(source.size))
    exif = Image.Exif()
    exif[0x013B] = "A. Photographer"
    data = encoded(source, kind, exif=exif.tobytes(), icc_profile=b"profile" * 30, **options)
    result = Image.open(io.BytesIO(mark_media(data, PAYLOAD).data))
    before = Image.open(io.BytesIO(data))
    assert (result.format, result.size) == (kind, source.size)
    assert result.mode == ("RGB" if mode == "P" else before.mode)
    assert result.getexif()[0x013B] == "A. Photographer"
    assert result.info["icc_profile"] == b"profile" * 30
    if kind == "JPEG":
        assert result.quantization == before.quantization
        assert bool(result.info.get("progressive")) == bool(options.get("progressive"))
    if mode == "RGBA":
        assert result.getchannel("A").tobytes() == before.getchannel("A").tobytes()


def test_what_is_said_of_rights_and_colours_stays() -> None:
    """IPTC's fields in a JPEG; gamma and primaries of a PNG, without which it is shown in other colours."""
    rights = b"\xff\xed" + struct.pack(">H", 34) + b"Photoshop 3.0\x00" + b"8BIM" + b"r" * 14
    data = encoded(texture(contrast=20))
    marked = mark_media(data[:2] + rights + data[2:], PAYLOAD).data
    assert marked.count(rights) == 1
    assert read_mark(marked).payload == int(PAYLOAD, 16)
    info = PngInfo()
    info.add(b"gAMA", struct.pack(">I", 100_000))
    info.add(b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))
    data = encoded(texture(contrast=20), "PNG", pnginfo=info)
    before, after = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(mark_media(data, PAYLOAD).data))
    assert (after.info["gamma"], after.info["chromaticity"]) == (before.info["gamma"], before.info["chromaticity"])
    assert after.info["gamma"] == 1.0


def test_a_picture_that_lies_on_its_side_is_marked_upright() -> None:
    """A camera's orientation is applied, since services apply it; the mark is found either way round."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    data = encoded(texture(), exif=exif.tobytes())
    result = mark_media(data, PAYLOAD)
    assert Image.open(io.BytesIO(result.data)).size == (512, 640)
    assert 0x0112 not in Image.open(io.BytesIO(result.data)).getexif()
    assert read_mark(result.data).payload == int(PAYLOAD, 16)


def deep(picture: Image.Image) -> bytes:
    """``picture`` as a PNG of 16 bits a channel, which is cut to 8 in silence where it is opened."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in np.asarray(picture.convert("RGB")).astype(np.uint16) * 257)
    header = struct.pack(">IIBBBBB", *picture.size, 16, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    told = [struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(told)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"hello", "not a JPEG, PNG or WebP"),
        (encoded(texture(64, 64), "PNG"), "too small"),
        (encoded(texture(), "PNG")[:3000], "damaged"),
        (b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBBI", 13, b"IHDR", 90_000, 90_000, 8, 2, 0, 0, 0, 0), "pixels|damaged|not a JPEG"),
        (encoded(texture().convert("CMYK")), "CMYK"),
        (encoded(Image.fromarray(np.full((300, 300), 4000, dtype=np.uint16)), "PNG"), "16 bits"),
        (deep(texture(96, 96)), "16 bits a channel, and all but 8 would be lost"),
        (encoded(texture(), "MPO", save_all=True, append_images=[texture(100, 100)]), "further pictures in it"),
    ],
    ids=["text", "tiny", "truncated", "bomb", "cmyk", "16-bit", "16-bit colours", "telephone"],
)
def test_what_cannot_be_marked_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    """Exit 2 and nothing written."""
    with pytest.raises(BadInputError, match=reason):
        mark_media(data, PAYLOAD)


def test_hostile_bytes_are_not_read() -> None:
    """With the decoder's reason."""
    with pytest.raises(UnreadableError):
        read_mark(b"\xff\xd8\xff" + b"x" * 500)


def test_a_payload_is_the_beginning_of_the_sources_hash() -> None:
    """So that a log entry can be found by it."""
    assert payload_of("0123456789abcdef" * 4) == "012345678"


def test_the_marks_of_this_version_stay_readable() -> None:
    """Constants and the key's expansion are a format: another tile would make every earlier mark unreadable."""
    tile = watermark.patterns().tile(int(PAYLOAD, 16))
    assert (tile.shape, watermark.patterns().size) == ((256, 256), 3510)
    assert [round(float(value), 3) for value in tile[0, :4]] == [-0.072, 0.768, 1.006, 0.813]
