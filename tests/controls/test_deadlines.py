"""The days to come in the law: what concerns an organisation, with the days that are left."""

from __future__ import annotations

from datetime import date

from averment.controls.deadlines import deadlines
from averment.controls.loader import load_catalogue
from averment.controls.model import Catalogue

CATALOGUE = load_catalogue()
DAY = date(2026, 11, 28)


def events(profile: dict[str, bool], day: date = DAY) -> dict[tuple[date, str], tuple[str, ...]]:
    return {(item.event.on, item.event.ref): item.controls for item in deadlines(CATALOGUE, profile, day)}


def test_the_end_of_the_transition_is_counted_down_for_a_provider() -> None:
    """Art 50(2) for systems that were on the market: 2 December 2026, four days away, with the controls that it concerns."""
    found = deadlines(CATALOGUE, {"provider": True, "generators_before_august_2026": True}, DAY)
    item = next(item for item in found if item.event.ref == "art-50-2")
    assert (item.event.on, item.days) == (date(2026, 12, 2), 4)
    assert item.controls
    assert all(control.startswith("SM-") for control in item.controls)


def test_the_soonest_comes_first_and_the_past_is_gone() -> None:
    """In order of days; the day itself is told, on which a duty begins, and the day after it is over."""
    found = deadlines(CATALOGUE, {}, DAY)
    assert [item.event.on for item in found] == sorted(item.event.on for item in found)
    assert all(item.days > 0 for item in found)
    assert {item.days for item in deadlines(CATALOGUE, {}, date(2026, 12, 2)) if item.event.ref == "art-50-2"} >= {0}
    assert (date(2026, 12, 2), "art-50-2") not in events({}, date(2026, 12, 3))


def test_what_the_profile_denies_is_not_announced() -> None:
    """A provision that binds providers alone is no deadline for an organisation that says it is none; silence leaves it in."""
    key = (date(2026, 12, 2), "art-50-2")
    assert key in events({})
    assert key not in events({"provider": True, "generators_before_august_2026": False})  # bound since August, and nothing ends for it
    denied = dict.fromkeys(("provider", "deployer", "generates_media", "high_risk_provider", "high_risk_deployer"), False)
    assert key not in events(denied)


def test_what_no_selected_control_refers_to_is_announced_all_the_same() -> None:
    """Who selects few controls is bound by the law as everybody is: the day stays, and says that nothing covers it."""
    bare = Catalogue((), CATALOGUE.frameworks)
    days = {item.event.on: item.controls for item in deadlines(bare, {}, DAY) if item.event.ref == "art-50-2"}
    assert days[date(2026, 12, 2)] == ()
    assert set(events({})) <= {(item.event.on, item.event.ref) for item in deadlines(bare, {}, DAY)}
