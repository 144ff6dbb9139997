"""Nested stacks: read with their parent's arguments, once, within bounds, and what of them can't be read is said.

Origin of the data: written for these tests; ``cdk.out`` has the shape that ``cdk synth`` of aws-cdk-lib 2 writes for a ``NestedStack``.
"""

from __future__ import annotations

import json
import textwrap
import time
from pathlib import Path

import pytest

from averment.controls.loader import load_catalogue
from averment.core.organisation import Organisation
from averment.core.words import Verdict
from averment.policies.engine import CheckResult, check
from averment.policies.fixing.apply import mended
from averment.policies.graph.model import Graph, Reference, Resource, Unknown
from averment.policies.rules.registry import all_rules
from averment.policies.surfaces.cloudformation import stacks
from averment.policies.surfaces.registry import load_graphs


def write(folder: Path, **files: str) -> Path:
    """Each text into ``<name>.yaml``; ``a__b`` is ``a/b``."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


def graph_of(folder: Path) -> Graph:
    (graph,) = load_graphs(folder)
    return graph


def resource(graph: Graph, address: str) -> Resource:
    found = graph.get(address)
    assert found is not None, [item.address for item in graph]
    return found


def checked(folder: Path) -> CheckResult:
    return check([folder], all_rules(), Organisation(root=folder), load_catalogue())


ROOT = """
Parameters:
  Env: {Type: String}
  Stage: {Type: String, Default: prod}
Resources:
  Storage:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: ./stacks/storage.yaml
      Parameters:
        Name: !Sub "${Stage}-uploads"
        Suffix: !Ref Env
        Zones: !Join [",", [a, b]]
"""
STORAGE = """
Parameters:
  Name: {Type: String, Default: nothing}
  Suffix: {Type: String}
  Acl: {Type: String, Default: Private}
  Own: {Type: String}
  Zones: {Type: CommaDelimitedList}
Conditions:
  Real: !Equals [!Ref Name, prod-uploads]
Resources:
  Data:
    Type: AWS::S3::Bucket
    Condition: Real
    Properties:
      BucketName: !Ref Name
      AccessControl: !Ref Acl
      Tags:
        - {Key: suffix, Value: !Ref Suffix}
        - {Key: own, Value: !Ref Own}
        - {Key: zone, Value: !Select [1, !Ref Zones]}
        - {Key: stack, Value: !Ref "AWS::StackName"}
Outputs:
  Bucket: {Value: !Ref Data}
  Arn: {Value: !GetAtt Data.Arn}
"""


def test_a_nested_stack_is_read_with_its_parents_arguments(tmp_path: Path):
    """Literals and what resolves are passed down, what doesn't stays unknown with the reason, and defaults stand in for the rest."""
    graph = graph_of(write(tmp_path, root=ROOT, stacks__storage=STORAGE))
    assert [item.address for item in graph] == ["Storage", "Storage.Data"]
    data = resource(graph, "Storage.Data")
    assert data.get("BucketName") == "prod-uploads"
    assert data.get("AccessControl") == "Private"
    assert data.tags["zone"] == "b"
    assert data.tags["stack"] == "${AWS::StackName}-Storage"
    assert data.get("Tags", 0, "Value") == Unknown("parameter 'Env' has no default", "${Env}")
    assert data.get("Tags", 1, "Value") == Unknown("parameter 'Own' has no default", "${Storage.Own}")
    assert data.where("BucketName").file == str(tmp_path / "stacks" / "storage.yaml")
    assert graph.problems == []


USING = """
  Rights:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: stacks/rights.yaml
      Parameters: {Bucket: !GetAtt Storage.Outputs.Bucket, Arn: !GetAtt Storage.Outputs.Arn}
  Lost:
    Type: AWS::S3::BucketPolicy
    Properties: {Bucket: !GetAtt Storage.Outputs.Nothing, PolicyDocument: {}}
"""
RIGHTS = """
Parameters:
  Bucket: {Type: String}
  Arn: {Type: String}
Resources:
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Bucket
      PolicyDocument:
        Statement: {Effect: Allow, Principal: "*", Action: "s3:PutObject", Resource: !Sub "${Arn}/*"}
"""


