"""What plots and worst examples show, as JSON in a result's ``details``: computed from all scores of a run, a few kilobytes whatever their number.

Drawing is left to reports (``evidence.plots``). A plot says what it leaves out: images of which the detector can't say have no place on a curve, and
are counted in ``without_score``; images whose manifest says nothing in a column have no bar of it, and are counted in ``without_value``; columns that
aren't drawn stand in a plot of the kind ``left-out``, each with the number of its values. The figures that are put into words (``read``, ``equal``)
are those of the whole curve, however few of its points are kept for drawing.
"""

from __future__ import annotations

import base64
import io
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from averment.core.canonical import JSON
from averment.detector.claims import statistics
from averment.detector.claims.observing import ATTACK_LABELS, BONA_FIDE_LABEL
from averment.detector.claims.trace import Medium, Trace
from averment.detector.decoding import decode
from averment.detector.imaging import UnreadableError
from averment.detector.interface import Family
from averment.detector.training.data import ALLOWED_LICENCES, GROUNDS, KINDS

FAMILY_OF = {label: family for family, label in ATTACK_LABELS.items()}
"""The attack family that a manifest's label stands for; ``real`` is the other class of each."""

REAL = BONA_FIDE_LABEL
MAX_POINTS = 200
READ_AT = (0.01, 0.05, 0.1)
"""The false positive rates at which a curve is put into words."""

BINS = 20
RELIABILITY_BINS = 10
MOST_VALUES = 12
"""A column with more values than this isn't a subgroup but a name. With both classes that is as many bars as are drawn (``charts.MAX_BARS``)."""

MOST_LEFT_OUT = 50
"""Columns named as left out; of more the number is kept, so that a record stays small."""

MAX_WORST = 6
THUMBNAIL = 96

_WITHOUT_PEOPLE = frozenset(KINDS) - {"face"}

_NO_SUBGROUP = frozenset({"file", "sha256", "label", "group", "attribution", "licence", "consent", "processing", "source_file", "split"})


@dataclass(frozen=True)
class Scored:
    """One image with its truth and its probability (None: the detector can't say)."""

    medium: Medium
    attack: bool
    probability: float | None

    def wrong(self, threshold: float) -> bool:
        """Whether the detector errs at ``threshold``; not being able to say is an error, as in the claims."""
        return self.probability is None or (self.probability >= threshold) is not self.attack


def scored(trace: Trace, family: Family) -> list[Scored]:
    """The run's images that are bona fide or attacks of ``family``, as far as the detector was asked, in order of name."""
    found = []
    for medium in trace.ordered():
        label = medium.labels.get("label", "")
        score = trace.score_of(medium)
        if score is not None and (label == REAL or FAMILY_OF.get(label) is family):
            found.append(Scored(medium, label != REAL, None if score.cannot_say is not None else score.probabilities.get(family)))
    return found


def plots(images: Sequence[Scored], threshold: float) -> list[JSON]:
    """The plots that ``images`` allow: curves need both classes, subgroups a column of few values."""
    answered = [image for image in images if image.probability is not None]
    silent = len(images) - len(answered)
    made: list[JSON] = []
    if any(image.attack for image in answered) and not all(image.attack for image in answered):
        made += _curves(answered, silent)
        made.append({"kind": "reliability", "bins": _reliability(answered), "without_score": silent})
    if answered:
        made.append({"kind": "histogram", "counts": _histogram(answered), "threshold": threshold, "without_score": silent})
    return made + _subgroups(images, threshold)


def _curves(answered: Sequence[Scored], silent: int) -> list[JSON]:
    """ROC and DET. ``read`` holds their heights at ``READ_AT``, ``equal`` the error where both are nearest to the same: by every threshold."""
    points = _points(answered)
    drawn = _thinned(_corners(points))
    read = [[rate, max(tpr for fpr, tpr in points if fpr <= rate)] for rate in READ_AT]
    equal = min((abs(fpr - (1 - tpr)), max(fpr, 1 - tpr)) for fpr, tpr in points)[1]
    det: dict[str, JSON] = {
        "points": [[fpr, 1 - tpr] for fpr, tpr in drawn],
        "read": [[rate, 1 - tpr] for rate, tpr in read],
        "equal": equal,
    }
    return [
        {"kind": "roc", "points": list(drawn), "read": list(read), "without_score": silent},
        {"kind": "det", **det, "without_score": silent},
    ]


