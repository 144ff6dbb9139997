"""Timestamps (RFC 3161) on checkpoints, by an authority that runs ``openssl ts`` behind HTTP on the loopback."""

from __future__ import annotations

import dataclasses
import hashlib
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import rfc3161_client
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from averment.cli.main import run
from averment.controls.loader import load_catalogue
from averment.core.errors import BadInputError, IncompleteError, MissingExtraError, VerificationError
from averment.core.http import Answer
from averment.core.organisation import EvidenceSettings, Organisation, WitnessSettings
from averment.core.period import parse_period
from averment.core.signing.local import LocalSigner
from averment.evidence.ledger.checkpoint import VerifierKey, cosign
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.ledger.rotation import rotate
from averment.evidence.ledger.timestamp import read_certificates, request_stamp, stamp_name, stamped_bytes, verify_stamp
from averment.evidence.package import standalone
from averment.evidence.package.verify import verify_package
from averment.evidence.package.write import write_package
from averment.evidence.verification.audit import audit
from averment.evidence.verification.vouching import Vouching

# Without `certs`: rfc3161-client refuses the order in which openssl puts further certificates.
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
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
"""


def openssl(folder: Path, command: str) -> None:
    subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Path:
    """The folder of an authority: a root, and a certificate for time stamping under it."""
    folder = tmp_path_factory.mktemp("authority")
    (folder / "tsa.cnf").write_text(SETTINGS)
    (folder / "serial").write_text("01\n")
    key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -config tsa.cnf"
    openssl(folder, f"req -x509 {key} -keyout root.key -out root.pem -days 3650 -subj /CN=Root -extensions root")
    openssl(folder, f"req {key} -keyout authority.key -out authority.csr -subj /CN=Authority")
    openssl(
        folder,
        "x509 -req -in authority.csr -CA root.pem -CAkey root.key -CAcreateserial -out authority.pem -days 3650"
        " -extfile tsa.cnf -extensions authority",
    )
    openssl(folder, f"req -x509 {key} -keyout other.key -out other.pem -days 3650 -subj /CN=Other -extensions root")
    return folder


def answer_of(folder: Path, query: bytes) -> bytes:
    """What ``openssl ts`` answers."""
    (folder / "query.tsq").write_bytes(query)
    openssl(folder, "ts -reply -queryfile query.tsq -out reply.tsr -config tsa.cnf -section t")
    return (folder / "reply.tsr").read_bytes()


@contextmanager
def served(answer, kind: str = "application/timestamp-reply", status: int = 200) -> Iterator[str]:
    """An authority's address; ``answer`` makes the body from the query."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/tsr"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def dated_shop(authority, tmp_path) -> Iterator[Organisation]:
    """A shop whose checkpoints the authority dates."""
    shutil.copy(authority / "root.pem", tmp_path / "root.pem")
    with served(lambda query: answer_of(authority, query)) as url:
        settings = EvidenceSettings(origin="example.com/shop", timestamp_url=url, timestamp_certificates="root.pem")
        yield Organisation(name="Shop", root=tmp_path, evidence=settings)


def append(shop: Organisation, *records) -> list[str]:
    """Append and countersign; what was noted."""
    with open_ledger(shop, write=True) as ledger:
        ledger.append(records)
        ledger.countersign()
        return ledger.notes


def exported(shop: Organisation, folder: Path) -> Path:
    """The package of 2026Q4."""
    with open_ledger(shop, write=True) as ledger:
        return write_package(shop, ledger, load_catalogue(), parse_period("2026Q4"), folder).path


