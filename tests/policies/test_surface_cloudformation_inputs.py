"""What belongs to templates besides plain resources: conditions, loops, macros, connectors, synthesised templates."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from averment.controls.loader import load_catalogue
from averment.core.organisation import Organisation
from averment.policies.engine import Options, check
from averment.policies.graph.model import Graph, Reference, Unknown, find_unknown
from averment.policies.rules.registry import all_rules
from averment.policies.surfaces.cloudformation.template import read_template
from averment.policies.surfaces.registry import load_graphs


def graph_of(folder: Path, text: str, name: str = "template.yaml") -> Graph:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return read_template(path)


CONDITIONS = """
Parameters:
  Make: {Type: String, Default: "no"}
  Who: {Type: String}
Conditions:
  Made: !Equals [!Ref Make, "yes"]
  NotMade: !Not [!Condition Made]
  Theirs: !Equals [!Ref Who, "them"]
Resources:
  A: {Type: AWS::S3::Bucket, Condition: Made}
  B: {Type: AWS::S3::Bucket, Condition: NotMade}
  C: {Type: AWS::S3::Bucket, Condition: Theirs}
  D: {Type: AWS::S3::BucketPolicy, Properties: {Bucket: !Ref A, PolicyDocument: {}}}
"""


def test_resources_under_conditions(tmp_path: Path):
    """False with the parameters' defaults: not checked, and said; undecided: checked, and said; a link to one left out is unknown."""
    graph = graph_of(tmp_path, CONDITIONS)
    assert [item.address for item in graph] == ["B", "C", "D"]
    assert [(problem.reason, problem.blocking) for problem in graph.problems] == [
        ("A: not created with the parameters' defaults, and so not checked", False),
        ("C: checked as if created, which depends on the deployment", False),
    ]
    policy = graph.get("D")
    assert policy is not None
    assert isinstance(graph.target(policy.get("Bucket")), Unknown)


def test_loops_are_written_out(tmp_path: Path):
    """Fn::ForEach over a known collection makes its resources, with names, links and lines; over an unknown one, that is said."""
    graph = graph_of(
        tmp_path,
        """
        Transform: AWS::LanguageExtensions
        Parameters:
          Unset: {Type: CommaDelimitedList}
        Resources:
          Fn::ForEach::Buckets:
            - Name
            - [uploads, public-media]
            - "Bucket&{Name}":
                Type: AWS::S3::Bucket
                Properties:
                  BucketName: !Sub "shop-${Name}"
          Fn::ForEach::Others:
            - Name
            - !Ref Unset
            - "Other${Name}": {Type: AWS::S3::Bucket}
        """,
    )
    assert {item.address: item.get("BucketName") for item in graph} == {
        "Bucketuploads": "shop-uploads",
        "Bucketpublicmedia": "shop-public-media",
    }
    assert [("was not checked" in problem.reason, problem.blocking) for problem in graph.problems] == [(True, True)]
    made = graph.get("Bucketuploads")
    assert made is not None
    assert made.where("BucketName").line == 12


def test_loops_that_make_too_much_are_refused_before_they_are_written_out(tmp_path: Path):
    """A template of some kilobytes would take minutes and gigabytes: many turns of a loop over much."""
    turns, tags = ", ".join(f"n{number}" for number in range(1_000)), ", ".join(f"{{Key: k{number}}}" for number in range(500))
    loop = f'  Fn::ForEach::B: [N, [{turns}], {{"B${{N}}": {{Type: X::Y::Z, Properties: {{Tags: [{tags}]}}}}}}]\n'
    graph = graph_of(tmp_path, f"Resources:\n{loop}")
    assert list(graph) == []
    assert [("more than 200,000 values" in problem.reason, problem.blocking) for problem in graph.problems] == [(True, True)]


