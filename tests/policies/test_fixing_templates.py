"""``check --fix`` in templates: YAML in flow style, and JSON in whatever layout; the text around the change stays as it is."""

from __future__ import annotations

import json
import textwrap
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from averment.controls.loader import load_catalogue
from averment.core.organisation import Organisation
from averment.policies.engine import CheckResult, Options, check
from averment.policies.fixing.apply import Mending, mended, write
from averment.policies.fixing.json_text import changed_json
from averment.policies.fixing.refusal import RefusedError
from averment.policies.fixing.yaml_text import changed_yaml
from averment.policies.interface import Entries, Value
from averment.policies.rules.registry import all_rules

CATALOGUE = load_catalogue()
RULE = "detector-endpoint-guarded"


def result_of(folder: Path, *rules: str) -> CheckResult:
    return check([folder], all_rules(), Organisation(), CATALOGUE, Options(rules=rules))


def fix(folder: Path, *rules: str) -> Mending:
    """Check, fix, and hand back what was done."""
    edits = [edit for finding in result_of(folder, *rules).failures for edit in finding.edits]
    mending = mended(edits, [folder], time.time() + 1)
    write(mending)
    return mending


HEAD = "Resources:\n  M:"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            f"{HEAD} {{Type: 'AWS::SageMaker::Model'}}\n",
            f"{HEAD} {{Type: 'AWS::SageMaker::Model', Properties: {{EnableNetworkIsolation: true}}}}\n",
        ),
        (
            f"{HEAD}\n    Type: AWS::SageMaker::Model\n    Properties: {{EnableNetworkIsolation: false, ModelName: é}} # ü\n",
            f"{HEAD}\n    Type: AWS::SageMaker::Model\n    Properties: {{EnableNetworkIsolation: true, ModelName: é}} # ü\n",
        ),
        (
            f"{HEAD}\n    Type: AWS::SageMaker::Model\n    Properties: {{}}\n",
            f"{HEAD}\n    Type: AWS::SageMaker::Model\n    Properties: {{EnableNetworkIsolation: true}}\n",
        ),
        (
            f"{HEAD}\n    Type: AWS::SageMaker::Model\n    Properties:\n    # nothing yet\n",
            f"{HEAD}\n    Type: AWS::SageMaker::Model\n    Properties:\n      EnableNetworkIsolation: true\n    # nothing yet\n",
        ),
        (
            "{Resources: {M: {Type: AWS::SageMaker::Model, Properties: {ModelName: m}}}}\n",
            "{Resources: {M: {Type: AWS::SageMaker::Model, Properties: {ModelName: m, EnableNetworkIsolation: true}}}}\n",
        ),
    ],
)
def test_yaml_is_changed_in_its_own_style(tmp_path: Path, before: str, after: str) -> None:
    """Block and flow style, comments and letters beyond ASCII stay as they are."""
    (tmp_path / "t.yaml").write_text(before)
    assert fix(tmp_path, RULE).refused == []
    assert (tmp_path / "t.yaml").read_text() == after
    assert result_of(tmp_path, RULE).failures == ()


