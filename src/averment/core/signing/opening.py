"""From what ``averment.yaml`` says to a signer."""

from __future__ import annotations

import re
from pathlib import Path

from averment.core.errors import BadInputError
from averment.core.files import not_for_a_shell
from averment.core.signing.interface import Signer
from averment.core.signing.kms import KmsSigner
from averment.core.signing.local import LocalSigner

KMS_PREFIX = "kms:"
_IN_KMS = re.compile(r"arn:|alias/|mrk-[0-9a-f]{32}$|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$|(aws-?)?kms:", re.IGNORECASE)
"""What people write of a key in KMS without the prefix: its ARN, alias or id, or the prefix as other programs have it."""


def open_signer(text: str, root: Path, *, create: bool = False) -> Signer:
    """The signing key that ``text`` names: a PEM file (relative to ``root``) or ``kms:<key id, ARN or alias>``.

    With ``create``, a local key that doesn't exist yet is made (Ed25519, mode 0600).

    Raises:
        BadInputError: nothing is named, there is no such file, it isn't a usable key, or it is one in KMS without the prefix: made as a file, a key
            that lies here would sign where one that can't be taken away was meant.
        IncompleteError: the key could not be created.
    """
    if text == KMS_PREFIX:  # and a variable that isn't set
        raise BadInputError(f"'{text}' names no key", fix="write kms: and its id, its ARN, or alias/NAME")
    if text.startswith(KMS_PREFIX):
        return KmsSigner(text.removeprefix(KMS_PREFIX))
    path = root / not_for_a_shell(text)
    if _IN_KMS.match(text) and not path.exists():
        raise BadInputError(
            f"'{text}' is no file, and reads like a key in KMS",
            fix=f"write kms: and its id, its ARN, or alias/NAME; a file is ./{text}",
        )
    if create and not path.exists():
        return LocalSigner.create(path)
    return LocalSigner.load(path)
