"""What wasn't scanned can't be read: a Deny on the verdict's tag, or nobody reads but the scanner (SM-UPL-01)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from averment.core.scope import MediaRole
from averment.core.source import SourceRef
from averment.core.words import Severity
from averment.policies.graph.memo import per_graph
from averment.policies.graph.model import Graph, Resource, Unknown
from averment.policies.iam.access_points import POINTS, keeps_to_network
from averment.policies.iam.carriers import HOLDER_TYPES, doors_to, identity_documents, reach_of, trust
from averment.policies.iam.document import Condition, Document, Statement
from averment.policies.iam.gates import Gate, allow_gates
from averment.policies.iam.partitions import is_identity_pools, names_own_identity
from averment.policies.iam.patterns import is_wildcard
from averment.policies.iam.principals import Principal, Who, admitted, classify
from averment.policies.iam.trusted import lent
from averment.policies.iam.truth import Truth, all_of, any_of, negate
from averment.policies.interface import NOT_APPLICABLE, PASS, Context, Outcome, Rule, fail, unknown
from averment.policies.rules import verdict_gate
from averment.policies.rules.apis import DOOR_NEIGHBOURS, DOORS, FUNCTION, doors, functions_behind_doors, grant_of, role_at, role_of
from averment.policies.rules.events import EVENT_RULE, trails_matter
from averment.policies.rules.judge import fix_for, worst_outcome
from averment.policies.rules.looking import perhaps
from averment.policies.rules.media import BUCKET, MEDIA_TELLS, PUBLIC_ACLS, canned_acl, media_role
from averment.policies.rules.origins import DISTRIBUTION, origins
from averment.policies.rules.replication import REPLICATION, replicas
from averment.policies.rules.scanning import Worker, direct_writers, hearing, workers, writers_unclear
from averment.policies.rules.spared import spares
from averment.policies.rules.storage import (
    BUCKET_POLICY,
    READS,
    bucket_policies,
    is_everyone,
    listed,
    own_reach,
    parts_of,
    policies_unclear,
    refuses_throughout,
    same_bucket,
)
from averment.policies.rules.straight import asks_s3, caller_names, names
from averment.policies.rules.takers import MAPPING, PIPE, SUBSCRIPTION, TAKERS, runs
from averment.policies.rules.trails import TRAIL

ACTION = "s3:GetObject"
_TAG = "s3:existingobjecttag/"
_EXEMPT = frozenset({"aws:principalarn", "aws:userid", "aws:sourcevpce", "aws:sourcevpc", "aws:principaltag/scanner"})
_ANYBODY = re.compile(
    r"arn:[^:]*:(?:iam|sts):[^:]*:[^:]*:(?:\*|(?:role|user|assumed-role)/\**)|vpce?-\**|[^:]*[*?][^:]*:[^:]*|A(?:RO|ID)A\**", re.IGNORECASE
)
"""ARNs, networks and user ids that spare everybody in an account, or everywhere: nobody in particular is the scanner."""


@dataclass(frozen=True)
class _Reader:
    """Somebody besides the scanner who may read objects, and where that is written; ``sure`` is Unknown where it isn't certain. ``grant`` is the statement by which, if one does; ``role`` what they run as."""

    who: str
    where: SourceRef | None
    sure: Truth = True
    grant: Statement | None = None
    role: Resource | None = None


def evaluate(bucket: Resource, context: Context) -> Outcome:
    """The verdict on one bucket: upload buckets, and published ones that people upload to themselves."""
    found = media_role(bucket, context.scope, context.graph)
    if found is None or found[0] is MediaRole.GENERATED:
        return NOT_APPLICABLE
    subject = f"this {found[0]} bucket ({found[1]})"
    gate = _gated(bucket, context)
    if found[0] is MediaRole.PUBLISHED:
        writer = next(direct_writers(bucket, context, sure=True), None)
        if writer is None and gate is True:
            return PASS
        if writer is None:
            doubt = writers_unclear(bucket, context)
            return perhaps(_judged(bucket, found[0], subject, gate, context), bucket, doubt) if doubt is not None else NOT_APPLICABLE
        subject = f"{subject}, to which people upload directly ({writer}),"
    if gate is True:
        spared = _spared(bucket, subject, context) if found[0] is MediaRole.UPLOAD else ()
        return worst_outcome([PASS, *spared, *_copied(bucket, subject, context)])
    return _judged(bucket, found[0], subject, gate, context)


