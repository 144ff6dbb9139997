"""The upload issuer: S3 takes exactly what was permitted. moto evaluates no POST policy, so the policy is evaluated here as S3 documents it."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from averment.core.errors import BadInputError
from averment.detector.gate.issuing import Terms, Wanted, check, issue_post, issue_put, upload_handler

BODY = b"\xff\xd8\xff a picture"
DIGEST = hashlib.sha256(BODY).hexdigest()
WANTED = Wanted("seller-7", "image/jpeg", len(BODY), DIGEST, "camera")


def admitted(fields: dict[str, str], size: int) -> bool:
    """Whether S3 takes a form: every condition holds, and every field has one (but for the signature's own and ``x-ignore-``)."""
    conditions = json.loads(base64.b64decode(fields["policy"]))["conditions"]
    exact: dict[str, str] = {"bucket": "shop-uploads"}
    given = {"bucket": "shop-uploads", **{name.lower(): value for name, value in fields.items()}}
    for condition in conditions:
        if isinstance(condition, dict):
            exact |= {name.lower(): value for name, value in condition.items()}
        elif condition[0] == "content-length-range":
            if not condition[1] <= size <= condition[2]:
                return False
        else:
            raise AssertionError(condition)
    free = {"policy", "x-amz-signature"}
    return all(given.get(name) == value for name, value in exact.items()) and set(given) <= set(exact) | free


@pytest.fixture
def form(site: Any) -> dict[str, Any]:
    return issue_post(Terms("shop-uploads"), WANTED)


def test_the_form_uploads_the_medium_with_its_provenance(site: Any, form: dict[str, Any]) -> None:
    """Sent as it is, it is admitted, and the object has metadata, tag and type, in the place that the issuer chose."""
    import urllib.request

    fields = dict(form["fields"])
    assert admitted(fields, len(BODY))
    boundary = "b0undary"
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
    last = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'.encode() + BODY
    data = b"".join(parts) + last + f"\r\n--{boundary}--\r\n".encode()
    request = urllib.request.Request(form["url"], data=data, headers={"Content-Type": f"multipart/form-data; boundary={boundary}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status in {200, 204}
    head = site.s3.head_object(Bucket="shop-uploads", Key=form["key"])
    assert head["Metadata"]["provenance"] == "declared; origin=camera; uploader=seller-7"
    assert form["key"].startswith("uploads/seller-7/")


@pytest.mark.parametrize("region", ["eu-west-1", "eu-south-1"])
def test_what_is_issued_goes_to_the_regions_own_address(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3's address of the whole world redirects from a bucket that is some hours old, which no form survives, and knows no newer region at all."""
    for name, value in {"AWS_REGION": region, "AWS_DEFAULT_REGION": region, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for issued in (issue_post(Terms("shop-uploads"), WANTED), issue_put(Terms("shop-uploads"), WANTED)):
        assert urlsplit(str(issued["url"])).hostname == f"shop-uploads.s3.{region}.amazonaws.com"


@pytest.mark.parametrize(
    "change",
    [
        {"key": "published/x.jpg"},
        {"Content-Type": "text/html"},
        {"x-amz-meta-provenance": "declared; origin=camera; uploader=seller-8"},
        {"x-amz-checksum-sha256": base64.b64encode(bytes(32)).decode()},
        {"tagging": "<Tagging><TagSet><Tag><Key>averment-verdict</Key><Value>clean</Value></Tag></TagSet></Tagging>"},
        {"x-amz-meta-averment-seal": "forged"},
        {"acl": "public-read"},
    ],
)
def test_a_form_that_was_changed_is_refused(form: dict[str, Any], change: dict[str, str]) -> None:
    """Another place, type, origin, content or tag, and anything that is added."""
    assert not admitted({**form["fields"], **change}, len(BODY))


@pytest.mark.parametrize("left_out", ["x-amz-meta-provenance", "x-amz-checksum-sha256", "tagging", "Content-Type"])
def test_a_form_that_leaves_something_out_is_refused(form: dict[str, Any], left_out: str) -> None:
    """Provenance can't be dropped by not sending it."""
    assert not admitted({name: value for name, value in form["fields"].items() if name != left_out}, len(BODY))


def test_another_size_is_refused(form: dict[str, Any]) -> None:
    """One byte more or less than was asked for isn't the medium that was asked for."""
    assert not admitted(form["fields"], len(BODY) + 1)
    assert not admitted(form["fields"], len(BODY) - 1)


def test_a_put_has_to_send_what_was_signed(site: Any) -> None:
    """All that is pinned is among the signed headers, so that S3 refuses a request that lacks or changes one of them."""
    made = issue_put(Terms("shop-uploads"), WANTED)
    signed = parse_qs(urlsplit(str(made["url"])).query)["X-Amz-SignedHeaders"][0].split(";")
    assert {"content-length", "content-type", "x-amz-checksum-sha256", "x-amz-meta-provenance", "x-amz-tagging"} <= set(signed)
    assert {name.lower() for name in made["headers"]} <= set(signed)  # type: ignore[union-attr]


def test_a_permission_ends_when_it_says(site: Any) -> None:
    """Ten minutes unless the deployment says otherwise, in what S3 checks and in what the client is told."""
    before = datetime.now(UTC).replace(microsecond=0)
    for terms, lasts in ((Terms("shop-uploads"), 600), (Terms("shop-uploads", lifetime=timedelta(seconds=90)), 90)):
        form, put = issue_post(terms, WANTED, now=before), issue_put(terms, WANTED, now=before)
        ends = datetime.fromisoformat(json.loads(base64.b64decode(form["fields"]["policy"]))["expiration"])  # type: ignore[index, call-overload, arg-type]
        assert timedelta() <= ends - before - timedelta(seconds=lasts) < timedelta(seconds=30)
        assert parse_qs(urlsplit(str(put["url"])).query)["X-Amz-Expires"] == [str(lasts)]
        told = {datetime.fromisoformat(str(issued["expires_at"])) for issued in (form, put)}
        assert told == {before + timedelta(seconds=lasts)}


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"media_type": "image/svg+xml"}, "is not taken"),
        ({"media_type": "video/mp4"}, "is not taken"),
        ({"size": 0}, "0 bytes are not taken"),
        ({"size": -1}, "bytes are not taken"),
        ({"size": 32 * 1024 * 1024 + 1}, "bytes are not taken"),
        ({"sha256": "x" * 64}, "64 hexadecimal digits"),
        ({"sha256": f"{DIGEST}00"}, "64 hexadecimal digits"),
        ({"origin": "trust me"}, "is no origin"),
        ({"uploader": "../published"}, "can't stand in a key"),
        ({"uploader": "seller-7/../seller-8"}, "can't stand in a key"),
        ({"uploader": "x" * 129}, "can't stand in a key"),
    ],
)
def test_what_the_terms_do_not_allow_is_refused_with_the_reason(change: dict[str, Any], wrong: str) -> None:
    """Before anything is signed."""
    with pytest.raises(BadInputError, match=wrong):
        issue_post(Terms("shop-uploads"), Wanted(**{**vars(WANTED), **change}))


REQUEST = json.dumps({"media_type": "image/jpeg", "size": len(BODY), "sha256": DIGEST, "origin": "camera"})
SIGNED_IN = {"authorizer": {"jwt": {"claims": {"sub": "seller-7"}}}}


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ({"requestContext": SIGNED_IN, "body": REQUEST}, 200),
        ({"requestContext": {"authorizer": {"claims": {"sub": "seller-7"}}}, "body": REQUEST}, 200),
        ({"requestContext": {"authorizer": {"lambda": {"sub": "seller-7"}}}, "body": REQUEST}, 200),
        ({"requestContext": {"authorizer": {"principalId": "seller-7"}}, "body": REQUEST}, 200),
        ({"requestContext": {"authorizer": {"principalId": 7}}, "body": REQUEST}, 401),
        ({"requestContext": SIGNED_IN, "body": REQUEST.replace(DIGEST, DIGEST.upper())}, 200),
        ({"requestContext": SIGNED_IN, "body": base64.b64encode(REQUEST.encode()).decode(), "isBase64Encoded": True}, 200),
        ({"requestContext": SIGNED_IN, "body": REQUEST, "queryStringParameters": {"method": "put"}}, 200),
        ({"requestContext": {}, "body": REQUEST}, 401),
        ({"body": REQUEST, "headers": {"x-user": "seller-7"}}, 401),
        ({"requestContext": SIGNED_IN, "body": "{"}, 400),
        ({"requestContext": SIGNED_IN, "body": "[]"}, 400),
        ({"requestContext": SIGNED_IN, "body": REQUEST.replace(f'"size": {len(BODY)}', '"size": true')}, 400),
        ({"requestContext": SIGNED_IN, "body": "[" * 100_000}, 400),
        ({"requestContext": SIGNED_IN}, 400),
    ],
)
def test_the_function_answers_who_signed_in_and_nobody_else(
    site: Any, monkeypatch: pytest.MonkeyPatch, event: dict[str, Any], status: int
) -> None:
    """The uploader is who the authorizer names, never a header; a bad request gets its reason."""
    monkeypatch.setenv("AVERMENT_UPLOAD_BUCKET", "shop-uploads")
    answer = upload_handler(event, None)
    assert answer["statusCode"] == status
    body = json.loads(str(answer["body"]))
    assert ("uploads/seller-7/" in body["key"]) if status == 200 else body["error"]


