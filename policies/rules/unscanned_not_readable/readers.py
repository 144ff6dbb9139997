"""Who besides the scanner may read the objects of a bucket: from outside, by a role, and through an API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from averment.core.scope import MediaRole
from averment.core.source import SourceRef
from averment.policies.graph.memo import per_graph
from averment.policies.graph.model import Graph, Resource, Unknown
from averment.policies.iam.access_points import keeps_to_network
from averment.policies.iam.carriers import HOLDER_TYPES, doors_to, identity_documents, reach_of, trust
from averment.policies.iam.document import Document, Statement
from averment.policies.iam.gates import Gate, allow_gates
from averment.policies.iam.partitions import is_identity_pools, names_own_identity
from averment.policies.iam.patterns import is_wildcard
from averment.policies.iam.principals import Principal, Who, admitted, is_cdn
from averment.policies.iam.trusted import lent
from averment.policies.iam.truth import Truth, all_of, any_of, negate
from averment.policies.interface import Context
from averment.policies.rules.apis import DOORS, FUNCTION, doors, functions_behind_doors, grant_of, hands_out, role_at, role_of
from averment.policies.rules.events import EVENT_RULE, trails_matter
from averment.policies.rules.media import PUBLIC_ACLS, canned_acl
from averment.policies.rules.origins import DISTRIBUTION, origins
from averment.policies.rules.scanning import Worker, hearing, workers
from averment.policies.rules.storage import READING, bucket_policies, own_reach, same_bucket
from averment.policies.rules.straight import asks_s3, caller_names, names
from averment.policies.rules.takers import MAPPING, PIPE, SUBSCRIPTION, runs
from averment.policies.rules.through_cdn import only_takes
from averment.policies.rules.trails import TRAIL
from averment.policies.rules.unscanned_not_readable.gate import ACTION, allows_clean_only, refuses


@dataclass(frozen=True)
class Reader:
    """Somebody besides the scanner who may read objects, and where that is written; ``sure`` is Unknown where it isn't certain.

    ``grant`` is the statement by which, if one does; ``role`` what they run as.
    """

    who: str
    where: SourceRef | None
    sure: Truth = True
    grant: Statement | None = None
    role: Resource | None = None


def from_outside(bucket: Resource, context: Context) -> Iterator[Reader]:
    """Whom the bucket's policy, an access point's, an ACL or a CDN lets read."""
    yield from _by_policy(bucket, context)
    acl = canned_acl(bucket)
    if acl in PUBLIC_ACLS:
        yield Reader(f"anyone (by the ACL {acl})", bucket.where("AccessControl"))
    elif isinstance(acl, Unknown):
        yield Reader("anyone", bucket.where("AccessControl"), Unknown(f"the ACL could not be resolved: {acl.reason}"))
    for distribution in context.graph.of_type(DISTRIBUTION) if not only_takes(bucket, context) else ():
        for origin in origins(distribution, context.graph):
            if isinstance(origin, Unknown) or not isinstance(origin.bucket, Resource):
                continue
            if origin.bucket.address == bucket.address or same_bucket(origin.bucket.get("BucketName"), bucket) is True:
                yield Reader(f"everyone behind {distribution.address} (origin '{origin.id}')", distribution.where(*origin.path))


def by_role(bucket: Resource, role: MediaRole, context: Context) -> Iterator[Reader]:
    """Who reads by what a role is allowed, with what ``bucket`` is for."""
    yield from by_guests(bucket, context)
    yield from by_outsiders(bucket, context)
    yield from _by_api(bucket, context) if role is MediaRole.UPLOAD else ()
    yield from _straight(bucket, context)


def _by_policy(bucket: Resource, context: Context) -> Iterator[Reader]:
    for policy, document in bucket_policies(bucket, context.graph):
        for statement in document.of_effect("Allow"):
            covered = all_of((any_of(statement.covers_action(action) for action in READING), own_reach(statement, bucket)))
            yield from _let_in(statement, document, policy, covered, "", context)
    for door in doors_to(bucket, context.graph):
        network, action, reach = keeps_to_network(door.resource, context.graph), door.action(ACTION), reach_of(door)
        own = any_of(refuses(statement, reach(statement), action, context) for statement in door.document.of_effect("Deny"))
        for statement in door.document.of_effect("Allow"):
            covered = all_of((any_of(statement.covers_action(door.action(one)) for one in READING), negate(own)))
            yield from _let_in(statement, door.document, door.resource, covered, f" of {door.label}", context, network=network)


def _let_in(
    statement: Statement, document: Document, policy: Resource, covered: Truth, of: str, context: Context, *, network: Truth = False
) -> Iterator[Reader]:
    """Whom an Allow lets read from outside; ``network``: it takes requests from one network only."""
    effect: Truth = statement.effect if isinstance(statement.effect, Unknown) else True
    covered = all_of((effect, covered))
    if covered is False or allows_clean_only(statement, context):
        return
    for principal in admitted(statement, context.scope, context.graph):
        elsewhere = negate(network) if principal.who is Who.ANYONE else True
        if (sure := all_of((_outside(principal, statement, document, context), elsewhere))) is not False:
            named = "anyone" if principal.who is Who.ANYONE else principal.text
            where = policy.where(*statement.path)
            yield Reader(f"{named} (by {statement.name}{of})", where, all_of((sure, covered)), None if of else statement)


def _outside(principal: Principal, statement: Statement, document: Document, context: Context) -> Truth:  # noqa: ARG001 - read as one question
    """Whether a principal of the bucket's policy is somebody besides one's own roles. CloudFront reads for everyone."""
    who = principal.who
    if isinstance(who, Unknown):
        return who
    if who is Who.SERVICE:
        return is_cdn(principal)
    if who is Who.ANYONE:
        gated = allow_gates(statement, (Gate.IDENTITY, Gate.NETWORK), context.scope, context.graph)
        return gated if isinstance(gated, Unknown) else not gated
    return who is Who.OUTSIDER


def _by_api(bucket: Resource, context: Context) -> Iterator[Reader]:
    """Functions behind an API that read objects although others are told of new ones.

    Where nobody else is told, a function that reads what it was sent may be the scanner itself. One that shares the role of a function that
    is told, and runs, or of another worker, has the right to read because that one needs it; whether it makes use of it is a question where
    somebody gets a thing of their choice from it.
    """
    behind = functions_behind_doors(context.graph)
    told = hearing(bucket, context) if behind else {}
    others = workers(bucket, context) if behind else []
    trails = (TRAIL,) if trails_matter(bucket, context.graph) else ()
    doubt: Truth = context.not_read(EVENT_RULE, MAPPING, PIPE, SUBSCRIPTION, *trails) or False
    for function in context.graph.of_type(FUNCTION) if told or others or doubt is not False else ():
        own = told.get(function.address, False)
        alone = doubt is False and not told.keys() - {function.address} and not others
        if function.address not in behind or own is True or alone:
            continue
        role = role_of(function, context.graph)
        found = grant_of(role, ACTION, bucket, context.graph, function) if role is not None else None
        if role is None or found is None or allows_clean_only(found[1], context):
            continue
        scanner = any_of((own, *_scanners_of(role, told, context.graph), *_working(role, function, told, others), doubt))
        handing = next((door for door in behind[function.address] if hands_out(door, function)), None)
        if scanner is True and handing is not None:
            scanner = Unknown(
                f"it runs as {role.address}, and so does what is told of new objects; a role of its own would say what it may read"
            )
        if scanner is not True:
            deaf = ", isn't told of new objects" if function.address in told and scanner is False else ""
            who = f"{function.address}, which answers {(handing or behind[function.address][0]).label}{deaf},"
            yield Reader(who, found[0].resource.where(*found[1].path), negate(scanner), found[1], role)


def _straight(bucket: Resource, context: Context) -> Iterator[Reader]:
    """Doors of an API that read objects without a function."""
    graph = context.graph
    for resource in graph.of_type(*DOORS):
        for door in doors(resource, graph):
            if not asks_s3(door, "GET") or not (names(door, bucket) or caller_names(door, bucket)):
                continue
            who, where = f"whoever calls {door.label}, which asks S3 itself,", door.resource.where(*door.path)
            role = role_at(door.credentials, graph)
            if role is None and isinstance(door.credentials, Unknown):
                yield Reader(who, where, Unknown(f"the role by which it asks could not be resolved: {door.credentials.reason}"))
            found = grant_of(role, ACTION, bucket, graph, anywhere=True) if role is not None else None
            if found is not None and not allows_clean_only(found[1], context):
                yield Reader(who, where, grant=found[1], role=role)


def _scanners_of(role: Resource, told: Mapping[str, Truth], graph: Graph) -> Iterator[Truth]:
    """Whether each function that new objects lead to, and that has ``role``, is told of them and may run."""
    for address, reached in told.items():
        function = graph.at(address, FUNCTION)
        if function is not None and role_of(function, graph) is role:
            yield all_of((reached, runs(function)))


def _working(role: Resource, function: Resource, told: Mapping[str, Truth], others: Sequence[Worker]) -> Iterator[Truth]:
    """Whether each worker that has ``role`` is told; why it isn't known whether anybody is, where nobody else is for sure."""
    yield from (worker.told for worker in others if role.address in worker.roles)
    elsewhere = [reached for address, reached in told.items() if address != function.address] + [worker.told for worker in others]
    if True not in elsewhere:
        yield any_of(elsewhere)


