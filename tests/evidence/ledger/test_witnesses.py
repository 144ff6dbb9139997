"""Witnesses: who cosigns only what extends the last, asked over HTTP as C2SP tlog-witness says; several signers; what an auditor asks."""

from __future__ import annotations

import base64
import dataclasses
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from averment.api.verifying import vouching_of
from averment.cli.main import run
from averment.controls.loader import load_catalogue
from averment.core.canonical import sha256_hex
from averment.core.errors import BadInputError, IncompleteError, VerificationError
from averment.core.http import Answer
from averment.core.organisation import EvidenceSettings, Organisation, WitnessSettings
from averment.core.period import parse_period
from averment.core.signing.local import LocalSigner
from averment.core.signing.verification import public_pem
from averment.evidence.ledger.checkpoint import Checkpoint, NoteSignature, SignedNote, VerifierKey, cosign, open_checkpoint, sign_note
from averment.evidence.ledger.merkle import EMPTY_ROOT
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.ledger.proof import carry
from averment.evidence.ledger.witness import BehindError, RemoteWitness, Witness
from averment.evidence.package import standalone
from averment.evidence.package.verify import verify_package
from averment.evidence.package.write import write_package
from averment.evidence.stores.directory import DirectoryStore
from averment.evidence.stores.interface import StoreError
from averment.evidence.verification.audit import audit
from averment.evidence.verification.single import verify_proof
from averment.evidence.verification.vouching import Vouching, cosigners

ORIGIN = "example.com/shop"
THEN = datetime(2026, 12, 1, 12, tzinfo=UTC)

# The example of c2sp.org/tlog-cosignature; its keys aren't published, so only what doesn't need them is checked.
EXAMPLE = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)


def key_of(letter: str) -> LocalSigner:
    """A key that is the same in every run."""
    return LocalSigner(ed25519.Ed25519PrivateKey.from_private_bytes(letter.encode() * 32), f"{letter}.pem")


LOG = key_of("l")
LOG_KEY = VerifierKey(ORIGIN, LOG.public_key())


@contextmanager
def served(witness: Witness) -> Iterator[str]:
    """The witness behind HTTP on the loopback, with the answers that c2sp.org/tlog-witness prescribes; its submission prefix."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            head, _, note = self.rfile.read(int(self.headers["Content-Length"])).partition(b"\n\n")
            old, *proof = head.decode().split("\n")
            try:
                line = witness.observe(note, int(old.removeprefix("old ")), [base64.b64decode(item) for item in proof])
                self.answer(200, "text/plain", f"— somebody.else {base64.b64encode(bytes(80)).decode()}\n{line}\n")
            except BehindError as error:
                self.answer(409, "text/x.tlog.size", f"{error.size}\n")
            except VerificationError as error:
                self.answer(404 if "not known" in error.message else 422, "text/plain", error.message)

        def answer(self, status, kind, text):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def witness(tmp_path) -> Callable[..., Witness]:
    """Makes a witness with a memory of its own; of the shop's log unless told otherwise."""

    def make(name: str = "w.example", logs: dict | None = None, letter: str = "w") -> Witness:
        return Witness(DirectoryStore(tmp_path / name), name, key_of(letter), logs or {}, clock=lambda: THEN)

    return make


@pytest.fixture
def witnessed(tmp_path, witness) -> Iterator[tuple[Organisation, Witness]]:
    """A shop whose checkpoints a witness on the loopback cosigns."""
    shop = Organisation(name="Shop", root=tmp_path, evidence=EvidenceSettings(origin=ORIGIN))
    with open_ledger(shop, write=True) as ledger:
        observer = witness(logs={ORIGIN: ledger.keys})
    with served(observer) as url:
        yield with_witness(shop, observer, url), observer


def with_witness(shop: Organisation, observer: Witness, url: str | None) -> Organisation:
    """The shop with the witness in its settings."""
    return dataclasses.replace(shop, evidence=dataclasses.replace(shop.evidence, witnesses=(WitnessSettings(str(observer.key), url),)))


def append(shop: Organisation, *records) -> list[str]:
    """Append and countersign; what was noted."""
    with open_ledger(shop, write=True) as ledger:
        ledger.append(records)
        ledger.countersign()
        return ledger.notes


