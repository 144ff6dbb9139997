"""Changing the signing key: old checkpoints, proofs and records stay good, and the old key leads to the new."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys

import pytest

from averment.cli.main import run
from averment.controls.loader import load_catalogue
from averment.core.canonical import sha256_hex
from averment.core.errors import BadInputError, VerificationError
from averment.core.organisation import EvidenceSettings, Organisation
from averment.core.period import parse_period, utc_now
from averment.core.signing.local import LocalSigner
from averment.core.signing.verification import public_pem
from averment.evidence.ledger.checkpoint import SignedNote, VerifierKey, cosign, open_checkpoint, sign_note
from averment.evidence.ledger.envelope import seal
from averment.evidence.ledger.intent import INTENT, Intent
from averment.evidence.ledger.merkle import verify_consistency
from averment.evidence.ledger.opening import open_ledger, put_key
from averment.evidence.ledger.proof import InclusionProof
from averment.evidence.ledger.rotation import rotate
from averment.evidence.ledger.succession import acknowledgement_text, endorsed, endorsed_name, endorsement_text
from averment.evidence.ledger.tiles import encode_bundle, grow
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


def test_what_an_older_key_signed_is_said(rotated, tmp_path):
    """Whoever was handed the present key alone learns that records are signed by others, whose keys only the package shows."""
    shop, _, keys = rotated
    with open_ledger(shop, write=True) as ledger:
        package = write_package(shop, ledger, load_catalogue(), parse_period("2026Q4"), tmp_path / "package").path
    told = [line for line in verify_package(package, [lambda _: keys[2]]).uncovered if line.startswith("Who signed 4 entries")]
    assert keys[0].fingerprint in told[0]
    assert not any("Who signed" in line for line in verify_package(package, [lambda _: keys[0]]).uncovered)


def strangers(shop, tmp_path, *records):
    """A ledger of the same name under a stranger's key, with the shop's public keys beside it."""
    theirs = Organisation(root=tmp_path / "theirs", evidence=EvidenceSettings(origin=ORIGIN))
    with open_ledger(theirs, write=True) as ledger:
        ledger.append(records)
    store = theirs.path(theirs.evidence.ledger)
    shutil.copytree(shop.path(shop.evidence.ledger) / "keys", store / "keys", dirs_exist_ok=True)
    return store


def test_nobody_signs_on_top_of_a_ledger_that_was_put_in_its_place(tmp_path, make_record):
    """Who may write to the store lays a ledger there under a key of their own, and that key beside it: the next writer made it its own."""
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(origin=ORIGIN))
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1)])
    ours, theirs = shop.path(shop.evidence.ledger), strangers(shop, tmp_path, make_record(7), make_record(8))
    shutil.rmtree(ours)
    shutil.copytree(theirs, ours)
    with pytest.raises(VerificationError, match="none of which is a known key") as caught:
        open_ledger(shop, write=True)
    assert "restore the ledger" in (caught.value.fix or "")
    evil = LocalSigner.load(tmp_path / "theirs" / shop.evidence.signing_key)
    own = VerifierKey(ORIGIN, LocalSigner.load(shop.path(shop.evidence.signing_key)).public_key())
    for name, text in ((endorsed_name(own), endorsement_text(ORIGIN, own)), ("keys/0-1.acknowledged", acknowledgement_text(ORIGIN, own))):
        (ours / name).write_bytes(bytes(sign_note(text, [(ORIGIN, evil)])))  # that the stranger speaks for us is no reason to trust it
    with pytest.raises(VerificationError, match="none of which is a known key"):
        open_ledger(shop, write=True)


def test_nobody_finishes_what_a_stranger_has_begun(tmp_path, make_record):
    """Neither the intent nor what is staged is signed: entries of a stranger's, decided on as if by a writer that died, were published."""
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(origin=ORIGIN))
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1)])
        tree, store = ledger.tree, ledger.store
        evil = LocalSigner.create(tmp_path / "evil.pem")
        entries = [seal(make_record(9), evil).entry]
        staged, growth = encode_bundle(entries), grow(tree, entries)
        name = f"staging/1-{'0' * 32}"
        store.put_new(name, staged)
        put_key(store, VerifierKey(ORIGIN, evil.public_key()))
        intent = Intent(1, growth.tree.size, growth.tree.root, name, sha256_hex(staged), "a writer that died")
        store.replace_if(INTENT, intent.encode(), store.get(INTENT).version)
    with open_ledger(shop, write=True) as ledger:
        with pytest.raises(VerificationError, match="not what a writer of this log staged"):
            ledger.append([make_record(2)])
        assert ledger.size == 1


def test_a_new_key_goes_on_with_what_the_old_one_signed_after_the_change(tmp_path, make_record):
    """Until its settings change too, another machine signs with the old key; so does one that died and left a batch to finish."""
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(origin=ORIGIN))
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1)])
    rotate(shop, "keys/new.pem")
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(2)])
        assert len(ledger.checkpoint.signed_by) == 1
    with open_ledger(with_key(shop, "keys/new.pem"), write=True) as ledger:
        ledger.append([make_record(3)])
    with open_ledger(shop, write=True) as ledger:  # and the old one goes on after the new one, which it vouched for
        ledger.append([make_record(4)])
        assert ledger.size == 4


