"""Whom a deployment trusts is in a file that it reads again and again; what can't be read trusts nobody and fails the scan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from averment.core.errors import BadInputError, IncompleteError
from averment.detector import corpus
from averment.detector.credentials.authority import TestAuthority
from averment.detector.credentials.keys import PemEcdsaSigner
from averment.detector.credentials.signing import sign_media
from averment.detector.gate import trusted_files
from averment.detector.gate.seals import origin_seal

ANCHORS, KEYS = "s3://shop-trust/anchors.pem", "s3://shop-trust/partners.pem"


@pytest.fixture
def put(sandbox: Any) -> Iterator[Any]:
    """``put(key, body)`` into the bucket of those who are trusted; nothing is remembered from other tests."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="shop-trust", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    trusted_files.forget()
    yield lambda key, body: s3.put_object(Bucket="shop-trust", Key=key, Body=body)
    trusted_files.forget()


@pytest.fixture
def signer(tmp_path: Path) -> PemEcdsaSigner:
    return PemEcdsaSigner.create(tmp_path / "key.pem")


def test_who_is_struck_off_is_trusted_no_longer(
    site: Any, double: Any, put: Any, signer: PemEcdsaSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real C2PA: disclosed and published while the authority is among the anchors, flagged once it is taken out and they are read anew."""
    now = [1000.0]
    monkeypatch.setattr(trusted_files.time, "monotonic", lambda: now[0])
    portrait = next(image for image in corpus.load() if image.label == "synthetic").read()
    authority = TestAuthority.create()
    marked = sign_media(portrait, signer, authority.issue(signer.public_key(), "studio")).data
    put("anchors.pem", authority.anchors)
    gate = site.gate(double, trust=ANCHORS, publish_disclosed=True)
    assert gate.handle(site.upload("a.jpg", marked))["verdict"] == "disclosed"
    assert site.published("a.jpg") == marked
    put("anchors.pem", TestAuthority.create().anchors)
    assert gate.handle(site.upload("b.jpg", marked))["verdict"] == "disclosed", "within the five minutes in which a function remembers"
    now[0] += trusted_files.AGE
    assert gate.handle(site.upload("c.jpg", marked))["verdict"] == "flagged"


def test_partners_are_known_by_a_file_in_a_bucket(site: Any, double: Any, put: Any, signer: PemEcdsaSigner) -> None:
    """A seal of theirs names their key; one of somebody else holds the upload."""
    from averment.core.signing.interface import Signer

    def partner(name: Signer) -> bytes:
        from cryptography.hazmat.primitives import serialization

        key = serialization.load_der_public_key(name.public_key())
        return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    put("partners.pem", partner(signer))
    gate = site.gate(double, origin_keys=KEYS)
    body = b"\xff\xd8\xffclean"
    good = gate.handle(site.upload("a.jpg", body, Metadata=origin_seal(signer, body, "declared; origin=camera")))
    assert (good["verdict"], bool(good["credential"]["origin_key"])) == ("clean", True)
    bad = gate.handle(site.upload("b.jpg", body, Metadata={**origin_seal(signer, b"other", "declared; origin=camera")}))
    assert (bad["verdict"], bad["credential"]["broken_seal"]) == ("review", True)


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (None, "does not exist"),
        (b"", "not certificates in PEM"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not certificates in PEM"),
    ],
)
def test_a_file_that_is_no_list_of_authorities_is_named(put: Any, body: bytes | None, wrong: str) -> None:
    """Missing, empty or broken: an error with its place, never an empty list that trusts nobody in silence."""
    if body is not None:
        put("anchors.pem", body)
    with pytest.raises(BadInputError, match=wrong) as caught:
        trusted_files.anchors(ANCHORS)
    assert str(caught.value.where) == ANCHORS
    put("partners.pem", body or b"x")
    with pytest.raises(BadInputError, match="holds no public key"):
        trusted_files.partners_keys(KEYS)


def test_what_cannot_be_read_fails_the_scan_and_publishes_nothing(site: Any, double: Any, put: Any) -> None:
    """Denied by its bucket: the scan raises, so that the queue delivers again; a place without a key and a file without end are refused."""
    put("anchors.pem", b"x")
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::shop-trust/*"}
    site.s3.put_bucket_policy(Bucket="shop-trust", Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    portrait = next(image for image in corpus.load() if image.label == "synthetic").read()
    with pytest.raises(IncompleteError, match=r"could not read s3://shop-trust/anchors\.pem"):
        site.gate(double, trust=ANCHORS).handle(site.upload("a.jpg", portrait))
    assert site.published("a.jpg") is None
    with pytest.raises(BadInputError, match="names no object"):
        trusted_files.anchors("s3://shop-trust")
    site.s3.delete_bucket_policy(Bucket="shop-trust")
    put("partners.pem", b"x" * (trusted_files.LIMIT + 1))
    with pytest.raises(IncompleteError, match="was not read"):
        trusted_files.partners_keys(KEYS)
    assert (trusted_files.anchors("none"), trusted_files.partners_keys("none")) == (None, ())
