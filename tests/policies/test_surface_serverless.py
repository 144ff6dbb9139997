"""A ``serverless.yml`` is read as the template that it deploys: roles, doors, buckets, and what is not read is said."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from averment.core.scope import MediaRole, Scope
from averment.core.words import Verdict
from averment.policies.graph.model import Graph, Reference, Unknown
from averment.policies.interface import Context, Outcome
from averment.policies.rules.judge import worst_outcome
from averment.policies.rules.media import media_role
from averment.policies.rules.registry import rule
from averment.policies.surfaces.cloudformation.template import read_template
from averment.policies.surfaces.registry import load_graphs


def graph_of(folder: Path, text: str) -> Graph:
    path = folder / "serverless.yml"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return read_template(path)


def value(graph: Graph, address: str, *path: str | int) -> Any:
    found = graph.get(address)
    assert found is not None, ([resource.address for resource in graph], graph.problems)
    return found.get(*path)


HEAD = """\
service: photos
custom:
  bucket: acme-uploads-${self:provider.stage}
  names: {dev: first, live: second}
provider:
  name: aws
  stage: ${opt:stage, 'dev'}
"""


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("${self:custom.bucket}", "acme-uploads-dev"),
        ("${self:custom.names.${self:provider.stage}}", "first"),
        ("${env:NAME, 'fallback'}", "fallback"),
        ('"a-${opt:x, self:custom.names.live}"', "a-second"),
        ('"#{AWS::AccountId}-x"', "${AWS::AccountId}-x"),
        ("${sls:stage}", "dev"),
    ],
)
def test_variables_have_the_values_that_the_file_gives_them(tmp_path: Path, written: str, expected: str):
    """Names are known wherever the file itself tells them; a default counts as a parameter's does."""
    body = f"resources:\n  Resources:\n    B:\n      Type: AWS::S3::Bucket\n      Properties:\n        BucketName: {written}\n"
    graph = graph_of(tmp_path, HEAD + body)
    assert value(graph, "B", "BucketName") == expected


@pytest.mark.parametrize("written", ["${tf:outputs:name}", "a-${prod-secrets:bucket}", "${terraform:outputs:name}"])
def test_what_a_resolver_of_ones_own_finds_is_known_only_at_deployment(tmp_path: Path, written: str):
    """Its name is anybody's choice: what was written stood for the value."""
    found = value(graph_of(tmp_path, f"{HEAD}  x: {{name: '{written}'}}\n{RESOURCE}"), "B", "BucketName")
    assert isinstance(found, Unknown)
    assert "is known only at deployment" in found.reason


RESOURCE = """\
resources:
  Resources:
    B: {Type: AWS::S3::Bucket, Properties: {BucketName: "${self:provider.x.name}"}}
"""


@pytest.mark.parametrize(
    "given",
    [
        "stages: {default: {params: {name: other}}, dev: {params: {name: own}}}",
        "params: {default: {name: other}, dev: {name: own}}",
        "stages: {default: {params: {name: own}}, live: {params: {name: other}}}",
        "params: {default: {name: own}, live: {name: other}}",
    ],
)
@pytest.mark.parametrize("written", ["${param:name}", "${param:name, 'fallback'}"])
def test_a_parameter_has_what_the_file_gives_for_its_stage(tmp_path: Path, given: str, written: str):
    """It was unknown, and a default behind it counted in place of what is deployed."""
    text = f"{HEAD}{given}\nresources:\n  Resources:\n    B: {{Type: 'AWS::S3::Bucket', Properties: {{BucketName: \"{written}\"}}}}\n"
    assert value(graph_of(tmp_path, text), "B", "BucketName") == "own"


@pytest.mark.parametrize(
    "written",
    [
        "${param:acl, 'Private'}",
        "${self:custom.${self:provider.stage}.acl, 'Private'}",
        "${file(${opt:stage}.yml):acl, 'Private'}",
        "${self:custom.named, 'Private'}",
    ],
)
def test_what_a_stage_is_given_is_not_the_default_where_the_stage_is_not_known(tmp_path: Path, written: str):
    """Which of them is deployed nobody can tell from here: the default behind them passed, with a public ACL for production beside it."""
    (tmp_path / "live.yml").write_text("acl: PublicReadWrite\n", encoding="utf-8")
    head = "service: shop\nprovider: {name: aws, stage: '${opt:stage}'}\n"
    head += "params: {live: {acl: PublicReadWrite}}\n"
    head += "custom: {live: {acl: PublicReadWrite}, named: \"${self:custom.${opt:stage}.acl, 'Private'}\"}\n"
    rest = f'resources: {{Resources: {{B: {{Type: "AWS::S3::Bucket", Properties: {{AccessControl: "{written}"}}}}}}}}\n'
    assert isinstance(value(graph_of(tmp_path, head + rest), "B", "AccessControl"), Unknown)
    known = head.replace("${opt:stage}", "dev")
    assert value(graph_of(tmp_path, known + rest.replace("opt:stage", "opt:stage, 'dev'")), "B", "AccessControl") == "Private"


