"""Content credentials: what is signed verifies with c2pa itself, and what was touched afterwards never passes.

Images are noise made here with Pillow from fixed seeds; keys and authorities are made per run.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from averment.core.errors import AvermentError, BadInputError, IncompleteError
from averment.core.period import utc_now
from averment.core.signing.interface import Algorithm, Signer
from averment.core.signing.local import LocalSigner
from averment.detector.credentials.authority import CERTIFICATE_DAYS, ROOT_NAME, TestAuthority
from averment.detector.credentials.containers import jpeg_segments, png_chunks
from averment.detector.credentials.formats import may_carry, surely_bare
from averment.detector.credentials.inspect import State, _state, inspect
from averment.detector.credentials.keys import PemEcdsaSigner, open_media_signer, signing_identity
from averment.detector.credentials.signing import _ADDRESS, _signed, _without_secrets, cose_signature, sign_media
from averment.detector.credentials.xmp import AI_GENERATED

FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "AVIF"]


def picture(kind: str = "JPEG", size: int = 96, seed: int = 1, **options: Any) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    output = io.BytesIO()
    Image.fromarray(pixels).save(output, kind, **options)
    return output.getvalue()


def ecdsa_signer() -> PemEcdsaSigner:
    return PemEcdsaSigner(ec.generate_private_key(ec.SECP256R1()), "here")


@pytest.fixture(scope="module")
def authority() -> TestAuthority:
    return TestAuthority.create()


@pytest.fixture(scope="module")
def signer() -> Signer:
    return ecdsa_signer()


@pytest.fixture(scope="module")
def chain(authority: TestAuthority, signer: Signer) -> bytes:
    return authority.issue(signer.public_key(), "here")


@pytest.fixture(scope="module")
def signed(signer: Signer, chain: bytes) -> bytes:
    return sign_media(picture(), signer, chain).data


@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_signed_is_trusted_and_says_that_ai_made_it(kind: str, signer: Signer, chain: bytes, authority: TestAuthority) -> None:
    """Every format that Pillow writes: trusted under its authority, with the digital source type, and the pixels untouched."""
    source = picture(kind)
    result = sign_media(source, signer, chain)
    found = inspect(result.data, authority.anchors)
    assert (found.state, found.ai_generated, found.source_types) == (State.TRUSTED, True, (AI_GENERATED,))
    assert found.sha256 == result.sha256
    assert found.signer == "TEST signer here"
    assert Image.open(io.BytesIO(result.data)).tobytes() == Image.open(io.BytesIO(source)).tobytes()


def test_c2pa_itself_reads_one_created_action_and_no_thumbnail(signed: bytes) -> None:
    """Read with a bare c2pa Reader: the assertion that Article 50(2) marking rests on, and no thumbnail's weight."""
    store = json.loads(c2pa.Reader("image/jpeg", io.BytesIO(signed)).json())
    manifest = store["manifests"][store["active_manifest"]]
    actions = [
        a for assertion in manifest["assertions"] if assertion["label"].startswith("c2pa.actions") for a in assertion["data"]["actions"]
    ]
    assert [(a["action"], a["digitalSourceType"]) for a in actions] == [("c2pa.created", AI_GENERATED)]
    assert "thumbnail" not in manifest
    assert len(signed) < len(picture()) + 20_000


def test_our_own_statements_are_created_assertions(signed: bytes) -> None:
    """For those the signer answers; gathered ones are somebody else's word."""
    store = json.loads(c2pa.Reader("image/jpeg", io.BytesIO(signed)).detailed_json())
    claim = store["manifests"][store["active_manifest"]]["claim"]
    assert any("c2pa.actions" in entry["url"] for entry in claim["created_assertions"])
    assert not claim.get("gathered_assertions")


def test_what_the_signer_only_gathered_is_not_its_statement(signer: Signer, chain: bytes, authority: TestAuthority) -> None:
    """The signer says that a camera took it; AI stands in an assertion that it doesn't answer for."""

    def assertion(action: str, kind: str, created: bool) -> dict[str, Any]:
        return {"label": "c2pa.actions.v2", "created": created, "data": {"actions": [{"action": action, "digitalSourceType": kind}]}}

    camera = AI_GENERATED.replace("trainedAlgorithmicMedia", "digitalCapture")
    manifest = {"title": "t", "assertions": [assertion("c2pa.created", camera, True), assertion("c2pa.edited", AI_GENERATED, False)]}
    made = _signed(manifest, signer, chain, None, lambda b, n, out: b.sign(n, "image/jpeg", io.BytesIO(picture()), out))
    found = inspect(made, authority.anchors)
    assert (found.state, found.ai_generated, found.source_types) == (State.TRUSTED, False, (camera,))
    assert found.unvouched_types == (AI_GENERATED,)


