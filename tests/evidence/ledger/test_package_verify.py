"""The package: the same evidence gives the same bytes, a stranger can verify it, and any change is found and named."""

from __future__ import annotations

import ast
import base64
import dataclasses
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest

from averment.api.common import Conclusion
from averment.api.verifying import Verified
from averment.cli.main import run
from averment.controls.loader import load_catalogue
from averment.core.canonical import canonical_json, parse_canonical, sha256_hex
from averment.core.errors import BadInputError, VerificationError
from averment.core.organisation import EvidenceSettings, Organisation
from averment.core.period import parse_period
from averment.core.signing.local import LocalSigner
from averment.core.signing.verification import public_pem
from averment.evidence.ledger.checkpoint import Checkpoint, VerifierKey, sign_note
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.ledger.rotation import rotate
from averment.evidence.package import layout, standalone
from averment.evidence.package.handed_over import read_checkpoint, read_key
from averment.evidence.package.verify import verify_package
from averment.evidence.package.write import write_package
from averment.evidence.record import Gathering, Kind, Population
from averment.evidence.verification.steps import Problem

HOSTILE = "<script>alert(1)</script> & Söhne"
Q4 = parse_period("2026Q4")


def records_of(make_record):
    """A period's evidence with all that complicates it, and records of other periods."""
    before, after = datetime(2026, 9, 1, tzinfo=UTC), datetime(2027, 1, 9, tzinfo=UTC)
    attested = {
        "question": "Q?",
        "answer": "yes",
        "by": {"name": HOSTILE, "role": "procurement"},
        "statement": "liaf\u202essap",
        "valid_until": None,
    }
    return [
        make_record(1),
        make_record(2, size=40_000),
        make_record(3, gathering=Gathering.PARTIAL, reason="the last page failed", population=Population("objects", 10, 4, truncated=True)),
        make_record(4, gathering=Gathering.COULD_NOT, reason="AccessDenied: allow config:GetComplianceDetailsByConfigRule"),
        make_record(5, at=before),
        make_record(6, at=before, kind=Kind.ATTESTATION, payload=attested),
        make_record(7, at=after),
        make_record(8, source=HOSTILE, payload={"share": 0.1, "tiny": 1e-9, "large": 2**53 - 1, "text": "\u007f\u2028"}),
    ]


def export(organisation, output):
    """Write the package of 2026Q4."""
    with open_ledger(organisation, write=True) as ledger:
        return write_package(organisation, ledger, load_catalogue(), Q4, output)


def bytes_of(folder):
    """Every file of a folder by its relative name."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def hostile_shop(tmp_path_factory, make_record):
    """An organisation with a ledger; not to be changed."""
    root = tmp_path_factory.mktemp("shop")
    organisation = Organisation(name=HOSTILE, root=root, evidence=EvidenceSettings(origin="example.com/shop"))
    with open_ledger(organisation, write=True) as ledger:
        for record in records_of(make_record):
            ledger.append([record])
    return organisation


@pytest.fixture(scope="module")
def original(hostile_shop, tmp_path_factory):
    """Its package; not to be changed."""
    return export(hostile_shop, tmp_path_factory.mktemp("out") / "package").path


@pytest.fixture
def package(original, tmp_path):
    """A copy of the package to tamper with."""
    return Path(shutil.copytree(original, tmp_path / "package"))


@pytest.fixture
def enclosed(monkeypatch, capsys):
    """Runs the enclosed verifier in this process: exit code and the files that it names."""

    def verify(folder, *options):
        monkeypatch.setattr(sys, "argv", ["verify.py", str(folder), *map(str, options)])
        capsys.readouterr()
        code = standalone.main()
        return code, set(re.findall(r"^WRONG ([^:]+):", capsys.readouterr().out, re.MULTILINE))

    return verify


def named(folder, *arguments):
    """The files that our verifier names."""
    return {problem.file for problem in verify_package(folder, *arguments).problems}


def test_an_untouched_package_verifies_without_a_network(original, enclosed, monkeypatch):
    """All steps pass, and nothing opens a connection."""

    def refuse(*_, **__):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    result = verify_package(original)
    assert result.genuine
    assert any(line.startswith("What came after: ") for line in result.uncovered)  # the log goes on after the period
    assert len(result.steps) == 10
    assert enclosed(original) == (0, set())


def test_the_same_ledger_and_period_give_the_same_bytes(hostile_shop, original, tmp_path):
    """Exported again, elsewhere, from a copy of the ledger: not a byte differs."""
    copy = dataclasses.replace(hostile_shop, root=Path(shutil.copytree(hostile_shop.root, tmp_path / "copy")))
    assert bytes_of(export(copy, tmp_path / "again").path) == bytes_of(original)
    assert bytes_of(export(hostile_shop, tmp_path / "and" / "again").path) == bytes_of(original)


def test_what_was_known_is_dated_by_the_ledger_not_by_the_clock(original):
    """The report's moment is the latest collection in the ledger."""
    report = json.loads((original / "report.json").read_bytes())
    assert report["as_of"] == "2027-01-09T00:00:00Z"
    assert report["period"]["label"] == "2026Q4"


