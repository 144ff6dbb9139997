"""What a credential can say beside who signed: the tool, an edit with its original, a watermark, and a time that somebody else vouches for.

The time-stamp authority is ``openssl ts`` behind HTTP on the loopback. Images are noise made here with Pillow from fixed seeds.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import c2pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from PIL import Image

from averment.cli.main import run
from averment.core.errors import BadInputError, IncompleteError
from averment.core.period import utc_now
from averment.core.signing.interface import Signer
from averment.detector.credentials import ingredients, stamps
from averment.detector.credentials.authority import CERTIFICATE_DAYS, TestAuthority
from averment.detector.credentials.inspect import State, inspect
from averment.detector.credentials.keys import PemEcdsaSigner
from averment.detector.credentials.marking import read_mark, shown
from averment.detector.credentials.scheme import ALGORITHM, PUBLIC_KEY
from averment.detector.credentials.signing import EDITS, Edit, Statement, _signed, sign_media
from averment.detector.credentials.xmp import AI_GENERATED

COMPOSITE = AI_GENERATED.replace("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia")


def picture(size: int = 320, contrast: int = 40, kind: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((size // 16, size // 16), contrast).resize((size, size), Image.Resampling.BICUBIC).convert("RGB").save(buffer, kind)
    return buffer.getvalue()


def smaller(data: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(data)).resize((160, 160)).save(buffer, "JPEG")
    return buffer.getvalue()


def manifests(data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """As a bare c2pa Reader sees them: the active manifest, and all."""
    store = json.loads(c2pa.Reader("image/jpeg", io.BytesIO(data)).json())
    return store["manifests"][store["active_manifest"]], store["manifests"]


def actions(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        action
        for assertion in manifest["assertions"]
        if assertion["label"].startswith("c2pa.actions")
        for action in assertion["data"]["actions"]
    ]


@pytest.fixture(scope="module")
def authority() -> TestAuthority:
    return TestAuthority.create()


@pytest.fixture(scope="module")
def signer() -> Signer:
    return PemEcdsaSigner(ec.generate_private_key(ec.SECP256R1()), "here")


@pytest.fixture(scope="module")
def chain(authority: TestAuthority, signer: Signer) -> bytes:
    return authority.issue(signer.public_key(), "here")


def test_the_tool_stands_in_the_action(signer: Signer, chain: bytes) -> None:
    """What generated the medium, beside averment, which only signs."""
    signed = sign_media(picture(), signer, chain, Statement(tool="Studio diffusion 3.1"))
    (created,) = actions(manifests(signed.data)[0])
    assert (created["action"], created["softwareAgent"]["name"]) == ("c2pa.created", "Studio diffusion 3.1")


def test_a_composite_says_so_in_the_manifest_and_in_xmp(signer: Signer, chain: bytes, authority: TestAuthority) -> None:
    """A photograph with a generated part isn't wholly generated."""
    signed = sign_media(picture(), signer, chain, Statement(source_type=COMPOSITE))
    found = inspect(signed.data, authority.anchors)
    assert (found.state, found.source_types, found.ai_generated) == (State.TRUSTED, (COMPOSITE,), True)
    assert COMPOSITE.encode() in signed.data
    assert AI_GENERATED.encode() not in signed.data


