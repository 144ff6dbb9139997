"""Looking again: what each look may spend, which looks are the same, and that no number of looks makes false verdicts common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from averment.core.errors import BadInputError
from averment.core.words import ClaimVerdict
from averment.detector.claims.interface import ClaimContext, ClaimResult, Look, Looks
from averment.detector.claims.run import check_claim, plan_claim, run_claim
from averment.detector.claims.sequential import level, look_confidence, spent_share
from averment.detector.claims.statistics import binomial_bounds, clean_run_size

NOW = datetime(2026, 10, 1, tzinfo=UTC)
SPEC: dict[str, Any] = {"type": "performance", "metric": "bpcer", "attack": "synthetic-image", "population": "p", "at_most": 0.1}


def look(frame: str, days_ago: int = 0, number: int | None = None) -> Look:
    return Look(NOW - timedelta(days=days_ago), {"frame": frame}, 1, number, f"record-{frame}")


def looks(*earlier: Look) -> Looks:
    return Looks(earlier, NOW)


@given(st.floats(0.5, 0.999), st.integers(1, 300), st.none() | st.integers(1, 300))
def test_all_looks_together_spend_no_more_than_the_claim_allows(confidence: float, count: int, planned: int | None) -> None:
    """The sum over any number of open looks, or over the planned ones."""
    number = min(count, planned or count)
    spent = sum(1 - look_confidence(confidence, index, planned) for index in range(1, number + 1))
    assert spent <= (1 - confidence) + 1e-9


def test_an_open_series_halves_then_tapers() -> None:
    """1/2, 1/6, 1/12 of the error: alpha spending by a k / (k + 1)."""
    spent = [(1 - look_confidence(0.95, number, None)) / 0.05 for number in (1, 2, 3)]
    assert spent == pytest.approx([1 / 2, 1 / 6, 1 / 12])
    assert look_confidence(0.95, 3, 4) == pytest.approx(1 - 0.05 / 4)


def test_new_data_is_a_new_look_and_the_same_data_is_not() -> None:
    """Repeating a deterministic computation gives no second chance, so it costs none either."""
    made = looks(look("a", 60), look("b", 30), look("a", 10))
    fresh, again = level(SPEC, 0.95, made, {"frame": "c"}, seed=1), level(SPEC, 0.95, made, {"frame": "a"}, seed=1)
    assert (fresh.number, fresh.repeats) == (3, None)
    assert (again.number, again.repeats) == (1, "record-a")
    assert level(SPEC, 0.95, made, {"frame": "a"}, seed=2).number == 3, "another seed is another chance"
    assert level(SPEC, 0.95, made, {"frame": "a"}, seed=1, repeatable=False).number == 4, "a measurement of time is never the same"


@pytest.mark.parametrize(
    ("width", "figure", "number"), [(0.0037, 0.0084, 1), (0.0037, 0.0078, 2), (0.2, 0.0078, 1), (None, 0.0078, 1), (0.2, 0.0094, 2)]
)
def test_a_little_off_is_the_same_figure_by_what_the_bounds_leave_open(width: float | None, figure: float, number: int) -> None:
    """Of ten thousand images 0.0083 leaves a bar of 0.01 open, and 0.0078 keeps it: who may ask a service until its noise brings that, at the level of
    the first look, finds three times as many false claims supported."""
    first = replace(look("a", number=1), figure=0.0083, width=width, inputs={"frame": "a", "media": {"sha256": "m"}})
    again = replace(looks(first), media="m", figure=figure)
    assert level(SPEC, 0.95, again, {"frame": "a"}, seed=1).number == number


def test_what_a_record_calls_the_same_look_stays_that() -> None:
    """Before figures were compared it was said of whatever came of the same data. As two looks, each with half of all error, they left nothing to any
    later one."""
    first = replace(look("a", number=1), figure=0.07, width=0.2, share=0.5)
    again = replace(first, figure=0.09, record="again", repeats=first.record)
    later = level(SPEC, 0.95, looks(first, again), {"frame": "b"}, seed=1)
    assert (later.number, later.exhausted) == (2, False)
    assert level(SPEC, 0.95, looks(first, replace(again, repeats=None)), {"frame": "b"}, seed=1).number == 3


def test_looks_lapse_after_the_stretch_that_the_claim_names() -> None:
    """A budget for a year is there again when the looks are older than a year."""
    made = looks(*(replace(look(name, days), within=timedelta(days=365)) for name, days in (("a", 400), ("b", 300), ("c", 20))))
    assert level({**SPEC, "looks": {"within": "365d"}}, 0.95, made, {"frame": "d"}, seed=1).number == 3
    assert level(SPEC, 0.95, made, {"frame": "d"}, seed=1).number == 4


def test_a_stretch_that_was_shortened_afterwards_forgets_nothing() -> None:
    """A look counts over the longer of its own stretch and today's, and one that was made without any counts for good."""
    year = [replace(look(name, days), within=timedelta(days=365)) for name, days in (("a", 400), ("b", 300), ("c", 20))]
    assert level({**SPEC, "looks": {"within": "1d"}}, 0.95, looks(*year), {"frame": "d"}, seed=1).number == 3
    assert level({**SPEC, "looks": {"within": "1d"}}, 0.95, looks(look("a", 400)), {"frame": "d"}, seed=1).number == 2