def _points(answered: Sequence[Scored]) -> list[list[float]]:
    """False against true positive rates at every threshold, from nothing to everything."""
    counts: dict[float, list[int]] = {}
    for image in answered:
        counts.setdefault(float(image.probability or 0.0), [0, 0])[image.attack] += 1
    real, attacks = (sum(count[kind] for count in counts.values()) for kind in (0, 1))
    points, alarms, caught = [[0.0, 0.0]], 0, 0
    for probability in sorted(counts, reverse=True):
        alarms += counts[probability][0]
        caught += counts[probability][1]
        points.append([alarms / real, caught / attacks])
    return points


def _corners(points: Sequence[list[float]]) -> list[list[float]]:
    """``points`` without those on a straight line between their neighbours."""
    return [
        point
        for index, point in enumerate(points)
        if index in {0, len(points) - 1} or not _straight(points[index - 1], point, points[index + 1])
    ]


def _thinned(corners: list[list[float]]) -> list[list[float]]:
    """At most ``MAX_POINTS`` of ``corners``: its ends, those at the rates that are read, so that the picture shows the figures, and others evenly."""
    if len(corners) <= MAX_POINTS:
        return corners
    kept = {bisect_right(corners, rate, key=itemgetter(0)) - 1 for rate in READ_AT}
    even = MAX_POINTS - len(kept)
    kept |= {round(index * (len(corners) - 1) / (even - 1)) for index in range(even)}
    return [corners[index] for index in sorted(kept)]


def _straight(before: Sequence[float], here: Sequence[float], after: Sequence[float]) -> bool:
    return (before[0] == here[0] == after[0]) or (before[1] == here[1] == after[1])


def _reliability(answered: Sequence[Scored]) -> list[JSON]:
    """For each tenth of the scale with images in it: their mean probability, the share of attacks among them, their number."""
    bins: dict[int, list[Scored]] = {}
    for image in answered:
        bins.setdefault(min(int((image.probability or 0.0) * RELIABILITY_BINS), RELIABILITY_BINS - 1), []).append(image)
    return [
        {
            "mean": sum(image.probability or 0.0 for image in members) / len(members),
            "share": sum(image.attack for image in members) / len(members),
            "images": len(members),
        }
        for _, members in sorted(bins.items())
    ]


def _histogram(answered: Sequence[Scored]) -> dict[str, JSON]:
    """Images by class in ``BINS`` equal parts of the scale."""
    counts: dict[str, list[int]] = {}
    for image in answered:
        row = counts.setdefault("attacks" if image.attack else "bona fide", [0] * BINS)
        row[min(int((image.probability or 0.0) * BINS), BINS - 1)] += 1
    return dict(sorted(counts.items()))


def _subgroups(images: Sequence[Scored], threshold: float) -> list[JSON]:
    """Error rates by each value of each column with few values, attacks and bona fide apart, with 95 % intervals over the groups; then the columns
    that are left out."""
    made: list[JSON] = []
    left_out: list[JSON] = []
    for column in sorted({key for image in images for key in image.medium.labels} - _NO_SUBGROUP):
        cells: dict[tuple[str, bool], list[Scored]] = {}
        for image in images:
            value = image.medium.labels.get(column, "")
            if value:
                cells.setdefault((value, image.attack), []).append(image)
        values = len({value for value, _ in cells})
        if 1 < values <= MOST_VALUES:
            bars = [_bar(value, attack, members, threshold) for (value, attack), members in sorted(cells.items())]
            without = len(images) - sum(len(members) for members in cells.values())
            made.append({"kind": "errors", "column": column, "bars": list(bars), "without_value": without})
        else:
            left_out.append({"column": column, "values": values})
    if left_out:
        more = max(0, len(left_out) - MOST_LEFT_OUT)
        made.append({"kind": "left-out", "columns": left_out[:MOST_LEFT_OUT], "more": more, "most_values": MOST_VALUES})
    return made


