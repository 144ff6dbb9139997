"""Which references to the AI Act bind whom on which day: a table made by hand from the law, not from the program.

From the law as read on 2026-11-22 (Regulation (EU) 2024/1689 with Regulation (EU) 2026/1744 applied): Article 4 has applied since
2 February 2025 to whoever provides or uses an AI system, a detector included. Article 50 applies since 2 August 2026; paragraph 2
to providers of generative systems, and to those whose systems were on the market before that day from 2 December 2026 (Article
111(4)); paragraph 4 to deployers of what generated the media, and not to those who only host what others generated; paragraph 5
to each of these. The bans of Article 5(1)(ba) and (bb) start on 2 December 2026 and concern whoever offers or uses a generator.
Chapter III, sections 1 to 3, starts on 2 December 2027, and concerns high-risk systems only; so do Articles 72 and 73.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from averment.cli.main import run
from averment.controls.binding import Standing, judge, law_register
from averment.controls.loader import load_catalogue

CATALOGUE = load_catalogue()

NO = dict.fromkeys(
    [
        "provider",
        "deployer",
        "generates_media",
        "generators_before_august_2026",
        "high_risk_provider",
        "high_risk_deployer",
        "emotion_or_categorisation",
        "processes_biometrics",
        "personal_data",
        "very_large_platform",
        "online_platform",
        "nis2_entity",
        "california_provider",
        "california_platform",
    ],
    False,
)
PROFILES = {
    "hosts, and runs a detector": NO | {"deployer": True},
    "generates and publishes": NO | {"deployer": True, "generates_media": True},
    "provides a generator of before August 2026": NO | {"provider": True, "generators_before_august_2026": True},
    "provides a generator of September 2026": NO | {"provider": True},
    "provides and publishes, generator of before August 2026": NO
    | {"provider": True, "deployer": True, "generates_media": True, "generators_before_august_2026": True},
    "provides a high-risk system": NO | {"high_risk_provider": True},
    "uses a high-risk system": NO | {"high_risk_deployer": True},
    "recognises emotions": NO | {"deployer": True, "emotion_or_categorisation": True},
    "uses no AI": NO,
}
LITERACY = "art-4"
HIGH_RISK = "art-6-2 art-9 art-10 art-11 art-12 art-14 art-15 art-17 art-19-1 art-72 art-73"

TABLE = [
    # profile, 2026-08-01, 2026-11-23, 2026-12-02, 2027-12-02
    ("hosts, and runs a detector", LITERACY, LITERACY, LITERACY, LITERACY),
    (
        "generates and publishes",
        LITERACY,
        "art-4 art-50-4 art-50-5",
        "art-4 art-50-4 art-50-5 art-5-1-ba",
        "art-4 art-50-4 art-50-5 art-5-1-ba",
    ),
    (
        "provides a generator of before August 2026",
        LITERACY,
        LITERACY,
        "art-4 art-50-2 art-50-5 art-5-1-ba",
        "art-4 art-50-2 art-50-5 art-5-1-ba",
    ),
    (
        "provides a generator of September 2026",
        LITERACY,
        "art-4 art-50-2 art-50-5",
        "art-4 art-50-2 art-50-5 art-5-1-ba",
        "art-4 art-50-2 art-50-5 art-5-1-ba",
    ),
    (
        "provides and publishes, generator of before August 2026",
        LITERACY,
        "art-4 art-50-4 art-50-5",
        "art-4 art-50-2 art-50-4 art-50-5 art-5-1-ba",
        "art-4 art-50-2 art-50-4 art-50-5 art-5-1-ba",
    ),
    ("provides a high-risk system", LITERACY, LITERACY, LITERACY, f"{LITERACY} {HIGH_RISK}"),
    ("uses a high-risk system", LITERACY, LITERACY, LITERACY, "art-4 art-6-2 art-26"),
    ("recognises emotions", LITERACY, "art-4 art-50-3 art-50-5", "art-4 art-50-3 art-50-5", "art-4 art-50-3 art-50-5 art-6-2"),
    ("uses no AI", "", "", "", ""),
]
DAYS = ["2026-08-01", "2026-11-23", "2026-12-02", "2027-12-02"]
CASES = [(profile, day, expected) for profile, *row in TABLE for day, expected in zip(DAYS, row, strict=True)]


def bound(profile: dict[str, bool], day: str, standing: Standing = Standing.BINDS) -> set[str]:
    """The provisions of the AI Act that have ``standing`` through any control."""
    return {
        reference.ref
        for control in CATALOGUE
        for reference in control.references
        if reference.framework == "eu-ai-act" and judge(CATALOGUE, reference, profile, date.fromisoformat(day)).standing is standing
    }


@pytest.mark.parametrize(("profile", "day", "expected"), CASES)
def test_what_binds_is_what_the_law_says(profile: str, day: str, expected: str) -> None:
    """No duty too early or too late, none for somebody else, and none forgotten."""
    assert bound(PROFILES[profile], day) == set(expected.split())


@pytest.mark.parametrize(
    ("ref", "last_day_before", "first_day", "profile"),
    [
        ("art-50-2", "2026-08-01", "2026-08-02", "provides a generator of September 2026"),
        ("art-50-2", "2026-12-01", "2026-12-02", "provides a generator of before August 2026"),
        ("art-50-4", "2026-08-01", "2026-08-02", "generates and publishes"),
        ("art-5-1-ba", "2026-12-01", "2026-12-02", "generates and publishes"),
        ("art-15", "2027-12-01", "2027-12-02", "provides a high-risk system"),
        ("art-73", "2027-12-01", "2027-12-02", "provides a high-risk system"),
        ("art-4", "2025-02-01", "2025-02-02", "hosts, and runs a detector"),
    ],
)
def test_first_day(ref: str, last_day_before: str, first_day: str, profile: str) -> None:
    """The day itself is in, the day before it is out."""
    assert ref not in bound(PROFILES[profile], last_day_before)
    assert ref in bound(PROFILES[profile], first_day)


@pytest.mark.parametrize("day", DAYS)
def test_silence_is_not_a_no(day: str) -> None:
    """An organisation that says nothing of itself is bound by nothing for certain and by nothing for certain not."""
    assert bound({}, day) == set()
    assert bound({}, day, Standing.NOT_BOUND) == set()


def test_nothing_may_bind_before_it_applies() -> None:
    """What starts later is not open today, whatever is unknown: Article 25 waits for December 2027."""
    assert "art-25" in bound({}, "2027-12-02", Standing.OPEN)
    assert "art-25" in bound({}, "2027-12-01", Standing.LATER)
    assert bound({}, "2026-08-01", Standing.OPEN) == {"art-4", "art-4a"}


def test_an_exception_has_to_be_claimed() -> None:
    """A provider that doesn't say since when its systems are on the market is bound since August, and is told what it could say."""
    control = CATALOGUE.get("SM-PRV-01")
    assert control is not None
    reference = next(item for item in control.references if item.ref == "art-50-2")
    silent = judge(CATALOGUE, reference, {"provider": True}, date(2026, 11, 23))
    assert silent.standing is Standing.BINDS
    assert "only from 2026-12-02 if each generative system that it provides was on the market before 2 August 2026" in silent.reason
    claimed = judge(CATALOGUE, reference, PROFILES["provides a generator of before August 2026"], date(2026, 11, 23))
    assert (claimed.standing, claimed.since) == (Standing.LATER, date(2026, 12, 2))


