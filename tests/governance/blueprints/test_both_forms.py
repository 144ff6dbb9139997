"""A blueprint's template and its Terraform make the same: statements, functions with their variables, alarms, what is refused of a value, and what stays
when it is taken down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from averment.detector.gate.cases import REMEMBERED
from averment.governance.remediation.blueprints import all_blueprints
from averment.governance.remediation.blueprints.pages import read_template

NAMES = sorted(all_blueprints())
Statement = tuple[str, frozenset[str], frozenset[tuple[str, str]]]
"""The effect, the actions, and the operator and key of each condition."""


def snake(word: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).lower()


def blocks(name: str, kind: str) -> dict[str, str]:
    """The Terraform's blocks of a kind (``variable``, ``resource "aws_kms_key"``): what stands in each, by its name."""
    text = all_blueprints()[name].terraform.read_text(encoding="utf-8")
    return dict(re.findall(rf'^{kind} "(\w+)" \{{\n(.*?)^\}}', text, re.MULTILINE | re.DOTALL))


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def in_template(value: Any) -> Iterator[Statement]:
    """The statements of every policy within ``value``."""
    if isinstance(value, dict):
        for statement in listed(value.get("Statement", [])):
            found = statement["If"][1] if "If" in statement else statement
            conditions = {(operator, key) for operator, block in found.get("Condition", {}).items() for key in block}
            yield found["Effect"], frozenset(listed(found["Action"])), frozenset(conditions)
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from in_template(inner)


def in_terraform(name: str) -> Iterator[Statement]:
    """The statements of every policy document."""
    for body in blocks(name, 'data "aws_iam_policy_document"').values():
        for statement in re.split(r'^ +(?:dynamic )?"?statement"? \{', body, flags=re.MULTILINE)[1:]:
            effect, actions = re.search(r'effect += "(\w+)"', statement), re.search(r"actions += \[(.*?)\]", statement, re.DOTALL)
            assert actions is not None
            conditions = re.findall(r'test += "([^"]+)"\s+variable += "([^"]+)"', statement)
            yield effect[1] if effect else "Allow", frozenset(re.findall(r'"([^"]+)"', actions[1])), frozenset(conditions)


@pytest.mark.parametrize("name", NAMES)
def test_both_allow_and_deny_the_same(name: str) -> None:
    """What a statement lacks in one form is a hole there, or a call that is refused."""
    assert set(in_template(read_template(all_blueprints()[name])["Resources"])) == set(in_terraform(name))


@pytest.mark.parametrize("name", NAMES)
def test_both_run_the_same_and_set_the_same_for_it(name: str) -> None:
    """The entry points of functions, and the variables that they go by: most may be absent, so that of a misspelt one nobody would hear."""
    blueprint = all_blueprints()[name]
    template, terraform = (
        set(re.findall(r"\bAVERMENT_\w+(?=:| +=)|\baverment\.[a-z_.]+_handler\b", path.read_text(encoding="utf-8")))
        for path in (blueprint.template, blueprint.terraform)
    )
    assert template == terraform


@pytest.mark.parametrize("name", NAMES)
def test_both_refuse_the_same_values(name: str) -> None:
    """Where the template says what a parameter may be, the variable says it, too: one is told before anything is made, the other wouldn't be."""
    variables = blocks(name, "variable")
    bounded = {"AllowedPattern", "AllowedValues", "MinValue", "MaxValue", "MaxLength"}
    for parameter, item in read_template(all_blueprints()[name])["Parameters"].items():
        if bounded & set(item):
            assert "validation {" in variables[snake(parameter)], parameter


@pytest.mark.parametrize(
    ("name", "parameter"),
    [("media-gate", "DetectorEndpoint"), ("media-gate", "AsyncEndpoint"), ("detector-endpoint", "EndpointName")],
)
def test_both_take_an_endpoint_by_the_name_that_its_arn_has_alone(name: str, parameter: str) -> None:
    """SageMaker's ARNs are in small letters whatever an endpoint is called, and IAM compares letter by letter: a gate that may ask endpoint/Media-Detector
    may ask nobody, and all large images would be dead letters."""
    pattern = read_template(all_blueprints()[name])["Parameters"][parameter]["AllowedPattern"]
    assert f'regex("^{pattern}$", var.{snake(parameter)})' in blocks(name, "variable")[snake(parameter)]
    told = [value for value in ("none", "media-detector", "Media-Detector") if re.fullmatch(pattern, value)]
    assert told == ["none", "media-detector"]


