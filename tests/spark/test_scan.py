"""Scanning on a local Spark, against the embedded AWS over HTTP: the same results as the plain loop's.

Origin of the data: portraits of the reference corpus, and objects that are no pictures, made here. The session of Spark is one for all tests, for
it takes long to begin.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from py4j.protocol import Py4JNetworkError

import averment.cli.jobs.spark_scan
from averment.cli.main import run
from averment.core.errors import IncompleteError
from averment.core.period import utc_now
from averment.detector import corpus
from averment.detector.bulk import spark
from averment.detector.bulk.parts import Parts
from averment.sandbox.inventory_reports import InventoryReports, Listed
from averment.sandbox.server import Sandbox

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:pyspark.*", "ignore::ResourceWarning", "ignore::FutureWarning:pyspark.*"
)

MEDIA, REPORTS, RESULTS = "shop-media", "shop-inventory", "shop-results"
PLACE = f"s3://{MEDIA}/in/"


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """Thirty portraits under odd names, what can't be scanned, and what isn't asked for. The environment stands before Java is started."""
    with Sandbox() as server, server.applied():
        client = boto3.client("s3")
        for bucket in (MEDIA, REPORTS, RESULTS):
            client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        client.put_bucket_versioning(Bucket=MEDIA, VersioningConfiguration={"Status": "Enabled"})
        for number, image in enumerate([image for image in corpus.load() if image.kind == "face"][:30]):
            client.put_object(Bucket=MEDIA, Key=f"in/{number % 3}/été {number}+.jpg", Body=image.read())
        for key in ("in/broken.png", "in/notes.txt", "in/Z.jpg", "out/a.jpg"):
            client.put_object(Bucket=MEDIA, Key=key, Body=b"no picture")
        yield client


@pytest.fixture(scope="module")
def session(s3: Any) -> Iterator[Any]:
    found, own = spark._session()
    assert own
    yield found
    found.stop()


def scanned(tmp_path: Path, *words: str) -> tuple[int, bytes]:
    """The exit code of a scan, and what it wrote."""
    out = tmp_path / f"out-{len(list(tmp_path.iterdir()))}"
    return run(["media", "scan", *words, "--out", str(out)]), out.read_bytes()


@pytest.mark.parametrize("form", ["json", "csv"])
def test_the_results_are_those_of_the_plain_loop(form: str, session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the byte and in the same order, over several tasks: findings, figures, hashes, versions, reasons and counts."""
    monkeypatch.setattr(spark, "PER_TASK", 5)
    monkeypatch.setattr(spark, "ROWS", 3)
    plain = scanned(tmp_path, PLACE, "--format", form)
    assert scanned(tmp_path, PLACE, "--format", form, "--engine", "spark") == plain
    if form == "json":
        document = json.loads(plain[1])
        assert len(document["images"]) == 32
        assert document["summary"]["could-not-scan"] == 2
        assert document["summary"]["passed_over"] == 1
        assert all(image["version_id"] for image in document["images"] if image["sha256"])


def test_an_inventory_is_read_by_tasks(session: Any, s3: Any, tmp_path: Path) -> None:
    """Each data file is a task; an object that is gone since is a result, and the job goes on."""
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=MEDIA)["Contents"]]
    reports = InventoryReports(s3, MEDIA, REPORTS, f"daily/{MEDIA}/all")
    reports.configure()
    rows = [Listed(key) for key in [*keys, "in/gone.jpg"]]
    reports.put(utc_now() - timedelta(hours=1), *(reports.csv(rows[start::3]) for start in range(3)))
    words = (PLACE, "--format", "json", "--inventory", f"s3://{REPORTS}/daily/{MEDIA}/all")
    plain = scanned(tmp_path, *words)
    assert scanned(tmp_path, *words, "--engine", "spark") == plain
    [gone] = [image for image in json.loads(plain[1])["images"] if image["name"].endswith("gone.jpg")]
    assert (gone["finding"], gone["sha256"]) == ("could-not-scan", None)
    assert "it is gone since it was listed" in gone["cannot_say"]


def test_a_key_that_a_report_names_twice_is_one_result(session: Any, s3: Any, tmp_path: Path) -> None:
    """S3 writes reports while the bucket changes: of such a key the newest counts, as in the plain loop, whichever data file has it."""
    reports = InventoryReports(s3, MEDIA, REPORTS, f"twice/{MEDIA}/all")
    reports.configure()
    newer = Listed("in/broken.png", 40 * 1024 * 1024, modified=datetime(2026, 11, 2, tzinfo=UTC))
    rows = [[newer, Listed("in/gone.jpg", 2)], [Listed("in/broken.png"), Listed("in/gone.jpg", 3)], [Listed("in/broken.png")]]
    reports.put(utc_now() - timedelta(hours=1), *(reports.csv(some) for some in rows))
    words = (PLACE, "--format", "json", "--inventory", f"s3://{REPORTS}/twice/{MEDIA}/all")
    plain = scanned(tmp_path, *words)
    assert [image["bytes"] for image in json.loads(plain[1])["images"]] == [40 * 1024 * 1024, 3]
    assert scanned(tmp_path, *words, "--engine", "spark") == plain


