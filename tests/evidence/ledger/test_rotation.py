"""Changing the signing key: old checkpoints, proofs and records stay good, and the old key leads to the new."""

from __future__ import annotations

import dataclasses
import json
import sys

import pytest

from averment.controls.loader import load_catalogue
from averment.core.errors import BadInputError, VerificationError
from averment.core.organisation import EvidenceSettings, Organisation
from averment.core.period import parse_period
from averment.core.signing.local import LocalSigner
from averment.core.signing.verification import public_pem
from averment.evidence.ledger.checkpoint import SignedNote, VerifierKey, open_checkpoint, sign_note
from averment.evidence.ledger.merkle import verify_consistency
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.ledger.proof import InclusionProof
from averment.evidence.ledger.rotation import endorsed, endorsed_name, endorsement_text, rotate
from averment.evidence.package import standalone
from averment.evidence.package.verify import verify_package
from averment.evidence.package.write import write_package

ORIGIN = "example.com/shop"


def with_key(shop: Organisation, text: str) -> Organisation:
    """The shop with another signing key in its settings."""
    return dataclasses.replace(shop, evidence=dataclasses.replace(shop.evidence, signing_key=text))


@pytest.fixture
def rotated(tmp_path, make_record):
    """A ledger that changed its key twice: the shop as it is now, what was handed out under the first key, and the three keys."""
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(origin=ORIGIN, signing_key="keys/first.pem"))
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(number) for number in range(3)])
        old = (ledger.checkpoint.note, bytes(ledger.prove(1)), ledger.entry(1).envelope)
    keys = [VerifierKey(ORIGIN, LocalSigner.load(tmp_path / "keys/first.pem").public_key())]
    for number, name in enumerate(("second", "third"), start=1):
        keys.append(rotate(shop, f"keys/{name}.pem"))
        shop = with_key(shop, f"keys/{name}.pem")
        with open_ledger(shop, write=True) as ledger:
            ledger.append([make_record(10 * number)])
    return shop, old, keys


def test_what_the_old_key_signed_stays_good(rotated):
    """The old checkpoint and the old proof verify with the old key, and the log still extends that checkpoint."""
    shop, (note, proof, envelope), keys = rotated
    old = open_checkpoint(note, ORIGIN, keys[:1])
    assert InclusionProof.parse(proof).verify(envelope, ORIGIN, keys[:1]) == old
    with open_ledger(shop) as ledger:
        assert ledger.checkpoint.signed_by == (keys[2],)
        verify_consistency(old.size, old.root, ledger.size, ledger.checkpoint.root, ledger.prove_extension(old.checkpoint))
        assert len(list(ledger.records())) == 5


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_package_verifies_with_any_key_that_leads_to_the_present_one(rotated, tmp_path, which):
    """An auditor who holds the first key only follows the endorsements; the earlier checkpoint by the first key is compared as well."""
    shop, (note, _, _), keys = rotated
    with open_ledger(shop, write=True) as ledger:
        package = write_package(shop, ledger, load_catalogue(), parse_period("2026Q4"), tmp_path / "package").path
    result = verify_package(package, [lambda _: keys[which]], [note])
    assert result.problems == []
    assert ("vouched for" in result.steps[0].finding) is (which < 2)


def test_a_key_that_leads_nowhere_does_not_verify(rotated, tmp_path):
    """A stranger's key isn't helped by endorsements, nor is the first key once the endorsement is gone."""
    shop, _, keys = rotated
    with open_ledger(shop, write=True) as ledger:
        package = write_package(shop, ledger, load_catalogue(), parse_period("2026Q4"), tmp_path / "package").path
    stranger = VerifierKey(ORIGIN, LocalSigner.create(tmp_path / "stranger.pem").public_key())
    assert "checkpoint.txt" in {problem.file for problem in verify_package(package, [lambda _: stranger]).problems}
    (package / endorsed_name(keys[2])).unlink()
    assert "checkpoint.txt" in {problem.file for problem in verify_package(package, [lambda _: keys[0]]).problems}


