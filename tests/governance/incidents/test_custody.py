"""The chain of custody: what is preserved is what lay there, is locked, and shows when it was changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from botocore.client import BaseClient

from averment.core.errors import BadInputError, IncompleteError
from averment.core.period import from_iso, utc_now
from averment.detector.corpus import load
from averment.evidence.record import Gathering
from averment.governance.incidents.custody import check_copies, preserve
from averment.governance.incidents.filing import Act
from averment.governance.incidents.keeping import FolderKeep, LockedKeep, open_keep
from averment.governance.incidents.originals import find_originals
from averment.governance.incidents.state import Incident

By = Callable[..., Act]
With = Callable[[Incident, Any], Incident]
WHY = "Before it is taken down."


@pytest.fixture
def picture() -> bytes:
    """A picture of the corpus that ships."""
    return load()[0].read()


@pytest.fixture
def shop(sandbox: Any, picture: bytes) -> dict[str, str]:
    """A versioned bucket with a picture in two versions, the latest hidden; a locked evidence bucket, and one without a lock."""
    s3, place = boto3.client("s3"), {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    s3.create_bucket(Bucket="published", **place)
    s3.put_bucket_versioning(Bucket="published", VersioningConfiguration={"Status": "Enabled"})
    s3.create_bucket(Bucket="evidence", ObjectLockEnabledForBucket=True, **place)
    s3.create_bucket(Bucket="plain", **place)
    first = s3.put_object(Bucket="published", Key="autumn/4 new.jpg", Body=b"not a picture", Tagging="averment-verdict=clean")["VersionId"]
    second = s3.put_object(Bucket="published", Key="autumn/4 new.jpg", Body=picture, Metadata={"provenance": "declared"})["VersionId"]
    s3.put_object(Bucket="published", Key="autumn/4 new.jpg.txt", Body=b"another object whose name begins alike")
    return {"first": first, "second": second, "url": "s3://published/autumn/4%20new.jpg"}


def test_a_version_is_copied_under_lock_with_what_its_place_says(
    shop: dict[str, str], picture: bytes, opened: Any, act: By, with_record: With
) -> None:
    """The copy is byte for byte the version that was named, locked in compliance mode; digest, perceptual hash, version and metadata are recorded."""
    keep = LockedKeep("s3://evidence/incidents", 30, utc_now())  # the bucket goes by its own clock
    made = preserve(opened(), act(), [shop["url"]], keep, because=WHY)
    (item,) = made.record.payload["items"]
    assert item["sha256"] == hashlib.sha256(picture).hexdigest()
    assert len(item["perceptual_hash"]) == 64
    assert item["described"]["version_id"] == shop["second"]
    assert item["described"]["metadata"] == {"provenance": "declared"}
    assert item["credential"] in {"none", "unreadable"}
    assert (made.record.gathering, made.record.controls) == (Gathering.COLLECTED, ("SM-IR-02",))
    s3 = boto3.client("s3")
    bucket, _, rest = item["stored"].removeprefix("s3://").partition("/")
    key, _, version = rest.partition("?versionId=")
    answer = s3.get_object(Bucket=bucket, Key=key, VersionId=version)
    assert answer["Body"].read() == picture
    assert answer["ObjectLockMode"] == "COMPLIANCE"
    assert answer["ObjectLockRetainUntilDate"] == from_iso(item["locked_until"])
    with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=bucket, Key=key, VersionId=version)
    manifest = made.record.payload["manifest"]
    place, _, version = manifest["place"].removeprefix("s3://evidence/").partition("?versionId=")
    text = s3.get_object(Bucket="evidence", Key=place, VersionId=version)["Body"].read()
    assert hashlib.sha256(text).hexdigest() == manifest["sha256"]
    assert json.loads(text)["items"] == made.record.payload["items"]


def test_all_versions_are_taken_also_behind_a_deletion(shop: dict[str, str], opened: Any, act: By, tmp_path: Path) -> None:
    """A hidden object isn't gone: every version of that key, and of no other, is preserved."""
    boto3.client("s3").delete_object(Bucket="published", Key="autumn/4 new.jpg")
    made = preserve(opened(), act(), [shop["url"]], FolderKeep(tmp_path / "kept"), because=WHY, all_versions=True)
    assert {item["described"]["version_id"] for item in made.record.payload["items"]} == {shop["first"], shop["second"]}
    reasons = {item["described"]["version_id"]: item["perceptual_hash_reason"] for item in made.record.payload["items"]}
    assert reasons[shop["second"]] is None
    assert reasons[shop["first"]]  # why what is no picture has no perceptual hash


