"""Waivers next to the resource and in averment.yaml: complete, in force, counted; anything else is void and said."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from averment.cli.main import run as averment
from averment.controls.loader import load_catalogue
from averment.core.organisation import Organisation, load_organisation
from averment.evidence.judging.waived import waiver_for
from averment.policies.engine import CheckResult, Options, check
from averment.policies.report.registry import FORMAT_NAMES
from averment.policies.rules.registry import all_rules
from averment.policies.waivers import comment_waivers

TODAY = date(2026, 11, 23)
RULE = "detector-endpoint-guarded"
COMPLETE = "averment:waive=SM-DET-03 until=2026-12-31 owner=media-team reason=the candidate goes in December"
TERRAFORM = 'resource "aws_sagemaker_model" "m" {{\n  {comment}\n  name = "m"\n}}\n'
TEMPLATE = "Resources:\n  M:\n    Type: AWS::SageMaker::Model\n    # {comment}\n    Properties:\n      ModelName: m\n"
METADATA = {"Resources": {"M": {"Type": "AWS::SageMaker::Model", "Metadata": {}, "Properties": {"ModelName": "m"}}}}


def result_of(folder: Path) -> CheckResult:
    return check([folder], all_rules(), Organisation(), load_catalogue(), Options(rules=(RULE,), today=TODAY))


@pytest.mark.parametrize(
    ("text", "void"),
    [
        ("until=2026-12-31 owner=a reason=b c d", None),
        ('until=2026-12-31 owner="the media team" reason="b c d"', None),
        ("reason='b, until=never' owner=a until=2026-12-31", None),
        ('reason="first" owner=a until=2026-12-31 approver="Ada Byron"', None),
        ("until=2026-11-23 owner=a reason=its last day counts", None),
        ("until=2026-11-22 owner=a reason=b", "it expired on 2026-11-22"),
        ("until=2026-11-22 until=2026-12-31 owner=a reason=b", "it expired on 2026-11-22"),
        ("reason=b owner=a until=2026-12-31", "it has no until and no owner"),
        ("until=2026-12-31 owner=a reason=", "it has no reason"),
        ('until=2026-12-31 owner="" reason="  "', "it has no owner and no reason"),
        ("owner=a reason=b", "it has no until"),
        ("until=2026-02-30 owner=a reason=b", "'2026-02-30' is not a day"),
        ("", "it has no until and no owner and no reason"),
    ],
)
def test_a_comment_is_complete_and_in_force_or_void(text: str, void: str | None) -> None:
    """Day, owner and reason are demanded; quotes keep spaces together; an unquoted reason takes the rest of the line."""
    (waiver,) = comment_waivers([f"averment:waive=SM-DET-03 {text}"], TODAY)
    assert (waiver.id, waiver.void) == ("SM-DET-03", void)


def test_what_stands_before_a_waiver_is_no_part_of_it(tmp_path: Path) -> None:
    """Where several controls are waived, each behind a word, evidence finds each again in what the check wrote down."""
    rule = "media-bucket-events-scanned"
    controls = [control.id for control in load_catalogue().for_policy(rule)]
    comments = "\n".join(f"  # legacy, averment:waive={name} until=2026-12-31 owner=a reason=moves in January" for name in controls)
    (tmp_path / "main.tf").write_text(f'resource "aws_s3_bucket" "uploads" {{\n{comments}\n  tags = {{ data-class = "ugc" }}\n}}\n')
    [finding] = check([tmp_path], all_rules(), Organisation(), load_catalogue(), Options(rules=(rule,), today=TODAY)).findings
    found = [waiver_for(Organisation(), name, rule, finding.resource, TODAY, noted=finding.waived_by) for name in controls]
    assert len(controls) > 1
    assert [item and item.reason for item in found] == [line.partition(", ")[2] for line in comments.split("\n")]
    [skip] = comment_waivers(["# legacy, checkov:skip=AVERMENT_X:moves in January"], TODAY)
    assert skip.text == "checkov:skip=AVERMENT_X:moves in January"


def test_what_no_control_asks_for_is_accepted_by_its_rules_own_name_alone(tmp_path: Path) -> None:
    """An organisation may have left out each control that a rule serves: that none of them is left to be waived accepts nothing."""
    catalogue = load_catalogue()
    without = replace(catalogue, controls=tuple(control for control in catalogue if control.id != "SM-DET-03"), left_out=("SM-DET-03",))
    (tmp_path / "main.tf").write_text(TERRAFORM.format(comment=f"# {COMPLETE}"))
    result = check([tmp_path], all_rules(), Organisation(), without, Options(rules=(RULE,), today=TODAY))
    assert (result.counts.waived, result.counts.failed) == (0, 1)
    assert not any("there is no control SM-DET-03" in note for note in result.notes)


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=80))
def test_no_comment_breaks_the_reader(text: str) -> None:
    """Whatever stands in a comment, it is a waiver, a void one, or none."""
    for waiver in comment_waivers([f"averment:waive={text}", f"checkov:skip={text}", text], TODAY):
        assert waiver.void is None or waiver.void


@pytest.mark.parametrize("mark", ["# ", "// ", "/* {} */", "#"])
def test_terraform_comments_waive(tmp_path: Path, mark: str) -> None:
    """Each of Terraform's kinds of comment inside the block counts."""
    comment = mark.format(COMPLETE) if "{}" in mark else mark + COMPLETE
    (tmp_path / "main.tf").write_text(TERRAFORM.format(comment=comment))
    result = result_of(tmp_path)
    assert (result.counts.waived, result.counts.failed) == (1, 0)
    assert COMPLETE in str(result.findings[0].waived_by)


