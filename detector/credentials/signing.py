"""Signing generated media: a C2PA manifest that says who made it and that a trained algorithm did.

The manifest of a new medium holds one ``c2pa.created`` action with the digital source type and, if it is named, the tool. That of an
edited one holds the parent as ingredient with its own manifest, ``c2pa.opened``, and what was done (C2PA specification 2.2, section 18.16).
A watermark is stated as ``c2pa.watermarked.bound`` with a soft binding. Thumbnails are left out (they cost up to a megabyte and ten times
the time). The signature is COSE_Sign1 (RFC 9052): the key signs the Sig_structure, and ECDSA signatures are r and s
side by side (RFC 9053, section 2.1), which is not the DER that keys give.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from averment import __version__
from averment.core.canonical import sha256_hex
from averment.core.errors import AvermentError, BadInputError, IncompleteError
from averment.core.extras import require
from averment.core.http import check_url, named
from averment.core.signing.interface import Algorithm, Signer
from averment.core.threads import Unawaited
from averment.detector.credentials.chains import ChainError, check_chain
from averment.detector.credentials.formats import READ_HERE, container_type, may_carry, surely_bare
from averment.detector.credentials.inspect import ACCEPTED_PURPOSES, CORE, State, certificates_alone, check_anchors, inspect
from averment.detector.credentials.marking import Marked, mark_media, payload_of
from averment.detector.credentials.scheme import ALGORITHM
from averment.detector.credentials.wholeness import broken_off
from averment.detector.credentials.xmp import AI_GENERATED, AI_SOURCE_TYPES, with_source_type

_REFERENCE = re.compile(rb"""provenance\s*(?:=\s*["']|>)\s*https?://""")
"""How XMP names a credential that is kept elsewhere (C2PA 2.2, section 11.4: dcterms:provenance)."""
_ADDRESS = re.compile(r"https?://[^\s)'\"]+")

_OF_THE_CERTIFICATE, _OF_THE_MEDIUM = (
    ("Signature: the certificate", "Verify: manifest failed validation with: failures:\n  signingCredential."),
    "asset could not be parsed",
)
"""How c2pa's messages begin, and what is in them, where the certificate or the medium is at fault."""

_WHOLE = "check that the file is whole"

EDITS = (
    "color_adjustments",
    "converted",
    "cropped",
    "edited",
    "filtered",
    "orientation",
    "published",
    "redacted",
    "repackaged",
    "resized",
    "transcoded",
)
"""What a medium that has a parent can say was done, without the prefix ``c2pa.``."""

_P256_BYTES = 32


@dataclass(frozen=True)
class Edit:
    """What a medium was made from: the ``parent``'s bytes, its name, and what was done (some of ``EDITS``, in order).

    ``anchors`` (PEM) are whose word on the parent counts, beside the authorities in the signer's own chain; ``stamp_anchors`` (PEM) whose
    time-stamps do, beside both."""

    parent: bytes
    title: str
    actions: tuple[str, ...]
    anchors: bytes | None = None
    stamp_anchors: bytes | None = None


@dataclass(frozen=True)
class Statement:
    """What a credential is to say of the medium, and whether a watermark goes with it.

    ``source_type`` is one of IPTC's terms for media made by a trained algorithm or composed with such a part; None: made by one, or of an
    edited medium what its parent states, if the parent's signer is trusted: a stranger's word isn't repeated under the signer's name. ``tool`` names the generator. ``watermark`` is a watermark's key, or None for no watermark.
    """

    source_type: str | None = None
    tool: str | None = None
    edit: Edit | None = None
    watermark: bytes | None = None


@dataclass(frozen=True)
class Signed:
    """A signed medium. ``xmp_skipped`` is why IPTC's field isn't in its XMP, or None when it is; ``mark`` its watermark, if one was asked for;
    ``replaced`` whether it carried a credential before, which is gone (as a parent it would have been kept); ``refers`` whether its XMP still
    refers to one elsewhere."""

    data: bytes
    source: bytes
    media_type: str
    xmp_skipped: str | None
    digital_source_type: str = AI_GENERATED
    mark: Marked | None = None
    replaced: bool = False
    refers: bool = False

    @cached_property
    def sha256(self) -> str:
        """Of the signed bytes, lower-case hexadecimal."""
        return sha256_hex(self.data)

    @cached_property
    def source_sha256(self) -> str:
        """Of the bytes before signing."""
        return sha256_hex(self.source)


def sign_media(
    data: bytes,
    signer: Signer,
    chain: bytes,
    statement: Statement | None = None,
    *,
    title: str = "generated media",
    tsa_url: str | None = None,
) -> Signed:
    """``data`` with a content credential made by ``signer``, whose certificate chain is ``chain`` (PEM, end entity first).

    ``tsa_url`` names an RFC 3161 time-stamp authority; without one the credential is worth nothing once the certificate expires.

    Raises:
        BadInputError: not a medium that can carry a credential (or the watermark asked for), one whose own credential doesn't hold, a parent
            or an edit that can't be stated, a source type that only a stranger states, or no address of an authority.
        ChainError: a chain that isn't the key's, or that nobody could follow.
        IncompleteError: the key, the time-stamp authority or the library failed.
        MissingExtraError: c2pa-python isn't installed.
    """
    require("c2pa", extra="credentials", needed_for="signing media")
    statement = statement or Statement()
    mime = container_type(data)
    if mime is None:
        raise BadInputError("is not a medium that can carry a content credential here", fix=f"give a {READ_HERE} file")
    if tsa_url is not None:
        check_authority(tsa_url)
    check_chain(signer, chain)
    replaced = carries(data) and (statement.edit is None or statement.edit.parent != data)
    if (cut := broken_off(data)) is not None:
        raise BadInputError(f"can't be read as a medium ({cut})", fix=_WHOLE)
    source_type = _source_type(statement, chain)
    mark = None if statement.watermark is None else mark_media(data, payload_of(sha256_hex(data)), statement.watermark)
    prepared, xmp_skipped = with_source_type(data if mark is None else mark.data, mime, source_type)
    manifest = {"title": in_utf_8(title), "format": mime, **_manifest(statement, source_type, mark)}

    def build(builder: Any, native: Any, output: io.BytesIO) -> None:
        if statement.edit is not None:
            _open_parent(builder, statement.edit)
        builder.sign(native, mime, io.BytesIO(prepared), output)

    output = _signed(manifest, signer, chain, None, build) if tsa_url is None else _stamped(manifest, signer, chain, tsa_url, build)
    return Signed(output, data, mime, xmp_skipped, source_type, mark, replaced, replaced and _REFERENCE.search(data) is not None)


def in_utf_8(name: str) -> str:
    """A file's ``name`` as a manifest can hold it: bytes in it that are no UTF-8 are shown as such."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def check_authority(url: str) -> None:
    """Refuse what is no address of a time-stamp authority. It isn't said again: it may hold a password or a key.

    Raises:
        BadInputError: it isn't one of http or https with a host, or has blanks in it.
    """
    with suppress(BadInputError):  # whose message says the address
        if url.isascii() and url.isprintable() and " " not in url:
            check_url(url)
            return
    raise BadInputError("the time-stamp authority's address is none on the web", fix="write --tsa https://host/path")


def carries(data: bytes) -> bool:
    """Whether ``data`` carries a credential already, which a new one replaces unless ``data`` is named as the parent.

    Raises:
        BadInputError: one that doesn't hold, or can't be checked (a remote one): a new signature would hide that somebody changed the
            medium. Or what c2pa can't read at all.
    """
    if surely_bare(data):
        return False
    found = inspect(data, None)  # whole, as a validator reads: c2pa finds manifests behind garbage, and references to remote ones
    if found.state is State.UNREADABLE and not (may_carry(data) or "remote manifest" in found.reason):
        raise BadInputError(f"can't be read as a medium ({found.reason})", fix=_WHOLE)
    if found.state in {State.TAMPERED, State.UNREADABLE}:
        fault = "doesn't hold" if found.state is State.TAMPERED else "can't be checked"
        raise BadInputError(f"carries a credential that {fault} ({found.reason})", fix="sign the original, or name it with --parent")
    return found.state is not State.NONE


def _source_type(statement: Statement, chain: bytes) -> str:
    """What the medium is said to be.

    Raises:
        BadInputError: not one of the terms that disclose AI, an edit that can't be stated, or a type that only a stranger states.
    """
    edit, stated = statement.edit, statement.source_type
    if stated is not None and stated not in AI_SOURCE_TYPES:
        raise BadInputError(f"'{stated}' is not a source type that discloses AI", fix=f"write one of: {', '.join(sorted(AI_SOURCE_TYPES))}")
    if edit is None:
        return stated or AI_GENERATED
    unknown = [action for action in edit.actions if action not in EDITS]
    if unknown or not edit.actions:
        raise BadInputError(
            f"'{unknown[0]}' is not an edit" if unknown else f"what was done to {edit.title} isn't said", fix=f"name of: {', '.join(EDITS)}"
        )
    known = chain if edit.anchors is None else chain + b"\n" + check_anchors(edit.anchors).encode()
    found = inspect(edit.parent, known, stamp_anchors=edit.stamp_anchors)
    if found.state in {State.TAMPERED, State.UNREADABLE}:
        raise BadInputError(f"{edit.title} can't be a parent: {found.reason}", fix="name the original as it was signed")
    if stated is not None:
        return stated
    inherited = next((kind for kind in found.source_types if kind in AI_SOURCE_TYPES), None)
    if inherited is None and not found.ai_unvouched:
        raise BadInputError(f"{edit.title} doesn't state that AI made it, and neither do you", fix="say what the medium is: --source-type")
    if inherited is None or found.state is not State.TRUSTED:
        why = "an ingredient says so, whose signer is not trusted" if inherited is None else found.reason
        raise BadInputError(
            f"{edit.title} states that AI made it, but you would repeat a stranger's word: {why}",
            fix="say what the medium is: --source-type; or whose word counts: --trust ANCHORS.pem",
        )
    return inherited


def _stamped(manifest: dict[str, Any], signer: Signer, chain: bytes, tsa_url: str, build: Callable[[Any, Any, io.BytesIO], None]) -> bytes:
    """``_signed`` in a thread: c2pa waits for the authority in native code, where neither Ctrl-C nor SIGTERM is heard."""
    pool = Unawaited(1, name="sign")
    try:
        return pool.submit(_signed, manifest, signer, chain, tsa_url, build).result()
    finally:
        pool.shutdown(wait=False)


def _signed(
    manifest: dict[str, Any], signer: Signer, chain: bytes, tsa_url: str | None, build: Callable[[Any, Any, io.BytesIO], None]
) -> bytes:
    import c2pa

    failures: list[Exception] = []

    def callback(message: bytes) -> bytes:
        try:
            return cose_signature(signer, bytes(message))
        except Exception as error:  # crosses into native code, which would replace it by a number
            failures.append(error)
            raise

    output = io.BytesIO()
    try:
        with (
            c2pa.Builder(manifest, _context(os.getpid())) as builder,
            c2pa.Signer.from_callback(callback, _algorithm(c2pa, signer), certificates_alone(chain), tsa_url) as native,
        ):
            build(builder, native, output)
    except c2pa.C2paError as error:
        fault = error
    else:
        return output.getvalue()
    raise _refused(fault, failures, signer)  # not with it as the cause: it may hold an address whole


def _refused(fault: Exception, failures: list[Exception], signer: Signer) -> AvermentError:
    """Whose fault it is that c2pa didn't sign."""
    if failures and isinstance(failures[0], AvermentError):
        return failures[0]
    said = _ADDRESS.sub(_without_secrets, str(failures[0] if failures else fault))
    if not failures and said.startswith(_OF_THE_CERTIFICATE):
        return ChainError(f"C2PA refuses the certificate for {signer.key_name}: {said}", fix="ask the authority for one for C2PA")
    if not failures and _OF_THE_MEDIUM in said:
        return BadInputError(f"can't be read as a medium ({said})", fix=_WHOLE)
    return IncompleteError(
        f"the medium could not be signed: {said}", fix="check that the key can be used, and that the time-stamp authority answers"
    )


def _without_secrets(address: re.Match[str]) -> str:
    """An address in somebody else's message, which may hold a password or a key."""
    try:
        return named(address[0])
    except ValueError:  # of a port or a host that is none
        return "an address"


def _open_parent(builder: Any, edit: Edit) -> None:
    import c2pa

    builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
    ingredient = {"title": in_utf_8(edit.title), "relationship": "parentOf"}
    builder.add_ingredient(ingredient, container_type(edit.parent) or "application/octet-stream", io.BytesIO(edit.parent))


def cose_signature(signer: Signer, message: bytes) -> bytes:
    """``signer``'s signature over ``message`` in the form of COSE: Ed25519 as it is, ECDSA from DER to r || s."""
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    signature = signer.sign(message)
    match signer.algorithm:
        case Algorithm.ED25519:
            return signature
        case Algorithm.ECDSA_P256_SHA256:
            r, s = decode_dss_signature(signature)
            return r.to_bytes(_P256_BYTES, "big") + s.to_bytes(_P256_BYTES, "big")


def _algorithm(c2pa: Any, signer: Signer) -> Any:
    match signer.algorithm:
        case Algorithm.ED25519:
            return c2pa.C2paSigningAlg.ED25519
        case Algorithm.ECDSA_P256_SHA256:
            return c2pa.C2paSigningAlg.ES256


@lru_cache(maxsize=1)
def _context(process: int) -> Any:  # noqa: ARG001 - a forked process can't use its parent's
    import c2pa

    settings = {
        "core": CORE,
        # c2pa would leave out of the hash what stands in free and skip boxes (MP4, AVIF, HEIC), where anything could be put then
        "builder": {"thumbnail": {"enabled": False}, "bmff_hash_exclude_free_and_skip_boxes": False},
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
        "trust": {"trust_config": ACCEPTED_PURPOSES},
    }
    return c2pa.Context(c2pa.Settings.from_dict(settings))


def _manifest(statement: Statement, source_type: str, mark: Marked | None) -> dict[str, Any]:
    if statement.edit is None:
        actions: list[dict[str, Any]] = [{"action": "c2pa.created", "digitalSourceType": source_type}]
    else:
        actions = [{"action": f"c2pa.{name}"} for name in statement.edit.actions]  # c2pa adds c2pa.opened in front
        actions[0]["digitalSourceType"] = source_type
    if statement.tool:
        actions[0]["softwareAgent"] = {"name": statement.tool}
    assertions: list[dict[str, Any]] = []
    if mark is not None:
        actions.append({"action": "c2pa.watermarked.bound", "softwareAgent": {"name": "averment", "version": __version__}})
        assertions.append(
            {"label": "c2pa.soft-binding", "created": True, "data": {"alg": ALGORITHM, "blocks": [{"scope": {}, "value": mark.payload}]}}
        )
    assertions.append({"label": "c2pa.actions.v2", "created": True, "data": {"actions": actions}})  # else only gathered: nobody's word
    generator = {"name": "averment", "version": __version__}
    return {"claim_generator_info": [generator], "assertions": assertions}
