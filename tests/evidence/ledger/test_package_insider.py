"""Packages by somebody who holds the true key and signs a manifest over something false: the later steps must find it."""

from __future__ import annotations

import base64
import json
import re
import shutil
import sys
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import pytest

from averment.cli.main import run
from averment.controls.loader import load_catalogue
from averment.core.canonical import canonical_json, sha256_hex
from averment.core.errors import IncompleteError, VerificationError
from averment.core.organisation import EvidenceSettings, Organisation
from averment.core.period import parse_period
from averment.core.signing.local import LocalSigner
from averment.core.signing.verification import public_pem
from averment.evidence.ledger.checkpoint import Checkpoint, sign_note
from averment.evidence.ledger.envelope import PAYLOAD_TYPE, open_entry, read_payload, seal, sign_envelope
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.package import layout, standalone
from averment.evidence.package.verify import verify_package
from averment.evidence.package.write import write_package
from averment.evidence.record import Kind

ORIGIN = "example.com/shop"


@pytest.fixture(scope="module")
def original(tmp_path_factory, make_record):
    """A package of five records, one with its payload beside it, and the key that signed it."""
    root = tmp_path_factory.mktemp("insider")
    shop = Organisation(name="Shop", root=root, evidence=EvidenceSettings(origin=ORIGIN))
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(number, size=40_000 * (number == 4)) for number in range(5)])
        path = write_package(shop, ledger, load_catalogue(), parse_period("2026Q4"), root / "package").path
    return path, LocalSigner.load(shop.path(shop.evidence.signing_key))


@pytest.fixture
def insider(original, tmp_path, monkeypatch, capsys):
    """A copy of the package with means to sign it again and to run both verifiers."""
    return Insider(Path(shutil.copytree(original[0], tmp_path / "package")), original[1], monkeypatch, capsys)


class Insider:
    """Holds the true key."""

    def __init__(self, folder, signer, monkeypatch, capsys):
        self.folder, self.signer, self._monkeypatch, self._capsys = folder, signer, monkeypatch, capsys

    def sign_again(self):
        """A manifest over what lies there now, signed with the true key."""
        manifest = json.loads((self.folder / "MANIFEST.json").read_bytes())
        beside = {"MANIFEST.json", "MANIFEST.sig"}
        names = sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())
        manifest["files"] = {
            name: {"sha256": sha256_hex((self.folder / name).read_bytes()), "size": (self.folder / name).stat().st_size}
            for name in names
            if name not in beside
        }
        data = json.dumps(manifest).encode()
        (self.folder / "MANIFEST.json").write_bytes(data)
        text = layout.manifest_text(ORIGIN, "2026Q4", sha256_hex(data))
        (self.folder / "MANIFEST.sig").write_bytes(bytes(sign_note(text, [(ORIGIN, self.signer)])))

    def expose(self):
        """The files that ours and the enclosed verifier name."""
        self.sign_again()
        ours = {problem.file for problem in verify_package(self.folder).problems}
        self._monkeypatch.setattr(sys, "argv", ["verify.py", str(self.folder)])
        self._capsys.readouterr()
        code = standalone.main()
        theirs = set(re.findall(r"^WRONG ([^:]+):", self._capsys.readouterr().out, re.MULTILINE))
        assert (code == 1) == bool(theirs)
        return ours, theirs

    def write_record(self, record_id, envelope):
        """Put other bytes in the place of a record."""
        (self.folder / layout.record_name(record_id)).write_bytes(envelope)

    def statement(self, record_id):
        """The statement of a record."""
        return json.loads(read_payload((self.folder / layout.record_name(record_id)).read_bytes())[1])


def test_signing_again_alone_changes_nothing(insider):
    """The means of these tests work: an honest package signed again verifies."""
    assert insider.expose() == (set(), set())


def test_a_record_that_is_not_in_the_log_is_found(insider, make_record):
    """Properly sealed, but never appended: no proof leads from it to the checkpoint."""
    record = make_record(1)
    insider.write_record(record.id, seal(record, LocalSigner.create(insider.folder.parent / "k.pem")).entry)
    ours, theirs = insider.expose()
    assert f"records/{record.id}.json" in ours & theirs  # signed by no key of the log
    insider.write_record(record.id, json.dumps(json.loads(seal(record, insider.signer).entry)).encode())
    ours, theirs = insider.expose()
    assert f"proofs/{record.id}.txt" in ours
    assert f"records/{record.id}.json" in theirs


