"""Reports: each format carries every failure, every unknown and every problem, and stands up to its own standard."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Tree

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
from averment.policies.report.registry import FORMAT_NAMES, format_named
from averment.policies.report.table import TableFormat
from averment.policies.rules.registry import all_rules

PROFILE = Path(__file__).with_name("sarif_profile.schema.json")
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


def finding(verdict: Verdict, **changes: Any) -> Finding:
    values: dict[str, Any] = {
        "rule": "s3-put-object-gated",
        "severity": Severity.HIGH,
        "verdict": verdict,
        "message": "50% of it: a, b\nand\x01more <tags>",
        "resource": 'aws_s3_bucket.b["ä b"]',
        "resource_type": "AWS::S3::Bucket",
        "where": SourceRef("infra/ä b/main.tf", 3, 5),
        "fix": "a = 1\nb = 2" if verdict is Verdict.FAIL else None,
    }
    return Finding(**{**values, **changes})


@pytest.fixture
def report(tmp_path: Path) -> Report:
    """One of everything, with characters that formats must escape."""
    findings = (
        finding(Verdict.FAIL),
        finding(Verdict.UNKNOWN, resource="u"),
        finding(Verdict.FAIL, resource="w", waived_by="averment:waive=SM-UPL-03 ..."),
        finding(Verdict.PASS, resource="p", message=""),
        finding(Verdict.FAIL, resource="plan", where=SourceRef("plan.json"), severity=Severity.LOW),
    )
    problems = (Problem("is not valid HCL", SourceRef("x.tf", 9)), Problem("module 'm' is not read", SourceRef("y.tf", 1), blocking=False))
    result = CheckResult(
        findings, problems, Counts(files=3, graphs=1, resources=4, rules=7, passed=1, failed=2, unknown=1, waived=1), ("a note",), ("z",)
    )
    return Report(result, {rule.id: rule for rule in all_rules()}, load_catalogue(), tmp_path)


def test_sarif_has_the_standards_form(report: Report):
    """Names, vocabularies and GitHub's limits of SARIF 2.1.0; also for odd characters, plans without lines, and waivers."""
    document = json.loads(format_named("sarif").render(report))
    schema = json.loads(PROFILE.read_text())
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER).validate(document)
    (run,) = document["runs"]
    assert [result["kind"] for result in run["results"]] == ["fail", "review", "fail", "fail"], "a pass is no result"
    assert run["results"][2]["suppressions"][0]["kind"] == "inSource"
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    assert run["invocations"][0]["executionSuccessful"] is False
    told = run["invocations"][0]["toolExecutionNotifications"]
    assert [(item["level"], item["message"]["text"]) for item in told][-1] == ("note", "a note"), "an assumption, a waiver that is void"
    assert "SM-UPL-03" in json.dumps(run["tool"])


