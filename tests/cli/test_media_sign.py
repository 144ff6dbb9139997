"""``averment media sign`` and ``inspect`` from the command line. Images are gradients made here with Pillow."""

from __future__ import annotations

import io
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import c2pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from PIL import Image

from averment.cli import media_sign
from averment.cli.main import run
from averment.core.aws import client
from averment.core.errors import IncompleteError
from averment.core.signing.interface import Signer
from averment.detector.credentials import s3 as credentials_s3
from averment.detector.credentials.authority import TestAuthority
from averment.detector.credentials.keys import PemEcdsaSigner
from averment.detector.credentials.log import Entry, FileLog, Head
from averment.detector.credentials.signing import Statement, _manifest, _signed, sign_media
from averment.detector.credentials.xmp import AI_GENERATED


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    Image.linear_gradient("L").convert("RGB").save(tmp_path / "hero.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def signed(folder: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert run(["media", "sign", "hero.jpg", "-o", "signed.jpg", "--test-authority", "ca"]) == 0
    capsys.readouterr()
    return folder


def test_signing_and_inspecting_is_two_commands(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The test authority says on stderr what it is, and how to trust it; the second command then does."""
    before = (folder / "hero.jpg").read_bytes()
    assert run(["media", "sign", "hero.jpg", "-o", "signed.jpg", "--test-authority", "ca"]) == 0
    printed = capsys.readouterr()
    assert "TEST authority" in printed.err
    assert "--trust ca/test-authority.pem" in printed.err
    assert "sha256:" in printed.out
    assert run(["media", "inspect", "signed.jpg", "--trust", "ca/test-authority.pem"]) == 0
    assert "trusted" in capsys.readouterr().out
    assert (folder / "hero.jpg").read_bytes() == before


def test_an_untrusted_signer_is_a_finding(signed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without anchors and with somebody else's: exit 1, and the word valid isn't used."""
    (signed / "other.pem").write_bytes(TestAuthority.create().anchors)
    for arguments in ([], ["--trust", "other.pem"]):
        assert run(["media", "inspect", "signed.jpg", *arguments]) == 1
        printed = capsys.readouterr().out
        assert "untrusted" in printed
        assert "valid" not in printed


def test_tampered_and_unsigned_files_are_findings(signed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each file gets its own line; the worst decides."""
    data = bytearray((signed / "signed.jpg").read_bytes())
    data[-60] ^= 1
    (signed / "tampered.jpg").write_bytes(data)
    assert run(["media", "inspect", "signed.jpg", "tampered.jpg", "hero.jpg", "--trust", "ca/test-authority.pem", "--format", "json"]) == 1
    found = {entry["file"]: entry["state"] for entry in json.loads(capsys.readouterr().out)}
    assert found == {"signed.jpg": "trusted", "tampered.jpg": "tampered", "hero.jpg": "none"}


def test_what_could_not_be_checked_exits_3(signed: Path) -> None:
    """Unless there is a finding as well."""
    (signed / "notes.txt").write_text("hello")
    trust = ["--trust", "ca/test-authority.pem"]
    assert run(["media", "inspect", "signed.jpg", "notes.txt", *trust]) == 3
    assert run(["media", "inspect", "hero.jpg", "notes.txt", *trust]) == 1


TRUST = ["--trust", "ca/test-authority.pem"]


def tampered(folder: Path) -> Path:
    data = bytearray((folder / "signed.jpg").read_bytes())
    data[-60] ^= 1
    (folder / "tampered.jpg").write_bytes(data)
    return folder / "tampered.jpg"


@pytest.mark.parametrize("command", ["verify", "inspect"])
def test_a_file_that_cannot_be_read_takes_nobody_elses_result(
    command: str, signed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has a line of its own with the reason; a finding beside it decides, and without any it is incomplete."""
    tampered(signed)
    assert run(["media", command, "missing.jpg", "tampered.jpg", *TRUST]) == 1
    printed = capsys.readouterr().out
    assert "tampered  tampered.jpg: changed since it was signed" in printed
    assert "unreadable  missing.jpg: does not exist" in printed
    assert run(["media", command, "signed.jpg", "missing.jpg", *TRUST, "--format", "json"]) == 3
    rows = {row["file"]: row for row in json.loads(capsys.readouterr().out)}
    assert (rows["signed.jpg"]["state"], rows["missing.jpg"]["state"], rows["missing.jpg"]["sha256"]) == ("trusted", "unreadable", None)
    monkeypatch.setattr(media_sign, "MAX_MEDIUM_BYTES", 100)
    assert run(["media", command, "signed.jpg", *TRUST]) == 3
    assert "larger than 100 bytes" in capsys.readouterr().out


def test_an_object_that_is_not_there_takes_nobody_elses_result(signed: Path, sandbox: object, capsys: pytest.CaptureFixture[str]) -> None:
    """S3's refusal is the reason in the object's own line."""
    client("s3").create_bucket(Bucket="shop", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    tampered(signed)
    assert run(["media", "verify", "s3://shop/none.jpg", "tampered.jpg", *TRUST]) == 1
    printed = capsys.readouterr().out
    assert "unreadable  s3://shop/none.jpg: could not read s3://shop/none.jpg" in printed
    assert "tampered  tampered.jpg" in printed
    assert run(["media", "verify", "s3://shop/none.jpg", *TRUST]) == 3


def test_names_of_which_none_is_that_of_a_file_are_a_usage_error(signed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped command, as of every other: exit 2, with each name."""
    assert run(["media", "verify", "missing.jpg", *TRUST]) == 2
    assert "missing.jpg: does not exist" in capsys.readouterr().err
    assert run(["media", "verify", "missing.jpg", "ca", "s3://shop", *TRUST]) == 2
    assert "missing.jpg does not exist, ca is not a regular file, s3://shop" in capsys.readouterr().err


def named_certificate(signer: Signer, authority: TestAuthority, name: str) -> bytes:
    """A chain whose first certificate bears ``name``, as a stranger's own authority would issue it."""
    leaf = x509.load_pem_x509_certificates(authority.issue(signer.public_key(), "x"))[0]
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Any"), x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(
        leaf.issuer, subject, leaf.public_key(), leaf.serial_number, leaf.not_valid_before_utc, leaf.not_valid_after_utc
    )
    for extension in leaf.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(Encoding.PEM) + authority.anchors


@pytest.mark.parametrize("command", ["verify", "inspect"])
def test_a_signers_name_and_a_files_write_no_line_of_their_own(command: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever made a file chooses both: neither forges a result nor reaches the terminal as a command."""
    signer, authority = PemEcdsaSigner(ec.generate_private_key(ec.SECP256R1()), "k"), TestAuthority.create()
    chain = named_certificate(signer, authority, "x\ntrusted  evil.jpg: holds\x1b[2K")
    name = "a\ntrusted  b.jpg: \x1b[31mholds.jpg"
    (folder / name).write_bytes(sign_media((folder / "hero.jpg").read_bytes(), signer, chain).data)
    (folder / "other.pem").write_bytes(TestAuthority.create().anchors)
    assert run(["media", command, name, f"gone{name}", "--trust", "other.pem"]) == 1
    printed = capsys.readouterr().out
    assert "\\x0atrusted  evil.jpg" in printed
    assert "\\x1b[31mholds" in printed
    assert "\x1b" not in printed
    assert not any(line.startswith("trusted") for line in printed.splitlines())
    for gone in ([f"gone{name}"], [f"gone{name}", f"lost{name}"]):
        assert run(["media", command, *gone, "--trust", "other.pem"]) == 2
        told = capsys.readouterr().err
        assert "\x1b" not in told
        assert "\ntrusted" not in told


def test_a_demand_that_is_not_met_names_the_file_on_one_line(signed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the state itself does."""
    name = "a\ntrusted  b.jpg"
    (signed / name).write_bytes((signed / "signed.jpg").read_bytes())
    assert run(["media", "verify", name, "--stamped", *TRUST]) == 1
    assert "a\\x0atrusted  b.jpg: not enough" in capsys.readouterr().out


def test_a_key_made_by_openssl_signs_with_its_own_certificate(folder: Path) -> None:
    """What a user without a test authority has: a key in SEC 1 PEM and a chain."""
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "key.pem"], check=True, cwd=folder)
    (folder / "key.pem").chmod(0o600)
    public = subprocess.run(
        ["openssl", "pkey", "-in", "key.pem", "-pubout", "-outform", "DER"], check=True, capture_output=True, cwd=folder
    ).stdout
    authority = TestAuthority.create()
    (folder / "chain.pem").write_bytes(authority.issue(public, "own"))
    (folder / "anchors.pem").write_bytes(authority.anchors)
    assert run(["media", "sign", "hero.jpg", "-o", "signed.jpg", "--key", "key.pem", "--certificate", "chain.pem"]) == 0
    assert run(["media", "inspect", "signed.jpg", "--trust", "anchors.pem"]) == 0


def test_a_kms_key_signs_files_and_objects(folder: Path, sandbox: object, capsys: pytest.CaptureFixture[str]) -> None:
    """The test authority certifies the KMS key; an object goes in and out of S3."""
    s3, key = client("s3"), "kms:" + client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    s3.create_bucket(Bucket="shop", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="shop", Key="raw.jpg", Body=(folder / "hero.jpg").read_bytes())
    identity = ["--key", key, "--test-authority", "ca"]
    assert run(["media", "sign", "hero.jpg", "-o", "signed.jpg", *identity]) == 0
    assert run(["media", "sign", "s3://shop/raw.jpg", "-o", "s3://shop/signed.jpg", *identity]) == 0
    assert run(["media", "inspect", "signed.jpg", "s3://shop/signed.jpg", "--trust", "ca/test-authority.pem"]) == 0
    assert run(["media", "inspect", "s3://shop/raw.jpg", "--trust", "ca/test-authority.pem"]) == 1
    assert not (folder / "ca" / "signer.key").exists()
    capsys.readouterr()
    edit = ["media", "sign", "s3://shop/raw.jpg", *identity, "--parent", "s3://shop/signed.jpg", "--edit", "resized"]
    assert run([*edit, "-o", "s3://shop/small.jpg"]) == 0  # where media lie in S3, so does what they were made from
    manifests = json.loads(c2pa.Reader("image/jpeg", io.BytesIO(s3.get_object(Bucket="shop", Key="small.jpg")["Body"].read())).json())
    (ingredient,) = manifests["manifests"][manifests["active_manifest"]]["ingredients"]
    assert (ingredient["title"], ingredient["relationship"]) == ("signed.jpg", "parentOf")
    before = s3.head_object(Bucket="shop", Key="signed.jpg")["ETag"]
    assert run([*edit, "-o", "s3://shop/signed.jpg"]) == 2
    assert "is the original (--parent), which the signed medium would replace" in " ".join(capsys.readouterr().err.split())
    assert s3.head_object(Bucket="shop", Key="signed.jpg")["ETag"] == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hero.jpg", "-o", "out.jpg"], "needs a certificate"),
        (["hero.jpg", "-o", "out.jpg", "--certificate", "c.pem"], "no key"),
        (["missing.jpg", "-o", "out.jpg", "--test-authority", "ca"], "does not exist"),
        (["hero.jpg", "-o", "s3://bucket/key", "--test-authority", "ca"], "one place is in S3"),
        (["hero.jpg", "--test-authority", "ca"], "--output"),
        (["hero.jpg", "-o", "out.jpg", "--test-authority", "ca", "--log-group", "/shop/signed"], "--log-group"),
        (["hero.jpg", "-o", "out.jpg", "--test-authority", "ca", "--trust", "anchors.pem"], "--parent"),
        (["hero.jpg", "-o", "out.jpg", "--test-authority", "ca", "--key", "kms:"], "averment: 'kms:' names no key"),
        (["hero.jpg", "-o", "out.jpg", "--test-authority", "ca", "--tsa", ""], "averment: the time-stamp authority's address is none"),
        (
            ["hero.jpg", "-o", "out.jpg", "--test-authority", "ca", "--tsa", "nonsense"],
            "averment: the time-stamp authority's address is none",
        ),
        (["hero.jpg", "-o", "out.png", "--test-authority", "ca"], "out.png is called image/png, and what would be written is image/jpeg"),
    ],
)
def test_usage_errors_exit_2_and_write_nothing(
    folder: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what is missing."""
    assert run(["media", "sign", *arguments]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not list(folder.glob("out.*"))


def test_anchors_that_are_none_exit_2(signed: Path, capsys: pytest.CaptureFixture[Any]) -> None:
    """A wrong file as --trust would otherwise make every credential look untrusted."""
    (signed / "junk.pem").write_text("junk")
    assert run(["media", "inspect", "signed.jpg", "--trust", "junk.pem"]) == 2
    assert "trust anchors" in capsys.readouterr().err


def texture(path: Path) -> None:
    """Smooth noise, which can carry a watermark; a gradient's perceptual hash has hardly a detail."""
    Image.effect_noise((25, 25), 60).resize((400, 400), Image.Resampling.BICUBIC).convert("RGB").save(path, quality=92)


def re_encoded(source: Path, target: Path, crop: int = 0) -> None:
    with Image.open(source) as image:
        image.crop((crop, crop, image.width, image.height)).save(target, quality=80)


def test_what_a_service_stripped_is_found_again_in_the_log(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Signed with a watermark and logged; a recompressed copy and a crop are stripped, with where they come from; a stranger is none."""
    texture(folder / "product.jpg")
    assert run(["media", "sign", "product.jpg", "-o", "signed.jpg", "--test-authority", "ca", "--watermark", "--log", "log.jsonl"]) == 0
    printed = capsys.readouterr()
    assert "watermark " in printed.err
    assert "whose head is now 1:" in printed.err
    re_encoded(folder / "signed.jpg", folder / "copy.jpg")
    re_encoded(folder / "signed.jpg", folder / "crop.jpg", crop=60)
    arguments = ["media", "inspect", "copy.jpg", "crop.jpg", "hero.jpg", "--log", "log.jsonl", "--format", "json"]
    assert run(arguments) == 1
    found = {entry["file"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert {name: entry["state"] for name, entry in found.items()} == {"copy.jpg": "stripped", "crop.jpg": "stripped", "hero.jpg": "none"}
    assert found["crop.jpg"]["recovered"]["by"] == ["watermark"]
    assert found["copy.jpg"]["recovered"]["entry"]["object"] == "signed.jpg"
    assert run(arguments[:-2]) == 1
    assert "known by watermark" in capsys.readouterr().out


def test_a_watermark_of_ones_own_key(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Found with the key and not without; a key that is too short is refused."""
    texture(folder / "product.jpg")
    (folder / "wm.key").write_bytes(b"k" * 32)
    key = ["--watermark-key", "wm.key"]
    assert (
        run(["media", "sign", "product.jpg", "-o", "signed.jpg", "--test-authority", "ca", "--watermark", *key, "--log", "log.jsonl"]) == 0
    )
    re_encoded(folder / "signed.jpg", folder / "crop.jpg", crop=60)
    assert run(["media", "inspect", "crop.jpg", "--log", "log.jsonl", *key]) == 1
    assert "stripped" in capsys.readouterr().out
    assert run(["media", "inspect", "crop.jpg", "--log", "log.jsonl"]) == 1
    assert "none" in capsys.readouterr().out
    (folder / "wm.key").write_bytes(b"short")
    assert run(["media", "inspect", "crop.jpg", "--log", "log.jsonl", *key]) == 2
    assert "16 at least" in capsys.readouterr().err


def test_an_edit_of_a_strangers_original_needs_a_word_on_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a stranger's manifest says is repeated under one's own name only if their authority is named; else --source-type says it."""
    assert run(["media", "sign", "hero.jpg", "-o", "theirs.jpg", "--test-authority", "theirs"]) == 0
    arguments = ["media", "sign", "hero.jpg", "-o", "out.jpg", "--test-authority", "ours", "--parent", "theirs.jpg", "--edit", "resized"]
    assert run(arguments) == 2
    assert "a stranger's word" in capsys.readouterr().err
    assert not (folder / "out.jpg").exists()
    assert run([*arguments, "--source-type", "composite"]) == 0
    assert run([*arguments, "--trust", "theirs/test-authority.pem"]) == 0


def test_an_edit_names_its_original_and_its_tool(signed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A resized copy is signed again, with the original inside."""
    with Image.open(signed / "signed.jpg") as image:
        image.resize((128, 128)).save(signed / "small.jpg")
    arguments = ["media", "sign", "small.jpg", "-o", "small.signed.jpg", "--test-authority", "ca", "--parent", "signed.jpg"]
    assert run([*arguments, "--edit", "resized", "--tool", "resizer 2"]) == 0
    assert run(["media", "inspect", "small.signed.jpg", "--trust", "ca/test-authority.pem"]) == 0
    assert "made or composed by AI" in capsys.readouterr().out
    assert run(arguments) == 2
    assert "isn't said" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--edit", "resized"], "--parent"),
        (["--watermark-key", "k"], "add --watermark"),
        (["--watermark"], "watermark"),  # the gradient's file is gone through: see below
    ],
)
def test_options_that_dont_go_together(folder: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, with what is missing; a picture that can't carry the mark asked for isn't signed without."""
    Image.new("RGB", (60, 60)).save(folder / "hero.jpg")
    assert run(["media", "sign", "hero.jpg", "-o", "out.jpg", "--test-authority", "ca", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (folder / "out.jpg").exists()


def test_verify_demands_what_the_options_name(signed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A trusted signature alone passes without further demands; each demand that isn't met is said, and exits 1."""
    verify = ["media", "verify", "signed.jpg", "--trust", "ca/test-authority.pem"]
    assert run(verify) == 0
    assert run([*verify, "--ai"]) == 0
    assert run([*verify, "--stamped"]) == 1
    assert "no time-stamp of a trusted authority" in capsys.readouterr().out
    assert run(["media", "sign", "hero.jpg", "-o", "logged.jpg", "--test-authority", "ca", "--log", "log.jsonl"]) == 0
    assert run(["media", "verify", "logged.jpg", "--trust", "ca/test-authority.pem", "--log", "log.jsonl"]) == 0
    capsys.readouterr()
    assert run([*verify, "--log", "log.jsonl", "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["missing"] == ["the provenance log has no entry with these bytes"]
    assert run(["media", "verify", "hero.jpg", "--trust", "ca/test-authority.pem"]) == 1
    assert run(["media", "verify", "signed.jpg"]) == 2


def test_what_signing_refuses_and_replaces_is_said_of_the_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a script over a thousand files, which one it was; and that a medium that was signed before has lost that credential."""
    (folder / "notes.jpg").write_text("no picture")
    assert run(["media", "sign", "notes.jpg", "-o", "out.jpg", "--test-authority", "ca"]) == 2
    assert "notes.jpg: is not a medium that can carry" in " ".join(capsys.readouterr().err.split())
    assert run(["media", "sign", "hero.jpg", "-o", "once.jpg", "--test-authority", "ca"]) == 0
    assert "is gone" not in capsys.readouterr().err
    assert run(["media", "sign", "once.jpg", "-o", "twice.jpg", "--test-authority", "ca"]) == 0
    assert "the credential that it carried is gone; --parent keeps it" in capsys.readouterr().err


def test_the_log_is_checked_against_an_earlier_head(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its head is printed; what was cut off at the end shows against a head that was kept; a changed line names itself."""
    for number in range(3):
        arguments = ["media", "sign", "hero.jpg", "-o", f"{number}.jpg", "--test-authority", "ca", "--log", "log.jsonl"]
        assert run(arguments) == 0
    capsys.readouterr()
    assert run(["media", "log", "log.jsonl"]) == 0
    head = capsys.readouterr().out.strip()
    assert head.startswith("3:")
    assert run(["media", "log", "log.jsonl", "--contains", head]) == 0
    lines = (folder / "log.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "log.jsonl").write_bytes(b"".join(lines[:2]))
    assert run(["media", "log", "log.jsonl", "--contains", head]) == 1
    assert "line 3 is not what it was" in capsys.readouterr().out
    (folder / "log.jsonl").write_bytes(b"".join(lines)[:-20])
    assert run(["media", "log", "log.jsonl"]) == 0
    assert "another one begins, which is being written, or which a crash or a cut left" in capsys.readouterr().err
    (folder / "log.jsonl").write_bytes(b"".join(lines[1:]))
    assert run(["media", "log", "log.jsonl"]) == 1
    assert "log.jsonl:1" in capsys.readouterr().err
    assert run(["media", "log", "log.jsonl", "--contains", "three"]) == 2


@pytest.mark.parametrize("output", ["log.jsonl", "./ca/../log.jsonl", "link.jpg", "ca/signer.key", "ca/test-authority.key", "own.key"])
def test_what_signing_needs_is_not_written_over(signed: Path, output: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Keys and logs under whatever name: exit 2, and every file is as it was."""
    arguments = ["media", "sign", "hero.jpg", "--test-authority", "ca", "--log", "log.jsonl", "--key", "own.key"]
    PemEcdsaSigner.create(signed / "own.key")
    assert run([*arguments, "-o", "first.jpg"]) == 0
    (signed / "link.jpg").symlink_to("log.jsonl")
    before = {path: path.read_bytes() for path in signed.rglob("*") if path.is_file()}
    assert run([*arguments, "-o", output]) == 2
    assert "which the signed medium would replace" in " ".join(capsys.readouterr().err.split())
    assert {path: path.read_bytes() for path in signed.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("output", ["signed.jpg", "link.jpg"])
def test_the_original_of_an_edit_is_not_written_over(signed: Path, output: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is what the edit's credential points to."""
    before = (signed / "signed.jpg").read_bytes()
    (signed / "link.jpg").hardlink_to(signed / "signed.jpg")
    edit = ["media", "sign", "hero.jpg", "--test-authority", "ca", "--parent", "signed.jpg", "--edit", "resized"]
    assert run([*edit, "-o", output]) == 2
    assert "is the original (--parent), which the signed medium would replace" in " ".join(capsys.readouterr().err.split())
    assert (signed / "signed.jpg").read_bytes() == before


@pytest.mark.parametrize("command", ["inspect", "verify"])
def test_a_copy_that_lost_its_credential_is_stripped_for_whoever_has_the_log(
    signed: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """To a gate it was one without a credential that no log knows, though the log was asked."""
    Image.effect_mandelbrot((256, 256), (-2, -1.5, 1, 1.5), 60).convert("RGB").save("hero.jpg")
    assert run(["media", "sign", "hero.jpg", "-o", "logged.jpg", "--test-authority", "ca", "--log", "log.jsonl"]) == 0
    with Image.open("logged.jpg") as image:
        image.resize((image.width // 2, image.height // 2)).save("copy.jpg", quality=60)
    capsys.readouterr()
    assert run(["media", command, "copy.jpg", *TRUST, "--log", "log.jsonl"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("stripped copy.jpg: ")
    assert "of 256 bits: signed as logged.jpg with" in said


@pytest.mark.parametrize("command", ["inspect", "verify"])
def test_a_log_whose_last_entry_was_cut_is_not_read_in_silence(signed: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What isn't found may have stood there."""
    assert run(["media", "sign", "hero.jpg", "-o", "logged.jpg", "--test-authority", "ca", "--log", "log.jsonl"]) == 0
    for cut, said in ((0, False), (9, True)):
        (signed / "log.jsonl").write_bytes((signed / "log.jsonl").read_bytes()[: -cut or None])
        capsys.readouterr()
        assert run(["media", command, "logged.jpg", "--trust", "ca/test-authority.pem", "--log", "log.jsonl"]) == int(
            said and command == "verify"
        )
        assert ("log.jsonl: behind its last entry another one begins" in " ".join(capsys.readouterr().err.split())) is said


def test_what_is_signed_to_standard_output_is_the_medium_alone(signed: Path) -> None:
    """The line about it goes elsewhere; and the link through which it goes stays one (here not the machine's own)."""
    (signed / "out").symlink_to("/proc/self/fd/1")
    command = [sys.executable, "-m", "averment", "media", "sign", "hero.jpg", "-o", "out", "--test-authority", "ca", "--log", "log.jsonl"]
    with (signed / "piped.jpg").open("wb") as piped:
        told = subprocess.run(command, stdout=piped, stderr=subprocess.PIPE, text=True, check=True, timeout=60).stderr
    assert "sha256:" in told
    assert (signed / "out").is_symlink()
    assert run(["media", "verify", "piped.jpg", *TRUST, "--log", "log.jsonl"]) == 0


def test_places_that_were_left_empty_or_are_folders_get_no_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A variable that isn't set, or a folder that isn't there yet: keys would lie in this one, and the medium beside the folder."""
    assert run(["media", "sign", "hero.jpg", "-o", "out.jpg", "--test-authority", ""]) == 2
    assert run(["media", "sign", "hero.jpg", "-o", "signed/", "--test-authority", "ca"]) == 2
    assert "is the name of a folder" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["hero.jpg"]


def test_a_reference_to_a_credential_elsewhere_that_stays_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever loses the new one would fetch the old one, which was of other bytes."""
    signer, authority = PemEcdsaSigner(ec.generate_private_key(ec.SECP256R1()), "k"), TestAuthority.create()

    def refer(builder: Any, native: Any, output: io.BytesIO) -> None:
        builder.set_remote_url("http://127.0.0.1:9/manifest.c2pa")
        builder.sign(native, "image/jpeg", io.BytesIO((folder / "hero.jpg").read_bytes()), output)

    manifest = {"title": "t", **_manifest(Statement(), AI_GENERATED, None)}
    (folder / "both.jpg").write_bytes(_signed(manifest, signer, authority.issue(signer.public_key(), "k"), None, refer))
    for source, told in (("both.jpg", True), ("hero.jpg", False)):
        assert run(["media", "sign", source, "-o", "out.jpg", "--test-authority", "ca"]) == 0
        assert ("still refers to another credential elsewhere" in " ".join(capsys.readouterr().err.split())) is told


@pytest.mark.parametrize("log", ["s3://shop/log.jsonl", "cloudwatch:", ""])
def test_a_log_that_cannot_be_is_no_local_file(folder: Path, log: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Of that name one would be made in this folder, and nobody would look there; of none, nothing would be logged without a word."""
    assert run(["media", "sign", "hero.jpg", "-o", "out.jpg", "--test-authority", "ca", "--log", log]) == 2
    assert "cloudwatch:GROUP" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["hero.jpg"]


@pytest.mark.parametrize("command", ["inspect", "verify"])
def test_a_log_that_is_named_by_an_empty_variable_is_asked_for_all_the_same(
    command: str, signed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--log "$LOG"`` in a gate whose ``LOG`` isn't set: what nobody looked up would pass."""
    assert run(["media", command, "signed.jpg", *TRUST, "--log", ""]) == 2
    assert "is the empty text" in capsys.readouterr().err


def test_an_output_in_s3_that_is_a_folder_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As ``cp`` takes it. Of a loop over a bucket each object went under that one key, over the one before."""
    assert run(["media", "sign", "s3://shop/raw/a.jpg", "-o", "s3://shop/signed/", "--test-authority", "ca"]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "s3://shop/signed/ is the name of a folder fix: name an object: -o s3://shop/signed/a.jpg" in told
    assert [path.name for path in folder.iterdir()] == ["hero.jpg"]


def test_a_log_group_that_is_named_by_an_empty_variable_is_not_the_default(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody looks for the entries in the group that was meant."""
    assert run(["media", "sign", "s3://shop/a.jpg", "-o", "s3://shop/b.jpg", "--test-authority", "ca", "--log-group", ""]) == 2
    assert "--log-group names no log group" in capsys.readouterr().err


def test_a_file_is_logged_in_cloudwatch(folder: Path, sandbox: object) -> None:
    """Where inspect and verify look under the same name."""
    log = ["--log", "cloudwatch:/averment/provenance"]
    assert run(["media", "sign", "hero.jpg", "-o", "out.jpg", "--test-authority", "ca", *log]) == 0
    assert run(["media", "verify", "out.jpg", *TRUST, *log]) == 0
    assert not (folder / "cloudwatch:").exists()


@pytest.mark.parametrize("fault", [IncompleteError("full"), KeyboardInterrupt()])
def test_no_medium_is_written_whose_entry_is_not(
    folder: Path, fault: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Signed in place, the original stays, and that is said."""
    before = (folder / "hero.jpg").read_bytes()

    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr(FileLog, "append", fail)
    code = run(["media", "sign", "hero.jpg", "-o", "hero.jpg", "--test-authority", "ca", "--log", "log.jsonl"])
    assert code == (130 if isinstance(fault, KeyboardInterrupt) else 3)
    assert (folder / "hero.jpg").read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == ["ca", "hero.jpg"]
    told = capsys.readouterr().err
    assert (
        "averment: interrupted hero.jpg was not written, and its entry may be in the log or not" in " ".join(told.split())
        if code == 130
        else "full; hero.jpg was not written" in told
    )


@pytest.mark.parametrize(("stop", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_nobody_waits_for_a_time_stamp_that_never_comes(folder: Path, stop: int, code: int) -> None:
    """The library waits half a minute for it in native code, and whoever sent SIGTERM doesn't wait for that."""
    script = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from averment.cli.main import main; main()"
    with socket.create_server(("127.0.0.1", 0)) as authority:
        url = f"http://127.0.0.1:{authority.getsockname()[1]}/"
        arguments = ["media", "sign", "hero.jpg", "-o", "out.jpg", "--test-authority", "ca", "--tsa", url]
        with subprocess.Popen([sys.executable, "-c", script, *arguments], cwd=folder, stderr=subprocess.DEVNULL) as run_:
            authority.settimeout(60)
            with authority.accept()[0]:
                run_.send_signal(stop)
                assert run_.wait(15) == code
    assert not (folder / "out.jpg").exists()


def test_a_torn_line_is_not_removed_in_silence(signed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It may have been an entry that somebody cut."""
    (signed / "log.jsonl").write_bytes(b'{"entry":{"digi')
    assert run(["media", "sign", "hero.jpg", "-o", "out.jpg", "--test-authority", "ca", "--log", "log.jsonl"]) == 0
    assert "the beginning of a line at the log's end was removed" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(("kind", "name"), [("GIF", "out.jpg"), ("TIFF", "out.png"), ("JPEG", "out.mp4")])
def test_no_format_goes_under_the_name_of_another(folder: Path, kind: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Of whatever format a credential can be put into."""
    Image.linear_gradient("L").save(folder / "plain", kind)
    assert run(["media", "sign", "plain", "-o", name, "--test-authority", "ca"]) == 2
    assert f"{name} is called" in capsys.readouterr().err
    assert not (folder / name).exists()


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), SystemExit(143)])
@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("_put", "s3://shop/signed.jpg may be written and signed already, and isn't in the log group /shop/signed"),
        ("put_line", "s3://shop/signed.jpg was written and is signed, but its entry may be missing in the log group /shop/signed"),
    ],
)
def test_whoever_ends_a_signing_in_s3_is_told_how_things_stand(
    folder: Path,
    sandbox: object,
    step: str,
    said: str,
    stop: BaseException,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Ctrl-C or SIGTERM between the object and its entry; "interrupted" alone leaves one guessing."""
    s3 = client("s3")
    s3.create_bucket(Bucket="shop", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="shop", Key="raw.jpg", Body=(folder / "hero.jpg").read_bytes())

    def end(*_: object, **__: object) -> None:
        raise stop

    monkeypatch.setattr(credentials_s3, step, end)
    arguments = [
        "media",
        "sign",
        "s3://shop/raw.jpg",
        "-o",
        "s3://shop/signed.jpg",
        "--test-authority",
        "ca",
        "--log-group",
        "/shop/signed",
    ]
    if isinstance(stop, KeyboardInterrupt):
        assert run(arguments) == 130
    else:
        with pytest.raises(SystemExit):
            run(arguments)
    told = " ".join(capsys.readouterr().err.split())
    assert said in told
    assert "signing it again logs it" in told


def test_an_interrupt_after_the_entry_says_that_it_is_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The medium's name is the last to come."""
    real = FileLog.append

    def appended(self: FileLog, entry: Entry) -> Head:
        monkeypatch.setattr("averment.core.files.os.replace", interrupted)
        return real(self, entry)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FileLog, "append", appended)
    TestAuthority.open(folder / "ca")
    PemEcdsaSigner.create(folder / "ca" / "signer.key")
    assert run(["media", "sign", "hero.jpg", "-o", "out.jpg", "--test-authority", "ca", "--log", "log.jsonl"]) == 130
    assert "its entry is in the log, and out.jpg may be written or not" in " ".join(capsys.readouterr().err.split())
    assert not (folder / "out.jpg").exists()
    assert FileLog(folder / "log.jsonl").head().count == 1
