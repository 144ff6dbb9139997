"""CloudFormation and SAM templates become graphs: intrinsics evaluated, lines kept, hostile files refused aloud."""

from __future__ import annotations

import contextlib
import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from averment.core.errors import BadInputError
from averment.policies.graph.model import Graph, Reference, Resource, Unknown, find_unknown
from averment.policies.surfaces.cloudformation.parsing import parse_template
from averment.policies.surfaces.cloudformation.sam_policies import policy_template
from averment.policies.surfaces.cloudformation.template import read_template


def graph_of(folder: Path, text: str, name: str = "template.yaml") -> Graph:
    path = folder / name
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return read_template(path)


def resource(graph: Graph, address: str) -> Resource:
    found = graph.get(address)
    assert found is not None, graph.problems
    return found


HEAD = """
Parameters:
  Env: {Type: String, Default: dev}
  Open: {Type: String}
  Zones: {Type: CommaDelimitedList, Default: "a, b"}
Mappings:
  Sizes: {dev: {n: 1}, prod: {n: 9}}
Conditions:
  IsProd: !Equals [!Ref Env, prod]
  NotProd: !Not [!Condition IsProd]
  Either: !Or [!Condition IsProd, !Condition NotProd]
  Asks: !Equals [!Ref Open, x]
  Loop: !Not [!Condition Loop]
Resources:
  B: {Type: "AWS::S3::Bucket"}
  T:
    Type: X::Y::Z
    Properties:
      V: """


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("!Ref Env", "dev"),
        ("!Ref Zones", ["a", "b"]),
        ("!Ref B", Reference("B")),
        ("!GetAtt B.Arn", Reference("B", "Arn")),
        ("{'Fn::GetAtt': [B, Arn]}", Reference("B", "Arn")),
        ('!Sub "${B.Arn}/*"', Reference("B", "Arn", "/*")),
        ('!Sub "arn:aws:s3:::${B}/${Env}/*"', Reference("B", "Ref", "/dev/*", "arn:aws:s3:::")),
        ('!Sub ["${x}-${!keep}", {x: !Ref Env}]', "dev-${keep}"),
        ('!Sub "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"', "arn:aws:iam::${AWS::AccountId}:root"),
        ('!Join ["-", [a, !Ref Env, c]]', "a-dev-c"),
        ("!If [IsProd, yes-value, no-value]", "no-value"),
        ("!If [Either, 1, 2]", 1),
        ("!If [Asks, same, same]", "same"),
        ("[!If [IsProd, a, !Ref 'AWS::NoValue'], b]", ["b"]),
        ("!FindInMap [Sizes, !Ref Env, n]", 1),
        ("!FindInMap [Sizes, !Ref Env, m, DefaultValue: !Ref Env]", "dev"),
        ("!FindInMap [Sizes, !Ref Env, n, DefaultValue: 5]", 1),
        ("{Ref: {'Fn::Sub': 'B'}}", Reference("B")),
        ("{'Fn::GetAtt': [{'Fn::Sub': 'B'}, Arn]}", Reference("B", "Arn")),
        ("{'Fn::ForEach::X': [K, [a, b], {'Key${K}': !Ref Env}], Other: 1}", {"Keya": "dev", "Keyb": "dev", "Other": 1}),
        ("!Select [1, !Split ['.', 'x.y.z']]", "y"),
        ("!Base64 text", "text"),
        ("'true'", True),
        ("2012-10-17", "2012-10-17"),
    ],
)
def test_intrinsics_have_their_values(tmp_path: Path, written: str, expected: Any):
    """Intrinsics in both spellings, with parameters at their defaults; links stay links."""
    assert resource(graph_of(tmp_path, HEAD + written + "\n"), "T").get("V") == expected


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("!Ref Open", "parameter 'Open' has no default"),
        ("!Ref Nobody", "neither a parameter nor a resource"),
        ("!If [Asks, 1, 2]", "condition 'Asks'"),
        ("!If [Loop, 1, 2]", "depends on itself"),
        ("!ImportValue x", "another stack"),
        ("!FindInMap [Sizes, !Ref 'AWS::Region', n]", "depends on the deployment"),
        ("!FindInMap [Sizes, no, n]", "no entry"),
        ('!Sub "${B}-${T}"', "several resources"),
        ("{'Fn::Transform': {Name: x}}", "macro"),
        ("{'Fn::Newest': x}", "not evaluated"),
        ("{'Fn::ForEach::X': [K, !Ref Open, {'Key${K}': 1}], Other: 1}", "parameter 'Open' has no default"),
        ("!Select [5, [a]]", "outside"),
    ],
)
def test_what_only_a_deployment_knows_is_unknown_with_its_reason(tmp_path: Path, written: str, reason: str):
    """Nothing is guessed: each value that a template alone can't tell says why."""
    found = resource(graph_of(tmp_path, HEAD + written + "\n"), "T").get("V")
    assert isinstance(found, Unknown)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("written", "template"),
    [
        ("!If [Asks, photos, !Sub 'photos-${Open}']", "photos${?}"),
        ("!If [Asks, !Sub '${B}.s3.amazonaws.com', !Sub '${B}.s3.${AWS::Region}.amazonaws.com']", "${B.Ref}.s3.${?}"),
        ("!If [Asks, !Sub '${B}-a', !Sub '${B.Arn}-b']", None),
        ("!If [Asks, one, two]", None),
        ("!If [Asks, photos, {a: b}]", None),
    ],
)
def test_what_both_branches_begin_with_is_known(tmp_path: Path, written: str, template: str | None):
    """Of a text that a deployment chooses, the beginning that both have tells what it is for; half a link is none."""
    found = resource(graph_of(tmp_path, HEAD + written + "\n"), "T").get("V")
    assert isinstance(found, Unknown)
    assert found.template == template


