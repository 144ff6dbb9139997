"""What third parties say about a checkpoint, and what an auditor asks of them: witnesses' cosignatures, a timestamp authority's token."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from averment.core.errors import MissingExtraError, VerificationError
from averment.core.period import iso
from averment.core.words import counted
from averment.evidence.ledger.checkpoint import SignedCheckpoint, SignedNote, VerifierKey
from averment.evidence.ledger.succession import endorsed
from averment.evidence.ledger.timestamp import stamped_bytes, verify_stamp
from averment.evidence.verification.steps import NOT_CHECKED, NOTHING

_CLOCKS_DIFFER = timedelta(hours=1)


@dataclass(frozen=True)
class Vouching:
    """What the auditor brings: the keys of ``witnesses``, of which ``quorum`` must have cosigned (None: all), and the ``certificates``
    that a timestamp authority's has to lead to. With certificates, a checkpoint without a token is a finding."""

    witnesses: Sequence[VerifierKey] = ()
    quorum: int | None = None
    certificates: Sequence[x509.Certificate] = ()


def own_key(what: str, signers: Sequence[VerifierKey]) -> str:
    """That the key comes from ``what`` is verified, with the fingerprint of whoever signed: of the keys that lie there, others may be anybody's."""
    told = ", ".join(dict.fromkeys(key.fingerprint for key in signers if not key.cosigner))
    compared = f"Its SHA-256 is {told}: compare it with the one that you got elsewhere, or use --key." if told else "Use --key."
    return f"Who signed: the key was taken from the {what} itself. {compared}"


def signed_by_others(counts: Mapping[str, int], where: str) -> list[str]:
    """What it leaves open that entries are signed by keys that were neither handed over nor vouched for: ``counts`` by a key's SHA-256."""
    others = [name for name, number in sorted(counts.items()) if number]
    if not others:
        return []
    why = f"their keys {where} and were not handed over, as those from before a change of keys"
    return [f"Who signed {counted(sum(counts.values()), 'entry')}: {why} (SHA-256 {', '.join(others)})."]


def not_signed_by(given: Sequence[VerifierKey], head: SignedCheckpoint, endorsements: Sequence[bytes] = ()) -> list[str]:
    """What it leaves open that the checkpoint ``head`` isn't signed with each key that was ``given``, nor with one that it vouched for in
    ``endorsements``: whoever holds one of several keys makes a checkpoint alone.

    Raises:
        VerificationError: an endorsement is malformed or wrong.
    """
    there, origin = {key.public_key for key in head.signed_by}, head.checkpoint.origin
    missing = [key for key in given if not there & {item.public_key for item in (key, *endorsed([key], endorsements, origin))}]
    if not missing:
        return []
    told = ", ".join(key.fingerprint for key in missing)
    why = "With one from before or after a change of keys it isn't; of keys that sign together, whoever holds one can make such a log alone"
    return [f"Whether all signers agree: the checkpoint isn't signed with each key that was handed over. {why} (missing: SHA-256 {told})."]


def chosen_by(signers: Sequence[VerifierKey], head: SignedCheckpoint, endorsements: Sequence[bytes] = ()) -> list[str]:
    """What it leaves open that a package's manifest, which ``signers`` signed, isn't signed with each key that signed the checkpoint ``head``: whoever
    holds one of them may leave out a record, or write another report, under a checkpoint of all. One that vouched in ``endorsements`` for a key that
    signed, as before a change of keys, has handed this over.

    Raises:
        VerificationError: an endorsement is malformed or wrong.
    """
    alone, origin = {key.fingerprint for key in signers}, head.checkpoint.origin
    left_out = [
        key
        for key in head.signed_by
        if not key.cosigner and alone.isdisjoint(item.fingerprint for item in endorsed([key], endorsements, origin))
    ]
    others = sorted({key.fingerprint for key in left_out} - alone)
    if not others or not alone:
        return []
    told = f"its manifest is signed with {', '.join(sorted(alone))} alone, its checkpoint also with {', '.join(others)} (SHA-256)"
    return [f"Who chose what is in the package, and says what it adds up to: {told}."]