def test_only_a_trusted_key_can_vouch(tmp_path):
    """A forged endorsement: signed by an unknown key it is ignored, with a wrong signature or for another log it is refused."""
    one, two, evil = (LocalSigner.create(tmp_path / f"{name}.pem") for name in ("one", "two", "evil"))
    first, second = VerifierKey(ORIGIN, one.public_key()), VerifierKey(ORIGIN, two.public_key())
    text = endorsement_text(ORIGIN, second)
    genuine = sign_note(text, [(ORIGIN, one)])
    assert endorsed([first], [bytes(genuine)], ORIGIN) == [second]
    assert endorsed([first], [bytes(sign_note(text, [(ORIGIN, evil)]))], ORIGIN) == []
    with pytest.raises(VerificationError, match="wrong"):
        endorsed([first], [bytes(SignedNote(text.replace("urn", "urn"), sign_note("other\n", [(ORIGIN, one)]).signatures))], ORIGIN)
    for bad in ("x\ny\nz\n", endorsement_text("example.com/other", second), endorsement_text(ORIGIN, VerifierKey("x", two.public_key()))):
        with pytest.raises(VerificationError):
            endorsed([first], [bytes(sign_note(bad, [(ORIGIN, one)]))], ORIGIN)


def test_the_present_checkpoint_is_signed_by_the_new_key_at_once(tmp_path, make_record):
    """After the change, before any append: both keys stand under the same checkpoint, the new one first; twice is no error."""
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(origin=ORIGIN))
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1)])
        before = ledger.checkpoint.checkpoint
    key = rotate(shop, "keys/new.pem")
    assert rotate(shop, "keys/new.pem") == key
    with open_ledger(with_key(shop, "keys/new.pem")) as ledger:
        assert ledger.checkpoint.checkpoint == before
        assert ledger.checkpoint.signed_by[0] == key
        assert len(ledger.checkpoint.signed_by) == 2
    with pytest.raises(BadInputError, match="the signing key already"):
        rotate(shop, shop.evidence.signing_key)


def test_from_a_local_key_to_kms(tmp_path, make_record, sandbox):
    """The usual way up: Ed25519 on disk first, then ECDSA through KMS; records sealed by either are in the package."""
    import boto3

    arn = boto3.client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(origin=ORIGIN))
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1)])
        first = ledger.keys[0]
    rotate(shop, f"kms:{arn}")
    shop = with_key(shop, f"kms:{arn}")
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(2)])
        package = write_package(shop, ledger, load_catalogue(), parse_period("2026Q4"), tmp_path / "package").path
    assert verify_package(package, [lambda _: first]).genuine
    signed = {json.loads(path.read_bytes())["signatures"][0]["keyid"] for path in (package / "records").iterdir()}
    assert len(signed) == 2


def test_the_enclosed_verifier_follows_the_keys_as_well(rotated, tmp_path, monkeypatch, capsys):
    """With the first key alone, and the earlier checkpoint that it signed; a stranger's key leads nowhere."""
    shop, (note, _, _), keys = rotated
    with open_ledger(shop, write=True) as ledger:
        package = write_package(shop, ledger, load_catalogue(), parse_period("2026Q4"), tmp_path / "package").path
    (tmp_path / "old.txt").write_bytes(note)
    (tmp_path / "first.pem").write_bytes(public_pem(keys[0].public_key))
    (tmp_path / "stranger.pem").write_bytes(public_pem(LocalSigner.create(tmp_path / "stranger-key.pem").public_key()))
    for name, code in (("first", 0), ("stranger", 1)):
        arguments = [str(package), "--key", str(tmp_path / f"{name}.pem"), "--checkpoint", str(tmp_path / "old.txt")]
        monkeypatch.setattr(sys, "argv", ["verify.py", *arguments])
        assert standalone.main() == code, capsys.readouterr().out
    (package / endorsed_name(keys[1])).write_bytes(b"x\n")
    monkeypatch.setattr(sys, "argv", ["verify.py", str(package)])
    assert standalone.main() == 1
    assert endorsed_name(keys[1]) in capsys.readouterr().out