@pytest.mark.parametrize(
    ("comment", "waived", "note"),
    [
        (COMPLETE, 1, ""),
        (COMPLETE.replace("SM-DET-03", RULE), 1, ""),
        (COMPLETE.replace("2026-12-31", "2026-01-31"), 0, "expired on 2026-01-31"),
        (COMPLETE.replace("SM-DET-03", "SM-DET-99"), 0, "there is no control SM-DET-99"),
        (COMPLETE.replace("SM-DET-03", "SM-UPL-03"), 0, ""),
        (COMPLETE.replace("SM-DET-03", "media-bucket-hardened"), 0, ""),
        (COMPLETE.replace("SM-DET-03", "AVERMENT_MEDIA_BUCKET_HARDENED"), 0, ""),
        (
            COMPLETE.replace("SM-DET-03", "detector-endpoint-garded"),
            0,
            "there is no control and, in this run, no rule detector-endpoint-garded",
        ),
        (COMPLETE.replace("SM-DET-03", "sm-det-03"), 0, "no rule sm-det-03"),
        (COMPLETE.replace("SM-DET-03", "SM-DET-*"), 0, "no rule SM-DET-*"),
        (COMPLETE.replace("waive=", "waive "), 0, "'averment:waive' is not its form, which is averment:waive=<control or rule>"),
        (COMPLETE.replace("averment:waive=", "averment:skip="), 0, "'averment:skip' is not its form"),
        (COMPLETE.replace("averment:waive=", "Averment: waiver="), 0, "'Averment: waiver' is not its form"),
        ("see urn:averment:schema:check:v1, and what averment says", 0, ""),
        ("checkov:skip=AVERMENT_DETECTOR_ENDPOINT_GUARDED:the candidate goes", 1, ""),
        ("checkov:skip=AVERMENT_DETECTOR_ENDPOINT_GUARDED: ", 0, "gives no reason"),
        ("checkov:skip=CKV_AWS_370:not ours", 0, ""),
    ],
)
def test_cloudformation_comments_waive(tmp_path: Path, comment: str, waived: int, note: str) -> None:
    """Within the resource's lines, by control, rule, or Checkov's id with a reason; a void one that would have counted is said."""
    (tmp_path / "t.yaml").write_text(TEMPLATE.format(comment=comment))
    result = result_of(tmp_path)
    assert (result.counts.waived, result.counts.failed) == (waived, 1 - waived)
    assert (note in " ".join(result.notes)) if note else not result.notes


