"""The IAM actions that the rules need to look at neighbours: the least that the function's role has to allow."""

from __future__ import annotations

from collections.abc import Iterable

from averment.policies.interface import Rule

_INVENTORY = frozenset({"config:ListDiscoveredResources", "config:BatchGetResourceConfig", "config:DescribeConfigurationRecorders"})
_DESCRIBED = {"AWS::SageMaker::EndpointConfig": frozenset({"sagemaker:ListEndpointConfigs", "sagemaker:DescribeEndpointConfig"})}


def permissions(rules: Iterable[Rule]) -> frozenset[str]:
    """The actions for ``rules``; PutEvaluations isn't among them."""
    types = {name for rule in rules for name in (*rule.types, *rule.neighbours)}
    return _INVENTORY.union(*(actions for name, actions in _DESCRIBED.items() if name in types))
