"""From a signing to its entry in the provenance log."""

from __future__ import annotations

from datetime import datetime

from averment.core.canonical import sha256_hex
from averment.core.period import iso
from averment.core.showing import printable
from averment.core.signing.interface import Signer
from averment.detector.credentials.log import Entry
from averment.detector.credentials.recovery import fingerprint
from averment.detector.credentials.signing import Signed


def log_entry(target: str, signed: Signed, signer: Signer, moment: datetime) -> Entry:
    """What the provenance log holds of one signing into ``target``.

    Raises:
        MissingExtraError: imagehash isn't installed.
    """
    return Entry(
        object=target,
        sha256=signed.sha256,
        source_sha256=signed.source_sha256,
        key=printable(signer.key_name),
        signed_at=iso(moment),
        digital_source_type=signed.digital_source_type,
        key_sha256=sha256_hex(signer.public_key()),
        media_type=signed.media_type,
        perceptual_hash=fingerprint(signed.data),
        watermark=None if signed.mark is None else signed.mark.payload,
    )
