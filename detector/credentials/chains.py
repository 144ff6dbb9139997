"""The certificate chain that a signer brings: whether anybody who trusts its authority can follow it.

c2pa signs with whatever chain it is given and looks at the first certificate alone, so that a chain in which a link is missing, ended or out
of place comes to light only with those who verify. Here each certificate has to be issued by the next one (RFC 9360, section 2: the order
of ``x5chain``), each issuer has to be allowed to issue, all have to be good today, and the first has to be of the profile that c2pa asks for
(C2PA specification 2.2, section 14.5.1). A chain may end below its root: whoever trusts the root has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from averment.core.errors import BadInputError
from averment.core.period import utc_now
from averment.core.showing import printable
from averment.core.signing.certificates import certificates_in
from averment.core.signing.interface import Signer

SIGNERS_PURPOSES = (
    "1.3.6.1.4.1.62558.2.1",  # c2pa-kp-claimSigning
    "1.3.6.1.5.5.7.3.36",  # documentSigning (RFC 9336)
    "1.3.6.1.5.5.7.3.4",  # emailProtection
)
"""Extended key usages under which C2PA takes a certificate for a signer's."""

OTHERS_PURPOSES = (
    "1.3.6.1.5.5.7.3.8",  # timeStamping
    "1.3.6.1.5.5.7.3.9",  # OCSP responder
)
"""Those of time-stamps and OCSP answers. A certificate with one of them is for nothing else; c2pa would sign with it all the same."""

_ORDER = "put the signer's certificate first, then the one that issued it, and so on; the root may be left out"
_ASK = "ask the authority for a certificate to sign C2PA manifests with"


_BROKEN = (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
"""What cryptography raises of a certificate that can't be understood."""

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


class ChainError(BadInputError):
    """The certificates are not such as to sign with. It isn't the medium's fault, nor that of the place where it is to go."""


@dataclass(frozen=True)
class _Chain:
    """What was found of a chain once, whatever the time: its first key (DER), and of each certificate its name and
    when it is good."""

    key: bytes
    keys: tuple[bytes, ...]
    periods: tuple[tuple[str, datetime, datetime], ...]
    fault: tuple[str, str] | None
    doubts: tuple[str, ...]


def check_chain(signer: Signer, chain: bytes) -> tuple[str, ...]:
    """Refuse a ``chain`` (PEM, the signer's certificate first) that isn't the signer's, or that nobody could follow to an authority.

    Returns what should be said of it all the same.

    Raises:
        ChainError: not PEM, for another key, out of order, a link is missing or isn't the issuer's, a certificate isn't good today, or the
            first one isn't for signing.
    """
    found = _examined(chain)
    if found.key != signer.public_key():
        if signer.public_key() in found.keys:
            at = found.keys.index(signer.public_key()) + 1
            raise ChainError(f"the certificates are in the wrong order: the one for the key {signer.key_name} is number {at}", fix=_ORDER)
        raise ChainError(
            f"the first certificate of the chain is not for the key {signer.key_name}", fix="put the signer's certificate first"
        )
    if found.fault is not None:
        raise ChainError(found.fault[0], fix=found.fault[1])
    now = utc_now()
    for number, (name, begins, ends) in enumerate(found.periods):
        what = f"the certificate for {signer.key_name}" if number == 0 else f"the authority's certificate {name}"
        if ends < now:
            root = number == len(found.periods) - 1 and number > 0
            fix = "renew it, and its authority's with it" if number else "renew it"
            raise ChainError(
                f"{what} expired on {ends.date()}", fix=f"{fix}; or leave it out if those who verify have a newer one" if root else fix
            )
        if begins > now:
            raise ChainError(f"{what} is not good before {begins:%Y-%m-%d %H:%M} UTC", fix="wait until then, or check this machine's clock")
    return found.doubts


@lru_cache(maxsize=8)
def _examined(chain: bytes) -> _Chain:
    try:
        certificates = certificates_in(chain)
        keys = tuple(_public(item) for item in certificates)
        periods = tuple((_name(item), item.not_valid_before_utc, item.not_valid_after_utc) for item in certificates)
        fault = _profile(certificates[0]) or _links(certificates)
    except _BROKEN as error:
        raise ChainError(
            "the certificate chain is not PEM, or a certificate in it is broken",
            fix="give the signer's certificate first, then the authorities'",
        ) from error
    return _Chain(keys[0], keys, periods, fault, tuple(_doubts(certificates)))


def anchors_nobody(certificate: x509.Certificate) -> bool:
    """Whether ``certificate`` is that of somebody who issues none, and not its own root either: with it as an anchor nobody is trusted, its holder neither."""
    try:
        basic = _extension(certificate.extensions, x509.BasicConstraints)
    except _BROKEN:  # an old root may be written oddly
        return False
    return basic is not None and not basic.ca and not _same(certificate.issuer, certificate.subject)


def _doubts(certificates: list[x509.Certificate]) -> Iterator[str]:
    first = certificates[0]
    if len(certificates) == 1 and not _same(first.issuer, first.subject):
        issuer = printable(first.issuer.rfc4514_string())
        yield (
            f"the chain holds the signer's certificate alone: those who verify have to trust {issuer} itself, or can't follow it. "
            "If that is no root, add its certificate and those above it"
        )
    if not first.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME):
        yield "the signer's certificate names no organisation (O), and older validators (c2pa-rs before 0.91) call what it signs broken"


