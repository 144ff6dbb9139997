"""The detector keeps up with what is uploaded: its endpoint's instances are scaled by a policy (SM-DET-02)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from averment.core.words import Severity, Verdict
from averment.policies.graph.model import Graph, Resource, Unknown
from averment.policies.interface import NOT_APPLICABLE, PASS, Context, Outcome, Rule, fail, unknown
from averment.policies.rules.endpoints import CONFIG, ENDPOINT, PARAMETER, config_of, is_detector, names, serverless, shown, variants_of
from averment.policies.rules.judge import fix_for

TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"
POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"
COMPONENT = "AWS::SageMaker::InferenceComponent"
SCHEDULED = "Terraform::aws_appautoscaling_scheduled_action"
"""What CloudFormation keeps inside of the target."""

_RESOURCE = re.compile(r"endpoint/(?P<endpoint>.+)/variant/(?P<variant>.+)")
_CAPACITIES = ("MinCapacity", "MaxCapacity")
_RESUME = "take the suspended state out of the target, or resume scaling: DynamicScalingOutSuspended = false"
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"

_TARGET_TERRAFORM = """\
resource "aws_appautoscaling_target" "@" {
  service_namespace  = "sagemaker"
  resource_id        = "endpoint/${aws_sagemaker_endpoint.@.name}/variant/<variant>"
  scalable_dimension = "sagemaker:variant:DesiredInstanceCount"
  min_capacity       = 1
  max_capacity       = 4
}"""
_POLICY_TERRAFORM = """\
resource "aws_appautoscaling_policy" "@" {
  name               = "@-invocations"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = "sagemaker"
  resource_id        = aws_appautoscaling_target.<target>.resource_id
  scalable_dimension = "sagemaker:variant:DesiredInstanceCount"

  target_tracking_scaling_policy_configuration {
    target_value = 100
    predefined_metric_specification {
      predefined_metric_type = "SageMakerVariantInvocationsPerInstance"
    }
  }
}"""
_TARGET_CLOUDFORMATION = """\
@Target:
  Type: AWS::ApplicationAutoScaling::ScalableTarget
  Properties:
    ServiceNamespace: sagemaker
    ResourceId: !Sub endpoint/${@.EndpointName}/variant/<variant>
    ScalableDimension: sagemaker:variant:DesiredInstanceCount
    MinCapacity: 1
    MaxCapacity: 4"""
_POLICY_CLOUDFORMATION = """\
@Scaling:
  Type: AWS::ApplicationAutoScaling::ScalingPolicy
  Properties:
    PolicyName: invocations
    PolicyType: TargetTrackingScaling
    ScalingTargetId: !Ref <target>
    TargetTrackingScalingPolicyConfiguration:
      TargetValue: 100
      PredefinedMetricSpecification:
        PredefinedMetricType: SageMakerVariantInvocationsPerInstance"""


def evaluate(endpoint: Resource, context: Context) -> Outcome:
    """The verdict on one endpoint; that something is missing is no failure where it couldn't be read."""
    if not is_detector(endpoint, context):
        return NOT_APPLICABLE
    outcome = _verdict(endpoint, context)
    missing = context.not_read(CONFIG, TARGET, POLICY, COMPONENT)
    if outcome.verdict is Verdict.FAIL and missing is not None:
        return unknown(f"whether this endpoint is scaled: {missing.reason}", where=endpoint.source)
    return outcome


def _verdict(endpoint: Resource, context: Context) -> Outcome:
    graph = context.graph
    config = config_of(endpoint, graph)
    if serverless(config) or any(_managed(variant.get("ManagedInstanceScaling")) for variant in variants_of(config)):
        return PASS
    found = list(_targets(endpoint, graph))
    certain = [target for target, match in found if match is True]
    if certain:
        return _scaled(endpoint, certain, config, graph)
    for target, match in found:
        if isinstance(match, Unknown):
            return unknown(f"whether {target.address} scales this endpoint: {match.reason}", where=endpoint.source)
    if any(names(shown(component.get("EndpointName")), endpoint, graph) is True for component in graph.of_type(COMPONENT)):
        return unknown("this endpoint's models are inference components, whose scaling isn't followed", where=endpoint.source)
    return fail(
        f"no variant of this endpoint{_why(context)} is an autoscaling target", where=endpoint.source, fix=_fix(endpoint, config, None)
    )


def _why(context: Context) -> str:
    return "" if context.parameters.get(PARAMETER) else f" (taken for the detector's, since {PARAMETER} isn't set)"


def _managed(setting: Any) -> bool:
    """Whether SageMaker scales the instances itself; Terraform's nested block is a list."""
    first = setting[0] if isinstance(setting, list) and setting else setting
    return isinstance(first, dict) and first.get("Status") == "ENABLED"


def _targets(endpoint: Resource, graph: Graph) -> Iterator[tuple[Resource, bool | Unknown]]:
    """Scalable targets of SageMaker variants that are, or may be, for this endpoint."""
    for target in graph.of_type(TARGET):
        if target.get("ServiceNamespace") not in (None, "sagemaker") and not isinstance(target.get("ServiceNamespace"), Unknown):
            continue
        match = _RESOURCE.search(shown(target.get("ResourceId")))
        if match is not None:
            yield target, names(match["endpoint"], endpoint, graph)
        elif isinstance(target.get("ResourceId"), Unknown) and target.get("ScalableDimension") == _DIMENSION:
            yield target, target.get("ResourceId")


