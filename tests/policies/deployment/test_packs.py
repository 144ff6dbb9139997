"""Conformance packs, the stack and the Terraform: within AWS's limits, valid for its tools, and clean by our own rules.

Origin of the data: the shipped catalogue and rules, and rules made here.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import subprocess
import sysconfig
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from averment.cli.main import run
from averment.cli.rules_deploy import _everywhere, built
from averment.controls.loader import load_catalogue
from averment.controls.model import Assessment
from averment.core.errors import BadInputError, IncompleteError
from averment.core.scope import MediaMatcher, MediaRole, Scope
from averment.core.words import Method, Severity
from averment.governance.remediation.runbooks import all_runbooks
from averment.policies.deployment import artifact
from averment.policies.deployment import pack as pack_module
from averment.policies.deployment.names import rule_of
from averment.policies.deployment.pack import MAX_INLINE_BYTES, MAX_RULES, PackOptions, packs
from averment.policies.deployment.plan import COLLECTOR, DeploymentPlan, PlannedRule, frequency, plan_rules
from averment.policies.deployment.stack import media_bucket_names, stack_template
from averment.policies.interface import PASS, Kind, Rule
from averment.policies.rules.registry import all_rules
from averment.policies.runtime.evaluate import subject_types

SCOPE = Scope(accounts=("111122223333", "444455556666"), organisation_id="o-abcdefghij")


def planned(count: int = 1, **changes: Any) -> list[PlannedRule]:
    rules = [Rule(f"rule-{number}", "t", Severity.LOW, ("AWS::S3::Bucket",), lambda *_: PASS, "r") for number in range(count)]
    return [dataclasses.replace(PlannedRule(rule, (), rule.types, "TwentyFour_Hours"), **changes) for rule in rules]


def shipped() -> DeploymentPlan:
    return plan_rules(load_catalogue(), all_rules(), runbooks=all_runbooks())


def resources(text: str, kind: str) -> list[dict[str, Any]]:
    found = yaml.safe_load(text)["Resources"]
    return [item["Properties"] for item in found.values() if item["Type"] == kind]


def test_every_rule_is_planned_or_left_out_with_a_reason() -> None:
    """A rule that no pack holds and nobody mentions would look like one that passes."""
    plan = shipped()
    assert {item.rule.id for item in plan.rules} | set(plan.left_out) == {rule.id for rule in all_rules()}
    assert all(plan.left_out.values())
    assert not any(item.rule.kind is Kind.CODE for item in plan.rules)


def test_what_no_deployment_has_is_not_run_on() -> None:
    """A rule of one's own on a type that only Terraform has is left out; beside a type of AWS's it runs on that, and asks AWS Config for no other."""
    (plain,) = planned()
    only = dataclasses.replace(plain.rule, id="only", types=("Terraform::aws_workspaces_directory",))
    plan = plan_rules(load_catalogue(), [*all_rules(), only])
    assert plan.left_out["only"] == "nothing of what it looks at can be seen at run time"
    assert subject_types(dataclasses.replace(only, types=("AWS::S3::Bucket", *only.types))) == ("AWS::S3::Bucket",)


def test_every_run_time_assessment_is_served_by_the_pack() -> None:
    """Whatever a control wants to know at run time is asked: none of its assessments waits for a rule that never runs."""
    asked = {item.policy for control in load_catalogue() for item in control.assessments if item.collector == COLLECTOR and item.policy}
    assert asked == {item.rule.id for item in shipped().rules}


def test_a_rule_leads_back_to_its_controls() -> None:
    """Whoever sees a finding in the console knows which control it is about."""
    (pack,) = packs(shipped(), SCOPE)
    for item in resources(pack.body, "AWS::Config::ConfigRule"):
        assert re.match(r"SM-[A-Z]+-\d\d", item["Description"]), item["ConfigRuleName"]
        assert len(item["Description"]) <= 256


def test_every_rules_compliance_can_be_read_back() -> None:
    """A name that is too long with what a pack appends could be deployed but never asked about; a cut one is still known."""
    names = {item.rule.id: item.name for item in shipped().rules}
    assert all(len(name) + len("-conformance-pack-") + 9 <= 64 for name in names.values())
    assert len(set(names.values())) == len(names)
    assert {rule_of(f"{name}-conformance-pack-abc123def"): rule for rule, name in names.items()} == {rule: rule for rule in names}
    assert rule_of("averment-own-rule") == "own-rule"
    own = dataclasses.replace(planned()[0].rule, id="a-rule-of-ones-own-with-a-very-long-name")
    with pytest.raises(BadInputError, match="its id has 40 characters"):
        packs(DeploymentPlan((PlannedRule(own, (), own.types, None),)), SCOPE)


def test_only_what_a_pack_may_hold_is_in_it() -> None:
    """AWS Config refuses a pack with any other type of resource."""
    (pack,) = packs(shipped(), SCOPE)
    kinds = {item["Type"] for item in yaml.safe_load(pack.body)["Resources"].values()}
    assert kinds == {"AWS::Config::ConfigRule", "AWS::Config::RemediationConfiguration"}
    assert pack.inline


def test_remediation_is_started_by_hand_on_the_resource_that_failed() -> None:
    """Taking a bucket off the air isn't left to a machine; the runbook gets the bucket's name."""
    (pack,) = packs(shipped(), SCOPE)
    found = resources(pack.body, "AWS::Config::RemediationConfiguration")
    assert found
    for item in found:
        assert item["Automatic"] is False
        assert item["TargetId"] == "averment-isolate-bucket"
        assert item["Parameters"]["BucketName"] == {"ResourceValue": {"Value": "RESOURCE_ID"}}
        assert item["ResourceType"] == "AWS::S3::Bucket"


@pytest.mark.parametrize(
    ("ages", "wanted"),
    [
        ([timedelta(hours=24)], "TwentyFour_Hours"),
        ([timedelta(days=31), timedelta(hours=7)], "Six_Hours"),
        ([timedelta(minutes=5)], "One_Hour"),
        ([None], "TwentyFour_Hours"),
    ],
)
def test_the_schedule_keeps_the_evidence_fresh(ages: Sequence[timedelta | None], wanted: str) -> None:
    """The schedule is as rare as the strictest assessment allows; AWS Config has nothing faster than an hour."""
    assert frequency([Assessment("a", Method.EXAMINE, max_age=age) for age in ages]) == wanted


def test_more_rules_than_a_pack_takes_go_on_in_the_next() -> None:
    """130 rules a pack is AWS Config's limit; no rule is lost on the way."""
    many = planned(MAX_RULES + 5)
    made = packs(DeploymentPlan(tuple(many)), SCOPE)
    assert [pack.name for pack in made] == ["averment-1", "averment-2"]
    assert [len(pack.rules) for pack in made] == [MAX_RULES, 5]
    assert [item.rule.id for pack in made for item in pack.rules] == [item.rule.id for item in many]