def test_loops_make_conditions_and_links_between_what_they_make(tmp_path: Path):
    """A policy in a loop is that of the bucket that another loop makes, and what hangs on a condition of a loop hangs on it."""
    graph = graph_of(
        tmp_path,
        """
        Transform: AWS::LanguageExtensions
        Parameters:
          Env: {Type: String, Default: qa}
        Conditions:
          Fn::ForEach::Envs: [E, [qa, prod], {"Is${E}": !Equals [!Ref Env, !Ref E]}]
        Resources:
          Fn::ForEach::Buckets: [Name, [one, two], {"Bucket${Name}": {Type: AWS::S3::Bucket}}]
          Fn::ForEach::Policies:
            - Name
            - [one, two]
            - "Policy${Name}":
                Type: AWS::S3::BucketPolicy
                Properties:
                  Bucket: {Ref: {Fn::Sub: "Bucket${Name}"}}
          Never: {Type: AWS::S3::Bucket, Condition: Isprod}
          Always: {Type: AWS::S3::Bucket, Condition: Isqa}
        """,
    )
    assert [item.address for item in graph.of_type("AWS::S3::Bucket")] == ["Bucketone", "Buckettwo", "Always"]
    owners = [graph.target(item.get("Bucket")) for item in graph.of_type("AWS::S3::BucketPolicy")]
    assert owners == [graph.get("Bucketone"), graph.get("Buckettwo")]


def test_a_macro_at_the_top_and_beside_a_type_is_said(tmp_path: Path):
    """Both add to what is written, at deployment."""
    graph = graph_of(
        tmp_path,
        """
        Fn::Transform: {Name: AWS::Include, Parameters: {Location: s3://b/x.yaml}}
        Resources:
          B:
            Type: AWS::S3::Bucket
            Fn::Transform: {Name: AWS::Include, Parameters: {Location: s3://b/y.yaml}}
        """,
    )
    assert ["AWS::Include" in problem.reason or "B: Fn::Transform" in problem.reason for problem in graph.problems] == [True, True]


def test_macros_and_includes_are_said(tmp_path: Path):
    """What a macro makes of a template, or an include adds, isn't known here; SAM's own transform is."""
    graph = graph_of(
        tmp_path,
        """
        Transform: [AWS::Serverless-2016-10-31, MyMacro]
        Resources:
          Fn::Transform: {Name: AWS::Include, Parameters: {Location: s3://b/x.yaml}}
          B:
            Type: AWS::S3::Bucket
            Properties:
              Tags: {"Fn::Transform": {Name: Tagger}}
        """,
    )
    assert ["MyMacro" in problem.reason or "Fn::Transform" in problem.reason for problem in graph.problems] == [True, True]
    assert not any(problem.blocking for problem in graph.problems)
    bucket = graph.get("B")
    assert bucket is not None
    assert list(find_unknown(bucket.get("Tags")))


def test_a_key_that_stands_twice_is_said_and_the_last_counts(tmp_path: Path):
    """As CloudFormation takes it; the file is still checked."""
    graph = graph_of(tmp_path, "Resources:\n  A:\n    Type: AWS::S3::Bucket\n    Properties:\n      BucketName: x\n      BucketName: y\n")
    bucket = graph.get("A")
    assert bucket is not None
    assert bucket.get("BucketName") == "y"
    assert [(problem.where.line, problem.blocking) for problem in graph.problems] == [(6, False)]


@pytest.mark.parametrize("standalone", [True, False])
def test_connectors_become_policies(tmp_path: Path, standalone: bool):
    """A connector gives the function's role rights on the bucket, as the transform would."""
    connector = {"Destination": {"Id": "Uploads"}, "Permissions": ["Read", "Write"]}
    function = {"Type": "AWS::Serverless::Function", "Properties": {"Handler": "a.b", "Runtime": "python3.12"}}
    resources = {"Uploads": {"Type": "AWS::S3::Bucket"}, "Fn": function}
    if standalone:
        resources["Link"] = {"Type": "AWS::Serverless::Connector", "Properties": {"Source": {"Id": "Fn"}, **connector}}
    else:
        function["Connectors"] = {"Link": {"Properties": connector}}
    graph = graph_of(tmp_path, json.dumps({"Transform": "AWS::Serverless-2016-10-31", "Resources": resources}, indent=1))
    (policy,) = graph.of_type("AWS::IAM::ManagedPolicy")
    assert policy.get("Roles") == [Reference("FnRole")]
    written = policy.get("PolicyDocument", "Statement", 1)
    assert {"s3:PutObject", "s3:DeleteObject"} <= set(
        written["Action"]
    )  # a function that looks at pictures and deletes some holds media there
    assert written["Resource"] == [Reference("Uploads", "Arn"), Reference("Uploads", "Arn", "/*")]
    assert graph.problems == []


