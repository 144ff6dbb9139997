"""What a credential is worth: trusted, untrusted, tampered, stripped, or none.

A validator calls a manifest "valid" when its signature and hashes hold, whoever signed it. Anybody can make such a manifest, so here
it is ``UNTRUSTED`` unless its signer chains to one of the given anchors. Nothing is fetched: no remote manifests, no OCSP.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from averment.core.canonical import JSON, sha256_hex
from averment.core.errors import BadInputError
from averment.core.extras import require
from averment.core.files import read_bounded
from averment.core.signing.certificates import certificates_in
from averment.core.source import SourceRef
from averment.detector.credentials.chains import OTHERS_PURPOSES, SIGNERS_PURPOSES, anchors_nobody
from averment.detector.credentials.formats import READ_HERE, container_type
from averment.detector.credentials.ingredients import by_signers_anchors, ingredient_failures, vouched_manifests
from averment.detector.credentials.stamps import ENDED, by_anybody, ended
from averment.detector.credentials.xmp import AI_SOURCE_TYPES, term

if TYPE_CHECKING:
    from averment.detector.credentials.recovery import Recovery, Register

ACCEPTED_PURPOSES = "\n".join((*SIGNERS_PURPOSES, *OTHERS_PURPOSES))
"""Extended key usages that C2PA knows for signers, their time-stamps and OCSP answers. A web server's certificate has none of them."""

CORE = {"decode_identity_assertions": False}
"""c2pa's settings of that name. Who somebody says that they are in an identity assertion (CAWG) isn't told here. c2pa would look into each: it asks the
web server that the file names, and calls what isn't answered, or whose issuer it doesn't know, a failure of the whole manifest."""

_NOT_AS_HASHED = ".mismatch"
"""How the codes end of whatever isn't what was hashed or signed (C2PA 2.2, the failure codes of chapter 15)."""

_ENDED = (
    "the signature holds, but its signer's certificate has ended, and time-stamps on such an old kind of claim (version 1) anybody can make"
)

_CLAIM_V2 = 2
"""From this version on a claim tells created assertions from gathered ones."""


class State(StrEnum):
    """The closed list of answers. ``STRIPPED``: no credential is in the file, but the provenance log knows it or its like. ``UNREADABLE`` always has a
    reason: the file could not be checked."""

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"
    TAMPERED = "tampered"
    STRIPPED = "stripped"
    NONE = "none"
    UNREADABLE = "unreadable"


class _Digest:
    """The SHA-256 of some bytes, computed when somebody asks: it costs a third of a verification. The bytes are let go of then."""

    def __init__(self, data: bytes) -> None:
        self._data: bytes | None = data
        self._value = ""

    def __str__(self) -> str:
        if self._data is not None:
            self._value, self._data = sha256_hex(self._data), None
        return self._value


