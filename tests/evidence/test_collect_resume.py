"""Runs that are killed in the middle of a record and go on: the record is that of a run that nobody killed, to the byte.

The collector runs in a process of its own, over a real connection to the embedded AWS, and dies by SIGKILL at a given call.
"""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from averment.cli.main import run
from averment.core.errors import IncompleteError
from averment.core.organisation import Organisation
from averment.core.period import from_iso
from averment.evidence.collectors import media_objects
from averment.evidence.collectors.interface import CollectScope
from averment.evidence.collectors.media_states import MediaStates
from averment.evidence.collectors.progress import KEPT_FOR, Progress, ProgressFolder, Row
from averment.evidence.collectors.registry import collectors
from averment.evidence.record import Gathering, Record
from averment.sandbox.inventory_reports import InventoryReports, Listed
from averment.sandbox.trail_delivery import TrailDelivery, logged

NOW = "2026-11-28T00:00:00Z"
BUCKET, REPORTS, TRAIL = "shop-media", "shop-inventory", "shop-trail"
PARAMETERS: dict[str, Any] = {"media-states": {"objects_per_bucket": 40}, "cloudtrail": {"bucket": TRAIL}}

CHILD = """
import json, os, signal, sys, threading
from averment.core.aws import client
from averment.core.canonical import canonical_json
from averment.core.errors import IncompleteError
from averment.core.organisation import Organisation
from averment.core.period import from_iso, parse_period
from averment.evidence.collectors import media_objects
from averment.evidence.collectors.interface import CollectScope
from averment.evidence.collectors.progress import ProgressFolder
from averment.evidence.collectors.registry import collectors
from pathlib import Path

name, period, folder, parameters, operation, number, now = sys.argv[1:]
media_objects._PAGES_PER_SAVE, media_objects._LOOKS_PER_SAVE = 1, 10
sent, lock = {}, threading.Lock()

def count(model, **_):
    with lock:
        sent[model.name] = sent.get(model.name, 0) + 1
        if model.name == operation and sent[model.name] == int(number):
            os.kill(os.getpid(), signal.SIGKILL)

def make(service, *, region=None):
    made = client(service, region=region)
    made.meta.events.register("before-call.*.*", count)
    return made

scope = CollectScope(
    Organisation(parameters=json.loads(parameters)), parse_period(period), "123456789012", "eu-west-1", make,
    lambda: from_iso(now), progress=ProgressFolder(Path(folder), resume=True),
)
[collector] = collectors((name,))
[record] = collector.collect(scope)
sys.stdout.buffer.write(canonical_json(record.to_json()) + b"\\n" + json.dumps(sent).encode())
"""


@pytest.fixture
def child(sandbox: Any, tmp_path: Path) -> Callable[..., tuple[bytes, dict[str, int]] | None]:
    """Runs a collector; None when it was killed, else the record's bytes and how often each operation was called."""

    def go(
        name: str, *, period: str = "2026Q4", folder: str = "progress", kill: tuple[str, int] = ("", 0), now: str = NOW
    ) -> tuple[bytes, dict[str, int]] | None:
        (tmp_path / folder).mkdir(exist_ok=True)
        words = [name, period, str(tmp_path / folder), json.dumps(PARAMETERS), kill[0], str(kill[1]), now]
        done = subprocess.run([sys.executable, "-c", CHILD, *words], capture_output=True, check=False)
        if done.returncode == -signal.SIGKILL:
            return None
        assert done.returncode == 0, done.stderr.decode()
        record, _, sent = done.stdout.partition(b"\n")
        return record, json.loads(sent)

    return go


Child = Callable[..., tuple[bytes, dict[str, int]] | None]