def test_templates_that_cdk_synthesised_are_read(tmp_path: Path):
    """cdk.out holds templates in JSON: links by GetAtt and Join, SSM parameters, conditions on the region."""
    template = {
        "Resources": {
            "Uploads8A": {"Type": "AWS::S3::Bucket", "Metadata": {"aws:cdk:path": "Shop/Uploads/Resource"}},
            "UploadsPolicy9B": {
                "Type": "AWS::S3::BucketPolicy",
                "Properties": {
                    "Bucket": {"Ref": "Uploads8A"},
                    "PolicyDocument": {
                        "Statement": [
                            {
                                "Action": "s3:PutObject",
                                "Effect": "Allow",
                                "Principal": {"AWS": "*"},
                                "Resource": {"Fn::Join": ["", [{"Fn::GetAtt": ["Uploads8A", "Arn"]}, "/*"]]},
                            }
                        ]
                    },
                },
            },
            "CDKMetadata": {"Type": "AWS::CDK::Metadata", "Condition": "CDKMetadataAvailable"},
        },
        "Conditions": {"CDKMetadataAvailable": {"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-west-1"]}},
        "Parameters": {"BootstrapVersion": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cdk-bootstrap/x/version"}},
    }
    (tmp_path / "cdk.out").mkdir()
    (tmp_path / "cdk.out" / "Shop.template.json").write_text(json.dumps(template))
    (tmp_path / "cdk.out" / "manifest.json").write_text(json.dumps({"version": "36.0.0", "artifacts": {}}))
    (graph,) = load_graphs(tmp_path)
    policy = graph.get("UploadsPolicy9B")
    assert policy is not None
    assert policy.get("PolicyDocument", "Statement", 0, "Resource") == Reference("Uploads8A", "Arn", "/*")


def test_json_that_yaml_refuses_is_still_read(tmp_path: Path):
    """JSON escapes of characters beyond the first plane are pairs that libyaml doesn't know."""
    text = '{"Description": "\\ud83d\\ude00", "Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "x"}}}}'
    bucket = graph_of(tmp_path, text, "t.json").get("B")
    assert bucket is not None
    assert bucket.get("BucketName") == "x"


MERGED = """
x-open: &open {{AccessControl: PublicReadWrite, BucketName: a}}
x-named: &named {{BucketName: b}}
Resources:
  A:
    Type: AWS::S3::Bucket
    Properties:
      {0}
"""


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("<<: *open", "a"),
        ("<<: [*named, *open]", "b"),
        ("<<: *open\n      BucketName: c", "c"),
        ("BucketName: c\n      <<: [*open, *named]", "c"),
    ],
)
def test_what_a_merge_brings_is_there_and_gives_way_to_the_key_itself(tmp_path: Path, written: str, name: str):
    """Maps that are merged, one or a list of them, the first before the others; a key that is written out isn't there twice."""
    graph = graph_of(tmp_path, MERGED.format(written))
    bucket = graph.get("A")
    assert bucket is not None
    assert (bucket.get("AccessControl"), bucket.get("BucketName")) == ("PublicReadWrite", name)
    assert graph.problems == []


def test_a_second_document_is_said(tmp_path: Path):
    """Only the first is read: what stands behind another ``---`` must not go without a word."""
    text = "Resources:\n  A: {Type: AWS::S3::Bucket}\n---\nResources:\n  B: {Type: AWS::S3::Bucket}\n"
    (problem,) = graph_of(tmp_path, text).problems
    assert (problem.reason, problem.where.line) == ("a second document begins here; only the first was checked", 3)
    assert graph_of(tmp_path, "---\n" + text.partition("---")[0] + "...\n", "one.yaml").problems == []


def test_a_template_in_another_encoding_is_not_passed_over(tmp_path: Path):
    """UTF-16 hides every word that a template is known by: it is found all the same, and could not be checked."""
    (tmp_path / "t.yaml").write_text("Resources:\n  A: {Type: AWS::S3::Bucket}\n", encoding="utf-16")
    (graph,) = load_graphs(tmp_path)
    (problem,) = graph.problems
    assert (problem.reason, problem.blocking) == ("is not valid UTF-8", True)