def test_sarif_fingerprints_survive_moved_lines_and_other_folders(tmp_path: Path):
    """The same flaw keeps its fingerprint when lines move and when the checkout lies elsewhere."""
    seen = []
    for folder, text in (("one", POLICY), ("two", "\n\n# moved\n" + POLICY)):
        root = tmp_path / folder
        (root / "infra").mkdir(parents=True)
        (root / "infra" / "main.tf").write_text(text)
        rules = all_rules()
        result = check([root / "infra"], rules, Organisation(), load_catalogue(), Options())
        document = json.loads(format_named("sarif").render(Report(result, {rule.id: rule for rule in rules}, load_catalogue(), root)))
        (found,) = (item for item in document["runs"][0]["results"] if item["ruleId"] == "s3-put-object-gated")
        place = found["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "infra/main.tf"
        seen.append((found["partialFingerprints"], place["region"]["startLine"]))
    assert seen[0][0] == seen[1][0]
    assert seen[1][1] == seen[0][1] + 3


def test_json_is_what_its_schema_says(report: Report):
    """The published schema describes the document; whoever parses it can rely on that."""
    schema = json.loads(resources.files("averment").joinpath("policies/report/schemas/check.schema.json").read_text())
    document = json.loads(format_named("json").render(report))
    jsonschema.Draft202012Validator(schema).validate(document)
    assert document["complete"] is False
    assert [item["verdict"] for item in document["findings"]] == ["fail", "unknown", "fail", "pass", "fail"]
    assert document["findings"][0]["controls"][0]["id"] == "SM-UPL-03"


def test_json_of_many_findings_takes_little_more_than_its_text(report: Report):
    """A large repository's took five times as much, 460 MB for 90 MB of text: every bracket and comma was kept apart until all were there."""
    many = replace(report, result=replace(report.result, findings=report.result.findings * 500))
    many.why(many.result.findings[0].rule)
    tracemalloc.start()
    try:
        text = format_named("json").render(many)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * len(text)
    assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"
    assert len(json.loads(text)["findings"]) == len(many.result.findings)


def test_table_tells_people_what_why_and_how(report: Report):
    """Place, what is wrong, the control and the law, the fix as code, what could not be told or checked, and the sum."""
    text = format_named("table").render(report)
    assert 'infra/ä b/main.tf:3  aws_s3_bucket.b["ä b"]  [s3-put-object-gated]' in text
    assert "why:  SM-UPL-03" in text
    assert "GDPR" in text
    assert "      a = 1\n      b = 2" in text
    assert "COULD NOT TELL (1)" in text
    assert "COULD NOT CHECK (1)\n  x.tf:9: is not valid HCL" in text
    assert "NOT READ (1)" in text
    assert "WAIVED (1)" in text
    assert (
        text.rstrip().splitlines()[-1].startswith("2 failed, 1 could not be told, 1 passed, 1 waived, 1 could not be checked, 1 not read")
    )
    assert "\x1b" not in text


def _with(report: Report, **changes: Any) -> str:
    return format_named("table").render(replace(report, result=replace(report.result, **changes)))


def test_table_folds_many_problems_of_a_kind_and_loses_none(report: Report):
    """Forty calls of one module are one line with their number, most first; the sum of what is told is what there was, and --verbose
    lists each."""
    calls = [
        Problem(f"module 'm{n}' comes from acme/vpc/aws, which is not read", SourceRef("a.tf", n), blocking=False) for n in range(1, 41)
    ]
    kinds = [Problem(f"module 'x' comes from acme/m{n}/aws, which is not read", SourceRef("b.tf", n), blocking=False) for n in range(1, 21)]
    text = _with(report, problems=(*kinds, *calls))
    lines = text[text.index("NOT READ (60)") :].split("\n\n")[0].splitlines()[1:]
    assert lines[0] == "  a.tf:1 and 39 more places: module comes from acme/vpc/aws, which is not read"
    assert lines[-1] == "  and 9 more places (--verbose names each)"
    assert 1 + 39 + (len(lines) - 2) + 9 == 60
    full = TableFormat(full=True).render(replace(report, result=replace(report.result, problems=(*kinds, *calls))))
    assert all(f"{item.where.file}:{item.where.line}: {item.reason}" in full for item in (*kinds, *calls))


def test_table_tells_questions_with_one_reason_once(report: Report):
    """Seventeen policies that an unread module hides are one question; those with another reason stand for themselves."""
    many = tuple(finding(Verdict.UNKNOWN, resource=f"u{n}", message="module 'queue' is not read") for n in range(17))
    other = finding(Verdict.UNKNOWN, resource="o", message="variable 'x' has no default")
    text = _with(report, findings=(*many, other))
    assert "COULD NOT TELL (18)" in text
    assert text.count("module 'queue' is not read") == 1
    assert "also: 16 more resources for the same reason" in text
    assert "variable 'x' has no default" in text


def test_table_names_a_function_without_its_file_twice(report: Report):
    """The place has the path; --verbose gives the name as waivers and JSON have it."""
    found = finding(Verdict.FAIL, resource="app/faces.py:match", where=SourceRef("app/faces.py", 9))
    given = replace(report, result=replace(report.result, findings=(found,), problems=()))
    assert "  app/faces.py:9  match  [s3-put-object-gated]" in format_named("table").render(given)
    assert "  app/faces.py:9  app/faces.py:match  [s3-put-object-gated]" in TableFormat(full=True).render(given)


def test_table_shows_a_copied_flaw_once_with_its_places(report: Report):
    """A template that was copied for each region has each flaw once in the text, and as often as it stands there in the count."""
    copies = [finding(Verdict.FAIL, where=SourceRef(f"infra/{name}/main.tf", 3)) for name in "abcdef"]
    other = finding(Verdict.FAIL, where=SourceRef("infra/g/main.tf", 3), message="another flaw")
    text = format_named("table").render(replace(report, result=replace(report.result, findings=(*copies, other), problems=())))
    assert "HIGH (7)" in text
    assert text.count("what: 50% of it") == 1
    assert "also: infra/b/main.tf:3, infra/c/main.tf:3, infra/d/main.tf:3 and 2 more copies (--verbose shows each)" in text
    assert text.count("what: another flaw") == 1
    full = TableFormat(full=True).render(replace(report, result=replace(report.result, findings=tuple(copies), problems=())))
    assert full.count("what: 50% of it") == 6


def test_table_names_no_place_as_another_than_itself(report: Report):
    """A nested stack of two templates, say, has each of its flaws twice, at one place: "also" told that place once more."""
    twice = [finding(Verdict.FAIL), finding(Verdict.FAIL), finding(Verdict.FAIL)]
    given = replace(report, result=replace(report.result, findings=tuple(twice), problems=()))
    for text in (format_named("table").render(given), TableFormat(full=True).render(given)):
        assert "also: 2 more times here, since more than one root module or template makes it\n" in text


def test_table_shows_instances_with_the_same_flaw_once(report: Report):
    """A module with for_each said each flaw again for each of its instances; another resource of the module keeps its own entry."""
    instances = [finding(Verdict.FAIL, resource=f"module.m[{key}].aws_s3_bucket.this[0]") for key in ('"a"', '"b.c"', "3")]
    other = finding(Verdict.FAIL, resource="module.m.aws_s3_bucket.other")
    given = replace(report, result=replace(report.result, findings=(*instances, other), problems=()))
    text = format_named("table").render(given)
    assert "HIGH (4)" in text
    assert text.count("what: 50% of it") == 2
    assert 'also: module.m["b.c"].aws_s3_bucket.this[0], module.m[3].aws_s3_bucket.this[0]\n' in text
    assert TableFormat(full=True).render(given).count("what: 50% of it") == 4


def test_table_counts_what_was_left_out_and_names_it_on_request(report: Report):
    """Ten files that a pattern takes are ten; what they are was to be had in JSON alone."""
    skipped = ("node_modules (node_modules folders are not read)", "10 files under . (left out by the pattern ex/*)")
    given = replace(report, result=replace(report.result, skipped=skipped))
    assert "left out: 11, which --verbose names)" in format_named("table").render(given)
    full = TableFormat(full=True).render(given)
    assert "LEFT OUT (11)\n  node_modules (node_modules folders are not read)\n  10 files under . (left out by" in full
    assert "left out: 11)" in full


@pytest.mark.parametrize(("file", "language"), [("a.tf", "hcl"), ("a.py", "python"), ("a.tsx", "typescript"), ("t.yml", "yaml")])
def test_markdown_shows_a_fix_in_the_language_of_its_file(report: Report, file: str, language: str):
    """Python stood there as YAML, in colours that mean nothing."""
    found = finding(Verdict.FAIL, where=SourceRef(file, 3), fix="x = 1")
    assert f"```{language}\nx = 1\n" in format_named("markdown").render(replace(report, result=replace(report.result, findings=(found,))))


def test_junit_is_well_formed_and_complete(report: Report):
    """Failures fail, unknown and waived ones and what wasn't read are skipped with the reason, what wasn't checked is an error; no control characters."""
    root = Tree.fromstring(format_named("junit").render(report))
    assert len(root.findall(".//failure")) == 2
    assert len(root.findall(".//skipped")) == 3
    assert [case.get("name") for case in root.findall("testsuite[@name='not read']/testcase")] == ["y.tf:1"]
    assert [error.get("message") for error in root.findall(".//error")] == ["is not valid HCL"]
    suite = root.find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("5", "2", "2")


def test_github_annotations_escape_what_the_runner_parses(report: Report):
    """A message with %, newlines, colons and commas can't break out of its command. What could not be checked is among the ten that GitHub shows."""
    first, *lines = format_named("github").render(report).splitlines()
    assert first.startswith("::error")
    assert first.endswith(",title=could not check::is not valid HCL")
    assert lines[0] == (
        "::error file=infra/ä b/main.tf,line=3,endLine=5,title=SM-UPL-03 s3-put-object-gated::50%25 of it: a, b%0Aand\x01more <tags>"
    )
    assert sum(line.startswith("::error") for line in lines) == 1
    assert sum(line.startswith("::warning") for line in lines) == 2
    assert [line for line in lines if line.startswith("::notice")][1:] == ["::notice title=note::a note"]


def test_what_was_not_read_is_nowhere_called_unchecked(report: Report):
    """A module of the registry leaves the check complete: as many annotations say so as there are modules, beside what nobody could look at."""
    shown = {name: format_named(name).render(report) for name in ("github", "gitlab", "sarif")}
    assert "::warning file=y.tf,line=1,title=not read::module 'm' is not read" in shown["github"]
    listed = {entry["description"]: entry["check_name"] for entry in json.loads(shown["gitlab"])}
    assert (listed["not read: module 'm' is not read"], listed["could not check: is not valid HCL"]) == ("not-read", "could-not-check")
    assert "\"Not read: module 'm' is not read\"" in shown["sarif"]
    assert '"Could not check: is not valid HCL"' in shown["sarif"]


def test_every_format_renders_nothing_found(tmp_path: Path):
    """A clean result renders in each format, and the table says on how much it rests."""
    empty = Report(CheckResult((), (), Counts(files=2, resources=5, rules=7)), {}, load_catalogue(), tmp_path)
    for name in FORMAT_NAMES:
        assert format_named(name).name == name
        assert format_named(name).render(empty).endswith("\n")
    assert "no failures: 0 failed" in format_named("table").render(empty)
    assert "5 resources in 2 files, 7 rules" in format_named("table").render(empty)


def test_a_report_that_cannot_be_written_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """One in a folder that is read-only took the second report with it, and what the check had found besides."""
    (tmp_path / "main.tf").write_text(POLICY)
    (tmp_path / "full").write_text("no folder")
    monkeypatch.chdir(tmp_path)
    assert averment(["check", "-o", "table=full/a.txt", "-o", "sarif=b.sarif", "-o", "json=full/c.json"]) == 3
    said = capsys.readouterr()
    assert "full/a.txt: could not be written" in said.err
    assert "full/c.json: could not be written" in said.err, "who mends the first alone looks for the others in vain"
    assert "main.tf:" in said.out
    assert json.loads((tmp_path / "b.sarif").read_text())["runs"]


def test_what_sarif_has_no_room_for_is_told_to_whoever_runs_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """The file said it in a notification, which code scanning doesn't show: alerts that were never uploaded looked like none."""
    monkeypatch.setattr("averment.policies.report.sarif.MAX_RESULTS", 1)
    (tmp_path / "main.tf").write_text('resource "aws_sagemaker_model" "a" {\n}\nresource "aws_sagemaker_model" "b" {\n}\n')
    monkeypatch.chdir(tmp_path)
    assert averment(["check", "-o", "sarif=a.sarif", "-o", "junit=a.xml"]) == 1
    assert "a.sarif: 1 more result left out, the least grave: GitHub takes 1 of a run\nwrote a.xml\n" in capsys.readouterr().err
    (run,) = json.loads((tmp_path / "a.sarif").read_text())["runs"]
    assert len(run["results"]) == 1
    assert run["invocations"][0]["toolExecutionNotifications"][-1]["message"]["text"].startswith("1 more result left out")


def test_command_writes_several_outputs_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """-o takes a format and a file, several times; the table still goes to the screen, and the exit code is that of the findings."""
    (tmp_path / "main.tf").write_text(POLICY)
    monkeypatch.chdir(tmp_path)
    assert averment(["check", ".", "-o", "sarif=out/a.sarif", "-o", "junit=a.xml"]) == 1
    out = capsys.readouterr()
    assert "main.tf:" in out.out
    assert json.loads((tmp_path / "out/a.sarif").read_text())["version"] == "2.1.0"
    assert Tree.parse(tmp_path / "a.xml").getroot().tag == "testsuites"
    assert averment(["check", "-f", "json", "-o", "a.json"]) == 1
    assert capsys.readouterr().out == "", "one format and its file: nothing on the screen"
    assert json.loads((tmp_path / "a.json").read_text())["counts"]["fail"] >= 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere"], 2, "does not exist"),
        (["empty"], 2, "nothing to check"),
        (["main.tf", "--rule", "nonsense"], 2, "no rule and no control matches"),
        (["main.tf", "-o", "pdf=x"], 2, "there is no format 'pdf'"),
        (["main.tf", "--severity", "critical", "--rule", "s3-put-object-gated"], 0, ""),
        (["main.tf", "--fail-on", "never"], 0, ""),
        (["broken.tf"], 3, ""),
    ],
)
def test_exit_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
):
    """0 clean, 1 findings, 2 bad input, 3 could not check: what CI decides by."""
    (tmp_path / "main.tf").write_text(POLICY)
    (tmp_path / "broken.tf").write_text('resource "x" {{')
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    assert averment(["check", *arguments]) == code
    assert said in capsys.readouterr().err


