"""The check: what it finds, what it refuses to call clean, what it leaves out and says so."""

from __future__ import annotations

from datetime import date
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

from averment.controls.model import Assessment, Catalogue, Control
from averment.core.errors import BadInputError, ExitCode
from averment.core.organisation import Organisation, Waiver
from averment.core.source import SourceRef
from averment.core.words import Method, Severity, Verdict
from averment.policies import judging
from averment.policies.engine import CheckResult, FailOn, Options, check, select_rules
from averment.policies.graph.model import Resource
from averment.policies.interface import NOT_APPLICABLE, PASS, Context, Outcome, Rule, fail, unknown
from averment.policies.surfaces import walk as walking
from averment.policies.waivers import comment_waivers

TODAY = date(2026, 11, 23)


def named(resource: Resource, _context: Context) -> Outcome:
    """A rule for these tests: a bucket must be called good-*."""
    name = resource.get("BucketName")
    if name is None:
        return NOT_APPLICABLE
    if not isinstance(name, str):
        return unknown(name.reason)
    if name == "crash":
        raise RuntimeError("boom")
    if name == "leave":
        raise SystemExit(0)
    if name == "odd":
        return fail("wrong", where="main.tf")  # type: ignore[arg-type]  # what a rule of somebody's own may hand over
    if name == "silent":
        return fail(None)  # type: ignore[arg-type]
    if name == "loose":
        return fail("wrong", changes=("versioning",))  # type: ignore[arg-type]
    return (
        PASS
        if name.startswith("good-")
        else fail(f"the bucket is called '{name}'", where=resource.where("BucketName"), fix='bucket = "good-x"')
    )


RULE = Rule("bucket-named", "Buckets are called good-*", Severity.HIGH, ("AWS::S3::Bucket",), named, "rename it")
CONTROL = Control(
    "SM-TST-01", "Names", "o", Severity.HIGH, "team", "continuous", "r", (), (Assessment("iac", Method.EXAMINE, policy="bucket-named"),)
)
CATALOGUE = Catalogue((CONTROL,), {})


def run(folder: Path, *names: str, organisation: Organisation | None = None, comment: str = "", **options: object) -> CheckResult:
    for index, name in enumerate(names):
        (folder / f"b{index}.tf").write_text(f'resource "aws_s3_bucket" "b{index}" {{\n  {comment}\n  bucket = {name}\n}}\n')
    return check([folder], [RULE], organisation or Organisation(), CATALOGUE, Options(today=TODAY, **options))  # type: ignore[arg-type]


def test_findings_have_place_and_fix(tmp_path: Path):
    """A failure points at the offending line and brings the fix; exit 1."""
    result = run(tmp_path, '"bad"', '"good-a"')
    (finding,) = result.failures
    assert (finding.resource, finding.where.line, finding.fix) == ("aws_s3_bucket.b0", 3, 'bucket = "good-x"')
    assert finding.message == "the bucket is called 'bad'"
    assert (result.counts.failed, result.counts.passed, result.counts.resources, result.counts.files) == (1, 1, 2, 2)
    assert result.exit_code() is ExitCode.FINDINGS


def test_clean_is_clean(tmp_path: Path):
    """Passes alone exit 0."""
    assert run(tmp_path, '"good-a"').exit_code() is ExitCode.CLEAN


def test_unknown_is_neither_pass_nor_failure_until_asked(tmp_path: Path):
    """What can't be told is counted with reason and place; ``--fail-on unknown`` makes it count."""
    result = run(tmp_path, '"good-a"', "var.nowhere")
    (finding,) = result.unknowns
    assert "nowhere" in finding.message
    assert result.counts.unknown == 1
    assert result.exit_code() is ExitCode.CLEAN
    assert result.exit_code(FailOn.UNKNOWN) is ExitCode.FINDINGS