def test_the_package_holds_the_periods_records_and_says_what_it_leaves_out(original, make_record):
    """Records of other periods stay out, but an attestation given before counts; each has its proof; the rest is said."""
    expected = {record.id for number, record in enumerate(records_of(make_record), start=1) if number not in (5, 7)}
    assert {path.stem for path in (original / "records").iterdir()} == {path.stem for path in (original / "proofs").iterdir()} == expected
    assert len(list((original / "payloads").iterdir())) == 1
    text = " ".join(verify_package(original).uncovered)
    for words in (
        "2 entries of the log are not",
        "one that was left out looks the same",
        "what the signer made of them",
        "1 record says that facts could not be collected",
        "1 listing cut short",
    ):
        assert words in text
    assert "taken from the package itself" in text


@pytest.mark.parametrize("name", ["MANIFEST.sig", "README.html"])
def test_what_is_no_checkpoint_is_the_callers_mistake(original, name, capsys):
    """The wrong file as the earlier checkpoint: bad input that is named, and no finding about the package."""
    assert run(["verify", str(original), "--checkpoint", str(original / name)]) == 2
    assert f"{name}: " in capsys.readouterr().err


def test_any_flipped_bit_in_any_file_is_found_and_named(package, enclosed):
    """Every file, four bits each (first, last, two in between): both verifiers fail and name that file."""
    dice = random.Random(20261123)
    for name, data in sorted(bytes_of(package).items()):
        for bit in {0, len(data) * 8 - 1, dice.randrange(len(data) * 8), dice.randrange(len(data) * 8)}:
            bent = bytearray(data)
            bent[bit // 8] ^= 1 << bit % 8
            (package / name).write_bytes(bent)
            assert name in named(package), (name, bit)
            code, files = enclosed(package)
            assert (code, name in files) == (1, True), (name, bit, files)
        (package / name).write_bytes(data)
    assert verify_package(package).genuine


def test_a_change_outside_the_manifest_blames_one_file(package):
    """One changed file, one name: the report doesn't bury it."""
    path = package / "README.html"
    path.write_bytes(path.read_bytes() + b" ")
    assert named(package) == {"README.html"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
def test_a_pipe_in_place_of_a_file_keeps_nobody_waiting(package):
    """Packages come in archives that can hold pipes: whoever reads one without looking waits for ever. In a process, which can be ended."""
    for name in ("report.json", "checkpoint.txt", next(f"keys/{path.name}" for path in (package / "keys").glob("*.pem"))):
        kept = (package / name).read_bytes()
        (package / name).unlink()
        os.mkfifo(package / name)
        command = [sys.executable, str(package / layout.VERIFIER), str(package)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1
        assert f"WRONG {name}: is not a plain file" in done.stdout
        assert name in named(package)
        (package / name).unlink()
        (package / name).write_bytes(kept)


def test_any_removed_file_is_found_and_named(package, enclosed):
    """Every file in turn; without any manifest it is no package at all."""
    for name, data in sorted(bytes_of(package).items()):
        (package / name).unlink()
        assert name in named(package), name
        code, files = enclosed(package)
        assert (code, name in files) == (1, True), (name, files)
        (package / name).write_bytes(data)
    assert verify_package(package).genuine


def test_what_is_wrong_with_the_keys_is_said_of_the_keys(package):
    """A package without keys has none that are 'ok'; one without a signature has its keys all the same."""
    keys = {path.name: path.read_bytes() for path in (package / "keys").iterdir()}
    (signature := package / "MANIFEST.sig").unlink()
    assert not verify_package(package).steps[0].problems
    signature.write_bytes(b"")
    for name in keys:
        (package / "keys" / name).unlink()
    assert [problem.file for problem in verify_package(package).steps[0].problems] == ["keys/"]


@pytest.mark.parametrize(
    "name", ["extra.txt", "records/00000000-0000-0000-0000-000000000000.json", "keys/00000000.vkey", ".hidden", "new/file"]
)
def test_an_added_file_is_found_and_named(package, enclosed, name):
    """Also in a new folder, hidden, or where records and keys lie."""
    (package / name).parent.mkdir(exist_ok=True)
    (package / name).write_text("added\n")
    assert name in named(package)
    code, files = enclosed(package)
    assert code == 1
    assert name in files


@pytest.mark.parametrize("name", [".DS_Store", "records/.DS_Store", "Thumbs.db"])
def test_what_a_file_manager_left_is_named_with_what_to_do(package, name):
    """It was added, and is a finding; but whoever only looked into the folder reads that nobody forged anything."""
    (package / name).write_bytes(b"\0")
    assert verify_package(package).problems == [
        Problem(name, "was added: the manifest doesn't list it; a file manager leaves it where it shows a folder: remove it")
    ]


@contextmanager
def as_nobody():
    """Without root's privilege to read everything."""
    was = os.geteuid()
    try:
        if was == 0:
            os.seteuid(65534)
        yield
    finally:
        os.seteuid(was)


@pytest.fixture
def shared(original):
    """A copy of the package that everybody may read."""
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)
        yield Path(shutil.copytree(original, folder / "package"))
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["added", "records", "proofs", "keys"])
def test_a_folder_that_may_not_be_looked_into_is_no_pass_and_no_finding(shared, enclosed, name):
    """What is in it stayed unseen: an added one passed, and one of the package was a flaw of the program or accused its author."""
    (shared / name).mkdir(exist_ok=True)
    (shared / name / "README.html").write_text("nobody signed this")
    (shared / name).chmod(0o700 if os.geteuid() == 0 else 0)
    with as_nobody():
        result = Verified.of(verify_package(shared))
        code, files = enclosed(shared)
    (shared / name).chmod(0o755)
    assert result.conclusion is Conclusion.INCOMPLETE
    assert Problem(f"{name}/", "can't be read: Permission denied") in result.problems
    assert (code, name in files) == (1, True)


@pytest.mark.parametrize("handed_over", [False, True])
def test_no_file_that_may_not_be_read_accuses_anybody(shared, handed_over):
    """Whichever it is, and with an earlier checkpoint at hand: hashes that could not be read were told as proofs that are malformed, and as a log
    that was rewritten; with a key that was handed over, and the signature's file unread, the package was called somebody else's."""
    earlier = (shared / "checkpoint.txt").read_bytes()
    given = [read_key(path) for path in (shared / "keys").glob("*.pub.pem")] if handed_over else []
    for name in sorted(bytes_of(shared)):
        (shared / name).chmod(0o600 if os.geteuid() == 0 else 0)
        with as_nobody():
            result = Verified.of(verify_package(shared, given, [earlier]))
        (shared / name).chmod(0o644)
        assert result.conclusion is Conclusion.INCOMPLETE, (name, result.problems)
        assert Problem(name, "can't be read: Permission denied") in result.problems


def test_hashes_that_were_changed_are_no_log_that_was_rewritten(package, tmp_path, capsys, monkeypatch):
    """Only the list of hashes in the package is another: the gravest accusation of all was made of the log."""
    earlier = (package / "checkpoint.txt").read_bytes()
    (tmp_path / "kept.txt").write_bytes(earlier)
    (package / "leaf-hashes.bin").write_bytes(bytes(10_000))
    reasons = {problem.reason for problem in verify_package(package, (), [earlier]).problems}
    assert not [reason for reason in reasons if "rewritten" in reason]
    assert any("not 32 for each of" in reason for reason in reasons)
    monkeypatch.setattr(sys, "argv", ["verify.py", str(package), "--checkpoint", str(tmp_path / "kept.txt")])
    assert standalone.main() == 1
    said = capsys.readouterr().out
    assert "WRONG leaf-hashes.bin: does not give the root" in said
    assert "kept.txt: leaf-hashes.bin is wrong" in said
    assert "does not begin with" not in said


@pytest.mark.parametrize("size", [0, 40_000])
def test_whole_numbers_beyond_those_that_are_exact_are_read_again(tmp_path, enclosed, make_record, size):
    """A measure of 1e17 has no fraction when it is written: the entry was refused by every reader, and with it the ledger, for good."""
    numbers = [2.0**53, 1e16, -123456789012345680.0, 1e20, 1e21, 0.1, 2**53 - 1]
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(origin="example.com/shop"))
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1, payload={"numbers": numbers, "filler": "x" * size}), make_record(2)])
    with open_ledger(shop) as ledger:
        assert next(ledger.records()).record.payload["numbers"] == numbers
    package = export(shop, tmp_path / "package").path
    assert verify_package(package).genuine
    assert enclosed(package) == (0, set())


