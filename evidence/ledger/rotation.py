"""Changing the log's signing key without breaking what the old one signed.

The old key vouches for the new one: a note signed by the old over the log's name and the new key, kept beside the new key
as ``keys/<id>.endorsed``. Old public keys stay where they are, so old checkpoints and proofs verify as before; and whoever trusts the
old key has a reason to trust the new. The note's first line keeps it from being taken for a checkpoint or a package's signature.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from averment.core.errors import BadInputError, VerificationError
from averment.core.organisation import Organisation
from averment.core.signing.opening import open_signer
from averment.evidence.ledger.checkpoint import SignedNote, VerifierKey, sign_note
from averment.evidence.ledger.opening import open_ledger, put_key

ENDORSED_SUFFIX = ".endorsed"
_SCHEMA = "urn:averment:key:v1"
_LINES = 4


def endorsement_text(origin: str, key: VerifierKey) -> str:
    """What the old key signs about the new one."""
    return f"{_SCHEMA}\n{origin}\n{key}\n"


def endorsed_name(key: VerifierKey) -> str:
    """Where the endorsement of ``key`` lies, in a ledger's store and in a package."""
    return f"keys/{key.id.hex()}{ENDORSED_SUFFIX}"


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
            put_key(ledger.store, key)
        ledger.sign_with(fresh)
    return key


def endorsed(trusted: Sequence[VerifierKey], notes: Iterable[bytes], origin: str) -> list[VerifierKey]:
    """The keys of ``origin`` that ``notes`` lead to from ``trusted``, each vouched for by one before it. Those are not in the result.

    Raises:
        VerificationError: an endorsement is malformed, of another log, or its signature is wrong.
    """
    found: list[VerifierKey] = []
    waiting = [(_parsed(data, origin), SignedNote.parse(data)) for data in notes]
    progress = True
    while progress:
        progress = False
        for key, note in list(waiting):
            known = [item for item in (*trusted, *found) if item.name == origin and not item.cosigner]
            if not any((item.name, item.key_id) == (good.name, good.id) for item in note.signatures for good in known):
                continue  # vouched for by a key that isn't trusted, so far
            note.verify(known)
            waiting.remove((key, note))
            progress = True
            if key not in (*trusted, *found):
                found.append(key)
    return found


def _parsed(data: bytes, origin: str) -> VerifierKey:
    """The key that an endorsement is about; its signature is another matter."""
    lines = SignedNote.parse(data).text.split("\n")
    if len(lines) != _LINES or lines[0] != _SCHEMA or lines[1] != origin:
        raise VerificationError(f"this is no endorsement of a key of {origin}")
    try:
        key = VerifierKey.parse(lines[2])
    except BadInputError as error:
        raise VerificationError(f"the endorsement names no key: {error.message}") from error
    if key.name != origin or key.cosigner:
        raise VerificationError("the endorsement names the key of somebody else")
    return key
