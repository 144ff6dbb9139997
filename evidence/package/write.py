"""Writing a package. The same ledger, controls and period give the same bytes: no clock, no randomness, everything in order.

The moment of the report (``as_of``) is the latest ``collected_at`` in the ledger, so that exporting later doesn't change what
was known. The folder is written under a temporary name and appears whole.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from averment import __version__
from averment.controls.model import Catalogue
from averment.core.canonical import canonical_json, sha256_hex
from averment.core.errors import BadInputError, IncompleteError
from averment.core.organisation import Organisation
from averment.core.period import Period, iso, period_before
from averment.core.signing.verification import public_pem
from averment.core.source import SourceRef
from averment.evidence.assess import counts_in
from averment.evidence.ledger.checkpoint import SignedCheckpoint
from averment.evidence.ledger.envelope import detached_digest
from averment.evidence.ledger.log import Entry, Ledger
from averment.evidence.ledger.rotation import ENDORSED_SUFFIX
from averment.evidence.ledger.timestamp import stamp_name, stamped_bytes
from averment.evidence.oscal.write import document_bytes, oscal_documents
from averment.evidence.package import layout, standalone
from averment.evidence.package.guide import verification_guide
from averment.evidence.package.readme import readme_html
from averment.evidence.plots.page import claim_files
from averment.evidence.report import PeriodReport, build_report
from averment.evidence.sinks.workbook import workbook_bytes


@dataclass(frozen=True)
class WrittenPackage:
    """A package on disk. ``entries`` are the ledger's; ``records`` those of the period that lie in the package."""

    path: Path
    report: PeriodReport
    records: int
    entries: int
    files: int
    manifest_sha256: str


def write_package(organisation: Organisation, ledger: Ledger, catalogue: Catalogue, period: Period, output: Path) -> WrittenPackage:
    """Write the package of ``period`` into the new folder ``output``; an untouched package of ours that is there is replaced.

    Raises:
        BadInputError: the ledger is empty, or ``output`` holds something else than a package of ours.
        VerificationError: the ledger doesn't verify.
        MissingExtraError: the workbook's library isn't installed.
        IncompleteError: the file system refused.
    """
    checkpoint = ledger.checkpoint
    if checkpoint is None:
        raise BadInputError(
            "the ledger is empty: there is nothing to export", where=SourceRef(file=ledger.store.location), fix="averment collect"
        )
    _require_replaceable(output)
    as_of, entries, earlier = _entries(ledger, period)
    report = build_report(catalogue, organisation, (*earlier, *entries), period, as_of)
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as temporary:
            folder = Path(temporary) / "package"
            writer = _Writer(folder)
            for name, data in _files(ledger, checkpoint, report, entries, catalogue):
                writer.add(name, data)
            manifest = _manifest(report, checkpoint, writer.files)
            writer.add(layout.MANIFEST, manifest)
            text = layout.manifest_text(ledger.origin, period.label, sha256_hex(manifest))
            writer.add(layout.SIGNATURE, ledger.sign(text))
            if output.exists():
                output.rename(Path(temporary) / "replaced")
            folder.rename(output)
    except OSError as error:
        raise IncompleteError(
            f"the package could not be written: {error.strerror}", where=SourceRef(file=str(output)), fix="free space or fix permissions"
        ) from error
    return WrittenPackage(output, report, len(entries), checkpoint.size, len(writer.files), sha256_hex(manifest))


def _entries(ledger: Ledger, period: Period) -> tuple[datetime, list[Entry], list[Entry]]:
    """The latest moment of collection in the whole ledger, the entries that are evidence for ``period``, and those that are evidence
    for the period before alone, which the changes are told from."""
    latest: datetime | None = None
    before = period_before(period)
    kept: list[Entry] = []
    earlier: list[Entry] = []
    for entry in ledger.records():
        collected = entry.record.collected_at
        latest = collected if latest is None or collected > latest else latest
        if counts_in(entry.record, period):
            kept.append(entry)
        elif counts_in(entry.record, before):
            earlier.append(entry)
    if latest is None:
        raise BadInputError("the ledger is empty: there is nothing to export", where=SourceRef(file=ledger.store.location))
    return latest, kept, earlier


