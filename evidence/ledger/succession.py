"""Which keys of a log lead to which: what an old key says of the one that follows it, and a new one of the one before it.

``keys/<id>.endorsed``: the old key vouches for the new one, so that whoever trusts the old has a reason to trust the new. Auditors go by it.
``keys/<old>-<new>.acknowledged``: the new key says that the old one was the log's before it. Writers alone go by it, for what the old key signed
after the change; it gives no auditor a reason to trust an old key. The first line of either keeps it from being taken for anything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from averment.core.errors import BadInputError, VerificationError
from averment.core.source import SourceRef
from averment.evidence.ledger.checkpoint import SignedNote, VerifierKey
from averment.evidence.stores.interface import Store

ENDORSED_SUFFIX, ACKNOWLEDGED_SUFFIX = ".endorsed", ".acknowledged"
ENDORSEMENT, ACKNOWLEDGEMENT = "urn:averment:key:v1", "urn:averment:predecessor:v1"
_LINES = 4


def endorsement_text(origin: str, key: VerifierKey) -> str:
    """What the old key signs about the new one."""
    return f"{ENDORSEMENT}\n{origin}\n{key}\n"


def endorsed_name(key: VerifierKey) -> str:
    """Where the endorsement of ``key`` lies, in a ledger's store and in a package."""
    return f"keys/{key.id.hex()}{ENDORSED_SUFFIX}"


def acknowledgement_text(origin: str, key: VerifierKey) -> str:
    """What the new key signs about the old one."""
    return f"{ACKNOWLEDGEMENT}\n{origin}\n{key}\n"


def acknowledged_name(old: VerifierKey, new: VerifierKey) -> str:
    """Where it lies that ``new`` follows ``old``, in a ledger's store."""
    return f"keys/{old.id.hex()}-{new.id.hex()}{ACKNOWLEDGED_SUFFIX}"


def to_build_upon(own: Sequence[VerifierKey], store: Store, origin: str) -> list[VerifierKey]:
    """The keys whose log a writer with the keys ``own`` goes on with: these, those that they vouch for, and those that went before them.

    The public keys that lie beside a log are no reason to: whoever may write to the store can lay one there.

    Raises:
        StoreError: the store is out of reach.
        VerificationError: what says that one key follows another is malformed or wrong.
    """
    known = [*own, *endorsed(own, kept(store, origin), origin)]
    return [*known, *endorsed(known, kept(store, origin, ACKNOWLEDGED_SUFFIX, ACKNOWLEDGEMENT), origin, ACKNOWLEDGEMENT)]


def kept(store: Store, origin: str, suffix: str = ENDORSED_SUFFIX, schema: str = ENDORSEMENT) -> list[bytes]:
    """What lies beside a log about which key follows which; who signed it, and whether rightly, is for ``endorsed`` to say.

    Raises:
        StoreError: the store is out of reach.
        VerificationError: a file says nothing of the kind, or of another log.
    """
    found = []
    for name in store.list("keys/"):
        if name.endswith(suffix):
            found.append(store.get(name).data)
            try:
                _parsed(found[-1], origin, schema)
            except VerificationError as error:
                raise VerificationError(
                    f"{name}: {error.message}",
                    where=SourceRef(file=store.location),
                    fix="restore it from a copy; if the log is called otherwise than evidence.origin says, correct that",
                ) from error
    return found


def endorsed(trusted: Sequence[VerifierKey], notes: Iterable[bytes], origin: str, schema: str = ENDORSEMENT) -> list[VerifierKey]:
    """The keys of ``origin`` that ``notes`` lead to from ``trusted``, each signed for by one before it. Those are not in the result.

    Raises:
        VerificationError: an endorsement is malformed, of another log, or its signature is wrong.
    """
    found: list[VerifierKey] = []
    waiting = [(_parsed(data, origin, schema), SignedNote.parse(data)) for data in notes]
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


def _parsed(data: bytes, origin: str, schema: str) -> VerifierKey:
    """The key that an endorsement is about; its signature is another matter."""
    lines = SignedNote.parse(data).text.split("\n")
    if len(lines) != _LINES or lines[0] != schema or lines[1] != origin:
        raise VerificationError(f"this is no endorsement of a key of {origin}")
    try:
        key = VerifierKey.parse(lines[2])
    except BadInputError as error:
        raise VerificationError(f"the endorsement names no key: {error.message}") from error
    if key.name != origin or key.cosigner:
        raise VerificationError("the endorsement names the key of somebody else")
    return key
