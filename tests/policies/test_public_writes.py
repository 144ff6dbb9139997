"""Ways to open a bucket to the world's writes that aren't a bucket policy, and what is said where none can be told."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from averment.core.scope import MediaMatcher, MediaRole, Scope
from averment.core.words import Verdict
from averment.policies.graph.model import Graph, Unknown
from averment.policies.interface import Context, Outcome
from averment.policies.rules.judge import worst_outcome
from averment.policies.rules.registry import rule
from averment.policies.surfaces.cloudformation.template import read_template
from averment.policies.surfaces.terraform.surface import TerraformSurface

GROUPS = "http://acs.amazonaws.com/groups/global"


def read(tmp_path: Path, text: str) -> Graph:
    (tmp_path / "main.tf").write_text(textwrap.dedent(text), encoding="utf-8")
    (graph,) = TerraformSurface().graphs(tmp_path)
    return graph


def judged(graph: Graph) -> Outcome:
    subject = rule("s3-put-object-gated")
    context = Context(graph, Scope(accounts=("123456789012",)))
    return worst_outcome(subject.evaluate(resource, context) for resource in graph.of_type(*subject.types))


def granting(permissions: str, group: str) -> str:
    return f"""
        variable "open" {{}}
        resource "aws_s3_bucket" "x" {{
          bucket = "acme-uploads"
          grant {{
            type        = "Group"
            permissions = {permissions}
            uri         = {group}
          }}
        }}
    """


@pytest.mark.parametrize(
    ("permissions", "group", "verdict"),
    [
        ('["READ", "WRITE"]', f'"{GROUPS}/AllUsers"', Verdict.FAIL),
        ('["FULL_CONTROL"]', f'"{GROUPS}/AuthenticatedUsers"', Verdict.FAIL),
        ('["WRITE_ACP"]', f'"{GROUPS}/AllUsers"', Verdict.FAIL),
        ('["WRITE"]', "var.open", Verdict.UNKNOWN),
        ("var.open", f'"{GROUPS}/AllUsers"', Verdict.UNKNOWN),
        ('["READ"]', f'"{GROUPS}/AllUsers"', Verdict.PASS),
        ('["WRITE"]', '"http://acs.amazonaws.com/groups/s3/LogDelivery"', Verdict.NOT_APPLICABLE),
    ],
)
def test_grants_in_the_bucket_itself_are_its_acl(tmp_path: Path, permissions: str, group: str, verdict: Verdict):
    """Who may write by ``grant`` blocks is judged as by a canned ACL; log delivery is nobody's public write."""
    assert judged(read(tmp_path, granting(permissions, group))).verdict is verdict


@pytest.mark.parametrize(
    ("given", "verdict"), [('"WRITE"', Verdict.FAIL), ("var.p", Verdict.UNKNOWN), ('"READ_ACP"', Verdict.NOT_APPLICABLE)]
)
def test_grants_of_an_acl_of_its_own_are_the_buckets(tmp_path: Path, given: str, verdict: Verdict):
    """``aws_s3_bucket_acl`` with ``access_control_policy``, the place told to the line."""
    graph = read(
        tmp_path,
        f"""\
        variable "p" {{}}
        resource "aws_s3_bucket" "x" {{
          bucket = "acme-uploads"
        }}
        resource "aws_s3_bucket_acl" "x" {{
          bucket = aws_s3_bucket.x.id
          access_control_policy {{
            grant {{
              grantee {{
                type = "Group"
                uri  = "{GROUPS}/AllUsers"
              }}
              permission = {given}
            }}
          }}
        }}
        """,
    )
    outcome = judged(graph)
    assert outcome.verdict is verdict
    if verdict is Verdict.FAIL:
        assert outcome.where is not None
        assert outcome.where.line == 7


def test_blocks_that_only_a_dynamic_knows_leave_the_acl_unknown(tmp_path: Path):
    """Grants over a variable without a default may be anybody's."""
    graph = read(
        tmp_path,
        """
        variable "grants" {}
        resource "aws_s3_bucket" "x" {
          bucket = "acme-uploads"
          dynamic "grant" {
            for_each = var.grants
            content {
              permissions = ["WRITE"]
              uri         = grant.value
            }
          }
        }
        """,
    )
    (bucket,) = graph.of_type("AWS::S3::Bucket")
    assert isinstance(bucket.get("AccessControl"), Unknown)


