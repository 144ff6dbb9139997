"""``averment ledger``: verify where it lies, against checkpoints that were kept; prove one record; change keys; cosign."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from averment import api
from averment.cli.main import run
from averment.core.errors import MissingExtraError, VerificationError
from averment.core.organisation import load_organisation
from averment.core.signing.local import LocalSigner
from averment.evidence.ledger.checkpoint import NoteSignature, VerifierKey
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.ledger.tiles import decode_bundle, encode_bundle
from averment.evidence.ledger.timestamp import stamp_name, stamped_bytes
from averment.evidence.record import Kind, Record

SETTINGS = "version: 1\nevidence:\n  origin: example.com/shop\n"


def record(number: int, *, size: int = 0) -> Record:
    """A made-up record; the same number gives the same."""
    from datetime import UTC, datetime, timedelta

    moment = datetime(2026, 10, 1, tzinfo=UTC) + timedelta(minutes=number)
    return Record(Kind.CHECK, "check", "1", "made up for a test", {"number": number}, moment, moment, {"filler": "x" * size})


def append(folder: Path, *numbers: int, size: int = 0) -> None:
    """Records into the ledger of the averment.yaml in ``folder``."""
    with open_ledger(load_organisation(folder / "averment.yaml"), write=True) as ledger:
        ledger.append([record(number, size=size) for number in numbers])


@pytest.fixture
def shop(tmp_path, monkeypatch) -> Path:
    """A folder with an averment.yaml and a ledger of ten records, and the working directory."""
    (tmp_path / "averment.yaml").write_text(SETTINGS)
    append(tmp_path, *range(10))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def keep(shop: Path, name: str) -> Path:
    """A copy of the present checkpoint, as an auditor keeps it."""
    return Path(shutil.copy(shop / ".averment/ledger/checkpoint", shop / name))


def public_key(shop: Path) -> str:
    """The log's public key, as an auditor got it."""
    return str(shutil.copy(next((shop / ".averment/ledger/keys").glob("*.pub.pem")), shop / "log.pem"))


def test_a_grown_ledger_verifies_against_everything_that_was_kept(shop, capsys):
    """Numbered steps, each checkpoint compared, and what is left open; with the key nothing is taken from the ledger itself."""
    one = keep(shop, "one.txt")
    append(shop, *range(10, 300))
    two = keep(shop, "two.txt")
    append(shop, 300)
    assert run(["ledger", "verify"]) == 0
    text = capsys.readouterr().out
    assert "no earlier checkpoint was handed over (--checkpoint)" in text
    assert "3. The log has only grown since the earlier checkpoints: none was handed over" in text  # and no "ok"
    assert "taken from the ledger itself" in text
    assert run(["ledger", "verify", "--key", public_key(shop), "--checkpoint", str(one), "--checkpoint", str(two)]) == 0
    text = capsys.readouterr().out
    assert "3. The log has only grown since the earlier checkpoints: ok (the first 10, 300 of 301 entries are the same)" in text
    assert "4. Every entry is what the checkpoint commits to: ok (301 entries)" in text
    assert "taken from the ledger" not in text
    assert "in the package" not in text
    assert "Unchanged is not complete" in text


def test_a_rolled_back_and_a_forked_ledger_are_found(shop, capsys):
    """An older copy put back, and another history under the same key: exit 1 that names the kept checkpoint and says which it is."""
    shutil.copytree(shop / ".averment/ledger", shop / "old")
    append(shop, *range(10, 20))
    kept = keep(shop, "kept.txt")
    for name in ("rolled back", "rewritten"):
        shutil.rmtree(shop / ".averment/ledger")
        shutil.copytree(shop / "old", shop / ".averment/ledger")
        if name == "rewritten":
            append(shop, *range(50, 70))
        capsys.readouterr()
        assert run(["ledger", "verify", "--checkpoint", str(kept), "--format", "json"]) == 1
        answer = json.loads(capsys.readouterr().out)
        problems = [problem for step in answer["steps"] for problem in step["problems"]]
        assert [problem["file"] for problem in problems] == ["kept.txt"]
        assert name in problems[0]["reason"]
        assert "the same" not in answer["steps"][2]["finding"]  # there is no size up to which it is


def test_a_record_that_was_added_afterwards_is_told(shop, capsys):
    """Dated back by whoever may append: it verifies, and both the ledger and the package say that it came later than it says."""
    append(shop, 10_000)
    late = record(20).id
    append(shop, 20)
    assert run(["ledger", "verify"]) == 0
    told = "When 1 record came about: in the log it stands behind others"
    out = " ".join(capsys.readouterr().out.split())
    assert told in out
    assert late in out
    assert run(["export", "--period", "2026Q4", "--output", "p"]) == 0
    assert run(["verify", "p"]) == 0
    assert told in " ".join(capsys.readouterr().out.split())


