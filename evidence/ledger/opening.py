"""From what an organisation decided to its ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from averment.core.canonical import sha256_hex
from averment.core.errors import BadInputError, VerificationError
from averment.core.files import not_for_a_shell
from averment.core.http import check_url
from averment.core.organisation import Organisation
from averment.core.period import utc_now
from averment.core.signing.interface import Signer
from averment.core.signing.opening import KMS_PREFIX, open_signer
from averment.core.signing.verification import public_pem
from averment.core.source import SourceRef
from averment.evidence.ledger.checkpoint import Checkpoint, SignedNote, VerifierKey
from averment.evidence.ledger.countersigning import Authority, ThirdParties
from averment.evidence.ledger.index import RecordIndex
from averment.evidence.ledger.log import Ledger
from averment.evidence.ledger.reader import CHECKPOINT
from averment.evidence.ledger.succession import to_build_upon
from averment.evidence.ledger.timestamp import read_certificates
from averment.evidence.ledger.witness import RemoteWitness, read_witness_key
from averment.evidence.stores.directory import DirectoryStore
from averment.evidence.stores.interface import RESTORE, NotStoredError, Store

S3_PREFIX = "s3://"
_KEY_SUFFIX = ".vkey"


def open_store(text: str, root: Path) -> Store:
    """The store that ``text`` names: ``s3://bucket/prefix``, or a folder relative to ``root``.

    Raises:
        BadInputError: another scheme, no bucket, or a path that only a shell resolves.
    """
    if text.startswith(S3_PREFIX):
        from averment.evidence.stores.s3 import S3Store

        return S3Store.from_url(text)
    if "://" in text or text.lower().startswith("s3:"):
        raise BadInputError(f"'{text}' is no place for a ledger", fix="write a folder, or s3://bucket/prefix")
    return DirectoryStore(root / not_for_a_shell(text))


def open_ledger(organisation: Organisation, *, write: bool = False, clock: Callable[[], datetime] = utc_now) -> Ledger:
    """The organisation's ledger. A reader needs no private key: the public keys lie beside the log, under ``keys/``.

    To write, the signing key is opened (a local one that doesn't exist yet is created) and its public key put there.
    A ledger that doesn't exist yet reads as empty (``size`` 0, ``checkpoint`` None).

    Raises:
        BadInputError: the settings or the key can't be used.
        StoreError: the store is out of reach.
        VerificationError: the checkpoint is not signed by a key of the ledger, the key files were changed, or this machine has seen more of
            the log, or something else.
    """
    settings = organisation.evidence
    store = open_store(settings.ledger, organisation.root)
    _check_origin(store, settings.origin)
    notes = store.protect(settings.object_lock_days) if write else ()
    signers = _signers(store, organisation) if write else []
    keys = ledger_keys(store, settings.origin)
    ledger = Ledger(
        store,
        settings.origin,
        keys,
        signer=signers[0] if signers else None,
        further=signers[1:],
        third_parties=_third_parties(organisation),
        trusted=_trusted(store, organisation, signers) if write else None,
        index=RecordIndex(_index_path(store, organisation, write)),
        clock=clock,
    )
    ledger.notes.extend(notes)
    if not write and ledger.checkpoint is None and next(iter(store.list("tile/")), None) is not None:
        raise VerificationError(
            "there are entries but no checkpoint: it was removed, or the very first append was cut off",
            where=SourceRef(file=store.location),
            fix="restore 'checkpoint' from a copy; if nothing was ever recorded, the next averment collect finishes the append",
        )
    ledger.recall()
    return ledger


def _check_origin(store: Store, origin: str) -> None:
    """Tell a log under another name from one that isn't genuine, before a key is laid beside it under the wrong one.

    Raises:
        VerificationError: the checkpoint in ``store`` names another log.
    """
    try:
        said = Checkpoint.parse(SignedNote.parse(store.get(CHECKPOINT).data).text).origin
    except (NotStoredError, VerificationError):
        return  # which is for the reader to tell
    if said != origin:
        raise VerificationError(
            f"the checkpoint is of the log {said}, and evidence.origin names {origin}",
            where=SourceRef(file=store.location),
            fix=f"if it is your log, write that as evidence.origin: {said}; if it is another's, name a place of your own as evidence.ledger; if"
            f" your log lay there, {RESTORE}",
        )


def _third_parties(organisation: Organisation) -> ThirdParties:
    """The witnesses and the timestamp authority that the settings name.

    Raises:
        BadInputError: a witness's key or the authority's certificates can't be used.
    """
    settings = organisation.evidence
    keys = [read_witness_key(item.key) for item in settings.witnesses]
    asked = [RemoteWitness(check_url(item.url), key) for item, key in zip(settings.witnesses, keys, strict=True) if item.url]
    authority = None
    if settings.timestamp_url:
        path = settings.timestamp_certificates
        authority = Authority(check_url(settings.timestamp_url), read_certificates(organisation.path(path)) if path else ())
    return ThirdParties(asked, keys, authority)


def _signers(store: Store, organisation: Organisation) -> list[Signer]:
    """The signing key and the further ones, with their public halves beside the log. A new ledger takes the keys that it is given; an
    existing one doesn't change its signing key by accident, as a lost or mistyped key file would make it."""
    settings = organisation.evidence
    known = ledger_keys(store, settings.origin)
    names = ", ".join(key.id.hex() for key in known)
    path = organisation.path(settings.signing_key)
    if known and not settings.signing_key.startswith(KMS_PREFIX) and not path.exists():
        raise BadInputError(
            f"is not here, and this ledger is signed with {names}: no other key is made in its place",
            where=SourceRef(file=str(path)),
            fix="bring the key from where it is; if it is lost, make another (openssl genpkey -algorithm ed25519), and name the lost one's public"
            " key (keys/<id>.vkey) in evidence.former_keys",
        )
    signer = open_signer(settings.signing_key, organisation.root, create=not known)
    own = VerifierKey(settings.origin, signer.public_key())
    if known and own not in known and not set(known) & set(_former(organisation)):
        raise BadInputError(
            f"{settings.signing_key} is the key {own.id.hex()}, but this ledger is signed with {names}",
            where=SourceRef(file=store.location),
            fix=f"use that key; to change to this one, keep the old one in averment.yaml and run: averment ledger rotate {settings.signing_key};"
            " if the old one is lost, name its public key in evidence.former_keys",
        )
    signers = [signer, *(open_signer(text, organisation.root, create=not known) for text in settings.further_keys)]
    with store.writing("a process that opens the ledger", wait=60):
        for item in signers:
            put_key(store, VerifierKey(settings.origin, item.public_key()))
    return signers


def _trusted(store: Store, organisation: Organisation, signers: Sequence[Signer]) -> list[VerifierKey]:
    """The keys whose log a writer with ``signers`` goes on with."""
    origin = organisation.evidence.origin
    own = [VerifierKey(origin, item.public_key()) for item in signers]
    return to_build_upon([*own, *_former(organisation)], store, origin)


def _former(organisation: Organisation) -> list[VerifierKey]:
    """The public keys of lost signing keys that averment.yaml names.

    Raises:
        BadInputError: one is no key of this log.
    """
    settings = organisation.evidence
    keys = []
    for text in settings.former_keys:
        try:
            key = VerifierKey.parse(text)
        except BadInputError as error:
            raise BadInputError(
                f"evidence.former_keys: {error.message}",
                where=SourceRef(organisation.file),
                fix="copy the text of the ledger's keys/<id>.vkey",
            ) from error
        if key.name != settings.origin or key.cosigner:
            raise BadInputError(
                f"evidence.former_keys: {key} is no key of the log {settings.origin}",
                where=SourceRef(organisation.file),
                fix="copy the text of the ledger's keys/<id>.vkey",
            )
        keys.append(key)
    return keys


def put_key(store: Store, key: VerifierKey) -> None:
    """Lay the public key ``key`` beside the log, as PEM and as a verifier key string."""
    store.put_new(_key_name(key, ".pub.pem"), public_pem(key.public_key))
    store.put_new(_key_name(key, _KEY_SUFFIX), f"{key}\n".encode())


def ledger_keys(store: Store, origin: str) -> list[VerifierKey]:
    """The public keys of the log ``origin`` that lie in ``store``.

    Raises:
        VerificationError: a key file isn't one, or its name isn't its key's.
    """
    keys = []
    for name in store.list("keys/"):
        if not name.endswith(_KEY_SUFFIX):
            continue
        try:
            key = VerifierKey.parse(store.get(name).data.decode("utf-8"))
        except (BadInputError, UnicodeDecodeError) as error:
            raise VerificationError(f"{name} was changed: {error}", where=SourceRef(file=store.location), fix=RESTORE) from error
        if _key_name(key, _KEY_SUFFIX) != name:
            raise VerificationError(f"{name} holds another key than its name says", where=SourceRef(file=store.location), fix=RESTORE)
        if key.name == origin:
            keys.append(key)
    return keys


def _key_name(key: VerifierKey, suffix: str) -> str:
    return f"keys/{key.id.hex()}{suffix}"


def _index_path(store: Store, organisation: Organisation, write: bool) -> Path | None:
    """Beside a directory's tiles; for S3 on this machine. A reader that has no index yet doesn't leave one behind."""
    if isinstance(store, DirectoryStore):
        path = store.root / ".index.sqlite"
    else:
        path = organisation.root / ".averment" / "cache" / f"{sha256_hex(store.location.encode())[:16]}.sqlite"
    return path if write or path.exists() else None
