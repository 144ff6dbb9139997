"""Who a principal is, seen from the organisation: anyone, an outsider, a service, or one of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from averment.core.scope import Scope
from averment.policies.graph.memo import per_graph
from averment.policies.graph.model import Graph, Reference, Resource, Unknown
from averment.policies.iam.document import Statement, Value

_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_ARN = re.compile(r"arn:(?:aws[a-z-]*|\*):(?P<service>iam|sts):[^:]*:(?P<account>[^:]*):(?P<rest>.*)", re.ASCII | re.DOTALL)
OWN_ACCOUNT = "own-account"
"""Stands for the symbol of the deployment's own account while an ARN is taken apart: the symbol holds colons."""

_OWN_NAMES = (OWN_ACCOUNT, "${AWS::AccountId}")
_CANONICAL_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)
UNIQUE_ID = re.compile(r"A(?:RO|ID)A[A-Z0-9]{8,}", re.ASCII)
"""What a role or user is called for good (``AROA...``, ``AIDA...``): nobody else ever is. (IAM User Guide, "Unique identifiers".)"""

_DATA_OWN = ("data.aws_caller_identity.", "data.aws_iam_role.", "data.aws_iam_user.", "data.aws_iam_session_context.")


class Who(StrEnum):
    """The classes of principals, from the widest to the narrowest."""

    ANYONE = "anyone"
    OUTSIDER = "outsider"
    FEDERATED = "federated"
    SERVICE = "service"
    OWN = "own"


@dataclass(frozen=True)
class Principal:
    """A principal as written and what is known of it. ``who`` is Unknown where the text doesn't decide.

    ``resource`` is the role or user of the graph that it links to, if it is one.
    """

    text: str
    who: Who | Unknown
    resource: Resource | None = None


def principals_of(statement: Statement, scope: Scope, graph: Graph) -> Iterator[Principal]:
    """The principals that an Allow statement lets in. ``NotPrincipal`` with Allow lets in everyone else, so: anyone."""
    if statement.not_principals is not None:
        yield Principal("NotPrincipal", Who.ANYONE)
        return
    for kind, value in statement.principals or ():
        yield classify(kind, value, scope, graph)


def classify(kind: str, value: Value, scope: Scope, graph: Graph) -> Principal:
    """The class of one entry of a ``Principal`` element; ``kind`` is its key (``AWS``, ``Service``, ``Federated`` ...)."""
    if isinstance(value, Unknown):
        return Principal("a principal", Unknown(f"a principal could not be resolved: {value.reason}"))
    if isinstance(value, Reference):
        return Principal(f"{value.address}.{value.attribute}", _of_reference(value, graph), graph.get(value.address))
    if kind == "Service":
        return Principal(value, Who.SERVICE)
    if kind == "Federated":
        return Principal(value, Who.FEDERATED)
    if kind == "CanonicalUser":
        return Principal(value, Unknown(f"canonical user {value[:12]}… doesn't tell its account"))
    if kind not in ("AWS", "*"):
        return Principal(value, Unknown(f"'{kind}' is not a kind of principal"))
    who = _of_aws(value, scope)
    return Principal(value, who, role_with_arn(value, graph) if who is Who.OWN else None)


def is_cdn(principal: Principal) -> bool:
    """Whether it is CloudFront: its service, or an origin access identity, which is linked by an address that needn't say so."""
    kind = principal.resource.type if principal.resource is not None else principal.text
    return principal.who is Who.SERVICE and "cloudfront" in kind.lower()


def admitted(statement: Statement, scope: Scope, graph: Graph) -> Iterator[Principal]:
    """``principals_of`` a resource's policy, where an identity provider means whoever signs in with it.

    That is somebody of the account that has the provider, or with a public one perhaps anyone. In a role's trust policy the same name says
    that people may sign in, which is what such a role is for.
    """
    for principal in principals_of(statement, scope, graph):
        if principal.who is not Who.FEDERATED:
            yield principal
            continue
        match = _ARN.fullmatch(principal.text.replace("${AWS::AccountId}", OWN_ACCOUNT))
        who = _who(account_is_own(match["account"], scope, whole=False)) if match is not None else None
        yield replace(principal, who=who or Unknown(f"who signs in with {principal.text} can't be told"))


