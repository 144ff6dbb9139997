"""Public keys and signatures as a verifier sees them: no private key, no network."""

from __future__ import annotations

from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from averment.core.errors import BadInputError
from averment.core.signing.interface import Algorithm


@lru_cache(maxsize=64)  # the same few keys verify every entry of a ledger
def load_public_key(public_key_der: bytes) -> ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey:
    """The key in ``public_key_der`` (DER SubjectPublicKeyInfo).

    Raises:
        BadInputError: not DER, or neither Ed25519 nor ECDSA on P-256.
    """
    try:
        key = serialization.load_der_public_key(public_key_der)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadInputError(
            "this is not a public key in DER (SubjectPublicKeyInfo)", fix="hand over the public key as DER, as KMS GetPublicKey gives it"
        ) from error
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise BadInputError("this public key is neither Ed25519 nor ECDSA on P-256", fix="use an Ed25519 or an ECC_NIST_P256 key")


def algorithm_of(public_key_der: bytes) -> Algorithm:
    """The algorithm that goes with a public key.

    Raises:
        BadInputError: as ``load_public_key``.
    """
    return Algorithm.ED25519 if isinstance(load_public_key(public_key_der), ed25519.Ed25519PublicKey) else Algorithm.ECDSA_P256_SHA256


def verify_signature(algorithm: Algorithm, public_key_der: bytes, message: bytes, signature: bytes) -> bool:
    """Whether ``signature`` is one of ``message`` (not of its digest) by the holder of ``public_key_der``.

    A key of another algorithm than ``algorithm`` verifies nothing: the verifier decides the algorithm, not the signature.

    Raises:
        BadInputError: ``public_key_der`` is no public key of a supported kind.
    """
    key = load_public_key(public_key_der)
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            if algorithm is not Algorithm.ED25519:
                return False
            key.verify(signature, message)
        else:
            if algorithm is not Algorithm.ECDSA_P256_SHA256:
                return False
            key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def public_pem(public_key_der: bytes) -> bytes:
    """``public_key_der`` as PEM (RFC 7468), as openssl reads it."""
    return load_public_key(public_key_der).public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def der_of_pem(pem: bytes) -> bytes:
    """The DER SubjectPublicKeyInfo of a PEM public key.

    Raises:
        BadInputError: not PEM, or not a public key of a supported kind.
    """
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadInputError("this is not a public key in PEM", fix="hand over the file that begins with BEGIN PUBLIC KEY") from error
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    load_public_key(der)
    return der
