"""The verdict on the code beside the verdict on what is deployed. Origin of the data: written for these tests."""

from __future__ import annotations

import fnmatch
import itertools
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from averment.controls.loader import load_catalogue
from averment.controls.model import Assessment, Catalogue, Control
from averment.core.organisation import Organisation, Waiver
from averment.core.period import from_iso
from averment.core.source import SourceRef
from averment.core.words import Method, Severity
from averment.evidence.record import Gathering, Kind, Record
from averment.evidence.reporting import drift as module
from averment.evidence.reporting.drift import NOT_SEEN, DriftRow, drift
from averment.policies.engine import check
from averment.policies.graph.physical import deployed_as
from averment.policies.rules.registry import all_rules
from averment.policies.surfaces.registry import load_graphs

NOW = from_iso("2026-11-20T12:00:00Z")
RUNTIME = Assessment("runtime", Method.EXAMINE, collector="config-compliance", policy="gated")
CONTROL = Control("SM-UPL-03", "Title", "Objective", Severity.HIGH, "platform", "continuous", "Because", (), (RUNTIME,))
CATALOGUE = Catalogue((CONTROL,), {})


def record(kind: Kind, payload: dict[str, Any], **more: Any) -> Record:
    values: dict[str, Any] = {
        "kind": kind,
        "collector": str(kind),
        "collector_version": "2",
        "source": "test",
        "query": {},
        "effective_at": NOW - timedelta(hours=1),
        "collected_at": NOW - timedelta(hours=1),
        "payload": payload,
    }
    return Record(**{**values, **more})


def code(*findings: tuple[str, str, str | None], waived: bool = False) -> Record:
    """A check with findings (address, verdict, bucket's name)."""
    note = "averment:waive=SM-UPL-03 until=2026-12-31 owner=o reason=r" if waived else None
    rows = [
        {
            "rule": "gated",
            "verdict": verdict,
            "resource": address,
            "resource_type": "AWS::S3::Bucket",
            "message": "m",
            "where": "main.tf:3",
            "waived_by": note,
            "deployed": [["AWS::S3::Bucket", name]] if name else [],
        }
        for address, verdict, name in findings
    ]
    return record(Kind.CHECK, {"rules": ["gated"], "findings": rows, "problems": []})


def deployed(*results: tuple[str, str, str | None], annotation: str | None = None, **more: Any) -> Record:
    """Compliance of buckets (id, compliance, name)."""
    rows = [
        {"id": identity, "name": name, "type": "AWS::S3::Bucket", "compliance": compliance, "annotation": annotation}
        for identity, compliance, name in results
    ]
    payload = {"rules": [{"rule": "gated", "config_rule": "averment-gated", "resources": rows}]}
    return record(Kind.CONFIG_COMPLIANCE, payload, account="111122223333", region="eu-west-1", **more)


def rows(*records: Record, waivers: tuple[Waiver, ...] = ()) -> tuple[DriftRow, ...]:
    return drift(CATALOGUE, Organisation(waivers=waivers), records, NOW)


@pytest.mark.parametrize(
    ("verdict", "compliance", "annotation", "before", "after", "says"),
    [
        ("pass", "COMPLIANT", None, "pass", "pass", "the same on both sides"),
        ("pass", "NON_COMPLIANT", None, "pass", "fail", "changed by hand, or deployed from another version"),
        ("fail", "COMPLIANT", None, "fail", "pass", "not deployed yet, or was mended by hand"),
        ("pass", "NOT_APPLICABLE", "could not check: no permission", "pass", "unknown", "could not be checked"),
        ("pass", "INSUFFICIENT_DATA", None, "pass", "unknown", "could not be checked"),
        ("unknown", "NON_COMPLIANT", None, "unknown", "fail", "could not be told from the code"),
    ],
)
def test_the_two_sides_stand_beside_each_other(
    verdict: str, compliance: str, annotation: str | None, before: str, after: str, says: str
) -> None:
    """Every way in which they can part has its own words; an unknown is never taken for a pass."""
    (row,) = rows(code(("aws_s3_bucket.b", verdict, "uploads")), deployed(("uploads", compliance, "uploads"), annotation=annotation))
    assert (row.before, row.at_run_time) == (before, after)
    assert says in row.says
    assert row.differs == (before != after)
    assert (row.control, row.rule, row.resource, row.code, row.where) == ("SM-UPL-03", "gated", "uploads", "aws_s3_bucket.b", "main.tf:3")


