"""Signing objects in S3 with a key in KMS, against the embedded AWS. Images are gradients made here with Pillow."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from PIL import Image

from averment.core.aws import client
from averment.core.canonical import sha256_hex
from averment.core.errors import BadInputError, IncompleteError
from averment.core.signing.kms import KmsSigner
from averment.detector.credentials.authority import TestAuthority
from averment.detector.credentials.inspect import State, inspect
from averment.detector.credentials.log import CloudWatchLog
from averment.detector.credentials.recovery import By, Register, fingerprint
from averment.detector.credentials.s3 import PROVENANCE_LOG_GROUP, S3Place, log_event, read_object, sign_object
from averment.detector.credentials.xmp import AI_GENERATED

SOURCE, TARGET = S3Place("shop-generated", "raw/hero.png"), S3Place("shop-generated", "signed/hero.png")
NOW = datetime.now(UTC).replace(microsecond=0)


def gradient() -> bytes:
    output = io.BytesIO()
    Image.linear_gradient("L").save(output, "PNG")
    return output.getvalue()


@pytest.fixture
def s3(sandbox: object) -> Any:
    s3 = client("s3")
    s3.create_bucket(Bucket=SOURCE.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(
        Bucket=SOURCE.bucket,
        Key=SOURCE.key,
        Body=gradient(),
        CacheControl="max-age=60",
        Metadata={"campaign": "autumn", "averment-verdict": "clean"},
        Tagging="team=studio&averment-verdict=clean",
    )
    return s3


def overwrite_after(s3: Any, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let another upload come to the source's place as soon as ``call`` was answered for the first time."""
    real, put = getattr(s3, call), s3.put_object

    def then_overwrite(**arguments: Any) -> Any:
        answer = real(**arguments)
        monkeypatch.setattr(s3, call, real)
        put(Bucket=SOURCE.bucket, Key=SOURCE.key, Body=b"newer", Tagging="team=press")
        return answer

    monkeypatch.setattr(s3, call, then_overwrite)


@pytest.fixture
def signer(sandbox: object) -> KmsSigner:
    key = client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    return KmsSigner(key)


@pytest.fixture
def authority() -> TestAuthority:
    return TestAuthority.create()


def test_an_object_is_signed_through_kms_and_verifies_offline(s3: Any, signer: KmsSigner, authority: TestAuthority) -> None:
    """The private key never leaves KMS; what comes out is trusted by anybody who trusts the authority."""
    signed = sign_object(SOURCE, TARGET, signer, authority.issue(signer.public_key(), "kms"), now=NOW)
    data = read_object(TARGET)
    found = inspect(data, authority.anchors)
    assert (found.state, found.source_types) == (State.TRUSTED, (AI_GENERATED,))
    assert sha256_hex(data) == signed.sha256
    assert inspect(read_object(SOURCE), authority.anchors).state is State.NONE


def test_metadata_and_tags_say_so_and_verdicts_dont_travel(s3: Any, signer: KmsSigner, authority: TestAuthority) -> None:
    """Others' metadata, tags and headers are kept; the gate's verdict was about other bytes and isn't."""
    sign_object(SOURCE, TARGET, signer, authority.issue(signer.public_key(), "kms"), now=NOW)
    head = s3.head_object(Bucket=TARGET.bucket, Key=TARGET.key)
    tags = {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=TARGET.bucket, Key=TARGET.key)["TagSet"]}
    assert head["Metadata"]["provenance"].startswith("c2pa; digital-source-type=trainedAlgorithmicMedia; source-sha256=")
    assert sha256_hex(gradient()) in head["Metadata"]["provenance"]
    assert head["Metadata"]["campaign"] == "autumn"
    assert (head["ContentType"], head["CacheControl"]) == ("image/png", "max-age=60")
    assert tags == {"team": "studio", "provenance": "c2pa"}
    assert "averment-verdict" not in head["Metadata"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"Tagging": "&".join(f"t{number}=1" for number in range(10))}, "has 10 tags to keep; S3 allows 10 with provenance=c2pa"),
        (
            {"Metadata": {"story": "x" * 2000}},
            r"so much metadata that with x-amz-meta-provenance it would be 2,1\d\d bytes; S3 allows 2,048",
        ),
    ],
)
def test_what_s3_has_no_room_for_is_said_before_anything_is_written(
    given: dict[str, Any], message: str, s3: Any, signer: KmsSigner, authority: TestAuthority
) -> None:
    """Bad input with a way out: S3's own refusal names neither which tag nor that it is ours that is too much. Nothing of theirs is dropped."""
    s3.put_object(Bucket=SOURCE.bucket, Key=SOURCE.key, Body=gradient(), **given)
    with pytest.raises(BadInputError, match=message):
        sign_object(SOURCE, SOURCE, signer, authority.issue(signer.public_key(), "kms"), now=NOW)
    assert read_object(SOURCE) == gradient()
    nine = "&".join(f"t{number}=1" for number in range(9))
    s3.put_object(Bucket=SOURCE.bucket, Key=SOURCE.key, Body=gradient(), Tagging=f"{nine}&provenance=none")
    sign_object(SOURCE, SOURCE, signer, authority.issue(signer.public_key(), "kms"), now=NOW)
    assert len(s3.get_object_tagging(Bucket=SOURCE.bucket, Key=SOURCE.key)["TagSet"]) == 10


