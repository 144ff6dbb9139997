"""Second opinions on preserved media: of a person, and of another detector. Both speak of the copy, whose digest is in the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from enum import StrEnum
from typing import Any

from averment.core.canonical import JSON
from averment.core.errors import AvermentError, BadInputError, IncompleteError, MissingExtraError
from averment.detector.imaging import MAX_BYTES, UnreadableError
from averment.detector.interface import Detector, Score
from averment.detector.sniffing import video_type
from averment.detector.video.lending import bytes_on_disk, sha256_of
from averment.detector.video.scoring import score_clip
from averment.evidence.record import Population, Record
from averment.governance.incidents.filing import Act, file_step
from averment.governance.incidents.keeping import Keep
from averment.governance.incidents.state import Incident
from averment.governance.incidents.steps import require_open
from averment.governance.incidents.words import Step, statement, visible


class Opinion(StrEnum):
    """What a person says of a medium. ``CANNOT_SAY`` is an answer."""

    SYNTHETIC = "synthetic"
    MANIPULATED = "manipulated"
    GENUINE = "genuine"
    CANNOT_SAY = "cannot-say"


def opinion(incident: Incident, act: Act, said: Opinion, items: Sequence[str], *, because: str) -> Record:
    """The record of what the role ``act.by`` says of ``items`` (numbers; none: all of them), and on what that rests.

    Raises:
        BadInputError: closed, no such item, or no reason.
    """
    require_open(incident, act)
    chosen = _chosen(incident, items)
    payload: dict[str, JSON] = {
        "kind": "opinion",
        "opinion": str(said),
        "items": [{"item": number, "sha256": incident.items[number]["sha256"]} for number in chosen],
        "because": statement(because, "the reason", least=10),
    }
    return file_step(incident.id, Step.ANALYSE, act, payload)


def detector_opinion(incident: Incident, act: Act, detector: Detector, items: Sequence[str] = ()) -> Record:
    """The record of what ``detector`` says of the copies of ``items``, images and videos: scores beside its threshold, or why it can't say.
    It is partial where it can't.

    Raises:
        BadInputError: closed, or no such item.
        IncompleteError: the detector is out of reach.
    """
    require_open(incident, act)
    chosen = _chosen(incident, items)
    rows: list[dict[str, JSON]] = []
    for number in chosen:
        item = incident.items[number]
        score = _score(item, detector)
        rows.append({"item": number, "sha256": item["sha256"], **_said(score, detector.info.threshold)})
    info = detector.info
    silent = [row for row in rows if row["cannot_say"] or (row["silent"] and not row["flagged"])]
    flagged = sum(1 for row in rows if row["flagged"])
    payload: dict[str, JSON] = {
        "kind": "detector",
        "detector": info.facts(),
        "items": rows,
        "because": f"{info.name} {info.version} flags {flagged} of {len(rows)} at {info.threshold:g}; of {len(silent)} it can't say anything",
    }
    problems = tuple(f"item {row['item']}: {row['cannot_say'] or _families(row['silent'])}" for row in silent)
    population = Population("media", len(rows), len(rows) - len(silent), bool(silent))
    return file_step(incident.id, Step.ANALYSE, act, payload, population=population, problems=problems)


def _chosen(incident: Incident, items: Sequence[str]) -> list[str]:
    if not incident.items:
        raise BadInputError(f"{incident.id} has no preserved media to speak of", fix=f"averment incident preserve {incident.id} PLACE ...")
    if strange := [number for number in items if number not in incident.items]:
        raise BadInputError(f"there is no item {visible(strange[0])}", fix=f"choose from: {', '.join(incident.items)}")
    return list(items) or list(incident.items)


def _score(item: Mapping[str, Any], detector: Detector) -> Score:
    """What ``detector`` says of the copy, if that is what was taken; a video is scored by its frames.

    Raises:
        IncompleteError: the copy was changed, or the detector is out of reach.
    """
    with ExitStack() as stack:
        try:
            path = stack.enter_context(bytes_on_disk(Keep.read(str(item["stored"]))))
        except (AvermentError, UnreadableError) as error:
            return Score(cannot_say=error.message if isinstance(error, AvermentError) else str(error))
        if sha256_of(path) != item["sha256"]:
            raise IncompleteError(
                f"the copy of item {item['number']} was changed: its SHA-256 isn't the one in the ledger", fix="use another copy"
            )
        with path.open("rb") as file:
            video = video_type(file.read(1024))
        if video is None:
            size = path.stat().st_size
            return detector.score([path.read_bytes()])[0] if size <= MAX_BYTES else Score(cannot_say=f"larger than {MAX_BYTES:,} bytes")
        try:
            return score_clip(path, detector)
        except MissingExtraError as error:
            return Score(cannot_say=f"{video}: {error.message}" + (f" ({error.fix})" if error.fix else ""))


def _families(silent: Any) -> str:
    return "; ".join(f"{family}: {reason}" for family, reason in silent.items())


def _said(score: Score, threshold: float) -> dict[str, JSON]:
    highest, clip = score.highest, score.clip
    said: dict[str, JSON] = {
        "probabilities": {str(family): value for family, value in score.probabilities.items()},
        "flagged": highest is not None and highest >= threshold,
        "cannot_say": visible(score.cannot_say) if score.cannot_say else None,
        "silent": {str(family): visible(reason) for family, reason in score.silent.items()},
    }
    if clip is not None:
        loudest = clip.worst.seconds if clip.worst else None
        said["clip"] = {"seconds": clip.seconds, "sampled": clip.sampled, "judged": clip.judged, "loudest_at": loudest}
    return said