def signers_of(shop: Organisation) -> list[str]:
    """The names under the checkpoint, in order."""
    with open_ledger(shop) as ledger:
        return [item.name for item in SignedNote.parse(ledger.checkpoint.note).signatures]


def test_the_published_cosignature_is_read_and_carries_its_time():
    """The specification's example: 8 bytes of time before the signature, and the message that is signed."""
    line = SignedNote.parse(EXAMPLE.encode()).signatures[1]
    assert line.moment == datetime.fromtimestamp(1679315147, UTC)
    assert len(line.signature) == 8 + 64


def test_a_cosignature_is_over_the_time_and_the_text():
    """Another time, another text, or the same key as a log's key: it does not verify. Its key has the id of type 0x04."""
    head = str(Checkpoint(ORIGIN, 0, EMPTY_ROOT))
    line, key = cosign(head, "w.example", key_of("w"), THEN), VerifierKey("w.example", key_of("w").public_key(), cosigner=True)
    assert key.verifies(head, line)
    assert not key.verifies(head.replace("0", "1", 1), line)
    later = (int(THEN.timestamp()) + 1).to_bytes(8, "big")
    assert not key.verifies(head, NoteSignature(line.name, line.key_id, later + line.signature[8:]))
    assert not key.verifies(head, NoteSignature(line.name, line.key_id, b"short"))
    assert not key.verifies(head, NoteSignature(line.name, line.key_id, b"\xff" * 72))
    assert VerifierKey.parse(str(key)) == key
    assert key.id != VerifierKey("w.example", key_of("w").public_key()).id


def test_a_witness_alone_makes_no_checkpoint_even_under_the_logs_name():
    """A cosignature in the log's own name is still not the log's signature."""
    head = str(Checkpoint(ORIGIN, 0, EMPTY_ROOT))
    note = bytes(SignedNote(head, (cosign(head, ORIGIN, key_of("w"), THEN),)))
    with pytest.raises(VerificationError, match="no key of the log"):
        open_checkpoint(note, ORIGIN, [VerifierKey(ORIGIN, key_of("w").public_key(), cosigner=True), LOG_KEY])


def test_a_kms_key_cannot_be_a_witness(sandbox):
    """The dated cosignature is defined for Ed25519 alone, and that is said."""
    import boto3

    from averment.core.signing.kms import KmsSigner

    key = boto3.client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    with pytest.raises(BadInputError, match="no Ed25519 key"):
        cosign("x\n", "w.example", KmsSigner(key), THEN)


def note_of(size: int, root: bytes, signer: LocalSigner = LOG) -> bytes:
    """A checkpoint signed by the log."""
    return bytes(sign_note(str(Checkpoint(ORIGIN, size, root)), [(ORIGIN, signer)]))


def test_a_witness_refuses_what_does_not_extend_the_last(witness):
    """Rolled back, forked at the same size, without a proof, from a wrong size, of an unknown log, with a wrong signature."""
    observer = witness(logs={ORIGIN: [LOG_KEY]})
    one, two = b"\x01" * 32, b"\x02" * 32
    assert observer.latest(ORIGIN).size == 0
    with pytest.raises(VerificationError):
        observer.observe(note_of(0, one), 0, [])  # an empty log has one root
    observer.observe(note_of(1, one), 0, [])
    observer.observe(note_of(1, one), 1, [])  # the same again is fine
    with pytest.raises(VerificationError, match="rewritten"):
        observer.observe(note_of(1, two), 1, [])
    with pytest.raises(VerificationError, match="empty"):
        observer.observe(note_of(2, two), 1, [])
    with pytest.raises(BehindError) as behind:
        observer.observe(note_of(2, two), 0, [])
    assert behind.value.size == 1
    with pytest.raises(VerificationError, match="known key"):
        observer.observe(note_of(2, two, key_of("x")), 1, [])
    with pytest.raises(VerificationError, match="not known"):
        witness("other.example").observe(note_of(1, one), 0, [])
    assert observer.latest(ORIGIN).size == 1


