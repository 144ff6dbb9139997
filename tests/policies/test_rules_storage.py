"""The rules on storage and uploads: what their parameters change, and what their cases don't show."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from averment.core.scope import Scope
from averment.core.words import Verdict
from averment.policies.graph.model import Graph, Unknown
from averment.policies.interface import Context, Outcome
from averment.policies.rules.filters import every_key
from averment.policies.rules.judge import worst_outcome
from averment.policies.rules.malware import RESULT
from averment.policies.rules.registry import rule
from averment.policies.surfaces.cloudformation.template import read_template
from averment.policies.surfaces.config.surface import graph_from_items
from averment.policies.surfaces.plan import read_plan
from averment.policies.surfaces.terraform.surface import TerraformSurface

SCOPE = Scope(accounts=("123456789012",))


def outcome_of(graph: Graph, rule_id: str, parameters: Mapping[str, Any] | None = None) -> Outcome:
    subject = rule(rule_id)
    context = Context(graph, SCOPE, parameters or {})
    return worst_outcome(subject.evaluate(resource, context) for resource in graph.of_type(*subject.types))


def of_template(tmp_path: Path, rule_id: str, resources: str, parameters: Mapping[str, Any] | None = None) -> Outcome:
    """The worst verdict of a rule on the ``resources`` of a template."""
    path = tmp_path / "template.yaml"
    path.write_text(f"AWSTemplateFormatVersion: '2010-09-09'\nResources:\n{resources}", encoding="utf-8")
    return outcome_of(read_template(path), rule_id, parameters)


def of_whole_template(tmp_path: Path, rule_id: str, text: str) -> Outcome:
    """The worst verdict of a rule on a template with parameters or a transform."""
    path = tmp_path / "template.yaml"
    path.write_text(text, encoding="utf-8")
    return outcome_of(read_template(path), rule_id, None)


def of_terraform(tmp_path: Path, rule_id: str, text: str, parameters: Mapping[str, Any] | None = None) -> Outcome:
    """The worst verdict of a rule on a module."""
    (tmp_path / "main.tf").write_text(text, encoding="utf-8")
    (graph,) = TerraformSurface().graphs(tmp_path)
    return outcome_of(graph, rule_id, parameters)


LOCKED = """\
  Records:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: acme-{name}
      ObjectLockEnabled: true
      ObjectLockConfiguration:
        ObjectLockEnabled: Enabled
        Rule: {{DefaultRetention: {{Mode: COMPLIANCE, Days: 90}}}}
"""


@pytest.mark.parametrize(
    ("name", "parameters", "verdict"),
    [
        ("evidence", {}, Verdict.PASS),
        ("evidence", {"evidence_retention_days": 90}, Verdict.PASS),
        ("evidence", {"evidence_retention_days": 180}, Verdict.FAIL),
        ("audit", {}, Verdict.NOT_APPLICABLE),
        ("audit", {"evidence_buckets": ["*-audit"]}, Verdict.PASS),
        ("evidence", {"evidence_buckets": ["*-audit"]}, Verdict.NOT_APPLICABLE),
    ],
)
def test_the_organisation_says_which_buckets_hold_evidence_and_for_how_long(
    tmp_path: Path, name: str, parameters: Mapping[str, Any], verdict: Verdict
):
    """Patterns take the place of the default ones, and a shorter retention than demanded fails."""
    outcome = of_template(tmp_path, "evidence-bucket-worm", LOCKED.format(name=name), parameters)
    assert outcome.verdict is verdict
    if verdict is Verdict.FAIL:
        assert "90 days" in outcome.message
        assert "Days: 180" in (outcome.fix or "")


UPLOADS = """\
  Uploads:
    Type: AWS::S3::Bucket
    Properties: {BucketName: acme-uploads}
"""


def test_a_lock_is_added_to_a_bucket_that_exists_without_replacing_it(tmp_path: Path):
    """``object_lock_enabled`` makes Terraform replace the bucket, and the evidence goes with it: the fix asked for just that."""
    text = 'resource "aws_s3_bucket" "evidence" {\n  bucket = "acme-evidence"\n}\n'
    found = of_terraform(tmp_path, "evidence-bucket-worm", text)
    fix = found.fix or ""
    assert "object_lock_enabled = true" not in fix
    assert "Terraform would replace the bucket" in fix
    assert "can't be undone" in fix
    assert of_terraform(tmp_path, "evidence-bucket-worm", f"{text}{fix}\n").verdict is Verdict.PASS


@pytest.mark.parametrize(("parameters", "verdict"), [({}, Verdict.FAIL), ({"object_logging_trail": "organisation"}, Verdict.PASS)])
def test_a_trail_of_the_organisation_may_log_elsewhere(tmp_path: Path, parameters: Mapping[str, Any], verdict: Verdict):
    """Without the parameter, absence of logs in the code is a failure."""
    assert of_template(tmp_path, "media-access-logged", UPLOADS, parameters).verdict is verdict


@pytest.mark.parametrize(
    ("acl", "verdict"),
    [
        ("PublicRead", Verdict.FAIL),
        ("PublicReadWrite", Verdict.FAIL),
        ("AuthenticatedRead", Verdict.FAIL),  # any account of AWS at all
        ("Private", Verdict.PASS),
        ("BucketOwnerFullControl", Verdict.PASS),
    ],
)
def test_an_acl_by_which_others_read_uploads_serves_them(tmp_path: Path, acl: str, verdict: Verdict):
    """Whoever has an account of AWS is as good as anyone, whatever the word "authenticated" suggests."""
    bucket = UPLOADS.replace("acme-uploads}", f"acme-uploads, AccessControl: {acl}}}")
    assert of_template(tmp_path, "quarantine-not-served", bucket).verdict is verdict


@pytest.mark.parametrize(
    ("principal", "condition", "verdict"),
    [
        ("{AWS: 'arn:aws:iam::999988887777:root'}", "IpAddress: {'aws:SourceIp': 203.0.113.0/24}", Verdict.FAIL),
        ("{AWS: 'arn:aws:iam::999988887777:root'}", "StringEquals: {'aws:PrincipalAccount': '999988887777'}", Verdict.FAIL),
        ("{AWS: 'arn:aws:iam::123456789012:root'}", "IpAddress: {'aws:SourceIp': 203.0.113.0/24}", Verdict.PASS),
        ("'*'", "IpAddress: {'aws:SourceIp': 203.0.113.0/24}", Verdict.PASS),
        ("'*'", "StringEquals: {'aws:PrincipalAccount': '123456789012'}", Verdict.PASS),
    ],
)
@pytest.mark.parametrize("action", ["Action: 's3:GetObject'", "Action: 's3:GetObjectVersion'", "NotAction: 's3:PutObject'"])
def test_who_is_named_in_another_account_reads_uploads_from_wherever(
    tmp_path: Path, principal: str, condition: str, verdict: Verdict, action: str
):
    """A network keeps strangers out, and not the one stranger whom the statement is about; what it grants may be told by what it leaves out.

    Who may read versions reads every object: the version of one in a bucket without them is called null.
    """
    policy = f"""\
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Uploads
      PolicyDocument:
        Statement:
          - Effect: Allow
            Principal: {principal}
            {action}
            Resource: !Sub '${{Uploads.Arn}}/*'
            Condition: {{{condition}}}
"""
    assert of_template(tmp_path, "quarantine-not-served", UPLOADS + policy).verdict is verdict
    assert of_template(tmp_path, "unscanned-not-readable", UPLOADS + policy).verdict is verdict


@pytest.mark.parametrize(
    ("provider", "verdict"),
    [
        ("cognito-identity.amazonaws.com", Verdict.UNKNOWN),
        ("arn:aws:iam::123456789012:saml-provider/staff", Verdict.PASS),
        ("arn:aws:iam::999988887777:saml-provider/staff", Verdict.FAIL),
    ],
)
@pytest.mark.parametrize(
    ("rule_id", "action"),
    [("s3-put-object-gated", "PutObject"), ("quarantine-not-served", "GetObject"), ("unscanned-not-readable", "GetObject")],
)
def test_a_buckets_policy_may_name_an_identity_provider(tmp_path: Path, provider: str, verdict: Verdict, rule_id: str, action: str):
    """It lets in whoever signs in there: one's own people, another account's, or with a public provider nobody knows whom."""
    policy = f"""\
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Uploads
      PolicyDocument:
        Statement: [{{Effect: Allow, Principal: {{Federated: '{provider}'}}, Action: 's3:{action}', Resource: !Sub '${{Uploads.Arn}}/*'}}]
"""
    assert of_template(tmp_path, rule_id, UPLOADS + policy).verdict is verdict
    key = f"""\
  Key:
    Type: AWS::KMS::Key
    Properties:
      KeyUsage: SIGN_VERIFY
      KeySpec: ECC_NIST_P256
      KeyPolicy: {{Statement: [{{Effect: Allow, Principal: {{Federated: '{provider}'}}, Action: 'kms:Sign', Resource: '*'}}]}}
"""
    assert of_template(tmp_path, "signing-key-fit", key).verdict is verdict


@pytest.mark.parametrize(
    ("denied", "allowed", "verdict"),
    [
        ("'s3:GetObject'", "'s3:GetObject'", Verdict.PASS),
        ("'s3:GetObject'", "['s3:GetObject', 's3:GetObjectVersion']", Verdict.FAIL),
        ("'s3:GetObject'", "'s3:Get*'", Verdict.FAIL),
        ("'s3:GetObject*'", "'s3:Get*'", Verdict.PASS),
        ("!ImportValue denied", "'s3:Get*'", Verdict.UNKNOWN),
    ],
)
def test_a_refusal_that_leaves_versions_out_lets_objects_through(tmp_path: Path, denied: str, allowed: str, verdict: Verdict):
    """Whoever asked for the version null read what wasn't scanned, with s3:GetObject refused, and the bucket passed."""
    tagged = "{StringNotEquals: {'s3:ExistingObjectTag/verdict': clean}}"
    policy = f"""\
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Uploads
      PolicyDocument:
        Statement:
          - {{Effect: Deny, Principal: '*', Action: {denied}, Resource: 'arn:aws:s3:::acme-uploads/*', Condition: {tagged}}}
          - {{Effect: Allow, Principal: {{AWS: '999999999999'}}, Action: {allowed}, Resource: 'arn:aws:s3:::acme-uploads/*'}}
"""
    assert of_template(tmp_path, "unscanned-not-readable", UPLOADS + policy).verdict is verdict


BLOCKS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")


@pytest.mark.parametrize("off", [None, *BLOCKS])
@pytest.mark.parametrize("left_out", [False, True])
def test_all_four_blocks_of_public_access_are_asked_for(tmp_path: Path, off: str | None, left_out: bool):
    """Three of them leave a way: an ACL that is there already counts unless it is ignored."""
    said = ", ".join(f"{name}: {str(name != off).lower()}" for name in BLOCKS if name != off or not left_out)
    resources = f"""\
  Uploads:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: acme-uploads
      VersioningConfiguration: {{Status: Enabled}}
      PublicAccessBlockConfiguration: {{{said}}}
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Uploads
      PolicyDocument:
        Statement:
          - Effect: Deny
            Principal: '*'
            Action: s3:*
            Resource: !Sub '${{Uploads.Arn}}/*'
            Condition: {{Bool: {{'aws:SecureTransport': 'false'}}}}
"""
    outcome = of_template(tmp_path, "media-bucket-hardened", resources)
    assert outcome.verdict is (Verdict.PASS if off is None else Verdict.FAIL)
    assert off is None or off in outcome.message


@pytest.mark.parametrize(
    ("rule_id", "properties", "warning"),
    [
        ("media-bucket-hardened", "WebsiteConfiguration: {IndexDocument: index.html}", "S3's website endpoint knows plain HTTP only"),
        ("upload-provenance-tagged", "", "refuses whoever sends no tag yet, and every multipart upload"),
    ],
)
def test_a_fix_that_shuts_somebody_out_says_so(tmp_path: Path, rule_id: str, properties: str, warning: str):
    """Whoever copies a Deny from a report reads what it ends before it does."""
    found = of_template(tmp_path, rule_id, f"  B: {{Type: AWS::S3::Bucket, Properties: {{BucketName: acme-uploads, {properties}}}}}\n")
    assert found.verdict is Verdict.FAIL
    assert warning in (found.fix or "")


def test_an_isolated_container_fetches_no_model(tmp_path: Path):
    """A model that is named for the container to fetch doesn't start in isolation, and the endpoint with it."""
    model = "  M: {Type: AWS::SageMaker::Model, Properties: {PrimaryContainer: {Environment: {HF_MODEL_ID: acme/detector}}}}\n"
    found = of_template(tmp_path, "detector-endpoint-guarded", model)
    assert found.verdict is Verdict.FAIL
    assert "(ModelDataUrl, not HF_MODEL_ID)" in (found.fix or "")


