"""The trace of a run: which bytes were behind a figure, and what the detector said of each. Scores here are made up."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from averment.core.canonical import canonical_json
from averment.core.source import SourceRef
from averment.detector.claims import trace as tracing
from averment.detector.claims.environment import environment
from averment.detector.claims.interface import ClaimContext, ClaimResult
from averment.detector.claims.run import run_claim
from averment.detector.claims.trace import Medium, Trace, TracedDetector, untraced
from averment.detector.interface import Detector, DetectorInfo, Family, Score
from averment.evidence.claims import AskedClaim, prove


class Digits(Detector):
    """Reads the probability out of the file; can't say of an empty one."""

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("digits", "1", "a" * 64, (Family.SYNTHETIC_IMAGE,), 0.5)

    def score(self, images: Sequence[bytes]) -> list[Score]:
        return [Score({Family.SYNTHETIC_IMAGE: float(image)}) if image else Score(cannot_say="empty") for image in images]


def run(folder: Path, files: dict[str, bytes], **context: Any) -> ClaimResult:
    lines = ["file,sha256,label"]
    for name, data in files.items():
        (folder / name).write_bytes(data)
        lines.append(f"{name},{hashlib.sha256(data).hexdigest()},{'synthetic' if name.startswith('s') else 'real'}")
    (folder / "m.csv").write_text("\n".join(lines) + "\n")
    spec = {"type": "performance", "metric": "bpcer", "attack": "synthetic-image", "population": "p", "at_most": 0.5}
    return run_claim(spec, ClaimContext(detector=Digits(), populations={"p": "m.csv"}, root=folder, **context))


def test_a_result_lists_the_media_with_their_digests_and_scores(tmp_path: Path) -> None:
    """Whatever the kind of claim: the digest of every file read, and the detector's word or why it gave none."""
    result = run(tmp_path, {"r1": b"0.25", "r2": b"", "s1": b"0.75"})
    media = {row["name"]: row for row in result.details["media"]}
    assert media["r1"]["sha256"] == hashlib.sha256(b"0.25").hexdigest()
    assert media["r1"]["scores"] == {"synthetic-image": 0.25}
    assert media["r2"]["cannot_say"] == "empty"
    assert result.inputs["media"]["read"] == 3
    canonical_json(result.to_json())


def test_a_result_names_the_detector_and_the_environment(tmp_path: Path) -> None:
    """Enough to find the same model, and the packages that the figures depend on."""
    result = run(tmp_path, {"r1": b"0.25"}, detector_name="sagemaker:digits")
    assert result.inputs["detector"] == {"name": "digits", "version": "1", "sha256": "a" * 64, "threshold": 0.5}
    assert result.details["detector_opened_as"] == "sagemaker:digits"
    assert result.details["environment"] == environment()
    assert {"numpy", "scipy", "pillow"} <= set(environment()["packages"])


def test_the_digest_over_all_media_sees_each_of_them() -> None:
    """Another byte, another name, or a refusal in place of a reading."""

    def digest(*media: Medium) -> str:
        trace = Trace()
        for medium in media:
            trace.read(medium)
        return str(trace.facts()["sha256"])

    first, second = Medium("p", "a", sha256="1"), Medium("p", "b", sha256="2")
    others = [digest(first), digest(first, Medium("p", "b", sha256="3")), digest(first, Medium("p", "c", sha256="2"))]
    others += [digest(first, Medium("p", "b", refused="gone")), digest(first, Medium("q", "b", sha256="2"))]
    assert digest(first, second) == digest(second, first)
    assert len({digest(first, second), *others}) == 6


def test_a_long_run_lists_a_bounded_number_and_digests_all(tmp_path: Path, monkeypatch: Any) -> None:
    """The record stays small; the count and the digest speak of every medium."""
    monkeypatch.setattr(tracing, "MAX_LISTED", 2)
    result = run(tmp_path, {f"r{number}": b"0.1" for number in range(5)})
    assert len(result.details["media"]) == 2
    assert result.inputs["media"]["read"] == 5


def test_the_detector_under_the_trace_can_be_reached() -> None:
    """For those who need the model itself."""
    detector = Digits()
    assert untraced(TracedDetector(detector, Trace())) is detector
    assert untraced(detector) is detector


class Counting(Digits):
    """Counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def score(self, images: Sequence[bytes]) -> list[Score]:
        self.asked += images
        return super().score(images)


def test_what_a_claim_before_asked_is_remembered_and_told_in_the_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """By content, in order, each once; as many as there is room for."""
    detector, remembered = Counting(), dict[str, Score]()
    first, second = Trace(), Trace()
    said = TracedDetector(detector, first, remembered).score([b"0.1", b"0.2", b"0.1"])
    assert detector.asked == [b"0.1", b"0.2"]
    assert TracedDetector(detector, second, remembered).score([b"0.2", b"0.3", b"0.1"]) == [said[1], *detector.score([b"0.3"]), said[0]]
    assert detector.asked[2:] == [b"0.3", b"0.3"]
    assert set(first.scores) < set(second.scores) == set(remembered)
    monkeypatch.setattr(tracing, "MAX_REMEMBERED", 3)
    for _ in range(2):
        TracedDetector(detector, second, remembered).score([b"0.4"])
    assert detector.asked[4:] == [b"0.4", b"0.4"]


def test_the_claims_of_a_run_ask_once_and_those_about_the_asking_ask_anew(tmp_path: Path) -> None:
    """Two rates on the same media cost one scoring; reproducibility and latency would mean nothing by heart."""
    media = {f"r{number}": b"0.1" + b" " * number for number in range(12)}
    lines = ["file,sha256,label", *(f"{name},{hashlib.sha256(data).hexdigest()},real" for name, data in media.items())]
    (tmp_path / "m.csv").write_text("\n".join((*lines, "")))
    for name, data in media.items():
        (tmp_path / name).write_bytes(data)
    rate: dict[str, Any] = {"type": "performance", "metric": "bpcer", "attack": "synthetic-image", "population": "p"}
    specs = [{**rate, "at_most": 0.3}, {**rate, "at_most": 0.4}, {"type": "reproducibility", "population": "p"}]
    detector = Counting()
    asked, counts = [AskedClaim(spec, SourceRef("claims.yaml", line)) for line, spec in enumerate(specs, start=1)], []
    for outcome in prove(asked, ClaimContext(populations={"p": "m.csv"}, root=tmp_path), lambda: detector):
        assert outcome.result is not None, outcome.error
        counts.append(len(detector.asked))
    assert counts == [12, 12, 36]


def test_claims_on_time_come_before_what_makes_the_media_known(tmp_path: Path) -> None:
    """A service that remembers was asked by the first claim, and timed by the second as it looked its answers up."""
    (tmp_path / "a.jpg").write_bytes(b"0.1")
    rate: dict[str, Any] = {"type": "performance", "metric": "bpcer", "attack": "synthetic-image", "at_most": 0.3, "population": "p"}
    specs = [rate, {"type": "nothing"}, {"type": "latency", "population": "p", "at_most": 5}]
    asked = [AskedClaim(spec, SourceRef("claims.yaml", line)) for line, spec in enumerate(specs, start=1)]
    context = ClaimContext(populations={"p": str(tmp_path)}, asked=set())
    outcomes = list(prove(asked, context, Counting))
    assert [outcome.id for outcome in outcomes] == ["claims.yaml:3", "claims.yaml:1", "claims.yaml:2"]
    assert context.asked == {hashlib.sha256(b"0.1").hexdigest()}
