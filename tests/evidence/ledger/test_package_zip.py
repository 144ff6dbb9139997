"""A zip that other programs unpack differently than it was verified: each way in which its parts can contradict each other is refused."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace

import pytest

from averment.controls.loader import load_catalogue
from averment.core.errors import BadInputError
from averment.core.period import parse_period
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.package.earlier import opened
from averment.evidence.package.verify import verify_package
from averment.evidence.package.write import write_package

STREAMED = 0x08
OTHER = b"<p>what nobody signed</p>" * 20


def deflated(data):
    """``data`` as a zip holds it."""
    squeeze = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return squeeze.compress(data) + squeeze.flush()


@dataclass(frozen=True)
class Said:
    """What is said of a file, before it or in the directory."""

    crc: int
    stored: int
    size: int
    method: int = 8
    flags: int = 0
    extra: bytes = b""

    def local(self, name):
        """Before the file."""
        fields = (20, self.flags, self.method, 0, 33, self.crc, self.stored, self.size, len(name), len(self.extra))
        return struct.pack("<4s5H3L2H", b"PK\3\4", *fields) + name + self.extra

    def central(self, name, offset, comment=b""):
        """In the directory."""
        fields = (20, 20, self.flags, self.method, 0, 33, self.crc, self.stored, self.size, len(name), len(self.extra), len(comment))
        return struct.pack("<4s6H3L5H2L", b"PK\1\2", *fields, 0, 0, 0, offset) + name + self.extra + comment

    def behind(self):
        """After the file."""
        return struct.pack("<4s3L", b"PK\7\10", self.crc, self.stored, self.size)


@dataclass(frozen=True)
class Member:
    """A file of a zip: what both places say of it, its bytes, and what follows them."""

    local: Said
    central: Said
    stored: bytes
    behind: bytes = b""


def honest(data):
    """The file ``data`` as any program packs it."""
    stored = deflated(data)
    said = Said(zlib.crc32(data), len(stored), len(data))
    return Member(said, said, stored)


def streamed(member):
    """The file as a program packs it that learns its sizes as it goes."""
    said = replace(member.central, flags=STREAMED)
    return replace(member, local=Said(0, 0, 0, flags=STREAMED), central=said, behind=said.behind())


def another_inside(data):
    """The directory counts another file to this one's data, behind where they end; whoever reads from the front finds it."""
    good, hidden = streamed(honest(data)), honest(OTHER)
    more = good.stored + good.central.behind() + hidden.local.local(b"other.html") + hidden.stored
    said = replace(good.central, stored=len(more))
    return replace(good, central=said, stored=more, behind=said.behind())


def longer_than_said(data):
    """The directory tells of the file's beginning alone; what stands behind the data tells of all of them."""
    good, long = honest(data), honest(data + OTHER)
    said = replace(good.central, stored=len(long.stored), flags=STREAMED)
    return Member(Said(0, 0, 0, flags=STREAMED), said, long.stored, replace(long.central, flags=STREAMED).behind())


def longer_in_both(data):
    """Either place tells of the beginning alone."""
    good, stored = honest(data), deflated(data + OTHER)
    said = replace(good.central, stored=len(stored))
    return Member(said, said, stored)


def not_compressed(data):
    """Before the file it says that its bytes are as they are."""
    good = honest(data)
    return replace(good, local=Said(zlib.crc32(good.stored), len(good.stored), len(good.stored), method=0))


def streamed_in_one_place(data):
    """Before the file it says that its size follows; the directory doesn't."""
    good = honest(data)
    return replace(good, local=replace(good.local, flags=STREAMED))


def other_long_sizes(data):
    """Sizes of eight bytes that aren't the directory's."""
    good = honest(data)
    sizes = struct.pack("<2H2Q", 1, 16, 5, 5)
    return replace(good, local=replace(good.local, stored=0xFFFFFFFF, size=0xFFFFFFFF, extra=sizes))


def another_name(data):
    """A name in an extra field, which some programs prefer."""
    good = honest(data)
    field = struct.pack("<BL", 1, zlib.crc32(b"README.html")) + b"other.html"
    said = replace(good.central, extra=struct.pack("<2H", 0x7075, len(field)) + field)
    return replace(good, local=said, central=said)


def another_name_before(data):
    """The other name stands before the file alone, where programs that read from the front find it."""
    return replace(another_name(data), central=honest(data).central)


def another_name_in_the_directory(data):
    """The other name stands in the directory alone."""
    return replace(another_name(data), local=honest(data).local)


def never_ending(data):
    """Data that go on behind the end of the zip."""
    said = Said(zlib.crc32(data), 2**31, len(data))
    return Member(said, said, b"\0\xff\xff\0\0")


def false_descriptor(data):
    """What stands behind the data is of something else."""
    good = streamed(honest(data))
    return replace(good, behind=bytes(len(good.behind)))


def no_descriptor(data):
    """Nothing stands behind the data, though it says so."""
    return replace(streamed(honest(data)), behind=b"")