def test_what_one_stack_puts_out_another_is_given(tmp_path: Path):
    """A policy in one nested stack on the bucket of another is judged as if they stood side by side."""
    folder = write(tmp_path, root=ROOT + USING, stacks__storage=STORAGE, stacks__rights=RIGHTS)
    graph = graph_of(folder)
    policy = resource(graph, "Rights.Policy")
    assert policy.get("Bucket") == Reference("Storage.Data")
    assert policy.get("PolicyDocument", "Statement", "Resource") == Reference("Storage.Data", "Arn", "/*")
    lost = graph.target(resource(graph, "Lost").get("Bucket"))
    assert isinstance(lost, Resource)
    assert lost.get("BucketName") == Unknown("the nested stack Storage puts out no Nothing")
    found = [finding for finding in checked(folder).failures if finding.rule == "s3-put-object-gated"]
    assert [(finding.resource, finding.where.file) for finding in found] == [("Rights.Policy", str(tmp_path / "stacks" / "rights.yaml"))]


def test_a_template_that_is_called_twice_is_judged_with_each_calls_arguments(tmp_path: Path):
    """Each call has resources of its own; the template isn't judged with its defaults as well."""
    child = """
        Parameters:
          Acl: {Type: String, Default: PublicReadWrite}
        Resources:
          Uploads:
            Type: AWS::S3::Bucket
            Properties: {AccessControl: !Ref Acl}
        """
    call = "  {0}: {{Type: AWS::CloudFormation::Stack, Properties: {{TemplateURL: child.yaml, Parameters: {{Acl: {1}}}}}}}\n"
    folder = write(tmp_path, child=child, root="Resources:\n" + call.format("Open", "PublicReadWrite") + call.format("Shut", "Private"))
    found = [finding for finding in checked(folder).findings if finding.rule == "s3-put-object-gated"]
    assert {finding.resource: finding.verdict for finding in found} == {"Open.Uploads": Verdict.FAIL, "Shut.Uploads": Verdict.PASS}


def test_an_application_is_a_nested_stack(tmp_path: Path):
    """SAM names its place by Location and a repository's application by a map; functions and connectors in it are expanded."""
    child = """
        Transform: AWS::Serverless-2016-10-31
        Parameters:
          Table: {Type: String}
        Resources:
          Uploads: {Type: AWS::S3::Bucket}
          Fn:
            Type: AWS::Serverless::Function
            Properties: {Handler: a.b, Runtime: python3.12, Environment: {Variables: {TABLE: !Ref Table}}}
          Link:
            Type: AWS::Serverless::Connector
            Properties: {Source: {Id: Fn}, Destination: {Id: Uploads}, Permissions: [Write]}
        """
    root = """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          App: {Type: AWS::Serverless::Application, Properties: {Location: ./child.yaml, Parameters: {Table: faces}}}
          Shop: {Type: AWS::Serverless::Application, Properties: {Location: {ApplicationId: "arn:aws:x", SemanticVersion: 1.0.0}}}
        """
    graph = graph_of(write(tmp_path, child=child, root=root))
    assert resource(graph, "App.Fn").get("Environment", "Variables") == {"TABLE": "faces"}
    assert resource(graph, "App.Fn").get("Role") == Reference("App.FnRole", "Arn")
    (policy,) = graph.of_type("AWS::IAM::ManagedPolicy")
    assert policy.get("Roles") == [Reference("App.FnRole")]
    assert policy.get("PolicyDocument", "Statement", 0, "Resource", 0) == Reference("App.Uploads", "Arn")
    assert [problem.reason for problem in graph.problems] == ["the nested stack's template (elsewhere) is not read"]


HASH = "367e4c3b0f30a2ed59a8f313fdd0e997636781c46b863f16eba8d1b3fb1c1246"


@pytest.mark.parametrize("named_by", ["metadata", "manifest"])
def test_stacks_of_the_cdk_are_found_by_their_assets(tmp_path: Path, named_by: str):
    """Their TemplateURL is a place in a bucket; the file beside is named by the metadata, or by the manifest of the stack's assets."""
    url = {
        "Fn::Sub": f"https://s3.${{AWS::Region}}.${{AWS::URLSuffix}}/cdk-hnb659fds-assets-${{AWS::AccountId}}-${{AWS::Region}}/{HASH}.json"
    }
    stack = {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {"TemplateURL": url, "Parameters": {"referencetoAppBucket83908E77Ref": {"Ref": "Bucket83908E77"}}},
    }
    if named_by == "metadata":
        stack["Metadata"] = {"aws:asset:path": "AppNested0000.nested.template.json", "aws:asset:property": "TemplateURL"}
    else:
        files = {HASH: {"source": {"path": "AppNested0000.nested.template.json", "packaging": "file"}}}
        (tmp_path / "App.assets.json").write_text(json.dumps({"version": "55.0.0", "files": files}))
    parent = {
        "Resources": {
            "Bucket83908E77": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "acme-uploads"}},
            "NestedNestedStackNestedNestedStackResource0000": stack,
        }
    }
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}
    nested = {
        "Resources": {
            "Policy23B91518": {
                "Type": "AWS::S3::BucketPolicy",
                "Properties": {
                    "Bucket": {"Ref": "referencetoAppBucket83908E77Ref"},
                    "PolicyDocument": {"Statement": [statement], "Version": "2012-10-17"},
                },
            }
        },
        "Parameters": {"referencetoAppBucket83908E77Ref": {"Type": "String"}},
    }
    (tmp_path / "App.template.json").write_text(json.dumps(parent, indent=1))
    (tmp_path / "AppNested0000.nested.template.json").write_text(json.dumps(nested, indent=1))
    graph = graph_of(tmp_path)
    assert graph.problems == []
    (policy,) = graph.of_type("AWS::S3::BucketPolicy")
    assert graph.target(policy.get("Bucket")) is resource(graph, "Bucket83908E77")
    assert "quarantine-not-served" in {finding.rule for finding in checked(tmp_path).failures}


def test_a_call_that_is_not_made_leaves_the_template_to_itself(tmp_path: Path):
    """Under a condition that is false, or beyond what may be read, nested templates are judged with their defaults, never lost."""
    root = """
        Conditions: {Never: !Equals [a, b]}
        Resources:
          Not: {Type: AWS::CloudFormation::Stack, Condition: Never, Properties: {TemplateURL: child.yaml}}
        """
    write(tmp_path, root=root, child="Resources:\n  B: {Type: AWS::S3::Bucket}\n")
    assert sorted(item.address for graph in load_graphs(tmp_path) for item in graph) == ["B"]


def test_circles_are_refused_aloud(tmp_path: Path):
    """Stacks that call each other can't be deployed; none of their templates is lost, and the run isn't complete."""
    call = "Resources:\n  {0}Bucket: {{Type: AWS::S3::Bucket}}\n  {0}: {{Type: AWS::CloudFormation::Stack, Properties: {{TemplateURL: {1}.yaml}}}}\n"
    write(tmp_path, a=call.format("ToB", "b"), b=call.format("ToA", "a"), self=call.format("Me", "self"))
    graphs = list(load_graphs(tmp_path))
    assert [[item.address for item in graph] for graph in graphs] == [
        ["ToBBucket", "ToB", "ToB.ToABucket", "ToB.ToA"],
        ["MeBucket", "Me"],
    ]
    problems = [problem for graph in graphs for problem in graph.problems]
    assert ["a.yaml -> b.yaml -> a.yaml" in problems[0].reason, "self.yaml -> self.yaml" in problems[1].reason] == [True, True]
    assert all(problem.blocking for problem in problems)