HARDENED = """
Parameters:
  Who: {{Type: String}}
Conditions:
  Theirs: !Equals [!Ref Who, them]
  Ours: !Equals [!Ref Who, us]
  Both: !And [!Condition Theirs, !Condition Ours]
  Round: !And [!Condition Round, !Condition Ours]
Resources:
  Uploads:
    Type: AWS::S3::Bucket
    {of_bucket}
    Properties:
      BucketName: acme-uploads
      VersioningConfiguration: {{Status: Enabled}}
      PublicAccessBlockConfiguration: {{BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true}}
  OnlyTls:
    Type: AWS::S3::BucketPolicy
    {of_policy}
    Properties:
      Bucket: !Ref Uploads
      PolicyDocument:
        Statement: [{{Effect: Deny, Principal: "*", Action: "s3:*", Resource: "*", Condition: {{Bool: {{"aws:SecureTransport": "false"}}}}}}]
"""


@pytest.mark.parametrize(
    ("of_bucket", "of_policy", "verdict"),
    [
        ("", "", "pass"),
        ("", "Condition: Theirs", "unknown"),
        ("Condition: Theirs", "Condition: Theirs", "pass"),
        ("Condition: Theirs", "", "pass"),
        ("Condition: Ours", "Condition: Theirs", "unknown"),
        ("Condition: Both", "Condition: Theirs", "pass"),
        ("Condition: Theirs", "Condition: Both", "unknown"),
        ("Condition: Round", "Condition: Round", "pass"),
    ],
)
def test_nothing_passes_by_what_may_not_be_created(tmp_path: Path, of_bucket: str, of_policy: str, verdict: str):
    """A bucket is as sure to refuse plain HTTP as the policy that makes it do so is sure to exist; as in Terraform."""
    (tmp_path / "t.yaml").write_text(HARDENED.format(of_bucket=of_bucket, of_policy=of_policy))
    (finding,) = check([tmp_path], all_rules(), Organisation(), load_catalogue(), Options(rules=("media-bucket-hardened",))).findings
    assert finding.verdict.value == verdict
    assert ("OnlyTls" in finding.message and "parameter 'Who' has no default" in finding.message) is (verdict == "unknown")


def test_a_nested_stack_under_a_condition_makes_nothing_outside_pass(tmp_path: Path):
    """What is in it exists together with it."""
    policy = HARDENED.format(of_bucket="", of_policy="")
    inner = "Parameters:\n  B: {Type: String}\nResources:\n" + policy[policy.index("  OnlyTls:") :].replace("!Ref Uploads", "!Ref B")
    stack = "  Tls:\n    Type: AWS::CloudFormation::Stack\n    {}\n    Properties: {{TemplateURL: ./tls.yaml, Parameters: {{B: !Ref Uploads}}}}\n"
    (tmp_path / "tls.yaml").write_text(inner + "  Empty:\n")
    for condition, verdict in (("", "pass"), ("Condition: Theirs", "unknown")):
        (tmp_path / "t.yaml").write_text(policy[: policy.index("  OnlyTls:")] + stack.format(condition))
        found = check([tmp_path], all_rules(), Organisation(), load_catalogue(), Options(rules=("media-bucket-hardened",))).findings
        assert [finding.verdict.value for finding in found] == [verdict]


GENERATED = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Who: {{Type: String}}
Conditions:
  Theirs: !Equals [!Ref Who, them]
Resources:
  Faces: {{Type: AWS::Rekognition::Collection, Properties: {{CollectionId: faces}}}}
  Eraser:
    Type: AWS::Serverless::Function
    {}
    Properties:
      Handler: eraser.handler
      Runtime: python3.13
      CodeUri: ./eraser
      Policies:
        - Statement: [{{Effect: Allow, Action: rekognition:DeleteFaces, Resource: "*"}}]
"""


@pytest.mark.parametrize(("condition", "verdict"), [("", "pass"), ("Condition: Theirs", "unknown")])
def test_what_sam_makes_for_a_resource_exists_no_more_surely(tmp_path: Path, condition: str, verdict: str):
    """The role of a function under a condition comes and goes with it: it can't be who deletes faces for sure."""
    (tmp_path / "t.yaml").write_text(GENERATED.format(condition))
    options = Options(rules=("biometric-retention-limited",))
    (finding,) = check([tmp_path], all_rules(), Organisation(), load_catalogue(), options).findings
    assert finding.verdict.value == verdict
    assert ("EraserRole" in finding.message) is (verdict == "unknown")


