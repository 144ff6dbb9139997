"""What an entry of the ledger is: a DSSE envelope over an in-toto Statement v1 about one record.

The statement's subject is the record: its id, and the SHA-256 of its canonical JSON (RFC 8785). The predicate holds the
record itself. A bundle's entry has at most 65,535 bytes (C2SP tlog-tiles), so the payload of a large record lies beside the
log as a blob named by its SHA-256, and the predicate holds the rest of the record and that digest.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from averment.core.canonical import canonical_json, parse_canonical, sha256_hex
from averment.core.errors import BadInputError, VerificationError
from averment.core.signing.interface import Signer
from averment.core.signing.verification import algorithm_of, verify_signature
from averment.evidence.ledger.tiles import MAX_ENTRY_BYTES
from averment.evidence.record import NEWER, Record, UnknownKindError

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:averment:predicate:record:v1"

MAX_INLINE_BYTES = 32 * 1024
"""Records whose canonical JSON is longer have their payload detached; base64 and the frame fit on top of this."""

Blobs = Callable[[str], bytes]
"""Finds a blob by the SHA-256 of its bytes (hexadecimal)."""


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """The bytes that a DSSE signature is over: ``DSSEv1 SP LEN(type) SP type SP LEN(body) SP body``."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True)
class Sealed:
    """A record as it goes into the ledger: the entry's bytes and, for a large record, the blob with its payload."""

    entry: bytes
    blob: bytes | None = None


def seal(record: Record, signer: Signer) -> Sealed:
    """Make the signed envelope of ``record``.

    Raises:
        BadInputError: the record holds what JSON can't carry, or is too large even without its payload.
        IncompleteError: the key could not sign.
    """
    try:
        value = record.to_json()
        whole = canonical_json(value)
    except ValueError as error:
        raise BadInputError(
            f"the {record.kind} record of {record.collector} is not JSON: {error}", fix="a collector of your own must give plain JSON data"
        ) from error
    predicate: dict[str, Any] = {"record": value}
    blob = None
    if len(whole) > MAX_INLINE_BYTES:
        blob = canonical_json(value["payload"])
        rest = {key: item for key, item in value.items() if key != "payload"}
        predicate = {"record": rest, "payload": {"sha256": sha256_hex(blob), "size": len(blob)}}
    entry = sign_envelope(PAYLOAD_TYPE, _statement(predicate, record.id, sha256_hex(whole)), signer)
    if len(entry) > MAX_ENTRY_BYTES:
        raise BadInputError(
            f"the {record.kind} record of {record.collector} has {len(entry):,} bytes beside its payload, of which an entry can hold {MAX_ENTRY_BYTES:,}",
            fix="move what is long from the query into the payload",
        )
    return Sealed(entry, blob)


def _statement(predicate: Mapping[str, Any], name: str, digest: str) -> bytes:
    """The statement about the record ``name`` with this SHA-256 (hexadecimal)."""
    subject = [{"name": name, "digest": {"sha256": digest}}]
    return canonical_json({"_type": STATEMENT_TYPE, "subject": subject, "predicateType": PREDICATE_TYPE, "predicate": predicate})


_BEFORE, _BEHIND = _statement({"record": {}}, "%b", "%b").split(b"{}")
"""What stands before a record in its statement and, with its digest and its id, behind it."""


def sign_envelope(payload_type: str, payload: bytes, signer: Signer) -> bytes:
    """A DSSE envelope with one signature, as canonical JSON. The key id is the SHA-256 of the DER public key."""
    signature = signer.sign(pre_authentication_encoding(payload_type, payload))
    return canonical_json(
        {
            "payloadType": payload_type,
            "payload": base64.b64encode(payload).decode(),
            "signatures": [{"keyid": sha256_hex(signer.public_key()), "sig": base64.b64encode(signature).decode()}],
        }
    )


def read_payload(envelope: bytes) -> tuple[str, bytes, list[tuple[str | None, bytes]]]:
    """Type, payload and signatures (key id, bytes) of a DSSE envelope; nothing is verified.

    Both base64 alphabets and a missing key id are accepted, as DSSE asks.

    Raises:
        VerificationError: not an envelope.
    """
    try:
        value = json.loads(envelope)
        signatures = [(item.get("keyid"), _base64(item["sig"])) for item in value["signatures"]]
        return str(value["payloadType"]), _base64(value["payload"]), signatures
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise VerificationError("this is not a DSSE envelope") from error


