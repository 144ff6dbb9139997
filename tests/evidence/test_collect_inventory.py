"""S3 Inventory in place of a listing: what counts as a report, what is read from it, and what is refused.

Origin of the data: reports made here by ``averment.sandbox.inventory_reports``, as the S3 user guide describes them.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import boto3
import botocore.exceptions
import pytest

from averment.core.aws import client
from averment.core.canonical import sha256_hex
from averment.core.errors import BadInputError
from averment.core.fetch import iam_action
from averment.core.organisation import Organisation
from averment.core.period import iso, utc_now
from averment.evidence.collectors.interface import Collector, CollectScope
from averment.evidence.collectors.media_states import MediaStates
from averment.evidence.collectors.provenance import Provenance
from averment.evidence.record import Gathering, Record
from averment.sandbox.inventory_reports import InventoryReports, Listed

MEDIA, REPORTS = "shop-media", "shop-inventory"
PREFIX = f"daily/{MEDIA}/all/"
ODD = "summer sale/été+100%.jpg"
SETTINGS: dict[str, Any] = {"s3-inventory": {"reports": {MEDIA: f"s3://{REPORTS}/{PREFIX}"}}}


@pytest.fixture
def reports(bucket: Callable[..., str]) -> InventoryReports:
    """A media bucket with five objects, and what writes reports on it into another bucket."""
    s3 = boto3.client("s3")
    bucket(MEDIA)
    bucket(REPORTS)
    for key in ("a.jpg", "b.jpg", "c.jpg", "d.jpg", ODD):
        s3.put_object(Bucket=MEDIA, Key=key, Body=b"x", Tagging="averment-verdict=clean")
    made = InventoryReports(s3, MEDIA, REPORTS, PREFIX)
    made.configure()
    return made


PRESENT = [Listed(key) for key in ("a.jpg", "b.jpg", "c.jpg", ODD)]
NOT_PRESENT = [Listed("a.jpg", 9, latest=False), Listed("old.jpg", 0, delete_marker=True), Listed("folder/", 0)]


def collect(scope_of: Callable[..., CollectScope], **parameters: Any) -> Record:
    organisation = Organisation(parameters={**SETTINGS, **parameters})
    [record] = MediaStates().collect(scope_of(organisation=organisation))
    return record


def frame(record: Record) -> dict[str, Any]:
    """Of the media bucket (the bucket of reports holds no media by its name)."""
    buckets: Any = record.payload["buckets"]
    [row] = buckets
    return dict(row)


@pytest.mark.parametrize("form", ["CSV", "Parquet"])
def test_an_inventory_is_the_counted_frame(form: str, reports: InventoryReports, scope_of: Callable[..., CollectScope]) -> None:
    """Present objects of every file count, older versions, delete markers and folders don't; the bucket itself isn't listed; the record is as
    old as the report and names it by hash."""
    make = reports.csv if form == "CSV" else reports.parquet
    created = utc_now().replace(second=0) - timedelta(hours=5)
    reports.put(created - timedelta(days=1), make(PRESENT[:1]), form=form)
    reports.put(created, make(PRESENT[:2] + NOT_PRESENT), make(PRESENT[2:]), form=form)
    record = collect(scope_of)
    assert record.gathering is Gathering.COLLECTED, record.reason
    assert {item["key"] for item in record.payload["objects"]} == {item.key for item in PRESENT}  # type: ignore[union-attr,index,call-overload]
    assert record.population is not None
    assert (record.population.total, record.population.examined) == (4, 4)
    assert record.effective_at == created
    place = f"{PREFIX}{created:%Y-%m-%dT%H-%MZ}/manifest.json"
    told = frame(record)["frame"]
    assert (told["source"], told["format"], told["files"], told["created_at"]) == ("S3 Inventory", form.upper(), 2, iso(created))
    assert told["manifest"] == f"s3://{REPORTS}/{place}"
    assert told["manifest_sha256"] == sha256_hex(boto3.client("s3").get_object(Bucket=REPORTS, Key=place)["Body"].read())
    assert not [call for call in record.query["calls"] if call["parameters"] == {"Bucket": "each in payload.buckets"}]  # type: ignore[union-attr,index,call-overload]


def test_a_sample_from_an_inventory_is_the_one_from_a_listing(reports: InventoryReports, scope_of: Callable[..., CollectScope]) -> None:
    """The same seed over the same objects chooses the same, however they were listed, and in however many files."""
    reports.put(utc_now(), reports.csv(PRESENT[2:]), reports.csv(PRESENT[:2]))
    boto3.client("s3").delete_object(Bucket=MEDIA, Key="d.jpg")
    few = {"media-states": {"objects_per_bucket": 2}}
    by_report = collect(scope_of, **few)
    by_listing = collect(scope_of, **few, **{"s3-inventory": {}})
    assert frame(by_listing)["frame"] == {"source": "ListObjectsV2"}
    assert by_report.payload["objects"] == by_listing.payload["objects"]
    assert by_report.population == by_listing.population


def test_what_has_gone_since_is_counted_and_no_failure(reports: InventoryReports, scope_of: Callable[..., CollectScope]) -> None:
    """A report is hours old: an object that was deleted since was looked for, and isn't there."""
    reports.put(utc_now() - timedelta(hours=2), reports.csv([*PRESENT, Listed("gone.jpg")]))
    record = collect(scope_of)
    assert record.gathering is Gathering.COLLECTED, record.reason
    assert (frame(record)["total"], frame(record)["examined"], frame(record)["gone"]) == (5, 4, 1)
    assert record.population is not None
    assert (record.population.total, record.population.examined) == (5, 5)


