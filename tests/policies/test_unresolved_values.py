"""What a rule says where the very value that breaks it isn't resolved: it may be the wrong one, so that nothing passes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from averment.core.scope import Scope
from averment.core.words import Verdict
from averment.policies.graph.model import Graph, Unknown
from averment.policies.interface import Context
from averment.policies.rules.judge import worst_outcome
from averment.policies.rules.registry import rule
from averment.policies.surfaces.cloudformation.template import read_template

RULES = Path(__file__).resolve().parents[2] / "policies" / "rules"
TRUST = ("AssumeRolePolicyDocument", "Statement", 0)
AMR = ("Condition", "ForAnyValue:StringLike", "cognito-identity.amazonaws.com:amr")


def hidden(value: Any, path: tuple[str | int, ...]) -> Any:
    """``value`` with what stands at ``path`` not known."""
    if not path:
        return Unknown("variable 'x' has no default")
    if isinstance(value, dict):
        return {key: hidden(item, path[1:]) if key == path[0] else item for key, item in value.items()}
    return [hidden(item, path[1:]) if index == path[0] else item for index, item in enumerate(value)]


@pytest.mark.parametrize(
    ("rule_id", "case", "kind", "path"),
    [
        ("detector-endpoint-scaled", "another_variant", "AWS::SageMaker::EndpointConfig", ("ProductionVariants",)),
        ("detector-endpoint-scaled", "another_variant", "AWS::SageMaker::EndpointConfig", ("ProductionVariants", 0)),
        ("detector-endpoint-scaled", "another_variant", "AWS::SageMaker::EndpointConfig", ("ProductionVariants", 0, "VariantName")),
        ("inference-cost-watched", "budget_on_others", "AWS::Budgets::Budget", ("Budget", "CostFilters")),
        ("inference-cost-watched", "budget_on_others", "AWS::Budgets::Budget", ("Budget", "CostFilters", "Service")),
        ("inference-cost-watched", "budget_on_others", "AWS::Budgets::Budget", ("Budget", "CostFilters", "Service", 0)),
        ("inference-least-privilege", "guests_compare_faces", "AWS::IAM::Role", (*TRUST, "Condition")),
        ("inference-least-privilege", "guests_compare_faces", "AWS::IAM::Role", (*TRUST, *AMR)),
        ("s3-put-object-gated", "guests_of_identity_pool", "AWS::IAM::Role", (*TRUST, "Condition")),
        ("s3-put-object-gated", "guests_of_identity_pool", "AWS::IAM::Role", (*TRUST, *AMR)),
        ("isolation-runbook-present", "role_of_another_service", "AWS::IAM::Role", ("AssumeRolePolicyDocument",)),
        ("isolation-runbook-present", "role_of_another_service", "AWS::IAM::Role", (*TRUST, "Principal")),
        ("isolation-runbook-present", "role_of_another_service", "AWS::IAM::Role", (*TRUST, "Principal", "Service")),
    ],
)
def test_what_breaks_a_rule_and_is_not_resolved_is_no_pass(rule_id: str, case: str, kind: str, path: tuple[str | int, ...]):
    """Each of these passed: a variant, a budget's services, a condition of trust or who is trusted that a variable names."""
    subject = rule(rule_id)
    graph = read_template(RULES / rule_id.replace("-", "_") / "cases" / f"{case}.fail" / "template.yaml")
    context = Context(graph, Scope(accounts=("123456789012",)))
    assert worst_outcome(subject.evaluate(one, context) for one in graph.of_type(*subject.types)).verdict is Verdict.FAIL
    changed = Graph(replace(one, properties=hidden(one.properties, path)) if one.type == kind else one for one in graph)
    context = Context(changed, Scope(accounts=("123456789012",)))
    outcome = worst_outcome(subject.evaluate(one, context) for one in changed.of_type(*subject.types))
    assert outcome.verdict is Verdict.UNKNOWN
    assert "variable 'x' has no default" in outcome.message
