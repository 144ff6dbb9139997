"""A whole template before it is deployed: each of its resources handed to AWS Config's proactive evaluation.

AWS Config judges one resource at a time, by the rules of the account that run before deployment, Averment's and others. What is sent
are the resource's properties as CloudFormation has them. A link to another resource of the template is sent as the name or ARN that it
would come to, made up from the logical id where AWS makes one up. A resource whose properties aren't all known isn't sent: what is left
out of them would read as a setting that isn't there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from averment.core.aws import aws_errors
from averment.core.errors import BadInputError, IncompleteError
from averment.core.source import SourceRef
from averment.policies.deployment.names import given_name
from averment.policies.deployment.place import Place
from averment.policies.deployment.waiting import Sleep, settled
from averment.policies.graph.model import Problem, Resource, find_unknown
from averment.policies.runtime.evaluate import COULD_NOT_CHECK
from averment.policies.surfaces.cloudformation.stacks import Stacks
from averment.policies.surfaces.cloudformation.template import read_template

MAX_CONFIGURATION = 51_200
"""Characters of properties that ``StartResourceEvaluation`` takes (botocore's model)."""

WAIT_S = 120.0
UNCOVERED = "no rule of AWS Config that runs before deployment looks at it"

_COMPLIANCE = {"COMPLIANT": "pass", "NON_COMPLIANT": "fail", "NOT_APPLICABLE": "not-applicable"}


class State(StrEnum):
    """What came of one rule on one resource. ``NOT_CHECKED`` is a resource that no rule was run on."""

    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_CHECKED = "not-checked"
    PASS = "pass"
    NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True)
class Proposal:
    """A line of the answer: the resource's logical id and type, the Config rule (empty where none ran), and why."""

    resource: str
    resource_type: str
    where: str
    rule: str
    state: State
    reason: str = ""


@dataclass(frozen=True)
class Account:
    """Where the template would be deployed, and AWS Config there. ``config`` is a boto3 client."""

    config: Any
    number: str
    region: str
    sleep: Sleep = time.sleep


def evaluate_template(
    template: Path, parameters: Mapping[str, str], account: Account, progress: Callable[[str], None] = lambda _: None
) -> list[Proposal]:
    """What AWS Config's proactive rules say of each resource in ``template``, in its order; parts that can't be read come last.

    All evaluations are started before the first is waited for. ``parameters`` are the template's arguments.

    Raises:
        BadInputError: an argument that the template doesn't take.
    """
    _check(template, parameters)
    graph = read_template(template, given=dict(parameters))
    place = Place(graph, account.number, account.region)
    resources = [resource for resource in graph if not resource.outside]
    started = [(resource, _start(resource, place, account)) for resource in resources]
    found: list[Proposal] = []
    for number, (resource, sent) in enumerate(started, 1):
        progress(f"{number} of {len(started)} resources")
        found.extend(_answers(resource, sent, account))
    return [*found, *(_unread(problem) for problem in graph.problems)]


def _check(template: Path, parameters: Mapping[str, str]) -> None:
    """An argument with a typing error would leave a default in its place."""
    if not parameters:
        return
    declared = Stacks(template.parent).parsed(template).template.get("Parameters")
    known = sorted(declared) if isinstance(declared, Mapping) else []
    for name in parameters:
        if name not in known:
            fix = f"it takes {', '.join(known)}" if known else "it takes none"
            raise BadInputError(f"the template has no parameter '{name}'", where=SourceRef(str(template)), fix=fix)


def _unread(problem: Problem) -> Proposal:
    return Proposal("", "", str(problem.where), "", State.UNKNOWN, problem.reason)


def _line(resource: Resource, rule: str, state: State, reason: str = "") -> Proposal:
    return Proposal(resource.address, resource.type, str(resource.source), rule, state, reason)


@dataclass(frozen=True)
class _Sent:
    """An evaluation that was started, or why none was."""

    identity: str = ""
    why_not: str = ""


def _start(resource: Resource, place: Place, account: Account) -> _Sent:
    unknown = next(find_unknown(resource.properties), None)
    if unknown is not None:
        return _Sent(why_not=f"not all of its properties are known: {unknown.reason}")
    try:
        text = json.dumps(place.value(resource.properties), sort_keys=True)
    except ValueError as error:
        return _Sent(why_not=str(error))
    if len(text) > MAX_CONFIGURATION:
        return _Sent(why_not=f"its properties have {len(text):,} characters, and AWS Config takes {MAX_CONFIGURATION:,}")
    details = {
        "ResourceId": resource.address,
        "ResourceType": resource.type,
        "ResourceConfiguration": text,
        "ResourceConfigurationSchemaType": "CFN_RESOURCE_SCHEMA",
    }
    try:
        with aws_errors(f"start the evaluation of {resource.address}"):
            answer = account.config.start_resource_evaluation(ResourceDetails=details, EvaluationMode="PROACTIVE")
    except IncompleteError as error:
        return _Sent(why_not=error.message)
    return _Sent(str(answer["ResourceEvaluationId"]))


def _answers(resource: Resource, sent: _Sent, account: Account) -> Iterator[Proposal]:
    if sent.why_not:
        yield _line(resource, "", State.UNKNOWN, sent.why_not)
        return
    try:
        with aws_errors(f"read the evaluation of {resource.address}"):
            summary = settled(
                lambda: account.config.get_resource_evaluation_summary(ResourceEvaluationId=sent.identity),
                _busy,
                f"the evaluation of {resource.address}",
                WAIT_S,
                account.sleep,
            )
            results = list(_results(account.config, sent.identity))
    except IncompleteError as error:
        yield _line(resource, "", State.UNKNOWN, error.message)
        return
    for result in results:
        name = str(result["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ConfigRuleName"])
        yield _line(resource, given_name(name), *_judged(str(result["ComplianceType"]), str(result.get("Annotation") or "")))
    status = (summary or {}).get("EvaluationStatus") or {}
    if status.get("Status") != "SUCCEEDED":
        why = status.get("FailureReason") or "AWS Config gives no reason"
        yield _line(resource, "", State.UNKNOWN, f"the evaluation failed: {why}")
    elif not results:
        yield _line(resource, "", State.NOT_CHECKED, UNCOVERED)


def _busy(summary: Mapping[str, Any]) -> str | None:
    status = str(summary["EvaluationStatus"]["Status"])
    return "in progress" if status == "IN_PROGRESS" else None


def _judged(compliance: str, annotation: str) -> tuple[State, str]:
    """What a rule said; ours say an unknown in the annotation, for want of a value that means it."""
    if annotation.startswith(COULD_NOT_CHECK):
        return State.UNKNOWN, annotation.removeprefix(COULD_NOT_CHECK)
    known = _COMPLIANCE.get(compliance)
    return (State(known), annotation) if known is not None else (State.UNKNOWN, annotation or f"AWS Config says {compliance}")


def _results(config: Any, identity: str) -> Iterator[Mapping[str, Any]]:
    token: str | None = None
    while True:
        page = {"NextToken": token} if token else {}
        answer = config.get_compliance_details_by_resource(ResourceEvaluationId=identity, **page)
        yield from answer.get("EvaluationResults", ())
        token = answer.get("NextToken")
        if not token:
            return