JSON = {
    "two spaces": (
        '{\n  "Resources": {\n    "M": {\n      "Type": "AWS::SageMaker::Model",\n      "Properties": {\n        "ModelName": "\\u00e9"\n      }\n    }\n  }\n}\n',
        (
            '{\n  "Resources": {\n    "M": {\n      "Type": "AWS::SageMaker::Model",\n      "Properties": {\n'
            '        "EnableNetworkIsolation": true,\n        "ModelName": "\\u00e9"\n      }\n    }\n  }\n}\n'
        ),
    ),
    "tabs, no properties": (
        '{\n\t"Resources": {\n\t\t"M": {\n\t\t\t"Type": "AWS::SageMaker::Model"\n\t\t}\n\t}\n}\n',
        (
            '{\n\t"Resources": {\n\t\t"M": {\n\t\t\t"Type": "AWS::SageMaker::Model",\n\t\t\t"Properties": {\n'
            '\t\t\t\t"EnableNetworkIsolation": true\n\t\t\t}\n\t\t}\n\t}\n}\n'
        ),
    ),
    "type in the middle": (
        '{\n  "Resources": {\n    "M": {\n      "Metadata": {},\n      "Type": "AWS::SageMaker::Model",\n      "DeletionPolicy": "Retain"\n    }\n  }\n}\n',
        (
            '{\n  "Resources": {\n    "M": {\n      "Metadata": {},\n      "Type": "AWS::SageMaker::Model",\n      "Properties": {\n'
            '        "EnableNetworkIsolation": true\n      },\n      "DeletionPolicy": "Retain"\n    }\n  }\n}\n'
        ),
    ),
    "minified": (
        '{"Resources":{"M":{"Type":"AWS::SageMaker::Model","Properties":{"ModelName":"m"}}}}',
        '{"Resources":{"M":{"Type":"AWS::SageMaker::Model","Properties":{"EnableNetworkIsolation":true,"ModelName":"m"}}}}',
    ),
    "one line, empty": (
        '{"Resources": {"M": {"Type": "AWS::SageMaker::Model", "Properties": {}}}}\n',
        '{"Resources": {"M": {"Type": "AWS::SageMaker::Model", "Properties": {"EnableNetworkIsolation": true}}}}\n',
    ),
    "lines, empty": (
        '{\n "Resources": {\n  "M": {\n   "Type": "AWS::SageMaker::Model",\n   "Properties": {}\n  }\n }\n}',
        '{\n "Resources": {\n  "M": {\n   "Type": "AWS::SageMaker::Model",\n   "Properties": {\n    "EnableNetworkIsolation": true\n   }\n  }\n }\n}',
    ),
    "a value": (
        '{\n  "Resources": {"M": {"Type": "AWS::SageMaker::Model", "Properties": {"EnableNetworkIsolation" : "false", "ModelName": "m"}}}\n}\n',
        '{\n  "Resources": {"M": {"Type": "AWS::SageMaker::Model", "Properties": {"EnableNetworkIsolation" : true, "ModelName": "m"}}}\n}\n',
    ),
}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("name", JSON)
def test_json_is_changed_in_its_own_layout(tmp_path: Path, name: str, newline: str) -> None:
    """Indentation, spacing, line ends, escapes and order stay as they are, in .json and .template files, with and without a byte order mark."""
    before, after = (text.replace("\n", newline).encode() for text in JSON[name])
    for file, mark in (("t.json", b""), ("t.template", b"\xef\xbb\xbf")):
        (tmp_path / file).write_bytes(mark + before)
    assert fix(tmp_path, RULE).refused == []
    for file, mark in (("t.json", b""), ("t.template", b"\xef\xbb\xbf")):
        assert (tmp_path / file).read_bytes() == mark + after
    assert result_of(tmp_path, RULE).failures == ()


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ('{"EnableNetworkIsolation": {"Ref": "P"}}', "EnableNetworkIsolation is computed by Ref"),
        ('{"Fn::If": ["C", {}, {}]}', "Properties is computed by Fn::If"),
        ('{"EnableNetworkIsolation": [false]}', "EnableNetworkIsolation is not a plain value"),
        ('{"ModelName": "a", "ModelName": "b"}', "stands twice"),
    ],
)
def test_json_that_is_not_plain_is_refused(properties: str, reason: str) -> None:
    """Intrinsics and doubled keys are somebody's intention or mistake."""
    text = f'{{"Resources": {{"M": {{"Type": "AWS::SageMaker::Model", "Properties": {properties}}}}}}}'
    with pytest.raises(RefusedError, match=reason):
        changed_json(text, ("Resources", "M", "Properties", "EnableNetworkIsolation"), True)


