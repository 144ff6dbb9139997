"""A clip's score, with detectors that are told what to say of each frame."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from averment.core.errors import IncompleteError
from averment.detector import corpus
from averment.detector.interface import Detector, FaceScore, Family, Score
from averment.detector.serving import score_from_json, score_to_json
from averment.detector.video import frames as module
from averment.detector.video import scoring
from averment.detector.video.frames import Facts, Frame, Missed, Sampling
from averment.detector.video.scoring import by_hash, score_clip

SYNTHETIC, FACE = Family.SYNTHETIC_IMAGE, Family.MANIPULATED_FACE
Told = Callable[..., Any]


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """``shown(32, missed=...)``: the clip consists of so many frames, a second apart, whose colour is their number; nothing is decoded."""

    def clip(count: int, *, missed: int = 0, picture: Callable[[int], Image.Image] | None = None) -> Path:
        def frames(path: Path, sampling: Sampling) -> Any:
            yield Facts(count + missed, count, 100, 100, "h264", "mp4", count, 1)
            for index in range(count):
                made = picture(index) if picture else Image.new("RGB", (100, 100), (index, 0, 0))
                buffer = io.BytesIO()
                made.save(buffer, "PNG")
                yield Frame(float(index), *made.size, buffer.getvalue())
            for index in range(missed):
                yield Missed(float(count + index), "the file ends before it")

        monkeypatch.setattr(scoring, "frames", frames)
        path = tmp_path / "clip.mp4"
        path.touch()
        return path

    return clip


def by_number(say: Callable[[int], Score]) -> Callable[[np.ndarray[Any, Any]], Score]:
    """What to say of a frame by its number, which is its red."""
    return lambda picture: say(int(picture[50, 50, 0]))


def face(probability: float, left: float = 10.0) -> FaceScore:
    return FaceScore((left, 10, left + 50, 60), probability)


def of_faces(*faces: FaceScore) -> Score:
    return Score({FACE: max(each.probability for each in faces)}, faces=faces)


def test_a_clip_whose_frames_are_flagged_is_flagged_and_says_where(shown: Any, told: Told) -> None:
    """The probability is the running median's, the worst moment the loudest frame of the stretch that decided."""
    result = score_clip(shown(32), told(by_number(lambda index: Score({SYNTHETIC: 0.9 if 10 <= index <= 13 else 0.1}))))
    assert result.probabilities == {SYNTHETIC: 0.9}
    clip = result.clip
    assert clip is not None
    assert (clip.seconds, clip.width, clip.height, clip.codec) == (32, 100, 100, "h264")
    assert (clip.sampled, clip.judged, clip.unjudged) == (32, 32, {})
    assert clip.worst is not None
    assert 10 <= clip.worst.seconds <= 13
    assert (clip.worst.family, clip.worst.probability) == (SYNTHETIC, 0.9)


def test_a_clip_of_which_a_service_refused_a_frame_says_so(shown: Any, told: Told) -> None:
    """So that a later scan asks again; whatever could be judged counts meanwhile."""
    refused = Score(cannot_say="answered 413", refused=True)
    result = score_clip(shown(9), told(by_number(lambda index: refused if index == 4 else Score({SYNTHETIC: 0.1}))))
    assert (result.refused, result.probabilities) == (True, {SYNTHETIC: 0.1})
    assert not score_clip(shown(9), told(by_number(lambda _: Score({SYNTHETIC: 0.1})))).refused


def test_one_wild_frame_flags_nothing(shown: Any, told: Told) -> None:
    """A single false alarm among many frames is outvoted."""
    assert score_clip(shown(32), told(by_number(lambda index: Score({SYNTHETIC: 0.99 if index == 7 else 0.1})))).highest == 0.1


def test_genuine_frames_where_a_scan_is_expected_to_look_hide_nothing(film: Callable[..., Path], told: Told) -> None:
    """One in the middle of each of 32 equal parts: in a film of a minute nobody sees them, and it is all fake."""
    expected = {int(750 * (part + 0.5) / 32) for part in range(32)}
    pictures = [np.full((120, 160, 3), 20 if number in expected else 220, np.uint8) for number in range(750)]
    path = film("flashes.mp4", pictures=pictures)
    say = told(lambda picture: Score({SYNTHETIC: 0.9 if picture.mean() > 120 else 0.1}))
    assert score_clip(path, say, Sampling()).highest == 0.1
    assert score_clip(path, say).highest == 0.9


