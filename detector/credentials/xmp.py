"""IPTC's digital source type in XMP, put into JPEG and PNG without touching a pixel.

Pillow would have to encode a JPEG again to write XMP into it; a metadata segment can simply be added. Sources: XMP specification
part 3, sections 1.1.3 (JPEG: APP1 with the namespace as its signature) and 1.1.5 (PNG: iTXt with the keyword XML:com.adobe.xmp);
IPTC Photo Metadata Standard, Iptc4xmpExt:DigitalSourceType. It is written before signing, so the credential covers it.
"""

from __future__ import annotations

import re
import struct
import zlib

from averment.detector.credentials.containers import jpeg_segments, png_chunks, riff_chunks

AI_GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's term for media created by a trained algorithm."""

AI_SOURCE_TYPES = frozenset(
    {
        AI_GENERATED,
        "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia",
        "http://cv.iptc.org/newscodes/digitalsourcetype/compositeSynthetic",
    }
)
"""Terms that disclose AI: made by a trained algorithm, edited with one, or put together with a part that one made."""

_JPEG_SIGNATURE = b"http://ns.adobe.com/xap/1.0/\x00"
_PNG_KEYWORD = b"XML:com.adobe.xmp\x00"
_WEBP_KIND = b"XMP "
_MAX_SEGMENT = 65_533  # a JPEG segment's 16-bit length counts itself
_CLOSE = b"</rdf:RDF>"
_FIELD = b"DigitalSourceType"
_VALUE = re.compile(
    rb"""[\s<][\w.-]{1,99}:DigitalSourceType"""
    rb"""(?:\s{0,99}=\s{0,99}["']([^"']*)["']|\s{0,99}>\s{0,99}([^<\s]*)\s{0,99}<|\s[^>]{0,99}?rdf:resource\s{0,99}=\s{0,99}["']([^"']*)["'])"""
)
"""What the field says, in the three ways in which XMP writes a simple value (part 1, section 7.5 and 7.9): attribute, element, reference."""
_ANOTHER = "its XMP states another digital source type, which was kept"


def term(text: str) -> str:
    """One of IPTC's terms as IPTC writes it: some tools write its address with https, as browsers do."""
    return "http" + text.removeprefix("https") if text.startswith("https://cv.iptc.org/") else text


def with_source_type(data: bytes, mime: str, source_type: str = AI_GENERATED) -> tuple[bytes, str | None]:
    """``data`` with the source type in its XMP, and None; or ``data`` as it was and why nothing was written."""
    try:
        if mime == "image/jpeg":
            return _into_jpeg(data, source_type)
        if mime == "image/png":
            return _into_png(data, source_type)
    except (IndexError, struct.error):
        return data, "the file's structure could not be followed"
    # Where a WebP keeps it is quickly seen; looking through all of its bytes costs a tenth of what signing them does.
    may_state = mime != "image/webp" or _WEBP_KIND in riff_chunks(data)
    return data, f"XMP is not written into {mime}" + (f"; {_ANOTHER}" if may_state and _contradicts(data, source_type) else "")


def packet(source_type: str) -> bytes:
    """A whole XMP packet that says nothing but the source type."""
    return (
        b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">' + _description(source_type) + _CLOSE + b"</x:xmpmeta>"
        b'<?xpacket end="w"?>'
    )


def _description(source_type: str) -> bytes:
    return (
        b'<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" Iptc4xmpExt:DigitalSourceType="'
        + source_type.encode("ascii")
        + b'"/>'
    )


def _merged(existing: bytes, source_type: str) -> tuple[bytes | None, str | None]:
    """``existing`` XMP with our statement added; None and the reason when that isn't possible without rewriting it."""
    if _FIELD in existing:
        return None, _ANOTHER if _contradicts(existing, source_type) else None
    before, close, after = existing.rpartition(_CLOSE)
    if not close:
        return None, "its XMP is written in a way that can't be added to"
    return before + _description(source_type) + close + after, None


def _contradicts(xmp: bytes, source_type: str) -> bool:
    """Whether ``xmp``, or a file with XMP in it, states a digital source type that isn't this one, or states it in a way that can't be read."""
    if _FIELD not in xmp:
        return False
    values = [b"".join(found).strip().decode("utf-8", "replace") for found in _VALUE.findall(xmp)]
    return not values or any(term(value) != source_type for value in values)


def _into_jpeg(data: bytes, source_type: str) -> tuple[bytes, str | None]:
    """Where there are several packets, which no file should have, each is heard, as in a PNG."""
    insert_at, said = 2, False
    first: tuple[int, int, bytes] | None = None
    for start, end, marker in jpeg_segments(data):
        if marker == 0xE1 and data.startswith(_JPEG_SIGNATURE, start + 4, end):
            merged, reason = _merged(data[start + 4 + len(_JPEG_SIGNATURE) : end], source_type)
            if reason is not None:
                return data, reason
            if merged is None:
                said = True
            elif first is None:
                first = start, end, merged
        elif marker in {0xE0, 0xE1}:
            insert_at = end  # after JFIF and Exif, which readers expect first
    if said:
        return data, None
    return _replace(data, *(first or (insert_at, insert_at, packet(source_type))))


def _replace(data: bytes, start: int, end: int, xmp: bytes) -> tuple[bytes, str | None]:
    body = _JPEG_SIGNATURE + xmp
    if len(body) > _MAX_SEGMENT:
        return data, "its XMP is too long for one JPEG segment"
    return _with(data, start, end, b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body), None


def _with(data: bytes, start: int, end: int, part: bytes) -> bytes:
    """``data`` with ``part`` in place of what stands from ``start`` to ``end``; copied once, for a copy of a large picture costs as much as a tenth
    of its signing."""
    whole = memoryview(data)
    return b"".join((whole[:start], part, whole[end:]))


def _into_png(data: bytes, source_type: str) -> tuple[bytes, str | None]:
    """Its XMP may stand before the image data or after them, as encoders that write in one pass put it (PNG specification, section 5.6). Where there are
    several packets, each is heard: one that states a source type decides, else the first is added to."""
    insert_at, said = None, False
    first: tuple[int, int, bytes] | None = None
    for start, end, kind in png_chunks(data):
        if kind == b"IHDR" and insert_at is None:
            insert_at = end
        if kind == b"iTXt" and data.startswith(_PNG_KEYWORD, start + 8, end - 4):
            merged, reason = _merged_itxt(data[start + 8 + len(_PNG_KEYWORD) : end - 4], source_type)
            if reason is not None:
                return data, reason
            if merged is None:
                said = True
            elif first is None:
                first = start, end, merged
    if insert_at is None:
        return data, "the file's structure could not be followed"
    if said:
        return data, None
    start, end, xmp = first or (insert_at, insert_at, packet(source_type))
    return _with(data, start, end, _itxt(xmp)), None


def _merged_itxt(body: bytes, source_type: str) -> tuple[bytes | None, str | None]:
    """As ``_merged``, of what follows the keyword of an iTXt chunk."""
    plain = b"\x00\x00\x00\x00"  # not compressed, no language, no translated keyword
    if not body.startswith(plain):
        return None, "its XMP is compressed, which the XMP specification doesn't allow, and was kept"
    return _merged(body.removeprefix(plain), source_type)


def _itxt(xmp: bytes) -> bytes:
    body = b"iTXt" + _PNG_KEYWORD + b"\x00\x00\x00\x00" + xmp
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
