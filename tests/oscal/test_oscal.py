"""The OSCAL documents of a period: what they say, that they hold together, and that the same ledger gives the same bytes."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from averment.controls.loader import load_catalogue
from averment.controls.oscal_import import read_oscal
from averment.core.period import parse_period
from averment.core.words import Status
from averment.evidence.oscal.check import problems
from averment.evidence.oscal.parts import NS, View, line, oscal_id, plain, prose, token
from averment.evidence.oscal.poam import plan_of_action
from averment.evidence.oscal.write import OscalSink, document_bytes, oscal_documents
from averment.evidence.record import Gathering, Record

Make = Callable[..., Any]


def documents(period: Any) -> dict[str, Any]:
    files = {entry.record.id: (f"../records/{entry.record.id}.json", "ab" * 32) for entry in period.entries}
    return oscal_documents(period.report, load_catalogue(period.organisation), files)


def results(period: Any) -> Any:
    return documents(period)["assessment-results.json"]["assessment-results"]


def status_of(finding: Any) -> str:
    return next(entry["value"] for entry in finding["props"] if entry["name"] == "status")


@pytest.fixture(scope="module")
def made(make_period: Make) -> Any:
    """The documents of the made-up period; not to be changed."""
    return documents(make_period())


def test_every_control_and_assessment_is_in_the_catalog_with_its_law(made: Any) -> None:
    """Whoever opens the catalog finds each control under its family, what it rests on, and an objective for each assessment."""
    catalog = made["catalog.json"]["catalog"]
    shipped = load_catalogue()
    found = {control["id"]: control for group in catalog["groups"] for control in group["controls"]}
    assert set(found) == {control.id for control in shipped}
    for control in shipped:
        texts = [link["text"] for link in found[control.id]["links"]]
        assert len(texts) == len(control.references)
        objectives = [part for part in found[control.id]["parts"] if part["name"] == "assessment-objective"]
        assert [part["id"] for part in objectives] == [f"{control.id}_obj.{item.id}" for item in control.assessments]


def test_the_plan_calls_no_region_looked_into_that_nobody_named(made: Any) -> None:
    """Without regions in averment.yaml that of the AWS settings may have been all that was asked."""
    told = [item["description"] for item in made["assessment-plan.json"]["assessment-plan"]["back-matter"]["resources"]]
    assert any("Accounts: 111122223333. Regions: none named; each record tells its own." in words for words in told)


def test_what_is_not_assessed_or_waived_is_never_satisfied(make_period: Make) -> None:
    """OSCAL's two states: only what is satisfied (or doesn't apply) is; the rest says what it is in a property and in words."""
    period = make_period()
    found = {row.id: row for row in period.report.assessments}
    seen = set()
    for finding in results(period)["results"][0]["findings"]:
        status = Status(status_of(finding))
        state = finding["target"]["status"]
        seen.add(status)
        assert state["state"] == ("satisfied" if status in (Status.SATISFIED, Status.NOT_APPLICABLE) else "not-satisfied")
        assert state["remarks"].startswith(str(status))
        assert found[finding["title"].split(" ")[0]].status is status
    assert seen >= {Status.SATISFIED, Status.NOT_SATISFIED, Status.NOT_ASSESSED}


def test_a_waived_deviation_is_an_approved_one_with_its_end(made: Any) -> None:
    """The waiver's last second is the risk's deadline; the deviation beside it stays open."""
    risks = made["assessment-results.json"]["assessment-results"]["results"][0]["risks"]
    by_status = {risk["status"]: risk for risk in risks}
    assert set(by_status) == {"open", "deviation-approved"}
    assert by_status["deviation-approved"]["deadline"] == "2027-01-31T23:59:59Z"
    assert "deadline" not in by_status["open"]


@pytest.mark.parametrize("accepting", [0, 1])
def test_what_one_repository_accepts_stays_open_for_another(make_period: Make, accepting: int) -> None:
    """Two repositories made from one template break a rule at the same address and line, and a comment accepts it in one: it is open in
    results and plan, whichever was checked first, and both records show it."""
    period = make_period()
    check = period.entries[0].record
    comment = "averment:waive=SM-UPL-03 until=2027-01-31 owner=media reason=migration"
    finding = {"rule": "s3-put-object-gated", "verdict": "fail", "resource": "aws_s3_bucket.a", "message": "open", "where": "main.tf:3"}
    both = [
        dataclasses.replace(
            check,
            source=f"repository {number}",
            payload={**check.payload, "findings": [{**finding, **({"waived_by": comment} if accepts else {})}]},
        )
        for number, accepts in enumerate((accepting == 0, accepting == 1))
    ]
    made = documents(make_period(records=both, waivers=()))
    [risk] = made["assessment-results.json"]["assessment-results"]["results"][0]["risks"]
    assert (risk["status"], "deadline" in risk, len(risk["related-observations"])) == ("open", False, 2)
    items = made["poam.json"]["plan-of-action-and-milestones"]["poam-items"]
    [item] = [item for item in items if "related-risks" in item]
    assert next(entry["value"] for entry in item["props"] if entry["name"] == "state") == "open"
    assert len(item["related-observations"]) == 2


def test_a_risk_keeps_its_identifier_when_lines_are_written_above_it(make_period: Make) -> None:
    """The plan of action goes on from period to period in other tools: an edit elsewhere in the file makes no new item. Another file is another."""

    def risks(shift: str) -> set[str]:
        report = make_period().report
        moved = [dataclasses.replace(row, where=row.where.replace("main.tf:3", shift)) for row in report.findings]
        made = oscal_documents(dataclasses.replace(report, findings=tuple(moved)), load_catalogue(), {})
        return {risk["uuid"] for risk in made["poam.json"]["plan-of-action-and-milestones"]["risks"]}

    assert risks("main.tf:3") == risks("main.tf:300") != risks("media.tf:3")


def test_what_is_another_organisations_has_other_identifiers(make_period: Make) -> None:
    """Two of a group break the same rule at the same address: a tool that reads both took one's risk, resource and gap for the other's. Components are shared."""

    def named(name: str) -> dict[str, set[str]]:
        plan = documents(make_period(name=name))["poam.json"]["plan-of-action-and-milestones"]
        defined = plan["local-definitions"]
        lists = (plan["risks"], plan["poam-items"], defined["inventory-items"], defined["assessment-assets"]["components"])
        return dict(zip(("risks", "items", "resources", "components"), ({item["uuid"] for item in found} for found in lists), strict=True))

    one, other = named("Shop"), named("Stall")
    assert one == named("Shop")
    assert {name for name in one if one[name] & other[name]} == {"components"}


def test_results_of_a_period_that_has_not_begun_have_no_end(make_period: Make) -> None:
    """The moment of the latest evidence lies before its beginning: the results ended before they started."""
    report = make_period().report
    told = []
    for period in (report.period, parse_period("2027Q2")):
        made = oscal_documents(dataclasses.replace(report, period=period), load_catalogue(), {})
        [result] = made["assessment-results.json"]["assessment-results"]["results"]
        told.append((result["start"], result.get("end")))
    assert told == [("2026-10-01T00:00:00Z", "2026-11-20T12:00:00Z"), ("2027-04-01T00:00:00Z", None)]


def test_results_tell_what_they_do_not_speak_of(make_period: Make) -> None:
    """An account that the scope leaves out, and two weeks in which nobody looked, are no less left out of what a tool reads."""
    gap = "2026-11-04 to 2026-11-19: 111122223333 (alarms)"
    report = dataclasses.replace(make_period().report, outside=("account 222222222222",), unseen=(gap,))
    made = oscal_documents(report, load_catalogue(), {})
    [result] = made["assessment-results.json"]["assessment-results"]["results"]
    assert "Not told: evidence of account 222222222222 is in the ledger and counts for no state" in result["description"]
    assert f"Not told: {gap}: for longer than is allowed nobody looked there" in result["description"]
    nothing = oscal_documents(dataclasses.replace(report, outside=(), unseen=()), load_catalogue(), {})
    assert "Not told" not in str(nothing["assessment-results.json"])


def test_a_waiver_beyond_oscals_calendar_gives_no_deadline(make_period: Make) -> None:
    """OSCAL's schemas end with the year 2999: a later end stands in words in the plan of action."""
    period = make_period()
    late = tuple(dataclasses.replace(row, waived_until=date(9999, 12, 31)) if row.waived_until else row for row in period.report.findings)
    made = oscal_documents(dataclasses.replace(period.report, findings=late), load_catalogue(period.organisation), {})
    risks = made["assessment-results.json"]["assessment-results"]["results"][0]["risks"]
    assert [risk.get("deadline") for risk in risks if risk["status"] == "deviation-approved"] == [None]
    assert "accepted until 9999-12-31" in json.dumps(made["poam.json"])