def test_where_frames_are_looked_at_is_drawn_by_the_file(film: Callable[..., Path]) -> None:
    """The same frames each time, one in each part of the clip; other ones of a file that differs by a byte that nobody is shown."""
    path = film("a.mp4", frames=320)

    def times() -> list[float]:
        return [item.seconds for item in module.frames(path, by_hash(path)) if isinstance(item, Frame)]

    drawn = times()
    assert drawn == times() == sorted(drawn)
    assert [int(when / 12.8 * 32 + 0.001) for when in drawn] == pytest.approx(list(range(32)), abs=1)
    places = [when / 12.8 * 32 - part for part, when in enumerate(drawn)]
    assert min(places) < 0.25
    assert max(places) > 0.75
    path.write_bytes(path.read_bytes() + b"\0\0\0\x09free\1")
    assert len(set(drawn) & set(times())) < 16


def test_a_manipulated_face_beside_a_real_one_is_found_by_its_track(shown: Any, told: Told) -> None:
    """Each face has a track of its own: when it was seen, its figure, and where."""
    result = score_clip(shown(12), told(by_number(lambda index: of_faces(face(0.1), face(0.8, 300) if index >= 6 else face(0.2, 600)))))
    assert [(track.first, track.last, track.frames, track.probability) for track in result.clip.tracks] == [
        (6.0, 11.0, 6, 0.8),
        (0.0, 5.0, 6, 0.2),
        (0.0, 11.0, 12, 0.1),
    ]
    assert result.clip.tracks[0].box == (300.0, 10.0, 350.0, 60.0)
    assert result.probabilities == {FACE: 0.8}


def test_faces_that_never_stay_are_judged_together(shown: Any, told: Told) -> None:
    """Faces in another place in every frame make no track that could be judged, and are not lost for that."""
    result = score_clip(shown(9), told(by_number(lambda index: of_faces(face(0.9, 200.0 * index)))))
    assert result.clip.tracks == ()
    assert result.probabilities == {FACE: 0.9}


def test_two_sights_of_a_face_are_too_few(shown: Any, told: Told) -> None:
    """A family that spoke in two frames stays silent, with the count and the reason, while another judges the clip."""
    silent = Score({SYNTHETIC: 0.2}, silent={FACE: "no face"})
    both = Score({SYNTHETIC: 0.2, FACE: 0.9}, faces=(face(0.9),))
    result = score_clip(shown(10), told(by_number(lambda index: both if index < 2 else silent)))
    assert result.probabilities == {SYNTHETIC: 0.2}
    assert result.silent == {FACE: "it says something of 2 of 10 frames, at least 3 are needed (no face)"}


@pytest.mark.parametrize("beside", [True, False])
def test_a_face_that_is_gone_before_it_can_be_judged_leaves_a_clip_open(shown: Any, told: Told, beside: bool) -> None:
    """Another face in all the other frames, and be it never so real, clears nobody who is seen in two; below the threshold there is nothing to say."""

    def clip(found: float) -> Score:
        faces = (face(0.01), face(found, 500)) if beside else (face(found, 500),)
        return score_clip(shown(32), told(by_number(lambda index: of_faces(*faces) if index in {4, 20} else of_faces(face(0.01)))))

    open_clip = clip(0.99)
    assert open_clip.highest is None
    assert open_clip.open_question is not None
    assert "reaches the threshold at 4.00 s and 20.00 s; at least 3 frames are needed" in open_clip.open_question
    assert clip(0.3).probabilities == {FACE: 0.01}


def test_a_face_that_is_flagged_is_flagged_whoever_else_was_gone_too_soon(shown: Any, told: Told) -> None:
    """Nothing that is open takes back what was seen."""
    say = by_number(lambda index: of_faces(face(0.8), face(0.99, 500)) if index == 4 else of_faces(face(0.8)))
    assert score_clip(shown(32), told(say)).probabilities == {FACE: 0.8}


