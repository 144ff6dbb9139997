"""An Ed25519 key in a PEM file (PKCS #8) that only its owner may read."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from averment.core.errors import BadInputError, IncompleteError
from averment.core.files import read_bounded, sync_folder, write_atomic
from averment.core.signing.interface import Algorithm, Signer
from averment.core.source import SourceRef

_MAX_KEY_BYTES = 64 * 1024
_MAKE = "openssl genpkey -algorithm ed25519"


def read_private_key(path: Path, *, make: str) -> PrivateKeyTypes:
    """The private key of any kind in the PEM file ``path``; ``make`` is the command that makes one that would do.

    Raises:
        BadInputError: missing, readable by others than its owner, or no unencrypted private key.
    """
    where = SourceRef(file=str(path))
    data = read_bounded(path, limit=_MAX_KEY_BYTES)
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name != "nt" and mode & 0o077:
        raise BadInputError(f"the signing key can be read by others (mode {mode:04o})", where=where, fix=f"chmod 600 {path}")
    try:
        return serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadInputError("is not an unencrypted private key in PEM", where=where, fix=make) from error


class LocalSigner(Signer):
    """Signs with an Ed25519 private key (RFC 8032) that lies on this machine."""

    def __init__(self, key: ed25519.Ed25519PrivateKey, name: str) -> None:
        self._key = key
        self._name = name

    @classmethod
    def load(cls, path: Path) -> LocalSigner:
        """The key in the PEM file ``path``.

        Raises:
            BadInputError: missing, not an unencrypted Ed25519 private key, or readable by others than its owner.
        """
        key = read_private_key(path, make=_MAKE)
        if not isinstance(key, ed25519.Ed25519PrivateKey):
            raise BadInputError("holds a private key that is not Ed25519", where=SourceRef(file=str(path)), fix=_MAKE)
        return cls(key, path.name)

    @classmethod
    def create(cls, path: Path) -> LocalSigner:
        """Make a new key at ``path`` with mode 0600, and a ``.gitignore`` beside it so that it isn't committed by mistake.

        Of several processes that do so at once, the first makes the key and all use it; a key is never overwritten.

        Raises:
            BadInputError: there is a file already that isn't a key.
            IncompleteError: the file system refused.
        """
        key = ed25519.Ed25519PrivateKey.generate()
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        where = SourceRef(file=str(path))
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            ignore = path.parent / ".gitignore"
            if not ignore.exists() or ignore.stat().st_size == 0:  # a full disk or a power cut left it so
                write_atomic(ignore, b"# private keys stay here\n*\n")
            descriptor, temporary = tempfile.mkstemp(prefix=".", dir=path.parent)  # mode 0600
            try:
                with os.fdopen(descriptor, "wb") as handle:
                    handle.write(pem)
                    handle.flush()
                    os.fsync(handle.fileno())
                os.link(temporary, path)  # the whole key appears at once, and never over another
            finally:
                os.unlink(temporary)
            sync_folder(path.parent)
        except FileExistsError:
            return cls.load(path)
        except OSError as error:
            fix = "free space or fix permissions, or name another evidence.signing_key in averment.yaml"
            raise IncompleteError(f"the signing key could not be written: {error.strerror}", where=where, fix=fix) from error
        return cls(key, path.name)

    @property
    def algorithm(self) -> Algorithm:
        return Algorithm.ED25519

    @property
    def key_name(self) -> str:
        return self._name

    def public_key(self) -> bytes:
        return self._key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)
