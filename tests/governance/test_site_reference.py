"""The pages that one looks things up on: rules, claims, records, cards and data sheets, blueprints, and how to verify."""

from __future__ import annotations

import dataclasses
import html
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import yaml

from averment.cli.main import run
from averment.controls.loader import load_catalogue
from averment.core.organisation import load_organisation
from averment.governance.remediation.blueprints import all_blueprints
from averment.governance.site.data import SiteData, gather
from averment.governance.site.navigation import navigation
from averment.governance.site.pages import all_pages, evidence
from averment.governance.site.pages.controls import control_page
from averment.governance.site.pages.evidence import claims_page, evidence_page, verify_page
from averment.governance.site.pages.rules import dialects, found_by, rule_page, rules_page
from averment.governance.site.plots import pictures
from averment.governance.site.services import services_of
from averment.governance.site.shipped import sheets
from averment.policies.interface import Kind
from averment.policies.rules.registry import all_rules

View = Callable[..., SiteData]


def read(page: str) -> str:
    """The page as a reader sees it: without tags, entities resolved."""
    return html.unescape(re.sub(r"<[^>]*>", "", page))


def head(page: str) -> dict[str, Any]:
    """What stands at the head of a page for the generator and the search."""
    value: dict[str, Any] = yaml.safe_load(page.split("---\n")[1])
    return value


def places(menu: Any) -> list[str]:
    """Every page that a menu leads to."""
    if isinstance(menu, str):
        return [menu]
    return [place for entry in menu for value in (entry.values() if isinstance(entry, dict) else [entry]) for place in places(value)]


def test_the_menu_leads_to_every_page_once(site_data: View) -> None:
    """No page is without a way to it, and none is in the menu twice."""
    data = site_data()
    found = places(navigation(data))
    assert len(found) == len(set(found))
    assert {place for place in found if not place.startswith("about/")} == set(all_pages(data))
    outside = places(navigation(data, inside=False))
    assert {place for place in found if place not in outside} == {place for place in found if place.startswith(("plan/", "incidents"))}


def test_all_rules_stand_on_one_page_with_what_they_found(site_data: View) -> None:
    """What each asks for, for which dialects its page shows the fix, the controls that rest on it, and what is open."""
    data = site_data()
    page = read(rules_page(data))
    for rule in data.rules:
        line = next(line for line in page.splitlines() if line.startswith(f"| [{rule.id}](rules/{rule.id}.md)"))
        assert rule.title in line
        assert all(f"[{control.id}](controls/{control.id}.md)" in line for control in data.catalogue.for_policy(rule.id))
        if rule.kind is not Kind.CODE:
            assert "Terraform, CloudFormation" in line
    gated = next(rule for rule in data.rules if rule.id == "s3-put-object-gated")
    assert found_by(data, gated) == ["arn:aws:s3:::shop-uploads", "aws_s3_bucket_policy.uploads"]
    assert next(line for line in page.splitlines() if "[s3-put-object-gated]" in line).endswith("| 2 |")
    counts = {name: next(line for line in page.splitlines() if f"[{name}]" in line) for name in ("cdn-media-gated", "config-recorder-on")}
    assert counts["cdn-media-gated"].endswith("| 0 |")
    assert counts["config-recorder-on"].endswith("| 0 (1 of 2 assessments not made) |")


def test_every_rule_says_what_why_how_to_mend_and_what_it_misses(site_data: View) -> None:
    """Each page has the four parts, whoever wrote it, and where the rule runs."""
    data = site_data()
    for rule in all_rules():
        page = rule_page(data, rule)
        for part in ("## What it checks", "## Why", "## Fix", "## What it can't see"):
            assert part in page, f"{rule.id} lacks {part}"
        assert "before a merge" in page


def test_dialects_are_read_from_the_fix_alone() -> None:
    """A code block elsewhere on the page, or in another language, is no fix in a dialect."""
    text = "## Why\n```hcl\na\n```\n## Fix\n```yaml\nb\n```\n```sh\nc\n```\n## What it can't see\n```hcl\nd\n```\n"
    assert dialects(text) == ["CloudFormation"]
    assert dialects(text.replace("```sh", "```hcl")) == ["Terraform", "CloudFormation"]
    assert dialects("## Fix\nIn words.\n") == dialects(None) == []


def test_a_rule_of_ones_own_has_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A rule in the organisation's folder, and the control that an overlay adds it to, are on the site as the shipped ones are."""
    assert run(["rules", "new", "labels-present", "--output", str(tmp_path / "rules")]) == 0
    capsys.readouterr()
    added = {"id": "labels", "method": "EXAMINE", "policy": "labels-present"}
    settings = {"version": 1, "rules": ["rules"], "overlays": {"SM-UPL-03": {"reason": "House rule.", "add": [added]}}}
    (tmp_path / "averment.yaml").write_text(json.dumps(settings))
    organisation = load_organisation(tmp_path / "averment.yaml")
    data = gather(organisation, load_catalogue(organisation), as_of=datetime(2026, 11, 23, 7, 0, tzinfo=UTC))
    assert "rules/labels-present.md" in all_pages(data)
    assert "(own)" in next(line for line in rules_page(data).splitlines() if "labels-present" in line)
    control = data.catalogue.get("SM-UPL-03")
    assert control is not None
    assert "(../rules/labels-present.md)" in control_page(data, control)


