"""Pushing a package into a bucket with Object Lock: over boto3 against the embedded S3, verified again from there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from averment.cli.main import run
from averment.core.organisation import load_organisation
from averment.core.period import utc_now
from averment.evidence.ledger import countersigning
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.record import Kind, Record

BUCKET = "audit-evidence"
AT = datetime(2026, 10, 7, 9, tzinfo=UTC)
ARGUMENTS = ["push", "s3", "--period", "2026Q4", "--to", f"s3://{BUCKET}/shop", "--retain", "3650d"]


def record(number: int) -> Record:
    return Record(
        kind=Kind.CHECK,
        collector="check",
        collector_version="1",
        source="made up for a test",
        query={"number": number},
        effective_at=AT + timedelta(minutes=number),
        collected_at=AT + timedelta(minutes=number),
        payload={"rules": [], "findings": [], "problems": []},
    )


def append(*numbers: int) -> None:
    with open_ledger(load_organisation(Path("averment.yaml")), write=True) as ledger:
        ledger.append([record(number) for number in numbers])


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An organisation with a ledger of two records."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "averment.yaml").write_text("version: 1\norganisation: {name: Shop}\ncontrols: [SM-UPL-03]\n", encoding="utf-8")
    append(1, 2)
    return tmp_path


@pytest.fixture
def s3(sandbox: Any) -> Any:
    """The embedded S3 with a bucket that has Object Lock."""
    client = boto3.client("s3")
    location = {"LocationConstraint": "eu-west-1"}
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location, ObjectLockEnabledForBucket=True)
    client.create_bucket(Bucket="plain", CreateBucketConfiguration=location)
    return client


def keys(s3: Any) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def test_the_package_is_there_held_and_verifies(shop: Path, s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Every file is held for ten years in compliance mode; fetched from the bucket, the package verifies."""
    assert run(ARGUMENTS) == 0
    assert "held until" in capsys.readouterr().out
    folder = shop / "fetched"
    for key in keys(s3):
        held = s3.get_object_retention(Bucket=BUCKET, Key=key)["Retention"]
        assert held["Mode"] == "COMPLIANCE"
        assert held["RetainUntilDate"] > utc_now() + timedelta(days=3649)
        path = folder.joinpath(*key.split("/")[3:])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    assert {key.rsplit("/", 1)[0].split("/records")[0].split("/")[1] for key in keys(s3)} == {"2026Q4"}
    assert run(["verify", str(folder)]) == 0