def _files(
    ledger: Ledger, checkpoint: SignedCheckpoint, report: PeriodReport, entries: list[Entry], catalogue: Catalogue
) -> Iterator[tuple[str, bytes]]:
    """Every file of the package but the manifest and its signature."""
    yield layout.REPORT, json.dumps(report.to_json(), ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"
    yield layout.WORKBOOK, workbook_bytes(report)
    yield layout.README, readme_html(report, checkpoint, ledger.keys, len(entries)).encode()
    vouching = dict(_vouching(ledger, checkpoint))
    example = entries[0].record.id if entries else None
    yield layout.GUIDE, verification_guide(report, checkpoint, example, dated=layout.TIMESTAMP in vouching).encode()
    yield from _oscal(report, entries, catalogue)
    yield layout.VERIFIER, Path(standalone.__file__).read_bytes()
    yield layout.CHECKPOINT, checkpoint.note
    yield layout.LEAVES, b"".join(ledger.leaf_hashes())
    for key in ledger.keys:
        yield f"{layout.KEYS}{key.id.hex()}.pub.pem", public_pem(key.public_key)
        yield f"{layout.KEYS}{key.id.hex()}.vkey", f"{key}\n".encode()
    yield from vouching.items()
    yield from claim_files((entry.record for entry in entries), layout.record_name("{id}"))
    for entry in entries:
        yield layout.record_name(entry.record.id), entry.envelope
        yield layout.proof_name(entry.record.id), bytes(ledger.prove(entry.index))
        digest = detached_digest(entry.envelope)
        if digest is not None:
            yield layout.payload_name(digest), ledger.blob(digest)


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


def _oscal(report: PeriodReport, entries: list[Entry], catalogue: Catalogue) -> Iterator[tuple[str, bytes]]:
    """The OSCAL documents, which name each record's file and its digest; none where no control is selected."""
    if not catalogue.controls:
        return
    files = {entry.record.id: (f"../{layout.record_name(entry.record.id)}", sha256_hex(entry.envelope)) for entry in entries}
    for name, value in oscal_documents(report, catalogue, files).items():
        yield f"{layout.OSCAL}{name}", document_bytes(value)


def _manifest(report: PeriodReport, checkpoint: SignedCheckpoint, files: dict[str, tuple[str, int]]) -> bytes:
    value = {
        "schema": layout.SCHEMA,
        "organisation": report.organisation,
        "period": {"label": report.period.label, "start": iso(report.period.start), "end": iso(report.period.end)},
        "as_of": iso(report.as_of),
        "averment": __version__,
        "log": {"origin": checkpoint.checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()},
        "files": {name: {"sha256": digest, "size": size} for name, (digest, size) in sorted(files.items())},
    }
    return json.dumps(json.loads(canonical_json(value)), ensure_ascii=False, indent=1).encode() + b"\n"


class _Writer:
    """Writes files under a folder and remembers their digests. A file that comes twice with the same bytes is written once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.files: dict[str, tuple[str, int]] = {}
        folder.mkdir(mode=0o755)

    def add(self, name: str, data: bytes) -> None:
        if name in self.files:
            return  # a payload that two records share
        path = self._folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        self.files[name] = (sha256_hex(data), len(data))


def _require_replaceable(output: Path) -> None:
    """Refuse to replace anything but an earlier package whose files are all of its own."""
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        if output.exists():
            output.rmdir()
        return
    where, fix = SourceRef(file=str(output)), "choose another folder with --output, or remove this one"
    try:
        manifest = json.loads((output / layout.MANIFEST).read_bytes())
        listed = {*manifest["files"], layout.MANIFEST, layout.SIGNATURE} if manifest["schema"] == layout.SCHEMA else set()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInputError("exists and is not an evidence package", where=where, fix=fix) from error
    strange = sorted({path.relative_to(output).as_posix() for path in output.rglob("*") if not path.is_dir()} - listed)
    if strange:
        raise BadInputError(f"exists and holds files that are not of its package, such as {strange[0]}", where=where, fix=fix)