def test_an_entry_of_the_log_that_no_key_of_the_log_signed_is_found(insider, make_record, tmp_path, monkeypatch):
    """It stands in the log, proof and all, but its envelope is somebody else's: being logged is not being signed."""
    stranger = LocalSigner.create(tmp_path / "stranger.pem")
    monkeypatch.setattr("averment.evidence.ledger.committing.seal", lambda record, _: seal(record, stranger))
    shop = Organisation(name="Shop", root=tmp_path / "other", evidence=EvidenceSettings(origin=ORIGIN))
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1)])
        shutil.rmtree(insider.folder)
        write_package(shop, ledger, load_catalogue(), parse_period("2026Q4"), insider.folder)
    insider.signer = LocalSigner.load(shop.path(shop.evidence.signing_key))
    ours, theirs = insider.expose()
    assert ours & theirs == {f"records/{make_record(1).id}.json", "report.json"}


def test_a_pem_that_is_another_key_than_the_logs_is_found(insider):
    """OpenSSL, by the package's own guide, takes the PEM file: what it verifies must be what is verified here."""
    [pem] = (insider.folder / "keys").glob("*.pub.pem")
    pem.write_bytes(public_pem(LocalSigner.create(insider.folder.parent / "other.pem").public_key()))
    ours, _ = insider.expose()
    assert ours == {f"keys/{pem.name}"}


def test_a_statement_about_another_record_is_found(insider, make_record):
    """The log's key signs a statement whose subject isn't the digest of its record."""
    record = make_record(2)
    statement = insider.statement(record.id)
    statement["predicate"]["record"]["payload"]["filler"] = "better"
    insider.write_record(record.id, sign_envelope(PAYLOAD_TYPE, canonical_json(statement), insider.signer))
    ours, theirs = insider.expose()
    assert f"records/{record.id}.json" in ours & theirs


@pytest.mark.parametrize(
    ("number", "found", "put"),
    [
        (2, b'"predicate":{', b'"predicate":{"record":{"payload":"all is well"}},"predicate":{'),
        (2, b'"payload":{', b'"payload":{"filler":"all is well"},"payload":{'),
        (2, b'"predicate":{', b'"predicate":{"note":"all is well",'),
        (2, b'"subject":', b'"note":"all is well","subject":'),
        (2, b'"collector":{', b'"collector":{"approved":"by an auditor",'),
        (2, b'"effective_at":', b'"note":"all is well","effective_at":'),
        (2, b'"collected_at":', b'  "collected_at":'),
        (4, b'"record":{', b'"record":{"payload":{"all":"is well"},'),
        (4, b'"predicate":{', b'"predicate":{"payload":"all is well","record":{}},"predicate":{'),
        (4, b'"size":', b'"note":"all is well","size":'),
    ],
)
def test_a_statement_that_says_more_than_its_record_is_found(insider, make_record, number, found, put):
    """What no digest covers, or another program reads in the place of what was judged: a member that no record has, one that stands there twice, a payload
    in the statement beside the one that it names."""
    record = make_record(number, size=40_000 * (number == 4))
    _, statement, _ = read_payload((insider.folder / layout.record_name(record.id)).read_bytes())
    assert found in statement
    entry = sign_envelope(PAYLOAD_TYPE, statement.replace(found, put, 1), insider.signer)
    with pytest.raises(VerificationError, match=r"says more than|is not what it says|not the record"):
        open_entry(entry, lambda digest: (insider.folder / layout.payload_name(digest)).read_bytes())
    insider.write_record(record.id, entry)
    package = standalone.Package(insider.folder, [])
    package.load_keys()
    with pytest.raises(standalone.WrongError, match=r"its statement says more|another subject"):
        package.check_record(record.id)


