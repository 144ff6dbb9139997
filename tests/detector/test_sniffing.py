"""What the first bytes of a file show, whatever its sender calls it."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from averment.detector import scanning
from averment.detector.claims import frame
from averment.detector.sniffing import CLIP_SUFFIXES, HEAD_BYTES, IMAGE_SUFFIXES, media_type, shows_an_image, video_type


def boxes(brand: bytes) -> bytes:
    return b"\x00\x00\x00\x18ftyp" + brand + bytes(12)


def packets(size: int, lead: int) -> bytes:
    return (bytes(lead) + b"\x47" + bytes(size - lead - 1)) * 3


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (boxes(b"isom"), "video/mp4"),
        (boxes(b"qt  "), "video/quicktime"),
        (b"\x00\x00\x00\x08wide\x00\x00\x00\x10mdat", "video/quicktime"),
        (b"\x1a\x45\xdf\xa3" + bytes(30), "video/x-matroska"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "video/x-msvideo"),
        (packets(188, 0), "video/mp2t"),
        (packets(192, 4), "video/mp2t"),
        (b"\x00\x00\x01\xba" + bytes(30), "video/mpeg"),
        (b"OggS" + bytes(30), "video/ogg"),
        (b"FLV\x01" + bytes(30), "video/x-flv"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(30), "video/x-ms-asf"),
        (boxes(b"avif"), None),
        (boxes(b"heic"), None),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", None),
        (b"G" * 3, None),
        (b"", None),
        (b"\xff\xd8\xff\xe0" + bytes(30), None),
    ],
)
def test_film_containers_are_told_from_pictures(data: bytes, kind: str | None) -> None:
    """The boxes of MP4 also hold pictures (AVIF, HEIC), and RIFF holds WebP: those are no films."""
    assert video_type(data) == kind
    assert media_type(data) is None or kind is None


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_the_first_bytes_show_an_image_of_every_common_kind(kind: str) -> None:
    """As Pillow writes them; and nothing of the kind is shown by text, films and a letter that begins like a bitmap."""
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20)).save(buffer, kind)
    assert shows_an_image(buffer.getvalue()[:HEAD_BYTES])
    for other in (b"", b"BM is short for a benchmark, and this is a text.", boxes(b"isom"), b"file,sha256\n", b"II wrote this"):
        assert not shows_an_image(other)


def test_scanning_and_claims_search_for_images_by_one_list() -> None:
    """What ``media scan`` looks at, no claim may pass over as not being called an image."""
    assert scanning.SUFFIXES is frame.SUFFIXES is IMAGE_SUFFIXES
    assert {".jfif", ".jpe", ".bmp", ".heif"} <= IMAGE_SUFFIXES


def test_what_is_served_as_a_picture_or_film_for_its_name_is_looked_at() -> None:
    """Who uploads chooses the name, and whatever goes by names (browsers, the AWS CLI) shows ``face.pjp`` as a JPEG."""
    assert {".pjp", ".pjpeg", ".apng", ".jxl", ".hif"} <= IMAGE_SUFFIXES
    assert {".qt", ".mpe", ".m1v", ".m2v", ".f4v", ".vob"} <= CLIP_SUFFIXES
    assert not IMAGE_SUFFIXES & CLIP_SUFFIXES