def test_booleans_are_booleans_however_they_are_spelt(tmp_path: Path):
    """A boolean in quotes is one, in capitals too; text within tags stays text."""
    properties = "{V: 'TRUE', W: 'False', Tags: [{Key: a, Value: 'TRUE'}]}"
    graph = graph_of(tmp_path, f"Resources:\n  T: {{Type: X::Y::Z, Properties: {properties}}}\n")
    assert resource(graph, "T").properties == {"V": True, "W": False, "Tags": [{"Key": "a", "Value": "TRUE"}]}


def test_places_are_those_of_the_properties(tmp_path: Path):
    """A finding points at the property's own line; a resource's place is its whole block."""
    graph = graph_of(
        tmp_path,
        """\
        AWSTemplateFormatVersion: "2010-09-09"
        Resources:
          Uploads:
            # averment:waive=SM-UPL-03 until=2030-01-01
            Type: AWS::S3::Bucket
            Properties:
              Tags:
                - Key: data-class
                  Value: ugc
              VersioningConfiguration: {Status: Enabled}

          Next: {Type: "AWS::SQS::Queue"}
        """,
    )
    bucket = resource(graph, "Uploads")
    assert (bucket.source.line, bucket.source.end_line) == (3, 10)
    assert bucket.where("Tags", 0).line == 8
    assert bucket.where("VersioningConfiguration", "Status").line == 10
    assert bucket.comments == ("averment:waive=SM-UPL-03 until=2030-01-01",)
    assert resource(graph, "Next").source.line == 12


def test_json_templates_are_read_with_lines_and_tabs(tmp_path: Path):
    """JSON goes through the same reader, tabs and all, and skips stand in Metadata there."""
    text = '{\n\t"Resources": {\n\t\t"B": {\n\t\t\t"Type": "AWS::S3::Bucket",\n\t\t\t"Metadata": {"checkov": {"skip": [{"id": "X", "comment": "why"}]}}\n\t\t}\n\t}\n}\n'
    bucket = resource(graph_of(tmp_path, text, "template.json"), "B")
    assert (bucket.source.line, bucket.source.end_line) == (3, 6)
    assert bucket.comments == ("checkov:skip=X:why",)