@pytest.mark.parametrize("judged", [0, 3, 15])
def test_faces_that_were_not_judged_leave_a_clip_open(shown: Any, told: Told, judged: int) -> None:
    """A crowd of which faces are left out in most frames isn't cleared by the faces that were judged, as an image of it isn't."""
    crowd = Score({SYNTHETIC: 0.1}, silent={FACE: "1 of 9 faces were not judged"}, faces=(face(0.1),))
    both = Score({SYNTHETIC: 0.1, FACE: 0.1}, faces=(face(0.1),))
    result = score_clip(shown(32), told(by_number(lambda index: both if index < judged else crowd)))
    assert result.probabilities == {SYNTHETIC: 0.1}
    assert result.silent[FACE].startswith(f"it says something of {judged} of 32 frames, at least 50% of them are needed")
    assert "1 of 9 faces were not judged" in result.silent[FACE]


@pytest.mark.parametrize(("found", "silent"), [(0.1, True), (0.9, False)])
def test_a_face_too_small_to_be_cut_out_leaves_a_clip_open(shown: Any, told: Told, found: float, silent: bool) -> None:
    """Of a detector that doesn't say where: a face that it wasn't shown isn't ruled out by those that it was, unless one of them is flagged."""
    boxes = [SimpleNamespace(box=(20.0, 20.0, 180.0, 180.0)), SimpleNamespace(box=(300.0, 300.0, 320.0, 320.0))]
    result = score_clip(
        shown(6, picture=lambda _: Image.new("RGB", (400, 400))),
        told(lambda _: Score({SYNTHETIC: 0.1, FACE: found})),
        finder=SimpleNamespace(find=lambda _: boxes),
    )
    assert (FACE in result.silent) is silent
    if silent:
        assert "1 of 2 faces were not judged (below 80 pixels" in result.silent[FACE]


def test_a_higher_threshold_flags_no_clip_that_a_lower_one_would_not(shown: Any, told: Told) -> None:
    """Of a detector that knows faces alone: frames in which a face was too small to be shown to it have no probability below the threshold. Their
    other faces count all the same, or the loud frames would be left alone with each other, and flag what no chosen threshold was to flag."""
    boxes = [SimpleNamespace(box=(20.0, 20.0, 180.0, 180.0)), SimpleNamespace(box=(300.0, 300.0, 320.0, 320.0))]
    turning = shown(12, picture=lambda index: Image.new("RGB", (400, 400), (180 if index % 4 == 3 else 20, 0, 0)))

    def found(threshold: float) -> Score:
        detector = told(lambda picture: Score({FACE: float(picture[50, 50, 0]) / 200}), families=[FACE])
        detector.threshold = threshold
        return score_clip(turning, detector, finder=SimpleNamespace(find=lambda _: boxes))

    assert found(0.0).probabilities == {FACE: 0.1}
    quiet = found(0.5)
    assert quiet.highest is None
    assert "only 3 of 12 frames could be judged" in str(quiet.cannot_say)
    assert "9: 1 of 2 faces were not judged" in str(quiet.cannot_say)
    assert (quiet.clip.sampled, quiet.clip.judged) == (12, 3)


@pytest.mark.parametrize(("count", "missed", "clean"), [(29, 3, True), (28, 4, False), (20, 12, False), (4, 1, True), (4, 2, False)])
def test_a_clip_of_which_more_than_a_tenth_is_missing_is_not_clean(count: int, missed: int, clean: bool, shown: Any, told: Told) -> None:
    """What isn't decoded here may be what a player shows: a fake third of a clip was clean by the other two. What is flagged stays flagged."""
    found = score_clip(shown(count, missed=missed), told(lambda _: Score({SYNTHETIC: 0.1})))
    said = f"{missed} of {count + missed} frames could not be decoded and nothing was flagged in the others ({missed}: the file ends before it)"
    assert found.cannot_say == (None if clean else said)
    assert score_clip(shown(count, missed=missed), told(lambda _: Score({SYNTHETIC: 0.9}))).probabilities == {SYNTHETIC: 0.9}


def test_a_family_that_said_something_of_few_frames_is_silent_however_many_others_were_unjudged(shown: Any, told: Told) -> None:
    """Twenty of 32 frames are judged, and manipulation was looked for in four of them alone: that says nothing of the clip."""
    crowd = Score({SYNTHETIC: 0.1}, silent={FACE: "no face"})
    both = Score({SYNTHETIC: 0.1, FACE: 0.1}, faces=(face(0.1),))
    dark = Score(cannot_say="too dark")
    result = score_clip(shown(32), told(by_number(lambda index: both if index < 4 else crowd if index < 20 else dark)))
    assert result.probabilities == {SYNTHETIC: 0.1}
    assert result.silent[FACE].startswith("it says something of 4 of 32 frames")


