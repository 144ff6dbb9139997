"""What is set on a bucket or key that isn't among what was read: judged by what is there, and said once; never a pass, never a failure
for what may stand elsewhere.

Origin of the data: written for these tests.
"""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from averment.controls.loader import load_catalogue
from averment.core.organisation import Organisation
from averment.core.scope import MediaMatcher, MediaRole, Scope
from averment.core.words import Verdict
from averment.policies.engine import CheckResult, check
from averment.policies.graph.model import OUTSIDE, Graph, Reference, Resource, Unknown
from averment.policies.graph.outside import UNTAGGED
from averment.policies.graph.terraform_iam import ATTACHMENTS
from averment.policies.graph.terraform_s3 import SETTINGS
from averment.policies.graph.terraform_satellites import SATELLITES
from averment.policies.iam.access_points import DOCUMENTS
from averment.policies.interface import Finding
from averment.policies.rules.registry import all_rules
from averment.policies.surfaces.registry import load_graphs

SAID = "outside of what was read, or could not be resolved: judged by what is set here alone"
OWN = Scope(accounts=("123456789012",))


def write(folder: Path, text: str, name: str = "main.tf") -> Path:
    (folder / name).write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


def read(folder: Path, text: str, name: str = "main.tf") -> Graph:
    (graph,) = load_graphs(write(folder, text, name))
    return graph


def checked(folder: Path, text: str, name: str = "main.tf", *, scope: Scope = OWN) -> CheckResult:
    return check([write(folder, text, name)], all_rules(), Organisation(root=folder, scope=scope), load_catalogue())


def outsiders(graph: Graph) -> list[Resource]:
    return [resource for resource in graph if resource.outside]


def opened(result: CheckResult) -> dict[str, Finding]:
    """Failures and unknowns by rule; each rule has one at most in these tests."""
    return {finding.rule: finding for finding in (*result.failures, *result.unknowns)}


ACL = 'resource "aws_s3_bucket_acl" "{0}" {{\n  bucket = {1}\n  acl    = "public-read-write"\n}}\n'
VERSIONING = (
    'resource "aws_s3_bucket_versioning" "{0}" {{\n  bucket = {1}\n  versioning_configuration {{\n    status = "Enabled"\n  }}\n}}\n'
)
NAMES = """
variable "name" {}
data "aws_s3_bucket" "known" {
  bucket = "acme-uploads"
}
data "aws_s3_bucket" "open" {
  bucket = var.name
}
data "terraform_remote_state" "far" {
  backend = "s3"
}
module "far" {
  source = "example/buckets/aws"
}
"""
WAYS = [
    ('"acme-uploads"', Verdict.FAIL),
    ("data.aws_s3_bucket.known.id", Verdict.FAIL),
    ("data.aws_s3_bucket.open.bucket", Verdict.FAIL),
    ("var.name", Verdict.FAIL),
    ('"${var.name}-uploads"', Verdict.FAIL),
    ("module.far.s3_bucket_id", Verdict.FAIL),
    ("data.terraform_remote_state.far.outputs.bucket", Verdict.FAIL),
    ('"acme-exchange"', Verdict.FAIL),
    ('"acme-access-logs"', None),
]
"""How a bucket is named that isn't here, and what is said of an ACL that lets the world write to it."""


@pytest.mark.parametrize(("named", "verdict"), WAYS)
def test_a_public_acl_is_judged_however_its_bucket_is_named(tmp_path: Path, named: str, verdict: Verdict | None):
    """By a literal, a variable, a data source, a module or a remote state: judged as far as it can be told, and said once."""
    result = checked(tmp_path, NAMES + ACL.format("this", named))
    found = opened(result).get("s3-put-object-gated")
    assert (found.verdict if found else None) is verdict
    if found is not None:
        assert (found.resource, found.where.line) == ("aws_s3_bucket_acl.this", 17)
    assert [problem.reason for problem in result.problems if SAID in problem.reason] == [
        f"aws_s3_bucket_acl.this: on a bucket or key that is {SAID}"
    ]
    assert result.exit_code() == (1 if verdict is Verdict.FAIL else 0)


