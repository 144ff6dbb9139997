"""The site's pages before MkDocs: what they say, and that nothing in evidence can say more than text."""

from __future__ import annotations

import csv
import html
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import markdown
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from averment.controls.loader import load_catalogue
from averment.controls.model import Catalogue, Framework, Provision, Reference
from averment.core.organisation import Organisation
from averment.core.period import parse_period
from averment.core.words import Status
from averment.evidence.judging.states import Gap
from averment.evidence.reporting.changes import DEVIATION, ChangeRow
from averment.governance.site import words
from averment.governance.site.data import SiteData, gather
from averment.governance.site.history import Before
from averment.governance.site.levels import Level
from averment.governance.site.lists import list_files
from averment.governance.site.pages import all_pages
from averment.governance.site.pages.controls import control_page
from averment.governance.site.pages.evidence import claims_page
from averment.governance.site.pages.home import changes_page, home_page, owed
from averment.governance.site.pages.law import framework_page, law_page
from averment.governance.site.pages.rules import rules_page
from averment.governance.site.plots import interval, picture_files, pictures
from averment.governance.site.redaction import redacted

View = Callable[..., SiteData]
EXTENSIONS = ["admonition", "attr_list", "md_in_html", "tables", "pymdownx.details", "pymdownx.superfences"]
"""Those of ``theme.yml`` that give characters a meaning."""


def read(page: str) -> str:
    """The page as a reader sees it: without tags, entities resolved."""
    return html.unescape(re.sub(r"<[^>]*>", "", page))


def test_sample_evidence_comes_to_the_expected_states(site_data: View, expected_states: dict[str, Status]) -> None:
    """The ledger that the other tests show has a control in each of the states that they look for."""
    states = {row.id: row.status for row in site_data().report.controls}
    assert {control: states[control] for control in expected_states} == expected_states
    assert states.keys() == {control.id for control in load_catalogue()}


def test_home_says_when_how_many_and_whose(site_data: View, expected_states: dict[str, Status]) -> None:
    """The first page has the moment, the totals, each control with its state, open findings, gaps with owners, next dates."""
    page = read(home_page(site_data()))
    assert "True as of 2026-11-23 07:00 UTC" in page
    assert "9 records in the ledger" in page
    tables = page.split("All dates are in the")[1].splitlines()
    for control, status in expected_states.items():
        line = next(line for line in tables if line.startswith(f"| [{control}](controls/{control}.md)"))
        assert str(status).replace("-", " ") in line
    assert "arn:aws:s3:::shop-uploads" in page
    gaps = page.split("Not assessed, and whose it is")[1].replace("*", "")
    assert "stale: the evidence of 2026-11-16T06:00:00Z is 7 days old, 36 hours is allowed" in gaps
    assert "SM-DET-03/running](controls/SM-DET-03.md) The detector scored something within the last week | could not collect" in gaps
    assert "| 2026-12-02 | in 9 days | [EU AI Act Art 50(2)](frameworks/eu-ai-act.md#art-50-2)" in page
    assert "weakened" in next(line for line in tables if line.startswith("| [SM-DET-03]"))


def test_home_names_what_is_not_selected_beside_the_totals(site_data: View) -> None:
    """Totals of a few controls aren't taken for those of all: what the organisation left out stands under them, not at the page's end."""
    data = site_data()
    few = replace(data, catalogue=replace(data.catalogue, left_out=("SM-DEL-01", "SM-DEL-02")))
    top = read(home_page(few)).split("Open findings")[0]
    assert "2 more not selected by the organisation, so not assessed: SM-DEL-01, SM-DEL-02." in top
    assert "not selected" not in read(home_page(data))


def test_home_tells_what_is_not_in_the_scope_beside_the_totals(site_data: View) -> None:
    """Whoever reads the totals sees how many places with evidence they don't speak of; which, where accounts may be named."""
    data = site_data()
    fewer = replace(data, report=replace(data.report, outside=("account 222222222222", "us-east-1")))
    top = read(home_page(fewer)).split("Open findings")[0]
    assert (
        "evidence of 2 more accounts or regions that are not in the scope, and counts for no state: account 222222222222, us-east-1." in top
    )
    lower = read(home_page(redacted(fewer, Level.PUBLIC)))
    assert "evidence of 2 more accounts or regions that are not in the scope, and counts for no state." in lower
    assert "222222222222" not in lower
    assert "us-east-1" not in lower
    assert "not in the scope" not in read(home_page(data))
    seldom = replace(data, report=replace(data.report, unseen=("2026-11-04 to 2026-11-19: 222222222222 (alarms)",)))
    assert "for longer than assessments allow: 2026-11-04 to 2026-11-19: 222222222222 (alarms)." in read(home_page(seldom))
    assert "for longer than assessments allow; such stretches: 1." in read(home_page(redacted(seldom, Level.PUBLIC)))


def test_a_waived_finding_is_no_open_finding(site_data: View) -> None:
    """What a valid waiver accepts stands on its control's page with the waiver's end, not among the open findings."""
    data = site_data()
    control = data.catalogue.get("SM-DEL-01")
    assert control is not None
    assert "E2OLD" not in read(home_page(data)).split("Open findings")[1].split("Not assessed")[0]
    assert "waived until 2026-12-31" in read(control_page(data, control))
    assert "3 open: 3 high. 2 more waived." in read(home_page(data))
    accepted = tuple(row for row in data.report.findings if row.waived_until)
    quiet = replace(data, report=replace(data.report, findings=accepted))
    assert "None is open, 2 waived in the evidence that was collected." in read(home_page(quiet))


def test_without_a_ledger_every_page_says_so(site_data: View) -> None:
    """No evidence is not a pass: every control is not assessed, and no page claims that there are no findings."""
    data = site_data(filled=False)
    assert {row.status for row in data.report.controls} == {Status.NOT_ASSESSED}
    page = read(home_page(data))
    assert "No evidence yet" in page
    assert "None in the evidence" not in page
    assert "Unknown: nothing was looked at." in page


def test_a_period_without_evidence_is_not_one_without_findings(site_data: View, organisation: Organisation) -> None:
    """The ledger holds records, but none of the period: nothing is said to have been found to be in order, on any page."""
    now = site_data().as_of
    data = gather(organisation, load_catalogue(organisation), as_of=now, period=parse_period("2025Q1"))
    page = read(home_page(data))
    assert "None in the evidence" not in page
    assert "No evidence has grown too old" not in page
    assert "The ledger holds no evidence from 2025Q1" in page
    assert page.count("Unknown: nothing was looked at.") == 2
    lines = [line for line in read(rules_page(data)).splitlines() if line.startswith("| [")]
    assert lines
    assert all(line.endswith("| unknown: not assessed |") for line in lines)


def test_no_finding_is_told_with_what_was_not_assessed(site_data: View) -> None:
    """That nothing is found says nothing of the assessments that were not made."""
    data = site_data()
    data = replace(data, report=replace(data.report, findings=()))
    missing, made = len(data.report.gaps), len(data.report.assessments)
    assert f"None in the evidence that was collected. {missing} of {made} assessments are not made" in read(home_page(data))


def test_a_control_that_rests_on_people_alone_says_so_on_its_page(site_data: View) -> None:
    """The badge is as green as that of what was measured; and when something is to be looked at says nothing of whether anybody did."""
    data = site_data()
    control = data.catalogue.get("SM-GOV-04")
    assert control is not None
    words = "by statements alone: nothing was examined or tested"
    page = control_page(data, control)
    assert ("<dt>To be looked at</dt>" in page, words in page) == (True, False)

    def satisfied(row: Any) -> Any:
        return replace(row, status=Status.SATISFIED) if control.id in (row.id, getattr(row, "control", None)) else row

    report = replace(
        data.report, controls=tuple(map(satisfied, data.report.controls)), assessments=tuple(map(satisfied, data.report.assessments))
    )
    assert words in control_page(replace(data, report=report), control)


def test_of_all_time_no_duty_began_in_its_midst(site_data: View) -> None:
    """Everything began after the beginning of all evidence; of a quarter that says something, of all of it nothing."""
    law = [line for row in site_data().report.controls for line in row.law]
    assert any(line.startswith("EU AI Act Art 50(4) binds: since 2026-08-02") for line in law)
    assert not any("in the same period" in line for line in law)


def test_a_past_period_is_told_as_of_its_end(site_data: View, organisation: Organisation) -> None:
    """As the command line, the workbook and the package have it: what held at the end of September is not said of November."""
    now = site_data().as_of
    data = gather(organisation, load_catalogue(organisation), as_of=now, period=parse_period("2026Q3"))
    control = data.catalogue.get("SM-DEL-01")
    assert control is not None
    assert "True as of 2026-09-30 23:59 UTC, period 2026Q3, by what was known at 2026-11-23 07:00 UTC." in read(home_page(data))
    assert "as of 2026-09-30 23:59 UTC" in read(control_page(data, control))


def test_control_page_shows_each_assessment_with_result_and_record(site_data: View) -> None:
    """Each assessment has its state, its reason, and the id of the record that it rests on; claims have their interval."""
    data = site_data()
    control = data.catalogue.get("SM-PRV-01")
    assert control is not None
    page = control_page(data, control)
    rows = data.assessments("SM-PRV-01")
    assert len(rows) == 4
    for row in rows:
        assert row.title in read(page)
        for record in row.records:
            assert f"../evidence.md#r-{record}" in page
    assert "summary.tampered is 0, at most 0 expected" in read(page)
    assert 'aria-label="estimate 0&#46;997' in page or "estimate 0.997, interval 0.991 to 0.9995, bar 0.99" in page


def test_of_a_long_list_the_worst_stands_on_the_page_and_all_of_it_beside_it(site_data: View) -> None:
    """Of thousands of findings a page shows a hundred: what is open before what is waived, of each assessment some; what a name holds is no formula."""
    data = site_data()
    control, day = data.catalogue.get("SM-UPL-03"), date(2027, 1, 31)
    assert control is not None
    (first, *_) = data.findings(control.id)
    found = [
        replace(first, assessment=f"SM-UPL-03/{name}", resource=f"={name}-{number}", waived_until=day if number < 40 else None)
        for name in ("code", "runtime")
        for number in range(900 if name == "code" else 70)
    ]
    parted = data.drift(control.id)[0]
    drift = [replace(parted, resource=f"r-{n}", before="pass", at_run_time="fail" if n == 199 else "not seen") for n in range(200)]
    changed = [ChangeRow(control.id, "SM-UPL-03/code", DEVIATION, f"came-{n}", "not there", "open", "") for n in range(50)]
    report = replace(data.report, findings=tuple(found), drift=tuple(drift), changes=tuple(changed))
    data = replace(data, report=report, before=Before(parse_period("2026Q3"), {control.id: Status.SATISFIED}))
    page, files = read(control_page(data, control)), list_files(data)
    assert "These are 100 of 970, the open ones first" in page
    assert (len(re.findall("=code-", page)), len(re.findall("=runtime-", page))) == (70, 30)
    assert "| waived until" not in page
    assert page.index("r-199") < page.index("r-0 ")
    assert "(SM-UPL-03-drift.csv)" in page
    assert set(files) == {"controls/SM-UPL-03-findings.csv", "controls/SM-UPL-03-drift.csv", "changes.csv"}
    rows = list(csv.DictReader(files["controls/SM-UPL-03-findings.csv"].decode("utf-8-sig").splitlines()))
    assert [row["resource"] for row in rows] == [f"'{row.resource}" for row in found]
    assert [row["waived_until"] for row in rows[39:41]] == ["2027-01-31", ""]
    told = read(changes_page(data))
    assert (told.count("came-"), "And 30 more that came or went" in told) == (20, True)


def test_weakening_stands_on_the_controls_page(site_data: View) -> None:
    """An overlay's weakening is shown with its reason where the control is shown."""
    data = site_data()
    control = data.catalogue.get("SM-DET-03")
    assert control is not None
    page = read(control_page(data, control))
    assert "performance: claim at_least 0.8 → 0.75 (reason: The corpus is small until the second labelling round.)" in page


def test_framework_page_lists_crosswalk_and_gaps(site_data: View) -> None:
    """Every provision is on the page once: with controls, their states and rules, or among the gaps."""
    data = site_data()
    framework = data.catalogue.frameworks["eu-ai-act"]
    page = framework_page(data, framework)
    crosswalk, gaps = page.split("## Gaps")
    referred = {reference.ref for control in data.catalogue for reference in control.references if reference.framework == framework.id}
    for provision in framework.provisions.values():
        place = crosswalk if provision.ref in referred else gaps
        assert page.count(f'<span id="{words.slug(provision.ref)}">') == 1
        assert f'<span id="{words.slug(provision.ref)}">' in place
    assert "A definition, not a duty." in read(gaps)
    assert "binds nobody before 2027-12-02" in read(crosswalk)
    assert "draft Art 52(3)" in read(crosswalk)
    assert "[signing-key-fit](../rules/signing-key-fit.md)" in read(crosswalk)


def test_each_provision_has_an_anchor_of_its_own(site_data: View) -> None:
    """Numbers that differ in signs or case alone, that have no letter of ours, or that are called as a heading of the page are told apart, and links lead to the right one."""
    data = site_data()
    refs = ("ac-1", "AC.1", "第", "ÄÖ", "Gaps", "ac-2")
    acme = Framework("acme", "Acme", "1", "standard", "https://example.com", {ref: Provision(ref, f"No {ref}", "A title") for ref in refs})
    control = replace(next(iter(data.catalogue)), references=tuple(Reference("acme", ref, "voluntary") for ref in refs))
    data = replace(data, catalogue=Catalogue((control,), {"acme": acme}))
    page = framework_page(data, acme)
    anchors = {ref: re.findall(rf'<span id="([^"]*)"></span>\*\*{re.escape(str(words.text(f"No {ref}")))}\*\*', page) for ref in refs}
    assert all(len(found) == 1 for found in anchors.values()), anchors
    assert len({found[0] for found in anchors.values()} | {"gaps"}) == len(refs) + 1
    assert anchors["ac-2"] == ["ac-2"]
    links = re.findall(r"\.\./frameworks/acme\.md#([^)]*)\)", control_page(data, control))
    assert [found[0] for found in anchors.values()] == links


def test_framework_page_shows_what_binds_and_what_was_amended(site_data: View) -> None:
    """The organisation's standing stands beside each provision, and the acts that changed the law are listed with their day."""
    data = site_data()
    page = read(framework_page(data, data.catalogue.frameworks["eu-ai-act"]))
    lines = page.splitlines()
    assert "| binds |" in next(line for line in lines if line.startswith("| **Art 50(4)**"))
    assert "| does not bind |" in next(line for line in lines if line.startswith("| **Art 50(2)**"))
    assert any(line.startswith("| 2026-07-27 | Regulation (EU) 2026/1744") for line in lines)
    code = read(framework_page(data, data.catalogue.frameworks["eu-ai-code"]))
    assert "unconfirmed" in code