def test_a_wrong_anchor_is_untrusted_never_valid(signed: bytes) -> None:
    """A perfect signature by somebody unknown is what a forger makes."""
    found = inspect(signed, TestAuthority.create().anchors)
    assert found.state is State.UNTRUSTED
    assert "signingCredential.untrusted" in found.codes
    assert "not" in found.reason


def test_without_anchors_nobody_is_trusted(signed: bytes) -> None:
    """The library says Valid here."""
    assert c2pa.Reader("image/jpeg", io.BytesIO(signed)).get_validation_state() == "Valid"
    assert inspect(signed, None).state is State.UNTRUSTED


def test_one_flipped_bit_in_the_image_is_tampering(signed: bytes, authority: TestAuthority) -> None:
    """The data hash covers the image itself."""
    touched = bytearray(signed)
    touched[-200] ^= 1
    found = inspect(bytes(touched), authority.anchors)
    assert found.state is State.TAMPERED
    assert "assertion.dataHash.mismatch" in found.codes


@cache
def flippable() -> tuple[bytes, bytes, tuple[int, int]]:
    """A signed JPEG, its anchors, and where its manifest store lies (the APP11 segments)."""
    authority, signer = TestAuthority.create(), ecdsa_signer()
    data = sign_media(picture(), signer, authority.issue(signer.public_key(), "here")).data
    start = end = 2
    while data[end + 1] != 0xDA:
        length = int.from_bytes(data[end + 2 : end + 4], "big") + 2
        if data[end + 1] == 0xEB:
            start = start if start > 2 else end
            store_end = end + length
        end += length
    return data, authority.anchors, (start, store_end)


@settings(max_examples=150, deadline=None)
@given(where=st.one_of(st.integers(0, 5000), st.integers(0, 1_000_000)), bit=st.integers(0, 7))
def test_no_flipped_bit_changes_the_image_or_what_is_said_of_it(where: int, bit: int) -> None:
    """Outside the manifest store no bit may change and stay trusted; inside it (where the specification leaves padding and box
    labels unhashed) nothing that a trusted credential says may change."""
    data, anchors, (start, end) = flippable()
    index = where % len(data)
    touched = bytearray(data)
    touched[index] ^= 1 << bit
    found, before = inspect(bytes(touched), anchors), inspect(data, anchors)
    if found.state is State.TRUSTED:
        assert start <= index < end
        assert (found.source_types, found.signer, found.issuer) == (before.source_types, before.signer, before.issuer)


def test_a_medium_whose_credential_does_not_hold_is_not_signed_over(signed: bytes, signer: Signer, chain: bytes) -> None:
    """A fresh signature would call whole what somebody changed; one that holds is replaced, and that is said."""
    tampered = bytearray(signed)
    tampered[-20] ^= 1
    with pytest.raises(BadInputError, match="carries a credential that doesn't hold"):
        sign_media(bytes(tampered), signer, chain)
    broken = bytearray(signed)
    at = broken.index(b"jumb") + len(b"jumb")  # of the box that holds the manifests; what describes it comes next
    broken[at : at + 8] = bytes(8)
    with pytest.raises(BadInputError, match="carries a credential that can't be checked"):
        sign_media(bytes(broken), signer, chain)
    assert sign_media(signed, signer, chain).replaced
    assert not sign_media(picture(), signer, chain).replaced


def test_garbage_before_the_credential_does_not_hide_it(signed: bytes, signer: Signer, chain: bytes) -> None:
    """c2pa reads on where the segments can't be followed: what it calls tampered isn't signed over."""
    at = signed.index(b"\xff\xeb")
    touched = bytearray(signed[:at] + b"\x00\x01\x02\x03" + signed[at:])
    touched[-200] ^= 1
    with pytest.raises(BadInputError, match="carries a credential that doesn't hold"):
        sign_media(bytes(touched), signer, chain)