def test_a_parameter_that_no_stage_has_of_its_own_is_the_one_for_all(tmp_path: Path):
    """Whichever it is that is deployed: a public ACL for all of them was a question."""
    head = "service: shop\nprovider: {name: aws, stage: '${opt:stage}'}\nparams: {live: {acl: Private}, default: {all: PublicReadWrite}}\n"
    text = head + "resources: {Resources: {B: {Type: 'AWS::S3::Bucket', Properties: {AccessControl: '${param:all}'}}}}\n"
    assert value(graph_of(tmp_path, text), "B", "AccessControl") == "PublicReadWrite"


@pytest.mark.parametrize("by", ["aws:accountId", "aws:region", "self:provider.region"])
def test_what_hangs_on_the_account_or_the_region_is_unknown(tmp_path: Path, by: str):
    """It was the text of the variable itself, so that an ACL was none of those that open a bucket."""
    head = "service: shop\nprovider: {name: aws}\ncustom: {'1': {acl: PublicReadWrite}, eu-west-1: {acl: PublicReadWrite}}\n"
    rest = (
        f"resources: {{Resources: {{B: {{Type: 'AWS::S3::Bucket', Properties: {{AccessControl: '${{self:custom.${{{by}}}.acl}}'}}}}}}}}\n"
    )
    assert isinstance(value(graph_of(tmp_path, head + rest), "B", "AccessControl"), Unknown)


def test_what_only_the_deployment_knows_is_unknown_with_its_reason(tmp_path: Path):
    """An unresolved variable keeps what is known around it, within ``Fn::Sub`` too; one that refers to itself ends."""
    graph = graph_of(
        tmp_path,
        HEAD
        + """\
resources:
  Resources:
    A: {Type: "AWS::S3::Bucket", Properties: {BucketName: "uploads-${env:TEAM}"}}
    B: {Type: "AWS::S3::Bucket", Properties: {BucketName: {"Fn::Sub": "${AWS::StackName}-${self:custom.bucket}-${opt:team}"}}}
    C: {Type: "AWS::S3::Bucket", Properties: {BucketName: "${self:resources.Resources.C.Properties.BucketName}"}}
""",
    )
    first, second, third = (value(graph, name, "BucketName") for name in "ABC")
    assert isinstance(first, Unknown)
    assert first.template == "uploads-${env:TEAM}"
    assert "environment variable" in first.reason
    assert isinstance(second, Unknown)
    assert second.template == "${AWS::StackName}-acme-uploads-dev-${opt:team}"
    assert isinstance(third, Unknown)


FUNCTIONS = (
    HEAD
    + """\
  environment: {BUCKET: "${self:custom.bucket}"}
  iam:
    role:
      managedPolicies: [arn:aws:iam::aws:policy/AmazonRekognitionReadOnlyAccess]
      statements:
        - Effect: Allow
          Action: s3:PutObject
          Resource: arn:aws:s3:::${self:custom.bucket}/*
functions:
  presign:
    handler: src/presign.handler
    events:
      - http: {method: post, path: uploads%s}
      - httpApi: GET /uploads
      - websocket: $connect
  scan-it:
    handler: src/scan.handler
    iamRoleStatements:
      - {Effect: Allow, Action: rekognition:CompareFaces, Resource: '*'}
    events:
      - s3: {bucket: "${self:custom.bucket}"}
      - schedule: rate(1 hour)
"""
)


def test_functions_have_their_role_their_doors_and_their_buckets(tmp_path: Path):
    """What the framework generates is there: roles with lines of their statements, methods, routes, and the bucket of an event."""
    graph = graph_of(tmp_path, FUNCTIONS % "")
    assert value(graph, "PresignLambdaFunction", "Role") == Reference("IamRoleLambdaExecution", "Arn")
    assert value(graph, "PresignLambdaFunction", "Environment", "Variables", "BUCKET") == "acme-uploads-dev"
    role = graph.get("IamRoleLambdaExecution")
    assert role is not None
    assert role.get("Policies", 0, "PolicyDocument", "Statement", 0, "Resource") == "arn:aws:s3:::acme-uploads-dev/*"
    assert role.get("ManagedPolicyArns") == ["arn:aws:iam::aws:policy/AmazonRekognitionReadOnlyAccess"]
    assert role.where("Policies", 0, "PolicyDocument", "Statement", 0).line == 13
    assert value(graph, "ScanDashitLambdaFunction", "Role") == Reference("ScanDashitIamRoleLambdaExecution", "Arn")
    assert value(graph, "ScanDashitIamRoleLambdaExecution", "Policies", 0, "PolicyDocument", "Statement", 0, "Action") == (
        "rekognition:CompareFaces"
    )
    assert value(graph, "PresignLambdaFunctionHttp0", "AuthorizationType") == "NONE"
    assert value(graph, "PresignLambdaFunctionHttpapi1", "RouteKey") == "GET /uploads"
    bucket = next(resource for resource in graph if resource.type == "AWS::S3::Bucket")
    assert bucket.get("BucketName") == "acme-uploads-dev"
    assert bucket.get("NotificationConfiguration", "LambdaConfigurations", 0, "Function") == Reference("ScanDashitLambdaFunction", "Arn")
    assert [(problem.reason, problem.blocking) for problem in graph.problems] == [("events of the kind 'websocket' are not read", False)]