@pytest.mark.parametrize(
    "kind", ['resource "aws_s3_bucket_policy" "x"', 'data "aws_region" "x"', 'variable "x"', 'output "x"', 'module "x"']
)
def test_a_name_that_is_defined_twice_is_refused_as_terraform_does(tmp_path: Path, kind: str):
    """Not the last one wins: both places are named, and the run isn't complete."""
    (tmp_path / "b.tf").write_text(f"\n{kind} {{\n}}\n", encoding="utf-8")
    problems = [problem for problem in read(tmp_path, f"{kind} {{\n}}\n").problems if "already defined" in problem.reason]
    assert [(problem.blocking, problem.where.line) for problem in problems] in ([(True, 1)], [(True, 2)])
    named = f"{problems[0].reason} {problems[0].where}"
    assert "main.tf:1" in named
    assert "b.tf:2" in named


def test_an_override_is_no_second_definition(tmp_path: Path):
    """Files called override.tf change what others define."""
    (tmp_path / "override.tf").write_text('resource "aws_s3_bucket" "x" {\n  acl = "private"\n}\n', encoding="utf-8")
    assert read(tmp_path, 'resource "aws_s3_bucket" "x" {}\n').problems == []


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("aws_s3control_access_grant", "S3 Access Grants"),
        ("aws_ssoadmin_permission_set_inline_policy", "permission sets of IAM Identity Center"),
        ("aws_ssoadmin_managed_policy_attachment", "permission sets of IAM Identity Center"),
        ("aws_lightsail_bucket", "buckets of Lightsail"),
        ("aws_s3_directory_bucket", "directory buckets"),
        ("aws_ivs_recording_configuration", "recorded of live streams"),
        ("awscc_s3_bucket", "provider awscc"),
        ("awscc_s3_bucket_policy", "provider awscc"),
        ("aws_cloudcontrolapi_resource", "Cloud Control API"),
        ("aws_cloudformation_stack", "stack's template"),
        ("aws_servicecatalog_provisioned_product", "stack's template"),
    ],
)
def test_buckets_made_in_other_words_are_said_not_to_be_read(tmp_path: Path, kind: str, words: str):
    """Resources that another provider or a stack makes may be buckets: never passed over in silence."""
    (problem,) = read(tmp_path, f'resource "{kind}" "x" {{}}\n').problems
    assert words in problem.reason
    assert f"{kind}.x" in problem.reason
    assert not problem.blocking


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ('resource "aws_lb_target_group" "x" { target_type = "lambda" }', "functions behind a load balancer"),
        ('resource "aws_lb_target_group" "x" { target_type = "ip" }', ""),
        ('resource "aws_ses_receipt_rule" "x" {\n s3_action {\n bucket_name = "b"\n position = 1\n }\n }', "comes by mail"),
        ('resource "aws_ses_receipt_rule" "x" {\n sns_action {\n topic_arn = "t"\n position = 1\n }\n }', ""),
    ],
)
def test_ways_in_that_no_rule_looks_at_are_said(tmp_path: Path, written: str, words: str):
    """A function that a load balancer calls, mail that lands in a bucket: nothing was found, and nothing had been looked for."""
    found = [problem.reason for problem in read(tmp_path, f"{written}\n").problems]
    assert [words in reason for reason in found] == ([True] if words else [])


OPEN = 'policy = jsonencode({Statement = [{Effect = "Allow", Principal = %s, Action = "s3:PutObject", Resource = "*"}]})'