def test_a_control_is_found_by_id_article_and_service(site_data: View) -> None:
    """The words by which the search ranks a page first are its id, the provisions that it refers to, and the services that it is about."""
    data = site_data()
    found = {control.id: head(control_page(data, control))["tags"] for control in data.catalogue}
    assert all(tags[0] == control for control, tags in found.items())
    by_article = {control for control, tags in found.items() if "EU AI Act Art 50(2)" in tags}
    assert by_article == {c.id for c in data.catalogue if ("eu-ai-act", "art-50-2") in {(r.framework, r.ref) for r in c.references}}
    assert len(by_article) > 3
    assert {"SM-IDV-01", "SM-IDV-04"} <= {control for control, tags in found.items() if "Rekognition" in tags}
    assert "S3" in found["SM-UPL-03"]
    assert "SageMaker" in found["SM-DET-03"]


def test_services_are_those_of_rules_collectors_and_words() -> None:
    """A resource type of a rule, or a service's name in the control's own words or in what its collectors say that they ask; source code is no service."""
    catalogue = load_catalogue()
    rules = {rule.id: rule for rule in all_rules()}
    assert services_of(None, [rules["cdn-media-gated"]]) == ["CloudFront"]
    assert services_of(None, [rule for rule in rules.values() if rule.kind is Kind.CODE]) == []
    about = {control.id: services_of(control, []) for control in catalogue}
    # Its pipeline is asked of EventBridge, not of Lambda.
    assert about["SM-DET-01"] == ["AWS Config", "CloudWatch", "EventBridge", "S3", "SQS"]
    assert about["SM-PRV-04"] == ["CloudWatch", "S3"]
    assert "CloudWatch" in about["SM-MON-02"]


def test_claims_have_a_page_of_their_own(site_data: View) -> None:
    """Each claim with its last run, open plots and words for them; those that were never run by control and owner."""
    data = site_data()
    page = claims_page(data)
    assert "1 inconclusive, 1 supported" in read(page)
    tested, never = read(page).split("## Never run")
    assert "performance on reference-corpus is at least 0.75" in tested
    head = page[: page.index("\n## ")]  # before any claim's own section: which failed is seen without scrolling through plots
    assert sorted(re.findall(r"\]\(#sm-[a-z]+-[0-9]+-[a-z]+\) \| \*\*(\w+)\*\*", head)) == ["inconclusive", "supported"]
    assert "<details open><summary>Plots</summary>" in page
    assert re.findall(r'<img src="plots/[^"]+-roc.svg" alt="ROC curve', page)
    claims = [f"{c.id}/{a.id}" for c in data.catalogue for a in c.assessments if a.claim is not None]
    assert never.count("](controls/") == len(claims) - 2
    assert "| trust-and-safety |" in never


def test_claims_on_the_same_scores_show_their_curves_once(site_data: View) -> None:
    """Five claims had the same five pictures below one another, and looked like five measurements; the later ones have them folded."""
    record = next(record for record in site_data().claim_records.values() if pictures(record, "", set()))
    seen: set[str] = set()
    first, second = pictures(record, "", seen), pictures(record, "", seen)
    assert "<details open><summary>Plots</summary>" in first
    assert "stand above" not in first
    assert "<details open>" not in second
    assert "<details><summary>Plots that stand above already</summary>" in second
    assert first.count("<img") == second.count("<img") > 0


def test_a_claim_that_could_not_be_tested_has_no_figures(site_data: View) -> None:
    """Neither "0 samples" nor a seed that there was none of."""
    data = site_data()
    rows = [
        dataclasses.replace(row, verdict="not tested", estimate=None, samples=0, clusters=0, seed=None, reason="nothing is known of it")
        for row in data.report.claims
    ]
    page = read(claims_page(dataclasses.replace(data, report=dataclasses.replace(data.report, claims=tuple(rows)))))
    assert "\nNothing is known of it. 2026-11-23 06:00 UTC, record [" in page  # with a dash before it, it read as an item of a list
    assert "None" not in page