@pytest.mark.parametrize("named", [named for named, _ in WAYS])
def test_settings_of_one_bucket_make_one_bucket(tmp_path: Path, named: str):
    """Under the first one's address, with both settings, the places of each, and all else unknown."""
    graph = read(tmp_path, NAMES + ACL.format("this", named) + VERSIONING.format("other", named))
    (bucket,) = outsiders(graph)
    assert bucket.address == "aws_s3_bucket_acl.this"
    assert bucket.get("AccessControl") == "public-read-write"
    assert bucket.get("VersioningConfiguration", "Status") == "Enabled"
    assert bucket.get("VersioningConfiguration", "MfaDelete") is None
    assert bucket.where("VersioningConfiguration").line == 21
    assert bucket.get("LoggingConfiguration", "DestinationBucketName") == Unknown(OUTSIDE)


def test_a_policy_and_a_setting_of_one_bucket_meet(tmp_path: Path):
    """A policy links to the bucket that a setting made appear; alone it makes it appear itself."""
    policy = 'resource "aws_s3_bucket_policy" "{0}" {{\n  bucket = {1}\n  policy = jsonencode({{Statement = []}})\n}}\n'
    graph = read(tmp_path, NAMES + policy.format("a", "var.name") + ACL.format("b", "var.name") + policy.format("c", '"acme-uploads"'))
    assert [bucket.address for bucket in outsiders(graph)] == ["aws_s3_bucket_acl.b", "aws_s3_bucket_policy.c#bucket"]
    linked = graph.get("aws_s3_bucket_policy.a")
    assert linked is not None
    assert linked.get("Bucket") == Reference("aws_s3_bucket_acl.b")


def test_instances_of_one_expression_are_not_one_bucket(tmp_path: Path):
    """``each.value`` of two loops is written alike and means different buckets."""
    loop = 'resource "aws_s3_bucket_acl" "{0}" {{\n  for_each = var.{0}\n  bucket   = each.value\n  acl = "private"\n}}\n'
    graph = read(tmp_path, 'variable "a" {}\nvariable "b" {}\n' + loop.format("a") + loop.format("b"))
    assert len(outsiders(graph)) == 2


@pytest.mark.parametrize("policy", ["bucket = aws_s3_bucket_versioning.uploads.bucket", "bucket = var.name"])
def test_a_policy_of_a_bucket_that_is_here_is_its_own(tmp_path: Path, policy: str):
    """Linked by way of a setting, or written with the same expression: no bucket outside, and the policy is judged as the bucket's."""
    text = f"""
        variable "name" {{}}
        resource "aws_s3_bucket" "uploads" {{
          bucket = var.name
        }}
        resource "aws_s3_bucket_versioning" "uploads" {{
          bucket = aws_s3_bucket.uploads.id
          versioning_configuration {{
            status = "Enabled"
          }}
        }}
        resource "aws_s3_bucket_policy" "x" {{
          {policy}
          policy = jsonencode({{Statement = [{{Effect = "Allow", Principal = "*", Action = "s3:GetObject", Resource = "*"}}]}})
        }}
        """
    result = checked(tmp_path, text)
    assert outsiders(read(tmp_path, text)) == []
    assert opened(result)["quarantine-not-served"].resource == "aws_s3_bucket.uploads"
    assert result.problems == ()


