"""Changing the log's signing key without breaking what the old one signed.

The old key vouches for the new one: a note signed by the old over the log's name and the new key, kept beside the new key
as ``keys/<id>.endorsed``. Old public keys stay where they are, so old checkpoints and proofs verify as before; and whoever trusts the
old key has a reason to trust the new. The note's first line keeps it from being taken for a checkpoint or a package's signature.
"""

from __future__ import annotations

from averment.core.errors import BadInputError
from averment.core.organisation import Organisation
from averment.core.signing.opening import open_signer
from averment.evidence.ledger.checkpoint import VerifierKey, sign_note
from averment.evidence.ledger.opening import open_ledger, put_key
from averment.evidence.ledger.succession import acknowledged_name, acknowledgement_text, endorsed_name, endorsement_text


def rotate(organisation: Organisation, text: str) -> VerifierKey:
    """Let the key that ``text`` names (made if it is a file that doesn't exist) follow the organisation's signing key.

    The present signing key vouches for it, and it signs the present checkpoint too. From then on ``evidence.signing_key`` can name
    it; until then the old key goes on signing. Doing it twice is no error.

    Raises:
        BadInputError: it is the signing key already, or one of the two keys can't be used.
        StoreError: the store refused.
        VerificationError: the ledger is not what it was.
    """
    settings = organisation.evidence
    with open_ledger(organisation, write=True) as ledger:
        fresh = open_signer(text, organisation.root, create=True)
        key = VerifierKey(settings.origin, fresh.public_key())
        old = open_signer(settings.signing_key, organisation.root)
        if old.public_key() == fresh.public_key():
            raise BadInputError(f"{text} is the signing key already", fix="name another key, or a file that doesn't exist yet")
        name = endorsed_name(key)
        with ledger.store.writing("a process that changes the ledger's key", wait=60):
            if not ledger.store.exists(name):
                ledger.store.put_new(name, bytes(sign_note(endorsement_text(settings.origin, key), [(settings.origin, old)])))
            before = VerifierKey(settings.origin, old.public_key())
            if not ledger.store.exists(acknowledged_name(before, key)):
                note = sign_note(acknowledgement_text(settings.origin, before), [(settings.origin, fresh)])
                ledger.store.put_new(acknowledged_name(before, key), bytes(note))
            put_key(ledger.store, key)
        ledger.sign_with(fresh)
    return key