@pytest.mark.parametrize(
    ("label", "bucket", "principal", "verdict"),
    [
        ("a", "bucket = var.name\n  tags = var.tags", '"*"', Verdict.FAIL),
        ("a", "bucket_prefix = var.name", '"*"', Verdict.FAIL),
        ("a", 'bucket = "${var.name}-logs"', '"*"', Verdict.NOT_APPLICABLE),
        ("website", "bucket = var.name", '"*"', Verdict.FAIL),
        ("a", "bucket = var.name", '{AWS = "arn:aws:iam::123456789012:role/writer"}', Verdict.NOT_APPLICABLE),
        ("a", "bucket = var.name", "var.who", Verdict.NOT_APPLICABLE),
        ("a", "", '"*"', Verdict.FAIL),
        ("a", 'bucket = "acme-invoices"', '"*"', Verdict.FAIL),
    ],
)
def test_a_bucket_that_anyone_may_write_to_takes_uploads_whatever_its_name(
    tmp_path: Path, label: str, bucket: str, principal: str, verdict: Verdict
):
    """What anyone may put somewhere nobody has seen; a name that speaks of logs, and a grant to few, are left in peace."""
    text = f"""
variable "name" {{}}
variable "who" {{}}
variable "tags" {{
  type = map(string)
}}
resource "aws_s3_bucket" "{label}" {{
  {bucket}
}}
resource "aws_s3_bucket_policy" "{label}" {{
  bucket = aws_s3_bucket.{label}.id
  {OPEN % principal}
}}
"""
    assert judged(read(tmp_path, text)).verdict is verdict


@pytest.mark.parametrize(
    ("name", "verdict", "held"),
    [
        ("var.n", Verdict.FAIL, "to this bucket, whatever its name: what anyone may put there nobody has seen"),
        ('"acme-uploads"', Verdict.FAIL, "to this upload bucket (name matches *upload*)"),
        ('"acme-server-logs"', Verdict.NOT_APPLICABLE, ""),
    ],
)
def test_a_public_acl_opens_a_bucket_whatever_its_name(tmp_path: Path, name: str, verdict: Verdict, held: str):
    """The same for ACLs that let anyone write; the message says what the bucket is taken for, and why."""
    text = f'variable "n" {{}}\nresource "aws_s3_bucket" "a" {{\n  bucket = {name}\n  acl = "public-read-write"\n}}\n'
    outcome = judged(read(tmp_path, text))
    assert (outcome.verdict, outcome.message.endswith(held)) == (verdict, True)


def test_an_organisation_that_names_its_media_buckets_is_asked_about_no_others(tmp_path: Path):
    """Matchers of one's own are taken at their word: another bucket that anyone may write to is another tool's business."""
    text = 'resource "aws_s3_bucket" "a" {\n  bucket = "acme-invoices"\n  acl = "public-read-write"\n}\n'
    scope = Scope(media=(MediaMatcher(MediaRole.UPLOAD, names=("*-inbox",)),))
    subject = rule("s3-put-object-gated")
    graph = read(tmp_path, text)
    outcomes = [subject.evaluate(resource, Context(graph, scope)) for resource in graph.of_type(*subject.types)]
    assert worst_outcome(outcomes).verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize("body", ["bucket = var.n", 'bucket = "acme-invoices"\n  tags = { data-class = var.n }'], ids=["name", "tag"])
def test_an_organisation_that_names_its_media_buckets_is_asked_about_what_may_be_one(tmp_path: Path, body: str):
    """The name or the tag that isn't resolved may be one of those that were named; anyone may write to it."""
    text = f'variable "n" {{}}\nresource "aws_s3_bucket" "a" {{\n  {body}\n  acl = "public-read-write"\n}}\n'
    scope = Scope(media=(MediaMatcher(MediaRole.UPLOAD, names=("*-inbox",)), MediaMatcher(MediaRole.UPLOAD, tags={"data-class": "ugc"})))
    subject, graph = rule("s3-put-object-gated"), read(tmp_path, text)
    [outcome] = [subject.evaluate(bucket, Context(graph, scope)) for bucket in graph.of_type("AWS::S3::Bucket")]
    assert outcome.verdict is Verdict.UNKNOWN
    assert "it can't be told whether it holds media" in outcome.message


TAGGED = (
    '{Effect = "Deny", Principal = "*", Action = "s3:PutObject", Resource = "%s",'
    ' Condition = {Null = {"s3:RequestObjectTag/provenance" = "true"}}}'
)


