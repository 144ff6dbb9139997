"""Signing keys: a local one and one in KMS, cross-checked with openssl."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import boto3
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from averment.core.errors import BadInputError, IncompleteError, MissingExtraError
from averment.core.organisation import EvidenceSettings, Organisation
from averment.core.signing.interface import Algorithm
from averment.core.signing.kms import KmsSigner
from averment.core.signing.local import LocalSigner
from averment.core.signing.opening import open_signer
from averment.core.signing.verification import der_of_pem, public_pem, verify_signature
from averment.evidence.ledger.opening import open_ledger

MESSAGE = b"a statement that one offers to prove" * 200  # longer than the 4,096 bytes that KMS takes unhashed
PKCS8 = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def kms_key(spec="ECC_NIST_P256"):
    """A new key in the embedded KMS."""
    return boto3.client("kms").create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]


@pytest.fixture(params=["local", "kms"])
def signer(request, tmp_path):
    """A signer of each kind."""
    if request.param == "local":
        return open_signer("keys/ledger.pem", tmp_path, create=True)
    request.getfixturevalue("sandbox")
    return open_signer(f"kms:{kms_key()}", tmp_path)


def openssl_verifies(folder, public_key, message, signature, algorithm):
    """Whether openssl accepts the signature."""
    for name, data in (("key.pem", public_pem(public_key)), ("message", message), ("signature", signature)):
        (folder / name).write_bytes(data)
    command = {
        Algorithm.ED25519: "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in message -sigfile signature",
        Algorithm.ECDSA_P256_SHA256: "openssl dgst -sha256 -verify key.pem -signature signature message",
    }[algorithm]
    return subprocess.run(command.split(), cwd=folder, capture_output=True, check=False).returncode == 0


def test_a_signature_verifies_here_and_with_openssl(signer, tmp_path):
    """What either key signs, we and openssl verify; another message, key or algorithm neither does."""
    signature, key = signer.sign(MESSAGE), signer.public_key()
    assert verify_signature(signer.algorithm, key, MESSAGE, signature)
    assert openssl_verifies(tmp_path, key, MESSAGE, signature, signer.algorithm)
    assert not verify_signature(signer.algorithm, key, MESSAGE + b".", signature)
    assert not openssl_verifies(tmp_path, key, MESSAGE + b".", signature, signer.algorithm)
    other = next(item for item in Algorithm if item is not signer.algorithm)
    assert not verify_signature(other, key, MESSAGE, signature)
    assert not verify_signature(signer.algorithm, key, MESSAGE, b"")
    assert der_of_pem(public_pem(key)) == key


@pytest.mark.parametrize("prefix", ["", "KMS:", "awskms:///"])
@pytest.mark.parametrize(
    "key",
    [
        "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "alias/evidence",
        "1234abcd-12ab-34cd-56ef-1234567890ab",
        "mrk-1234abcd12ab34cd56ef1234567890ab",
    ],
)
def test_a_key_in_kms_without_its_prefix_is_not_made_as_a_file(tmp_path, prefix, key):
    """The ledger was signed with a key in a folder called ``alias``, and whoever read the settings took it for one in KMS."""
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(signing_key=prefix + key))
    with pytest.raises(BadInputError, match="reads like a key in KMS") as caught:
        open_ledger(shop, write=True)
    assert "write kms: and its id" in (caught.value.fix or "")
    assert list(tmp_path.iterdir()) == []
    LocalSigner.create(tmp_path / (prefix + key))  # one that is there is what is meant
    assert open_signer(prefix + key, tmp_path).algorithm is Algorithm.ED25519


@pytest.mark.parametrize("text", ["~/keys/ledger.pem", "$HOME/ledger.pem", "${KEYS}/ledger.pem"])
def test_no_key_is_made_in_a_folder_that_a_shell_would_have_meant(tmp_path, text):
    """A private key lay in a folder called ``~`` of the repository."""
    with pytest.raises(BadInputError, match="no shell is asked"):
        open_signer(text, tmp_path, create=True)
    assert list(tmp_path.iterdir()) == []


def test_a_key_by_openssl_is_usable(tmp_path):
    """The key that the error message tells people to make works."""
    path = tmp_path / "key.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(path)], check=True, capture_output=True)
    path.chmod(0o600)
    assert len(open_signer("key.pem", tmp_path).sign(b"x")) == 64


def test_a_key_is_made_once_and_found_again(tmp_path):
    """Opening twice gives one key; without leave to create, a missing one is an error."""
    with pytest.raises(BadInputError, match="does not exist"):
        open_signer("k.pem", tmp_path)
    made = open_signer("k.pem", tmp_path, create=True)
    assert (
        open_signer("k.pem", tmp_path, create=True).public_key() == made.public_key() == LocalSigner.create(tmp_path / "k.pem").public_key()
    )


def test_a_key_that_others_can_read_is_refused(tmp_path):
    """As ssh does: the message says the mode and the command that mends it."""
    open_signer("k.pem", tmp_path, create=True)
    (tmp_path / "k.pem").chmod(0o640)
    with pytest.raises(BadInputError, match="0640") as caught:
        open_signer("k.pem", tmp_path)
    assert caught.value.fix.startswith("chmod 600")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage",
        ec.generate_private_key(ec.SECP256R1()).private_bytes(*PKCS8),
        ed25519.Ed25519PrivateKey.generate().private_bytes(*PKCS8[:2], serialization.BestAvailableEncryption(b"x")),
        ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(PKCS8[0], serialization.PublicFormat.SubjectPublicKeyInfo),
    ],
)
def test_what_is_no_usable_key_is_refused(tmp_path, data):
    """Garbage, another algorithm, an encrypted key, a public key: refused with a way out."""
    path = tmp_path / "k.pem"
    path.write_bytes(data)
    path.chmod(0o600)
    with pytest.raises(BadInputError) as caught:
        open_signer("k.pem", tmp_path)
    assert caught.value.fix


def test_public_keys_of_other_kinds_are_refused():
    """RSA and another curve are named as not supported instead of verifying nothing in silence."""
    for key in (rsa.generate_private_key(65537, 2048).public_key(), ec.generate_private_key(ec.SECP384R1()).public_key()):
        der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        with pytest.raises(BadInputError, match="neither"):
            verify_signature(Algorithm.ED25519, der, b"", b"")


def test_kms_gets_the_digest_not_the_message():
    """The call is Sign with MessageType=DIGEST over the SHA-256, as the interface says."""
    key = ec.generate_private_key(ec.SECP256R1())
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    calls = []

    class Kms:
        def get_public_key(self, **_):
            return {"PublicKey": der}

        def sign(self, **arguments):
            calls.append(arguments)
            return {"Signature": key.sign(MESSAGE, ec.ECDSA(hashes.SHA256()))}

    KmsSigner("alias/ledger", Kms()).sign(MESSAGE)
    assert calls == [
        {"KeyId": "alias/ledger", "Message": hashlib.sha256(MESSAGE).digest(), "MessageType": "DIGEST", "SigningAlgorithm": "ECDSA_SHA_256"}
    ]


def test_a_kms_that_hashes_twice_is_found_out():
    """A signature over the digest's digest (as some stand-ins for KMS make) is refused at once, not by the auditor."""
    key = ec.generate_private_key(ec.SECP256R1())
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    class Kms:
        def get_public_key(self, **_):
            return {"PublicKey": der}

        def sign(self, *, Message, **_):  # noqa: N803 - boto3's name
            return {"Signature": key.sign(Message, ec.ECDSA(hashes.SHA256()))}

    with pytest.raises(IncompleteError, match="does not verify"):
        KmsSigner("alias/ledger", Kms()).sign(MESSAGE)