def test_a_passer_by_does_not_leave_a_clip_open(shown: Any, told: Told) -> None:
    """Faces that were left out in a few frames only change nothing, and what was flagged is flagged however many are left out."""
    crowd = Score({SYNTHETIC: 0.1}, silent={FACE: "1 of 9 faces were not judged"}, faces=(face(0.1),))
    both = Score({SYNTHETIC: 0.1, FACE: 0.1}, faces=(face(0.1),))
    assert score_clip(shown(32), told(by_number(lambda index: both if index < 20 else crowd))).silent == {}
    flagged = Score({FACE: 0.9}, faces=(face(0.9),))
    result = score_clip(shown(32), told(by_number(lambda index: flagged if index < 5 else crowd)))
    assert result.probabilities[FACE] == 0.9


def test_a_clip_most_of_which_cannot_be_judged_is_not_clean(shown: Any, told: Told) -> None:
    """Ten judged frames of 32 without a finding are no clean clip; the reasons are counted."""
    say = by_number(lambda index: Score({SYNTHETIC: 0.1}) if index < 10 else Score(cannot_say="no portrait"))
    result = score_clip(shown(24, missed=8), told(say))
    assert result.cannot_say == (
        "only 10 of 32 frames could be judged and nothing was flagged in them (14: no portrait; 8: the file ends before it)"
    )
    assert result.clip.unjudged == {"no portrait": 14, "the file ends before it": 8}
    assert (result.clip.sampled, result.clip.judged) == (32, 10)


def test_what_was_seen_to_be_fake_is_flagged_however_little_was_seen(shown: Any, told: Told) -> None:
    """Unjudged frames excuse nothing."""
    say = by_number(lambda index: Score({SYNTHETIC: 0.9}) if index < 5 else Score(cannot_say="no portrait"))
    assert score_clip(shown(32), told(say)).probabilities == {SYNTHETIC: 0.9}


def test_too_few_judged_frames_are_a_reason(shown: Any, told: Told) -> None:
    """Two frames are not enough, neither of two nor of many."""
    assert score_clip(shown(2), told(by_number(lambda _: Score({SYNTHETIC: 0.9})))).cannot_say == (
        "2 of 2 frames could be judged, at least 3 are needed"
    )
    say = by_number(lambda index: Score({SYNTHETIC: 0.9}) if index < 2 else Score(cannot_say="too dark"))
    assert score_clip(shown(9), told(say)).cannot_say == "2 of 9 frames could be judged, at least 3 are needed (7: too dark)"


def test_families_that_spoke_of_different_frames_are_each_silent(shown: Any, told: Told) -> None:
    """Judged frames whose families each spoke too rarely give no figure, and the reasons of each family."""
    say = by_number(lambda index: Score({SYNTHETIC: 0.9}) if index < 2 else Score({FACE: 0.9}, faces=(face(0.9),)))
    cannot_say = score_clip(shown(4), told(say)).cannot_say
    assert cannot_say is not None
    assert "synthetic-image: it says something of 2 of 4 frames" in cannot_say
    assert "manipulated-face: it says something of 2 of 4 frames" in cannot_say


def portrait() -> Image.Image:
    """A portrait of the reference corpus (see its ATTRIBUTION.md), with a wall beside it."""
    image = next(image for image in corpus.load() if image.kind == "face" and image.label == "real")
    ground = Image.new("RGB", (900, 500), (90, 90, 90))
    ground.paste(Image.open(io.BytesIO(image.read())).convert("RGB").resize((400, 400)), (480, 50))
    return ground