def test_what_may_not_be_read_is_a_result(session: Any, s3: Any, tmp_path: Path) -> None:
    """Denied objects and archived ones end no job, and decide its exit code: the same as in the plain loop."""
    for key in ("locked/secret/a.jpg", "locked/secret/b.jpg", "locked/c.jpg"):
        s3.put_object(Bucket=MEDIA, Key=key, Body=corpus.load()[0].read())
    s3.put_object(Bucket=MEDIA, Key="locked/cold.jpg", Body=b"x", StorageClass="GLACIER")
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{MEDIA}/locked/secret/*"}
    s3.put_bucket_policy(Bucket=MEDIA, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    try:
        plain = scanned(tmp_path, f"s3://{MEDIA}/locked/", "--format", "json")
        assert scanned(tmp_path, f"s3://{MEDIA}/locked/", "--format", "json", "--engine", "spark") == plain
    finally:
        s3.delete_bucket_policy(Bucket=MEDIA)
    reasons = {image["name"].rpartition("/")[2]: image["cannot_say"] for image in json.loads(plain[1])["images"]}
    assert "AccessDenied" in reasons["a.jpg"]
    assert "AccessDenied" in reasons["b.jpg"]
    assert "it is archived (GLACIER)" in reasons["cold.jpg"]
    assert plain[0] == (1 if json.loads(plain[1])["summary"]["flagged"] else 3)


def test_results_that_may_not_be_written_end_the_job_with_the_reason(session: Any, s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing says that they are whole."""
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{RESULTS}/denied/*"}
    s3.put_bucket_policy(Bucket=RESULTS, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    try:
        assert run(["media", "scan", PLACE, "--format", "jsonl", "--engine", "spark", "--out", f"s3://{RESULTS}/denied"]) == 3
    finally:
        s3.delete_bucket_policy(Bucket=RESULTS)
    assert f"could not write to s3://{RESULTS}/denied/: An error occurred (AccessDenied)" in capsys.readouterr().err
    assert s3.list_objects_v2(Bucket=RESULTS, Prefix="denied/")["KeyCount"] == 0


def test_results_go_to_s3_in_parts(session: Any, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """The lines of all parts, in order, are those of the plain loop, and a second run doesn't mix with them."""
    monkeypatch.setattr(spark, "PER_TASK", 5)
    code, lines = scanned(tmp_path, PLACE, "--format", "jsonl")
    words = ["media", "scan", PLACE, "--format", "jsonl", "--engine", "spark", "--out", f"s3://{RESULTS}/one"]
    assert run(words) == code
    bodies = {
        item["Key"]: s3.get_object(Bucket=RESULTS, Key=item["Key"])["Body"].read()
        for item in s3.list_objects_v2(Bucket=RESULTS)["Contents"]
    }
    told = json.loads(bodies.pop("one/summary.json"))
    assert len(bodies) > 3
    assert b"".join(bodies[key] for key in sorted(bodies)) == lines
    assert sum(told["summary"][finding] for finding in ("clean", "flagged", "could-not-scan")) == 32
    assert told["detector"]["sha256"]
    assert run(words) == 2
    assert "holds something already" in capsys.readouterr().err


@pytest.mark.parametrize("counted", ["total", "_keys"])
def test_results_that_are_not_those_on_the_listing_are_not_whole(
    counted: str, session: Any, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an executor was lost while the bucket changed: neither way of writing ends well, and there is no summary."""
    from averment.detector.bulk.places import place_of

    monkeypatch.setattr(spark, "PER_TASK", 5)
    for parts in (None, Parts.of(f"s3://{RESULTS}/lost-{counted.strip('_')}")):
        with spark.SparkScan(place_of(PLACE), "embedded", now=utc_now(), parts=parts) as found:
            setattr(found, counted, getattr(found, counted) + 1)
            with pytest.raises(IncompleteError, match="the results are not those on the"):
                list(found.results()) if parts is None else found.write_parts()
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=RESULTS, Prefix=f"lost-{counted.strip('_')}/")["Contents"]]
    assert keys
    assert not any(key.endswith("summary.json") for key in keys)


def test_what_ends_the_loop_ends_the_job_with_its_reason(session: Any, s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A bucket out of reach is one sentence, without the traces of Python, Java and Scala."""
    assert run(["media", "scan", "s3://no-such-bucket/", "--engine", "spark"]) == 3
    error = capsys.readouterr().err
    assert "Spark could not list the bucket: could not list s3://no-such-bucket/: " in error
    assert "Traceback" not in error
    assert run(["media", "scan", f"s3://{MEDIA}/nothing/", "--engine", "spark"]) == 2


def test_what_to_do_comes_back_from_a_task(session: Any, s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """As from the plain loop: a data file of a report that isn't what its manifest says."""
    reports = InventoryReports(s3, MEDIA, REPORTS, f"broken/{MEDIA}/all")
    reports.configure()
    reports.put(utc_now() - timedelta(hours=1), reports.csv([Listed("in/broken.png")]))
    [data] = s3.list_objects_v2(Bucket=REPORTS, Prefix=f"broken/{MEDIA}/all/data/")["Contents"]
    s3.put_object(Bucket=REPORTS, Key=data["Key"], Body=reports.csv([Listed("in/another.png")]))
    told = []
    for engine in ("plain", "spark"):
        assert run(["media", "scan", PLACE, "--inventory", f"s3://{REPORTS}/broken/{MEDIA}/all", "--engine", engine]) == 3
        told.append(capsys.readouterr().err)
    assert "as the manifest's MD5 says" in told[0] or "more than the" in told[0]
    assert told[1] == told[0].replace("averment: ", "averment: Spark could not list the bucket: ")


def test_what_java_would_log_is_not_shown(s3: Any) -> None:
    """Neither on the way nor where a task fails: one error with its fix, besides the warning of Java itself which nothing takes away."""
    words = [sys.executable, "-m", "averment", "media", "scan", "s3://no-such-bucket/", "--engine", "spark"]
    environment = {name: value for name, value in os.environ.items() if name != "PYSPARK_GATEWAY_PORT"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("WARNING: Using incubator modules")]
    assert len(said) == 2, done.stderr
    assert said[1].startswith("  fix: ")
    assert said[0].startswith("averment: Spark could not list the bucket: could not list s3://no-such-bucket/: ")
    assert (done.returncode, done.stdout) == (3, "")


def test_an_executor_with_another_model_ends_the_job(session: Any, s3: Any) -> None:
    """What two models said isn't one result."""
    from averment.detector.bulk.places import place_of

    scan = spark.SparkScan(place_of(PLACE), "embedded", now=utc_now())
    scan._task = spark.Task(MEDIA, "in/", "embedded", "of another model")
    with scan, pytest.raises(IncompleteError, match="another than where the job was begun"):
        list(scan.results())


@pytest.mark.parametrize(
    "broken", [ConnectionRefusedError(111, "Connection refused"), EOFError(), Py4JNetworkError("Answer from Java side is empty")]
)
def test_a_java_that_is_killed_is_no_flaw_of_averment(broken: Exception) -> None:
    """Whatever Python hears of it, on the way or when the session ends: the scan could not be finished."""

    class Session:
        def stop(self) -> None:
            raise broken

    scan = spark.SparkScan.__new__(spark.SparkScan)
    scan._spark, scan._own = Session(), True
    with pytest.raises(IncompleteError, match="Spark could not scan: its Java process is gone"), spark._failures("scan"):
        raise broken
    scan.__exit__()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "An error occurred while calling o69.collect.\n: org.apache.spark.SparkException: Python worker exited\n\tat a.b",
            "Python worker exited",
        ),
        ("Traceback\naverment.core.errors.IncompleteError: could not list s3://b/\n\tat a.b", "could not list s3://b/"),
        ("", "it gave no reason"),
    ],
)
def test_the_reason_is_what_went_wrong_and_not_what_was_called(text: str, reason: str) -> None:
    """Java's errors begin with a number of its own."""
    assert spark._reason(text).endswith(reason)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((str(Path(__file__).parent),), "is not in S3"),
        ((PLACE, "--resume"), "are for --engine plain"),
        ((PLACE, "--out", "s3://shop-results/x", "--format", "csv"), "in parts is JSON lines"),
        ((PLACE, "--out", "s3://shop-results", "--format", "jsonl"), "is no place for results"),
    ],
)
def test_what_spark_can_t_do_is_said_before_it_starts(words: tuple[str, ...], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and one sentence."""
    assert run(["media", "scan", *words, "--engine", "spark"]) == 2
    assert reason in capsys.readouterr().err


def test_the_job_runs_by_spark_submit(s3: Any, tmp_path: Path) -> None:
    """As EMR Serverless runs it: by the entry script, with exit code 0 though something could not be scanned, results in S3; and with another
    where the job could not be done."""
    submit = shutil.which("spark-submit", path=str(Path(sys.executable).parent))
    assert submit is not None
    words = [submit, "--master", "local[2]", "--conf", "spark.ui.enabled=false", averment.cli.jobs.spark_scan.__file__]
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    # What Python writes to standard error, spark-submit writes to standard output.
    good = [*words, PLACE, "--format", "jsonl", "--out", f"s3://{RESULTS}/job"]
    done = subprocess.run(good, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "32 files" in done.stdout
    assert s3.list_objects_v2(Bucket=RESULTS, Prefix="job/summary.json")["KeyCount"] == 1
    bad = [*words, PLACE, "--format", "jsonl", "--out", f"s3://{RESULTS}"]
    done = subprocess.run(bad, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "is no place for results" in done.stdout