def test_a_crashing_rule_is_a_problem_and_never_a_pass(tmp_path: Path):
    """The run goes on to other resources, is incomplete (exit 3), and says which rule crashed on what."""
    result = run(tmp_path, '"crash"', '"bad"')
    (problem,) = result.problems
    assert "bucket-named crashed on aws_s3_bucket.b0: RuntimeError: boom" in problem.reason
    assert len(result.failures) == 1
    assert result.exit_code() is ExitCode.INCOMPLETE
    assert result.exit_code(FailOn.NEVER) is ExitCode.INCOMPLETE, "soft failing doesn't hide that something wasn't checked"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("leave", "rule bucket-named crashed on aws_s3_bucket.b0: SystemExit: 0"),
        ("odd", "rule bucket-named crashed on aws_s3_bucket.b0: TypeError: the where of an outcome is a SourceRef, not a str"),
        ("silent", "rule bucket-named crashed on aws_s3_bucket.b0: TypeError: the message of an outcome is a str, not a NoneType"),
        ("loose", "rule bucket-named crashed on aws_s3_bucket.b0: TypeError: each of the changes of an outcome is a Change, not a str"),
    ],
)
def test_a_rule_that_leaves_or_answers_nonsense_crashed(tmp_path: Path, name: str, said: str):
    """``sys.exit(0)`` in a rule must not end the check as clean, nor a wrong type end it without a report: the rule is named."""
    result = run(tmp_path, f'"{name}"', '"bad"')
    assert [problem.reason for problem in result.problems] == [said]
    assert len(result.failures) == 1
    assert result.exit_code() is ExitCode.INCOMPLETE


PLAN = '{"format_version": "1.2", "planned_values": {}}'
NESTING = "Resources: {Child: {Type: AWS::CloudFormation::Stack}}\n"


@pytest.mark.parametrize(
    ("name", "text", "reads"), [("plan.json", PLAN, "plan.read_plan"), ("template.yaml", NESTING, "cloudformation.template.read_template")]
)
def test_a_file_on_which_the_reading_crashes_keeps_no_other_from_being_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, reads: str
):
    """One file of a stranger's broke the whole check off with a traceback, and its exit code was that of findings. Whom a template calls is asked before
    anything is checked."""

    def broken(*_: object) -> None:
        raise TypeError("'int' object is not iterable")

    monkeypatch.setattr(f"averment.policies.surfaces.{reads}", broken)
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    result = run(tmp_path, '"bad"')
    assert [finding.resource for finding in result.findings] == ["aws_s3_bucket.b0"]
    (problem,) = result.problems
    assert (problem.where.file, problem.blocking, "reading it crashed (TypeError: 'int'" in problem.reason) == (str(file), True, True)
    assert result.exit_code(FailOn.FAIL) is ExitCode.INCOMPLETE


def test_what_else_the_machine_does_cuts_no_check_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Only what the rules compute counts: beside other jobs, the same commit was checked in one run and incomplete in the next."""
    hours = count(step=3600)
    monkeypatch.setattr(judging, "time", SimpleNamespace(monotonic=lambda: next(hours), thread_time=lambda: 0.0))
    assert run(tmp_path, '"bad"').exit_code() is ExitCode.FINDINGS
    monkeypatch.setattr(judging, "time", SimpleNamespace(monotonic=lambda: 0.0, thread_time=lambda: next(hours)))
    result = run(tmp_path, '"bad"')
    assert result.exit_code() is ExitCode.INCOMPLETE
    assert "the rest of it was not checked" in result.problems[0].reason


def test_a_file_that_cannot_be_parsed_makes_the_run_incomplete(tmp_path: Path):
    """Exit 3, whatever else is clean."""
    (tmp_path / "broken.tf").write_text('resource "x" {{')
    assert run(tmp_path, '"good-a"').exit_code() is ExitCode.INCOMPLETE


def test_nothing_to_check_is_an_error(tmp_path: Path):
    """An empty folder doesn't look like a pass."""
    (tmp_path / "README.md").write_text("hello")
    with pytest.raises(BadInputError, match="nothing to check"):
        run(tmp_path)