def test_a_payload_that_says_something_twice_is_found(insider, make_record):
    """Beside the log, too: its digest is that of the bytes, and not what another program reads in them."""
    record = make_record(4, size=40_000)
    statement = insider.statement(record.id)
    blob = (insider.folder / layout.payload_name(statement["predicate"]["payload"]["sha256"])).read_bytes()
    blob = blob.replace(b"{", b'{"number":0,', 1)
    statement["predicate"]["payload"] = {"sha256": sha256_hex(blob), "size": len(blob)}
    insider.write_record(record.id, sign_envelope(PAYLOAD_TYPE, canonical_json(statement), insider.signer))
    (insider.folder / layout.payload_name(sha256_hex(blob))).write_bytes(blob)
    with pytest.raises(VerificationError, match="says more than"):
        open_entry((insider.folder / layout.record_name(record.id)).read_bytes(), lambda _: blob)
    package = standalone.Package(insider.folder, [])
    package.load_keys()
    with pytest.raises(standalone.WrongError, match="or says something twice"):
        package.check_record(record.id)


def test_a_subject_with_another_digest_is_found(insider, make_record):
    """The record is whole, but the statement's subject gives a digest that isn't its own, or names two subjects."""
    record = make_record(2)
    honest = insider.statement(record.id)
    wrong = {"name": record.id, "digest": {"sha256": "0" * 64}}
    for subject in ([wrong], [*honest["subject"], wrong], []):
        insider.write_record(record.id, sign_envelope(PAYLOAD_TYPE, canonical_json({**honest, "subject": subject}), insider.signer))
        ours, theirs = insider.expose()
        assert f"records/{record.id}.json" in ours & theirs


def test_a_record_with_a_time_that_is_none_is_found(insider, make_record):
    """Signed by the log's key, in the log or in a proof: it was wrong use (2) without the entry's name, as if the auditor had mistyped something."""
    record = make_record(1)
    statement = insider.statement(record.id)
    statement["predicate"]["record"]["effective_at"] = "2026-10-01"
    entry = sign_envelope(PAYLOAD_TYPE, canonical_json(statement), insider.signer)
    insider.write_record(record.id, entry)
    ours, theirs = insider.expose()
    assert f"records/{record.id}.json" in ours & theirs
    with pytest.raises(VerificationError, match="the statement's record is not what it says: not a record"):
        open_entry(entry, lambda _: b"")


def test_a_record_of_a_kind_to_come_is_said_to_be_one(insider, make_record):
    """By a newer version of this program: that its record "is not what it says" accused whoever made it."""
    record = make_record(1)
    statement = insider.statement(record.id)
    statement["predicate"]["record"]["kind"] = "kind-of-2031"
    entry = sign_envelope(PAYLOAD_TYPE, canonical_json(statement), insider.signer)
    with pytest.raises(
        VerificationError, match=r"^takes a newer version to check: its kind 'kind-of-2031' is none that averment \S+ knows$"
    ):
        open_entry(entry, lambda _: b"")


def test_a_package_of_a_newer_version_is_not_accused(tmp_path, make_record, monkeypatch, capsys):
    """Of its records an older version can't tell, which is exit 3 and says what to do: it was "not what was signed". What is changed beside them still is,
    and nobody is told to put back a ledger that only takes another version."""
    later = StrEnum("later", {**{item.name: item.value for item in Kind}, "OF_2031": "kind-of-2031"})
    shop = Organisation(name="Shop", root=tmp_path, evidence=EvidenceSettings(origin=ORIGIN))
    with monkeypatch.context() as newer, open_ledger(shop, write=True) as ledger:
        newer.setattr("averment.evidence.record.Kind", later)
        ledger.append([make_record(1), replace(make_record(2), kind=later.OF_2031)])
        package = write_package(shop, ledger, load_catalogue(), parse_period("2026Q4"), tmp_path / "package").path
    monkeypatch.setattr(sys, "argv", ["verify.py", str(package)])
    assert standalone.main() == 0
    capsys.readouterr()
    assert run(["verify", str(package)]) == 3
    said = " ".join(capsys.readouterr().out.split())
    assert "could not be checked whole. It takes the version that wrote it (the verify.py in a package knows them all): records/" in said
    with open_ledger(shop) as ledger, pytest.raises(IncompleteError, match="entry 1 takes a newer version") as caught:
        list(ledger.records())
    assert caught.value.fix == "use the version that wrote it"
    (package / "README.html").write_bytes(b"")
    assert run(["verify", str(package)]) == 1