@pytest.mark.parametrize(
    ("resource", "here"),
    [
        ("${aws_s3_bucket.uploads.arn}/*", True),
        ("arn:aws:s3:::acme-uploads/*", True),
        ("arn:aws:s3:::another/*", False),
        ("*", False),
        ('${aws_s3_bucket.uploads.arn}/*", "${aws_s3_bucket.other.arn}/*', False),
    ],
)
def test_a_policy_whose_bucket_is_not_known_is_of_the_one_that_its_statements_are_about(tmp_path: Path, resource: str, here: bool):
    """S3 takes none that is about another. By an ARN taken apart (CDK does so), a bucket open to anyone wasn't judged at all."""
    text = f"""
        resource "aws_s3_bucket" "uploads" {{
          bucket = "acme-uploads"
        }}
        resource "aws_s3_bucket" "other" {{
          bucket = "acme-other"
        }}
        resource "aws_s3_bucket_policy" "x" {{
          bucket = split(":::", aws_s3_bucket.uploads.arn)[1]
          policy = jsonencode({{Statement = [{{Effect = "Allow", Principal = "*", Action = "s3:PutObject", Resource = ["{resource}"]}}]}})
        }}
        """
    policy = read(tmp_path, text).get("aws_s3_bucket_policy.x")
    assert policy is not None
    assert (policy.get("Bucket") == Reference("aws_s3_bucket.uploads")) is here
    if here:
        assert opened(checked(tmp_path, text))["s3-put-object-gated"].resource == "aws_s3_bucket_policy.x"


def test_what_is_not_set_here_is_neither_a_failure_nor_a_pass(tmp_path: Path):
    """A setting that is as it should be makes no finding for all the others that aren't seen, whatever the rule."""
    result = checked(tmp_path, VERSIONING.format("uploads", '"acme-uploads"'))
    assert result.findings == ()
    assert len(result.problems) == 1


NOTIFIED = """
resource "aws_sqs_queue" "scan" {
  name = "scan"
}
resource "aws_lambda_event_source_mapping" "scan" {
  event_source_arn = aws_sqs_queue.scan.arn
  function_name    = "scan"
}
resource "aws_s3_bucket_notification" "uploads" {
  bucket = "acme-uploads"
  queue {
    queue_arn = aws_sqs_queue.scan.arn
    events    = ["s3:ObjectCreated:*"]
  }
}
"""


def test_what_is_set_here_can_pass(tmp_path: Path):
    """Notifications are set as a whole: a scanner that is told is told."""
    result = checked(tmp_path, NOTIFIED)
    assert {finding.rule: finding.verdict for finding in result.findings} == {
        "media-bucket-events-scanned": Verdict.PASS,
        "upload-provenance-tagged": Verdict.PASS,
    }


BAD: dict[str, tuple[str, str]] = {
    "quarantine-not-served": (
        "aws_s3_bucket_website_configuration",
        'index_document {\n    suffix = "index.html"\n  }',
    ),
    "media-bucket-hardened": (
        "aws_s3_bucket_public_access_block",
        "block_public_acls = false",
    ),
    "media-bucket-events-scanned": ("aws_s3_bucket_notification", "eventbridge = false"),
}


@pytest.mark.parametrize("rule_id", BAD)
def test_a_bad_setting_fails(tmp_path: Path, rule_id: str):
    """What is positively wrong needs nothing else to be known."""
    kind, body = BAD[rule_id]
    result = checked(tmp_path, f'resource "{kind}" "x" {{\n  bucket = "acme-uploads"\n  {body}\n}}\n')
    assert {(finding.rule, finding.resource) for finding in result.failures} == {(rule_id, f"{kind}.x")}
    assert result.unknowns == ()


def test_evidence_and_biometric_data_outside_are_judged_too(tmp_path: Path):
    """Buckets that hold something else than media."""
    text = """
        resource "aws_s3_bucket_object_lock_configuration" "x" {
          bucket = "acme-evidence"
          rule {
            default_retention {
              mode = "GOVERNANCE"
              days = 30
            }
          }
        }
        resource "aws_s3_bucket_lifecycle_configuration" "x" {
          bucket = "acme-selfies"
          rule {
            id     = "x"
            status = "Disabled"
          }
        }
        """
    failures = {(finding.rule, finding.resource) for finding in checked(tmp_path, text).failures}
    assert failures == {
        ("evidence-bucket-worm", "aws_s3_bucket_object_lock_configuration.x"),
        ("biometric-retention-limited", "aws_s3_bucket_lifecycle_configuration.x"),
    }


