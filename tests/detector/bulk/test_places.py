"""What a place holds: every image once, in the same order each time, and what isn't scanned is counted.

Origin of the data: files, objects and inventory reports made here.
"""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import boto3
import botocore.exceptions
import pyarrow
import pyarrow.parquet
import pytest

from averment.core.errors import BadInputError, IncompleteError
from averment.detector.bulk import places
from averment.detector.bulk.places import InventoryPlace, Listing, list_place, place_of
from averment.detector.scanning import Identity, Medium
from averment.sandbox.inventory_reports import InventoryReports, Listed

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
MEDIA, REPORTS = "shop-media", "shop-inventory"
INVENTORY = InventoryPlace(REPORTS, "daily/shop-media/all/", timedelta(hours=36))


def names(listing: Listing) -> list[str]:
    return [item.name for item in listing]


@pytest.fixture
def s3(sandbox: object) -> Any:
    client = boto3.client("s3")
    for bucket in (MEDIA, REPORTS):
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return client


def test_a_folder_is_listed_in_the_order_of_its_names_however_it_was_made(tmp_path: Path) -> None:
    """Two folders with the same files, made in different order, give the same listing; the total is known before anything is read."""
    files = ["b/2.png", "a.jpg", "b/1.JPG", "b.d/x.webp", "ü.gif", "notes.txt", "b/nothing"]
    listings = []
    for number, order in enumerate((files, files[::-1])):
        for name in order:
            path = tmp_path / str(number) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * len(name))
        listings.append(list_place(place_of(str(tmp_path / str(number)))))
    relative = [[os.path.relpath(name, tmp_path / str(number)) for name in names(one)] for number, one in enumerate(listings)]
    assert relative[0] == relative[1] == ["a.jpg", "b.d/x.webp", "b/1.JPG", "b/2.png", "ü.gif"]
    assert [(one.total, one.passed_over) for one in listings] == [(5, 2), (5, 2)]
    assert [item.identity.size for item in listings[0]][:1] == [5]


def test_links_to_folders_are_counted_and_not_followed(tmp_path: Path) -> None:
    """A link to a folder above would never end."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(b"x")
    (tmp_path / "in" / "round.jpg").symlink_to(tmp_path)
    found = list_place(place_of(str(tmp_path)))
    assert (found.total, found.links, found.passed_over) == (1, 1, 0)


def test_a_folder_that_can_t_be_listed_is_a_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies in it wasn't scanned, and that doesn't look like an empty folder."""
    (tmp_path / "shut").mkdir()
    (tmp_path / "a.jpg").write_bytes(b"x")
    real = os.scandir

    def scandir(path: Any) -> Any:
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    items = {Path(item.name).name: item for item in list_place(place_of(str(tmp_path)))}
    assert set(items) == {"a.jpg", "shut"}
    with pytest.raises(IncompleteError, match=r"the folder can't be listed: Permission denied"):
        items["shut"].read()


def test_a_tree_too_deep_for_a_path_is_a_result_and_the_rest_is_scanned(tmp_path: Path) -> None:
    """An unpacked archive may nest further than a path can say; that ends no scan."""
    (tmp_path / "a.jpg").write_bytes(b"picture")
    there = os.open(tmp_path, os.O_RDONLY)
    for _ in range(22):
        os.mkdir("d" * 200, dir_fd=there)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=there)
        os.close(there)
        there = below
    os.close(there)
    by_name = {Path(item.name).name: item for item in list_place(place_of(str(tmp_path)))}
    assert by_name.pop("a.jpg").read().data == b"picture"
    (deep,) = by_name.values()
    with pytest.raises(IncompleteError, match="the folder can't be listed: File name too long"):
        deep.read()


def test_a_name_that_no_system_takes_is_bad_input() -> None:
    """And so is a place that one may not look into: one error, not a flaw."""
    with pytest.raises(BadInputError, match="can't be read: File name too long"):
        place_of("a" * 300)


def test_an_empty_name_is_not_the_folder_that_one_is_in() -> None:
    """As a variable of a shell that isn't set leaves it: somebody else's pictures would be scanned and found clean."""
    with pytest.raises(BadInputError, match="the place to scan is empty"):
        place_of("")


def test_a_pipe_among_the_files_is_not_waited_for(tmp_path: Path) -> None:
    """Whatever it is called."""
    os.mkfifo(tmp_path / "upload")
    os.mkfifo(tmp_path / "upload.jpg")
    for item in list_place(place_of(str(tmp_path), every=True)):
        with pytest.raises(BadInputError, match="is not a regular file"):
            item.read()


