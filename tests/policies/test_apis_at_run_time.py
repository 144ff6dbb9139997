"""APIs as they are once deployed, where a template has links: the same verdict on both sides. Origin of the data: written here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from averment.core.scope import Scope
from averment.core.words import Verdict
from averment.policies.interface import Context
from averment.policies.rules.judge import worst_outcome
from averment.policies.rules.registry import rule
from averment.policies.runtime.described.apis import rest_policy
from averment.policies.runtime.evaluate import Evaluator
from averment.policies.runtime.neighbours import MemoryNeighbours
from averment.policies.surfaces.cloudformation.template import read_template
from averment.sandbox.deployed.items import Deployment

OWN = "123456789012"
SCOPE = Scope(accounts=(OWN,))
TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Uploads: {Type: AWS::S3::Bucket, Properties: {BucketName: acme-uploads}}
  Writer:
    Type: AWS::IAM::Role
    Properties:
      RoleName: writer
      AssumeRolePolicyDocument: {Statement: {Effect: Allow, Principal: {Service: apigateway.amazonaws.com}, Action: "sts:AssumeRole"}}
      Policies:
        - PolicyName: write
          PolicyDocument: {Statement: {Effect: Allow, Action: "s3:PutObject", Resource: !Sub "${Uploads.Arn}/*"}}
  Api:
    Type: AWS::ApiGateway::RestApi
    Properties: {Name: files, SETTINGS}
  Method:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      HttpMethod: PUT
      AuthorizationType: NONE
      Integration:
        Type: AWS
        IntegrationHttpMethod: PUT
        Uri: !Sub "arn:aws:apigateway:${AWS::Region}:s3:path/{bucket}/{key}"
        Credentials: !GetAtt Writer.Arn
"""
PRIVATE = "EndpointConfiguration: {Types: [PRIVATE]}"
OWN_ONLY = (
    "Policy: {Statement: {Effect: Allow, Principal: {AWS: '123456789012'}, Action: 'execute-api:Invoke', Resource: 'execute-api:/*'}}"
)


@pytest.mark.parametrize(("settings", "verdict"), [("", Verdict.FAIL), (PRIVATE, Verdict.PASS), (OWN_ONLY, Verdict.PASS)])
def test_an_api_that_writes_to_s3_by_a_role_of_its_own_is_judged_alike_on_both_sides(tmp_path: Path, settings: str, verdict: Verdict):
    """Its URI names no bucket, so that all hangs on the role, which is an ARN once it is there; and so does what keeps strangers out."""
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE.replace(", SETTINGS", f", {settings}" if settings else ""), encoding="utf-8")
    graph, subject = read_template(path), rule("upload-api-authorised")
    before = worst_outcome(subject.evaluate(resource, Context(graph, SCOPE)) for resource in graph.of_type(*subject.types))
    after = {entry.verdict for entry in Evaluator(subject, MemoryNeighbours(Deployment(graph).items()), SCOPE, {}, OWN).every()}
    assert before.verdict is verdict
    assert after == {verdict, Verdict.NOT_APPLICABLE}  # the method, and the API itself


INTEGRATION = {
    "type": "aws",
    "httpMethod": "PUT",
    "uri": {"Fn::Sub": "arn:aws:apigateway:${AWS::Region}:s3:path/{bucket}/{key}"},
    "credentials": {"Fn::GetAtt": ["Writer", "Arn"]},
}
PEOPLE: dict[str, object] = {"security": [{"people": []}]}
BY_IAM, BY_NOBODY = ({"x-amazon-apigateway-auth": {"type": kind}} for kind in ("AWS_IAM", "NONE"))


