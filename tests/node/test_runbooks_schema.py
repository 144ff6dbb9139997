"""The runbooks against AWS's own schema of Automation documents, which the npm package aws-ssm-document-language-service carries (Apache-2.0).

The schema is of 2020: it doesn't know ``aws:loop``, parameter types such as ``AWS::S3::Bucket::Name`` nor Python 3.11, which the service has taken
since. Those three are told to it here; everything else is judged as it is.
"""

import copy
import json
import os
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from averment.governance.remediation.runbooks import runbook_names, shipped_runbook


@pytest.fixture(scope="module")
def official() -> Draft7Validator:
    path = Path(os.environ["AVERMENT_NODE_MODULES"]) / "aws-ssm-document-language-service" / "dist" / "schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    schema["properties"]["mainSteps"]["items"]["properties"]["action"]["enum"].append("aws:loop")
    return Draft7Validator(schema)


def as_of_2020(document: dict) -> dict:
    """The document with AWS's parameter types as plain texts, and the runtime of that time."""
    found = copy.deepcopy(document)
    for entry in found["parameters"].values():
        entry["type"] = "String" if entry["type"].startswith("AWS::") else entry["type"]
    for step in found["mainSteps"]:
        if step["action"] == "aws:executeScript":
            step["inputs"]["Runtime"] = "python3.6"
    return found


@pytest.mark.parametrize("name", runbook_names())
def test_a_runbook_is_valid_by_awss_schema(official: Draft7Validator, name: str):
    """No error, and the schema isn't toothless: without its steps the same document is refused."""
    document = as_of_2020(dict(shipped_runbook(name).content))
    assert [f"{list(error.absolute_path)}: {error.message}" for error in official.iter_errors(document)] == []
    assert not official.is_valid({**document, "mainSteps": [{"name": "x", "action": "aws:doMagic", "inputs": {}}]})