def test_c2pa_is_spared_only_where_it_finds_nothing(signed: bytes) -> None:
    """Whatever is done to the header: wherever nobody asks c2pa, it has no credential to tell of. A plain picture is spared."""
    parts = [signed[start:end] for start, end, _ in jpeg_segments(signed)]
    image = signed[2 + sum(map(len, parts)) :]
    held = next(part for part in parts if part[1] == 0xEB)
    bare = b"\xff\xd8" + b"".join(part for part in parts if part is not held)
    assert surely_bare(picture())
    assert surely_bare(bare + image)
    moved = [bare + image[:-2] + held + image[-2:], bare + image + held, bare + image[:200] + held + image[200:]]
    broken = [
        signed[:at] + junk + signed[at:] for at in range(2, len(signed) - len(image), 97) for junk in (b"\x00", b"\xff\xd8", b"\xff\x01")
    ]
    for data in (signed, *moved, *broken):
        assert not surely_bare(data) or inspect(data, None).state is State.NONE


def test_c2pa_is_spared_only_where_it_finds_nothing_in_a_png(signer: Signer, chain: bytes) -> None:
    """The same of chunks, wherever the one with the credential comes to lie."""
    data = sign_media(picture("PNG"), signer, chain).data
    parts = [data[start:end] for start, end, _ in png_chunks(data)]
    held = next(part for part in parts if part[4:8] == b"caBX")
    bare = [part for part in parts if part is not held and part[4:8] != b"iTXt"]
    assert surely_bare(picture("PNG"))
    assert surely_bare(data[:8] + b"".join(bare))
    moved = [data[:8] + b"".join([*bare[:at], held, *bare[at:]]) for at in range(len(bare) + 1)]
    broken = [data[:at] + junk + data[at:] for at in range(8, len(data), 97) for junk in (b"\x00", b"\x00\x00\x00\x00IEND", b"IEND")]
    for changed in (data, *moved, *broken):
        assert not surely_bare(changed) or inspect(changed, None).state is State.NONE


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", BadInputError),
        ("s3cret", BadInputError),
        ("http://user:s3cret@127.0.0.1:99999/x?key=TOPSECRET", BadInputError),
        ("http://127.0.0.1/x?key=TOP SECRET", BadInputError),
        ("http://user:s3cret@127.0.0.1:1/x?key=TOPSECRET", IncompleteError),
    ],
)
def test_an_authority_that_is_none_or_doesn_t_answer_is_said_without_its_secrets(
    signer: Signer, chain: bytes, url: str, code: type[AvermentError]
) -> None:
    """Its address may hold a password or a key, which belong into no log."""
    with pytest.raises(code) as failed:
        sign_media(picture(), signer, chain, tsa_url=url)
    told = (
        f"{failed.value} {failed.value.fix} {failed.value.__cause__} {failed.value.__context__}"  # with --verbose, what led to it is told
    )
    assert "s3cret" not in told
    assert "TOPSECRET" not in told


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("for url (http://me:s3cret@tsa.example/x?key=a)", "for url (http://tsa.example/x)"),
        ("at http://me:s3cret@tsa.example:port/x", "at an address"),
    ],
)
def test_addresses_in_others_messages_lose_their_secrets(said: str, shown: str) -> None:
    """Also where they are none that can be taken apart."""
    assert _ADDRESS.sub(_without_secrets, said) == shown


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_remote_credential_is_not_signed_over(kind: str, signer: Signer, chain: bytes) -> None:
    """It isn't fetched, so nobody knows whether it holds."""

    def refer(builder: Any, native: Any, output: io.BytesIO) -> None:
        builder.set_remote_url("http://127.0.0.1:9/manifest.c2pa")
        builder.set_no_embed()
        builder.sign(native, f"image/{kind.lower()}", io.BytesIO(picture(kind)), output)

    manifest = {
        "title": "t",
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": AI_GENERATED}]}}],
    }
    remote = _signed(manifest, signer, chain, None, refer)
    with pytest.raises(BadInputError, match="carries a credential that can't be checked"):
        sign_media(remote, signer, chain)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_credential_is_seen_in_every_container(kind: str, signer: Signer, chain: bytes) -> None:
    """Where it isn't looked for as c2pa looks, it must not be missed."""
    source = picture(kind)
    made = sign_media(source, signer, chain).data
    assert (may_carry(source), may_carry(made)) == (False, True)
    if kind == "JPEG":
        assert may_carry(made[:2] + b"\xff\xff" + made[2:])  # fill bytes before a marker, which every reader skips