def test_pushing_again_puts_nothing_and_finishes_what_was_cut_off(shop: Path, s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The second push finds everything; one that stopped before the signature is completed, and nothing has two versions."""
    from moto.s3.models import s3_backends

    assert run(ARGUMENTS) == 0
    before = keys(s3)
    last = next(key for key in before if key.endswith("MANIFEST.sig"))
    s3_backends["123456789012"]["aws"].buckets[BUCKET].keys.pop(last)  # as if the push had stopped before it
    capsys.readouterr()
    assert run(ARGUMENTS) == 0
    assert f"put 1, there already {len(before) - 1}, refused 0" in capsys.readouterr().out
    assert run(ARGUMENTS) == 0
    assert f"put 0, there already {len(before)}, refused 0" in capsys.readouterr().out
    assert len(s3.list_object_versions(Bucket=BUCKET)["Versions"]) == len(before)


def test_a_checkpoint_is_dated_before_its_package_is_locked_away(
    shop: Path, s3: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the authority could not date at the collection is asked for again, as for a package in a folder; while it can't be had, that is said."""
    with (shop / "averment.yaml").open("a", encoding="utf-8") as file:
        file.write("evidence: {timestamps: {url: 'http://127.0.0.1:9/tsr'}}\n")
    assert run(ARGUMENTS) == 0
    assert "note: the checkpoint of 2 entries was not dated" in capsys.readouterr().err
    monkeypatch.setattr(countersigning, "request_stamp", lambda *_: b"a token")
    assert run([*ARGUMENTS, "--dry-run"]) == 0
    assert not [key for key in keys(s3) if key.endswith("timestamp.tsr")]
    assert run(ARGUMENTS) == 0
    assert [s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys(s3) if key.endswith("timestamp.tsr")] == [b"a token"]


def test_for_how_long_is_said_of_what_was_there_already(shop: Path, s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A longer retention holds for what is put now: of files that an earlier push put, it said that they were held for ten years."""
    assert run([*ARGUMENTS[:-1], "30d"]) == 0
    capsys.readouterr()
    assert run(ARGUMENTS) == 0
    said = capsys.readouterr().out
    held = s3.head_object(Bucket=BUCKET, Key=keys(s3)[0])["ObjectLockRetainUntilDate"]
    assert f"what was there already is held until {held.astimezone(UTC):%Y-%m-%d}" in " ".join(said.split())
    assert f"{(utc_now() + timedelta(days=3650)):%Y-%m}" not in said


def test_a_later_package_of_the_period_stands_beside_the_earlier(shop: Path, s3: Any) -> None:
    """More evidence makes another package; the first stays untouched in its own folder."""
    assert run(ARGUMENTS) == 0
    first = set(keys(s3))
    append(3)
    assert run(ARGUMENTS) == 0
    assert first < set(keys(s3))
    assert len({key.split("/")[2] for key in keys(s3)}) == 2


def test_another_file_in_the_way_is_refused_not_overwritten(shop: Path, s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """What stands under a name of the package with other bytes stays, is named, and makes the exit code 3."""
    assert run([*ARGUMENTS, "--dry-run"]) == 0
    folder = capsys.readouterr().out.rsplit(f"s3://{BUCKET}/", 1)[1].split(":")[0]
    s3.put_object(Bucket=BUCKET, Key=f"{folder}/report.json", Body=b"other")
    assert run(ARGUMENTS) == 3
    assert "report.json" in capsys.readouterr().err
    assert s3.get_object(Bucket=BUCKET, Key=f"{folder}/report.json")["Body"].read() == b"other"


def test_a_file_that_nothing_holds_is_told(shop: Path, s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The same bytes without a retention could still be deleted: not counted as handed over."""
    assert run([*ARGUMENTS, "--dry-run"]) == 0
    folder = capsys.readouterr().out.rsplit(f"s3://{BUCKET}/", 1)[1].split(":")[0]
    assert run(["export", "--period", "2026Q4", "--output", "p"]) == 0
    s3.put_object(Bucket=BUCKET, Key=f"{folder}/verify.py", Body=(shop / "p" / "verify.py").read_bytes())
    assert run(ARGUMENTS) == 3
    assert "no retention holds it" in capsys.readouterr().err


def test_a_dry_run_puts_nothing(shop: Path, s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The number of files that would go up, and an empty bucket."""
    assert run([*ARGUMENTS, "--dry-run"]) == 0
    assert "would put" in capsys.readouterr().out
    assert keys(s3) == []


def test_a_bucket_that_cannot_hold_files_is_refused(shop: Path, s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Without versioning or Object Lock, exit 2 before anything is put; nor is a bucket out of reach a success."""
    assert run(["push", "s3", "--period", "2026Q4", "--to", "s3://plain", "--retain", "1d"]) == 2
    assert "could be changed or deleted" in capsys.readouterr().err
    assert s3.list_objects_v2(Bucket="plain").get("KeyCount") == 0
    assert run(["push", "s3", "--period", "2026Q4", "--to", "s3://nowhere", "--retain", "1d"]) == 3


def test_for_how_long_has_to_be_said(shop: Path, s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a default nor --retain: exit 2; with a default retention of the bucket's that one holds."""
    assert run(ARGUMENTS[:-2]) == 2
    assert "--retain" in capsys.readouterr().err
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 30}}
    s3.put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule})
    assert run(ARGUMENTS[:-2]) == 0
    assert s3.get_object_retention(Bucket=BUCKET, Key=keys(s3)[0])["Retention"]["Mode"] == "COMPLIANCE"
    assert "held for the bucket's default retention, 30 days in COMPLIANCE mode" in capsys.readouterr().out


def test_a_retention_that_a_permission_lifts_is_called_that(shop: Path, s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The package is said to be where nobody can delete it: in governance mode, which a bucket's default may be, whoever has that right can."""
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Years": 1}}
    s3.put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule})
    lifted = "in GOVERNANCE mode, which the permission s3:BypassGovernanceRetention lifts"
    assert run(ARGUMENTS[:-2]) == 0
    assert f"default retention, 1 year {lifted}" in " ".join(capsys.readouterr().out.split())
    append(3)
    assert run([*ARGUMENTS, "--mode", "governance"]) == 0
    assert lifted in " ".join(capsys.readouterr().out.split())
    assert run(ARGUMENTS) == 0  # what is there stays as it is held
    said = " ".join(capsys.readouterr().out.split())
    assert "what was there already is held until" in said
    assert lifted in said


@pytest.mark.parametrize("url", ["audit-evidence", "https://x/y", "s3://"])
def test_what_is_no_place_in_s3_is_a_usage_error(url: str, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 and how to write it."""
    assert run(["push", "s3", "--period", "2026Q4", "--to", url]) == 2
    assert "s3://bucket/prefix" in capsys.readouterr().err