def by_guests(bucket: Resource, context: Context) -> Iterator[Reader]:
    """Roles that users of an identity pool or another identity provider assume."""
    for role in _federated(context.graph):
        found = grant_of(role, ACTION, bucket, context.graph)
        if found is None or allows_clean_only(found[1], context) or _own_folder(found[1]):
            continue
        where = found[0].resource.where(*found[1].path)
        yield Reader(f"users of an identity provider (role {role.address})", where, grant=found[1], role=role)


def by_outsiders(bucket: Resource, context: Context) -> Iterator[Reader]:
    """Roles of one's own that others' accounts may assume, by what they may read anywhere, too. Whoever administers all is no reader of uploads."""
    for role, stranger in lent(context.graph, context.scope):
        found = grant_of(role, ACTION, bucket, context.graph, anywhere=True)
        if found is None or allows_clean_only(found[1], context) or is_wildcard(found[1].action_text(ACTION)):
            continue
        unlisted = ", an account that isn't in scope.accounts" if stranger.who is Who.OUTSIDER else ""
        who = f"{'anyone' if stranger.who is Who.ANYONE else stranger.text}{unlisted}, whom {role.address} trusts,"
        where = found[0].resource.where(*found[1].path)
        yield Reader(who, where, stranger.who if isinstance(stranger.who, Unknown) else True, found[1], role)


@per_graph
def _federated(graph: Graph) -> list[Resource]:
    """The roles that people assume through Cognito's identity pools, of those that any policy belongs to."""
    return [role for role in graph.of_type(HOLDER_TYPES[0]) if _of_pools(role) and any(True for _ in identity_documents(role, graph))]


def _of_pools(role: Resource) -> bool:
    principals = (value for statement in trust(role).of_effect("Allow") for _, value in statement.principals or ())
    return any(isinstance(value, str) and is_identity_pools(value) for value in principals)


def _own_folder(statement: Statement) -> bool:
    """Whether the statement reaches only the user's own folder."""
    return all(names_own_identity(str(getattr(value, "suffix", value))) for value in statement.resources or ("",))
