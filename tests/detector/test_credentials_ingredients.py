"""Whose statement that AI made a medium counts: the trusted signer's, and trusted ingredients'; what anybody wrote into an ingredient doesn't.

Manifests are made with c2pa itself, as another tool would that states nothing of its own. Images are noise made here with Pillow.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import c2pa
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image

from averment.cli.main import run
from averment.core.errors import BadInputError
from averment.core.signing.interface import Signer
from averment.detector.credentials.authority import TestAuthority
from averment.detector.credentials.inspect import ACCEPTED_PURPOSES, CORE, State, inspect
from averment.detector.credentials.keys import PemEcdsaSigner
from averment.detector.credentials.signing import Edit, Statement, cose_signature, sign_media
from averment.detector.credentials.xmp import AI_GENERATED
from averment.detector.gate.provenance import look
from averment.detector.gate.settings import Settings
from averment.detector.gate.verdict import judge
from averment.detector.interface import DetectorInfo, Family, Score

CAPTURE = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"


class Maker:
    """Somebody who signs, with an authority that vouches for them."""

    def __init__(self, name: str) -> None:
        self.authority = TestAuthority.create()
        self.signer: Signer = PemEcdsaSigner(ec.generate_private_key(ec.SECP256R1()), name)
        self.chain = self.authority.issue(self.signer.public_key(), name)

    def generated(self) -> bytes:
        """A picture whose credential says that AI made it."""
        return sign_media(picture(), self.signer, self.chain).data

    def used(
        self, *ingredients: bytes, kind: str = "parentOf", trusting: bytes | None = None, identity: dict[str, object] | None = None
    ) -> bytes:
        """A picture made with ``ingredients``, whose manifest states nothing of AI; checked when they were used by whom one trusted then."""
        actions = [{"action": "c2pa.cropped"}] if kind == "parentOf" else [{"action": "c2pa.created", "digitalSourceType": CAPTURE}]
        manifest = {
            "claim_generator_info": [{"name": "another tool", "version": "1"}],
            "assertions": [
                {"label": "c2pa.actions.v2", "created": True, "data": {"actions": actions}},
                *([{"label": "cawg.identity", "data": identity}] if identity else ()),
            ],
        }
        trust = {"trust_config": ACCEPTED_PURPOSES} | ({"trust_anchors": trusting.decode()} if trusting else {})
        verify = {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False}
        settings = {"core": CORE, "builder": {"thumbnail": {"enabled": False}}, "verify": verify, "trust": trust}
        context = c2pa.Context(c2pa.Settings.from_dict(settings))
        output = io.BytesIO()
        sign = lambda message: cose_signature(self.signer, bytes(message))  # noqa: E731
        with (
            c2pa.Builder(manifest, context) as builder,
            c2pa.Signer.from_callback(sign, c2pa.C2paSigningAlg.ES256, self.chain.decode(), None) as native,
        ):
            if kind == "parentOf":
                builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
            for number, data in enumerate(ingredients):
                builder.add_ingredient({"title": f"{number}.jpg", "relationship": kind}, "image/jpeg", io.BytesIO(data))
            builder.sign(native, "image/jpeg", io.BytesIO(picture()), output)
        return output.getvalue()


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((20, 20), 40).resize((160, 160)).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


def broken(data: bytes) -> bytes:
    changed = bytearray(data)
    changed[-200] ^= 1
    return bytes(changed)


@pytest.fixture(scope="module")
def studio() -> Maker:
    return Maker("studio")


@pytest.fixture(scope="module")
def stranger() -> Maker:
    return Maker("stranger")


@pytest.mark.parametrize("kind", ["parentOf", "componentOf"])
@pytest.mark.parametrize("known", [True, False])
def test_what_a_trusted_ingredient_states_counts(known: bool, kind: str, studio: Maker) -> None:
    """Whether or not its user knew its signer when it was used: whoever asks today does."""
    data = studio.used(studio.generated(), kind=kind, trusting=studio.authority.anchors if known else None)
    found = inspect(data, studio.authority.anchors)
    assert (found.state, found.ai_generated, found.ai_unvouched) == (State.TRUSTED, True, False)
    twice = studio.used(data, kind=kind, trusting=studio.authority.anchors if known else None)
    assert inspect(twice, studio.authority.anchors).ai_generated


@pytest.mark.parametrize("kind", ["parentOf", "componentOf"])
def test_what_an_untrusted_ingredient_states_doesn_t(kind: str, studio: Maker, stranger: Maker) -> None:
    """A trusted signer used it; what it says of itself anybody may have written. It isn't left out in silence."""
    for data in (studio.used(stranger.generated(), kind=kind), studio.used(studio.used(stranger.generated(), kind=kind), kind=kind)):
        found = inspect(data, studio.authority.anchors)
        assert (found.state, found.ai_generated, found.ai_unvouched) == (State.TRUSTED, False, True)
        assert found.unvouched_types == (AI_GENERATED,)
        assert AI_GENERATED not in found.source_types
        assert found.to_json()["unvouched_source_types"] == [AI_GENERATED]