@pytest.mark.parametrize(
    "plans", [[1, 2, 3, 4, 5], [2, 2, None, None], [None, None, 1], [None, None, None, 12, 4, 2, 3], [4, 1, None, None]]
)
def test_what_was_spent_can_not_be_planned_away(plans: list[int | None]) -> None:
    """Whatever each look says of the plan, all together spend what the claim allows; one with nothing left says so."""
    made: list[Look] = []
    for number, planned in enumerate(plans):
        spec = {**SPEC, "looks": {} if planned is None else {"planned": planned}}
        own = level(spec, 0.95, looks(*made), {"frame": str(number)}, seed=1)
        facts = {"number": own.number, "planned": own.planned, "confidence": own.confidence, "exhausted": own.spent}
        made.append(replace(look(str(number), 99 - number, own.number), share=spent_share(facts, 0.95, None)))
    assert sum(one.share or 0.0 for one in made) <= 1 + 1e-6


def test_the_same_look_again_has_the_level_that_it_had() -> None:
    """A plan of one, written afterwards, doesn't make the first of an open series wider."""
    first = replace(look("a", 9, 1), share=0.5)
    again = level({**SPEC, "looks": {"planned": 1}}, 0.95, looks(first), {"frame": "a"}, seed=1)
    assert (again.number, again.confidence, again.repeats, again.spent) == (1, 0.975, "record-a", False)
    nothing = level(SPEC, 0.95, looks(replace(first, share=0.0)), {"frame": "a"}, seed=1)
    assert (nothing.repeats, nothing.spent) == ("record-a", True), "what had nothing to spend decides nothing the second time either"


def test_a_look_with_nothing_left_decides_nothing(population: Make) -> None:
    """All was spent at one look, and the series is said to be open now."""
    spent = replace(look("a", 9, 1), share=1.0)
    result = run_claim(SPEC, clean(population, 200, looks=looks(spent)))
    assert result.verdict is ClaimVerdict.INCONCLUSIVE
    assert "spent all error that the claim allows" in result.reason
    assert (result.look or {})["exhausted"] is True


def test_a_population_under_another_name_is_known_by_its_place_or_its_frame() -> None:
    """Also where it grew meanwhile: the last look under the old name was at the same place. Elsewhere, with other contents, it is another one."""

    def named(name: str, where: str, frame: str, days: int) -> Look:
        return replace(look(frame, days), inputs={"population": name, "where": where, "frame": frame})

    kin = (named("old", "a.csv", "1", 30), named("old", "b.csv", "2", 20), named("stranger", "c.csv", "3", 10))
    known = Looks((), NOW, kin=kin)
    assert level(SPEC, 0.95, known, {"population": "p", "where": "./b.csv", "frame": "9"}, seed=1).number == 3
    assert level(SPEC, 0.95, known, {"population": "p", "where": "z.csv", "frame": "1"}, seed=1).number == 3
    assert level(SPEC, 0.95, known, {"population": "p", "where": "z.csv", "frame": "9"}, seed=1).number == 1


def test_two_populations_that_moved_are_the_same_data() -> None:
    """Places are no matter at any depth: a drift claim has them below its two populations."""
    then = {"reference": {"population": "r", "where": "a", "frame": "1"}, "present": {"population": "p", "where": "b", "frame": "2"}}
    now = {name: {**facts, "where": f"moved/{facts['where']}"} for name, facts in then.items()}
    assert level(SPEC, 0.95, looks(replace(look("x"), inputs=then)), now, seed=1).repeats == "record-x"


def test_looks_that_no_ledger_knows_can_be_stated() -> None:
    """A stand-alone file says how many were made before."""
    assert level({**SPEC, "looks": {"earlier": 2}}, 0.95, looks(look("a")), {"frame": "b"}, seed=1).number == 4
    half = replace(look("a"), share=0.5)
    for earlier, spent in ((0, False), (1, True)):  # the first look of an open series spends the other half
        assert level({**SPEC, "looks": {"earlier": earlier}}, 0.95, looks(half), {"frame": "b"}, seed=1).spent is spent


def test_where_nobody_counts_there_is_one_look() -> None:
    """The level is the claim's own, and the result mentions no look."""
    assert level(SPEC, 0.95, None, {}).confidence == 0.95


Make = Callable[..., ClaimContext]


def clean(population: Make, count: int, **options: Any) -> ClaimContext:
    return population([{"label": "real", "score": 0.1}] * count, **options)