def same_account(refused: str, granted: str) -> bool:
    """Whether ``refused``, an entry of a Deny, takes in the principal ``granted``: the same one, or the whole account that holds it."""
    if refused == granted:
        return True
    first, second = _ARN.fullmatch(refused), _ARN.fullmatch(granted)
    account = refused if _ACCOUNT.fullmatch(refused) else first["account"] if first is not None and first["rest"] == "root" else None
    return account is not None and account == (second["account"] if second is not None else granted)


def account_is_own(account: str, scope: Scope, *, whole: bool) -> bool | Unknown:
    """Whether ``account`` belongs to the organisation.

    Without ``scope.accounts`` nothing says which accounts are its own. A grant to a ``whole`` account (its root) is
    then taken for a foreign one, since a policy doesn't have to name its own; a grant to a named role stays unknown.
    """
    if account in _OWN_NAMES or account in scope.accounts:
        return True
    if not _ACCOUNT.fullmatch(account):
        return Unknown(f"the account '{account}' could not be resolved")
    if scope.accounts or whole:
        return False
    return Unknown(f"account {account} may be your own: list yours under scope.accounts")


def _of_aws(value: str, scope: Scope) -> Who | Unknown:
    if value == "*":
        return Who.ANYONE
    if _ACCOUNT.fullmatch(value) or value in _OWN_NAMES:
        return _who(account_is_own(value, scope, whole=True))
    if _CANONICAL_ID.fullmatch(value):
        return Unknown(f"canonical user {value[:12]}… doesn't tell its account")
    if UNIQUE_ID.fullmatch(value):
        return Unknown(f"'{value}' is how AWS shows a role or user that was deleted: take it out of the policy, or name an ARN")
    match = _ARN.fullmatch(value.replace("${AWS::AccountId}", OWN_ACCOUNT))
    if match is None:
        return Unknown(f"'{value}' is not an ARN of a principal")
    account = match["account"]
    if account == "cloudfront":  # an origin access identity: CloudFront on behalf of a distribution
        return Who.SERVICE
    if "*" in account:
        return Who.ANYONE
    return _who(account_is_own(account, scope, whole=match["rest"] in ("root", "*")))


def _of_reference(value: Reference, graph: Graph) -> Who | Unknown:
    """A link to a resource of the graph is one's own; of what lies outside only the well-known data sources are."""
    found = graph.get(value.address)
    if found is not None:
        return Who.SERVICE if found.type == "AWS::CloudFront::CloudFrontOriginAccessIdentity" else Who.OWN
    if value.address.startswith(_DATA_OWN):
        return Who.OWN
    return Unknown(f"the principal {value.address} is not part of what was read")


def role_with_arn(arn: str, graph: Graph) -> Resource | None:
    """The graph's role with this ``arn``, by address (a deployed one) or by name."""
    name = arn.rsplit("/", 1)[-1] if ":role/" in arn else None
    first = _roles(graph)
    places = [place for key in (arn, f"/{name}" if name else "") if (place := first.get(key)) is not None]
    return min(places, key=lambda place: place[0])[1] if places else None


@per_graph
def _roles(graph: Graph) -> dict[str, tuple[int, Resource]]:
    """The first role with each address, and with each name (behind a slash), with its place in the graph."""
    found: dict[str, tuple[int, Resource]] = {}
    for place, role in enumerate(graph.of_type("AWS::IAM::Role")):
        name = role.get("RoleName")
        for key in (role.address, f"/{name}") if isinstance(name, str) else (role.address,):
            found.setdefault(key, (place, role))
    return found


def _who(own: bool | Unknown) -> Who | Unknown:
    if isinstance(own, Unknown):
        return own
    return Who.OWN if own else Who.OUTSIDER
