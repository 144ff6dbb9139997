"""A clip's score: frames, scored one by one as images are, faces followed from frame to frame, and one figure for each family.

* ``manipulated-face``: the highest running median (``aggregate``) of any face track, and of the faces that are in no track of at least
  three frames, taken together. The clip has the highest of these, as an image has that of its faces.
* every other family: the highest running median over the frames that it says something about.
* A detector that knows ``manipulated-face`` and doesn't say where (an ONNX file, a service) is asked about each found face by itself, cut
  out with a margin; whole frames would show it little of the face.

Nothing is dropped in silence: a frame that is missing or can't be judged is counted with its reason. Flagged is what was seen to be;
clean is a clip only if at least half of the sampled frames could be judged, of which a tenth, or one, is missing at most (what isn't decoded here
may be what a player shows), and by a family only if it said something of at least half of them:
faces that are too small or too many leave manipulation open, as in images, and so does a face that speaks up and is gone before three frames
could tell. The figures are no longer calibrated probabilities.

A clip of which an edit list leaves out much is scored in each way that players may show it (``_views``), and clean only if it is in all of them.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from averment.core.extras import require
from averment.detector.faces.finder import FaceFinder
from averment.detector.imaging import MIN_SIDE, UnreadableError
from averment.detector.interface import Clip, Detector, FaceScore, Family, Moment, Score, Track
from averment.detector.video.aggregate import FEWEST, highest_median
from averment.detector.video.frames import Facts, Frame, Missed, Sampling, frames
from averment.detector.video.lending import sha256_of
from averment.detector.video.tracks import Sight, tracks

if TYPE_CHECKING:
    from PIL import Image

BATCH = 4
"""Frames in memory at a time, each at most 6 MB as PNG and as much decoded."""

COVERAGE = 0.5
"""Share of the sampled frames that must be judged for a clip to be clean, by any family and by each."""

MISSING = 0.1
"""Share of the sampled frames that may be missing from a clean clip. In those that are there faces may be few; these show somebody something else."""

MARGIN = 0.3
"""Of a face's box, added on each side of what is cut out."""

FACES = 8
"""Faces of one frame that are cut out and scored, the largest ones."""


SAME_PLACE = 0.5
"""Seconds by which what players may show of a clip that was cut differs little."""


@dataclass
class _Seen:
    """What is kept of the frames: times and scores, no pictures. ``reasons`` count those without a probability of any family, ``missing`` those
    of them that could not be decoded; ``refused`` is whether a service wouldn't have one."""

    facts: Facts | None = None
    times: list[float] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    missing: int = 0
    refused: bool = False

    @property
    def judged(self) -> int:
        """Frames with a probability of some family."""
        return sum(score.highest is not None for score in self.scores)

    @property
    def sampled(self) -> int:
        """All frames that were wanted."""
        return self.judged + self.reasons.total()


def score_clip(path: Path, detector: Detector, sampling: Sampling | None = None, *, finder: FaceFinder | None = None) -> Score:
    """Score the clip at ``path``: ``clip`` of the score says what was looked at. A clip that can't be read is a score with its reason.

    Which frames are looked at is drawn by the hash of the file: whoever knew the times beforehand would put a genuine frame at each of them, which in a
    clip of ten minutes nobody sees. One file is scored by the same frames everywhere.

    Memory is bounded whatever the clip: one batch of frames here, ``frames.MEMORY_BYTES`` in the process that decodes.

    Raises:
        MissingExtraError: PyAV isn't installed.
        IncompleteError: the detector is out of reach or broken.
    """
    finding = finder or FaceFinder()
    try:
        wanted = sampling or by_hash(path)
        seen = _look(path, detector, wanted, finding)
        others = [_look(path, detector, replace(wanted, view=view), finding) for view in _views(seen.facts)]
    except UnreadableError as error:
        return Score(cannot_say=str(error))
    score, *rest = [_finished(each, detector) for each in (seen, *others)]
    return _of_a_cut([score, *rest], seen.facts, detector.info.threshold) if seen.facts and seen.facts.cut else score


def by_hash(path: Path, count: int = Sampling.frames) -> Sampling:
    """So many frames, drawn by the hash of the file at ``path``.

    Raises:
        UnreadableError: it can't be read.
    """
    try:
        return Sampling(count, seed=sha256_of(path))
    except OSError as error:
        raise UnreadableError(f"can't be read: {error.strerror}") from error