def test_a_statement_of_another_type_is_found(insider, make_record):
    """A predicate that isn't ours, or a payload type that isn't in-toto's, is no record."""
    record = make_record(2)
    statement = insider.statement(record.id)
    for kind, value in ((PAYLOAD_TYPE, {**statement, "predicateType": "urn:other"}), ("application/json", statement)):
        insider.write_record(record.id, sign_envelope(kind, canonical_json(value), insider.signer))
        ours, theirs = insider.expose()
        assert f"records/{record.id}.json" in ours & theirs


def test_records_under_each_others_names_are_found(insider, make_record):
    """A record filed under another's id."""
    one, two = (insider.folder / layout.record_name(make_record(number).id) for number in (0, 1))
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    ours, theirs = insider.expose()
    assert {f"records/{one.name}", f"records/{two.name}"} <= ours & theirs


def test_another_records_proof_is_found(insider, make_record):
    """A proof that is genuine, but of another entry."""
    one, two = (make_record(number).id for number in (0, 1))
    shutil.copy(insider.folder / layout.proof_name(one), insider.folder / layout.proof_name(two))
    ours, theirs = insider.expose()
    assert f"proofs/{two}.txt" in ours
    assert f"records/{two}.json" in theirs


def test_a_bent_path_of_a_proof_is_found(insider, make_record):
    """The right place, the right checkpoint, another sibling."""
    record_id = make_record(3).id
    path = insider.folder / layout.proof_name(record_id)
    lines = path.read_text().split("\n")
    lines[2] = base64.b64encode(bytes(32)).decode()
    path.write_text("\n".join(lines))
    ours, theirs = insider.expose()
    assert f"proofs/{record_id}.txt" in ours
    assert f"records/{record_id}.json" in theirs


def test_a_replaced_payload_is_found(insider, make_record):
    """The file beside a large record holds something else than the statement's digest."""
    path = next((insider.folder / "payloads").iterdir())
    path.write_bytes(path.read_bytes().replace(b"4", b"5"))
    ours, theirs = insider.expose()
    assert f"records/{make_record(4, size=40_000).id}.json" in ours & theirs


def test_a_report_that_drops_adds_or_moves_records_is_found(insider, make_record):
    """The index in the report must be the records in the package, with places and digests."""
    path = insider.folder / "report.json"
    report = json.loads(path.read_bytes())
    for change in (
        lambda rows: rows[1:],
        lambda rows: [{**rows[0], "index": 3}, *rows[1:]],
        lambda rows: [{**rows[0], "sha256": "0" * 64}, *rows[1:]],
        lambda rows: [{**rows[0], "sha256": "0" * 64}, *rows],
        lambda rows: [*rows, rows[0]],
    ):
        path.write_text(json.dumps({**report, "evidence": change(report["evidence"])}))
        ours, theirs = insider.expose()
        assert "report.json" in ours & theirs
    path.write_text(json.dumps(report))
    for name in (layout.record_name(make_record(0).id), layout.proof_name(make_record(0).id)):
        (insider.folder / name).unlink()
    ours, theirs = insider.expose()
    assert "report.json" in ours & theirs


def test_a_report_of_another_period_is_found(insider):
    """The manifest's period is the report's."""
    path = insider.folder / "report.json"
    path.write_bytes(path.read_bytes().replace(b'"2026Q4"', b'"2026Q3"'))
    ours, theirs = insider.expose()
    assert "report.json" in ours & theirs


@pytest.mark.parametrize(("start", "alone"), [("2026-07-01T00:00:00Z", True), ("2026-10-01T00:03:00Z", False)])
def test_a_period_of_other_days_than_its_name_is_found(insider, make_record, start, alone):
    """Its first and last day are the manifest's and the report's, and its name what was signed: a year's records were told as those of a quarter."""
    for name in ("MANIFEST.json", "report.json"):
        value = json.loads((insider.folder / name).read_bytes())
        value["period"]["start"] = start
        (insider.folder / name).write_text(json.dumps(value))
    insider.sign_again()
    problems = {(problem.file, problem.reason) for problem in verify_package(insider.folder).problems}
    assert ("MANIFEST.json", "gives the period other days than its name says") in problems
    assert (len(problems) == 1) is alone