def test_of_two_histories_at_once_a_witness_cosigns_one(witness, monkeypatch):
    """Both begin where it stood last: whoever is second is told the size that it knows now, and nothing of theirs is cosigned or remembered."""
    observer, genuine = witness(logs={ORIGIN: [LOG_KEY]}), DirectoryStore.replace_if
    mine, theirs = note_of(1, b"\x01" * 32), note_of(1, b"\x02" * 32)

    def faster(self, name, data, version):
        monkeypatch.undo()
        observer.observe(theirs, 0, [])
        return genuine(self, name, data, version)

    monkeypatch.setattr(DirectoryStore, "replace_if", faster)
    with pytest.raises(BehindError) as behind:
        observer.observe(mine, 0, [])
    assert behind.value.size == 1
    assert observer.latest(ORIGIN).root == b"\x02" * 32


def test_what_could_not_be_remembered_is_not_cosigned(witness, monkeypatch):
    """A cosignature that the witness forgets is one that it gives to another history as well; nor does it cosign beside a memory that was changed."""
    observer = witness(logs={ORIGIN: [LOG_KEY]})

    def full(*_):
        raise StoreError("no space is left")

    with monkeypatch.context() as patch:
        patch.setattr(DirectoryStore, "replace_if", full)
        patch.setattr("averment.evidence.ledger.witness.cosign", lambda *_: pytest.fail("it cosigned"))
        with pytest.raises(StoreError):
            observer.observe(note_of(1, b"\x01" * 32), 0, [])
    assert observer.latest(ORIGIN).size == 0
    observer.observe(note_of(2, b"\x01" * 32), 0, [])
    [memory] = (path for path in observer._store.root.rglob("witnessed/*") if path.is_file())
    memory.write_bytes(note_of(0, EMPTY_ROOT, key_of("x")))
    with pytest.raises(VerificationError, match=f"remembers of {ORIGIN} is no checkpoint of it"):
        observer.observe(note_of(1, b"\x02" * 32), 0, [])


def test_a_witness_has_a_name_of_its_own(witness):
    """Under the log's name its cosignature would look like the log's signature; a name with a space or a plus can't stand in a note."""
    for name in (ORIGIN, "w example", "w+example", ""):
        with pytest.raises(BadInputError, match=r"is the name of the log|can't be a witness's name"):
            Witness(DirectoryStore(Path("nowhere")), name, key_of("w"), {ORIGIN: [LOG_KEY]})
    assert witness(logs={ORIGIN: [LOG_KEY]}).key.name == "w.example"


def test_a_key_beside_the_log_goes_by_its_own_id(tmp_path, make_record):
    """Another key in a key's file is told as a change of the ledger, with how to restore it, and not taken."""
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(origin=ORIGIN))
    append(shop, make_record(1))
    [file] = (tmp_path / ".averment/ledger/keys").glob("*.vkey")
    file.write_text(f"{LOG_KEY}\n")
    with pytest.raises(VerificationError, match=f"keys/{file.name} holds another key than its name says"):
        open_ledger(shop)


def test_checkpoints_are_cosigned_as_the_log_grows(witnessed, make_record):
    """Over HTTP: each checkpoint is proven to extend the one before, and a reader verifies log and witness."""
    shop, observer = witnessed
    for number in range(3):
        assert append(shop, *(make_record(10 * number + at) for at in range(4))) == []
        assert observer.latest(ORIGIN).size == 4 * (number + 1)
        assert signers_of(shop) == [ORIGIN, "w.example"]
    with open_ledger(shop) as ledger:
        assert [key.name for key in ledger.checkpoint.signed_by] == [ORIGIN, "w.example"]


def test_a_witness_out_of_reach_is_noted_and_asked_again(witnessed, make_record):
    """The append is acknowledged all the same; the next one is cosigned from what the witness knows."""
    shop, observer = witnessed
    away = with_witness(shop, observer, "http://127.0.0.1:9/")
    notes = append(away, make_record(1))
    assert re.search(r"not cosigned by w\.example: http://127\.0\.0\.1:9/.* could not be reached", " ".join(notes))
    assert signers_of(shop) == [ORIGIN]
    assert append(shop, make_record(1)) == []  # nothing new: only the cosignature is made up for
    assert signers_of(shop) == [ORIGIN, "w.example"]