@pytest.fixture(scope="module")
def contents(tmp_path_factory, make_record):
    """The files of a package, by name."""
    from averment.core.organisation import EvidenceSettings, Organisation

    shop = Organisation(name="Shop", root=tmp_path_factory.mktemp("shop"), evidence=EvidenceSettings(origin="example.com/shop"))
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(number) for number in range(3)])
        made = write_package(shop, ledger, load_catalogue(), parse_period("2026Q4"), shop.root / "package").path
    return {path.relative_to(made).as_posix(): path.read_bytes() for path in sorted(made.rglob("*")) if path.is_file()}


def packed(contents, make: Callable[[bytes], Member], *, number=0, start: int | None = None):
    """The package as a zip whose page is as ``make`` makes it. Its end says so many more files, and that the directory begins at ``start``, if
    given: then the true place stands before it in eight bytes."""
    whole, directory = b"", b""
    for name, data in contents.items():
        member = (make if name == "README.html" else honest)(data)
        directory += member.central.central(name.encode(), len(whole))
        whole += member.local.local(name.encode()) + member.stored + member.behind
    count, place, length = len(contents) + number, len(whole), len(directory)
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, length, place)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, place + length, 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, length, place if start is None else start, 0)
    return whole + directory + (b"" if start is None else record + locator) + end


@pytest.mark.parametrize("make", [honest, lambda data: streamed(honest(data))], ids=["in place", "streamed"])
def test_a_zip_that_says_one_thing_is_taken(contents, tmp_path, make):
    """The means of these tests work."""
    (tmp_path / "p.zip").write_bytes(packed(contents, make))
    with opened(tmp_path / "p.zip") as folder:
        assert verify_package(folder).genuine


@pytest.mark.parametrize(
    "make",
    [
        another_inside,
        longer_than_said,
        longer_in_both,
        not_compressed,
        streamed_in_one_place,
        other_long_sizes,
        another_name,
        another_name_before,
        another_name_in_the_directory,
        false_descriptor,
        no_descriptor,
    ],
)
def test_a_zip_that_says_two_things_of_a_file_is_refused(contents, tmp_path, make):
    """Each was verified as genuine while a common program unpacked something else out of it, some without a word."""
    (tmp_path / "p.zip").write_bytes(packed(contents, make))
    with pytest.raises(BadInputError, match="says different things of one"), opened(tmp_path / "p.zip"):
        pass


def test_data_that_go_on_behind_the_zip_keep_nobody_waiting(tmp_path):
    """There is nothing more to read, and the data don't end. In a process, which can be ended."""
    (tmp_path / "p.zip").write_bytes(packed({"README.html": bytes(100_000)}, never_ending))
    code = "import sys; from averment.evidence.package.earlier import opened; opened(__import__('pathlib').Path(sys.argv[1])).__enter__()"
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "p.zip"], capture_output=True, text=True, check=False, timeout=60)
    assert "says different things of one" in done.stderr


def test_a_directory_that_is_counted_otherwise_is_refused(contents, tmp_path):
    """Programs that go by the number of files would unpack fewer."""
    (tmp_path / "p.zip").write_bytes(packed(contents, honest, number=-3))
    with pytest.raises(BadInputError, match="says different things of one"), opened(tmp_path / "p.zip"):
        pass


def test_what_follows_the_end_of_a_zip_is_not_taken_for_its_end(contents, tmp_path):
    """Where the end should stand, the same is said without its mark, behind the true one: programs differ in whether they go on looking."""
    made = packed(contents, honest)
    (tmp_path / "p.zip").write_bytes(made + bytes(4) + made[-18:])
    with pytest.raises(BadInputError, match="says different things of one"), opened(tmp_path / "p.zip"):
        pass


@pytest.mark.parametrize(("start", "taken"), [(0xFFFFFFFF, True), (0, False)])
def test_a_directory_of_which_two_places_are_named_is_refused(contents, tmp_path, start, taken):
    """Programs that don't look for the long form go by the short one, unless that says to look for it."""
    (tmp_path / "p.zip").write_bytes(packed(contents, honest, start=start))
    with nullcontext() if taken else pytest.raises(BadInputError, match="says different things of one"), opened(tmp_path / "p.zip"):
        pass


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda data: replace(honest(data), central=replace(honest(data).central, flags=1), local=replace(honest(data).local, flags=1)),
            "is encrypted",
        ),
        (lambda data: Member(*[replace(honest(data).local, method=12)] * 2, honest(data).stored), "method 12"),
    ],
    ids=["encrypted", "bzip2"],
)
def test_what_cannot_be_unpacked_is_said_in_words(contents, tmp_path, make, words):
    """With a password, or in a way that few programs know: the file is named, and nobody is accused."""
    (tmp_path / "p.zip").write_bytes(packed(contents, make))
    with pytest.raises(BadInputError, match=f"'README.html' is .*{words.removeprefix('is ')}"), opened(tmp_path / "p.zip"):
        pass