def test_names_that_are_no_text_are_listed_and_read(tmp_path: Path) -> None:
    """A file name in another encoding is somebody's upload all the same."""
    path = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
    Path(os.fsdecode(path)).write_bytes(b"picture")
    [item] = list_place(place_of(str(tmp_path)))
    assert os.fsencode(item.name) == path
    assert item.read().data == b"picture"


def test_a_prefix_is_listed_with_what_s3_says_of_each_object(s3: Any) -> None:
    """Keys in the order of their bytes, folders of the console are nothing, and other prefixes aren't there."""
    s3.put_bucket_versioning(Bucket=MEDIA, VersioningConfiguration={"Status": "Enabled"})
    for key in ("in/é.jpg", "in/b.png", "in/a.txt", "in/", "in/Z.jpg", "out/a.jpg"):
        s3.put_object(Bucket=MEDIA, Key=key, Body=b"" if key == "in/" else key.encode())
    found = list_place(place_of(f"s3://{MEDIA}/in/"))
    assert names(found) == [f"s3://{MEDIA}/in/{name}" for name in ("Z.jpg", "b.png", "%C3%A9.jpg")]
    assert (found.total, found.passed_over, found.frame) == (3, 1, {"source": "ListObjectsV2"})
    [item, *_] = found
    head = s3.head_object(Bucket=MEDIA, Key="in/Z.jpg")
    read = item.read()
    assert read.identity.version_id == head["VersionId"]
    assert read.identity.etag == item.identity.etag == head["ETag"].strip('"')
    assert read.identity.same_object_as(item.identity)


@pytest.mark.parametrize("source", ["listing", "inventory"])
def test_what_has_bytes_is_no_folder_though_its_key_ends_in_a_slash(source: str, s3: Any) -> None:
    """Whoever uploads chooses the key: a slash at its end hides no picture and no video, and what isn't scanned is counted. Empty ones are folders."""
    sizes = {"in/": 0, "in/deep/": 0, "in/deep/a.jpg": 1, "in/fake.jpg/": 7, "in/film.mp4/": 7, "in/notes/": 7}
    for key, size in sizes.items():
        s3.put_object(Bucket=MEDIA, Key=key, Body=b"x" * size)
    if source == "listing":
        found = list_place(place_of(f"s3://{MEDIA}/in/"))
    else:
        reports = InventoryReports(s3, MEDIA, REPORTS, "daily/shop-media/all")
        reports.put(NOW - timedelta(hours=1), reports.csv([Listed(key, size) for key, size in sizes.items()]))
        found = list_place(place_of(f"s3://{MEDIA}/in/"), inventory=INVENTORY, now=NOW)
    items = {item.name: item for item in found}
    assert list(items) == [f"s3://{MEDIA}/in/{name}" for name in ("deep/a.jpg", "fake.jpg/", "film.mp4/")]
    assert found.passed_over == 1
    assert items[f"s3://{MEDIA}/in/fake.jpg/"].read().data == b"x" * 7
    assert items[f"s3://{MEDIA}/in/film.mp4/"].medium is Medium.CLIP


def test_an_object_that_was_named_is_scanned_whatever_its_name(s3: Any) -> None:
    """As with a file."""
    for key in ("portrait", "portrait-2", "portrait.jpg"):
        s3.put_object(Bucket=MEDIA, Key=key, Body=b"x")
    found = list_place(place_of(f"s3://{MEDIA}/portrait"))
    assert names(found) == [f"s3://{MEDIA}/portrait", f"s3://{MEDIA}/portrait.jpg"]
    assert found.passed_over == 1


