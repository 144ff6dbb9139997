"""Signed statements about one object, small enough for its metadata: a verdict (read at the edge) and an origin (read at the gate).

A statement is lines of text, so that a verifier in any language builds the same bytes without a library. A verdict's seal binds key,
size, verdict and time. It can't bind the bytes: nothing at the edge sees them (see ``edge``). What it stops is an object that
reached the published bucket past the gate: whoever wrote it has no signature for that key.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence

from averment.core.canonical import sha256_hex
from averment.core.errors import BadInputError
from averment.core.signing.interface import Signer
from averment.core.signing.verification import algorithm_of, verify_signature
from averment.core.source import SourceRef

META_VERDICT, META_ISSUED, META_SEAL, META_SOURCE = "averment-verdict", "averment-issued", "averment-seal", "averment-source"
META_ORIGIN_SEAL = "origin-seal"


def verdict_statement(key: str, size: int, verdict: str, issued: str) -> bytes:
    """What a verdict's seal signs. ``key`` is the object's key as it is, ``issued`` a time such as 2026-12-02T10:00:00Z."""
    return f"averment-verdict/1\n{key}\n{size}\n{verdict}\n{issued}".encode()


def verdict_seal(signer: Signer, key: str, size: int, verdict: str, issued: str) -> dict[str, str]:
    """The metadata that carries a verdict to the edge.

    Raises:
        IncompleteError: the key is out of reach.
    """
    signature = signer.sign(verdict_statement(key, size, verdict, issued))
    return {META_VERDICT: verdict, META_ISSUED: issued, META_SEAL: base64.b64encode(signature).decode()}


def verdict_seal_holds(public_key: bytes, key: str, size: int, metadata: Mapping[str, str]) -> bool:
    """Whether ``metadata`` carries a verdict on this key and size that the holder of ``public_key`` (DER) signed."""
    signature = _decoded(metadata.get(META_SEAL, ""))
    statement = verdict_statement(key, size, metadata.get(META_VERDICT, ""), metadata.get(META_ISSUED, ""))
    return signature is not None and verify_signature(algorithm_of(public_key), public_key, statement, signature)


def origin_statement(sha256: str, provenance: str) -> bytes:
    """What a partner signs of an upload: the SHA-256 of its bytes and what its ``provenance`` metadata says."""
    return f"averment-origin/1\n{sha256}\n{provenance}".encode()


def origin_seal(signer: Signer, data: bytes, provenance: str) -> dict[str, str]:
    """The metadata of an upload whose sender vouches for its origin.

    Raises:
        IncompleteError: the key is out of reach.
    """
    signature = signer.sign(origin_statement(sha256_hex(data), provenance))
    return {"provenance": provenance, META_ORIGIN_SEAL: base64.b64encode(signature).decode()}


def origin_of(metadata: Mapping[str, str], sha256: str, keys: Sequence[bytes]) -> str | None:
    """The fingerprint (SHA-256 of the DER) of the key among ``keys`` that sealed this upload; None if none of them did."""
    signature = _decoded(metadata.get(META_ORIGIN_SEAL, ""))
    if signature is None:
        return None
    statement = origin_statement(sha256, metadata.get("provenance", ""))
    found = (key for key in keys if verify_signature(algorithm_of(key), key, statement, signature))
    return next((sha256_hex(key) for key in found), None)


def public_keys(text: bytes, *, where: SourceRef) -> tuple[bytes, ...]:
    """The public keys (DER) in ``text``, PEM, in order; ``where`` it stood.

    Raises:
        BadInputError: there is none, or a block that is no P-256 or Ed25519 public key.
    """
    from cryptography.hazmat.primitives import serialization

    end = b"-----END PUBLIC KEY-----"
    blocks = [block + end for block in text.split(end) if b"-----BEGIN PUBLIC KEY-----" in block]
    if not blocks:
        raise BadInputError("holds no public key in PEM", where=where, fix="put the partners' public keys there")
    keys = []
    for block in blocks:
        try:
            key = serialization.load_pem_public_key(block.lstrip())
        except ValueError as error:
            raise BadInputError("holds a public key that can't be read", where=where) from error
        der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        algorithm_of(der)
        keys.append(der)
    return tuple(keys)


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True) or None
    except (binascii.Error, ValueError):
        return None