def test_the_organisations_own_scope_decides(tmp_path: Path):
    """Where media is known by tags, a bucket whose tags weren't read is in doubt; where it is known by names, the name tells."""
    by_tag = Scope(media=(MediaMatcher(MediaRole.UPLOAD, {"holds": "media"}),))
    by_name = Scope(media=(MediaMatcher(MediaRole.UPLOAD, names=("acme-intake",)),))
    for scope, named, verdict in (
        (by_tag, '"acme-uploads"', Verdict.UNKNOWN),
        (by_name, '"acme-uploads"', None),
        (by_name, '"acme-intake"', Verdict.FAIL),
        (by_name, "var.name", Verdict.UNKNOWN),
    ):
        found = opened(checked(tmp_path, NAMES + ACL.format("x", named), scope=scope)).get("s3-put-object-gated")
        assert (found.verdict if found else None) is verdict, (scope, named)


def test_a_fix_names_the_bucket_as_the_code_does(tmp_path: Path):
    """There is no block to link to: its name and ARN stand in the fix, and nothing is offered to --fix that would need one."""
    text = """
        variable "env" {}
        resource "aws_s3_bucket_policy" "x" {
          bucket = "${var.env}-uploads"
          policy = jsonencode({Statement = [{Effect = "Allow", Principal = "*", Action = "s3:PutObject", Resource = "*"}]})
        }
        """
    result = checked(tmp_path, text)
    fix = opened(result)["s3-put-object-gated"].fix or ""
    assert 'resources = ["arn:aws:s3:::${var.env}-uploads/*"]' in fix
    assert [finding.edits for finding in result.findings if finding.edits] == []


def test_a_fix_links_to_no_bucket_of_another_module_or_template(tmp_path: Path):
    """A role of a module, or of a nested stack, can't name a bucket of its caller: the link was none that deploys."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app/main.tf").write_text(
        """
        resource "aws_iam_role" "worker" {
          assume_role_policy = jsonencode({Statement = [{Effect = "Allow", Action = "sts:AssumeRole", Principal = {Service = "ec2.amazonaws.com"}}]})
          managed_policy_arns = ["arn:aws:iam::aws:policy/AmazonS3FullAccess"]
        }
        """
    )
    (tmp_path / "stack.yaml").write_text(
        "Resources:\n  Uploads: {Type: AWS::S3::Bucket, Properties: {BucketName: acme-uploads}}\n"
        "  App: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: app.yaml}}\n"
    )
    (tmp_path / "app.yaml").write_text(
        "Resources:\n  Worker:\n    Type: AWS::IAM::Role\n    Properties:\n"
        "      ManagedPolicyArns: ['arn:aws:iam::aws:policy/AmazonS3FullAccess']\n"
        "      AssumeRolePolicyDocument: {Statement: {Effect: Allow, Action: 'sts:AssumeRole', Principal: {Service: ec2.amazonaws.com}}}\n"
    )
    result = checked(
        tmp_path, 'resource "aws_s3_bucket" "uploads" {\n  bucket = "acme-uploads"\n}\nmodule "app" {\n  source = "./app"\n}\n'
    )
    fixes = [(finding.fix or "").partition("  #")[0] for finding in result.failures if finding.rule == "s3-put-object-gated"]
    assert sorted(fixes) == [
        "Resource: '<ARN of Uploads, handed in as a parameter>/<prefix>/*'",
        'resources = ["<ARN of aws_s3_bucket.uploads, handed in as a variable>/<prefix>/*"]',
    ]


@pytest.mark.parametrize(
    ("source", "arn"),
    [
        ("terraform-aws-modules/s3-bucket/aws", "${module.uploads.s3_bucket_arn}"),
        ("./storage", "<ARN of module.uploads.aws_s3_bucket.this, handed out as an output>"),
    ],
)
def test_a_fix_beside_the_call_of_a_buckets_module_names_an_output(tmp_path: Path, source: str, arn: str):
    """Nobody hands a variable in there: the policy stands where the module is called."""
    (tmp_path / "storage").mkdir()
    made = 'variable "bucket" {}\nresource "aws_s3_bucket" "this" { bucket = var.bucket }\n'
    (tmp_path / "storage/main.tf").write_text(made + 'output "s3_bucket_arn" { value = aws_s3_bucket.this.arn }\n')
    call = f'module "uploads" {{\n  source = "{source}"\n  bucket = "acme-uploads"\n}}\n'
    grant = '{Effect = "Allow", Action = "s3:PutObject", Principal = "*", Resource = "${module.uploads.s3_bucket_arn}/*"}'
    policy = f'resource "aws_s3_bucket_policy" "it" {{\n  bucket = "acme-uploads"\n  policy = jsonencode({{Statement = [{grant}]}})\n}}\n'
    result = checked(tmp_path, call + policy)
    fixes = [finding.fix or "" for finding in result.failures if finding.rule == "s3-put-object-gated"]
    assert [f'resources = ["{arn}/*"]' in fix for fix in fixes] == [True], fixes


def test_a_grant_to_a_bucket_outside_is_in_doubt_where_its_policy_may_refuse_it(tmp_path: Path):
    """A role that may write everywhere reaches it as well; whether the bucket demands provenance stands in a policy that wasn't read."""
    text = (
        NOTIFIED
        + """
        resource "aws_iam_role_policy" "wide" {
          role   = "app"
          policy = jsonencode({Statement = [{Effect = "Allow", Action = "s3:*", Resource = "*"}]})
        }
        """
    )
    found = opened(checked(tmp_path, text))["s3-put-object-gated"]
    assert (found.verdict, found.resource) == (Verdict.UNKNOWN, "aws_iam_role_policy.wide")
    assert "the bucket's own policy, which may refuse it, is not part of what was read" in found.message