@pytest.mark.parametrize(
    ("authorizer", "verdict"),
    [
        ("", Verdict.FAIL),
        (", authorizer: aws_iam", Verdict.PASS),
        (", authorizer: {name: users}", Verdict.PASS),
        (", private: true", Verdict.FAIL),
    ],
)
def test_rules_judge_what_it_deploys(tmp_path: Path, authorizer: str, verdict: Verdict):
    """An open method that uploads is found in a Serverless Framework file as in a template; an API key isn't an authoriser."""
    graph = graph_of(tmp_path, FUNCTIONS % authorizer)
    method = graph.get("PresignLambdaFunctionHttp0")
    assert method is not None
    assert rule("upload-api-authorised").evaluate(method, Context(graph, Scope(), {})).verdict is verdict


@pytest.mark.parametrize(
    ("named", "role", "called"),
    [
        ("", "photos-dev-us-east-1-lambdaRole", "photos-dev-us-east-1-lambdaRole"),
        ("  region: eu-west-1\n", "${self:service}-${sls:stage}-eu-west-1-lambdaRole", "photos-dev-eu-west-1-lambdaRole"),
        ("  iam: {role: {name: photo-writer}}\n", "photo-writer", "photo-writer"),
        ("  region: ${env:REGION}\n", "photos-dev-eu-west-1-lambdaRole", None),
    ],
)
def test_a_policy_beside_the_functions_belongs_to_their_role(tmp_path: Path, named: str, role: str, called: str | None):
    """The framework's own name for it is how people attach one: what it gives was given to nobody, and an open method uploaded unseen."""
    text = f"""\
functions:
  presign: {{handler: a.presign, events: [{{http: {{method: post, path: uploads}}}}]}}
resources:
  Resources:
    Uploads: {{Type: "AWS::S3::Bucket", Properties: {{BucketName: acme-uploads}}}}
    Writing:
      Type: AWS::IAM::Policy
      Properties:
        PolicyName: writing
        PolicyDocument: {{Statement: [{{Effect: Allow, Action: "s3:PutObject", Resource: "arn:aws:s3:::acme-uploads/*"}}]}}
        Roles: ["{role}"]
"""
    graph = graph_of(tmp_path, f"{HEAD}{named}{text}")
    method = graph.get("PresignLambdaFunctionHttp0")
    assert method is not None
    assert value(graph, "IamRoleLambdaExecution", "RoleName") == called
    found = rule("upload-api-authorised").evaluate(method, Context(graph, Scope(), {})).verdict
    assert found is (Verdict.FAIL if called else Verdict.NOT_APPLICABLE)


@pytest.mark.parametrize(
    ("door", "indent"),
    [
        ("    events:\n      - http:\n          path: upload\n          method: post\n", 10),
        ("    events:\n      - httpApi:\n          path: /upload\n          method: post\n", 10),
        ("    url: true\n", 4),
    ],
)
def test_what_a_fix_says_of_an_event_stands_in_the_event(tmp_path: Path, door: str, indent: int):
    """There is no method, route or URL in the file to which what CloudFormation has for it could be added."""
    subject = rule("upload-api-authorised")
    head = """\
service: shop
provider:
  name: aws
  iam: {role: {statements: [{Effect: Allow, Action: s3:PutObject, Resource: "arn:aws:s3:::shop-uploads/*"}]}}
resources: {Resources: {Uploads: {Type: AWS::S3::Bucket, Properties: {BucketName: shop-uploads}}}}
functions:
  presign:
    handler: h.h
"""

    def judged(text: str) -> Outcome:
        graph = graph_of(tmp_path, head + text)
        return worst_outcome(subject.evaluate(resource, Context(graph, Scope(), {})) for resource in graph.of_type(*subject.types))

    found = judged(door)
    assert found.verdict is Verdict.FAIL
    mended = textwrap.indent(f"{found.fix}\n", " " * indent)
    assert judged((door if indent > 4 else "") + mended).verdict is Verdict.PASS


