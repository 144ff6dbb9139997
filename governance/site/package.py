"""A package of evidence inside the site, so that records link to their files and proofs: verified before it is copied, and nothing but what its
manifest lists is copied."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from averment.core.canonical import sha256_hex
from averment.core.errors import BadInputError, VerificationError
from averment.core.organisation import Organisation
from averment.core.source import SourceRef
from averment.evidence.ledger.checkpoint import open_checkpoint
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.package import layout
from averment.evidence.package.earlier import said_origin
from averment.evidence.package.files import read_file
from averment.evidence.package.verify import verify_package

PACKAGE = "package"
"""The package's folder in the built site."""


@dataclass(frozen=True)
class Enclosed:
    """A genuine package of the organisation's own log in ``folder``: the period that it is of, its files, and its manifest's digest."""

    folder: Path
    period: str
    files: frozenset[str]
    manifest_sha256: str

    def copy_to(self, target: Path) -> None:
        """Copy it to the new folder ``target``.

        Raises:
            OSError: the file system refused.
            VerificationError: it was changed since it was verified.
        """
        manifest = read_file(self.folder / layout.MANIFEST)
        changed = VerificationError("the package was changed while the site was built", where=SourceRef(str(self.folder)))
        if sha256_hex(manifest) != self.manifest_sha256:
            raise changed
        listed = json.loads(manifest)["files"]
        for name in sorted(self.files):
            data = read_file(self.folder / name)  # follows no link
            if name in listed and sha256_hex(data) != listed[name]["sha256"]:
                raise changed
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(data)


def enclosed(package: Path, organisation: Organisation) -> Enclosed:
    """The folder ``package``, once every step of its verification by the keys of ``organisation``'s ledger has held.

    Raises:
        BadInputError: there is no package in it, or it is one of another log.
        VerificationError: it isn't genuine, or the ledger was rewritten since it was made.
        IncompleteError: a file of it can't be read here.
    """
    where = SourceRef(str(package))
    with open_ledger(organisation) as ledger:
        result = verify_package(package, [lambda _, key=key: key for key in ledger.keys])  # type: ignore[misc]
        origin = said_origin(package)
        if origin != ledger.origin:
            raise BadInputError(f"is a package of the log {origin}, not of {ledger.origin}", where=where, fix="name one of this ledger")
        result.require_genuine("the package", where)
        ledger.prove_extension(open_checkpoint(read_file(package / layout.CHECKPOINT), ledger.origin, ledger.keys).checkpoint)
    data = read_file(package / layout.MANIFEST)
    manifest: dict[str, Any] = json.loads(data)
    files = frozenset({*manifest["files"], layout.MANIFEST, layout.SIGNATURE})
    return Enclosed(package, str(manifest["period"]["label"]), files, sha256_hex(data))