@given(
    prefix=st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b"\0\0\0\x18ftypisom", b"II*\0", b"GIF89a", b""]),
    rest=st.binary(max_size=300),
)
def test_looking_for_a_credential_comes_to_an_end(prefix: bytes, rest: bytes) -> None:
    """Of whatever bytes, and without an error."""
    assert may_carry(prefix + rest) in {True, False}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("box", [b"", b"free", b"skip", b"mdat"])
def test_what_is_appended_shows(kind: str, box: bytes, signer: Signer, chain: bytes, authority: TestAuthority) -> None:
    """In boxes that players skip, too: a trusted file would carry whatever somebody put there."""
    made = sign_media(picture(kind), signer, chain).data
    hidden = b"x" * 5000
    more = len(hidden).to_bytes(4, "big") + hidden if not box else (8 + len(hidden)).to_bytes(4, "big") + box + hidden
    assert inspect(made, authority.anchors).state is State.TRUSTED
    assert inspect(made + more, authority.anchors).state is not State.TRUSTED


@pytest.mark.parametrize("box", [b"ftyp", b"mfra", b"uuid"])
def test_what_c2pa_leaves_out_of_every_file_of_boxes_is_as_the_page_says(
    box: bytes, signer: Signer, chain: bytes, authority: TestAuthority
) -> None:
    """Nobody can have these hashed. Where this fails they are by now: take the warning out of credentials.md."""
    made = sign_media(picture("AVIF"), signer, chain).data
    inner = (8 + 5000).to_bytes(4, "big") + b"free" + b"x" * 5000
    if box == b"uuid":  # C2PA's own, for a purpose that nobody knows
        at = made.index(b"uuid") + 4
        inner = made[at : at + 16] + bytes(4) + b"other\0" + inner
    more = (8 + len(inner)).to_bytes(4, "big") + box + inner
    assert inspect(made + more, authority.anchors).state is State.TRUSTED


def test_re_encoding_strips_the_credential(signed: bytes, authority: TestAuthority) -> None:
    """What platforms do to uploads: nothing is left, and that is told apart from tampering."""
    output = io.BytesIO()
    Image.open(io.BytesIO(signed)).save(output, "JPEG", quality=80)
    found = inspect(output.getvalue(), authority.anchors)
    assert (found.state, found.source_types) == (State.NONE, ())


def test_an_expired_signer_is_untrusted_and_not_called_tampered(authority: TestAuthority, signer: Signer) -> None:
    """The content is as it was signed; who signed it can no longer be told (no time-stamp)."""
    for left in (2, 5, 10):  # a busy machine may take a while to sign
        end = utc_now() + timedelta(seconds=left)
        ending = authority.issue(signer.public_key(), "ending", now=end - timedelta(days=CERTIFICATE_DAYS))
        try:
            data = sign_media(picture(), signer, ending).data
            break
        except (BadInputError, IncompleteError):
            continue
    time.sleep(max(0.0, end.timestamp() + 1.1 - time.time()))
    found = inspect(data, authority.anchors)
    assert found.state is State.UNTRUSTED
    assert any("expired" in code or "outsideValidity" in code for code in found.codes)


def test_an_expired_certificate_signs_nothing(authority: TestAuthority, signer: Signer) -> None:
    """Refused with the day on which it ended, before the key is used."""
    old = authority.issue(signer.public_key(), "old", now=utc_now() - timedelta(days=400))
    with pytest.raises(BadInputError, match="expired on"):
        sign_media(picture(), signer, old)


@pytest.mark.parametrize("data", [b"", b"hello", b"%PDF-1.7", b"GIF8"])
def test_what_can_carry_no_credential_is_unreadable_with_a_reason(data: bytes, authority: TestAuthority) -> None:
    """Not "none": nothing was looked at."""
    found = inspect(data, authority.anchors)
    assert found.state is State.UNREADABLE
    assert found.reason


@pytest.mark.parametrize("kind", FORMATS)
def test_a_truncated_file_never_passes(kind: str, signer: Signer, chain: bytes, authority: TestAuthority) -> None:
    """Cut anywhere, the answer is anything but trusted, and no exception."""
    data = sign_media(picture(kind, 32), signer, chain).data
    for keep in (0.02, 0.2, 0.5, 0.9, 0.999):
        assert inspect(data[: int(len(data) * keep)], authority.anchors).state is not State.TRUSTED


