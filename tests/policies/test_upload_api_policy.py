"""Which resource policies of an API keep strangers out, where its methods ask nobody who they are. Origin of the data: written here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from averment.core.scope import Scope
from averment.core.words import Verdict
from averment.policies.interface import Context, Outcome
from averment.policies.rules.judge import worst_outcome
from averment.policies.rules.registry import rule
from averment.policies.surfaces.cloudformation.template import read_template
from averment.policies.surfaces.terraform.surface import TerraformSurface

ALLOW = {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
DENY = {**ALLOW, "Effect": "Deny"}
OFFICE = {"aws:SourceIp": ["203.0.113.0/24"]}
TROLL = {"aws:SourceIp": ["198.51.100.7/32"]}


def judged_in_terraform(tmp_path: Path, text: str, *types: str) -> list[Outcome]:
    """What comes of each way in (of ``types``: all that the rule looks at) of a configuration."""
    (tmp_path / "main.tf").write_text(text, encoding="utf-8")
    (graph,) = TerraformSurface().graphs(tmp_path)
    subject = rule("upload-api-authorised")
    context = Context(graph, Scope(accounts=("123456789012",)))
    return [subject.evaluate(resource, context) for resource in graph.of_type(*(types or subject.types))]


def judged(tmp_path: Path, statements: list[dict[str, Any]]) -> Verdict:
    """The verdict on a method without authoriser, behind which a function writes uploads, by the policy of its API."""
    trust = {"Statement": {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}}
    may = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": {"Fn::Sub": "${Uploads.Arn}/*"}}
    uri = {"Fn::Sub": "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Presign.Arn}/invocations"}
    method = {
        "RestApiId": {"Ref": "Api"},
        "HttpMethod": "POST",
        "AuthorizationType": "NONE",
        "Integration": {"Type": "AWS_PROXY", "Uri": uri},
    }
    resources = {
        "Uploads": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "acme-uploads"}},
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": trust, "Policies": [{"PolicyName": "p", "PolicyDocument": {"Statement": may}}]},
        },
        "Presign": {"Type": "AWS::Lambda::Function", "Properties": {"Role": {"Fn::GetAtt": ["Role", "Arn"]}, "Handler": "upload.handler"}},
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "uploads", "Policy": {"Statement": statements}}},
        "Method": {"Type": "AWS::ApiGateway::Method", "Properties": method},
    }
    path = tmp_path / "template.json"
    path.write_text(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}), encoding="utf-8")
    graph, subject = read_template(path), rule("upload-api-authorised")
    context = Context(graph, Scope(accounts=("123456789012",), organisation_id="o-exampleorg1"))
    return worst_outcome(subject.evaluate(resource, context) for resource in graph.of_type(*subject.types)).verdict


@pytest.mark.parametrize(
    ("statements", "verdict"),
    [
        ([ALLOW], Verdict.FAIL),
        ([{**ALLOW, "Condition": {"IpAddress": OFFICE}}], Verdict.PASS),
        ([{**ALLOW, "Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}}], Verdict.FAIL),
        ([{**ALLOW, "Condition": {"Bool": {"aws:SecureTransport": "true"}}}], Verdict.FAIL),
        ([{**ALLOW, "Principal": {"AWS": "arn:aws:iam::123456789012:root"}}], Verdict.PASS),
        ([ALLOW, {**DENY, "Condition": {"NotIpAddress": OFFICE}}], Verdict.PASS),
        (
            [ALLOW, {**DENY, "Condition": {"StringNotEquals": {"aws:SourceVpc": "vpc-0a1b"}}, "Resource": "execute-api:/prod/*"}],
            Verdict.PASS,
        ),
        ([ALLOW, {**DENY, "Condition": {"IpAddress": TROLL}}], Verdict.FAIL),
        ([ALLOW, {**DENY, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}], Verdict.FAIL),
        ([ALLOW, {**DENY, "Condition": {"NotIpAddress": OFFICE}, "Resource": "execute-api:/prod/GET/admin"}], Verdict.FAIL),
        ([ALLOW, {**DENY, "Condition": {"NotIpAddress": OFFICE}, "Principal": {"AWS": "arn:aws:iam::999988887777:root"}}], Verdict.FAIL),
        ([ALLOW, {**ALLOW, "Condition": {"IpAddress": OFFICE}}], Verdict.FAIL),
        ([{**ALLOW, "Condition": {"IpAddress": {"aws:SourceIp": {"Ref": "Nowhere"}}}}], Verdict.UNKNOWN),
        ([{**ALLOW, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}}}], Verdict.PASS),
        ([{**ALLOW, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-another0001"}}}], Verdict.FAIL),
        ([{**ALLOW, "Condition": {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-exampleorg1/r-ab12/*"}}}], Verdict.PASS),
        ([{**ALLOW, "Condition": {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-another0001/r-ab12/*"}}}], Verdict.FAIL),
        ([{**ALLOW, "Condition": {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-exampleorg1*/r-ab12/*"}}}], Verdict.FAIL),
        ([{**ALLOW, "Condition": {"StringEquals": {"aws:PrincipalAccount": "123456789012"}}}], Verdict.PASS),
        ([{**ALLOW, "Condition": {"StringEquals": {"aws:PrincipalAccount": "999988887777"}}}], Verdict.FAIL),
        ([ALLOW, {**DENY, "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}}}], Verdict.PASS),
        ([ALLOW, {**DENY, "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-another0001"}}}], Verdict.FAIL),
        ([{**ALLOW, "Action": "execute-api:ManageConnections"}, {**ALLOW, "Condition": {"IpAddress": OFFICE}}], Verdict.PASS),
        ([{**DENY, "Condition": {"IpAddress": TROLL}}], Verdict.FAIL),
        (
            [ALLOW, {**DENY, "NotResource": "execute-api:/prod/GET/health", "Resource": None, "Condition": {"NotIpAddress": OFFICE}}],
            Verdict.FAIL,
        ),
    ],
)
def test_a_resource_policy_keeps_strangers_out_or_it_doesn_t(tmp_path: Path, statements: list[dict[str, Any]], verdict: Verdict):
    """A condition by itself closes nothing: a list of shut-out addresses, or a demand for TLS, leaves the API to everybody else."""
    assert judged(tmp_path, statements) is verdict


ROLE = """
resource "aws_iam_role" "r" {
  assume_role_policy = jsonencode({ Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }] })
}
"""


@pytest.mark.parametrize(
    ("more", "role", "name", "auth", "verdict"),
    [
        (
            ROLE + 'resource "aws_iam_role_policy" "p" {\n  role = aws_iam_role.r.id\n  policy = var.x\n}',
            "aws_iam_role.r.arn",
            "presign",
            "NONE",
            "unknown",
        ),
        (
            ROLE + 'resource "aws_iam_role_policy_attachment" "p" {\n  role = aws_iam_role.r.name\n  policy_arn = var.x\n}',
            "aws_iam_role.r.arn",
            "presign",
            "NONE",
            "unknown",
        ),
        ("", "var.x", "presign", "NONE", "unknown"),
        ("", '"arn:aws:iam::123456789012:role/made-elsewhere"', "presign", "NONE", "unknown"),
        ("", "var.x", "presign", "AWS_IAM", "not applicable"),
        ("", "var.x", "orders", "NONE", "not applicable"),
        (ROLE, "aws_iam_role.r.arn", "presign", "NONE", "not applicable"),
    ],
)
def test_an_open_door_for_uploads_whose_rights_are_not_known_is_a_question(
    tmp_path: Path, more: str, role: str, name: str, auth: str, verdict: str
):
    """A role that another stack makes, a policy that a variable brings: the function URL that presigns wasn't asked."""
    text = f"""
variable "x" {{}}
resource "aws_s3_bucket" "uploads" {{ bucket = "acme-uploads" }}
{more}
resource "aws_lambda_function" "f" {{
  function_name = "{name}"
  role          = {role}
}}
resource "aws_lambda_function_url" "u" {{
  function_name      = aws_lambda_function.f.function_name
  authorization_type = "{auth}"
}}
"""
    assert worst_outcome(judged_in_terraform(tmp_path, text)).verdict.value.replace("-", " ") == verdict


