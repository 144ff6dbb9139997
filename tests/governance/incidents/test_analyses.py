"""Findings on preserved media: look-alikes, exposure, second opinions."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from PIL import Image

from averment.core.errors import BadInputError, IncompleteError
from averment.detector.corpus import load
from averment.detector.interface import Detector, DetectorInfo, Family, Score
from averment.evidence.record import Gathering
from averment.governance.incidents.custody import preserve
from averment.governance.incidents.exposure import Window, exposure
from averment.governance.incidents.filing import Act
from averment.governance.incidents.keeping import FolderKeep
from averment.governance.incidents.likeness import look_alikes
from averment.governance.incidents.opinions import Opinion, detector_opinion, opinion
from averment.governance.incidents.state import Incident

By = Callable[..., Act]
With = Callable[[Incident, Any], Incident]


@pytest.fixture(scope="module")
def pictures() -> list[bytes]:
    """Three pictures of the corpus that ships."""
    return [image.read() for image in load()[:3]]


@pytest.fixture
def incident(opened: Any, act: By, with_record: With, pictures: list[bytes], tmp_path: Path) -> Incident:
    """An incident with one preserved picture."""
    (tmp_path / "fake.jpg").write_bytes(pictures[0])
    first: Incident = opened()
    made = preserve(first, act(), [str(tmp_path / "fake.jpg")], FolderKeep(tmp_path / "kept"), because="It is live.")
    return with_record(first, made.record)


def recompressed(data: bytes) -> bytes:
    """The picture at JPEG 60 and two thirds of its size."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    out = io.BytesIO()
    image.resize((image.width * 2 // 3, image.height * 2 // 3)).save(out, "JPEG", quality=60)
    return out.getvalue()


def test_a_recompressed_copy_is_found_among_stored_media(incident: Incident, act: By, pictures: list[bytes], tmp_path: Path) -> None:
    """The same picture, smaller and recompressed, is found with its distance; others aren't; what can't be hashed makes the record partial."""
    stored = tmp_path / "stored"
    stored.mkdir()
    (stored / "again.jpg").write_bytes(recompressed(pictures[0]))
    (stored / "other.jpg").write_bytes(pictures[1])
    (stored / "broken.jpg").write_bytes(b"\xff\xd8broken")
    record = look_alikes(incident, act(), str(stored))
    (match,) = record.payload["matches"]
    assert match["name"].endswith("again.jpg")
    assert 0 < match["distance"] <= 24
    assert record.gathering is Gathering.PARTIAL
    assert record.population
    assert (record.population.total, record.population.examined) == (3, 2)
    assert sum(record.payload["unreadable"].values()) == 1


def test_a_preserved_picture_without_detail_is_not_found_in_every_other(
    opened: Any, act: By, with_record: With, pictures: list[bytes], tmp_path: Path
) -> None:
    """A blank frame's hash is that of all blank frames, whatever was faked in the film: such matches lead nobody anywhere."""
    stored = tmp_path / "stored"
    stored.mkdir()
    Image.new("RGB", (200, 200), "white").save(tmp_path / "blank.png")
    (tmp_path / "fake.jpg").write_bytes(pictures[0])
    Image.linear_gradient("L").save(stored / "gradient.png")
    (stored / "again.jpg").write_bytes(recompressed(pictures[0]))
    first: Incident = opened()
    for names, found in ((["blank.png", "fake.jpg"], ["again.jpg"]), (["blank.png"], None)):
        kept = FolderKeep(tmp_path / f"kept-{len(names)}")
        made = preserve(first, act(), [str(tmp_path / name) for name in names], kept, because="It is live.")
        incident = with_record(first, made.record)
        if found is None:
            with pytest.raises(IncompleteError, match="can be searched for by its looks: it shows too little"):
                look_alikes(incident, act(), str(stored))
            continue
        record = look_alikes(incident, act(), str(stored))
        assert [Path(match["name"]).name for match in record.payload["matches"]] == found
        assert list(record.payload["not_compared"].values()) == ["it shows too little, and all such pictures look alike"]
        assert "nothing was compared with item" in str(record.reason)


def test_a_search_that_was_cut_says_so(incident: Incident, act: By, pictures: list[bytes], tmp_path: Path) -> None:
    """With a limit the total isn't known, and nobody can take the figure for all."""
    stored = tmp_path / "stored"
    stored.mkdir()
    for number in range(3):
        (stored / f"{number}.jpg").write_bytes(pictures[1])
    record = look_alikes(incident, act(), str(stored), limit=2)
    assert record.population
    assert (record.population.total, record.population.examined, record.population.truncated) == (None, 2, True)
    assert "ended after 2 images" in str(record.reason)


@pytest.fixture
def in_s3(sandbox: Any, opened: Any, act: By, with_record: With, tmp_path: Path) -> Incident:
    """An incident with one preserved object."""
    s3 = boto3.client("s3")
    for bucket in ("published", "logs"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="published", Key="autumn/4 new.jpg", Body=b"x")
    first: Incident = opened()
    made = preserve(first, act(), ["s3://published/autumn/4%20new.jpg"], FolderKeep(tmp_path / "kept"), because="It is live.")
    return with_record(first, made.record)


S3_LINE = (
    'f00 published [28/Nov/2026:08:00:{second:02} +0000] 203.0.113.{host} {who} 3E57 {operation} {key} "GET /autumn/4%2520new.jpg HTTP/1.1" '
    '{status} - {sent} 5000 20 10 "-" "agent with \\ and ] in it" - host SigV4 - -'
)


def s3_line(
    second: int, host: int, *, key: str = "autumn/4%2520new.jpg", status: int = 200, who: str = "-", operation: str = "REST.GET.OBJECT"
) -> str:
    """A line of a server access log; the form is that of AWS's documentation, the content is made up."""
    return S3_LINE.format(second=second, host=host, key=key, status=status, who=who, operation=operation, sent=5000)


def test_exposure_counts_what_s3_served_and_keeps_no_address(in_s3: Incident, act: By) -> None:
    """Served, refused, first and last, how many addresses and which roles: but no address and no name of a person reaches the record."""
    partner = "arn:aws:sts::444455556666:assumed-role/partner/ada.byron"
    lines = [
        s3_line(1, 9),
        s3_line(2, 9),
        s3_line(3, 10, key="autumn/4+new.jpg", who=partner),
        s3_line(4, 11, status=403),
        s3_line(7, 10, who="arn:aws:iam::444455556666:user/office/ada.byron"),
        s3_line(5, 12, key="autumn/5.jpg"),
        s3_line(6, 13, operation="REST.PUT.OBJECT"),
        s3_line(8, 14, operation="REST.GET.OBJECT_TAGGING"),  # as preserving asks for, after it has read the object
        "torn line",
    ]
    boto3.client("s3").put_object(Bucket="logs", Key="s3/2026-11-28", Body="\n".join(lines).encode())
    record = exposure(in_s3, act(), "s3://logs/s3/")
    (row,) = record.payload["items"]
    assert (row["served"], row["refused"], row["addresses"], row["bytes"]) == (4, 1, 2, 20000)
    assert (row["first"], row["last"]) == ("2026-11-28T08:00:01Z", "2026-11-28T08:00:07Z")
    assert row["requesters"] == {"anonymous": 2, partner.rpartition("/")[0]: 1, "arn:aws:iam::444455556666:user": 1}
    assert record.payload["logs"]["unreadable"] == 1
    assert record.gathering is Gathering.PARTIAL
    assert "203.0.113" not in json.dumps(record.to_json())
    assert "ada.byron" not in json.dumps(record.to_json())


def test_the_same_key_in_another_bucket_is_another_object(in_s3: Incident, act: By) -> None:
    """Logs of several buckets in one place: what the gate itself read in quarantine, under the same key, isn't counted as served, but told."""
    lines = [s3_line(1, 9), *(s3_line(second, 10).replace("f00 published", "f00 quarantine") for second in (2, 3))]
    boto3.client("s3").put_object(Bucket="logs", Key="s3/2026-11-28", Body="\n".join(lines).encode())
    record = exposure(in_s3, act(), "s3://logs/s3/")
    (row,) = record.payload["items"]
    assert (row["served"], row["addresses"], row["elsewhere"]) == (1, 1, {"quarantine": 2})
    said = "served 1 time by 3 log lines read; not counted: requests for the same keys in other buckets, quarantine (2)"
    assert record.payload["because"] == said


def test_a_request_counts_once_of_however_many_versions_of_its_key(in_s3: Incident, act: By, with_record: With, tmp_path: Path) -> None:
    """Every version was preserved, as one does: the figure that goes into the report isn't multiplied by them. Nor is what another bucket served."""
    boto3.client("s3").put_bucket_versioning(Bucket="published", VersioningConfiguration={"Status": "Enabled"})
    boto3.client("s3").put_object(Bucket="published", Key="autumn/4 new.jpg", Body=b"y")
    made = preserve(in_s3, act(), ["s3://published/autumn/4%20new.jpg"], FolderKeep(tmp_path / "kept"), because="Live.", all_versions=True)
    several = with_record(in_s3, made.record)
    assert len(several.items) == 3
    lines = [s3_line(1, 9), s3_line(2, 10), s3_line(3, 11, status=403), s3_line(4, 12).replace("f00 published", "f00 quarantine")]
    boto3.client("s3").put_object(Bucket="logs", Key="s3/2026-11-28", Body="\n".join(lines).encode())
    record = exposure(several, act(), "s3://logs/s3/")
    assert [row["served"] for row in record.payload["items"]] == [2, 2, 2]
    said = "served 2 times by 4 log lines read; not counted: requests for the same keys in other buckets, quarantine (1)"
    assert record.payload["because"] == said


def test_a_key_that_the_record_cannot_hold_is_not_served_nought_times(
    sandbox: Any, opened: Any, act: By, with_record: With, tmp_path: Path
) -> None:
    """A key with an e-mail address in it isn't whole in the ledger, so that no line matches: that is said, and no figure is given for it."""
    s3, keep = boto3.client("s3"), FolderKeep(tmp_path / "kept")
    s3.create_bucket(Bucket="published", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for key in ("uploads/ada@shop.example/1.jpg", "autumn/5.jpg"):
        s3.put_object(Bucket="published", Key=key, Body=b"x")
    (tmp_path / "log").write_text(s3_line(1, 9, key="uploads/ada@shop.example/1.jpg") + "\n" + s3_line(2, 9, key="autumn/5.jpg") + "\n")
    incident: Incident = opened()
    incident = with_record(
        incident, preserve(incident, act(), ["s3://published/uploads/ada@shop.example/1.jpg"], keep, because="Live.").record
    )
    with pytest.raises(IncompleteError, match="item 1 holds somebody's address"):
        exposure(incident, act(), str(tmp_path / "log"))
    incident = with_record(incident, preserve(incident, act(), ["s3://published/autumn/5.jpg"], keep, because="Live.").record)
    record = exposure(incident, act(), str(tmp_path / "log"))
    assert [(row["item"], row["served"]) for row in record.payload["items"]] == [("2", 1)]
    assert record.gathering is Gathering.PARTIAL
    assert "item 1 can't be found in logs" in str(record.reason)


CLOUDFRONT = "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status\n"


def test_exposure_reads_the_cdns_compressed_logs(in_s3: Incident, act: By) -> None:
    """CloudFront's logs are read by their header; the path before the key is taken off; the window bounds what counts."""
    rows = [
        "2026-11-28\t07:59:59\tFRA56-P1\t4000\t198.51.100.1\tGET\td1.cloudfront.net\t/media/autumn/4%20new.jpg\t200",
        "2026-11-28\t08:10:00\tFRA56-P1\t4000\t198.51.100.1\tGET\td1.cloudfront.net\t/media/autumn/4%20new.jpg\t200",
        "2026-11-28\t08:11:00\tDUB2-C1\t0\t2001:db8::7\tGET\td1.cloudfront.net\t/media/autumn/4%20new.jpg\t304",
        "2026-11-28\t08:12:00\tDUB2-C1\t10\t198.51.100.2\tGET\td1.cloudfront.net\t/other/autumn/4%20new.jpg\t200",
    ]
    body = gzip.compress((CLOUDFRONT + "\n".join(rows) + "\n").encode())
    boto3.client("s3").put_object(Bucket="logs", Key="cdn/E1.2026-11-28-08.gz", Body=body)
    window = Window(start=datetime(2026, 11, 28, 8, 0, tzinfo=UTC))
    record = exposure(in_s3, act(), "s3://logs/cdn/", window=window, path_prefix="/media")
    (row,) = record.payload["items"]
    assert (row["served"], row["addresses"], row["edges"]) == (2, 2, {"FRA56-P1": 1, "DUB2-C1": 1})
    assert (record.gathering, record.payload["logs"]["lines"]) == (Gathering.COLLECTED, 4)
    assert "198.51.100" not in json.dumps(record.to_json())
    again = exposure(in_s3, act(), "s3://logs/cdn/", window=window, path_prefix="/media")
    assert again.payload["logs"]["sha256"] == record.payload["logs"]["sha256"]  # the same logs can be told again
    assert record.payload["logs"]["to"] >= "2026-11-28T08"
    before = Window(end=datetime(2025, 1, 1, tzinfo=UTC))
    elsewhen = exposure(in_s3, act(), "s3://logs/cdn/", window=before, path_prefix="/media")
    assert elsewhen.gathering is Gathering.PARTIAL, "logs of another time are no proof that nothing was served"
    assert "no line of these logs is from the window" in str(elsewhen.reason)


def test_no_log_is_no_proof_that_nothing_was_served(in_s3: Incident, act: By, tmp_path: Path) -> None:
    """An empty prefix, a torn archive or foreign text ends in an error, never in "served 0 times"."""
    s3 = boto3.client("s3")
    with pytest.raises(IncompleteError, match="there is no line"):
        exposure(in_s3, act(), "s3://logs/none/")
    s3.put_object(Bucket="logs", Key="torn/a.gz", Body=gzip.compress(b"x" * 9_000)[:20])
    with pytest.raises(IncompleteError, match="no access log was read"):
        exposure(in_s3, act(), "s3://logs/torn/")
    (tmp_path / "foreign.log").write_text("hello\n" * 10)
    with pytest.raises(IncompleteError, match="none of a known form"):
        exposure(in_s3, act(), str(tmp_path / "foreign.log"))
    with pytest.raises(BadInputError, match="does not exist"):
        exposure(in_s3, act(), str(tmp_path / "nowhere"))


def test_a_line_without_an_end_is_one_unreadable_line(in_s3: Incident, act: By, tmp_path: Path) -> None:
    """A hostile line of megabytes is counted and passed by, and the line after it is read."""
    (tmp_path / "long.log").write_text("x" * 3_000_000 + "\n" + s3_line(1, 9) + "\n")
    record = exposure(in_s3, act(), str(tmp_path / "long.log"))
    moment = "2026-11-28T08:00:01Z"
    assert record.payload["logs"] | {"sha256": ""} == {
        "files": 1,
        "lines": 2,
        "unreadable": 1,
        "sha256": "",
        "from": moment,
        "to": moment,
    }


class Fixed(Detector):
    """A detector that says what it is told to."""

    def __init__(self, *scores: Score) -> None:
        self._scores = list(scores)

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("fixed", "1", "ab" * 32, (Family.SYNTHETIC_IMAGE,), 0.5)

    def score(self, images: Sequence[bytes]) -> list[Score]:
        return [self._scores.pop(0) for _ in images]


def test_a_second_detector_speaks_of_the_very_copy(incident: Incident, act: By) -> None:
    """Scores stand beside name, version, digest and threshold; what it can't say is kept as that."""
    record = detector_opinion(incident, act(), Fixed(Score({Family.SYNTHETIC_IMAGE: 0.9})))
    assert record.payload["detector"] == {"name": "fixed", "version": "1", "sha256": "ab" * 32, "threshold": 0.5}
    (row,) = record.payload["items"]
    assert (row["flagged"], row["sha256"]) == (True, incident.items["1"]["sha256"])
    silent = detector_opinion(incident, act(), Fixed(Score(cannot_say="too small")))
    assert silent.payload["items"][0] | {"probabilities": {}} == silent.payload["items"][0]
    assert silent.payload["items"][0]["cannot_say"] == "too small"
    assert silent.population
    assert silent.population.examined == 0


def test_no_detector_judges_a_copy_that_was_changed(incident: Incident, act: By) -> None:
    """A copy that isn't the one in the ledger is evidence of nothing."""
    path = Path(str(incident.items["1"]["stored"]))
    path.chmod(0o644)
    path.write_bytes(b"another picture")
    with pytest.raises(IncompleteError, match="was changed"):
        detector_opinion(incident, act(), Fixed(Score({Family.SYNTHETIC_IMAGE: 0.1})))


def test_a_person_may_say_that_it_cannot_be_told(incident: Incident, act: By) -> None:
    """An opinion names the items by digest, has a reason, and "cannot say" is one."""
    record = opinion(incident, act("trust-and-safety"), Opinion.CANNOT_SAY, (), because="The picture is too small to tell.")
    assert (record.payload["opinion"], record.payload["by"]) == ("cannot-say", "trust-and-safety")
    assert record.payload["items"] == [{"item": "1", "sha256": incident.items["1"]["sha256"]}]
    with pytest.raises(BadInputError, match="no item 7"):
        opinion(incident, act(), Opinion.GENUINE, ["7"], because="It is the original.")
