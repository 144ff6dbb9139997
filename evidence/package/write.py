"""Writing a package. The same ledger, controls and period give the same bytes: no clock, no randomness, everything in order.

The moment of the report (``as_of``) is the latest ``collected_at`` in the ledger, so that exporting later doesn't change what
was known. The folder is written under a temporary name and appears whole.
"""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from averment import __version__
from averment.controls.model import Catalogue
from averment.core.errors import BadInputError, IncompleteError
from averment.core.extras import require
from averment.core.files import sync_disks
from averment.core.organisation import Organisation
from averment.core.period import Period, iso
from averment.core.progress import followed
from averment.core.signing.verification import public_pem
from averment.core.source import SourceRef
from averment.core.streamed_json import Items, Members, pieces
from averment.evidence.ledger.checkpoint import SignedCheckpoint
from averment.evidence.ledger.envelope import detached_digest, read_payload
from averment.evidence.ledger.log import Entry, Ledger
from averment.evidence.ledger.succession import ENDORSED_SUFFIX
from averment.evidence.ledger.timestamp import stamp_name, stamped_bytes
from averment.evidence.oscal.write import document_bytes, oscal_documents
from averment.evidence.package import layout, standalone
from averment.evidence.package.files import digest_of
from averment.evidence.package.folder import PackageFolder
from averment.evidence.package.guide import Example, verification_guide
from averment.evidence.package.readme import readme_html
from averment.evidence.plots.page import ClaimsPage
from averment.evidence.reporting.plain import plain
from averment.evidence.reporting.reading import Reading, Rows
from averment.evidence.reporting.report import Compared, PeriodReport, report_of
from averment.evidence.sinks.workbook import write_workbook


@dataclass(frozen=True)
class WrittenPackage:
    """A package on disk. ``entries`` are the ledger's; ``records`` those of the period that lie in the package.

    ``report`` is without the rows of its index and its samples: there may be one for each record, and they are in ``report.json``.
    """

    path: Path
    report: PeriodReport
    records: int
    entries: int
    files: int
    manifest_sha256: str


def write_package(
    organisation: Organisation, ledger: Ledger, catalogue: Catalogue, period: Period, output: Path, compared: Compared | None = None
) -> WrittenPackage:
    """Write the package of ``period`` into the new folder ``output``; an untouched package of ours that is there is replaced.
    Its changes are told from ``compared`` (``earlier.read_earlier``), or from the period before.

    The ledger is gone through once; what there is one of for each record (files, rows, digests) lies on disk, so that memory doesn't grow
    with their number.

    Raises:
        BadInputError: the ledger is empty, or ``output`` holds something else than a package of this log as it was written.
        VerificationError: the ledger doesn't verify.
        MissingExtraError: the workbook's library isn't installed.
        IncompleteError: the file system refused.
    """
    if ledger.checkpoint is None:
        raise BadInputError(
            "the ledger is empty: there is nothing to export", where=SourceRef(file=ledger.store.location), fix="averment collect"
        )
    require("xlsxwriter", extra="report", needed_for="the workbook")
    place = Path(os.path.realpath(output))  # behind a link: the link stays, and leads to the package
    try:
        _require_replaceable(place, ledger.origin)
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{place.name}.", dir=place.parent) as temporary:
            scratch = Path(temporary)
            folder, spooled = scratch / "package", scratch / "rows"
            spooled.mkdir()
            with (
                closing(PackageFolder(folder, scratch / "files.sqlite")) as files,
                closing(Rows.on_disk(spooled)) as rows,
            ):
                written = _write(organisation, ledger, catalogue, Reading(period, rows), files, output, compared)
                _put(folder, place, scratch / "replaced")
                return written
    except OSError as error:
        raise IncompleteError(
            f"the package could not be written: {error.strerror}", where=SourceRef(file=str(output)), fix="free space or fix permissions"
        ) from error