def test_a_report_that_is_too_old_is_not_used(reports: InventoryReports, scope_of: Callable[..., CollectScope]) -> None:
    """The bucket isn't listed in its place in silence: the record says how old the report is, and that nobody knows the total."""
    reports.put(utc_now() - timedelta(hours=40), reports.csv(PRESENT))
    record = collect(scope_of)
    assert record.gathering is Gathering.PARTIAL
    assert "36 hours are allowed" in str(record.reason)
    assert record.population is not None
    assert (record.population.total, record.population.truncated) == (None, True)
    longer = {"s3-inventory": {**SETTINGS["s3-inventory"], "max_age": "8d"}}
    assert collect(scope_of, **longer).gathering is Gathering.COLLECTED


def test_an_inventory_of_a_part_is_no_frame_of_the_whole(reports: InventoryReports, scope_of: Callable[..., CollectScope]) -> None:
    """The report doesn't say that it is filtered, the bucket's configuration does: what it lists is looked at, and nobody knows the total."""
    reports.configure(only="a")
    reports.put(utc_now(), reports.csv(PRESENT[:1]))
    record = collect(scope_of)
    assert record.gathering is Gathering.PARTIAL
    assert "the S3 Inventory of shop-media lists only keys that begin with 'a'" in str(record.reason)
    assert frame(record)["frame"]["filter"] == {"prefix": "a"}
    assert record.population is not None
    assert (record.population.total, record.population.examined, record.population.truncated) == (None, 1, True)


@pytest.mark.parametrize("denied", [True, False])
def test_an_inventory_that_can_t_be_checked_is_no_frame_of_the_whole(
    denied: bool, reports: InventoryReports, monkeypatch: pytest.MonkeyPatch, scope_of: Callable[..., CollectScope]
) -> None:
    """Refused, or gone since: the reason stands in the record, and nobody knows the total."""
    reports.put(utc_now(), reports.csv(PRESENT))

    def refuse(*_: object, **__: object) -> None:
        code = "AccessDenied" if denied else "NoSuchConfiguration"
        raise botocore.exceptions.ClientError({"Error": {"Code": code, "Message": "not authorized"}}, "GetBucketInventoryConfiguration")

    def make(service: str, *, region: str | None = None) -> Any:
        made = client(service, region=region)
        monkeypatch.setattr(made, "get_bucket_inventory_configuration", refuse, raising=False)
        return made

    [record] = MediaStates().collect(scope_of(organisation=Organisation(parameters=SETTINGS), client=make))
    assert record.gathering is Gathering.PARTIAL
    assert "the S3 Inventory of shop-media may be of a part of it" in str(record.reason)
    assert ("allow s3:GetInventoryConfiguration" in str(record.reason)) is denied
    assert record.population is not None
    assert (record.population.total, record.population.truncated) == (None, True)


@pytest.mark.parametrize("collector", [MediaStates(), Provenance()], ids=lambda collector: collector.name)
def test_the_printed_policy_allows_to_ask_what_an_inventory_lists(collector: Collector) -> None:
    """On the buckets that are counted by one alone, and not at all where there is none."""
    action = "s3:GetInventoryConfiguration"
    assert collector.allowed(Organisation(parameters=SETTINGS))[action] == (f"arn:aws:s3:::{MEDIA}",)
    assert iam_action("s3", "GetBucketInventoryConfiguration") == action
    assert action not in collector.allowed(Organisation())
    assert action not in collector.allowed(None)


def test_a_report_that_is_being_written_gives_way_to_the_one_before(
    reports: InventoryReports, scope_of: Callable[..., CollectScope]
) -> None:
    """S3 writes the checksum last: until then a report isn't whole."""
    now = utc_now().replace(second=0)
    reports.put(now - timedelta(hours=24), reports.csv(PRESENT))
    folder = f"{PREFIX}{now:%Y-%m-%dT%H-%MZ}/"
    boto3.client("s3").put_object(Bucket=REPORTS, Key=f"{folder}manifest.json", Body=b"{")
    record = collect(scope_of)
    assert record.gathering is Gathering.COLLECTED, record.reason
    assert record.effective_at == now - timedelta(hours=24)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda reports, at: reports.put(at, reports.csv(PRESENT), form="ORC"), "the format ORC, which is not read here"),
        (lambda reports, at: reports.put(at, reports.csv(PRESENT), sourceBucket="other"), "lists the bucket other"),
        (lambda reports, at: reports.put(at, reports.csv(PRESENT), fileSchema="Bucket, Key"), "has no column Size"),
        (
            lambda reports, at: reports.put(at, reports.csv(PRESENT), fileSchema="Bucket, Key, Size"),
            "has other columns than the manifest says",
        ),
        (lambda reports, at: reports.put(at, b"no gzip"), "Not a gzipped file"),
        (lambda reports, at: reports.put(at, reports.parquet(PRESENT)[:-4], form="Parquet"), "Parquet"),
        (lambda reports, at: reports.put(at, files=[{"key": "elsewhere/x.csv.gz", "size": 1, "MD5checksum": "0"}]), "of another report"),
        (lambda reports, at: reports.put(at, creationTimestamp="soon"), "invalid literal"),
        (lambda reports, at: reports.put(at, gzip.compress(b"x" * 10_000_000)), "unpacks to more than an inventory can hold"),
    ],
    ids=["orc", "other-bucket", "without-size", "other-columns", "no-gzip", "no-parquet", "files-elsewhere", "no-time", "bomb"],
)
def test_what_is_no_inventory_of_the_bucket_is_refused(
    spoil: Callable[[InventoryReports, datetime], str], words: str, reports: InventoryReports, scope_of: Callable[..., CollectScope]
) -> None:
    """Each with its reason, and never as a bucket without objects."""
    spoil(reports, utc_now())
    record = collect(scope_of)
    assert record.gathering is Gathering.PARTIAL
    assert words in str(record.reason)
    assert record.population is not None
    assert (record.population.total, record.population.truncated) == (None, True)
    assert frame(record)["total"] == 0


@pytest.mark.parametrize("what", ["manifest.json", ".csv.gz"])
def test_a_changed_file_is_found_by_its_checksum(what: str, reports: InventoryReports, scope_of: Callable[..., CollectScope]) -> None:
    """A manifest or data file that isn't the one that its checksum was made of isn't counted, not even in part."""
    reports.put(utc_now(), reports.csv(PRESENT))
    s3 = boto3.client("s3")
    for item in s3.list_objects_v2(Bucket=REPORTS)["Contents"]:
        if item["Key"].endswith(what):
            data = s3.get_object(Bucket=REPORTS, Key=item["Key"])["Body"].read()
            if what == ".csv.gz":
                changed = reports.csv(PRESENT[:3])
                changed += bytes(len(data) - len(changed))  # gzip allows zeros after its end
            else:
                changed = data.replace(b"2016-11-30", b"2016-11-31")
            s3.put_object(Bucket=REPORTS, Key=item["Key"], Body=changed)
    record = collect(scope_of)
    assert record.gathering is Gathering.PARTIAL
    assert "is not as" in str(record.reason)
    assert frame(record)["total"] == 0


def test_the_state_of_credentials_is_sampled_from_an_inventory_too(
    reports: InventoryReports, log_lines: Callable[..., None], scope_of: Callable[..., CollectScope]
) -> None:
    """``provenance`` counts by the same report."""
    reports.put(utc_now(), reports.csv(PRESENT))
    log_lines("/averment/provenance")
    log_lines("/averment/verdicts")
    [record] = Provenance().collect(scope_of(organisation=Organisation(parameters=SETTINGS)))
    assert record.gathering is Gathering.COLLECTED, record.reason
    assert (frame(record)["total"], frame(record)["frame"]["source"]) == (4, "S3 Inventory")


@pytest.mark.parametrize("given", [{"reports": ["x"]}, {"reports": {MEDIA: "shop-inventory/x"}}, {"max_age": "soon"}, {"report": {}}, 3])
def test_wrong_settings_are_the_users_to_mend(given: Any, scope_of: Callable[..., CollectScope], sandbox: Any) -> None:
    """A typing error stops with the name of the setting, instead of a bucket being listed."""
    with pytest.raises(BadInputError, match=r"parameters\.s3-inventory"):
        collect(scope_of, **{"s3-inventory": given})
