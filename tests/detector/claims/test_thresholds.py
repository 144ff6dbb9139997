"""Thresholds for material of one's own: the promise holds by simulation, whoever draws, and nothing that could not be judged counts as good."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from averment.core.errors import BadInputError
from averment.detector import embedded
from averment.detector.claims.frame import Item, Population, RefusedError
from averment.detector.claims.thresholds import Chosen, choose, most_flagged
from averment.detector.embedded import EmbeddedDetector
from averment.detector.interface import Detector, DetectorInfo, FaceScore, Family, Score
from averment.detector.remote import HttpDetector

SYNTHETIC, FACE = Family.SYNTHETIC_IMAGE, Family.MANIPULATED_FACE


class Held(Population):
    """Media that lie in memory: each one's bytes are its name's number and its score."""

    def __init__(self, rows: Iterable[Mapping[str, Any]], *, labelled: bool = True) -> None:
        table = list(rows)
        labels = [{key: str(value) for key, value in row.items() if key != "score"} if labelled else {} for row in table]
        super().__init__("p", "here", [Item(f"{number:05}", str(number), label) for number, label in enumerate(labels)])
        self.bytes = [None if row["score"] == "gone" else f"{number}:{row['score']}".encode() for number, row in enumerate(table)]

    def _read(self, item: Item) -> bytes:
        data = self.bytes[int(item.identity)]
        if data is None:
            raise RefusedError("gone")
        return data

    def _with(self, items: Sequence[Item]) -> Population:
        raise NotImplementedError


class Written(Detector):
    """Says what is written in the bytes, of two families: ``0.2/0.9``. ``?`` it can't judge."""

    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold = threshold

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("written", "1", None, (SYNTHETIC, FACE), self.threshold)

    def at_threshold(self, threshold: float) -> Written:
        return Written(threshold)

    def score(self, images: Sequence[bytes]) -> list[Score]:
        assert self.threshold == 0.0, "whatever a detector leaves unjudged below its threshold would be missing"
        return [self._said(image.split(b":")[1].decode()) for image in images]

    @staticmethod
    def _said(text: str) -> Score:
        if text == "?":
            return Score(cannot_say="no face")
        synthetic, _, face = text.partition("/")
        return Score({SYNTHETIC: float(synthetic), FACE: float(face or 0)})


def real(*scores: Any, **labels: Any) -> list[dict[str, Any]]:
    """Genuine media with these scores."""
    return [{"score": score, "label": "real", **labels} for score in scores]


def chosen(rows: Iterable[Mapping[str, Any]], at_most: float = 0.1, **options: Any) -> Chosen:
    """What is chosen from ``rows``."""
    return choose(Held(rows), Written(), at_most=at_most, **options)


@given(st.integers(1, 400), st.floats(0.005, 0.5), st.floats(0.6, 0.995))
def test_as_many_may_be_flagged_as_the_binomial_allows_and_not_one_more(units: int, at_most: float, confidence: float) -> None:
    """Exact, by its definition."""
    allowed = most_flagged(units, at_most, confidence)
    if allowed is None:
        assert binom.cdf(0, units, at_most) > 1 - confidence
    else:
        assert binom.cdf(allowed, units, at_most) <= 1 - confidence < binom.cdf(allowed + 1, units, at_most)


def test_known_sizes() -> None:
    """Wilks' numbers for 95 % of a population at 95 % confidence: 59 for the highest, 93 for the second, 124 for the third."""
    assert [most_flagged(units, 0.05, 0.95) for units in (58, 59, 92, 93, 123, 124)] == [None, 0, 0, 1, 1, 2]


def test_the_promise_holds_though_the_threshold_was_chosen_from_the_same_scores() -> None:
    """Of 1,000 samples of 60 people whose scores are uniform, the threshold flags more than a tenth of all people after at most 5 % of them (and
    chance); not the half of that either, or it would be higher than need be."""
    rng = random.Random(20261129)
    broken = 0
    for _ in range(1_000):
        found = chosen(real(*(rng.random() for _ in range(60))))
        assert found.threshold is not None
        broken += 1 - found.threshold > 0.1
    assert 10 <= broken <= 50 + 3 * 7


def test_the_same_picture_under_two_labels_is_refused() -> None:
    """As claims refuse it: a fake that lies among the genuine media as well raised the threshold above itself, and counted as missed at the most."""
    rows = Held([*real(*[0.1] * 60), *real(0.9), *({"score": 0.9, "label": label} for label in ("synthetic", "manipulated", "synthetic"))])
    rows.bytes[62] = rows.bytes[63]  # a picture may be an attack in two ways
    assert choose(rows, Written(), at_most=0.1).threshold == 0.1001
    rows.bytes[60] = rows.bytes[61]
    with pytest.raises(BadInputError, match="labels 00060 real, and 00061, which has the same bytes, synthetic"):
        choose(rows, Written(), at_most=0.1)


def test_the_threshold_lies_just_above_what_may_not_be_flagged() -> None:
    """Of 60 units one may be flagged at a tenth; rounding goes up, and the second highest stays below."""
    found = chosen(real(*[0.1] * 58, 0.73456, 0.9))
    assert (found.units, found.allowed) == (60, 1)
    assert found.threshold == 0.7346
    assert found.flagged_units(0.7346) == 1


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.9999, 0.99995, 1.0]), min_size=30, max_size=70))
def test_no_more_than_allowed_reach_it_whatever_ties_there_are(scores: list[float]) -> None:
    """Where too many have a probability of one there is no threshold, and that is said."""
    found = chosen(real(*scores))
    if found.threshold is None:
        assert sum(score == 1.0 for score in scores) > found.allowed
        assert "a probability of 1" in found.reason
    else:
        assert 0 < found.threshold <= 1
        assert found.flagged_units(found.threshold) <= found.allowed