def test_keys_that_begin_alike_are_not_listed_to_their_end(shop: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The versions of "a" are found on the first pages, however many keys begin with it; none of them is left out for that."""
    s3, asked = boto3.client("s3"), []
    for key in ("a", "a", "a", "a1", "a2", "a3", "a4"):
        s3.put_object(Bucket="published", Key=key, Body=b"x")
    real = BaseClient._make_api_call

    def small(self: Any, name: str, kwargs: Any) -> Any:
        if name == "ListObjectVersions":
            asked.append(name)
            kwargs = {**kwargs, "MaxKeys": 2}
        return real(self, name, kwargs)

    monkeypatch.setattr(BaseClient, "_make_api_call", small)
    assert len(find_originals("s3://published/a", all_versions=True)) == 3
    assert len(asked) == 2


def test_a_bucket_without_object_lock_is_refused_or_said(shop: dict[str, str], opened: Any, act: By) -> None:
    """Copies that could be removed are kept by exception only, and the record says so."""
    with pytest.raises(BadInputError, match="has no Object Lock"):
        open_keep("s3://plain/incidents", Path(), 30, act().now)
    keep = open_keep("s3://plain/incidents", Path(), 30, act().now, unlocked=True)
    made = preserve(opened(), act(), [shop["url"]], keep, because=WHY)
    assert "has no Object Lock" in made.record.payload["caution"]
    assert made.record.payload["items"][0]["locked_until"] is None


def test_what_could_not_be_taken_is_named_and_the_record_partial(shop: dict[str, str], opened: Any, act: By, tmp_path: Path) -> None:
    """One missing object doesn't keep the others from being preserved, and isn't passed over."""
    keep = FolderKeep(tmp_path / "kept")
    made = preserve(opened(), act(), [shop["url"], "s3://published/gone.jpg", str(tmp_path / "gone.mp4")], keep, because=WHY)
    assert (made.taken, made.record.gathering) == (1, Gathering.PARTIAL)
    assert made.record.population
    assert (made.record.population.total, made.record.population.examined) == (3, 1)
    assert "gone.jpg" in str(made.record.reason)
    assert "gone.mp4" in str(made.record.reason)
    with pytest.raises(IncompleteError, match="nothing was preserved") as gone:
        preserve(opened(), act(), ["s3://published/gone.jpg"], keep, because=WHY)
    assert "--all-versions takes what lies under the delete marker" in str(gone.value.fix)  # taken down first, preserved second


def test_a_copy_that_was_changed_or_lost_is_told(picture: bytes, opened: Any, act: By, with_record: With, tmp_path: Path) -> None:
    """Checking reads every copy again: unchanged, changed and unreadable are told apart, and the check is a record itself."""
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(picture + bytes([number]))
    keep = FolderKeep(tmp_path / "kept")
    incident = opened()
    made = preserve(incident, act(), [str(tmp_path / f"{number}.jpg") for number in range(3)], keep, because=WHY)
    incident = with_record(incident, made.record)
    assert check_copies(incident, act(minutes=9), because="Handed to the police.").changed == ()
    stored = [Path(item["stored"]) for item in incident.items.values()]
    stored[1].chmod(0o644)
    stored[1].write_bytes(picture)
    stored[2].unlink()
    checked = check_copies(incident, act(minutes=10), because="Handed to the police.")
    assert (checked.changed, checked.unreadable) == (("2",), ("3",))
    assert [row["outcome"] for row in checked.record.payload["checked"]] == ["unchanged", "changed", "unreadable"]
    assert checked.record.gathering is Gathering.PARTIAL


def test_numbers_go_on_and_the_same_medium_twice_is_one_copy(
    picture: bytes, opened: Any, act: By, with_record: With, tmp_path: Path
) -> None:
    """A second preserving numbers on from the first; items keep their numbers for good."""
    (tmp_path / "a.jpg").write_bytes(picture)
    keep = FolderKeep(tmp_path / "kept")
    incident = opened()
    incident = with_record(incident, preserve(incident, act(), [str(tmp_path / "a.jpg")], keep, because=WHY).record)
    incident = with_record(incident, preserve(incident, act(minutes=6), [str(tmp_path / "a.jpg")], keep, because=WHY).record)
    assert [item["number"] for item in incident.items.values()] == [1, 2]


def test_of_two_who_preserve_at_once_neither_hides_the_others_copy(opened: Any, act: By, with_record: With, tmp_path: Path) -> None:
    """Both saw an incident without any item and wrote the number 1: both copies are items, in the ledger's order, and both are checked."""
    keep, incident = FolderKeep(tmp_path / "kept"), opened()
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(name.encode())
    first, second = (preserve(incident, act(), [str(tmp_path / name)], keep, because=WHY).record for name in ("a.jpg", "b.jpg"))
    incident = with_record(with_record(incident, first), second)
    assert [Path(str(item["name"])).name for item in incident.items.values()] == ["a.jpg", "b.jpg"]
    assert list(incident.items_of(2)) == ["2"]
    Path(str(incident.items["1"]["stored"])).unlink()
    checked = check_copies(incident, act(minutes=7), because="Before it is handed on.")
    assert [(row["number"], row["outcome"]) for row in checked.record.payload["checked"]] == [("1", "unreadable"), ("2", "unchanged")]
    third = preserve(incident, act(minutes=8), [str(tmp_path / "b.jpg")], keep, because=WHY).record
    assert list(with_record(incident, third).items) == ["1", "2", "3"]


def test_a_copy_that_was_broken_off_does_not_stand_in_the_way(opened: Any, act: By, tmp_path: Path) -> None:
    """Preserving was stopped in the middle of a copy (a full disk, a killed process): no half of it lies under the name of the whole, and what an
    older version left there is replaced when it is done again."""
    (tmp_path / "a.mp4").write_bytes(b"x" * 3_000_000)
    keep, place, incident = FolderKeep(tmp_path / "kept"), str(tmp_path / "a.mp4"), opened()

    class Torn(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell():
                raise KeyboardInterrupt
            return super().read(size)

    with pytest.raises(KeyboardInterrupt):
        keep.put(f"{incident.id}/0001-{'0' * 64}", Torn(b"y" * 3_000_000))
    assert [path for path in (tmp_path / "kept").rglob("*") if path.is_file()] == []
    digest = hashlib.sha256(b"x" * 3_000_000).hexdigest()
    (tmp_path / "kept" / incident.id / f"0001-{digest}").write_bytes(b"half")
    (item,) = preserve(incident, act(), [place], keep, because=WHY).record.payload["items"]
    assert Path(str(item["stored"])).stat().st_mode & 0o777 == 0o444
    assert item["sha256"] == digest


def test_a_copy_that_came_back_otherwise_does_not_count(
    picture: bytes, opened: Any, act: By, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that changes bytes on their way is found before the record is made."""
    (tmp_path / "a.jpg").write_bytes(picture)
    keep = FolderKeep(tmp_path / "kept")
    real = FolderKeep.put

    def torn(self: FolderKeep, name: str, body: Any) -> str:
        place = real(self, name, body)
        Path(place).chmod(0o644)
        Path(place).write_bytes(b"torn")
        return place

    monkeypatch.setattr(FolderKeep, "put", torn)
    with pytest.raises(IncompleteError, match="it doesn't count"):
        preserve(opened(), act(), [str(tmp_path / "a.jpg")], keep, because=WHY)


@pytest.mark.parametrize("name", ["autumn/4?.jpg", "autumn/4#1.jpg", "autumn/4?x&versionId=1"])
def test_a_key_that_reads_as_something_else_is_not_taken_for_another_object(
    shop: dict[str, str], opened: Any, act: By, tmp_path: Path, name: str
) -> None:
    """Whoever uploads chooses the key. What follows ? or # there would be cut off, and what stands under the rest preserved, or hidden, instead."""
    from averment.governance.incidents.measures import open_measure

    s3 = boto3.client("s3")
    for key in (name, "autumn/4"):
        s3.put_object(Bucket="published", Key=key, Body=key.encode())
    with pytest.raises(IncompleteError, match="stands for something else"):
        preserve(opened(), act(), [f"s3://published/{name}"], FolderKeep(tmp_path), because=WHY)
    with pytest.raises(BadInputError, match="stands for something else"):
        open_measure(f"hide-object=s3://published/{name}").apply()
    assert s3.get_object(Bucket="published", Key="autumn/4")["Body"].read() == b"autumn/4"
    written = f"s3://published/{quote(name)}"
    (item,) = preserve(opened(), act(), [written], FolderKeep(tmp_path), because=WHY).record.payload["items"]
    assert item["sha256"] == hashlib.sha256(name.encode()).hexdigest()


@pytest.mark.parametrize(
    ("place", "key", "version"),
    [
        ("s3://published//lead.jpg", "/lead.jpg", None),
        ("s3://published/autumn//4.jpg", "autumn//4.jpg", None),
        ("s3://published/autumn\n/4.jpg", "autumn\n/4.jpg", None),
        ("s3://published/%0A4.jpg?versionId=null", "\n4.jpg", "null"),
        ("s3://published/a+b c%2B.jpg", "a+b c+.jpg", None),
        ("s3://published/[4].jpg", "[4].jpg", None),
    ],
)
def test_an_address_means_its_own_key_to_the_last_character(place: str, key: str, version: str | None) -> None:
    """A slash in front or a line break in a key isn't dropped: another object would be preserved, or hidden, under the name of this one."""
    (found,) = find_originals(place)
    assert (found.bucket, found.key, found.version) == ("published", key, version)


@pytest.mark.parametrize("place", ["s3://", "s3://published", "s3://published/", "s3://published/?versionId=3"])
def test_an_address_without_a_key_is_refused(place: str) -> None:
    """No bucket, or nothing in it: there is nothing to take."""
    with pytest.raises(BadInputError, match="names no object"):
        find_originals(place)


@pytest.mark.parametrize(
    "place", ["https://cdn.shop.example/autumn/4.jpg", "S3://published/autumn/4.jpg", "arn:aws:s3:::published/autumn/4.jpg"]
)
def test_what_a_browser_or_the_console_shows_is_no_missing_file(opened: Any, act: By, tmp_path: Path, place: str) -> None:
    """Who pastes the address of what is live hears how to name it, and not that a file of that name doesn't exist."""
    with pytest.raises(
        IncompleteError, match=r"neither a file nor an object of S3 \(write s3://bucket/key for an object; what lies elsewhere"
    ):
        preserve(opened(), act(), [place], FolderKeep(tmp_path / "kept"), because=WHY)


def test_a_bucket_that_cannot_be_one_is_no_flaw_of_the_program(sandbox: Any, opened: Any, act: By, tmp_path: Path) -> None:
    """Brackets where the bucket stands: said with its place, as any other that isn't there."""
    with pytest.raises(IncompleteError, match=r"nothing was preserved: s3://\[x/4.jpg"):
        preserve(opened(), act(), ["s3://[x/4.jpg"], FolderKeep(tmp_path), because=WHY)