@pytest.mark.parametrize("term", ["trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "compositeSynthetic"])
def test_each_of_iptcs_terms_for_generative_ai_says_that_ai_made_it(
    term: str, signer: Signer, chain: bytes, authority: TestAuthority
) -> None:
    """Made by it, edited with it, or put together with a part that it made; and an edit of such a medium is one as well."""
    kind = AI_GENERATED.replace("trainedAlgorithmicMedia", term)
    data = sign_media(picture(), signer, chain, Statement(kind)).data
    found = inspect(data, authority.anchors)
    assert (found.source_types, found.ai_generated) == ((kind,), True)
    edited = sign_media(smaller(data), signer, chain, Statement(edit=Edit(data, "a.jpg", ("resized",))))
    assert edited.digital_source_type == kind


def test_a_term_whose_address_is_written_with_https_is_the_same(signer: Signer, chain: bytes, authority: TestAuthority) -> None:
    """As some tools write it: such a medium stated no AI, and the media gate published it by the detector's score alone."""
    made = [{"action": "c2pa.created", "digitalSourceType": AI_GENERATED.replace("http:", "https:")}]
    stated = {"label": "c2pa.actions.v2", "created": True, "data": {"actions": made}}
    manifest = {"claim_generator_info": [{"name": "another tool"}], "assertions": [stated]}
    data = _signed(manifest, signer, chain, None, lambda made, native, out: made.sign(native, "image/jpeg", io.BytesIO(picture()), out))
    found = inspect(data, authority.anchors)
    assert (found.state, found.source_types, found.ai_generated) == (State.TRUSTED, (AI_GENERATED,), True)
    assert sign_media(smaller(data), signer, chain, Statement(edit=Edit(data, "a.jpg", ("resized",)))).digital_source_type == AI_GENERATED


def test_an_edited_medium_keeps_the_credential_of_its_original(signer: Signer, chain: bytes, authority: TestAuthority) -> None:
    """What a pipeline that resizes has to do: the original's manifest inside, c2pa.opened, what was done, and the source type inherited."""
    original = sign_media(picture(), signer, chain, Statement(source_type=COMPOSITE)).data
    signed = sign_media(smaller(original), signer, chain, Statement(edit=Edit(original, "hero.jpg", ("resized", "transcoded"))))
    active, every = manifests(signed.data)
    assert [action["action"] for action in actions(active)] == ["c2pa.opened", "c2pa.resized", "c2pa.transcoded"]
    assert [(item["title"], item["relationship"]) for item in active["ingredients"]] == [("hero.jpg", "parentOf")]
    assert len(every) == 2
    assert signed.digital_source_type == COMPOSITE
    found = inspect(signed.data, authority.anchors)
    assert (found.state, found.source_types) == (State.TRUSTED, (COMPOSITE,))


def test_edits_can_be_chained(signer: Signer, chain: bytes, authority: TestAuthority) -> None:
    """Three generations: all three manifests are there and the whole is trusted."""
    first = sign_media(picture(), signer, chain).data
    second = sign_media(smaller(first), signer, chain, Statement(edit=Edit(first, "first.jpg", ("resized",)))).data
    third = sign_media(smaller(second), signer, chain, Statement(edit=Edit(second, "second.jpg", ("cropped",)))).data
    assert len(manifests(third)[1]) == 3
    assert inspect(third, authority.anchors).state is State.TRUSTED


def test_an_original_without_a_credential_needs_a_stated_source_type(signer: Signer, chain: bytes, authority: TestAuthority) -> None:
    """Nothing is made up: a photograph into which AI put something is a composite only because the user says so."""
    edit = Edit(picture(), "photo.jpg", ("edited",))
    with pytest.raises(BadInputError, match="doesn't state that AI made it"):
        sign_media(picture(), signer, chain, Statement(edit=edit))
    signed = sign_media(picture(), signer, chain, Statement(edit=edit, source_type=COMPOSITE))
    assert inspect(signed.data, authority.anchors).source_types == (COMPOSITE,)


def test_a_strangers_word_is_not_repeated_under_ones_own_name(signer: Signer, chain: bytes, authority: TestAuthority) -> None:
    """What a manifest says that anybody can make is inherited only if its signer is named as trusted; else the user says it."""
    stranger, other = TestAuthority.create(), PemEcdsaSigner(ec.generate_private_key(ec.SECP256R1()), "other")
    original = sign_media(picture(), other, stranger.issue(other.public_key(), "other"), Statement(source_type=COMPOSITE)).data
    edit = Edit(original, "found.jpg", ("resized",))
    with pytest.raises(BadInputError, match="a stranger's word: the signature holds, but not its signer's standing"):
        sign_media(smaller(original), signer, chain, Statement(edit=edit))
    said = sign_media(smaller(original), signer, chain, Statement(edit=edit, source_type=AI_GENERATED))
    assert inspect(said.data, authority.anchors).source_types == (AI_GENERATED,)
    trusted = Edit(original, "found.jpg", ("resized",), stranger.anchors)
    assert sign_media(smaller(original), signer, chain, Statement(edit=trusted)).digital_source_type == COMPOSITE


def test_what_only_a_strangers_ingredient_says_of_a_trusted_original_is_not_inherited(signer: Signer, chain: bytes) -> None:
    """A trusted signer vouches for having used an ingredient, and for no more."""
    stranger, other = TestAuthority.create(), PemEcdsaSigner(ec.generate_private_key(ec.SECP256R1()), "other")
    inner = sign_media(picture(), other, stranger.issue(other.public_key(), "other")).data
    cropped = {"label": "c2pa.actions.v2", "data": {"actions": [{"action": "c2pa.cropped"}]}}
    manifest = {"title": "x", "format": "image/jpeg", "claim_generator_info": [{"name": "editor"}], "assertions": [cropped]}

    def use(builder: Any, native: Any, output: io.BytesIO) -> None:
        builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
        builder.add_ingredient({"title": "inner", "relationship": "parentOf"}, "image/jpeg", io.BytesIO(inner))
        builder.sign(native, "image/jpeg", io.BytesIO(smaller(inner)), output)

    original = _signed(manifest, signer, chain, None, use)
    with pytest.raises(BadInputError, match="an ingredient says so, whose signer is not trusted"):
        sign_media(picture(), signer, chain, Statement(edit=Edit(original, "x.jpg", ("resized",))))


def test_a_tampered_original_is_no_parent(signer: Signer, chain: bytes) -> None:
    """Its credential would be laundered by ours."""
    original = bytearray(sign_media(picture(), signer, chain).data)
    original[-200] ^= 1
    with pytest.raises(BadInputError, match="can't be a parent: changed since it was signed"):
        sign_media(picture(), signer, chain, Statement(edit=Edit(bytes(original), "hero.jpg", ("resized",))))


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (Statement(edit=Edit(b"", "a.jpg", ())), "what was done to a.jpg isn't said"),
        (Statement(edit=Edit(b"", "a.jpg", ("improved",))), "'improved' is not an edit"),
        (Statement(edit=Edit(b"text", "a.txt", ("edited",))), "can't be a parent"),
        (Statement(source_type="http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"), "not a source type that discloses AI"),
    ],
)
def test_what_cannot_be_stated_is_refused(statement: Statement, message: str, signer: Signer, chain: bytes) -> None:
    """Before anything is signed."""
    with pytest.raises(BadInputError, match=message):
        sign_media(picture(), signer, chain, statement)


