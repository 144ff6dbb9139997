"""Signed notes (C2SP signed-note) and the checkpoints of a log that they carry (C2SP tlog-checkpoint).

Signature types: 0x01 Ed25519, 0x02 ECDSA P-256 over SHA-256 (KMS), 0x04 a witness's dated Ed25519 cosignature of a checkpoint
(C2SP tlog-cosignature). A note may carry several signatures, of the log and of witnesses; those of unknown keys are ignored, a
known key whose signature is wrong condemns the note.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from averment.core.errors import BadInputError, VerificationError
from averment.core.signing.interface import Algorithm, Signer
from averment.core.signing.verification import algorithm_of, load_public_key, verify_signature
from averment.evidence.ledger.merkle import HASH_SIZE

MAX_NOTE_BYTES = 256 * 1024
MAX_SIGNATURES = 64
_ED25519, _ECDSA, _COSIGNATURE = 0x01, 0x02, 0x04
_ID_SIZE = 4
_TIME_SIZE = 8
_LAST_MOMENT = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())
_SIGNATURE_LINE = re.compile("— ([^\\s+]+) ([A-Za-z0-9+/]+={0,2})")
_NAME = re.compile(r"[^\s+\x00-\x1f\ud800-\udfff]+")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True)
class VerifierKey:
    """A public key under a name, as a verifier of notes knows it. ``cosigner``: it is a witness's, and signs checkpoints with the time."""

    name: str
    public_key: bytes  # DER SubjectPublicKeyInfo
    cosigner: bool = False

    @property
    def algorithm(self) -> Algorithm:
        """What its signatures are made with."""
        return algorithm_of(self.public_key)

    @property
    def encoded(self) -> bytes:
        """The type byte and the key, as they stand in a verifier key string: 32 bytes for Ed25519, DER for ECDSA."""
        key = load_public_key(self.public_key)
        if isinstance(key, ed25519.Ed25519PublicKey):
            kind = _COSIGNATURE if self.cosigner else _ED25519
            return bytes([kind]) + key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return bytes([_ECDSA]) + self.public_key

    @property
    def id(self) -> bytes:
        """The four bytes that stand before a signature: by name, type and key for Ed25519, by the DER alone for ECDSA."""
        if self.algorithm is Algorithm.ED25519:
            return hashlib.sha256(self.name.encode() + b"\n" + self.encoded).digest()[:_ID_SIZE]
        return hashlib.sha256(self.public_key).digest()[:_ID_SIZE]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the DER public key, hexadecimal: what people compare out of band."""
        return hashlib.sha256(self.public_key).hexdigest()

    def __str__(self) -> str:
        """The verifier key string: name, id and key, joined by ``+``."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(self.encoded).decode()}"

    def verifies(self, text: str, signature: NoteSignature) -> bool:
        """Whether ``signature`` is one of the note ``text`` by this key."""
        message, proper = text.encode(), signature.signature
        if self.cosigner:
            moment = signature.moment
            if moment is None:
                return False
            message, proper = cosigned_message(text, moment), proper[_TIME_SIZE:]
        return verify_signature(self.algorithm, self.public_key, message, proper)

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """The inverse of ``str``.

        Raises:
            BadInputError: malformed, of an unknown type, or with an id that isn't the key's.
        """
        try:
            name, identifier, encoded = text.strip(" \t\r\n").split("+", 2)
            raw = base64.b64decode(encoded, validate=True)
            if base64.b64encode(raw).decode() != encoded:
                raise ValueError("unused bits of the base64 are set")
            kind, body = raw[0], raw[1:]
            if kind in (_ED25519, _COSIGNATURE):
                body = ed25519.Ed25519PublicKey.from_public_bytes(body).public_bytes(
                    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
                )
            elif kind != _ECDSA:
                raise BadInputError(
                    f"a verifier key of the unknown type {kind:#04x}", fix="ask its owner for an Ed25519 or ECDSA P-256 key string"
                )
        except (ValueError, IndexError) as error:
            raise BadInputError("this is not a verifier key", fix="it has the form name+id+base64") from error
        key = cls(name, body, kind == _COSIGNATURE)
        if key.id.hex() != identifier:
            raise BadInputError(
                f"the verifier key of {name} has the id {identifier}, but its key gives {key.id.hex()}",
                fix="copy the whole key string anew from its owner",
            )
        return key