def test_a_bucket_goes_on_at_the_page_and_the_object_that_was_reached(
    child: Child, bucket: Callable[..., str], many_objects: Callable[[str, int], None]
) -> None:
    """Killed in the listing, in the next page of it, and among the objects: what was done isn't done again, and nothing differs."""
    many_objects(bucket(BUCKET), 3_500)
    whole = child("media-states", folder="other")
    assert whole is not None
    assert whole[1]["ListObjectsV2"] == 4
    for kill in (("ListObjectsV2", 3), ("ListObjectsV2", 2), ("HeadObject", 15), ("GetObjectTagging", 12)):
        assert child("media-states", kill=kill) is None
    last = child("media-states")
    assert last is not None
    assert last[0] == whole[0]
    assert "ListObjectsV2" not in last[1]
    assert "ListBuckets" not in last[1]
    assert last[1]["HeadObject"] <= 20
    assert json.loads(last[0])["population"] == {"unit": "objects", "total": 3_500, "examined": 40, "truncated": False}


def test_the_files_of_a_trail_go_on_at_the_day_that_was_reached(child: Child, bucket: Callable[..., str]) -> None:
    """Killed while digests and files were read: each file's calls count once, and the days that are done aren't listed again."""
    bucket(TRAIL)
    start = datetime(2026, 4, 1, tzinfo=UTC)
    delivery = TrailDelivery(boto3.client("s3"), TRAIL)
    for hour in range(0, 120, 3):
        at = start + timedelta(hours=hour, minutes=1)
        delivery.deliver(logged("Sign", "kms.amazonaws.com", caller="arn:aws:iam::123456789012:role/signer", at=at), at=at)
        delivery.digest(start + timedelta(hours=hour + 1))
    period = "2026-04-01..2026-04-05"
    whole = child("signing-calls", period=period, folder="other")
    assert whole is not None
    # 40 digests, then 40 files, both of eight a day: on the third day of digests, the second of files, the third.
    for kill in (("GetObject", 20), ("GetObject", 37), ("GetObject", 14)):
        assert child("signing-calls", period=period, kill=kill) is None
    last = child("signing-calls", period=period)
    assert last is not None
    assert last[0] == whole[0]
    assert last[1]["GetObject"] == 24
    record = json.loads(last[0])
    assert record["payload"]["summary"]["calls"] == 40
    assert record["payload"]["sources"][0]["integrity"]["files_as_signed"] == 40