def test_home_gathers_gaps_by_owner_and_a_days_provisions_in_a_line(site_data: View) -> None:
    """Whose gaps they are is seen at a glance, every gap is inside, and a day on which much starts takes one line."""
    data = site_data()
    page = read(home_page(data))
    heads = re.findall(r'\?\?\? note "([^:]+): (\d+)(?:, of which (\d+) stale)?"', page)
    assert {owner: int(count) for owner, count, _ in heads} == {item.owner: len(item.rows) for item in owed(data)}
    assert sum(int(count) for _, count, _ in heads) == len(data.report.gaps)
    stale = [int(count or 0) for _, _, count in heads]
    assert stale == sorted(stale, reverse=True), "whoever has stale evidence comes first"
    assert sum(stale) == sum(1 for row in data.report.gaps if row.gap in {Gap.STALE, Gap.EXPIRED}) > 0
    assert all(f"[{row.id}](controls/{row.control}.md)" in page for row in data.report.gaps)
    dates = page.split("Next dates")[1].splitlines()
    (line,) = [line for line in dates if line.startswith("| 2027-12-02 |")]
    assert "[EU AI Act Art 15](frameworks/eu-ai-act.md#art-15)" in line
    assert "| 11 provisions start to apply; 2 provisions first bind somebody |" in line


def test_a_later_milestone_of_many_provisions_is_no_start_of_theirs(site_data: View) -> None:
    """Those that apply since December 2027 are not said to start in August 2028, when they reach further systems."""
    page = read(home_page(replace(site_data(filled=False), as_of=datetime(2027, 12, 3, tzinfo=UTC))))
    (line,) = [line for line in page.splitlines() if line.startswith("| 2028-08-02 |")]
    assert "| 10 provisions: applies to high-risk systems under Annex I |" in line


def test_law_page_asks_for_facts_that_are_not_stated(site_data: View) -> None:
    """A fact that the profile leaves out is shown as not stated, not as no."""
    page = read(law_page(site_data())).replace("*", "")
    assert "| it provides a generative AI system | no |" in page
    assert "| it provides a high-risk AI system | not stated |" in page
    assert "| it generates media | yes |" in page


def test_every_control_framework_and_rule_has_a_page(site_data: View) -> None:
    """Nothing that exists is without a page."""
    data = site_data()
    pages = all_pages(data)
    assert {f"controls/{control.id}.md" for control in data.catalogue} <= set(pages)
    assert {f"frameworks/{name}.md" for name in data.catalogue.frameworks} <= set(pages)
    assert {f"rules/{rule.id}.md" for rule in data.rules} <= set(pages)


def test_hostile_evidence_stays_text(site_data: View, hostile: str) -> None:
    """A resource's name or a service's message can hold neither markup nor a link: it is on the page as it was, as text."""
    data = site_data()
    control = data.catalogue.get("SM-UPL-03")
    assert control is not None
    for page in (home_page(data), control_page(data, control)):
        assert "<img" not in page
        assert "](javascript" not in page
        assert hostile in read(page)


def test_what_does_not_show_is_shown() -> None:
    """A name can't turn around what a reader sees of it, nor hide in characters that nobody sees; foreign scripts and NBSP stay as they are."""
    assert words.text("pass\u202eliaf \x07\x1b[2J \x9b \u2066x") == "pass&#92;x202eliaf &#92;x07&#92;x1b&#91;2J &#92;x9b &#92;x2066x"
    assert words.text("سلام\u200cها\u00a0é") == "سلام\u200cها é"


SCENES = ("{}", "before {} after", "| a | b |\n|---|---|\n| {} | b |", "[{}](a.md)", '!!! note "{}"\n\n    {}', "- {}")
MARKS = st.text(alphabet="\\\\`*_{}[]()#+!?|~^=:$<>&\"'@/.-1a \n", max_size=12)
ATTACKS = st.sampled_from(
    [
        "](javascript:alert(1))",
        "![x](y)",
        "<b>",
        "&lt;b&gt;",
        "!!! danger",
        "??? x",
        "{: .av-good }",
        "http://x.y",
        "a@b.c",
        "[^1]",
        "``x``",
        "$x$",
        "==x==",
    ]
)
TAG = re.compile(r"<(?!/?(?:p|table|thead|tbody|tr|th|td|div|ul|li)\b|/?a\b)")