def test_too_few_units_are_no_threshold() -> None:
    """With the number that is needed; a hundred pictures of one person are one unit."""
    found = chosen(real(*[0.1] * 100, group="ada"))
    assert (found.threshold, found.units, found.needed) == (None, 1, 29)
    assert "1 independent genuine unit that could be judged is too few" in found.reason


def test_a_unit_counts_by_its_loudest_medium_in_any_family() -> None:
    """One picture of a person that is flagged is a person who is stopped."""
    rows = [row for person in range(40) for row in real(0.1, 0.2, f"0.1/0.{person + 10}", group=person)]
    found = chosen(rows, at_most=0.1)
    assert (found.units, len(found.genuine.highest)) == (40, 120)
    assert sorted(found.by_unit.values())[-1] == 0.49
    assert found.threshold == pytest.approx(0.4901)


def test_the_same_bytes_under_many_names_are_one_unit() -> None:
    """Copies would make any number of units."""
    population = Held(real(*[0.1] * 40))
    population.bytes = [b"0:0.1"] * 40
    assert choose(population, Written(), at_most=0.1).units == 1


def test_copies_are_one_unit_though_what_lists_them_can_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """In S3 the ETags of copies differ where KMS encrypts them or they came in parts. Groups that share a picture, at one remove or two, are one."""
    population = Held([row for number in range(45) for row in real(0.1, group=number // 3)])
    monkeypatch.setattr(population, "content", lambda item: item.name)
    assert choose(population, Written(), at_most=0.2).units == 15
    population.bytes[3] = population.bytes[0]
    population.bytes[6] = population.bytes[4]
    population.bytes[14] = population.bytes[8] = b"99:0.7"
    population.bytes[44] = b"98:?"
    found = choose(population, Written(), at_most=0.2)
    assert sorted(found.by_unit.values()) == [*[0.1] * 11, 0.7]
    population.bytes = [b"0:0.1"] * 45
    assert choose(population, Written(), at_most=0.2).units == 1


def test_what_can_not_be_judged_is_counted_and_is_no_unit() -> None:
    """Forty of which nothing is known would be forty that nobody flags."""
    found = chosen(real(*["?"] * 40, "gone"))
    assert (found.units, found.threshold) == (0, None)
    assert found.genuine.unjudged == {"no face": 40, "could not be read: gone": 1}


def test_attacks_show_what_is_missed_and_decide_nothing() -> None:
    """By label and generator; those that nothing is said of stand apart."""
    attacks = [
        {"score": score, "label": "manipulated", "generator": name}
        for name, score in (("swap", 0.9), ("swap", 0.2), ("swap", "?"), ("", 0.1))
    ]
    with_attacks, without = chosen([*real(*[0.3] * 40), *attacks]), chosen(real(*[0.3] * 40))
    assert with_attacks.threshold == without.threshold == pytest.approx(0.3001)
    told = with_attacks.to_json()["attacks"]
    assert told == [
        {"label": "manipulated", "generator": "swap", "media": 2, "missed": 1, "unjudged": {"no face": 1}},
        {"label": "manipulated", "generator": "unnamed", "media": 1, "missed": 1, "unjudged": {}},
    ]


def test_a_population_without_labels_is_taken_for_genuine_and_that_is_said() -> None:
    """A folder of one's own pictures."""
    found = choose(Held(real(*[0.3] * 40), labelled=False), Written(), at_most=0.1)
    assert (found.assumed, found.units) == (True, 40)
    assert not chosen(real(*[0.3] * 40)).assumed


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([{"score": 0.1, "label": "synthetic"}], {}, "has no genuine media"),
        ([{"score": 0.1, "label": "authentic"}], {}, "neither as real nor as an attack"),
        (real(0.1), {"clusters": "person"}, "no column 'person'"),
    ],
)
def test_what_no_threshold_can_be_chosen_from_is_bad_input(rows: list[dict[str, Any]], options: dict[str, Any], message: str) -> None:
    """Before anything is scored."""
    with pytest.raises(BadInputError, match=message):
        chosen(rows, **options)


def test_a_service_sets_its_own_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it left unjudged below its own would look clean below a higher one here."""
    service = HttpDetector("http://127.0.0.1:9/invocations")
    monkeypatch.setitem(service.__dict__, "info", Written().info)
    with pytest.raises(BadInputError, match="is set where it is served"):
        choose(Held(real(0.1)), service, at_most=0.1)


def test_at_zero_the_embedded_detector_leaves_nothing_unsaid() -> None:
    """The same model: a face that it would keep silent about below its threshold has its probability at 0."""
    detector = EmbeddedDetector()
    eager = detector.at_threshold(0.0)
    assert (eager.info.threshold, eager.info.sha256, eager.info.name) == (0.0, detector.info.sha256, detector.info.name)
    seen = embedded._Views(((0.0, 0.0, 50.0, 50.0),), ("view",), (100, 100), "1 of 2 faces were not judged")
    quiet, loud = (embedded._judge(seen, [(0.4, 0.2)], which.info.threshold) for which in (detector, eager))
    assert FACE in quiet.silent
    assert loud == Score({FACE: 0.4, SYNTHETIC: 0.2}, faces=(FaceScore((0.0, 0.0, 50.0, 50.0), 0.4),))
