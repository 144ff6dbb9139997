"""Keys for content credentials: ECDSA P-256 in a PEM file or in KMS, or Ed25519 in a PEM file."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from averment.core.errors import BadInputError
from averment.core.files import read_bounded, write_atomic
from averment.core.showing import printable
from averment.core.signing.interface import Algorithm, Signer
from averment.core.signing.local import read_private_key
from averment.core.signing.opening import KMS_PREFIX, open_signer
from averment.core.source import SourceRef
from averment.detector.credentials.authority import TestAuthority, making, private_pem
from averment.detector.credentials.chains import ChainError, check_chain

_MAKE = "openssl ecparam -name prime256v1 -genkey -noout"


class PemEcdsaSigner(Signer):
    """Signs with an ECDSA P-256 private key out of a PEM file."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, name: str) -> None:
        self._key = key
        self._name = name

    @classmethod
    def create(cls, path: Path) -> PemEcdsaSigner:
        """Make a new key at ``path`` with mode 0600.

        Raises:
            IncompleteError: the file system refused.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        write_atomic(path, private_pem(key), mode=0o600)
        return cls(key, path.name)

    @property
    def algorithm(self) -> Algorithm:
        return Algorithm.ECDSA_P256_SHA256

    @property
    def key_name(self) -> str:
        return self._name

    def public_key(self) -> bytes:
        return self._key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message, ec.ECDSA(hashes.SHA256()))


def open_media_signer(text: str, root: Path) -> Signer:
    """The key that ``text`` names: a PEM file (relative to ``root``) or ``kms:<key id, ARN or alias>``.

    Raises:
        BadInputError: no such file, readable by others, encrypted, or neither P-256 nor Ed25519.
    """
    if text.startswith(KMS_PREFIX):
        return open_signer(text, root)
    path = root / text
    key = read_private_key(path, make=_MAKE)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return open_signer(text, root)
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return PemEcdsaSigner(key, path.name)
    raise BadInputError("holds a key that is neither ECDSA P-256 nor Ed25519", where=SourceRef(str(path)), fix=_MAKE)


def signing_identity(key: str | None, certificate: Path | None, test_authority: Path | None, root: Path) -> tuple[Signer, bytes]:
    """The key to sign with and its certificate chain (PEM): the user's own, or a test certificate out of the folder ``test_authority``.

    A test authority issues for ``key`` (which may be in KMS), or for a key of its own beside it when none is named.

    Raises:
        BadInputError: neither or both of certificate and test authority, no key for a certificate, or one that isn't fit to sign with.
    """
    if (certificate is None) is (test_authority is None):
        raise BadInputError(
            "signing needs a certificate: your own, or one of a test authority",
            fix="give --key KEY --certificate CHAIN.pem, or --test-authority FOLDER",
        )
    if certificate is not None:
        if key is None:
            raise BadInputError("the certificate has no key to go with it", fix="add --key KEY.pem or --key kms:ALIAS")
        signer, chain = open_media_signer(key, root), read_bounded(certificate)
        try:
            check_chain(signer, chain)
        except ChainError as error:
            raise ChainError(error.message, where=SourceRef(str(certificate)), fix=error.fix) from error
        return signer, chain
    if test_authority is None:
        raise AssertionError("one of the two was given")
    authority = TestAuthority.open(root / test_authority)
    own = root / test_authority / "signer.key"
    if key is None and not own.exists():
        with making(own.parent):
            if not own.exists():  # another process may just have made it
                PemEcdsaSigner.create(own)
    signer = open_media_signer(str(own) if key is None else key, root)
    return signer, authority.issue(signer.public_key(), printable(Path(signer.key_name).name))