def test_a_kms_key_of_another_kind_or_disabled_is_said_to_be(sandbox):
    """Wrong spec: bad input with the command to make a right one. Unknown key: could not, because."""
    with pytest.raises(BadInputError, match="not ECC_NIST_P256"):
        KmsSigner(kms_key("RSA_2048")).sign(b"x")
    with pytest.raises(IncompleteError, match="alias/absent"):
        KmsSigner("alias/absent").sign(b"x")


def test_what_keeps_this_machine_from_asking_kms_is_no_flaw_of_the_key(monkeypatch):
    """Without boto3, or with an address of KMS that is none, a good key was told to be of another kind, and its owner to make a new one."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "nowhere")
    with pytest.raises(BadInputError, match="nowhere"):
        KmsSigner("alias/ledger").public_key()
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(MissingExtraError, match="boto3"):
        KmsSigner("alias/ledger").sign(b"x")


def test_a_ledger_signed_through_kms(sandbox, tmp_path, make_record):
    """Checkpoint type 0x02 and envelopes through KMS: written, read and proven with the public key alone."""
    shop = Organisation(root=tmp_path, evidence=EvidenceSettings(signing_key=f"kms:{kms_key()}", origin="example.com/shop"))
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1), make_record(2)])
        ledger.append([make_record(2), make_record(3)])
        assert ledger.sign("text\n") == ledger.sign("text\n")  # although ECDSA gives another signature every time
    with open_ledger(shop) as reader:
        assert reader.checkpoint.signed_by[0].algorithm is Algorithm.ECDSA_P256_SHA256
        assert [entry.record.query["number"] for entry in reader.records()] == [1, 2, 3]
        reader.prove(1).verify(reader.entry(1).envelope, "example.com/shop", reader.keys)
