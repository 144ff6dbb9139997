"""Fixes for templates in JSON: what the rules say in YAML, as it can be pasted.

Origin of the data: the rules' own failing cases, and templates written here.
"""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path

import pytest

from averment.controls.loader import load_catalogue
from averment.core.organisation import Organisation
from averment.policies.engine import check
from averment.policies.fixing.as_json import as_json
from averment.policies.rules.registry import all_rules

RULES = Path(__file__).resolve().parents[2] / "policies" / "rules"
CASES = sorted(RULES.glob("*/cases/*.fail/template.yaml"))


@pytest.mark.parametrize("template", CASES, ids=lambda path: f"{path.parents[2].name}/{path.parent.name}")
def test_every_fix_of_a_template_can_be_said_in_json(template: Path):
    """What isn't a sentence, a note or averment.yaml's is JSON: members or entries, that parse inside their braces or brackets."""
    result = check([template], all_rules(), Organisation(), load_catalogue())
    for fix in {finding.fix for finding in result.failures if finding.fix}:
        said = as_json(fix)
        if fix.startswith("# averment.yaml"):
            assert said == fix
            continue
        for told, lines in groupby(said.splitlines(), lambda line: not line or line.startswith(("#", "remove "))):
            text = "\n".join(lines)
            if not told:
                opening, closing = ("{", "}") if text.startswith('"') else ("[", "]")
                assert json.loads(opening + text + closing), fix
        assert fix.count("# ") <= said.count("# ")


def test_a_template_in_json_is_shown_json(tmp_path: Path):
    """End to end: the same flaw in YAML and in JSON, each with the fix in its own language."""
    resources = {"Uploads": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "acme-uploads"}}}
    for name in ("template.json", "template.yaml", "Other.JSON"):  # JSON is YAML as well: the name of the file tells
        (tmp_path / name).write_text(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}))
    result = check([tmp_path], all_rules(), Organisation(), load_catalogue())
    fixes = {Path(item.where.file or "").name: item.fix or "" for item in result.failures if item.rule == "upload-provenance-tagged"}
    assert "- Sid: RefuseWithoutProvenance" in fixes["template.yaml"]
    assert fixes["Other.JSON"] == fixes["template.json"]
    note, _, statement = fixes["template.json"].partition("\n")
    assert note.startswith("# in the AWS::S3::BucketPolicy of Uploads")
    assert json.loads(statement)["Resource"] == {"Fn::Sub": "${Uploads.Arn}/*"}
    assert json.loads(statement)["Condition"] == {"Null": {"s3:RequestObjectTag/provenance": "true"}}


def test_a_note_beside_code_stands_before_it():
    """JSON has no comments."""
    assert as_json("Principal: {Service: ssm.amazonaws.com}  # who assumes it") == (
        '# who assumes it\n"Principal": {\n  "Service": "ssm.amazonaws.com"\n}'
    )
    assert as_json("KmsKeyId: !GetAtt <Key>.Arn") == '"KmsKeyId": {\n  "Fn::GetAtt": [\n    "<Key>",\n    "Arn"\n  ]\n}'


@pytest.mark.parametrize("fix", ["A: [", "A: *b", "A: &a [*a]", "A: !Sub [", "remove statement 'Show: x' from P", "A:\n  - b\n c: d"])
def test_a_name_that_breaks_the_yaml_leaves_the_fix_as_it_is(fix: str):
    """A resource may be called anything in JSON; a fix that can't be read as YAML is shown as the rule wrote it."""
    assert as_json(fix) == fix
