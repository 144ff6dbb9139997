"""Verifying a package offline: everything is checked, and whatever is wrong is named with its file.

Steps, as they are shown:
  1. Keys: read the log's public keys; decide which are trusted: those handed over and those that they vouch for (key rotation),
     else the package's own.
  2. Manifest: ``MANIFEST.sig`` is a note that a trusted key of the log signed, over the digest of ``MANIFEST.json``, and the log and the period's name.
  3. Files: every file has the manifest's size and digest; none is missing, none was added, none is a link.
  4. Checkpoint: a trusted key of the log signed ``checkpoint.txt``; it has the size and root that the manifest says.
  5. Log: the hashes of all entries (``leaf-hashes.bin``) give the checkpoint's root.
  6. Records: each envelope is signed by a key of the log; statement, subject, id and payload agree; each is evidence for the period.
  7. Proofs: each record stands in the log where its stand-alone proof says.
  8. Report: ``report.json`` lists exactly these records, at these places, with these digests.
  9. History: the log begins with exactly what each earlier checkpoint that was handed over commits to.
 10. Witnesses: who cosigned the checkpoint, and when; those that were asked for must have.
 11. Time: the timestamp authority's token is over this checkpoint, and its signature leads to the certificate handed over.

A step that fails doesn't stop the others, so that one run names every file. What none of the steps can show is listed too.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from averment import __version__
from averment.core.canonical import sha256_hex
from averment.core.errors import AvermentError, BadInputError, VerificationError
from averment.core.period import Period, from_iso, iso, parse_period
from averment.core.source import SourceRef
from averment.core.words import counted
from averment.evidence.judging.assess import counts_in
from averment.evidence.ledger.checkpoint import Checkpoint, SignedCheckpoint, SignedNote, VerifierKey, open_checkpoint
from averment.evidence.ledger.envelope import open_entry, verify_envelope
from averment.evidence.ledger.merkle import HASH_SIZE, leaf_hash, tree_hash
from averment.evidence.ledger.proof import InclusionProof
from averment.evidence.package import layout, standalone
from averment.evidence.package.files import digest_of, inventory, names_in
from averment.evidence.package.keys import Keyed
from averment.evidence.record import Record
from averment.evidence.reporting.plain import plain
from averment.evidence.verification.coverage import OpenQuestions, Order
from averment.evidence.verification.steps import WITHOUT, Step, Verification
from averment.evidence.verification.vouching import Vouching, chosen_by, cosigners, dated, not_signed_by, own_key, signed_by_others

_LEFT_BY_LOOKING = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})


def verify_package(
    package: Path,
    keys: Sequence[Callable[[str], VerifierKey]] = (),
    earlier: Sequence[bytes] = (),
    vouching: Vouching | None = None,
) -> Verification:
    """Verify the folder ``package``. ``keys`` are the auditor's (``handed_over.read_key``), ``earlier`` the bytes of earlier checkpoints, ``vouching``
    what is asked of witnesses and of a timestamp.

    Raises:
        BadInputError: there is no package at all.
        MissingExtraError: a timestamp is to be checked, and the library isn't installed.
    """
    if not {layout.MANIFEST, layout.SIGNATURE} & {*names_in(package, "")}:
        raise BadInputError(
            "is not an evidence package: it has no manifest", where=SourceRef(file=str(package)), fix="name the package's folder"
        )
    return _Examination(package, keys, earlier, vouching or Vouching()).run()


class _Examination(Keyed):
    """One run of the steps; each method is one of them, but for the first, which is that of ``Keyed``."""

    def __init__(self, package: Path, keys: Sequence[Callable[[str], VerifierKey]], earlier: Sequence[bytes], vouching: Vouching) -> None:
        super().__init__(package, keys)
        self._earlier = earlier
        self._vouching = vouching
        self._unvouched: list[str] = []
        self._signed_by: tuple[VerifierKey, ...] = ()
        self._manifest: dict[str, Any] = {}
        self._checkpoint: SignedCheckpoint | None = None
        self._leaves: list[bytes] = []
        self._records: dict[str, tuple[int | None, str]] = {}
        self._questions: OpenQuestions | None = None
        self._collected: dict[str, datetime] = {}
        self._by_others: Counter[str] = Counter()

    def run(self) -> Verification:
        """Every step in turn."""
        plan: list[tuple[str, str, Callable[[], None]]] = [
            ("The keys of the log", layout.KEYS, self._keys),
            ("The manifest's signature", layout.MANIFEST, self._signature),
            ("Every file against the manifest", layout.MANIFEST, self._files),
            ("The log's signed checkpoint", layout.CHECKPOINT, self._head),
            ("The hashes of all entries give the checkpoint's root", layout.LEAVES, self._log),
            ("The records and their signatures", layout.RECORDS, self._envelopes),
            ("The records' places in the log", layout.PROOFS, self._proofs),
            ("The report lists these records", layout.REPORT, self._report),
        ]
        if self._earlier:
            plan.append(("The log has only grown since the earlier checkpoints", layout.CHECKPOINT, self._history))
        plan.append(("The witnesses of the checkpoint", layout.CHECKPOINT, self._witnesses))
        plan.append(("The timestamp on the checkpoint", layout.TIMESTAMP, self._time))
        steps = []
        for title, file, action in plan:
            self._step = Step(title)
            self._guard(file, action)
            steps.append(self._step)
        return Verification(steps, self._covered(), self._uncovered())

    # 2
    def _signature(self) -> None:
        manifest = self._read(layout.MANIFEST)
        self._guard(layout.MANIFEST, lambda: self._load_manifest(manifest))
        text = self._guard(layout.SIGNATURE, self._signed_text)
        if text is None:
            return
        expected = layout.manifest_text(text.split("\n")[1], text.split("\n")[2], sha256_hex(manifest))
        if text != expected:
            raise VerificationError("is not what was signed")
        said = layout.manifest_text(
            self._known_manifest()["log"]["origin"], self._known_manifest()["period"]["label"], sha256_hex(manifest)
        )
        self._require(text == said, "names another log or period than its signature")
        self._named(self._known_manifest()["period"])
        self._step.finding = f"{layout.MANIFEST} is what {text.split(chr(10))[1]} signed for {text.split(chr(10))[2]}"

    def _named(self, period: dict[str, str]) -> None:
        """Hold the days of ``period`` against its name. One of a program's own choice (``api.Period``) says nothing of them."""
        try:
            named = parse_period(period["label"])
        except BadInputError:
            days = f"the manifest alone says that it is {period['start']} up to {period['end']}"
            self._unvouched.append(f"Which days '{period['label']}' is: {days}.")
        else:
            self._require(plain(named) == period, "gives the period other days than its name says")

    def _load_manifest(self, data: bytes) -> None:
        value = json.loads(data)
        self._require(isinstance(value, dict) and value.get("schema") == layout.SCHEMA, "is no manifest of an evidence package")
        self._manifest = value

    def _signed_text(self) -> str:
        note = SignedNote.parse(self._read(layout.SIGNATURE))
        lines = note.text.split("\n")
        self._require(len(lines) == 5 and lines[0] == layout.SCHEMA, "is not the signature of an evidence package")
        self._require(bool(self._trusted), f"{WITHOUT} a key")
        self._signed_by = good = self._signers(note)
        # Witnesses don't sign manifests: a signature that can't be judged would be a place where bytes could change unseen.
        self._require(len(good) == len(note.signatures), "holds a signature of an unknown key")
        self._require(any(key.name == lines[1] for key in good), "is not signed by a key of its log")
        return note.text

    # 3
    def _files(self) -> None:
        listed: dict[str, Any] = self._manifest.get("files", {})
        beside = {layout.MANIFEST, layout.SIGNATURE}
        found, closed = inventory(self._package)
        for name, error in sorted(closed.items()):
            self._wrong(name, error.message)
        for name in sorted((listed.keys() | beside) - found.keys()):
            if not name.startswith(tuple(closed)):
                self._wrong(name, "is missing")
        for name, is_plain in sorted(found.items()):
            if not is_plain:
                self._wrong(name, "is not a plain file")
            elif name in listed:
                self._guard(name, lambda name=name: self._compare(name, listed[name]))  # type: ignore[misc]
            elif name not in beside and self._manifest:
                looked = "; a file manager leaves it where it shows a folder: remove it" if Path(name).name in _LEFT_BY_LOOKING else ""
                self._wrong(name, f"was added: the manifest doesn't list it{looked}")
        self._known_manifest()
        self._step.finding = f"{len(listed)} files"
        if layout.VERIFIER in listed and listed[layout.VERIFIER]["sha256"] != digest_of(Path(standalone.__file__))[1]:
            another = "" if self._manifest.get("averment") == __version__ else "; the package says to be of another"
            what = f"it is not the one that this version of Averment ({__version__}) puts there{another}. Read it before it is run."
            self._unvouched.append(f"What {layout.VERIFIER} in the package does: {what}")

    def _compare(self, name: str, expected: dict[str, Any]) -> None:
        size, digest = digest_of(self._package / name)
        self._require((size, digest) == (expected["size"], expected["sha256"]), "was changed: its size or digest is not the manifest's")

    # 4
    def _head(self) -> None:
        log = self._known_manifest()["log"]
        self._require(bool(self._trusted), f"{WITHOUT} a key")
        self._checkpoint = open_checkpoint(self._read(layout.CHECKPOINT), log["origin"], self._trusted)
        head = self._checkpoint.checkpoint
        self._require((head.size, head.root.hex()) == (log["size"], log["root"]), "is not the checkpoint that the manifest names")
        signers = ", ".join(f"{key.name} (key {key.id.hex()})" for key in self._checkpoint.signed_by)
        self._step.finding = f"{counted(head.size, 'entry')}, signed by {signers}"
        self._unvouched += not_signed_by(self._trusted[: len(self._given)], self._checkpoint, self._endorsements)
        if not self._given:
            with suppress(AvermentError, ValueError):  # nobody asked whether they are in order
                self._vouched_for(log["origin"])
        self._unvouched += chosen_by(self._signed_by, self._checkpoint, self._endorsements)

    # 5
    def _log(self) -> None:
        data, head = self._read(layout.LEAVES), self._known_head()
        self._require(len(data) == HASH_SIZE * head.size, f"holds {len(data)} bytes, not {HASH_SIZE} for each of {head.size} entries")
        leaves = [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]
        self._require(tree_hash(leaves) == head.root, "does not give the checkpoint's root")
        self._leaves = leaves
        self._step.finding = f"{head.size} hashes"

    # 6
    def _envelopes(self) -> None:
        names = sorted(name for name in self._known_manifest().get("files", {}) if name.startswith(layout.RECORDS))
        public_keys = [key.public_key for key in (*self._own, *self._trusted)]
        self._require(bool(public_keys), f"{WITHOUT} a key")
        times = self._times()
        self._questions = OpenQuestions(*times)
        for name in names:
            record: Record | None = self._guard(name, lambda name=name: self._envelope(name, public_keys))  # type: ignore[misc]
            if record is not None:  # of which only this is kept: there may be a hundred thousand
                if times and not counts_in(record, times[0]):
                    self._wrong(name, f"is evidence of {iso(record.effective_at)}, and not of the period")
                self._questions.add(record)
                self._collected[record.id] = record.collected_at
                self._records[record.id] = (None, record.digest)
        self._step.finding = f"{len(self._records)} of {len(names)} records"

    def _envelope(self, name: str, public_keys: Sequence[bytes]) -> Record:
        envelope = self._read(name)
        signed_by = verify_envelope(envelope, public_keys)
        self._by_others[sha256_hex(signed_by)] += all(key.public_key != signed_by for key in self._trusted)
        record = open_entry(envelope, lambda digest: self._read(layout.payload_name(digest)))
        self._require(name == layout.record_name(record.id), f"holds the record {record.id}")
        return record

    # 7
    def _proofs(self) -> None:
        for record_id, (_, digest) in self._records.items():
            index = self._guard(layout.proof_name(record_id), lambda record_id=record_id: self._proof(record_id))  # type: ignore[misc]
            self._records[record_id] = (index, digest)
        self._step.finding = f"{sum(1 for index, _ in self._records.values() if index is not None)} of {len(self._records)} proofs"

    def _proof(self, record_id: str) -> int:
        envelope = self._read(layout.record_name(record_id))
        proof = InclusionProof.parse(self._read(layout.proof_name(record_id)))
        self._require(bool(self._trusted), f"{WITHOUT} a key")
        checkpoint = proof.verify(envelope, self._known_manifest()["log"]["origin"], self._trusted)
        self._require(checkpoint.checkpoint == self._known_head(), "proves its place under another checkpoint")
        self._require(self._known_leaves()[proof.index] == leaf_hash(envelope), f"{layout.LEAVES} has another entry at {proof.index}")
        return proof.index

    # 8
    def _report(self) -> None:
        report = json.loads(self._read(layout.REPORT), object_hook=_only_what_is_compared)
        said = {row["record"]: (row["index"], row["sha256"]) for row in report["evidence"]}
        there = self._records
        unread = {key for key in said if {layout.RECORDS, layout.record_name(key), layout.proof_name(key)} & self._unread}
        unplaced = {
            key: (said[key][0], digest) for key, (index, digest) in there.items() if index is None and key in said
        }  # told at its proof
        placed = there | unplaced
        differing = sorted(key for key in said.keys() | there.keys() if said.get(key) != placed.get(key) and key not in unread)
        self._require(not differing, f"says otherwise of {len(differing)} records, such as {differing[:1]}")
        self._require(len(report["evidence"]) == len(said), "lists a record twice")
        self._require(report["period"] == self._known_manifest()["period"], "is of another period than the manifest")
        self._require(not unread or bool(differing), f"{WITHOUT} {counted(len(unread), 'record')}, which could not be read")
        self._step.finding = f"{len(said)} records"

    # 9
    def _history(self) -> None:
        origin, head = self._known_manifest()["log"]["origin"], self._known_head()
        sizes = []
        for data in self._earlier:
            try:
                old = open_checkpoint(data, origin, [*self._trusted, *self._own])
            except VerificationError as error:
                raise VerificationError(f"can't be compared with the earlier checkpoint: {error.message}") from error
            older = f"was rolled back, or the package is older than the checkpoint: that has {old.size} entries, and this log {head.size}"
            self._require(old.size <= head.size, older)
            self._require(
                tree_hash(self._known_leaves()[: old.size]) == old.root,
                f"is of a rewritten log: its first {old.size} entries are others than before",
            )
            sizes.append(str(old.size))
        self._step.finding = f"the first {', '.join(sizes)} of {head.size} entries are the same"

    # 10
    def _witnesses(self) -> None:
        found = names_in(self._package / layout.WITNESSES, ".vkey")
        own = [VerifierKey.parse(self._read(f"{layout.WITNESSES}{name}").decode("utf-8")) for name in found]
        note = self._read(layout.CHECKPOINT)
        self._known_head()
        self._step.finding, left_open = cosigners(note, self._vouching, own, (*self._trusted, *self._own))
        self._unvouched += left_open

    # 11
    def _time(self) -> None:
        if not (self._package / layout.TIMESTAMP).exists():
            self._step.finding, left_open = dated(None, b"", "", self._vouching)
        else:
            note, token = self._read(layout.CHECKPOINT), self._read(layout.TIMESTAMP)
            self._step.finding, left_open = dated(
                token, note, self._known_head().origin, self._vouching, max(self._collected.values(), default=None)
            )
        self._unvouched += left_open

    # What it adds up to.

    def _covered(self) -> list[str]:
        size = self._checkpoint.size if self._checkpoint else 0
        return [
            f"{counted(len(self._records), 'record')} of the period {'stands' if len(self._records) == 1 else 'stand'} in a log of {counted(size, 'entry')}, and nothing in the package was changed since it was signed.",
            *(["The log has only grown since the earlier checkpoint."] if self._earlier else []),
        ]

    def _uncovered(self) -> list[str]:
        lines = ["Unchanged is not complete: whether everything was collected that should have been, no signature can show."]
        if not self._given:
            lines.append(own_key("package", self._signed_by))
        if not self._earlier:
            lines.append("Whether the log was rewritten before: no earlier checkpoint was handed over (--checkpoint).")
        lines += self._unvouched + signed_by_others(self._by_others, "lie in the package")
        if self._checkpoint and (absent := self._checkpoint.size - len(self._records)) > 0:
            said = ("is", "its hash is: it") if absent == 1 else ("are", "their hashes are: they")
            lines.append(
                f"{counted(absent, 'entry')} of the log {said[0]} not in the package, only {said[1]} should be of other times than the period,"
                " but one that was left out looks the same. Whoever may read the ledger can tell."
            )
        lines.append("Whether the report, the workbook and the pages follow from the records: they are what the signer made of them.")
        order = Order()
        for _, name in sorted((index, name) for name, (index, _) in self._records.items() if index is not None):
            order.add(name, self._collected[name])
        return lines + order.sentences() + (self._questions.sentences() if self._questions else [])

    def _times(self) -> tuple[Period, datetime] | tuple[()]:
        """The period that the manifest names, and until when the log was known; nothing if it names none, which its own step has said."""
        value = self._manifest.get("period")
        try:
            period = Period(value["label"], from_iso(value["start"]), from_iso(value["end"])) if value else None
            return () if period is None else (period, from_iso(self._manifest["as_of"]))
        except (KeyError, TypeError, ValueError, BadInputError):
            return ()

    # Helpers.

    def _known_head(self) -> Checkpoint:
        if self._checkpoint is None:
            raise VerificationError(f"{WITHOUT} a genuine checkpoint")
        return self._checkpoint.checkpoint

    def _known_manifest(self) -> dict[str, Any]:
        if not self._manifest:
            raise VerificationError(f"{WITHOUT} {layout.MANIFEST}, which can't be read or is none")
        return self._manifest

    def _known_leaves(self) -> list[bytes]:
        if not self._leaves:
            raise VerificationError(f"{WITHOUT} {layout.LEAVES}, which can't be read or is wrong")
        return self._leaves


def _only_what_is_compared(value: dict[str, Any]) -> dict[str, Any]:
    """Of a row of the report's index the members that the records are held against; everything else as it is."""
    compared = ("record", "index", "sha256")
    return {name: value[name] for name in compared} if all(name in value for name in compared) else value