@dataclass(frozen=True)
class Inspection:
    """What was found in one file.

    ``source_types`` are the digital source types that its manifests state. Of a trusted file they are those of the active manifest and of
    ingredients whose own signers are trusted, as far as these answer for them (created assertions); the rest is in ``unvouched_types``, which nobody who is trusted says of
    the file. ``signer`` and ``issuer`` are the names in the signing certificate, ``codes`` the C2PA validation codes that speak against it. Of a tampered file these are claims of nobody.
    ``signed_at`` is the time in its time-stamp, which counts only if ``stamp`` is ``trusted`` (its authority chains to the anchors too): an
    ``untrusted`` one anybody can make, of any time. ``recovered`` is what the provenance log knows of the
    file, if it was asked (it is not about trusted files). ``digest`` is None of a file whose bytes couldn't be had.
    """

    state: State
    reason: str
    digest: _Digest | None = field(repr=False, compare=False)
    media_type: str | None = None
    source_types: tuple[str, ...] = ()
    signer: str | None = None
    issuer: str | None = None
    signed_at: str | None = None
    algorithm: str | None = None
    generator: str | None = None
    codes: tuple[str, ...] = ()
    stamp: str | None = None
    recovered: Recovery | None = None
    unvouched_types: tuple[str, ...] = ()

    @property
    def sha256(self) -> str | None:
        """Of the file, lower-case hexadecimal; None if it wasn't read. Until it is asked for, the file's bytes are kept for it."""
        return None if self.digest is None else str(self.digest)

    @property
    def ai_generated(self) -> bool:
        """Whether a manifest states that a trained algorithm made the medium or a part of it."""
        return any(kind in AI_SOURCE_TYPES for kind in self.source_types)

    @property
    def ai_unvouched(self) -> bool:
        """Whether that is stated of a trusted file only where no trusted signer answers for it: by an ingredient of another's, or gathered."""
        return not self.ai_generated and any(kind in AI_SOURCE_TYPES for kind in self.unvouched_types)

    def to_json(self) -> dict[str, JSON]:
        """As JSON data."""
        return {
            "state": str(self.state),
            "reason": self.reason,
            "sha256": self.sha256,
            "media_type": self.media_type,
            "ai_generated": self.ai_generated,
            "source_types": list(self.source_types),
            "unvouched_source_types": list(self.unvouched_types),
            "signer": self.signer,
            "issuer": self.issuer,
            "signed_at": self.signed_at,
            "algorithm": self.algorithm,
            "generator": self.generator,
            "codes": list(self.codes),
            "stamp": self.stamp,
            "recovered": None if self.recovered is None else self.recovered.to_json(),
        }


def unread(reason: str) -> Inspection:
    """What is said of a file whose bytes couldn't be had, for ``reason``."""
    return Inspection(State.UNREADABLE, reason, None)


def inspect(data: bytes, anchors: bytes | None, register: Register | None = None, stamp_anchors: bytes | None = None) -> Inspection:
    """What the credential in ``data`` is worth to somebody who trusts ``anchors`` (PEM; None: nobody). Whatever isn't trusted is looked up in
    ``register``, the provenance log. ``anchors`` are those of signers and of time-stamps, ``stamp_anchors`` (PEM) of time-stamps alone: nobody
    who has a certificate under one of the latter is a trusted signer for it.

    Raises:
        MissingExtraError: c2pa-python isn't installed, or of a register what it needs.
        BadInputError: the anchors are not PEM certificates.
    """
    found = _inspect(data, anchors, stamp_anchors)
    if register is None or found.state is State.TRUSTED or found.media_type is None:
        return found
    known = register.look(data)
    if found.state is State.NONE and known.entry is not None:
        return replace(found, state=State.STRIPPED, reason=known.shows, recovered=known)
    return replace(found, recovered=known)


def _inspect(data: bytes, anchors: bytes | None, stamp_anchors: bytes | None) -> Inspection:
    c2pa = require("c2pa", extra="credentials", needed_for="reading content credentials")
    digest, mime = _Digest(data), container_type(data)
    if mime is None:
        return Inspection(State.UNREADABLE, f"not a {READ_HERE} file: credentials of others are not read here", digest)
    try:
        store = _store(data, mime, anchors, stamp_anchors)
        alone = _store(data, mime, anchors, None) if stamp_anchors is not None and _needs_more(store) else None
    except c2pa.C2paError.ManifestNotFound:
        return Inspection(State.NONE, "no content credential in the file", digest, mime)
    except c2pa.C2paError as error:
        return Inspection(State.UNREADABLE, f"could not be checked: {error}", digest, mime)
    found = _judge(store, digest, mime, alone)
    if alone is None or found.state is not State.TRUSTED:
        return found
    if (why := _only_by_stamps(store, alone)) is not None:
        return replace(found, state=State.UNTRUSTED, reason=why, codes=("signingCredential.untrusted",))
    return found


def _store(data: bytes, mime: str, anchors: bytes | None, stamp_anchors: bytes | None) -> dict[str, Any]:
    import c2pa

    with c2pa.Reader(mime, io.BytesIO(data), context=_context(anchors, stamp_anchors, os.getpid())) as reader:
        store: dict[str, Any] = json.loads(reader.json())
        store[ENDED] = ended(store, reader)
        return store