@pytest.mark.parametrize(
    ("name", "resource", "note"),
    [
        ("SM-DET-03", "aws_sagemaker_model.m", ""),
        ("SM-DET-99", "aws_sagemaker_model.m", "is void: there is no control SM-DET-99"),
        ("SM-DET-*", "*", "is void: there is no control and, in this run, no rule SM-DET-*"),
        ("detector-endpoint-garded", "aws_sagemaker_model.?", "no rule detector-endpoint-garded"),
        ("SM-DET-99", "aws_sagemaker_model.other", ""),
        ("SM-UPL-03", "aws_sagemaker_model.m", ""),
    ],
)
def test_a_waiver_of_nothing_in_the_settings_is_said_where_it_would_have_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, resource: str, note: str
) -> None:
    """As one next to the resource is: who mistyped the id would look for what is wrong with the rest of the waiver."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.tf").write_text(TERRAFORM.format(comment=""))
    entry = {"control": name, "resource": resource, "owner": "a", "approver": "b", "reason": "it goes away soon", "until": "2999-12-31"}
    (tmp_path / "averment.yaml").write_text(json.dumps({"version": 1, "waivers": [entry]}))
    assert averment(["check", "--rule", RULE]) == (0 if name == "SM-DET-03" else 1)
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note:")]
    assert note in "".join(notes) if note else not notes
    assert not note or "averment.yaml:1: the waiver for aws_sagemaker_model.m" in notes[0]


@pytest.mark.parametrize(
    ("name", "resource", "note"),
    [
        (
            "SM-DET-03",
            "aws_sagemaker_model.n",
            "averment.yaml:1: the waiver of SM-DET-03 for aws_sagemaker_model.n accepts nothing: nothing that was checked, and that a rule has something to say of, is called so; did you mean aws_sagemaker_model.m?",
        ),
        (
            RULE,
            "module.gone.aws_s3_bucket.this",
            "accepts nothing: nothing that was checked, and that a rule has something to say of, is called so",
        ),
        ("SM-DET-99", "aws_s3_bucket.x", "the waiver for aws_s3_bucket.x is void: there is no control SM-DET-99; did you mean SM-DET-0"),
        ("detector-endpoint-gurded", "aws_*", "detector-endpoint-gurded"),
        ("SM-DET-03", "aws_sagemaker_model.m", ""),
        ("SM-DET-03", "aws_sagemaker_endpoint.*", ""),
        ("SM-DET-03", "arn:aws:sagemaker:eu-west-1:111122223333:model/n", ""),
        ("SM-DET-03", "SM-DET-03/running", ""),
        ("SM-DET-03", "portrait", ""),
        ("SM-DET-04", "aws_sagemaker_model.n", ""),
        ("SM-DRL-01", "aws_sagemaker_model.n", "no control SM-DRL-01"),
    ],
)
def test_a_waiver_that_accepts_nothing_is_told_after_a_check_of_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, resource: str, note: str
) -> None:
    """A name that is mistyped, or of what is gone, stood there as if it counted. In a part, or where not all could be read, nobody knows."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "main.tf").write_text(TERRAFORM.format(comment=""))
    entry = {"control": name, "resource": resource, "owner": "a", "approver": "b", "reason": "it goes away soon", "until": "2999-12-31"}
    (tmp_path / "averment.yaml").write_text(json.dumps({"version": 1, "waivers": [entry]}))

    def said(*arguments: str) -> str:
        averment(["check", *arguments])
        return "".join(line for line in capsys.readouterr().out.splitlines() if line.startswith("note:") and "waiver" in line)

    found = said()
    assert found.count(note) == 1 if note else found == ""
    if resource != "aws_*":
        assert said("infra") == said("--rule", RULE) == said("--skip", "examples") == ""
        (tmp_path / "broken.tf").write_text("resource {{")
        assert said() == ""


