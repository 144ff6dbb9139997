"""Which references bind whom, and from when."""

from __future__ import annotations

from datetime import date

import pytest

from averment.controls.binding import Standing, judge, law_register, told_of_law
from averment.controls.loader import load_catalogue
from averment.controls.model import Reference

CATALOGUE = load_catalogue()
MARKING = Reference("eu-ai-act", "art-50-2", "conditional", "it provides a generator", ("provider", "generates_media"))
ROBUST = Reference("eu-ai-act", "art-15", "voluntary", "binds providers of high-risk systems only", ("high_risk_provider",))
SECURITY = Reference("gdpr", "art-32-1-b", "conditional", "uploads hold personal data")
BREACH = Reference("gdpr", "art-33", "binding")
MAPPED = Reference("nist-ai-rmf", "MAP 2.3", "voluntary")


@pytest.mark.parametrize(
    ("reference", "profile", "day", "standing"),
    [
        (MARKING, {"provider": True, "generates_media": True}, "2026-08-01", Standing.LATER),
        (MARKING, {"provider": True, "generates_media": True}, "2026-08-02", Standing.BINDS),
        (MARKING, {"provider": True, "generates_media": False}, "2026-12-02", Standing.NOT_BOUND),
        (MARKING, {"generates_media": False}, "2026-12-02", Standing.NOT_BOUND),
        (MARKING, {"provider": True}, "2026-12-02", Standing.OPEN),
        (MARKING, {}, "2026-12-02", Standing.OPEN),
        (ROBUST, {}, "2028-01-01", Standing.VOLUNTARY),
        (ROBUST, {"high_risk_provider": False}, "2028-01-01", Standing.VOLUNTARY),
        (ROBUST, {"high_risk_provider": True}, "2027-12-01", Standing.LATER),
        (ROBUST, {"high_risk_provider": True}, "2027-12-02", Standing.BINDS),
        (SECURITY, {}, "2026-12-02", Standing.OPEN),
        (BREACH, {}, "2026-12-02", Standing.BINDS),
        (MAPPED, {"provider": True}, "2026-12-02", Standing.VOLUNTARY),
        (Reference("eu-ai-act", "art-99", "binding"), {}, "2026-12-02", Standing.OPEN),
    ],
)
def test_standing_follows_from_facts_and_dates(reference: Reference, profile: dict[str, bool], day: str, standing: Standing) -> None:
    """A denied fact frees, a missing one leaves it open, all of them bind from the day on which the provision applies."""
    assert judge(CATALOGUE, reference, profile, date.fromisoformat(day)).standing is standing


def test_reason_names_facts_and_the_end_of_a_transition() -> None:
    """Who is bound since August but has until December reads both days."""
    found = judge(CATALOGUE, MARKING, {"provider": True, "generates_media": True}, date(2026, 9, 1))
    assert found.since == date(2026, 8, 2)
    assert found.reason.startswith("since 2026-08-02, as it provides a generative AI system and it generates media; 2026-12-02: generative")


