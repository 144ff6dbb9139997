"""The request that an endpoint answers: an image or a video in, JSON out. HTTP servers and back ends wrap it.

Contract (POST /invocations of SageMaker's containers, real-time and asynchronous):

* ``image/jpeg``, ``image/png``, ``image/webp`` or ``application/x-image``: the body is one encoded image; the answer is
  ``{"detector": {...}, "probabilities": {"synthetic-image": 0.93}, "cannot_say": null}``, where exactly one of the last two says something.
* ``video/*``: the body is a clip, scored by some of its frames; the answer is the same with ``"clip": {...}``, which says what was looked at.
* ``application/json`` with ``{"describe": true}``: the answer is ``{"detector": {...}}``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

from averment.core.errors import BadInputError, IncompleteError
from averment.detector.embedded import EmbeddedDetector
from averment.detector.interface import Clip, Detector, DetectorInfo, FaceScore, Family, Moment, Score, Track

MAX_PAYLOAD = 6_291_456
"""Bytes that a SageMaker real-time endpoint accepts (AWS documentation, InvokeEndpoint)."""

ROUNDED = 0.005
"""How far a picture's probability may lie below that of its worst face: as far as rounding to two decimals takes it."""

MOST_FAR = 1e6
"""Pixels from a picture's corner that a face's edge may be away; a face may go beyond the picture, and none of those that are judged is a tenth as wide."""

IMAGE_TYPES = frozenset({"application/x-image", "image/jpeg", "image/png", "image/webp"})
DESCRIBE = b'{"describe":true}'
WHAT_TO_SEND = f"send an image as {', '.join(sorted(IMAGE_TYPES))}, a video as video/mp4 or the like, or the JSON {DESCRIBE.decode()}"


class UnsupportedContentTypeError(BadInputError, ValueError):
    """The request's content type isn't part of the contract; HTTP 415."""


class PayloadTooLargeError(BadInputError, ValueError):
    """The body exceeds ``MAX_PAYLOAD``; HTTP 413."""


def invoke(body: bytes, content_type: str, *, detector: Detector | None = None, max_body: int = MAX_PAYLOAD) -> bytes:
    """Answer one request with ``detector`` (default: the embedded one). A bad image or video is an answer (``cannot_say``), not an error.

    Raises:
        UnsupportedContentTypeError: neither an image, nor a video, nor a request for a description.
        PayloadTooLargeError: more than ``max_body`` bytes.
        MissingExtraError: a video, and PyAV isn't installed.
        IncompleteError: the detector itself is broken, or there is no room for a video on the disk.
    """
    chosen = detector or _default()
    kind = media_kind(content_type)
    if len(body) > max_body:
        raise PayloadTooLargeError(f"the body has {len(body):,} bytes; at most {max_body:,} are accepted")
    if kind in IMAGE_TYPES:
        return _dump({"detector": info_to_json(chosen.info), **score_to_json(chosen.score([body])[0])})
    if is_video(kind):
        from averment.detector.video.lending import bytes_on_disk

        with bytes_on_disk(body) as path:
            return invoke_clip(path, chosen)
    if kind == "application/json" and _asks_for_description(body):
        return _dump({"detector": info_to_json(chosen.info)})
    raise UnsupportedContentTypeError(f"'{content_type}' is not answered here", fix=WHAT_TO_SEND)


def invoke_clip(path: Path, detector: Detector) -> bytes:
    """Answer with ``detector`` one request whose body is the clip at ``path``: what is too large for memory is put there first.

    Raises:
        MissingExtraError: PyAV isn't installed.
        IncompleteError: the detector itself is broken.
    """
    from averment.detector.video.scoring import score_clip

    return _dump({"detector": info_to_json(detector.info), **score_to_json(score_clip(path, detector))})


def is_video(kind: str) -> bool:
    """Whether a media type is a video's."""
    return kind.startswith("video/")


def media_kind(content_type: str) -> str:
    """The media type without its parameters, in lower case: ``image/jpeg``."""
    return content_type.partition(";")[0].strip().lower()


def info_to_json(info: DetectorInfo) -> dict[str, Any]:
    """A detector's identity as JSON data."""
    return {
        "name": info.name,
        "version": info.version,
        "sha256": info.sha256,
        "families": [str(family) for family in info.families],
        "threshold": info.threshold,
    }