def test_a_missing_path_is_an_error(tmp_path: Path):
    """A typo in the path is bad input, not a clean check."""
    with pytest.raises(BadInputError, match="does not exist"):
        check([tmp_path / "nowhere"], [RULE], Organisation(), CATALOGUE)


def test_rule_patterns_select_by_rule_or_control_and_typos_fail():
    """``--rule`` takes rule or control ids; a pattern that matches nothing would check nothing, so it is refused."""
    assert select_rules([RULE], ["SM-TST-*"], CATALOGUE) == (RULE,)
    assert select_rules([RULE], ["bucket-named"], CATALOGUE) == (RULE,)
    with pytest.raises(BadInputError, match="matches 'bucket-nmaed'"):
        select_rules([RULE], ["bucket-nmaed"], CATALOGUE)


def test_severity_threshold_hides_and_counts(tmp_path: Path):
    """Findings below the threshold don't fail the run; how many there were is said."""
    result = run(tmp_path, '"bad"', severity=Severity.CRITICAL)
    assert (result.findings, result.counts.below, result.exit_code()) == ((), 1, ExitCode.CLEAN)


def test_waivers_of_the_organisation_accept_until_their_day(tmp_path: Path):
    """A waiver covers its control and resource until its day; after it, it is void and that is said."""

    def waived(until: date) -> CheckResult:
        waiver = Waiver("SM-TST-01", "aws_s3_bucket.*", "team", "ciso", "moving in December", until, SourceRef("averment.yaml", 7))
        return run(tmp_path, '"bad"', organisation=Organisation(waivers=(waiver,)))

    accepted = waived(TODAY)
    assert (accepted.counts.waived, accepted.counts.failed, accepted.exit_code()) == (1, 0, ExitCode.CLEAN)
    assert "approved by ciso" in str(accepted.findings[0].waived_by)
    expired = waived(date(2026, 11, 22))
    assert expired.counts.failed == 1
    assert any("expired on 2026-11-22 and is void" in note for note in expired.notes)


def test_a_waiver_for_one_account_accepts_nothing_in_code(tmp_path: Path):
    """Code is of no account: what was accepted for one that is deployed isn't accepted in what all are made from, and that is said."""
    waiver = Waiver(
        "SM-TST-01", "*", "team", "ciso", "moving in December", TODAY, SourceRef("averment.yaml", 7), ("111111111111",), ("eu-west-1",)
    )
    result = run(tmp_path, '"bad"', organisation=Organisation(waivers=(waiver,)))
    assert (result.counts.waived, result.counts.failed) == (0, 1)
    [note] = [note for note in result.notes if "waiver" in note]
    assert "is for what is deployed in eu-west-1 of 111111111111, and accepts nothing in code" in note


@pytest.mark.parametrize(
    ("comment", "waived", "note"),
    [
        ("# averment:waive=SM-TST-01 until=2026-12-31 owner=team reason=moving to the new name", True, ""),
        ("# averment:waive=bucket-named until=2026-12-31 owner=team reason=x", True, ""),
        ("# averment:waive=SM-OTHER-01 until=2026-12-31 owner=team reason=x", False, "there is no control SM-OTHER-01"),
        ("# averment:waive=SM-TST-01 until=2026-01-01 owner=team reason=x", False, "expired on 2026-01-01"),
        ("# averment:waive=SM-TST-01 until=2026-12-31 owner=team", False, "no reason"),
        ("# averment:waive=SM-TST-01 reason=forever", False, "no until and no owner"),
        ("# averment:waive=SM-TST-01 until=soon owner=a reason=x", False, "'soon' is not a day"),
        ("# checkov:skip=AVERMENT_BUCKET_NAMED:known and accepted", True, ""),
        ("# checkov:skip=AVERMENT_BUCKET_NAMED", False, "no reason"),
    ],
)
def test_waivers_next_to_the_resource(tmp_path: Path, comment: str, waived: bool, note: str):
    """A comment in the block waives if it is complete and in force; a void one is said."""
    result = run(tmp_path, '"bad"', comment=comment)
    assert (result.counts.waived == 1) is waived
    said = [item for item in result.notes if "taken for media" not in item]
    assert (note in " ".join(said)) if note else not said


