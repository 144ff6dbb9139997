"""A certificate authority for tests and demonstrations. Nobody but its owner trusts it, and its certificates say so.

Production signing needs a certificate from an authority on a C2PA trust list; everything else here works the same with one.
The end-entity profile is that of C2PA specification 2.1, section 14.5.1: X.509 v3, key usage digitalSignature, extended key usage
emailProtection (which validators accept without further configuration), authority key identifier, not self-signed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from averment.core.errors import BadInputError, IncompleteError
from averment.core.files import read_bounded, write_atomic
from averment.core.locking import lock
from averment.core.period import utc_now
from averment.core.source import SourceRef

ROOT_NAME = "Averment TEST authority - trust nothing signed under it"
ROOT_DAYS = 3650
CERTIFICATE_DAYS = 365
_BACKDATE = timedelta(minutes=5)  # clocks differ

_ROOT_CERTIFICATE = "test-authority.pem"
_ROOT_KEY = "test-authority.key"


@dataclass(frozen=True)
class TestAuthority:
    """A root certificate with its key, in memory. ``anchors`` is what a verifier has to be given to trust it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    __test__ = False  # the name starts with Test for people, not for pytest

    @classmethod
    def create(cls, now: datetime | None = None) -> TestAuthority:
        """A new authority with a P-256 key, valid for ten years."""
        return cls._of(ec.generate_private_key(ec.SECP256R1()), now)

    @classmethod
    def _of(cls, key: ec.EllipticCurvePrivateKey, now: datetime | None = None) -> TestAuthority:
        moment = now or utc_now()
        name = x509.Name(
            [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Averment test"), x509.NameAttribute(NameOID.COMMON_NAME, ROOT_NAME)]
        )
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(moment - _BACKDATE)
            .not_valid_after(moment + timedelta(days=ROOT_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(certificates=True), critical=True)
            .add_extension(identifier, critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key)

    @classmethod
    def open(cls, folder: Path) -> TestAuthority:
        """The authority in ``folder``, made there first if there is none (the key with mode 0600, kept out of git). Of processes that open
        it at once one makes it, and the others have the same.

        Raises:
            BadInputError: its files are not a certificate and its P-256 key.
            IncompleteError: the folder can't be written.
        """
        if not (folder / _ROOT_CERTIFICATE).exists():  # the last of its files to be written
            with making(folder):
                if not (folder / _ROOT_CERTIFICATE).exists():
                    cls._make(folder)
        return cls._read(folder)

    @classmethod
    def _make(cls, folder: Path) -> None:
        """The authority's files; where a run ended before its certificate was written, that of its key."""
        if not (folder / _ROOT_KEY).exists():
            write_atomic(folder / _ROOT_KEY, private_pem(cls.create().key), mode=0o600)
        write_atomic(folder / _ROOT_CERTIFICATE, cls._of(_private(folder)).anchors)

    @classmethod
    def _read(cls, folder: Path) -> TestAuthority:
        key = _private(folder)
        try:
            certificate = x509.load_pem_x509_certificate(read_bounded(folder / _ROOT_CERTIFICATE))
        except ValueError as error:
            raise _none(folder) from error
        if key.public_key() != certificate.public_key():
            raise BadInputError(
                "holds a certificate and a key that don't belong together", where=SourceRef(str(folder)), fix="make a new one"
            )
        return cls(certificate, key)

    @property
    def anchors(self) -> bytes:
        """The root certificate, PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, public_key: bytes, name: str, now: datetime | None = None) -> bytes:
        """A chain (PEM: end entity, root) for the DER SubjectPublicKeyInfo ``public_key``, valid for a year.

        The key may live anywhere, such as in KMS: only its public half is needed.

        Raises:
            BadInputError: not a P-256 or Ed25519 key, which are what C2PA signers here use.
        """
        try:
            key = serialization.load_der_public_key(public_key)
        except ValueError as error:
            raise BadInputError(
                "the public key is not DER SubjectPublicKeyInfo", fix="hand over the key as KMS GetPublicKey gives it"
            ) from error
        if not isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
            raise BadInputError("the key is of a kind that content credentials here don't use", fix="use ECDSA on P-256, or Ed25519")
        moment = now or utc_now()
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Averment test"),
                x509.NameAttribute(NameOID.COMMON_NAME, f"TEST signer {name}"[:64]),
            ]
        )
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(moment - _BACKDATE)
            .not_valid_after(moment + timedelta(days=CERTIFICATE_DAYS))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM) + self.anchors


@contextmanager
def making(folder: Path) -> Iterator[None]:
    """Have ``folder`` (made if need be) alone among processes while files of the authority are made in it.

    What is locked is the file that keeps the keys out of git. Where the system has no such locks (Windows), whoever comes second at the same
    moment makes another authority.

    Raises:
        IncompleteError: the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (folder / ".gitignore").open("a", encoding="utf-8") as ignored:
            with suppress(IncompleteError):
                lock(ignored)
            if ignored.tell() == 0:
                ignored.write("# private keys stay here, and what a killed run left of one\n*.key\n*.key.*\n")
                ignored.flush()
            yield
    except OSError as error:
        raise IncompleteError(
            f"could not be made: {error.strerror}",
            where=SourceRef(str(folder)),
            fix="free space or fix permissions, or name another folder",
        ) from error


def _private(folder: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(read_bounded(folder / _ROOT_KEY), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _none(folder) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise _none(folder)
    return key


def _none(folder: Path) -> BadInputError:
    return BadInputError("is not a test authority", where=SourceRef(str(folder)), fix="name an empty folder to make a new one")


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """``key`` as unencrypted PKCS #8 in PEM, for a file with mode 0600."""
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )
