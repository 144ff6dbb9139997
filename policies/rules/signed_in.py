"""Ways in that ask for a signature of AWS, and whose signature may be anybody's: that of an identity pool's guests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from averment.policies.graph.memo import per_graph
from averment.policies.graph.model import Graph, Reference, Resource, Unknown
from averment.policies.graph.text import HOLE
from averment.policies.iam.carriers import Carrier, identity_documents, trust
from averment.policies.iam.document import Statement, Value
from averment.policies.iam.guests import given_to_guests, lets_guests_in
from averment.policies.iam.patterns import overlap
from averment.policies.iam.truth import Truth, all_of, any_of
from averment.policies.rules.apis import FUNCTION, GRAPHQL_API, HTTP_API, REST_API, ROLE, URL, Door, asks_for_uploads, function_behind

BY_SIGNATURE = "AWS_IAM"
_CALLING = {URL: "lambda:InvokeFunctionUrl", GRAPHQL_API: "appsync:GraphQL"}
_INVOKE = "execute-api:Invoke"
_CALLED = (FUNCTION, GRAPHQL_API, HTTP_API, REST_API)
_HELD_BY = {URL: "TargetFunctionArn"}
_NAMING = ("RestApiId", "ApiId")
_ARN_PARTS = 6
_BRINGING_NOTHING = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
"""Methods by which nothing is uploaded."""
_FIELD = re.compile(r"types/(?P<type>[^/]+)/fields/(?P<field>[^/]+)")
"""What ARNs have of the fields of a GraphQL API. (Service Authorization Reference, "AWS AppSync".)"""
_NO_FIELD = "-"
"""What no field is called, so that nothing but a wildcard for all of them takes it in."""
_SYMBOL = re.compile(r"\$\{AWS::\w+\}")
_NAMED = re.compile(r"\{[^}]*\}")


def guests_who_call(door: Door, graph: Graph) -> Iterator[tuple[Carrier, Statement, Truth]]:
    """The statements by which guests of an identity pool may call what is behind ``door``, and whether they may."""
    action = _CALLING.get(door.resource.type, _INVOKE)
    for role in _guests(graph) if door.authoriser == BY_SIGNATURE else ():
        for carrier in identity_documents(role, graph):
            for statement in carrier.document.of_effect("Allow"):
                effect: Truth = statement.effect if isinstance(statement.effect, Unknown) else True
                reached = any_of(_reaches(value, door, graph) for value in statement.resources or ())
                if (may := all_of((effect, statement.covers_action(action), reached))) is not False:
                    yield carrier, statement, may


@per_graph
def _guests(graph: Graph) -> list[Resource]:
    """The roles that people who aren't signed in have by an identity pool."""
    return [role for role in graph.of_type(ROLE) if _lets_in(role, graph) or given_to_guests(role, graph) is not None]


def _lets_in(role: Resource, graph: Graph) -> bool:
    return any(lets_guests_in(statement, graph) is True for statement in trust(role).of_effect("Allow"))


def _reaches(value: Value, door: Door, graph: Graph) -> Truth:
    """Whether an entry of ``Resource`` takes in what is called through ``door``."""
    called = _called(door)
    if isinstance(value, str):
        return value == "*" or _by_name(value, called, door, graph)
    held = called.address if isinstance(called, Reference) else door.resource.address
    if isinstance(value, Reference):
        return all_of((value.address == held, _takes_in(value.suffix, door, graph)))
    return _by_hole(value, held, door, graph)


def _by_hole(value: Unknown, held: str, door: Door, graph: Graph) -> Truth:
    """Whether an ARN that is put together takes in what is called: by the link where its name stands (``${Api}/*/POST/uploads``)."""
    name, rest = _named_by(value.template or "")
    link = HOLE.match(name)
    inside = link[0][2:-1] if link is not None else ""
    found = graph.get(inside) or graph.get(inside.rpartition(".")[0])
    other = found is not None and found.address != held and found.type in _CALLED
    held_by_it = name == "*" or (found is not None and found.address == held)
    doubt = Unknown(f"which API it is for could not be resolved: {value.reason}")
    return all_of((not other, held_by_it or doubt, _takes_in(rest, door, graph)))