@pytest.mark.parametrize("form", ["CSV", "Parquet"])
def test_an_inventory_stands_for_the_listing(form: str, s3: Any) -> None:
    """Present images below the prefix, of every data file, with version, ETag and time; the frame names the report."""
    reports = InventoryReports(s3, MEDIA, REPORTS, "daily/shop-media/all")
    make = reports.csv if form == "CSV" else reports.parquet
    changed = datetime(2026, 11, 2, 3, 4, 5, tzinfo=UTC)
    first = [Listed("in/b c.jpg", 7, version_id="v2", modified=changed, etag="e1"), Listed("in/old.jpg", 3, latest=False)]
    second = [
        Listed("in/a.png", 5),
        Listed("in/a.txt"),
        Listed("in/gone.jpg", 0, delete_marker=True),
        Listed("out/x.jpg"),
        Listed("in/", 0),
    ]
    reports.put(NOW - timedelta(hours=4), make(first), make(second), form=form)
    found = list_place(place_of(f"s3://{MEDIA}/in/"), inventory=INVENTORY, now=NOW)
    items = {item.name: item.identity for item in found}
    assert items == {
        f"s3://{MEDIA}/in/a.png": Identity(5, None, "0" * 32, "2026-11-01T00:00:00Z"),
        f"s3://{MEDIA}/in/b%20c.jpg": Identity(7, "v2", "e1", "2026-11-02T03:04:05Z"),
    }
    assert found.passed_over == 1
    assert (found.frame["source"], found.frame["files"], found.frame["created_at"]) == ("S3 Inventory", 2, "2026-11-28T08:00:00Z")


@pytest.mark.parametrize("turned", [False, True])
def test_of_a_key_that_a_report_names_twice_the_newest_counts(turned: bool, s3: Any) -> None:
    """Whichever data file it stands in: S3 writes them while the bucket changes."""
    reports = InventoryReports(s3, MEDIA, REPORTS, "daily/shop-media/all")
    files = [
        [Listed("a.jpg", 7, modified=datetime(2026, 11, 2, tzinfo=UTC), etag="new")],
        [Listed("a.jpg", 9, etag="old"), Listed("b.jpg")],
    ]
    reports.put(NOW, *(reports.csv(rows) for rows in (files[::-1] if turned else files)))
    found = list_place(place_of(f"s3://{MEDIA}"), inventory=INVENTORY, now=NOW)
    assert {item.name: (item.identity.size, item.identity.etag) for item in found} == {
        f"s3://{MEDIA}/a.jpg": (7, "new"),
        f"s3://{MEDIA}/b.jpg": (1, "0" * 32),
    }


@pytest.mark.parametrize(
    ("flags", "present"), [(("", ""), True), (("false", ""), False), (("true", "true"), False), (("TRUE", "false"), None)]
)
def test_a_flag_that_is_neither_true_nor_false_hides_no_object(flags: tuple[str, str], present: bool | None, s3: Any) -> None:
    """What a report leaves open counts as present; another notation is refused, for every object would be missing by it."""
    row = f'"{MEDIA}","a.jpg","","{flags[0]}","{flags[1]}","1","2026-11-01T00:00:00.000Z","e"\n"{MEDIA}","b.jpg","","true","false","1","","e"\n'
    InventoryReports(s3, MEDIA, REPORTS, "daily/shop-media/all").put(NOW, gzip.compress(row.encode()))
    if present is None:
        with pytest.raises(IncompleteError, match="says neither true nor false of a version, but 'TRUE'"):
            list_place(place_of(f"s3://{MEDIA}"), inventory=INVENTORY, now=NOW)
        return
    found = list_place(place_of(f"s3://{MEDIA}"), inventory=INVENTORY, now=NOW)
    assert (f"s3://{MEDIA}/a.jpg" in names(found)) is present


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ('"shop-media","a.jpg","","true","false","1","2026-11-01T00:00:00.000Z","e\n', "unexpected end of data"),
        ('"shop-media","' + 3 * (60_000 * "x" + "\n") + '"\n', "field larger"),
        ('"shop-media","a.jpg","","true","false","-1","","e"\n', r"no object: 'a\.jpg' of -1 bytes"),
        ('"shop-media","a.jpg","","true","false","99999999999999999999","","e"\n', "no object"),
        ('"shop-media","","","true","false","1","","e"\n', "no object: ''"),
    ],
)
def test_a_row_that_is_none_is_said_of_its_report(row: str, told: str, s3: Any) -> None:
    """A quote that isn't closed, a size that can't be: nobody knows what else the file would have listed, and it is no flaw of the program."""
    InventoryReports(s3, MEDIA, REPORTS, "daily/shop-media/all").put(NOW, gzip.compress(row.encode()))
    with pytest.raises(IncompleteError, match=told):
        list_place(place_of(f"s3://{MEDIA}"), inventory=INVENTORY, now=NOW)