def _put(folder: Path, place: Path, aside: Path) -> None:
    """Let ``folder`` appear at ``place``. What is there goes ``aside``, and comes back if this one can't be put there."""
    sync_disks()  # a power cut could otherwise leave its name without its files, and the earlier package is gone by then
    if not place.exists():
        folder.rename(place)
        return
    place.rename(aside)
    try:
        folder.rename(place)
    except BaseException:
        aside.rename(place)
        raise


def _write(
    organisation: Organisation,
    ledger: Ledger,
    catalogue: Catalogue,
    reading: Reading,
    files: PackageFolder,
    output: Path,
    compared: Compared | None,
) -> WrittenPackage:
    """Every file of the package: what there is of each record as its entry goes by, then what is told of all of them, then the manifest."""
    checkpoint = ledger.checkpoint
    example: Example | None = None
    claims = ClaimsPage(layout.record_name("{id}"))
    for entry in followed(ledger.records(), "writing records", checkpoint.size if checkpoint is not None else None):
        if files.digest(layout.record_name(entry.record.id)) is not None:
            continue  # it stands in the log again, as only an intruder could make it: where it came first is its place
        if reading.add(entry):
            example = example or _example(ledger, entry)
            _add_record(ledger, entry, files, claims)
    if checkpoint is None or reading.latest is None:
        raise BadInputError(
            "the ledger is empty: there is nothing to export", where=SourceRef(file=ledger.store.location), fix="averment collect"
        )
    report = report_of(catalogue, organisation, reading, reading.latest, compared)
    records = len(report.evidence)
    files.stream(layout.REPORT, _report_text(report))
    files.make(layout.WORKBOOK, lambda path: write_workbook(report, path))
    files.add(layout.README, readme_html(report, checkpoint, ledger.keys, records).encode())
    vouching = dict(_vouching(ledger, checkpoint))
    key = ledger.signing_key or checkpoint.signed_by[0]
    files.add(layout.GUIDE, verification_guide(report, checkpoint, key, example, dated=layout.TIMESTAMP in vouching).encode())
    for name, data in _oscal(report, files, catalogue):
        files.add(name, data)
    files.add(layout.VERIFIER, Path(standalone.__file__).read_bytes())
    files.add(layout.CHECKPOINT, checkpoint.note)
    files.stream(layout.LEAVES, ledger.leaf_hashes())
    for key in ledger.keys:
        files.add(f"{layout.KEYS}{key.id.hex()}.pub.pem", public_pem(key.public_key))
        files.add(f"{layout.KEYS}{key.id.hex()}.vkey", f"{key}\n".encode())
    for name, data in (*vouching.items(), *claims.files()):
        files.add(name, data)
    files.stream(layout.MANIFEST, _manifest(report, checkpoint, files))
    manifest = files.digest(layout.MANIFEST) or ""
    files.add(layout.SIGNATURE, ledger.sign(layout.manifest_text(ledger.origin, report.period.label, manifest)))
    shown = dataclasses.replace(report, evidence=(), samples=())
    return WrittenPackage(output, shown, records, checkpoint.size, len(files), manifest)


def _example(ledger: Ledger, entry: Entry) -> Example | None:
    """``entry`` as the record that the guide takes for an example, if the key that signed it lies in the package."""
    named = {keyid for keyid, _ in read_payload(entry.envelope)[2]}
    key = next((key for key in ledger.keys if key.fingerprint in named), None)
    return None if key is None else Example(entry.record.id, key)


def _add_record(ledger: Ledger, entry: Entry, files: PackageFolder, claims: ClaimsPage) -> None:
    """The record's envelope, its proof, its payload where it lies beside the log, and the plots of a claim."""
    files.add(layout.record_name(entry.record.id), entry.envelope)
    files.add(layout.proof_name(entry.record.id), bytes(ledger.prove(entry.index)))
    digest = detached_digest(entry.envelope)
    if digest is not None:
        files.add(layout.payload_name(digest), ledger.blob(digest))
    for name, data in claims.add(entry.record):
        files.add(name, data)


