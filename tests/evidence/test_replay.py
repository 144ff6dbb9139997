"""Replaying recorded claims: the same inputs give the same figures, and what was changed since is named.

Detectors are doubles that read the probability out of the file; the ledger, the populations and S3 (moto) are real.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import averment.detector.opening
import averment.evidence.package.record
from averment.cli.main import run
from averment.cli.prove_replay import show_replay
from averment.core.aws import client
from averment.core.canonical import canonical_json
from averment.core.errors import BadInputError, IncompleteError
from averment.core.organisation import Organisation
from averment.core.period import utc_now
from averment.core.source import SourceRef
from averment.detector.claims.interface import ClaimContext, Looks
from averment.detector.interface import Detector, DetectorInfo, Family, Score
from averment.evidence import replay as replaying
from averment.evidence.claims import AskedClaim, Outcome, claim_record, prove
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.record import Record
from averment.evidence.replay import Outcome as Came
from averment.evidence.replay import Replay, compare, differences, replay, replayable

SPEC = {"type": "performance", "metric": "bpcer", "attack": "synthetic-image", "population": "p", "at_most": 0.5}


class Digits(Detector):
    """Scores what is written in the file, plus ``shift``."""

    def __init__(self, *, shift: float = 0.0, sha256: str = "a" * 64) -> None:
        self._shift, self._sha256 = shift, sha256

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("digits", "1", self._sha256, (Family.SYNTHETIC_IMAGE,), 0.5)

    def score(self, images: Sequence[bytes]) -> list[Score]:
        return [Score({Family.SYNTHETIC_IMAGE: float(image) + self._shift}) for image in images]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twenty real media with a manifest, an organisation's file, and the working folder there."""
    (tmp_path / "media").mkdir()
    lines = ["file,sha256,label"]
    for number in range(20):
        data = b"0.%02d" % (number * 4)
        (tmp_path / "media" / f"{number:02}.png").write_bytes(data)
        lines.append(f"{number:02}.png,{hashlib.sha256(data).hexdigest()},real")
    (tmp_path / "media" / "m.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "averment.yaml").write_text("version: 1\nparameters:\n  populations: {p: media/m.csv}\n")
    (tmp_path / "claim.yaml").write_text(json.dumps(SPEC))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(averment.detector.opening, "open_detector", lambda name: Digits())
    return tmp_path


def recorded(spec: dict[str, Any], context: ClaimContext, detector: Detector | None = None) -> Record:
    (outcome,) = prove([AskedClaim(spec, SourceRef("f"))], context, lambda: detector or Digits())
    assert outcome.error is None, outcome.error
    record = claim_record(outcome, now=utc_now())
    return Record.from_json(json.loads(canonical_json(record.to_json())))  # as it comes out of the ledger


def again(record: Record, context: ClaimContext, detector: Detector | None = None) -> Replay:
    return replay(record, context, lambda _: detector or Digits())


def here(folder: Path) -> ClaimContext:
    return ClaimContext(populations={"p": "media/m.csv"}, root=folder)


def test_an_unchanged_claim_is_reproduced_from_the_ledger(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way: prove with a seed, replay by the record's id. Exit 0, and the ledger has not grown."""
    assert run(["prove", "claim.yaml", "--seed", "7", "--detector", "sagemaker:digits", "--format", "json"]) in {0, 1, 3}
    record = json.loads(capsys.readouterr().out)[0]["record"]
    opened: list[str] = []

    def opening(name: str) -> Detector:
        opened.append(name)
        return Digits()

    monkeypatch.setattr(averment.detector.opening, "open_detector", opening)
    assert run(["prove", "--replay", record]) == 0
    printed = capsys.readouterr().out
    assert record in printed
    assert "reproduced" in printed
    assert "the same inputs gave the same figures" in printed
    assert opened == ["sagemaker:digits"]
    with open_ledger(Organisation(root=folder)) as ledger:
        assert ledger.size == 1


def test_names_that_hold_addresses_are_told_without_and_replayed_all_the_same(folder: Path) -> None:
    """Sellers call their uploads as they like: with the names of what was read, e-mail addresses came into packages. Two that are cut alike are two."""
    lines = (folder / "media" / "m.csv").read_text().splitlines()
    for number, name in enumerate(("ada@example.com.png", "bob@example.org.png"), start=1):
        old, _, rest = lines[number].partition(",")
        (folder / "media" / old).rename(folder / "media" / name)
        lines[number] = f"{name},{rest}"
    (folder / "media" / "m.csv").write_text("\n".join(lines) + "\n")
    record = recorded(SPEC, here(folder))
    assert "example." not in canonical_json(record.to_json()).decode()
    names = [row["name"] for row in record.payload["details"]["media"]]
    assert [name for name in names if "[" in name] == ["[e-mail address]", "[e-mail address] (2)"]
    assert record.redactions == ("e-mail address: 2",)
    assert again(record, here(folder)).outcome is Came.REPRODUCED
    governed = recorded({"type": "data-governance", "population": "p", "checks": ["manifest", "licences"]}, here(folder))
    assert "example." not in canonical_json(governed.to_json()).decode()
    assert governed.redactions[0].startswith("e-mail address: ")
    assert again(governed, here(folder)).outcome is Came.REPRODUCED
    (folder / "media" / "bob@example.org.png").write_bytes(b"0.99")
    assert again(record, here(folder)).outcome is not Came.REPRODUCED


def test_a_later_look_is_replayed_at_the_level_that_it_had(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The third test of a claim had a narrower share of the error; a second run of it counts the two before it, and those alone."""
    records = []
    for number in range(4):
        data = b"0.9%d" % number  # another population each time: the very same data would be no new look
        (folder / "media" / "00.png").write_bytes(data)
        lines = (folder / "media" / "m.csv").read_text().splitlines()
        lines[1] = f"00.png,{hashlib.sha256(data).hexdigest()},real"
        (folder / "media" / "m.csv").write_text("\n".join(lines) + "\n")
        assert run(["prove", "claim.yaml", "--format", "json"]) in {0, 1, 3}
        records.append(json.loads(capsys.readouterr().out)[0])
        if number == 2:
            assert run(["prove", "--replay", records[2]["record"]]) == 0
            capsys.readouterr()
    levels = [item["result"]["interval"]["confidence"] for item in records]
    assert levels == sorted(levels)
    assert levels[0] < levels[2]
    assert run(["prove", "--replay", records[3]["record"]]) == 0


def test_json_of_a_replay_has_everything(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For machines: outcome and every list."""
    run(["prove", "claim.yaml", "--format", "json"])
    record = json.loads(capsys.readouterr().out)[0]["record"]
    (folder / "media" / "03.png").write_bytes(b"0.99")
    assert run(["prove", "--replay", record, "--format", "json"]) == 1
    value = json.loads(capsys.readouterr().out)
    assert (value["outcome"], value["record"]) == ("inputs changed", record)
    assert "03.png" in value["media"][0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--replay", "5b1f0a52-3c1e-5a8e-9d55-0d2f6f0f3a11"], "has no record"),
        (["--replay", "x", "claim.yaml"], "leave out the claims"),
        (["--replay", "x", "--plan"], "leave out the claims"),
        (["--replay", "x", "--seed", "3"], "leave out the claims"),
    ],
)
def test_usage_errors_exit_2(folder: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line that names what is wrong."""
    assert run(["prove", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_tampered_medium_of_a_manifest_is_named(folder: Path) -> None:
    """It stops the run, for a figure on other data would be one of nothing; but what stops it is told as the change that it is."""
    record = recorded(SPEC, here(folder))
    (folder / "media" / "03.png").write_bytes(b"0.99")
    found = again(record, here(folder))
    assert (found.outcome, found.exit_code) == (Came.CHANGED, 1)
    assert "03.png: is not the file that the manifest describes" in found.media[0]


def test_a_missing_file_of_a_manifest_is_named(folder: Path) -> None:
    """As one that changed."""
    record = recorded(SPEC, here(folder))
    (folder / "media" / "05.png").unlink()
    found = again(record, here(folder))
    assert (found.outcome, found.exit_code) == (Came.CHANGED, 1)
    assert "05.png: the manifest names a file that does not exist" in found.media[0]


REPRODUCIBLE = {"type": "reproducibility", "population": "p", "checks": ["repeated"]}


def test_a_tampered_medium_of_a_folder_is_named_by_its_digest(folder: Path) -> None:
    """A folder's frame knows sizes alone; the trace knows the bytes. The same length, other bytes."""
    context = ClaimContext(populations={"p": "media"}, root=folder)
    record = recorded(REPRODUCIBLE, context)
    (folder / "media" / "03.png").write_bytes(b"0.99")
    found = again(record, context)
    assert found.outcome is Came.CHANGED
    assert found.inputs == ()
    assert found.media[0].startswith("03.png: is another file (SHA-256 ")
    (folder / "media" / "04.png").unlink()
    found = again(record, context)
    assert any(line.startswith("count: was 20, is 19") for line in found.inputs)
    assert "04.png: is not drawn now" in found.media


def test_another_model_is_named_with_both_hashes(folder: Path) -> None:
    """Though it may give the very same scores."""
    record = recorded(SPEC, here(folder))
    found = again(record, here(folder), Digits(sha256="b" * 64))
    assert found.outcome is Came.CHANGED
    assert found.inputs == (f"detector.sha256: was {'a' * 64}, is {'b' * 64}",)
    assert found.figures == ()


def test_a_label_turned_round_is_a_changed_input(folder: Path) -> None:
    """No file has changed, and the figure is another."""
    record = recorded(SPEC, here(folder))
    path = folder / "media" / "m.csv"
    path.write_text(path.read_text().replace(",real", ",synthetic", 1))
    found = again(record, here(folder))
    assert found.outcome is Came.CHANGED
    assert {line.split(":")[0] for line in found.inputs} >= {"labels", "manifest"}
    assert any(line.startswith("samples: was 20, is 19") for line in found.figures)


def test_a_look_at_other_data_says_that_nobody_counts_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A record run again every day on a population that grows is as many looks, at the level of one; the same data again are none."""
    assert run(["prove", "claim.yaml", "--format", "json"]) in {0, 1, 3}
    record = json.loads(capsys.readouterr().out)[0]["record"]
    run(["prove", "--replay", record])
    assert "not counted" not in capsys.readouterr().out
    (folder / "media" / "more.png").write_bytes(b"0.1")
    with (folder / "media" / "m.csv").open("a") as manifest:
        manifest.write(f"more.png,{hashlib.sha256(b'0.1').hexdigest()},real\n")
    assert run(["prove", "--replay", record]) == 1
    assert "later tests won't count this look" in capsys.readouterr().out


def test_a_look_by_another_detector_is_not_told_as_one_at_other_data(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody counts that one either, and its data are the record's."""
    run(["prove", "claim.yaml", "--format", "json"])
    record = json.loads(capsys.readouterr().out)[0]["record"]
    monkeypatch.setattr(averment.detector.opening, "open_detector", lambda _: Digits(sha256="b" * 64))
    assert run(["prove", "--replay", record]) == 1
    shown = capsys.readouterr().out
    assert "later tests won't count this look" in shown
    assert "data" not in shown


def test_other_scores_of_the_same_model_are_no_reproduction(folder: Path) -> None:
    """Inputs are the same, so the detector (or the machine) is to blame: the media and their scores are named."""
    record = recorded(SPEC, here(folder))
    found = again(record, here(folder), Digits(shift=0.125))
    assert (found.outcome, found.exit_code) == (Came.DIFFERS, 1)
    assert any(line.startswith("00.png: scores.synthetic-image: was 0, is 0.125") for line in found.figures)
    assert any(line.startswith("estimate: ") for line in found.figures)


def test_a_moved_population_is_the_same_one(folder: Path) -> None:
    """A place is no input: the caller says where it lies now."""
    record = recorded(SPEC, here(folder))
    (folder / "media").rename(folder / "moved")
    found = again(record, ClaimContext(populations={"p": "moved/m.csv"}, root=folder))
    assert found.outcome is Came.REPRODUCED
    lost = again(record, ClaimContext(root=folder))
    assert (lost.outcome, lost.exit_code) == (Came.COULD_NOT, 3)
    assert lost.error is not None
    assert "'p' has nothing in its place, media/m.csv" in lost.error.message


def test_a_population_is_found_where_the_record_says(folder: Path) -> None:
    """When nobody names another place."""
    assert again(recorded(SPEC, here(folder)), ClaimContext(root=folder)).outcome is Came.REPRODUCED


def test_the_seed_and_the_sample_are_the_recorded_ones(folder: Path) -> None:
    """Whatever seed the caller's context has."""
    context = replace(ClaimContext(populations={"p": "media"}, root=folder), seed=11)
    record = recorded({**REPRODUCIBLE, "sample": 5}, context)
    assert again(record, replace(context, seed=12)).outcome is Came.REPRODUCED


def test_objects_of_a_versioned_bucket_are_replayed_as_they_were(sandbox: object, folder: Path) -> None:
    """Replaced, deleted and new objects don't disturb it: the versions of then are read. Without versions the change is named."""
    for versions in (True, False):
        name = f"media-{'versioned' if versions else 'plain'}"
        s3 = client("s3")
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        if versions:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        for number in range(4):
            s3.put_object(Bucket=name, Key=f"{number}.png", Body=b"0.%d" % number)
        context = ClaimContext(populations={"p": f"s3://{name}/"})
        record = recorded(REPRODUCIBLE, context)
        time.sleep(1.1)  # S3 tells times by the second
        s3.put_object(Bucket=name, Key="1.png", Body=b"0.9")
        s3.put_object(Bucket=name, Key="4.png", Body=b"0.4")
        s3.delete_object(Bucket=name, Key="2.png")
        found = again(record, ClaimContext())
        assert found.outcome is (Came.REPRODUCED if versions else Came.CHANGED), found
        if not versions:
            assert any(line.startswith("frame: was ") for line in found.inputs)
            assert "2.png: is not drawn now" in found.media


def test_a_versioned_bucket_that_the_organisations_file_names_is_read_as_it_was_too(sandbox: object, folder: Path) -> None:
    """The name leads to the place that the record has, so nobody named another one; a copy elsewhere is read as it is now."""
    s3 = client("s3")
    for name in ("media", "copy"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="media", Key="0.png", Body=b"0.1")
    context = ClaimContext(populations={"p": "s3://media/"})
    record = recorded(REPRODUCIBLE, context)
    time.sleep(1.1)  # S3 tells times by the second
    s3.put_object(Bucket="media", Key="1.png", Body=b"0.2")
    s3.put_object(Bucket="copy", Key="1.png", Body=b"0.2")
    assert again(record, context).outcome is Came.REPRODUCED
    elsewhere = again(record, ClaimContext(populations={"p": "s3://copy/"}))
    assert any("was not drawn then" in line for line in elsewhere.media), elsewhere


def test_another_environment_alone_is_told_and_no_failure(folder: Path) -> None:
    """The figures are the same; that is what reproducing them means."""
    record = recorded(SPEC, here(folder))
    payload = json.loads(json.dumps(record.payload))
    payload["details"]["environment"]["packages"]["numpy"] = "1.0"
    found = again(replace(record, payload=payload), here(folder))
    assert found.outcome is Came.REPRODUCED
    assert found.environment[0].startswith("packages.numpy: was 1.0, is ")


def test_media_beyond_the_list_are_compared_by_their_digest(folder: Path) -> None:
    """A change among those that a record doesn't list one by one is still a change."""
    record = recorded(SPEC, here(folder))
    payload = json.loads(json.dumps(record.payload))
    payload["inputs"]["media"]["sha256"] = "0" * 64
    (line,) = compare(record, payload).media
    assert "doesn't list" in line


def test_a_sentence_that_is_put_otherwise_is_no_other_figure(folder: Path) -> None:
    """A record of another version reproduces, whatever words that version had for its interval and its checks; their numbers are compared."""
    record = recorded(SPEC, here(folder))
    payload = json.loads(canonical_json(record.payload))
    payload["interval"]["method"] = "in other words"
    payload["details"]["checks"] = [{"check": "hashes", "outcome": "holds", "reason": "20 looked at", "examined": 20}]
    older = replace(record, payload=payload)
    now = json.loads(canonical_json(record.payload))
    now["details"]["checks"] = [{"check": "hashes", "outcome": "holds", "reason": "each of 20", "examined": 20}]
    assert compare(older, now).outcome is Came.REPRODUCED
    now["details"]["checks"][0]["examined"] = 19
    assert compare(older, now).figures == ("details.checks.0.examined: was 20, is 19",)


def test_a_sentence_that_says_more_than_was_tested_stands_beside_what_was_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The figures are those of the claim as asked. Whoever reads that they were reproduced has to read of what."""
    record = recorded(SPEC, here(folder))
    better = record.payload["statement"].replace("at most 50 %", "at most 1 %")
    found = again(replace(record, payload={**record.payload, "statement": better}), here(folder))
    assert (found.outcome, found.statement, found.reworded) == (Came.REPRODUCED, better, record.payload["statement"])
    show_replay(found)
    printed = " ".join(capsys.readouterr().out.split())
    assert "is at most 1 % (95 % confidence)" in printed
    assert "was run as BPCER for synthetic-image" in printed
    assert found.to_json()["reworded"] == record.payload["statement"]
    assert again(record, here(folder)).to_json()["reworded"] is None


def test_no_record_has_bounds_at_less_than_its_claims_confidence(folder: Path) -> None:
    """A look gets a part of the error, and the whole at most: a record that says otherwise is not taken at its word."""
    record = recorded(SPEC, replace(here(folder), looks=Looks(recorded={"number": 1, "planned": None, "confidence": 0.6})))
    assert record.payload["interval"]["confidence"] == pytest.approx(0.9)
    weak = {**record.payload, "look": {"number": 1, "planned": None, "confidence": 0.6, "repeats": None}}
    weak["interval"] = {**weak["interval"], "low": 0.3, "high": 0.4, "confidence": 0.2}
    found = again(replace(record, payload=weak), replace(here(folder), looks=Looks(recorded=weak["look"])))
    assert found.outcome is Came.DIFFERS
    assert any(line.startswith("interval.confidence: was 0.2, is 0.9") for line in found.figures)


def test_only_runs_of_claims_are_replayed(folder: Path) -> None:
    """Another kind of record, or a claim that could not be tested, is refused with the reason."""
    with pytest.raises(BadInputError, match="could not be tested then: S3 is out of reach"):
        replayable(claim_record(Outcome(AskedClaim(SPEC, SourceRef("f")), None, IncompleteError("S3 is out of reach")), now=utc_now()))
    other = replace(recorded(SPEC, here(folder)), query={})
    with pytest.raises(BadInputError, match="not of a claim"):
        replayable(other)


def test_many_changes_are_counted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that was replaced as a whole doesn't fill the screen."""
    monkeypatch.setattr(replaying, "MAX_NAMED", 3)
    context = ClaimContext(populations={"p": "media"}, root=folder)
    record = recorded(REPRODUCIBLE, context)
    for path in (folder / "media").glob("*.png"):
        path.write_bytes(b"0.99")
    found = again(record, context)
    assert len(found.media) == 4
    assert found.media[-1] == "and 17 more"


def test_figures_are_compared_to_the_last_digits_that_machines_share() -> None:
    """A sum in another order is the same figure; anything visible isn't. Lists are compared item by item."""
    assert differences({"a": 0.1 + 0.2}, {"a": 0.3}) == []
    assert differences({"a": 0.3}, {"a": 0.300001}) == ["a: was 0.3, is 0.300001"]
    assert differences({"a": [1, 2]}, {"a": [1, 3]}) == ["a.1: was 2, is 3"]
    assert differences({"a": [1, 2]}, {"a": [1]}) == ["a: was [1, 2], is [1]"]
    assert differences({"a": True}, {"a": 1}) == []
    assert differences({"a": 1}, {}) == ["a: was 1, is absent"]


def test_a_record_of_a_package_is_replayed_without_a_ledger(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an auditor has: the package and the media. A changed record, or one out of its package, is refused."""
    run(["prove", "claim.yaml", "--format", "json"])
    record = json.loads(capsys.readouterr().out)[0]["record"]
    assert run(["export", "--period", "2020-01-01..2039-12-31", "--output", "package"]) == 0
    elsewhere = folder / "auditor"
    elsewhere.mkdir()
    (folder / "package").rename(elsewhere / "package")
    monkeypatch.chdir(elsewhere)
    path = Path("package/records") / f"{record}.json"
    asked = ["prove", "--replay", str(path), "--population", f"p={folder}/media/m.csv"]
    assert run(asked) == 0
    assert "reproduced" in capsys.readouterr().out
    (elsewhere / "stray").mkdir()
    (elsewhere / "stray" / path.name).write_bytes(path.read_bytes())
    assert run(["prove", "--replay", f"stray/{path.name}"]) == 2
    renamed = path.with_name("5b1f0a52-3c1e-5a8e-9d55-0d2f6f0f3a11.json")
    renamed.write_bytes(path.read_bytes())
    assert run(["prove", "--replay", str(renamed)]) == 1
    envelope = json.loads(path.read_text())
    envelope["payload"] = envelope["payload"][:100] + ("A" if envelope["payload"][100] != "A" else "B") + envelope["payload"][101:]
    path.write_text(json.dumps(envelope))
    assert run(asked) == 1
    assert run(["prove", "--replay", "package/records/missing.json"]) == 2


def test_a_look_with_nothing_left_is_replayed_as_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Out of a package, too, which holds no earlier looks: the record says that it was one too many."""
    record = recorded(SPEC, replace(here(folder), looks=Looks(recorded={"number": 2, "planned": 1, "confidence": 0.95})))
    assert record.payload["verdict"] == "inconclusive"
    monkeypatch.setattr(averment.evidence.package.record, "packaged_record", lambda _: record)
    assert run(["prove", "--replay", "package/records/x.json"]) == 0
    assert "reproduced" in capsys.readouterr().out


def test_both_populations_of_a_drift_claim_are_found_and_may_have_moved(folder: Path) -> None:
    """Where the record says, or at a copy that the caller names: no place is an input."""
    shutil.copytree(folder / "media", folder / "before")
    (folder / "before" / "00.png").write_bytes(b"0.5")
    spec = {"type": "drift", "statistic": "ks", "attack": "synthetic-image", "reference": "old", "population": "new", "at_most": 0.9}
    record = recorded(spec, ClaimContext(populations={"old": "before", "new": "media"}, root=folder))
    assert again(record, ClaimContext(root=folder)).outcome is Came.REPRODUCED
    shutil.copytree(folder / "before", folder / "copy")
    assert again(record, ClaimContext(populations={"old": "copy"}, root=folder)).outcome is Came.REPRODUCED


def test_files_of_scores_are_found_where_the_record_says(folder: Path) -> None:
    """Their place is in the record as any population's is; one that has moved is the same, one with other scores is a changed input."""
    for name, shift in (("then", 0.0), ("today", 0.01)):
        (folder / f"{name}.csv").write_text("score\n" + "".join(f"{number / 50 + shift:.3f}\n" for number in range(40)))
    spec = {"type": "drift", "statistic": "ks", "attack": "synthetic-image", "reference": "old", "population": "new", "at_most": 0.9}
    record = recorded(spec, ClaimContext(populations={"old": "then.csv", "new": "today.csv"}, root=folder))
    assert again(record, ClaimContext(root=folder)).outcome is Came.REPRODUCED
    (folder / "today.csv").rename(folder / "moved.csv")
    gone = again(record, ClaimContext(root=folder))
    assert (gone.outcome, gone.exit_code) == (Came.COULD_NOT, 3)
    assert gone.error is not None
    assert gone.error.diagnostics() == (
        "the population 'new' has nothing in its place, today.csv\n  fix: say where it lies now: --population new=PLACE"
    )
    assert again(record, ClaimContext(populations={"new": "moved.csv"}, root=folder)).outcome is Came.REPRODUCED
    (folder / "today.csv").write_text("score\n" + "0.5\n" * 40)
    changed = again(record, ClaimContext(root=folder))
    assert changed.outcome is Came.CHANGED
    assert "present.sha256" in changed.inputs[0]


def test_a_packaged_record_is_replayed_at_the_level_that_its_bounds_had(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Later looks at a claim have wider bounds; the record says at which level, and the id shown is the record's own."""
    plain = recorded({**SPEC, "confidence": 0.99}, here(folder))
    later = replace(plain, query={**plain.query, "claim": SPEC}, payload={**plain.payload, "look": {"number": 3, "confidence": 0.99}})
    monkeypatch.setattr(averment.evidence.package.record, "packaged_record", lambda _: later)
    assert run(["prove", "--replay", "package/records/x.json"]) == 0
    assert later.id in capsys.readouterr().out
    assert again(later, here(folder)).outcome is Came.DIFFERS