@pytest.mark.parametrize("sizes", ["x", "[]", '{"image/gif": 1}', '{"image/jpeg": "many"}'])
def test_a_wrong_table_of_sizes_is_refused(sizes: str) -> None:
    """A slip in the deployment doesn't open what it meant to bound."""
    with pytest.raises(BadInputError, match="AVERMENT_UPLOAD_SIZES"):
        Terms.from_environment({"AVERMENT_UPLOAD_BUCKET": "b", "AVERMENT_UPLOAD_SIZES": sizes})


def test_a_deployments_own_place_and_sizes_are_what_is_issued() -> None:
    """A prefix is a folder whether or not it is written with its slash; a type that the table leaves out is refused, and a size is the most that is taken."""
    base = {"AVERMENT_UPLOAD_BUCKET": "b"}
    for written in ("incoming", "incoming/", " incoming// "):
        assert Terms.from_environment({**base, "AVERMENT_UPLOAD_PREFIX": written}).prefix == "incoming/"
    terms = Terms.from_environment({**base, "AVERMENT_UPLOAD_SIZES": '{"image/jpeg": 10}'})
    check(terms, Wanted("seller-7", "image/jpeg", 10, DIGEST, "camera"))
    for refused in (Wanted("seller-7", "image/jpeg", 11, DIGEST, "camera"), Wanted("seller-7", "image/png", 10, DIGEST, "camera")):
        with pytest.raises(BadInputError, match="not taken"):
            check(terms, refused)
    with pytest.raises(BadInputError, match="AVERMENT_UPLOAD_BUCKET is not set"):
        Terms.from_environment({"AVERMENT_UPLOAD_BUCKET": " "})