def access_point(principal: str, *, more: str = "", denied: str = "", bucket_denied: str = "", apart: bool = False) -> str:
    """A media bucket with its own policy and an access point, whose policy may stand in a resource of its own."""
    grant = f'{{Effect = "Allow", Principal = {principal}, Action = "s3:PutObject", Resource = "arn:aws:s3:eu-west-1:123456789012:accesspoint/ap/object/*"}}'
    policy = f"policy = jsonencode({{Statement = [{grant}{', ' if denied else ''}{denied}]}})"
    return f"""
        variable "who" {{}}
        resource "aws_s3_bucket" "x" {{
          bucket = "acme-uploads"
        }}
        resource "aws_s3_bucket_policy" "x" {{
          bucket = aws_s3_bucket.x.id
          policy = jsonencode({{Statement = [{bucket_denied}]}})
        }}
        resource "aws_s3_access_point" "x" {{
          bucket = aws_s3_bucket.x.id
          name   = "ap"
          {more}
          {"" if apart else policy}
        }}
        {'resource "aws_s3control_access_point_policy" "x" {' if apart else ""}
          {"access_point_arn = aws_s3_access_point.x.arn" if apart else ""}
          {policy if apart else ""}
        {"}" if apart else ""}
    """


OBJECTS = "arn:aws:s3:eu-west-1:123456789012:accesspoint/ap/object/%s"
VPC = 'vpc_configuration {\n  vpc_id = "vpc-0abc"\n}'
PARTNER = '{AWS = "arn:aws:iam::999999999999:root"}'


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (access_point('"*"'), Verdict.FAIL),
        (access_point('"*"', apart=True), Verdict.FAIL),
        (access_point(PARTNER), Verdict.FAIL),
        (access_point('{AWS = "arn:aws:iam::123456789012:role/writer"}'), Verdict.PASS),
        (access_point("{AWS = var.who}"), Verdict.UNKNOWN),
        (access_point('"*"', more=VPC), Verdict.PASS),
        (access_point(PARTNER, more=VPC), Verdict.FAIL),
        (access_point('"*"', denied=TAGGED % (OBJECTS % "*")), Verdict.PASS),
        (access_point('"*"', denied=TAGGED % (OBJECTS % "a/*")), Verdict.FAIL),
        (access_point('"*"', bucket_denied=TAGGED % "arn:aws:s3:::acme-uploads/*"), Verdict.PASS),
        (access_point('"*"', bucket_denied=TAGGED % "arn:aws:s3:::acme-other/*"), Verdict.FAIL),
    ],
)
def test_an_access_point_is_a_door_to_its_bucket(tmp_path: Path, text: str, verdict: Verdict):
    """Its policy is judged as the bucket's; its network and the bucket's own refusals count as gates."""
    graph = read(tmp_path, text)
    subject = rule("s3-put-object-gated")
    (point,) = graph.of_type("AWS::S3::AccessPoint")
    assert subject.evaluate(point, Context(graph, Scope(accounts=("123456789012",)))).verdict is verdict


def test_a_policy_of_an_access_point_that_was_not_read_is_said(tmp_path: Path):
    """Nobody can tell which bucket it opens."""
    graph = read(tmp_path, 'resource "aws_s3control_access_point_policy" "x" {\n  access_point_arn = "arn:x"\n  policy = "{}"\n}\n')
    assert ["aws_s3control_access_point_policy.x" in problem.reason for problem in graph.problems] == [True]


REGIONS = """
    resource "aws_s3_bucket" "logs" {{
      bucket = "acme-logs"
    }}
    resource "aws_s3_bucket" "x" {{
      bucket = "acme-uploads"
    }}
    resource "aws_s3_bucket_policy" "x" {{
      bucket = aws_s3_bucket.x.id
      policy = jsonencode({{Statement = [{refused}]}})
    }}
    resource "aws_s3control_multi_region_access_point" "x" {{
      details {{
        name = "ap"
        region {{
          bucket = aws_s3_bucket.logs.id
        }}
        region {{
          bucket = aws_s3_bucket.{member}.id
        }}
      }}
    }}
    resource "aws_s3control_multi_region_access_point_policy" "x" {{
      details {{
        name   = {name}
        policy = jsonencode({{Statement = [{{Effect = "Allow", Principal = {principal}, Action = "s3:PutObject", Resource = {resource}}}]}})
      }}
    }}
"""
BY_ID = 'element(split(":", aws_s3control_multi_region_access_point.x.id), 1)'
BY_ALIAS = '"arn:aws:s3::123456789012:accesspoint/${aws_s3control_multi_region_access_point.x.alias}/object/*"'


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, Verdict.FAIL),
        ({"name": BY_ID, "resource": BY_ALIAS}, Verdict.FAIL),
        ({"name": BY_ID}, Verdict.UNKNOWN),
        ({"name": '"other"'}, Verdict.UNKNOWN),
        ({"principal": '{AWS = "arn:aws:iam::123456789012:role/writer"}'}, Verdict.PASS),
        ({"member": "logs"}, Verdict.NOT_APPLICABLE),
        ({"refused": TAGGED % "arn:aws:s3:::acme-uploads/*"}, Verdict.PASS),
    ],
)
def test_a_multi_region_access_point_is_a_door_to_each_of_its_buckets(tmp_path: Path, change: dict[str, str], verdict: Verdict):
    """Its policy is judged for each; which access point it belongs to its name says, or the ARN that its statements name."""
    values = {"name": '"ap"', "resource": '"*"', "principal": PARTNER, "member": "x", "refused": "", **change}
    graph = read(tmp_path, REGIONS.format(**values))
    subject = rule("s3-put-object-gated")
    (policy,) = graph.of_type("AWS::S3::MultiRegionAccessPointPolicy")
    assert subject.evaluate(policy, Context(graph, Scope(accounts=("123456789012",)))).verdict is verdict