def test_a_quarter_in_which_a_duty_begins_says_so() -> None:
    """Who reads of the last quarter of 2026 that Article 50(2) binds must read that in two thirds of it, it did not."""
    profile = {"provider": True, "generators_before_august_2026": True, "personal_data": False}
    quarter, year = date(2026, 10, 1), date(2026, 12, 31)
    [marking, *_] = told_of_law(CATALOGUE, "SM-PRV-01", profile, year, begins=quarter)
    assert marking.startswith("EU AI Act Art 50(2) binds: since 2026-12-02, as it provides a generative AI system")
    assert marking.endswith("; before 2026-12-02, in the same period, it did not bind")
    assert "in the same period" not in "".join(told_of_law(CATALOGUE, "SM-PRV-01", profile, year, begins=date(2026, 12, 2)))
    unstated = {"provider": True, "personal_data": False}
    [marking, *_] = told_of_law(CATALOGUE, "SM-PRV-01", unstated, year, begins=quarter)
    assert "binds: since 2026-08-02, as it provides a generative AI system" in marking
    assert marking.endswith(
        "; before 2026-12-02, in the same period, it did not bind if each generative system that it provides was on the market before 2 August "
        "2026, which the profile does not say"
    )
    for known in (unstated | {"generators_before_august_2026": False}, {"deployer": True, "generates_media": True}):
        assert "in the same period" not in "".join(told_of_law(CATALOGUE, "SM-PRV-01", known, year, begins=quarter))
    assert "in the same period" not in "".join(told_of_law(CATALOGUE, "SM-PRV-01", unstated, year, begins=date(2026, 12, 2)))
    assert not any("GDPR" in line for line in told_of_law(CATALOGUE, "SM-PRV-01", profile, year)), "what the profile denies doesn't bind"
    both = "GDPR Art 32(1)(d), GDPR Art 5(2) bind: since 2018-05-25, as it processes personal data under the GDPR"
    assert told_of_law(CATALOGUE, "SM-MON-01", {"personal_data": True}, year)[-1] == both, "one reason is told once"
    [seen] = [line for line in told_of_law(CATALOGUE, "SM-PRV-05", {"california_provider": True}, year) if "California" in line]
    assert seen.startswith("California AI Transparency Act § 22757.3(a) (unconfirmed) binds: since 2026-08-02")


def test_missing_fact_is_named() -> None:
    """What the profile leaves out is asked for, not assumed."""
    found = judge(CATALOGUE, MARKING, {"provider": True}, date(2026, 9, 1))
    assert found.reason == "the profile does not say whether it generates media"
    denied = judge(CATALOGUE, MARKING, {"provider": True, "generates_media": False}, date(2026, 9, 1))
    assert denied.reason == "the profile denies that it generates media"


def test_an_unstated_fact_by_which_it_would_bind_today_keeps_it_open() -> None:
    """A provider with time until December may be bound as a deployer today: that it binds later is no answer while nobody says."""
    control = CATALOGUE.get("SM-PRV-05")
    assert control is not None
    form = next(item for item in control.references if item.ref == "art-50-5")
    late = {"provider": True, "generators_before_august_2026": True, "deployer": True}
    found = judge(CATALOGUE, form, late, date(2026, 11, 29))
    assert found.standing is Standing.OPEN
    assert found.reason.startswith("the profile does not say whether it generates media or it recognises emotions")
    assert "; otherwise from 2026-12-02, as it provides a generative AI system" in found.reason
    told = late | {"generates_media": False, "emotion_or_categorisation": False}
    assert judge(CATALOGUE, form, told, date(2026, 11, 29)).standing is Standing.LATER
    assert judge(CATALOGUE, form, late, date(2026, 8, 1)).standing is Standing.LATER
    assert judge(CATALOGUE, form, late, date(2026, 12, 2)).standing is Standing.BINDS
    assert judge(CATALOGUE, form, late, date(2026, 8, 2)).standing is Standing.OPEN, "on the very day on which it may bind a deployer"


def test_of_two_ways_in_which_it_binds_the_sooner_counts() -> None:
    """A provider with time until December is bound since August all the same as the deployer of what it generates."""
    control = CATALOGUE.get("SM-PRV-05")
    assert control is not None
    form = next(item for item in control.references if item.ref == "art-50-5")
    both = {"provider": True, "generators_before_august_2026": True, "deployer": True, "generates_media": True}
    found = judge(CATALOGUE, form, both, date(2026, 11, 29))
    assert (found.standing, found.since) == (Standing.BINDS, date(2026, 8, 2))


def test_a_day_that_nobody_has_confirmed_is_not_told_as_confirmed() -> None:
    """Neither one of a provision that isn't confirmed, nor a milestone that says so of itself."""
    events = law_register(CATALOGUE)
    of = {(event.framework, event.ref): CATALOGUE.frameworks[event.framework].provisions.get(event.ref) for event in events}
    doubtful = [event for event in events if "unconfirmed" in event.what or not getattr(of[event.framework, event.ref], "confirmed", True)]
    assert doubtful
    assert [event for event in events if not event.confirmed] == doubtful