def test_stacks_beyond_the_bounds_are_refused_aloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A tree that doubles at each level ends, and says that it wasn't read in full."""
    monkeypatch.setattr(stacks, "MAX_STACKS", 20)
    twice = "".join(
        f"  {name}: {{{{Type: AWS::CloudFormation::Stack, Properties: {{{{TemplateURL: {{0}}.yaml}}}}}}}}\n" for name in ("L", "R")
    )
    files = {f"s{level}": "Resources:\n" + twice.format(f"s{level + 1}") for level in range(8)}
    graph = graph_of(write(tmp_path, **files, s8="Resources:\n  B: {Type: AWS::S3::Bucket}\n"))
    refused = [problem for problem in graph.problems if "more than 20 nested stacks" in problem.reason]
    assert refused
    assert refused[0].blocking


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("https://b.s3.amazonaws.com/x.yaml", "(https://b.s3.amazonaws.com/x.yaml) is not read"),
        ('!Sub "https://${B}.s3.amazonaws.com/x.yaml"', "(elsewhere) is not read"),
        ("missing.yaml", "(missing.yaml: there is no such file) is not read"),
        ("../outside.yaml", "(../outside.yaml: it is outside of in) is not read"),
    ],
)
def test_templates_out_of_reach_are_said(tmp_path: Path, place: str, said: str):
    """One that lies elsewhere, isn't there, or stands above what is checked: named, and never read."""
    write(tmp_path, outside="Resources:\n  B: {Type: AWS::S3::Bucket}\n")
    root = f"Parameters: {{B: {{Type: String}}}}\nResources:\n  S: {{Type: AWS::CloudFormation::Stack, Properties: {{TemplateURL: {place}}}}}\n"
    graph = graph_of(write(tmp_path / "in", root=root))
    assert [item.address for item in graph] == ["S"]
    (problem,) = graph.problems
    assert said in problem.reason
    assert (problem.blocking, problem.where.line) == (False, 3)


@pytest.mark.parametrize("properties", ["!Transform {Name: 'AWS::Include', Parameters: {Location: s3://b/p.yaml}}", "!Ref Properties", "5"])
def test_a_nested_stack_whose_properties_cannot_be_told_is_said(tmp_path: Path, properties: str):
    """What another file gives it may say where its template is: the check ended with a flaw of the program."""
    root = f"Resources:\n  S: {{Type: AWS::CloudFormation::Stack, Properties: {properties}}}\n"
    graph = graph_of(write(tmp_path, root=root))
    assert "the nested stack's template (elsewhere) is not read" in [problem.reason for problem in graph.problems]


@pytest.mark.parametrize("text", ["", "\n# to come\n"])
def test_a_nested_template_without_anything_in_it_is_said(text: str, tmp_path: Path):
    """It ended the check with a flaw of the program."""
    write(tmp_path, root="Resources: {Child: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: child.yaml}}}", child=text)
    assert [(problem.reason, problem.blocking) for problem in checked(tmp_path).problems] == [
        ("is not a template: the top is not a map", True)
    ]


def test_a_nested_template_that_is_broken_is_said_once(tmp_path: Path):
    """In its own file, blocking, and the rest is read."""
    root = "Resources:\n  S: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: child.yaml}}\n  B: {Type: AWS::S3::Bucket}\n"
    write(tmp_path, root=root, child="AWSTemplateFormatVersion: '2010-09-09'\nResources: [\n")
    graphs = list(load_graphs(tmp_path))
    assert [item.address for graph in graphs for item in graph] == ["S", "B"]
    problems = [problem for graph in graphs for problem in graph.problems]
    assert [(problem.where.file, problem.blocking) for problem in problems] == [(str(tmp_path / "child.yaml"), True)]


