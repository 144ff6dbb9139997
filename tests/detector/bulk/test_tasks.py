"""What a task of Spark does, without Spark: the same as the plain loop, piece by piece.

Origin of the data: objects and inventory reports made here, which the embedded detector can't read; what it says of pictures is tried with Spark.
"""

from __future__ import annotations

import io
import itertools
import json
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import botocore.exceptions
import pytest

from averment.core.errors import BadInputError, IncompleteError
from averment.core.fetch import Fetch
from averment.detector import corpus
from averment.detector.bulk import parts, tasks
from averment.detector.bulk.memory import detector_key
from averment.detector.bulk.output import scanned_to_json
from averment.detector.bulk.parts import Parts
from averment.detector.bulk.places import InventoryPlace, list_place, place_of
from averment.detector.bulk.tasks import ListedRow, ScoredRow, Tally, Task, check_whole, list_units, score_objects
from averment.detector.embedded import EmbeddedDetector
from averment.detector.scanning import scan
from averment.sandbox.inventory_reports import InventoryReports, Listed

MEDIA, REPORTS = "shop-media", "shop-inventory"
KEYS = ["in/a.jpg", "in/b ü.png", "in/c.gif"]


@pytest.fixture
def s3(sandbox: object) -> Iterator[Any]:
    client = boto3.client("s3")
    for bucket in (MEDIA, REPORTS):
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for key in (*KEYS, "in/n.txt", "out/x.jpg"):
        client.put_object(Bucket=MEDIA, Key=key, Body=key.encode())
    for made in (parts._s3, tasks._s3):  # each embedded AWS has an address of its own
        made.cache_clear()
    yield client
    for made in (parts._s3, tasks._s3):
        made.cache_clear()


def task(**more: Any) -> Task:
    return Task(MEDIA, "in/", "embedded", detector_key(EmbeddedDetector().info), **more)


def test_a_bucket_is_listed_in_one_piece(s3: Any) -> None:
    """Its images below the prefix, then how many files were passed over."""
    *found, last = list_units(task(), [(0,)])
    assert task().units == 1
    assert [row.key for row in found] == KEYS
    assert last == ListedRow(None, 1)


def test_an_inventory_is_listed_file_by_file(s3: Any) -> None:
    """Each piece is one data file, and all of them are the listing."""
    now = datetime.now(UTC)
    reports = InventoryReports(s3, MEDIA, REPORTS, "daily/all")
    files = [[Listed(KEYS[0]), Listed("in/n.txt")], [Listed(KEYS[1]), Listed("out/x.jpg")], [Listed(KEYS[2])]]
    reports.put(now, *(reports.csv(rows) for rows in files))
    place = InventoryPlace(REPORTS, "daily/all/", timedelta(hours=1))
    some = task(report=place.report(Fetch(s3, "s3"), place_of(f"s3://{MEDIA}/in/"), now)[0])
    assert some.units == 3
    pieces = [list(list_units(some, [(unit,)])) for unit in range(3)]
    assert [[row.key for row in rows] for rows in pieces] == [[KEYS[0], None], [KEYS[1], None], [KEYS[2], None]]
    assert [rows[-1].size for rows in pieces] == [1, 0, 0]


def test_rows_are_what_the_plain_loop_finds(s3: Any) -> None:
    """Each a line of JSON; an object that is gone is one of them."""
    objects = [row for row in list_units(task(), [(0,)]) if row.key]
    s3.delete_object(Bucket=MEDIA, Key=KEYS[1])
    rows = list(score_objects(task(), 0, [*objects, ListedRow(None, 1)]))
    plain = {result.name: scanned_to_json(result) for result in scan(list_place(place_of(f"s3://{MEDIA}/in/")), EmbeddedDetector())}
    lines = [json.loads(row.line or "") for row in rows]
    assert [line.pop("detector")["name"] for line in lines] == ["averment-reference"] * 3
    assert [lines[0], lines[2]] == list(plain.values())
    assert "it is gone since it was listed" in lines[1]["cannot_say"]


def test_a_task_writes_its_part_and_gives_the_counts(s3: Any) -> None:
    """Twice the same task, once the same bytes; a task without objects writes nothing."""
    place = Parts.of(f"s3://{REPORTS}/results/")
    place.check_empty()
    some = task(parts=place)
    objects = [row for row in list_units(task(), [(0,)]) if row.key]
    bodies = []
    for _ in range(2):
        assert list(score_objects(some, 7, objects)) == [
            ScoredRow("could-not-scan", 3, None, sum(zlib.crc32(key.encode()) for key in KEYS))
        ]
        bodies.append(s3.get_object(Bucket=REPORTS, Key="results/part-00007.jsonl")["Body"].read())
    assert bodies[0] == bodies[1]
    assert bodies[0].decode().splitlines() == [(row.line or "").rstrip("\n") for row in score_objects(task(), 0, objects)]
    assert list(score_objects(some, 8, [])) == []
    assert s3.list_objects_v2(Bucket=REPORTS, Prefix="results/")["KeyCount"] == 1
    with pytest.raises(BadInputError, match="holds something already"):
        place.check_empty()