def info_from_json(value: Mapping[str, Any]) -> DetectorInfo:
    """The inverse of ``info_to_json``.

    Raises:
        IncompleteError: not a detector's identity, no family, or one that this version of Averment doesn't know.
    """
    try:
        families = tuple(Family(name) for name in value["families"])
        if not families:  # then nothing would be missing from its answers, whatever they leave out
            raise ValueError("it names no family")
        return DetectorInfo(str(value["name"]), str(value["version"]), _hash(value.get("sha256")), families, _unit(value["threshold"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise IncompleteError(f"the endpoint's description of its detector is not understood: {_told(error)}") from error


def score_to_json(score: Score) -> dict[str, Any]:
    """A score as JSON data. ``silent``, ``faces`` and ``clip`` stand in it only where they hold something."""
    value: dict[str, Any] = {
        "probabilities": {str(family): number for family, number in score.probabilities.items()},
        "cannot_say": score.cannot_say,
    }
    if score.silent:
        value["silent"] = {str(family): reason for family, reason in score.silent.items()}
    if score.faces:
        value["faces"] = [{"box": list(face.box), "probability": face.probability} for face in score.faces]
    if score.clip is not None:
        value["clip"] = _clip_to_json(score.clip)
    return value


def score_from_json(value: Mapping[str, Any]) -> Score:
    """The inverse of ``score_to_json``.

    Raises:
        IncompleteError: not a score: no probability and no reason, a probability outside [0, 1], or a face above what is said of all of them.
    """
    try:
        cannot_say = value["cannot_say"]
        clip = _clip_from_json(value["clip"]) if value.get("clip") is not None else None
        if cannot_say is not None and not isinstance(cannot_say, str):  # false, perhaps, of an image that it can say something of
            raise TypeError(f"cannot_say is {cannot_say!r:.60}, which is no reason: it is a text, or null")
        if cannot_say is not None:
            return Score(cannot_say=cannot_say or "the endpoint gave no reason", clip=clip)
        probabilities = {Family(name): _unit(number) for name, number in value["probabilities"].items()}
        silent = {Family(name): str(reason) for name, reason in value.get("silent", {}).items()}
        faces = tuple(FaceScore(_box(face["box"]), _unit(face["probability"])) for face in value.get("faces", ()))
        highest, whole = max((face.probability for face in faces), default=0.0), probabilities.get(Family.MANIPULATED_FACE, 1.0)
        if highest > whole + ROUNDED:  # a mean over faces, perhaps: the one that was forged would be lost among the others
            raise ValueError(f"a face has {highest:g}, and the picture {whole:g} for {Family.MANIPULATED_FACE}: the highest face's counts")
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise IncompleteError(f"the endpoint's answer is not a score: {_told(error)}") from error
    if not probabilities:
        raise IncompleteError("the endpoint's answer holds neither a probability nor a reason")
    return Score(probabilities, silent=silent, faces=faces, clip=clip)


def told_of_all(score: Score, info: DetectorInfo) -> Score:
    """``score`` with every family of the detector that it has no word of among the silent ones: what wasn't answered isn't ruled out."""
    if score.cannot_say is not None:
        return score
    unsaid = [family for family in info.families if family not in score.probabilities and family not in score.silent]
    return replace(score, silent={**score.silent, **dict.fromkeys(unsaid, "the detector says nothing of it")}) if unsaid else score


def _clip_to_json(clip: Clip) -> dict[str, Any]:
    """With ``worst`` None where no stretch decided."""
    value = asdict(clip)
    value["unjudged"] = dict(clip.unjudged)
    if clip.worst is not None:
        value["worst"]["family"] = str(clip.worst.family)
    value["tracks"] = [{**asdict(track), "box": list(track.box)} for track in clip.tracks]
    cut = value.pop("cut")
    return value if cut is None else {**value, "cut": list(cut)}


def _clip_from_json(value: Mapping[str, Any]) -> Clip:
    """The inverse; KeyError, TypeError, ValueError or OverflowError if it is none."""
    worst, cut = value["worst"], value.get("cut")
    return Clip(
        seconds=_finite(value["seconds"]),
        width=int(value["width"]),
        height=int(value["height"]),
        codec=str(value["codec"]),
        sampled=int(value["sampled"]),
        judged=int(value["judged"]),
        unjudged={str(reason): int(count) for reason, count in value["unjudged"].items()},
        worst=None if worst is None else Moment(_finite(worst["seconds"]), Family(worst["family"]), _unit(worst["probability"])),
        tracks=tuple(
            Track(
                first=_finite(track["first"]),
                last=_finite(track["last"]),
                frames=int(track["frames"]),
                probability=_unit(track["probability"]),
                worst=_finite(track["worst"]),
                box=_box(track["box"]),
            )
            for track in value["tracks"]
        ),
        cut=None if cut is None else (_finite(cut[0]), _finite(cut[1])),
    )


def _told(error: Exception) -> str:
    """What is wrong with an answer, in words: Python names a key that is missing, and no more, and of a list what lists don't have."""
    if isinstance(error, AttributeError):
        return "a list, a text or a number stands where names with values belong"
    return f"it has no {error}" if isinstance(error, KeyError) else str(error)


def _box(value: Any) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(edge) for edge in value)
    if not all(abs(edge) <= MOST_FAR for edge in (left, top, right, bottom)):  # also refuses NaN, which is no JSON
        raise ValueError(f"{value!r} is no box in a picture or about it")
    return left, top, right, bottom


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):  # which no JSON can say again
        raise ValueError(f"{value!r} is no number of seconds")
    return number


def _hash(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{value!r} is no SHA-256")
    return value


def _unit(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):  # a number that stands in a text may mean anything
        raise TypeError(f"{value!r:.60} is no number")
    if not 0.0 <= value <= 1.0:  # also refuses NaN
        raise ValueError(f"{value!r:.60} is not in [0, 1]")
    return float(value)


@cache
def _default() -> Detector:
    return EmbeddedDetector()


def _asks_for_description(body: bytes) -> bool:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value.get("describe") is True


def _dump(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