def test_evidence_is_named_by_file_and_hash_and_says_what_it_lacks(make_period: Make) -> None:
    """An observation leads to the record's file and digest; a listing that was cut short says so and doesn't pass for a whole."""
    period = make_period()
    document = results(period)
    resources = {item["uuid"]: item for item in document["back-matter"]["resources"]}
    partial = next(item for item in document["results"][0]["observations"] if "partial" in item["description"])
    props = {entry["name"]: entry["value"] for entry in partial["props"]}
    assert (props["listing-cut-short"], props["population-total"], props["population-examined"]) == ("yes", "unknown", "1000")
    link = resources[partial["relevant-evidence"][0]["href"].removeprefix("#")]["rlinks"][0]
    assert link == {
        "href": f"../records/{props['record']}.json",
        "media-type": "application/json",
        "hashes": [{"algorithm": "SHA-256", "value": "ab" * 32}],
    }


def test_evidence_expires_when_the_first_assessment_would_call_it_stale(make_period: Make) -> None:
    """``expires`` is the effective moment plus the shortest of the ages that its assessments allow."""
    period = make_period()
    catalogue = load_catalogue()
    row = next(row for row in period.report.evidence if row.kind == "check")
    ages = [
        item.max_age
        for control in catalogue
        for item in control.assessments
        if f"{control.id}/{item.id}" in row.used_by and item.max_age is not None
    ]
    observation = next(
        item for item in results(period)["results"][0]["observations"] if item["uuid"] == oscal_id("observation", row.record)
    )
    assert observation["expires"] == (row.effective_at + min(ages)).isoformat().replace("+00:00", "Z")