def test_a_rolled_back_log_is_refused_by_its_witness(witnessed, make_record, tmp_path):
    """An older ledger with the same key: the witness knows more of it and cosigns nothing of the second history."""
    shop, observer = witnessed
    append(shop, *(make_record(number) for number in range(5)))
    (tmp_path / ".averment/ledger").rename(tmp_path / "away")
    notes = append(shop, *(make_record(number) for number in (0, 2)))
    assert "has cosigned 5 entries of this log, which has 2: it was rolled back" in " ".join(notes)
    notes = append(shop, *(make_record(number) for number in range(10, 20)))
    assert "refused to cosign (HTTP 422)" in " ".join(notes)
    assert observer.latest(ORIGIN).size == 5


def test_a_false_cosignature_is_not_taken(witnessed, make_record, monkeypatch):
    """What the witness's address returns is verified before it goes under the checkpoint."""
    shop, _ = witnessed
    genuine = Witness.observe

    def bent(self, note, old, proof):
        line = genuine(self, note, old, proof)
        return NoteSignature(line.name, line.key_id, line.signature[:-1] + bytes([line.signature[-1] ^ 1]))

    monkeypatch.setattr(Witness, "observe", bent)
    assert "the cosignature of w.example is wrong" in " ".join(append(shop, make_record(1)))
    assert signers_of(shop) == [ORIGIN]


@pytest.mark.parametrize("answer", [Answer(403, "text/plain", b"no"), Answer(200, "text/plain", b"no cosignature")])
def test_a_refusal_names_no_key_in_the_witnesss_address(monkeypatch, answer):
    """What a witness wants to be told of who asks may stand in its address; a refusal stood with it in the job's log."""
    monkeypatch.setattr("averment.evidence.ledger.witness.post", lambda *_: answer)
    remote = RemoteWitness("https://user:s3cret@w.example/log", VerifierKey("w.example", key_of("w").public_key(), cosigner=True))
    with pytest.raises(IncompleteError) as refused:
        remote.ask(b"", 1, lambda _: [])
    assert refused.value.message.startswith("https://w.example/log ")


def test_an_answer_without_end_or_sense_is_refused(monkeypatch):
    """A witness's address that answers with anything else is an error in plain words."""

    remote = RemoteWitness("http://w.example", VerifierKey("w.example", key_of("w").public_key(), cosigner=True))
    for answer in (Answer(200, "text/html", b"<html>"), Answer(500, "text/plain", b"\x1b[31m"), Answer(409, "text/plain", b"soon\n")):
        monkeypatch.setattr("averment.evidence.ledger.witness.post", lambda *_, answer=answer: answer)
        with pytest.raises(IncompleteError) as caught:
            remote.ask(note_of(1, b"1" * 32), 1, lambda _: [])
        assert "\x1b" not in caught.value.message


def exported(shop: Organisation, folder):
    """The package of 2026Q4."""
    with open_ledger(shop, write=True) as ledger:
        return write_package(shop, ledger, load_catalogue(), parse_period("2026Q4"), folder).path


def test_an_auditor_asks_for_witnesses(witnessed, make_record, tmp_path, capsys):
    """With the witness's key the package shows that it cosigned; another witness didn't, and that is a finding, unless one is enough."""
    shop, observer = witnessed
    append(shop, make_record(1))
    package = exported(shop, tmp_path / "package")
    mine, other = tmp_path / "mine.vkey", tmp_path / "other.vkey"
    mine.write_text(f"{observer.key}\n")
    other.write_text(f"{VerifierKey('x.example', key_of('x').public_key(), cosigner=True)}\n")
    assert run(["verify", str(package)]) == 0
    text = capsys.readouterr().out
    seen = "9. The witnesses of the checkpoint: ok (w.example at 2026-12-01T12:00:00Z"
    assert f"{seen}, by a key that came with the evidence)" in text  # so anybody can have one in any name
    assert "the witnesses' keys came with the evidence" in text
    assert run(["verify", str(package), "--witness", str(mine)]) == 0
    text, _, left_open = capsys.readouterr().out.partition("Not shown")
    assert f"{seen})" in text
    assert "witness" not in left_open
    assert run(["verify", str(package), "--witness", str(mine), "--witness", str(other)]) == 1
    assert "cosigned by 1 of the witnesses asked for, not by 2 (missing: x.example)" in capsys.readouterr().out
    assert run(["verify", str(package), "--witness", str(mine), "--witness", str(other), "--quorum", "1"]) == 0
    assert run(["verify", str(package), "--witness", str(mine), "--witness", str(mine)]) == 0
    capsys.readouterr()
    assert (
        run(["verify", str(package), "--witness", str(mine), "--witness", str(mine), "--quorum", "2"]) == 2
    )  # one witness twice isn't two
    assert "can't be met by 1 different" in capsys.readouterr().err
    assert run(["verify", str(package), "--quorum", "1"]) == 2
    assert run(["verify", str(package), "--witness", str(package / "checkpoint.txt")]) == 2


