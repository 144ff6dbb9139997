"""IPTC's source type in XMP: readable by Pillow, no pixel touched, nothing that was there lost."""

from __future__ import annotations

import io
import re
import struct
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from averment.detector.credentials.xmp import AI_GENERATED, packet, with_source_type

RIGHTS = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/" xmpRights:Marked="True"/></rdf:RDF></x:xmpmeta>'
)


def jpeg(**options: object) -> bytes:
    output = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(output, "JPEG", **options)
    return output.getvalue()


def png(xmp: str | None = None, *, compressed: bool = False) -> bytes:
    output, info = io.BytesIO(), PngImagePlugin.PngInfo()
    if xmp is not None:
        info.add_itxt("XML:com.adobe.xmp", xmp, zip=compressed)
    Image.linear_gradient("L").save(output, "PNG", pnginfo=info)
    return output.getvalue()


def xmp_of(data: bytes) -> bytes:
    image = Image.open(io.BytesIO(data))
    found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    return found.encode() if isinstance(found, str) else found


@pytest.mark.parametrize(("data", "mime"), [(jpeg(), "image/jpeg"), (jpeg(exif=Image.Exif()), "image/jpeg"), (png(), "image/png")])
def test_pillow_reads_the_source_type_and_the_same_pixels(data: bytes, mime: str) -> None:
    """A reader of XMP that isn't ours finds the field; the image decodes to the same pixels."""
    written, reason = with_source_type(data, mime)
    assert reason is None
    assert re.search(rb'DigitalSourceType="([^"]+)"', xmp_of(written)).group(1) == AI_GENERATED.encode()  # type: ignore[union-attr]
    assert Image.open(io.BytesIO(written)).tobytes() == Image.open(io.BytesIO(data)).tobytes()


@pytest.mark.parametrize(("data", "mime"), [(jpeg(xmp=RIGHTS.encode()), "image/jpeg"), (png(RIGHTS), "image/png")])
def test_what_the_xmp_said_before_is_kept(data: bytes, mime: str) -> None:
    """Rights statements survive, and there is still one packet."""
    written, reason = with_source_type(data, mime)
    assert reason is None
    assert b'xmpRights:Marked="True"' in xmp_of(written)
    assert AI_GENERATED.encode() in xmp_of(written)
    assert written.count(b"<x:xmpmeta") == 1


@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_writing_twice_changes_nothing(kind: str) -> None:
    """The field is there once."""
    data, mime = (jpeg(), "image/jpeg") if kind == "jpeg" else (png(), "image/png")
    once, _ = with_source_type(data, mime)
    assert with_source_type(once, mime) == (once, None)


def test_another_source_type_is_kept_and_reported() -> None:
    """A camera's statement isn't overwritten in silence."""
    other = jpeg(xmp=packet("http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"))
    written, reason = with_source_type(other, "image/jpeg")
    assert written == other
    assert reason is not None
    assert "another digital source type" in reason


CAPTURE = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"


def in_words(value: str) -> bytes:
    """A packet with the field as an element, and a remark beside it that names the term of AI."""
    field = f"<e:DigitalSourceType>{value}</e:DigitalSourceType><e:Remark>not {AI_GENERATED}</e:Remark>"
    return RIGHTS.replace('"True"/>', f'"True" xmlns:e="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">{field}</rdf:Description>').encode()


def second_packet(first: bytes, second: bytes) -> bytes:
    """A JPEG with two segments of XMP."""
    data = jpeg(xmp=first)
    body = b"http://ns.adobe.com/xap/1.0/\x00" + second
    end = data.index(first) + len(first)
    return data[:end] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[end:]


def webp(xmp: bytes) -> bytes:
    output = io.BytesIO()
    Image.linear_gradient("L").save(output, "WEBP", xmp=xmp)
    return output.getvalue()


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (second_packet(RIGHTS.encode(), packet(CAPTURE)), "image/jpeg"),
        (second_packet(packet(AI_GENERATED), packet(CAPTURE)), "image/jpeg"),
        (jpeg(xmp=in_words(CAPTURE)), "image/jpeg"),
        (png(in_words(CAPTURE).decode()), "image/png"),
        (jpeg(xmp=RIGHTS.replace("xmpRights:Marked", "e:DigitalSourceType").replace('"True"', "&#34;?").encode()), "image/jpeg"),
        (webp(packet(CAPTURE)), "image/webp"),
        (webp(in_words(CAPTURE)), "image/webp"),
    ],
    ids=["second packet", "beside ours", "element", "element in PNG", "unreadable", "webp", "element in webp"],
)
def test_a_contradiction_is_told_wherever_and_however_it_is_written(data: bytes, mime: str) -> None:
    """The manifest says that AI made it; whoever reads the XMP hears of a camera, and whoever signs hears of that."""
    written, reason = with_source_type(data, mime)
    assert written == data
    assert reason is not None
    assert reason.endswith("its XMP states another digital source type, which was kept")


