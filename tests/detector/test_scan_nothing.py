"""A scan that looked at nothing is no clean scan."""

from datetime import timedelta
from pathlib import Path

import boto3
import pytest

from averment.cli.main import run
from averment.core.period import utc_now
from averment.sandbox.inventory_reports import InventoryReports, Listed


def test_a_folder_without_images_is_an_error_and_not_clean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped folder must not look like a harmless one."""
    (tmp_path / "notes.txt").write_text("no picture")
    assert run(["media", "scan", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert "nothing was scanned" in captured.err
    assert "1 other file, scanned with --every-name alone" in captured.err
    assert captured.out == ""


def test_a_key_as_results_name_it_is_told_from_one_that_is_mistyped(sandbox: object, capsys: pytest.CaptureFixture[str]) -> None:
    """Results are URL-encoded, a prefix isn't; and where an inventory lists nothing, the bucket itself may hold something."""
    s3 = boto3.client("s3")
    for bucket in ("shop-media", "shop-inventory"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="shop-media", Key="a b.jpg", Body=b"x")
    assert run(["media", "scan", "s3://shop-media/a%20b.jpg"]) == 2
    assert "write the prefix as S3 has it, not URL-encoded as in results" in capsys.readouterr().err
    assert run(["media", "scan", "s3://shop-media/ab.jpg"]) == 2
    assert "check the prefix\n" in capsys.readouterr().err
    reports = InventoryReports(s3, "shop-media", "shop-inventory", "daily/shop-media/all")
    reports.put(utc_now() - timedelta(hours=1), reports.csv([Listed("notes.txt")]))
    assert run(["media", "scan", "s3://shop-media/", "--inventory", "s3://shop-inventory/daily/shop-media/all"]) == 2
    told = capsys.readouterr().err
    assert "by the S3 Inventory of 20" in told
    assert "list the bucket itself (leave out --inventory)" in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--out", ""), "--out names no file"),
        (("--out", "."), "--out '.' is a folder"),
        (("--out", "-"), "--out '-' names no file"),
        (("--out", "s3://shop-results/x"), "results are written to S3 by --engine spark only"),
        (("--state", ""), "--state names no file"),
        (("--state", "."), "--state '.' is a folder"),
        (("--state", "s3://shop-results/x"), "--state 's3://shop-results/x' is in S3, where no such file can be kept"),
        (("--state", "/dev/null"), "--state /dev/null is no regular file"),
    ],
)
def test_what_is_no_file_to_write_is_said_before_anything_is_scanned(
    words: tuple[str, str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and what to write."""
    (tmp_path / "a.jpg").write_bytes(b"x")
    assert run(["media", "scan", str(tmp_path), *words]) == 2
    captured = capsys.readouterr()
    assert told in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("given", ["36h", "soon"])
def test_an_age_without_an_inventory_is_not_passed_over(given: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever names one believes that a report is used."""
    (tmp_path / "a.jpg").write_bytes(b"x")
    assert run(["media", "scan", str(tmp_path), "--max-age", given]) == 2
    assert "--max-age is of an S3 Inventory, and none is named" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("s3://shop-media/in/", "--out", "s3://shop-results/x", "--format", "csv"), "in parts is JSON lines"),
        (("s3://shop-media/in/", "--every-name", "--out", "s3://shop-media/in/results", "--format", "jsonl"), "lies in what is scanned"),
    ],
)
def test_results_that_spark_would_write_to_the_wrong_place_are_refused(
    words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before Spark is started, or asked for."""
    assert run(["media", "scan", *words, "--engine", "spark"]) == 2
    assert told in capsys.readouterr().err