@settings(max_examples=150, deadline=None)
@given(
    prefix=st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x10\x00\x00\x00WEBP", b"\x00\x00\x00\x18ftypmp42"]),
    rest=st.binary(max_size=400),
)
def test_hostile_bytes_get_an_answer(prefix: bytes, rest: bytes) -> None:
    """Random bytes behind a right beginning: a state with a reason, no exception."""
    found = inspect(prefix + rest, flippable()[1])
    assert found.state in {State.NONE, State.UNREADABLE}
    assert found.reason


def test_anchors_that_are_no_certificates_are_refused(signed: bytes) -> None:
    """c2pa takes any text as anchors and then trusts nobody: a wrong file has to be an error."""
    with pytest.raises(BadInputError, match="anchors"):
        inspect(signed, b"not a certificate")
    with pytest.raises(BadInputError, match="anchors"):
        inspect(signed, b"")


@pytest.mark.parametrize("comment", ["# Zertifizierungsstelle Zürich\n".encode(), "# Zürich\n".encode("latin-1")], ids=["utf-8", "latin-1"])
def test_certificates_with_comments_in_any_encoding_are_taken(
    comment: bytes, signer: Signer, chain: bytes, authority: TestAuthority, tmp_path: Path
) -> None:
    """openssl and bundles of authorities write whose a certificate is around it; so may a key's owner."""
    found = inspect(sign_media(picture(), signer, comment + chain).data, comment + authority.anchors + comment)
    assert found.state is State.TRUSTED
    key = ec.generate_private_key(ec.SECP256R1())
    path = tmp_path / "key.pem"
    path.write_bytes(comment + pem(key))
    path.chmod(0o600)
    assert open_media_signer("key.pem", tmp_path).public_key() == PemEcdsaSigner(key, "k").public_key()


def test_ed25519_keys_sign_too(authority: TestAuthority) -> None:
    """The ledger's kind of key works for media as well."""
    signer = LocalSigner(ed25519.Ed25519PrivateKey.generate(), "ledger.pem")
    data = sign_media(picture("PNG"), signer, authority.issue(signer.public_key(), "ed")).data
    found = inspect(data, authority.anchors)
    assert (found.state, found.algorithm) == (State.TRUSTED, "Ed25519")