def test_a_question_about_what_is_set_here_is_not_dropped_with_the_rest(tmp_path: Path):
    """A principal that isn't resolved is asked about, although the ACL of the same bucket isn't seen either."""
    text = """
        variable "who" {}
        resource "aws_s3_bucket_policy" "x" {
          bucket = "acme-uploads"
          policy = jsonencode({Statement = [{Effect = "Allow", Principal = {AWS = var.who}, Action = "s3:GetObject", Resource = "*"}]})
        }
        """
    found = opened(checked(tmp_path, text))["quarantine-not-served"]
    assert (found.verdict, found.where.line) == (Verdict.UNKNOWN, 5)
    assert "variable 'who' has no default" in found.message
    assert OUTSIDE not in found.message


def test_a_plan_has_outsiders_too(tmp_path: Path):
    """The name of a data source is known when a plan is made."""
    acl = {"bucket": "acme-uploads", "acl": "public-read-write"}
    resource = {"address": "aws_s3_bucket_acl.x", "mode": "managed", "type": "aws_s3_bucket_acl", "name": "x", "values": acl}
    plan = {"format_version": "1.2", "planned_values": {"root_module": {"resources": [resource]}}, "resource_changes": []}
    result = checked(tmp_path, json.dumps(plan), "plan.json")
    assert opened(result)["s3-put-object-gated"].verdict is Verdict.FAIL
    assert SAID in result.problems[0].reason


TEMPLATE = """
Parameters:
  Named: {Type: String, Default: acme-uploads}
  Open: {Type: String}
Resources:
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: %s
      PolicyDocument:
        Statement: {Effect: Allow, Principal: '*', Action: 's3:*', Resource: '*'}
"""


@pytest.mark.parametrize(
    ("named", "rules"),
    [
        ("acme-uploads", {"s3-put-object-gated", "quarantine-not-served", "unscanned-not-readable", "media-bucket-hardened"}),
        ("!Ref Named", {"s3-put-object-gated", "quarantine-not-served", "unscanned-not-readable", "media-bucket-hardened"}),
        ("!Ref Open", {"s3-put-object-gated"}),
        ("!ImportValue uploads", {"s3-put-object-gated"}),
        ("!GetAtt Custom.Name", {"s3-put-object-gated"}),
    ],
)
def test_a_template_policy_on_a_bucket_elsewhere_is_judged(tmp_path: Path, named: str, rules: set[str]):
    """By its name, as that of a bucket that is here; without one, a bucket that anybody may write to is a failure all the same."""
    result = checked(tmp_path, TEMPLATE % named + "  Custom: {Type: Custom::Bucket}\n", "template.yaml")
    found = opened(result)
    assert set(found) == rules
    assert {finding.verdict for finding in found.values()} == {Verdict.FAIL}
    assert [problem.reason for problem in result.problems] == [f"Policy: on a bucket or key that is {SAID}"]


