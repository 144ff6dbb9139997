"""An asymmetric key in AWS KMS: the private half never leaves the service.

The key's spec is ECC_NIST_P256, its usage SIGN_VERIFY. The message is hashed here and KMS signs the digest
(``MessageType=DIGEST``), so that messages over the service's 4096-byte limit for RAW can be signed.
Permissions: kms:GetPublicKey, kms:Sign.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any

from averment.core.aws import aws_errors, client, error_code
from averment.core.errors import BadInputError, IncompleteError
from averment.core.signing.interface import Algorithm, Signer
from averment.core.signing.verification import algorithm_of, verify_signature

_ARN_PARTS = 6


class KmsSigner(Signer):
    """Signs with ECDSA on P-256 and SHA-256 through KMS. ``key`` is a key id, a key ARN, or an alias (``alias/name``)."""

    def __init__(self, key: str, kms: Any = None) -> None:
        self._key = key
        self._given = kms

    @cached_property
    def _kms(self) -> Any:
        if self._given is not None:
            return self._given
        parts = self._key.split(":")
        return client("kms", region=parts[3] if len(parts) >= _ARN_PARTS else None)

    @property
    def algorithm(self) -> Algorithm:
        return Algorithm.ECDSA_P256_SHA256

    @property
    def key_name(self) -> str:
        return self._key

    @cached_property
    def _public_key(self) -> bytes:
        kms = self._kms  # before the attempt: what keeps this machine from asking KMS at all says nothing of the key
        try:
            with aws_errors(f"read the public key of {self._key}"):
                der = bytes(kms.get_public_key(KeyId=self._key)["PublicKey"])
            usable = algorithm_of(der) is Algorithm.ECDSA_P256_SHA256
        except BadInputError:
            usable = False
        except IncompleteError as error:
            if error_code(error) != "UnsupportedOperationException":  # what KMS says of a symmetric key, which has none
                raise
            usable = False
        if not usable:
            raise BadInputError(
                f"the KMS key {self._key} is not ECC_NIST_P256", fix="create one: --key-spec ECC_NIST_P256 --key-usage SIGN_VERIFY"
            )
        return der

    def public_key(self) -> bytes:
        return self._public_key

    def sign(self, message: bytes) -> bytes:
        public_key = self._public_key  # first: it tells a key of the wrong kind apart
        with aws_errors(f"sign with {self._key}"):
            answer = self._kms.sign(
                KeyId=self._key, Message=hashlib.sha256(message).digest(), MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256"
            )
        signature = bytes(answer["Signature"])
        # A signature that nobody can verify is worse than none: it would be found out only by the auditor.
        if not verify_signature(self.algorithm, public_key, message, signature):
            raise IncompleteError(
                f"the signature that KMS made with {self._key} does not verify", fix="check that the endpoint is the real KMS"
            )
        return signature