@pytest.mark.parametrize(
    ("uri", "kind", "path", "auth", "verdict"),
    [
        ("data.aws_lambda_function.presign.invoke_arn", "AWS_PROXY", "uploads", "NONE", "unknown"),
        ('"arn:aws:lambda:eu-west-1:123456789012:function:presign"', "AWS_PROXY", "uploads", "NONE", "unknown"),
        ("data.aws_lambda_function.presign.invoke_arn", "AWS_PROXY", "uploads", "JWT", "not applicable"),
        ("data.aws_lambda_function.presign.invoke_arn", "AWS_PROXY", "orders", "NONE", "not applicable"),
        ("var.backend", "HTTP_PROXY", "uploads", "NONE", "not applicable"),
    ],
)
def test_an_open_door_for_uploads_whose_function_is_not_known_is_a_question(
    tmp_path: Path, uri: str, kind: str, path: str, auth: str, verdict: str
):
    """The function of another stack, by a data source or its ARN: the route was asked nothing. A backend of one's own isn't a function."""
    text = f"""
data "aws_lambda_function" "presign" {{ function_name = "presign" }}
variable "backend" {{}}
resource "aws_s3_bucket" "uploads" {{ bucket = "acme-uploads" }}
resource "aws_apigatewayv2_api" "a" {{
  name          = "a"
  protocol_type = "HTTP"
}}
resource "aws_apigatewayv2_integration" "i" {{
  api_id           = aws_apigatewayv2_api.a.id
  integration_type = "{kind}"
  integration_uri  = {uri}
}}
resource "aws_apigatewayv2_route" "r" {{
  api_id             = aws_apigatewayv2_api.a.id
  route_key          = "POST /{path}"
  authorization_type = "{auth}"
  target             = "integrations/${{aws_apigatewayv2_integration.i.id}}"
}}
"""
    assert worst_outcome(judged_in_terraform(tmp_path, text)).verdict.value.replace("-", " ") == verdict