def test_a_statement_expires_with_its_validity(make_period: Make) -> None:
    """By the control's length from the day of the answer, and not later than the record says: what holds for a year was told as without an end."""
    made = make_period()
    index, record = next((number, entry.record) for number, entry in enumerate(made.entries) if entry.record.kind == "attestation")

    def expires(until: str) -> Any:
        records = [entry.record for entry in made.entries]
        records[index] = dataclasses.replace(record, payload={**record.payload, "valid_until": until})
        found = results(make_period(records=records))["results"][0]["observations"]
        return next(item["expires"] for item in found if item["uuid"] == oscal_id("observation", records[index].id))

    year = (record.effective_at + timedelta(days=365)).isoformat().replace("+00:00", "Z")
    assert (expires("2027-09-01T00:00:00Z"), expires("2029-01-01T00:00:00Z")) == ("2027-09-01T00:00:00Z", year)


def test_the_plan_of_action_has_what_is_open_waived_or_undecided(make_period: Make) -> None:
    """An item for each deviation, with its owner, and for each assessment without a decision."""
    period = make_period()
    items = documents(period)["poam.json"]["plan-of-action-and-milestones"]["poam-items"]
    states = [next(entry["value"] for entry in item["props"] if entry["name"] == "state") for item in items]
    assert states.count("open") == 1
    assert states.count("accepted until 2027-01-31") == 1
    assert len(items) == 2 + len(period.report.gaps)


def test_of_what_is_not_known_beside_a_failure_the_plan_says_that_alone(make_period: Make) -> None:
    """The failure has an item of its own; the one of the rest told it once more, and what to obtain stood at its end."""
    check, *others = [entry.record for entry in make_period().entries]
    cut_short = dataclasses.replace(check, gathering=Gathering.PARTIAL, reason="main.tf could not be read")
    period = make_period(records=[cut_short, *others])
    items = documents(period)["poam.json"]["plan-of-action-and-milestones"]["poam-items"]
    told = [item["description"] for item in items if item["title"].endswith(" is not wholly assessed")]
    assert told
    for text in told:
        assert text.startswith("not assessed: ")
        assert "main.tf could not be read" in text
        assert "aws_s3_bucket." not in text


def test_nothing_to_do_is_no_plan(make_period: Make, tmp_path: Path) -> None:
    """OSCAL knows no empty plan: the file is left out, an earlier one is removed, and the sink says so."""
    period = make_period()
    rows = tuple(dataclasses.replace(row, status=Status.SATISFIED, gap=None) for row in period.report.assessments)
    nothing = dataclasses.replace(period.report, findings=(), assessments=rows)
    assert plan_of_action(View(nothing, load_catalogue(), {})) is None
    OscalSink(load_catalogue(), tmp_path).push(period.report, period.entries)
    assert (tmp_path / "poam.json").exists()
    result = OscalSink(load_catalogue(), tmp_path).push(nothing, ())
    assert not (tmp_path / "poam.json").exists()
    assert result.notes == ("nothing is open, waived or undecided: there is no plan of action",)


def test_the_same_report_gives_the_same_bytes_and_another_another_identifier(make_period: Make) -> None:
    """No clock and no chance; a document whose content differs has another identifier."""
    first, second = documents(make_period()), documents(make_period())
    assert {name: document_bytes(value) for name, value in first.items()} == {name: document_bytes(value) for name, value in second.items()}
    other = documents(make_period(records=[]))
    assert other["assessment-results.json"]["assessment-results"]["uuid"] != first["assessment-results.json"]["assessment-results"]["uuid"]