def test_a_token_verifies_here_and_with_openssl(authority, tmp_path):
    """Both accept it for its message and with its root; neither for another message, nor with another root."""
    message = b"a checkpoint\n"
    with served(lambda query: answer_of(authority, query)) as url:
        token = request_stamp(url, message, read_certificates(authority / "root.pem"))
    stamp = verify_stamp(token, message, read_certificates(authority / "root.pem"))
    assert (stamp.authority, stamp.trusted) == ("CN=Authority", True)
    assert abs(stamp.moment - datetime.now(UTC)) < timedelta(hours=1)
    (tmp_path / "token").write_bytes(token)
    for data, root, good in ((message, "root", True), (message + b"x", "root", False), (message, "other", False)):
        (tmp_path / "data").write_bytes(data)
        command = f"openssl ts -verify -data data -in token -CAfile {authority / root}.pem".split()
        assert (subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0) is good
        if good:
            assert verify_stamp(token, data, read_certificates(authority / f"{root}.pem")) == stamp
        else:
            with pytest.raises(VerificationError):
                verify_stamp(token, data, read_certificates(authority / f"{root}.pem"))


def with_chain(authority: Path, folder: Path, issuer: str) -> bytes:
    """A token over ``b"x"`` by an authority under ``issuer``, in the folder of ``authority``, whose certificate the token brings along."""
    for name in ("tsa.cnf", "serial", f"{issuer}.pem", f"{issuer}.key"):
        shutil.copy(authority / name, folder)
    key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -config tsa.cnf"
    openssl(folder, f"req {key} -keyout authority.key -out authority.csr -subj /CN=Below")
    openssl(
        folder,
        f"x509 -req -in authority.csr -CA {issuer}.pem -CAkey {issuer}.key -CAcreateserial -out authority.pem -days 3650"
        " -extfile tsa.cnf -extensions authority",
    )
    (folder / "tsa.cnf").write_text(f"{SETTINGS}certs = {issuer}.pem\n")
    builder = rfc3161_client.TimestampRequestBuilder().data(b"x").hash_algorithm(rfc3161_client.HashAlgorithm.SHA256)
    token = answer_of(folder, builder.build().as_bytes())
    own, above = (read_certificates(folder / name)[0].public_bytes(Encoding.DER) for name in ("authority.pem", f"{issuer}.pem"))
    return token.replace(own + above, b"".join(sorted((own, above))))  # as DER has a set, which openssl doesn't


def test_a_root_that_a_token_brings_along_is_none(authority, tmp_path):
    """Anybody makes a root, an authority under it and a token that holds both: it leads to nothing that an auditor handed over."""
    token = with_chain(authority, tmp_path, "other")
    assert verify_stamp(token, b"x", read_certificates(authority / "other.pem")).trusted
    with pytest.raises(VerificationError, match="does not verify") as caught:
        verify_stamp(token, b"x", read_certificates(authority / "root.pem"))
    assert caught.value.message.endswith("it has to lead to a root certificate that was handed over")
    assert "ErrorStack" not in caught.value.message


def test_a_name_that_somebody_put_into_a_token_is_not_told(authority, tmp_path):
    """The certificates in a token aren't signed: with one more for the same signer in it, whose name is another, that one was told as the authority's."""
    for name in ("serial", "authority.pem", "authority.key"):
        shutil.copy(authority / name, tmp_path)
    true = read_certificates(authority / "authority.pem")[0]
    twin = x509.CertificateBuilder(
        issuer_name=true.issuer,
        subject_name=x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "A")]),
        public_key=true.public_key(),
        serial_number=true.serial_number,
        not_valid_before=true.not_valid_before_utc,
        not_valid_after=true.not_valid_after_utc,
    ).sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    (tmp_path / "twin.pem").write_bytes(twin.public_bytes(Encoding.PEM))
    (tmp_path / "tsa.cnf").write_text(f"{SETTINGS}certs = twin.pem\n")
    builder = rfc3161_client.TimestampRequestBuilder().data(b"x").hash_algorithm(rfc3161_client.HashAlgorithm.SHA256)
    token, pair = answer_of(tmp_path, builder.build().as_bytes()), [item.public_bytes(Encoding.DER) for item in (true, twin)]
    assert b"".join(pair) in token
    token = token.replace(b"".join(pair), b"".join(sorted(pair)))
    for trusted in ((), read_certificates(authority / "root.pem")):
        with pytest.raises(VerificationError, match="several certificates of the same number"):
            verify_stamp(token, b"x", trusted)


