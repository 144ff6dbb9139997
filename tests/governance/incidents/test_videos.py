"""A preserved video: copied like anything else, and where nothing can be said of it, that is said. The clips are made here, of plain colours."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from averment.core.errors import IncompleteError, MissingExtraError
from averment.detector.corpus import load
from averment.detector.interface import Detector, DetectorInfo, Family, Score
from averment.evidence.record import Gathering
from averment.governance.incidents import opinions
from averment.governance.incidents.custody import preserve
from averment.governance.incidents.filing import Act
from averment.governance.incidents.keeping import FolderKeep
from averment.governance.incidents.likeness import look_alikes
from averment.governance.incidents.opinions import detector_opinion
from averment.governance.incidents.state import Incident

By = Callable[..., Act]
With = Callable[[Incident, Any], Incident]


class Frames(Detector):
    """A detector that finds 0.9 in every picture; ``shown`` keeps how many it was shown."""

    shown = 0

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("frames", "1", "ab" * 32, (Family.SYNTHETIC_IMAGE,), 0.5)

    def score(self, images: Sequence[bytes]) -> list[Score]:
        self.shown += len(images)
        return [Score({Family.SYNTHETIC_IMAGE: 0.9}) for _ in images]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two seconds of grey."""
    path = tmp_path / "founder.mp4"
    with av.open(str(path), "w") as out:
        track = out.add_stream("libx264", rate=25)
        track.width, track.height, track.pix_fmt = 160, 120, "yuv420p"
        for _ in range(50):
            out.mux(track.encode(av.VideoFrame.from_ndarray(np.full((120, 160, 3), 128, np.uint8), format="rgb24")))
        out.mux(track.encode())
    return path


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture of the corpus that ships."""
    path = tmp_path / "fake.jpg"
    path.write_bytes(load()[0].read())
    return path


@pytest.fixture
def keeping(opened: Any, act: By, with_record: With, tmp_path: Path) -> Callable[..., Incident]:
    """An incident with these media preserved."""

    def make(*paths: Path) -> Incident:
        first: Incident = opened()
        made = preserve(first, act(), [str(path) for path in paths], FolderKeep(tmp_path / "kept"), because="It is live.")
        assert made.record.gathering is Gathering.COLLECTED
        return with_record(first, made.record)

    return make


def test_a_preserved_video_has_a_reason_for_what_it_lacks(keeping: Callable[..., Incident], clip: Path) -> None:
    """The copy is an item with its digest; that there is no perceptual hash is said to be because it is a video."""
    item = keeping(clip).items["1"]
    assert Path(str(item["stored"])).read_bytes() == clip.read_bytes()
    assert (item["perceptual_hash"], item["perceptual_hash_reason"]) == (None, "video/mp4: perceptual hashes are of images")
    assert item["credential_reason"]


def test_a_detector_scores_a_preserved_video_by_its_frames(keeping: Callable[..., Incident], clip: Path, act: By) -> None:
    """It is shown pictures, never the container; the record says how many frames the figure rests on."""
    detector = Frames()
    record = detector_opinion(keeping(clip), act(), detector)
    (row,) = record.payload["items"]
    assert (row["flagged"], row["probabilities"], record.gathering) == (True, {"synthetic-image": 0.9}, Gathering.COLLECTED)
    assert (row["clip"]["sampled"], row["clip"]["judged"], detector.shown) == (32, 32, 32)
    assert row["clip"]["seconds"] == pytest.approx(2.0, abs=0.1)


def test_a_video_that_cannot_be_scored_makes_the_record_partial(
    keeping: Callable[..., Incident], clip: Path, picture: Path, act: By, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torn, or nothing installed that reads videos: the reason stands at the item and the record, and the picture beside it is scored."""
    clip.write_bytes(clip.read_bytes()[:600])
    incident = keeping(clip, picture)
    torn = detector_opinion(incident, act(), Frames())
    assert [bool(row["cannot_say"]) for row in torn.payload["items"]] == [True, False]
    assert (torn.gathering, torn.population and torn.population.examined) == (Gathering.PARTIAL, 1)
    assert str(torn.reason).startswith("item 1: ")

    def without_pyav(path: Path, detector: Detector) -> Score:
        raise MissingExtraError("reading videos needs the package 'av'", fix="pip install 'averment[video]'")

    monkeypatch.setattr(opinions, "score_clip", without_pyav)
    missing = detector_opinion(incident, act(), Frames())
    assert "pip install 'averment[video]'" in str(missing.payload["items"][0]["cannot_say"])
    assert missing.gathering is Gathering.PARTIAL


def test_look_alikes_say_which_preserved_video_was_not_compared(
    keeping: Callable[..., Incident], clip: Path, picture: Path, act: By, tmp_path: Path
) -> None:
    """Nobody can take "no look-alikes" of the picture for one of the video, nor a video among the stored media for one that was compared."""
    stored = tmp_path / "stored"
    stored.mkdir()
    (stored / "again.jpg").write_bytes(picture.read_bytes())
    record = look_alikes(keeping(picture, clip), act(), str(stored))
    assert (record.payload["items"], list(record.payload["not_compared"])) == (["1"], ["2"])
    assert record.gathering is Gathering.PARTIAL
    assert "nothing was compared with item 2: video/mp4" in str(record.reason)
    (stored / "again.mp4").write_bytes(clip.read_bytes())
    record = look_alikes(keeping(picture), act(), str(stored))
    assert record.gathering is Gathering.PARTIAL
    assert sum(record.payload["unreadable"].values()) == 1
    with pytest.raises(IncompleteError, match=r"no preserved medium .*: video/mp4: perceptual hashes are of images") as refused:
        look_alikes(keeping(clip), act(), str(stored))
    assert f"`averment media scan {stored} --format jsonl`" in str(refused.value.fix)


def test_a_picture_preserved_without_the_packages_for_its_hash_is_not_told_to_be_none(
    keeping: Callable[..., Incident], picture: Path, act: By, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever preserved a JPEG without averment[detector] was told to preserve a JPEG first."""
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "imagehash", None)
        incident = keeping(picture)
    with pytest.raises(IncompleteError, match="needs the package 'imagehash', which is not installed") as caught:
        look_alikes(incident, act(), str(tmp_path))
    assert "averment[detector]" in str(caught.value.fix)
