"""A function that says whose face it is also asks the detector whether the picture is real (SM-IDV-03)."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from averment.core.words import Severity
from averment.policies.graph.model import Graph, Reference, Resource, Unknown
from averment.policies.iam.carriers import Carrier, identity_documents, unread_policies
from averment.policies.iam.patterns import overlap
from averment.policies.interface import NOT_APPLICABLE, PASS, Context, Outcome, Rule, fail, unknown
from averment.policies.rules.apis import role_at
from averment.policies.rules.endpoints import shown
from averment.policies.rules.face_source import one_of
from averment.policies.rules.grants import INVOKING, MATCHING, Grant, about_identity, grants_of
from averment.policies.rules.judge import fix_for, short_name

FUNCTION = "AWS::Lambda::Function"
ROLE = "AWS::IAM::Role"
STATE_MACHINE = "AWS::StepFunctions::StateMachine"
PARAMETER = "detector_functions"
"""Name patterns (a list) of functions that are, or that ask, the detector."""

_DEFAULT = ("*detector*", "*deepfake*", "*deep-fake*", "*synthetic-media*")
_FACES = (*MATCHING, "rekognition:IndexFaces")
_CALL = "lambda:InvokeFunction"
_ABOUT_DETECTOR = re.compile(r"detector|deepfake", re.IGNORECASE)
_DETECTOR_STEP = re.compile(r"sagemaker(?:runtime)?:invokeendpoint", re.IGNORECASE)
_DEPTH = 3

_TERRAFORM = """\
# in the policy of the function's role; in its code, ask before the faces are compared
statement {
  actions   = ["sagemaker:InvokeEndpoint"]
  resources = [aws_sagemaker_endpoint.<detector>.arn]
}"""
_CLOUDFORMATION = """\
# in the policy of the function's role; in its code, ask before the faces are compared
- Effect: Allow
  Action: sagemaker:InvokeEndpoint
  Resource: !Sub arn:aws:sagemaker:${AWS::Region}:${AWS::AccountId}:endpoint/<detector>"""
_COMMAND = '{"Effect": "Allow", "Action": "sagemaker:InvokeEndpoint", "Resource": "<ARN of the detector\'s endpoint>"}'


def evaluate(function: Resource, context: Context) -> Outcome:
    """The verdict on one function; only those whose role may match faces are asked."""
    graph = context.graph
    role = _role(function, graph)
    if not isinstance(role, Resource):
        if role is not None and about_identity(_name(function)):
            return unknown(f"what this function may do isn't known: {role.reason}", where=function.where("Role"))
        return NOT_APPLICABLE
    carriers = list(identity_documents(role, graph))
    face = _face_grant(carriers)
    if face is None:
        return NOT_APPLICABLE
    if _asks(function, context, _DEPTH):
        return PASS
    doubt = _doubt(function, role, carriers, face, context)
    if doubt is not None:
        return unknown(f"{face.name} allows {face.text}; whether this function asks the detector: {doubt}", where=function.source)
    message = (
        f"{face.name} ({role.address}) lets this function match faces by {face.text},"
        " but nothing lets it, or a state machine that it is part of, ask a detector (sagemaker:InvokeEndpoint)"
    )
    fix = fix_for(function, terraform=_TERRAFORM, cloudformation=_CLOUDFORMATION, command=_COMMAND)
    return fail(message, where=function.source, fix=fix)


def _face_grant(carriers: Sequence[Carrier]) -> Grant | None:
    """The permission by which the function is, or may be, on an identity path: a face action, or all of Rekognition."""
    grants = [grant for grant in grants_of(carriers, _FACES) if not grant.everything]
    return next((grant for grant in grants if grant.explicit), grants[0] if grants else None)


def _asks(function: Resource, context: Context, depth: int) -> bool:
    """Whether a call path leads from ``function`` to the detector: its own call, through another function, or in a state machine."""
    graph = context.graph
    if _is_detector(function, context):
        return True
    role = _role(function, graph)
    carriers = list(identity_documents(role, graph)) if isinstance(role, Resource) else []
    if any(grant.explicit for grant in grants_of(carriers, INVOKING)):
        return True
    if depth == 0:
        return False
    called = (other for grant in grants_of(carriers, (_CALL,)) if grant.explicit for other in _called(grant, context))
    if any(
        other is True or (isinstance(other, Resource) and other is not function and _asks(other, context, depth - 1)) for other in called
    ):
        return True
    return depth == _DEPTH and any(_machine_asks(machine, function, context) for machine in graph.of_type(STATE_MACHINE))


def _machine_asks(machine: Resource, function: Resource, context: Context) -> bool:
    """Whether ``machine`` runs ``function`` and asks the detector in a step of its own, or through another of its functions."""
    texts = list(_texts(machine))
    if not any(_mentions(text, function) for text in texts):
        return False
    if any(_DETECTOR_STEP.search(text) for text in texts):
        return True
    others = (other for other in context.graph.of_type(FUNCTION) if other is not function)
    return any(any(_mentions(text, other) for text in texts) and _asks(other, context, 0) for other in others)


def _doubt(function: Resource, role: Resource, carriers: Sequence[Carrier], face: Grant, context: Context) -> str | None:
    """Why it can't be said that the function doesn't ask the detector, or isn't on an identity path after all."""
    graph = context.graph
    called = one_of(graph.face_calls.get(function.address, frozenset()), _FACES)
    if not face.explicit and called is None and not about_identity(_name(function)):
        return f"{face.text} doesn't say that it matches faces"
    wide = next((grant for grant in grants_of(carriers, INVOKING) if not grant.explicit), None)
    if wide is not None:
        return f"{wide.name} allows {wide.text}, which doesn't say that it does"
    calls = [grant for grant in grants_of(carriers, (_CALL,)) if grant.explicit]
    if any(other is None for grant in calls for other in _called(grant, context)):
        return "it may call functions that aren't part of what was read"
    variables = function.get("Environment", "Variables")
    keys = list(variables) if isinstance(variables, Mapping) else []
    named = next((key for key in keys if isinstance(key, str) and _ABOUT_DETECTOR.search(key)), None)
    if named is not None:
        return f"its variable {named} is about a detector, but no permission to ask one was found"
    hidden = (reason for carrier in carriers for reason in carrier.document.unknown)
    if (unread := next(hidden, None) or next(unread_policies(role, graph), None)) is not None:
        return unread.reason
    missing = context.not_read(STATE_MACHINE, FUNCTION, ROLE)
    return missing.reason if missing is not None else _machine_doubt(function, graph)