def _bar(value: str, attack: bool, members: Sequence[Scored], threshold: float) -> dict[str, JSON]:
    units = [image.medium.labels.get("group") or image.medium.name for image in members]
    sizes = Counter(units)
    errors = Counter(unit for unit, image in zip(units, members, strict=True) if image.wrong(threshold))
    bounds = statistics.clustered_bounds([errors[unit] for unit in sizes], list(sizes.values()), 0.975)
    return {
        "value": value,
        "class": "attacks" if attack else "bona fide",
        "rate": sum(errors.values()) / len(members),
        "low": bounds.low,
        "high": bounds.high,
        "images": len(members),
        "units": len(sizes),
    }


def worst_errors(trace: Trace, images: Sequence[Scored], threshold: float) -> dict[str, JSON]:
    """The images on which the detector is most wrong, with a small picture of each that may be shown.

    ``errors`` have a score on the wrong side of the threshold. ``without_score`` counts the images that the detector can't say anything of, which are
    errors too, as in the claims, and have no place in the order. Shown are only rows with a licence that allows it and, of what may be real people, a ground to
    show them; ``not_shown`` counts the others among ``errors``. The picture is the very file that was scored, made small.
    """
    wrong = [image for image in images if image.probability is not None and image.wrong(threshold)]
    silent = sum(image.probability is None for image in images)
    ranked = sorted(wrong, key=lambda image: (-abs((image.probability or 0.0) - threshold), image.medium.name))
    allowed = [image for image in ranked if may_be_shown(image.medium.labels)]
    shown = [_example(trace, image) for image in allowed[:MAX_WORST]]
    hidden = len(ranked) - len(allowed)
    return {"errors": len(wrong), "without_score": silent, "not_shown": hidden, "threshold": threshold, "examples": list(shown)}


def may_be_shown(labels: Mapping[str, str]) -> bool:
    """Whether the manifest lets an image stand in a report: by its licence, and for what may be a real person's picture by a stated ground.

    That is every picture which isn't wholly synthetic, a manipulated face is somebody's, nor of a ``kind`` that is known to show nobody: "portrait",
    "Face" and a blank may all mean a person.
    """
    if labels.get("licence") not in ALLOWED_LICENCES:
        return False
    person = labels.get("label") != ATTACK_LABELS[Family.SYNTHETIC_IMAGE] and labels.get("kind") not in _WITHOUT_PEOPLE
    return not person or labels.get("consent") in GROUNDS


def _example(trace: Trace, image: Scored) -> dict[str, JSON]:
    medium, labels = image.medium, image.medium.labels
    example: dict[str, JSON] = {
        "name": medium.name,
        "class": "attack" if image.attack else "bona fide",
        "probability": image.probability,
        "licence": labels["licence"],
        "attribution": labels.get("attribution", ""),
    }
    picture = thumbnail(trace.read_again(medium))
    return {**example, "picture": base64.b64encode(picture).decode()} if picture is not None else example


def thumbnail(data: bytes | None) -> bytes | None:
    """A JPEG of at most ``THUMBNAIL`` pixels a side, without metadata; None of what can't be decoded safely."""
    if data is None:
        return None
    try:
        small = decode(data, least=1)
    except UnreadableError:
        return None
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    output = io.BytesIO()
    small.save(output, "JPEG", quality=75)
    return output.getvalue()


def plot_details(trace: Trace, spec: Mapping[str, Any], threshold: float) -> dict[str, JSON]:
    """For a result's ``details``: ``plots`` and ``worst_errors`` of a claim on a family of attacks; nothing for other claims."""
    family = spec.get("attack")
    if family not in set(Family):
        return {}
    images = scored(trace, Family(family))
    if not images:
        return {}
    return {"plots": plots(images, threshold), "worst_errors": worst_errors(trace, images, threshold)}