def test_a_bucket_that_the_file_has_is_told_of_its_function(tmp_path: Path):
    """An s3 event on a bucket of the resources adds to that bucket; one on an existing bucket elsewhere is said."""
    graph = graph_of(
        tmp_path,
        HEAD
        + """\
functions:
  scan:
    handler: scan.handler
    role: arn:aws:iam::123456789012:role/scan
    url: true
    events:
      - s3: {bucket: "${self:custom.bucket}", existing: true, rules: [{prefix: in/}, {suffix: .jpg}]}
      - s3: {bucket: elsewhere, existing: true}
resources:
  - Resources:
      Mine: {Type: "AWS::S3::Bucket", Properties: {BucketName: "${self:custom.bucket}"}}
  - ${file(more.yml)}
""",
    )
    assert value(graph, "Mine", "NotificationConfiguration", "LambdaConfigurations", 0, "Event") == "s3:ObjectCreated:*"
    limits = value(graph, "Mine", "NotificationConfiguration", "LambdaConfigurations", 0, "Filter")
    assert limits == {"S3Key": {"Rules": [{"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".jpg"}]}}
    assert value(graph, "ScanLambdaFunction", "Role") == "arn:aws:iam::123456789012:role/scan"
    assert value(graph, "ScanLambdaFunctionUrl", "AuthType") == "NONE"
    assert graph.get("IamRoleLambdaExecution") is None
    reasons = sorted(problem.reason for problem in graph.problems)
    assert reasons == [
        "resources are not read: the variable 'file(more.yml)' names a file that isn't there",
        "the bucket of this s3 event is not part of the file",
    ]


INCLUDING = (
    HEAD
    + """\
  environment: ${file(config/environment.yml)}
  iam:
    role:
      statements: ${file(config/statements.yml)}
functions:
  - ${file(config/functions.yml)}
resources:
  Resources:
    Photos: ${file(config/bucket.yml):photos}
    Site: ${file(config/bucket.yml):site}
"""
)
INCLUDED = {
    "environment.yml": "BUCKET: ${self:custom.bucket}\n",
    "statements.yml": "- Effect: Allow\n  Action: s3:PutObject\n  Resource: arn:aws:s3:::${self:custom.bucket}/*\n",
    "functions.yml": "presign:\n  handler: presign.handler\n  events:\n    - http: POST /upload\n",
    "bucket.yml": """\
# kept by the storage team
photos:
  Type: AWS::S3::Bucket
  # averment:waive=SM-UPL-01 until=2099-01-01 owner=storage reason=a test
  Properties:
    BucketName: ${self:custom.bucket}
    VersioningConfiguration:
      Status: Suspended
""",
}


def including(folder: Path, text: str = INCLUDING) -> Graph:
    (folder / "config").mkdir()
    for name, content in INCLUDED.items():
        (folder / "config" / name).write_text(content, encoding="utf-8")
    return graph_of(folder, text)


def test_files_that_are_included_are_part_of_the_service(tmp_path: Path):
    """Sections in files of their own are judged with the rest, and each finding stands where its text stands."""
    graph = including(tmp_path)
    photos, role, presign = (graph.get(name) for name in ("Photos", "IamRoleLambdaExecution", "PresignLambdaFunctionHttp0"))
    assert photos is not None
    assert photos.get("BucketName") == "acme-uploads-dev"
    assert (photos.source.file, photos.source.line) == (str(tmp_path / "config" / "bucket.yml"), 3)
    assert str(photos.where("VersioningConfiguration", "Status")) == f"{tmp_path / 'config' / 'bucket.yml'}:8"
    assert photos.comments == ("averment:waive=SM-UPL-01 until=2099-01-01 owner=storage reason=a test",)
    assert role is not None
    statement = ("Policies", 0, "PolicyDocument", "Statement", 0)
    assert role.get(*statement, "Resource") == "arn:aws:s3:::acme-uploads-dev/*"
    assert str(role.where(*statement)) == f"{tmp_path / 'config' / 'statements.yml'}:1"
    assert presign is not None
    assert str(presign.source).startswith(f"{tmp_path / 'config' / 'functions.yml'}:4")
    assert value(graph, "PresignLambdaFunction", "Environment", "Variables", "BUCKET") == "acme-uploads-dev"
    assert rule("upload-api-authorised").evaluate(presign, Context(graph, Scope(), {})).verdict is Verdict.FAIL
    (problem,) = graph.problems
    assert problem.reason == "the resource 'Site' is not read: the variable 'file(config/bucket.yml):site' has no value in that file"


def test_an_included_template_is_not_checked_twice(tmp_path: Path):
    """A file of resources that a service includes as a whole is read as part of it; one of which it takes a piece also by itself."""
    bucket = "Resources:\n  Uploads:\n    Type: AWS::S3::Bucket\n    Properties: {BucketName: uploads}\n"
    (tmp_path / "s3.yml").write_text(bucket, encoding="utf-8")
    for written, graphs in (("resources: ['${file(s3.yml)}']", 1), ("resources: {Resources: {A: '${file(s3.yml):Resources.Uploads}'}}", 2)):
        (tmp_path / "serverless.yml").write_text(f"service: a\nprovider: {{name: aws}}\n{written}\n", encoding="utf-8")
        assert len(list(load_graphs(tmp_path))) == graphs


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("${file(gone.yml)}", "names a file that isn't there"),
        ("${file(made.js)}", "is what a program returns, which is not run"),
        ("${file(notes.txt)}", "stands in a file that is neither YAML nor JSON, which is not read"),
        ("${file(../outside.yml)}", "names a file outside of service, which is not read"),
        ("${file(good.yml):missing}", "has no value in that file"),
        ("${file(itself.yml)}", "known only at deployment"),
    ],
)
def test_what_can_not_be_included_is_said(tmp_path: Path, written: str, said: str):
    """No program is run, nothing above the checked folder is looked at, circles end; a default stands in for each."""
    folder = tmp_path / "service"
    folder.mkdir()
    for name in ("made.js", "notes.txt", "good.yml", "../outside.yml"):
        (folder / name).write_text("a: b\n", encoding="utf-8")
    (folder / "itself.yml").write_text("${file(itself.yml)}\n", encoding="utf-8")
    text = f"service: a\nprovider: {{name: aws}}\nresources:\n  Resources:\n    B: {written}\n"
    graph = graph_of(folder, text)
    (problem,) = graph.problems
    assert said in problem.reason
    assert not problem.blocking
    graph = graph_of(folder, text.replace("}", ", 'x'}", 1).replace("aws, 'x'}", "aws}").replace(written, written[:-1] + ", 'x'}"))
    assert [problem.reason for problem in graph.problems] == ["the resource 'B' is not read: not a map"]


STATEMENTS = {
    "iam: {role: {statements: '${file(iam.js):all}'}}": "what the role that functions share may do is not read in full: the variable",
    "iamRoleStatements: '${file(iam.js)}'": "what the role that functions share may do",
    "iam: {role: {statements: ['${file(iam.js):faces}', {Effect: Allow, Action: 's3:GetObject', Resource: '*'}]}}": "what the role that functions share may do",
    "iam: '${file(iam.js)}'": "what the role that functions share may do",
    "iam: {role: '${file(iam.js):role}'}": "what the role that functions share may do",
    "stage: live": "what the function 'Match' may do",
}


@pytest.mark.parametrize("written", STATEMENTS)
def test_permissions_that_are_not_read_are_said_and_asked_about_where_faces_are_compared(tmp_path: Path, written: str):
    """Statements that a program would return let a role compare faces or not: nothing was said of it, and the rule didn't apply."""
    own = "" if "file(" in written else ", iamRoleStatements: '${file(iam.js)}'"
    (tmp_path / "iam.js").write_text("module.exports = {};\n", encoding="utf-8")
    (tmp_path / "app.js").write_text("rekognition.compareFaces({ SourceImage: a, TargetImage: b });\n", encoding="utf-8")
    (tmp_path / "serverless.yml").write_text(
        f"service: a\nprovider:\n  name: aws\n  {written}\nfunctions:\n  match: {{handler: app.match{own}}}\n", encoding="utf-8"
    )
    graph = next(graph for graph in load_graphs(tmp_path) if graph.get("MatchLambdaFunction") is not None)
    assert [problem.reason.startswith(STATEMENTS[written]) and not problem.blocking for problem in graph.problems] == [True]
    assert "iam.js" in graph.problems[0].reason
    subject = rule("face-match-needs-liveness")
    verdicts = {subject.evaluate(resource, Context(graph)).verdict for resource in graph.of_type("AWS::IAM::Role")}
    assert verdicts == (set() if "iam.js):role" in written else {Verdict.UNKNOWN})  # there it may be the ARN of a role from elsewhere


def test_a_provider_that_is_not_known_is_said_in_words(tmp_path: Path):
    (problem,) = graph_of(tmp_path, "service: a\nprovider: ${file(gone.yml)}\n").problems
    assert problem.reason.startswith("is a Serverless Framework file whose provider is not known: the variable 'file(gone.yml)'")


def test_an_included_file_that_is_broken_makes_the_check_incomplete(tmp_path: Path):
    """A file that isn't YAML is named with its line, and nothing that it may hold passes for checked."""
    (tmp_path / "s3.yml").write_text("Resources:\n  A: [\n", encoding="utf-8")
    graph = graph_of(tmp_path, "service: a\nprovider: {name: aws}\nresources: ['${file(s3.yml)}']\n")
    broken = [problem for problem in graph.problems if problem.blocking]
    assert [(problem.where.file, problem.where.line) for problem in broken] == [(str(tmp_path / "s3.yml"), 3)]


@pytest.mark.parametrize(
    ("bucket", "made", "expected"),
    [
        ("acme-prints", "S3BucketAcmePrints", None),
        ("${env:UPLOADS_BUCKET}", "S3BucketOfMake", MediaRole.UPLOAD),
        ("${env:BUCKET}", "S3BucketOfMake", None),
        ("${env:IMG_BUCKET}", "S3BucketOfMake", MediaRole.PUBLISHED),
    ],
)
def test_a_bucket_that_an_event_makes_is_known_by_its_name_or_by_what_names_it(
    tmp_path: Path, bucket: str, made: str, expected: MediaRole | None
):
    """The framework makes the bucket of an event; a name that only the environment knows still says what it is for."""
    text = f'{HEAD}functions:\n  make:\n    handler: make.handler\n    events:\n      - s3: {{bucket: "{bucket}"}}\n'
    graph = graph_of(tmp_path, text)
    found = graph.get(made)
    assert found is not None
    role = media_role(found, Scope(), graph)
    assert (role[0] if role else None) is expected


def test_buckets_that_are_not_known_stay_two(tmp_path: Path):
    """Two events of one function on buckets that only the environment names."""
    text = f'{HEAD}functions:\n  make:\n    handler: m.h\n    events:\n      - s3: "${{env:ONE}}"\n      - s3: "${{env:TWO}}"\n      - s3: "${{env:ONE}}"\n'
    graph = graph_of(tmp_path, text)
    told = {
        bucket.address: len(bucket.get("NotificationConfiguration", "LambdaConfigurations")) for bucket in graph.of_type("AWS::S3::Bucket")
    }
    assert told == {"S3BucketOfMake": 2, "S3BucketOfMakeS31": 1}


@pytest.mark.parametrize(
    ("provider", "verdict"),
    [("  endpointType: private\n", Verdict.PASS), ("  endpointType: regional\n", Verdict.FAIL)],
)
def test_a_private_api_is_closed(tmp_path: Path, provider: str, verdict: Verdict):
    """Who may call an API at all is read from the provider's settings."""
    graph = graph_of(tmp_path, (FUNCTIONS % "").replace("  name: aws\n", f"  name: aws\n{provider}"))
    method = graph.get("PresignLambdaFunctionHttp0")
    assert method is not None
    assert rule("upload-api-authorised").evaluate(method, Context(graph, Scope(), {})).verdict is verdict


def test_files_for_other_clouds_and_without_resources_are_found_and_said(tmp_path: Path):
    """A file of the framework is never passed over in silence, whatever it holds."""
    (tmp_path / "serverless.yml").write_text("service: a\nprovider:\n  name: google\nfunctions: {}\n", encoding="utf-8")
    (graph,) = load_graphs(tmp_path)
    assert [problem.reason for problem in graph.problems] == ["is a Serverless Framework file for the provider 'google', which is not read"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("serverless.yml", "\ufeffservice: photos\nprovider: {name: aws}\n", id="byte order mark"),
        pytest.param("serverless.yml", "service: photos\rprovider: {name: aws}\r", id="carriage returns"),
        pytest.param("serverless.yml", "\"service\": photos\n'provider' : {name: aws}\n", id="quoted keys"),
        pytest.param("serverless.json", '{"service": "photos", "provider": {"name": "aws"}}', id="JSON"),
    ],
)
def test_a_service_is_known_however_it_is_written(tmp_path: Path, name: str, text: str):
    """Each is what the framework deploys; one that isn't known is passed over, with all the rights and doors in it."""
    (tmp_path / name).write_bytes(text.encode())
    assert [graph.problems for graph in load_graphs(tmp_path)] == [[]]


def test_variables_that_multiply_are_refused(tmp_path: Path):
    """Sections that repeat each other many times over end in a problem, in bounded time."""
    layers = "".join(f"  l{n}: [" + ", ".join([f"'${{self:custom.l{n + 1}}}'"] * 30) + "]\n" for n in range(6))
    graph = graph_of(tmp_path, f"service: a\ncustom:\n{layers}  l6: [x]\nprovider: {{name: aws}}\nfunctions: {{}}\n")
    assert [problem.reason for problem in graph.problems] == ["expands to too many values"]


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "aws", "${self:x}", "${file(a)}", "post /x", "http", "s3"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["http", "s3", "handler", "events", "statements", "role", "Resources", "bucket", "f"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(functions=TREES, resources=TREES, iam=TREES)
def test_any_file_gives_a_graph_or_a_problem(tmp_path_factory: pytest.TempPathFactory, functions: Any, resources: Any, iam: Any):
    """Whatever stands in the sections, reading ends in a graph."""
    import yaml

    document = {
        "service": "x",
        "provider": {"name": "aws", "iam": iam, "iamRoleStatements": iam},
        "functions": functions,
        "resources": resources,
    }
    graph = graph_of(tmp_path_factory.mktemp("sls"), yaml.safe_dump(document))
    assert isinstance(graph, Graph)


def test_what_keeps_a_function_from_running_or_hearing_is_read(tmp_path: Path):
    """A concurrency of 0, an event that is switched off and a filter decide whether a scanner ever scans."""
    body = """
        service: photos
        provider: {name: aws}
        functions:
          scan:
            handler: scan.handler
            reservedConcurrency: 0
            events:
              - sqs: {arn: !GetAtt Queue.Arn, enabled: false, filterPatterns: [{body: {kind: [media]}}]}
              - sns: {arn: !Ref Topic, filterPolicy: {kind: [media]}, filterPolicyScope: MessageBody}
        resources:
          Resources:
            Queue: {Type: AWS::SQS::Queue}
            Topic: {Type: AWS::SNS::Topic}
        """
    graph = graph_of(tmp_path, body)
    assert value(graph, "ScanLambdaFunction", "ReservedConcurrentExecutions") == 0
    (mapping,) = graph.of_type("AWS::Lambda::EventSourceMapping")
    assert (mapping.get("Enabled"), mapping.get("FilterCriteria", "Filters", 0, "Pattern")) == (False, {"body": {"kind": ["media"]}})
    (heard,) = graph.of_type("AWS::SNS::Subscription")
    assert (heard.get("FilterPolicy"), heard.get("FilterPolicyScope")) == ({"kind": ["media"]}, "MessageBody")


def test_state_machines_of_the_plugin_are_read_and_sections_of_others_are_named(tmp_path: Path):
    """They stood in what the framework packaged, which is not read beside its source: a comparison without liveness was seen by nobody."""
    machine = {
        "StartAt": "A",
        "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:rekognition:compareFaces", "End": True}},
    }
    for written in (json.dumps({"definition": machine}), '{definition: "${file(faces.json)}"}'):
        (tmp_path / "faces.json").write_text(json.dumps(machine), encoding="utf-8")
        graph = graph_of(
            tmp_path,
            f"{HEAD}stepFunctions:\n  stateMachines:\n    faces: {written}\nconstructs:\n  site: {{type: static-website}}\nmcp:\n  servers: {{}}\n",
        )
        (machines,) = graph.of_type("AWS::StepFunctions::StateMachine")
        assert machines.source.line == 10
        (asked,) = graph.of_type("Averment::Code::Function")
        assert rule("face-call-after-liveness").evaluate(asked, Context(graph)).verdict is Verdict.FAIL
        assert [problem.reason for problem in graph.problems] == [f"what is made of '{name}' is not read" for name in ("constructs", "mcp")]
    graph = graph_of(tmp_path, f"{HEAD}stepFunctions: ${{file(steps.js)}}\n")
    assert "state machines are not read" in "".join(problem.reason for problem in graph.problems)