def _report_text(report: PeriodReport) -> Iterator[bytes]:
    """``report.json``, a row at a time."""
    rows = ("evidence", "samples")
    members = {name: Items(map(plain, value)) if name in rows else plain(value) for name, value in report.members()}
    return (piece.encode() for piece in pieces(members))


def _vouching(ledger: Ledger, checkpoint: SignedCheckpoint) -> Iterator[tuple[str, bytes]]:
    """What others say about the keys and the checkpoint: endorsements of keys, witnesses' keys, the timestamp authority's token."""
    for name in ledger.store.list(layout.KEYS):
        if name.endswith(ENDORSED_SUFFIX):
            yield name, ledger.store.get(name).data
    for key in ledger.witnesses:
        yield f"{layout.WITNESSES}{key.id.hex()}.vkey", f"{key}\n".encode()
    token = stamp_name(stamped_bytes(checkpoint.note, ledger.origin))
    if ledger.store.exists(token):
        yield layout.TIMESTAMP, ledger.store.get(token).data


def _oscal(report: PeriodReport, files: PackageFolder, catalogue: Catalogue) -> Iterator[tuple[str, bytes]]:
    """The OSCAL documents, which name the file of each record that a state rests on, and its digest; none where no control is selected."""
    if not catalogue.controls:
        return
    named = {record for row in report.assessments for record in row.records} | {row.record for row in report.findings}
    digests = {record: files.digest(layout.record_name(record)) for record in named}
    places = {record: (f"../{layout.record_name(record)}", digest) for record, digest in digests.items() if digest is not None}
    for name, value in oscal_documents(report, catalogue, places).items():
        yield f"{layout.OSCAL}{name}", document_bytes(value)


def _manifest(report: PeriodReport, checkpoint: SignedCheckpoint, files: PackageFolder) -> Iterator[bytes]:
    """``MANIFEST.json``, a file at a time; it lists neither itself nor its signature, which are written after it."""
    value = {
        "schema": layout.SCHEMA,
        "organisation": report.organisation,
        "period": plain(report.period),
        "as_of": iso(report.as_of),
        "averment": __version__,
        "log": {"origin": checkpoint.checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()},
        "files": Members((name, {"sha256": digest, "size": size}) for name, digest, size in files),
    }
    return (piece.encode() for piece in pieces(value))


def _require_replaceable(output: Path, origin: str) -> None:
    """Refuse to replace anything but an earlier package of the log ``origin`` whose files are all of its own, as they were written: people fill
    in the workbook where it lies.

    Raises:
        BadInputError: it holds something else.
        OSError: the file system refused.
    """
    if not output.exists():
        return
    if output.is_dir() and not any(output.iterdir()):
        output.rmdir()
        return
    where, fix = SourceRef(file=str(output)), "choose another folder with --output, or remove this one"
    try:
        manifest = json.loads((output / layout.MANIFEST).read_bytes())
        ours = manifest["schema"] == layout.SCHEMA
        listed = {str(name): (said["size"], said["sha256"]) for name, said in manifest["files"].items()} if ours else {}
        whose = str(manifest["log"]["origin"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInputError("exists and is not an evidence package", where=where, fix=fix) from error
    there = {path.relative_to(output).as_posix(): path for path in output.rglob("*") if not path.is_dir()}
    strange = sorted(there.keys() - listed.keys() - {layout.MANIFEST, layout.SIGNATURE})
    if strange:
        raise BadInputError(f"exists and holds files that are not of its package, such as {strange[0]}", where=where, fix=fix)
    if whose != origin:
        raise BadInputError(f"exists and is a package of another log, {whose}", where=where, fix=fix)
    changed = next((name for name in sorted(there.keys() & listed.keys()) if _differs(there[name], listed[name])), None)
    if changed is not None:
        raise BadInputError(f"exists, and {changed} in it was changed since it was written", where=where, fix=fix)


def _differs(path: Path, said: tuple[int, str]) -> bool:
    """Whether the file at ``path`` is another one than its manifest ``said``, by size and digest."""
    return not path.is_file() or digest_of(path) != said