def test_one_key_under_two_names_is_one_witness(tmp_path):
    """Whoever holds it cosigns as both: a quorum of two was met by one."""
    text = str(Checkpoint(ORIGIN, 1, bytes(32)))
    signer = key_of("w")
    names = ("one.example", "two.example")
    keys = [VerifierKey(name, signer.public_key(), cosigner=True) for name in names]
    note = bytes(SignedNote(text, tuple(cosign(text, name, signer, THEN) for name in names)))
    assert cosigners(note, Vouching(keys, 1), ())[1] == []
    with pytest.raises(VerificationError, match="by 1 of the witnesses asked for, not by 2"):
        cosigners(note, Vouching(keys, 2), ())
    for key in keys:
        (tmp_path / f"{key.name}.vkey").write_text(str(key))
    files = [tmp_path / f"{name}.vkey" for name in names]
    assert len(vouching_of(files, 1, []).witnesses) == 2
    with pytest.raises(BadInputError, match="can't be met by 1 different witnesses"):
        vouching_of(files, 2, [])


def test_a_package_that_one_of_several_signers_made_of_their_log_is_told_as_such(tmp_path, make_record):
    """The checkpoint is everybody's; what was left out of the package, and what its report says, is by whoever signed the manifest."""
    LocalSigner.create(tmp_path / "second.pem")
    settings = EvidenceSettings(origin=ORIGIN, further_keys=("second.pem",))
    together = Organisation(root=tmp_path, evidence=settings)
    append(together, make_record(1))
    second_alone = dataclasses.replace(together, evidence=replace(settings, signing_key="second.pem", further_keys=()))
    first, second = (sha256_hex(LocalSigner.load(together.path(name)).public_key()) for name in (settings.signing_key, "second.pem"))
    for name, shop, signer, other in (("all", together, first, second), ("one", second_alone, second, first)):
        uncovered = verify_package(exported(shop, tmp_path / name)).uncovered
        [line] = [line for line in uncovered if line.startswith("Who chose what is in the package")]
        assert f"its manifest is signed with {signer} alone, its checkpoint also with {other} (SHA-256)" in line


def test_who_signs_for_the_log_is_no_witness_of_it(tmp_path, make_record, capsys):
    """Its own signature once more, under another name, says nothing of what others were shown."""
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(origin=ORIGIN))
    append(shop, make_record(1))
    signer = LocalSigner.load(shop.path(shop.evidence.signing_key))
    own = VerifierKey("auditor.example/w", signer.public_key(), cosigner=True)
    with open_ledger(shop, write=True) as ledger:
        note = SignedNote.parse(ledger.checkpoint.note)
        ledger.attach(cosign(note.text, own.name, signer, THEN))
    package = exported(shop, tmp_path / "package")
    (tmp_path / "w.vkey").write_text(f"{own}\n")
    ledger_verify = ["ledger", "verify", "--ledger", str(shop.path(shop.evidence.ledger))]
    for command in (["verify", str(package)], ledger_verify):
        assert run([*command, "--witness", str(tmp_path / "w.vkey")]) == 1
        assert "cosigned by 0 of the witnesses asked for, not by 1 (missing: auditor.example/w, whose key is the" in capsys.readouterr().out
    assert "no witness cosigned" in verify_package(package).uncovered[3]


def test_a_package_without_witnesses_says_so(tmp_path, make_record):
    """Nobody else has seen this log: that is not shown, and a demanded witness is a finding."""
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(origin=ORIGIN))
    append(shop, make_record(1))
    package = exported(shop, tmp_path / "package")
    assert any("no witness cosigned" in line for line in verify_package(package).uncovered)
    demanded = Vouching([VerifierKey("x.example", key_of("x").public_key(), cosigner=True)])
    assert {problem.file for problem in verify_package(package, (), (), demanded).problems} == {"checkpoint.txt"}