def test_the_signing_is_logged_as_one_json_line(s3: Any, signer: KmsSigner, authority: TestAuthority) -> None:
    """Everything that the provenance collector reads; a second signing appends to the same stream."""
    chain = authority.issue(signer.public_key(), "kms")
    moment = datetime.now(UTC).replace(microsecond=0)
    first = sign_object(SOURCE, TARGET, signer, chain, now=moment)
    sign_object(SOURCE, S3Place(TARGET.bucket, "signed/again.png"), signer, chain, now=moment)
    events = client("logs").filter_log_events(logGroupName=PROVENANCE_LOG_GROUP)["events"]
    assert [json.loads(event["message"])["object"] for event in events] == [str(TARGET), "s3://shop-generated/signed/again.png"]
    assert json.loads(events[0]["message"]) == {
        "object": str(TARGET),
        "sha256": first.sha256,
        "source_sha256": sha256_hex(gradient()),
        "key": signer.key_name,
        "key_sha256": sha256_hex(signer.public_key()),
        "media_type": "image/png",
        "perceptual_hash": fingerprint(gradient()),
        "signed_at": moment.isoformat().replace("+00:00", "Z"),
        "digital_source_type": AI_GENERATED,
    }


def test_a_stripped_copy_is_found_through_the_log_group(s3: Any, signer: KmsSigner, authority: TestAuthority) -> None:
    """The log in CloudWatch serves as register; a line in it that is none of ours could not be checked, and isn't skipped."""
    picture, drawn, output = Image.effect_noise((20, 20), 60).resize((300, 200)), io.BytesIO(), io.BytesIO()
    picture.save(drawn, "PNG")
    s3.put_object(Bucket=SOURCE.bucket, Key=SOURCE.key, Body=drawn.getvalue())
    sign_object(SOURCE, TARGET, signer, authority.issue(signer.public_key(), "kms"))
    picture.convert("RGB").save(output, "JPEG", quality=80)
    found = inspect(output.getvalue(), authority.anchors, Register(CloudWatchLog(PROVENANCE_LOG_GROUP).entries()))
    assert found.state is State.STRIPPED
    assert found.recovered is not None
    assert found.recovered.entry is not None
    assert (found.recovered.entry.object, found.recovered.by) == (str(TARGET), (By.PERCEPTUAL,))
    log_event(client("logs"), PROVENANCE_LOG_GROUP, {"object": "s3://shop/without-hash"}, datetime.now(UTC))
    with pytest.raises(IncompleteError, match="none of a provenance log"):
        list(CloudWatchLog(PROVENANCE_LOG_GROUP).entries())
    streams = {"logGroupName": "/deep", "logStreamName": "s"}
    client("logs").create_log_group(logGroupName="/deep")
    client("logs").create_log_stream(**streams)
    deep = {"timestamp": int(datetime.now(UTC).timestamp() * 1000), "message": "[" * 100_000}
    client("logs").put_log_events(**streams, logEvents=[deep])
    with pytest.raises(IncompleteError, match="none of a provenance log"):
        list(CloudWatchLog("/deep").entries())
    with pytest.raises(IncompleteError, match="read the log group /none"):
        list(CloudWatchLog("/none").entries())