def test_entries_by_a_key_that_was_not_handed_over_are_said(shop, capsys):
    """After a change of keys the new key alone verifies the log; who signed the entries from before is left open, with the old key's
    fingerprint, and no longer so when the old key is handed over, which leads to the new."""
    old = public_key(shop)
    [fingerprint] = [key.fingerprint for key in open_ledger(load_organisation(shop / "averment.yaml")).keys]
    assert run(["ledger", "rotate", "keys/new.pem"]) == 0
    (shop / "averment.yaml").write_text(SETTINGS + "  signing_key: keys/new.pem\n")
    append(shop, 10, 11)
    with open_ledger(load_organisation(shop / "averment.yaml")) as ledger:
        [new] = ledger.checkpoint.signed_by
    (shop / "new.vkey").write_text(f"{new}\n")
    capsys.readouterr()
    assert run(["ledger", "verify", "--key", "new.vkey"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Who signed 10 entries" in text
    assert fingerprint in text
    assert run(["ledger", "verify", "--key", old]) == 0
    assert "Who signed" not in capsys.readouterr().out


def test_a_changed_entry_is_found(shop, capsys):
    """One entry exchanged in its bundle: the step and the file are named, the other steps run all the same."""
    path = next((shop / ".averment/ledger/tile/entries").rglob("10"))
    entries = decode_bundle(path.read_bytes())
    entries[3] = entries[4]
    path.write_bytes(encode_bundle(entries))
    assert run(["ledger", "verify"]) == 1
    text = capsys.readouterr().out
    assert "4. Every entry is what the checkpoint commits to: WRONG" in text
    assert "tile/entries/000.p/10 was changed" in text
    assert "2. The signed checkpoint: ok" in text


def test_a_strangers_key_is_no_key_of_the_log(shop, capsys):
    """The key that the auditor holds decides, not the one in the ledger."""
    stranger = ed25519.Ed25519PrivateKey.generate().public_key()
    pem = stranger.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (shop / "stranger.pem").write_bytes(pem)
    assert run(["ledger", "verify", "--key", "stranger.pem"]) == 1
    assert "2. The signed checkpoint: WRONG" in capsys.readouterr().out


def test_what_lies_in_the_ledger_vouches_for_nothing_in_it(shop, capsys):
    """Its own key was told as one that was handed over, and its own checkpoint as an earlier one."""
    [key] = (shop / ".averment/ledger/keys").glob("*.vkey")
    for given in (["--key", str(key)], ["--checkpoint", ".averment/ledger/checkpoint"]):
        assert run(["ledger", "verify", *given]) == 2
        assert "lies in what is to be verified by it" in " ".join(capsys.readouterr().err.split())


def test_one_record_is_proven_by_one_file(shop, capsys):
    """The file holds record and proof; elsewhere, with the log's key alone, it verifies and shows the record. Nothing of it can change."""
    append(shop, 10, size=40_000)
    key = public_key(shop)
    for number in (4, 10):
        name = record(number, size=40_000 * (number == 10)).id
        assert run(["ledger", "prove", name]) == 0
        path = shop / f"{name}.tlog-proof"
        capsys.readouterr()
        assert run(["verify", str(path), "--key", key]) == 0
        text = capsys.readouterr().out
        assert f"The record {name} stood in the log" in text
        assert f'"number": {number}' in text
        data = path.read_bytes()
        for at in range(0, len(data) * 8, max(1, len(data) * 8 // 60)):
            bent = bytearray(data)
            bent[at // 8] ^= 1 << at % 8
            path.write_bytes(bent)
            capsys.readouterr()
            assert run(["verify", str(path), "--key", key]) == 1, at
        path.write_bytes(data)
        assert run(["verify", str(path)]) == 2  # a proof without a key shows nothing


def test_a_record_in_a_proof_commands_no_ci_server(shop, capsys):
    """It is shown as JSON that says the same, without the characters by which a CI server would take it for one that ends the step as succeeded."""
    told = replace(record(20), source="##vso[task.complete result=Succeeded]")
    with open_ledger(load_organisation(shop / "averment.yaml"), write=True) as ledger:
        ledger.append([told])
    assert run(["ledger", "prove", told.id, "--output", "p.tlog-proof"]) == 0
    capsys.readouterr()
    assert run(["verify", "p.tlog-proof", "--key", public_key(shop)]) == 0
    text = capsys.readouterr().out
    assert "##" not in text
    assert json.loads(text[text.index("{\n") :]) == told.to_json()


def test_an_old_proof_outlives_growth_and_a_new_key(shop, capsys):
    """A proof that was handed out before the log grew and changed its key verifies with the key of its time."""
    key, name = public_key(shop), record(3).id
    assert run(["ledger", "prove", name, "--output", "old.tlog-proof"]) == 0
    assert run(["ledger", "rotate", "keys/new.pem"]) == 0
    assert "vouches for it" in capsys.readouterr().out
    (shop / "averment.yaml").write_text(f"{SETTINGS}  signing_key: keys/new.pem\n")
    append(shop, 11)
    assert run(["verify", "old.tlog-proof", "--key", key]) == 0
    assert run(["ledger", "verify", "--key", key]) == 0
    assert run(["ledger", "rotate", "keys/new.pem"]) == 2


def test_a_proof_of_an_older_record_asks_for_both_keys(shop, capsys):
    """Proven after a change of keys, a record takes the key of its time too: that it was missing read as if the proof had been changed."""
    old, name = public_key(shop), record(3).id
    assert run(["ledger", "rotate", "keys/new.pem"]) == 0
    (shop / "averment.yaml").write_text(f"{SETTINGS}  signing_key: keys/new.pem\n")
    append(shop, 11)
    with open_ledger(load_organisation(shop / "averment.yaml")) as ledger:
        (new,) = ledger.checkpoint.signed_by
        (fingerprint,) = {key.fingerprint for key in ledger.keys} - {new.fingerprint}
    (shop / "new.vkey").write_text(f"{new}\n")
    capsys.readouterr()
    assert run(["ledger", "prove", name, "--output", "p.tlog-proof"]) == 0
    assert f"the one with the SHA-256 {fingerprint}, each as --key" in " ".join(capsys.readouterr().err.split())
    assert run(["verify", "p.tlog-proof", "--key", "new.vkey", "--key", old]) == 0
    assert run(["verify", "p.tlog-proof", "--key", "new.vkey"]) == 1
    assert f"signed by a key that was not handed over (SHA-256 {fingerprint})" in " ".join(capsys.readouterr().out.split())
    assert run(["ledger", "prove", record(11).id, "--output", "q.tlog-proof"]) == 0
    assert "change of keys" not in capsys.readouterr().err


def test_a_wrong_key_says_how_to_change_on_purpose(shop, capsys):
    """Another key in averment.yaml is refused with the command that changes it properly."""
    (shop / "averment.yaml").write_text(f"{SETTINGS}  signing_key: keys/other.pem\n")
    (shop / "keys").mkdir()
    key = ed25519.Ed25519PrivateKey.generate()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (shop / "keys/other.pem").write_bytes(key.private_bytes(*form))
    (shop / "keys/other.pem").chmod(0o600)
    assert run(["attest", "SM-UPL-03/terms", "--answer", "yes", "--by", "procurement/Ada Byron"]) == 2
    assert "averment ledger rotate keys/other.pem" in capsys.readouterr().err


def test_a_witness_cosigns_and_remembers(shop, capsys):
    """From the folder alone: a line that verifies, attached to the checkpoint; after a rewrite it refuses."""
    assert run(["ledger", "show"]) == 0
    assert "example.com/shop" in capsys.readouterr().out
    key = ed25519.Ed25519PrivateKey.generate()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (shop / "w.pem").write_bytes(key.private_bytes(*form))
    (shop / "w.pem").chmod(0o600)
    arguments = ["ledger", "cosign", "--ledger", ".averment/ledger", "--key", "w.pem", "--name", "w.example", "--memory", "seen"]
    assert run([*arguments, "--attach", "--log-key", public_key(shop)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("— w.example ")
    assert out.strip() in (shop / ".averment/ledger/checkpoint").read_text()
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    (shop / "w.vkey").write_text(f"{VerifierKey('w.example', der, cosigner=True)}\n")
    assert (shop / "w.vkey").read_text().strip() in err
    assert run(["ledger", "verify", "--witness", "w.vkey"]) == 0
    assert "w.example at " in capsys.readouterr().out
    assert run(["ledger", "show"]) == 0
    head = capsys.readouterr().out
    assert "signed by example.com/shop (key" in head
    assert "not checked, as the key is not known here: a signature in the name of w.example (key" in head
    assert "signed by w.example" not in head  # anybody may put a line in that name there
    (shop / "averment.yaml").write_text(f"{SETTINGS}  witnesses: [{{key: {(shop / 'w.vkey').read_text().strip()}}}]\n")
    assert run(["ledger", "show"]) == 0
    assert "signed by w.example" in capsys.readouterr().out
    append(shop, 20)
    assert run(["ledger", "verify", "--witness", "w.vkey"]) == 1
    assert run(arguments) == 0
    assert "taken from the ledger itself" in capsys.readouterr().err
    shutil.rmtree(shop / ".averment/ledger")
    append(shop, *range(30, 60))
    assert run(arguments) == 1
    assert "rewritten" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "auditor one", "auditor+one", "auditor\x07", "auditor\u2028", "auditor\udcff", "example.com/shop"])
def test_a_witness_has_a_name_that_a_checkpoint_can_carry(shop, capsys, name):
    """A cosignature under another name, once attached, left a checkpoint that nobody could read: neither reader nor writer went on with the ledger."""
    LocalSigner.create(shop / "w" / "w.pem")
    before = (shop / ".averment/ledger/checkpoint").read_bytes()
    arguments = ["ledger", "cosign", "--key", "w/w.pem", "--name", name, "--memory", "seen", "--attach"]
    assert run(arguments) == 2
    assert "auditor.example/w1" in capsys.readouterr().err
    assert (shop / ".averment/ledger/checkpoint").read_bytes() == before
    assert not (shop / "seen").exists()


def test_what_lies_in_a_timestamps_place_dates_nothing(shop, capsys):
    """Whoever may write to the store lays a file there: that there is one was told as a date by a third party."""
    assert run(["ledger", "show"]) == 0
    assert "not dated by a timestamp authority" in capsys.readouterr().out
    with open_ledger(load_organisation(shop / "averment.yaml")) as ledger:
        ledger.store.put_new(stamp_name(stamped_bytes(ledger.checkpoint.note, ledger.origin)), b"yesterday")
    assert run(["ledger", "show"]) == 0
    assert "timestamp: wrong (the timestamp is malformed" in capsys.readouterr().out


def test_a_timestamp_is_not_checked_where_nothing_is_installed_for_it(shop, capsys, monkeypatch):
    """The settings of the repository name an authority's certificates; whoever has no extra for them could show nothing any more."""
    (shop / "averment.yaml").write_text(f"{SETTINGS}  timestamps: {{url: 'https://tsa.example/tsr', certificates: root.pem}}\n")

    def missing():
        raise MissingExtraError("a timestamp needs the package 'rfc3161_client'", fix="pip install 'averment[timestamps]'")

    monkeypatch.setattr("averment.evidence.ledger.opening.read_certificates", lambda _: ("a root",))
    monkeypatch.setattr("averment.evidence.ledger.timestamp._library", missing)
    with open_ledger(load_organisation(shop / "averment.yaml")) as ledger:
        ledger.store.put_new(stamp_name(stamped_bytes(ledger.checkpoint.note, ledger.origin)), b"yesterday")
    assert run(["ledger", "show"]) == 0
    assert "timestamp: not checked (" in capsys.readouterr().out


def test_no_signature_is_attached_that_makes_a_checkpoint_unreadable(shop):
    """A note holds 64 signatures at most: one more, and the ledger could not be opened any more."""
    with open_ledger(load_organisation(shop / "averment.yaml")) as ledger:
        for number in range(1, 64):
            ledger.attach(NoteSignature(f"w{number}.example", b"1234", bytes(72)))
        with pytest.raises(VerificationError, match="not a signed note"):
            ledger.attach(NoteSignature("w64.example", b"1234", bytes(72)))
    assert run(["ledger", "show"]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ledger", "verify", "--ledger", "nowhere"], "there is no ledger at nowhere"),
        (["ledger", "prove", "5b1f0a52-3c1e-5a8e-9d55-0d2f6f0f3a11"], "has no record"),
        (["ledger", "prove", "not-an-id"], "has no record not-an-id"),
        (["ledger", "verify", "--key", "averment.yaml"], "not a verifier key"),
        (["ledger", "cosign", "--key", "none.pem", "--name", "w", "--memory", "seen"], "does not exist"),
        (["ledger", "verify", "--checkpoint", "averment.yaml"], "averment.yaml: this is not a signed note"),
        (["verify", "averment.yaml", "--checkpoint", "averment.yaml"], "one record's proof"),
        (["verify", "averment.yaml"], "neither a package nor the proof of one record"),
        (["verify", "averment.yaml", "--key", "log.pem"], "neither a package nor the proof of one record"),
    ],
)
def test_wrong_use_is_exit_2_with_the_reason(shop, capsys, arguments, words):
    """What was handed in can't be used: said so, without a traceback, and without blaming the evidence for it."""
    public_key(shop)
    assert run(arguments) == 2
    assert words in capsys.readouterr().err


def test_the_proof_of_a_very_large_record_can_be_verified(shop):
    """38 MB of payload are 67 in the proof: it was written, and refused as too large when it was to be verified."""
    size = 38_000_000
    append(shop, 20, size=size)
    assert run(["ledger", "prove", record(20, size=size).id, "--output", "p.tlog-proof"]) == 0
    assert Path("p.tlog-proof").stat().st_size > 64 * 1024 * 1024
    assert api.verify("p.tlog-proof", keys=[public_key(shop)]).genuine


def test_an_empty_ledger_has_nothing_to_verify(tmp_path, monkeypatch, capsys):
    """Not a pass: exit 2."""
    (tmp_path / "averment.yaml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    assert run(["ledger", "verify"]) == 2
    assert "nothing to verify" in capsys.readouterr().err