def cosigners(note: bytes, asked: Vouching, own: Sequence[VerifierKey], log: Iterable[VerifierKey] = ()) -> tuple[str, list[str]]:
    """Who cosigned the checkpoint ``note``, in a sentence, and what that leaves open. ``own`` are keys that came with the evidence, ``log`` those that
    sign for the log: whoever holds one of these is no witness, under whatever name.

    Raises:
        VerificationError: a cosignature is wrong, or fewer of the witnesses asked for cosigned than must have.
    """
    signed = SignedNote.parse(note)
    partial = {key.public_key for key in log}
    found = {}
    for key in (*asked.witnesses, *own):
        for item in signed.signatures:
            if (item.name, item.key_id) == (key.name, key.id):
                if not key.cosigner or not key.verifies(signed.text, item):
                    raise VerificationError(f"the cosignature of {key.name} (key {key.id.hex()}) is wrong")
                if key.public_key not in partial:
                    found[key] = item.moment
    unknown = ", by a key that came with the evidence"
    said = [f"{key.name} at {iso(moment)}{unknown * (key not in asked.witnesses)}" for key, moment in found.items() if moment is not None]
    have = different(key for key in asked.witnesses if key in found)
    needed = different(asked.witnesses) if asked.quorum is None else asked.quorum
    if have < needed:
        absent = [key.name + ", whose key is the log's own" * (key.public_key in partial) for key in asked.witnesses if key not in found]
        missing = ", ".join(absent) or "no witness's key was handed over"
        raise VerificationError(f"was cosigned by {have} of the witnesses asked for, not by {needed} (missing: {missing})")
    left_open = []
    if not asked.witnesses:
        left_open.append(
            "Whether others were shown another history: "
            + (
                "the witnesses' keys came with the evidence and were not handed over (--witness)."
                if found
                else "no witness cosigned the checkpoint."
            )
        )
    return "; ".join(said) or NOTHING, left_open


def different(witnesses: Iterable[VerifierKey]) -> int:
    """How many witnesses these are: who holds one key under several names is one."""
    return len({key.public_key for key in witnesses})


def dated(token: bytes | None, note: bytes, origin: str, asked: Vouching, latest: datetime | None = None) -> tuple[str, list[str]]:
    """When the checkpoint ``note`` was dated by a third party, in a sentence, and what that leaves open. ``latest``: when the last of the records that
    it commits to says that it was collected, which can't have been afterwards.

    Raises:
        VerificationError: the token is wrong, or there is none although the auditor brought a certificate for it.
        MissingExtraError: the auditor asked for it, and the library isn't installed.
    """
    if token is None:
        if asked.certificates:
            raise VerificationError("is missing: no timestamp authority dated this checkpoint")
        return NOTHING, ["Times: they are those of the collecting machines; no third party's timestamp is on the checkpoint."]
    try:
        stamp = verify_stamp(token, stamped_bytes(note, origin), asked.certificates)
    except MissingExtraError as error:
        if asked.certificates:
            raise
        return NOT_CHECKED, [f"Times: the timestamp on the checkpoint was not checked ({error.message}; {error.fix})."]
    ahead = []
    if latest is not None and latest - stamp.moment > _CLOCKS_DIFFER:
        ahead.append(
            f"Times: the checkpoint was dated {iso(stamp.moment)}, and a record under it says that it was collected {iso(latest)}: by a clock that was wrong, or not then."
        )
    if not stamp.trusted:
        return f"{iso(stamp.moment)}, as it says itself", [
            "Times: the timestamp is over this checkpoint, but whose it is was not checked (--timestamp-certificate).",
            *ahead,
        ]
    return f"{iso(stamp.moment)} by {stamp.authority}", [
        f"Times: the checkpoint existed at {iso(stamp.moment)}; the times within the records are those of the collecting machines.",
        *ahead,
    ]