def test_waiver_reasons_may_hold_anything():
    """The reason runs to the end of the line, also with words that look like fields."""
    (waiver,) = comment_waivers(["averment:waive=X until=2027-01-01 owner=a reason=until=never, owner=nobody"], TODAY)
    assert (waiver.void, waiver.owner) == (None, "a")


def test_links_in_circles_and_caches_are_left_out_and_said(tmp_path: Path):
    """Links to folders aren't followed (they may go round), nor are caches; each is named."""
    (tmp_path / "round").symlink_to(tmp_path)
    (tmp_path / "dead.yaml").symlink_to(tmp_path / "nowhere")
    (tmp_path / ".git").mkdir()  # not worth a word: it made "left out: 1" the last thing that every check said
    (tmp_path / ".terraform").mkdir()
    (tmp_path / ".terraform" / "copy.tf").write_text('resource "aws_s3_bucket" "c" { bucket = "bad" }')
    result = run(tmp_path, '"good-a"')
    assert result.counts.failed == 0
    assert len(result.skipped) == 3


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path):
    """A repository can't make the check read files that lie elsewhere on the machine."""
    outside = tmp_path / "outside.yaml"
    outside.write_text("Resources: {B: {Type: 'AWS::S3::Bucket', Properties: {BucketName: bad}}}")
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "t.yaml").symlink_to(outside)
    result = run(inside, '"good-a"')
    assert result.counts.failed == 0
    assert any("t.yaml" in text for text in result.skipped)


def test_links_to_files_of_the_same_checkout_are_followed(tmp_path: Path):
    """An environment that shares its template with others is checked by itself, too: it was left out, and the rest looked clean."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "common.yaml").write_text("Resources: {B: {Type: 'AWS::S3::Bucket', Properties: {BucketName: bad}}}")
    environment = tmp_path / "prod"
    environment.mkdir()
    (environment / "t.yaml").symlink_to("../common.yaml")
    result = run(environment, '"good-a"')
    assert [Path(finding.where.file or "").name for finding in result.failures] == ["t.yaml"]


def test_too_many_files_and_too_deep_folders_are_problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Bounds of the walk end in "could not check", not in a partial check that looks whole."""
    monkeypatch.setattr(walking, "MAX_FILES", 3)
    result = run(tmp_path, *['"good-a"'] * 5)
    assert any("more than 3 files" in problem.reason for problem in result.problems)
    monkeypatch.setattr(walking, "MAX_FILES", 100)
    monkeypatch.setattr(walking, "MAX_DEPTH", 2)
    (tmp_path / "1" / "2" / "3" / "4").mkdir(parents=True)
    assert any("deeper than 2 levels" in problem.reason for problem in run(tmp_path, '"good-a"').problems)


def test_order_of_findings_is_by_severity_and_place(tmp_path: Path):
    """The same folder gives the same order, gravest first."""
    result = run(tmp_path, '"bad"', '"bad"', '"bad"')
    assert [finding.resource for finding in result.failures] == ["aws_s3_bucket.b0", "aws_s3_bucket.b1", "aws_s3_bucket.b2"]
    assert {finding.verdict for finding in result.findings} == {Verdict.FAIL}


def test_one_surface_does_not_see_the_other(tmp_path: Path):
    """Terraform, a template and a plan under one path are three graphs, and JSON that is none of them is passed over."""
    (tmp_path / "t.yaml").write_text("Resources: {B: {Type: 'AWS::S3::Bucket', Properties: {BucketName: bad}}}")
    (tmp_path / "p.json").write_text(
        '{"format_version": "1.2", "planned_values": {"root_module": {"resources": [{"address": "aws_s3_bucket.p", "mode": "managed",'
        ' "type": "aws_s3_bucket", "values": {"bucket": "bad"}}]}}}'
    )
    (tmp_path / "package.json").write_text('{"Resources": "AWS"}')
    result = run(tmp_path, '"bad"')
    assert sorted(finding.resource for finding in result.failures) == ["B", "aws_s3_bucket.b0", "aws_s3_bucket.p"]
    assert result.counts.graphs == 3


def test_a_single_terraform_file_is_checked_within_its_module(tmp_path: Path):
    """A pre-commit hook names files: each is checked with its module as context, and only its own findings are shown."""
    (tmp_path / "a.tf").write_text('resource "aws_s3_bucket" "a" {\n  bucket = local.name\n}\n')
    (tmp_path / "b.tf").write_text('locals {\n  name = "bad"\n}\nresource "aws_s3_bucket" "b" {\n  bucket = "bad"\n}\n')
    result = check([tmp_path / "a.tf"], [RULE], Organisation(), CATALOGUE)
    assert [finding.resource for finding in result.failures] == ["aws_s3_bucket.a"]
    assert result.counts.resources == 1


def apart(root: Path) -> tuple[Path, Path]:
    """A folder that calls a module and a nested stack with good names, and the one where both lie; alone, their names are bad."""
    (root / ".git").mkdir()
    live, shared = root / "live", root / "shared"
    (shared / "bucket").mkdir(parents=True)
    live.mkdir()
    (shared / "bucket" / "main.tf").write_text('variable "name" { default = "bad" }\nresource "aws_s3_bucket" "b" { bucket = var.name }\n')
    (live / "main.tf").write_text('module "b" {\n  source = "../shared/bucket"\n  name   = "good-a"\n}\n')
    (shared / "bucket.yaml").write_text(
        "Parameters: {Name: {Type: String, Default: bad}}\nResources: {B: {Type: 'AWS::S3::Bucket', Properties: {BucketName: !Ref Name}}}\n"
    )
    (live / "parent.yaml").write_text(
        "Resources:\n  N:\n    Type: AWS::CloudFormation::Stack\n"
        "    Properties: {TemplateURL: ../shared/bucket.yaml, Parameters: {Name: good-b}}\n"
    )
    return live, shared


@pytest.mark.parametrize("order", [1, -1])
def test_what_another_named_folder_calls_is_judged_as_it_is_called(tmp_path: Path, order: int):
    """``iac: [live, shared]``, as init proposes it: evidence had failures of modules without arguments, which a check of the whole hadn't."""
    paths = apart(tmp_path)[::order]
    told = check(paths, [RULE], Organisation(), CATALOGUE, Options(today=TODAY))
    whole = check([tmp_path], [RULE], Organisation(), CATALOGUE, Options(today=TODAY))
    assert (told.counts.failed, told.counts.passed) == (whole.counts.failed, whole.counts.passed) == (0, 2)


def test_a_module_is_left_to_nobody_who_does_not_show_it(tmp_path: Path):
    """Named alone, left out, or of another checkout, the folder that calls it doesn't speak for it."""
    live, shared = apart(tmp_path)
    assert check([shared], [RULE], Organisation(), CATALOGUE).counts.failed == 2
    assert check([live / "main.tf", shared / "bucket"], [RULE], Organisation(), CATALOGUE).counts.failed == 1
    assert check([live, shared / "bucket" / "main.tf"], [RULE], Organisation(), CATALOGUE).counts.failed == 1
    without = Options(today=TODAY, skip=lambda file: "left out" if f"{live}" in file else None)
    assert check([live, shared], [RULE], Organisation(), CATALOGUE, without).counts.failed == 2
    (live / ".git").mkdir()
    assert check([live, shared], [RULE], Organisation(), CATALOGUE).counts.failed == 2