@pytest.mark.parametrize(
    ("metadata", "waived"),
    [
        ({"averment": {"waive": COMPLETE.partition("=")[2]}}, 1),
        ({"averment": {"waive": [COMPLETE.partition("=")[2]]}}, 1),
        ({"averment": {"waive": "SM-DET-03"}}, 0),
        ({"averment": "SM-DET-03"}, 0),
        ({"checkov": {"skip": [{"id": "AVERMENT_DETECTOR_ENDPOINT_GUARDED", "comment": "goes in December"}]}}, 1),
        ({"checkov": {"skip": [{"id": "AVERMENT_DETECTOR_ENDPOINT_GUARDED"}]}}, 0),
        ({"checkov": {"skip": [3]}}, 0),
    ],
)
def test_metadata_waives_where_comments_cannot(tmp_path: Path, metadata: dict[str, object], waived: int) -> None:
    """A template in JSON has no comments; its Metadata carries the same, held to the same."""
    METADATA["Resources"]["M"]["Metadata"] = metadata
    (tmp_path / "t.json").write_text(json.dumps(METADATA))
    result = result_of(tmp_path)
    assert (result.counts.waived, result.counts.failed) == (waived, 1 - waived)


def test_waived_findings_are_shown_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Every format shows what was waived, with who and why, or leaves it out of what it calls open; the exit code is 0."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.tf").write_text(TERRAFORM.format(comment=f"# {COMPLETE.replace('2026', '2999')}"))
    shown = {}
    for name in FORMAT_NAMES:
        assert averment(["check", "--rule", RULE, "-f", name]) == 0
        shown[name] = capsys.readouterr().out
    assert "WAIVED (1)" in shown["table"]
    assert "1 waived" in shown["table"]
    assert json.loads(shown["json"])["counts"]["waived"] == 1
    assert json.loads(shown["sarif"])["runs"][0]["results"][0]["suppressions"][0]["kind"] == "inSource"
    assert "<skipped" in shown["junit"]
    assert "**Waived** (1)" in shown["markdown"]
    assert "1 waived" in shown["github"]
    assert json.loads(shown["gitlab"]) == []


BLOCK = 'resource "aws_sagemaker_model" "m" {\n  name = "m"\n}\n'
ABOVE = {
    "main.tf": f"# {COMPLETE}\n{BLOCK}",
    "other.tf": f'variable "a" {{}} # a\n// {COMPLETE}\n# and on\n{BLOCK}',
    "template.yaml": f"Resources:\n  # {COMPLETE}\n  M:\n    Type: AWS::SageMaker::Model\n    Properties:\n      ModelName: m\n",
}


@pytest.mark.parametrize("name", ABOVE)
def test_a_waiver_may_stand_directly_above_its_resource(tmp_path: Path, name: str) -> None:
    """Where most people write it; the one below it isn't accepted as well."""
    other = "  N:\n    Type: AWS::SageMaker::Model\n" if name.endswith("yaml") else BLOCK.replace('"m" {', '"n" {')
    (tmp_path / name).write_text(ABOVE[name] + other)
    result = result_of(tmp_path)
    assert [finding.resource[-1].lower() for finding in result.findings if finding.waived_by] == ["m"]
    assert [finding.resource[-1].lower() for finding in result.failures] == ["n"]
    assert not result.problems


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("main.tf", f"# {COMPLETE}\n\n{BLOCK}", 1),
        ("main.tf", f"{BLOCK}# {COMPLETE}\n", 4),
        ("main.tf", f'variable "a" {{\n  # {COMPLETE}\n}}\n{BLOCK}', 2),
        ("template.yaml", f"# {COMPLETE}\n{TEMPLATE}", 1),
        ("template.yaml", f"{TEMPLATE}# {COMPLETE}\n", 6),
    ],
)
def test_a_waiver_that_stands_next_to_nothing_is_said(tmp_path: Path, name: str, text: str, line: int) -> None:
    """Who wrote it thinks that it counts."""
    (tmp_path / name).write_text(text.replace("# {comment}\n    ", ""))
    result = result_of(tmp_path)
    assert result.failures
    (problem,) = result.problems
    assert "stands next to no resource" in problem.reason
    assert (problem.where.line, problem.blocking) == (line, False)