@dataclass(frozen=True)
class NoteSignature:
    """One signature line: who, with which key, and the signature proper."""

    name: str
    key_id: bytes
    signature: bytes

    @property
    def moment(self) -> datetime | None:
        """When a witness says that it cosigned; None if this can't be a cosignature. Meaningless for other types of signature."""
        seconds = int.from_bytes(self.signature[:_TIME_SIZE], "big")
        if len(self.signature) <= _TIME_SIZE or seconds > _LAST_MOMENT:
            return None
        return datetime.fromtimestamp(seconds, UTC)

    def __str__(self) -> str:
        return f"— {self.name} {base64.b64encode(self.key_id + self.signature).decode()}"


@dataclass(frozen=True)
class SignedNote:
    """A text with signatures; worth nothing until ``verify`` returned."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def __bytes__(self) -> bytes:
        return (self.text + "\n" + "".join(f"{signature}\n" for signature in self.signatures)).encode()

    @classmethod
    def parse(cls, data: bytes) -> SignedNote:
        """Read a note.

        Raises:
            VerificationError: not a signed note, or of an unreasonable size.
        """
        if len(data) > MAX_NOTE_BYTES:
            raise VerificationError("the note is too large")
        try:
            note = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise VerificationError("the note is not UTF-8") from error
        if note.startswith("\ufeff"):
            raise VerificationError(
                "the note begins with a byte order mark, as saving it as text may put there: get it anew, byte for byte"
            )
        if "\r\n" in note:
            raise VerificationError("the note's ends of lines were changed, as copying it as text does: get it anew, byte for byte")
        if any(character < " " and character != "\n" for character in note):
            raise VerificationError("the note holds control characters")
        text, separator, tail = note.rpartition("\n\n")
        lines = tail.split("\n")
        if not separator or lines.pop() != "" or not 1 <= len(lines) <= MAX_SIGNATURES:
            raise VerificationError("this is not a signed note")
        return cls(text + "\n", tuple(_signature(line) for line in lines))

    def verify(self, keys: Iterable[VerifierKey]) -> tuple[VerifierKey, ...]:
        """The known keys that signed this note, at least one.

        Raises:
            VerificationError: no known key signed it, or a known key's signature is wrong.
        """
        known = {(key.name, key.id): key for key in keys}
        good: list[VerifierKey] = []
        for signature in self.signatures:
            key = known.get((signature.name, signature.key_id))
            if key is None:
                continue
            if not key.verifies(self.text, signature):
                raise VerificationError(f"the signature of {key.name} (key {key.id.hex()}) is wrong")
            good.append(key)
        if not good:
            signers = ", ".join(sorted({f"{s.name} (key {s.key_id.hex()})" for s in self.signatures}))
            raise VerificationError(f"is signed by {signers} only, none of which is a known key")
        return tuple(good)


def _signature(line: str) -> NoteSignature:
    match = _SIGNATURE_LINE.fullmatch(line)
    try:
        raw = base64.b64decode(match[2], validate=True) if match else b""
    except binascii.Error:
        raw = b""
    # Re-encoding refuses unused bits that are set: two different notes must not carry one signature.
    if match is None or len(raw) <= _ID_SIZE or base64.b64encode(raw).decode() != match[2]:
        raise VerificationError("a signature line of the note is malformed")
    return NoteSignature(match[1], raw[:_ID_SIZE], raw[_ID_SIZE:])


def is_key_name(name: str) -> bool:
    """Whether ``name`` can stand before a signature (C2SP signed-note): not empty, no space, no plus, and none of the control characters
    that would make the note one that nobody can read."""
    return _NAME.fullmatch(name) is not None


def cosigned_message(text: str, moment: datetime) -> bytes:
    """What a witness signs (C2SP tlog-cosignature, Ed25519): a header, the time in seconds, and the checkpoint's text."""
    return f"cosignature/v1\ntime {int(moment.timestamp())}\n{text}".encode()