def test_a_bucket_that_an_event_makes_is_as_the_provider_describes_it(tmp_path: Path):
    """Its name and an ACL for the public stand under provider.s3 alone: it was taken for a bucket called as the event calls it, and with a name
    of its own for another one at each event."""
    text = f"""{HEAD}  s3:
    intake:
      name: acme-uploads
      accessControl: PublicRead
      versioningConfiguration: {{Status: Enabled}}
functions:
  scan: {{handler: a.b, events: [{{s3: intake}}, {{s3: {{bucket: intake, event: "s3:ObjectRemoved:*"}}}}]}}
"""
    (bucket,) = graph_of(tmp_path, text).of_type("AWS::S3::Bucket")
    assert {key: bucket.get(key) for key in ("BucketName", "AccessControl")} == {
        "BucketName": "acme-uploads",
        "AccessControl": "PublicRead",
    }
    assert bucket.get("VersioningConfiguration", "Status") == "Enabled"
    events = [entry["Event"] for entry in bucket.get("NotificationConfiguration", "LambdaConfigurations")]
    assert events == ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (", deadLetterQueueArn: !GetAtt [Dead, Arn]", ""),
        (", deadLetterQueueArn: !GetAtt [Dead, Arn], enabled: true", ""),
        (", deadLetterQueueArn: !GetAtt [Dead, Arn], enabled: false", "it is disabled"),
        (", deadLetterQueueArn: !GetAtt [Dead, Arn], enabled: '${ssm:/on}'", "the state of"),
        ("", "it has no dead-letter queue"),
    ],
)
def test_a_rule_of_eventbridge_is_as_its_event_says(tmp_path: Path, more: str, said: str):
    """One that is switched off told the scanner all the same, and its dead-letter queue was seen nowhere."""
    text = f"""{HEAD}functions:
  scan: {{handler: a.b, events: [{{eventBridge: {{pattern: {{source: [aws.s3]}}{more}}}}}]}}
resources:
  Resources:
    Dead: {{Type: AWS::SQS::Queue}}
    Uploads:
      Type: AWS::S3::Bucket
      Properties:
        BucketName: acme-uploads
        NotificationConfiguration: {{EventBridgeConfiguration: {{EventBridgeEnabled: true}}}}
"""
    graph = graph_of(tmp_path, text)
    (bucket,) = graph.of_type("AWS::S3::Bucket")
    outcome = rule("media-bucket-events-scanned").evaluate(bucket, Context(graph))
    assert (outcome.verdict is Verdict.PASS) is (not said), outcome
    assert said in outcome.message


