"""KMS: Sign and Verify with ``MessageType=DIGEST`` sign the digest itself (moto hashes it a second time).

RSASSA-PSS uses a salt as long as the digest, as KMS documents (moto: the longest that fits). ``GetPublicKey`` names ``KeySpec``. A key that is
disabled or awaits its deletion signs nothing, and a symmetric one has no public key (moto: an RSA key).
Keys, aliases, grants and everything else are moto's. Not covered: ML-DSA, Ed25519 and SM2 keys (moto has none).
"""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from moto.core.exceptions import JsonRESTError
from moto.kms.exceptions import ValidationException
from moto.kms.responses import KmsResponse

_HASHES: dict[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_MAX_RAW = 4096


class CorrectedKms(KmsResponse):  # type: ignore[misc]
    """moto's KMS with honest signatures."""

    def sign(self) -> str:
        self._usable()
        if self._message_type() == "RAW":
            self._check_raw()
            if not self._is_pss():
                return str(super().sign())
        self._validate_key_id(self._get_param("KeyId"))
        key, algorithm, message = self._prepare()
        private = key.private_key.private_key
        if isinstance(private, rsa.RSAPrivateKey):
            signature = private.sign(message, self._padding(), algorithm)
        else:
            signature = private.sign(message, ec.ECDSA(algorithm))
        return json.dumps(
            {
                "KeyId": key.arn,
                "Signature": base64.b64encode(signature).decode("ascii"),
                "SigningAlgorithm": self._get_param("SigningAlgorithm"),
            }
        )

    def verify(self) -> str:
        self._usable()
        if self._message_type() == "RAW":
            self._check_raw()
            if not self._is_pss():
                return str(super().verify())
        self._validate_key_id(self._get_param("KeyId"))
        key, algorithm, message = self._prepare()
        public = key.private_key.private_key.public_key()
        signature = _octets(self._get_param("Signature"))
        try:
            if isinstance(public, rsa.RSAPublicKey):
                public.verify(signature, message, self._padding(), algorithm)
            else:
                public.verify(signature, message, ec.ECDSA(algorithm))
        except InvalidSignature:
            return json.dumps({"__type": "KMSInvalidSignatureException", "message": ""}), {"status": 400}  # type: ignore[return-value]
        return json.dumps({"KeyId": key.arn, "SignatureValid": True, "SigningAlgorithm": self._get_param("SigningAlgorithm")})

    def get_public_key(self) -> str:
        key = self._usable()
        if key.key_spec.startswith(("SYMMETRIC", "HMAC")):
            raise JsonRESTError(
                "UnsupportedOperationException", f"{key.arn} key spec is {key.key_spec} which is not valid for GetPublicKey."
            )
        answer = json.loads(super().get_public_key())
        return json.dumps({**answer, "KeyId": key.arn, "KeySpec": answer["CustomerMasterKeySpec"]})

    def _usable(self) -> Any:
        """The key that is asked for, which has to be enabled."""
        self._validate_key_id(self._get_param("KeyId"))
        key = self.kms_backend.describe_key(self._get_param("KeyId"))
        if key.key_state == "Disabled":
            raise JsonRESTError("DisabledException", f"{key.arn} is disabled.")
        if key.key_state != "Enabled":
            raise JsonRESTError("KMSInvalidStateException", f"{key.arn} is pending deletion.")
        return key

    def _message_type(self) -> str:
        kind = self._get_param("MessageType") or "RAW"
        if kind not in ("RAW", "DIGEST"):
            raise ValidationException(f"the embedded KMS has no MessageType {kind}")
        return str(kind)

    def _is_pss(self) -> bool:
        return "_PSS_" in str(self._get_param("SigningAlgorithm"))

    def _check_raw(self) -> None:
        if len(_octets(self._get_param("Message"))) > _MAX_RAW:
            raise ValidationException(
                "1 validation error detected: Value at 'message' failed to satisfy constraint: "
                f"Member must have length less than or equal to {_MAX_RAW}"
            )

    def _prepare(self) -> tuple[Any, Any, bytes]:
        """The key, the hash as the signer wants it (``Prehashed`` for a digest), and the message or digest.

        moto's own checks (usage, algorithm) run first, by way of its back end's private validators.
        """
        name = self._get_param("SigningAlgorithm")
        key = self.kms_backend.describe_key(self._get_param("KeyId"))
        backend = self.kms_backend
        backend._KmsBackend__ensure_valid_sign_and_verify_key(key)
        backend._KmsBackend__ensure_valid_signing_algorithm(key, name)
        algorithm = _HASHES[name[-3:]]
        message = _octets(self._get_param("Message"))
        if self._message_type() == "RAW":
            return key, algorithm, message
        if len(message) != algorithm.digest_size:
            raise ValidationException(f"Digest is invalid length for algorithm {name}.")
        return key, utils.Prehashed(algorithm), message

    def _padding(self) -> padding.AsymmetricPadding:
        if not self._is_pss():
            return padding.PKCS1v15()
        algorithm = _HASHES[self._get_param("SigningAlgorithm")[-3:]]
        return padding.PSS(mgf=padding.MGF1(algorithm), salt_length=padding.PSS.DIGEST_LENGTH)


def _octets(value: bytes | str | None) -> bytes:
    """moto decodes a blob parameter on its way in, except where it doesn't."""
    return value if isinstance(value, bytes) else base64.b64decode(value or "")


url_paths = {"{0}/$": CorrectedKms.dispatch}