@pytest.mark.parametrize(
    ("action", "network", "verdict"),
    [
        ("s3-object-lambda:PutObject", "", Verdict.FAIL),
        ("s3-object-lambda:*", "", Verdict.FAIL),
        ("s3-object-lambda:GetObject", "", Verdict.PASS),
        ("s3:PutObject", "", Verdict.PASS),
        ("s3-object-lambda:PutObject", VPC, Verdict.FAIL),
    ],
)
def test_an_object_lambda_access_point_is_a_door_to_the_bucket_behind_it(tmp_path: Path, action: str, network: str, verdict: Verdict):
    """Its actions have a prefix of their own; the bucket is that of the access point that supports it."""
    graph = read(
        tmp_path,
        f"""
        resource "aws_s3_bucket" "x" {{
          bucket = "acme-uploads"
        }}
        resource "aws_s3_access_point" "x" {{
          bucket = aws_s3_bucket.x.id
          name   = "ap"
          {network}
        }}
        resource "aws_s3control_object_lambda_access_point" "x" {{
          name = "lambda"
          configuration {{
            supporting_access_point = aws_s3_access_point.x.arn
          }}
        }}
        resource "aws_s3control_object_lambda_access_point_policy" "x" {{
          name   = aws_s3control_object_lambda_access_point.x.name
          policy = jsonencode({{Statement = [{{Effect = "Allow", Principal = {PARTNER}, Action = "{action}", Resource = "*"}}]}})
        }}
        """,
    )
    subject = rule("s3-put-object-gated")
    (policy,) = graph.of_type("AWS::S3ObjectLambda::AccessPointPolicy")
    assert subject.evaluate(policy, Context(graph, Scope(accounts=("123456789012",)))).verdict is verdict


@pytest.mark.parametrize("rule_id", ["quarantine-not-served", "unscanned-not-readable"])
@pytest.mark.parametrize(
    ("principal", "network", "verdict"),
    [
        ('"*"', "", Verdict.FAIL),
        (PARTNER, "", Verdict.FAIL),
        (PARTNER, VPC, Verdict.FAIL),
        ('"*"', VPC, Verdict.PASS),
        ('{AWS = "arn:aws:iam::123456789012:role/scanner"}', "", Verdict.PASS),
    ],
)
def test_who_reads_through_an_access_point_reads_the_bucket(tmp_path: Path, rule_id: str, principal: str, network: str, verdict: Verdict):
    """For reading as for writing: whoever its policy lets in, unless it takes requests from one network only."""
    graph = read(tmp_path, access_point(principal, more=network).replace("s3:PutObject", "s3:GetObject"))
    (bucket,) = graph.of_type("AWS::S3::Bucket")
    assert rule(rule_id).evaluate(bucket, Context(graph, Scope(accounts=("123456789012",)))).verdict is verdict


