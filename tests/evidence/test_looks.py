"""The ledger's memory of earlier tests of a claim."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import averment.detector.opening
from averment.api import prove
from averment.cli.main import run
from averment.controls.model import Assessment, Control
from averment.core.organisation import Organisation
from averment.core.source import SourceRef
from averment.core.words import Method, Severity
from averment.detector.claims.sequential import level
from averment.detector.interface import Detector, DetectorInfo, Family, Score
from averment.evidence.claims import COLLECTOR, AskedClaim
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.looks import LookBook
from averment.evidence.record import Gathering, Kind, Record

NOW = datetime(2026, 10, 5, tzinfo=UTC)
SPEC = {"type": "performance", "metric": "bpcer", "attack": "synthetic-image", "population": "p", "at_most": 0.1}
CONTROL = Control("SM-DET-03", "t", "o", Severity.HIGH, "owner", "c", "r", (), (), where=SourceRef("c.yaml", 1))


def record(spec: dict[str, Any], *, controls: tuple[str, ...] = (), days_ago: int = 1, seed: int = 7, **payload: Any) -> Record:
    interval = {"low": 0.0, "high": 0.1, "confidence": 0.9, "method": "m"}
    moment = NOW - timedelta(days=days_ago)
    return Record(
        kind=Kind.CLAIM,
        collector=COLLECTOR,
        collector_version="1",
        source="p",
        query={"claim": spec},
        effective_at=moment,
        collected_at=moment,
        payload={"interval": interval, "seed": seed, "inputs": {"frame": "f"}, **payload},
        gathering=Gathering.COLLECTED,
        controls=controls,
    )


def asked(spec: dict[str, Any] = SPEC, *, control: bool = False) -> AskedClaim:
    assessment = Assessment("genuine", Method.TEST, claim=spec)
    return AskedClaim(spec, SourceRef("c.yaml", 1), CONTROL, assessment) if control else AskedClaim(spec, SourceRef("c.yaml", 1))


def seen(records: Sequence[Record], claim: AskedClaim) -> int:
    return len(LookBook(records, now=NOW).of(claim).earlier)


def test_a_look_is_remembered_with_what_it_saw() -> None:
    """When, at what, with which seed, which number, in which record."""
    made = record(SPEC, look={"number": 4})
    (look,) = LookBook([made], now=NOW).of(asked()).earlier
    assert (look.at, look.inputs, look.seed, look.number, look.record) == (made.effective_at, {"frame": "f"}, 7, 4, made.id)


@pytest.mark.parametrize("change", [{"at_most": 0.2}, {"confidence": 0.8}, {"looks": {"planned": 3}}])
def test_another_bar_is_another_look_at_the_same_figure(change: dict[str, Any]) -> None:
    """Else one could lower the bar until it is met."""
    assert seen([record({**SPEC, **change})], asked()) == 1


@pytest.mark.parametrize(
    ("spec", "change"),
    [
        ({"type": "latency", "population": "p", "at_most": 40}, {"rounds": 61, "batch": 2}),
        (
            {"type": "calibration", "metric": "ece", "attack": "synthetic-image", "population": "p", "at_most": 0.1},
            {"answered_at_least": 0.5},
        ),
        (
            {"type": "subgroup-gap", "metric": "bpcer", "attack": "synthetic-image", "population": "p", "by": "tone", "at_most": 0.1},
            {"smallest": 25},
        ),
        ({"type": "disclosure-coverage", "population": "p", "at_least": 0.9}, {"sample": 301}),
        (SPEC, {"where": {}}),
        (SPEC, {"clusters": "group"}),
        ({"type": "calibration", "metric": "ece", "attack": "synthetic-image", "population": "p", "at_most": 0.1}, {"bins": 10}),
    ],
)
def test_sizes_and_written_defaults_make_no_new_figure(spec: dict[str, Any], change: dict[str, Any]) -> None:
    """Else ``rounds: 60, 61, 62`` is the first look each time, and so is the default that is written out."""
    assert seen([record({**spec, **change})], asked(spec)) == 1
    assert seen([record({**spec, "where": {"kind": "face"}})], asked(spec)) == 0


ROBUST = {
    "type": "robustness",
    "metric": "auc",
    "attack": "synthetic-image",
    "population": "data/m.csv",
    "transforms": [{"jpeg": 75}, {"resize": 0.5}],
    "at_most": 0.1,
}


@pytest.mark.parametrize(
    ("spec", "change"),
    [
        (SPEC, {"attack": "manipulated-face"}),
        (SPEC, {"where": {"label": "real"}}),
        ({**SPEC, "metric": "apcer", "where": {"kind": "face"}}, {"where": {"kind": "face", "label": "synthetic "}}),
        ({"type": "disclosure-coverage", "population": "p", "at_least": 0.9}, {"where": {"label": "synthetic"}}),
        (ROBUST, {"transforms": [{"resize": 0.5}, {"jpeg": 75}]}),
        (ROBUST, {"population": "./data//m.csv"}),
        ({**SPEC, "where": {"kind": "face"}}, {"where": {"kind": " face "}}),
        ({"type": "disclosure-coverage", "population": "s3://b/x", "at_least": 0.9}, {"population": "s3://b/x/"}),
        (SPEC, {"looks": {"within": "1s"}}),
    ],
)
def test_another_spelling_makes_no_new_figure(spec: dict[str, Any], change: dict[str, Any]) -> None:
    """BPCER is by the decision over all families, transforms are applied one by one, and a place has many spellings."""
    assert seen([record({**spec, **change})], asked(spec)) == 1


def test_an_apcer_of_another_family_is_another_figure() -> None:
    """There ``attack`` selects the media."""
    spec = {**SPEC, "metric": "apcer"}
    assert seen([record({**spec, "attack": "manipulated-face"})], asked(spec)) == 0


def test_what_a_look_spent_is_read_from_its_record() -> None:
    """Its level against its own claim's confidence; of an older record the interval's; of one with nothing left, nothing."""
    made = [
        record({**SPEC, "confidence": 0.8, "looks": {"within": "30d"}}, look={"number": 1, "confidence": 0.9}),
        record(SPEC),
        record(SPEC, look={"number": 3, "planned": 2, "confidence": 0.975}),
    ]
    found = LookBook(made, now=NOW).of(asked()).earlier
    assert [look.share for look in found] == pytest.approx([0.5, 1.0, 0.0])
    assert [look.within for look in found] == [timedelta(days=30), None, None]


def test_the_same_figure_under_another_name_is_handed_over() -> None:
    """The claim knows whether it is the same population once it has opened it."""
    found = LookBook([record({**SPEC, "population": "q"}), record({**SPEC, "metric": "auc"})], now=NOW).of(asked())
    assert (len(found.earlier), len(found.kin)) == (0, 1)


def test_a_verdict_without_an_interval_is_a_look() -> None:
    """A latency was refuted by its lower bound alone; one that could have been counts as well."""
    refuted = record(SPEC, interval=None, verdict="refuted")
    possible = record(SPEC, interval=None, verdict="inconclusive", details={"bounded_below_by": 3.5})
    assert seen([refuted, possible, record(SPEC, interval=None, verdict="inconclusive", details={})], asked()) == 2


@pytest.mark.parametrize("change", [{"population": "q"}, {"metric": "apcer"}, {"where": {"kind": "face"}}])
def test_another_figure_is_another_claim(change: dict[str, Any]) -> None:
    """Unless it was made for the same assessment of a control, which may have been tailored since."""
    made = [record({**SPEC, **change}, controls=("SM-DET-03/genuine",))]
    assert seen(made, asked()) == 0
    assert seen(made, asked(control=True)) == 1


def test_what_showed_nothing_is_no_look() -> None:
    """A census infers nothing, and a claim without an interval could not have been decided."""
    census = record(SPEC, interval={"low": 1.0, "high": 1.0, "confidence": 1.0, "method": "census"})
    assert seen([census, record(SPEC, interval=None)], asked()) == 0


class Silent(Detector):
    """Takes everything for genuine."""

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("silent", "1", None, (Family.SYNTHETIC_IMAGE,), 0.5)

    def score(self, images: Sequence[bytes]) -> list[Score]:
        return [Score({Family.SYNTHETIC_IMAGE: 0.1}) for _ in images]


def test_looks_are_counted_over_runs_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """The first run is look 1; the same data again is the same look; more data are look 2, at a stricter level, and the plan
    counts on. Nothing of it needs the user to remember anything."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(averment.detector.opening, "open_detector", lambda _: Silent())
    (tmp_path / "averment.yaml").write_text("version: 1\nparameters: {populations: {p: m.csv}}\n")
    (tmp_path / "claim.yaml").write_text(json.dumps(SPEC))
    Image.new("RGB", (100, 100)).save(tmp_path / "a.png")
    for number in range(30):
        (tmp_path / f"{number}.png").write_bytes((tmp_path / "a.png").read_bytes() + bytes([number]))

    def look(count: int, *more: str) -> Any:
        (tmp_path / "m.csv").write_text("file,label\n" + "".join(f"{number}.png,real\n" for number in range(count)))
        run(["prove", "claim.yaml", "--format", "json", *more])
        printed = capsys.readouterr()
        return json.loads(printed.out), printed.err

    found = [look(20)[0][0]["result"] for _ in range(2)] + [look(30)[0][0]["result"]]
    assert [result["look"]["number"] for result in found] == [1, 1, 2]
    assert [result["look"]["repeats"] is not None for result in found] == [False, True, False]
    assert found[0]["interval"] == found[1]["interval"]
    assert found[2]["look"]["confidence"] == pytest.approx(1 - 0.05 / 6)
    unrecorded, told = look(25, "--no-record")
    assert unrecorded[0]["result"]["look"]["number"] == 3
    assert "later tests won't count" in told
    plan, _ = look(30, "--plan")
    assert "look 3" in next(iter(plan.values()))["statement"]


