"""A document that can't work is refused when it is created, with everything that is wrong with it."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from averment.sandbox.automation.document import DocumentError, read
from averment.sandbox.automation.values import MissingError, select

GOOD: dict[str, Any] = {
    "name": "look",
    "action": "aws:executeAwsApi",
    "inputs": {"Service": "s3", "Api": "GetBucketPolicy", "Bucket": "{{ Bucket }}"},
}


def document(*steps: Any, **more: Any) -> dict[str, Any]:
    return {"schemaVersion": "0.3", "parameters": {"Bucket": {"type": "String"}}, "mainSteps": list(steps or [GOOD]), **more}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (document(schemaVersion="2.2"), "schemaVersion is '2.2'"),
        (document(mainStep=[]), "unknown member mainStep"),
        ({"schemaVersion": "0.3", "mainSteps": []}, "mainSteps is missing or empty"),
        (document({"name": "x"}), "step 1 has no name or no action"),
        (document({**GOOD, "name": "a b"}), "'a b' can't be the name of a step"),
        (document({**GOOD, "onfailure": "Abort"}), "step look has an unknown member onfailure"),
        (document({**GOOD, "action": "aws:doMagic"}), "aws:doMagic"),
        (document(GOOD, GOOD), "two steps are called look"),
        (document({**GOOD, "nextStep": "gone"}), "step look leads to gone"),
        (document({**GOOD, "onFailure": "step:gone"}), "step look leads to gone"),
        (document({**GOOD, "onFailure": "Ignore"}), "onFailure of step look is 'Ignore'"),
        (document({**GOOD, "inputs": {"Service": "s4", "Api": "GetBucketPolicy"}}), "an unknown service s4"),
        (document({**GOOD, "inputs": {"Service": "s3", "Api": "GetBucketPolice"}}), "s3:GetBucketPolice, which doesn't exist"),
        (document({**GOOD, "inputs": {**GOOD["inputs"], "Buket": "x"}}), "s3:GetBucketPolicy takes no Buket"),
        (document({**GOOD, "inputs": {"Service": "s3", "Api": "GetBucketPolicy"}}), "s3:GetBucketPolicy needs Bucket"),
        (
            document({"name": "s", "action": "aws:executeScript", "inputs": {"Runtime": "python2", "Handler": "h", "Script": ""}}),
            "the runtime 'python2'",
        ),
        (document({"name": "s", "action": "aws:sleep", "inputs": {"Time": "PT1S"}}), "unknown input Time"),
        (document({**GOOD, "inputs": {**GOOD["inputs"], "Bucket": "{{ Buket }}"}}), "'{{ Buket }}' leads nowhere"),
        (document({**GOOD, "inputs": {**GOOD["inputs"], "Bucket": "{{ look.Policy }}"}}), "'{{ look.Policy }}' leads nowhere"),
        (document(outputs=["look.Policy"]), "the output 'look.Policy' leads nowhere"),
        (document(parameters={"Bucket": {"type": "Text"}}), "the parameter Bucket has an unknown type Text"),
        (document({**GOOD, "outputs": [{"Name": "A", "Selector": "Policy", "Type": "String"}]}), "the selector 'Policy'"),
        (
            document({"name": "l", "action": "aws:loop", "inputs": {"Iterators": [1], "Steps": [{**GOOD, "nextStep": "x"}]}}),
            "step look leads to x",
        ),
    ],
)
def test_what_cannot_work_is_named(value: dict[str, Any], says: str):
    """Each flaw is found before anything runs."""
    with pytest.raises(DocumentError) as caught:
        read(value)
    assert says in str(caught.value)


def test_json_and_yaml_are_read_alike():
    """The same document either way; AWS's own parameter types are known."""
    value = document(parameters={"Bucket": {"type": "AWS::S3::Bucket::Name"}})
    import yaml

    assert read(json.dumps(value)) == read(yaml.safe_dump(value)) == read(value)
    for text in ("{", "a: [", "[]"):
        with pytest.raises(DocumentError):
            read(text)


def test_the_service_refuses_it_at_creation(sandbox):
    """CreateDocument says what is wrong; a Command document is left to moto."""
    ssm = boto3.client("ssm")
    with pytest.raises(ClientError, match=r"InvalidDocumentContent.*leads to gone"):
        ssm.create_document(Name="doc-a", DocumentType="Automation", Content=json.dumps(document({**GOOD, "nextStep": "gone"})))
    ssm.create_document(Name="doc-b", DocumentType="Command", Content='{"schemaVersion": "2.2", "mainSteps": []}')


ANSWER = {"Keys": [{"Id": "a", "On": True}, {"Id": "b"}], "a-b": {"c": 1}, "Empty": []}


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("$", ANSWER),
        ("$.Keys[0].Id", "a"),
        ("$.Keys[-1].Id", "b"),
        ("$.Keys[*].Id", ["a", "b"]),
        ("$.Keys[*].On", [True]),
        ("$['a-b'].c", 1),
        ("$.Empty[*].x", []),
    ],
)
def test_selectors(selector: str, found: Any):
    """Members, places from either end, and all of a list."""
    assert select(ANSWER, selector) == found


def test_a_selector_that_finds_nothing_is_an_error():
    """A wrong selector mustn't become an empty value."""
    for selector in ("$.Gone", "$.Keys[7]", "$.Keys.Id"):
        with pytest.raises(MissingError):
            select(ANSWER, selector)
    with pytest.raises(NotImplementedError):
        select(ANSWER, "$..Id")
