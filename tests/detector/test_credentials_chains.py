"""What a certificate chain has to be before anything is signed with it. Certificates are made here; openssl and c2pa are asked for their opinion."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID
from PIL import Image

from averment.cli.main import run
from averment.core.errors import BadInputError
from averment.core.period import utc_now
from averment.detector.credentials.authority import private_pem
from averment.detector.credentials.chains import ChainError, check_chain
from averment.detector.credentials.inspect import State, check_anchors, inspect
from averment.detector.credentials.keys import PemEcdsaSigner
from averment.detector.credentials.signing import Statement, _manifest, _signed
from averment.detector.credentials.xmp import AI_GENERATED

KEYS = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("signer", "issuing", "middle", "root", "other")}
SIGNER = PemEcdsaSigner(KEYS["signer"], "signer.key")
EMAIL, STAMPS, OCSP, WEB, ANY = "1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.9", "1.3.6.1.5.5.7.3.1", "2.5.29.37.0"
_USES = "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign encipher_only decipher_only"


def usage(*uses: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{name: name in uses for name in _USES.split()})


def cert(
    subject: str,
    issuer: str,
    *,
    days: tuple[float, float] = (-1, 90),
    ca: bool | None = None,
    uses: tuple[str, ...] | None = None,
    purposes: tuple[str, ...] = (EMAIL,),
    key: str | None = None,
    by: str | None = None,
    length: int | None = None,
    identified: bool = True,
    organisation: str = "Shop",
) -> x509.Certificate:
    """A certificate for the key of ``subject`` (or ``key``) signed with that of ``issuer`` (or ``by``)."""
    public, private = KEYS[key or subject].public_key(), KEYS[by or issuer]
    authority = subject != "signer" if ca is None else ca
    now = utc_now()
    name = [
        x509.Name(
            [x509.NameAttribute(oid, text) for oid, text in ((NameOID.COMMON_NAME, who), (NameOID.ORGANIZATION_NAME, organisation)) if text]
        )
        for who in (subject, issuer)
    ]
    builder = (
        x509.CertificateBuilder(name[1], name[0], public, x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(authority, length), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
    uses = uses if uses is not None else (("key_cert_sign", "crl_sign") if authority else ("digital_signature",))
    builder = builder.add_extension(usage(*uses), critical=True) if uses else builder
    if purposes and not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in purposes]), critical=False)
    if identified:
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(private.public_key()), critical=False)
    return builder.sign(private, hashes.SHA256())


def issued(
    subject: str, issuer: str, public: Any, by: Any, *, ca: bool = False, pss: bool = False, kind: Any = _ASN1Type.UTF8String
) -> x509.Certificate:
    """A certificate for a key of any kind, signed with one of any kind; ``kind`` is how the issuer's name is written."""

    def named(who: str, form: _ASN1Type) -> x509.Name:
        # in the order that ``cert`` has
        return x509.Name(
            [x509.NameAttribute(oid, text, form) for oid, text in ((NameOID.COMMON_NAME, who), (NameOID.ORGANIZATION_NAME, "Shop"))]
        )

    now = utc_now()
    builder = (
        x509.CertificateBuilder(named(issuer, kind), named(subject, _ASN1Type.UTF8String), public, x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=90))
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(usage(*(("key_cert_sign",) if ca else ("digital_signature",))), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    if not ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier(EMAIL)]), critical=False)
    more: dict[str, Any] = {"rsa_padding": padding.PSS(padding.MGF1(hashes.SHA256()), 32)} if pss else {}
    return builder.sign(by, None if isinstance(by, ed25519.Ed25519PrivateKey) else hashes.SHA256(), **more)


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(item.public_bytes(Encoding.PEM) for item in certificates)


LEAF, ISSUING, MIDDLE, ROOT = cert("signer", "issuing"), cert("issuing", "middle"), cert("middle", "root"), cert("root", "root")
ROOT_WITHOUT = cert("root", "root", organisation="")
CROSSED = cert("root", "other")
"""The root, certified by another one as well: how a new root is introduced."""


def picture() -> bytes:
    output = io.BytesIO()
    Image.effect_noise((64, 64), 60).convert("RGB").save(output, "JPEG")
    return output.getvalue()


