"""One record out of a package's folder, for whoever works with a package and has no ledger."""

from __future__ import annotations

from pathlib import Path

from averment.core.errors import BadInputError, VerificationError
from averment.core.files import read_bounded
from averment.core.source import SourceRef
from averment.evidence.ledger.envelope import open_entry, verify_envelope
from averment.evidence.package import layout
from averment.evidence.package.handed_over import read_key
from averment.evidence.record import Record


def packaged_record(path: Path) -> Record:
    """The record in the file ``records/ID.json`` of a package, signed by one of the keys beside it.

    Whose keys these are, and that the record is in the log, is for ``verify_package`` to say.

    Raises:
        BadInputError: there is no such file, or it lies in no package.
        VerificationError: it is not signed by a key of the package, or it or its payload was changed.
    """
    envelope = read_bounded(path)
    package = path.absolute().parent.parent
    keys = [read_key(key)("").public_key for key in sorted((package / layout.KEYS).glob("*.vkey"))]
    if not keys:
        raise BadInputError(
            "lies in no package: there are no keys beside it", where=SourceRef(file=str(path)), fix=f"name PACKAGE/{layout.RECORDS}ID.json"
        )
    try:
        verify_envelope(envelope, keys)
        record = open_entry(envelope, lambda digest: read_bounded(package / layout.payload_name(digest)))
    except VerificationError as error:
        raise VerificationError(error.message, where=error.where or SourceRef(file=str(path)), fix=error.fix) from error
    if path.name != Path(layout.record_name(record.id)).name:
        raise VerificationError(f"holds the record {record.id}", where=SourceRef(file=str(path)), fix="get the package anew")
    return record