def test_extensions_change_what_the_framework_makes(tmp_path: Path):
    """A role that may do everything, and an ACL for the public, stand there alone; they were passed over."""
    text = f"""{HEAD}functions:
  scan: {{handler: a.b}}
resources:
  Resources:
    B:
      Type: AWS::S3::Bucket
      DeletionPolicy: Delete
      Properties: {{BucketName: acme-uploads, AccessControl: Private}}
  extensions:
    B:
      DeletionPolicy: Retain
      Properties: {{AccessControl: PublicRead}}
    IamRoleLambdaExecution:
      Properties: {{RoleName: all}}
    Gone: {{Properties: {{}}}}
"""
    graph = graph_of(tmp_path, text)
    assert value(graph, "B", "AccessControl") == "PublicRead"
    assert value(graph, "B", "BucketName") == "acme-uploads"
    assert value(graph, "IamRoleLambdaExecution", "RoleName") == "all"
    assert value(graph, "IamRoleLambdaExecution", "AssumeRolePolicyDocument") is not None
    bucket = graph.get("B")
    assert bucket is not None
    assert bucket.where("AccessControl").line == next(line for line, words in enumerate(text.splitlines(), 1) if "PublicRead" in words)
    assert [problem.reason for problem in graph.problems] == ["the extension of 'Gone' is not read"]
    graph = graph_of(tmp_path, text.partition("  extensions:")[0] + "  extensions: ${ssm:/extensions}\n")
    assert [(problem.reason, problem.blocking) for problem in graph.problems] == [("extensions of resources are not read", False)]