def test_what_sam_makes_for_a_connector_hangs_on_it(tmp_path: Path):
    """A connector's policy is made for the connector, wherever the function stands that gains by it."""
    text = (
        GENERATED.format("")
        + """
  Uploads: {Type: AWS::S3::Bucket}
  Reads:
    Type: AWS::Serverless::Connector
    Condition: Theirs
    Properties: {Source: {Id: Eraser}, Destination: {Id: Uploads}, Permissions: [Read]}
"""
    )
    part = graph_of(tmp_path, text).certain
    assert part is not None
    left = part("Uploads")
    assert left is not None
    assert [left.graph.get(name) is None for name in ("ReadsPolicy", "EraserRole")] == [True, False]


def test_dynamic_references_are_known_at_deployment_only(tmp_path: Path):
    """What the parameter store or Secrets Manager holds isn't the text that stands for it, in a value, a policy as text, or a condition."""
    text = """
    Conditions: {C: !Equals ["{{resolve:ssm:/stage}}", prod]}
    Resources:
      B:
        Type: AWS::S3::Bucket
        Properties:
          BucketName: !Sub "acme-{{resolve:ssm:/name}}-uploads"
          AccessControl: '{{resolve:ssm:/acl:3}}'
          Tags: [{Key: data-class, Value: '{{resolve:secretsmanager:a:SecretString:b}}'}]
      C: {Type: AWS::S3::Bucket, Condition: C}
    """
    graph = graph_of(tmp_path, text)
    bucket = graph.get("B")
    assert bucket is not None
    assert isinstance(bucket.get("AccessControl"), Unknown)
    name = bucket.get("BucketName")
    assert isinstance(name, Unknown)
    assert name.template == "acme-${?}-uploads"
    assert bucket.tags_unknown is not None
    assert graph.get("C") is not None


def test_a_macro_beside_properties_is_said(tmp_path: Path):
    """``Fn::Transform`` adds keys at deployment: beside others, and further in."""
    include = "{Name: AWS::Include, Parameters: {Location: s3://acme/more.yaml}}"
    for properties in (f"{{BucketName: x, Fn::Transform: {include}}}", f"{{Tags: [{{Key: a, Value: b, Fn::Transform: {include}}}]}}"):
        (problem,) = graph_of(tmp_path, f"Resources:\n  B: {{Type: AWS::S3::Bucket, Properties: {properties}}}\n").problems
        assert (problem.reason.startswith("B: Fn::Transform adds"), problem.blocking) == (True, False)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.json", '{"Res\\u006furces": {"B": {"Type": "AW\\u0053::S3::Bucket"}}}'),
        ("t.yaml", '"Resourc\\x65s":\n  B: {Type: "\\u0041WS::S3::Bucket"}\n'),
        ("t.yaml", '"\\U00000052esources":\n  B: {Type: "\\U00000041WS::S3::Bucket"}\n'),
        ("t.yaml", 'Resources:\n  B:\n    Type: "AWS:\\\n      :S3::Bucket"\n'),
        ("T.YAML", 'Resources:\n  B: {Type: "AWS::S3::Bucket"}\n'),
        ("Stack.Template", '{"Resources": {"B": {"Type": "AWS::S3::Bucket"}}}'),
    ],
)
def test_a_template_is_known_however_its_words_are_written(tmp_path: Path, name: str, text: str):
    """Escapes are the same words to CloudFormation, and so are capitals in a file's name: it isn't passed over."""
    (tmp_path / name).write_text(text)
    (graph,) = load_graphs(tmp_path)
    assert [item.address for item in graph.of_type("AWS::S3::Bucket")] == ["B"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.yaml", "# not a schemaVersion\nResources:\n  B: {Type: AWS::S3::Bucket}\n"),
        ("t.yaml", "Metadata:\n  schemaVersion: '0.3'\nResources:\n  B: {Type: AWS::S3::Bucket}\n"),
        ("t.yaml", "Description: '\nschemaVersion: 0.3'\nResources:\n  B: {Type: AWS::S3::Bucket}\n"),
        ("t.json", '{"Metadata": {"schemaVersion": "0.3"}, "Resources": {"B": {"Type": "AWS::S3::Bucket"}}}'),
        ("t.json", '{"Metadata": {\n"schemaVersion": "0.3"}, "Resources": {"B": {"Type": "AWS::S3::Bucket"}}}'),
    ],
)
def test_a_template_is_no_document_of_systems_manager_for_a_word_in_it(tmp_path: Path, name: str, text: str):
    """A comment with that word had the whole template passed over, and the check of a folder with another one in it was clean."""
    (tmp_path / name).write_text(text)
    (graph,) = load_graphs(tmp_path)
    assert [item.address for item in graph.of_type("AWS::S3::Bucket")] == ["B"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("d.yaml", "---\nschemaVersion: '0.3'\nmainSteps:\n  - inputs: {Resources: [AWS::S3::Bucket]}\n"),
        ("d.yaml", "description: of ours\nschemaVersion: '0.3'\nmainSteps:\n  - inputs: {Resources: [AWS::S3::Bucket]}\n"),
        ("d.json", '{\n  "schemaVersion": "0.3",\n  "mainSteps": [{"Resources": ["AWS::S3::Bucket"]}]\n}\n'),
    ],
)
def test_a_document_of_systems_manager_is_no_template(tmp_path: Path, name: str, text: str):
    (tmp_path / name).write_text(text)
    assert list(load_graphs(tmp_path)) == []


