"""An earlier package as what the changes are told from: of another period than the one just before, or of another ledger altogether.

Nothing is taken from it before it verifies, offline, by keys that were handed over or that are this ledger's own. A package of this very
log must also be one that the log has only grown since. It is a folder, or a zip of one, which is unpacked within bounds.
"""

from __future__ import annotations

import json
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from averment.core.canonical import sha256_hex
from averment.core.errors import BadInputError, IncompleteError
from averment.core.period import Period, from_iso
from averment.core.showing import printable
from averment.core.source import SourceRef
from averment.evidence.judging.decisive import Decisive
from averment.evidence.ledger.checkpoint import SignedNote, VerifierKey, open_checkpoint
from averment.evidence.ledger.envelope import open_entry
from averment.evidence.ledger.log import Ledger
from averment.evidence.ledger.proof import InclusionProof
from averment.evidence.package import layout
from averment.evidence.package.files import MAX_FILE_BYTES, read_file
from averment.evidence.package.verify import verify_package
from averment.evidence.package.zip_bytes import says_one_thing
from averment.evidence.reporting.report import Compared, ComparedPackage

MAX_MEMBERS = 2_000_000
"""Files of a zipped package; one of a hundred thousand records has two hundred thousand."""

MAX_UNPACKED = 32 * 1024 * 1024 * 1024
"""Bytes that a zipped package may unpack to."""

Key = Callable[[str], VerifierKey]
_LONGEST_NAME = 255
"""Far more than any file of a package has with its folders, and no more than every file system takes."""
_MS_DOS_FOLDER = 0x10
_NO_NAME = frozenset("\\:\0")
"""What leads elsewhere on Windows, and what ends a name for some programs, also for Python, and not for others."""
_UNPACKED = "get the package anew, or unpack it yourself and name the folder"


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """The package's folder: ``path`` itself, or what is unpacked out of the zip ``path`` for as long as this lasts.

    Raises:
        BadInputError: it is neither, or a zip that isn't a package or holds what no package does (links, names that lead out of it).
        IncompleteError: it could not be unpacked here.
    """
    if path.is_dir():
        yield path
        return
    if not path.is_file():
        raise BadInputError("does not exist", where=SourceRef(str(path)), fix="name a package's folder, or a zip of one")
    try:
        with tempfile.TemporaryDirectory(prefix="averment-package-") as temporary:
            _unpack(path, Path(temporary))
            yield _root(Path(temporary), path)
    except OSError as error:
        raise IncompleteError(
            f"could not be unpacked: {error.strerror or error}", where=SourceRef(str(path)), fix="free space, or unpack it yourself"
        ) from error


def read_earlier(package: Path, ledger: Ledger, keys: Sequence[Key] = ()) -> Compared:
    """What the changes are told from, out of the package in the folder ``package``. ``keys`` are those of its log (``handed_over.read_key``);
    without any it must be of the log of ``ledger``, and this ledger's keys count. One of its name that they sign and this ledger's don't is another's.

    Raises:
        BadInputError: it is no package, or one of another log and no key of that log was handed over.
        VerificationError: it isn't genuine, or the log was rewritten since.
        IncompleteError: a file of it can't be read here.
    """
    where = SourceRef(file=str(package))
    origin = said_origin(package)
    own = origin == ledger.origin
    if not keys and not own:
        raise BadInputError(
            f"the earlier package is of the log {printable(origin)}, not of {ledger.origin}",
            where=where,
            fix="hand over that log's key: --compare-key FILE",
        )
    trusted = list(keys) or [lambda _, key=key: key for key in ledger.keys]  # type: ignore[misc]
    verify_package(package, trusted).require_genuine("the earlier package", where)
    data = read_file(package / layout.MANIFEST)
    manifest: dict[str, Any] = json.loads(data)
    note = read_file(package / layout.CHECKPOINT)
    namesake = own and bool(keys) and not _signed_by_ours(note, ledger)
    if own and not namesake:
        ledger.prove_extension(open_checkpoint(note, origin, ledger.keys).checkpoint)
    period = Period(manifest["period"]["label"], from_iso(manifest["period"]["start"]), from_iso(manifest["period"]["end"]))
    decisive = Decisive(period)
    for name in _in_order(package, manifest):
        envelope = read_file(package / layout.record_name(name))
        decisive.add(open_entry(envelope, lambda digest: read_file(package / layout.payload_name(digest))))
    shown = ComparedPackage(
        f"{origin} (another log of this name)" if namesake else origin,
        int(manifest["log"]["size"]),
        str(manifest["organisation"]),
        sha256_hex(data),
    )
    return Compared(period, from_iso(manifest["as_of"]), tuple(decisive), shown)