LISTS: dict[str, tuple[str, str]] = {
    "yaml, a line each": ("L:\n  - a\n  - b # why\nM: 1\n", "L:\n  - a\n  - b # why\n  - c::d\nM: 1\n"),
    "yaml, at the key's column": ("L:\n- a\nM: 1", "L:\n- a\n- c::d\nM: 1"),
    "yaml, at the end": ("L:\n  - a", "L:\n  - a\n  - c::d\n"),
    "yaml, in brackets": ("L: [a, 'b']  # why\n", "L: [a, 'b', c::d]  # why\n"),
    "yaml, empty": ("L: []\n", "L: [c::d]\n"),
    "yaml, nothing": ("L:\nM: 1\n", ""),
    "json, a line each": ('{\n  "L": [\n    "a",\n    "b"\n  ]\n}', '{\n  "L": [\n    "a",\n    "b",\n    "c::d"\n  ]\n}'),
    "json, one line": ('{"L": ["a", "b"], "M": 1}', '{"L": ["a", "b", "c::d"], "M": 1}'),
    "json, minified": ('{"L":["a","b"]}', '{"L":["a","b","c::d"]}'),
    "json, empty": ('{"L": []}', '{"L": ["c::d"]}'),
    "json, absent": ('{\n  "M": 1\n}', '{\n  "L": [\n    "c::d"\n  ],\n  "M": 1\n}'),
}


@pytest.mark.parametrize("name", LISTS)
def test_lists_are_made_longer_in_their_own_style(name: str) -> None:
    """The new entry stands after the last one, as that is written; what already stands there isn't added again."""
    before, after = LISTS[name]
    change = changed_json if name.startswith("json") else changed_yaml
    wanted = Entries('["c::d"]')
    if not after:
        with pytest.raises(RefusedError):
            change(before, ("L",), wanted)
        return
    assert change(before, ("L",), wanted) == after
    with pytest.raises(RefusedError, match="already holds"):
        change(after, ("L",), wanted)


PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(alphabet='abcé{"\\ ', max_size=3), inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(
    before=st.dictionaries(st.sampled_from(["a", "b", "T"]), PLAIN, max_size=3),
    path=st.lists(st.sampled_from(["a", "b", "x"]), min_size=1, max_size=3),
    value=st.sampled_from([True, "new", Entries('["new"]')]),
    layout=st.sampled_from([{"indent": 2}, {"indent": "\t"}, {"separators": (",", ":")}, {}, {"indent": 1, "ensure_ascii": False}]),
)
def test_any_json_differs_in_the_one_place(before: dict[str, object], path: list[str], value: Value, layout: dict[str, object]) -> None:
    """Whatever the document and its layout: the change is refused, or the parsed document has it and is else the same."""
    text = json.dumps(before, **layout)  # type: ignore[arg-type]
    try:
        after = changed_json(text, tuple(path), value)
    except RefusedError:
        return
    wanted = json.loads(text)
    here = wanted
    for key in path[:-1]:
        here = here.setdefault(key, {})
    if isinstance(value, Entries):
        old = here.get(path[-1], [])
        here[path[-1]] = [*old, *(item for item in value.items if item not in old)]
    else:
        here[path[-1]] = value
    assert json.loads(after) == wanted


@pytest.mark.parametrize("name", ["t.yaml", "t.json"])
def test_a_mark_of_byte_order_stays_and_is_in_nobodys_way(tmp_path: Path, name: str) -> None:
    """As editors on Windows write it; by it, places in YAML were off by one, and no value was changed."""
    yaml = "Resources:\n  B:\n    Type: AWS::S3::Bucket\n    Properties:\n      BucketName: shop-uploads\n      AccessControl: PublicRead # no\n"
    properties = {"BucketName": "shop-uploads", "AccessControl": "PublicRead"}
    text = "\ufeff" + (
        yaml if name == "t.yaml" else json.dumps({"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": properties}}})
    )
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = check([tmp_path], all_rules(), Organisation(), load_catalogue(), Options(rules=("quarantine-not-served",)))
    mending = mended((edit for finding in found.failures for edit in finding.edits), [tmp_path], time.time() + 1)
    write(mending)
    assert mending.refused == []
    assert (tmp_path / name).read_text(encoding="utf-8") == text.replace("PublicRead", "Private")