def test_a_number_that_is_not_as_it_was_signed_is_found():
    """Digits that a double doesn't have, or too many for any, are no canonical number."""
    assert [parse_canonical(b"9007199254740993"), parse_canonical(b"12")] == [2.0**53, 12]
    with pytest.raises(ValueError):
        canonical_json(parse_canonical(b"1" * 400))


def test_wrong_use_of_the_enclosed_verifier_is_no_finding(package, tmp_path, capsys, monkeypatch):
    """A key or checkpoint that isn't there or isn't one, and no package: exit 2, where the package was said to be wrong."""
    (tmp_path / "text").write_text("no key")
    for arguments in (["--key", "absent"], ["--key", "text"], ["--checkpoint", "absent"], ["--checkpoint", "text"]):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["verify.py", str(package), *arguments])
        with pytest.raises(SystemExit) as caught:
            standalone.main()
        assert caught.value.code == 2
        assert arguments[1] in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["verify.py", str(tmp_path)])
    with pytest.raises(SystemExit) as caught:
        standalone.main()
    assert caught.value.code == 2


def test_a_key_of_a_kind_that_nobody_knows_is_a_finding(package, enclosed):
    """In the place of the log's: named by both, and no traceback."""
    [path] = (package / "keys").glob("*.pem")
    der = b"0\x1a0\x13\x06\x07*\x86H\xce=\x02\x01\x06\x08*\x86H\xce=\x03\x01\x63\x03\x03\0\x04\x01"  # a curve without a name
    path.write_bytes(b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der) + b"\n-----END PUBLIC KEY-----\n")
    name = f"keys/{path.name}"
    assert name in named(package)
    code, files = enclosed(package)
    assert (code, name in files) == (1, True)