def test_a_part_says_nothing_of_what_it_does_not_speak_of() -> None:
    """A page was refused, or a file couldn't be read: what differed there was told as not deployed, or as made by hand."""
    part = {"gathering": Gathering.PARTIAL, "reason": "page 2 was refused", "effective_at": NOW, "collected_at": NOW}
    checked = code(("aws_s3_bucket.b", "pass", "uploads"), ("aws_s3_bucket.c", "pass", "media"))
    seen = deployed(("uploads", "NON_COMPLIANT", "uploads"), ("AROA1", "NON_COMPLIANT", "media"))
    both = [("media", "pass", "fail"), ("uploads", "pass", "fail")]
    assert [(row.resource, row.before, row.at_run_time) for row in rows(checked, seen)] == both
    mended = deployed(("AROA1", "COMPLIANT", None), **part)
    found = rows(checked, seen, mended)
    assert [(row.resource, row.before, row.at_run_time) for row in found] == [("media", "pass", "pass"), ("uploads", "pass", "fail")]
    assert [row.seen_at for row in found] == [NOW, NOW - timedelta(hours=1)]
    unread = replace(code(("aws_s3_bucket.c", "fail", "media")), **part)
    found = rows(checked, unread, seen)
    assert [(row.resource, row.before, row.at_run_time) for row in found] == [("media", "fail", "fail"), ("uploads", "pass", "fail")]


@pytest.mark.parametrize(("compliance", "after"), [("COMPLIANT", "unknown"), ("NON_COMPLIANT", "fail")])
def test_a_pass_of_a_rule_whose_last_run_failed_is_none(compliance: str, after: str) -> None:
    """AWS Config goes on showing what the rule said before, which status doesn't assess either."""
    there = deployed(("uploads", compliance, "uploads"))
    failing = {"since": "2026-11-20T11:00:00Z", "why": "AccessDenied"}
    payload = {"rules": [{**rule, "failing": failing} for rule in there.payload["rules"]]}  # type: ignore[union-attr,dict-item]
    (row,) = rows(code(("aws_s3_bucket.b", "pass", "uploads")), replace(there, payload=payload))
    assert (row.before, row.at_run_time, row.differs) == ("pass", after, True)


def test_a_waiver_on_one_side_only_shows() -> None:
    """A waiver beside the code doesn't name the bucket as deployed, and one that names the bucket doesn't cover the code."""
    (row,) = rows(code(("aws_s3_bucket.b", "fail", "uploads"), waived=True), deployed(("uploads", "NON_COMPLIANT", "uploads")))
    assert (row.before, row.at_run_time) == ("waived", "fail")
    assert "waived in the code only" in row.says
    named = Waiver("SM-UPL-03", "uploads", "o", "a", "r", date(2026, 12, 31), SourceRef())
    (row,) = rows(code(("aws_s3_bucket.b", "fail", "uploads")), deployed(("uploads", "NON_COMPLIANT", "uploads")), waivers=(named,))
    assert (row.before, row.at_run_time) == ("fail", "waived")
    expired = Waiver("SM-UPL-03", "uploads", "o", "a", "r", date(2026, 11, 1), SourceRef())
    (row,) = rows(code(("aws_s3_bucket.b", "fail", "uploads")), deployed(("uploads", "NON_COMPLIANT", "uploads")), waivers=(expired,))
    assert (row.before, row.at_run_time) == ("fail", "fail")


def test_a_waiver_for_another_account_shows_on_neither_side() -> None:
    """It is of the account that AWS Config was asked in, or it accepts nothing there."""
    for account, wanted in (("111122223333", "waived"), ("444455556666", "fail")):
        here = Waiver("SM-UPL-03", "uploads", "o", "a", "r", date(2026, 12, 31), SourceRef(), accounts=(account,))
        (row,) = rows(code(("aws_s3_bucket.b", "fail", "uploads")), deployed(("uploads", "NON_COMPLIANT", "uploads")), waivers=(here,))
        assert (row.before, row.at_run_time) == ("fail", wanted)