class Wavering(Silent):
    """Accuses genuine pictures with less red than ``red``, and of another instance others: as a service does that adds noise to each picture."""

    def __init__(self, red: int) -> None:
        self._red = red

    def score(self, images: Sequence[bytes]) -> list[Score]:
        reds = [Image.open(io.BytesIO(image)).convert("RGB").getpixel((0, 0)) for image in images]
        return [Score({Family.SYNTHETIC_IMAGE: 0.9 if isinstance(red, tuple) and red[0] < self._red else 0.1}) for red in reds]


def test_whoever_answers_otherwise_each_time_gets_no_look_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Asked again about the same data until its answers fit, each time at the level of the first look: an open claim became a supported one. The
    answers that were had before are that look again."""
    monkeypatch.chdir(tmp_path)
    answers = iter((3, 0, 3, 0, 1))
    monkeypatch.setattr(averment.detector.opening, "open_detector", lambda _: Wavering(next(answers)))
    (tmp_path / "averment.yaml").write_text("version: 1\nparameters: {populations: {p: m.csv}}\n")
    (tmp_path / "claim.yaml").write_text(json.dumps(SPEC))
    for number in range(45):
        Image.new("RGB", (100, 100), (number, 0, 0)).save(tmp_path / f"{number}.png")
    (tmp_path / "m.csv").write_text("file,label\n" + "".join(f"{number}.png,real\n" for number in range(45)))
    found = []
    for _ in range(5):
        run(["prove", "claim.yaml", "--format", "json"])
        found.append(json.loads(capsys.readouterr().out)[0]["result"])
    assert [(result["look"]["number"], result["look"]["repeats"] is not None) for result in found] == [
        (1, False),
        (2, False),
        (1, True),
        (2, True),
        (3, False),
    ]
    assert [result["verdict"] for result in found] == ["inconclusive"] * 5
    assert "of the same media a look before came to 0.06667" in found[1]["reason"]


def test_another_way_to_a_place_makes_no_other_population(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """By the organisation's file, by an absolute path, and through a link to the folder, each time under another name and grown: three first looks they were."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(averment.detector.opening, "open_detector", lambda _: Silent())
    (tmp_path / "averment.yaml").write_text("version: 1\nparameters: {populations: {p: media/m.csv}}\n")
    media = tmp_path / "media"
    media.mkdir()
    (tmp_path / "link").symlink_to(media)
    numbers = []
    for count, name, where in ((20, "p", None), (25, "q", media / "m.csv"), (30, "r", "link/m.csv")):
        for number in range(count):
            (media / f"{number}.png").write_bytes(b"%d" % number)
        (media / "m.csv").write_text("file,label\n" + "".join(f"{number}.png,real\n" for number in range(count)))
        (tmp_path / "claim.yaml").write_text(json.dumps({**SPEC, "population": name}))
        run(["prove", "claim.yaml", "--format", "json", *([] if where is None else ["--population", f"{name}={where}"])])
        numbers.append(json.loads(capsys.readouterr().out)[0]["result"]["look"]["number"])
    assert numbers == [1, 2, 3]