READ = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme-photos/*"}
OFFICE = {"Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}


@pytest.mark.parametrize(
    ("name", "properties", "statement", "ends"),
    [
        ("acme-photos", "", READ, "statement 1 of Policy lets anyone read this bucket"),
        ("acme-photos", "", {**READ, "Condition": {"StringLike": {"aws:Referer": "https://acme.example/*"}}}, "statement 1 of Policy lets"),
        ("acme-photos", "AccessControl: PublicRead", {}, "the ACL PublicRead serves this bucket"),
        ("acme-photos", "AccessControl: Private", {}, ""),
        ("acme-photos", "", {**READ, **OFFICE}, ""),
        ("acme-photos", "", {**READ, "Principal": {"Service": "cloudfront.amazonaws.com"}}, ""),
        ("acme-uploads", "AccessControl: PublicRead", {}, ""),
    ],
)
def test_a_block_that_ends_what_serves_media_is_no_mechanical_fix(
    tmp_path: Path, name: str, properties: str, statement: dict[str, Any], ends: str
):
    """``--fix`` took the pictures of a site that S3 serves by itself off the net at the next deployment; of uploads, that is what is asked."""
    text = f"  B: {{Type: AWS::S3::Bucket, Properties: {{BucketName: {name}, {properties}}}}}\n"
    if statement:
        policy = {"Bucket": name, "PolicyDocument": {"Statement": statement}}
        text += f"  Policy: {{Type: AWS::S3::BucketPolicy, Properties: {json.dumps(policy)}}}\n"
    found = of_template(tmp_path, "media-bucket-hardened", text)
    assert found.verdict is Verdict.FAIL
    assert (ends in (found.fix or "")) if ends else "this ends that" not in (found.fix or "")
    assert any("PublicAccessBlockConfiguration" in change.path for change in found.changes) is not bool(ends)


@pytest.mark.parametrize(("name", "value"), [("Days", "!Ref Nowhere"), ("Years", "!ImportValue retention")])
def test_a_retention_that_is_not_known_is_not_long_enough(tmp_path: Path, name: str, value: str):
    """How long evidence is kept comes from elsewhere: a question, whatever is demanded."""
    text = LOCKED.format(name="evidence").replace("Days: 90", f"{name}: {value}")
    outcome = of_template(tmp_path, "evidence-bucket-worm", text, {"evidence_retention_days": 90})
    assert outcome.verdict is Verdict.UNKNOWN
    assert "how long" in outcome.message


GATE = (
    UPLOADS
    + """\
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Uploads
      PolicyDocument:
        Statement:
          - {Effect: Allow, Principal: '*', Action: 's3:GetObject', Resource: !Sub '${Uploads.Arn}/*'}
          - Effect: Deny
            Principal: '*'
            Action: s3:GetObject
            Resource: !Sub '${Uploads.Arn}/*'
            Condition: {StringNotEquals: {'s3:ExistingObjectTag/team': 'reviews'}}
"""
)


@pytest.mark.parametrize(
    ("parameters", "verdict"),
    [({}, Verdict.PASS), ({"verdict_tags": ["team"]}, Verdict.PASS), ({"verdict_tags": ["verdict"]}, Verdict.FAIL)],
)
def test_only_the_tag_of_the_scanner_opens_an_object(tmp_path: Path, parameters: Mapping[str, Any], verdict: Verdict):
    """Where the organisation names its verdict's tag, a Deny on another one is no gate."""
    assert of_template(tmp_path, "unscanned-not-readable", GATE, parameters).verdict is verdict


def test_a_refusal_on_two_tags_lets_through_what_has_one_of_them(tmp_path: Path):
    """All conditions of a statement have to hold: whoever uploads with the tag on the camera reads what wasn't scanned."""
    both = GATE.replace("'reviews'}", "'reviews', 's3:ExistingObjectTag/camera': 'known'}")
    outcome = of_template(tmp_path, "unscanned-not-readable", both)
    assert outcome.verdict is Verdict.FAIL
    assert "(statement 2 refuses only what lacks camera and team at once: make it a statement for each)" in outcome.message


RECORDER = """
resource "aws_config_configuration_recorder" "main" {
  name     = "main"
  role_arn = "arn:aws:iam::123456789012:role/config"
  recording_group {
    all_supported                 = true
    include_global_resource_types = true
  }
}
"""
STATUS = """
resource "aws_config_configuration_recorder_status" "main" {
  name       = aws_config_configuration_recorder.main.name
  is_enabled = %s
}
"""


@pytest.mark.parametrize(
    ("status", "verdict", "words"),
    [
        ("", Verdict.FAIL, "never started"),
        (STATUS % "false", Verdict.FAIL, "switched off"),
        (STATUS % "true", Verdict.PASS, ""),
        ('variable "on" {}\n' + STATUS % "var.on", Verdict.UNKNOWN, "is_enabled"),
    ],
)
def test_a_recorder_in_terraform_is_started_by_a_resource_of_its_own(tmp_path: Path, status: str, verdict: Verdict, words: str):
    """A recorder that nobody starts records nothing."""
    outcome = of_terraform(tmp_path, "config-recorder-on", RECORDER + status)
    assert outcome.verdict is verdict
    assert words in outcome.message


def test_a_recorder_that_was_stopped_is_seen_in_its_item():
    """AWS Config's own item says whether it records."""
    item = {
        "resourceType": "AWS::Config::ConfigurationRecorder",
        "resourceId": "main",
        "configuration": {"Name": "main", "Recording": False, "RecordingGroup": {"AllSupported": True}},
    }
    outcome = outcome_of(graph_from_items([item]), "config-recorder-on")
    assert outcome.verdict is Verdict.FAIL
    assert "switched off" in outcome.message


@pytest.mark.parametrize(("last", "verdict"), [("SUCCESS", Verdict.PASS), ("Pending", Verdict.PASS), ("Failure", Verdict.FAIL)])
def test_a_recorder_that_is_on_and_fails_records_nothing(last: str, verdict: Verdict):
    """Its role was changed, say: it is on, what it has is stale, and the one rule that asks for it passed."""
    item = {
        "resourceType": "AWS::Config::ConfigurationRecorder",
        "resourceId": "main",
        "configuration": {
            "Name": "main",
            "Recording": True,
            "LastStatus": last,
            "LastErrorCode": "AccessDenied",
            "RecordingGroup": {"AllSupported": True, "IncludeGlobalResourceTypes": True},
        },
    }
    outcome = outcome_of(graph_from_items([item]), "config-recorder-on")
    assert outcome.verdict is verdict
    assert verdict is Verdict.PASS or "fails to record (AccessDenied)" in outcome.message
    assert verdict is Verdict.PASS or "start-configuration-recorder" not in (outcome.fix or "")


ABROAD = RECORDER.replace("= true\n  }", "= %s\n  }").replace('"main"', '"abroad"')


@pytest.mark.parametrize(("included", "verdict"), [("true", Verdict.PASS), ("false", Verdict.UNKNOWN)])
def test_types_of_no_region_are_recorded_by_one_recorder_of_several(tmp_path: Path, included: str, verdict: Verdict):
    """Where one takes them in, the others need not; where all leave them out, another may still stand elsewhere."""
    text = RECORDER.replace("include_global_resource_types = true", f"include_global_resource_types = {included}") + ABROAD % "false"
    text += STATUS % "true" + (STATUS % "true").replace("main", "abroad")
    outcome = of_terraform(tmp_path, "config-recorder-on", text)
    assert outcome.verdict is verdict
    assert ("AWS::IAM::Role" in outcome.message) is (verdict is Verdict.UNKNOWN)


@pytest.mark.parametrize(("home", "verdict"), [(None, Verdict.UNKNOWN), ("eu-west-1", Verdict.UNKNOWN), ("us-east-1", Verdict.PASS)])
def test_the_region_that_records_types_of_no_region_can_be_named(home: str | None, verdict: Verdict):
    """At run time a recorder's region is known, and those of other regions aren't asked for them."""
    item = {
        "resourceType": "AWS::Config::ConfigurationRecorder",
        "resourceId": "main",
        "arn": "arn:aws:config:eu-west-1:123456789012:config-recorder/main",
        "configuration": {"Name": "main", "Recording": True, "RecordingGroup": {"AllSupported": True, "IncludeGlobalResourceTypes": False}},
    }
    parameters = {} if home is None else {"config_global_region": home}
    assert outcome_of(graph_from_items([item]), "config-recorder-on", parameters).verdict is verdict


@pytest.mark.parametrize(("parameters", "verdict"), [({}, Verdict.NOT_APPLICABLE), ({"config_recorder_expected": True}, Verdict.FAIL)])
def test_a_recorder_is_missed_only_where_one_is_expected(tmp_path: Path, parameters: Mapping[str, Any], verdict: Verdict):
    """Most code that holds media leaves AWS Config to a landing zone."""
    assert of_template(tmp_path, "config-recorder-on", UPLOADS, parameters).verdict is verdict


def test_the_types_that_have_to_be_recorded_can_be_chosen(tmp_path: Path):
    """The parameter takes the place of the default list."""
    text = "  R:\n    Type: AWS::Config::ConfigurationRecorder\n    Properties: {RoleARN: x, RecordingGroup: {ResourceTypes: ['AWS::S3::Bucket']}}\n"
    text += "  C:\n    Type: AWS::Config::DeliveryChannel\n    Properties: {S3BucketName: x}\n"
    assert of_template(tmp_path, "config-recorder-on", text).verdict is Verdict.FAIL
    assert of_template(tmp_path, "config-recorder-on", text, {"config_types": ["AWS::S3::Bucket"]}).verdict is Verdict.PASS


BUCKET = 'resource "aws_s3_bucket" "uploads" {\n  bucket = "${var.env}-uploads"\n}\nvariable "env" {}\n'
VERSIONING = 'resource "aws_s3_bucket_versioning" "v" {\n  bucket = %s\n  versioning_configuration {\n    status = "Enabled"\n  }\n}\n'
ACCESS = """
resource "aws_s3_account_public_access_block" "all" {
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}
"""


@pytest.mark.parametrize(
    ("link", "said"),
    [('"${var.env}-uploads"', False), ("aws_s3_bucket.uploads.id", False), ('"${var.env}-reports"', True), ('"acme-reports"', True)],
)
def test_a_setting_is_joined_to_its_bucket_by_the_same_expression(tmp_path: Path, link: str, said: bool):
    """Two unresolved names written alike are one bucket; another name is another's."""
    outcome = of_terraform(tmp_path, "media-bucket-hardened", BUCKET + VERSIONING % link + ACCESS)
    assert outcome.verdict is Verdict.FAIL
    assert ("keeps no versions" in outcome.message) is said
    assert "public access block" not in outcome.message  # the account's counts


def test_a_setting_of_an_unknown_bucket_may_be_this_ones(tmp_path: Path):
    """A failure isn't claimed where a resource may hold what is missed."""
    text = BUCKET + 'variable "other" {}\n' + VERSIONING % "var.other" + ACCESS
    outcome = of_terraform(tmp_path, "media-bucket-hardened", text)
    assert "keeps no versions" not in outcome.message


API = """
resource "aws_s3_bucket" "uploads" {
  bucket = "acme-uploads"
}
resource "aws_iam_role" "fn" {
  name               = "fn"
  assume_role_policy = jsonencode({ Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }] })
}
resource "aws_iam_role_policy" "fn" {
  role   = aws_iam_role.fn.id
  policy = jsonencode({ Statement = [{ Effect = "Allow", Action = "s3:PutObject", Resource = "%s" }] })
}
resource "aws_lambda_function" "fn" {
  function_name = "%s"
  role          = aws_iam_role.fn.arn
  environment {
    variables = { BUCKET = "%s" }
  }
}
variable "region" {}
resource "aws_api_gateway_method" "m" {
  rest_api_id   = "abc"
  resource_id   = "def"
  http_method   = "%s"
  authorization = "NONE"
}
resource "aws_api_gateway_integration" "m" {
  rest_api_id             = "abc"
  resource_id             = "def"
  http_method             = aws_api_gateway_method.m.http_method
  integration_http_method = "POST"
  type                    = "AWS_PROXY"
  uri                     = "arn:aws:apigateway:${var.region}:lambda:path/2015-03-31/functions/${aws_lambda_function.fn.arn}/invocations"
}
"""


@pytest.mark.parametrize(
    ("resource", "name", "told", "method", "verdict"),
    [
        ("${aws_s3_bucket.uploads.arn}/*", "api", "", "POST", Verdict.FAIL),
        ("${aws_s3_bucket.uploads.arn}/*", "api", "", "GET", Verdict.NOT_APPLICABLE),
        ("${aws_s3_bucket.uploads.arn}/*", "get-upload-url", "", "GET", Verdict.FAIL),
        ("*", "api", "acme-uploads", "POST", Verdict.FAIL),
        ("*", "api", "acme-invoices", "POST", Verdict.NOT_APPLICABLE),
    ],
)
def test_an_api_is_judged_if_uploads_go_through_it(tmp_path: Path, resource: str, name: str, told: str, method: str, verdict: Verdict):
    """By the right to write, by what the function is called, and, for a right on everything, by what the function is told."""
    outcome = of_terraform(tmp_path, "upload-api-authorised", API % (resource, name, told, method))
    assert outcome.verdict is verdict


def test_an_origin_whose_domain_hangs_on_a_condition_is_still_its_bucket(tmp_path: Path):
    """Both spellings of a bucket's domain lead to it: the distribution is judged, whatever the region."""
    resources = """\
  Photos: {Type: "AWS::S3::Bucket", Properties: {BucketName: acme-photos}}
  Cdn:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Origins:
          - Id: photos
            DomainName: !If [East, !Sub "${Photos}.s3.amazonaws.com", !Sub "${Photos}.s3.${AWS::Region}.amazonaws.com"]
            S3OriginConfig: {OriginAccessIdentity: some}
        DefaultCacheBehavior: {TargetOriginId: photos}
Conditions:
  East: !Equals [!Ref "AWS::Region", us-east-1]
"""
    found = of_template(tmp_path, "cdn-media-gated", resources)
    assert found.verdict is Verdict.FAIL
    assert "no edge gate" in found.message


@pytest.mark.parametrize(
    ("condition", "verdict"),
    [
        ("", Verdict.FAIL),
        ("Condition: {StringEquals: {s3:DataAccessPointAccount: !Ref 'AWS::AccountId'}}", Verdict.NOT_APPLICABLE),
        ("Condition: {StringEqualsIfExists: {s3:DataAccessPointAccount: !Ref 'AWS::AccountId'}}", Verdict.FAIL),
    ],
)
def test_a_policy_that_delegates_to_ones_own_access_points_lets_nobody_upload(tmp_path: Path, condition: str, verdict: Verdict):
    """``Principal: *`` tied to one's own account isn't the world: such a bucket isn't one that people upload to."""
    resources = f"""\
  Photos: {{Type: "AWS::S3::Bucket", Properties: {{BucketName: acme-photos}}}}
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Photos
      PolicyDocument:
        Statement:
          - Effect: Allow
            Principal: {{AWS: '*'}}
            Action: '*'
            Resource: [!GetAtt Photos.Arn, !Sub "${{Photos.Arn}}/*"]
            {condition}
"""
    assert of_template(tmp_path, "upload-provenance-tagged", resources).verdict is verdict


TOLD = """\
  Uploads:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: acme-uploads
      NotificationConfiguration:
        QueueConfigurations: [{}]
  Scanner: {{Type: AWS::SQS::Queue}}
  Reader: {{Type: AWS::Lambda::EventSourceMapping, Properties: {{EventSourceArn: !GetAtt Scanner.Arn, FunctionName: scan}}}}
"""


@pytest.mark.parametrize(
    ("events", "verdict"),
    [
        (["*"], Verdict.PASS),
        (["Put", "Post", "Copy", "CompleteMultipartUpload"], Verdict.PASS),
        (["Put", "*"], Verdict.PASS),
        (["Put"], Verdict.UNKNOWN),
        (["Put", "CompleteMultipartUpload"], Verdict.UNKNOWN),
    ],
)
def test_a_scanner_that_hears_of_some_ways_to_upload_is_no_pass(tmp_path: Path, events: list[str], verdict: Verdict):
    """Large files come in parts and browsers post forms: a notification on Put alone misses them, in templates and in Terraform."""
    entries = ", ".join(f'{{Event: "s3:ObjectCreated:{event}", Queue: !GetAtt Scanner.Arn}}' for event in events)
    outcome = of_template(tmp_path, "media-bucket-events-scanned", TOLD.format(entries))
    assert outcome.verdict is verdict
    assert ("s3:ObjectCreated:" in outcome.message and "Post" in outcome.message) is (verdict is Verdict.UNKNOWN)
    written = ", ".join(f'"s3:ObjectCreated:{event}"' for event in events)
    text = 'resource "aws_s3_bucket" "u" {\n bucket = "acme-uploads"\n}\nresource "aws_sqs_queue" "q" {\n name = "q"\n}\n'
    text += 'resource "aws_lambda_event_source_mapping" "m" {\n event_source_arn = aws_sqs_queue.q.arn\n function_name = "scan"\n}\n'
    text += f'resource "aws_s3_bucket_notification" "n" {{\n bucket = aws_s3_bucket.u.id\n queue {{\n queue_arn = aws_sqs_queue.q.arn\n events = [{written}]\n }}\n}}\n'
    assert of_terraform(tmp_path, "media-bucket-events-scanned", text).verdict is verdict


@pytest.mark.parametrize("host", ["acme-uploads.s3.amazonaws.com", "ACME-Uploads.S3.eu-west-1.amazonaws.com"])
def test_an_origin_is_its_bucket_however_the_host_is_written(tmp_path: Path, host: str):
    """The case of a host means nothing to whoever resolves it."""
    resources = f"""\
  Uploads: {{Type: AWS::S3::Bucket, Properties: {{BucketName: acme-uploads}}}}
  Cdn:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Origins: [{{Id: media, DomainName: {host}, S3OriginConfig: {{}}}}]
        DefaultCacheBehavior: {{TargetOriginId: media, ViewerProtocolPolicy: https-only}}
"""
    outcome = of_template(tmp_path, "quarantine-not-served", resources)
    assert outcome.verdict is Verdict.FAIL
    assert "is origin 'media' of Cdn" in outcome.message


EDGE = """\
  Published: {Type: AWS::S3::Bucket, Properties: {BucketName: acme-published}}
  Control: {Type: AWS::CloudFront::OriginAccessControl, Properties: {OriginAccessControlConfig: {SigningBehavior: always}}}
  Edge: {Type: AWS::CloudFront::Function, Properties: {Name: edge, FunctionCode: %s}}
  Cdn:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Origins: [{Id: it, DomainName: !GetAtt Published.DomainName, OriginAccessControlId: !Ref Control, S3OriginConfig: {}}]
        DefaultCacheBehavior:
          TargetOriginId: it
          FunctionAssociations: [{EventType: viewer-request, FunctionARN: !GetAtt Edge.FunctionARN}]
"""


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("if (taken[r.uri]) { r.uri = '/denied.png'; }\nreturn r;", Verdict.PASS),
        ('return taken[r.uri]&&(r.uri="/denied.png"),r', Verdict.PASS),
        ('return taken[r.uri]?(r.uri="/denied.png",r):r', Verdict.PASS),
        ("if (taken[r.uri]) r['uri'] = '/denied.png' // it was taken down\nreturn r;", Verdict.PASS),
        ("return taken[r.uri] ? {method: 'GET', uri: '/denied.png'} : r;", Verdict.PASS),
        ('return r.uri=r.uri+"/index.html",r', Verdict.FAIL),
        ('return r.uri="/public"+r.uri,r', Verdict.FAIL),
        ("let uri = '';\nif (r.uri.endsWith('/')) { uri = r.uri + 'index.html'; r.uri = uri; }\nreturn r;", Verdict.FAIL),
        ("if (!r.uri.includes('.')) { r.uri = '/index.html'; }\nreturn r;", Verdict.FAIL),
        ('return "/"==r.uri&&(r.uri+="index.html"),r', Verdict.FAIL),
    ],
)
def test_a_function_that_shows_another_object_can_refuse_however_it_is_written(tmp_path: Path, code: str, verdict: Verdict):
    """What a bundler has made small has commas and brackets where a hand writes semicolons."""
    assert of_template(tmp_path, "cdn-media-gated", EDGE % json.dumps(code)).verdict is verdict


POINTS = """\
  Uploads: {Type: AWS::S3::Bucket, Properties: {BucketName: acme-uploads}}
  Point: {Type: AWS::S3::AccessPoint, Properties: {Bucket: !Ref Uploads}}
  Resizing: {Type: AWS::S3ObjectLambda::AccessPoint, Properties: {ObjectLambdaConfiguration: {SupportingAccessPoint: !GetAtt Point.Arn}}}
  Everywhere: {Type: AWS::S3::MultiRegionAccessPoint, Properties: {Regions: [{Bucket: acme-uploads}, {Bucket: acme-media}]}}
  Cdn:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Origins: [{Id: it, DomainName: %s, S3OriginConfig: {}}]
        DefaultCacheBehavior: {TargetOriginId: it, ViewerProtocolPolicy: https-only}
"""


@pytest.mark.parametrize(
    "domain",
    [
        '!Sub "${Point.Alias}.s3.${AWS::Region}.amazonaws.com"',
        '!Join [".", [!GetAtt Point.Alias, s3, !ImportValue Region, amazonaws.com]]',
        '!Sub "${Resizing.Alias.Value}.s3.${AWS::Region}.amazonaws.com"',
        '!Sub "${Everywhere.Alias}.accesspoint.s3-global.amazonaws.com"',
    ],
)
def test_a_bucket_is_an_origin_through_its_access_points_as_well(tmp_path: Path, domain: str):
    """CloudFront takes the alias of an access point of any kind for an origin, and what it serves is the bucket's."""
    outcome = of_template(tmp_path, "quarantine-not-served", POINTS % domain)
    assert outcome.verdict is Verdict.FAIL
    assert "is origin 'it' of Cdn" in outcome.message
    assert of_template(tmp_path, "unscanned-not-readable", POINTS % domain).verdict is Verdict.FAIL
    assert of_template(tmp_path, "cdn-media-gated", POINTS % domain).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    "alias", ["front-0a1b2c-s3alias.s3.eu-west-1", "front-0a1b2c--ol-s3.s3.eu-west-1", "m0a1b.mrap.accesspoint.s3-global"]
)
def test_an_alias_that_is_spelt_out_tells_no_bucket(tmp_path: Path, alias: str):
    """It was taken for the name of a bucket without media."""
    outcome = of_template(tmp_path, "cdn-media-gated", POINTS % f"{alias}.amazonaws.com")
    assert outcome.verdict is Verdict.UNKNOWN
    assert "is the alias of an access point" in outcome.message


@pytest.mark.parametrize("place", ['2, !Split ["/"', '1, !Split ["//"', '1, !Split ["://"'])
def test_a_website_is_an_origin_by_the_host_in_its_url(tmp_path: Path, place: str):
    """What a template writes to get at the host, since a bucket gives out its website's URL alone."""
    resources = f"""\
  Media: {{Type: AWS::S3::Bucket, Properties: {{BucketName: acme-media, WebsiteConfiguration: {{IndexDocument: index.html}}}}}}
  Cdn:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Origins: [{{Id: a, DomainName: !Select [{place}, !GetAtt Media.WebsiteURL]], CustomOriginConfig: {{OriginProtocolPolicy: http-only}}}}]
        DefaultCacheBehavior: {{TargetOriginId: a, ViewerProtocolPolicy: https-only}}
"""
    outcome = of_template(tmp_path, "cdn-media-gated", resources)
    assert outcome.verdict is Verdict.FAIL
    assert "behind its website endpoint" in outcome.message


@pytest.mark.parametrize("bucket", ["aws_s3_bucket.m.id", '"acme-media"', "aws_s3_bucket_versioning.m.bucket"])
def test_a_website_is_an_origin_by_the_setting_that_gives_out_its_endpoint(tmp_path: Path, bucket: str):
    """Since the website is a resource of its own in Terraform, that is how its endpoint is named."""
    text = 'resource "aws_s3_bucket" "m" {\n bucket = "acme-media"\n}\n'
    text += 'resource "aws_s3_bucket_versioning" "m" {\n bucket = aws_s3_bucket.m.id\n}\n'
    text += f'resource "aws_s3_bucket_website_configuration" "m" {{\n bucket = {bucket}\n index_document {{\n suffix = "i"\n }}\n}}\n'
    text += 'resource "aws_cloudfront_distribution" "d" {\n origin {\n origin_id = "a"\n'
    text += " domain_name = aws_s3_bucket_website_configuration.m.website_endpoint\n }\n"
    text += ' default_cache_behavior {\n target_origin_id = "a"\n }\n}\n'
    outcome = of_terraform(tmp_path, "cdn-media-gated", text)
    assert outcome.verdict is Verdict.FAIL
    assert "behind its website endpoint" in outcome.message


HEARD = """\
  Uploads:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: acme-uploads
      NotificationConfiguration: {{EventBridgeConfiguration: {{EventBridgeEnabled: true}}}}
  Scanner: {{Type: AWS::SQS::Queue, Properties: {{RedrivePolicy: {{deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}}}}}}
  Dead: {{Type: AWS::SQS::Queue}}
  Reader: {{Type: AWS::Lambda::EventSourceMapping, Properties: {{EventSourceArn: !GetAtt Scanner.Arn, FunctionName: scan}}}}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {}
      Targets: [{{Id: scanner, Arn: !GetAtt Scanner.Arn}}]
"""


@pytest.mark.parametrize(
    ("fields", "detail", "verdict"),
    [
        ({}, {}, Verdict.PASS),
        ({}, {"reason": ["PutObject", "POST Object", "CopyObject", "CompleteMultipartUpload"]}, Verdict.PASS),
        ({}, {"reason": ["PutObject"]}, Verdict.UNKNOWN),
        ({}, {"reason": [{"anything-but": "CopyObject"}]}, Verdict.UNKNOWN),
        ({}, {"reason": ["DeleteObject"]}, Verdict.FAIL),
        ({}, {"object": {"size": [{"numeric": [">", 0]}]}}, Verdict.PASS),
        ({}, {"object": {"size": [{"numeric": [">=", 1]}]}}, Verdict.PASS),
        ({}, {"object": {"size": [{"numeric": [">", 0, "<", 5000000]}]}}, Verdict.UNKNOWN),
        ({}, {"object": {"size": [{"numeric": ["<", 5000000]}]}}, Verdict.UNKNOWN),
        ({}, {"requester": ["123456789012"]}, Verdict.UNKNOWN),
        ({}, {"requester": [{"exists": True}]}, Verdict.PASS),
        ({}, {"source-ip-address": [{"cidr": "10.0.0.0/8"}]}, Verdict.UNKNOWN),
        ({}, {"eventName": ["PutObject"]}, Verdict.FAIL),
        ({"resources": ["arn:aws:s3:::acme-uploads"]}, {}, Verdict.PASS),
        ({"resources": [{"suffix": "-uploads"}]}, {}, Verdict.PASS),
        ({"resources": [{"prefix": "arn:aws:s3:::acme-"}]}, {}, Verdict.PASS),
        ({"resources": ["arn:aws:s3:::acme-other"]}, {}, Verdict.FAIL),
        ({"detail-type": [{"anything-but": ["Object Created"]}]}, {}, Verdict.FAIL),
        ({}, {"$or": [{"object": {"key": [{"suffix": ".jpg"}]}}, {"object": {"key": [{"suffix": ".png"}]}}]}, Verdict.UNKNOWN),
        ({}, {"$or": [{"object": {"key": [{"prefix": "in/"}]}}, {"object": {"key": [{"prefix": "new/"}]}}]}, Verdict.PASS),
        ({}, {"object": {"key": [{"suffix": ".jpg"}, {"anything-but": {"suffix": ".jpg"}}]}}, Verdict.PASS),
        ({}, {"object": {"key": [{"anything-but": {"suffix": [".gif", ".jpg"]}}]}}, Verdict.UNKNOWN),
        ({}, {"object": {"key": [{"anything-but": {"wildcard": "*.jpg"}}]}}, Verdict.UNKNOWN),
        ({}, {"object": {"key": [{"anything-but": {"wildcard": "index/latest.json"}}]}}, Verdict.PASS),
        ({}, {"object": {"key": [{"anything-but": {"suffix": "/"}}]}}, Verdict.PASS),
        ({}, {"object": {"key": [{"anything-but": {"prefix": "thumbnails/"}}]}}, Verdict.PASS),
        ({}, {"object": {"key": [{"wildcard": "in/*.jpg"}]}}, Verdict.UNKNOWN),
        ({}, {"object": {"key": [{"wildcard": "in/*"}]}}, Verdict.PASS),
        ({}, {"object": {"key": [{"suffix": {"equals-ignore-case": ".jpg"}}]}}, Verdict.UNKNOWN),
        ({}, {"object": {"key": [{"suffix": {"Fn::ImportValue": "kind"}}]}}, Verdict.UNKNOWN),
        ({}, {"object": {"key": {"Fn::ImportValue": "keys"}}}, Verdict.UNKNOWN),
        ({}, {"bucket": None, "$or": [{"bucket": {"name": ["acme-a"]}}, {"bucket": {"name": ["acme-b"]}}]}, Verdict.FAIL),
        ({"$or": [{"account": ["1"]}, {"region": ["eu-west-1"]}]}, {}, Verdict.PASS),
        ({}, {"$or": [{"bucket": {"name": ["acme-a"]}}]}, Verdict.UNKNOWN),
    ],
)
def test_a_pattern_takes_in_what_all_of_its_fields_take_in(
    tmp_path: Path, fields: dict[str, Any], detail: dict[str, Any], verdict: Verdict
):
    """Every field of a pattern narrows it: the reason, the bucket's ARN, alternatives, and fields that such an event doesn't have."""
    inner = {key: value for key, value in {"bucket": {"name": ["acme-uploads"]}, **detail}.items() if value is not None}
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": inner, **fields}
    assert of_template(tmp_path, "media-bucket-events-scanned", HEARD.format(json.dumps(pattern))).verdict is verdict


def test_what_a_pattern_leaves_out_that_is_not_known_is_told_by_its_reason():
    """A variable's name stood in the message as the programme keeps it."""
    doubt = every_key([{"anything-but": {"wildcard": Unknown("the variable 'left_out' has no default")}}])
    assert isinstance(doubt, Unknown)
    assert doubt.reason == "the variable 'left_out' has no default"


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({}, Verdict.UNKNOWN),
        ({"detail-type": ["GuardDuty Finding"]}, Verdict.UNKNOWN),
        ({"detail-type": [RESULT], "detail": {"scanResultDetails": {"scanResultStatus": ["THREATS_FOUND"]}}}, Verdict.UNKNOWN),
        ({"detail-type": [RESULT], "detail": {"s3ObjectDetails": {"bucketName": ["acme-other"]}}}, Verdict.FAIL),
        ({"$or": [{"detail-type": ["GuardDuty Finding"]}, {"detail-type": [RESULT]}]}, Verdict.UNKNOWN),
        ({"$or": [{"detail-type": [RESULT], "detail": {"s3ObjectDetails": {"bucketName": ["acme-other"]}}}]}, Verdict.FAIL),
    ],
)
def test_an_alarm_on_what_guardduty_finds_is_no_rule_on_uploads(tmp_path: Path, fields: dict[str, Any], verdict: Verdict):
    """Beside one, the rule on a bucket's events may as well stand elsewhere; one on results for another bucket speaks of where they are told."""
    outcome = of_template(tmp_path, "media-bucket-events-scanned", HEARD.format(json.dumps({"source": ["aws.guardduty"], **fields})))
    assert outcome.verdict is verdict


PLANS = """\
  Plan: {Type: AWS::GuardDuty::MalwareProtectionPlan, Properties: {Role: r, ProtectedResource: {S3Bucket: {BucketName: !Ref Uploads}}}}
  Others: {Type: AWS::GuardDuty::MalwareProtectionPlan, Properties: {Role: r, ProtectedResource: {S3Bucket: {BucketName: acme-other}}}}
"""


@pytest.mark.parametrize(
    ("detail", "verdict"),
    [
        ({}, Verdict.PASS),
        ({"scanStatus": ["COMPLETED"]}, Verdict.PASS),
        ({"scanStatus": [{"anything-but": ["SKIPPED"]}], "scanResultDetails": {"scanResultStatus": ["NO_THREATS_FOUND"]}}, Verdict.PASS),
        ({"scanStatus": ["SKIPPED", "FAILED"]}, Verdict.UNKNOWN),
        ({"scanResultDetails": {"scanResultStatus": ["UNSUPPORTED", "ACCESS_DENIED"]}}, Verdict.UNKNOWN),
    ],
)
def test_a_rule_on_results_takes_in_those_of_objects_that_were_looked_at(tmp_path: Path, detail: dict[str, Any], verdict: Verdict):
    """One on scans that GuardDuty skipped or that failed hears of next to no upload, and passed as a scanner's."""
    pattern = {"source": ["aws.guardduty"], "detail-type": [RESULT], "detail": detail}
    assert of_template(tmp_path, "media-bucket-events-scanned", HEARD.format(json.dumps(pattern)) + PLANS).verdict is verdict


def test_what_guardduty_alone_looks_at_reaches_a_scanner_of_malware(tmp_path: Path):
    """'Reach no scanner' sent whoever had one to look for what is wrong with it."""
    text = "  Uploads: {Type: AWS::S3::Bucket, Properties: {BucketName: acme-uploads}}\n"
    for more, words in (("", "reach no scanner"), (PLANS, "reach no scanner of media (Plan has GuardDuty look for malware)")):
        outcome = of_template(tmp_path, "upload-provenance-tagged", text + more)
        assert outcome.verdict is Verdict.FAIL
        assert outcome.message.endswith(words)


@pytest.mark.parametrize(
    ("plan", "verdict"),
    [
        ({"Fn::GetAtt": ["Plan", "Arn"]}, Verdict.PASS),
        ({"Fn::GetAtt": ["Others", "Arn"]}, Verdict.FAIL),
        ("arn:aws:guardduty:eu-west-1:123456789012:malware-protection-plan/0a1b", Verdict.UNKNOWN),
    ],
)
def test_a_rule_on_results_may_name_the_plan_that_they_come_by(tmp_path: Path, plan: Any, verdict: Verdict):
    """One on the results of another bucket's plan passed as one on those of each bucket with a plan."""
    pattern = {"source": ["aws.guardduty"], "detail-type": [RESULT], "resources": [plan]}
    assert of_template(tmp_path, "media-bucket-events-scanned", HEARD.format(json.dumps(pattern)) + PLANS).verdict is verdict


@pytest.mark.parametrize(
    ("arn", "verdict"),
    [
        ("aws_s3_bucket.uploads.arn", Verdict.PASS),
        ('"arn:aws:s3:::${var.name}-uploads"', Verdict.PASS),
        ('"arn:aws:s3:::${var.other}"', Verdict.UNKNOWN),
    ],
)
def test_a_pattern_of_terraform_names_its_bucket_by_arn(tmp_path: Path, arn: str, verdict: Verdict):
    """By link, or by the same expression as the bucket's own name."""
    text = f"""
variable "name" {{}}
variable "other" {{}}
resource "aws_s3_bucket" "uploads" {{ bucket = "${{var.name}}-uploads" }}
resource "aws_s3_bucket_notification" "uploads" {{
  bucket      = aws_s3_bucket.uploads.id
  eventbridge = true
}}
resource "aws_sqs_queue" "scan" {{ redrive_policy = jsonencode({{ deadLetterTargetArn = "arn", maxReceiveCount = 3 }}) }}
resource "aws_lambda_event_source_mapping" "scan" {{
  event_source_arn = aws_sqs_queue.scan.arn
  function_name    = "scan"
}}
resource "aws_cloudwatch_event_rule" "scan" {{
  event_pattern = jsonencode({{ source = ["aws.s3"], "detail-type" = ["Object Created"], resources = [{arn}] }})
}}
resource "aws_cloudwatch_event_target" "scan" {{
  rule = aws_cloudwatch_event_rule.scan.name
  arn  = aws_sqs_queue.scan.arn
}}
"""
    assert of_terraform(tmp_path, "media-bucket-events-scanned", text).verdict is verdict


def test_what_hears_of_some_uploads_is_part_of_the_pipeline(tmp_path: Path):
    """An alarm on the queue of a rule for single PUTs watches uploads, though the rule misses others."""
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {"reason": ["PutObject"]}}
    alarm = """\
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: AWS/SQS
      MetricName: ApproximateAgeOfOldestMessage
      Dimensions: [{Name: QueueName, Value: !GetAtt Scanner.QueueName}]
      AlarmActions: [!Ref Topic]
  Topic: {Type: AWS::SNS::Topic}
  Subscription: {Type: AWS::SNS::Subscription, Properties: {TopicArn: !Ref Topic, Protocol: email, Endpoint: a@acme.example}}
"""
    assert of_template(tmp_path, "upload-anomaly-alarm", HEARD.format(json.dumps(pattern)) + alarm).verdict is Verdict.PASS


@pytest.mark.parametrize(
    "told",
    [
        "LambdaFunctionConfigurations: [{Events: ['s3:ObjectCreated:*'], LambdaFunctionArn: !GetAtt Scan.Arn}]",
        "TopicConfigurations: [{Events: ['s3:ObjectCreated:*'], TopicArn: !Ref Topic}]",
    ],
)
def test_a_scanner_that_cdk_notifies_is_told_before_whoever_answers_requests(tmp_path: Path, told: str):
    """CDK writes a bucket's notifications into a resource of its own: by that nobody was told, and the reader behind a link passed.

    So did it where a topic names its subscribers itself.
    """
    trust = "AssumeRolePolicyDocument: {Statement: [{Effect: Allow, Action: 'sts:AssumeRole', Principal: {Service: lambda.amazonaws.com}}]}"
    may_read = "{Statement: [{Effect: Allow, Action: 's3:GetObject', Resource: !Sub '${Uploads.Arn}/*'}]}"
    resources = f"""\
  Uploads: {{Type: AWS::S3::Bucket, Properties: {{BucketName: acme-uploads}}}}
  Notifications:
    Type: Custom::S3BucketNotifications
    Properties:
      BucketName: !Ref Uploads
      NotificationConfiguration: {{{told}}}
  Topic: {{Type: AWS::SNS::Topic, Properties: {{Subscription: [{{Protocol: lambda, Endpoint: !GetAtt Scan.Arn}}]}}}}
  Role:
    Type: AWS::IAM::Role
    Properties:
      {trust}
      Policies: [{{PolicyName: read, PolicyDocument: {may_read}}}]
  Scan: {{Type: AWS::Lambda::Function, Properties: {{Role: 'arn:aws:iam::123456789012:role/scan'}}}}
  Show: {{Type: AWS::Lambda::Function, Properties: {{Role: !GetAtt Role.Arn}}}}
  Link: {{Type: AWS::Lambda::Url, Properties: {{TargetFunctionArn: !GetAtt Show.Arn, AuthType: NONE}}}}
"""
    found = of_template(tmp_path, "unscanned-not-readable", resources)
    assert found.verdict is Verdict.FAIL
    assert "Show, which answers its function URL, may read objects" in found.message


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        ("[Object Created]", Verdict.FAIL),
        ("[Object Restore Completed]", Verdict.PASS),
        ("[{anything-but: {prefix: Object D}}]", Verdict.UNKNOWN),
        ("[!ImportValue which-events]", Verdict.UNKNOWN),
    ],
)
def test_whether_the_scanner_is_told_may_not_be_known(tmp_path: Path, kind: str, verdict: Verdict):
    """By a pattern that can't be told to take in uploads nobody was told of them, so that whoever answers requests passed as the scanner."""
    case = Path(__file__).resolve().parents[2] / "policies/rules/unscanned_not_readable/cases/told_no_more.fail/template.yaml"
    text = case.read_text(encoding="utf-8").replace("detail-type: [Object Created]", f"detail-type: {kind}", 1)
    assert of_whole_template(tmp_path, "unscanned-not-readable", text).verdict is verdict


@pytest.mark.parametrize(
    "notifications",
    ["!ImportValue all", "{QueueConfigurations: !ImportValue queues}", "{QueueConfigurations: [!ImportValue one]}"],
)
def test_who_is_notified_may_not_be_known(tmp_path: Path, notifications: str):
    """Notifications that couldn't be resolved were none, so that whoever answers requests passed as the scanner."""
    case = Path(__file__).resolve().parents[2] / "policies/rules/unscanned_not_readable/cases/worker_scans.fail/template.yaml"
    text = case.read_text(encoding="utf-8")
    written = text[text.index("        QueueConfigurations:") : text.index("  Scan:\n")]
    given = text.replace(f"      NotificationConfiguration:\n{written}", f"      NotificationConfiguration: {notifications}\n\n")
    assert given != text
    found = of_whole_template(tmp_path, "unscanned-not-readable", given)
    assert (found.verdict, "imported from another stack" in found.message) == (Verdict.UNKNOWN, True)


@pytest.mark.parametrize(
    ("event", "verdict"),
    [("s3:ObjectCreated:*", Verdict.FAIL), ("s3:ObjectRemoved:*", Verdict.PASS), ("!ImportValue event", Verdict.UNKNOWN)],
)
def test_what_a_notification_is_on_may_not_be_known(tmp_path: Path, event: str, verdict: Verdict):
    """One on events that aren't resolved counted as one on uploads, and what it tells as a scanner."""
    case = Path(__file__).resolve().parents[2] / "policies/rules/unscanned_not_readable/cases/worker_scans.fail/template.yaml"
    given = case.read_text(encoding="utf-8").replace("Event: s3:ObjectCreated:*", f"Event: {event}")
    found = of_whole_template(tmp_path, "unscanned-not-readable", given)
    assert (found.verdict, "which events the notification to" in found.message) == (verdict, verdict is Verdict.UNKNOWN)


SAM_SCANNER = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Uploads: {{Type: AWS::S3::Bucket, Properties: {{BucketName: acme-uploads, NotificationConfiguration: {told}}}}}
  Queue: {{Type: AWS::SQS::Queue}}
  Topic: {{Type: AWS::SNS::Topic}}
  Scan:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: scan.handler
      CodeUri: s3://acme-releases/scan.zip
      Events: {events}
"""
BY_QUEUE = "{QueueConfigurations: [{Event: 's3:ObjectCreated:*', Queue: !GetAtt Queue.Arn}]}"
BY_TOPIC = "{TopicConfigurations: [{Event: 's3:ObjectCreated:*', Topic: !Ref Topic}]}"


@pytest.mark.parametrize(
    ("told", "events", "verdict", "message"),
    [
        pytest.param(BY_QUEUE, "{New: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn}}}", Verdict.PASS, "", id="read"),
        pytest.param(
            BY_QUEUE,
            "{New: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn, Enabled: false}}}",
            Verdict.FAIL,
            "ScanNew, by which Queue is read, is disabled",
            id="switched off",
        ),
        pytest.param(
            BY_QUEUE,
            "{Old: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn, Enabled: false}}, New: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn}}}",
            Verdict.PASS,
            "",
            id="one of two is on",
        ),
        pytest.param(BY_QUEUE, "{}", Verdict.UNKNOWN, "nobody who reads the queue Queue is part of what was read", id="unread"),
        pytest.param(BY_TOPIC, "{}", Verdict.UNKNOWN, "nobody subscribes to Topic in what was read", id="unheard"),
        pytest.param(BY_TOPIC, "{New: {Type: SNS, Properties: {Topic: !Ref Topic}}}", Verdict.PASS, "", id="heard"),
        pytest.param(
            BY_TOPIC,
            "{New: {Type: SNS, Properties: {Topic: !Ref Topic, FilterPolicy: {kind: [media]}}}}",
            Verdict.FAIL,
            "the filter policy of ScanNew lets no event of S3 through",
            id="filtered by attributes",
        ),
        pytest.param(
            BY_TOPIC,
            "{New: {Type: SNS, Properties: {Topic: !Ref Topic, FilterPolicy: {kind: [{exists: false}]}}}}",
            Verdict.PASS,
            "",
            id="filtered by what is missing",
        ),
        pytest.param(
            BY_TOPIC,
            "{New: {Type: SNS, Properties: {Topic: !Ref Topic, FilterPolicyScope: MessageBody, FilterPolicy: {kind: [media]}}}}",
            Verdict.FAIL,
            "lets no event of S3 through",
            id="filtered by a key that no event has",
        ),
        *(
            pytest.param(
                BY_TOPIC,
                f"{{New: {{Type: SNS, Properties: {{Topic: !Ref Topic, FilterPolicyScope: MessageBody, FilterPolicy: {policy}}}}}}}",
                verdict,
                message,
                id=f"body: {policy}",
            )
            for policy, verdict, message in (
                ("{Records: {eventName: [{prefix: 'ObjectCreated:'}]}}", Verdict.PASS, ""),
                ("{Records: {s3: {object: {key: [{prefix: in/}]}}}}", Verdict.PASS, ""),
                ("{Records: {s3: {object: {key: [{suffix: .jpg}]}}}}", Verdict.UNKNOWN, "only objects whose keys end in .jpg are told of"),
                (
                    "{Records: {s3: {object: {key: [{wildcard: '*.jpg'}]}}}}",
                    Verdict.UNKNOWN,
                    "only objects whose keys end in .jpg are told of",
                ),
                ("{Records: {s3: {bucket: {name: [{suffix: -uploads}]}}}}", Verdict.PASS, ""),
                ("{source: [aws.s3], detail: {reason: [{exists: true}]}}", Verdict.FAIL, "lets no event of S3 through"),
                ("{$or: [{Records: {eventSource: ['aws:s3']}}, {kind: [media]}]}", Verdict.PASS, ""),
                ("{Records: {kind: [{exists: false}]}}", Verdict.PASS, ""),
                ("{Records: {eventName: ['ObjectCreated:Put']}}", Verdict.UNKNOWN, "ObjectCreated:CompleteMultipartUpload"),
                ("{Records: {eventName: [{numeric: ['>', 1]}]}}", Verdict.UNKNOWN, "'numeric' of the event pattern is not evaluated"),
                ("{Records: [{exists: true}]}", Verdict.UNKNOWN, "what it asks of 'Records' is not evaluated"),
                ("{Records: {eventName: ['s3:ObjectCreated:*']}}", Verdict.FAIL, "lets no event of S3 through"),
                ("{Records: {eventName: [{prefix: 'ObjectRemoved:'}]}}", Verdict.FAIL, "lets no event of S3 through"),
                ("{$or: [{kind: [media]}, {source: [aws.ec2]}]}", Verdict.FAIL, "lets no event of S3 through"),
            )
        ),
        pytest.param(
            BY_TOPIC,
            "{New: {Type: SNS, Properties: {Topic: !Ref Topic, FilterPolicy: {$or: [{kind: [media]}, {kind: [{exists: false}]}]}}}}",
            Verdict.PASS,
            "",
            id="filtered by alternatives",
        ),
        *(
            pytest.param(
                BY_QUEUE,
                "{New: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn, FilterCriteria: {Filters: [" + patterns + "]}}}}",
                verdict,
                message,
                id=f"criteria: {patterns}",
            )
            for patterns, verdict, message in (
                ("", Verdict.PASS, ""),
                ("""{Pattern: '{"body": {"Records": {"eventName": [{"prefix": "ObjectCreated:"}]}}}'}""", Verdict.PASS, ""),
                (
                    """{Pattern: '{"body": {"kind": ["x"]}}'}, {Pattern: '{"body": {"Records": {"eventSource": ["aws:s3"]}}}'}""",
                    Verdict.PASS,
                    "",
                ),
                ("""{Pattern: '{"body": {"Message": [{"exists": true}]}}'}""", Verdict.FAIL, "has filters that let no event of S3 through"),
                ("""{Pattern: '{"body": {"kind": ["media"]}}'}""", Verdict.FAIL, "has filters that let no event of S3 through"),
                ("""{Pattern: '{"messageAttributes": {"kind": {"stringValue": ["x"]}}}'}""", Verdict.FAIL, "let no event of S3 through"),
                ("""{Pattern: 'media'}""", Verdict.UNKNOWN, "a pattern could not be read"),
                ("""{Pattern: !ImportValue wanted}""", Verdict.UNKNOWN, "whether the filters of ScanNew let events of S3 through"),
            )
        ),
    ],
)
def test_a_scanner_that_hears_of_nothing_is_none(tmp_path: Path, told: str, events: str, verdict: Verdict, message: str):
    """A queue whose reader is off, and a subscription whose filter S3's messages never meet, are there and scan nothing."""
    found = of_whole_template(tmp_path, "media-bucket-events-scanned", SAM_SCANNER.format(told=told, events=events))
    assert found.verdict is verdict
    assert message in found.message


DEAD = "DeadLetterConfig: {Arn: 'arn:aws:sqs:eu-west-1:123456789012:dead'}"
TELLS = f"EventPattern: {{source: [aws.s3], detail-type: [Object Created]}}, Targets: [{{Id: it, Arn: !GetAtt Queue.Arn, {DEAD}}}]"
BY_RULE = ("{EventBridgeConfiguration: {}}", f"  Rule: {{Type: AWS::Events::Rule, Properties: {{{TELLS}}}}}\n")
BY_TRAIL = (BY_RULE[0], BY_RULE[1].replace("Object Created", "AWS API Call via CloudTrail"))
OF_WRITES = "{ReadWriteType: WriteOnly, DataResources: [{Type: 'AWS::S3::Object', Values: [!Sub '${Uploads.Arn}/']}]}"
TRAIL_OF_WRITES = (
    f"  Trail: {{Type: AWS::CloudTrail::Trail, Properties: {{IsLogging: true, S3BucketName: logs, EventSelectors: [{OF_WRITES}]}}}}\n"
)


def by_topic(delivered: str) -> tuple[str, str]:
    """A topic that hands on to the queue."""
    handed = f"{{TopicArn: !Ref Topic, Protocol: sqs, Endpoint: !GetAtt Queue.Arn{delivered}}}"
    return BY_TOPIC, f"  Handed: {{Type: AWS::SNS::Subscription, Properties: {handed}}}\n"


@pytest.mark.parametrize(
    ("route", "pattern", "verdict"),
    [
        (BY_RULE, '{"detail": {"object": {"key": [{"prefix": "in/"}]}}}', Verdict.PASS),
        (BY_RULE, '{"detail": {"object": {"key": [{"suffix": ".jpg"}]}}}', Verdict.UNKNOWN),
        (BY_RULE, '{"detail": {"object": {"size": [{"numeric": [">", 0]}]}}}', Verdict.PASS),
        (BY_RULE, '{"detail": {"object": {"size": [{"numeric": ["<", 5000000]}]}}}', Verdict.UNKNOWN),
        (BY_RULE, '{"detail": {"requester": ["123456789012"]}}', Verdict.UNKNOWN),
        (BY_RULE, '{"Records": {"eventName": [{"prefix": "ObjectCreated:"}]}}', Verdict.FAIL),
        (BY_TRAIL, '{"detail": {"requestParameters": {"key": [{"prefix": "in/"}]}}}', Verdict.UNKNOWN),
        (by_topic(""), '{"Message": [{"exists": true}]}', Verdict.PASS),
        (by_topic(""), '{"Records": {"eventName": [{"prefix": "ObjectCreated:"}]}}', Verdict.FAIL),
        (by_topic(", RawMessageDelivery: true"), '{"Records": {"eventName": [{"prefix": "ObjectCreated:"}]}}', Verdict.PASS),
        (by_topic(", RawMessageDelivery: !ImportValue raw"), '{"Records": {"eventName": [{"prefix": "ObjectCreated:"}]}}', Verdict.UNKNOWN),
        (by_topic(", RawMessageDelivery: !ImportValue raw"), '{"Message": [{"exists": true}]}', Verdict.UNKNOWN),
        (by_topic(", RawMessageDelivery: !ImportValue raw"), '{"Other": ["x"]}', Verdict.FAIL),
    ],
)
def test_a_filter_is_held_against_what_comes_that_way(tmp_path: Path, route: tuple[str, str], pattern: str, verdict: Verdict):
    """EventBridge writes no Records, and a topic hands on an envelope unless it is told to deliver raw: such a reader counted as the scanner."""
    criteria = f"FilterCriteria: {{Filters: [{{Pattern: '{{\"body\": {pattern}}}'}}]}}"
    events = f"{{New: {{Type: SQS, Properties: {{Queue: !GetAtt Queue.Arn, {criteria}}}}}}}"
    text = SAM_SCANNER.format(told=route[0], events=events) + route[1]
    assert of_whole_template(tmp_path, "media-bucket-events-scanned", text).verdict is verdict


@pytest.mark.parametrize(
    ("names", "trails", "verdict", "message"),
    [
        ("", TRAIL_OF_WRITES, Verdict.PASS, ""),
        ("detail: {eventName: [PutObject, CopyObject, CompleteMultipartUpload]}, ", TRAIL_OF_WRITES, Verdict.PASS, ""),
        ("detail: {eventName: [PutObject]}, ", TRAIL_OF_WRITES, Verdict.UNKNOWN, "objects that come by Put alone"),
        ("", TRAIL_OF_WRITES.replace("WriteOnly", "ReadOnly"), Verdict.FAIL, "no trail records those of this bucket"),
        ("", TRAIL_OF_WRITES.replace("IsLogging: true", "IsLogging: false"), Verdict.FAIL, "no trail records those of this bucket"),
        ("", "", Verdict.UNKNOWN, "no trail is part of what was read"),
    ],
)
@pytest.mark.parametrize("bridge", ["{}", "{EventBridgeConfiguration: {}}"])
def test_a_rule_on_records_of_cloudtrail_hangs_on_a_trail(
    tmp_path: Path, bridge: str, names: str, trails: str, verdict: Verdict, message: str
):
    """EventBridge of the bucket sends no such record: on, a rule that hears of nothing passed; off, one that hears of everything failed."""
    route = BY_TRAIL[1].replace("EventPattern: {", f"EventPattern: {{{names}")
    events = "{New: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn}}}"
    found = of_whole_template(tmp_path, "media-bucket-events-scanned", SAM_SCANNER.format(told=bridge, events=events) + route + trails)
    assert found.verdict is verdict
    assert message in found.message


ONLY_JPG = "Filter: {S3Key: {Rules: [{Name: suffix, Value: .jpg}]}}"
LIMITED = "{Event: 's3:ObjectCreated:*', Function: !GetAtt Scan.Arn, %s}"
JPG, PNG = "!Sub '${Uploads.Arn}/*.jpg'", "!Sub '${Uploads.Arn}/*.png'"
TAKES_JPG = """\
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Uploads
      PolicyDocument:
        Statement: [{Effect: Deny, Principal: '*', Action: 's3:PutObject', NotResource: !Sub '${Uploads.Arn}/*.jpg'}]
"""


@pytest.mark.parametrize(
    ("told", "policy", "verdict"),
    [
        (LIMITED % ONLY_JPG, "", Verdict.UNKNOWN),
        (LIMITED % "Filter: {S3Key: {Rules: [{Name: Suffix, Value: !ImportValue kind}]}}", "", Verdict.UNKNOWN),
        (LIMITED % "Filter: {S3Key: {Rules: [{Name: !ImportValue which, Value: .jpg}]}}", "", Verdict.UNKNOWN),
        (LIMITED % "Filter: !ImportValue limits", "", Verdict.UNKNOWN),
        (LIMITED % "Filter: {S3Key: {Rules: [{Name: prefix, Value: !ImportValue folder}]}}", "", Verdict.PASS),
        (LIMITED % "Filter: {S3Key: {Rules: [{Name: prefix, Value: in/}]}}", "", Verdict.PASS),
        (LIMITED % ONLY_JPG + ", " + LIMITED.replace(", %s", ""), "", Verdict.PASS),
        (LIMITED % ONLY_JPG, TAKES_JPG, Verdict.PASS),
    ],
)
def test_a_scanner_that_hears_of_some_suffixes_alone_is_a_question(tmp_path: Path, told: str, policy: str, verdict: Verdict):
    """Whoever called a picture .jpeg or .JPG was scanned by nobody, and the bucket passed; one that refuses all other keys has said which come."""
    text = SAM_SCANNER.format(told=f"{{LambdaConfigurations: [{told}]}}", events="{}") + policy
    for rule_id in ("media-bucket-events-scanned", "upload-provenance-tagged"):
        found = of_whole_template(tmp_path, rule_id, text)
        assert found.verdict is verdict
        assert (": the notification to Scan: " in found.message) is (verdict is Verdict.UNKNOWN)


@pytest.mark.parametrize(
    ("told", "policy", "verdict"),
    [
        (f"{LIMITED % ONLY_JPG}, {LIMITED % ONLY_JPG.replace('jpg', 'png')}", TAKES_JPG.replace(JPG, f"[{JPG}, {PNG}]"), Verdict.PASS),
        (LIMITED % ONLY_JPG, TAKES_JPG.replace(JPG, f"[{JPG}, {PNG}]"), Verdict.UNKNOWN),
        (LIMITED % ONLY_JPG, TAKES_JPG.replace(".jpg", ""), Verdict.UNKNOWN),
        (LIMITED % ONLY_JPG, TAKES_JPG.replace("'}]", "', Condition: {Bool: {'aws:SecureTransport': false}}}]"), Verdict.UNKNOWN),
        (LIMITED % ONLY_JPG, TAKES_JPG.replace("Principal: '*'", "Principal: {AWS: !GetAtt Role.Arn}"), Verdict.UNKNOWN),
    ],
)
def test_what_a_bucket_takes_has_to_be_what_its_scanners_hear_of(tmp_path: Path, told: str, policy: str, verdict: Verdict):
    """A Deny on all but a folder, on more suffixes than are told of, for some people or at some times alone says nothing of the others."""
    text = SAM_SCANNER.format(told=f"{{LambdaConfigurations: [{told}]}}", events="{}") + policy
    assert of_whole_template(tmp_path, "media-bucket-events-scanned", text).verdict is verdict


@pytest.mark.parametrize(
    ("limit", "verdict"), [("{Name: suffix, Value: .jpg}", Verdict.UNKNOWN), ("{Name: prefix, Value: in/}", Verdict.PASS)]
)
def test_the_suffixes_of_what_cdk_notifies_are_read(tmp_path: Path, limit: str, verdict: Verdict):
    """Its custom resource has them under the names of S3's API: addEventNotification with a suffix was taken for one on every object."""
    entry = f"{{Events: ['s3:ObjectCreated:*'], LambdaFunctionArn: !GetAtt Scan.Arn, Filter: {{Key: {{FilterRules: [{limit}]}}}}}}"
    custom = f"""\
  Notifications:
    Type: Custom::S3BucketNotifications
    Properties: {{BucketName: !Ref Uploads, NotificationConfiguration: {{LambdaFunctionConfigurations: [{entry}]}}}}
"""
    text = SAM_SCANNER.format(told="{}", events="{}") + custom
    assert of_whole_template(tmp_path, "media-bucket-events-scanned", text).verdict is verdict


@pytest.mark.parametrize(
    ("limits", "verdict"),
    [
        ({"s3KeyFilter": {"filterRules": [{"name": "Suffix", "value": ".jpg"}]}}, Verdict.UNKNOWN),
        ({"s3KeyFilter": {"filterRules": [{"name": "Prefix", "value": "in/"}]}}, Verdict.PASS),
        ({"s3KeyFilter": {"filterRules": []}}, Verdict.PASS),
        ({"s3KeyFilter": None}, Verdict.PASS),
        (None, Verdict.PASS),
        ({"s3KeyFilter": {"rules": [{"name": "Suffix", "value": ".jpg"}]}}, Verdict.UNKNOWN),
        ({"s3KeyFilter": {"filterRules": ["suffix=.jpg"]}}, Verdict.UNKNOWN),
        ({"sizeFilter": {"lessThan": 5000000}}, Verdict.UNKNOWN),
    ],
)
def test_the_filter_of_a_notification_is_read_of_what_is_deployed(limits: Any, verdict: Verdict):
    """AWS Config has suffixes under names of its own; a filter of another shape was read as none."""
    case = Path(__file__).resolve().parents[2] / "policies/rules/media_bucket_events_scanned/cases/direct_to_function.pass/config.json"
    items = json.loads(case.read_text(encoding="utf-8"))["configurationItems"]
    bucket = next(item for item in items if item["resourceType"] == "AWS::S3::Bucket")
    (told,) = bucket["supplementaryConfiguration"]["BucketNotificationConfiguration"]["configurations"].values()
    told["filter"] = limits
    assert outcome_of(graph_from_items(items), "media-bucket-events-scanned").verdict is verdict


MAILED = "{{TopicArn: !Ref Topic, Protocol: {}, Endpoint: {}}}"


@pytest.mark.parametrize(
    ("told", "events", "more", "verdict", "message"),
    [
        (BY_TOPIC, "{}", MAILED.format("email", "a@acme.example"), Verdict.UNKNOWN, "Mailed tells people, by mail or telephone"),
        (BY_TOPIC, "{}", MAILED.format("sms", "'+4930'"), Verdict.UNKNOWN, "Mailed tells people"),
        (BY_TOPIC, "{}", MAILED.format("lambda", "!GetAtt Scan.Arn"), Verdict.PASS, ""),
        (BY_TOPIC, "{New: {Type: SNS, Properties: {Topic: !Ref Topic}}}", MAILED.format("email", "a@acme.example"), Verdict.PASS, ""),
    ],
)
def test_people_who_are_told_of_uploads_scan_nothing(tmp_path: Path, told: str, events: str, more: str, verdict: Verdict, message: str):
    """A mail for each upload counted as a scanner; who else subscribes to the topic may stand elsewhere."""
    text = SAM_SCANNER.format(told=told, events=events) + f"  Mailed: {{Type: AWS::SNS::Subscription, Properties: {more}}}\n"
    found = of_whole_template(tmp_path, "media-bucket-events-scanned", text)
    assert found.verdict is verdict
    assert message in found.message


@pytest.mark.parametrize(("another", "verdict"), [("", Verdict.UNKNOWN), (", {Id: scan, Arn: !GetAtt Scan.Arn}", Verdict.PASS)])
def test_a_log_group_that_keeps_events_scans_nothing(tmp_path: Path, another: str, verdict: Verdict):
    """Who writes every event down to look for one that is missing isn't done with scanning."""
    rule_ = BY_RULE[1].replace("Arn: !GetAtt Queue.Arn", "Arn: !GetAtt Kept.Arn").replace("}]}", f"}}{another}]}}")
    text = SAM_SCANNER.format(told=BY_RULE[0], events="{}") + rule_ + "  Kept: {Type: AWS::Logs::LogGroup}\n"
    found = of_whole_template(tmp_path, "media-bucket-events-scanned", text)
    assert found.verdict is verdict
    assert ("Kept is a log group" in found.message) is (verdict is Verdict.UNKNOWN)


OF_S3 = "EventPattern: {source: [aws.s3], detail-type: [Object Created], detail: {bucket: {name: [!Ref Uploads]}}}, "
ON_BUS = "  Handed: {Type: AWS::Events::Rule, Properties: {EventBusName: !Ref Bus, %sTargets: [{Id: it, Arn: !GetAtt %s.Arn}]}}\n"


@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        ("", Verdict.UNKNOWN),
        (ON_BUS % (OF_S3, "Scan"), Verdict.PASS),
        (ON_BUS % ("EventPattern: {source: [{prefix: aws.}]}, ", "Scan"), Verdict.PASS),
        (ON_BUS % ("EventPattern: {source: [acme.orders]}, ", "Scan"), Verdict.UNKNOWN),
        (ON_BUS % ("EventPattern: {source: [aws.s3], detail: {object: {key: [{suffix: .jpg}]}}}, ", "Scan"), Verdict.UNKNOWN),
        (ON_BUS % ("EventPattern: !ImportValue wanted, ", "Scan"), Verdict.UNKNOWN),
        (ON_BUS % (f"State: DISABLED, {OF_S3}", "Scan"), Verdict.UNKNOWN),
        (ON_BUS % (OF_S3, "Queue"), Verdict.UNKNOWN),
    ],
)
def test_events_that_are_handed_to_another_bus_are_followed(tmp_path: Path, more: str, verdict: Verdict):
    """A bus was enough as a target, be there a rule on it or none, and any rule was, be it on orders: nobody there scanned."""
    handed = BY_RULE[1].replace("!GetAtt Queue.Arn", "!GetAtt Bus.Arn")
    text = (
        SAM_SCANNER.format(told=BY_RULE[0], events="{}")
        + handed
        + more
        + "  Bus: {Type: AWS::Events::EventBus, Properties: {Name: central}}\n"
    )
    assert of_whole_template(tmp_path, "media-bucket-events-scanned", text).verdict is verdict


PIPED = """\
  Pipe:
    Type: AWS::Pipes::Pipe
    Properties: {{RoleArn: !GetAtt Piping.Arn, Source: !GetAtt Queue.Arn, Target: !GetAtt Scan.Arn{more}}}
  Piping:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {{Statement: [{{Effect: Allow, Action: 'sts:AssumeRole', Principal: {{Service: pipes.amazonaws.com}}}}]}}
      Policies: [{{PolicyName: it, PolicyDocument: {{Statement: [{{Effect: Allow, Action: 'sqs:*', Resource: !GetAtt Queue.Arn}}]}}}}]
"""
NEVER = '{FilterCriteria: {Filters: [{Pattern: \'{"body": {"kind": ["x"]}}\'}]}}'


@pytest.mark.parametrize(
    ("piped", "verdict", "message"),
    [
        (PIPED.format(more=""), Verdict.PASS, ""),
        (PIPED.format(more=", DesiredState: RUNNING"), Verdict.PASS, ""),
        (PIPED.format(more=", DesiredState: STOPPED"), Verdict.FAIL, "Pipe, by which Queue is read, is stopped"),
        (PIPED.format(more=", DesiredState: !ImportValue state"), Verdict.UNKNOWN, "whether Pipe is to run could not be resolved"),
        (PIPED.format(more=f", SourceParameters: {NEVER}"), Verdict.FAIL, "has filters that let no event of S3 through"),
        ("  Piping" + PIPED.format(more="").partition("  Piping")[2], Verdict.UNKNOWN, "nobody who reads the queue Queue is part of"),
    ],
)
def test_a_pipe_reads_a_queue_while_it_runs(tmp_path: Path, piped: str, verdict: Verdict, message: str):
    """Its role may receive, whether it is stopped or not, so that a scanner that hears of nothing passed as a worker of which nothing tells."""
    found = of_whole_template(tmp_path, "media-bucket-events-scanned", SAM_SCANNER.format(told=BY_QUEUE, events="{}") + piped)
    assert found.verdict is verdict, found
    assert message in found.message


def test_a_pipe_in_terraform_reads_as_in_cloudformation(tmp_path: Path):
    """Its state and its filters have the same names, and its target is told of what its source holds."""
    text = """
resource "aws_s3_bucket" "uploads" { bucket = "acme-uploads" }
resource "aws_sqs_queue" "scan" { name = "scan" }
resource "aws_s3_bucket_notification" "uploads" {
  bucket = aws_s3_bucket.uploads.id
  queue {
    queue_arn = aws_sqs_queue.scan.arn
    events    = ["s3:ObjectCreated:*"]
  }
}
resource "aws_sfn_state_machine" "scan" { name = "scan" }
resource "aws_pipes_pipe" "scan" {
  name          = "scan"
  source        = aws_sqs_queue.scan.arn
  target        = aws_sfn_state_machine.scan.arn
  desired_state = "%s"
  source_parameters {
    filter_criteria {
      filter { pattern = jsonencode({ body = { Records = { eventName = [{ prefix = "%s" }] } } }) }
    }
  }
}
"""
    cases = {("RUNNING", "ObjectCreated:"): Verdict.PASS, ("STOPPED", "ObjectCreated:"): Verdict.FAIL, ("RUNNING", "s3:"): Verdict.FAIL}
    assert {case: of_terraform(tmp_path, "media-bucket-events-scanned", text % case).verdict for case in cases} == cases


@pytest.mark.parametrize(
    ("told", "events", "filters"),
    [
        (
            BY_QUEUE,
            """SQS, Properties: {Queue: !GetAtt Queue.Arn, FilterCriteria: {Filters: [{Pattern: '{"body": {"kind": ["x"]}}'}]}}""",
            "Criteria",
        ),
        (BY_TOPIC, "SNS, Properties: {Topic: !Ref Topic, FilterPolicy: {kind: [media]}}", "Policy"),
        (BY_TOPIC, "SNS, Properties: {Topic: !Ref Topic, FilterPolicyScope: MessageBody, FilterPolicy: {kind: [media]}}", "Policy"),
    ],
)
def test_the_fix_of_a_filter_is_to_take_it_out(tmp_path: Path, told: str, events: str, filters: str):
    """A pattern for what S3 writes lets nothing through behind EventBridge or a topic, and the scope of the body may be set already."""
    found = of_whole_template(tmp_path, "media-bucket-events-scanned", SAM_SCANNER.format(told=told, events=f"{{New: {{Type: {events}}}}}"))
    assert f"# take Filter{filters} out of ScanNew" in (found.fix or "")


@pytest.mark.parametrize(
    ("given", "events", "verdict"),
    [
        (
            "",
            'SQS, Properties: {Queue: !GetAtt Queue.Arn, FilterCriteria: {Filters: [{Pattern: \'{"body": {"bucket": {}, "key": ["a"]}}\'}]}}',
            Verdict.FAIL,
        ),
        (
            "InputPath: $.detail",
            'SQS, Properties: {Queue: !GetAtt Queue.Arn, FilterCriteria: {Filters: [{Pattern: \'{"body": {"bucket": {}, "key": ["a"]}}\'}]}}',
            Verdict.UNKNOWN,
        ),
        ("", "SNS, Properties: {Topic: !Ref Topic, FilterPolicyScope: MessageBody, FilterPolicy: {key: [a]}}", Verdict.FAIL),
        (
            "InputPath: $.detail",
            "SNS, Properties: {Topic: !Ref Topic, FilterPolicyScope: MessageBody, FilterPolicy: {key: [a]}}",
            Verdict.UNKNOWN,
        ),
        ("InputPath: $.detail", "SNS, Properties: {Topic: !Ref Topic, FilterPolicy: {key: [a]}}", Verdict.FAIL),
    ],
)
def test_a_filter_on_what_a_rule_makes_of_events_is_a_question(tmp_path: Path, given: str, events: str, verdict: Verdict):
    """A rule may tell a queue or topic anything; what has no attributes has none then, too."""
    arn = "!Ref Topic" if events.startswith("SNS") else "!GetAtt Queue.Arn"
    text = (
        SAM_SCANNER.format(told="{EventBridgeConfiguration: {}}", events=f"{{New: {{Type: {events}}}}}")
        + f"""\
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {{source: [aws.s3], detail-type: [Object Created]}}
      Targets: [{{Id: it, Arn: {arn}, DeadLetterConfig: {{Arn: 'arn:aws:sqs:eu-west-1:123456789012:dead'}}, {given}}}]
"""
    )
    assert of_whole_template(tmp_path, "media-bucket-events-scanned", text).verdict is verdict


@pytest.mark.parametrize(
    ("concurrency", "verdict"),
    [("0", Verdict.FAIL), ('"0"', Verdict.FAIL), ("5", Verdict.PASS), ("!Ref Reserved", Verdict.UNKNOWN)],
)
def test_a_rules_target_that_may_not_run_is_none(tmp_path: Path, concurrency: str, verdict: Verdict):
    """Through EventBridge as well: what a rule tells has to run."""
    text = f"""\
Parameters:
  Reserved: {{Type: Number}}
Resources:
  Uploads:
    Type: AWS::S3::Bucket
    Properties: {{BucketName: acme-uploads, NotificationConfiguration: {{EventBridgeConfiguration: {{}}}}}}
  Scan:
    Type: AWS::Lambda::Function
    Properties: {{ReservedConcurrentExecutions: {concurrency}, DeadLetterConfig: {{TargetArn: 'arn:aws:sqs:eu-west-1:123456789012:dead'}}}}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {{source: [aws.s3], detail-type: [Object Created], detail: {{bucket: {{name: [acme-uploads]}}}}}}
      Targets: [{{Id: scan, Arn: !GetAtt Scan.Arn}}]
"""
    found = of_whole_template(tmp_path, "media-bucket-events-scanned", text)
    assert found.verdict is verdict
    assert "reserved concurrency" in found.message or verdict is Verdict.PASS
    assert verdict is not Verdict.FAIL or "take it out" in (found.fix or "")


PUBLISHED_HERE = """\
Parameters:
  Methods: {{Type: CommaDelimitedList}}
  Method: {{Type: String}}
Resources:
  Photos:
    Type: AWS::S3::Bucket
    Properties: {{BucketName: acme-photos, {more}CorsConfiguration: {{CorsRules: [{{AllowedMethods: {methods}, AllowedOrigins: ['*']}}]}}}}
"""


@pytest.mark.parametrize(
    ("methods", "more", "verdict"),
    [
        pytest.param("!Ref Methods", "", Verdict.UNKNOWN, id="a list"),
        pytest.param("[GET, !Ref Method]", "", Verdict.UNKNOWN, id="one of the list"),
        pytest.param("[PUT, !Ref Method]", "", Verdict.FAIL, id="beside PUT"),
        pytest.param("[GET]", "", Verdict.NOT_APPLICABLE, id="known"),
        pytest.param(
            "!Ref Methods", "Tags: [{{Key: data-class, Value: published-media}}], ", Verdict.NOT_APPLICABLE, id="tagged as published"
        ),
    ],
)
def test_a_published_bucket_to_which_browsers_may_upload_is_a_question(tmp_path: Path, methods: str, more: str, verdict: Verdict):
    """Methods that stood in a parameter left every rule on uploads not applicable; one that is said to be published stays so."""
    found = of_whole_template(tmp_path, "media-bucket-events-scanned", PUBLISHED_HERE.format(methods=methods, more=more.format()))
    assert found.verdict is verdict
    assert "whether browsers upload to it" in found.message or verdict is not Verdict.UNKNOWN


OFF = "{Old: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn, Enabled: false}}}"


@pytest.mark.parametrize(
    ("resource", "service", "events", "verdict"),
    [
        pytest.param("!GetAtt Queue.Arn", "ecs-tasks.amazonaws.com", "{}", Verdict.PASS, id="a worker"),
        pytest.param("'*'", "ecs-tasks.amazonaws.com", "{}", Verdict.UNKNOWN, id="of every queue"),
        pytest.param("!GetAtt Other.Arn", "ecs-tasks.amazonaws.com", "{}", Verdict.UNKNOWN, id="of another"),
        pytest.param("!GetAtt Queue.Arn", "lambda.amazonaws.com", "{}", Verdict.UNKNOWN, id="a function whose mapping isn't here"),
        pytest.param("!GetAtt Queue.Arn", "[lambda.amazonaws.com, ec2.amazonaws.com]", "{}", Verdict.PASS, id="a server, too"),
        pytest.param("!GetAtt Queue.Arn", "ecs-tasks.amazonaws.com", OFF, Verdict.UNKNOWN, id="a worker in place of a function"),
        pytest.param("!GetAtt Queue.Arn", "lambda.amazonaws.com", OFF, Verdict.FAIL, id="a function that is off"),
    ],
)
def test_a_worker_that_polls_is_known_by_a_policy_that_names_the_queue(
    tmp_path: Path, resource: str, service: str, events: str, verdict: Verdict
):
    """What runs on ECS or a server reads without an event source mapping, and a function doesn't; who may read every queue says nothing of this one."""
    text = (
        SAM_SCANNER.format(told=BY_QUEUE, events=events)
        + f"""\
  Other: {{Type: AWS::SQS::Queue}}
  Worker:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {{Statement: [{{Effect: Allow, Principal: {{Service: {service}}}, Action: 'sts:AssumeRole'}}]}}
      Policies:
        - PolicyName: read
          PolicyDocument: {{Statement: [{{Effect: Allow, Action: ['sqs:ReceiveMessage', 'sqs:DeleteMessage'], Resource: {resource}}}]}}
"""
    )
    assert of_whole_template(tmp_path, "media-bucket-events-scanned", text).verdict is verdict


ORIGIN_OPEN = """
variable "domain" {{}}
variable "env" {{}}
module "site" {{ source = "terraform-aws-modules/s3-bucket/aws" }}
resource "aws_s3_bucket" "uploads" {{ bucket = "acme-uploads" }}
resource "aws_s3_bucket" "published" {{ bucket = "acme-published" }}
resource "aws_cloudfront_distribution" "cdn" {{
  origin {{
    origin_id   = "media"
    domain_name = {domain}
    {access}
  }}
}}
"""
SIGNED = 'origin_access_control_id = "E1"'


@pytest.mark.parametrize(
    ("domain", "access", "verdict"),
    [
        pytest.param("var.domain", SIGNED, Verdict.UNKNOWN, id="any"),
        pytest.param('"${var.env}-uploads.s3.eu-west-1.amazonaws.com"', SIGNED, Verdict.UNKNOWN, id="one that fits"),
        pytest.param('"${var.env}-published.s3.eu-west-1.amazonaws.com"', SIGNED, Verdict.PASS, id="one that doesn't fit"),
        pytest.param("aws_s3_bucket.published.bucket_regional_domain_name", SIGNED, Verdict.PASS, id="another"),
        pytest.param("module.site.s3_bucket_bucket_regional_domain_name", SIGNED, Verdict.PASS, id="a module's"),
        pytest.param("var.domain", "custom_origin_config { http_port = 80 }", Verdict.PASS, id="a server's"),
        pytest.param("var.domain", "", Verdict.PASS, id="nothing of S3"),
    ],
)
def test_an_origin_that_is_not_resolved_may_be_the_quarantine(tmp_path: Path, domain: str, access: str, verdict: Verdict):
    """A bucket's domain that stood in a variable passed; one that can't be this bucket's is no question."""
    found = of_terraform(tmp_path, "quarantine-not-served", ORIGIN_OPEN.format(domain=domain, access=access))
    assert found.verdict is verdict
    assert "is origin 'media' of aws_cloudfront_distribution.cdn" in found.message or verdict is Verdict.PASS


IN_REGIONS = """
provider "aws" {%(home)s}
provider "aws" {
  alias  = "us"
  region = "us-east-1"
}
resource "aws_s3_bucket" "uploads" { bucket = "acme-uploads" }
resource "aws_s3_bucket_metric" "uploads" {
  bucket = aws_s3_bucket.uploads.id
  name   = "all"
}
resource "aws_s3_bucket_notification" "uploads" {
  bucket      = aws_s3_bucket.uploads.id
  eventbridge = true
}
resource "aws_lambda_function" "scan" { function_name = "scan" }
resource "aws_sqs_queue" "dead" { name = "dead" }
resource "aws_cloudwatch_event_rule" "new" {
  %(where)s
  event_pattern = jsonencode({ source = ["aws.s3"], "detail-type" = ["Object Created"] })
}
resource "aws_cloudwatch_event_target" "new" {
  rule = aws_cloudwatch_event_rule.new.name
  arn  = aws_lambda_function.scan.arn
  dead_letter_config { arn = aws_sqs_queue.dead.arn }
}
resource "aws_cloudtrail" "data" {
  %(where)s
  %(trail)s
  name           = "data"
  s3_bucket_name = "acme-trails"
  event_selector {
    data_resource {
      type   = "AWS::S3::Object"
      values = ["arn:aws:s3"]
    }
  }
}
resource "aws_cloudwatch_metric_alarm" "uploads" {
  %(where)s
  namespace           = "AWS/S3"
  metric_name         = "PutRequests"
  comparison_operator = "GreaterThanThreshold"
  dimensions          = { BucketName = "acme-uploads", FilterId = "all" }
  alarm_actions       = ["arn:aws:sns:eu-west-1:123456789012:on-call"]
}
variable "home" {}
variable "unset" { default = null }
"""
REGIONS = 'data "aws_region" "here" { region = var.unset }\ndata "aws_region" "there" { region = "us-east-1" }\n'
ON_REGIONS = ("media-bucket-events-scanned", "media-access-logged", "upload-anomaly-alarm")


@pytest.mark.parametrize("rule_id", ON_REGIONS)
@pytest.mark.parametrize(
    ("home", "where", "expected"),
    [
        ('region = "eu-west-1"', 'region = "us-east-1"', Verdict.FAIL),
        ('region = "eu-west-1"', "provider = aws.us", Verdict.FAIL),
        ('region = "eu-west-1"', 'region = "eu-west-1"', None),
        ('region = "eu-west-1"', "region = var.unset", None),
        ("region = var.home", "region = var.home", None),
        ("region = var.home", "provider = aws.us", Verdict.UNKNOWN),
        ("", 'region = "us-east-1"', Verdict.UNKNOWN),
        ("", "region = data.aws_region.here.region", None),
        ('region = "eu-west-1"', "region = data.aws_region.there.region", Verdict.FAIL),
        ("", "region = aws_s3_bucket.uploads.region", None),
    ],
)
def test_what_listens_in_another_region_hears_nothing(tmp_path: Path, rule_id: str, home: str, where: str, expected: Verdict | None):
    """Events, calls and metrics stay in the region of the bucket: a rule, trail or alarm in another one passed for what it never hears."""
    here = of_terraform(tmp_path, rule_id, IN_REGIONS % {"home": home, "where": "", "trail": ""})
    there = of_terraform(tmp_path, rule_id, IN_REGIONS % {"home": home, "where": where, "trail": ""} + REGIONS)
    assert there.verdict is (expected or here.verdict)
    if rule_id != "upload-anomaly-alarm":  # whoever is told by a topic that stands elsewhere isn't known
        assert here.verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("sender", "verdict"),
    [
        ('region = "eu-west-1"', Verdict.PASS),
        ('region = "eu-west-1"\n state = "DISABLED"', Verdict.FAIL),
        ('region = "eu-central-1"', Verdict.FAIL),
    ],
)
def test_events_that_a_rule_sends_to_another_region_are_heard_there(tmp_path: Path, sender: str, verdict: Verdict):
    """One region may scan for all: its default bus takes what rules of the others send it, and that it wasn't part of what was read was untrue."""
    text = IN_REGIONS % {"home": 'region = "eu-west-1"', "where": 'region = "us-east-1"', "trail": ""}
    text += f"""
    resource "aws_cloudwatch_event_rule" "sends" {{
      {sender}
      name          = "sends"
      event_pattern = jsonencode({{ source = ["aws.s3"], "detail-type" = ["Object Created"] }})
    }}
    resource "aws_cloudwatch_event_target" "sends" {{
      rule = aws_cloudwatch_event_rule.sends.name
      arn  = "arn:aws:events:us-east-1:123456789012:event-bus/default"
    }}
    """
    assert of_terraform(tmp_path, "media-bucket-events-scanned", text).verdict is verdict


def test_a_trail_of_all_regions_records_those_of_others(tmp_path: Path):
    words = {"home": 'region = "eu-west-1"', "where": 'region = "us-east-1"'}
    every = IN_REGIONS % {**words, "trail": "is_multi_region_trail = true"}
    assert of_terraform(tmp_path, "media-access-logged", every).verdict is Verdict.PASS
    open_ = IN_REGIONS % {**words, "trail": "is_multi_region_trail = var.home"}
    assert of_terraform(tmp_path, "media-access-logged", open_).verdict is Verdict.UNKNOWN
    told = of_terraform(tmp_path, "media-access-logged", IN_REGIONS % {**words, "trail": ""})
    assert "aws_cloudtrail.data records what is called in us-east-1 alone, and the bucket is in eu-west-1" in told.message


def test_a_metric_of_ones_own_is_sent_where_the_program_says(tmp_path: Path):
    """An alarm in another region may watch it; of AWS's metrics there are none of this bucket."""
    words = {"home": 'region = "eu-west-1"', "where": 'region = "us-east-1"', "trail": ""}
    text = IN_REGIONS % words
    told = of_terraform(tmp_path, "upload-anomaly-alarm", text)
    assert (told.verdict, "is in us-east-1, and metrics of this bucket stay in eu-west-1" in told.message) == (Verdict.FAIL, True)
    own = text.replace('"AWS/S3"', '"Shop/Uploads"')
    assert of_terraform(tmp_path, "upload-anomaly-alarm", own).verdict is not Verdict.FAIL


def test_a_known_module_makes_its_bucket_where_it_is_told_to(tmp_path: Path):
    """Its ``region`` was left out of account: a rule beside it, in the region of the provider, hears nothing of it."""
    text = IN_REGIONS % {"home": 'region = "eu-west-1"', "where": "", "trail": ""}
    module = """
    module "uploads" {
      source  = "terraform-aws-modules/s3-bucket/aws"
      version = "~> 5.2"
      bucket  = "acme-uploads-us"
      region  = "us-east-1"
    }
    resource "aws_s3_bucket_notification" "us" {
      bucket      = module.uploads.s3_bucket_id
      eventbridge = true
    }
    """
    assert (
        "it is in eu-west-1, and events of this bucket stay in us-east-1"
        in of_terraform(tmp_path, "media-bucket-events-scanned", text + module).message
    )


@pytest.mark.parametrize("rule_id", ["upload-anomaly-alarm", "upload-provenance-tagged"])
@pytest.mark.parametrize(("scanned", "asked"), [("uploads", False), ("quarantine", True)])
def test_where_rejected_objects_lie_is_no_way_in_while_another_bucket_is_scanned(tmp_path: Path, rule_id: str, scanned: str, asked: bool):
    """That it is scanned itself doesn't make it a place for what was scanned elsewhere: then it may be where uploads wait."""
    case = Path(__file__).resolve().parents[2] / "policies/rules/media_bucket_events_scanned/cases/rejects_in_quarantine.pass/main.tf"
    text = case.read_text(encoding="utf-8").replace("= aws_s3_bucket.uploads.id", f"= aws_s3_bucket.{scanned}.id")
    (tmp_path / "main.tf").write_text(text, encoding="utf-8")
    (graph,) = TerraformSurface().graphs(tmp_path)
    (bucket,) = (item for item in graph.of_type("AWS::S3::Bucket") if item.address == "aws_s3_bucket.quarantine")
    assert (rule(rule_id).evaluate(bucket, Context(graph, Scope())).verdict is not Verdict.NOT_APPLICABLE) is asked


LENT = """
resource "aws_s3_bucket" "b" { bucket = "acme-%s" }
resource "aws_iam_role" "agency" {
  name               = "agency"
  assume_role_policy = jsonencode({ Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { AWS = "arn:aws:iam::999988887777:root" } }] })
  inline_policy {
    name   = "read"
    policy = jsonencode({ Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "${aws_s3_bucket.b.arn}/*" }] })
  }
}
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("uploads", Verdict.FAIL),
        ("genai-pictures", Verdict.NOT_APPLICABLE),
    ],
)
def test_an_agency_may_read_what_one_made_oneself(tmp_path: Path, name: str, expected: Verdict):
    """A role that is lent to another account: of pictures that nobody has sent in, none waits for a scan."""
    assert of_terraform(tmp_path, "unscanned-not-readable", LENT % name).verdict is expected


REFUSED = """
variable "objects" {}
resource "aws_s3_bucket" "uploads" { bucket = "acme-uploads" }
resource "aws_s3_bucket_policy" "uploads" {
  bucket = aws_s3_bucket.uploads.id
  policy = jsonencode({ Statement = [
    { Effect = "Allow", Principal = { AWS = "arn:aws:iam::999988887777:root" }, Action = "s3:GetObject", Resource = "${aws_s3_bucket.uploads.arn}/*" },
    { Effect = "Deny", Principal = "*", Action = ["s3:GetObject", "s3:GetObjectVersion"], Resource = %s,
      Condition = { StringNotEquals = { "s3:ExistingObjectTag/verdict" = "clean" } } },
  ] })
}
"""


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        ('"${aws_s3_bucket.uploads.arn}/*"', Verdict.PASS),
        ('"${aws_s3_bucket.uploads.arn}/thumbs/*"', Verdict.FAIL),
        ('provider::aws::arn_build("aws", "s3", "", "", "acme-uploads/thumbs/*")', Verdict.UNKNOWN),
        ("var.objects", Verdict.PASS),  # a name for all of them, as far as anybody can see
    ],
)
def test_a_deny_on_what_nothing_is_known_of_refuses_nothing_for_sure(tmp_path: Path, refused: str, expected: Verdict):
    """It may be on one folder: as a plan before the first apply has it, it passed for one on all objects, with a reader of the rest let in."""
    assert of_terraform(tmp_path, "unscanned-not-readable", REFUSED % refused).verdict is expected


def test_a_deny_of_a_plan_on_what_only_apply_will_tell_refuses_nothing_for_sure(tmp_path: Path):
    bucket, policy, document = ("aws_s3_bucket.b", "aws_s3_bucket_policy.b", "data.aws_iam_policy_document.d")
    objects = {"references": [f"{bucket}.arn", bucket]}
    told = {
        "statement": [
            {
                "effect": "Allow",
                "actions": ["s3:GetObject"],
                "principals": [{"type": "AWS", "identifiers": ["arn:aws:iam::999988887777:root"]}],
            },
            {
                "effect": "Deny",
                "actions": ["s3:GetObject", "s3:GetObjectVersion"],
                "principals": [{"type": "*", "identifiers": ["*"]}],
                "condition": [{"test": "StringNotEquals", "variable": "s3:ExistingObjectTag/verdict", "values": ["clean"]}],
            },
        ]
    }
    hidden = {"json": True, "statement": [{"resources": [True]}, {"resources": [True]}]}
    parts = (bucket, {"bucket": "acme-uploads"}, {}), (policy, {}, {"bucket": True, "policy": True}), (document, told, hidden)
    expressions = {
        bucket: {"bucket": {"constant_value": "acme-uploads"}},
        policy: {"bucket": {"references": [f"{bucket}.id", bucket]}, "policy": {"references": [f"{document}.json", document]}},
        document: {"statement": [{"resources": objects, "effect": {"constant_value": effect}} for effect in ("Allow", "Deny")]},
    }

    def head(address: str) -> dict[str, Any]:
        mode = "data" if address.startswith("data.") else "managed"
        return {"address": address, "mode": mode, "type": address.removeprefix("data.").split(".")[0], "name": address.rsplit(".", 1)[-1]}

    plan = {
        "format_version": "1.2",
        "planned_values": {"root_module": {"resources": [{**head(name), "values": known} for name, known, _ in parts if name != document]}},
        "resource_changes": [
            {**head(name), "change": {"actions": ["create"], "after": known, "after_unknown": unknown}} for name, known, unknown in parts
        ],
        "configuration": {"root_module": {"resources": [{**head(name), "expressions": expressions[name]} for name, *_ in parts]}},
    }
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    found = outcome_of(read_plan(tmp_path / "plan.json"), "unscanned-not-readable")
    assert found.verdict is Verdict.UNKNOWN
    assert "known only after apply" in found.message


def test_an_api_that_is_described_by_a_resource_beside_it_is_a_door(tmp_path: Path):
    """What ``aws_api_gateway_rest_api_put`` gives an API, it answers: a way to upload for anybody was seen nowhere."""
    text = """
    resource "aws_s3_bucket" "uploads" { bucket = "acme-uploads" }
    resource "aws_api_gateway_rest_api" "a" { name = "a" }
    resource "aws_api_gateway_rest_api_put" "a" {
      rest_api_id = aws_api_gateway_rest_api.a.id
      body = jsonencode({ paths = { "/uploads/{key}" = { put = { "x-amazon-apigateway-integration" = {
        type = "aws", httpMethod = "PUT", uri = "arn:aws:apigateway:eu-west-1:s3:path/acme-uploads/{key}"
      } } } } })
    }
    """
    outcome = of_terraform(tmp_path, "upload-api-authorised", text)
    assert (outcome.verdict, "PUT /uploads/{key}" in outcome.message) == (Verdict.FAIL, True)


DESCRIBED = """
resource "aws_s3_bucket" "uploads" { bucket = "acme-uploads" }
resource "%s" "a" {
  name = "a"
  body = %s
}
resource "aws_lambda_function" "presign" {
  function_name = "presign-upload"
  role          = aws_iam_role.presign.arn
}
resource "aws_iam_role" "presign" {
  assume_role_policy = jsonencode({ Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }] })
  inline_policy {
    policy = jsonencode({ Statement = [{ Effect = "Allow", Action = "s3:PutObject", Resource = "arn:aws:s3:::acme-uploads/*" }] })
  }
}
"""
OPENAPI = """\
# what it answers
openapi: "3.0.1"
paths:
  /presign:
    post:
      x-amazon-apigateway-integration:
        type: aws_proxy
        uri: ${presign}
  /again:
    post:
      x-amazon-apigateway-integration: {type: aws_proxy, uri: "${presign}"}
"""


@pytest.mark.parametrize("kind", ["aws_api_gateway_rest_api", "aws_apigatewayv2_api"])
@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ('templatefile("${path.module}/openapi.yaml", { presign = aws_lambda_function.presign.invoke_arn })', Verdict.FAIL),
        (
            'templatefile("${path.module}/openapi.yaml", { presign = "arn:aws:lambda:eu-west-1:123456789012:function:presign-upload" })',
            Verdict.FAIL,
        ),
        (
            'jsonencode(yamldecode(templatefile("${path.module}/openapi.yaml", { presign = aws_lambda_function.presign.invoke_arn })))',
            Verdict.FAIL,
        ),
        ('file("${path.module}/broken.yaml")', None),
        ("var.body", None),
    ],
)
def test_a_description_in_yaml_shows_an_apis_doors(tmp_path: Path, kind: str, body: str, verdict: Verdict | None):
    """Most are written so, and none was read: whoever called them got to upload. What is no description is said."""
    (tmp_path / "openapi.yaml").write_text(OPENAPI, encoding="utf-8")
    (tmp_path / "broken.yaml").write_text("openapi: [\n", encoding="utf-8")
    outcome = of_terraform(tmp_path, "upload-api-authorised", DESCRIBED % (kind, body) + 'variable "body" {}\n')
    (graph,) = TerraformSurface().graphs(tmp_path)
    said = [problem.reason for problem in graph.problems if "described" in problem.reason]
    if verdict is None:
        assert said == [f"{kind}.a: what it answers is described in what was not read: not judged"]
    else:
        assert (outcome.verdict, said) == (verdict, [])


@pytest.mark.parametrize(
    "written",
    ["DefinitionUri: openapi.yaml", "DefinitionBody: {'Fn::Transform': {Name: 'AWS::Include', Parameters: {Location: openapi.yaml}}}"],
)
def test_an_api_of_sam_that_is_described_elsewhere_is_said(tmp_path: Path, written: str):
    path = tmp_path / "template.yaml"
    path.write_text(f"Resources:\n  A:\n    Type: AWS::Serverless::HttpApi\n    Properties:\n      {written}\n", encoding="utf-8")
    (problem,) = read_template(path).problems
    assert (problem.reason, problem.blocking) == ("A: what it answers is described in what was not read: not judged", False)


@pytest.mark.parametrize("off", ["eu", "us"])
def test_recorders_of_one_name_are_switched_each_in_its_region(tmp_path: Path, off: str):
    """All are called "default": the first status was taken for each recorder's, and one that is off passed behind one that is on."""
    text = "".join(
        f"""
        resource "aws_config_configuration_recorder" "{name}" {{
          region   = "{region}"
          name     = "default"
          role_arn = "arn:aws:iam::123456789012:role/config"
          recording_group {{
            all_supported                 = true
            include_global_resource_types = true
          }}
        }}
        resource "aws_config_configuration_recorder_status" "{name}" {{
          region     = "{region}"
          name       = "default"
          is_enabled = {"false" if off == name else "true"}
        }}
        """
        for name, region in (("eu", "eu-west-1"), ("us", "us-east-1"))
    )
    (tmp_path / "main.tf").write_text(text, encoding="utf-8")
    (graph,) = TerraformSurface().graphs(tmp_path)
    subject, context = rule("config-recorder-on"), Context(graph, SCOPE)
    verdicts = {one.label: subject.evaluate(one, context) for one in graph.of_type("AWS::Config::ConfigurationRecorder")}
    found = {
        name: worst_outcome(outcomes if isinstance(outcomes, list | tuple) else [outcomes]).verdict for name, outcomes in verdicts.items()
    }
    assert found == {name: Verdict.FAIL if name == off else Verdict.PASS for name in ("eu", "us")}


def test_a_target_belongs_to_the_rule_of_its_name_in_its_region(tmp_path: Path):
    """Each region has a rule of that name: the first got the targets of all, and passed without one of its own."""
    text = """
    locals { regions = { eu = "eu-west-1", us = "us-east-1" } }
    resource "aws_cloudwatch_event_rule" "new" {
      for_each      = local.regions
      region        = each.value
      name          = "new"
      event_pattern = jsonencode({ source = ["aws.s3"] })
    }
    resource "aws_cloudwatch_event_target" "new" {
      region = "us-east-1"
      rule   = "new"
      arn    = "arn:aws:lambda:us-east-1:123456789012:function:scan"
    }
    """
    (tmp_path / "main.tf").write_text(text, encoding="utf-8")
    (graph,) = TerraformSurface().graphs(tmp_path)
    assert [len(one.get("Targets") or []) for one in graph.of_type("AWS::Events::Rule")] == [0, 1]