def _needs_more(store: Mapping[str, Any]) -> bool:
    """Whether what was found with both kinds of anchors leaves open which of them it rests on."""
    return not _named(store) or any(manifest.get("ingredients") for manifest in (store.get("manifests") or {}).values())


def _named(store: Mapping[str, Any]) -> bool:
    return by_signers_anchors((store.get("validation_results") or {}).get("activeManifest") or {}, str(store.get("active_manifest")))


def _only_by_stamps(store: Mapping[str, Any], alone: Mapping[str, Any]) -> str | None:
    """Why a file that is trusted with both kinds of anchors (``store``) isn't with those of signers (``alone``); None if it is.

    A certificate that has ended isn't good in ``alone``, where its time-stamp doesn't count: then the anchor that ``store`` names decides.
    """
    if _state(str(alone.get("validation_state")), _codes(alone))[0] is State.TRUSTED:
        return None
    if not _named(store):
        return "the signature holds, but its signer is under a root that you trust for time-stamps alone"
    if ingredient_failures(alone):
        return "the signature holds, but an ingredient's signer, who was trusted when it was used, is not by the anchors for signers alone"
    return None


def check_anchors(anchors: bytes) -> str:
    """The certificates in ``anchors``, and nothing else of it. Others are refused: c2pa takes anything and then trusts nobody, in silence.

    Raises:
        BadInputError: no certificate, a broken one, or none of an authority.
    """
    fix = "give the authority's root certificate, PEM"
    try:
        alone, idle = certificates_alone(anchors), all(anchors_nobody(item) for item in certificates_in(anchors))
    except ValueError as error:
        raise BadInputError("the trust anchors are not certificates in PEM, or one of them is broken", fix=fix) from error
    if idle:
        raise BadInputError("no certificate among the trust anchors is an authority's, and by a signer's nobody is trusted", fix=fix)
    return alone


def read_anchors(path: Path) -> bytes:
    """The trust anchors in the file ``path``, as they stand there.

    Raises:
        BadInputError: it can't be read, or holds no certificates; the file is named.
    """
    anchors = read_bounded(path)
    try:
        check_anchors(anchors)
    except BadInputError as error:
        raise BadInputError(error.message, where=SourceRef(str(path)), fix=error.fix) from error
    return anchors