@pytest.mark.parametrize("name", EDITS)
def test_every_edit_in_the_list_passes_the_validator(name: str, signer: Signer, chain: bytes, authority: TestAuthority) -> None:
    """c2pa knows each of them and wants nothing further."""
    original = sign_media(picture(64), signer, chain).data
    signed = sign_media(picture(64), signer, chain, Statement(edit=Edit(original, "a.jpg", (name,))))
    assert inspect(signed.data, authority.anchors).state is State.TRUSTED


def test_a_watermark_is_in_the_pixels_and_in_the_manifest(signer: Signer, chain: bytes, authority: TestAuthority) -> None:
    """The soft binding names the scheme and what it carries; the source is hashed as it came."""
    source = picture(400)
    signed = sign_media(source, signer, chain, Statement(watermark=PUBLIC_KEY))
    assert signed.mark is not None
    active, _ = manifests(signed.data)
    (binding,) = [item["data"] for item in active["assertions"] if item["label"] == "c2pa.soft-binding"]
    assert (binding["alg"], binding["blocks"][0]["value"]) == (ALGORITHM, signed.mark.payload)
    assert [action["action"] for action in actions(active)] == ["c2pa.created", "c2pa.watermarked.bound"]
    assert signed.mark.payload == signed.source_sha256[:9]
    payload = read_mark(signed.data).payload
    assert payload is not None
    assert shown(payload) == signed.mark.payload
    assert inspect(signed.data, authority.anchors).state is State.TRUSTED