def test_a_page_that_quotes_a_waiver_accepts_nothing_and_asks_for_nothing(tmp_path: Path) -> None:
    """The search index of a governance site quotes the documentation; with a site in the repository every check had a waiver to mend."""
    text = f"In a template with Resources of AWS::S3::Bucket: # {COMPLETE}"
    (tmp_path / "search_index.json").write_text(json.dumps({"docs": [{"location": "adopting.html", "text": text}]}))
    (tmp_path / "template.json").write_text(json.dumps({"Resources": {"M": {"Type": "AWS::SageMaker::Model"}}}))
    result = result_of(tmp_path)
    assert result.failures
    assert not result.problems


def test_a_waiver_of_some_of_a_rules_controls_is_said_not_to_suffice(tmp_path: Path) -> None:
    """What two controls ask for is accepted for both, or by the rule's own name; whoever waived one of them thought that it was done."""
    text = 'resource "aws_s3_bucket" "u" {{\n{}  bucket = "shop-uploads"\n}}\n'
    lines = {name: f"  # {COMPLETE.replace('SM-DET-03', name)}\n" for name in ("SM-UPL-01", "SM-DEL-02", "media-bucket-hardened")}

    def checked(*names: str) -> tuple[int, str]:
        (tmp_path / "main.tf").write_text(text.format("".join(lines[name] for name in names)))
        options = Options(rules=("media-bucket-hardened",), today=TODAY)
        result = check([tmp_path], all_rules(), Organisation(), load_catalogue(), options)
        return result.counts.waived, " ".join(note for note in result.notes if "waiver" in note)

    waived, note = checked("SM-UPL-01")
    assert waived == 0
    assert "the waiver of SM-UPL-01 for aws_s3_bucket.u doesn't accept what media-bucket-hardened finds" in note
    assert "by SM-DEL-02 as well" in note
    assert checked("SM-UPL-01", "SM-DEL-02") == (1, "")
    assert checked("media-bucket-hardened") == (1, "")
    assert checked() == (0, "")


def test_a_waiver_of_a_function_counts_wherever_the_check_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its file is named from the settings, as a check of everything reports it; checked by its folder, it was open again."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "app.py").write_text(
        'import boto3\n\nrekognition = boto3.client("rekognition")\n\n\ndef handler(event, context):\n'
        '    return rekognition.compare_faces(SourceImage=event["a"], TargetImage=event["b"])\n'
    )
    entry = {"control": "face-call-after-liveness", "resource": "services/app.py:handler", "until": "2999-12-31"}
    (tmp_path / "averment.yaml").write_text(
        json.dumps(
            {"version": 1, "iac": ["services"], "waivers": [{**entry, "owner": "a", "approver": "b", "reason": "it goes away soon"}]}
        )
    )
    only = ["check", "--rule", "face-call-after-liveness"]
    assert averment([*only, "."]) == 0
    assert averment([*only, "services"]) == 0
    assert averment([*only, "services/app.py"]) == 0
    capsys.readouterr()
    monkeypatch.chdir(tmp_path / "services")
    assert averment(["check"]) == 0
    assert "accepts nothing" not in capsys.readouterr().out


def test_an_acceptance_names_no_folder_of_the_machine_and_says_a_reason_once(tmp_path: Path) -> None:
    """It stands in reports and in records, which others read; of a rule that serves three controls, the same sentence stood there three times."""
    (tmp_path / "main.tf").write_text('resource "aws_s3_bucket" "uploads" {\n  bucket = "acme-user-uploads"\n}\n')
    entry = {"resource": "aws_s3_bucket.uploads", "until": "2999-12-31", "owner": "a", "approver": "b", "reason": "it goes away soon"}
    waivers = [{"control": control, **entry} for control in ("SM-DET-01", "SM-DET-02", "SM-UPL-01")]
    (tmp_path / "averment.yaml").write_text(json.dumps({"version": 1, "waivers": waivers}, indent=1))
    organisation = load_organisation(tmp_path / "averment.yaml")
    options = Options(rules=("media-bucket-events-scanned",), today=TODAY)
    found = check([tmp_path], all_rules(), organisation, load_catalogue(organisation), options)
    assert [finding.waived_by for finding in found.findings] == [
        "it goes away soon (owner a, approved by b, until 2999-12-31; averment.yaml:4, averment.yaml:12, averment.yaml:20)"
    ]