@pytest.mark.parametrize(
    "columns",
    [{"key": [None]}, {"key": [5]}, {"size": [[1]]}, {"size": [float("inf")]}, {"last_modified_date": ["now"]}, {"is_latest": ["no"]}],
)
def test_a_value_of_another_type_is_said_of_its_report(columns: dict[str, Any], s3: Any) -> None:
    """In Parquet each column may be of any type."""
    table = pyarrow.table({"bucket": [MEDIA], "key": ["a.jpg"], "size": [1], **columns})
    target = io.BytesIO()
    pyarrow.parquet.write_table(table, target)
    InventoryReports(s3, MEDIA, REPORTS, "daily/shop-media/all").put(NOW, target.getvalue(), form="Parquet")
    with pytest.raises(IncompleteError, match=r"could not read s3://shop-inventory/.*\.parquet: "):
        list_place(place_of(f"s3://{MEDIA}"), inventory=INVENTORY, now=NOW)


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_an_inventory_is_read_in_every_partition(partition: str, s3: Any) -> None:
    """In China and GovCloud buckets have other ARNs; another bucket stays another."""
    reports = InventoryReports(s3, MEDIA, REPORTS, "daily/shop-media/all")
    reports.put(NOW, reports.csv([Listed("a.jpg")]), destinationBucket=f"arn:{partition}:s3:::{REPORTS}")
    assert names(list_place(place_of(f"s3://{MEDIA}"), inventory=INVENTORY, now=NOW)) == [f"s3://{MEDIA}/a.jpg"]
    reports.put(NOW, reports.csv([Listed("a.jpg")]), destinationBucket=f"arn:{partition}:s3:::another")
    with pytest.raises(IncompleteError, match="lists the bucket shop-media into"):
        list_place(place_of(f"s3://{MEDIA}"), inventory=INVENTORY, now=NOW)


@pytest.mark.parametrize(("only", "place"), [("", ""), ("", "in/"), ("in/", "in/"), ("in/", "in/a"), ("i", "in/")])
def test_an_inventory_s_filter_is_named_where_it_covers_the_place(only: str, place: str, s3: Any) -> None:
    """Neither manifest nor data files say that an inventory is filtered: the bucket is asked, and the frame tells."""
    reports = InventoryReports(s3, MEDIA, REPORTS, "daily/shop-media/all")
    reports.configure(only)
    reports.put(NOW - timedelta(hours=4), reports.csv([Listed("in/a.jpg")]))
    found = list_place(place_of(f"s3://{MEDIA}/{place}"), inventory=INVENTORY, now=NOW)
    assert (found.total, found.frame["filter"], found.unsure) == (1, {"prefix": only}, "")


@pytest.mark.parametrize("place", ["", "out/", "i", "in"])
def test_an_inventory_of_a_part_is_no_listing_of_the_whole(place: str, s3: Any) -> None:
    """Nothing is scanned by it: what it leaves out would look as if it had been seen. The error names what it lists."""
    reports = InventoryReports(s3, MEDIA, REPORTS, "daily/shop-media/all")
    reports.configure("in/")
    reports.put(NOW - timedelta(hours=4), reports.csv([Listed("in/a.jpg")]))
    with pytest.raises(IncompleteError, match="lists only keys that begin with 'in/', which isn't all of s3://shop-media") as caught:
        list_place(place_of(f"s3://{MEDIA}/{place}"), inventory=INVENTORY, now=NOW)
    assert "scan s3://shop-media/in/" in str(caught.value.fix)


def refusal(code: str) -> Any:
    raise botocore.exceptions.ClientError({"Error": {"Code": code, "Message": "no"}}, "GetBucketInventoryConfiguration")