@settings(max_examples=150, deadline=None)
@example(scene="{}", value="---")
@given(scene=st.sampled_from(SCENES), value=st.one_of(MARKS, ATTACKS, st.text(max_size=20)))
def test_text_is_inert_whatever_it_holds(scene: str, value: str) -> None:
    """Wherever on a page it stands, it makes no element and no link, and a reader sees what was there."""
    seen = "".join(character for character in " ".join(value.split()) if character.isprintable())
    listed = re.match(r"(?:[-*+]|[0-9]+\.)(?: |$)", seen)
    assume(seen.strip() and not listed)  # a list by itself is as harmless as its text, and blanks are none
    page = markdown.markdown(scene.replace("{}", words.text(seen)), extensions=EXTENSIONS)
    plain = markdown.markdown(scene.replace("{}", "word"), extensions=EXTENSIONS)
    assert TAG.sub("", page) == page
    assert re.findall(r"<[^>]*>", page) == re.findall(r"<[^>]*>", plain)
    assert " ".join(read(page).split()) == " ".join(read(plain).replace("word", seen).split())


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (12345, "12,345"),
        (0.98765432, "0.9877"),
        (date(2026, 12, 2), "2026-12-02"),
        (datetime(2026, 11, 23, 7, 5, 59, tzinfo=UTC), "2026-11-23 07:05 UTC"),
    ],
)
def test_values_are_written_one_way(value: object, shown: str) -> None:
    """Numbers, days and moments look the same on every page."""
    assert read(words.text(value)) == shown


def test_plot_has_a_text_alternative_and_stays_in_its_frame(site_data: View) -> None:
    """The picture of an interval says in words what it shows, and draws nothing outside of itself."""
    for row in site_data().report.claims:
        picture = interval(row)
        assert 'role="img"' in picture
        assert f"bar {row.bar:.4g}" in html.unescape(picture)
        for found in re.findall(r'(?:x1|x2|cx|x)="([\d.]+)"', picture):
            assert 0 <= float(found) <= 400


def test_a_claims_figure_and_interval_are_read_and_not_measured(site_data: View) -> None:
    """In words, with the confidence and the method, as in a package: a picture alone showed them to whoever sees it, without a number."""
    assert "## Words" not in claims_page(site_data(filled=False))
    page = html.unescape(claims_page(site_data()))
    assert "Estimate 0.81, 95 % interval 0.72 to 0.88 (Clopper-Pearson)." in page
    words = page.split("## Words")[1]
    assert "<dt>ROC</dt><dd>attacks that are found against" in words
    assert "<dt>APCER</dt>" not in words


def test_a_claim_shows_its_checks_plots_and_worst_errors(site_data: View) -> None:
    """Files beside the page, each with words for those who don't see it; a picture that the record lacks is left out."""
    data = site_data()
    control = data.catalogue.get("SM-DET-03")
    assert control is not None
    page = control_page(data, control)
    files = dict(picture_files(data.claim_records.values()))
    sources = re.findall(r'<img src="\.\./([^"]+)" alt="([^"]+)">', page)
    assert {source for source, _ in sources} == set(files)
    assert sorted(name.rsplit("-", 1)[1] for name in files) == ["0.jpg", "generator.svg", "roc.svg"]
    alts = [html.unescape(alt) for _, alt in sources]
    assert any(alt.startswith("ROC curve: at 1 % false positives") for alt in alts)
    assert all("`" not in alt and "[" not in alt for _, alt in sources)
    assert "<summary>Checks</summary>" in page
    assert "<summary>Worst errors</summary>" in page
    assert "5 errors at the threshold 0.5: 3 with a score on its wrong side, and 2 of which the detector can't say" in html.unescape(page)
    assert "1 can't be shown: nothing states a licence" in html.unescape(page)
    other = data.catalogue.get("SM-PRV-01")
    assert other is not None
    assert "<summary>" not in control_page(data, other).split("## Claims")[1].split("## Law")[0]


def test_an_unknown_record_shows_nothing() -> None:
    """The page is the same as without pictures."""
    assert pictures(None, "../") == ""
