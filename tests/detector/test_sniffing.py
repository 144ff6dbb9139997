"""What the first bytes of a file show, whatever its sender calls it."""

from __future__ import annotations

import pytest

from averment.detector.sniffing import media_type, video_type


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
