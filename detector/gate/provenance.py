"""What an upload says of where it comes from, and what that is worth: its metadata, a partner's seal, its content credential."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from averment.core.canonical import JSON, sha256_hex
from averment.detector.credentials.formats import READ_HERE, container_type
from averment.detector.gate.seals import META_ORIGIN_SEAL, origin_of
from averment.detector.gate.settings import Settings
from averment.detector.gate.trusted_files import anchors, partners_keys

NOT_LOOKED_AT = "not-looked-at"
_QUOTED = 1000
"""Characters of a credential's words that are kept."""


@dataclass(frozen=True)
class Provenance:
    """Of one upload. ``declared`` is what its ``provenance`` metadata says, which anybody may write.

    ``credential`` is a state of ``credentials.inspect.State`` or ``NOT_LOOKED_AT``; ``origin`` is the fingerprint of the partner's key
    that sealed it, None without a seal; ``broken_seal`` means that there is one which no known key made. ``ai_unvouched`` means that the
    credential is trusted, and that AI made it is said by an ingredient's alone, which isn't.
    """

    declared: str | None = None
    credential: str = NOT_LOOKED_AT
    reason: str = "credentials are not looked at in this deployment"
    ai_generated: bool = False
    signer: str | None = None
    origin: str | None = None
    broken_seal: bool = False
    ai_unvouched: bool = False

    def to_json(self) -> dict[str, JSON]:
        """As JSON data, for the verdict's line, which has what is declared beside it."""
        return {
            "state": self.credential,
            "reason": self.reason,
            "ai_generated": self.ai_generated,
            "ai_unvouched": self.ai_unvouched,
            "signer": self.signer,
            "origin_key": self.origin,
            "broken_seal": self.broken_seal,
        }


def look(data: bytes, metadata: Mapping[str, str], settings: Settings) -> Provenance:
    """What ``data`` and its ``metadata`` say.

    Raises:
        MissingExtraError: credentials are to be read and c2pa-python isn't installed.
        BadInputError: the trust anchors or the partners' keys are not what they have to be.
        IncompleteError: they are in a bucket that can't be read.
    """
    declared = metadata.get("provenance")
    origin, broken = _origin(data, metadata, settings)
    if settings.trust is None:
        return Provenance(declared, origin=origin, broken_seal=broken)
    if container_type(data) is None:  # a video of another container: "unreadable" would hold each of them
        why = f"not a {READ_HERE} file: credentials of others are not read here"
        return Provenance(declared, reason=why, origin=origin, broken_seal=broken)
    from averment.detector.credentials.inspect import inspect

    found = inspect(data, anchors(settings.trust))
    # What is quoted from the credential is the uploader's to write, at any length; a line of the log has a limit.
    reason, signer = found.reason[:_QUOTED], found.signer and found.signer[:_QUOTED]
    return Provenance(declared, str(found.state), reason, found.ai_generated, signer, origin, broken, found.ai_unvouched)


def unread(metadata: Mapping[str, str], why: str) -> Provenance:
    """Of an object whose bytes this function didn't read; ``why`` says so in the record."""
    return Provenance(metadata.get("provenance"), reason=why)


def _origin(data: bytes, metadata: Mapping[str, str], settings: Settings) -> tuple[str | None, bool]:
    if not metadata.get(META_ORIGIN_SEAL) or settings.origin_keys is None:
        return None, False
    origin = origin_of(metadata, sha256_hex(data), partners_keys(settings.origin_keys))
    return origin, origin is None