def verify_envelope(envelope: bytes, public_keys: Sequence[bytes]) -> bytes:
    """The public key (DER) among ``public_keys`` that signed ``envelope``.

    Raises:
        VerificationError: none of them did.
    """
    payload_type, payload, signatures = read_payload(envelope)
    message = pre_authentication_encoding(payload_type, payload)
    for keyid, signature in signatures:
        for key in public_keys:
            if keyid in (None, "", sha256_hex(key)) and verify_signature(algorithm_of(key), key, message, signature):
                return key
    raise VerificationError("the envelope's signature is not one of a known key")


def open_entry(entry: bytes, blobs: Blobs) -> Record:
    """The record in ``entry``; signatures are another matter (``verify_envelope``).

    Steps: 1. the envelope holds an in-toto statement with our predicate; 2. a detached payload has the digest that the
    statement gives; 3. the record's id follows from its content; 4. the subject names this record and its digest; 5. statement and payload are the
    canonical bytes of that record and nothing else, so that who opens them with another program reads nothing that no digest covers.

    Raises:
        VerificationError: one of the steps failed.
    """
    payload_type, payload, _ = read_payload(entry)
    try:
        statement = parse_canonical(payload)
        known = (payload_type, statement["_type"], statement["predicateType"]) == (PAYLOAD_TYPE, STATEMENT_TYPE, PREDICATE_TYPE)
        predicate, subject = statement["predicate"], statement["subject"]
        value = dict(predicate["record"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise VerificationError("the envelope holds no statement about a record") from error
    if not known:  # 1
        raise VerificationError("the envelope holds a statement of another type")
    blob = None
    if "payload" in predicate:  # 2
        blob, value["payload"] = _detached(predicate["payload"], blobs)
    try:
        record = Record.from_json(value)  # 3
    except UnknownKindError as error:
        raise VerificationError(f"{NEWER} {error}") from error
    except ValueError as error:
        raise VerificationError(f"the statement's record is not what it says: {error}") from error
    expected = [{"name": record.id, "digest": {"sha256": record.digest}}]
    if subject != expected or value.get("id") != record.id:  # 4
        raise VerificationError(f"the statement's subject is not the record {record.id}")
    if not _is_as_sealed(payload, record, blob):  # 5
        raise VerificationError(f"the statement says more than the record {record.id}, or something of it twice")
    return record


def _is_as_sealed(statement: bytes, record: Record, blob: bytes | None) -> bool:
    """Whether ``statement``, with ``blob`` for a detached payload, has the bytes that ``seal`` writes of ``record``. What is long is hashed and not
    written anew: this is asked of each entry that is read."""
    if blob is None:
        behind = _BEHIND % (record.digest.encode(), record.id.encode())
        whole = statement[len(_BEFORE) : -len(behind)]
        return statement.startswith(_BEFORE) and statement.endswith(behind) and sha256_hex(whole) == record.digest
    rest = {key: item for key, item in record.to_json().items() if key != "payload"}
    before, behind = (canonical_json({key: item for key, item in rest.items() if (key < "payload") is first}) for first in (True, False))
    whole = b'%b,"payload":%b,%b' % (before[:-1], blob, behind[1:])
    predicate = {"record": rest, "payload": {"sha256": sha256_hex(blob), "size": len(blob)}}
    return statement == _statement(predicate, record.id, record.digest) and sha256_hex(whole) == record.digest


def detached_digest(entry: bytes) -> str | None:
    """The SHA-256 of the blob that holds the payload of ``entry``, if it is detached.

    Raises:
        VerificationError: not an envelope over a statement.
    """
    try:
        reference = json.loads(read_payload(entry)[1])["predicate"].get("payload")
        return None if reference is None else str(reference["sha256"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise VerificationError("the envelope holds no statement about a record") from error


def _detached(reference: Mapping[str, Any], blobs: Blobs) -> tuple[bytes, Any]:
    """A payload that lies beside the log: its bytes, and its value."""
    try:
        digest, size = str(reference["sha256"]), int(reference["size"])
    except (KeyError, TypeError, ValueError) as error:
        raise VerificationError("the statement's reference to its payload is malformed") from error
    data = blobs(digest)
    if len(data) != size or sha256_hex(data) != digest:
        raise VerificationError(f"the payload {digest} was changed")
    try:
        return data, parse_canonical(data)
    except (ValueError, RecursionError) as error:
        raise VerificationError(f"the payload {digest} is not JSON") from error


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