def _look(path: Path, detector: Detector, sampling: Sampling, finder: FaceFinder) -> _Seen:
    """The frames that ``sampling`` wants, scored.

    Raises:
        UnreadableError: the clip can't be read.
    """
    seen = _Seen()
    batch: list[Frame] = []
    for item in frames(path, sampling):
        match item:
            case Facts():
                seen.facts = item
            case Missed():
                seen.reasons[item.reason] += 1
                seen.missing += 1
            case Frame():
                batch.append(item)
        if len(batch) == BATCH:
            _score_batch(batch, detector, finder, seen)
            batch.clear()
    _score_batch(batch, detector, finder, seen)
    return seen


def _finished(seen: _Seen, detector: Detector) -> Score:
    return replace(_together(seen, detector), refused=seen.refused)


def _views(facts: Facts | None) -> list[tuple[float, float]]:
    """What else than the stretch that an edit list shows players may show of the file: all of it; from where the stretch begins to the end; and from
    the file's beginning for as long as the stretch lasts. The stretch alone says little of them, and they little of it: it may be short."""
    if facts is None or facts.cut is None:
        return []
    start, end, whole = facts.cut
    views = [(0.0, whole)]
    if start > SAME_PLACE:
        views.append((0.0, end - start))
        if whole - end > SAME_PLACE:
            views.append((start, whole))
    return views


def _of_a_cut(scores: Sequence[Score], facts: Facts, threshold: float) -> Score:
    """One score from those of the ways in which players may show a clip that was cut: the highest; open what is open in any of them, unless some is flagged."""
    clips = [score.clip for score in scores if score.clip is not None]
    start, end, whole = facts.cut or (0.0, 0.0, 0.0)
    worst = max((score for score in scores if score.highest is not None), key=lambda score: score.highest or 0.0, default=None)
    clip = replace(
        (worst or scores[0]).clip or Clip(whole, facts.width, facts.height, facts.codec, 0, 0),
        seconds=whole,
        sampled=sum(clip.sampled for clip in clips),
        judged=sum(clip.judged for clip in clips),
        unjudged=dict(sum((Counter(clip.unjudged) for clip in clips), Counter())),
        tracks=tuple(sorted((track for clip in clips for track in clip.tracks), key=lambda track: track.probability, reverse=True)),
        cut=(start, end),
    )
    silent: dict[Family, str] = {}
    probabilities: dict[Family, float] = {}
    for place, score in enumerate(scores):
        where = "" if place == 0 else f"with what the edit list leaves out ({start:.1f} to {end:.1f} s of {whole:.1f} s are shown), "
        silent |= {family: where + reason for family, reason in score.silent.items() if family not in silent}
        for family, value in score.probabilities.items():
            probabilities[family] = max(value, probabilities.get(family, 0.0))
        if score.cannot_say is not None and (worst is None or (worst.highest or 0.0) < threshold):
            return Score(cannot_say=where + score.cannot_say, clip=clip, refused=any(score.refused for score in scores))
    # What some way leaves open isn't answered by another that found nothing there.
    said = {family: value for family, value in probabilities.items() if family not in silent or value >= threshold}
    silent = {family: reason for family, reason in silent.items() if family not in said}
    return (
        Score(said, silent=silent, clip=clip, refused=any(score.refused for score in scores))
        if said
        else Score(
            cannot_say="; ".join(f"{family}: {reason}" for family, reason in silent.items()),
            clip=clip,
            refused=any(score.refused for score in scores),
        )
    )


def _score_batch(batch: Sequence[Frame], detector: Detector, finder: FaceFinder, seen: _Seen) -> None:
    if not batch:
        return
    for frame, score in zip(batch, score_frames(batch, detector, finder), strict=True):
        seen.refused |= score.refused
        if score.highest is None:
            seen.reasons[score.cannot_say or "; ".join(score.silent.values()) or "the detector gave no probability"] += 1
            if not score.faces:
                continue
            # Some of its faces were judged, and are followed: without the frames in which they are unsuspicious, those would decide in which they aren't.
        seen.times.append(frame.seconds)
        seen.scores.append(score)