def test_an_authority_below_another_is_followed_to_the_root(authority, tmp_path):
    """The certificate in between comes with the token, as authorities send it."""
    below = tmp_path / "below"
    below.mkdir()
    for name in ("tsa.cnf", "root.pem", "root.key"):
        shutil.copy(authority / name, tmp_path)
    openssl(
        tmp_path,
        "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -config tsa.cnf -keyout middle.key -out m.csr -subj /CN=Middle",
    )
    openssl(
        tmp_path,
        "x509 -req -in m.csr -CA root.pem -CAkey root.key -CAcreateserial -out middle.pem -days 9 -extfile tsa.cnf -extensions root",
    )
    (tmp_path / "serial").write_text("01\n")
    token = with_chain(tmp_path, below, "middle")
    assert verify_stamp(token, b"x", read_certificates(tmp_path / "root.pem")).authority == "CN=Below"
    with pytest.raises(VerificationError, match="does not verify"):
        verify_stamp(token, b"x", read_certificates(authority / "other.pem"))


def test_without_a_certificate_a_token_is_not_trusted(authority):
    """Its digest is checked and its time read, and the result says that nobody's signature was."""
    builder = rfc3161_client.TimestampRequestBuilder().data(b"x").hash_algorithm(rfc3161_client.HashAlgorithm.SHA256)
    token = answer_of(authority, builder.build().as_bytes())
    assert verify_stamp(token, b"x").trusted is False
    with pytest.raises(VerificationError, match="something else"):
        verify_stamp(token, b"y")