def test_names_in_a_package_cannot_drive_the_terminal(package, enclosed, capsys):
    """A file name with an escape sequence, markup or broken UTF-8 is shown harmlessly by both verifiers, as is one by which a CI server would take the step
    for one that succeeded."""
    for name in (b"\x1b[31mred\x07.txt", b"[bold]x[none].txt", b"broken-\xff.txt", b"##vso[task.complete result=Succeeded]"):
        Path(os.fsdecode(os.fsencode(package) + b"/" + name)).write_bytes(b"x")
    capsys.readouterr()
    for form in ("text", "json"):
        assert run(["verify", str(package), "--format", form]) == 1
        text = capsys.readouterr().out
        assert "\x1b" not in text
        assert "[bold]x[none].txt" in text
        assert ("##vso[" in text) is (form == "json")
    code, files = enclosed(package)
    assert code == 1
    assert len(files) == 4
    assert not any("##vso[" in name for name in files)
    assert not any("\x1b" in name for name in files)


@pytest.mark.parametrize("name", ["report.json", "README.html", "keys"])
def test_a_link_in_place_of_a_file_is_found(package, enclosed, tmp_path, name):
    """A link to the same bytes is no evidence: what it leads to can change, or lie outside. Links to folders count too."""
    shutil.move(package / name, tmp_path / "elsewhere")
    (package / name).symlink_to(tmp_path / "elsewhere")
    assert name in named(package)
    assert name in enclosed(package)[1]


def test_the_manifest_cannot_be_adapted_to_a_change(package, enclosed):
    """Who changes a file and its digest in the manifest is found by the manifest's signature."""
    report = package / "report.json"
    report.write_bytes(report.read_bytes().replace(b"not-assessed", b"satisfied"))
    manifest = json.loads((package / "MANIFEST.json").read_bytes())
    manifest["files"]["report.json"] = {"sha256": sha256_hex(report.read_bytes()), "size": report.stat().st_size}
    (package / "MANIFEST.json").write_text(json.dumps(manifest))
    assert named(package) == {"MANIFEST.json"}
    assert enclosed(package) == (1, {"MANIFEST.json"})


def forged(package, tmp_path, make_record):
    """A package like the given one, made up and signed by somebody else under the same name."""
    forger = Organisation(name=HOSTILE, root=tmp_path / "forger", evidence=EvidenceSettings(origin="example.com/shop"))
    with open_ledger(forger, write=True) as ledger:
        ledger.append([make_record(1, payload={"everything": "fine"})])
    shutil.rmtree(package)
    return export(forger, package).path


def test_who_has_a_fingerprint_alone_reads_the_one_that_signed(package, tmp_path, make_record, monkeypatch, capsys):
    """The true key, put beside the forger's own, signs nothing: both verifiers called it the package's, and one of them the signer's."""
    true = {path.name: path.read_bytes() for path in (package / "keys").iterdir()}
    pem = next(data for name, data in true.items() if name.endswith(".pem"))
    known = sha256_hex(base64.b64decode("".join(pem.decode().splitlines()[1:-1])))
    assert any(known in line for line in verify_package(package).uncovered)
    shutil.rmtree(package)
    forger = Organisation(name=HOSTILE, root=tmp_path / "forger", evidence=EvidenceSettings(origin="example.com/shop"))
    with open_ledger(forger, write=True) as ledger:
        ledger.append([make_record(1, payload={"everything": "fine"})])
    store = forger.path(forger.evidence.ledger)
    for name, data in true.items():
        (store / "keys" / name).write_bytes(data)
    forgery = export(forger, package).path
    assert set(true) < {path.name for path in (forgery / "keys").iterdir()}
    own = next(key.fingerprint for key in open_ledger(forger).keys if key.fingerprint != known)
    [line] = (line for line in verify_package(forgery).uncovered if line.startswith("Who signed: "))
    assert own in line
    assert known not in line
    monkeypatch.setattr(sys, "argv", ["verify.py", str(forgery)])
    assert standalone.main() == 0
    said = capsys.readouterr().out
    assert f"  key sha256 {own}" in said
    assert known not in said
    assert run(["ledger", "verify", "--ledger", str(store)]) == 0
    said = "".join(capsys.readouterr().out.split())
    assert own in said
    assert known not in said


def test_a_package_by_somebody_else_is_found_with_the_true_key_only(package, enclosed, tmp_path, make_record):
    """A forgery is consistent in itself, and both verifiers say that the key came from the package; with --key it fails."""
    vkey = next((package / "keys").glob("*.vkey"))
    keys = {suffix: shutil.copy(vkey.with_name(vkey.name.replace(".vkey", suffix)), tmp_path) for suffix in (".vkey", ".pub.pem")}
    for path in keys.values():
        assert verify_package(package, [read_key(Path(path))]).genuine
    assert enclosed(package, "--key", keys[".pub.pem"]) == (0, set())
    forgery = forged(package, tmp_path, make_record)
    assert verify_package(forgery).genuine
    assert any("taken from the package itself" in line for line in verify_package(forgery).uncovered)
    for path in keys.values():
        assert {"MANIFEST.sig", "checkpoint.txt"} <= named(forgery, [read_key(Path(path))])
    code, files = enclosed(forgery, "--key", keys[".pub.pem"])
    assert code == 1
    assert {"MANIFEST.sig", "checkpoint.txt"} <= files


