"""Signing generated media: a C2PA manifest that says who made it and that a trained algorithm did.

The manifest holds one ``c2pa.created`` action with the digital source type; thumbnails are left out (they cost up to a megabyte and
ten times the time). The signature is COSE_Sign1 (RFC 9052): the key signs the Sig_structure, and ECDSA signatures are r and s
side by side (RFC 9053, section 2.1), which is not the DER that keys give.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from averment import __version__
from averment.core.canonical import sha256_hex
from averment.core.errors import AvermentError, BadInputError, IncompleteError
from averment.core.extras import require
from averment.core.period import utc_now
from averment.core.signing.interface import Algorithm, Signer
from averment.detector.credentials.formats import container_type
from averment.detector.credentials.inspect import ACCEPTED_PURPOSES
from averment.detector.credentials.xmp import AI_GENERATED, with_source_type

_P256_BYTES = 32


@dataclass(frozen=True)
class Signed:
    """A signed medium. ``xmp_skipped`` is why IPTC's field isn't in its XMP, or None when it is."""

    data: bytes
    source: bytes
    media_type: str
    xmp_skipped: str | None
    digital_source_type: str = AI_GENERATED

    @cached_property
    def sha256(self) -> str:
        """Of the signed bytes, lower-case hexadecimal."""
        return sha256_hex(self.data)

    @cached_property
    def source_sha256(self) -> str:
        """Of the bytes before signing."""
        return sha256_hex(self.source)


def sign_media(data: bytes, signer: Signer, chain: bytes, *, title: str = "generated media", tsa_url: str | None = None) -> Signed:
    """``data`` with a content credential made by ``signer``, whose certificate chain is ``chain`` (PEM, end entity first).

    ``tsa_url`` names an RFC 3161 time-stamp authority; without one the credential is worth nothing once the certificate expires.

    Raises:
        BadInputError: not a medium that can carry a credential, or a chain that isn't the key's.
        IncompleteError: the key, the time-stamp authority or the library failed.
        MissingExtraError: c2pa-python isn't installed.
    """
    c2pa = require("c2pa", extra="credentials", needed_for="signing media")
    mime = container_type(data)
    if mime is None:
        raise BadInputError(
            "is not a medium that can carry a content credential", fix="give a JPEG, PNG, WebP, TIFF, GIF, AVIF, HEIC or MP4 file"
        )
    check_chain(signer, chain)
    prepared, xmp_skipped = with_source_type(data, mime)
    failures: list[Exception] = []

    def callback(message: bytes) -> bytes:
        try:
            return cose_signature(signer, bytes(message))
        except Exception as error:  # crosses into native code, which would replace it by a number
            failures.append(error)
            raise

    output = io.BytesIO()
    try:
        with c2pa.Builder(_manifest(title, mime), _context(os.getpid())) as builder:
            builder.set_intent(c2pa.C2paBuilderIntent.CREATE, c2pa.C2paDigitalSourceType.TRAINED_ALGORITHMIC_MEDIA)
            with c2pa.Signer.from_callback(callback, _algorithm(c2pa, signer), chain.decode("ascii"), tsa_url) as native:
                builder.sign(native, mime, io.BytesIO(prepared), output)
    except c2pa.C2paError as error:
        if failures and isinstance(failures[0], AvermentError):
            raise failures[0] from error
        cause = failures[0] if failures else error
        raise IncompleteError(
            f"the medium could not be signed: {cause}", fix="check that the file is whole, and the certificate's key usage"
        ) from error
    return Signed(output.getvalue(), data, mime, xmp_skipped)


def cose_signature(signer: Signer, message: bytes) -> bytes:
    """``signer``'s signature over ``message`` in the form of COSE: Ed25519 as it is, ECDSA from DER to r || s."""
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    signature = signer.sign(message)
    match signer.algorithm:
        case Algorithm.ED25519:
            return signature
        case Algorithm.ECDSA_P256_SHA256:
            r, s = decode_dss_signature(signature)
            return r.to_bytes(_P256_BYTES, "big") + s.to_bytes(_P256_BYTES, "big")


def check_chain(signer: Signer, chain: bytes) -> None:
    """Refuse a chain whose first certificate isn't for the signer's key: everything signed with it would be broken.

    Raises:
        BadInputError: not PEM, for another key, or expired.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    try:
        first = x509.load_pem_x509_certificates(chain)[0]
    except ValueError as error:
        raise BadInputError("the certificate chain is not PEM", fix="give the signer's certificate first, then the authorities'") from error
    der = first.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if der != signer.public_key():
        raise BadInputError(
            f"the first certificate of the chain is not for the key {signer.key_name}", fix="put the signer's certificate first"
        )
    if first.not_valid_after_utc < utc_now():
        raise BadInputError(f"the certificate for {signer.key_name} expired on {first.not_valid_after_utc.date()}", fix="renew it")


def _algorithm(c2pa: Any, signer: Signer) -> Any:
    match signer.algorithm:
        case Algorithm.ED25519:
            return c2pa.C2paSigningAlg.ED25519
        case Algorithm.ECDSA_P256_SHA256:
            return c2pa.C2paSigningAlg.ES256


@lru_cache(maxsize=1)
def _context(process: int) -> Any:  # noqa: ARG001 - a forked process can't use its parent's
    import c2pa

    settings = {
        "builder": {"thumbnail": {"enabled": False}},
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
        "trust": {"trust_config": ACCEPTED_PURPOSES},
    }
    return c2pa.Context(c2pa.Settings.from_dict(settings))


def _manifest(title: str, mime: str) -> dict[str, Any]:
    return {"claim_generator_info": [{"name": "averment", "version": __version__}], "title": title, "format": mime, "assertions": []}