def test_no_token_with_a_flipped_bit_says_anything_else(authority):
    """Any one bit: it is refused in the product's words, or it was a bit without meaning and says the same."""
    message, trusted = b"a checkpoint\n", read_certificates(authority / "root.pem")
    builder = rfc3161_client.TimestampRequestBuilder().data(message).hash_algorithm(rfc3161_client.HashAlgorithm.SHA256)
    token = answer_of(authority, builder.build().as_bytes())
    genuine = verify_stamp(token, message, trusted)
    refused = 0
    for bit in range(0, len(token) * 8, 3):
        bent = bytearray(token)
        bent[bit // 8] ^= 1 << bit % 8
        try:
            assert verify_stamp(bytes(bent), message, trusted) == genuine
        except VerificationError:
            refused += 1
    assert refused > len(token) * 8 // 3 * 0.9


def test_every_checkpoint_is_dated_and_the_package_carries_it(dated_shop, authority, make_record, tmp_path, capsys):
    """One token a checkpoint, verified by the commands against the root; another root, or a checkpoint without one, is a finding."""
    for number in range(3):
        assert append(dated_shop, make_record(number)) == []
    with open_ledger(dated_shop) as ledger:
        assert len(list(ledger.store.list("timestamps/"))) == 3
        assert ledger.store.exists(stamp_name(stamped_bytes(ledger.checkpoint.note, ledger.origin)))
    package = exported(dated_shop, tmp_path / "package")
    assert run(["verify", str(package), "--timestamp-certificate", str(authority / "root.pem")]) == 0
    text = capsys.readouterr().out
    assert "10. The timestamp on the checkpoint: ok (20" in text
    assert "by CN=Authority" in text
    assert "the checkpoint existed at 20" in text
    assert run(["verify", str(package)]) == 0
    assert "whose it is was not checked (--timestamp-certificate)" in capsys.readouterr().out
    assert run(["verify", str(package), "--timestamp-certificate", str(authority / "other.pem")]) == 1
    assert "timestamp.tsr the timestamp does not verify" in capsys.readouterr().out
    (package / "timestamp.tsr").unlink()
    found = verify_package(package, (), (), Vouching(certificates=read_certificates(authority / "root.pem"))).problems
    assert {problem.file for problem in found} == {"timestamp.tsr"}
    assert any("no timestamp authority dated" in problem.reason for problem in found)


def test_a_record_that_was_collected_after_its_checkpoint_was_dated_is_told(dated_shop, authority, make_record, tmp_path):
    """A quarter's records, written on its first day under the dates to come: the authority's date is the day of the forgery, and stood there without a word."""
    append(dated_shop, make_record(1, at=datetime(2020, 1, 2, tzinfo=UTC)), make_record(2, at=datetime(2126, 12, 31, tzinfo=UTC)))
    with open_ledger(dated_shop, write=True) as ledger:
        package = write_package(dated_shop, ledger, load_catalogue(), parse_period("2126Q4"), tmp_path / "package").path
        asked = Vouching(certificates=read_certificates(authority / "root.pem"))
        for result in (verify_package(package), verify_package(package, vouching=asked), audit(ledger, vouching=asked)):
            assert result.genuine
            [line] = [line for line in result.uncovered if "not then" in line]
            assert "a record under it says that it was collected 2126-12-31T00:00:00Z" in line
        package = write_package(dated_shop, ledger, load_catalogue(), parse_period("2020Q1"), tmp_path / "earlier").path
    assert not [line for line in verify_package(package).uncovered if "not then" in line]


def test_a_token_of_an_earlier_checkpoint_is_not_this_ones(dated_shop, make_record, tmp_path):
    """Genuine, but over another tree: named, also when the manifest was signed over it."""
    append(dated_shop, make_record(1))
    with open_ledger(dated_shop) as ledger:
        old = ledger.store.get(stamp_name(stamped_bytes(ledger.checkpoint.note, ledger.origin))).data
    append(dated_shop, make_record(2))
    package = exported(dated_shop, tmp_path / "package")
    (package / "timestamp.tsr").write_bytes(old)
    assert any(problem.reason == "the timestamp is of something else" for problem in verify_package(package).problems)


def test_an_authority_out_of_reach_holds_nothing_up(dated_shop, make_record):
    """The record is in the log, the failure is noted, and the next writer has the same checkpoint dated."""
    settings = dataclasses.replace(dated_shop.evidence, timestamp_url="http://127.0.0.1:9/")
    notes = append(dataclasses.replace(dated_shop, evidence=settings), make_record(1))
    assert "the checkpoint of 1 entries was not dated: http://127.0.0.1:9/ could not be reached" in " ".join(notes)
    assert append(dated_shop) == []
    with open_ledger(dated_shop) as ledger:
        assert len(list(ledger.store.list("timestamps/"))) == 1


@pytest.mark.parametrize(
    ("body", "kind", "status", "words"),
    [
        (b"<html>", "text/html", 200, "gave no timestamp"),
        (b"busy", "application/timestamp-reply", 503, "HTTP 503"),
        (b"garbage", "application/timestamp-reply", 200, "no timestamp"),
        (bytes.fromhex("30053003020102"), "application/timestamp-reply", 200, "refused a timestamp"),  # PKIStatus rejection
    ],
)
def test_what_is_no_token_is_an_error_in_plain_words(body, kind, status, words):
    """A proxy's page, an error, garbage, a refusal."""
    with served(lambda _: body, kind, status) as url, pytest.raises(IncompleteError, match=words):
        request_stamp(url, b"x")


@pytest.mark.parametrize("answer", [Answer(403, "text/html", b""), Answer(200, "application/timestamp-reply", b"no token")])
def test_a_refusal_names_no_key_in_the_authoritys_address(monkeypatch, answer):
    """Authorities that are paid for may take a key in the address; a refusal stood with it in the job's log."""
    monkeypatch.setattr("averment.evidence.ledger.timestamp.post", lambda *_: answer)
    with pytest.raises(IncompleteError) as refused:
        request_stamp("https://tsa.example/stamp?key=s3cret", b"x")
    assert refused.value.message.startswith("https://tsa.example/stamp ")
    assert "s3cret" not in str(refused.value)


def test_a_replayed_token_is_refused(authority):
    """An authority (or somebody between) that answers with an older token: the nonce is another."""
    builder = rfc3161_client.TimestampRequestBuilder().data(b"x").hash_algorithm(rfc3161_client.HashAlgorithm.SHA256)
    old = answer_of(authority, builder.build().as_bytes())
    with served(lambda _: old) as url, pytest.raises(VerificationError, match="another request"):
        request_stamp(url, b"x", read_certificates(authority / "root.pem"))


def test_without_the_library_it_is_said_what_was_not_checked(dated_shop, authority, make_record, tmp_path, monkeypatch, capsys):
    """Verifying without the extra: not a pass in silence; asked for explicitly, it is an error that names the extra, and no word against the package."""
    append(dated_shop, make_record(1))
    package = exported(dated_shop, tmp_path / "package")

    def missing():
        raise MissingExtraError("a timestamp needs the package 'rfc3161_client'", fix="pip install 'averment[timestamps]'")

    monkeypatch.setattr("averment.evidence.ledger.timestamp._library", missing)
    result = verify_package(package)
    assert result.genuine
    assert any("was not checked" in line and "averment[timestamps]" in line for line in result.uncovered)
    assert run(["verify", str(package)]) == 0
    assert "The timestamp on the checkpoint: not checked " in " ".join(capsys.readouterr().out.split())
    assert run(["verify", str(package), "--timestamp-certificate", str(authority / "root.pem")]) == 2
    said = capsys.readouterr()
    assert "rfc3161_client" in said.err
    assert "not what was signed" not in said.out
    settings = "version: 1\nevidence: {origin: example.com/shop, timestamps: {url: https://tsa.example, certificates: root.pem}}\n"
    (tmp_path / "averment.yaml").write_text(settings)
    assert run(["ledger", "show", "--config", str(tmp_path / "averment.yaml")]) == 0, "what it shows beside was not shown any more"
    assert "timestamp: not checked (a timestamp needs the package" in " ".join(capsys.readouterr().out.split())


def test_the_dated_bytes_can_be_made_with_public_tools(dated_shop, make_record, tmp_path):
    """The digest in the token's name is of the checkpoint's text and the log's own signatures, as grep gives them."""
    append(dated_shop, make_record(1))
    with open_ledger(dated_shop) as ledger:
        (tmp_path / "checkpoint.txt").write_bytes(ledger.checkpoint.note + b"\xe2\x80\x94 w.example AAAAAAAA\n")
        name = stamp_name(stamped_bytes(ledger.checkpoint.note, ledger.origin))
    script = '{ head -n 4 checkpoint.txt; grep "^— example.com/shop " checkpoint.txt; }'
    made = subprocess.run(["bash", "-c", script], cwd=tmp_path, check=True, capture_output=True).stdout
    assert name == f"timestamps/{hashlib.sha256(made).hexdigest()}.tsr"


def test_a_file_without_certificates_is_refused(tmp_path):
    """With its name and what to hand over instead."""
    (tmp_path / "x.pem").write_text("nothing\n")
    with pytest.raises(BadInputError, match="no certificate"):
        read_certificates(tmp_path / "x.pem")


def test_a_file_that_was_cut_within_a_certificate_is_refused(authority, tmp_path):
    """It lost an authority without a word, and then a token of that one was said to be nobody's."""
    whole = (authority / "root.pem").read_text()
    (tmp_path / "x.pem").write_text(whole + whole[: len(whole) // 2])
    with pytest.raises(BadInputError, match="2 certificates begin, and 1 can be read"):
        read_certificates(tmp_path / "x.pem")


def test_the_enclosed_verifier_reads_the_token_and_says_what_it_leaves_out(dated_shop, make_record, tmp_path, monkeypatch, capsys):
    """It finds the checkpoint's digest in the token and its time; whose token it is, it says that it didn't check. Another's is found."""
    append(dated_shop, make_record(1))
    with open_ledger(dated_shop) as ledger:
        old = ledger.store.get(stamp_name(stamped_bytes(ledger.checkpoint.note, ledger.origin))).data
    append(dated_shop, make_record(2))
    package = exported(dated_shop, tmp_path / "package")
    monkeypatch.setattr(sys, "argv", ["verify.py", str(package)])
    assert standalone.main() == 0
    moment = verify_stamp((package / "timestamp.tsr").read_bytes(), _dated_bytes(dated_shop)).moment
    assert f"A timestamp says {moment:%Y%m%d%H%M%S}Z; whose it is was not checked." in capsys.readouterr().out
    (package / "timestamp.tsr").write_bytes(old)
    assert standalone.main() == 1
    assert "WRONG timestamp.tsr: is of another checkpoint" in capsys.readouterr().out


def _dated_bytes(shop: Organisation) -> bytes:
    with open_ledger(shop) as ledger:
        return stamped_bytes(ledger.checkpoint.note, ledger.origin)


def test_the_guides_commands_check_the_timestamp(dated_shop, authority, make_record, tmp_path):
    """The lines of verify.md, as they stand there, with the authority's root; it has to be good at the token's time, and not years later."""
    append(dated_shop, make_record(1))
    package = exported(dated_shop, tmp_path / "package")
    guide = (package / "verify.md").read_text()
    lines = next(block for block in guide.split("```") if "openssl ts" in block).removeprefix("sh\n") + '\necho "at $WHEN"\n'
    shutil.copy(authority / "root.pem", tmp_path / "authority-root.pem")
    done = subprocess.run(["bash", "-e", "-c", f"T={tmp_path}\n{lines}"], cwd=package, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Verification: OK" in done.stdout
    moment = verify_stamp((package / "timestamp.tsr").read_bytes(), _dated_bytes(dated_shop)).moment
    assert '-attime "$WHEN"' in lines
    assert f"at {int(moment.timestamp())}\n" in done.stdout


def test_any_flipped_bit_in_what_vouches_is_found_and_named(dated_shop, make_record, tmp_path, monkeypatch, capsys):
    """A package with an endorsed key, a witness and a timestamp: every file, one bit each; both verifiers name it."""
    witness = LocalSigner.create(tmp_path / "w.pem")
    key = VerifierKey("w.example", witness.public_key(), cosigner=True)
    shop = dataclasses.replace(dated_shop, evidence=dataclasses.replace(dated_shop.evidence, witnesses=(WitnessSettings(str(key)),)))
    append(shop, make_record(1))
    rotate(shop, "keys/new.pem")
    shop = dataclasses.replace(shop, evidence=dataclasses.replace(shop.evidence, signing_key="keys/new.pem"))
    append(shop, make_record(2))
    with open_ledger(shop, write=True) as ledger:
        ledger.attach(cosign(str(ledger.checkpoint.checkpoint), "w.example", witness, datetime(2026, 12, 1, tzinfo=UTC)))
    package = exported(shop, tmp_path / "package")
    files = {path.relative_to(package).as_posix(): path for path in package.rglob("*") if path.is_file()}
    assert {"timestamp.tsr", f"witnesses/{key.id.hex()}.vkey"} <= files.keys()
    assert any(name.endswith(".endorsed") for name in files)
    assert verify_package(package).genuine
    dice = random.Random(20261128)
    for name, path in sorted(files.items()):
        data = path.read_bytes()
        bent, bit = bytearray(data), dice.randrange(len(data) * 8)
        bent[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bent)
        assert name in {problem.file for problem in verify_package(package).problems}, (name, bit)
        monkeypatch.setattr(sys, "argv", ["verify.py", str(package)])
        capsys.readouterr()
        assert standalone.main() == 1
        assert f"WRONG {name}:" in capsys.readouterr().out, (name, bit)
        path.write_bytes(data)