def test_a_key_that_vouched_for_its_successor_is_no_signer_who_was_passed_over(tmp_path, make_record):
    """Right after a change of keys both stand under the checkpoint: who had changed their one key read that another signer might not agree."""
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(origin=ORIGIN))
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1)])
        [first] = ledger.keys
    rotate(shop, "keys/new.pem")
    with open_ledger(with_key(shop, "keys/new.pem"), write=True) as ledger:
        folder = write_package(shop, ledger, load_catalogue(), parse_period("2026Q4"), tmp_path / "package").path
    for keys in ([], [lambda _: first]):
        result = verify_package(folder, keys)
        assert result.genuine
        assert not [line for line in result.uncovered if line.startswith("Who chose what is in the package")]


def test_only_a_trusted_key_can_vouch(tmp_path):
    """A forged endorsement: signed by an unknown key it is ignored, with a wrong signature or for another log it is refused."""
    one, two, evil = (LocalSigner.create(tmp_path / f"{name}.pem") for name in ("one", "two", "evil"))
    first, second = VerifierKey(ORIGIN, one.public_key()), VerifierKey(ORIGIN, two.public_key())
    text = endorsement_text(ORIGIN, second)
    genuine = sign_note(text, [(ORIGIN, one)])
    assert endorsed([first], [bytes(genuine)], ORIGIN) == [second]
    assert endorsed([first], [bytes(sign_note(text, [(ORIGIN, evil)]))], ORIGIN) == []
    other, witness = "example.com/other", VerifierKey(ORIGIN, one.public_key(), cosigner=True)
    assert endorsed([VerifierKey(other, one.public_key())], [bytes(sign_note(text, [(other, one)]))], ORIGIN) == []  # another log's key
    seen = SignedNote(text, (cosign(text, ORIGIN, one, utc_now()),))
    assert endorsed([witness], [bytes(seen)], ORIGIN) == []  # a witness says what it saw, and vouches for no key
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


def test_the_enclosed_verifier_says_that_another_key_signed(rotated, tmp_path, monkeypatch, capsys):
    """With the present key alone: records of before the change are signed by the first, which only the package shows."""
    shop, _, keys = rotated
    with open_ledger(shop, write=True) as ledger:
        package = write_package(shop, ledger, load_catalogue(), parse_period("2026Q4"), tmp_path / "package").path
    for number, key in enumerate(keys):
        (tmp_path / f"{number}.pem").write_bytes(public_pem(key.public_key))
    words = f"another key of the package, which was not given: sha256 {keys[0].fingerprint}"
    for number, said in ((2, True), (0, False)):
        monkeypatch.setattr(sys, "argv", ["verify.py", str(package), "--key", str(tmp_path / f"{number}.pem")])
        assert standalone.main() == 0
        assert (words in capsys.readouterr().out) is said


def test_what_a_key_said_of_another_log_vouches_for_nothing_here(tmp_path, make_record, monkeypatch, capsys):
    """Two logs under one key, of which one changed it: whoever has that log's new key signs a package of the other, and lays the words beside it."""
    shop = Organisation(root=tmp_path / "shop", evidence=EvidenceSettings(origin=ORIGIN))
    other = Organisation(root=tmp_path / "shop", evidence=EvidenceSettings(origin="example.com/trial", ledger="trial"))
    for each in (shop, other):
        with open_ledger(each, write=True) as ledger:
            ledger.append([make_record(1)])
    rotate(other, "new.pem")
    signer = LocalSigner.load(tmp_path / "shop/new.pem")
    theirs = Organisation(root=tmp_path / "theirs", evidence=EvidenceSettings(origin=ORIGIN, signing_key="../shop/new.pem"))
    with open_ledger(theirs, write=True) as ledger:
        ledger.append([make_record(7)])
        trial = VerifierKey("example.com/trial", signer.public_key())
        words = (other.path("trial") / endorsed_name(trial)).read_bytes()
        ledger.store.put_new(endorsed_name(trial), words)
        package = write_package(theirs, ledger, load_catalogue(), parse_period("2026Q4"), tmp_path / "package").path
    key = VerifierKey(ORIGIN, LocalSigner.load(shop.path(shop.evidence.signing_key)).public_key())
    assert not verify_package(package, [lambda _: key]).genuine
    (tmp_path / "key.pem").write_bytes(public_pem(key.public_key))
    monkeypatch.setattr(sys, "argv", ["verify.py", str(package), "--key", str(tmp_path / "key.pem")])
    assert standalone.main() == 1
    assert "MANIFEST.sig" in capsys.readouterr().out


def test_a_witness_goes_on_after_a_change_of_keys(tmp_path, make_record, monkeypatch, capsys):
    """With the key that it was handed first; it ended with 1, as if the log had been rewritten. With the new one alone it says what is missing."""
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(origin=ORIGIN))
    monkeypatch.chdir(tmp_path)
    LocalSigner.create(tmp_path / "w.pem")
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1)])
        (tmp_path / "old.pem").write_bytes(public_pem(ledger.keys[0].public_key))
    cosign = [
        "ledger",
        "cosign",
        "--ledger",
        str(shop.path(shop.evidence.ledger)),
        "--key",
        "w.pem",
        "--name",
        "w.example",
        "--memory",
        "seen",
    ]
    assert run([*cosign, "--log-key", "old.pem"]) == 0
    fresh = rotate(shop, "keys/new.pem")
    (tmp_path / "new.pem").write_bytes(public_pem(fresh.public_key))
    with open_ledger(with_key(shop, "keys/new.pem"), write=True) as ledger:
        ledger.append([make_record(2)])
    assert run([*cosign, "--log-key", "new.pem"]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "what this witness remembers of example.com/shop" in said
    assert "hand over the key of then as well (--log-key)" in said
    assert run([*cosign, "--log-key", "old.pem"]) == 0
    assert "cosigned 2 entries of example.com/shop, 1 when last seen" in " ".join(capsys.readouterr().err.split())