def test_policy_documents_are_parsed_and_keep_their_spelling(tmp_path: Path):
    """A document written as text is parsed; "true" inside a condition stays the string that IAM compares."""
    document = json.dumps({"Statement": [{"Effect": "Allow", "Condition": {"Null": {"k": "true"}}}]})
    graph = graph_of(tmp_path, HEAD + f"x\n  P:\n    Type: AWS::S3::BucketPolicy\n    Properties:\n      PolicyDocument: '{document}'\n")
    assert resource(graph, "P").get("PolicyDocument", "Statement", 0, "Condition", "Null", "k") == "true"


def test_sam_functions_become_what_the_transform_makes(tmp_path: Path):
    """A SAM function brings its role with every policy, its events' rules, and the bucket's notification."""
    graph = graph_of(
        tmp_path,
        """
        Transform: AWS::Serverless-2016-10-31
        Globals: {Function: {Runtime: python3.12}}
        Resources:
          Up: {Type: "AWS::S3::Bucket"}
          Fn:
            Type: AWS::Serverless::Function
            Properties:
              Handler: a.b
              Policies:
                - AmazonS3FullAccess
                - S3WritePolicy: {BucketName: !Ref Up}
                - MadeUpPolicy: {}
              Events:
                New: {Type: S3, Properties: {Bucket: !Ref Up, Events: "s3:ObjectCreated:*"}}
                Bus: {Type: EventBridgeRule, Properties: {Pattern: {source: [aws.s3]}}}
                Web: {Type: Api, Properties: {Path: /up, Method: post}}
                Odd: {Type: Unheard, Properties: {}}
        """,
    )
    role = resource(graph, "FnRole")
    assert role.get("ManagedPolicyArns", 1) == "arn:aws:iam::aws:policy/AmazonS3FullAccess"
    assert role.get("Policies", 0, "PolicyDocument", "Statement", 0, "Resource") == [Reference("Up", "Arn"), Reference("Up", "Arn", "/*")]
    assert isinstance(role.get("Policies", 1, "PolicyDocument", "Statement", 0), Unknown)
    assert resource(graph, "Fn").type == "AWS::Lambda::Function"
    assert resource(graph, "Fn").get("Runtime") == "python3.12"
    assert graph.target(resource(graph, "Fn").get("Role")) is role
    assert resource(graph, "Up").get("NotificationConfiguration", "LambdaConfigurations", 0, "Function") == Reference("Fn", "Arn")
    assert resource(graph, "FnBus").get("Targets", 0, "Arn") == Reference("Fn", "Arn")
    assert resource(graph, "FnWeb").get("AuthorizationType") == "NONE"
    assert [problem.reason for problem in graph.problems] == ["SAM event 'Odd' of type Unheard is not expanded"]


@pytest.mark.parametrize(
    "written",
    [
        "!If [Live, {}, !Ref 'AWS::NoValue']",
        "{LambdaConfigurations: !If [Live, [], !Ref 'AWS::NoValue']}",
        "[5]",
        "{LambdaConfigurations: 5}",
    ],
)
def test_an_event_of_sam_beside_notifications_that_cannot_be_told(tmp_path: Path, written: str):
    """They stay open: that they hang on a condition broke the reading of the whole template off."""
    graph = graph_of(
        tmp_path,
        f"""
        Transform: AWS::Serverless-2016-10-31
        Parameters: {{P: {{Type: String}}}}
        Conditions: {{Live: !Equals [!Ref P, live]}}
        Resources:
          Up: {{Type: "AWS::S3::Bucket", Properties: {{NotificationConfiguration: {written}}}}}
          Fn:
            Type: AWS::Serverless::Function
            Properties: {{Handler: a.b, Events: {{New: {{Type: S3, Properties: {{Bucket: !Ref Up, Events: "s3:ObjectCreated:*"}}}}}}}}
        """,
    )
    assert isinstance(resource(graph, "Up").get("NotificationConfiguration"), Unknown)