def answering(**changed: Any) -> Any:
    target = {"Bucket": f"arn:aws:s3:::{REPORTS}", "Prefix": "daily", "Format": "CSV", **changed}
    return lambda **_: {"InventoryConfiguration": {"Id": "all", "Destination": {"S3BucketDestination": target}}}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda **_: refusal("AccessDenied"), "access denied; allow s3:GetInventoryConfiguration"),
        (lambda **_: refusal("NoSuchConfiguration"), "shop-media has no inventory configuration 'all' any more"),
        (answering(Bucket="arn:aws:s3:::elsewhere"), "writes to s3://elsewhere/daily/shop-media/all, not here"),
        (answering(Prefix="weekly"), "writes to s3://shop-inventory/weekly/shop-media/all, not here"),
        (lambda **_: {"InventoryConfiguration": None}, "is of another shape"),
        (answering(), ""),
    ],
)
def test_where_nobody_can_say_what_an_inventory_lists_the_frame_says_why(
    answer: Any, reason: str, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Denied, gone by now, or another configuration of the same name: the listing is used, and isn't known to be whole."""
    reports = InventoryReports(s3, MEDIA, REPORTS, "daily/shop-media/all")
    reports.put(NOW - timedelta(hours=4), reports.csv([Listed("in/a.jpg")]))
    monkeypatch.setattr(s3, "get_bucket_inventory_configuration", answer)
    monkeypatch.setattr(places, "client", lambda *_, **__: s3)
    found = list_place(place_of(f"s3://{MEDIA}"), inventory=INVENTORY, now=NOW)
    assert found.total == 1
    assert reason in found.unsure
    assert bool(found.unsure) is bool(reason)
    assert found.frame["filter"] == ({"cannot_say": found.unsure} if reason else {"prefix": ""})


def test_reports_that_may_not_be_listed_are_not_said_to_be_none(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused on the first page or on a later one: which report is the newest wasn't seen."""
    reports = InventoryReports(s3, MEDIA, REPORTS, "daily/shop-media/all")
    reports.put(NOW - timedelta(hours=4), reports.csv([Listed("a.jpg")]))
    denied = botocore.exceptions.ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListObjectsV2")

    class Pages:
        pages: ClassVar[list[Any]] = []

        def paginate(self, **_: Any) -> Any:
            yield from self.pages
            raise denied

    monkeypatch.setattr(s3, "get_paginator", lambda _: Pages())
    monkeypatch.setattr(places, "client", lambda *_, **__: s3)
    for seen in ([], [{"CommonPrefixes": [{"Prefix": f"daily/shop-media/all/{NOW - timedelta(hours=4):%Y-%m-%dT%H-%MZ}/"}]}]):
        Pages.pages = seen
        with pytest.raises(IncompleteError) as caught:
            list_place(place_of(f"s3://{MEDIA}"), inventory=INVENTORY, now=NOW)
        assert caught.value.message == "could not call s3:ListObjectsV2: access denied; allow s3:ListBucket"


def test_a_report_that_is_too_old_or_not_whole_is_no_listing(s3: Any) -> None:
    """Nothing is scanned by a report that can't be trusted: the reason is the error."""
    reports = InventoryReports(s3, MEDIA, REPORTS, "daily/shop-media/all")
    with pytest.raises(IncompleteError, match="there is no S3 Inventory of shop-media"):
        list_place(place_of(f"s3://{MEDIA}"), inventory=INVENTORY, now=NOW)
    reports.put(NOW - timedelta(days=3), reports.csv([Listed("a.jpg")]))
    with pytest.raises(IncompleteError, match="36 hours are allowed"):
        list_place(place_of(f"s3://{MEDIA}"), inventory=INVENTORY, now=NOW)
    reports.put(NOW, reports.csv([Listed("a.jpg")]), reports.csv([Listed("b.jpg")]))
    last = s3.list_objects_v2(Bucket=REPORTS, Prefix="daily/shop-media/all/data/202611281200-1")["Contents"][0]["Key"]
    s3.put_object(Bucket=REPORTS, Key=last, Body=reports.csv([Listed("c.jpg")]))
    with pytest.raises(IncompleteError, match="is not as the manifest's MD5 says"):
        list_place(place_of(f"s3://{MEDIA}"), inventory=INVENTORY, now=NOW)


def test_an_inventory_of_a_folder_is_a_mistake(tmp_path: Path) -> None:
    """There is none."""
    with pytest.raises(BadInputError, match="is not in S3"):
        list_place(place_of(str(tmp_path)), inventory=INVENTORY, now=NOW)


LISTING = """
import sys, tracemalloc
from averment.detector.bulk.places import Entry, Listing, place_of

place = place_of(sys.argv[1])
tracemalloc.start()
found = Listing(place, {}).fill((Entry(f"folder/{number:09}.jpg") for number in range(200_000)), lambda _: None)
walked = sum(1 for _ in found)
print(walked, found.total, tracemalloc.get_traced_memory()[1])
"""


@pytest.mark.skipif(
    sys.version_info[:2] == (3, 12), reason="Python 3.12 keeps for good each name that pathlib takes apart, some 90 bytes a file"
)
def test_the_listing_lies_on_disk(tmp_path: Path) -> None:
    """Memory doesn't grow with the number of images: what SQLite holds of 200,000 entries is its cache, of 2 MB. In a process of its own,
    where nothing else allocates."""
    done = subprocess.run([sys.executable, "-c", LISTING, str(tmp_path)], capture_output=True, text=True, check=True)
    walked, total, peak = map(int, done.stdout.split())
    assert walked == total == 200_000
    assert peak < 4_000_000