def test_what_a_tool_got_wrong_is_not_called_changed(studio: Maker) -> None:
    """Nobody touched it: its maker's tool left out what C2PA demands of an action. Whoever reads "changed" looks for somebody who did."""
    actions = {"label": "c2pa.actions.v2", "created": True, "data": {"actions": [{"action": "c2pa.created"}]}}
    manifest = {"claim_generator_info": [{"name": "another tool", "version": "1"}], "assertions": [actions]}
    context = c2pa.Context(c2pa.Settings.from_dict({"verify": {"verify_after_sign": False}}))
    output = io.BytesIO()
    sign = lambda message: cose_signature(studio.signer, bytes(message))  # noqa: E731
    with (
        c2pa.Builder(manifest, context) as builder,
        c2pa.Signer.from_callback(sign, c2pa.C2paSigningAlg.ES256, studio.chain.decode(), None) as native,
    ):
        builder.sign(native, "image/jpeg", io.BytesIO(picture()), output)
    found = inspect(output.getvalue(), studio.authority.anchors)
    assert (found.state, found.codes) == (State.TAMPERED, ("assertion.action.malformed",))
    assert found.reason == "a manifest in it is broken, or not as C2PA demands: assertion.action.malformed"
    assert inspect(broken(studio.generated()), studio.authority.anchors).reason.startswith("changed since it was signed: ")


def test_of_several_ingredients_each_counts_by_itself(studio: Maker, stranger: Maker) -> None:
    """A trusted one beside a stranger's says nothing for it, in either order."""
    plain = studio.used(picture(), kind="componentOf")
    for others in ((plain, stranger.generated()), (stranger.generated(), plain)):
        assert inspect(studio.used(*others, kind="componentOf"), studio.authority.anchors).ai_unvouched
    for others in ((stranger.generated(), studio.generated()), (studio.generated(), stranger.generated())):
        assert inspect(studio.used(*others, kind="componentOf"), studio.authority.anchors).ai_generated


def test_what_a_stranger_encloses_doesn_t_count_though_its_signer_is_trusted(studio: Maker, stranger: Maker) -> None:
    """A stranger can name anybody's picture as the parent of any other."""
    found = inspect(studio.used(stranger.used(studio.generated())), studio.authority.anchors)
    assert (found.state, found.ai_generated, found.ai_unvouched) == (State.TRUSTED, False, True)


def test_what_was_broken_when_it_was_used_doesn_t_count(studio: Maker) -> None:
    """Its signer is trusted, but these weren't the bytes that they signed."""
    found = inspect(studio.used(broken(studio.generated())), studio.authority.anchors)
    assert (found.state, found.ai_generated, found.ai_unvouched) == (State.TRUSTED, False, True)


@pytest.mark.parametrize("deep", [False, True])
def test_whom_the_signer_trusted_is_nothing_to_whoever_asks(deep: bool, studio: Maker, stranger: Maker) -> None:
    """The manifest says that the ingredient's signer was trusted; by the anchors of today they aren't, and then the whole isn't."""
    data = studio.used(stranger.generated(), trusting=stranger.authority.anchors)
    if deep:
        data = studio.used(data, trusting=stranger.authority.anchors)
    found = inspect(data, studio.authority.anchors)
    assert (found.state, found.state is State.TRUSTED and found.ai_generated) == (State.UNTRUSTED, False)


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("known", [False, True])
def test_an_ingredient_under_a_root_for_time_stamps_is_a_strangers(known: bool, deep: bool, studio: Maker, stranger: Maker) -> None:
    """Together with the signers' anchors c2pa takes it for a trusted one's. Where its user trusted it then, the whole isn't trusted, as without."""
    both = studio.authority.anchors + stranger.authority.anchors
    data = studio.used(stranger.generated(), trusting=both if known else None)
    if deep:
        data = studio.used(data, trusting=both if known else None)
    assert inspect(data, both).ai_generated
    found = inspect(data, studio.authority.anchors, stamp_anchors=stranger.authority.anchors)
    plain = inspect(data, studio.authority.anchors)
    assert (found.state, found.state is State.TRUSTED and found.ai_generated) == (plain.state, False)
    assert plain.state is (State.UNTRUSTED if known else State.TRUSTED)


@pytest.mark.parametrize("known", [False, True])
def test_a_trusted_ingredient_counts_beside_roots_for_time_stamps(known: bool, studio: Maker, stranger: Maker) -> None:
    """Whether its user knew its signer or not."""
    trusting = studio.authority.anchors if known else None
    data = studio.used(studio.used(studio.generated(), trusting=trusting), trusting=trusting)
    found = inspect(data, studio.authority.anchors, stamp_anchors=stranger.authority.anchors)
    assert (found.state, found.ai_generated) == (State.TRUSTED, True)