def test_what_cannot_carry_the_watermark_asked_for_is_not_signed_without(signer: Signer, chain: bytes) -> None:
    """A user who asks for two layers doesn't get one in silence."""
    with pytest.raises(BadInputError, match="can't carry a watermark"):
        sign_media(picture(kind="GIF"), signer, chain, Statement(watermark=PUBLIC_KEY))


# --- time-stamps ------------------------------------------------------------------------------------------------------

SETTINGS = """
[req]
distinguished_name = name
[name]
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[authority]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[t]
serial = serial
crypto_device = builtin
signer_cert = authority.pem
signer_key = authority.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
"""


def openssl(folder: Path, command: str) -> None:
    subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def stamping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a time-stamp authority: a root, and a certificate for time stamping under it."""
    folder = tmp_path_factory.mktemp("stamping")
    (folder / "tsa.cnf").write_text(SETTINGS)
    (folder / "serial").write_text("01\n")
    key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -config tsa.cnf"
    openssl(folder, f"req -x509 {key} -keyout root.key -out root.pem -days 3650 -subj /CN=Root -extensions root")
    openssl(folder, f"req {key} -keyout authority.key -out authority.csr -subj /CN=Stamps")
    signed = "-CA root.pem -CAkey root.key -CAcreateserial -out authority.pem -days 3650"
    openssl(folder, f"x509 -req -in authority.csr {signed} -extfile tsa.cnf -extensions authority")
    return folder


@contextmanager
def served(folder: Path, status: int = 200) -> Iterator[str]:
    """The authority's address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            (folder / "query.tsq").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            openssl(folder, "ts -reply -queryfile query.tsq -out reply.tsr -config tsa.cnf -section t")
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write((folder / "reply.tsr").read_bytes())

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/tsr"
    finally:
        server.shutdown()
        server.server_close()


def test_a_time_stamp_counts_only_of_an_authority_that_is_trusted(
    stamping: Path, signer: Signer, chain: bytes, authority: TestAuthority
) -> None:
    """Anybody can run such an authority and write any time into its answers."""
    with served(stamping) as url:
        signed = sign_media(picture(), signer, chain, tsa_url=url).data
    moment = utc_now()
    known = inspect(signed, authority.anchors + (stamping / "root.pem").read_bytes())
    assert (known.state, known.stamp) == (State.TRUSTED, "trusted")
    assert known.signed_at is not None
    assert known.signed_at[:13] in {f"{moment:%Y-%m-%dT%H}", f"{moment - timedelta(minutes=5):%Y-%m-%dT%H}"}
    assert inspect(signed, authority.anchors).stamp == "untrusted"
    assert inspect(sign_media(picture(), signer, chain).data, authority.anchors).stamp is None


def test_a_time_stamp_keeps_a_credential_alive_after_its_certificate(
    stamping: Path, signer: Signer, chain: bytes, authority: TestAuthority
) -> None:
    """Signed while the certificate was good, as a trusted authority says: trusted for ever. By an unknown authority's word: not."""
    anchors = authority.anchors + (stamping / "root.pem").read_bytes()
    for left in (3, 8, 20, 60):  # a busy machine may take a while to sign
        end = utc_now() + timedelta(seconds=left)
        ending, stranger = (
            issuer.issue(signer.public_key(), "ending", now=end - timedelta(days=CERTIFICATE_DAYS))
            for issuer in (authority, root_of(stamping))
        )
        try:
            with served(stamping) as url:
                data, other = (sign_media(picture(), signer, own, Statement(COMPOSITE), tsa_url=url).data for own in (ending, stranger))
            break
        except (BadInputError, IncompleteError):
            continue
    time.sleep(max(0.0, end.timestamp() + 1.1 - time.time()))
    assert inspect(data, anchors).state is State.TRUSTED
    assert inspect(data, authority.anchors).state is State.UNTRUSTED
    roots = (stamping / "root.pem").read_bytes()
    apart = inspect(data, authority.anchors, stamp_anchors=roots)
    assert (apart.state, apart.stamp) == (State.TRUSTED, "trusted")
    assert inspect(other, anchors).state is State.TRUSTED
    assert inspect(other, authority.anchors, stamp_anchors=roots).state is State.UNTRUSTED
    edited = {}
    for name, parent in {"ours": data, "theirs": other}.items():
        edit = Edit(parent, "parent.jpg", ("resized",), stamp_anchors=roots)
        edited[name] = sign_media(picture(), signer, chain, Statement(AI_GENERATED, edit=edit)).data
    assert (
        sign_media(picture(), signer, chain, Statement(edit=Edit(data, "p.jpg", ("resized",), None, roots))).digital_source_type
        == COMPOSITE
    )
    assert inspect(edited["ours"], authority.anchors, stamp_anchors=roots).source_types == (AI_GENERATED, COMPOSITE)
    assert inspect(edited["theirs"], authority.anchors, stamp_anchors=roots).unvouched_types == (COMPOSITE,)


