"""The rules deployed to the embedded AWS: through boto3, CloudFormation and the AWS CLI. Origin of the data: made here."""

from __future__ import annotations

import io
import json
import subprocess
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from averment.cli.main import run
from averment.cli.rules_deploy import built, steps_for
from averment.core.errors import IncompleteError
from averment.core.stopping import Terminated, told
from averment.governance.remediation.runbooks import shipped_runbook
from averment.policies.deployment import waiting
from averment.policies.deployment.artifact import Archive
from averment.policies.deployment.conformance import ConformancePacks
from averment.policies.deployment.interface import Action, Change, Step
from averment.policies.deployment.organisation import OrganisationPacks
from averment.policies.deployment.run import deploy, destroy
from averment.policies.runtime.handler import handler
from averment.sandbox.config_runner import run_rule

ACCOUNT = "123456789012"
ORGANISATION = """
version: 1
controls: [SM-UPL-01, SM-UPL-03, SM-MON-01]
scope:
  accounts: ["123456789012"]
  media:
    - {role: upload, names: ["*-uploads"]}
"""


OWN_RULE = '''
"""Media buckets keep versions."""

from averment.core.words import Severity
from averment.policies.interface import Rule
from averment.policies.predicates.evaluate import Stated
from averment.policies.predicates.language import Demand, HoldsMedia, Is, Predicate

VERSIONED = Demand(Is(("VersioningConfiguration", "Status"), "Enabled"), "this media bucket keeps no versions", "not resolved")
RULE = Rule(
    id="media-versioned",
    title="Media buckets keep versions",
    severity=Severity.LOW,
    types=("AWS::S3::Bucket",),
    evaluate=Stated((Predicate("AWS::S3::Bucket", ((VERSIONED,),), asks=HoldsMedia()),)),
    remediation="Switch versioning on.",
)
'''


@pytest.fixture
def own(shop: Path) -> Path:
    """The organisation with a rule of its own, stated as predicates, which an overlay lets a control ask for."""
    (shop / "own-rules" / "media_versioned").mkdir(parents=True)
    (shop / "own-rules" / "media_versioned" / "rule.py").write_text(OWN_RULE, encoding="utf-8")
    asked = "overlays: {SM-UPL-01: {add: [{id: versioned, method: EXAMINE, collector: config-compliance, policy: media-versioned, max_age: 24h}]}}"
    (shop / "averment.yaml").write_text(f"{ORGANISATION}rules: [own-rules]\n{asked}\n", encoding="utf-8")
    return shop


@pytest.fixture
def shop(sandbox: Any, without_sockets: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An organisation with three controls, a bucket for artifacts, and AWS Config recording."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(waiting, "_FIRST_PAUSE_S", 0.01)  # the embedded AWS is done by the second look
    (tmp_path / "averment.yaml").write_text(ORGANISATION, encoding="utf-8")
    bucket("artifacts")
    group = {"allSupported": True, "includeGlobalResourceTypes": True}
    recorder = {"name": "default", "roleARN": f"arn:aws:iam::{ACCOUNT}:role/config", "recordingGroup": group}
    config = boto3.client("config")
    config.put_configuration_recorder(ConfigurationRecorder=recorder)
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": "artifacts"})
    config.start_configuration_recorder(ConfigurationRecorderName="default")
    return tmp_path


def bucket(name: str, policy: dict[str, Any] | None = None) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    if policy:
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))


def averment(*arguments: str) -> int:
    return run(["rules", *arguments, "--artifacts", "artifacts"])