def test_a_template_too_large_for_s3_is_split(monkeypatch: pytest.MonkeyPatch) -> None:
    """300 KB is what AWS Config reads from S3; 51,200 bytes is what it takes as text."""
    monkeypatch.setattr(pack_module, "MAX_S3_BYTES", 60_000)
    made = packs(DeploymentPlan(tuple(planned(20, guard="x" * 9_000, every=None))), SCOPE)
    assert len(made) > 1
    assert all(len(pack.body.encode()) <= 60_000 for pack in made)
    assert not all(pack.inline for pack in made)
    assert MAX_INLINE_BYTES == 51_200


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"guard": "x" * 10_001}, "Guard text"),
        ({"types": tuple(f"AWS::X::T{number}" for number in range(101))}, "101 types"),
    ],
)
def test_a_rule_beyond_a_limit_is_refused_by_name(changes: dict[str, Any], said: str) -> None:
    """What AWS Config would refuse in the middle of a deployment is refused before it begins."""
    with pytest.raises(BadInputError, match=f"rule-0 can't be deployed: its? .*{said}"):
        packs(DeploymentPlan(tuple(planned(1, **changes))), SCOPE)


def test_many_accounts_are_left_to_the_bundle() -> None:
    """A rule's parameters hold 1,024 characters; the bundle's settings hold every account."""
    scope = Scope(accounts=tuple(str(100000000000 + number) for number in range(200)))
    (pack,) = packs(DeploymentPlan(tuple(planned())), scope)
    (item,) = resources(pack.body, "AWS::Config::ConfigRule")
    assert item["InputParameters"] == {"rule": "rule-0"}


def test_an_organisations_pack_asks_for_no_function() -> None:
    """Every account has the function under the same name, so that one template serves them all."""
    (pack,) = packs(DeploymentPlan(tuple(planned())), Scope(), PackOptions(organisation=True))
    (item,) = resources(pack.body, "AWS::Config::ConfigRule")
    assert set(yaml.safe_load(pack.body)["Parameters"]) == {"AvermentBuild"}
    assert "${AWS::AccountId}:function:averment-config-rules" in item["Source"]["SourceIdentifier"]["Fn::Sub"]