def score_frames(batch: Sequence[Frame], detector: Detector, finder: FaceFinder) -> list[Score]:
    """What the scores of a clip are made of: each frame's own, with manipulation judged face by face where the detector names no faces.

    Raises:
        IncompleteError: the detector is out of reach or broken.
    """
    scores = []
    for frame, whole in zip(batch, detector.score([frame.png for frame in batch]), strict=True):
        placed = bool(whole.faces) or Family.MANIPULATED_FACE not in whole.probabilities
        scores.append(whole if placed else _by_face(frame, whole, detector, finder))
    return scores


def _by_face(frame: Frame, score: Score, detector: Detector, finder: FaceFinder) -> Score:
    """``score`` with the manipulated-face family from the faces of the frame, each cut out; silent where there is none."""
    pil: Any = require("PIL.Image", extra="detector", needed_for="reading images")
    with pil.open(io.BytesIO(frame.png)) as opened:
        picture: Image.Image = opened.convert("RGB")
    boxes = [_with_margin(face.box, picture.size) for face in finder.find(picture)]
    large = [(left, top, right, bottom) for left, top, right, bottom in boxes if min(right - left, bottom - top) >= MIN_SIDE][:FACES]
    answers = detector.score([_png(picture.crop(box)) for box in large]) if large else []
    faces = [
        FaceScore((float(box[0]), float(box[1]), float(box[2]), float(box[3])), answer.probabilities[Family.MANIPULATED_FACE])
        for box, answer in zip(large, answers, strict=True)
        if Family.MANIPULATED_FACE in answer.probabilities
    ]
    others: dict[Family, float] = {family: value for family, value in score.probabilities.items() if family is not Family.MANIPULATED_FACE}
    left = len(boxes) - len(faces)
    if faces and (not left or max(face.probability for face in faces) >= detector.info.threshold):
        highest = max(face.probability for face in faces)
        return replace(score, probabilities={**others, Family.MANIPULATED_FACE: highest}, faces=tuple(faces))
    if faces:
        reason = f"{left} of {len(boxes)} faces were not judged (below {MIN_SIDE} pixels, beyond the {FACES} largest, or unclear)"
        return replace(score, probabilities=others, silent={**score.silent, Family.MANIPULATED_FACE: reason}, faces=tuple(faces))
    reason = "the detector can't say of any face" if large else "no face is large enough" if boxes else "there is no face"
    if not others:
        return Score(cannot_say=reason)
    return replace(score, probabilities=others, silent={**score.silent, Family.MANIPULATED_FACE: reason})


