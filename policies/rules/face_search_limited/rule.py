"""Faces are compared one to one; searching a face among many is for collections that the organisation declared (SM-IDV-04)."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from typing import Any

from averment.core.words import Severity
from averment.policies.graph.model import Graph, Reference, Resource, Unknown
from averment.policies.graph.text import HOLE
from averment.policies.iam.carriers import ATTACHED_TYPES, IDENTITY_NEIGHBOURS, IDENTITY_TYPES, carriers_of, holders_of
from averment.policies.iam.document import Value
from averment.policies.interface import NOT_APPLICABLE, PASS, Context, Outcome, Rule, fail, unknown
from averment.policies.rules.endpoints import shown
from averment.policies.rules.face_source import called_as, one_of
from averment.policies.rules.grants import Grant, grants_of, unclear_actions
from averment.policies.rules.judge import fix_for, short_name, worst_outcome

COLLECTION = "AWS::Rekognition::Collection"
STREAM = "AWS::Rekognition::StreamProcessor"
PARAMETER = "face_collections"
"""Name patterns (a list) of the collections that the organisation has declared; none is by default."""

SEARCHING = (
    "rekognition:SearchFacesByImage",
    "rekognition:SearchUsersByImage",
    "rekognition:SearchFaces",
    "rekognition:SearchUsers",
    "rekognition:StartFaceSearch",
    "rekognition:IndexFaces",
    "rekognition:AssociateFaces",
    "rekognition:CreateCollection",
)
"""What searches among many faces, and what fills or makes the collection to search in."""

_ONE_TO_ONE = ("rekognition:CompareFaces",)
_WHAT = {
    "rekognition:IndexFaces": "faces are enrolled to be searched among many (1:N)",
    "rekognition:AssociateFaces": "faces are enrolled to be searched among many (1:N)",
    "rekognition:CreateCollection": "collections are made to search faces among many (1:N)",
}
_NAME = re.compile(r":collection/(?P<name>.+)$")


def evaluate(resource: Resource, context: Context) -> Outcome:
    """The verdict on a collection, a stream processor that searches in one, or the policies written in one resource."""
    declared = _declared(context)
    if resource.type == COLLECTION:
        return _collection(resource, resource.get("CollectionId"), "this face collection", declared)
    if resource.type == STREAM:
        searched = resource.get("FaceSearchSettings", "CollectionId")
        return NOT_APPLICABLE if searched is None else _collection(resource, searched, "the collection of this stream processor", declared)
    return _identity(resource, context.graph, declared)


def _declared(context: Context) -> tuple[str, ...]:
    given = context.parameters.get(PARAMETER)
    return tuple(str(pattern) for pattern in given) if isinstance(given, list | tuple) else ()


def _is_declared(name: Any, declared: tuple[str, ...]) -> bool:
    """Whether a pattern takes in ``name``; of one that is known in part (``${var.stage}-staff``), the known part has to fit."""
    name = name.template if isinstance(name, Unknown) else name
    return isinstance(name, str) and any(fnmatch.fnmatchcase(name.lower(), pattern.lower()) for pattern in declared)


def _collection(resource: Resource, name: Any, subject: str, declared: tuple[str, ...]) -> Outcome:
    if isinstance(name, Reference):
        name = name.address.rsplit(".", 1)[-1]
    if _is_declared(name, declared):
        return PASS
    if isinstance(name, Unknown) and declared:
        return unknown(f"whether {subject} is declared in {PARAMETER}: {name.reason}", where=resource.source)
    called = f" '{shown(name)}'" if shown(name) else ""
    return fail(
        f"{subject}{called} is for finding a face among many (1:N), and the parameter {PARAMETER} doesn't declare it",
        where=resource.source,
        fix=_declare(shown(name) or short_name(resource)),
    )


def _identity(resource: Resource, graph: Graph, declared: tuple[str, ...]) -> Outcome:
    carriers = list(carriers_of(resource, graph))
    outcomes: list[Outcome] = []
    seen: set[int] = set()
    for grant in grants_of(carriers, SEARCHING):
        if grant.everything or id(grant.statement) in seen:
            continue
        seen.add(id(grant.statement))
        outcomes.append(_grant(grant, resource, graph, declared))
    if not outcomes and any(not grant.everything for grant in grants_of(carriers, _ONE_TO_ONE)):
        return PASS
    doubt = None if outcomes else unclear_actions(carriers, "rekognition")
    if doubt is not None:
        return unknown(f"whether faces may be searched (1:N): {doubt.reason}", where=resource.source)
    return worst_outcome(outcomes)


def _grant(grant: Grant, resource: Resource, graph: Graph, declared: tuple[str, ...]) -> Outcome:
    names = list(_names(grant, graph))
    if names and all(_is_declared(name, declared) for name in names):
        return PASS
    searched = _searched(resource, graph) if not grant.explicit else None
    if not grant.explicit and searched is None:
        return unknown(
            f"{grant.name} allows {grant.text}, which takes in searching faces (1:N); whether that is used can't be told", where=grant.where
        )
    doubt = next((name for name in names if isinstance(name, Unknown)), None)
    if doubt is not None and declared:
        reason = f"whether its collection is declared in {PARAMETER}: {doubt.reason}"
        return unknown(f"{grant.name} allows {grant.text}; {reason}", where=grant.where)
    undeclared = next((name for name in names if isinstance(name, str) and not _is_declared(name, declared)), "*")
    where_to = f"collection '{undeclared}'" if undeclared != "*" else "any collection"
    what = _WHAT.get(f"rekognition:{searched}" if searched is not None else grant.action, "a face is searched among many (1:N)")
    fix = fix_for(
        resource,
        terraform='actions = ["rekognition:CompareFaces"]  # one to one, with the picture of the account that is claimed',
        cloudformation="Action: rekognition:CompareFaces  # one to one, with the picture of the account that is claimed",
        command='"Action": "rekognition:CompareFaces"',
    )
    used = f" ({searched} is called)" if searched is not None else ""
    return fail(
        f"{grant.name} allows {grant.text} on {where_to}{used}: {what}, and {PARAMETER} doesn't declare it",
        where=grant.where,
        fix=fix,
    )


def _searched(resource: Resource, graph: Graph) -> str | None:
    """What the source of a function calls, of those that run as the role, or as one that holds the policy, ``resource``."""
    holders = holders_of(resource, graph) if resource.type in ATTACHED_TYPES else (resource,)
    called = (called_as(role, graph) for role in holders if isinstance(role, Resource))
    return next((name for entry in called if entry is not None and (name := one_of(entry[1], SEARCHING)) is not None), None)


def _names(grant: Grant, graph: Graph) -> Iterator[str | Unknown]:
    """The names of the collections that the statement reaches; ``*`` is one that no pattern declares but ``*``."""
    for value in grant.statement.resources or ():
        yield from _name(value, graph)


def _name(value: Value, graph: Graph) -> Iterator[str | Unknown]:
    if isinstance(value, Reference):
        target = graph.get(value.address)
        if target is None or target.type == COLLECTION:
            name = target.get("CollectionId") if target is not None else None
            yield name if isinstance(name, str) else Unknown(f"the name of {value.address} could not be resolved")
        return
    text = value.template if isinstance(value, Unknown) else value
    match = _NAME.search(text) if text is not None else None
    if isinstance(value, Unknown):
        yield match["name"] if match and "${" not in match["name"] else value
    elif match:
        yield match["name"]
    elif value.strip("*") == "" or ":rekognition:" in value:
        yield "*"


def _declare(name: str) -> str:
    name = HOLE.sub("*", name)
    return (
        f"# averment.yaml, once its purpose and its impact assessment are written down; else compare one to one\n"
        f"parameters:\n  {PARAMETER}: [{name}]"
    )


RULE = Rule(
    id="face-search-limited",
    title="Faces are searched among many only in declared collections",
    severity=Severity.MEDIUM,
    types=(COLLECTION, STREAM, *IDENTITY_TYPES),
    evaluate=evaluate,
    remediation="Compare one to one (CompareFaces), or declare the collection in the parameter face_collections with its purpose assessed.",
    neighbours=(COLLECTION, *IDENTITY_NEIGHBOURS),
)