def test_records_are_counted_and_long_lists_are_cut_to_what_is_referred_to(site_data: View, monkeypatch: pytest.MonkeyPatch) -> None:
    """Collectors with their counts; where there are too many records, those remain that a page of the site leads to, and the page says so."""
    data = site_data()
    assert "Of 9 records" not in read(evidence_page(data))
    assert "| detector-metrics | 1 | 1 |" in read(evidence_page(data))
    unused = dataclasses.replace(next(iter(data.report.evidence)), record="00000000-0000-5000-8000-000000000000", used_by=())
    more = dataclasses.replace(data, report=dataclasses.replace(data.report, evidence=(*data.report.evidence, unused)))
    assert unused.record in evidence_page(more)
    monkeypatch.setattr(evidence, "MAX_LISTED", 5)
    found = Mock(side_effect=evidence.linked)
    monkeypatch.setattr(evidence, "linked", found)
    page = evidence_page(more)
    assert found.call_count == 1, "what pages lead to was looked for anew for each of 200,000 records"
    assert unused.record not in page
    assert "Of 10 records" in read(page)
    for row in data.report.assessments:
        assert all(f"r-{record}" in page for record in row.records)


def test_how_to_verify_has_commands_for_this_very_ledger(site_data: View) -> None:
    """The log, its root and the key's fingerprint, and commands of one line each that can be copied as they are."""
    data = site_data()
    assert data.ledger is not None
    page = verify_page(data)
    assert data.ledger.root in read(page)
    (fingerprint,) = data.ledger.keys
    assert fingerprint in page
    commands = [html.unescape(found) for found in re.findall(r"<pre><code>(.*?)</code></pre>", page)]
    assert "averment ledger verify --ledger .averment/ledger --key auditee.pub.pem" in commands
    assert "averment export --period 2026Q4 --output package" in commands
    proven = next(command for command in commands if command.startswith("averment ledger prove "))
    assert proven.split()[-1] in {row.record for row in data.report.evidence}
    assert all("\n" not in command and not command.startswith("$") for command in commands)


def test_without_a_ledger_there_is_nothing_to_verify(site_data: View) -> None:
    """The page says so, and offers no command that would fail."""
    page = verify_page(site_data(filled=False))
    assert "there is nothing to verify" in page
    assert "<pre>" not in page


def test_the_commands_of_the_page_do_what_they_say(
    site_data: View, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run one after the other as they stand, with the ledger's public key, all of them succeed."""
    data = site_data()
    monkeypatch.chdir(tmp_path)
    (key,) = (tmp_path / ".averment" / "ledger" / "keys").glob("*.pub.pem")
    (tmp_path / "auditee.pub.pem").write_bytes(key.read_bytes())
    commands = [html.unescape(found) for found in re.findall(r"<pre><code>(.*?)</code></pre>", verify_page(data))]
    ours = [command.split()[1:] for command in commands if command.startswith("averment ")]
    assert len(ours) == 5
    for arguments in ours:
        assert run(arguments) == 0, arguments
    capsys.readouterr()


def test_cards_sheets_and_blueprints_are_pages(site_data: View) -> None:
    """The model's card, the data sheets and the page of each blueprint are on the site as they ship."""
    pages = all_pages(site_data())
    assert set(sheets()) == {"model-card.md", "data-sheet.md", "corpus-sheet.md"}
    assert pages["model-card.md"].startswith("# Model card")
    assert "## " in pages["data-sheet.md"]
    for name, blueprint in all_blueprints().items():
        assert pages[f"blueprints/{name}.md"].startswith(f"# {blueprint.title}")


@pytest.mark.parametrize("rule", ["s3-put-object-gated", "AVERMENT_S3_PUT_OBJECT_GATED"])
def test_a_waiver_that_names_a_rule_is_on_its_controls_page(site_data: View, rule: str) -> None:
    """A finding is accepted by the rule's name as well as by the control's: the page that tells it as waived tells by whom and why."""
    data = site_data()
    [named, *_] = data.report.waivers
    by_rule = dataclasses.replace(named, control=rule, resource="aws_s3_bucket.old")
    shown = dataclasses.replace(data, report=dataclasses.replace(data.report, waivers=(by_rule,)))
    assert shown.waivers("SM-UPL-03") == [by_rule]
    assert shown.waivers("SM-DEL-01") == []


def test_a_control_leads_to_its_runbook_and_blueprint(site_data: View) -> None:
    """What puts it right is a link, and its waivers and the rules' fixes are on the page."""
    data = site_data()
    control = data.catalogue.get("SM-UPL-03")
    assert control is not None
    page = control_page(data, control)
    assert re.search(r"Runbook: \[isolate&#45;bucket\]|Runbook: \[isolate-bucket\]", page)
    assert f"(../blueprints/{control.blueprint}.md)" in page
    rule = next(rule for rule in data.rules if rule.id == "s3-put-object-gated")
    assert rule.remediation in read(page)
    waived = data.catalogue.get("SM-DEL-01")
    assert waived is not None
    waivers = read(control_page(data, waived)).split("## Waivers")[1].split("## ")[0]
    assert "The old shop front closes at the end of the year. | platform-delivery, ciso |" in waivers
    assert "2026-12-31 | in force, accepts 1 |" in waivers