OVERRIDDEN = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Name: {Type: String, Default: by-default}
  Scan: {Type: String, Default: "yes"}
Conditions:
  Scanned: !Equals [!Ref Scan, "yes"]
Resources:
  Uploads: {Type: AWS::S3::Bucket, Properties: {BucketName: !Ref Name}}
  Scanner: {Type: AWS::Serverless::Function, Condition: Scanned, Properties: {Handler: a.b}}
"""


def test_a_template_of_sam_has_them_from_yaml_too(tmp_path: Path):
    """Where there is no TOML, as ``sam`` looks for them."""
    (tmp_path / "template.yaml").write_text(OVERRIDDEN, encoding="utf-8")
    config = "version: 0.1\ndefault:\n  deploy:\n    parameters:\n      parameter_overrides: [Name=given]\n"
    (tmp_path / "samconfig.yaml").write_text(config, encoding="utf-8")
    bucket = read_template(tmp_path / "template.yaml").get("Uploads")
    assert bucket is not None
    assert bucket.get("BucketName") == "given"
    (tmp_path / "samconfig.yaml").write_text("- a\n", encoding="utf-8")
    (problem,) = read_template(tmp_path / "template.yaml").problems
    assert "is not valid YAML of settings" in problem.reason
    (tmp_path / "samconfig.toml").write_text("", encoding="utf-8")
    assert read_template(tmp_path / "template.yaml").problems == []


@pytest.mark.parametrize(
    ("config", "name", "said"),
    [
        ("[default.deploy.parameters]\nparameter_overrides = 'Name=\"given\" Scan=no'\n", "given", "not created"),
        ('[default.deploy.parameters]\nparameter_overrides = ["Name=given", "Scan=no"]\n', "given", "not created"),
        ('[default.deploy.parameters]\nparameter_overrides = "ParameterKey=Name,ParameterValue=given"\n', "given", ""),
        ('[default.global.parameters]\nparameter_overrides = "Name=given"\n[default.deploy.parameters]\nregion = "x"\n', "given", ""),
        ('[default.deploy.parameters]\ntemplate_file = "other.yml"\nparameter_overrides = "Name=given"\n', "by-default", ""),
        ('[default.deploy.parameters]\ntemplate_file = "packaged.yaml"\nparameter_overrides = "Name=given"\n', "given", ""),
        ('[default.deploy.parameters]\ntemplate_file = ".aws-sam/build/t.yaml"\nparameter_overrides = "Name=given"\n', "given", ""),
        ('[default.deploy.parameters]\ntemplate_file = "\\u0000"\nparameter_overrides = "Name=given"\n', "given", ""),
        (f'[default.deploy.parameters]\ntemplate_file = "{"x" * 5000}"\n', "by-default", ""),
        (
            '[prod.deploy.parameters]\nparameter_overrides = "Name=given"\n',
            "by-default",
            "with its parameters' defaults; what is given to prod here",
        ),
        (
            'default.deploy.parameters.parameter_overrides = "Name=a"\n[prod.deploy.parameters]\nparameter_overrides = "Name=b"\n',
            "a",
            "as 'default' is",
        ),
        (
            "".join(f"[{name}.deploy.parameters]\nparameter_overrides = 'Name=n'\n" for name in "abcdefgh"),
            "by-default",
            "f and 2 more here was not",
        ),
        ('[default.deploy.parameters]\nparameter_overrides = "file://given.json"\n', "by-default", "not all parameters"),
        ('[default.deploy.parameters]\nparameter_overrides = "Name=\'"\n', "by-default", "not all parameters"),
        ("version = 0.1\ndefault = 1\n[a]\nb = 2\n", "by-default", ""),
        ("[default", "by-default", "is not valid TOML"),
    ],
)
def test_a_template_of_sam_has_the_parameters_that_its_deployment_gives_it(tmp_path: Path, config: str, name: str, said: str):
    """``sam deploy`` takes them from beside the template without being told to: the defaults were judged in their place, with a scanner that
    is never made."""
    (tmp_path / "template.yaml").write_text(OVERRIDDEN, encoding="utf-8")
    (tmp_path / "samconfig.toml").write_text(config, encoding="utf-8")
    (tmp_path / "other.yml").write_text(OVERRIDDEN.replace("by-default", "another"), encoding="utf-8")
    graph = read_template(tmp_path / "template.yaml")
    bucket = graph.get("Uploads")
    assert bucket is not None
    assert bucket.get("BucketName") == name
    assert said in " ".join(problem.reason for problem in graph.problems)
    assert bool(graph.problems) is bool(said)
    beside = read_template(tmp_path / "other.yml").get("Uploads")
    assert beside is not None
    assert beside.get("BucketName") == ("given" if "other.yml" in config else "another")


@pytest.mark.parametrize("here", [True, False])
def test_a_template_has_them_from_the_folder_that_it_is_deployed_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: bool):
    """``sam deploy`` in the root of a repository, with the template in a folder of it, which the settings name: the defaults passed."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "infra" / "b").mkdir(parents=True)
    config = '[default.deploy.parameters]\ntemplate_file = "infra/template.yaml"\nparameter_overrides = "Name=given"\n'
    (tmp_path / "samconfig.toml").write_text(config, encoding="utf-8")
    for name in ("infra/template.yaml", "infra/b/template.yaml"):
        (tmp_path / name).write_text(OVERRIDDEN, encoding="utf-8")
    monkeypatch.chdir(tmp_path / "infra")
    start = Path() if here else tmp_path / "infra"
    found = {str(one.get("BucketName")) for name in ("template.yaml", "b/template.yaml") for one in read_template(start / name)}
    assert {"given", "by-default"} <= found
    (tmp_path / "samconfig.toml").write_text(f"{config}[", encoding="utf-8")
    assert ["is not valid TOML" in problem.reason for problem in read_template(start / "template.yaml").problems] == [True]
    (tmp_path / "samconfig.toml").write_text("[", encoding="utf-8")
    assert read_template(start / "template.yaml").problems == []