def test_a_bucket_that_is_not_made_makes_no_outsider(tmp_path: Path):
    """Its condition is false with the parameters' defaults, which is said of the bucket."""
    text = (
        "Conditions: {Never: !Equals [a, b]}\n"
        + TEMPLATE.strip() % "!Ref Bucket"
        + "\n  Bucket: {Type: AWS::S3::Bucket, Condition: Never}\n"
    )
    assert outsiders(read(tmp_path, text, "template.yaml")) == []


DENIED = '{Statement = [{Effect = "Allow", Principal = {AWS = "arn:aws:iam::999999999999:root"}, Action = "%s", Resource = "*"}]}'
WIDE = 'policy_arn = "arn:aws:iam::aws:policy/AmazonRekognitionFullAccess"'
DOOR = DENIED % "s3:PutObject"
FOREIGN: dict[str, str] = {
    **dict.fromkeys(SETTINGS, 'bucket = "acme-uploads"'),
    "aws_s3_bucket_notification": 'bucket = "acme-uploads"',
    "aws_s3_bucket_policy": f'bucket = "acme-uploads"\n  policy = jsonencode({DOOR})',
    "aws_s3_access_point": f'bucket = "acme-uploads"\n  name = "x"\n  policy = jsonencode({DOOR})',
    "aws_s3control_access_point_policy": f'access_point_arn = "arn:x"\n  policy = jsonencode({DOOR})',
    "aws_s3control_multi_region_access_point_policy": f'details {{\n    name = "uploads"\n    policy = jsonencode({DOOR})\n  }}',
    "aws_s3control_object_lambda_access_point_policy": 'name = "x"\n  policy = jsonencode(' + DENIED % "s3-object-lambda:PutObject" + ")",
    "aws_kms_key_policy": f'key_id = "1234"\n  policy = jsonencode({DENIED % "kms:Sign"})',
    "aws_kms_grant": 'key_id = "1234"\n  grantee_principal = "arn:aws:iam::999999999999:root"\n  operations = ["Sign"]',
    "aws_sqs_queue_redrive_policy": 'queue_url = "https://x"\n  redrive_policy = "{}"',
    "aws_api_gateway_rest_api_policy": 'rest_api_id = "x"\n  policy = "{}"',
    "aws_api_gateway_rest_api_put": 'rest_api_id = "x"\n  body = "{}"',
    "aws_cloudwatch_event_target": 'rule = "x"\n  arn = "arn:x"',
    "aws_lambda_function_url": 'function_name = "x"\n  authorization_type = "NONE"',
    "aws_iam_role_policy_attachment": f'role = "x"\n  {WIDE}',
    "aws_iam_user_policy_attachment": f'user = "x"\n  {WIDE}',
    "aws_iam_group_policy_attachment": f'group = "x"\n  {WIDE}',
    "aws_iam_policy_attachment": f'roles = ["x"]\n  {WIDE}',
    "aws_iam_role_policy_attachments_exclusive": 'role_name = "x"\n  policy_arns = ["arn:aws:iam::aws:policy/AmazonRekognitionFullAccess"]',
    "aws_iam_user_policy_attachments_exclusive": 'user_name = "x"\n  policy_arns = ["arn:aws:iam::aws:policy/AmazonRekognitionFullAccess"]',
    "aws_iam_group_policy_attachments_exclusive": 'group_name = "x"\n  policy_arns = ["arn:aws:iam::aws:policy/AmazonRekognitionFullAccess"]',
}
"""Everything that belongs to another resource, on one that isn't here, with a setting that a rule would fail where there is one."""


