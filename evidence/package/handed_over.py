"""Files that an auditor brings along: public keys of the log, and earlier checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from averment.core.errors import BadInputError, VerificationError
from averment.core.signing.verification import der_of_pem
from averment.core.source import SourceRef
from averment.evidence.ledger.checkpoint import Checkpoint, SignedNote, VerifierKey
from averment.evidence.package.files import read_file


def read_key(path: Path) -> Callable[[str], VerifierKey]:
    """A public key file that an auditor hands over, PEM or a verifier key string; the name of a PEM key is the log's.

    Raises:
        BadInputError: it is neither, or holds several.
    """
    data = read_file(path)
    if (number := data.count(b"-----BEGIN")) > 1:
        raise BadInputError(
            f"holds {number} blocks of PEM, of which one alone would be taken for the key",
            where=SourceRef(file=str(path)),
            fix="hand over each public key in a file of its own: --key may be repeated",
        )
    try:
        if b"-----BEGIN" in data:  # perhaps behind a byte order mark, or words about the key
            der = der_of_pem(data)
            return lambda origin: VerifierKey(origin, der)
        key = VerifierKey.parse(data.decode("utf-8-sig"))
    except (BadInputError, UnicodeDecodeError) as error:
        message = error.message if isinstance(error, BadInputError) else "is not text"
        raise BadInputError(message, where=SourceRef(file=str(path)), fix="hand over a PEM public key or a .vkey file") from error
    return lambda _: key


def read_checkpoint(path: Path) -> bytes:
    """An earlier checkpoint that an auditor kept and hands over. Whose it is, and what it commits to, is for the steps to say.

    Raises:
        BadInputError: the file is no checkpoint of any log.
    """
    data = read_file(path)
    try:
        Checkpoint.parse(SignedNote.parse(data).text)
    except VerificationError as error:
        raise BadInputError(
            error.message, where=SourceRef(file=str(path)), fix="hand over the checkpoint.txt of an earlier package"
        ) from error
    return data
