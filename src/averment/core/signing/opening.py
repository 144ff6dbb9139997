"""From what ``averment.yaml`` says to a signer."""

from __future__ import annotations

from pathlib import Path

from averment.core.errors import BadInputError
from averment.core.signing.interface import Signer
from averment.core.signing.kms import KmsSigner
from averment.core.signing.local import LocalSigner

KMS_PREFIX = "kms:"


def open_signer(text: str, root: Path, *, create: bool = False) -> Signer:
    """The signing key that ``text`` names: a PEM file (relative to ``root``) or ``kms:<key id, ARN or alias>``.

    With ``create``, a local key that doesn't exist yet is made (Ed25519, mode 0600).

    Raises:
        BadInputError: nothing is named, there is no such file, or it isn't a usable key.
        IncompleteError: the key could not be created.
    """
    if text == KMS_PREFIX:  # and a variable that isn't set
        raise BadInputError(f"'{text}' names no key", fix="write kms: and its id, its ARN, or alias/NAME")
    if text.startswith(KMS_PREFIX):
        return KmsSigner(text.removeprefix(KMS_PREFIX))
    path = root / text
    if create and not path.exists():
        return LocalSigner.create(path)
    return LocalSigner.load(path)