CONTROLS = {
    "hosts, and runs a detector": "SM-GOV-05",
    "generates and publishes": "SM-DEL-01 SM-DEL-02 SM-GOV-01 SM-GOV-02 SM-GOV-04 SM-GOV-05 SM-PRV-05 SM-UPL-01 SM-UPL-02",
    "provides a generator of before August 2026": (
        "SM-GOV-01 SM-GOV-02 SM-GOV-04 SM-GOV-05 SM-PRV-01 SM-PRV-02 SM-PRV-03 SM-PRV-04 SM-PRV-05 SM-UPL-02"
    ),
}


@pytest.mark.parametrize("profile", CONTROLS)
def test_the_command_lists_the_controls_that_bind(profile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`averment controls list --binding-on 2026-12-02`, for an organisation that every other law lets alone."""
    file = tmp_path / "averment.yaml"
    file.write_text(json.dumps({"version": 1, "organisation": {"profile": PROFILES[profile]}}))
    assert run(["controls", "list", "--binding-on", "2026-12-02", "--format", "json", "--config", str(file)]) == 0
    shown = [control["id"] for control in json.loads(capsys.readouterr().out)["controls"]]
    assert shown == CONTROLS[profile].split()


def test_other_laws_follow_their_own_facts() -> None:
    """Personal data, platforms, NIS2 and California have facts of their own, and California's platforms their own day."""

    def binding(framework: str, day: str, **facts: bool) -> set[str]:
        return {
            reference.ref
            for control in CATALOGUE
            for reference in control.references
            if reference.framework == framework
            and judge(CATALOGUE, reference, NO | facts, date.fromisoformat(day)).standing is Standing.BINDS
        }

    assert {"art-33", "art-34", "art-5-2"} <= binding("gdpr", "2026-11-23", personal_data=True)
    assert binding("gdpr", "2026-11-23") == set()
    assert binding("dsa", "2026-11-23", very_large_platform=True) == {"art-35-1-k"}
    assert binding("nis2", "2026-11-23", nis2_entity=True) == {"art-23"}
    assert binding("ca-ai-transparency", "2026-08-01", california_provider=True) == set()
    assert "22757.3-b" in binding("ca-ai-transparency", "2026-08-02", california_provider=True)
    assert binding("ca-ai-transparency", "2026-12-31", california_platform=True) == set()
    assert binding("ca-ai-transparency", "2027-01-01", california_platform=True) == {"22757.3.1"}


def test_whoever_hosts_has_a_way_for_notices_and_gives_reasons() -> None:
    """Art. 16, 17 and 18 DSA bind hosting services of every size: that the organisation is no larger platform denies none, as it does Art. 20."""
    small = NO | {"online_platform": False}
    found = {
        reference.ref: judge(CATALOGUE, reference, small, date(2026, 11, 30)).standing
        for control in CATALOGUE
        for reference in control.references
        if reference.framework == "dsa"
    }
    assert {found[article] for article in ("art-16", "art-17", "art-18")} == {Standing.OPEN}
    assert found["art-20"] is Standing.NOT_BOUND


def test_the_register_names_days_under_the_article_that_they_are_of() -> None:
    """Annex I comes by Art. 6(1), not by 6(2). Chapter XII, with the fines, applies since August 2025; those of Article 50 wait for Article 50."""
    days = {(item.ref, item.on.isoformat()) for item in law_register(CATALOGUE) if item.framework == "eu-ai-act"}
    assert [day for ref, day in days if ref == "art-6-2"] == ["2027-12-02"]
    assert {day for ref, day in days if ref == "art-99-4-g"} == {"2025-08-02", "2026-08-02"}


def test_biometric_data_are_special_where_the_gdpr_applies() -> None:
    """Who matches faces says so; whether the GDPR applies is a fact of its own, by where people are. Denied, Art. 9 and 35 bind nobody."""

    def of(**facts: bool) -> set[Standing]:
        return {
            judge(CATALOGUE, reference, facts, date(2026, 11, 30)).standing
            for control in CATALOGUE
            for reference in control.references
            if (reference.framework, reference.ref) in {("gdpr", "art-9"), ("gdpr", "art-35")}
        }

    assert of(processes_biometrics=True, personal_data=False) == {Standing.NOT_BOUND}
    assert of(processes_biometrics=True) == {Standing.OPEN}
    assert of(processes_biometrics=True, personal_data=True) == {Standing.BINDS}
