"""Who else vouches for a checkpoint: witnesses that cosign it (``witness``), and an authority that dates it (``timestamp``).

None of them can hold up an append: what could not be had is noted, and asked for again with the next checkpoint. What a package or a
ledger carries of it is verified when it is read; whether it is enough is for the verifier to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from cryptography import x509

from averment.core.errors import AvermentError
from averment.evidence.ledger.checkpoint import Checkpoint, SignedNote, VerifierKey
from averment.evidence.ledger.merkle import consistency_proof
from averment.evidence.ledger.tiles import TileReader
from averment.evidence.ledger.timestamp import request_stamp, stamp_name, stamped_bytes
from averment.evidence.ledger.witness import RemoteWitness
from averment.evidence.stores.interface import ConflictError, Store


@dataclass(frozen=True)
class Authority:
    """A timestamp authority (RFC 3161) and the certificates that its own has to lead to; without any, the token is not verified here."""

    url: str
    certificates: tuple[x509.Certificate, ...] = ()


@dataclass(frozen=True)
class ThirdParties:
    """The witnesses that are asked, the keys of all witnesses whose cosignatures are known, and the authority."""

    witnesses: Sequence[RemoteWitness] = ()
    keys: Sequence[VerifierKey] = field(default=())
    authority: Authority | None = None

    def cosigned(self, note: SignedNote, tree: TileReader, problems: list[str]) -> SignedNote:
        """``note``, the checkpoint of ``tree``, with the cosignatures that it lacks and that can be had now."""
        for witness in self.witnesses:
            if any((item.name, item.key_id) == (witness.key.name, witness.key.id) for item in note.signatures):
                continue
            try:
                signature = witness.ask(bytes(note), tree.size, lambda old: consistency_proof(tree.subtree, old, tree.size))
            except AvermentError as error:
                problems.append(f"the checkpoint of {tree.size} entries was not cosigned by {witness.key.name}: {error.message}")
            else:
                note = replace(note, signatures=(*note.signatures, signature))
        return note

    def dated(self, note: bytes, origin: str, store: Store, problems: list[str]) -> None:
        """Put a token over the checkpoint ``note`` into ``store``, unless there is one or the authority can't be had now.

        Raises:
            StoreError: the store refused.
        """
        if self.authority is None:
            return
        stamped = stamped_bytes(note, origin)
        name = stamp_name(stamped)
        if store.exists(name):
            return
        try:
            token = request_stamp(self.authority.url, stamped, self.authority.certificates)
        except AvermentError as error:
            problems.append(
                f"the checkpoint of {Checkpoint.parse(SignedNote.parse(note).text).size} entries was not dated: {error.message}"
            )
            return
        with suppress(ConflictError):  # another process had the same checkpoint dated meanwhile: its token is as good
            store.put_new(name, token)