def test_the_part_that_is_there_first_is_the_one_that_counts(s3: Any) -> None:
    """A task that was slow, or on a machine that was taken for lost, ends after its other attempt; an object changed in between. Part and counts agree."""
    some = task(parts=Parts.of(f"s3://{REPORTS}/late/"))
    keys = [*KEYS, "in/p ü%+.jpg"]
    s3.put_object(Bucket=MEDIA, Key=keys[-1], Body=corpus.load()[0].read())
    objects = [row for row in list_units(task(), [(0,)]) if row.key]
    first = sorted(score_objects(some, 0, objects))
    body = s3.get_object(Bucket=REPORTS, Key="late/part-00000.jsonl")["Body"].read()
    s3.put_object(Bucket=MEDIA, Key=keys[-1], Body=b"another")
    assert sorted(score_objects(some, 0, objects)) == first
    assert s3.get_object(Bucket=REPORTS, Key="late/part-00000.jsonl")["Body"].read() == body
    assert sum(row.keys for row in first) == sum(zlib.crc32(key.encode()) for key in keys)
    assert len(first) == 2


def test_a_part_of_another_job_is_not_taken_for_this_one_s(s3: Any) -> None:
    """Two jobs that were begun at once with one prefix: results of two models aren't one result."""
    some = task(parts=Parts.of(f"s3://{REPORTS}/shared/"))
    objects = [row for row in list_units(task(), [(0,)]) if row.key]
    assert list(score_objects(some, 0, objects))
    body = s3.get_object(Bucket=REPORTS, Key="shared/part-00000.jsonl")["Body"].read()
    s3.put_object(Bucket=REPORTS, Key="shared/part-00000.jsonl", Body=body.replace(b"averment-reference", b"another"))
    with pytest.raises(IncompleteError, match="s3://shop-inventory/shared/ holds another job's results by now"):
        list(score_objects(some, 0, objects))


def test_a_part_is_put_again_while_another_write_of_it_goes_on(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 answers 409 then, which says nothing of who will win; in the end it is an error."""
    asked: list[str] = []

    class Busy:
        def put_object(self, **given: Any) -> None:
            asked.append(given["IfNoneMatch"])
            if len(asked) < 3:
                raise botocore.exceptions.ClientError({"Error": {"Code": "ConditionalRequestConflict", "Message": "no"}}, "PutObject")

    monkeypatch.setattr(parts, "_WAIT", 0.0)
    monkeypatch.setattr(parts, "_s3", Busy)
    place = Parts.of(f"s3://{REPORTS}/busy/")
    assert place.put(0, io.BytesIO(b"x"))
    assert asked == ["*"] * 3
    monkeypatch.setattr(parts, "_ATTEMPTS", 2)
    asked.clear()
    with pytest.raises(IncompleteError, match="could not write to s3://shop-inventory/busy/"):
        place.put(0, io.BytesIO(b"x"))


@pytest.mark.parametrize(("most", "first"), [(1, "part-00000.jsonl"), (100_000, "part-00000.jsonl"), (100_001, "part-000000.jsonl")])
def test_parts_in_the_order_of_their_names_are_in_the_order_of_the_results(most: int, first: str) -> None:
    """Also from 100,000 parts on, where five digits aren't enough: every name of a run has as many."""
    place = Parts("b", "p/", most)
    numbers = [number for number in (0, 9, 10, 9_999, 10_000, 99_999, 100_000) if number < most]
    keys = [place.key(number) for number in numbers]
    assert keys[0] == f"p/{first}"
    assert sorted(keys) == keys
    assert len({len(key) for key in keys}) == 1


def test_results_are_one_for_each_object_that_was_listed(s3: Any) -> None:
    """Written as rows or in parts, they have the listing's tally; with an object lost, doubled, or put in another's place, they don't."""
    objects = [row for row in list_units(task(), [(0,)]) if row.key]
    listed = Tally(3, sum(zlib.crc32(row.key.encode()) for row in objects if row.key))

    numbers = itertools.count()  # a part that is there stays

    def tally(some: Task, of: list[ListedRow]) -> Tally:
        found = Tally()
        for row in score_objects(some, next(numbers), of):
            found = found.plus(row)
        return found

    first, second, third = objects
    for some in (task(), task(parts=Parts.of(f"s3://{REPORTS}/tally/"))):
        check_whole(listed, tally(some, objects))
        check_whole(listed, tally(some, [third, first, second]))
        with pytest.raises(IncompleteError, match="on the 3 objects that were listed: there are 2 results"):
            check_whole(listed, tally(some, [first, third]))
        with pytest.raises(IncompleteError, match="there are 4 results"):
            check_whole(listed, tally(some, [*objects, third]))
        for wrong in ([first, first, third], [first, second, ListedRow("in/new.jpg", 1)]):
            with pytest.raises(IncompleteError, match="there are as many, but not of the same objects"):
                check_whole(listed, tally(some, wrong))


def test_a_key_counts_as_spark_counts_it() -> None:
    """The sum in the listing is Spark's, whose documentation gives this one."""
    assert zlib.crc32(b"Spark") == 1557323817


def test_another_model_than_the_driver_s_is_refused(s3: Any) -> None:
    """What two models said isn't one result."""
    other = Task(MEDIA, "in/", "embedded", "of another model")
    with pytest.raises(IncompleteError, match="another than where the job was begun"):
        list(score_objects(other, 0, [ListedRow(KEYS[0], 1)]))


@pytest.mark.parametrize("text", ["results/", "s3://", "s3://bucket", "s3://bucket/"])
def test_a_place_for_results_has_a_bucket_and_a_prefix(text: str) -> None:
    """Parts don't lie about in a bucket's root."""
    with pytest.raises(BadInputError, match="is no place for results"):
        Parts.of(text)