def _machine_doubt(function: Resource, graph: Graph) -> str | None:
    for machine in graph.of_type(STATE_MACHINE):
        elsewhere = next((key for key in ("DefinitionUri", "DefinitionS3Location") if machine.get(key) is not None), None)
        if elsewhere is not None and any(_mentions(text, function) for text in _texts(machine)):
            return f"{machine.address} runs it, and its definition stands in a file of its own ({elsewhere})"
        value = machine.get("DefinitionString") or machine.get("Definition")
        if isinstance(value, Unknown) and not value.template:
            return f"the definition of {machine.address} could not be resolved: {value.reason}"
    return None


def _called(grant: Grant, context: Context) -> Iterator[Resource | bool | None]:
    """What a permission to call functions reaches: a function of the graph, True for the detector by name, None for what isn't known."""
    graph = context.graph
    for value in grant.statement.resources or ():
        target = graph.target(value)
        text = shown(value).removesuffix(":*")
        if isinstance(target, Resource):
            yield target if target.type == FUNCTION else None
        elif text.rsplit(":", 1)[-1] and any(_matches(text.rsplit(":", 1)[-1], pattern) for pattern in _patterns(context)):
            yield True
        else:
            named = [other for other in graph.of_type(FUNCTION) if _mentions(text, other) or _covers(text, other)]
            yield from named
            if not named or "*" in text:
                yield None


def _covers(text: str, function: Resource) -> bool:
    name = function.get("FunctionName")
    return isinstance(name, str) and "*" in text and text.strip("*") != "" and overlap(text.rsplit(":", 1)[-1], name)


def _patterns(context: Context) -> tuple[str, ...]:
    given = context.parameters.get(PARAMETER)
    return tuple(str(pattern) for pattern in given) if isinstance(given, list | tuple) and given else _DEFAULT


def _matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name.lower(), pattern.lower())


def _is_detector(function: Resource, context: Context) -> bool:
    name = function.get("FunctionName")
    return any(_matches(name if isinstance(name, str) else short_name(function), pattern) for pattern in _patterns(context))


def _role(function: Resource, graph: Graph) -> Resource | Unknown | None:
    value = function.get("Role")
    target = graph.target(value)
    if target is not None:
        return target
    if not isinstance(value, str):
        return None
    return role_at(value, graph) or Unknown(f"the role {value} is not part of what was read")


def _name(function: Resource) -> str:
    parts = (short_name(function), shown(function.get("FunctionName")), shown(function.get("Handler")), shown(function.get("Description")))
    return "\n".join(parts)  # a pattern spans no two names


def _texts(machine: Resource) -> Iterator[str]:
    for key in ("Definition", "DefinitionString", "DefinitionSubstitutions"):
        yield from _leaves(machine.get(key))


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, str | Reference | Unknown):
        yield shown(value)


def _mentions(text: str, function: Resource) -> bool:
    name = function.get("FunctionName")
    by_name = isinstance(name, str) and (text == name or re.search(rf":function:{re.escape(name)}(?![\w-])", text) is not None)
    return by_name or f"${{{function.address}." in text or (function.address.startswith("arn:") and function.address in text)


RULE = Rule(
    id="identity-lambda-calls-detector",
    title="Functions that match faces ask the detector",
    severity=Severity.HIGH,
    types=(FUNCTION,),
    evaluate=evaluate,
    remediation="Let the function, or a step before it in its state machine, ask the detector, and compare only what it lets through.",
    neighbours=(ROLE, FUNCTION, "AWS::IAM::ManagedPolicy", STATE_MACHINE),
)