def test_a_nested_stack_is_changed_for_all_that_use_it_or_not_at_all(tmp_path: Path) -> None:
    """One template, two stacks: what one of them needs would reach the other, which serves a website; so would it in another template's stack."""
    child = "Parameters: {Name: {Type: String}}\nResources:\n  B:\n    Type: AWS::S3::Bucket\n    Properties:\n      BucketName: !Ref Name\n      AccessControl: PublicRead\n"
    stack = "  {0}:\n    Type: AWS::CloudFormation::Stack\n    Properties: {{TemplateURL: child.yaml, Parameters: {{Name: shop-{0}}}}}\n"

    def refusals(*parents: str) -> list[str]:
        (tmp_path / "child.yaml").write_text(child)
        for number, text in enumerate(parents):
            (tmp_path / f"parent{number}.yaml").write_text(f"Resources:\n{text}")
        found = check([tmp_path], all_rules(), Organisation(), load_catalogue(), Options(rules=("quarantine-not-served",)))
        mending = mended((edit for finding in found.failures for edit in finding.edits), [tmp_path], time.time() + 1)
        assert bool(mending.files) is not bool(mending.refused)
        return [reason for _, reason in mending.refused]

    uploads, website = stack.format("uploads"), stack.format("website")
    assert refusals(uploads + website) == ["its block makes 2 resources, and 1 of them don't ask for it"]
    (reason,) = refusals(uploads, website)
    assert reason.endswith("parent1.yaml as well, where nothing asks for it")
    assert refusals(uploads, uploads + stack.format("uploads2")) == []


def test_what_a_file_of_the_serverless_framework_writes_is_mended_and_what_it_implies_is_not(tmp_path: Path) -> None:
    """Resources stand one level deeper there; a bucket that only an event names is the framework's, and has no place of its own."""
    text = (
        "service: shop\nprovider: {name: aws}\nfunctions:\n  scan:\n    handler: scan.handler\n    events:\n      - s3: photo-uploads\n"
        "resources:\n  Resources:\n    Uploads:\n      Type: AWS::S3::Bucket\n      Properties:\n        BucketName: ${self:service}-uploads # ours\n"
    )
    (tmp_path / "serverless.yml").write_text(text, encoding="utf-8")
    mending = fix(tmp_path, "media-bucket-hardened")
    changed = (tmp_path / "serverless.yml").read_text(encoding="utf-8")
    before, after = changed.split("      Properties:\n")
    assert before + "      Properties:\n" + after[after.index("        BucketName") :] == text
    assert "        VersioningConfiguration:\n          Status: Enabled\n" in after
    assert "          RestrictPublicBuckets: true\n" in after
    assert {reason for _, reason in mending.refused} == {
        "S3BucketPhotoUploads is not written under resources: write it there, as AWS::S3::Bucket, to set this"
    }


def test_what_a_file_of_the_serverless_framework_includes_is_mended_where_it_is_written(tmp_path: Path) -> None:
    """In a file of nothing but resources; of one in a list it isn't said that it isn't there."""
    bucket = "{0}:\n  Type: AWS::S3::Bucket\n  Properties:\n    BucketName: {0}-photo-uploads\n"
    (tmp_path / "buckets.yml").write_text(bucket.format("first"), encoding="utf-8")
    head = "service: shop\nprovider: {name: aws}\nresources:\n"
    listed = head + "  - Resources:\n" + textwrap.indent(bucket.format("second"), " " * 6)
    (tmp_path / "serverless.yml").write_text(f"{listed}  - Resources: ${{file(buckets.yml)}}\n", encoding="utf-8")
    mending = fix(tmp_path, "media-bucket-hardened")
    assert "    VersioningConfiguration:\n      Status: Enabled\n" in (tmp_path / "buckets.yml").read_text(encoding="utf-8")
    assert {reason for _, reason in mending.refused} == {
        "second is written in a list of resources, in which nothing is changed: set it by hand"
    }