@pytest.mark.parametrize(("objects", "verdict"), [("*", Verdict.PASS), ("a/*", Verdict.FAIL)])
def test_an_access_point_may_refuse_what_was_not_scanned_itself(tmp_path: Path, objects: str, verdict: Verdict):
    """A Deny on the verdict's tag in its own policy, if it takes in every object."""
    denied = TAGGED.replace("Null", "StringNotEquals").replace("RequestObjectTag/provenance", "ExistingObjectTag/verdict") % (
        OBJECTS % objects
    )
    graph = read(tmp_path, access_point(PARTNER, denied=denied).replace("s3:PutObject", "s3:GetObject"))
    (bucket,) = graph.of_type("AWS::S3::Bucket")
    outcome = rule("unscanned-not-readable").evaluate(bucket, Context(graph, Scope(accounts=("123456789012",))))
    assert outcome.verdict is verdict


def test_what_lifts_a_retention_through_an_access_point_is_found(tmp_path: Path):
    """An evidence bucket's access point that grants the bypass."""
    text = access_point(PARTNER).replace("acme-uploads", "acme-evidence").replace("s3:PutObject", "s3:BypassGovernanceRetention")
    graph = read(tmp_path, text)
    (bucket,) = graph.of_type("AWS::S3::Bucket")
    outcome = rule("evidence-bucket-worm").evaluate(bucket, Context(graph, Scope(accounts=("123456789012",))))
    assert "aws_s3_access_point.x grants s3:BypassGovernanceRetention" in outcome.message


@pytest.mark.parametrize(
    ("bucket", "verdict"),
    [
        ('"prod-uploads"', Verdict.FAIL),
        ('"prod-uploads-copy"', Verdict.NOT_APPLICABLE),
        ('"${var.env}-uploads"', Verdict.UNKNOWN),
    ],
)
def test_a_partner_s_role_that_names_a_bucket_is_held_against_those_it_may_mean(tmp_path: Path, bucket: str, verdict: Verdict):
    """The one of that name, and each whose own name isn't known; another bucket isn't meant, be it one for uploads."""
    graph = read(
        tmp_path,
        f"""
        variable "env" {{}}
        resource "aws_s3_bucket" "x" {{
          bucket = {bucket}
        }}
        resource "aws_iam_role" "partner" {{
          name               = "partner"
          assume_role_policy = jsonencode({{Statement = [{{Effect = "Allow", Principal = {PARTNER}, Action = "sts:AssumeRole"}}]}})
        }}
        resource "aws_iam_role_policy" "put" {{
          role   = aws_iam_role.partner.id
          policy = jsonencode({{Statement = [{{Effect = "Allow", Action = "s3:PutObject", Resource = "arn:aws:s3:::prod-uploads/*"}}]}})
        }}
        """,
    )
    context = Context(graph, Scope(accounts=("123456789012",), media=(MediaMatcher(MediaRole.UPLOAD, {}, ("*uploads*",)),)))
    (policy,) = graph.of_type("AWS::IAM::RolePolicy", "AWS::IAM::Policy")
    found = rule("s3-put-object-gated").evaluate(policy, context).verdict
    assert found is verdict


def through_the_cdn(behaviour: str, statement: str, *, more: str = "") -> str:
    """A bucket of media behind a distribution, with ``statement`` in its policy."""
    return f"""
        variable "open" {{}}
        resource "aws_s3_bucket" "x" {{
          bucket = "acme-media"
        }}
        resource "aws_s3_bucket_policy" "x" {{
          bucket = aws_s3_bucket.x.id
          policy = jsonencode({{Statement = [{{Effect = "Allow", Action = "s3:PutObject", Resource = "${{aws_s3_bucket.x.arn}}/*", {statement}}}]}})
        }}
        {more}
        resource "aws_cloudfront_distribution" "x" {{
          origin {{
            origin_id   = "x"
            domain_name = aws_s3_bucket.x.bucket_regional_domain_name
          }}
          default_cache_behavior {{
            target_origin_id = "x"
            {behaviour}
          }}
        }}
    """


CLOUDFRONT = 'Principal = {Service = "cloudfront.amazonaws.com"}'
TIED = f'{CLOUDFRONT}, Condition = {{StringEquals = {{"aws:SourceArn" = aws_cloudfront_distribution.x.arn}}}}'
SENDS = 'allowed_methods = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]'
IDENTITY = 'resource "aws_cloudfront_origin_access_identity" "x" {}'


def at_the_edge(code: str) -> str:
    return f'resource "aws_cloudfront_function" "x" {{\n name = "x"\n code = "{code}"\n }}'