def cosign(text: str, name: str, signer: Signer, moment: datetime) -> NoteSignature:
    """The witness ``name`` signs the checkpoint ``text``, saying that it saw it at ``moment``.

    Raises:
        BadInputError: the key is not Ed25519, which this type of signature is made with.
        IncompleteError: the key could not sign.
    """
    if signer.algorithm is not Algorithm.ED25519:
        raise BadInputError(f"{signer.key_name} is no Ed25519 key", fix="witnesses sign with Ed25519: openssl genpkey -algorithm ed25519")
    key = VerifierKey(name, signer.public_key(), cosigner=True)
    seconds = int(moment.timestamp()).to_bytes(_TIME_SIZE, "big")
    return NoteSignature(name, key.id, seconds + signer.sign(cosigned_message(text, moment)))


def sign_note(text: str, signers: Sequence[tuple[str, Signer]]) -> SignedNote:
    """``text`` signed by each of ``signers``, a name and a key.

    Raises:
        ValueError: the text doesn't end in a newline, or a name holds a space or a plus.
        IncompleteError: a key could not sign.
    """
    if not text.endswith("\n"):
        raise ValueError("a note's text ends in a newline")
    if not all(is_key_name(name) for name, _ in signers):
        raise ValueError("a key name holds neither spaces nor plus signs")
    return SignedNote(
        text, tuple(NoteSignature(name, VerifierKey(name, signer.public_key()).id, signer.sign(text.encode())) for name, signer in signers)
    )


@dataclass(frozen=True)
class Checkpoint:
    """The head of a log: whose log, how many entries, and the root of its tree."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The text that gets signed."""
        return "\n".join([self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions]) + "\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read a note's text as a checkpoint.

        Raises:
            VerificationError: it isn't one.
        """
        lines = text.split("\n")
        if lines[-1] == "" and len(lines) > 3 and all(lines[:-1]) and _SIZE.fullmatch(lines[1]):
            try:
                root = base64.b64decode(lines[2], validate=True)
            except binascii.Error as error:
                raise VerificationError("the checkpoint's root is not base64") from error
            if len(root) == HASH_SIZE and base64.b64encode(root).decode() == lines[2]:
                return cls(lines[0], int(lines[1]), root, tuple(lines[3:-1]))
        raise VerificationError("this is not a checkpoint")


@dataclass(frozen=True)
class SignedCheckpoint:
    """A checkpoint with the bytes that were signed and stored, and the known keys that signed it."""

    checkpoint: Checkpoint
    note: bytes
    signed_by: tuple[VerifierKey, ...]

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.checkpoint.size

    @property
    def root(self) -> bytes:
        """The root of the tree."""
        return self.checkpoint.root


def open_checkpoint(data: bytes, origin: str | None, keys: Iterable[VerifierKey]) -> SignedCheckpoint:
    """Parse and verify a checkpoint.

    Steps: 1. the note parses; 2. a known key signed it, no known key's signature is wrong; 3. the text is a checkpoint;
    4. it is of ``origin`` (None: of any), and a key of that name signed it (witnesses alone don't make a checkpoint).

    Raises:
        VerificationError: one of the steps failed.
    """
    note = SignedNote.parse(data)  # 1
    signed_by = note.verify(keys)  # 2
    checkpoint = Checkpoint.parse(note.text)  # 3
    if origin is not None and checkpoint.origin != origin:  # 4
        raise VerificationError(f"the checkpoint is of the log {checkpoint.origin}, not of {origin}")
    if not any(key.name == checkpoint.origin and not key.cosigner for key in signed_by):
        raise VerificationError(f"no key of the log {checkpoint.origin} signed its checkpoint")
    return SignedCheckpoint(checkpoint, data, signed_by)