def test_cose_signatures_are_padded_to_64_bytes() -> None:
    """r or s with a leading zero byte is one time in 128: a short form would fail only then."""
    signer = ecdsa_signer()
    assert signer.algorithm is Algorithm.ECDSA_P256_SHA256
    lengths = {len(cose_signature(signer, bytes([n % 256, n // 256]))) for n in range(300)}
    assert lengths == {64}


def test_a_chain_for_another_key_is_refused_before_anything_is_signed(authority: TestAuthority, signer: Signer) -> None:
    """Such a credential would look signed and verify for nobody."""
    other = authority.issue(ecdsa_signer().public_key(), "other")
    with pytest.raises(BadInputError, match="not for the key"):
        sign_media(picture(), signer, other)
    with pytest.raises(BadInputError, match="PEM"):
        sign_media(picture(), signer, b"junk")


def test_only_media_are_signed(signer: Signer, chain: bytes) -> None:
    """A text file is a usage error."""
    with pytest.raises(BadInputError, match="not a medium"):
        sign_media(b"hello", signer, chain)


def test_a_key_that_fails_is_reported_with_its_own_reason(chain: bytes, signer: Signer) -> None:
    """The callback runs inside native code, which would turn the cause into a number."""

    class Denied(Signer):
        algorithm = signer.algorithm
        key_name = "kms:denied"

        def public_key(self) -> bytes:
            return signer.public_key()

        def sign(self, message: bytes) -> bytes:
            raise IncompleteError("could not sign: access denied", fix="allow kms:Sign")

    with pytest.raises(IncompleteError, match="access denied") as caught:
        sign_media(picture(), Denied(), chain)
    assert caught.value.fix == "allow kms:Sign"


def test_a_broken_image_is_an_error_not_a_broken_credential(signer: Signer, chain: bytes) -> None:
    """A truncated JPEG can't be signed, and that is the file's fault."""
    with pytest.raises(BadInputError, match="can't be read as a medium"):
        sign_media(picture()[:40], signer, chain)


def test_openssl_accepts_the_test_chain(tmp_path: Path, chain: bytes, authority: TestAuthority) -> None:
    """A second implementation verifies the chain for its purpose."""
    (tmp_path / "chain.pem").write_bytes(chain)
    (tmp_path / "root.pem").write_bytes(authority.anchors)
    command = [
        "openssl",
        "verify",
        "-x509_strict",
        "-purpose",
        "smimesign",
        "-CAfile",
        str(tmp_path / "root.pem"),
        str(tmp_path / "chain.pem"),
    ]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize(
    ("oid", "accepted"),
    [("1.3.6.1.4.1.62558.2.1", True), ("1.3.6.1.5.5.7.3.36", True), ("1.3.6.1.5.5.7.3.1", False)],
    ids=["c2pa-kp-claimSigning", "documentSigning", "serverAuth"],
)
def test_certificates_for_the_purposes_of_c2pa_sign_and_a_web_servers_does_not(
    oid: str, accepted: bool, signer: Signer, authority: TestAuthority
) -> None:
    """Certificates from the C2PA trust list carry other purposes than the test authority's."""
    leaf = x509.load_pem_x509_certificates(authority.issue(signer.public_key(), "real"))[0]
    builder = x509.CertificateBuilder(
        leaf.issuer, leaf.subject, leaf.public_key(), leaf.serial_number, leaf.not_valid_before_utc, leaf.not_valid_after_utc
    )
    for extension in leaf.extensions:
        own = isinstance(extension.value, x509.ExtendedKeyUsage)
        builder = builder.add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid)]) if own else extension.value, extension.critical)
    chain = builder.sign(authority.key, hashes.SHA256()).public_bytes(Encoding.PEM) + authority.anchors
    if accepted:
        assert inspect(sign_media(picture(), signer, chain).data, authority.anchors).state is State.TRUSTED
    else:
        with pytest.raises(BadInputError, match="the signer's certificate has no extended key usage that C2PA takes"):
            sign_media(picture(), signer, chain)


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_threads_and_forked_processes_sign_and_inspect(signer: Signer, chain: bytes, signed: bytes, authority: TestAuthority) -> None:
    """Scans run in pools; a forked worker mustn't inherit its parent's native state."""
    assert inspect(signed, authority.anchors).state is State.TRUSTED
    with ThreadPoolExecutor(4) as pool:
        assert {found.state for found in pool.map(lambda _: inspect(signed, authority.anchors), range(40))} == {State.TRUSTED}
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if inspect(sign_media(picture(), signer, chain).data, authority.anchors).state is State.TRUSTED else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_test_certificates_say_what_they_are(chain: bytes) -> None:
    """Nobody should be able to mistake them for real ones, and a test authority can't make further authorities."""
    leaf, root = x509.load_pem_x509_certificates(chain)
    assert "TEST" in leaf.subject.rfc4514_string()
    assert "TEST" in ROOT_NAME
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_an_authority_is_kept_and_found_again(tmp_path: Path) -> None:
    """The second opening trusts what the first one issued; the keys are private and out of git."""
    folder = tmp_path / "ca"
    first, chain = signing_identity(None, None, folder, tmp_path)
    second, _ = signing_identity(None, None, folder, tmp_path)
    assert first.public_key() == second.public_key()
    data = sign_media(picture(), first, chain).data
    assert inspect(data, TestAuthority.open(folder).anchors).state is State.TRUSTED
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.glob("*.key")} == {"test-authority.key": 0o600, "signer.key": 0o600}
    assert "*.key" in (folder / ".gitignore").read_text()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    for name in ("signer.key", ".signer.key.0123456789abcdef"):  # the second is what a killed run leaves
        subprocess.run(["git", "check-ignore", "-q", name], cwd=folder, check=True)


_OPENS = """
import sys, pathlib, hashlib, time
from averment.detector.credentials.keys import signing_identity
place = pathlib.Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
signer, chain = signing_identity(None, None, place / "ca", place)
print(hashlib.sha256(signer.public_key()).hexdigest(), hashlib.sha256(chain.split(b"-----BEGIN CERT")[2]).hexdigest())
"""