def _with_margin(box: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[int, int, int, int]:
    left, top, right, bottom = box
    across, down = (right - left) * MARGIN, (bottom - top) * MARGIN
    return (
        max(0, round(left - across)),
        max(0, round(top - down)),
        min(size[0], round(right + across)),
        min(size[1], round(bottom + down)),
    )


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _together(seen: _Seen, detector: Detector) -> Score:
    """One score from those of the frames."""
    sampled = seen.sampled
    probabilities: dict[Family, float] = {}
    silent: dict[Family, str] = {}
    moments: list[tuple[float, Moment]] = []
    followed: tuple[Track, ...] = ()
    threshold = detector.info.threshold
    for family in dict.fromkeys(name for score in seen.scores for name in (*score.probabilities, *score.silent)):
        gone = ""
        if family is Family.MANIPULATED_FACE and any(score.faces for score in seen.scores):
            followed, figures, gone = _faces(seen, threshold)
        else:
            said = [
                (time, score.probabilities[family])
                for time, score in zip(seen.times, seen.scores, strict=True)
                if family in score.probabilities
            ]
            figures = [_figure(said, family)] if len(said) >= FEWEST else []
        highest, moment = max(figures, key=lambda figure: figure[0], default=(0.0, None))
        if moment is None or (highest < threshold and _too_quiet(seen, family, sampled)):
            silent[family] = _why_silent(seen, family, sampled, found=moment is not None)
        elif highest < threshold and gone:
            silent[family] = gone
        else:
            probabilities[family] = highest
            moments.append((highest, moment))
    score = _verdict(probabilities, silent, seen, sampled, threshold)
    worst = max(moments, key=lambda pair: pair[0])[1] if moments else None
    facts = seen.facts
    if facts is None:
        return score
    size = (facts.width, facts.height)
    return replace(score, clip=Clip(facts.seconds, *size, facts.codec, sampled, seen.judged, dict(seen.reasons), worst, followed))


def _faces(seen: _Seen, threshold: float) -> tuple[tuple[Track, ...], list[tuple[float, Moment]], str]:
    """The tracks that can be judged, the worst first; a figure for each and for the faces outside them; and, where those are seen in too few
    frames for a figure and reach the threshold, that they were: nobody judged these faces, and that isn't clean."""
    found: list[Track] = []
    figures: list[tuple[float, Moment]] = []
    loose: dict[int, float] = {}
    for sights in tracks([score.faces for score in seen.scores]):
        if len(sights) < FEWEST:
            for sight in sights:
                loose[sight.frame] = max(loose.get(sight.frame, 0.0), sight.face.probability)
            continue
        figure = _figure([(seen.times[sight.frame], sight.face.probability) for sight in sights], Family.MANIPULATED_FACE)
        figures.append(figure)
        found.append(_track(sights, seen.times, figure))
    gone = ""
    if len(loose) >= FEWEST:
        figures.append(_figure([(seen.times[place], loose[place]) for place in sorted(loose)], Family.MANIPULATED_FACE))
    elif loud := [place for place in sorted(loose) if loose[place] >= threshold]:
        times = " and ".join(f"{seen.times[place]:.2f} s" for place in loud)
        gone = f"a face that is not in the frames before and after reaches the threshold at {times}; at least {FEWEST} frames are needed to judge it"
    return tuple(sorted(found, key=lambda track: track.probability, reverse=True)), figures, gone


def _track(sights: Sequence[Sight], times: Sequence[float], figure: tuple[float, Moment]) -> Track:
    probability, moment = figure
    worst = next(sight for sight in sights if times[sight.frame] == moment.seconds)
    return Track(times[sights[0].frame], times[sights[-1].frame], len(sights), probability, moment.seconds, worst.face.box)


def _figure(said: Sequence[tuple[float, float]], family: Family) -> tuple[float, Moment]:
    highest, place = highest_median([probability for _, probability in said])
    seconds, probability = said[place]
    return highest, Moment(seconds, family, probability)


def _too_quiet(seen: _Seen, family: Family, sampled: int) -> bool:
    """Whether ``family`` says something of so few frames that its finding nothing says little of the clip. Where all families together judged
    too few, the clip as a whole is open, and ``_verdict`` says why."""
    said = sum(family in score.probabilities for score in seen.scores)
    return said < COVERAGE * sampled <= seen.judged


def _why_silent(seen: _Seen, family: Family, sampled: int, *, found: bool) -> str:
    said = sum(family in score.probabilities for score in seen.scores)
    needed = f"at least {COVERAGE:.0%} of them are needed where nothing is flagged" if found else f"at least {FEWEST} are needed"
    reasons = Counter(score.silent[family] for score in seen.scores if family in score.silent)
    most = f" ({reasons.most_common(1)[0][0]})" if reasons else ""
    return f"it says something of {said} of {sampled} frames, {needed}{most}"


def _verdict(probabilities: Mapping[Family, float], silent: Mapping[Family, str], seen: _Seen, sampled: int, threshold: float) -> Score:
    judged = seen.judged
    reasons = "; ".join(f"{count}: {reason}" for reason, count in seen.reasons.most_common(3))
    if sampled == 0:
        return Score(cannot_say="no frame of it could be looked at")
    if not probabilities:
        if judged < FEWEST:
            said = f"{judged} of {sampled} frames could be judged, at least {FEWEST} are needed"
            return Score(cannot_say=f"{said} ({reasons})" if reasons else said)
        return Score(cannot_say="; ".join(f"{family}: {reason}" for family, reason in silent.items()))
    if judged < COVERAGE * sampled and max(probabilities.values()) < threshold:
        return Score(cannot_say=f"only {judged} of {sampled} frames could be judged and nothing was flagged in them ({reasons})")
    if seen.missing > max(1, MISSING * sampled) and max(probabilities.values()) < threshold:
        return Score(
            cannot_say=f"{seen.missing} of {sampled} frames could not be decoded and nothing was flagged in the others ({reasons})"
        )
    return Score(probabilities, silent=silent)