STATEMENT = "{Effect: Allow, Action: 's3:PutObject', Resource: '*'}"
OWN = f"iam: {{role: {{statements: [{STATEMENT}], managedPolicies: [arn:own]}}}}"


@pytest.mark.parametrize(
    ("provider", "function", "role", "actions", "managed"),
    [
        ("{}", OWN, "ScanIamRoleLambdaExecution", ["s3:PutObject"], ["arn:own"]),
        (
            "{}",
            OWN.replace("iam: {", "iam: {inheritStatements: true, "),
            "ScanIamRoleLambdaExecution",
            ["a:b", "s3:PutObject"],
            ["arn:own"],
        ),
        ("{mode: perFunction}", OWN, "ScanIamRoleLambdaExecution", ["a:b", "s3:PutObject"], ["arn:all", "arn:own"]),
        ("{mode: perFunction}", "iam: {inheritStatements: false}", "ScanIamRoleLambdaExecution", [], ["arn:all"]),
        ("{mode: perFunction}", "memorySize: 128", "ScanIamRoleLambdaExecution", ["a:b"], ["arn:all"]),
        ("{}", "memorySize: 128", "IamRoleLambdaExecution", ["a:b"], ["arn:all"]),
        ("{}", "iam: {role: {path: /x/}}", "IamRoleLambdaExecution", ["a:b"], ["arn:all"]),
        ("{}", "iam: {role: '${file(role.js)}'}", "ScanIamRoleLambdaExecution", [None], []),
    ],
)
def test_a_function_has_a_role_of_its_own_as_version_4_makes_it(
    tmp_path: Path, provider: str, function: str, role: str, actions: list[str | None], managed: list[str]
):
    """What one function alone may do stood in ``iam.role`` of it, and was seen nowhere; with ``perFunction`` none shares a role."""
    given = provider.strip("{}")
    shared = (
        "{"
        + ", ".join(filter(None, [given, "statements: [{Effect: Allow, Action: 'a:b', Resource: '*'}], managedPolicies: [arn:all]"]))
        + "}"
    )
    text = f"{HEAD}  iam: {{role: {shared}}}\nfunctions:\n  scan: {{handler: a.b, {function}}}\n"
    graph = graph_of(tmp_path, text)
    assert value(graph, "ScanLambdaFunction", "Role") == Reference(role, "Arn")
    assert [one.address for one in graph.of_type("AWS::IAM::Role")] == [role]
    statements = value(graph, role, "Policies", 0, "PolicyDocument", "Statement")
    assert [None if isinstance(one, Unknown) else one["Action"] for one in statements] == actions
    assert value(graph, role, "ManagedPolicyArns") == managed
    assert bool(graph.problems) is (None in actions)


@pytest.mark.parametrize(
    ("where", "named"), [("role: arn:aws:iam::123456789012:role/x", ""), ("", "role: arn:aws:iam::123456789012:role/x")]
)
def test_a_role_that_is_named_takes_the_place_of_all_others(tmp_path: Path, where: str, named: str):
    """Then the framework makes none, whatever else is written."""
    provider = f"  {where}\n" if where else "  iam: {role: {mode: perFunction}}\n"
    text = f"{HEAD}{provider}functions:\n  scan: {{handler: a.b, {', '.join(filter(None, [OWN, named]))}}}\n"
    graph = graph_of(tmp_path, text)
    assert value(graph, "ScanLambdaFunction", "Role") == "arn:aws:iam::123456789012:role/x"