def test_a_detector_that_names_no_faces_is_shown_each_face_by_itself(shown: Any, told: Told) -> None:
    """An ONNX classifier of faces gets the faces, cut out with a margin; frames without a face leave its family silent."""
    pictures = [portrait(), Image.new("RGB", (900, 500), (90, 90, 90))]
    detector = told(lambda picture: Score({FACE: 0.2 if picture.shape[1] == 900 else 0.7}), families=[FACE])
    result = score_clip(shown(6, picture=lambda index: pictures[index // 3]), detector)
    cuts = [size for size in detector.asked if size != (900, 500)]
    assert len(cuts) == 3
    assert all(width < 450 and height < 450 for width, height in cuts)
    assert result.probabilities == {FACE: 0.7}
    assert result.clip.unjudged == {"there is no face": 3}
    [track] = result.clip.tracks
    assert 480 <= (track.box[0] + track.box[2]) / 2 <= 880


def test_a_clip_s_score_survives_json(shown: Any, told: Told) -> None:
    """What an endpoint answers and what a scan remembers of a clip is what was said, with tracks, reasons and the worst moment."""
    say = by_number(lambda index: Score({SYNTHETIC: 0.25, FACE: 0.75}, faces=(face(0.75),)) if index < 20 else Score(cannot_say="dark"))
    score = score_clip(shown(24, missed=1), told(say))
    assert score.clip is not None
    assert score.clip.tracks
    assert score.clip.worst is not None
    assert score.clip.unjudged
    assert score_from_json(json.loads(json.dumps(score_to_json(score)))) == score
    unsaid = score_clip(shown(2), told(say))
    assert unsaid.cannot_say
    assert score_from_json(json.loads(json.dumps(score_to_json(unsaid)))) == unsaid


@pytest.mark.parametrize("broken", [{"seconds": "x"}, {"worst": {"seconds": 1, "family": "none", "probability": 0.5}}, {"tracks": [{}]}])
def test_what_is_no_clip_is_refused(shown: Any, told: Told, broken: dict[str, Any]) -> None:
    """An answer whose clip makes no sense is not a score."""
    value = score_to_json(score_clip(shown(5), told(by_number(lambda _: Score({SYNTHETIC: 0.25})))))
    with pytest.raises(IncompleteError, match="is not a score"):
        score_from_json({**value, "clip": {**value["clip"], **broken}})


def test_a_clip_that_cannot_be_read_is_a_reason(tmp_path: Path, told: Told) -> None:
    """A bad file is a score that says why, as a bad image is."""
    path = tmp_path / "a.mp4"
    path.write_bytes(b"")
    assert score_clip(path, told(lambda _: Score({SYNTHETIC: 0.1}))) == Score(cannot_say="the file is empty")


def test_the_frames_of_a_real_clip_reach_the_detector(film: Any, told: Told) -> None:
    """Without anything replaced: a clip whose last third is bright is flagged there."""
    detector: Detector = told(lambda picture: Score({SYNTHETIC: 0.9 if picture[:, :, 0].mean() > 120 else 0.1}))
    result = score_clip(film(frames=90), detector, Sampling(frames=15))
    assert result.highest == 0.9
    assert result.clip.worst is not None
    assert result.clip.worst.seconds >= 60 / 25


PROGRAM = """
import re, resource, sys
from pathlib import Path
from averment.detector.interface import Detector, DetectorInfo, Family, Score
from averment.detector.video.scoring import score_clip

class Quiet(Detector):
    info = DetectorInfo("quiet", "1", None, (Family.SYNTHETIC_IMAGE,), 0.5)

    def score(self, images):
        return [Score({Family.SYNTHETIC_IMAGE: 0.1}) for _ in images]

result = score_clip(Path(sys.argv[1]), Quiet())
ours = int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])  # getrusage would count whoever started this
print(result.clip.judged, ours // 1024, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read as Linux states them")
def test_a_large_file_is_scanned_in_bounded_memory(film: Any) -> None:
    """1080p in a file of four gigabytes (less a little): neither process comes near the size of the file, let alone of all its frames."""
    tall = np.indices((1080, 1920)).sum(0).astype(np.uint8)
    path = film(pictures=[np.stack([np.roll(tall, 16 * index, 1)] * 3, -1) for index in range(16)], gop=8)
    length = 4 * 1024**3 - path.stat().st_size - 1
    with path.open("r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write(struct.pack(">I4sQ", 1, b"free", length))
        file.truncate(file.tell() - 16 + length)  # a box of free space, which the disk doesn't hold either
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, check=True)
    judged, ours, decoder = map(int, done.stdout.split())
    assert judged == 16
    assert ours < 150
    assert decoder < 300