@pytest.mark.parametrize(
    ("verb", "said", "of_all", "verdict"),
    [
        ("put", {}, {}, Verdict.FAIL),
        ("put", {"security": [{"api_key": []}]}, {}, Verdict.FAIL),
        ("put", PEOPLE, {}, Verdict.PASS),
        ("put", BY_IAM, {}, Verdict.PASS),
        ("put", BY_NOBODY, PEOPLE, Verdict.FAIL),
        ("put", {}, PEOPLE, Verdict.PASS),
        ("put", {"security": []}, PEOPLE, Verdict.FAIL),
        ("x-amazon-apigateway-any-method", {}, {}, Verdict.FAIL),
        ("parameters", {}, {}, Verdict.NOT_APPLICABLE),
    ],
)
def test_an_api_is_judged_by_the_description_that_it_is_made_of(
    tmp_path: Path, verb: str, said: dict[str, object], of_all: dict[str, object], verdict: Verdict
):
    """An OpenAPI description has the operations, what each leads to, and what asks who is calling; once it is deployed they are methods."""
    operation = {**said, "x-amazon-apigateway-integration": INTEGRATION}
    body = {"openapi": "3.0.1", **of_all, "paths": {"/{bucket}/{key}": {verb: operation}}}
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE.partition("  Method:")[0].replace("SETTINGS", f"Body: {json.dumps(body)}"), encoding="utf-8")
    graph, subject = read_template(path), rule("upload-api-authorised")
    assert graph.problems == []
    before = worst_outcome(subject.evaluate(resource, Context(graph, SCOPE)) for resource in graph.of_type(*subject.types))
    after = {entry.verdict for entry in Evaluator(subject, MemoryNeighbours(Deployment(graph).items()), SCOPE, {}, OWN).every()}
    assert (before.verdict, after - {Verdict.NOT_APPLICABLE}) == (verdict, {verdict} - {Verdict.NOT_APPLICABLE})


EVERYWHERE = ('Resource: !Sub "${Uploads.Arn}/*"', "Resource: '*'")
ROLE_ELSEWHERE = ("!GetAtt Writer.Arn", "arn:aws:iam::123456789012:role/elsewhere")
NO_ROLE = ("        Credentials: !GetAtt Writer.Arn\n", "")


def constant(name: str) -> tuple[str, str]:
    """What makes the URI's bucket a constant."""
    given = f"""        RequestParameters: {{integration.request.path.bucket: "'{name}'"}}\n"""
    return "        Credentials:", f"{given}        Credentials:"


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ([EVERYWHERE], Verdict.FAIL),
        ([EVERYWHERE, ("AuthorizationType: NONE", "AuthorizationType: AWS_IAM")], Verdict.PASS),
        ([EVERYWHERE, ("path/{bucket}/{key}", "path/acme-reports/{key}")], Verdict.NOT_APPLICABLE),
        ([EVERYWHERE, constant("acme-reports")], Verdict.NOT_APPLICABLE),
        ([EVERYWHERE, constant("acme-uploads")], Verdict.FAIL),
        ([ROLE_ELSEWHERE], Verdict.UNKNOWN),
        ([ROLE_ELSEWHERE, (", SETTINGS", f", {PRIVATE}")], Verdict.NOT_APPLICABLE),
        ([ROLE_ELSEWHERE, constant("acme-reports")], Verdict.NOT_APPLICABLE),
        ([NO_ROLE], Verdict.NOT_APPLICABLE),
    ],
)
def test_a_caller_who_names_the_bucket_reaches_each_that_the_role_reaches(tmp_path: Path, changes: list[tuple[str, str]], verdict: Verdict):
    """An API in front of S3 as its tutorial has it: who may put an object anywhere may put it among the uploads."""
    path, text = tmp_path / "template.yaml", TEMPLATE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text.replace(", SETTINGS", ""), encoding="utf-8")
    graph, subject = read_template(path), rule("upload-api-authorised")
    before = worst_outcome(subject.evaluate(resource, Context(graph, SCOPE)) for resource in graph.of_type(*subject.types))
    after = {entry.verdict for entry in Evaluator(subject, MemoryNeighbours(Deployment(graph).items()), SCOPE, {}, OWN).every()}
    assert before.verdict is verdict
    assert after == {verdict, Verdict.NOT_APPLICABLE}