def test_the_functions_role_may_look_and_report_and_no_more() -> None:
    """No wildcard among the actions, and nothing that changes anything but the evaluations."""
    template = yaml.safe_load(stack_template(shipped(), {"config:ListDiscoveredResources", "sagemaker:DescribeEndpointConfig"}, SCOPE))
    (policy,) = template["Resources"]["Role"]["Properties"]["Policies"]
    actions = [
        action
        for item in policy["PolicyDocument"]["Statement"]
        for action in ([item["Action"]] if isinstance(item["Action"], str) else item["Action"])
    ]
    assert not any("*" in action for action in actions)
    changing = {action for action in actions if not re.match(r"\w+:(?:List|Describe|Get|BatchGet|Select)", action)}
    assert changing == {"config:PutEvaluations", "logs:CreateLogStream", "logs:PutLogEvents"}
    assert template["Resources"]["Invoke"]["Properties"]["SourceAccount"] == {"Ref": "AWS::AccountId"}


@pytest.mark.parametrize(
    ("media", "wanted"),
    [
        ([MediaMatcher(MediaRole.UPLOAD, {}, ("inbox-*", "acme-kyc"))], ["acme-kyc", "inbox-*"]),
        ([MediaMatcher(MediaRole.UPLOAD, {"data-class": "ugc"})], ["*"]),
        ([MediaMatcher(MediaRole.UPLOAD, {}, ("in[bc]ox",))], ["*"]),
    ],
)
def test_runbooks_reach_the_buckets_in_scope(media: list[MediaMatcher], wanted: list[str]) -> None:
    """The runbooks' role is as narrow as names allow: a bucket that is known by its tag alone must be reachable too."""
    assert media_bucket_names(Scope(media=tuple(media))) == wanted


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """What ``averment rules build`` writes for an organisation with two patterns of media buckets."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "averment.yaml").write_text("version: 1\nscope:\n  media:\n    - {role: upload, names: ['inbox-*']}\n", encoding="utf-8")
    assert run(["rules", "build", "-o", "out"]) == 0
    assert "face-call-after-liveness, face-match-threshold (looks at source code" in capsys.readouterr().err
    return tmp_path / "out"


def test_cfn_lint_accepts_what_is_built(made: Path) -> None:
    """The stack and the pack are valid templates for the official linter."""
    files = sorted(str(path) for path in made.glob("*.yaml"))
    assert len(files) == 2
    ran = subprocess.run([str(Path(sysconfig.get_path("scripts")) / "cfn-lint"), *files], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def test_what_is_built_passes_our_own_rules(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The roles, the runbook and the packs that we hand out break none of the rules that they carry."""
    capsys.readouterr()
    assert run(["check", str(made), "--format", "json"]) == 0
    result = json.loads(capsys.readouterr().out)
    found = {(item["rule"], item["verdict"]) for item in result["findings"]}
    assert ("isolation-runbook-present", "pass") in found
    assert not any(verdict == "fail" for _, verdict in found)


def test_what_is_built_is_taken_for_no_settings(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A pack called ``averment.yaml`` was read as the organisation's file by every command below it, and a check of the whole told of it."""
    assert not [*made.rglob("averment.yaml")]
    text = (made / "terraform" / "main.tf").read_text(encoding="utf-8")
    assert (made / "terraform" / "averment.pack.yaml").is_file()
    assert '"${path.module}/averment.pack.yaml"' in text
    (made / "terraform" / "averment.yaml").write_text("Resources: {}\n")  # as an earlier version left it
    capsys.readouterr()
    assert run(["rules", "build", "-o", "out"]) == 0
    assert "terraform/averment.yaml is of an earlier build" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["stack.yaml", "averment.pack.yaml", "terraform/main.tf"])