GUESTS = """
data "aws_caller_identity" "me" {}
resource "aws_s3_bucket" "uploads" { bucket = "acme-uploads" }
resource "aws_iam_role" "writer" {
  name               = "writer"
  assume_role_policy = jsonencode({Statement = [{Effect = "Allow", Principal = {Service = "lambda.amazonaws.com"}, Action = "sts:AssumeRole"}]})
}
resource "aws_iam_role_policy" "writer" {
  role   = aws_iam_role.writer.id
  policy = jsonencode({Statement = [{Effect = "Allow", Action = "s3:PutObject", Resource = "${aws_s3_bucket.uploads.arn}/*"}]})
}
resource "aws_lambda_function" "presign" {
  function_name = "presign"
  role          = aws_iam_role.writer.arn
}
resource "aws_cognito_identity_pool" "pool" {
  identity_pool_name               = "pool"
  allow_unauthenticated_identities = true
}
resource "aws_iam_role" "guest" {
  name               = "guest"
  assume_role_policy = jsonencode({Statement = [{
    Effect    = "Allow"
    Principal = {Federated = "cognito-identity.amazonaws.com"}
    Action    = "sts:AssumeRoleWithWebIdentity"
    Condition = {"ForAnyValue:StringLike" = {"cognito-identity.amazonaws.com:amr" = "AMR"}}
  }]})
}
resource "aws_iam_role_policy" "guest" {
  role   = aws_iam_role.guest.id
  policy = jsonencode({Statement = [{Effect = "Allow", Action = "MAY", Resource = "WHAT"}]})
}
resource "aws_apigatewayv2_api" "http" {
  name          = "http"
  protocol_type = "HTTP"
}
resource "aws_apigatewayv2_integration" "presign" {
  api_id           = aws_apigatewayv2_api.http.id
  integration_type = "AWS_PROXY"
  integration_uri  = aws_lambda_function.presign.invoke_arn
}
resource "aws_apigatewayv2_route" "presign" {
  api_id             = aws_apigatewayv2_api.http.id
  route_key          = "POST /uploads"
  authorization_type = "AWS_IAM"
  target             = "integrations/${aws_apigatewayv2_integration.presign.id}"
}
resource "aws_lambda_function_url" "presign" {
  function_name      = aws_lambda_function.presign.function_name
  authorization_type = "AWS_IAM"
}
resource "aws_appsync_graphql_api" "graph" {
  name                = "graph"
  authentication_type = "AWS_IAM"
}
resource "aws_appsync_datasource" "presign" {
  api_id = aws_appsync_graphql_api.graph.id
  name   = "presign"
  type   = "AWS_LAMBDA"
  lambda_config { function_arn = aws_lambda_function.presign.arn }
}
"""
HTTP, GRAPH = "${aws_apigatewayv2_api.http.execution_arn}", "${aws_appsync_graphql_api.graph.arn}"
PUT_TOGETHER = "arn:aws:execute-api:${var.api}:*:${aws_apigatewayv2_api.%s.id}/*"