def test_labels_that_leave_no_row_out_make_no_other_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """A column that says the same of every row, picked by: each look at the growing whole was a first one, and a plan of its own. Rows that are left
    out make another figure, and have looks of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(averment.detector.opening, "open_detector", lambda _: Silent())
    (tmp_path / "averment.yaml").write_text("version: 1\nparameters: {populations: {p: m.csv}}\n")
    numbers = []
    rows: dict[str, Any]
    for count, rows in (
        (20, {}),
        (20, {"kind": "image"}),  # the very same media: the same look, which it took three runs to call a new one
        (25, {"kind": "image"}),
        (30, {"kind": "image", "split": "test"}),
        (35, {"label": "real"}),
        (36, {}),
        (40, {"odd": "1"}),
        (45, {"odd": "0"}),
    ):
        for number in range(count):
            (tmp_path / f"{number}.png").write_bytes(b"%d" % number)
        lines = "".join(f"{number}.png,real,image,test,{number % 2}\n" for number in range(count))
        (tmp_path / "fake.png").write_bytes(b"fake")
        (tmp_path / "m.csv").write_text(f"file,label,kind,split,odd\n{lines}fake.png,synthetic,image,test,0\n")
        (tmp_path / "claim.yaml").write_text(json.dumps({**SPEC, "where": rows}))
        run(["prove", "claim.yaml", "--format", "json"])
        numbers.append(json.loads(capsys.readouterr().out)[0]["result"]["look"]["number"])
    assert numbers == [1, 1, 2, 3, 4, 5, 1, 1]


TRANSFORMED = {**SPEC, "type": "robustness"}


@pytest.mark.parametrize(
    ("first", "left", "now", "left_now", "same"),
    [
        ({"where": {"kind": "image"}}, 5, {}, 0, True),
        ({"where": {"kind": "image"}}, 5, {"where": {"kind": "image", "site": "main"}}, 9, True),
        ({"where": {"kind": "image"}}, 4, {"where": {"site": "main"}}, 6, True),  # whatever they pick by, nine rows in ten are the same
        ({"where": {"split": "test", "site": "main"}}, 55, {"where": {"split": "test"}}, 51, True),
        ({"where": {"kind": "image"}}, 5, {"where": {"site": "main"}}, 12, False),
        ({"where": {"split": "test", "site": "main"}}, 55, {"where": {"split": "test", "kind": "image"}}, 55, False),
        ({"where": {"site": "main"}}, 30, {}, 0, False),
        ({"where": {"kind": "image"}}, None, {}, 0, False),
        ({"transforms": [{"jpeg": 50}]}, 0, {"transforms": [{"resize": 0.5}, {"jpeg": 50}]}, 0, True),
        ({"transforms": [{"jpeg": 50}, {"resize": 0.5}]}, 0, {"transforms": [{"jpeg": 50}], "where": {"kind": "image"}}, 5, True),
        ({"transforms": [{"jpeg": 50}]}, 0, {"transforms": [{"resize": 0.5}]}, 0, False),
        ({"transforms": [{"jpeg": 50}, {"resize": 0.5}]}, 0, {"transforms": [{"resize": 0.5}, {"blur": 2}]}, 0, False),
    ],
)
def test_a_look_from_which_the_answer_could_be_seen_is_a_look_at_the_same_question(
    first: dict[str, Any], left: int | None, now: dict[str, Any], left_now: int, same: bool
) -> None:
    """Whoever looked every week, at one label more or one transform fewer each time, had the level of a first look for good."""
    base = TRANSFORMED if "transforms" in first else SPEC
    told = {} if left is None else {"left_out": left}
    made = record({**base, **first}, inputs={"population": "p", "frame": "f", "count": 100 - (left or 0), **told})
    looks = LookBook([made], now=NOW).of(asked({**base, **now}))
    inputs = {"population": "p", "frame": "g", "count": 2 * (100 - left_now), "left_out": 2 * left_now}
    assert level({**base, **now}, 0.95, looks, inputs).number == (2 if same else 1)
    elsewhere = {"population": "q", "frame": "g", "count": 100, "left_out": 0}
    assert level({**base, **now}, 0.95, looks, elsewhere).number == 1


def test_a_manifest_without_digests_is_no_excuse_to_look_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Every file is replaced each month and the manifest stays: each month is a look, and each of them is replayed as the look that it was."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(averment.detector.opening, "open_detector", lambda _: Silent())
    (tmp_path / "averment.yaml").write_text("version: 1\nparameters: {populations: {p: m.csv}}\n")
    (tmp_path / "claim.yaml").write_text(json.dumps(SPEC))
    (tmp_path / "m.csv").write_text("file,label\n" + "".join(f"{number}.png,real\n" for number in range(20)))
    numbers = []
    for month in (1, 2, 3, 3):
        for number in range(20):
            (tmp_path / f"{number}.png").write_bytes(bytes([month, number]))
        run(["prove", "claim.yaml", "--format", "json"])
        (entry,) = json.loads(capsys.readouterr().out)
        numbers.append(entry["result"]["look"]["number"])
        assert run(["prove", "--replay", entry["record"]]) == 0
        capsys.readouterr()
    assert numbers == [1, 2, 3, 3]


class Overtaken(Silent):
    """While it is asked, another run tests the same claim on other media, ``times`` times."""

    def __init__(self, times: int) -> None:
        self.times, self.inside = times, False

    def score(self, images: Sequence[bytes]) -> list[Score]:
        if self.times and not self.inside:
            self.inside, self.times = True, self.times - 1
            (other,) = prove("claim.yaml", populations={"p": f"other-{self.times}.csv"}).outcomes
            assert other.result is not None
            self.inside = False
        return super().score(images)


@pytest.mark.parametrize(("times", "number"), [(0, 1), (1, 2), (3, 4), (4, None)])
def test_two_runs_at_a_time_are_not_both_the_first_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int, number: int | None
) -> None:
    """What another run recorded since the level was settled counts, as if it had been there before; whoever is overtaken for good can't test."""
    monkeypatch.chdir(tmp_path)
    detector = Overtaken(times)
    monkeypatch.setattr(averment.detector.opening, "open_detector", lambda _: detector)
    (tmp_path / "claim.yaml").write_text(json.dumps(SPEC))
    for count in range(20, 25):
        (tmp_path / f"{count}.png").write_bytes(bytes([count]))
        name = "m.csv" if count == 24 else f"other-{count - 20}.csv"
        rows = [f"{number}.png,real" for number in range(20, count + 1)]
        (tmp_path / name).write_text("\n".join(["file,label", *rows]) + "\n")
    proved = prove("claim.yaml", populations={"p": "m.csv"})
    (outcome,) = proved.outcomes
    found = None if outcome.result is None else (outcome.result.look or {})["number"]
    assert found == number
    if number is None:
        assert outcome.error is not None
        assert "other runs kept recording looks" in str(outcome.error)
    with open_ledger(Organisation(root=tmp_path)) as ledger:
        assert ledger.size == times + 1
        numbers = [(entry.record.payload.get("look") or {}).get("number") for entry in ledger.records(Kind.CLAIM)]
    assert numbers == [*range(1, times + 1), number]


@pytest.mark.parametrize("bar", [1, 0.3])
def test_a_look_counts_whatever_its_bar_was(bar: float) -> None:
    """Also one that is refused by now, since it says nothing: the same media were looked at for the same figure."""
    assert seen([record({**SPEC, "at_most": bar})], asked()) == 1
