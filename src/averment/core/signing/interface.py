"""What a signing key is to its users: an algorithm, a public key, and a signature over a message."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum


class Algorithm(StrEnum):
    """Signature algorithms, by what a verifier needs to know."""

    ED25519 = "Ed25519"
    ECDSA_P256_SHA256 = "ECDSA-P256-SHA256"


class Signer(ABC):
    """A key that signs. Implementations: ``local.LocalSigner``, ``kms.KmsSigner``."""

    @property
    @abstractmethod
    def algorithm(self) -> Algorithm:
        """The algorithm of every signature that this key makes."""

    @property
    @abstractmethod
    def key_name(self) -> str:
        """How people call the key: a file name, a KMS ARN. Never the secret."""

    @abstractmethod
    def public_key(self) -> bytes:
        """The public key, DER SubjectPublicKeyInfo (RFC 5280)."""

    @abstractmethod
    def sign(self, message: bytes) -> bytes:
        """Sign ``message`` (the message, not its digest).

        Ed25519 gives 64 raw bytes (RFC 8032); ECDSA gives a DER Ecdsa-Sig-Value (RFC 3279).

        Raises:
            IncompleteError: the key is out of reach, disabled, or access was denied.
        """