@pytest.mark.parametrize(
    ("may", "what", "amr", "verdict"),
    [
        ("execute-api:Invoke", f"{HTTP}/*", "unauthenticated", Verdict.FAIL),
        ("execute-api:Invoke", f"{HTTP}/*/POST/uploads", "unauthenticated", Verdict.FAIL),
        ("execute-api:Invoke", f"{HTTP}/*/uploads", "unauthenticated", Verdict.FAIL),
        ("execute-api:Invoke", f"{HTTP}/*/feedback", "unauthenticated", Verdict.PASS),
        ("execute-api:Invoke", f"{HTTP}/*/GET/*", "unauthenticated", Verdict.PASS),
        ("execute-api:Invoke", f"{HTTP}/*/POST/feedback", "unauthenticated", Verdict.PASS),
        ("execute-api:Invoke", "*", "unauthenticated", Verdict.FAIL),
        ("execute-api:Invoke", "arn:aws:execute-api:*:*:*", "unauthenticated", Verdict.FAIL),
        ("execute-api:Invoke", "arn:aws:execute-api:*:*:another/*", "unauthenticated", Verdict.PASS),
        ("execute-api:Invoke", "${var.api}/*", "unauthenticated", Verdict.UNKNOWN),
        ("execute-api:Invoke", PUT_TOGETHER % "http", "unauthenticated", Verdict.FAIL),
        ("execute-api:Invoke", PUT_TOGETHER % "http_for_visitors", "unauthenticated", Verdict.PASS),
        ("execute-api:Invoke", PUT_TOGETHER % "visitors", "unauthenticated", Verdict.PASS),
        ("execute-api:Invoke", "arn:aws:execute-api:${var.api}:*:*/*/POST/*", "unauthenticated", Verdict.FAIL),
        ("execute-api:Invoke", "${var.api}/*/GET/*", "unauthenticated", Verdict.PASS),
        ("execute-api:Invoke", f"{HTTP}/*", "authenticated", Verdict.PASS),
        ("lambda:InvokeFunctionUrl", "${aws_lambda_function.presign.arn}", "unauthenticated", Verdict.FAIL),
        ("lambda:InvokeFunctionUrl", "arn:aws:lambda:*:*:function:pre*", "unauthenticated", Verdict.FAIL),
        ("lambda:InvokeFunctionUrl", "arn:aws:lambda:*:*:function:orders", "unauthenticated", Verdict.PASS),
        ("appsync:GraphQL", f"{GRAPH}/*", "unauthenticated", Verdict.FAIL),
        ("appsync:GraphQL", f"{GRAPH}/types/Mutation/*", "unauthenticated", Verdict.FAIL),
        ("appsync:GraphQL", f"{GRAPH}/types/Query/*", "unauthenticated", Verdict.FAIL),
        ("appsync:GraphQL", f"{GRAPH}/types/*/fields/*", "unauthenticated", Verdict.FAIL),
        ("appsync:GraphQL", f"{GRAPH}/types/Mut*/*", "unauthenticated", Verdict.FAIL),
        ("appsync:GraphQL", f"{GRAPH}/types/Mut*", "unauthenticated", Verdict.FAIL),
        ("appsync:GraphQL", f"{GRAPH}/t*", "unauthenticated", Verdict.FAIL),
        ("appsync:GraphQL", f"{GRAPH}/types/Mutation/fields/send", "unauthenticated", Verdict.UNKNOWN),
        ("appsync:GraphQL", "arn:aws:appsync:*:*:apis/*/types/Query/fields/link", "unauthenticated", Verdict.UNKNOWN),
        ("appsync:GraphQL", "arn:aws:appsync:*:*:apis/another/types/Mutation/fields/send", "unauthenticated", Verdict.PASS),
        ("appsync:GraphQL", f"{GRAPH}/types/Picture/fields/send", "unauthenticated", Verdict.PASS),
        ("appsync:GraphQL", f"{GRAPH}/types/Subscription/*", "unauthenticated", Verdict.PASS),
        ("appsync:GraphQL", "arn:aws:appsync:*:*:apis/*", "unauthenticated", Verdict.FAIL),
    ],
)
def test_a_signature_that_guests_have_asks_nobody(tmp_path: Path, may: str, what: str, amr: str, verdict: Verdict):
    """AWS_IAM passed for authorised while the pool's role for people who aren't signed in may call it, as Amplify writes for guests."""
    text = GUESTS.replace('"AMR"', f'"{amr}"').replace("MAY", may).replace("WHAT", what)
    other = 'resource "aws_apigatewayv2_api" "%s" {\n  name = "for-visitors"\n  protocol_type = "HTTP"\n}\n'
    others = "".join(other % name for name in ("http_for_visitors", "visitors"))
    outcomes = judged_in_terraform(tmp_path, f'variable "api" {{}}\n{others}{text}')
    assert worst_outcome(outcomes).verdict is verdict
    assert [outcome.verdict for outcome in outcomes].count(verdict) in ((1,) if verdict is not Verdict.PASS else (2, 3))