@lru_cache(maxsize=8)
def certificates_alone(pem: bytes) -> str:
    """The certificates in ``pem``, in order, written anew: around them may stand whose they are, in any encoding, which c2pa doesn't read.

    Raises:
        ValueError: there is none, or a broken one.
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    return "".join(item.public_bytes(Encoding.PEM).decode("ascii") for item in certificates_in(pem))


@lru_cache(maxsize=8)
def _context(anchors: bytes | None, stamp_anchors: bytes | None, process: int) -> Any:  # noqa: ARG001 - part of the cache's key
    """A validator's settings; making them costs as much as a small verification. Readers and threads share one, a forked
    process can't use its parent's."""
    import c2pa

    trust = {"trust_config": ACCEPTED_PURPOSES}
    if anchors is not None:
        trust["trust_anchors"] = check_anchors(anchors)
    if stamp_anchors is not None:
        trust["user_anchors"] = check_anchors(stamp_anchors)  # a list apart, so that the results tell whose anchor it was
    verify = {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False}
    return c2pa.Context(c2pa.Settings.from_dict({"core": CORE, "verify": verify, "trust": trust}))


def _judge(store: Mapping[str, Any], digest: _Digest, mime: str, alone: Mapping[str, Any] | None) -> Inspection:
    codes = _codes(store)
    state, reason = _state(str(store.get("validation_state")), codes)
    if state is State.TRUSTED and store.get("active_manifest") in store[ENDED]:
        state, reason, codes = State.UNTRUSTED, _ENDED, ("signingCredential.expired",)
    manifests: Mapping[str, Any] = store.get("manifests") or {}
    active: Mapping[str, Any] = manifests.get(store.get("active_manifest", ""), {})
    vouched = vouched_manifests(store, alone) if state is State.TRUSTED else tuple(manifests)
    stated = _stated((manifests[label] for label in vouched), answered=state is State.TRUSTED)
    signature = active.get("signature_info") or {}
    generators = active.get("claim_generator_info") or [{}]
    return Inspection(
        state=state,
        reason=reason,
        digest=digest,
        media_type=mime,
        source_types=stated,
        signer=signature.get("common_name"),
        issuer=signature.get("issuer"),
        signed_at=signature.get("time"),
        algorithm=signature.get("alg"),
        generator=generators[0].get("name"),
        codes=codes,
        stamp=_stamp(active, store.get("validation_results") or {}),
        unvouched_types=tuple(kind for kind in _stated(manifests.values()) if kind not in stated),
    )


def _state(validation: str, codes: tuple[str, ...]) -> tuple[State, str]:
    if validation == "Trusted" and not codes:
        return State.TRUSTED, "the signature holds and its signer is trusted"
    broken = [code for code in codes if not _about_signer(code)]
    if broken:
        changed = any(code.endswith(_NOT_AS_HASHED) for code in broken)  # else it may be as its maker's tool left it
        what = "changed since it was signed" if changed else "a manifest in it is broken, or not as C2PA demands"
        return State.TAMPERED, f"{what}: {', '.join(broken)}"
    if codes:
        return State.UNTRUSTED, f"the signature holds, but not its signer's standing: {', '.join(codes)}"
    if validation == "Valid":
        return State.UNTRUSTED, "the signature holds, but its signer is not trusted"
    return State.TAMPERED, f"the validator says {validation} and gives no code"


def _about_signer(code: str) -> bool:
    """Failures that leave the content as it was signed: an unknown, expired or revoked signer, a time-stamp of no use."""
    return code.startswith(("signingCredential.", "timeStamp.")) or code == "claimSignature.outsideValidity"


def _codes(store: Mapping[str, Any]) -> tuple[str, ...]:
    """What speaks against the file, each code once."""
    return tuple(dict.fromkeys(_failures(store.get("validation_results") or {})))


def _failures(results: Mapping[str, Any]) -> list[str]:
    found = [entry["code"] for entry in (results.get("activeManifest") or {}).get("failure", ())]
    for delta in results.get("ingredientDeltas") or ():
        found += [entry["code"] for entry in (delta.get("validationDeltas") or {}).get("failure", ())]
    return found


def _stamp(active: Mapping[str, Any], results: Mapping[str, Any]) -> str | None:
    if not (active.get("signature_info") or {}).get("time"):
        return None
    if by_anybody(active):
        return "untrusted"
    held = {entry["code"] for entry in (results.get("activeManifest") or {}).get("success", ())}
    return "trusted" if {"timeStamp.validated", "timeStamp.trusted"} <= held else "untrusted"


def _stated(manifests: Iterable[Mapping[str, Any]], *, answered: bool = False) -> tuple[str, ...]:
    return tuple(dict.fromkeys(kind for manifest in manifests for kind in _source_types(manifest, answered=answered)))


def _source_types(manifest: Mapping[str, Any], *, answered: bool) -> list[str]:
    """The source types in the actions; ``answered``: only in assertions that the signer answers for. Claims of version 1 don't tell them apart."""
    created_only = answered and manifest.get("claim_version") == _CLAIM_V2
    labelled = [
        assertion
        for assertion in manifest.get("assertions") or ()
        if str(assertion.get("label", "")).startswith("c2pa.actions") and (assertion.get("created") is True or not created_only)
    ]
    actions = [action for assertion in labelled for action in (assertion.get("data") or {}).get("actions") or ()]
    return [term(action["digitalSourceType"]) for action in actions if isinstance(action.get("digitalSourceType"), str)]
