"""Alarms on uploads, and the detector's endpoint: settings that look on and do nothing, and the other ways to do it right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from averment.core.scope import Scope
from averment.core.words import Verdict
from averment.policies.graph.model import Graph
from averment.policies.interface import Context, Outcome
from averment.policies.rules.judge import worst_outcome
from averment.policies.rules.registry import rule
from averment.policies.surfaces.cloudformation import read_template
from averment.policies.surfaces.terraform.surface import TerraformSurface


def judged(graph: Graph, rule_id: str) -> Outcome:
    subject = rule(rule_id)
    context = Context(graph, Scope(accounts=("123456789012",)))
    return worst_outcome(subject.evaluate(resource, context) for resource in graph.of_type(*subject.types))


def of_template(tmp_path: Path, rule_id: str, **resources: Any) -> Outcome:
    path = tmp_path / "template.json"
    path.write_text(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}), encoding="utf-8")
    return judged(read_template(path), rule_id)


def of_terraform(tmp_path: Path, rule_id: str, text: str) -> Outcome:
    (tmp_path / "main.tf").write_text(text, encoding="utf-8")
    (graph,) = TerraformSurface().graphs(tmp_path)
    return judged(graph, rule_id)


TOLD: dict[str, Any] = {
    "Topic": {"Type": "AWS::SNS::Topic"},
    "Subscription": {
        "Type": "AWS::SNS::Subscription",
        "Properties": {"TopicArn": {"Ref": "Topic"}, "Protocol": "email", "Endpoint": "a@acme.example"},
    },
}


def alarm(**dimensions: str) -> dict[str, Any]:
    listed = [{"Name": "BucketName", "Value": {"Ref": "Uploads"}}, *({"Name": key, "Value": value} for key, value in dimensions.items())]
    properties = {"AlarmName": "uploads", "Namespace": "AWS/S3", "MetricName": "PutRequests", "Dimensions": listed}
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": {**properties, "AlarmActions": [{"Ref": "Topic"}]}}


@pytest.mark.parametrize(
    ("dimensions", "verdict"),
    [({"FilterId": "all"}, Verdict.PASS), ({"FilterId": "EntireBucket"}, Verdict.FAIL), ({}, Verdict.FAIL)],
)
def test_request_metrics_are_sent_under_the_id_of_their_configuration(tmp_path: Path, dimensions: dict[str, str], verdict: Verdict):
    """An alarm that looks under another id, or under none, waits for data that never comes."""
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "acme-uploads", "MetricsConfigurations": [{"Id": "all"}]}}
    outcome = of_template(tmp_path, "upload-anomaly-alarm", Uploads=bucket, Alarm=alarm(**dimensions), **TOLD)
    assert outcome.verdict is verdict
    assert verdict is Verdict.PASS or "never fires" in outcome.message


def endpoint(target: dict[str, Any]) -> dict[str, Any]:
    variant = {"VariantName": "AllTraffic", "ModelName": "m", "InstanceType": "ml.m5.xlarge", "InitialInstanceCount": 1}
    scalable = {"ServiceNamespace": "sagemaker", "ResourceId": "endpoint/detector/variant/AllTraffic", "MinCapacity": 1, "MaxCapacity": 4}
    return {
        "Config": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"ProductionVariants": [variant]}},
        "Endpoint": {
            "Type": "AWS::SageMaker::Endpoint",
            "Properties": {"EndpointName": "detector", "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]}},
        },
        "Target": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": {**scalable, **target}},
        "Policy": {
            "Type": "AWS::ApplicationAutoScaling::ScalingPolicy",
            "Properties": {"PolicyName": "p", "ScalingTargetId": {"Ref": "Target"}},
        },
    }


@pytest.mark.parametrize(
    ("target", "verdict", "words"),
    [
        ({}, Verdict.PASS, ""),
        ({"MaxCapacity": {"Ref": "Nowhere"}}, Verdict.UNKNOWN, "could not be resolved"),
        ({"SuspendedState": {"DynamicScalingOutSuspended": True}}, Verdict.FAIL, "is suspended"),
        ({"SuspendedState": {"DynamicScalingOutSuspended": False}}, Verdict.PASS, ""),
        ({"SuspendedState": {"DynamicScalingInSuspended": True}}, Verdict.PASS, ""),
        ({"SuspendedState": {"DynamicScalingOutSuspended": {"Ref": "Nowhere"}}}, Verdict.UNKNOWN, "could not be resolved"),
    ],
)
def test_a_target_that_can_t_move_scales_nothing(tmp_path: Path, target: dict[str, Any], verdict: Verdict, words: str):
    """Suspended, or with a capacity that nobody knows."""
    outcome = of_template(tmp_path, "detector-endpoint-scaled", **endpoint(target))
    assert outcome.verdict is verdict
    assert words in outcome.message


SCALED = """
resource "aws_sagemaker_endpoint_configuration" "detector" {
  production_variants {
    variant_name           = "AllTraffic"
    model_name             = "m"
    instance_type          = "ml.m5.xlarge"
    initial_instance_count = 1
  }
}
resource "aws_sagemaker_endpoint" "detector" {
  endpoint_config_name = aws_sagemaker_endpoint_configuration.detector.name
}
resource "aws_appautoscaling_target" "detector" {
  service_namespace  = "sagemaker"
  resource_id        = "endpoint/${aws_sagemaker_endpoint.detector.name}/variant/AllTraffic"
  scalable_dimension = "sagemaker:variant:DesiredInstanceCount"
  min_capacity       = 1
  max_capacity       = 4
  %s
}
"""
BY_SCHEDULE = """
resource "aws_appautoscaling_scheduled_action" "day" {
  name               = "day"
  service_namespace  = "sagemaker"
  resource_id        = aws_appautoscaling_target.%s.resource_id
  scalable_dimension = "sagemaker:variant:DesiredInstanceCount"
  schedule           = "cron(0 8 * * ? *)"
}
"""
SUSPENDED = "suspended_state {\n dynamic_scaling_out_suspended = true\n }"


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (SCALED % "" + BY_SCHEDULE % "detector", Verdict.PASS),
        (SCALED % "" + BY_SCHEDULE % "other", Verdict.FAIL),
        (SCALED % "", Verdict.FAIL),
        (SCALED % SUSPENDED + BY_SCHEDULE % "detector", Verdict.FAIL),
    ],
)
def test_scheduled_actions_of_terraform_move_their_target(tmp_path: Path, text: str, verdict: Verdict):
    """CloudFormation keeps them inside of the target, Terraform in a resource of their own."""
    assert of_terraform(tmp_path, "detector-endpoint-scaled", text).verdict is verdict