def test_processes_that_make_an_authority_at_once_have_the_same(tmp_path: Path) -> None:
    """Otherwise what the first ones signed would be under a root that the last one wrote over."""
    for attempt in range(3):
        place = tmp_path / str(attempt)
        place.mkdir()
        command = [sys.executable, "-c", _OPENS, str(place)]
        started = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in started:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = {process.communicate(timeout=60)[0] for process in started}
        assert {process.returncode for process in started} == {0}
        assert len(answers) == 1


def test_an_authority_whose_making_was_cut_short_is_finished(tmp_path: Path) -> None:
    """A kill between its key and its certificate leaves no folder that nothing can be done with."""
    first = TestAuthority.open(tmp_path / "ca")
    (tmp_path / "ca" / "test-authority.pem").unlink()
    again = TestAuthority.open(tmp_path / "ca")
    assert again.key.public_key() == first.key.public_key()
    (tmp_path / "ca" / "test-authority.key").unlink()
    with pytest.raises(BadInputError, match="does not exist"):
        TestAuthority.open(tmp_path / "ca")


def test_a_mixed_up_authority_is_refused(tmp_path: Path) -> None:
    """A certificate with another authority's key would issue chains that verify nowhere."""
    TestAuthority.open(tmp_path / "a")
    TestAuthority.open(tmp_path / "b")
    (tmp_path / "a" / "test-authority.key").write_bytes((tmp_path / "b" / "test-authority.key").read_bytes())
    with pytest.raises(BadInputError, match="don't belong together"):
        TestAuthority.open(tmp_path / "a")


def pem(key: Any) -> bytes:
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        (pem(ec.generate_private_key(ec.SECP256R1())), 0o644, "read by others"),
        (pem(ec.generate_private_key(ec.SECP384R1())), 0o600, "neither ECDSA P-256"),
        (pem(rsa.generate_private_key(65537, 2048)), 0o600, "neither ECDSA P-256"),
        (b"nonsense", 0o600, "not an unencrypted private key"),
    ],
    ids=["readable", "p384", "rsa", "nonsense"],
)
def test_keys_that_should_not_sign_are_refused(tmp_path: Path, content: bytes, mode: int, message: str) -> None:
    """Each with what is wrong with it."""
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(BadInputError, match=message):
        open_media_signer("key.pem", tmp_path)


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()], ids=["p256", "ed25519"])
def test_pem_keys_open_and_keep_their_public_half(tmp_path: Path, key: Any) -> None:
    """Both kinds of key that C2PA and this product share."""
    path = tmp_path / "key.pem"
    path.write_bytes(pem(key))
    path.chmod(0o600)
    expected = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert open_media_signer("key.pem", tmp_path).public_key() == expected


@pytest.mark.parametrize(
    ("key", "certificate", "authority_folder"),
    [(None, None, None), ("k", Path("c"), Path("a")), (None, Path("c"), None)],
    ids=["nothing", "both", "no key"],
)
def test_an_identity_needs_one_certificate_and_its_key(
    tmp_path: Path, key: str | None, certificate: Path | None, authority_folder: Path | None
) -> None:
    """Ambiguity is a usage error that says what to give."""
    with pytest.raises(BadInputError) as caught:
        signing_identity(key, certificate, authority_folder, tmp_path)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("validation", "codes", "state"),
    [
        ("Trusted", (), State.TRUSTED),
        ("Trusted", ("assertion.dataHash.mismatch",), State.TAMPERED),
        ("Trusted", ("signingCredential.ocsp.revoked",), State.UNTRUSTED),
        ("Valid", (), State.UNTRUSTED),
        ("Valid", ("signingCredential.untrusted",), State.UNTRUSTED),
        ("Valid", ("timeStamp.mismatch", "claimSignature.outsideValidity"), State.UNTRUSTED),
        ("Valid", ("timeStamp.mismatch", "claimSignature.mismatch"), State.TAMPERED),
        ("Invalid", ("a.code.of.tomorrow",), State.TAMPERED),
        ("Invalid", (), State.TAMPERED),
        ("None", (), State.TAMPERED),
    ],
)
def test_what_a_validator_says_is_trusted_only_where_nothing_speaks_against_it(
    validation: str, codes: tuple[str, ...], state: State
) -> None:
    """A code that isn't known counts as damage, and one about the signer or the time-stamp accuses nobody of having changed the medium."""
    found, reason = _state(validation, codes)
    assert found is state
    assert all(code in reason for code in codes if state is State.UNTRUSTED or not code.startswith("timeStamp."))