def test_a_resource_is_found_by_its_name_not_its_id() -> None:
    """AWS Config's id of a role says nothing: the name that was collected with it is what the code knows."""
    (row,) = rows(code(("aws_s3_bucket.b", "pass", "uploads")), deployed(("AROAEXAMPLE", "NON_COMPLIANT", "uploads")))
    assert row.differs
    assert row.resource == "uploads"


def test_a_name_of_which_a_part_is_known_is_found_if_one_alone_fits() -> None:
    """``${var.env}-uploads`` is prod-uploads where no other bucket could be meant; otherwise nothing is claimed."""
    (row,) = rows(code(("aws_s3_bucket.b", "pass", "*-uploads")), deployed(("prod-uploads", "NON_COMPLIANT", None)))
    assert (row.code, row.at_run_time) == ("aws_s3_bucket.b", "fail")
    two = deployed(("prod-uploads", "COMPLIANT", None), ("dev-uploads", "COMPLIANT", None))
    said = {(row.before, row.at_run_time) for row in rows(code(("aws_s3_bucket.b", "pass", "*-uploads")), two)}
    assert said == {("pass", NOT_SEEN), (NOT_SEEN, "pass")}


@given(
    st.lists(st.text("ab", max_size=5), max_size=8, unique=True),
    st.lists(st.tuples(st.text("ab*?[]", max_size=3), st.text("ab*?[]", max_size=3)).map("*".join), max_size=8, unique=True),
)
@settings(max_examples=100)
def test_a_pattern_fits_what_it_would_if_each_were_compared_with_each(names: list[str], texts: list[str]) -> None:
    """The ends by which they are found leave out none, whatever else in a pattern means more than itself."""
    patterns = [("T", text) for text in texts]
    found = module._fitting([("T", name) for name in names], patterns)
    fits = {("T", name): {pattern for pattern in patterns if fnmatch.fnmatchcase(name, pattern[1])} for name in names}
    assert {key: set(some) for key, some in found.items()} == fits


