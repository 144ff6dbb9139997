"""Reports for code hosts and for people in a hurry: GitLab's code quality, Markdown for a comment, SARIF's limits, the brief table."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Tree

import click
import jsonschema
import pytest

from averment.cli.main import run as averment
from averment.controls.loader import load_catalogue
from averment.core.organisation import Organisation
from averment.core.source import SourceRef
from averment.core.words import Severity, Verdict
from averment.policies.engine import CheckResult, Counts, Options, check
from averment.policies.graph.model import Problem
from averment.policies.interface import Finding
from averment.policies.report.interface import Report
from averment.policies.report.markdown import MARKER, MAX_CHARACTERS
from averment.policies.report.registry import FORMAT_NAMES, format_named
from averment.policies.report.sarif import MAX_TAGS
from averment.policies.report.table import TableFormat
from averment.policies.rules.registry import all_rules

RULES = {rule.id: rule for rule in all_rules()}
GITLAB = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "fingerprint": {"type": "string", "minLength": 1},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": "^(?!\\./).+"},
                    "lines": {"type": "object", "required": ["begin"], "properties": {"begin": {"type": "integer", "minimum": 1}}},
                },
            },
        },
    },
}
"""Written for this test after GitLab's documentation of code quality reports."""


def finding(**changes: Any) -> Finding:
    values: dict[str, Any] = {
        "rule": "s3-put-object-gated",
        "severity": Severity.HIGH,
        "verdict": Verdict.FAIL,
        "message": "wrong",
        "resource": "aws_s3_bucket.b",
        "resource_type": "AWS::S3::Bucket",
        "where": SourceRef("main.tf", 3, 5),
        "fix": "a = 1\nb = 2",
    }
    return Finding(**{**values, **changes})


def report_of(*findings: Finding, problems: tuple[Problem, ...] = (), base: Path | None = None, **options: Any) -> Report:
    counts = Counts(failed=sum(item.counts for item in findings))
    return Report(CheckResult(findings, problems, counts), RULES, load_catalogue(), base or Path.cwd(), **options)


def test_gitlab_takes_the_report() -> None:
    """Failures by severity, unknowns as info, what could not be checked as blocker; nothing accepted; fingerprints are unique."""
    same = finding()
    text = format_named("gitlab").render(
        report_of(
            same,
            same,
            finding(severity=Severity.LOW, resource="low", where=SourceRef("plan.json")),
            finding(verdict=Verdict.UNKNOWN, resource="u"),
            finding(resource="w", waived_by="somebody"),
            finding(resource="k", baseline="known.json"),
            finding(resource="p", verdict=Verdict.PASS),
            problems=(Problem("is not valid HCL", SourceRef("x.tf", 9)), Problem("no place", SourceRef(), blocking=False)),
        )
    )
    entries = json.loads(text)
    jsonschema.Draft202012Validator(GITLAB).validate(entries)
    assert [entry["severity"] for entry in entries] == ["critical", "critical", "minor", "info", "blocker", "info"]
    assert len({entry["fingerprint"] for entry in entries}) == len(entries)
    assert entries[0]["description"].startswith("SM-UPL-03 wrong")
    assert entries[0]["location"] == {"path": "main.tf", "lines": {"begin": 3}}


HOSTILE = "a | b <script>alert(1)</script> @everyone &commat;everybody [x](javascript:y) `code` **b** #1 </details>\n\n# head"


def test_markdown_is_harmless_whatever_a_file_says() -> None:
    """Names and messages from a stranger's pull request can't open HTML, links, mentions, headings or another comment's fold."""
    text = format_named("markdown").render(
        report_of(
            finding(message=HOSTILE, resource=HOSTILE, fix="x\n```\n</details>\n# out\n````\n"),
            finding(message=HOSTILE, resource=HOSTILE, verdict=Verdict.UNKNOWN),
            finding(message=HOSTILE, waived_by=HOSTILE),
            problems=(Problem(HOSTILE, SourceRef(HOSTILE, 1)),),
        )
    )
    assert text.startswith(MARKER + "\n### averment check: incomplete")
    fence = "`" * 5
    outside = re.sub(rf"^{fence}\w+\n.*?^{fence}$", "", text, flags=re.DOTALL | re.MULTILINE)
    without_code = re.sub(r"(`+)(?:(?!\1).)+?\1(?!`)", "", outside)
    assert without_code.count("<details>") == 1
    assert len(re.findall(r"^</details>$", outside, re.MULTILINE)) == 1
    assert "<script>" not in without_code.replace("\\<", "")
    assert not re.search(r"@(?!\u200b)", without_code)
    assert not re.search(r"(?<!\\)&commat;", without_code)  # HTML's name of @, which Markdown resolves
    assert not re.search(r"^#+ head", outside, re.MULTILINE)
    assert "](javascript" not in without_code.replace("\\]", "").replace("\\(", "")