def test_an_event_of_sam_whose_words_are_open_is_said(tmp_path: Path):
    """An authorizer that hangs on a condition, NONE in one case, passed for one that asks; a list in the place of a word broke the check off."""
    graph = graph_of(
        tmp_path,
        """
        Transform: AWS::Serverless-2016-10-31
        Parameters: {P: {Type: String}}
        Conditions: {Live: !Equals [!Ref P, live]}
        Resources:
          Fn:
            Type: AWS::Serverless::Function
            Properties:
              Handler: a.b
              Events:
                Odd: {Type: [S3], Properties: {}}
                If: {Type: Api, Properties: {Path: /a, Method: post, Auth: {Authorizer: !If [Live, Users, NONE]}}}
                List: {Type: HttpApi, Properties: {Path: /b, Method: post, Auth: {Authorizer: [Users]}}}
                None: {Type: Api, Properties: {Path: /c, Method: post, Auth: {Authorizer: null}}}
        """,
    )
    assert [problem.reason for problem in graph.problems] == ["SAM event 'Odd' of type ['S3'] is not expanded"]
    assert isinstance(resource(graph, "FnIf").get("AuthorizationType"), Unknown)
    assert isinstance(resource(graph, "FnList").get("AuthorizationType"), Unknown)
    assert resource(graph, "FnNone").get("AuthorizationType") == "NONE"


@pytest.mark.parametrize(
    "name", ["StepFunctionsExecutionPolicy_v2", "StepFunctionsCallbackPolicy", "SESBulkTemplatedCrudPolicy_v2", "KMSEncryptPolicy_v2"]
)
def test_sam_policy_templates_are_known_in_their_later_versions(name: str):
    """A function that has one of them could do nobody knew what, so that none of what it does was judged."""
    assert list(find_unknown(policy_template({name: {"KeyId": "k"}}))) == []


def test_sam_state_machines_bring_their_role_and_the_rules_that_start_them(tmp_path: Path):
    """What a SAM state machine may do is seen, and the event that starts it; a role of its own is kept."""
    graph = graph_of(
        tmp_path,
        """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          Uploads: {Type: "AWS::S3::Bucket"}
          Own: {Type: "AWS::IAM::Role", Properties: {AssumeRolePolicyDocument: {}}}
          Judge:
            Type: AWS::Serverless::StateMachine
            Properties:
              Name: judge
              DefinitionUri: judge.asl.json
              Tags: {team: media}
              Policies:
                - RekognitionDetectOnlyPolicy: {}
                - Version: '2012-10-17'
                  Statement: [{Effect: Allow, Action: bedrock:InvokeModel, Resource: '*'}]
              Events:
                Created:
                  Type: EventBridgeRule
                  Properties:
                    Pattern: {source: [aws.s3], detail: {bucket: {name: [!Ref Uploads]}}}
          Other:
            Type: AWS::Serverless::StateMachine
            Properties: {Role: !GetAtt Own.Arn, DefinitionUri: other.asl.json}
        """,
    )
    machine, role = resource(graph, "Judge"), resource(graph, "JudgeRole")
    assert machine.type == "AWS::StepFunctions::StateMachine"
    assert machine.get("StateMachineName") == "judge"
    assert machine.get("RoleArn") == Reference("JudgeRole", "Arn")
    assert machine.tags == {"team": "media"}
    assert role.get("AssumeRolePolicyDocument", "Statement", 0, "Principal", "Service") == ["states.amazonaws.com"]
    assert role.get("Policies", 0, "PolicyDocument", "Statement", 0, "Action", 0) == "rekognition:DetectFaces"
    assert role.get("Policies", 1, "PolicyDocument", "Statement", 0, "Action") == "bedrock:InvokeModel"
    assert resource(graph, "JudgeCreated").get("Targets", 0, "Arn") == Reference("Judge")
    assert resource(graph, "Other").get("RoleArn") == Reference("Own", "Arn")
    assert graph.get("OtherRole") is None


