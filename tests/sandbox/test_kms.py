"""KMS signatures are over what the caller said they are over."""

from __future__ import annotations

import hashlib

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

from averment.core.errors import BadInputError
from averment.core.signing.kms import KmsSigner

MESSAGE = b"checkpoint of a ledger"


def _key(kms, spec):
    arn = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    return arn, serialization.load_der_public_key(kms.get_public_key(KeyId=arn)["PublicKey"])


@pytest.mark.parametrize(
    ("spec", "algorithm", "hash_"), [("ECC_NIST_P256", "ECDSA_SHA_256", "sha256"), ("ECC_NIST_P384", "ECDSA_SHA_384", "sha384")]
)
def test_a_digest_is_signed_as_it_is(sandbox, spec, algorithm, hash_):
    """A signature made with MessageType=DIGEST verifies offline over the message, and through KMS as RAW and as DIGEST."""
    kms = boto3.client("kms")
    arn, public = _key(kms, spec)
    digest = hashlib.new(hash_, MESSAGE).digest()
    signature = kms.sign(KeyId=arn, Message=digest, MessageType="DIGEST", SigningAlgorithm=algorithm)["Signature"]
    public.verify(signature, MESSAGE, ec.ECDSA({"sha256": hashes.SHA256(), "sha384": hashes.SHA384()}[hash_]))
    for message, kind in ((MESSAGE, "RAW"), (digest, "DIGEST")):
        answer = kms.verify(KeyId=arn, Message=message, MessageType=kind, Signature=signature, SigningAlgorithm=algorithm)
        assert answer["SignatureValid"] is True


@pytest.mark.parametrize("algorithm", ["RSASSA_PSS_SHA_256", "RSASSA_PKCS1_V1_5_SHA_256"])
@pytest.mark.parametrize("kind", ["RAW", "DIGEST"])
def test_rsa_signatures_verify_offline(sandbox, algorithm, kind):
    """RSA through both message types; PSS with a salt as long as the digest, which a strict verifier demands."""
    kms = boto3.client("kms")
    arn, public = _key(kms, "RSA_2048")
    message = hashlib.sha256(MESSAGE).digest() if kind == "DIGEST" else MESSAGE
    signature = kms.sign(KeyId=arn, Message=message, MessageType=kind, SigningAlgorithm=algorithm)["Signature"]
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if "PSS" in algorithm else padding.PKCS1v15()
    public.verify(signature, MESSAGE, scheme, hashes.SHA256())
    assert kms.verify(KeyId=arn, Message=message, MessageType=kind, Signature=signature, SigningAlgorithm=algorithm)["SignatureValid"]


def test_refusals(sandbox):
    """A digest of the wrong length, a message over 4096 bytes and a false signature are refused as KMS does."""
    kms = boto3.client("kms")
    arn, _ = _key(kms, "ECC_NIST_P256")
    sign = {"KeyId": arn, "SigningAlgorithm": "ECDSA_SHA_256"}
    with pytest.raises(ClientError, match="Digest is invalid length"):
        kms.sign(Message=b"short", MessageType="DIGEST", **sign)
    with pytest.raises(ClientError, match="less than or equal to 4096"):
        kms.sign(Message=bytes(4097), MessageType="RAW", **sign)
    signature = kms.sign(Message=MESSAGE, MessageType="RAW", **sign)["Signature"]
    with pytest.raises(kms.exceptions.KMSInvalidSignatureException):
        kms.verify(Message=hashlib.sha256(b"other").digest(), MessageType="DIGEST", Signature=signature, **sign)


def test_get_public_key_names_its_spec(sandbox):
    """KeySpec is there, as in KMS; moto names only the deprecated CustomerMasterKeySpec."""
    kms = boto3.client("kms")
    arn, _ = _key(kms, "ECC_NIST_P256")
    assert kms.get_public_key(KeyId=arn)["KeySpec"] == "ECC_NIST_P256"


def test_moto_alone_still_hashes_a_digest_twice(moto_alone):
    """When this fails, moto has caught up and the correction can go."""
    kms = moto_alone("kms")
    arn, public = _key(kms, "ECC_NIST_P256")
    digest = hashlib.sha256(MESSAGE).digest()
    signature = kms.sign(KeyId=arn, Message=digest, MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256")["Signature"]
    with pytest.raises(InvalidSignature):
        public.verify(signature, digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    assert "KeySpec" not in kms.get_public_key(KeyId=arn)


def test_a_key_that_is_off_does_nothing(sandbox):
    """Disabled, or waiting for its deletion: it signs nothing, verifies nothing, and gives no public key. Moto's does."""
    kms = boto3.client("kms")
    arn, _ = _key(kms, "ECC_NIST_P256")
    signed = kms.sign(KeyId=arn, Message=MESSAGE, SigningAlgorithm="ECDSA_SHA_256")["Signature"]
    for switch, code in (
        (lambda: kms.disable_key(KeyId=arn.rpartition("/")[2]), "DisabledException"),
        (lambda: kms.schedule_key_deletion(KeyId=arn.rpartition("/")[2], PendingWindowInDays=7), "KMSInvalidStateException"),
    ):
        switch()
        for ask in (
            lambda: kms.sign(KeyId=arn, Message=MESSAGE, SigningAlgorithm="ECDSA_SHA_256"),
            lambda: kms.verify(KeyId=arn, Message=MESSAGE, Signature=signed, SigningAlgorithm="ECDSA_SHA_256"),
            lambda: kms.get_public_key(KeyId=arn),
        ):
            with pytest.raises(ClientError) as caught:
                ask()
            assert caught.value.response["Error"]["Code"] == code


def test_a_symmetric_key_signs_no_ledger(sandbox):
    """It has no public key, which KMS says in words of its own; whoever names it is told which kind is needed."""
    key = boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
    with pytest.raises(ClientError, match="UnsupportedOperationException"):
        boto3.client("kms").get_public_key(KeyId=key)
    with pytest.raises(BadInputError, match="is not ECC_NIST_P256") as caught:
        KmsSigner(key).public_key()
    assert "--key-spec ECC_NIST_P256" in str(caught.value.fix)