def test_the_policy_of_a_rest_api_is_read_as_api_gateway_gives_it():
    """It is the inside of a JSON text, with backslashes before its quotes and slashes; one that isn't JSON at all stays what it is."""
    document = {"Statement": [{"Effect": "Allow", "Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}]}
    escaped = json.dumps(json.dumps(document))[1:-1].replace("/", "\\/")
    assert rest_policy(escaped) == rest_policy(json.dumps(document)) == document
    assert (rest_policy(None), rest_policy("{broken")) == (None, "{broken")


WRITTEN_BY_A_FUNCTION = """
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Uploads: {Type: AWS::S3::Bucket, Properties: {BucketName: acme-uploads}}
  Writer:
    Type: AWS::IAM::Role
    Properties:
      RoleName: writer
      AssumeRolePolicyDocument: {Statement: {Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "sts:AssumeRole"}}
      Policies:
        - PolicyName: write
          PolicyDocument: {Statement: {Effect: Allow, Action: "s3:PutObject", Resource: !Sub "${Uploads.Arn}/*"}}
"""
"""An upload bucket, and the role of the functions that write to it."""

SOCKET = (
    WRITTEN_BY_A_FUNCTION
    + """\
  Presign: {Type: AWS::Lambda::Function, Properties: {FunctionName: presign, Handler: h.h, Role: !GetAtt Writer.Arn}}
  Api: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: chat, ProtocolType: PROTOCOL}}
  ToPresign:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Api
      IntegrationType: AWS_PROXY
      IntegrationUri: !Sub "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Presign.Arn}/invocations"
  Connect: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref Api, RouteKey: $connect, AuthorizationType: KIND}}
  Send:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: presign, AuthorizationType: NONE, Target: !Sub "integrations/${ToPresign}"}
"""
)


@pytest.mark.parametrize(
    ("protocol", "kind", "verdict"),
    [("WEBSOCKET", "AWS_IAM", Verdict.PASS), ("WEBSOCKET", "NONE", Verdict.FAIL), ("HTTP", "AWS_IAM", Verdict.FAIL)],
)
def test_whoever_connects_to_a_web_socket_is_asked_once(tmp_path: Path, protocol: str, kind: str, verdict: Verdict):
    """API Gateway takes an authoriser on ``$connect`` only, so that every other route seemed to ask nobody."""
    path = tmp_path / "template.yaml"
    path.write_text(SOCKET.replace("PROTOCOL", protocol).replace("KIND", kind), encoding="utf-8")
    graph, subject = read_template(path), rule("upload-api-authorised")
    send = next(route for route in graph.of_type("AWS::ApiGatewayV2::Route") if route.get("RouteKey") == "presign")
    assert subject.evaluate(send, Context(graph, SCOPE)).verdict is verdict
    entries = Evaluator(subject, MemoryNeighbours(Deployment(graph).items()), SCOPE, {}, OWN).every()
    assert verdict in {entry.verdict for entry in entries if entry.resource_type == "AWS::ApiGatewayV2::Route"}


EDGE = (
    WRITTEN_BY_A_FUNCTION
    + """\
  Api: {Type: AWS::Lambda::Function, Properties: {FunctionName: api, Handler: h.h, Role: !GetAtt Writer.Arn}}
  Url: {Type: AWS::Lambda::Url, Properties: {TargetFunctionArn: !GetAtt Api.Arn, AuthType: AWS_IAM}}
  Signing:
    Type: AWS::CloudFront::OriginAccessControl
    Properties:
      OriginAccessControlConfig: {Name: api, OriginAccessControlOriginType: lambda, SigningBehavior: SIGNS, SigningProtocol: sigv4}
  Edge:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Origins:
          - Id: api
            DomainName: !Select [2, !Split ["/", !GetAtt Url.FunctionUrl]]
            OriginAccessControlId: !GetAtt Signing.Id
            CustomOriginConfig: {OriginProtocolPolicy: https-only}
        DefaultCacheBehavior:
          TargetOriginId: api
          ViewerProtocolPolicy: https-only
          AllowedMethods: [GET, HEAD, OPTIONS, PUT, PATCH, POST, DELETE]
"""
)
ALL = "AllowedMethods: [GET, HEAD, OPTIONS, PUT, PATCH, POST, DELETE]"
ANOTHER = "  Another: {Type: AWS::Lambda::Url, Properties: {TargetFunctionArn: elsewhere, AuthType: AWS_IAM}}\n"


@pytest.mark.parametrize(
    ("old", "new", "before", "after"),
    [
        ("SIGNS", "always", Verdict.FAIL, Verdict.FAIL),
        ("SIGNS", "never", Verdict.PASS, Verdict.PASS),
        (ALL, f"{ALL}\n          TrustedKeyGroups: [k]", Verdict.PASS, Verdict.PASS),
        (ALL, "AllowedMethods: [GET, HEAD]", Verdict.PASS, Verdict.PASS),
        ("  Signing:", f"{ANOTHER}  Signing:", Verdict.FAIL, Verdict.FAIL),
    ],
)
def test_a_function_url_that_asks_for_a_signature_asks_nobody_where_cloudfront_signs(
    tmp_path: Path, old: str, new: str, before: Verdict, after: Verdict
):
    """A distribution in front of a URL with AWS_IAM signs whatever viewers ask; which of several URLs it means is what its domain is split from."""
    path, host, text = (
        tmp_path / "template.yaml",
        "abcdefghij.lambda-url.eu-west-1.on.aws",
        EDGE.replace(old, new).replace("SIGNS", "always"),
    )
    path.write_text(text, encoding="utf-8")
    graph, subject = read_template(path), rule("upload-api-authorised")
    (url,) = (one for one in graph.of_type("AWS::Lambda::Url") if one.address == "Url")
    assert subject.evaluate(url, Context(graph, SCOPE)).verdict is before
    path.write_text(text.replace('!Select [2, !Split ["/", !GetAtt Url.FunctionUrl]]', host), encoding="utf-8")
    items = Deployment(read_template(path)).items()
    for item in items:
        if item["resourceType"] == "AWS::Lambda::Url" and "elsewhere" not in json.dumps(item):
            item["configuration"]["FunctionUrl"] = f"https://{host}/"
    entries = Evaluator(subject, MemoryNeighbours(items), SCOPE, {}, OWN).every()
    assert after in {entry.verdict for entry in entries if entry.resource_type == "AWS::Lambda::Url"}


def test_a_function_that_a_stage_names_is_a_question_on_both_sides(tmp_path: Path):
    """Which function answers an open POST /uploads stands in the stage's variables: it was asked nothing."""
    path = tmp_path / "template.yaml"
    uri = "lambda:path/2015-03-31/functions/arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:${!stageVariables.presign}/invocations"
    text = TEMPLATE.replace(", SETTINGS", "").replace("s3:path/{bucket}/{key}", uri).replace("Type: AWS\n", "Type: AWS_PROXY\n")
    place = "  Uploading: {Type: AWS::ApiGateway::Resource, Properties: {RestApiId: !Ref Api, ParentId: !GetAtt Api.RootResourceId, PathPart: uploads}}\n"
    placed = text.replace("  Method:\n", f"{place}  Method:\n")
    text = placed.replace("HttpMethod: PUT", "HttpMethod: PUT\n      ResourceId: !Ref Uploading", 1)
    path.write_text(text, encoding="utf-8")
    graph, subject = read_template(path), rule("upload-api-authorised")
    before = worst_outcome(subject.evaluate(resource, Context(graph, SCOPE)) for resource in graph.of_type(*subject.types))
    entries = Evaluator(subject, MemoryNeighbours(Deployment(graph).items()), SCOPE, {}, OWN).every()
    assert before.verdict is Verdict.UNKNOWN
    assert Verdict.UNKNOWN in {entry.verdict for entry in entries}


GRAPH = (
    WRITTEN_BY_A_FUNCTION
    + """\
  Presign: {Type: AWS::Lambda::Function, Properties: {FunctionName: presign, Handler: h.h, Role: !GetAtt Writer.Arn}}
  Graph: {Type: AWS::AppSync::GraphQLApi, Properties: {Name: shop, AuthenticationType: API_KEY, Visibility: SEEN}}
  Source:
    Type: AWS::AppSync::DataSource
    Properties: {ApiId: !GetAtt Graph.ApiId, Name: presign, Type: AWS_LAMBDA, LambdaConfig: {LambdaFunctionArn: !GetAtt Presign.Arn}}
"""
)


@pytest.mark.parametrize(("seen", "verdict"), [("GLOBAL", Verdict.FAIL), ("PRIVATE", Verdict.PASS)])
def test_a_private_graphql_api_is_closed_to_strangers_on_both_sides(tmp_path: Path, seen: str, verdict: Verdict):
    """As a private REST API is: it was told to ask who is calling, whom nobody from outside can reach."""
    path = tmp_path / "template.yaml"
    path.write_text(GRAPH.replace("SEEN", seen), encoding="utf-8")
    graph, subject = read_template(path), rule("upload-api-authorised")
    before = worst_outcome(subject.evaluate(resource, Context(graph, SCOPE)) for resource in graph.of_type(*subject.types))
    assert before.verdict is verdict
    assert {entry.verdict for entry in Evaluator(subject, MemoryNeighbours(Deployment(graph).items()), SCOPE, {}, OWN).every()} == {verdict}


GRAPHQL = """\
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Uploads: {Type: AWS::S3::Bucket, Properties: {BucketName: acme-uploads}}
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: uploading
      AssumeRolePolicyDocument: {Statement: {Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "sts:AssumeRole"}}
      Policies:
        - PolicyName: write
          PolicyDocument: {Statement: {Effect: Allow, Action: "s3:PutObject", Resource: !Sub "${Uploads.Arn}/*"}}
  Function: {Type: AWS::Lambda::Function, Properties: {FunctionName: uploading, Role: !GetAtt Role.Arn}}
  Api:
    Type: AWS::AppSync::GraphQLApi
    Properties: {Name: graph, AuthenticationType: AWS_IAM, AdditionalAuthenticationProviders: [{AuthenticationType: API_KEY}]}
  Source:
    Type: AWS::AppSync::DataSource
    Properties:
      {ApiId: !GetAtt Api.ApiId, Name: function, Type: AWS_LAMBDA, LambdaConfig: {LambdaFunctionArn: !GetAtt Function.Arn}}
"""
SCHEMA = '  Schema: {Type: AWS::AppSync::GraphQLSchema, Properties: {ApiId: !GetAtt Api.ApiId, Definition: "type Mutation %s{ upload: String }"}}\n'


@pytest.mark.parametrize(
    ("more", "verdict"), [(SCHEMA % "@aws_api_key ", Verdict.FAIL), (SCHEMA % "", Verdict.PASS), ("", Verdict.UNKNOWN)]
)
def test_what_a_schema_opens_to_an_api_key_is_told_by_a_template_alone(tmp_path: Path, more: str, verdict: Verdict):
    """CloudFormation keeps the schema in a resource of its own, for which AppSync isn't asked: then it is a question, where it passed."""
    path = tmp_path / "template.yaml"
    path.write_text(GRAPHQL + more, encoding="utf-8")
    graph, subject = read_template(path), rule("upload-api-authorised")
    before = worst_outcome(subject.evaluate(resource, Context(graph, SCOPE)) for resource in graph.of_type(*subject.types))
    entries = Evaluator(subject, MemoryNeighbours(Deployment(graph).items()), SCOPE, {}, OWN).every()
    assert before.verdict is verdict
    assert {entry.verdict for entry in entries} == {Verdict.UNKNOWN}