def signed_anyway(chain: bytes) -> bytes:
    """What c2pa makes of a chain that nobody looked at."""
    manifest = {"title": "t", **_manifest(Statement(), AI_GENERATED, None)}

    def build(builder: Any, native: Any, output: io.BytesIO) -> None:
        builder.sign(native, "image/jpeg", io.BytesIO(picture()), output)

    return _signed(manifest, SIGNER, chain, None, build)


@pytest.mark.parametrize(
    ("chain", "anchor"),
    [
        ((LEAF, ISSUING, MIDDLE, ROOT), ROOT),
        ((LEAF, ISSUING, MIDDLE), ROOT),
        ((LEAF, ISSUING, MIDDLE, ROOT, CROSSED), ROOT),
        ((LEAF, ISSUING, MIDDLE, CROSSED), cert("other", "other")),
        ((cert("signer", "root"), ROOT), ROOT),
        ((LEAF, cert("issuing", "middle", length=0), cert("middle", "root", length=1)), ROOT),
    ],
    ids=["whole", "below the root", "with a cross certificate", "under another root", "directly under it", "path lengths"],
)
def test_a_chain_that_can_be_followed_is_taken_without_a_word(
    chain: tuple[x509.Certificate, ...], anchor: x509.Certificate, tmp_path: Path
) -> None:
    """openssl follows it to the root, and c2pa trusts what it signs."""
    assert check_chain(SIGNER, pem(*chain)) == ()
    assert inspect(signed_anyway(pem(*chain)), pem(anchor)).state is State.TRUSTED
    for name, items in {"leaf": chain[:1], "between": chain[1:], "root": (anchor,)}.items():
        (tmp_path / name).write_bytes(pem(*items))
    command = ["openssl", "verify", "-purpose", "smimesign", "-CAfile", "root", "-untrusted", "between", "leaf"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("kind", ["rsa", "pss", "p384", "ed25519"])
def test_authorities_of_every_kind_of_key_are_followed(kind: str) -> None:
    """Whatever the authority signs certificates with, of what C2PA takes."""
    of_rsa = rsa.generate_private_key(65537, 2048)
    made: dict[str, Any] = {
        "rsa": of_rsa,
        "pss": of_rsa,
        "p384": ec.generate_private_key(ec.SECP384R1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
    }
    key, other = made[kind], rsa.generate_private_key(65537, 2048)
    root = issued("root", "root", key.public_key(), key, ca=True, pss=kind == "pss")
    leaf = issued("signer", "root", KEYS["signer"].public_key(), key, pss=kind == "pss")
    assert check_chain(SIGNER, pem(leaf, root)) == ()
    assert inspect(signed_anyway(pem(leaf, root)), pem(root)).state is State.TRUSTED
    with pytest.raises(ChainError, match="isn't signed with its key"):
        check_chain(SIGNER, pem(leaf, issued("root", "root", other.public_key(), other, ca=True)))


@pytest.mark.parametrize(("issuer", "kind"), [("root", _ASN1Type.PrintableString), (" ROOT ", _ASN1Type.UTF8String)])
def test_a_name_that_is_written_in_another_way_is_the_same(issuer: str, kind: _ASN1Type) -> None:
    """Another kind of string, case or spacing (RFC 5280): those who verify don't mind."""
    root, key = cert("root", "root"), KEYS["root"]
    leaf = issued("signer", issuer, KEYS["signer"].public_key(), key, kind=kind)
    assert check_chain(SIGNER, pem(leaf, root)) == ()
    assert inspect(signed_anyway(pem(leaf, root)), pem(root)).state is State.TRUSTED


@pytest.mark.parametrize(
    ("chain", "message"),
    [
        ((ROOT, MIDDLE, ISSUING, LEAF), "wrong order: the one for the key signer.key is number 4"),
        ((LEAF, MIDDLE, ISSUING, ROOT), r"wrong order: certificate 2 \(O=Shop,CN=middle\) didn't issue certificate 1 \(O=Shop,CN=signer\)"),
        (
            (LEAF, ROOT),
            r"a certificate is missing: certificate 1 \(O=Shop,CN=signer\) was issued by O=Shop,CN=issuing, and the next is certificate 2",
        ),
        ((LEAF, ISSUING, ROOT), r"a certificate is missing: certificate 2 \(O=Shop,CN=issuing\) was issued by O=Shop,CN=middle"),
        ((LEAF, cert("issuing", "middle", key="other"), MIDDLE), r"certificate 2 \(O=Shop,CN=issuing\) bears the name of the issuer"),
        ((LEAF, ISSUING, MIDDLE, ROOT, cert("other", "other")), "stands behind a root"),
        ((LEAF, LEAF, ISSUING), "twice"),
        ((LEAF, cert("issuing", "middle", ca=False), MIDDLE, ROOT), r"may not issue .*: it isn't that of an authority"),
        ((LEAF, cert("issuing", "middle", uses=("crl_sign",)), MIDDLE, ROOT), "its key usage lacks keyCertSign"),
        ((LEAF, ISSUING, cert("middle", "root", length=0), ROOT), r"allows 0 authorities below it \(path length\), and there are 1"),
        ((LEAF, cert("issuing", "middle", days=(-9, -2)), MIDDLE, ROOT), "the authority's certificate O=Shop,CN=issuing expired on"),
        ((LEAF, ISSUING, MIDDLE, cert("root", "root", days=(-9, -2))), "the authority's certificate O=Shop,CN=root expired on"),
        ((LEAF, cert("issuing", "middle", days=(2, 9)), MIDDLE, ROOT), "the authority's certificate O=Shop,CN=issuing is not good before"),
        ((cert("signer", "issuing", days=(2, 9)), ISSUING, MIDDLE, ROOT), "the certificate for signer.key is not good before"),
        ((cert("signer", "issuing", days=(-9, -2)), ISSUING, MIDDLE, ROOT), "the certificate for signer.key expired on"),
    ],
)
def test_a_chain_that_nobody_could_follow_signs_nothing(chain: tuple[x509.Certificate, ...], message: str) -> None:
    """Each with the certificate that is at fault."""
    with pytest.raises(ChainError, match=message) as caught:
        check_chain(SIGNER, pem(*chain))
    assert caught.value.fix


@pytest.mark.parametrize(
    "chain",
    [
        (LEAF, ROOT),
        (LEAF, cert("issuing", "middle", key="other"), MIDDLE),
        (LEAF, cert("issuing", "middle", days=(-9, -2)), MIDDLE, ROOT),
        (LEAF, ISSUING, cert("middle", "root", length=0), ROOT),
    ],
    ids=["missing", "broken", "expired", "too long"],
)
def test_c2pa_signs_with_them_and_nobody_trusts_it(chain: tuple[x509.Certificate, ...]) -> None:
    """Which is why they are looked at before."""
    assert inspect(signed_anyway(pem(*chain)), pem(ROOT)).state is State.UNTRUSTED


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: cert("signer", "root", purposes=(WEB,)), "no extended key usage that C2PA takes.* it has 1.3.6.1.5.5.7.3.1"),
        (lambda: cert("signer", "root", purposes=()), "no extended key usage that C2PA takes.* it has none"),
        (lambda: cert("signer", "root", purposes=(ANY, EMAIL)), "any purpose"),
        (lambda: cert("signer", "root", uses=("key_encipherment",)), "digitalSignature"),
        (lambda: cert("signer", "root", uses=()), "digitalSignature"),
        (lambda: cert("signer", "root", ca=True), "that of an authority"),
        (lambda: cert("signer", "root", identified=False), "authority key identifier"),
        (lambda: cert("signer", "root", purposes=(STAMPS, EMAIL)), "time-stamps or OCSP"),
    ],
)
def test_a_certificate_that_c2pa_refuses_is_refused_with_what_it_lacks(made: Callable[[], x509.Certificate], message: str) -> None:
    """c2pa itself says no more than that it is invalid."""
    chain = pem(made(), ROOT)
    with pytest.raises(ChainError, match=message):
        check_chain(SIGNER, chain)
    with pytest.raises(ChainError, match="C2PA refuses the certificate"):
        signed_anyway(chain)


