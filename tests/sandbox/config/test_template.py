"""A pack's template resolved: what the references come to, and what is refused as an error of the template."""

from __future__ import annotations

import json

import pytest

from averment.sandbox.backends.config.template import TemplateError, read

PSEUDO = {"AWS::AccountId": "123456789012", "AWS::Region": "eu-west-1", "AWS::Partition": "aws"}


def rule(properties="ConfigRuleName: a"):
    return f"  A:\n    Type: AWS::Config::ConfigRule\n    Properties:\n      {properties}\n"


def resolved(text, **given):
    """Logical id -> properties."""
    return {item.logical_id: item.properties for item in read(text, given, PSEUDO, "-pack")}


def test_references_and_functions_in_both_forms():
    """Parameters, pseudo parameters, another rule's name; Sub, Join, Select and Split; booleans as text."""
    text = """
Parameters:
  Age: {Type: String, Default: 90}
  Flag: {Type: boolean, Default: true}
  Types: {Type: CommaDelimitedList, Default: "AWS::S3::Bucket,AWS::IAM::Role"}
Resources:
  A:
    Type: AWS::Config::ConfigRule
    Properties:
      ConfigRuleName: !Sub "${Prefix}-keys"
      Description: !Sub ["${X} in ${AWS::Region}, literally ${!X}", {X: {Ref: Age}}]
      InputParameters:
        age: {"Fn::Join": ["", ["v", !Ref Age]]}
        flag: !Ref Flag
        second: !Select [1, !Split ["-", "a-b-c"]]
      Scope: {ComplianceResourceTypes: !Ref Types}
  Fix:
    Type: AWS::Config::RemediationConfiguration
    Properties: {ConfigRuleName: !Ref A, TargetId: !Sub "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:document/x"}
""".replace("${Prefix}", "p${Age}")
    found = resolved(text, Age="30")
    assert found["A"] == {
        "ConfigRuleName": "p30-keys-pack",
        "Description": "30 in eu-west-1, literally ${X}",
        "InputParameters": {"age": "v30", "flag": "true", "second": "b"},
        "Scope": {"ComplianceResourceTypes": ["AWS::S3::Bucket", "AWS::IAM::Role"]},
    }
    assert found["Fix"] == {"ConfigRuleName": "p30-keys-pack", "TargetId": "arn:aws:ssm:eu-west-1:123456789012:document/x"}


def test_conditions_as_the_published_packs_use_them():
    """If with NoValue drops the parameter; a resource whose condition doesn't hold isn't there."""
    text = """
Parameters:
  Age: {Type: String, Default: ""}
  Where: {Type: String, Default: prod}
Conditions:
  HasAge: !Not [!Equals ["", !Ref Age]]
  Prod: !And [!Equals [!Ref Where, prod], !Or [!Condition HasAge, !Equals [a, a]]]
Resources:
  A:
    Type: AWS::Config::ConfigRule
    Condition: Prod
    Properties: {ConfigRuleName: a, InputParameters: {age: !If [HasAge, !Ref Age, !Ref AWS::NoValue], other: x}}
  B:
    Type: AWS::Config::ConfigRule
    Condition: HasAge
    Properties: {ConfigRuleName: b}
"""
    assert resolved(text) == {"A": {"ConfigRuleName": "a-pack", "InputParameters": {"other": "x"}}}
    assert resolved(text, Age="9")["A"]["InputParameters"] == {"age": "9", "other": "x"}
    assert set(resolved(text, Age="9", Where="test")) == {"B"}


def test_json_is_yaml_too():
    """A template in JSON."""
    body = {"Resources": {"A": {"Type": "AWS::Config::ConfigRule", "Properties": {"Description": {"Fn::Sub": "in ${AWS::Region}"}}}}}
    assert resolved(json.dumps(body)) == {"A": {"Description": "in eu-west-1", "ConfigRuleName": "A-pack"}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Resources: [", "Template format error"),
        ("just text", "not a mapping"),
        ("Resources: {}", "no Resources"),
        ("Transform: AWS::Serverless-2016-10-31\nResources:\n" + rule(), "section Transform"),
        ("Mappings: {}\nResources:\n" + rule(), "section Mappings"),
        ("Resources:\n" + rule().replace("AWS::Config::ConfigRule", "AWS::S3::Bucket"), "AWS::S3::Bucket is not supported"),
        ("Resources:\n  A: {Type: AWS::Config::ConfigRule}", "no Properties"),
        ("Resources:\n" + rule() + "    DeletionPolicy: Retain", "DeletionPolicy"),
        ("Resources:\n" + rule() + "    DependsOn: [B]", "[B]"),
        ("Resources:\n" + rule() + "    Condition: C", "condition dependency C"),
        ("Resources:\n" + rule("Description: !Ref Nobody"), "[Nobody]"),
        ("Resources:\n" + rule("Description: !Sub '${Nobody}'"), "[Nobody]"),
        ("Resources:\n" + rule("Description: !GetAtt A.Arn"), "Fn::GetAtt"),
        ("Resources:\n" + rule("Description: !ImportValue x"), "Fn::ImportValue"),
        ("Resources:\n" + rule("Description: !Select [7, [a]]"), "Fn::Select can't work"),
        ("Resources:\n" + rule("Description: !If [A, b]"), "Fn::If can't work"),
        ("Conditions: {C: !Condition C}\nResources:\n" + rule() + "    Condition: C", "Circular"),
        ("Conditions: {C: !Contains [a, b]}\nResources:\n" + rule() + "    Condition: C", "Fn::Contains"),
        ("Parameters: {P: {Default: x}}\nResources:\n" + rule(), "must have a Type"),
        ("Parameters: {P: {Type: String}}\nResources:\n" + rule(), "[P] must have values"),
        ("Parameters: {P: {Type: String, Default: a, AllowedValues: [b]}}\nResources:\n" + rule(), "AllowedValues"),
        ("Parameters: {P: {Type: String, Default: a, AllowedPattern: b+}}\nResources:\n" + rule(), "match pattern"),
        ("Parameters: {P: {Type: String, Default: a, MinLength: 2}}\nResources:\n" + rule(), "MinLength"),
        ("Parameters: {P: {Type: Number, Default: 9, MaxValue: 2}}\nResources:\n" + rule(), "MaxValue"),
    ],
)
def test_what_is_wrong_with_a_template(text, words):
    """An error that says what."""
    with pytest.raises(TemplateError) as caught:
        resolved(text)
    assert words in str(caught.value)


def test_a_value_for_no_parameter():
    """The template has to have the parameter."""
    with pytest.raises(TemplateError, match=r"\[Stray\] do not exist"):
        resolved("Resources:\n" + rule(), Stray="x")