def test_a_second_signature_on_the_manifest_is_refused(package, enclosed):
    """A signature that can't be judged would be a place where bytes change unseen."""
    other = LocalSigner.create(package.parent / "other.pem")
    note = (package / "MANIFEST.sig").read_bytes()
    text = note.decode().rpartition("\n\n")[0] + "\n"
    line = bytes(sign_note(text, [("witness.example", other)])).decode().rpartition("\n\n")[2]
    (package / "MANIFEST.sig").write_bytes(note + line.encode())
    assert named(package) == {"MANIFEST.sig"}
    assert enclosed(package) == (1, {"MANIFEST.sig"})


def test_an_earlier_checkpoint_shows_that_the_log_only_grew(tmp_path, enclosed, make_record):
    """Last quarter's checkpoint: accepted if the log began like that, refused if it was rewritten or rolled back since."""
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(origin="example.com/shop"))
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(number) for number in range(3)])
        old = ledger.checkpoint.note
        ledger.append([make_record(number) for number in range(3, 9)])
        new = ledger.checkpoint.note
    (tmp_path / "old.txt").write_bytes(old)
    (tmp_path / "new.txt").write_bytes(new)
    package = export(shop, tmp_path / "package").path
    result = verify_package(package, (), [old])
    assert result.genuine
    assert "The log has only grown since the earlier checkpoint." in result.covered
    assert enclosed(package, "--checkpoint", tmp_path / "old.txt") == (0, set())
    shutil.rmtree(tmp_path / ".averment/ledger")
    with open_ledger(shop, write=True) as ledger:  # the same key, another history
        ledger.append([make_record(number) for number in (0, 2, 3, 4, 5)])
    rewritten = export(shop, tmp_path / "rewritten").path
    assert verify_package(rewritten).genuine
    for name, words in (
        ("old.txt", "rewritten"),
        ("new.txt", "rolled back, or the package is older than the checkpoint: that has 9 entries, and this log 5"),
    ):
        earlier = (tmp_path / name).read_bytes()
        assert any(words in problem.reason for problem in verify_package(rewritten, (), [earlier]).problems)
        assert enclosed(rewritten, "--checkpoint", tmp_path / name) == (1, {"checkpoint.txt"})


@pytest.mark.parametrize("bad", [b"", b"[]", b"null", b'{"schema":1}', b"[" * 100_000, b'{"schema":"urn:averment:package:v1","files":[]}'])
@pytest.mark.parametrize("name", ["MANIFEST.json", "report.json"])
def test_malformed_json_is_a_finding_not_a_crash(package, enclosed, name, bad):
    """Whatever stands there, both verifiers end with exit code 1 and the file's name."""
    (package / name).write_bytes(bad)
    assert name in named(package)
    code, files = enclosed(package)
    assert code == 1
    assert name in files