def test_a_tiny_folder_is_checked_well_within_a_second(tmp_path: Path):
    """Start-up and check together stay fast enough for a pre-commit hook, and import none of the heavy parts."""
    (tmp_path / "main.tf").write_text(POLICY)
    program = "import sys; from averment.cli.main import run; run(['check', '.']); print(sorted({'boto3','numpy','tfparse','checkov','moto'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_rule_cases_hold_and_broken_ones_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """``rules test`` fails on an expectation that isn't met and on a finding that nobody expects."""
    (tmp_path / "main.tf").write_text(POLICY)
    expect = tmp_path / "expect.yaml"
    head = "rule: s3-put-object-gated\ncases:\n  - path: main.tf\n    expect: "
    expect.write_text(head + "{aws_s3_bucket_policy.u: {verdict: fail, line: 7}}\n")
    assert averment(["rules", "test", str(tmp_path)]) == 0, capsys.readouterr().out
    expect.write_text(head + "{aws_s3_bucket_policy.u: pass}\n")
    assert averment(["rules", "test", str(tmp_path)]) == 1
    expect.write_text(head + "{}\n")
    assert averment(["rules", "test", str(tmp_path)]) == 1
    assert "unexpected fail for aws_s3_bucket_policy.u" in capsys.readouterr().out
    expect.write_text("cases: []\n")
    assert averment(["rules", "test", str(tmp_path)]) == 2


def test_shipped_cases_hold(capsys: pytest.CaptureFixture[str]):
    """The cases beside the rules hold through the same command that users run on theirs."""
    assert averment(["rules", "test"]) == 0, capsys.readouterr().out


def test_rules_are_listed_and_shown(capsys: pytest.CaptureFixture[str]):
    """Every rule is listed with its controls; one is shown with the law behind it."""
    assert averment(["rules", "list", "--format", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {item["id"] for item in listed} == {rule.id for rule in all_rules()}
    assert averment(["rules", "show", "s3-put-object-gated"]) == 0
    assert "SM-UPL-03" in capsys.readouterr().out
    assert averment(["rules", "show", "nonsense"]) == 2