ASKS = 'function_association {\n event_type = "viewer-request"\n function_arn = aws_cloudfront_function.x.arn\n }'


@pytest.mark.parametrize(
    ("behaviour", "statement", "more", "verdict"),
    [
        (SENDS, TIED, "", Verdict.FAIL),
        (SENDS, "Principal = {AWS = aws_cloudfront_origin_access_identity.x.iam_arn}", IDENTITY, Verdict.FAIL),
        ('allowed_methods = ["GET", "HEAD"]', TIED, "", Verdict.PASS),
        ('allowed_methods = ["GET", "HEAD"]', CLOUDFRONT, "", Verdict.FAIL),
        ("allowed_methods = var.open", TIED, "", Verdict.UNKNOWN),
        (f'{SENDS}\n trusted_key_groups = ["k"]', TIED, "", Verdict.PASS),
        (f"{SENDS}\n trusted_key_groups = var.open", TIED, "", Verdict.UNKNOWN),
        (f"{SENDS}\n {ASKS}", TIED, at_the_edge("return event.request"), Verdict.FAIL),
        (f"{SENDS}\n {ASKS}", TIED, at_the_edge("if (event.request.method != 'GET') return {statusCode: 405}"), Verdict.PASS),
        (f'{SENDS}\n lambda_function_association {{\n event_type = "viewer-request"\n lambda_arn = "a"\n }}', TIED, "", Verdict.UNKNOWN),
        (f'{SENDS}\n lambda_function_association {{\n event_type = "origin-response"\n lambda_arn = "a"\n }}', TIED, "", Verdict.FAIL),
    ],
)
def test_who_lets_cloudfront_write_lets_whoever_it_takes_something_from(
    tmp_path: Path, behaviour: str, statement: str, more: str, verdict: Verdict
):
    """CloudFront signs for everybody: a viewer's PUT is one's own distribution's, unless the behaviour asks who it is."""
    assert judged(read(tmp_path, through_the_cdn(behaviour, statement, more=more))).verdict is verdict


def test_the_methods_of_a_distribution_for_several_tenants_stand_in_a_block(tmp_path: Path):
    """The same methods, written otherwise, were none."""
    text = through_the_cdn(SENDS.replace("allowed_methods = ", "allowed_methods {\n items = ") + "\n }", TIED)
    text = text.replace("aws_cloudfront_distribution", "aws_cloudfront_multitenant_distribution").replace("origin_id   =", "id =")
    assert judged(read(tmp_path, text)).verdict is Verdict.FAIL


def test_what_an_unread_distribution_asks_of_viewers_is_not_known(tmp_path: Path):
    """The policy stands here, the distribution elsewhere."""
    text = through_the_cdn(SENDS, f'{CLOUDFRONT}, Condition = {{StringEquals = {{"aws:SourceAccount" = "123456789012"}}}}')
    outcome = judged(read(tmp_path, text.partition('resource "aws_cloudfront_distribution"')[0]))
    assert outcome.verdict is Verdict.UNKNOWN
    assert "no distribution in front of it is part of what was read" in outcome.message


def test_an_access_identity_reads_for_everybody_whatever_it_is_called(tmp_path: Path):
    """A template names it by its canonical id, and its logical id needn't speak of CloudFront."""
    (tmp_path / "template.yaml").write_text(
        textwrap.dedent("""
        Resources:
          Viewer: {Type: AWS::CloudFront::CloudFrontOriginAccessIdentity, Properties: {CloudFrontOriginAccessIdentityConfig: {Comment: x}}}
          Uploads: {Type: AWS::S3::Bucket, Properties: {BucketName: acme-uploads}}
          Policy:
            Type: AWS::S3::BucketPolicy
            Properties:
              Bucket: !Ref Uploads
              PolicyDocument:
                Statement:
                  - {Effect: Allow, Action: 's3:GetObject', Resource: !Sub '${Uploads.Arn}/*', Principal: {CanonicalUser: !GetAtt Viewer.S3CanonicalUserId}}
        """),
        encoding="utf-8",
    )
    graph = read_template(tmp_path / "template.yaml")
    (bucket,) = graph.of_type("AWS::S3::Bucket")
    assert rule("quarantine-not-served").evaluate(bucket, Context(graph, Scope())).verdict is Verdict.FAIL