def test_the_enclosed_verifier_is_short_and_needs_cryptography_alone(original):
    """Under 300 lines, importing the standard library and `cryptography` only; it runs isolated, from the package itself."""
    source = (original / "verify.py").read_text()
    assert len(source.splitlines()) < 300
    modules = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(source))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert modules - set(sys.stdlib_module_names) == {"cryptography"}
    done = subprocess.run([sys.executable, "-I", "-B", "verify.py"], cwd=original, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "6 records of a log of 8 entries" in done.stdout
    assert "The log is example.com/shop, the period 2026Q4." in done.stdout
    assert "Not shown: that the log was not rewritten before" in done.stdout
    assert "compare it with one that you got elsewhere" in done.stdout


@pytest.mark.parametrize("name", ["hashlib.py", "json.py", "argparse.py", "__future__.py", "cryptography/__init__.py"])
def test_the_enclosed_verifier_runs_nothing_else_that_lies_in_the_package(package, tmp_path, name):
    """Python looks for modules beside a script first: whoever had read verify.py, and ran it where it lay, ran what else the package brought under
    the name of a module, which could say that everything was right."""
    (package / name).parent.mkdir(exist_ok=True)
    (package / name).write_text(f"import pathlib, sys\npathlib.Path({str(tmp_path / 'was-run')!r}).touch()\nsys.exit(0)\n")
    done = subprocess.run([sys.executable, "-B", "verify.py"], cwd=package, capture_output=True, text=True, check=False)
    assert not (tmp_path / "was-run").exists()
    assert done.returncode == 1
    assert f"WRONG {name}: was added" in done.stdout


def shell_steps(guide):
    """The commands of a guide as one script."""
    return "set -eu\n" + "".join(re.findall(r"```sh\n(.*?)```", guide, re.DOTALL))


def run_steps(folder):
    """Run the guide's commands in the package."""
    return subprocess.run(
        ["sh", "-c", shell_steps((folder / "verify.md").read_text())], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_guides_commands_work_and_fail_when_they_should(package):
    """The steps with public tools alone, as written: they pass on the package, and fail on each kind of change."""
    example = re.search(r"^RECORD=(\S+)$", (package / "verify.md").read_text(), re.MULTILINE)[1]
    done = run_steps(package)
    assert done.returncode == 0, done.stderr
    for name in ("MANIFEST.json", "MANIFEST.sig", "checkpoint.txt", "report.json", f"records/{example}.json"):
        data = (package / name).read_bytes()
        (package / name).write_bytes(data.replace(b"2026", b"2025").replace(b"e", b"f", 1))
        assert run_steps(package).returncode != 0, name
        (package / name).write_bytes(data)
    (package / "added").write_text("x")
    assert run_steps(package).returncode != 0
    (package / "added").unlink()
    (package / "added").symlink_to("README.html")
    assert run_steps(package).returncode != 0


def test_the_guides_key_lies_beside_the_package(package, monkeypatch, capsys):
    """Its commands are typed in the package: a key in that folder, as they named it, is refused with the author's, and was a file that was added before."""
    own = next(package.glob("keys/*.pub.pem"))
    shutil.copy(own, package.parent / "their-public-key.pem")
    monkeypatch.chdir(package)
    commands = re.findall(r"^    averment (verify .*)$", (package / "verify.md").read_text(), re.MULTILINE)
    assert run(commands[0].split()) == 0
    shutil.copy(own, "their-public-key.pem")
    assert run(["verify", ".", "--key", "their-public-key.pem"]) == 2
    assert "move it out of there if you got it by another way" in " ".join(capsys.readouterr().err.split())


def typed_steps(folder):
    """What is read by whoever types the guide's commands into a shell, which says nothing of a comparison that fails and goes on."""
    script = shell_steps((folder / "verify.md").read_text()).removeprefix("set -eu\n")
    done = subprocess.run(["sh", "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def test_whoever_types_the_guides_commands_reads_what_is_wrong(package):
    """A report that was changed together with the manifest: the manifest's old signature still verifies, and the comparison behind it failed without a word."""
    key = next(package.glob("keys/*.pub.pem"))
    said = typed_steps(package)
    assert said.count("ok") == 5
    assert "WRONG" not in said
    assert said[0].split()[0] == sha256_hex(base64.b64decode("".join(key.read_text().splitlines()[1:-1])))
    assert f"\n    {said[0].split()[0]}\n" in (package / "verify.md").read_text()
    report, manifest = (package / name for name in ("report.json", "MANIFEST.json"))
    before = sha256_hex(report.read_bytes())
    report.write_bytes(report.read_bytes().replace(b"not-assessed", b"satisfied"))
    manifest.write_text(manifest.read_text().replace(before, sha256_hex(report.read_bytes())))
    said = typed_steps(package)
    assert (said.count("ok"), said.count("WRONG")) == (4, 1)


def test_the_guides_commands_work_after_a_change_of_keys(tmp_path, make_record):
    """The record that is checked is of before the change, and until the settings name the new key, the old one signs the package: the commands called
    both forged, and the page named a key that hadn't signed."""
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(origin="example.com/shop"))
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1)])
    new, old = (
        rotate(shop, "keys/new.pem"),
        VerifierKey("example.com/shop", LocalSigner.load(shop.path(shop.evidence.signing_key)).public_key()),
    )
    changed = dataclasses.replace(shop, evidence=dataclasses.replace(shop.evidence, signing_key="keys/new.pem"))
    for settings, key in ((shop, old), (changed, new)):
        folder = export(settings, tmp_path / key.id.hex()).path
        done = run_steps(folder)
        assert done.returncode == 0, done.stderr
        guide = (folder / "verify.md").read_text()
        assert f"\n    {key.fingerprint}\n" in guide
        assert (f"signed by another key of the log, with the SHA-256 {old.fingerprint}" in guide) is (key is new)


def test_a_package_signed_through_kms_is_verifiable_and_the_same_again(sandbox, tmp_path, enclosed, make_record):
    """ECDSA gives another signature every time; the package's bytes stay the same all the same, and public tools verify it."""
    key = boto3.client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(signing_key=f"kms:{key}", origin="example.com/shop"))
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1), make_record(2)])
    one, two = export(shop, tmp_path / "one").path, export(shop, tmp_path / "two").path
    assert bytes_of(one) == bytes_of(two)
    assert verify_package(one).genuine
    assert enclosed(one) == (0, set())
    done = run_steps(one)
    assert done.returncode == 0, done.stderr


def test_the_page_is_safe_and_self_contained(original):
    """What hostile names and sources say is shown, not run; nothing is loaded from elsewhere; the gaps are on the page."""
    page = (original / "README.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "liaf\\x202essap" in page  # and not "pass"
    assert "\u202e" not in page
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page)
    assert "default-src 'none'" in page
    for words in ("not assessed", "What was not run", "AccessDenied", "4 of 10 objects, cut short", "How to verify", "not this table"):
        assert words in page
    for link in re.findall(r'href="([^"]+)"', page):
        assert f'id="{link[1:]}"' in page if link.startswith("#") else (original / link).is_file(), link