def _judged(bucket: Resource, role: MediaRole, subject: str, gate: Truth, context: Context) -> Outcome:
    readers = [*_from_outside(bucket, context), *_by_role(bucket, role, context)]
    outcomes = [_judge(reader, subject, gate, bucket, context) for reader in readers]
    outcomes += [
        unknown(f"who reads {subject}: {name} could not be read: {context.unread[name]}")
        for name in (BUCKET_POLICY, DISTRIBUTION)
        if name in context.unread
    ]
    outcomes += [
        unknown(f"who reads {subject} through {door.label}: {reason.reason}", where=door.resource.where(*door.path))
        for door in doors_to(bucket, context.graph)
        for reason in door.document.unknown
    ]
    if isinstance(gate, Unknown) and not outcomes:
        outcomes.append(unknown(f"who reads {subject}: {gate.reason}", where=bucket.source))
    return worst_outcome([PASS, *outcomes, *_copied(bucket, subject, context)])


def _spared(bucket: Resource, subject: str, context: Context) -> Iterator[Outcome]:
    """Readers whose own role the Deny spares, as it has to spare the scanner's: what it does so for isn't written there."""
    documents = (document for _, document in bucket_policies(bucket, context.graph))
    denies = (deny for document in documents for deny in document.of_effect("Deny"))
    gates = [deny for deny in denies if _refuses(deny, refuses_throughout(deny, bucket), ACTION, context) is True]
    for reader in _by_role(bucket, MediaRole.UPLOAD, context):
        if reader.role is not None and all(spares(deny, reader.role) for deny in gates):
            text = f"{gates[0].name} of its policy spares {reader.role.address}, by which {reader.who} may read objects of {subject}"
            yield unknown(f"{text}: whether that is the scanner's can't be told; if not, don't spare it", where=reader.where)


def _by_role(bucket: Resource, role: MediaRole, context: Context) -> Iterator[_Reader]:
    yield from _by_guests(bucket, context)
    yield from _by_outsiders(bucket, context)
    yield from _by_api(bucket, context) if role is MediaRole.UPLOAD else ()
    yield from _straight(bucket, context)


def _copied(bucket: Resource, subject: str, context: Context) -> Iterator[Outcome]:
    """Where replication publishes objects: S3 copies each as it comes, whatever the bucket's own policy says of readers."""
    for replica in replicas(bucket, context.graph):
        gate = _gated(replica, context)
        for reader in (
            (*_from_outside(replica, context), *_by_guests(replica, context), *_by_outsiders(replica, context)) if gate is not True else ()
        ):
            text = f"{reader.who} may read in {replica.address} what replication copies there of {subject} before it is scanned"
            doubt = next((value for value in (reader.sure, gate) if isinstance(value, Unknown)), None)
            fix = f"take {replica.address} out of the replication of {bucket.address}, and let what has scanned an object copy it there"
            where = bucket.where(REPLICATION)
            yield unknown(f"{text}: {doubt.reason}", where=where) if doubt is not None else fail(text, where=where, fix=fix)


def _judge(reader: _Reader, subject: str, gate: Truth, bucket: Resource, context: Context) -> Outcome:
    if reader.grant is not None and gate is False:  # a Deny that doesn't take in the whole bucket may take in what this reader is let at
        gate = all_of(_gated(bucket, context, part) for part in parts_of(reader.grant, bucket))
    if gate is True:
        return PASS
    doubt = next((value for value in (reader.sure, gate) if isinstance(value, Unknown)), None)
    if doubt is not None:
        return unknown(f"whether {reader.who} may read unscanned objects of {subject}: {doubt.reason}", where=reader.where)
    near = _near_miss(bucket, context)
    message = f"{reader.who} may read objects of {subject} before they are scanned: no Deny on s3:ExistingObjectTag{near}"
    fix = fix_for(bucket, terraform=verdict_gate.TERRAFORM, cloudformation=verdict_gate.CLOUDFORMATION, command=verdict_gate.COMMAND)
    return fail(message, where=reader.where, fix=fix.replace("<tag>", _tags(context.parameters)[0]))


def _tags(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys of the verdict's tag: the parameter ``verdict_tags``, or any key (shown as ``verdict``)."""
    given = tuple(str(entry) for entry in listed(parameters.get("verdict_tags")))
    return given or ("verdict",)


def _is_tag(condition: Condition, context: Context) -> bool:
    key = condition.key.lower()
    if not key.startswith(_TAG):
        return False
    named = listed(context.parameters.get("verdict_tags"))
    return not named or key.removeprefix(_TAG) in {str(entry).lower() for entry in named}


def _gated(bucket: Resource, context: Context, grant: Statement | None = None) -> Truth:
    """Whether the bucket's policy refuses everyone but named exceptions an object without a good verdict, as far as ``grant`` reaches."""
    verdicts: list[Truth] = []
    for _, document in bucket_policies(bucket, context.graph):
        refusals = document.of_effect("Deny")
        verdicts.extend(_refuses(deny, refuses_throughout(deny, bucket, grant), ACTION, context) for deny in refusals)
    if (doubt := policies_unclear(bucket, context.graph)) is not None:
        verdicts.append(doubt)
    return any_of(verdicts)


def _refuses(statement: Statement, reached: Truth, action: str, context: Context) -> Truth:
    effect: Truth = statement.effect if isinstance(statement.effect, Unknown) else True
    if statement.conditions_unknown is not None:
        return statement.conditions_unknown
    tagged = [condition for condition in statement.conditions if _is_tag(condition, context)]
    others = [condition for condition in statement.conditions if not _is_tag(condition, context)]
    everyone = _spares_own(statement, context) if statement.not_principals is not None else is_everyone(statement)
    return all_of(
        (
            effect,
            len(_keys(tagged)) == 1,  # of two tags, who writes one of them is let through without the other
            everyone,
            *(condition.when_missing() for condition in tagged),
            *(_spares_some(condition) for condition in others),
            statement.covers_action(action),
            reached,
        )
    )


def _keys(tagged: list[Condition]) -> set[str]:
    return {condition.key.lower() for condition in tagged}


def _spares_own(statement: Statement, context: Context) -> Truth:
    """Whether ``NotPrincipal`` spares one's own and services that scan: not the CDN, by which everyone reads, nor others' accounts."""
    spared = [classify(kind, value, context.scope, context.graph) for kind, value in statement.not_principals or ()]
    return all_of(one.who if isinstance(one.who, Unknown) else one.who in (Who.OWN, Who.SERVICE) and not _is_cdn(one) for one in spared)


def _is_cdn(principal: Principal) -> bool:
    """Whether it is CloudFront: its service, or an origin access identity, which is linked by an address that needn't say so."""
    kind = principal.resource.type if principal.resource is not None else principal.text
    return "cloudfront" in kind.lower()


def _spares_some(condition: Condition) -> Truth:
    """Whether a further condition of the Deny only spares named principals or networks (the scanner)."""
    if condition.key.lower() not in _EXEMPT:
        return False
    if not condition.negated:
        return False
    return not any(isinstance(value, str) and (is_wildcard(value) or _ANYBODY.fullmatch(value)) for value in condition.values)


def _near_miss(bucket: Resource, context: Context) -> str:
    for _, document in bucket_policies(bucket, context.graph):
        for statement in document.of_effect("Deny"):
            if len(keys := _keys([condition for condition in statement.conditions if _is_tag(condition, context)])) > 1:
                tags = " and ".join(sorted(key.removeprefix(_TAG) for key in keys))
                return f" ({statement.name} refuses only what lacks {tags} at once: make it a statement for each)"
            for condition in statement.conditions:
                if _is_tag(condition, context) and condition.when_missing() is False:
                    return f" ({statement.name} refuses by {condition.operator}, so an object without the tag is let through)"
                if _is_tag(condition, context) and refuses_throughout(statement, bucket) is False:
                    return f" ({statement.name} takes in some objects only)"
    return ""


def _from_outside(bucket: Resource, context: Context) -> Iterator[_Reader]:
    yield from _by_policy(bucket, context)
    acl = canned_acl(bucket)
    if acl in PUBLIC_ACLS:
        yield _Reader(f"anyone (by the ACL {acl})", bucket.where("AccessControl"))
    elif isinstance(acl, Unknown):
        yield _Reader("anyone", bucket.where("AccessControl"), Unknown(f"the ACL could not be resolved: {acl.reason}"))
    for distribution in context.graph.of_type(DISTRIBUTION):
        for origin in origins(distribution, context.graph):
            if isinstance(origin, Unknown) or not isinstance(origin.bucket, Resource):
                continue
            if origin.bucket.address == bucket.address or same_bucket(origin.bucket.get("BucketName"), bucket) is True:
                yield _Reader(f"everyone behind {distribution.address} (origin '{origin.id}')", distribution.where(*origin.path))


def _by_policy(bucket: Resource, context: Context) -> Iterator[_Reader]:
    for policy, document in bucket_policies(bucket, context.graph):
        for statement in document.of_effect("Allow"):
            covered = all_of((any_of(statement.covers_action(action) for action in READS), own_reach(statement, bucket)))
            yield from _let_in(statement, document, policy, covered, "", context)
    for door in doors_to(bucket, context.graph):
        network, action, reach = keeps_to_network(door.resource, context.graph), door.action(ACTION), reach_of(door)
        own = any_of(_refuses(statement, reach(statement), action, context) for statement in door.document.of_effect("Deny"))
        for statement in door.document.of_effect("Allow"):
            covered = all_of((any_of(statement.covers_action(door.action(one)) for one in READS), negate(own)))
            yield from _let_in(statement, door.document, door.resource, covered, f" of {door.label}", context, network=network)


def _let_in(
    statement: Statement, document: Document, policy: Resource, covered: Truth, of: str, context: Context, *, network: Truth = False
) -> Iterator[_Reader]:
    """Whom an Allow lets read from outside; ``network``: it takes requests from one network only."""
    effect: Truth = statement.effect if isinstance(statement.effect, Unknown) else True
    covered = all_of((effect, covered))
    if covered is False or _allows_clean_only(statement, context):
        return
    for principal in admitted(statement, context.scope, context.graph):
        elsewhere = negate(network) if principal.who is Who.ANYONE else True
        if (sure := all_of((_outside(principal, statement, document, context), elsewhere))) is not False:
            named = "anyone" if principal.who is Who.ANYONE else principal.text
            where = policy.where(*statement.path)
            yield _Reader(f"{named} (by {statement.name}{of})", where, all_of((sure, covered)), None if of else statement)


def _outside(principal: Principal, statement: Statement, document: Document, context: Context) -> Truth:  # noqa: ARG001 - read as one question
    """Whether a principal of the bucket's policy is somebody besides one's own roles. CloudFront reads for everyone."""
    who = principal.who
    if isinstance(who, Unknown):
        return who
    if who is Who.SERVICE:
        return _is_cdn(principal)
    if who is Who.ANYONE:
        gated = allow_gates(statement, (Gate.IDENTITY, Gate.NETWORK), context.scope, context.graph)
        return gated if isinstance(gated, Unknown) else not gated
    return who is Who.OUTSIDER


def _allows_clean_only(statement: Statement, context: Context) -> bool:
    """Whether an Allow is tied to the verdict's tag: it lets nobody read an object without it."""
    return any(_is_tag(condition, context) and condition.when_missing() is False for condition in statement.conditions)


def _by_api(bucket: Resource, context: Context) -> Iterator[_Reader]:
    """Functions behind an API that read objects although others are told of new ones.

    Where nobody else is told, a function that reads what it was sent may be the scanner itself. One that shares the role of a function that
    is told, and runs, or of another worker, has the right to read because that one needs it.
    """
    behind = functions_behind_doors(context.graph)
    told = hearing(bucket, context) if behind else {}
    others = workers(bucket, context) if behind else []
    trails = (TRAIL,) if trails_matter(bucket, context.graph) else ()
    unread = next((name for name in (EVENT_RULE, MAPPING, PIPE, SUBSCRIPTION, *trails) if name in context.unread), None)
    doubt: Truth = Unknown(f"{unread} could not be read: {context.unread[unread]}") if unread is not None else False
    for function in context.graph.of_type(FUNCTION) if told or others or doubt is not False else ():
        own = told.get(function.address, False)
        alone = doubt is False and not told.keys() - {function.address} and not others
        if function.address not in behind or own is True or alone:
            continue
        role = role_of(function, context.graph)
        found = grant_of(role, ACTION, bucket, context.graph, function) if role is not None else None
        if role is None or found is None or _allows_clean_only(found[1], context):
            continue
        scanner = any_of((own, *_scanners_of(role, told, context.graph), *_working(role, function, told, others), doubt))
        if scanner is not True:
            deaf = ", isn't told of new objects" if function.address in told and scanner is False else ""
            who = f"{function.address}, which answers {behind[function.address][0].label}{deaf},"
            yield _Reader(who, found[0].resource.where(*found[1].path), negate(scanner), found[1], role)


def _straight(bucket: Resource, context: Context) -> Iterator[_Reader]:
    """Doors of an API that read objects without a function."""
    graph = context.graph
    for resource in graph.of_type(*DOORS):
        for door in doors(resource, graph):
            asked = asks_s3(door, "GET") and (names(door, bucket) or caller_names(door, bucket))
            role = role_at(door.credentials, graph) if asked else None
            found = grant_of(role, ACTION, bucket, graph, anywhere=True) if role is not None else None
            if found is not None and not _allows_clean_only(found[1], context):
                yield _Reader(
                    f"whoever calls {door.label}, which asks S3 itself,", door.resource.where(*door.path), grant=found[1], role=role
                )


def _scanners_of(role: Resource, told: Mapping[str, Truth], graph: Graph) -> Iterator[Truth]:
    """Whether each function that new objects lead to, and that has ``role``, is told of them and may run."""
    for address, reached in told.items():
        function = graph.at(address, FUNCTION)
        if function is not None and role_of(function, graph) is role:
            yield all_of((reached, runs(function)))


def _working(role: Resource, function: Resource, told: Mapping[str, Truth], others: Sequence[Worker]) -> Iterator[Truth]:
    """Whether each worker that has ``role`` is told; why it isn't known whether anybody is, where nobody else is for sure."""
    yield from (worker.told for worker in others if role.address in worker.roles)
    sure = (reached for address, reached in told.items() if address != function.address)
    if others and True not in (*sure, *(worker.told for worker in others)):
        yield any_of(worker.told for worker in others)


def _by_guests(bucket: Resource, context: Context) -> Iterator[_Reader]:
    """Roles that users of an identity pool or another identity provider assume."""
    for role in _federated(context.graph):
        found = grant_of(role, ACTION, bucket, context.graph)
        if found is None or _allows_clean_only(found[1], context) or _own_folder(found[1]):
            continue
        where = found[0].resource.where(*found[1].path)
        yield _Reader(f"users of an identity provider (role {role.address})", where, grant=found[1], role=role)


def _by_outsiders(bucket: Resource, context: Context) -> Iterator[_Reader]:
    """Roles of one's own that others' accounts may assume, by what they may read anywhere, too. Whoever administers all is no reader of uploads."""
    for role, stranger in lent(context.graph, context.scope):
        found = grant_of(role, ACTION, bucket, context.graph, anywhere=True)
        if found is None or _allows_clean_only(found[1], context) or is_wildcard(found[1].action_text(ACTION)):
            continue
        unlisted = ", an account that isn't in scope.accounts" if stranger.who is Who.OUTSIDER else ""
        who = f"{'anyone' if stranger.who is Who.ANYONE else stranger.text}{unlisted}, whom {role.address} trusts,"
        where = found[0].resource.where(*found[1].path)
        yield _Reader(who, where, stranger.who if isinstance(stranger.who, Unknown) else True, found[1], role)


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


RULE = Rule(
    id="unscanned-not-readable",
    title="What wasn't scanned can't be read",
    severity=Severity.HIGH,
    types=(BUCKET,),
    evaluate=evaluate,
    remediation="Deny s3:GetObject unless the scanner's tag says clean, or let nobody but the scanner read the bucket.",
    guessing=MEDIA_TELLS,
    neighbours=(*POINTS, BUCKET, BUCKET_POLICY, DISTRIBUTION, EVENT_RULE, TRAIL, *TAKERS, *DOOR_NEIGHBOURS),
)