@pytest.mark.parametrize(
    "kind", ["AWS::CloudFormation::StackSet", "Acme::S3::Uploads::MODULE", "AWS::Serverless::WebSocketApi", "AWS::Serverless::GraphQLApi"]
)
def test_what_makes_resources_elsewhere_is_said(tmp_path: Path, kind: str):
    """Stack sets, CloudFormation's modules, and types of SAM that no one has taught it yet: an API for uploads was passed over."""
    (problem,) = graph_of(write(tmp_path, t=f"Resources:\n  X: {{Type: {kind}}}\n  B: {{Type: AWS::S3::Bucket}}\n")).problems
    assert problem.reason == f"X: what {kind} makes is not read from here"
    assert not problem.blocking


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("AWS::S3::AccessGrant", "who reads and writes objects by S3 Access Grants is not judged"),
        ("AWS::SSO::PermissionSet", "what people may do by permission sets of IAM Identity Center is not judged"),
        ("AWS::Lightsail::Bucket", "who reads and writes the objects of buckets of Lightsail is not judged"),
        ("AWS::S3Express::DirectoryBucket", "who reads and writes the objects of directory buckets (S3 Express One Zone) is not judged"),
        ("AWS::IVS::RecordingConfiguration", "whether anybody looks at what is recorded of live streams before it is shown is not judged"),
        (
            "AWS::ElasticLoadBalancingV2::TargetGroup, Properties: {TargetType: lambda}",
            "who calls functions behind a load balancer is not judged",
        ),
        (
            "AWS::SES::ReceiptRule, Properties: {Rule: {Actions: [{S3Action: {BucketName: b}}]}}",
            "whether anybody looks at what comes by mail (Amazon SES) before it is shown is not judged",
        ),
        (  # whether it keeps what comes hangs on the deployment
            "AWS::SES::ReceiptRule, Properties: {Rule: {Actions: {'Fn::If': [Live, [{S3Action: {BucketName: b}}], []]}}}",
            "whether anybody looks at what comes by mail (Amazon SES) before it is shown is not judged",
        ),
    ],
)
def test_grants_that_no_policy_shows_are_said(tmp_path: Path, kind: str, said: str):
    """S3 Access Grants let people in beside every policy, permission sets beside every role that is written down."""
    given = "Parameters: {Live: {Type: String}}\nConditions: {Live: !Equals [!Ref Live, 'yes']}\n"
    (problem,) = graph_of(write(tmp_path, t=f"{given}Resources:\n  X: {{Type: {kind}}}\n")).problems
    assert problem.reason == f"X: {said}"
    assert not problem.blocking


def test_a_parent_that_is_named_alone_says_what_stands_beside(tmp_path: Path):
    """Its nested stacks are context, as the rest of a Terraform module is; that something was found in them is said."""
    child = "Parameters: {Acl: {Type: String}}\nResources:\n  Uploads: {Type: AWS::S3::Bucket, Properties: {AccessControl: !Ref Acl}}\n"
    root = "Resources:\n  S: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: child.yaml, Parameters: {Acl: PublicRead}}}\n"
    result = checked(write(tmp_path, child=child, root=root) / "root.yaml")
    assert result.findings == ()
    (note,) = [note for note in result.notes if "in other files" in note]
    number = sum(finding.verdict in {Verdict.FAIL, Verdict.UNKNOWN} for finding in checked(tmp_path).findings)
    assert (
        note == f"{number} failures and unknowns are in other files that belong to {tmp_path / 'root.yaml'}; check its folder to see them"
    )


def test_a_fix_is_written_into_the_nested_template(tmp_path: Path):
    """The resource is found there by its logical id."""
    child = "Resources:\n  Uploads:\n    Type: AWS::S3::Bucket\n    Properties:\n      BucketName: acme-uploads\n"
    root = "Resources:\n  S: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: child.yaml}}\n"
    folder = write(tmp_path, child=child, root=root)
    (found,) = [finding for finding in checked(folder).failures if finding.rule == "media-bucket-hardened"]
    assert found.resource == "S.Uploads"
    mending = mended(found.edits, [tmp_path], time.time())
    assert mending.refused == []
    assert [(file.file, b"VersioningConfiguration:\n        Status: Enabled\n" in file.after) for file in mending.files] == [
        (tmp_path / "child.yaml", True)
    ]