def test_pushing_twice_changes_nothing_the_second_time(make_period: Make, tmp_path: Path) -> None:
    """Alone, evidence is named by its identifier and the hash of its envelope; written once, the files stay."""
    period = make_period()
    sink = OscalSink(load_catalogue(period.organisation), tmp_path)
    first, second = (sink.push(period.report, period.entries) for _ in range(2))
    assert (first.created, second.created, second.unchanged) == (5, 0, 5)
    text = json.loads((tmp_path / "assessment-results.json").read_text(encoding="utf-8"))
    links = [item["rlinks"][0]["href"] for item in text["assessment-results"]["back-matter"]["resources"]]
    used = {name for row in period.report.assessments for name in row.records}
    assert sorted(links) == sorted(f"urn:uuid:{name}" for name in used)
    described = text["assessment-results"]["results"][0]["description"]
    assert len(period.entries) - len(used) == 1
    assert "has 1 further record of the period" in described


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[a](b)", r"\[a\](b)"),
        ("<b>", r"\<b\>"),
        ("{{ x }}", r"\{\{ x \}\}"),
        ("a\\b `c` *d*", r"a\\b \`c\` \*d\*"),
        ("", "-"),
        ("a\n b", "a b"),
    ],
)
def test_evidence_does_not_become_markup(text: str, shown: str) -> None:
    """What a hostile source says is shown as it is: no link, no tag, no insertion."""
    assert line(text) == shown


def test_texts_are_of_oscals_shapes() -> None:
    """One line for strings, paragraphs for prose, tokens that start with a letter."""
    assert (plain(" a\nb "), prose("a\n\nb"), token("9 lives & more"), token("Legal / privacy")) == (
        "a b",
        "a\n\nb",
        "_9-lives-more",
        "Legal-privacy",
    )


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _nodes(item)
    elif isinstance(value, list):
        for item in value:
            yield from _nodes(item)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda made: made["results"][0]["findings"][0].update({"related-risks": [{"risk-uuid": "00000000"}]}), "risk-uuid 00000000 leads"),
        (lambda made: made["results"][0]["observations"].pop(0), "observation-uuid"),
        (lambda made: made["results"][0]["observations"].append(made["results"][0]["observations"][0]), "stands 2 times"),
        (lambda made: made["results"][0]["risks"][0]["props"][0].pop("ns"), "has no namespace"),
        (lambda made: made["results"][0]["findings"][0]["target"].update({"target-id": "gone"}), "objective gone is not in the catalog"),
        (lambda made: made["import-ap"].update(href="gone.json"), "the document gone.json is not there"),
        (lambda made: made["back-matter"]["resources"].pop(0), "leads nowhere"),
        (lambda made: made["metadata"].update(roles=[]), "is not declared"),
        (lambda made: made["metadata"]["parties"].pop(), "party-uuids"),
    ],
)
def test_what_a_schema_does_not_see_is_seen(made: Any, spoil: Callable[[Any], Any], says: str) -> None:
    """Dangling references, repeated identifiers, properties without a namespace: each is found and named with its file."""
    assert problems(made) == []
    spoilt = copy.deepcopy(made)
    spoil(spoilt["assessment-results.json"]["assessment-results"])
    found = problems(spoilt)
    assert any(says in text and text.startswith("assessment-results.json: ") for text in found), found


def test_custom_properties_have_our_namespace(made: Any) -> None:
    """Every property of ours stands in our namespace, none of it in OSCAL's."""
    names = {(entry["name"], entry.get("ns")) for node in _nodes(made) for entry in node.get("props", ())}
    assert {ns for _, ns in names} == {NS, "http://csrc.nist.gov/ns/rmf", None}
    assert {name for name, ns in names if ns is None} <= {"label", "type", "version", "asset-id"}


def test_two_records_of_one_deviation_are_one_risk(make_period: Make) -> None:
    """A deviation that was seen twice is one risk with both observations, not two with one identifier."""
    period = make_period()
    once = period.entries[0].record
    again = Record.from_json({**{key: item for key, item in once.to_json().items() if key != "id"}, "source": "another run"})
    both = make_period(records=[once, again])
    assert problems(documents(both)) == []


def test_our_own_catalog_reads_back_as_a_framework(made: Any, tmp_path: Path) -> None:
    """What we write can be imported: every control with its id and title."""
    (tmp_path / "catalog.json").write_bytes(document_bytes(made["catalog.json"]))
    found = {item.id: item.title for item in read_oscal(tmp_path / "catalog.json").controls}
    assert set(found) == {control.id for control in load_catalogue()}