def test_nothing_but_an_earlier_package_is_replaced(hostile_shop, original, package, tmp_path, make_record):
    """An untouched package makes way for the new one; a folder with anything else in it does not, nor one in which somebody worked."""
    assert bytes_of(export(hostile_shop, package).path) == bytes_of(original)
    (package / "notes.txt").write_text("the auditor's own")
    with pytest.raises(BadInputError, match=r"notes\.txt"):
        export(hostile_shop, package)
    assert (package / "notes.txt").read_text() == "the auditor's own"
    (package / "notes.txt").unlink()
    (package / "workbook.xlsx").write_bytes(b"signed off in the workbook")
    with pytest.raises(BadInputError, match=r"workbook\.xlsx in it was changed since it was written"):
        export(hostile_shop, package)
    assert (package / "workbook.xlsx").read_bytes() == b"signed off in the workbook"
    bought = dataclasses.replace(hostile_shop, root=tmp_path / "bought", evidence=EvidenceSettings(origin="example.com/bought"))
    with open_ledger(bought, write=True) as ledger:
        ledger.append([make_record(1)])
    theirs = bytes_of(export(bought, tmp_path / "theirs").path)
    with pytest.raises(BadInputError, match=r"a package of another log, example\.com/bought"):
        export(hostile_shop, tmp_path / "theirs")
    assert bytes_of(tmp_path / "theirs") == theirs
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"x")
    with pytest.raises(BadInputError, match="not an evidence package"):
        export(hostile_shop, tmp_path / "photos")
    (tmp_path / "empty").mkdir()
    export(hostile_shop, tmp_path / "empty")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_package_is_written_where_a_link_leads(hostile_shop, original, tmp_path):
    """To an empty folder, to nowhere yet, to an earlier package: the first was a flaw of the program, and the third left the old one where it was."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "empty").mkdir()
    for name in ("empty", "later"):
        link = tmp_path / f"to-{name}"
        link.symlink_to(tmp_path / "disk" / name)
        export(hostile_shop, link)
        (tmp_path / "disk" / name / "README.html").unlink()
        assert export(hostile_shop, link).path == link
        assert link.is_symlink()
        assert bytes_of(tmp_path / "disk" / name) == bytes_of(original)
    assert sorted(path.name for path in (tmp_path / "disk").iterdir()) == ["empty", "later"]


def test_a_broken_export_leaves_no_package(hostile_shop, tmp_path, monkeypatch):
    """When the disk is full in the middle, there is no folder that looks like a package, and the error says why."""

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    code = run(["export", "--period", "2026Q4", "--output", str(tmp_path / "p"), "--config", str(config_of(hostile_shop, tmp_path))])
    assert code == 3
    assert [path.name for path in tmp_path.iterdir()] == ["averment.yaml"]


def config_of(organisation, folder):
    """An averment.yaml with the organisation's ledger, by absolute paths."""
    path = folder / "averment.yaml"
    evidence = {
        "ledger": str(organisation.path(organisation.evidence.ledger)),
        "signing_key": str(organisation.path(organisation.evidence.signing_key)),
        "origin": organisation.evidence.origin,
    }
    path.write_text(json.dumps({"version": 1, "organisation": {"name": organisation.name}, "evidence": evidence}))
    return path


def test_with_the_wrong_key_nothing_but_the_signatures_is_accused(package, tmp_path, capsys):
    """A key of another log: the fingerprint of the one that signed, each proof once; no word against the report or a timestamp that isn't there."""
    (tmp_path / "stranger.pem").write_bytes(public_pem(LocalSigner.create(tmp_path / "stranger.key").public_key()))
    assert run(["verify", str(package), "--key", str(tmp_path / "stranger.pem")]) == 1
    text = " ".join(capsys.readouterr().out.split())
    (own,) = [VerifierKey.parse(path.read_text()) for path in (package / "keys").glob("*.vkey")]
    assert (
        f"MANIFEST.sig is signed with a key that lies in the package (SHA-256 {own.fingerprint}), not with the one that was handed over"
        in text
    )
    assert "and 1 more file, for the same reason" in text
    assert "8. The report lists these records: ok (6 records)" in text
    assert "The timestamp on the checkpoint: none " in text
    report = json.loads((package / "report.json").read_bytes())
    report["evidence"][0]["sha256"] = "0" * 64
    (package / "report.json").write_text(json.dumps(report))
    run(["verify", str(package), "--key", str(tmp_path / "stranger.pem")])
    assert "report.json says otherwise of 1 records" in " ".join(capsys.readouterr().out.split())


