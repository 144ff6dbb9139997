"""Whether a zip says one thing only: that every program which unpacks it gets the same files.

Some programs go by the directory at a zip's end, others by what stands before each file, or read from the front until the compressed data
ends. Where these differ, somebody unpacks what nobody verified. Sizes, offsets and names are those of APPNOTE.TXT (4.3.7, 4.3.9, 4.3.12,
4.3.16, 4.5.3, 4.6.9).
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

_LOCAL = struct.Struct("<4sHHHHHLLLHH")
_END = struct.Struct("<4s4xHHLLH")
_DESCRIPTOR_MARK, _LONGEST_DESCRIPTOR = b"PK\7\10", 24
_ENCRYPTED, _STREAMED = 0x01, 0x08
_SHORT, _LONG = 0xFFFF, 0xFFFFFFFF
"""A number of files, a size or an offset that stands elsewhere, for want of room."""
_ZIP64, _OTHER_NAME = 0x0001, 0x7075
_CHUNK = 1024 * 1024


def says_one_thing(archive: zipfile.ZipFile, handle: BinaryIO) -> bool:
    """Whether the zip in ``handle`` is its members, one after the other from the first byte, and their directory up to the last one, and
    each member is the same by the directory, by what stands before and behind it, and by its compressed data.

    Raises:
        struct.error, zlib.error, zipfile.BadZipFile: it is damaged.
    """
    end = 0
    for member in sorted(archive.infolist(), key=lambda item: item.header_offset):
        if member.header_offset != end or not _agrees(member, handle):
            return False
        start = handle.tell()
        if not _is_whole(member, handle):
            return False
        end = start + member.compress_size
        if member.flag_bits & _STREAMED:
            handle.seek(end)
            behind = _behind(member, handle.read(_LONGEST_DESCRIPTOR))
            if not behind:
                return False
            end += behind
    return archive.start_dir == end and _ends(archive, handle)


def _agrees(member: zipfile.ZipInfo, handle: BinaryIO) -> bool:
    """Whether what stands before ``member`` is what the directory says of it; ``handle`` is at its data then. The name is compared by
    ``zipfile`` when it is opened."""
    handle.seek(member.header_offset)
    _, _, flags, method, _, _, crc, stored, size, name, extra = _LOCAL.unpack(handle.read(_LOCAL.size))
    handle.seek(name, os.SEEK_CUR)
    fields = dict(_fields(handle.read(extra)))
    if _OTHER_NAME in fields or _OTHER_NAME in dict(_fields(member.extra)):
        return False
    longer = _longer(fields.get(_ZIP64, b""))
    size, stored = (next(longer, value) if value == _LONG else value for value in (size, stored))
    said, true = (crc, stored, size), (member.CRC, member.compress_size, member.file_size)
    known = all(value in (0, right) for value, right in zip(said, true, strict=True)) if flags & _STREAMED else said == true
    return known and method == member.compress_type and not (flags ^ member.flag_bits) & (_ENCRYPTED | _STREAMED)


def _fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """The extra fields: what each is, and its bytes. What follows the last whole one is of no program's."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        yield kind, extra[at + 4 : at + 4 + length]
        at += 4 + length


def _longer(field: bytes) -> Iterator[int]:
    """The sizes of eight bytes in an extra field, in their order."""
    return (number for (number,) in struct.iter_unpack("<Q", field[: len(field) // 8 * 8]))


def _is_whole(member: zipfile.ZipInfo, handle: BinaryIO) -> bool:
    """Whether the data of ``member``, at which ``handle`` is, end where its compressed size says, and give its size, neither less nor more."""
    if member.flag_bits & _ENCRYPTED:
        raise zipfile.BadZipFile(f"'{member.filename}' is encrypted")
    if member.compress_type == zipfile.ZIP_STORED:
        return member.compress_size == member.file_size
    if member.compress_type != zipfile.ZIP_DEFLATED:
        raise zipfile.BadZipFile(f"'{member.filename}' is compressed in a way that not every program knows (method {member.compress_type})")
    stream, left, size = zlib.decompressobj(-zlib.MAX_WBITS), member.compress_size, 0
    waiting = b""
    while not stream.eof and size <= member.file_size:
        if not waiting:
            waiting = handle.read(min(left, _CHUNK))
            left -= len(waiting)
        fed = waiting
        part = stream.decompress(waiting, _CHUNK)
        waiting, size = stream.unconsumed_tail, size + len(part)
        if not part and not fed:  # the data end, or the file does, and the stream doesn't
            break
    return stream.eof and not stream.unused_data and not left and size == member.file_size


def _behind(member: zipfile.ZipInfo, found: bytes) -> int:
    """How many bytes of ``found``, which follow ``member``, say once more what it is; 0 if they don't. A zip is written like that by who can't
    go back in what he writes: with or without a mark, in sizes of four or of eight bytes."""
    bodies = [struct.pack("<LQQ", member.CRC, member.compress_size, member.file_size)]
    if max(member.compress_size, member.file_size) <= _LONG:
        bodies.append(struct.pack("<LLL", member.CRC, member.compress_size, member.file_size))
    wanted = [mark + body for mark in (_DESCRIPTOR_MARK, b"") for body in bodies]
    return next((len(item) for item in wanted if found.startswith(item)), 0)


def _ends(archive: zipfile.ZipFile, handle: BinaryIO) -> bool:
    """Whether the zip ends with its directory's end, which says how many files there are and where the directory begins."""
    handle.seek(-_END.size - len(archive.comment), os.SEEK_END)
    mark, _, number, _, start, comment = _END.unpack(handle.read(_END.size))
    counted = (len(archive.infolist()) & _SHORT, _SHORT)  # macOS writes what is left of a larger number
    return mark == b"PK\5\6" and comment == len(archive.comment) and number in counted and start in (archive.start_dir, _LONG)
