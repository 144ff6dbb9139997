"""What kind of file the bytes are, whatever their sender calls them; and what names of images and videos look like. Standard library only."""

from __future__ import annotations

IMAGE_SUFFIXES = frozenset(
    {
        ".apng",
        ".avif",
        ".bmp",
        ".gif",
        ".heic",
        ".heif",
        ".hif",
        ".jfif",
        ".jpe",
        ".jpeg",
        ".jpg",
        ".jxl",
        ".pjp",
        ".pjpeg",
        ".png",
        ".tif",
        ".tiff",
        ".webp",
    }
)
"""Names of images, in lower case. The one list for whatever searches a folder or a prefix: what one part passes over the others may not call looked at."""

CLIP_SUFFIXES = frozenset(
    {
        ".mp4",
        ".m4v",
        ".mov",
        ".webm",
        ".mkv",
        ".avi",
        ".3gp",
        ".3g2",
        ".mpg",
        ".mpeg",
        ".mts",
        ".m2ts",
        ".ogv",
        ".flv",
        ".f4v",
        ".wmv",
        ".asf",
        ".qt",
        ".mpe",
        ".m1v",
        ".m2v",
        ".vob",
    }
)
"""Names of videos. ``.ts`` isn't among them: most files of that name are source text."""

HEAD_BYTES = 64
"""So many first bytes tell whether a file ``shows_an_image``."""


def media_type(data: bytes) -> str | None:
    """The media type that the signature shows (JPEG, PNG, WebP), whatever the sender called it; None for anything else."""
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None


_PICTURES = frozenset({b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
"""Major brands of files of boxes that hold pictures (HEIF and AVIF), not films."""

_BITMAP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
"""Sizes of the header that follows a bitmap file's first 14 bytes. Its mark alone, two letters, begins many a text."""

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def shows_an_image(head: bytes) -> bool:
    """Whether the first ``HEAD_BYTES`` of a file are those of an image of any common kind, also of one that no detector here can read."""
    if media_type(head) is not None or head.startswith((b"GIF87a", b"GIF89a", *_TIFF)):
        return True
    if head[4:8] == b"ftyp":
        return head[8:12] in _PICTURES
    return head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BITMAP_HEADERS


_FILMS = {
    b"\x1a\x45\xdf\xa3": "video/x-matroska",
    b"OggS": "video/ogg",
    b"FLV\x01": "video/x-flv",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "video/x-ms-asf",
    b"\x00\x00\x01\xba": "video/mpeg",
    b"\x00\x00\x01\xb3": "video/mpeg",
}


def video_type(data: bytes) -> str | None:
    """The media type of a film container that the first bytes (a kilobyte is enough) show; None for anything else.

    Whether there is a film in it only decoding tells: sound and pictures come in the same containers.
    """
    kind, brand = data[4:8], data[8:12]
    if kind == b"ftyp":
        return None if brand in _PICTURES else "video/quicktime" if brand == b"qt  " else "video/mp4"
    if kind in {b"moov", b"mdat", b"wide"}:  # QuickTime before there were brands
        return "video/quicktime"
    if data[:4] == b"RIFF" and brand == b"AVI ":
        return "video/x-msvideo"
    if any(len(data) > 2 * size and data[start] == data[start + size] == 0x47 for start, size in ((0, 188), (4, 192))):
        return "video/mp2t"
    return next((name for mark, name in _FILMS.items() if data.startswith(mark)), None)
