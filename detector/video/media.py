"""Images and clips side by side, as bytes: what a population holds, whichever of the two each medium is."""

from __future__ import annotations

from collections.abc import Sequence

from averment.detector.imaging import UnreadableError
from averment.detector.interface import Detector, Score
from averment.detector.sniffing import media_type, video_type
from averment.detector.video.lending import bytes_on_disk
from averment.detector.video.scoring import score_clip


def score_media(detector: Detector, media: Sequence[bytes]) -> list[Score]:
    """One score for each of ``media``, in order: the images asked of ``detector`` together, each clip scored as a scan does (``score_clip``).

    The bytes tell which is which, not a name. What is neither is the detector's to refuse.

    Raises:
        MissingExtraError: there is a clip, and PyAV isn't installed.
        IncompleteError: the detector is out of reach or broken, or there is no room for a clip on the disk.
    """
    images = [data for data in media if not shows_a_clip(data)]
    answers = iter(detector.score(images) if images else ())
    return [_score_clip(detector, data) if shows_a_clip(data) else next(answers) for data in media]


def shows_a_clip(data: bytes) -> bool:
    """Whether the first bytes are those of a film's container, and not those of an image."""
    return media_type(data) is None and video_type(data[:1024]) is not None


def _score_clip(detector: Detector, data: bytes) -> Score:
    try:
        with bytes_on_disk(data) as path:
            return score_clip(path, detector)
    except UnreadableError as error:
        return Score(cannot_say=str(error))