def test_an_inventory_goes_on_at_the_file_that_was_reached(
    child: Child, bucket: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the very report that the first run found, though a newer one came since."""
    bucket(BUCKET)
    bucket(REPORTS)
    reports = InventoryReports(boto3.client("s3"), BUCKET, REPORTS, f"daily/{BUCKET}/all")
    reports.configure()
    monkeypatch.setitem(PARAMETERS, "s3-inventory", {"reports": {BUCKET: f"s3://{REPORTS}/daily/{BUCKET}/all"}})
    rows = [[Listed(f"{part}-{number}.jpg") for number in range(30)] for part in range(4)]
    reports.put(from_iso(NOW) - timedelta(hours=20), *(reports.csv(part) for part in rows))
    whole = child("media-states", folder="other")
    assert whole is not None
    assert child("media-states", kill=("GetObject", 5)) is None  # the manifest, its checksum, two files
    reports.put(from_iso(NOW) - timedelta(hours=1), reports.csv(rows[0]))
    last = child("media-states")
    assert last is not None
    assert last[0] == whole[0]
    assert last[1]["GetObject"] == 2
    assert json.loads(last[0])["payload"]["buckets"][0]["total"] == 120


def test_facts_are_as_old_as_the_run_that_began(child: Child, bucket: Callable[..., str], many_objects: Callable[[str, int], None]) -> None:
    """A listing that went on hours later doesn't pass for one of now; one that is over a day old isn't gone on with."""
    many_objects(bucket(BUCKET), 1_500)
    assert child("media-states", kill=("ListObjectsV2", 2)) is None
    later = child("media-states", now="2026-11-28T20:00:00Z")
    assert later is not None
    record = json.loads(later[0])
    assert (record["effective_at"], record["collected_at"]) == (NOW, "2026-11-28T20:00:00Z")
    assert child("media-states", folder="old", kill=("ListObjectsV2", 2)) is None
    too_late = child("media-states", folder="old", now="2026-11-29T00:00:01Z")
    assert too_late is not None
    assert json.loads(too_late[0])["effective_at"] == "2026-11-29T00:00:01Z"
    assert too_late[1]["ListObjectsV2"] == 2


# --- what is kept, in this process -----------------------------------------------------------------------------------


def refusing(operation: str, number: int) -> Callable[..., Any]:
    """Clients whose ``number``-th call of ``operation`` is denied."""
    from averment.core.aws import client

    seen: list[str] = []

    def make(service: str, *, region: str | None = None) -> Any:
        made = client(service, region=region)

        def refuse(model: Any, **_: object) -> None:
            if model.name == operation:
                seen.append(model.name)
                if len(seen) == number:
                    raise made.exceptions.ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)

        made.meta.events.register("before-call.*.*", refuse)
        return made

    return make


def collected(scope: CollectScope) -> Record:
    [record] = MediaStates().collect(scope)
    return record


def test_what_was_refused_is_asked_again(
    tmp_path: Path,
    bucket: Callable[..., str],
    many_objects: Callable[[str, int], None],
    scope_of: Callable[..., CollectScope],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A listing that broke off gives a part; the resumed run goes on from there, and its record is whole."""
    monkeypatch.setattr(media_objects, "_PAGES_PER_SAVE", 1)
    many_objects(bucket(BUCKET), 2_500)
    organisation = Organisation(parameters={"media-states": {"objects_per_bucket": 3}})
    folder = ProgressFolder(tmp_path, resume=True)
    common: dict[str, Any] = {"now": NOW, "organisation": organisation, "progress": folder}
    part = collected(scope_of(client=refusing("ListObjectsV2", 2), **common))
    assert part.gathering is Gathering.PARTIAL
    folder.finished(part)
    whole = collected(scope_of(**common))
    assert whole.gathering is Gathering.COLLECTED, whole.reason
    assert whole.to_json() == collected(scope_of(now=NOW, organisation=organisation)).to_json()
    folder.finished(whole)
    assert not list(tmp_path.iterdir())


def test_progress_of_another_question_is_dropped(tmp_path: Path, bucket: Callable[..., str], scope_of: Callable[..., CollectScope]) -> None:
    """Another number of objects, or another idea of what holds media, is another record."""
    bucket(BUCKET)
    folder = ProgressFolder(tmp_path, resume=True)
    for limit in (3, 4):
        organisation = Organisation(parameters={"media-states": {"objects_per_bucket": limit}})
        record = collected(scope_of(now=NOW, organisation=organisation, progress=folder))
        assert record.payload["sampling"]["objects_per_bucket"] == limit  # type: ignore[index,call-overload]
    assert len(list(tmp_path.iterdir())) == 1


NAMED = {"collector": "c", "version": "1", "account": None, "region": None, "start": "s", "end": "e"}


def test_without_resume_every_record_starts_anew(tmp_path: Path) -> None:
    """What an interrupted run left is no part of a new one."""
    for resume, expected in ((True, None), (True, 1), (False, None)):
        with ProgressFolder(tmp_path, resume).open(NAMED, {}, from_iso(NOW)) as progress:
            assert progress.get("step") == expected
            progress.save({"step": 1})


def test_only_what_was_saved_lasts(tmp_path: Path) -> None:
    """Rows count from the next save on, once each; after a refusal nothing more lasts, and what was taken is back."""
    folder = ProgressFolder(tmp_path, resume=True)
    with folder.open(NAMED, {}, from_iso(NOW)) as progress:
        progress.add([Row("a", "2", "2", 2), Row("a", "1", "1", 1), Row("a", "1", "0", 9)])
        progress.save({"step": 1})
        progress.add([Row("a", "3", "3", 3)])
    with folder.open(NAMED, {}, from_iso(NOW)) as progress:
        assert (list(progress.rows("a")), list(progress.rows("a", latest_first=True)), progress.count("a")) == ([1, 2], [2, 1], 2)
        progress.stop_here()
        assert progress.take("a", "1") == 1
        progress.save({"step": 2})
        assert progress.get("step") == 2
    with folder.open(NAMED, {}, from_iso(NOW)) as progress:
        assert (progress.get("step"), progress.count("a")) == (1, 2)


def test_progress_that_is_broken_or_held_by_another_run_does_no_harm(tmp_path: Path) -> None:
    """A file that isn't SQLite's is replaced; while another run holds it, this one keeps its progress to itself."""
    folder = ProgressFolder(tmp_path, resume=True)
    with folder.open(NAMED, {}, from_iso(NOW)):
        pass
    [path] = tmp_path.iterdir()
    path.write_bytes(b"no database" * 1000)
    with folder.open(NAMED, {}, from_iso(NOW)) as first:
        first.save({"step": 1})
        with folder.open(NAMED, {}, from_iso(NOW)) as second:
            assert second.get("step") is None
            second.save({"step": 2})
    with folder.open(NAMED, {}, from_iso(NOW)) as third:
        assert third.get("step") == 1


def test_the_folder_is_its_owner_s_and_is_cleaned(tmp_path: Path) -> None:
    """Nobody else reads what isn't redacted yet, and what nobody goes on with any more is removed."""
    folder = ProgressFolder(tmp_path / "collect", resume=True)
    now = datetime.now(UTC)
    folder.prepare(now)
    with folder.open(NAMED, {}, now) as progress:
        progress.save({"step": 1})
    [path] = folder.folder.iterdir()
    assert stat.S_IMODE(folder.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    folder.prepare(now + KEPT_FOR - timedelta(minutes=1))
    assert path.exists()
    folder.prepare(now + KEPT_FOR + timedelta(minutes=1))
    assert not path.exists()


def test_without_a_folder_progress_lives_as_long_as_the_process(tmp_path: Path) -> None:
    """Where nothing can be written, a run still works; it can't be gone on with."""
    with ProgressFolder(tmp_path / "missing").open(NAMED, {}, from_iso(NOW)) as progress:
        assert isinstance(progress, Progress)
        progress.save({"step": 1})
        assert progress.get("step") == 1


def test_the_command_keeps_progress_beside_the_settings_until_the_record_is_in_the_ledger(
    tmp_path: Path, bucket: Callable[..., str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A ledger that can't take the record leaves the progress for --resume; then it goes."""
    bucket(BUCKET)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "averment.yaml").write_text("version: 1\n")
    more = ["collect", "--collector", "media-states", "--format", "json"]
    with monkeypatch.context() as patch:

        def fail(*_: object) -> None:
            raise IncompleteError("the disk is full")

        patch.setattr("averment.evidence.ledger.log.Ledger.append", fail)
        assert run(more) == 3
    folder = tmp_path / ".averment" / "collect"
    assert len(list(folder.iterdir())) == 1
    capsys.readouterr()
    assert run([*more, "--resume"]) == 0
    assert not list(folder.iterdir())


def test_collectors_that_list_much_keep_progress() -> None:
    """The names that the page on collecting tells."""
    assert {item.name for item in collectors() if int(item.version) > 1} >= {"media-states", "provenance", "signing-calls", "face-calls"}


def test_where_progress_can_t_be_kept_the_command_says_so_and_collects(
    tmp_path: Path, bucket: Callable[..., str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Evidence doesn't hang on it."""
    bucket(BUCKET)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "averment.yaml").write_text("version: 1\n")
    (tmp_path / ".averment").mkdir()
    (tmp_path / ".averment" / "collect").write_text("in the way")
    assert run(["collect", "--collector", "media-states", "--format", "json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)[0]["gathering"] == "collected"
    assert "how far listings come is not kept" in told.err