def test_what_xmp_says_the_same_is_no_contradiction() -> None:
    """In whichever of its ways; a WebP's is only told not to be written."""
    https = AI_GENERATED.replace("http:", "https:")  # as tools write it by hand, after the address that a browser shows
    for data in (jpeg(xmp=in_words(AI_GENERATED)), second_packet(packet(AI_GENERATED), RIGHTS.encode()), jpeg(xmp=packet(https))):
        assert with_source_type(data, "image/jpeg") == (data, None)
    for xmp in (packet(AI_GENERATED), RIGHTS.encode()):
        assert with_source_type(webp(xmp), "image/webp")[1] == "XMP is not written into image/webp"


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a PNG: kind, and all of its bytes."""
    position, found = 8, []
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        found.append((kind, data[position : position + 12 + length]))
        position += 12 + length
    return found


def with_xmp_last(*xmp: str) -> bytes:
    """A PNG whose XMP stands after its image data, where ExifTool and others that write in one pass put it."""
    texts = [chunk for one in xmp for kind, chunk in chunks(png(one)) if kind == b"iTXt"]
    plain = chunks(png())
    return png()[:8] + b"".join(chunk for _, chunk in plain[:-1]) + b"".join(texts) + plain[-1][1]


def test_xmp_after_the_image_data_is_found() -> None:
    """It is added to in its place: a second packet would leave it to each reader which of the two counts."""
    before = with_xmp_last(RIGHTS)
    written, reason = with_source_type(before, "image/png")
    assert reason is None
    assert [kind for kind, _ in chunks(written)] == [kind for kind, _ in chunks(before)]
    assert written.count(b"<x:xmpmeta") == 1
    assert b'xmpRights:Marked="True"' in written
    assert AI_GENERATED.encode() in written
    assert with_source_type(written, "image/png") == (written, None)


@pytest.mark.parametrize("others", [(), (RIGHTS,)])
def test_a_contradiction_after_the_image_data_is_reported(others: tuple[str, ...]) -> None:
    """Also in the second packet of a file that has two, which no file should."""
    data = with_xmp_last(*others, packet("http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture").decode())
    written, reason = with_source_type(data, "image/png")
    assert written == data
    assert reason is not None
    assert "another digital source type" in reason


def test_many_chunks_are_walked_once() -> None:
    """An upload of a hundred thousand texts takes no longer than its bytes do."""
    text = struct.pack(">I", 0) + b"iTXt" + struct.pack(">I", zlib.crc32(b"iTXt"))
    plain = png()
    began = time.process_time()
    written, reason = with_source_type(plain[:-12] + text * 100_000 + bytes(8_000_000) + plain[-12:], "image/png")
    assert time.process_time() - began < 5
    assert reason is None
    assert AI_GENERATED.encode() in written


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (jpeg(xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"), "image/jpeg"),
        (png(RIGHTS, compressed=True), "image/png"),
        (b"RIFF....WEBP", "image/webp"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (jpeg(xmp=RIGHTS.replace("True", "T" * 65_200).encode()), "image/jpeg"),
    ],
    ids=["odd XMP", "compressed", "webp", "no IHDR", "no room"],
)
def test_what_can_not_be_written_is_left_alone_with_the_reason(data: bytes, mime: str) -> None:
    """The bytes are the same and the caller can say so."""
    written, reason = with_source_type(data, mime)
    assert written == data
    assert reason


def test_png_chunks_stay_valid() -> None:
    """Every chunk's checksum holds after the insertion (PNG specification, section 5.3)."""
    written, _ = with_source_type(png(RIGHTS), "image/png")
    position, kinds = 8, []
    while position < len(written):
        length, kind = struct.unpack_from(">I4s", written, position)
        body = written[position + 4 : position + 8 + length]
        assert struct.unpack_from(">I", written, position + 8 + length)[0] == zlib.crc32(body)
        kinds.append(kind)
        position += 12 + length
    assert kinds[0] == b"IHDR"
    assert kinds[-1] == b"IEND"


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["image/jpeg", "image/png"]))
def test_hostile_structures_are_left_alone_or_extended(data: bytes, mime: str) -> None:
    """No exception, and nothing of the input is lost."""
    prefix = b"\xff\xd8" if mime == "image/jpeg" else b"\x89PNG\r\n\x1a\n"
    written, reason = with_source_type(prefix + data, mime)
    assert reason is None or written == prefix + data
    assert len(written) >= len(prefix + data)