def aws(*arguments: str) -> Any:
    cli = Path(sysconfig.get_path("scripts")) / "aws"
    ran = subprocess.run([str(cli), *arguments, "--output", "json"], capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


def rules() -> dict[str, dict[str, Any]]:
    pages = boto3.client("config").get_paginator("describe_config_rules").paginate()
    return {item["ConfigRuleName"].split("-conformance-pack-")[0]: item for page in pages for item in page["ConfigRules"]}


def test_a_dry_run_shows_and_changes_nothing(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever may only look sees what would be created."""
    assert averment("deploy", "--dry-run") == 0
    out = capsys.readouterr().out
    assert "+ conformance pack averment" in out
    assert "+ averment-s3-put-object-gated" in out
    assert "AWS::Lambda::Function Function" in out
    assert rules() == {}
    assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket="artifacts")


def test_deployed_rules_judge_and_report(shop: Path) -> None:
    """The whole way: deployed by us, run as AWS Config runs them, read back by the AWS CLI with the reason."""
    anyone = {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::acme-uploads/*"}
    bucket("acme-uploads", {"Version": "2012-10-17", "Statement": [anyone]})
    assert averment("deploy") == 0
    found = rules()["averment-s3-put-object-gated"]
    assert found["Description"].startswith("SM-UPL-03: ")
    assert found["Source"]["SourceIdentifier"] == f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:averment-config-rules"
    assert json.loads(found["InputParameters"]) == {"rule": "s3-put-object-gated", "accounts": ACCOUNT}
    ran = run_rule(found["ConfigRuleName"], handler)
    assert ran.errors == ()
    listed = aws("configservice", "get-compliance-details-by-config-rule", "--config-rule-name", found["ConfigRuleName"])
    (failure,) = [item for item in listed["EvaluationResults"] if item["ComplianceType"] == "NON_COMPLIANT"]
    assert failure["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ResourceId"] == "acme-uploads"
    assert "Principal *" in failure["Annotation"]


def test_a_finding_has_its_runbook_at_hand(shop: Path) -> None:
    """The remediation of the pack names the shipped runbook, which the stack has made, and the role that it acts as."""
    assert averment("deploy") == 0
    name = rules()["averment-quarantine-not-served"]["ConfigRuleName"]
    answer = aws("configservice", "describe-remediation-configurations", "--config-rule-names", name)
    (found,) = answer["RemediationConfigurations"]
    assert (found["TargetId"], found["Automatic"]) == ("averment-isolate-bucket", False)
    (role,) = found["Parameters"]["AutomationAssumeRole"]["StaticValue"]["Values"]
    assert boto3.client("iam").get_role(RoleName=role.rsplit("/", 1)[-1])["Role"]["Arn"] == role


def test_deploying_twice_changes_nothing(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A deployment that is complete is left alone, and the comparison says so with exit code 0."""
    assert averment("deploy") == 0
    before = {name: item["ConfigRuleArn"] for name, item in rules().items()}
    capsys.readouterr()
    assert averment("deploy") == 0
    assert "nothing to change" in capsys.readouterr().out
    assert averment("diff") == 0
    assert {name: item["ConfigRuleArn"] for name, item in rules().items()} == before


@pytest.mark.guard
def test_a_rule_that_guard_can_state_runs_without_the_function(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Deployed as a custom policy with the emitter's text, judged by AWS Config itself, and found as it should be afterwards."""
    bucket("acme-uploads")
    bucket("other")
    bucket("kept-uploads")
    boto3.client("s3").put_bucket_versioning(Bucket="kept-uploads", VersioningConfiguration={"Status": "Enabled"})
    assert averment("deploy") == 0
    assert "1 as Guard policies" in capsys.readouterr().err
    found = rules()["averment-media-versioned"]
    assert found["Description"] == "SM-UPL-01: Media buckets keep versions"
    assert (found["Source"]["Owner"], found["Scope"]["ComplianceResourceTypes"]) == ("CUSTOM_POLICY", ["AWS::S3::Bucket"])
    config = boto3.client("config")
    policy = config.get_custom_rule_policy(ConfigRuleName=found["ConfigRuleName"])["PolicyText"]
    assert "<<this media bucket keeps no versions>>" in policy
    config.start_config_rules_evaluation(ConfigRuleNames=[found["ConfigRuleName"]])
    answer = config.get_compliance_details_by_config_rule(ConfigRuleName=found["ConfigRuleName"])["EvaluationResults"]
    told = {item["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ResourceId"]: item["ComplianceType"] for item in answer}
    assert {name: told.get(name) for name in ("acme-uploads", "kept-uploads")} == {
        "acme-uploads": "NON_COMPLIANT",
        "kept-uploads": "COMPLIANT",
    }
    assert told.get("other") in (None, "NOT_APPLICABLE")
    assert averment("diff") == 0


@pytest.mark.guard
def test_a_change_of_scope_reaches_the_guard_text(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The scope is compiled into the text: a deployment under an older one is a difference until it is brought about."""
    assert averment("deploy") == 0
    settings = own / "averment.yaml"
    settings.write_text(settings.read_text(encoding="utf-8").replace('"*-uploads"', '"*-incoming"'), encoding="utf-8")
    capsys.readouterr()
    assert averment("diff") == 1
    assert "~ averment-media-versioned" in capsys.readouterr().out
    assert averment("deploy") == 0
    assert averment("diff") == 0


def test_a_change_of_controls_shows_and_is_brought_about(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Deselecting a control takes its rules away, and a new scope reaches the parameters; nothing else moves."""
    assert averment("deploy") == 0
    assert "averment-config-recorder-on" in rules()
    changed = ORGANISATION.replace(", SM-MON-01", "").replace('accounts: ["123456789012"]', 'accounts: ["123456789012", "210987654321"]')
    (shop / "averment.yaml").write_text(changed, encoding="utf-8")
    capsys.readouterr()
    assert averment("diff") == 1
    out = capsys.readouterr().out
    assert "- averment-config-recorder-on" in out
    assert "~ averment-s3-put-object-gated: its parameters" in out
    assert averment("deploy") == 0
    assert "averment-config-recorder-on" not in rules()
    assert averment("diff") == 0


def test_what_somebody_changed_by_hand_shows(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A pack that was put anew from an edited template, with a rule less and a runbook gone, is a difference like any other."""
    assert averment("deploy") == 0
    (pack,) = built(None).packs
    edited = yaml.safe_load(pack.body)
    del edited["Resources"]["AvermentQuarantineNotServedRemediation"], edited["Resources"]["AvermentMediaBucketHardened"]
    outputs = boto3.client("cloudformation").describe_stacks(StackName="averment-config-rules")["Stacks"][0]["Outputs"]
    given = [{"ParameterName": item["OutputKey"], "ParameterValue": item["OutputValue"]} for item in outputs]
    boto3.client("config").put_conformance_pack(
        ConformancePackName="averment", TemplateBody=yaml.safe_dump(edited), ConformancePackInputParameters=given
    )
    capsys.readouterr()
    assert averment("diff") == 1
    out = capsys.readouterr().out
    assert "~ averment-quarantine-not-served: its runbook" in out
    assert "+ averment-media-bucket-hardened" in out
    assert averment("deploy") == 0
    assert averment("diff") == 0


def test_a_half_failed_deployment_says_where_it_stands_and_goes_on(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a recorder the packs are refused: what stands is named, and the next run does the rest alone."""
    config = boto3.client("config")
    config.delete_configuration_recorder(ConfigurationRecorderName="default")
    assert averment("deploy") == 3
    error = capsys.readouterr().err
    assert "stopped at conformance pack averment" in error
    assert "stack averment-config-rules, function averment-config-rules, runbooks)" in error
    assert "turn on AWS Config's recorder in this region; then run it again" in error
    recorder = {"name": "default", "roleARN": f"arn:aws:iam::{ACCOUNT}:role/config", "recordingGroup": {"allSupported": True}}
    config.put_configuration_recorder(ConfigurationRecorder=recorder)
    assert averment("deploy") == 0
    error = capsys.readouterr().err
    assert "stack averment-config-rules: as it should be" in error
    assert averment("diff") == 0


def test_a_missing_bucket_is_one_clear_error(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing was done before, and the error names the bucket."""
    assert run(["rules", "deploy", "--artifacts", "nowhere"]) == 3
    error = capsys.readouterr().err
    assert "nowhere" in error
    assert "nothing was done before; not begun: stack averment-config-rules" in error


def test_destroying_leaves_nothing_and_makes_room_for_the_next(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was deployed is removed in reverse; without a yes, and in a dry run, nothing is."""
    assert averment("deploy") == 0
    assert averment("destroy", "--dry-run") == 0
    assert rules()
    assert averment("destroy", "--yes") == 0
    assert rules() == {}
    assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket="artifacts")
    capsys.readouterr()
    assert averment("destroy", "--dry-run") == 0
    assert "nothing is there" in capsys.readouterr().out
    assert averment("deploy") == 0


def test_destroying_where_nobody_can_be_asked_says_so(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pipeline that forgot --yes was told of an interruption, with 130; nothing is removed."""
    assert averment("deploy") == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert averment("destroy") == 2
    assert "nobody is here to be asked, so nothing was removed\n  fix: --yes" in capsys.readouterr().err
    assert rules()


def test_destroying_leaves_what_other_deployments_put_into_the_bucket(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another account's archive under the prefix was deleted with ours; what this stack used of before there were marks is its own."""
    s3 = boto3.client("s3")
    theirs, unmarked = "averment/config-rules/theirs.zip", "averment/config-rules/older.zip"
    s3.put_object(Bucket="artifacts", Key=theirs, Body=b"x", Metadata={"averment-deployment": "999900001111/eu-west-1"})
    s3.put_object(Bucket="artifacts", Key=unmarked, Body=b"x")
    assert averment("deploy") == 0
    [ours] = {item["Key"] for item in s3.list_objects_v2(Bucket="artifacts")["Contents"]} - {theirs, unmarked}
    s3.copy_object(Bucket="artifacts", Key=ours, CopySource=f"artifacts/{ours}", Metadata={}, MetadataDirective="REPLACE")
    capsys.readouterr()
    assert averment("destroy", "--dry-run") == 0
    said = capsys.readouterr().out
    assert f"  - s3://artifacts/{ours}" in said
    assert f"  = s3://artifacts/{theirs} stays: another deployment put it there" in said
    assert averment("destroy", "--yes") == 0
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="artifacts")["Contents"]] == [unmarked, theirs]


def test_two_accounts_with_one_bucket_have_an_archive_each(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both had one object, as the same settings give the same digest: removing the first account's rules took away what the second's stack is made of."""
    anyone = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::artifacts", "arn:aws:s3:::artifacts/*"]}
    boto3.client("s3").put_bucket_policy(Bucket="artifacts", Policy=json.dumps({"Version": "2012-10-17", "Statement": [anyone]}))
    assert averment("deploy") == 0
    role = boto3.client("sts").assume_role(RoleArn="arn:aws:iam::999900001111:role/deploy", RoleSessionName="test")["Credentials"]
    with monkeypatch.context() as second:
        second.setenv("AWS_ACCESS_KEY_ID", role["AccessKeyId"])
        second.setenv("AWS_SECRET_ACCESS_KEY", role["SecretAccessKey"])
        second.setenv("AWS_SESSION_TOKEN", role["SessionToken"])
        second.setattr(boto3, "DEFAULT_SESSION", None)
        archive, *_ = steps_for(built(None), "artifacts", "eu-west-1")
        archive.apply()
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    assert averment("destroy", "--yes") == 0
    left = boto3.client("s3").list_objects_v2(Bucket="artifacts")["Contents"]
    assert [item["Key"].split("/")[2:4] for item in left] == [["999900001111", "eu-west-1"]]


def stacks() -> list[str]:
    return [item["StackName"] for item in boto3.client("cloudformation").describe_stacks()["Stacks"]]


def only_guard(own: Path) -> None:
    """Let one control alone be selected, whose only rule at run time is a Guard policy."""
    text = (own / "averment.yaml").read_text(encoding="utf-8")
    text = text.replace("[SM-UPL-01, SM-UPL-03, SM-MON-01]", "[SM-GOV-01]").replace("SM-UPL-01: {add", "SM-GOV-01: {add")
    (own / "averment.yaml").write_text(text, encoding="utf-8")


@pytest.mark.guard
def test_a_function_that_no_rule_needs_goes(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With Guard policies alone the function and its role are nobody's: the comparison shows them, and the deployment takes them away."""
    assert averment("deploy") == 0
    only_guard(own)
    capsys.readouterr()
    assert averment("diff") == 1
    assert "  - stack averment-config-rules" in capsys.readouterr().out
    assert averment("deploy") == 0
    assert stacks() == []
    assert list(rules()) == ["averment-media-versioned"]
    assert averment("diff") == 0


@pytest.mark.guard
@pytest.mark.parametrize("selected", ["[SM-GOV-01]", None])
def test_destroying_takes_what_earlier_settings_made(own: Path, selected: str | None) -> None:
    """What is removed is what a deployment makes, not what the present settings ask for: be that less, or nothing."""
    assert averment("deploy") == 0
    if selected is None:
        only_guard(own)
    else:
        (own / "averment.yaml").write_text(ORGANISATION.replace("[SM-UPL-01, SM-UPL-03, SM-MON-01]", selected), encoding="utf-8")
        assert averment("deploy") == 2
    assert averment("destroy", "--yes") == 0
    assert (rules(), stacks()) == ({}, [])
    assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket="artifacts")


def key_here(digest: str) -> str:
    """Where this account's deployment has its archive."""
    return f"averment/config-rules/{ACCOUNT}/eu-west-1/{digest}.zip"


def other_code() -> bytes:
    """An archive with a function that finds everything as it should be."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("averment/policies/runtime/handler.py", "def handler(event, context): return {}")
    return archive.getvalue()


def test_a_function_that_somebody_replaced_is_seen_and_put_back(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The stack's template is as it should be, but what runs is another's: code, and a variable that widens the scope."""
    assert averment("deploy") == 0
    functions = boto3.client("lambda")
    built_code = functions.get_function_configuration(FunctionName="averment-config-rules")["CodeSha256"]
    functions.update_function_code(FunctionName="averment-config-rules", ZipFile=other_code())
    functions.update_function_configuration(FunctionName="averment-config-rules", Environment={"Variables": {"AVERMENT_SCOPE": "{}"}})
    capsys.readouterr()
    assert averment("diff") == 1
    out = capsys.readouterr().out
    assert out.split() == ["eu-west-1:", "~", "function", "averment-config-rules", "its", "code", "its", "environment", "variables"]
    assert averment("deploy") == 0
    assert functions.get_function_configuration(FunctionName="averment-config-rules")["CodeSha256"] == built_code
    assert averment("diff") == 0


def test_a_function_with_another_role_or_network_or_that_never_runs_is_seen_and_put_back(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Under a role that may do more than look, in a network out of which it reaches nothing, or stopped, the diff found nothing to change."""
    assert averment("deploy") == 0
    functions, trust = boto3.client("lambda"), {"Version": "2012-10-17", "Statement": []}
    role = boto3.client("iam").create_role(RoleName="administrator", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    network = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    functions.update_function_configuration(FunctionName="averment-config-rules", Role=role, VpcConfig=network)
    functions.put_function_concurrency(FunctionName="averment-config-rules", ReservedConcurrentExecutions=0)
    capsys.readouterr()
    assert averment("diff") == 1
    said = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert said[-3:] == ["its role", "its network", "its reserved concurrency of 0, with which it never runs"]
    assert averment("deploy") == 0
    functions.put_function_concurrency(FunctionName="averment-config-rules", ReservedConcurrentExecutions=5)  # left to whoever did so
    found = functions.get_function_configuration(FunctionName="averment-config-rules")
    assert found["Role"] == f"arn:aws:iam::{ACCOUNT}:role/averment-config-rules-eu-west-1"
    assert averment("diff") == 0


def test_a_runbook_that_is_there_already_is_in_nobodys_way(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Run once dry, as whoever is on call is told to, a runbook is in the account: a stack that makes it again fails. It outlives the stack."""
    ssm, theirs = boto3.client("ssm"), {**shipped_runbook("isolate-bucket").content, "description": "of an earlier release"}
    ssm.create_document(Name="averment-isolate-bucket", DocumentType="Automation", DocumentFormat="JSON", Content=json.dumps(theirs))
    assert averment("deploy", "--dry-run") == 0
    assert "AWS::SSM::Document" not in capsys.readouterr().out
    assert averment("deploy") == 0
    assert json.loads(ssm.get_document(Name="averment-isolate-bucket")["Content"]) == shipped_runbook("isolate-bucket").content
    assert averment("diff") == 0
    assert averment("destroy", "--yes") == 0
    assert ssm.get_document(Name="averment-isolate-bucket")["DocumentVersion"] == "2"


def test_a_runbook_that_somebody_changed_or_deleted_is_seen_and_put_back(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The stack's template is as it should be, but what a finding's remediation runs does nothing, or isn't there."""
    assert averment("deploy") == 0
    ssm, idle = boto3.client("ssm"), [{"name": "rest", "action": "aws:sleep", "inputs": {"Duration": "PT0S"}}]
    other = json.dumps({"schemaVersion": "0.3", "mainSteps": idle})
    ssm.update_document(Name="averment-isolate-bucket", Content=other, DocumentFormat="JSON", DocumentVersion="$LATEST")
    ssm.update_document_default_version(Name="averment-isolate-bucket", DocumentVersion="2")
    capsys.readouterr()
    assert averment("diff") == 1
    assert capsys.readouterr().out.split() == ["eu-west-1:", "~", "runbook", "averment-isolate-bucket", "its", "content"]
    assert averment("deploy") == 0
    assert json.loads(ssm.get_document(Name="averment-isolate-bucket")["Content"]) == shipped_runbook("isolate-bucket").content
    ssm.delete_document(Name="averment-isolate-bucket")
    assert averment("diff") == 1
    assert "it is gone, though its stack is there" in capsys.readouterr().out
    assert averment("deploy") == 0
    assert averment("diff") == 0


def test_a_function_that_somebody_deleted_is_said(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its stack believes that it is there, so nothing would bring it back: the way out is named."""
    assert averment("deploy") == 0
    boto3.client("lambda").delete_function(FunctionName="averment-config-rules")
    capsys.readouterr()
    assert averment("diff") == 1
    assert "it is gone, though its stack is there" in capsys.readouterr().out
    assert averment("deploy") == 3
    assert "averment rules destroy" in capsys.readouterr().err


def test_an_archive_that_was_put_there_by_another_isn_t_deployed(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The key names a build, but whoever may write to the bucket can put anything there first: it is read, and written over."""
    key = key_here(built(None).bundle.digest)
    s3 = boto3.client("s3")
    s3.put_object(Bucket="artifacts", Key=key, Body=other_code())
    assert averment("deploy", "--dry-run") == 0
    assert f"  ~ s3://artifacts/{key}\n      it isn't what was built" in capsys.readouterr().out
    assert averment("deploy") == 0
    stored = s3.get_object(Bucket="artifacts", Key=key)["Body"].read()
    assert stored == built(None).bundle.archive()


def test_an_object_that_is_no_archive_of_ours_is_none(shop: Path) -> None:
    """Cut off, changed within, more in it than was built, or no zip at all: none of these is taken for the build, and none is a crash."""
    made = built(None)
    archive, *_ = steps_for(made, "artifacts", "eu-west-1")
    assert isinstance(archive, Archive)
    whole = made.bundle.archive()
    assert archive.holds(whole)
    more = io.BytesIO(whole)
    with zipfile.ZipFile(more, "a") as file:
        file.writestr("boto3.py", "")
    changed = bytearray(whole)
    for place in range(100, 2000, 7):
        changed[place] ^= 0xFF
    assert not any(archive.holds(data) for data in (b"", b"PK\x05\x06", whole[:-100], whole[100:], bytes(changed), more.getvalue()))


def test_an_archive_of_another_compressor_is_the_same_build(shop: Path) -> None:
    """The digest is over contents: what a colleague deployed from another machine isn't deployed again."""
    bundle = built(None).bundle
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name, data in sorted(bundle.files.items()):
            file.writestr(name, data)
    boto3.client("s3").put_object(Bucket="artifacts", Key=key_here(bundle.digest), Body=archive.getvalue())
    assert averment("deploy") == 0
    assert averment("diff") == 0


def test_a_large_pack_goes_through_the_bucket(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A template that is too large for a request is put into the bucket and read from there."""
    monkeypatch.setattr("averment.policies.deployment.pack.MAX_INLINE_BYTES", 1_000)
    assert averment("deploy") == 0
    keys = [item["Key"] for item in boto3.client("s3").list_objects_v2(Bucket="artifacts")["Contents"]]
    assert any(key.endswith(".yaml") for key in keys)
    assert averment("diff") == 0


class Part(Step):
    """A step that remembers what it was asked, and fails when told to."""

    def __init__(self, name: str, log: list[str], *, fails: bool = False) -> None:
        self.name, self.log, self.fails, self.there = name, log, fails, False

    def changes(self) -> tuple[Change, ...]:
        return () if self.there else (Change(Action.CREATE, self.name),)

    def apply(self) -> None:
        if self.fails:
            raise IncompleteError("no", fix="allow it")
        self.log.append(f"+{self.name}")
        self.there = True

    def present(self) -> tuple[str, ...]:
        return (self.name,) if self.there else ()

    def remove(self) -> None:
        if self.fails:
            raise IncompleteError("in use")
        self.log.append(f"-{self.name}")
        self.there = False


@pytest.fixture
def log() -> list[str]:
    return []


def test_steps_are_undone_in_reverse(log: list[str]) -> None:
    """What rests on another is removed before it."""
    steps = [Part("a", log), Part("b", log), Part("c", log)]
    assert deploy(steps, lambda _: None) == 3
    assert destroy(steps, lambda _: None) == 3
    assert log == ["+a", "+b", "+c", "-c", "-b", "-a"]


def test_a_failure_names_what_is_done_and_what_is_not(log: list[str]) -> None:
    """Whoever reads the error knows the state of the account without looking; the second run begins where the first ended."""
    steps = [Part("a", log), Part("b", log, fails=True), Part("c", log)]
    with pytest.raises(IncompleteError, match=r"stopped at b: no \(done: a; not begun: c\)") as caught:
        deploy(steps, lambda _: None)
    assert caught.value.fix == "allow it; then run it again: it goes on from here"
    steps[1].fails = False
    assert deploy(steps, lambda _: None) == 2
    assert log == ["+a", "+b", "+c"]


def test_a_removal_that_fails_says_what_is_left(log: list[str]) -> None:
    """The error of a removal is as exact as that of a deployment."""
    steps = [Part("a", log), Part("b", log), Part("c", log)]
    deploy(steps, lambda _: None)
    steps[1].fails = True
    with pytest.raises(IncompleteError, match=r"stopped at b: in use \(done: c; not begun: a\)"):
        destroy(steps, lambda _: None)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, Terminated])
def test_whoever_ends_a_deployment_is_told_where_it_stands(
    log: list[str], monkeypatch: pytest.MonkeyPatch, stop: type[BaseException]
) -> None:
    """Ctrl-C and SIGTERM ended it without a word, while AWS went on."""
    steps = [Part("a", log), Part("b", log), Part("c", log)]

    def ends() -> None:
        raise stop

    monkeypatch.setattr(steps[1], "apply", ends)
    with pytest.raises(stop) as caught:
        deploy(steps, lambda _: None)
    assert told(caught.value) == [
        "stopped at b (done: a; not begun: c): AWS goes on with what it was asked for; run this again, it goes on from here"
    ]
    steps[0].there = steps[1].there = True
    monkeypatch.setattr(steps[1], "remove", ends)
    with pytest.raises(stop) as caught:
        destroy(steps, lambda _: None)
    assert "stopped at b (done: c; not begun: a)" in told(caught.value)[0]


def test_the_stack_comes_out_of_a_failed_creation(shop: Path) -> None:
    """A stack that never came about can't be updated: it is deleted and made anew."""
    made = built(None)
    stack = steps_for(made, "artifacts", "eu-west-1")[1]
    boto3.client("s3").put_object(Bucket="artifacts", Key=key_here(made.bundle.digest), Body=made.bundle.archive())
    stack.apply()
    from moto.cloudformation.models import cloudformation_backends

    (held,) = cloudformation_backends[ACCOUNT]["eu-west-1"].stacks.values()
    held.status = "ROLLBACK_COMPLETE"
    assert [change.action for change in stack.changes()] == [Action.CREATE]
    stack.apply()
    assert stack.changes() == ()


def in_account(account: str, service: str) -> Any:
    """A client in another account of the organisation, through the role that it has there."""
    role = f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole"
    given = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    keys = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    return boto3.session.Session(*keys).client(service, region_name="eu-west-1")


@pytest.fixture
def second(shop: Path) -> str:
    """A second account in the shop's organisation, which records but has no function yet; its number."""
    organisations = boto3.client("organizations")
    organisations.create_organization(FeatureSet="ALL")
    account = str(organisations.create_account(AccountName="media", Email="media@example.com")["CreateAccountStatus"]["AccountId"])
    recorder = {"name": "default", "roleARN": f"arn:aws:iam::{account}:role/config", "recordingGroup": {"allSupported": True}}
    in_account(account, "config").put_configuration_recorder(ConfigurationRecorder=recorder)
    return account


def put_stack(account: str) -> None:
    """What a StackSet brings to ``account``: the archive and the stack of ``averment rules build``."""
    made = built(None)
    s3, name = in_account(account, "s3"), f"artifacts-{account}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket=name, Key="rules.zip", Body=made.bundle.archive())
    parameters = {"ArtifactBucket": name, "ArtifactKey": "rules.zip"}
    in_account(account, "cloudformation").create_stack(
        StackName="averment-config-rules",
        TemplateBody=made.stack(),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )


def test_an_organisations_packs_reach_every_account(shop: Path, second: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An account without the function fails the pack, by name; once it has it, the same command goes on, and then changes nothing."""
    assert averment("deploy") == 0  # the management account's own function
    assert averment("destroy", "--dry-run") == 0
    capsys.readouterr()
    assert averment("deploy", "--organisation") == 3
    assert second in capsys.readouterr().err
    put_stack(second)
    assert averment("deploy", "--organisation") == 0
    names = {
        item["ConfigRuleName"].split("-conformance-pack-")[0]: item
        for item in in_account(second, "config").describe_config_rules()["ConfigRules"]
    }
    found = names["averment-s3-put-object-gated"]
    assert found["Source"]["SourceIdentifier"] == f"arn:aws:lambda:eu-west-1:{second}:function:averment-config-rules"
    assert averment("diff", "--organisation") == 0
    (shop / "averment.yaml").write_text(ORGANISATION.replace(", SM-MON-01", ""), encoding="utf-8")
    capsys.readouterr()
    assert averment("diff", "--organisation") == 1
    assert "its build" in capsys.readouterr().out
    assert averment("destroy", "--organisation", "--yes") == 0
    assert averment("diff", "--organisation") == 1


def test_what_somebody_changed_of_an_organisations_pack_shows(shop: Path, second: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Accounts that are left out run no rule, and a parameter set by hand tells rules of other accounts: neither is of another build."""
    assert averment("deploy") == 0
    put_stack(second)
    assert averment("deploy", "--organisation") == 0
    config = boto3.client("config")
    (there,) = config.describe_organization_conformance_packs()["OrganizationConformancePacks"]
    body = next(iter(built(None, organisation_wide=True).packs)).body
    accounts = {"ParameterName": "OrganisationAccounts", "ParameterValue": "999999999999"}
    config.put_organization_conformance_pack(
        OrganizationConformancePackName=there["OrganizationConformancePackName"],
        ConformancePackInputParameters=[*there["ConformancePackInputParameters"], accounts],
        ExcludedAccounts=[second],
        TemplateBody=body,
    )
    for look in (config.describe_organization_conformance_pack_statuses, in_account(second, "config").describe_conformance_pack_status):
        for _ in range(4):
            look()
    capsys.readouterr()
    assert averment("diff", "--organisation") == 1
    shown = capsys.readouterr().out
    assert f"accounts that it leaves out: {second}" in shown
    assert "parameter OrganisationAccounts: 999999999999, set by hand" in shown
    assert averment("deploy", "--organisation") == 0
    assert averment("diff", "--organisation") == 0
    names = [item["ConfigRuleName"] for item in in_account(second, "config").describe_config_rules()["ConfigRules"]]
    assert any(name.startswith("averment-s3-put-object-gated") for name in names)


@pytest.mark.parametrize("state", ["DELETE_IN_PROGRESS", "CREATE_IN_PROGRESS"])
@pytest.mark.parametrize("wide", [False, True])
def test_a_pack_that_is_on_its_way_isn_t_as_it_should_be(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], state: str, wide: bool
) -> None:
    """One that is being removed has its rules yet: the comparison said that there is nothing to change, and ended with 0."""
    more = ("--organisation",) if wide else ()
    if wide:
        boto3.client("organizations").create_organization(FeatureSet="ALL")
    assert averment("deploy") == 0
    assert averment("deploy", *more) == 0
    assert averment("diff", *more) == 0
    step, name = (OrganisationPacks, "Status") if wide else (ConformancePacks, "ConformancePackState")
    look = step._states

    def on_its_way(self: Any) -> dict[str, Any]:
        return {pack: {**found, name: state} for pack, found in look(self).items()}

    monkeypatch.setattr(step, "_states", on_its_way)
    capsys.readouterr()
    assert averment("diff", *more) == 1
    assert f"it is {state}\n" in capsys.readouterr().out


def heard_twice(monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    """Let the answer to the first call of ``operation`` be lost on its way, so that botocore asks once more."""
    call, heard = BaseClient._make_api_call, list[str]()

    def lost(self: BaseClient, name: str, given: dict[str, Any]) -> Any:
        if name == operation and not heard:
            heard.append(name)
            call(self, name, given)
        return call(self, name, given)

    monkeypatch.setattr(BaseClient, "_make_api_call", lost)


@pytest.mark.parametrize("wide", [False, True])
def test_a_pack_whose_answer_was_lost_is_waited_for(shop: Path, monkeypatch: pytest.MonkeyPatch, wide: bool) -> None:
    """The second call finds it in use, by the first one: that was told as a failure, though all came about. So with its removal."""
    more, word = (("--organisation",), "Organization") if wide else ((), "")
    if wide:
        boto3.client("organizations").create_organization(FeatureSet="ALL")
        assert averment("deploy") == 0
    with monkeypatch.context() as patch:
        heard_twice(patch, f"Put{word}ConformancePack")
        assert averment("deploy", *more) == 0
    assert averment("diff", *more) == 0
    with monkeypatch.context() as patch:
        heard_twice(patch, f"Delete{word}ConformancePack")
        assert averment("destroy", "--yes", *more) == 0
    assert averment("diff", *more) == 1


def test_a_pack_that_another_deployment_is_putting_is_none_of_ours(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In use, and another than asked for once it isn't any more: AWS Config's refusal stands."""
    assert averment("deploy") == 0
    (shop / "averment.yaml").write_text(ORGANISATION.replace(", SM-MON-01", ""), encoding="utf-8")
    call = BaseClient._make_api_call

    def refused(self: BaseClient, name: str, given: dict[str, Any]) -> Any:
        if name == "PutConformancePack":
            raise ClientError({"Error": {"Code": "ResourceInUseException", "Message": "Try again later."}}, name)
        return call(self, name, given)

    monkeypatch.setattr(BaseClient, "_make_api_call", refused)
    assert averment("deploy") == 3


def proposal(kind: str, properties: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What the deployed rules say of a resource that isn't there yet: rule, compliance, annotation."""
    config = boto3.client("config")
    details = {
        "ResourceId": "proposed",
        "ResourceType": kind,
        "ResourceConfiguration": json.dumps(properties),
        "ResourceConfigurationSchemaType": "CFN_RESOURCE_SCHEMA",
    }
    identity = config.start_resource_evaluation(ResourceDetails=details, EvaluationMode="PROACTIVE")["ResourceEvaluationId"]
    for _ in range(3):
        summary = config.get_resource_evaluation_summary(ResourceEvaluationId=identity)
    assert summary["EvaluationStatus"]["Status"] == "SUCCEEDED", summary["EvaluationStatus"]
    results = config.get_compliance_details_by_resource(ResourceEvaluationId=identity)["EvaluationResults"]
    return [
        (
            item["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ConfigRuleName"].split("-conformance-pack-")[0],
            item["ComplianceType"],
            item.get("Annotation", ""),
        )
        for item in results
    ]


def test_a_resource_is_judged_before_it_is_deployed(shop: Path) -> None:
    """With --proactive, the function itself (its own archive, run as Lambda would) answers StartResourceEvaluation."""
    (shop / "averment.yaml").write_text(ORGANISATION.replace("SM-MON-01", "SM-DET-03"), encoding="utf-8")
    assert averment("deploy", "--proactive") == 0
    assert averment("diff", "--proactive") == 0
    open_model = {"ModelName": "detector", "ExecutionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/model"}
    ((rule, compliance, why),) = proposal("AWS::SageMaker::Model", open_model)
    assert (rule, compliance) == ("averment-detector-endpoint-guarded", "NON_COMPLIANT")
    assert "EnableNetworkIsolation" in why
    ((_, compliance, _),) = proposal("AWS::SageMaker::Model", {**open_model, "EnableNetworkIsolation": True})
    assert compliance == "COMPLIANT"


def test_a_rule_that_guard_can_state_judges_before_deployment_as_well(own: Path) -> None:
    """What is proposed has CloudFormation's properties, which the Guard text, written for items, doesn't find: it skipped whatever was wrong."""
    assert averment("deploy", "--proactive") == 0
    compliance = {rule: said for rule, said, _ in proposal("AWS::S3::Bucket", {"BucketName": "shop-uploads"})}
    assert compliance["averment-media-versioned"] == "NON_COMPLIANT"
    versioned = {"BucketName": "shop-uploads", "VersioningConfiguration": {"Status": "Enabled"}}
    assert {rule: said for rule, said, _ in proposal("AWS::S3::Bucket", versioned)}["averment-media-versioned"] == "COMPLIANT"
