"""Whether what a rule of EventBridge fails to hand on is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from averment.policies.graph.model import Graph, Resource, Unknown
from averment.policies.iam.truth import Truth, any_of
from averment.policies.rules.notifications import describe
from averment.policies.rules.storage import listed
from averment.policies.rules.takers import named_by

INVOKE_CONFIG = "AWS::Lambda::EventInvokeConfig"
_KEEPING = ("RedrivePolicy", "DeadLetterConfig", "EventInvokeConfig")


def dead_letters(rule: Resource, graph: Graph) -> Truth:
    """Whether what a target of the rule fails to take is kept: by the rule, or by the queue or function that is the target."""
    entries = rule.get("Targets")
    if isinstance(entries, Unknown):
        return Unknown(f"the targets of {rule.address} could not be resolved: {entries.reason}")
    return any_of(_kept(entry, graph) for entry in listed(entries))


def _kept(entry: Any, graph: Graph) -> Truth:
    if not isinstance(entry, Mapping):
        return entry if isinstance(entry, Unknown) else False
    letters = entry.get("DeadLetterConfig")
    own = letters.get("Arn") if isinstance(letters, Mapping) else letters
    if own not in (None, ""):
        return own if isinstance(own, Unknown) else True
    arn = entry.get("Arn")
    target = graph.target(arn) or (named_by(arn, graph) if isinstance(arn, str) else None)
    if target is None or isinstance(target, Unknown):
        return Unknown(f"whether {describe(arn)} has a dead-letter queue: it is not part of what was read")
    return any_of((*(_set(target.get(key)) for key in _KEEPING), *_on_failure(target, graph)))


def _set(value: Any) -> Truth:
    return value if isinstance(value, Unknown) else value not in (None, "", {})


def _on_failure(function: Resource, graph: Graph) -> Iterator[Truth]:
    """Destinations of asynchronous invocations that stand in a resource of their own."""
    for config in graph.of_type(INVOKE_CONFIG, "Terraform::aws_lambda_function_event_invoke_config"):
        if graph.target(config.get("FunctionName") or config.get("function_name")) is function:
            yield True