def test_markdown_that_does_not_fit_says_so() -> None:
    """A comment stays below what GitHub takes, and a cut one doesn't look whole."""
    many = [finding(resource=f"aws_s3_bucket.b{index}", fix="x = 1\n" * 40) for index in range(400)]
    text = format_named("markdown").render(report_of(*many))
    assert len(text) <= MAX_CHARACTERS
    kept = text.count("<details>")
    assert f"{400 - kept} more entries do not fit here" in text
    assert "### averment check: 400 findings" in text


def test_markdown_of_nothing_is_short() -> None:
    """A clean pull request gets three lines."""
    text = format_named("markdown").render(report_of())
    assert "no failures" in text
    assert len(text.splitlines()) <= 6


def test_sarif_keeps_to_the_limits_and_says_how_findings_are_held() -> None:
    """At most 20 tags a rule, help in Markdown, a region each, GitHub's own fingerprint name; a baseline suppresses from outside."""
    document = json.loads(
        format_named("sarif").render(report_of(finding(), finding(baseline="known.json"), finding(where=SourceRef("plan.json"))))
    )
    (run,) = document["runs"]
    for rule in run["tool"]["driver"]["rules"]:
        assert len(rule["properties"]["tags"]) <= MAX_TAGS == 20
        assert rule["help"]["markdown"].startswith(f"**{RULES[rule['id']].title}**")
    first, known, plan = run["results"]
    assert first["locations"][0]["physicalLocation"]["region"] == {"startLine": 3, "endLine": 5}
    assert plan["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}
    assert first["partialFingerprints"]["primaryLocationLineHash"].startswith(first["partialFingerprints"]["averment/v1"])
    assert "suppressions" not in first
    assert known["suppressions"] == [{"kind": "external", "justification": "known from the baseline known.json"}]


POLICY = """resource "aws_s3_bucket" "u" {
  bucket = "shop-uploads"
}
resource "aws_s3_bucket_policy" "u" {
  bucket = aws_s3_bucket.u.id
  policy = jsonencode({
    Statement = [{ Effect = "Allow", Principal = "*", Action = "s3:PutObject", Resource = "${aws_s3_bucket.u.arn}/*" }]
  })
}
"""


def test_fingerprints_survive_a_block_that_moves_within_its_file(tmp_path: Path) -> None:
    """Blocks in another order, more lines before, and edits inside the block keep every fingerprint; a renamed resource is another."""

    def marks(text: str) -> dict[str, str]:
        (tmp_path / "main.tf").write_text(text)
        result = check([tmp_path], list(RULES.values()), Organisation(), load_catalogue(), Options())
        report = Report(result, RULES, load_catalogue(), tmp_path)
        return {f"{item.rule} {item.resource}": report.fingerprint(item) for item in result.failures}

    head, _, tail = POLICY.partition('resource "aws_s3_bucket_policy"')
    before = marks(POLICY)
    assert before
    assert marks('\n\nresource "aws_s3_bucket_policy"' + tail + "# moved\n" + head) == before
    assert marks(POLICY.replace("s3:PutObject", "s3:*")).items() >= {k: v for k, v in before.items() if k.startswith("s3-put")}.items()
    renamed = marks(POLICY.replace('"u"', '"v"').replace(".u.", ".v."))
    assert not set(renamed.values()) & set(before.values())


def test_the_table_names_the_weightiest_law_and_says_it_once() -> None:
    """What binds the organisation comes before what may; a second finding points to the first; --verbose cites all, each time."""
    items = (finding(), replace(finding(), resource="aws_s3_bucket.c", fix="bucket = c\n2\n3\n4"))
    plain = report_of(*items, day=date(2026, 11, 23))
    text = TableFormat().render(plain)
    why = [line for line in text.splitlines() if "why:" in line]
    assert len(why) == 2
    assert re.search(r"SM-UPL-03 .*: GDPR Art \S+ may bind you since 2018-05-25; \+\d+ more", " ".join(text.split()))
    assert "SM-UPL-03, as above" in why[1]
    bound = report_of(*items, day=date(2026, 11, 23), profile={"personal_data": True})
    (given,) = bound.why("s3-put-object-gated")
    assert "binds you" in given.brief or "may bind you" in given.brief
    full = TableFormat(full=True).render(plain)
    assert full.count("NIST AI RMF") >= 2 * text.count("NIST AI RMF") + 2
    assert "as above" not in full


def test_the_table_points_to_a_fix_that_it_has_shown() -> None:
    """A long fix that differs in the resource's name alone is shown once; a short one is repeated."""
    long = "resource {name} {{\n  a\n  b\n  c\n}}"
    items = [finding(resource=f"aws_s3_bucket.{name}", fix=long.format(name=name)) for name in ("first", "second")]
    text = TableFormat().render(report_of(*items))
    assert text.count("  a\n") == 1
    assert "fix:  as for aws_s3_bucket.first above" in text
    short = [finding(resource=f"aws_s3_bucket.{name}", fix=f"acl = {name}") for name in ("first", "second")]
    assert "acl = second" in TableFormat().render(report_of(*short))


def test_a_clean_table_is_one_line() -> None:
    """Quiet when clean: the sum, and on how much it rests."""
    assert len(TableFormat().render(report_of()).splitlines()) == 1


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_what_the_baseline_knows_is_not_open_in_any_format(name: str) -> None:
    """A known finding is counted or marked, never reported as open."""
    known = report_of(finding(baseline="known.json", message="old and known"))
    text = format_named(name).render(known)
    if name in {"table", "github", "gitlab", "markdown"}:
        assert "old and known" not in text
    elif name == "json":
        assert json.loads(text)["findings"][0]["baseline"] == "known.json"
    else:
        assert "known from the baseline known.json" in text


def test_a_name_in_a_strangers_file_does_not_reach_the_terminal_as_a_command() -> None:
    """Control characters of a resource or a message are shown as escapes, in colour and without; colour is ours alone."""
    hostile = report_of(finding(resource="aws_s3_bucket.a\x1b[2J\x9b1A\r", fix="a\tb\x07"))
    plain, coloured = TableFormat().render(hostile), TableFormat(colour=True).render(hostile)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", plain)
    assert r"aws_s3_bucket.a\x1b[2J\x9b1A\x0d" in plain
    assert "a\tb\\x07" in plain
    assert click.unstyle(coloured) == plain
    assert coloured != plain


def test_a_name_with_ends_of_lines_writes_no_line_of_its_own() -> None:
    """In a table, a name that holds a line like the report's last one, or a workflow command, stays within its line; so does turned text."""
    forged = "Up\n::error::forged\nno failures: 0 failed\u202e"
    found = (finding(resource=forged), finding(resource=forged, verdict=Verdict.UNKNOWN), finding(resource=forged, waived_by=forged))
    text = TableFormat(full=True).render(report_of(*found, problems=(Problem(forged, SourceRef("x.tf", 1)),)))
    assert not [line for line in text.splitlines() if line.lstrip().startswith(("::", "no failures"))]
    assert r"Up\x0a\x3a:error::forged\x0ano failures: 0 failed\x202e" in text
    assert "\u202e" not in text
    assert "\u202e" not in format_named("markdown").render(report_of(*found))


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_a_file_whose_name_is_no_text_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Linux takes any bytes as a name: each format is written all the same, and well-formed; a baseline knows the file again."""
    monkeypatch.chdir(tmp_path)
    folder = os.fsdecode(b"in\xff\x01fra")
    Path(folder).mkdir()
    (Path(folder) / "main.tf").write_text('resource "aws_sagemaker_model" "a" {\n  name = "a"\n}\n')
    only = ["check", "--rule", "detector-endpoint-guarded", folder]
    assert averment([*only, "-f", name]) == 1
    assert averment([*only, "-o", f"{name}=out"]) == 1
    text = Path("out").read_text(encoding="utf-8")
    if name in ("json", "sarif", "gitlab"):
        json.loads(text)
    if name == "sarif":
        assert '"uri": "in%FF%01fra/main.tf"' in text
    if name == "junit":
        assert Tree.fromstring(text).find(".//failure") is not None
    assert averment([*only, "--write-baseline", "known.json"]) == 0
    assert averment([*only, "--baseline", "known.json"]) == 0