def test_several_keys_sign_every_checkpoint(tmp_path, make_record, sandbox):
    """A local key and one in KMS: both sign, each alone verifies it, and the package verifies with either."""
    import boto3

    arn = boto3.client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(origin=ORIGIN, further_keys=(f"kms:{arn}",)))
    append(shop, make_record(1))
    append(shop, make_record(2))
    with open_ledger(shop) as ledger:
        note, keys = ledger.checkpoint.note, ledger.keys
    assert len(SignedNote.parse(note).signatures) == len(keys) == 2
    for key in keys:
        assert open_checkpoint(note, ORIGIN, [key]).signed_by == (key,)
    package = exported(shop, tmp_path / "package")
    assert verify_package(package).genuine
    first = next(key for key in keys if key.algorithm == "Ed25519")
    assert verify_package(package, [lambda _: first]).genuine


def test_a_log_that_one_of_several_signers_made_alone_is_told_as_such(tmp_path, make_record, monkeypatch, capsys):
    """Whoever holds one of three keys makes a log and a package that verify: the auditor, who was handed all three, reads which ones are missing."""
    for name in ("second", "third"):
        LocalSigner.create(tmp_path / f"{name}.pem")
    together = Organisation(root=tmp_path, evidence=EvidenceSettings(origin=ORIGIN, further_keys=("second.pem", "third.pem")))
    alone = Organisation(root=tmp_path / "alone", evidence=EvidenceSettings(origin=ORIGIN, signing_key=str(tmp_path / "third.pem")))
    append(together, make_record(1))
    append(alone, make_record(2))
    with open_ledger(together) as ledger, open_ledger(alone) as other:
        keys = {key.fingerprint: (lambda _, key=key: key) for key in ledger.keys}
        third = LocalSigner.load(tmp_path / "third.pem").public_key()
        missing = sorted(set(keys) - {sha256_hex(third)})
        told = {}
        for name, shop, log in (("all", together, ledger), ("one", alone, other)):
            package = exported(shop, tmp_path / name)
            proof = log.prove(0)
            (tmp_path / "x.tlog-proof").write_bytes(bytes(replace(proof, extra=carry(log.entry(0).envelope, None))))
            by_proof = verify_proof(tmp_path / "x.tlog-proof", list(keys.values()))[0]
            results = [verify_package(package, list(keys.values())), audit(log, list(keys.values())), by_proof]
            assert all(result.genuine for result in results)
            told[name] = [[line for line in result.uncovered if line.startswith("Whether all signers agree")] for result in results]
            for fingerprint, make in keys.items():
                (tmp_path / f"{fingerprint}.pem").write_bytes(public_pem(make("").public_key))
            options = [item for fingerprint in keys for item in ("--key", str(tmp_path / f"{fingerprint}.pem"))]
            monkeypatch.setattr("sys.argv", ["verify.py", str(package), *options])
            assert standalone.main() == 0
            text = capsys.readouterr().out
            assert [key for key in sorted(keys) if f"not signed with the given key: sha256 {key}" in text] == (
                missing if name == "one" else []
            )
    assert told["all"] == [[], [], []]
    assert all(all(key in line for key in missing) and sha256_hex(third) not in line for [line] in told["one"])


def test_settings_with_witnesses_are_read_and_checked(tmp_path):
    """From averment.yaml, with the line of what is wrong."""
    from averment.core.organisation import load_organisation

    key = VerifierKey("w.example", key_of("w").public_key(), cosigner=True)
    text = f"version: 1\nevidence:\n  witnesses:\n    - {{key: {key}, url: 'http://w.example'}}\n  further_keys: [second.pem]\n  former_keys: [a+1+B]\n  object_lock_days: 30\n"
    (tmp_path / "averment.yaml").write_text(text)
    settings = load_organisation(tmp_path / "averment.yaml").evidence
    assert settings.witnesses == (WitnessSettings(str(key), "http://w.example"),)
    assert (settings.further_keys, settings.former_keys, settings.object_lock_days) == (("second.pem",), ("a+1+B",), 30)
    (tmp_path / "averment.yaml").write_text(text.replace("http://", "ftp://"))
    with pytest.raises(BadInputError, match="witnesses"):
        load_organisation(tmp_path / "averment.yaml")
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(witnesses=(WitnessSettings(str(LOG_KEY)),)))
    with pytest.raises(BadInputError, match="not a witness's"):
        open_ledger(shop)