def _profile(leaf: x509.Certificate) -> tuple[str, str] | None:
    """Why c2pa doesn't sign with ``leaf``, as (fault, fix); None where it does.

    Raises:
        ValueError, DuplicateExtension: an extension is broken or there twice.
    """
    if leaf.version is not x509.Version.v3:
        return "the signer's certificate isn't of version 3 (X.509)", _ASK
    extensions = leaf.extensions
    basic, usage = _extension(extensions, x509.BasicConstraints), _extension(extensions, x509.KeyUsage)
    purposes = _extension(extensions, x509.ExtendedKeyUsage)
    if basic is not None and basic.ca:
        return "the signer's certificate is that of an authority, which signs certificates and no media", f"{_ASK}; {_ORDER}"
    if usage is None or not (usage.digital_signature or usage.content_commitment) or usage.key_cert_sign:
        return "the signer's certificate isn't for signing: its key usage has to have digitalSignature, and not keyCertSign", _ASK
    oids = {item.dotted_string for item in purposes or ()}
    if ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE.dotted_string in oids:
        return "the signer's certificate is for any purpose (anyExtendedKeyUsage), which C2PA refuses", _ASK
    if oids & set(OTHERS_PURPOSES):
        return "the signer's certificate is for time-stamps or OCSP answers (extended key usage), not for media", _ASK
    if not oids & set(SIGNERS_PURPOSES):
        told = ", ".join(sorted(oids)) or "none"
        return f"the signer's certificate has no extended key usage that C2PA takes, of {', '.join(SIGNERS_PURPOSES)}; it has {told}", _ASK
    if _extension(extensions, x509.AuthorityKeyIdentifier) is None:
        return "the signer's certificate has no authority key identifier, without which C2PA refuses it", _ASK
    return None


def _links(certificates: list[x509.Certificate]) -> tuple[str, str] | None:
    """What is wrong between one certificate and the next, as (fault, fix)."""
    for number, (lower, upper) in enumerate(pairwise(certificates), start=1):
        here, there = f"certificate {number} ({_name(lower)})", f"certificate {number + 1} ({_name(upper)})"
        if lower == upper:
            return f"{here} is in the chain twice", _ORDER
        if not _same(lower.issuer, upper.subject):
            if _same(lower.issuer, lower.subject):
                return f"{there} stands behind a root, which nobody else issued", _ORDER
            if any(_same(lower.issuer, other.subject) for other in certificates):
                return f"the certificates are in the wrong order: {there} didn't issue {here}", _ORDER
            issuer = printable(lower.issuer.rfc4514_string())
            return f"a certificate is missing: {here} was issued by {issuer}, and the next is {there}", f"add that of {issuer}"
        if not _issued(lower, upper):
            return (
                f"{there} bears the name of the issuer of {here}, but that isn't signed with its key",
                "give the certificate of the issuer",
            )
        between = sum(not _same(item.issuer, item.subject) for item in certificates[1:number])
        if (why := _no_issuer(upper, between)) is not None:
            return f"{there} may not issue {here}: {why}", "ask the authority for the right chain"
    return None


def _issued(lower: x509.Certificate, upper: x509.Certificate) -> bool:
    """Whether ``upper``'s key signed ``lower``. Names aren't looked at: cryptography's own check wants them alike to the byte."""
    key, signature, signed = upper.public_key(), lower.signature, lower.tbs_certificate_bytes
    scheme: Any = lower.signature_algorithm_parameters
    try:
        match key:
            case rsa.RSAPublicKey():
                key.verify(signature, signed, scheme, lower.signature_hash_algorithm or hashes.SHA256())
            case ec.EllipticCurvePublicKey():
                key.verify(signature, signed, scheme)
            case ed25519.Ed25519PublicKey():
                key.verify(signature, signed)
            case _:
                return False
    except (InvalidSignature, ValueError, TypeError, AttributeError, UnsupportedAlgorithm):  # also of a scheme that isn't the key's
        return False
    return True


def _same(one: x509.Name, other: x509.Name) -> bool:
    """Whether two names are one, in whatever case, spacing and kind of string they are written (RFC 5280, section 7.1)."""
    return _folded(one) == _folded(other)


def _folded(name: x509.Name) -> list[frozenset[tuple[str, str]]]:
    return [frozenset((item.oid.dotted_string, " ".join(str(item.value).split()).casefold()) for item in part) for part in name.rdns]


def _no_issuer(upper: x509.Certificate, below: int) -> str | None:
    """Why ``upper`` may not issue certificates with ``below`` authorities between it and the signer (RFC 5280, sections 4.2.1.3 and 4.2.1.9)."""
    basic, usage = _extension(upper.extensions, x509.BasicConstraints), _extension(upper.extensions, x509.KeyUsage)
    if basic is None or not basic.ca:
        return "it isn't that of an authority (basic constraints)"
    if usage is not None and not usage.key_cert_sign:
        return "its key usage lacks keyCertSign"
    if basic.path_length is not None and basic.path_length < below:
        return f"it allows {basic.path_length} authorities below it (path length), and there are {below}"
    return None


def _extension(extensions: x509.Extensions, kind: type[_Extension]) -> _Extension | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _name(certificate: x509.Certificate) -> str:
    return printable(certificate.subject.rfc4514_string()) or "without a name"


def _public(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
