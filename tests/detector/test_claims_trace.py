"""The trace of a run: which bytes were behind a figure, and what the detector said of each. Scores here are made up."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from averment.core.canonical import canonical_json
from averment.detector.claims import trace as tracing
from averment.detector.claims.environment import environment
from averment.detector.claims.interface import ClaimContext, ClaimResult
from averment.detector.claims.run import run_claim
from averment.detector.claims.trace import Medium, Trace, TracedDetector, untraced
from averment.detector.interface import Detector, DetectorInfo, Family, Score


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


def test_the_digest_over_all_media_sees_each_of_them(tmp_path: Path) -> None:
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