def test_an_edit_of_a_photograph_inherits_no_statement_that_ai_made_it(studio: Maker) -> None:
    """Its own credential is trusted and says that a camera took it: neither that it was generated, nor under one's own name that it was taken."""
    photograph = studio.used(kind="componentOf")
    assert inspect(photograph, studio.authority.anchors).source_types == (CAPTURE,)
    edit = Edit(photograph, "photo.jpg", ("resized",))
    with pytest.raises(BadInputError, match=r"photo\.jpg doesn't state that AI made it, and neither do you"):
        sign_media(picture(), studio.signer, studio.chain, Statement(edit=edit))


def test_a_gate_that_demands_the_statement_says_whose_is_missing(
    studio: Maker, stranger: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``media verify --ai``: exit code 1 for a stranger's word, 0 for a trusted one's; ``inspect`` says it too."""
    anchors, strange, own = tmp_path / "anchors.pem", tmp_path / "strange.jpg", tmp_path / "own.jpg"
    anchors.write_bytes(studio.authority.anchors)
    strange.write_bytes(studio.used(stranger.generated()))
    own.write_bytes(studio.used(studio.generated()))
    assert run(["media", "verify", str(own), "--trust", str(anchors), "--ai"]) == 0
    capsys.readouterr()
    assert run(["media", "verify", str(strange), "--trust", str(anchors), "--ai"]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "it doesn't state that AI made it (it stands where no trusted signer answers for it)" in out
    assert "no AI source type but where no trusted signer answers for it" in out
    assert run(["media", "verify", str(strange), "--trust", str(anchors), "--ai", "--format", "json"]) == 1
    [row] = json.loads(capsys.readouterr().out)
    assert (row["ai_generated"], row["unvouched_source_types"], len(row["missing"])) == (False, [AI_GENERATED], 1)


def test_who_an_identity_assertion_names_is_asked_of_nobody_and_breaks_nothing(studio: Maker) -> None:
    """What tools write of their user (CAWG) is vouched for by whoever the file names, at a web address, where c2pa would ask: a whole picture was
    called tampered where nobody answers, and any file made its reader call wherever it said."""
    credential = {
        "@context": ["https://www.w3.org/ns/credentials/v2", "https://cawg.io/identity/1.1/ica/context/"],
        "type": ["VerifiableCredential", "IdentityClaimsAggregationCredential"],
        "issuer": "did:web:nobody.invalid",
        "validFrom": "2026-01-01T00:00:00Z",
        "credentialSubject": {
            "verifiedIdentities": [
                {
                    "type": "cawg.social_media",
                    "username": "ada",
                    "uri": "https://social.invalid/ada",
                    "verifiedAt": "2026-01-01T00:00:00Z",
                    "provider": {"id": "https://social.invalid", "name": "social"},
                }
            ],
            "c2paAsset": {"referenced_assertions": [], "sig_type": "cawg.identity_claims_aggregation"},
        },
    }
    payload = json.dumps(credential).encode()
    # COSE_Sign1 (RFC 9052): protected {alg: EdDSA, content type: application/vc}, unprotected {}, the credential, a signature
    cose = b"\xd2\x84\x54\xa2\x01\x27\x03\x6eapplication/vc\xa0\x59" + len(payload).to_bytes(2, "big") + payload + b"\x58\x40" + bytes(64)
    signer_payload = {"referenced_assertions": [], "sig_type": "cawg.identity_claims_aggregation"}
    assertion = {"signer_payload": signer_payload, "signature": list(cose), "pad1": []}
    data = studio.used(identity=assertion, kind="componentOf")
    found = inspect(data, studio.authority.anchors)
    assert (found.state, found.codes) == (State.TRUSTED, ())
    edited = sign_media(picture(), studio.signer, studio.chain, Statement(AI_GENERATED, edit=Edit(data, "parent.jpg", ("resized",)))).data
    assert inspect(edited, studio.authority.anchors).state is State.TRUSTED


@pytest.mark.parametrize("score", [0.1, 0.9])
def test_the_media_gate_holds_an_upload_for_a_strangers_word(score: float, studio: Maker, stranger: Maker, tmp_path: Path) -> None:
    """It isn't "disclosed", for nobody who is trusted says so; nor clean, as it wouldn't be with the stranger's credential alone."""
    anchors = tmp_path / "anchors.pem"
    anchors.write_bytes(studio.authority.anchors)
    provenance = look(studio.used(stranger.generated()), {}, Settings("published", trust=str(anchors)))
    found = judge(Score({Family.SYNTHETIC_IMAGE: score}), DetectorInfo("d", "1", None, (Family.SYNTHETIC_IMAGE,), 0.5), None, provenance)
    assert (found.verdict, provenance.to_json()["ai_unvouched"]) == ("flagged", True)
    assert "its credential says that AI made it, where no trusted signer answers for it" in found.reason
    assert "an ingredient in its credential, untrusted, says that AI made it" in found.findings