def test_the_list_of_what_belongs_to_others_is_whole():
    """A satellite that is added to the tables has to be tried here, too."""
    assert set(FOREIGN) >= {*SATELLITES, *ATTACHMENTS}
    assert set(DOCUMENTS) == {"AWS::S3::AccessPoint", "AWS::S3::MultiRegionAccessPointPolicy", "AWS::S3ObjectLambda::AccessPointPolicy"}


@pytest.mark.parametrize("kind", FOREIGN)
def test_whatever_belongs_to_something_elsewhere_is_judged_or_said(tmp_path: Path, kind: str):
    """Each kind of satellite on an owner that isn't here: a finding about it, or a note with its name. Silence would be a pass."""
    result = checked(tmp_path, f'resource "{kind}" "uploads" {{\n  {FOREIGN[kind]}\n}}\n')
    address = f"{kind}.uploads"
    judged = [finding for finding in (*result.failures, *result.unknowns) if finding.resource.startswith(address)]
    said = [problem for problem in result.problems if address in problem.reason]
    assert judged or said, kind
    assert not any(problem.blocking for problem in result.problems)


@pytest.mark.parametrize("kind", ["aws_kms_key_policy", "aws_kms_grant"])
def test_a_key_elsewhere_is_judged_by_who_may_sign_with_it(tmp_path: Path, kind: str):
    """A policy or a grant that names kms:Sign is about a signing key; of any other nothing is known, and that is said."""
    result = checked(tmp_path, f'resource "{kind}" "x" {{\n  {FOREIGN[kind]}\n}}\n')
    assert {(finding.rule, finding.resource) for finding in result.failures} == {("signing-key-fit", f"{kind}.x")}
    quiet = FOREIGN[kind].replace('"Sign"', '"Decrypt"').replace("kms:Sign", "kms:Decrypt")
    result = checked(tmp_path, f'resource "{kind}" "x" {{\n  {quiet}\n}}\n')
    assert (result.findings, len(result.problems)) == ((), 1)


def test_attachments_to_one_role_elsewhere_make_one_role(tmp_path: Path):
    """What one of them allows counts beside what another allows."""
    text = "".join(
        f'resource "aws_iam_role_policy_attachment" "{name}" {{\n  role = "app"\n  policy_arn = "arn:aws:iam::aws:policy/{policy}"\n}}\n'
        for name, policy in (("a", "AmazonRekognitionFullAccess"), ("b", "AmazonS3FullAccess"))
    )
    (role,) = read(tmp_path, text).of_type("AWS::IAM::Role")
    assert [arn.rsplit("/", 1)[-1] for arn in role.get("ManagedPolicyArns")] == ["AmazonRekognitionFullAccess", "AmazonS3FullAccess"]
    assert role.where("ManagedPolicyArns", 1).line == 7


def test_a_directory_bucket_is_no_bucket_outside(tmp_path: Path):
    """It is here, and of a kind that the rules don't ask about."""
    text = """
        resource "aws_s3_directory_bucket" "x" {
          bucket = "acme-uploads--euw1-az1--x-s3"
        }
        resource "aws_s3_bucket_policy" "x" {
          bucket = aws_s3_directory_bucket.x.bucket
          policy = "{}"
        }
        """
    assert outsiders(read(tmp_path, text)) == []


def test_many_are_said_in_one_note(tmp_path: Path):
    """Six by name, the rest by number."""
    text = "".join(VERSIONING.format(f"b{index}", f'"acme-{index}"') for index in range(9))
    (problem,) = checked(tmp_path, text).problems
    assert "aws_s3_bucket_versioning.b5 and 3 more: on a bucket or key" in problem.reason


def test_a_rule_of_ones_own_sees_unknowns(tmp_path: Path):
    """``get`` never says None of what may stand elsewhere."""
    (bucket,) = outsiders(read(tmp_path, VERSIONING.format("x", '"acme-x"')))
    assert bucket.get("BucketName") == "acme-x"
    assert bucket.get("BucketEncryption") == bucket.get("LifecycleConfiguration", "Rules") == Unknown(OUTSIDE)
    assert bucket.tags == {}
    assert bucket.tags_unknown == Unknown(UNTAGGED)