@pytest.mark.parametrize("name", NAMES)
def test_both_have_the_same_alarms(name: str) -> None:
    """Found by what they say: measured alike, and telling of the same."""
    terraform = {body: key for key, body in blocks(name, 'resource "aws_cloudwatch_metric_alarm"').items()}
    resources = read_template(all_blueprints()[name])["Resources"]
    alarms = {key: item["Properties"] for key, item in resources.items() if item["Type"] == "AWS::CloudWatch::Alarm"}
    assert {snake(key) for key in alarms} == set(terraform.values())
    plain = (
        "Namespace",
        "MetricName",
        "Statistic",
        "Period",
        "EvaluationPeriods",
        "DatapointsToAlarm",
        "ComparisonOperator",
        "TreatMissingData",
    )
    for body, key in terraform.items():
        [alarm] = [item for title, item in alarms.items() if snake(title) == key]
        own = {word: value.strip('"') for word, value in re.findall(r"^  (\w+) += (.*)$", body, re.MULTILINE)}
        assert {word: own.get(snake(word)) for word in plain} == {word: str(alarm[word]) if word in alarm else None for word in plain}, key
        assert ("alarm_actions" in own, "ok_actions" in own) == ("AlarmActions" in alarm, "OKActions" in alarm), key
        queries = re.findall(r'^    (?:expression +|  *stat +|  *period +)= "?([^"\n]*)"?$', body, re.MULTILINE)
        assert len(queries) == sum(1 if "Expression" in query else 2 for query in alarm.get("Metrics", [])), key


@pytest.mark.parametrize("name", NAMES)
def test_what_the_template_keeps_terraform_keeps(name: str) -> None:
    """Logs that are evidence, and where media or evidence is kept the key that it can be read with. (Elsewhere a key that Terraform destroys can be had
    back for thirty days, as KMS has it.)"""
    resources = read_template(all_blueprints()[name])["Resources"]
    kept = [item for item in resources.values() if item.get("DeletionPolicy", "").startswith("Retain")]
    groups = [item["Properties"]["LogGroupName"] for item in kept if item["Type"] == "AWS::Logs::LogGroup"]
    bodies = blocks(name, 'resource "aws_cloudwatch_log_group"').values()
    for group in groups:
        [body] = [body for body in bodies if f'"{group}"' in body]
        assert re.search(r"^  skip_destroy +=  *true$", body, re.MULTILINE), group
    if any(item["Type"] == "AWS::S3::Bucket" for item in kept):
        for kind in ("s3_bucket", "kms_key", "dynamodb_table"):
            assert all("prevent_destroy = true" in body for body in blocks(name, f'resource "aws_{kind}"').values()), kind


@pytest.mark.parametrize("name", NAMES)
def test_a_stack_that_fails_leaves_nothing_in_the_way_of_the_next(name: str) -> None:
    """What is kept when a stack is deleted goes where its creation failed: a log group that stayed has the name that the next try makes. Only a table
    and a key that refuse to be deleted stay."""
    for key, item in read_template(all_blueprints()[name])["Resources"].items():
        properties = item.get("Properties", {})
        protected = properties.get("DeletionProtectionEnabled", False) or "kms:ScheduleKeyDeletion" in str(properties.get("KeyPolicy"))
        assert item.get("DeletionPolicy", "RetainExceptOnCreate") == ("Retain" if protected else "RetainExceptOnCreate"), key


def test_an_upload_is_known_to_be_counted_for_as_long_as_quarantine_has_it() -> None:
    """S3 hides what is latest when it expires, and deletes it when the time for former versions is over as well: forgotten before, an upload that is scanned
    again would be counted as another."""
    [bucket] = [
        body for key, body in blocks("media-gate", 'resource "aws_s3_bucket_lifecycle_configuration"').items() if key == "quarantine"
    ]
    terraform = {key: int(days) for key, days in re.findall(r"^ +(days|noncurrent_days) += (\d+)$", bucket, re.MULTILINE)}
    rules = read_template(all_blueprints()["media-gate"])["Resources"]["Quarantine"]["Properties"]["LifecycleConfiguration"]["Rules"]
    [rule] = [rule for rule in rules if "ExpirationInDays" in rule]
    days = rule["ExpirationInDays"] + rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
    assert sum(terraform.values()) == days
    assert timedelta(days=days) < REMEMBERED