@pytest.mark.parametrize(
    ("what", "named", "verdict"),
    [
        ("POST/pictures", "web", Verdict.FAIL),
        ("GET/pictures", "web", Verdict.PASS),
        ("*/pictures", "web", Verdict.FAIL),
        ("GET/link", "presign", Verdict.FAIL),
        ("HEAD/link", "presign", Verdict.PASS),
    ],
)
def test_guests_who_may_call_one_path_reach_what_answers_all(tmp_path: Path, what: str, named: str, verdict: Verdict):
    """A framework's one function behind ``ANY /{proxy+}`` answers that path, too; by GET alone nothing is sent to it, but a link may be had."""
    text = (
        GUESTS.replace("presign", named)
        .replace("AMR", "unauthenticated")
        .replace("MAY", "execute-api:Invoke")
        .replace("WHAT", f"{HTTP}/*/{what}")
    )
    (outcome,) = judged_in_terraform(tmp_path, text.replace("POST /uploads", "ANY /{proxy+}"), "AWS::ApiGatewayV2::Route")
    assert outcome.verdict is verdict


@pytest.mark.parametrize(
    ("kind", "schema", "verdict"),
    [
        ("API_KEY", '"type Mutation @aws_api_key { upload: String }"', Verdict.FAIL),
        ("API_KEY", '"type Query { a: Int @aws_api_key } type Mutation { upload: String }"', Verdict.UNKNOWN),
        ("API_KEY", '"type Mutation { upload: String }"', Verdict.PASS),
        ("API_KEY", "null", Verdict.UNKNOWN),
        ("API_KEY", "var.schema", Verdict.UNKNOWN),
        ("OPENID_CONNECT", "null", Verdict.PASS),
    ],
)
def test_an_api_key_beside_a_user_pool_opens_what_the_schema_marks(tmp_path: Path, kind: str, schema: str, verdict: Verdict):
    """A further way of signing in was not looked at, so that a schema whose mutations take an API key passed for one that asks for people."""
    more = f'authentication_type = "AMAZON_COGNITO_USER_POOLS"\n  schema = {schema}\n'
    more += f'  additional_authentication_provider {{ authentication_type = "{kind}" }}'
    text = GUESTS.replace('authentication_type = "AWS_IAM"', more)
    (outcome,) = judged_in_terraform(tmp_path, f'variable "schema" {{}}\n{text}', "AWS::AppSync::GraphQLApi")
    assert outcome.verdict is verdict
    assert verdict is not Verdict.FAIL or "asks for an API key only" in outcome.message
    assert verdict is not Verdict.FAIL or ("@aws_api_key" in outcome.fix and "USER_POOLS" not in outcome.fix)  # which it has already