def test_sam_simple_tables_are_tables(tmp_path: Path):
    """A SAM table is judged as the DynamoDB table that it becomes."""
    graph = graph_of(
        tmp_path,
        """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          Faces:
            Type: AWS::Serverless::SimpleTable
            Properties: {TableName: faces, PrimaryKey: {Name: face, Type: String}, Tags: {team: kyc}}
          Bare: {Type: "AWS::Serverless::SimpleTable"}
        """,
    )
    table = resource(graph, "Faces")
    assert table.type == "AWS::DynamoDB::Table"
    assert table.get("TableName") == "faces"
    assert table.get("KeySchema") == [{"AttributeName": "face", "KeyType": "HASH"}]
    assert table.tags == {"team": "kyc"}
    assert resource(graph, "Bare").get("KeySchema") == [{"AttributeName": "id", "KeyType": "HASH"}]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 200_000, "nested more than"),
        ("Resources: !!python/object/apply:os.system [id]\n", "no Resources"),
        ("Resources: *nowhere", "has no anchor"),
        ("Resources: {a: b", "not valid YAML"),
        ("- AWSTemplateFormatVersion", "top is not a map"),
        ("Resources: {A: {Properties: {}}}", "has no Type"),
    ],
    ids=["brackets", "python-tag", "alias", "cut", "list", "no-type"],
)
def test_hostile_and_broken_templates_are_problems(tmp_path: Path, text: str, reason: str):
    """Each is refused with a reason: no crash of the process, no code run, no silence."""
    graph = graph_of(tmp_path, text)
    assert any(reason in problem.reason for problem in graph.problems), graph.problems
    assert len(graph) == 0


def test_alias_bombs_are_refused(tmp_path: Path):
    """Ten lines that expand to ten billion values end in a problem within bounded time and memory."""
    levels = "\n".join(f"  l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, 11))
    graph = graph_of(tmp_path, f"Resources:\n  l0: &l0 {{Type: x}}\n{levels}\n  T: {{Type: X::Y::Z, Properties: {{V: *l10}}}}\n")
    assert any("too many values" in problem.reason for problem in graph.problems)


def test_ten_megabytes_are_read_in_bounded_time(tmp_path: Path):
    """A generated template of ten megabytes is read, not refused."""
    body = "".join(f"  Q{i}:\n    Type: AWS::SQS::Queue\n    Properties: {{QueueName: '{'x' * 900}'}}\n" for i in range(10_500))
    path = tmp_path / "big.yaml"
    path.write_text("Resources:\n" + body)
    assert path.stat().st_size > 10_000_000
    assert len(read_template(path)) == 10_500


_KEYS = st.sampled_from(
    ["Ref", "Fn::Sub", "Fn::If", "Fn::Join", "Fn::GetAtt", "Fn::Select", "Fn::FindInMap", "Type", "Properties", "A", "Fn::Split"]
)
_TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8) | st.sampled_from(["A", "AWS::Region", "${A}", "${A.Arn}", "${"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=25,
)


@settings(max_examples=150, deadline=None)
@given(
    tree=_TREES,
    sections=st.dictionaries(st.sampled_from(["Parameters", "Conditions", "Mappings", "Globals", "Transform"]), _TREES, max_size=3),
)
def test_any_tree_gives_a_graph_or_a_problem(tmp_path_factory: pytest.TempPathFactory, tree: Any, sections: dict[str, Any]):
    """Whatever stands in a template, reading it ends with a graph: no exception reaches the caller."""
    path = tmp_path_factory.mktemp("fuzz") / "t.yaml"
    path.write_text(yaml.safe_dump({**sections, "Resources": {"A": {"Type": "AWS::Serverless::Function", "Properties": tree}, "B": tree}}))
    graph = read_template(path)
    assert graph.get("A") is not None or graph.problems


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet=st.sampled_from(list("{}[]:-,&*!|>'\"#% \n\tab0")), max_size=60))
def test_any_text_parses_or_is_refused(text: str):
    """The front door takes any text: it returns or raises the one error meant for people."""
    with contextlib.suppress(BadInputError):
        parse_template(text, "t.yaml")