def _signed_by_ours(note: bytes, ledger: Ledger) -> bool:
    """Whether a key of ``ledger`` is among those that signed the checkpoint ``note``: two logs may bear one name, as the one that is set by default."""
    return not {signature.key_id for signature in SignedNote.parse(note).signatures}.isdisjoint(key.id for key in ledger.keys)


def said_origin(package: Path) -> str:
    """The log that the package says it is of; to be believed only once it verifies by that log's key.

    Raises:
        BadInputError: its manifest can't be read.
    """
    try:
        return str(json.loads(read_file(package / layout.MANIFEST))["log"]["origin"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInputError(
            "is not an evidence package: its manifest can't be read",
            where=SourceRef(str(package)),
            fix="name a package that averment export wrote",
        ) from error


def _in_order(package: Path, manifest: dict[str, Any]) -> list[str]:
    """The ids of the package's records in the order of their log, as their proofs have it."""
    suffix = layout.record_name("").removeprefix(layout.RECORDS)
    names = [name.removeprefix(layout.RECORDS).removesuffix(suffix) for name in manifest["files"] if name.startswith(layout.RECORDS)]
    return sorted(names, key=lambda name: InclusionProof.parse(read_file(package / layout.proof_name(name))).index)


def _unpack(path: Path, folder: Path) -> None:
    where = SourceRef(file=str(path))
    try:
        with path.open("rb") as handle, zipfile.ZipFile(handle) as archive:
            members = [member for member in archive.infolist() if not member.is_dir() or member.file_size]
            if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_UNPACKED:
                raise BadInputError(
                    f"unpacks to more than {MAX_UNPACKED:,} bytes or {MAX_MEMBERS:,} files, and was not read",
                    where=where,
                    fix="unpack it yourself, and name the folder",
                )
            if not says_one_thing(archive, handle):
                raise BadInputError(
                    "holds bytes that belong to none of its files, or says different things of one: another program may unpack something else",
                    where=where,
                    fix=_UNPACKED,
                )
            for member in members:
                target = folder / _safe(member, where)
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, target.open("xb") as copy:  # never more than the member states
                    shutil.copyfileobj(source, copy)
    except (FileExistsError, NotADirectoryError) as error:
        raise BadInputError("holds a file twice, or under the name of a folder", where=where, fix="get the package anew") from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, struct.error, zlib.error) as error:
        if not zipfile.is_zipfile(path):
            raise BadInputError(
                f"is neither a package's folder nor a zip of one: {printable(str(error))}", where=where, fix="name either"
            ) from error
        raise BadInputError(f"can't be unpacked: {printable(str(error))}", where=where, fix=_UNPACKED) from error


def _safe(member: zipfile.ZipInfo, where: SourceRef) -> PurePosixPath:
    name = PurePosixPath(member.filename)
    outside = name.is_absolute() or ".." in name.parts or bool(_NO_NAME & {*member.orig_filename})
    kind = stat.S_IFMT(member.external_attr >> 16)  # 0 where the program that packed it knows of no kinds
    folder = member.is_dir() or bool(member.external_attr & _MS_DOS_FOLDER)  # here one that holds bytes, or a file to some programs only
    strange = folder or kind not in (0, stat.S_IFREG) or len(member.filename) > _LONGEST_NAME
    if outside or strange or member.file_size > MAX_FILE_BYTES:
        raise BadInputError(f"holds '{printable(member.filename)}', which no package does", where=where, fix="get the package anew")
    return name


def _root(folder: Path, path: Path) -> Path:
    """Where the package lies in the unpacked zip: at its top, or in the only folder there.

    What lies beside that folder no manifest speaks of. What macOS puts there (the attributes of files, in files of their own) isn't shown to anybody.
    """
    beside = [item for item in sorted(folder.iterdir()) if not _is_macos(item)]
    for candidate in (folder, *beside):
        if (candidate / layout.MANIFEST).is_file():
            if candidate != folder and len(beside) > 1:
                other = next(item.name for item in beside if item != candidate)
                raise BadInputError(
                    f"holds '{printable(other)}' beside the package, of which nothing is signed", where=SourceRef(str(path)), fix=_UNPACKED
                )
            return candidate
    raise BadInputError(
        "is a zip of something else than a package: it has no manifest", where=SourceRef(str(path)), fix="zip the package's folder"
    )


def _is_macos(item: Path) -> bool:
    return item.name == "__MACOSX" and all(path.is_dir() or path.name.startswith("._") for path in item.rglob("*"))