@pytest.mark.parametrize("purpose", [STAMPS, OCSP])
def test_certificates_of_authorities_services_sign_no_media(purpose: str) -> None:
    """c2pa would, against its specification."""
    with pytest.raises(ChainError, match="time-stamps or OCSP"):
        check_chain(SIGNER, pem(cert("signer", "root", purposes=(purpose,)), ROOT))


@pytest.mark.parametrize("purpose", [STAMPS, OCSP])
def test_what_they_signed_all_the_same_is_trusted_as_the_page_says(purpose: str) -> None:
    """c2pa doesn't tell them apart, nor what the certificate is for. Where this fails, it does by now: take the warning out of credentials.md."""
    signed = signed_anyway(pem(cert("signer", "root", purposes=(purpose,))))
    assert inspect(signed, pem(ROOT)).state is State.TRUSTED


def test_a_certificate_alone_is_taken_with_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may stand directly under a root, or its issuers are missing: nobody can tell here. The file that has to change is named, not the medium."""
    monkeypatch.chdir(tmp_path)
    Path("hero.jpg").write_bytes(picture())
    Path("signer.key").write_bytes(private_pem(KEYS["signer"]))
    Path("signer.key").chmod(0o600)
    arguments = ["media", "sign", "hero.jpg", "-o", "out.jpg", "--key", "signer.key", "--certificate", "chain.pem"]
    Path("chain.pem").write_bytes(pem(cert("signer", "root")))
    assert run(arguments) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "chain.pem: the chain holds the signer's certificate alone: those who verify have to trust O=Shop,CN=root itself" in told
    Path("out.jpg").unlink()
    for chain, message in (((LEAF, ROOT), "a certificate is missing"), ((cert("signer", "root", purposes=(WEB,)), ROOT), "key usage")):
        Path("chain.pem").write_bytes(pem(*chain))
        assert run(arguments) == 2
        told = " ".join(capsys.readouterr().err.split())
        assert told.startswith("averment: chain.pem: ")
        assert message in told
        assert "hero.jpg" not in told
        assert not Path("out.jpg").exists()


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda whole: whole[:-300],
        lambda whole: whole[: whole.rindex(b"-----END")],
        lambda whole: whole.replace(b" CERTIFICATE", b" TRUSTED CERTIFICATE", 2),
    ],
    ids=["cut", "without its end", "of OpenSSL's own kind"],
)
def test_a_certificate_that_begins_and_is_not_read_is_missed(spoilt: Callable[[bytes], bytes]) -> None:
    """cryptography passes over it: of a chain the issuer was gone, and of anchors an authority, without a word."""
    with pytest.raises(ChainError, match="a certificate in it is broken"):
        check_chain(SIGNER, spoilt(pem(LEAF, ISSUING)))
    with pytest.raises(BadInputError, match="or one of them is broken"):
        check_anchors(spoilt(pem(ROOT, cert("other", "other"))))


@pytest.mark.parametrize("at", [0, 1])
def test_an_extension_that_is_there_twice_breaks_its_certificate(at: int) -> None:
    """Whichever of the chain it is in: one error, and no flaw of the program. An anchor may be written as oddly as it likes."""
    certificates = [LEAF, ISSUING]
    key, authority = (
        bytes.fromhex("551d0e"),
        bytes.fromhex("551d23"),
    )  # the identifiers of one's own key and of the issuer's, 2.5.29.14 and .35
    odd = x509.load_der_x509_certificate(certificates[at].public_bytes(Encoding.DER).replace(key, authority))
    with pytest.raises(ChainError, match="a certificate in it is broken"):
        check_chain(SIGNER, pem(*certificates[:at], odd, *certificates[at + 1 :]))
    assert check_anchors(pem(odd)) == pem(odd).decode()


def test_a_certificate_that_certifies_itself_is_its_own_root() -> None:
    """Whoever trusts it has all there is."""
    alone = pem(cert("signer", "signer", by="signer"))
    assert check_chain(SIGNER, alone) == ()
    assert inspect(signed_anyway(alone), alone).state is State.TRUSTED


def test_a_signers_certificate_is_no_anchor() -> None:
    """Who gives that of the signer to be trusted trusts nobody, and isn't told why. In a chain it does no harm."""
    signed = signed_anyway(pem(LEAF, ISSUING))
    with pytest.raises(BadInputError, match="no certificate among the trust anchors is an authority's"):
        inspect(signed, pem(LEAF))
    assert inspect(signed, pem(LEAF, ISSUING, ROOT)).state is State.TRUSTED


def test_a_certificate_without_an_organisation_is_taken_with_a_word() -> None:
    """Older versions of c2pa take the signature for broken."""
    [doubt] = check_chain(SIGNER, pem(cert("signer", "root", organisation=""), ROOT_WITHOUT))
    assert "names no organisation (O)" in doubt