def test_an_object_can_be_signed_in_place(s3: Any, signer: KmsSigner, authority: TestAuthority) -> None:
    """Source and target may be one."""
    sign_object(SOURCE, SOURCE, signer, authority.issue(signer.public_key(), "kms"), now=NOW)
    assert inspect(read_object(SOURCE), authority.anchors).state is State.TRUSTED


def test_an_object_that_is_signed_in_place_keeps_its_key_and_class(s3: Any, signer: KmsSigner, authority: TestAuthority) -> None:
    """Under S3's own key more people could read it; in another bucket the key may not even be there."""
    key = client("kms").create_key()["KeyMetadata"]["Arn"]
    s3.put_object(
        Bucket=SOURCE.bucket,
        Key=SOURCE.key,
        Body=gradient(),
        ServerSideEncryption="aws:kms",
        SSEKMSKeyId=key,
        StorageClass="STANDARD_IA",
        Expires=NOW,
        WebsiteRedirectLocation="/hero",
    )
    s3.create_bucket(Bucket="elsewhere", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    elsewhere = S3Place("elsewhere", "hero.png")
    chain = authority.issue(signer.public_key(), "kms")
    asked: list[dict[str, Any]] = []
    put = s3.put_object

    def noted(**arguments: Any) -> Any:
        asked.append(arguments)
        return put(**arguments)

    s3.put_object = noted
    for target in (elsewhere, SOURCE):
        sign_object(SOURCE, target, signer, chain, s3=s3)
    away, head = asked[0], s3.head_object(Bucket=SOURCE.bucket, Key=SOURCE.key)
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"], head["StorageClass"]) == ("aws:kms", key, "STANDARD_IA")
    assert (asked[1]["Expires"], asked[1]["WebsiteRedirectLocation"]) == (NOW, "/hero")
    assert (away["StorageClass"], "SSEKMSKeyId" in away) == ("STANDARD_IA", False)


def versioned(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket=SOURCE.bucket, VersioningConfiguration={"Status": "Enabled"})


def test_tags_are_those_of_the_version_that_was_read(
    s3: Any, signer: KmsSigner, authority: TestAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upload that comes meanwhile has tags of its own, which say nothing of the bytes that were signed."""
    versioned(s3)
    s3.put_object(Bucket=SOURCE.bucket, Key=SOURCE.key, Body=gradient(), Tagging="team=studio")
    overwrite_after(s3, "get_object", monkeypatch)
    sign_object(SOURCE, TARGET, signer, authority.issue(signer.public_key(), "kms"), s3=s3, now=NOW)
    tags = {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=TARGET.bucket, Key=TARGET.key)["TagSet"]}
    assert tags == {"team": "studio", "provenance": "c2pa"}


def test_tags_that_may_not_be_read_stop_the_signing(
    s3: Any, signer: KmsSigner, authority: TestAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 says how many tags there are only to who may read them; without that an object of none would be written over one of a legal hold."""
    s3.put_object(Bucket=SOURCE.bucket, Key=SOURCE.key, Body=gradient(), Tagging="retain=legal-hold")
    read = s3.get_object

    def without_count(**request: Any) -> Any:
        return {name: value for name, value in read(**request).items() if name != "TagCount"}

    def denied(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObjectTagging")

    monkeypatch.setattr(s3, "get_object", without_count)
    monkeypatch.setattr(s3, "get_object_tagging", denied)
    with pytest.raises(IncompleteError, match="read the tags of"):
        sign_object(SOURCE, SOURCE, signer, authority.issue(signer.public_key(), "kms"), s3=s3)
    assert read(Bucket=SOURCE.bucket, Key=SOURCE.key)["TagCount"] == 1


def test_without_versions_tags_of_another_object_are_seen(
    s3: Any, signer: KmsSigner, authority: TestAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing pins them there, so the object is looked at again: exit code 3, and nothing is written."""
    overwrite_after(s3, "get_object", monkeypatch)
    with pytest.raises(IncompleteError, match="was replaced or removed while it was signed, and nothing was written"):
        sign_object(SOURCE, TARGET, signer, authority.issue(signer.public_key(), "kms"), s3=s3, now=NOW)
    assert s3.list_objects_v2(Bucket=TARGET.bucket, Prefix="signed/")["KeyCount"] == 0


@pytest.mark.parametrize("tags", ["", "team=studio"])
@pytest.mark.parametrize("versions", [True, False])
def test_an_upload_that_comes_while_an_object_is_signed_in_place_is_not_overwritten(
    versions: bool, tags: str, s3: Any, signer: KmsSigner, authority: TestAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be gone, or no longer what readers get, and nobody would know."""
    if versions:
        versioned(s3)
    s3.put_object(Bucket=SOURCE.bucket, Key=SOURCE.key, Body=gradient(), Tagging=tags)
    overwrite_after(s3, "get_object_tagging" if tags and versions else "get_object", monkeypatch)
    with pytest.raises(IncompleteError, match="was replaced or removed while it was signed, and nothing was written") as caught:
        sign_object(SOURCE, SOURCE, signer, authority.issue(signer.public_key(), "kms"), s3=s3, now=NOW)
    assert "look at what is there now" in str(caught.value.fix)
    assert read_object(SOURCE) == b"newer"
    logs = client("logs")
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    assert not any(logs.filter_log_events(logGroupName=group)["events"] for group in groups)


def test_a_write_whose_answer_was_lost_is_no_clash(
    s3: Any, signer: KmsSigner, authority: TestAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same request is sent again then, and finds the object that the first one wrote: it is signed, and the log says so."""
    put = s3.put_object

    def twice(**arguments: Any) -> Any:
        put(**arguments)
        return put(**arguments)

    monkeypatch.setattr(s3, "put_object", twice)
    signed = sign_object(SOURCE, SOURCE, signer, authority.issue(signer.public_key(), "kms"), s3=s3)
    assert read_object(SOURCE) == signed.data
    assert len(client("logs").filter_log_events(logGroupName=PROVENANCE_LOG_GROUP)["events"]) == 1


@pytest.mark.parametrize("heard", [True, False])
def test_a_write_without_any_answer_is_not_told_as_none(
    s3: Any, signer: KmsSigner, authority: TestAuthority, heard: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The object may be there, signed and in no log; "could not write" alone says that it isn't."""

    def lost(request: Any, **_: Any) -> None:
        if request.method == "PUT":
            raise (ReadTimeoutError if heard else EndpointConnectionError)(endpoint_url=request.url)

    s3.meta.events.register_first("before-send.s3.PutObject", lost)
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(IncompleteError, match=f"could not write {TARGET}") as caught:
        sign_object(SOURCE, TARGET, signer, authority.issue(signer.public_key(), "kms"), s3=s3)
    said = f"{TARGET} may be written and signed already, and isn't in the log group {PROVENANCE_LOG_GROUP}"
    assert (said in caught.value.message, caught.value.fix == "sign it again, which logs it") == (heard, heard)


def test_an_object_that_breaks_off_is_not_signed(
    s3: Any, signer: KmsSigner, authority: TestAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of a medium may be one that can be signed."""
    get = s3.get_object

    def broken_off(**arguments: Any) -> Any:
        answer = get(**arguments)
        return {**answer, "ContentLength": answer["ContentLength"] + 1}

    monkeypatch.setattr(s3, "get_object", broken_off)
    size = len(gradient())
    with pytest.raises(IncompleteError, match=f"could not read {SOURCE}: {size:,} of {size + 1:,} bytes came"):
        sign_object(SOURCE, TARGET, signer, authority.issue(signer.public_key(), "kms"), s3=s3, now=NOW)
    assert s3.list_objects_v2(Bucket=TARGET.bucket, Prefix="signed/")["KeyCount"] == 0


def test_what_is_no_medium_is_refused_by_its_name(s3: Any, signer: KmsSigner, authority: TestAuthority) -> None:
    """Nothing is written and nothing logged."""
    s3.put_object(Bucket=SOURCE.bucket, Key="notes.txt", Body=b"hello")
    with pytest.raises(BadInputError, match=r"s3://shop-generated/notes\.txt is not a medium"):
        sign_object(S3Place(SOURCE.bucket, "notes.txt"), TARGET, signer, authority.issue(signer.public_key(), "kms"))
    assert client("logs").describe_log_groups()["logGroups"] == []
    assert s3.list_objects_v2(Bucket=TARGET.bucket, Prefix="signed/").get("Contents", []) == []


def test_an_object_is_not_written_under_the_name_of_another_format(s3: Any, signer: KmsSigner, authority: TestAuthority) -> None:
    """As no file is."""
    with pytest.raises(BadInputError, match="is called image/jpeg, and what would be written is image/png"):
        sign_object(SOURCE, S3Place(SOURCE.bucket, "signed/hero.jpg"), signer, authority.issue(signer.public_key(), "kms"))


def test_a_missing_object_could_not_be_signed(s3: Any, signer: KmsSigner, authority: TestAuthority) -> None:
    """Exit 3 with the place, no traceback."""
    with pytest.raises(IncompleteError, match="s3://shop-generated/gone"):
        sign_object(S3Place(SOURCE.bucket, "gone"), TARGET, signer, authority.issue(signer.public_key(), "kms"))


def test_a_log_out_of_reach_is_told_apart_from_a_failed_signing(s3: Any, signer: KmsSigner, authority: TestAuthority) -> None:
    """The object is there, and the error says so: a signed object without its log entry mustn't go unnoticed."""
    logs = client("logs")

    def refuse(**_: object) -> None:
        raise logs.exceptions.ServiceUnavailableException({"Error": {"Code": "ServiceUnavailableException"}}, "PutLogEvents")

    logs.put_log_events = refuse
    with pytest.raises(IncompleteError, match="which was signed and written"):
        sign_object(SOURCE, TARGET, signer, authority.issue(signer.public_key(), "kms"), logs=logs, now=NOW)
    assert inspect(read_object(TARGET), authority.anchors).state is State.TRUSTED


def test_a_log_that_can_t_be_made_leaves_nothing_written(s3: Any, signer: KmsSigner, authority: TestAuthority) -> None:
    """What can be known of the log beforehand is: an object without an entry isn't made for want of a permission."""
    logs = client("logs")

    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "CreateLogGroup")

    logs.create_log_group = refuse
    with pytest.raises(IncompleteError, match=f"make ready the log group {PROVENANCE_LOG_GROUP}; {TARGET} was not written"):
        sign_object(SOURCE, TARGET, signer, authority.issue(signer.public_key(), "kms"), logs=logs, now=NOW)
    assert s3.list_objects_v2(Bucket=TARGET.bucket, Prefix="signed/")["KeyCount"] == 0


@pytest.mark.parametrize("wrong", [timedelta(hours=3), timedelta(days=-15)])
def test_an_entry_that_the_log_leaves_out_for_its_time_is_told(
    wrong: timedelta, s3: Any, signer: KmsSigner, authority: TestAuthority
) -> None:
    """CloudWatch answers 200 and keeps nothing: with a wrong clock all was signed, and none of it was in the log, without a word."""
    chain = authority.issue(signer.public_key(), "kms")
    with pytest.raises(IncompleteError, match="which was signed and written: CloudWatch Logs takes no entry of") as told:
        sign_object(SOURCE, TARGET, signer, chain, now=NOW + wrong)
    assert "set the clock" in str(told.value.fix)
    with pytest.raises(IncompleteError, match="could not write to the log group"):
        log_event(client("logs"), PROVENANCE_LOG_GROUP, {"a": 1}, NOW + wrong)
    sign_object(SOURCE, TARGET, signer, chain, now=NOW + timedelta(hours=1))
    assert len(client("logs").filter_log_events(logGroupName=PROVENANCE_LOG_GROUP)["events"]) == 1


def test_who_may_not_make_a_log_group_signs_into_one_that_is_there(s3: Any, signer: KmsSigner, authority: TestAuthority) -> None:
    """As the function of the blueprint ``signing``: what it marks was published, and never logged, for AWS refuses the making before it says "exists"."""
    logs = client("logs")
    logs.create_log_group(logGroupName=PROVENANCE_LOG_GROUP)

    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "CreateLogGroup")

    logs.create_log_group = refuse
    for _ in range(2):  # with the day's stream made, and there
        sign_object(SOURCE, TARGET, signer, authority.issue(signer.public_key(), "kms"), logs=logs)
    log_event(logs, PROVENANCE_LOG_GROUP, {"a": 1}, datetime.now(UTC))
    assert len(logs.filter_log_events(logGroupName=PROVENANCE_LOG_GROUP)["events"]) == 3


@pytest.mark.parametrize("text", ["s3://", "s3://bucket", "s3://bucket/", "s3:///key"])
def test_places_without_bucket_or_key_are_refused(text: str) -> None:
    """A typing error isn't taken for a file name."""
    with pytest.raises(BadInputError):
        S3Place.parse(text)


def test_files_are_not_places_in_s3() -> None:
    """The caller falls back to the file system."""
    assert S3Place.parse("images/hero.png") is None