def test_a_time_stamp_on_a_claim_of_version_1_counts_for_nothing(
    stamping: Path, signer: Signer, chain: bytes, authority: TestAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """c2pa calls each of them trusted, whoever made it: with an old key and an authority of one's own anybody signed at any time, for ever."""
    stated = {"label": "c2pa.actions", "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": AI_GENERATED}]}}
    manifest = {"claim_version": 1, "claim_generator_info": [{"name": "an old tool"}], "assertions": [stated]}
    with served(stamping) as url:
        data = _signed(manifest, signer, chain, url, lambda made, native, out: made.sign(native, "image/jpeg", io.BytesIO(picture()), out))
    edited = sign_media(picture(), signer, chain, Statement(COMPOSITE, edit=Edit(data, "old.jpg", ("resized",)))).data
    assert "timeStamp.trusted" in c2pa.Reader("image/jpeg", io.BytesIO(data)).json()
    found = inspect(data, authority.anchors)
    assert (found.state, found.stamp, found.ai_generated) == (State.TRUSTED, "untrusted", True)
    assert inspect(edited, authority.anchors).source_types == (COMPOSITE, AI_GENERATED)
    monkeypatch.setattr(stamps, "utc_now", lambda: utc_now() + timedelta(days=CERTIFICATE_DAYS))
    found = inspect(data, authority.anchors, stamp_anchors=(stamping / "root.pem").read_bytes())
    assert (found.state, found.codes, found.stamp) == (State.UNTRUSTED, ("signingCredential.expired",), "untrusted")
    assert "time-stamps on such an old kind of claim (version 1) anybody can make" in found.reason
    changed = data[:-3] + bytes([data[-3] ^ 1]) + data[-2:]
    assert inspect(changed, authority.anchors).state is State.TAMPERED, "however old its signer's certificate is"
    found = inspect(edited, authority.anchors)
    assert (found.state, found.source_types, found.unvouched_types) == (State.TRUSTED, (COMPOSITE,), (AI_GENERATED,))
    monkeypatch.setattr(c2pa.Reader, "crjson", None)  # as a c2pa that doesn't tell when a certificate ends
    monkeypatch.setattr(stamps, "utc_now", utc_now)
    assert inspect(data, authority.anchors).state is State.UNTRUSTED