def test_the_commands_from_end_to_end(hostile_shop, tmp_path, capsys):
    """Export and verify on the command line: numbered steps and what isn't covered; exit 1 that names the file; JSON."""
    output = tmp_path / "evidence-2026Q4"
    assert run(["export", "--period", "2026Q4", "--output", str(output), "--config", str(config_of(hostile_shop, tmp_path))]) == 0
    assert "6 records of 8 in the ledger" in capsys.readouterr().out
    assert run(["verify", str(output)]) == 0
    text = capsys.readouterr().out
    assert re.findall(r"^(\d+)\. .*: ok", text, re.MULTILINE) == [str(number) for number in range(1, 9)]
    assert re.findall(r"^(\d+)\. .*: none$", text, re.MULTILINE) == ["9", "10"]  # what nobody gave isn't a step that held
    assert "Unchanged is not complete" in text
    (output / "workbook.xlsx").write_bytes(b"PK")
    assert run(["verify", str(output)]) == 1
    assert "workbook.xlsx was changed" in capsys.readouterr().out
    assert run(["verify", str(output), "--format", "json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["genuine"] is False
    assert answer["covered"] == []


def test_wrong_use_is_told_from_findings(tmp_path, capsys):
    """No package, no ledger, no such period, no such key: exit 2 with the reason, not 1."""
    (tmp_path / "averment.yaml").write_text("version: 1\n")
    config = ["--config", str(tmp_path / "averment.yaml")]
    for arguments, words in (
        (["verify", str(tmp_path)], "has no manifest"),
        (["export", "--period", "2026Q4", *config], "the ledger is empty"),
        (["export", "--period", "2026Q5", *config], "not a period"),
        (["verify", str(tmp_path), "--key", str(tmp_path / "averment.yaml")], "not a verifier key"),
    ):
        assert run(arguments) == 2
        assert words in capsys.readouterr().err


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("suffix", "before"),
    [(".pub.pem", ""), (".pub.pem", "\ufeff"), (".pub.pem", "The key of the shop:\n\n"), (".vkey", ""), (".vkey", "\ufeff")],
)
def test_a_key_is_read_as_it_came_by_mail(original, enclosed, tmp_path, suffix, ends, before):
    """With a byte order mark, Windows' ends of lines, or words before it: the auditor was told to hand over a PEM file, which it was."""
    text = next((original / "keys").glob(f"*{suffix}")).read_text(encoding="utf-8")
    key = tmp_path / "key"
    key.write_bytes((before + text).replace("\n", ends).encode())
    assert verify_package(original, [read_key(key)]).genuine
    if suffix == ".pub.pem":
        assert enclosed(original, "--key", key) == (0, set())


def test_a_file_of_several_keys_is_not_taken_for_its_first(original, tmp_path, capsys, monkeypatch):
    """Only the first one counted: a package that the second had signed read as somebody else's, and that not all of them had signed wasn't told."""
    own = next((original / "keys").glob("*.pem")).read_bytes()
    (tmp_path / "keys.pem").write_bytes(own + public_pem(LocalSigner.create(tmp_path / "other.pem").public_key()))
    assert run(["verify", str(original), "--key", str(tmp_path / "keys.pem")]) == 2
    assert "holds 2 blocks of PEM" in " ".join(capsys.readouterr().err.split())
    monkeypatch.setattr(sys, "argv", ["verify.py", str(original), "--key", str(tmp_path / "keys.pem")])
    with pytest.raises(SystemExit, match="2"):
        standalone.main()
    assert "several keys" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["key", "checkpoint"])
def test_what_lies_in_a_package_vouches_for_nothing_in_it(package, capsys, name):
    """The package's own key was taken for one that was handed over, and its own checkpoint for an earlier one, since which the log 'has only grown'."""
    [pem] = (package / "keys").glob("*.pem")
    assert run(["verify", str(package), f"--{name}", str(pem if name == "key" else package / "checkpoint.txt")]) == 2
    assert "lies in what is to be verified by it" in " ".join(capsys.readouterr().err.split())


def test_a_checkpoint_with_other_ends_of_lines_is_told_as_such(original, tmp_path):
    """Kept as text on Windows, or in a repository that changes ends of lines: "control characters" told nobody what to do."""
    kept = tmp_path / "checkpoint.txt"
    kept.write_bytes((original / "checkpoint.txt").read_bytes().replace(b"\n", b"\r\n"))
    with pytest.raises(BadInputError, match=r"ends of lines were changed.* get it anew, byte for byte"):
        read_checkpoint(kept)


def test_a_checkpoint_with_a_byte_order_mark_accuses_no_package(original, enclosed, tmp_path):
    """An editor put it there: the signature was called wrong, and the package not what was signed."""
    kept = tmp_path / "checkpoint.txt"
    kept.write_bytes(b"\xef\xbb\xbf" + (original / "checkpoint.txt").read_bytes())
    with pytest.raises(BadInputError, match=r"byte order mark.* get it anew, byte for byte"):
        read_checkpoint(kept)
    with pytest.raises(SystemExit, match="2"):
        enclosed(original, "--checkpoint", kept)


def test_layout_of_the_signed_text_cannot_be_taken_for_a_checkpoint():
    """The manifest's signature and a checkpoint are signed with one key; neither text parses as the other."""
    with pytest.raises(VerificationError):
        Checkpoint.parse(layout.manifest_text("example.com/shop", "2026Q4", "00" * 32))


def test_public_keys_in_the_package_are_the_logs(hostile_shop, original):
    """PEM and verifier key string are one key, the one that signs."""
    key = VerifierKey.parse(next((original / "keys").glob("*.vkey")).read_text())
    own = LocalSigner.load(hostile_shop.path(hostile_shop.evidence.signing_key)).public_key()
    assert key.public_key == own
    assert next((original / "keys").glob("*.pub.pem")).read_bytes() == public_pem(own)