@pytest.mark.parametrize("pattern", ["*-uploads-{:04}", "team{:04}-*-uploads-of-the-whole-shop"])
def test_of_thousands_of_names_each_is_compared_with_few_patterns(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each bucket's name begins with a variable, or has one in its midst: each was compared with each, under every rule."""
    compared, fits = [], fnmatch.fnmatchcase
    monkeypatch.setattr(fnmatch, "fnmatchcase", lambda *two: compared.append(two) or fits(*two))
    names = [pattern.format(number) for number in range(600)]
    found = rows(
        code(*((f"aws_s3_bucket.b{number}", "pass", name) for number, name in enumerate(names))),
        deployed(*((name.replace("*", "prod"), "COMPLIANT", None) for name in names)),
    )
    assert [(row.before, row.at_run_time) for row in found] == [("pass", "pass")] * 600
    assert len(compared) == 600


def test_what_stands_on_one_side_only_is_said() -> None:
    """A bucket made by hand, and one that was never deployed, are drift too."""
    found = rows(code(("aws_s3_bucket.b", "pass", "a"), ("aws_s3_bucket.c", "pass", None)), deployed(("z", "NON_COMPLIANT", "z")))
    assert {(row.resource, row.before, row.at_run_time) for row in found} == {
        ("a", "pass", NOT_SEEN),
        ("aws_s3_bucket.c", "pass", NOT_SEEN),
        ("z", NOT_SEEN, "fail"),
    }
    assert all(row.differs for row in found)


@pytest.mark.parametrize(
    ("annotation", "says"), [(None, "as deployed the rule finds nothing"), ("the resource is gone", "not deployed here")]
)
def test_a_bucket_that_the_rule_has_nothing_to_say_of_is_deployed_all_the_same(annotation: str | None, says: str) -> None:
    """Its policy was taken away by hand: of a bucket that AWS Config speaks of, that it isn't deployed here was wrong."""
    (row,) = rows(code(("aws_s3_bucket_policy.b", "pass", "*loads")), deployed(("uploads", "NOT_APPLICABLE", None), annotation=annotation))
    assert (row.before, row.at_run_time, row.differs) == ("pass", NOT_SEEN, True)
    assert says in row.says
    assert row.account == (None if annotation else "111122223333")


def test_a_bucket_and_its_policy_are_one_resource_at_run_time() -> None:
    """AWS Config has one item for both, so the graver verdict of the two stands for the bucket."""
    both = code(("aws_s3_bucket.b", "pass", "uploads"), ("aws_s3_bucket_policy.b", "fail", "uploads"))
    (row,) = rows(both, deployed(("uploads", "NON_COMPLIANT", "uploads")))
    assert (row.before, row.at_run_time, row.code) == ("fail", "fail", "aws_s3_bucket_policy.b")


def test_without_both_sides_nothing_is_compared() -> None:
    """No evidence of a side is a gap of an assessment, not drift; an attempt that failed is no evidence."""
    assert rows(code(("aws_s3_bucket.b", "pass", "uploads"))) == ()
    assert rows(deployed(("uploads", "COMPLIANT", "uploads"))) == ()
    failed = deployed(("uploads", "COMPLIANT", "uploads"), gathering=Gathering.COULD_NOT, reason="denied")
    assert rows(code(("aws_s3_bucket.b", "pass", "uploads")), failed) == ()


def test_the_order_of_the_records_does_not_matter() -> None:
    """The latest of each side counts, in whatever order they are read."""
    old = deployed(("uploads", "COMPLIANT", "uploads"), effective_at=NOW - timedelta(days=3), collected_at=NOW - timedelta(days=3))
    records = [code(("aws_s3_bucket.b", "pass", "uploads")), deployed(("uploads", "NON_COMPLIANT", "uploads")), old]
    first = rows(*records)
    assert [row.at_run_time for row in first] == ["fail"]
    assert all(rows(*order) == first for order in itertools.permutations(records))


TERRAFORM = """
variable "env" {}
resource "aws_s3_bucket" "known" { bucket = "acme-uploads" }
resource "aws_s3_bucket" "partly" { bucket = "${var.env}-uploads" }
resource "aws_s3_bucket" "nameless" {}
resource "aws_s3_bucket_policy" "known" {
  bucket = aws_s3_bucket.known.id
  policy = "{}"
}
resource "aws_iam_role" "worker" {
  name               = "worker"
  assume_role_policy = "{}"
}
resource "aws_iam_role_policy" "worker" {
  role   = aws_iam_role.worker.id
  policy = "{}"
}
resource "aws_iam_policy" "shared" {
  name   = "shared"
  policy = "{}"
}
"""


def test_the_code_says_what_its_resources_are_called(tmp_path: Path) -> None:
    """Names, patterns where a variable is open, and the owners of what AWS Config keeps inside them; nothing for what AWS names."""
    (tmp_path / "main.tf").write_text(TERRAFORM, encoding="utf-8")
    (graph,) = load_graphs(tmp_path)
    found = {resource.address: [tuple(item) for item in deployed_as(resource, graph)] for resource in graph}
    assert found == {
        "aws_s3_bucket.known": [("AWS::S3::Bucket", "acme-uploads")],
        "aws_s3_bucket.partly": [("AWS::S3::Bucket", "*-uploads")],
        "aws_s3_bucket.nameless": [],
        "aws_s3_bucket_policy.known": [("AWS::S3::Bucket", "acme-uploads")],
        "aws_iam_role.worker": [("AWS::IAM::Role", "worker")],
        "aws_iam_role_policy.worker": [("AWS::IAM::Role", "worker")],
        "aws_iam_policy.shared": [("AWS::IAM::Policy", "shared")],
    }


def test_findings_carry_it(tmp_path: Path) -> None:
    """The check hands it on, so that evidence can be laid beside AWS Config's without the code."""
    (tmp_path / "main.tf").write_text(TERRAFORM.replace('variable "env" {}', 'variable "env" { default = "dev" }'), encoding="utf-8")
    result = check([tmp_path], all_rules(), Organisation(), load_catalogue())
    names = {tuple(item) for finding in result.findings for item in finding.deployed}
    assert ("AWS::S3::Bucket", "dev-uploads") in names