def test_what_an_api_key_opens_of_a_private_graphql_api_is_no_question(tmp_path: Path):
    """Nobody from outside reaches it, with a key or without one; it was not known for a schema that wasn't read."""
    more = 'authentication_type = "AMAZON_COGNITO_USER_POOLS"\n  visibility = "PRIVATE"'
    more += '\n  additional_authentication_provider { authentication_type = "API_KEY" }'
    text = GUESTS.replace('authentication_type = "AWS_IAM"', more)
    assert [outcome.verdict for outcome in judged_in_terraform(tmp_path, text, "AWS::AppSync::GraphQLApi")] == [Verdict.PASS]


SIGNING = "aws_cloudfront_origin_access_control.c.id"


@pytest.mark.parametrize(
    ("domain", "control", "verdict"),
    [
        ('"${aws_lambda_function_url.u.url_id}.lambda-url.eu-west-1.on.aws"', SIGNING, "fail"),
        ('split("/", aws_lambda_function_url.u.function_url)[2]', SIGNING, "fail"),
        ('split("/", aws_lambda_function_url.u.function_url)[2]', "var.host", "unknown"),
        ('split("/", aws_lambda_function_url.u.function_url)[2]', '"E2QWRUHEXAMPLE"', "unknown"),
        ('split("/", aws_lambda_function_url.u.function_url)[2]', "null", "pass"),
        ("var.host", SIGNING, "unknown"),
        ("var.host", "var.host", "unknown"),
        ("data.aws_lambda_function_url.u.function_url", SIGNING, "unknown"),
        ('"${aws_apigatewayv2_api.a.id}.execute-api.eu-west-1.amazonaws.com"', SIGNING, "pass"),
    ],
)
def test_which_function_cloudfront_signs_for_is_told_by_what_its_domain_is_made_of(tmp_path: Path, domain: str, control: str, verdict: str):
    """By the URL's id it passed for another; what a variable brings, or another stack has, was taken for the one URL that was read.

    An access control that wasn't read passed for none.
    """
    text = f"""
variable "host" {{}}
data "aws_lambda_function_url" "u" {{ function_name = "web" }}
{ROLE}
resource "aws_s3_bucket" "uploads" {{ bucket = "acme-uploads" }}
resource "aws_apigatewayv2_api" "a" {{
  name          = "a"
  protocol_type = "HTTP"
}}
resource "aws_iam_role_policy" "p" {{
  role   = aws_iam_role.r.id
  policy = jsonencode({{ Statement = [{{ Effect = "Allow", Action = "s3:PutObject", Resource = "${{aws_s3_bucket.uploads.arn}}/*" }}] }})
}}
resource "aws_lambda_function" "f" {{
  function_name = "presign"
  role          = aws_iam_role.r.arn
}}
resource "aws_lambda_function_url" "u" {{
  function_name      = aws_lambda_function.f.function_name
  authorization_type = "AWS_IAM"
}}
resource "aws_cloudfront_origin_access_control" "c" {{
  name                              = "c"
  origin_access_control_origin_type = "lambda"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}}
resource "aws_cloudfront_distribution" "d" {{
  origin {{
    origin_id                = "presign"
    domain_name              = {domain}
    origin_access_control_id = {control}
  }}
  default_cache_behavior {{
    target_origin_id = "presign"
    allowed_methods  = ["GET", "HEAD"]
  }}
}}
"""
    assert worst_outcome(judged_in_terraform(tmp_path, text)).verdict.value == verdict
