"""Verifying a package or one record's proof, offline, as a function."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from averment.api.common import AnyPath, Conclusion, place, several
from averment.core.canonical import JSON
from averment.core.errors import BadInputError
from averment.core.source import SourceRef
from averment.evidence.ledger.checkpoint import VerifierKey
from averment.evidence.ledger.timestamp import read_certificates
from averment.evidence.ledger.witness import read_witness_key
from averment.evidence.package.files import read_file
from averment.evidence.package.handed_over import read_checkpoint, read_key
from averment.evidence.package.verify import verify_package
from averment.evidence.record import Record
from averment.evidence.verification.single import verify_proof
from averment.evidence.verification.steps import Problem, Verification, only_unread
from averment.evidence.verification.vouching import Vouching, different


@dataclass(frozen=True)
class VerifiedStep:
    """One step of a verification: its title, what it found, and the files that are wrong, each with the reason."""

    title: str
    finding: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Verified:
    """What a verification came to.

    ``covered`` says in sentences what was shown (nothing, if anything is wrong), ``uncovered`` what no step shows, such as who signed where no
    key was handed over: read it before relying on ``genuine``. ``record`` is what a genuine proof of one record carries.
    """

    steps: tuple[VerifiedStep, ...]
    covered: tuple[str, ...]
    uncovered: tuple[str, ...]
    record: Record | None = None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every file that is not what it should be."""
        return tuple(problem for step in self.steps for problem in step.problems)

    @property
    def genuine(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    @property
    def conclusion(self) -> Conclusion:
        """Clean if it is genuine; incomplete if all that is wrong is that files can't be read here, which accuses nobody; else findings."""
        if self.genuine:
            return Conclusion.CLEAN
        return Conclusion.INCOMPLETE if only_unread(self.problems) else Conclusion.FINDINGS

    def to_json(self) -> dict[str, JSON]:
        """As JSON data."""
        return {
            "genuine": self.genuine,
            "steps": [
                {"title": step.title, "finding": step.finding, "problems": [{"file": p.file, "reason": p.reason} for p in step.problems]}
                for step in self.steps
            ],
            "covered": list(self.covered),
            "not_covered": list(self.uncovered),
        }

    @classmethod
    def of(cls, result: Verification, record: Record | None = None) -> Verified:
        """What ``result`` came to, once it is complete."""
        steps = tuple(VerifiedStep(step.title, step.finding, tuple(step.problems)) for step in result.steps)
        return cls(steps, tuple(result.covered) if result.genuine else (), tuple(result.uncovered), record)


def verify(
    package: AnyPath,
    *,
    keys: Sequence[AnyPath] = (),
    checkpoints: Sequence[AnyPath] = (),
    witnesses: Sequence[AnyPath] = (),
    quorum: int | None = None,
    timestamp_certificates: Sequence[AnyPath] = (),
) -> Verified:
    """Verify the evidence package in the folder or zip ``package``, or the proof of one record in that file, without a network and without AWS.

    ``keys`` are files with the log's public keys (PEM or ``.vkey``) that the caller got by another way; a proof needs one. ``checkpoints`` are
    earlier ones of the same log, since which it may only have grown. ``witnesses`` are keys (``.vkey``) of which ``quorum`` (default: all) must
    have cosigned, ``timestamp_certificates`` roots (PEM) of the authority that must have dated the checkpoint.

    Raises:
        IncompleteError: a zip can't be unpacked here.
        BadInputError: there is no package and no proof, a file isn't what it should be, or the quorum can't be met.
        MissingExtraError: a timestamp is to be checked, which needs ``averment[timestamps]``.
    """
    path = Path(place("package", package))
    given = [read_key(Path(place("a key", item))) for item in several("keys", keys)]
    earlier = several("checkpoints", checkpoints)
    vouching = vouching_of(several("witnesses", witnesses), quorum, several("timestamp_certificates", timestamp_certificates))
    require_from_elsewhere(path, [*keys, *checkpoints, *witnesses, *timestamp_certificates])
    if not path.is_file() or zipfile.is_zipfile(path):
        from averment.evidence.package.earlier import opened

        with opened(path) if path.is_file() else nullcontext(path) as folder:
            return Verified.of(verify_package(folder, given, [read_checkpoint(Path(item)) for item in earlier], vouching))
    if checkpoints or timestamp_certificates:
        raise BadInputError("one record's proof can't show that", fix="use --checkpoint and --timestamp-certificate on a package")
    return Verified.of(*verify_proof(path, given, vouching))


def require_from_elsewhere(folder: Path, files: Sequence[AnyPath]) -> None:
    """Refuse to take a key, an earlier checkpoint or a certificate out of the very ``folder`` that it is to vouch for: whoever made that chose it.

    Raises:
        BadInputError: one of ``files`` lies in it, or leads there.
    """
    for file in files if folder.is_dir() else ():
        if Path(file).resolve().is_relative_to(folder.resolve()):
            raise BadInputError(
                "lies in what is to be verified by it, as what its author put there does",
                where=SourceRef(file=str(file)),
                fix="move it out of there if you got it by another way; else hand over none: then it is told whose word this is",
            )


def vouching_of(witnesses: Sequence[AnyPath], quorum: int | None, certificates: Sequence[AnyPath]) -> Vouching:
    """What is asked of third parties: files with witnesses' keys, how many of them, and files with an authority's certificates.

    Raises:
        BadInputError: a file isn't what it should be, or the quorum can't be met.
    """
    _require_reachable(quorum, len(witnesses))
    keys = list(dict.fromkeys(_witness(Path(path)) for path in witnesses))  # one that is handed over twice is one
    _require_reachable(quorum, different(keys))
    trusted = [certificate for path in certificates for certificate in read_certificates(Path(path))]
    return Vouching(keys, quorum, trusted)


def _require_reachable(quorum: int | None, number: int) -> None:
    if quorum is not None and not 1 <= quorum <= number:
        raise BadInputError(
            f"a quorum of {quorum} can't be met by {number} different witnesses", fix="hand over the witnesses' keys with --witness"
        )


def _witness(path: Path) -> VerifierKey:
    try:
        return read_witness_key(read_file(path).decode("utf-8-sig"))
    except (BadInputError, UnicodeDecodeError) as error:
        message = error.message if isinstance(error, BadInputError) else "is not text"
        raise BadInputError(message, where=SourceRef(file=str(path)), fix="hand over the witness's .vkey file (name+id+base64)") from error