def root_of(stamping: Path) -> TestAuthority:
    """The time-stamp authority's root, which issues other certificates as well."""
    key = load_pem_private_key((stamping / "root.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return TestAuthority(x509.load_pem_x509_certificate((stamping / "root.pem").read_bytes()), key)


def test_nobody_under_a_time_stamp_authoritys_root_is_a_trusted_signer(
    stamping: Path, signer: Signer, chain: bytes, authority: TestAuthority
) -> None:
    """c2pa asks every anchor for every certificate, whatever it was given for: there the stranger is trusted."""
    stamps = (stamping / "root.pem").read_bytes()
    with served(stamping) as url:
        ours = sign_media(picture(), signer, chain, tsa_url=url).data
        stranger = sign_media(picture(), signer, root_of(stamping).issue(signer.public_key(), "stranger"), tsa_url=url).data
    assert inspect(stranger, authority.anchors + stamps).state is State.TRUSTED
    found = inspect(stranger, authority.anchors, stamp_anchors=stamps)
    assert (found.state, found.codes, found.stamp) == (State.UNTRUSTED, ("signingCredential.untrusted",), "trusted")
    assert "a root that you trust for time-stamps alone" in found.reason
    assert inspect(stranger, None, stamp_anchors=stamps).state is State.UNTRUSTED
    for known, roots in (
        (authority.anchors, stamps),
        (authority.anchors, stamps + authority.anchors),
        (authority.anchors + stamps, stamps),
    ):
        found = inspect(ours, known, stamp_anchors=roots)
        assert (found.state, found.stamp, found.codes) == (State.TRUSTED, "trusted", ())
    assert inspect(stranger, authority.anchors + stamps, stamp_anchors=stamps).state is State.TRUSTED
    with pytest.raises(BadInputError, match="trust anchors"):
        inspect(ours, authority.anchors, stamp_anchors=b"none")


def test_without_c2pas_word_on_the_anchor_the_signers_alone_decide(
    stamping: Path, signer: Signer, chain: bytes, authority: TestAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other versions may say it in other words: a signer who is good today stays trusted, and nobody else becomes it."""
    monkeypatch.setattr(ingredients, "_SIGNERS", re.compile("$^"))
    stamps = (stamping / "root.pem").read_bytes()
    with served(stamping) as url:
        ours = sign_media(picture(), signer, chain, tsa_url=url).data
    found = inspect(ours, authority.anchors, stamp_anchors=stamps)
    assert (found.state, found.stamp) == (State.TRUSTED, "trusted")
    stranger = sign_media(picture(), signer, root_of(stamping).issue(signer.public_key(), "stranger")).data
    assert inspect(stranger, authority.anchors, stamp_anchors=stamps).state is State.UNTRUSTED


def test_the_two_kinds_of_anchors_on_the_command_line(
    stamping: Path, signer: Signer, chain: bytes, authority: TestAuthority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``verify`` demands the stamp, and takes no stranger; nor is a stranger's word inherited from a parent."""
    monkeypatch.chdir(tmp_path)
    with served(stamping) as url:
        Path("ours.jpg").write_bytes(sign_media(picture(), signer, chain, tsa_url=url).data)
        stranger = root_of(stamping).issue(signer.public_key(), "stranger")
        Path("stranger.jpg").write_bytes(sign_media(picture(), signer, stranger, tsa_url=url).data)
    Path("anchors.pem").write_bytes(authority.anchors)
    Path("tsa.pem").write_bytes((stamping / "root.pem").read_bytes())
    Path("small.jpg").write_bytes(picture())
    apart = ["--trust", "anchors.pem", "--trust-tsa", "tsa.pem"]
    assert run(["media", "verify", "ours.jpg", *apart, "--stamped", "--ai"]) == 0
    assert run(["media", "verify", "ours.jpg", "--trust", "anchors.pem", "--stamped"]) == 1
    assert run(["media", "inspect", "ours.jpg", *apart]) == 0
    for command in ("verify", "inspect"):
        assert run(["media", command, "stranger.jpg", *apart]) == 1
    edit = ["media", "sign", "small.jpg", "-o", "out.jpg", "--test-authority", "ca", "--edit", "resized", *apart]
    assert run([*edit, "--parent", "stranger.jpg"]) == 2
    assert run([*edit, "--parent", "ours.jpg"]) == 0


@pytest.mark.parametrize("status", [500, None], ids=["refusing", "not-there"])
def test_without_the_authoritys_answer_nothing_is_signed(stamping: Path, signer: Signer, chain: bytes, status: int | None) -> None:
    """Exit 3: a credential without the time-stamp that was asked for isn't what the user wants."""
    if status is None:
        with served(stamping) as url:
            pass
        with pytest.raises(IncompleteError, match="could not be signed"):
            sign_media(picture(), signer, chain, tsa_url=url)
        return
    with served(stamping, status) as url, pytest.raises(IncompleteError, match="could not be signed"):
        sign_media(picture(), signer, chain, tsa_url=url)