def test_a_record_of_another_time_than_the_period_is_found(insider, tmp_path, make_record):
    """A good record of the summer in the autumn's package, in the log, and signed: it was counted among the records of the period."""
    old = make_record(1, at=datetime(2026, 8, 1, tzinfo=UTC))
    shop = Organisation(name="Shop", root=tmp_path / "other", evidence=EvidenceSettings(origin=ORIGIN))
    with open_ledger(shop, write=True) as ledger:
        ledger.append([old, make_record(2)])
        shutil.rmtree(insider.folder)
        write_package(shop, ledger, load_catalogue(), parse_period("2026-08-01..2026-12-31"), insider.folder)
    insider.signer = LocalSigner.load(shop.path(shop.evidence.signing_key))
    for name in ("MANIFEST.json", "report.json"):
        value = json.loads((insider.folder / name).read_bytes())
        value["period"] = {"label": "2026Q4", "start": "2026-10-01T00:00:00Z", "end": "2027-01-01T00:00:00Z"}
        (insider.folder / name).write_text(json.dumps(value))
    insider.sign_again()
    [problem] = verify_package(insider.folder).problems
    assert (problem.file, problem.reason) == (layout.record_name(old.id), "is evidence of 2026-08-01T00:00:00Z, and not of the period")


def test_a_verifier_that_is_not_ours_is_told_of(insider):
    """Whoever signs can put in one that finds everything right, or does something else, and whoever is handed the package on runs it."""
    assert not any("verify.py" in line for line in verify_package(insider.folder).uncovered)
    (insider.folder / "verify.py").write_text("print('Everything checked: 5 records of a log of 5 entries.')\n")
    insider.sign_again()
    result = verify_package(insider.folder)
    assert result.genuine
    assert [line for line in result.uncovered if line.startswith("What verify.py in the package does: it is not the one that this version")]
    manifest = json.loads((insider.folder / "MANIFEST.json").read_bytes())
    (insider.folder / "MANIFEST.json").write_text(json.dumps({**manifest, "averment": "0.0.1"}))
    insider.sign_again()
    [line] = [line for line in verify_package(insider.folder).uncovered if line.startswith("What verify.py")]
    assert "puts there; the package says to be of another. Read it" in line, (
        "else each of an earlier version looks as if somebody had changed it"
    )


def test_a_manifest_of_something_else_is_found(insider):
    """Signed as a package's, but by its own word of another type."""
    path = insider.folder / "MANIFEST.json"
    path.write_bytes(path.read_bytes().replace(b"urn:averment:package:v1", b"urn:averment:package:v2"))
    ours, theirs = insider.expose()
    assert "MANIFEST.json" in ours & theirs


def test_a_proof_may_carry_more_and_is_written_in_one_way(insider):
    """An ``extra`` line is anybody's, as the format says; an index with a zero before it isn't one."""
    for path in (insider.folder / "proofs").iterdir():
        path.write_bytes(path.read_bytes().replace(b"@v1\n", b"@v1\nextra YWJj\n"))
    assert insider.expose() == (set(), set())
    for path in (insider.folder / "proofs").iterdir():
        path.write_bytes(path.read_bytes().replace(b"\nindex ", b"\nindex 0"))
    ours, theirs = insider.expose()
    assert ours
    assert theirs


def test_hashes_that_do_not_give_the_root_are_found(insider):
    """A list of entries with one exchanged, or one too few."""
    path = insider.folder / "leaf-hashes.bin"
    data = path.read_bytes()
    for bent in (bytes(32) + data[32:], data[:-32], data + bytes(32)):
        path.write_bytes(bent)
        ours, theirs = insider.expose()
        assert "leaf-hashes.bin" in ours & theirs


def test_a_checkpoint_of_another_tree_is_found(insider):
    """Signed with the true key, but with another root than the manifest and the hashes."""
    note = bytes(sign_note(str(Checkpoint(ORIGIN, 5, bytes(32))), [(ORIGIN, insider.signer)]))
    (insider.folder / "checkpoint.txt").write_bytes(note)
    ours, theirs = insider.expose()
    assert "checkpoint.txt" in ours & theirs