@pytest.mark.parametrize(
    ("more", "state", "queue"),
    [
        ("Enabled: false", "DISABLED", None),
        ("Enabled: true", "ENABLED", None),
        ("Enabled: false, State: ENABLED", "ENABLED", None),
        ("Enabled: !Ref On", Unknown, None),
        ("DeadLetterConfig: {Type: SQS}", None, Reference("FnNewQueue", "Arn")),
        ("DeadLetterConfig: {Arn: 'arn:x'}", None, "arn:x"),
    ],
)
def test_a_rule_that_sam_makes_is_as_its_event_says(tmp_path: Path, more: str, state: object, queue: object):
    """One that is switched off by ``Enabled`` told the scanner all the same; the queue that the transform makes for it was seen nowhere."""
    graph = graph_of(
        tmp_path,
        f"""
        Transform: AWS::Serverless-2016-10-31
        Parameters: {{On: {{Type: String}}}}
        Resources:
          Fn:
            Type: AWS::Serverless::Function
            Properties:
              Handler: a.b
              Events:
                New: {{Type: CloudWatchEvent, Properties: {{Pattern: {{source: [aws.s3]}}, {more}}}}}
        """,
    )
    (made,) = graph.of_type("AWS::Events::Rule")
    assert made.get("State") == state or (state is Unknown and isinstance(made.get("State"), Unknown))
    letters = made.get("Targets", 0, "DeadLetterConfig", "Arn")
    assert letters == queue
    assert [one.address for one in graph.of_type("AWS::SQS::Queue")] == (["FnNewQueue"] if isinstance(queue, Reference) else [])