def test_a_build_writes_over_nothing_but_an_earlier_build(made: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """``-o .`` where a repository has its own terraform/main.tf took that away; nothing at all is written then."""
    (made / name).write_text("# ours\n", encoding="utf-8")
    (made / "averment-config-rules.zip").unlink()
    assert run(["rules", "build", "-o", "out"]) == 2
    assert f"{name}: is there already, and no build wrote it" in capsys.readouterr().err
    assert (made / name).read_text(encoding="utf-8") == "# ours\n"
    assert not (made / "averment-config-rules.zip").exists()


def test_an_organisations_pack_is_one_in_terraform_as_well(made: Path) -> None:
    """A pack of one account would leave the others without rules. Its build is the one that ``diff`` looks for."""
    assert "aws_config_organization_conformance_pack" not in (made / "terraform" / "main.tf").read_text(encoding="utf-8")
    assert run(["rules", "build", "--organisation", "-o", "wide"]) == 0
    text = (made.parent / "wide" / "terraform" / "main.tf").read_text(encoding="utf-8")
    assert 'resource "aws_config_organization_conformance_pack" "averment"' in text
    assert '"aws_config_conformance_pack"' not in text
    digest = hashlib.sha256((made.parent / "wide" / "averment.pack.yaml").read_bytes()).hexdigest()
    assert f'parameter_name  = "AvermentBuild"\n    parameter_value = "{digest}"' in text
    assert 'name = "averment-runbooks-${data.aws_region.current.id}"' in text  # which the pack's remediations call


def test_each_region_has_a_bucket_of_its_own(made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Lambda takes code from its own region only: with one bucket for two, as the help showed it, the second deployment broke off."""
    monkeypatch.setattr(artifact, "mark", lambda region: {artifact.MADE_BY: f"123456789012/{region}"})  # which asks AWS whose account it is
    places = ["--region", "eu-west-1", "--region", "eu-central-1"]
    for command in ("deploy", "diff"):
        capsys.readouterr()
        assert run(["rules", command, "--artifacts", "acme", *places]) == 2
        assert "--artifacts 'acme-{region}'" in capsys.readouterr().err.replace("\n", " ")
    wide = _everywhere(built(None, organisation_wide=True), "acme", ("eu-west-1", "eu-central-1"))  # a small pack is handed over as it is
    assert [region for region, _ in wide] == ["eu-west-1", "eu-central-1"]
    found = _everywhere(built(None), "acme-{region}", ("eu-west-1", "eu-central-1", "eu-west-1"))
    assert [(region, steps[0].name.split("/")[2]) for region, steps in found] == [
        ("eu-west-1", "acme-eu-west-1"),
        ("eu-central-1", "acme-eu-central-1"),
    ]


def test_a_region_that_fails_keeps_no_other_back(made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One account of forty without a recorder failed the organisation's pack in the first region, at each run anew, and the others never got theirs."""
    monkeypatch.setattr(artifact, "mark", lambda region: {artifact.MADE_BY: f"123456789012/{region}"})

    def bring(steps: list[Any], _tell: object) -> int:
        if "acme-eu-west-1" in steps[0].name:
            raise IncompleteError("stopped at the pack: 444455556666 has no recorder", fix="mend it and run it again")
        return 1

    monkeypatch.setattr("averment.policies.deployment.run.deploy", bring)
    places = [option for region in ("eu-west-1", "eu-central-1", "us-east-1") for option in ("--region", region)]
    assert run(["rules", "deploy", "--artifacts", "acme-{region}", *places]) == 3
    told = capsys.readouterr()
    assert told.out.splitlines() == ["eu-central-1: deployed", "us-east-1: deployed"]
    said = " ".join(told.err.split())
    assert "not done in 1 of 3 regions: eu-west-1: stopped at the pack: 444455556666 has no recorder" in said
    assert "mend it and run it again" in said


def test_two_accounts_may_put_a_large_pack_into_one_bucket(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its digest alone it was one object for both, and destroying it in the one took it from the other."""
    monkeypatch.setattr(pack_module, "MAX_INLINE_BYTES", 1000)
    assert run(["rules", "build", "-o", "large"]) == 0
    text = (made.parent / "large" / "terraform" / "main.tf").read_text(encoding="utf-8")
    key = re.search(r'resource "aws_s3_object" "averment" \{.*?key\s+= "(.*?)"', text, re.DOTALL)
    assert key
    assert key[1].startswith("averment/config-rules/${data.aws_caller_identity.current.account_id}/${data.aws_region.current.id}/")
    assert "template_s3_uri" in text


@pytest.mark.parametrize("wide", [(), ("--organisation",)])
def test_in_terraform_a_pack_comes_after_all_that_it_calls_by_name(made: Path, wide: tuple[str, ...]) -> None:
    """Its template names the runbooks' documents, and Terraform can't see that: it made pack and documents at once."""
    assert run(["rules", "build", *wide, "-o", "again"]) == 0
    text = (made.parent / "again" / "terraform" / "main.tf").read_text(encoding="utf-8")
    before = text.rpartition("depends_on = [")[2].partition("]")[0]
    assert [line.strip(" ,") for line in before.strip().splitlines()] == [
        "aws_lambda_permission.config",
        "aws_iam_role_policy.rules",
        "aws_iam_role_policy.runbooks",
        "aws_ssm_document.isolate_bucket",
    ]
    assert 'resource "aws_ssm_document" "isolate_bucket"' in text


def test_building_again_changes_nothing(made: Path) -> None:
    """The same sources and settings give the same files, so a difference means a difference."""
    before = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    assert run(["rules", "build", "-o", "out"]) == 0
    assert {path: path.read_bytes() for path in made.rglob("*") if path.is_file()} == before


def test_a_pack_of_an_earlier_build_is_told(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A larger build had a second pack: whoever deploys what lies there would deploy it for ever."""
    (made / "averment-2.pack.yaml").write_bytes((made / "averment.pack.yaml").read_bytes())
    capsys.readouterr()
    assert run(["rules", "build", "-o", "out"]) == 0
    err = capsys.readouterr().err
    assert "averment-2.pack.yaml is of an earlier build, and no part of this one: remove it" in err
    assert err.count("earlier build") == 1
