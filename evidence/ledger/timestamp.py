"""Dating a checkpoint by a third party: tokens of a timestamp authority (RFC 3161), through the package ``rfc3161-client``.

The token is over the checkpoint as the log signed it: its text and the log's own signatures, without witnesses' cosignatures, which
may be added later. So it dates the tree and the log's signature: what was signed with a key before the key was lost stays good.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from averment.core.errors import BadInputError, IncompleteError, VerificationError
from averment.core.extras import require
from averment.core.files import read_bounded
from averment.core.http import named, post
from averment.core.signing.certificates import certificates_in
from averment.core.source import SourceRef
from averment.evidence.ledger.checkpoint import SignedNote

_OK = 200
_SHA256 = "2.16.840.1.101.3.4.2.1"
_MAX_CERTIFICATES_BYTES = 1024 * 1024
_MAX_TOKEN_BYTES = 256 * 1024
_REASON = re.compile(r'Verify error: ([^"]+)')


@dataclass(frozen=True)
class Stamp:
    """What a token says: when, and under which name. ``trusted``: its signature was checked against a certificate handed over."""

    moment: datetime
    authority: str
    trusted: bool


def stamped_bytes(note: bytes, origin: str) -> bytes:
    """What is dated of the checkpoint ``note``: its text and the signatures in the name ``origin``, in their order.

    Raises:
        VerificationError: not a signed note.
    """
    signed = SignedNote.parse(note)
    return bytes(SignedNote(signed.text, tuple(item for item in signed.signatures if item.name == origin)))


def stamp_name(stamped: bytes) -> str:
    """Where the token over these bytes lies in a ledger's store."""
    return f"timestamps/{hashlib.sha256(stamped).hexdigest()}.tsr"


def read_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """The certificates of authorities in a PEM file.

    Raises:
        BadInputError: there is none in it, or one that begins and can't be read.
    """
    try:
        found = certificates_in(read_bounded(path, limit=_MAX_CERTIFICATES_BYTES))
    except ValueError as error:
        raise BadInputError(
            f"holds no certificates in PEM, or not all of them can be read ({error})",
            where=SourceRef(file=str(path)),
            fix="hand over the file with BEGIN CERTIFICATE, whole",
        ) from error
    return tuple(found)


def request_stamp(url: str, message: bytes, trusted: Sequence[x509.Certificate] = ()) -> bytes:
    """A token over ``message`` from the authority at ``url``, verified before it is returned (DER, TimeStampResp).

    Raises:
        MissingExtraError: the library isn't installed.
        IncompleteError: the authority is out of reach, or refuses.
        VerificationError: it answered with a token over something else, or one that doesn't verify.
    """
    client = _library()
    request = client.TimestampRequestBuilder().data(message).hash_algorithm(client.HashAlgorithm.SHA256).build()
    answer = post(url, request.as_bytes(), "application/timestamp-query")
    if answer.status != _OK or answer.content_type != "application/timestamp-reply":
        raise IncompleteError(f"{named(url)} gave no timestamp (HTTP {answer.status}, {answer.content_type})")
    try:
        response = client.decode_timestamp_response(answer.body)
        refused = response.status != client.PKIStatus.GRANTED
        nonce = None if refused else response.tst_info.nonce
    except (ValueError, TypeError, KeyError) as error:
        raise IncompleteError(f"{named(url)} answered with something that is no timestamp: {error}") from error
    if refused:
        raise IncompleteError(f"{named(url)} refused a timestamp: {', '.join(response.status_string) or f'status {response.status}'}")
    if nonce != request.nonce:
        raise VerificationError(f"{named(url)} answered with a timestamp that was made for another request")
    verify_stamp(answer.body, message, trusted)
    return answer.body


def verify_stamp(token: bytes, message: bytes, trusted: Sequence[x509.Certificate] = ()) -> Stamp:
    """Check that ``token`` is over ``message``, and say when it is of.

    Steps: 1. it is a granted response; 2. its digest is SHA-256 of ``message``; 3. the signature over it is one of the authority's
    certificate, which is for time stamping, was valid then, and leads to one of ``trusted``. Without ``trusted`` step 3 can't be
    done, and the result is not ``trusted``: anybody can make such a token.

    Raises:
        MissingExtraError: the library isn't installed.
        VerificationError: one of the steps failed.
    """
    client = _library()
    if len(token) > _MAX_TOKEN_BYTES:
        raise VerificationError("the timestamp is too large")
    try:
        response = client.decode_timestamp_response(token)
        granted = response.status == client.PKIStatus.GRANTED
        info = response.tst_info if granted else None
        embedded = [x509.load_der_x509_certificate(item) for item in sorted(response.signed_data.certificates)] if granted else []
        signers = [(item.issuer, item.serial_number) for item in response.signed_data.signer_infos] if granted else []
        theirs = [item for item in {*embedded, *trusted} if (item.issuer, item.serial_number) in signers]
    except Exception as error:  # a stranger's bytes: the parsers raise whatever they stumble over, KeyError included
        raise VerificationError(f"the timestamp is malformed: {error!r}") from error
    if info is None:  # 1
        raise VerificationError("the timestamp was not granted")
    imprint = info.message_imprint
    if imprint.hash_algorithm.dotted_string != _SHA256 or imprint.message != hashlib.sha256(message).digest():  # 2
        raise VerificationError("the timestamp is of something else")
    if len(theirs) > 1:  # what a token brings along isn't signed: one of them is not the authority's, and its name would be told
        raise VerificationError("the timestamp brings along several certificates of the same number for who signed it")
    if trusted:  # 3
        # The library trusts what it is handed as intermediates like a root; those in the token it follows without, and trusts none of them.
        builder = client.VerifierBuilder(roots=list(trusted))
        try:
            builder.build().verify_message(response, message)
        except (client.VerificationError, ValueError, TypeError, KeyError) as error:
            raise VerificationError(f"the timestamp does not verify: {_why(str(error))}") from error
    name = theirs[0].subject.rfc4514_string() if theirs else "unnamed"
    moment = info.gen_time.replace(tzinfo=UTC) if info.gen_time.tzinfo is None else info.gen_time.astimezone(UTC)
    return Stamp(moment, name, bool(trusted))


def _why(told: str) -> str:
    """What the library ``told``, in words: OpenSSL's reason stands in it among where in its code it arose."""
    reason = _REASON.search(told)
    if reason is None:
        return told
    leads = "; it has to lead to a root certificate that was handed over" if "issuer" in reason[1] or "self" in reason[1] else ""
    return f"{reason[1]}{leads}"


def _library() -> Any:
    return require("rfc3161_client", extra="timestamps", needed_for="a timestamp (RFC 3161)")