def _named_by(arn: str) -> tuple[str, str]:
    """What an ARN names (an API, a function), and what follows it; of a text that isn't written as one, its beginning."""
    parts = _SYMBOL.sub("*", arn).split(":", _ARN_PARTS - 1)
    last = parts[-1] if len(parts) == _ARN_PARTS else arn
    name, _, rest = last.removeprefix("function:").removeprefix("apis/").partition("/")
    return name, f"/{rest}" if rest else ""


def _called(door: Door) -> Any:
    """The API, or the function of a function URL, as what opens the door has it: a link or a name; None where it is that itself."""
    if door.resource.type in _HELD_BY:
        return door.resource.get(_HELD_BY[door.resource.type])
    return next((found for key in _NAMING if (found := door.resource.get(key)) is not None), None)


def _by_name(value: str, called: Any, door: Door, graph: Graph) -> Truth:
    """Whether an ARN, or a pattern of one, takes in what is called, as far as its name is known."""
    if value.count(":") < _ARN_PARTS - 1:
        return False
    found = graph.target(called) if called is not None else door.resource
    known = called.rpartition(":")[2] if isinstance(called, str) else _name(found, door) if isinstance(found, Resource) else None
    name, rest = _named_by(value)
    return all_of((name == "*" or (isinstance(known, str) and fnmatchcase(known, name)), _takes_in(rest, door, graph)))


def _name(called: Resource, door: Door) -> str | None:
    """What ARNs have of what is called: of what is deployed the end of its own, else its name where that stands in it."""
    if called.address.startswith("arn:"):
        return called.address.rpartition("/")[2].rpartition(":")[2]
    name = called.get("FunctionName") if door.resource.type == URL else None
    return name if isinstance(name, str) else None


def _takes_in(rest: str, door: Door, graph: Graph) -> Truth:
    """Whether what follows the API in an ARN takes in the method and path of ``door`` (``/prod/POST/uploads``), or a field of a mutation.

    Of what is called after uploading or presigning a GET, or a query, is enough: it hands out the link to upload by.
    """
    if door.resource.type == GRAPHQL_API:
        return _takes_in_field(rest.strip("/"), door, graph)
    steps = rest.strip("/").split("/", 2)
    if door.resource.type == URL or len(steps) == 1:
        return True
    path = _NAMED.sub("*", door.label.partition(" ")[2]).strip("/")
    method = fnmatchcase(door.method, steps[1])
    if door.method == "ANY":
        method = steps[1] not in _BRINGING_NOTHING or (steps[1] == "GET" and _hands_out_links(door, graph))
    if method and (len(steps) == 2 or not path or overlap(path, steps[2])):
        return True
    # a wildcard goes over slashes: */uploads is of any stage and method
    methods = [door.method] if door.method != "ANY" else ["POST", *(["GET"] if _hands_out_links(door, graph) else [])]
    return any(fnmatchcase(f"{steps[0].replace('*', '')}/{one}/{path}", rest.strip("/")) for one in methods)


def _takes_in_field(rest: str, door: Door, graph: Graph) -> Truth:
    """Whether what follows a GraphQL API in an ARN (``types/Mutation/fields/send``) takes in a field by which uploads come.

    Which data source a field leads to is said by resolvers, which aren't looked at: of one field it is a question.
    """
    kinds = [kind for kind in ("Mutation", "Query") if kind == "Mutation" or _hands_out_links(door, graph)]
    if rest == "" or any(fnmatchcase(f"types/{kind}/fields/{_NO_FIELD}", rest) for kind in kinds):
        return True
    matched = _FIELD.fullmatch(rest)
    if matched is None or not any(fnmatchcase(kind, matched["type"]) for kind in kinds):
        return False
    return Unknown(f"whether the field {matched['field']} of {matched['type']} leads there is said by its resolver, which isn't looked at")


def _hands_out_links(door: Door, graph: Graph) -> bool:
    return asks_for_uploads(door, function_behind(door, graph))