def interval(result: ClaimResult) -> tuple[float, float]:
    assert result.interval is not None
    return result.interval.low, result.interval.high


def test_a_result_tells_its_look_and_uses_its_level(population: Make) -> None:
    """The second look's bounds are those at 1 - 0.05/6, and everything says so."""
    result = run_claim(SPEC, clean(population, 40, looks=looks(look("a"))))
    bounds = binomial_bounds(0, 40, 1 - 0.05 / 6)
    assert interval(result) == pytest.approx((bounds.low, bounds.high))
    assert result.to_json()["look"] == {"number": 2, "planned": None, "confidence": pytest.approx(1 - 0.05 / 6), "repeats": None}
    assert result.statement.endswith("(95 % confidence); look 2, with bounds at 99.16667 %")
    assert "look" not in result.reason
    first = run_claim(SPEC, clean(population, 40, looks=looks()))
    assert "look" not in first.statement
    assert "look 1, with bounds at 97.5 %" in first.reason
    assert "look" not in run_claim(SPEC, clean(population, 40)).to_json()


def test_more_looks_than_planned_decide_nothing(population: Make) -> None:
    """Two were planned and made: the third is inconclusive, however clear its figure."""
    spec = {**SPEC, "looks": {"planned": 2}}
    second = run_claim(spec, clean(population, 100, looks=looks(look("a"))))
    third = run_claim(spec, clean(population, 100, looks=looks(look("a"), look("b"))))
    assert (second.verdict, third.verdict) == (ClaimVerdict.SUPPORTED, ClaimVerdict.INCONCLUSIVE)
    assert "2 planned looks were made already" in third.reason
    assert second.statement.endswith("; look 2 of 2, with bounds at 97.5 %")
    assert third.statement.endswith("; look 3, beyond the 2 planned")
    assert run_claim(spec, clean(population, 100, looks=looks())).statement.endswith("; look 1 of 2, with bounds at 97.5 %")


def test_the_plan_is_for_the_next_look() -> None:
    """As many clean trials as the level of a look at new data asks for."""
    plans = [plan_claim(SPEC, made) for made in (None, looks(), looks(look("a"), look("b")))]
    assert [plan.least for plan in plans] == [clean_run_size(0.9, c) for c in (0.95, 0.975, 1 - 0.05 / 12)]
    assert "look 3" in plans[2].statement


def test_a_plan_with_no_look_left_promises_nothing() -> None:
    """No number of samples decides a look beyond those that were planned; the stretch in which they count is named."""
    plan = plan_claim({**SPEC, "looks": {"planned": 2, "within": "30d"}}, looks(look("a"), look("b")))
    assert (plan.least, plan.needs) == (None, ())
    assert plan.lacks == ("the 2 planned looks in 30 days were made already, and another decides nothing",)
    assert plan.statement.endswith("; look 3, beyond the 2 planned")
    left = plan_claim({**SPEC, "looks": {"planned": 2, "within": "30d"}}, looks(look("a")))
    assert left.lacks == ()
    assert left.statement.endswith("; look 2 of 2 in 30 days, with bounds at 97.5 %")


@pytest.mark.parametrize(
    "value",
    [
        3,
        {"planned": 0},
        {"planned": True},
        {"within": 30},
        {"within": "soon"},
        {"within": "0d"},
        {"within": "1s"},
        {"earlier": -1},
        {"often": "yes"},
    ],
)
def test_looks_that_mean_nothing_are_refused(value: Any) -> None:
    """With what to write instead."""
    with pytest.raises(BadInputError) as caught:
        check_claim({**SPEC, "looks": value})
    assert caught.value.fix


@pytest.mark.parametrize("planned", [None, 20])
def test_a_true_claim_looked_at_twenty_times_is_refuted_at_most_one_time_in_twenty(planned: int | None) -> None:
    """By simulation at the worst truth, the bar itself, with data that grow by 25 each look. At one fixed level every fifth
    true claim would be refuted by some look."""
    rng = np.random.default_rng(21)
    rate, step, count, runs = 0.1, 25, 20, 1500
    counts = np.cumsum(rng.binomial(step, rate, size=(runs, count)), axis=1)
    wrong = naive = 0
    limits = {}
    for index in range(count):
        size = step * (index + 1)
        for name, confidence in (("spent", look_confidence(0.95, index + 1, planned)), ("fixed", 0.95)):
            low = [binomial_bounds(errors, size, confidence).low for errors in range(size + 1)]
            limits[name, index] = next((errors for errors in range(size + 1) if low[errors] > rate), size + 1)
    for row in counts.tolist():
        wrong += any(errors >= limits["spent", index] for index, errors in enumerate(row))
        naive += any(errors >= limits["fixed", index] for index, errors in enumerate(row))
    assert wrong / runs <= 0.05
    assert naive / runs > 0.12, "the simulation is too tame to show anything"
