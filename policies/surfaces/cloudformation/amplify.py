"""Apps of AWS Amplify: what their backends' templates are given, and backends of which the templates aren't here.

A resource of the first generation has a folder below ``amplify/backend``, with a template and the arguments that ``amplify push`` gives it in
``parameters.json``. Later versions of the CLI keep what was answered in ``cli-inputs.json`` and make the template anew, in a folder that isn't
committed. A backend of the second generation is a program, ``amplify/backend.ts``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from averment.core.errors import BadInputError
from averment.core.files import MAX_TEXT_BYTES
from averment.core.observer import Observer
from averment.core.source import SourceRef
from averment.policies.graph.model import Dialect, Problem, Resource, Unknown
from averment.policies.surfaces.unsynthesised import NOT_RUN

_GIVEN = "parameters.json"
_ANSWERED = "cli-inputs.json"
_ROLES = {"AuthRoleName": ("amplify-auth-role", "authenticated"), "UnauthRoleName": ("amplify-unauth-role", "unauthenticated")}
"""What an app calls the roles of its users in arguments: a name for each here, and whom Cognito gives it to."""

_AT_PUSH = Unknown("Amplify gives it when the app is pushed")


def arguments_beside(template: Path, observer: Observer) -> tuple[dict[str, Any], list[Problem]]:
    """What ``amplify push`` gives the parameters of a ``template``; nothing where it is none of an Amplify app."""
    path = template.with_name(_GIVEN)
    if not _in_backend(template) or not observer.is_file(path):
        return {}, []
    try:
        given = json.loads(observer.read(path, limit=MAX_TEXT_BYTES))
    except (BadInputError, ValueError, RecursionError):
        given = None
    if not isinstance(given, Mapping):
        reason = f"is not a map in JSON, so that the parameters' defaults stand in in {template.name}"
        return {}, [Problem(reason, SourceRef(str(path)), blocking=False)]
    return {str(name): _argument(value) for name, value in given.items() if value is not None}, []


def roles_of_users(template: Path, given: Mapping[str, Any]) -> Iterator[Resource]:
    """The roles of the app's users that ``given`` names: every app has them, in a stack that ``amplify push`` makes."""
    for reference, (name, users) in _ROLES.items():
        if name in given.values():
            condition = {"ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": users}}
            principal = {"Federated": "cognito-identity.amazonaws.com"}
            statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": condition}
            document = {"Version": "2012-10-17", "Statement": [statement]}
            properties = {"RoleName": name, "AssumeRolePolicyDocument": document, "Tags": _AT_PUSH}
            where = SourceRef(str(template.with_name(_GIVEN)))
            yield Resource(reference, "AWS::IAM::Role", properties, where, Dialect.CLOUDFORMATION, "AWS::IAM::Role")


def _argument(value: Any) -> Any:
    """An argument; a link to another part of the app is made of that one's outputs, or of what the app's own stack is given."""
    link = value.get("Ref") if isinstance(value, Mapping) else None
    if isinstance(link, str) and link in _ROLES:
        return _ROLES[link][0]
    if isinstance(value, Mapping) or (isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value)):
        return _AT_PUSH
    return value


def backends_unmade(files: Sequence[Path], read: Sequence[Path]) -> Iterator[Problem]:
    """The parts of Amplify apps among ``files`` of which no template is among those that were ``read``."""
    for file in files:
        if file.name == _ANSWERED and _in_backend(file) and not any(path.is_relative_to(file.parent) for path in read):
            part = "/".join(file.absolute().parts[-3:-1])
            reason = f"is the {part} of an Amplify app whose template is not here (amplify push makes it): what it makes is not checked"
            yield Problem(reason, SourceRef(str(file)), blocking=False)
        elif file.name == "backend.ts" and file.absolute().parent.name == "amplify":
            reason = f"is an Amplify backend, a program {NOT_RUN}: what it makes is not checked"
            yield Problem(reason, SourceRef(str(file)), blocking=False)


def _in_backend(file: Path) -> bool:
    """Whether ``file`` is in the folder of a resource of an Amplify app, or in the folder in which its template is made."""
    here = file.absolute().parent  # a check may begin within the app
    folder = here.parent if here.name == "build" else here
    return folder.parts[-4:-2] == ("amplify", "backend")