def _scaled(endpoint: Resource, targets: list[Resource], config: Resource | None, graph: Graph) -> Outcome:
    """Whether one of the endpoint's ``targets`` can move and has a policy that moves it."""
    doubt: Outcome | None = None
    for target in targets:
        low, high = _number(target.get("MinCapacity")), _number(target.get("MaxCapacity"))
        settings = (*(target.get(key) for key in _CAPACITIES), _suspended(target), *_hidden_variants(target, config))
        unclear = next((value for value in settings if isinstance(value, Unknown)), None)
        wrong = _wrong_variant(target, config)
        if wrong is not None:
            doubt = doubt or fail(wrong, where=target.where("ResourceId"), fix=_fix(endpoint, config, None))
        elif low is not None and high is not None and high <= low:
            message = f"{target.address} can't scale this endpoint: MinCapacity is {low} and MaxCapacity {high}"
            fix = fix_for(
                target, terraform=f"max_capacity = {low + 3}", cloudformation=f"MaxCapacity: {low + 3}", command="--max-capacity 4"
            )
            doubt = doubt or fail(message, where=target.where("MaxCapacity"), fix=fix)
        elif _suspended(target) is True:
            doubt = doubt or fail(f"scaling of {target.address} is suspended", where=target.where("SuspendedState"), fix=_RESUME)
        elif _moved(target, graph):
            if unclear is None:
                return PASS
            text = f"whether {target.address} can scale this endpoint could not be resolved: {unclear.reason}"
            doubt = doubt or unknown(text, where=target.source)
        else:
            message = f"{target.address} makes this endpoint scalable, but no scaling policy moves it"
            doubt = doubt or fail(message, where=target.source, fix=_fix(endpoint, config, target))
    return doubt or PASS


def _suspended(target: Resource) -> bool | Unknown:
    """Whether instances can't be added: neither by policies nor, where it has scheduled actions, by those."""
    state = target.get("SuspendedState")
    state = state[0] if isinstance(state, list) and state else state  # Terraform's nested block
    if not isinstance(state, dict):
        return state if isinstance(state, Unknown) else False
    flag = state.get("DynamicScalingOutSuspended")
    return flag if isinstance(flag, Unknown) else flag is True and not target.get("ScheduledActions")


def _moved(target: Resource, graph: Graph) -> bool:
    """Whether a policy or a scheduled action moves ``target``."""
    return bool(target.get("ScheduledActions")) or any(_moves(mover, target, graph) for mover in graph.of_type(POLICY, SCHEDULED))


def _wrong_variant(target: Resource, config: Resource | None) -> str | None:
    """What is wrong with the variant that a target names, where all of them are known."""
    match = _RESOURCE.search(shown(target.get("ResourceId")))
    known = [variant.get("VariantName") for variant in variants_of(config)]
    if match is None or "${" in match["variant"] or not known or not all(isinstance(name, str) for name in known):
        return None
    if match["variant"] in known:
        return None
    return f"{target.address} scales the variant '{match['variant']}', but this endpoint's is '{known[0]}'"


def _hidden_variants(target: Resource, config: Resource | None) -> Iterator[Any]:
    """What of the endpoint's variants isn't known (their list, one of them, or its name), unless ``target`` names one of them as it is written."""
    match = _RESOURCE.search(shown(target.get("ResourceId")))
    listed = config.get("ProductionVariants") if config is not None else None
    names = [item.get("VariantName") if isinstance(item, Mapping) else item for item in (listed if isinstance(listed, list) else [listed])]
    if match is None or match["variant"] not in (shown(name) for name in names):
        yield from names


def _moves(policy: Resource, target: Resource, graph: Graph) -> bool:
    named = policy.get("ResourceId") or policy.get("resource_id")
    if graph.target(policy.get("ScalingTargetId")) is target or graph.target(named) is target:
        return True
    text = shown(named) or shown(policy.get("ScalingTargetId")).partition("|")[0]
    return bool(text) and (text == shown(target.get("ResourceId")) or f"${{{target.address}." in text)


def _number(value: Any) -> int | None:
    if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return int(value) if isinstance(value, int | float) or (isinstance(value, str) and value.isdigit()) else None


def _fix(endpoint: Resource, config: Resource | None, target: Resource | None) -> str:
    variant = next((name for entry in variants_of(config) if isinstance(name := entry.get("VariantName"), str)), "AllTraffic")
    name = target.address.rsplit(".", 1)[-1].partition("[")[0] if target is not None else None
    terraform = _POLICY_TERRAFORM if name else f"{_TARGET_TERRAFORM}\n\n{_POLICY_TERRAFORM}"
    cloudformation = _POLICY_CLOUDFORMATION if name else f"{_TARGET_CLOUDFORMATION}\n{_POLICY_CLOUDFORMATION}"
    command = (
        "aws application-autoscaling register-scalable-target --service-namespace sagemaker"
        " --scalable-dimension sagemaker:variant:DesiredInstanceCount --resource-id endpoint/@/variant/<variant>"
        " --min-capacity 1 --max-capacity 4  # and put-scaling-policy"
    )
    text = fix_for(
        endpoint,
        terraform=terraform.replace("<target>", name or "@"),
        cloudformation=cloudformation.replace("<target>", name or "@Target"),
        command=command,
    )
    return text.replace("<variant>", variant)


RULE = Rule(
    id="detector-endpoint-scaled",
    title="The detector's endpoint is scaled by a policy",
    severity=Severity.MEDIUM,
    types=(ENDPOINT,),
    evaluate=evaluate,
    remediation="Register the endpoint's variant as a scalable target and give it a target-tracking policy.",
    neighbours=(ENDPOINT, CONFIG, TARGET, POLICY, COMPONENT),
)
