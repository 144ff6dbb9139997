"""No broad or third-party ``s3:PutObject`` to a media bucket without a gate that really gates (SM-UPL-03)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from averment.core.scope import MediaRole
from averment.core.words import Severity, Verdict
from averment.policies.graph.memo import per_graph
from averment.policies.graph.model import Graph, Resource, Unknown
from averment.policies.iam.access_points import DOCUMENTS as DOORS
from averment.policies.iam.access_points import REGIONS_POINT, keeps_to_network
from averment.policies.iam.carriers import (
    IDENTITY_NEIGHBOURS,
    IDENTITY_TYPES,
    Carrier,
    CarrierKind,
    bucket_policies,
    carriers_of,
    reach_of,
    trust,
)
from averment.policies.iam.document import Document, Statement, parse_document
from averment.policies.iam.gates import Gate, allow_gates, deny_gates, near_miss
from averment.policies.iam.guests import GUEST_NEIGHBOURS, given_to_guests, lets_guests_in, perhaps_given_to_guests
from averment.policies.iam.principals import Principal, Who, admitted, is_cdn, principals_of
from averment.policies.iam.resources import every_bucket, may_be_everywhere, names_reached, plain_name, reaches_objects
from averment.policies.iam.trusted import trusted_strangers
from averment.policies.iam.truth import Truth, all_of, any_of, negate
from averment.policies.interface import NOT_APPLICABLE, PASS, Context, Outcome, Rule, fail, unknown
from averment.policies.rules.judge import worst_outcome
from averment.policies.rules.mechanical import ACL_PRIVATE
from averment.policies.rules.media import (
    BUCKET,
    MEDIA_TELLS,
    canned_acl,
    holds_logs,
    may_hold_media,
    media_buckets,
    media_role,
    role_unclear,
)
from averment.policies.rules.origins import DISTRIBUTION
from averment.policies.rules.s3_put_object_gated import cdn
from averment.policies.rules.s3_put_object_gated.fixes import acl_fix, gate_fix, identity_fix
from averment.policies.rules.storage import parts_of, refuses_throughout

ACTION = "s3:PutObject"
_PUBLIC_WRITE = "PublicReadWrite"
_GUESTS = "guests of an identity pool"
_OPEN_TO_ALL = "this bucket, whatever its name: what anyone may put there nobody has seen"
"""How messages call a bucket that nothing but a grant to anyone makes a place of uploads."""


def evaluate(resource: Resource, context: Context) -> Outcome:
    """The verdict on one bucket (its ACL), policy of a bucket or access point, or identity (its inline, attached and AWS managed policies)."""
    if resource.type == BUCKET:
        return _acl(resource, context)
    outcomes: list[Outcome] = []
    for carrier in carriers_of(resource, context.graph):
        judge = _identity_policy if carrier.kind is CarrierKind.IDENTITY else _resource_policy
        outcomes.extend(judge(carrier, context))
    return worst_outcome(outcomes)


def _acl(bucket: Resource, context: Context) -> Outcome:
    found, acl = media_role(bucket, context.scope, context.graph), canned_acl(bucket)
    if acl == _PUBLIC_WRITE and (found is not None or (context.scope.guesses and not holds_logs(bucket, context.scope))):
        held = f"this {found[0]} bucket ({found[1]})" if found is not None else _OPEN_TO_ALL
        message = f"the ACL {acl} lets anyone write to {held}"
        return fail(message, where=bucket.where("AccessControl"), fix=acl_fix(bucket), changes=(ACL_PRIVATE,))
    if found is None:
        doubt = role_unclear(bucket, context.scope) or may_hold_media(bucket, context.scope) if acl == _PUBLIC_WRITE else None
        if doubt is None:
            return NOT_APPLICABLE
        text = f"the ACL {acl} lets anyone write to this bucket, but it can't be told whether it holds media: {doubt.reason}"
        return unknown(text, where=bucket.where("AccessControl"))
    if isinstance(acl, Unknown):
        return unknown(f"the ACL could not be resolved: {acl.reason}", where=bucket.where("AccessControl"))
    return PASS if acl is not None else NOT_APPLICABLE


def _resource_policy(carrier: Carrier, context: Context) -> Iterator[Outcome]:
    """The policy of a bucket, or of an access point to one bucket or several."""
    for holder in carrier.holders:
        yield from _of_bucket(carrier, holder, context)


def _of_bucket(carrier: Carrier, bucket: Resource | Unknown, context: Context) -> Iterator[Outcome]:
    if isinstance(bucket, Unknown):
        role = context.scope.media_role(carrier.resource.label, {})
        bucket = Resource(carrier.resource.address, BUCKET, {"BucketName": bucket}, carrier.resource.source, carrier.resource.dialect)
        doubt: Unknown | None = Unknown(f"which bucket this policy belongs to: {bucket.get('BucketName').reason}") if role is None else None
    else:
        role, doubt = media_role(bucket, context.scope, context.graph), role_unclear(bucket, context.scope)
    faint = None if role is not None or doubt is not None else may_hold_media(bucket, context.scope)
    doubt = doubt or faint
    if role is None and doubt is None:
        yield NOT_APPLICABLE
        yield from _open_to_all(carrier, bucket, context)
        return
    subject = f"this {role[0]} bucket ({role[1]})" if role else "a bucket that may hold media"
    subject += ", through an access point," if carrier.kind is CarrierKind.ACCESS_POINT else ""
    yield PASS if role else NOT_APPLICABLE
    guessed = role is None and (faint is not None or context.scope.guesses)  # then only what would be a failure is worth a question
    for reason in carrier.document.unknown if not guessed else ():
        yield unknown(f"{carrier.label} of {subject} could not be read: {reason.reason}", where=carrier.resource.where(*carrier.path))
    opened = list(_open_to_all(carrier, bucket, context)) if role is None else []
    yield from opened
    for statement in carrier.document.of_effect("Allow") if not opened else ():
        outcome = _grant(statement, carrier, bucket, subject, context)
        if guessed and outcome.verdict is not Verdict.FAIL:
            continue
        if doubt is not None and outcome.verdict is Verdict.FAIL:
            outcome = unknown(f"{outcome.message}, but it can't be told whether it holds media: {doubt.reason}", where=outcome.where)
        yield outcome


def _open_to_all(carrier: Carrier, bucket: Resource, context: Context) -> Iterator[Outcome]:
    """Grants to anyone on a bucket that nothing else says to hold media, while the organisation hasn't said which ones do."""
    asked = context.scope.guesses and not holds_logs(bucket, context.scope)
    for statement in carrier.document.of_effect("Allow") if asked else ():
        if any(principal.who is Who.ANYONE for principal in principals_of(statement, context.scope, context.graph)):
            outcome = _grant(statement, carrier, bucket, _OPEN_TO_ALL, context)
            if outcome.verdict is Verdict.FAIL:
                yield outcome


def _grant(statement: Statement, carrier: Carrier, bucket: Resource, subject: str, context: Context) -> Outcome:
    """One Allow statement of a policy of the bucket or of an access point to it: the worst over its principals."""
    reached = True if carrier.kind is CarrierKind.ACCESS_POINT else _reaches(statement, bucket)  # it speaks of nothing else
    covered = all_of((_applies(statement), statement.covers_action(carrier.action(ACTION)), reached))
    if covered is False:
        return PASS
    outcomes = []
    for principal in admitted(statement, context.scope, context.graph):
        if is_cdn(principal):
            provenance, tied = (_gated(who, statement, carrier.document, bucket, context) for who in (Who.OUTSIDER, Who.ANYONE))
            grant = cdn.Grant(principal, covered, provenance, tied)
            outcomes.append(cdn.judged(grant, statement, carrier.resource, bucket, subject, context))
            continue
        behind = _outsider_behind(principal.resource, context) or principal
        through = _ungated_through if carrier.kind is CarrierKind.ACCESS_POINT else _ungated
        gate = through(behind, statement, carrier, bucket, context)
        outcomes.append(_judge(covered, gate, behind, statement, carrier, bucket, subject))
    return worst_outcome(outcomes) if outcomes else PASS


def _judge(
    covered: Truth, ungated: Truth, principal: Principal, statement: Statement, carrier: Carrier, bucket: Resource, subject: str
) -> Outcome:
    where = carrier.resource.where(*statement.path)
    verdict = all_of((ungated, covered))
    if verdict is False:
        return PASS
    named = f"anyone (Principal {principal.text})" if principal.who is Who.ANYONE else principal.text
    if principal.who is Who.OUTSIDER:
        named = f"{principal.text}, an account that isn't yours,"
    if isinstance(verdict, Unknown):
        return unknown(f"{statement.name} may let {named} write to {subject}: {verdict.reason}", where=where)
    reason = near_miss(statement, carrier.document)
    return fail(
        f"{statement.name} allows {named} {statement.action_text(carrier.action(ACTION))} on {subject} without a gate"
        + (f": {reason}" if reason else ""),
        where=where,
        fix=gate_fix(carrier.resource, bucket),
    )


def _ungated(granted: Principal, statement: Statement, carrier: Carrier, bucket: Resource, context: Context) -> Truth:
    """Whether a grant to ``granted`` is left open by the bucket's own policy."""
    return _left_open(granted.who, lambda group: _gated(group, statement, carrier.document, bucket, context, granted=granted))


def _ungated_through(granted: Principal, statement: Statement, carrier: Carrier, bucket: Resource, context: Context) -> Truth:
    """Whether a grant to ``granted`` is left open by an access point's policy, by its network, and by the bucket's policy, which applies too."""

    def gated(group: Who) -> Truth:
        network = keeps_to_network(carrier.resource, context.graph) if group is Who.ANYONE else False
        reaches, action = reach_of(carrier, statement), carrier.action(ACTION)
        own = _gated(group, statement, carrier.document, bucket, context, reaches=reaches, action=action, granted=granted)
        return any_of((network, own, *_gated_by_bucket(group, bucket, context, granted=granted)))

    return _left_open(granted.who, gated)


def _left_open(who: Who | Unknown, gated: Callable[[Who], Truth]) -> Truth:
    """Whether a grant to ``who`` is left open. One's own identities and AWS services are named roles: they may write."""
    if isinstance(who, Unknown):
        return False if gated(Who.OUTSIDER) is True else who
    return False if who in (Who.OWN, Who.SERVICE) else negate(gated(who))


def _gated(
    who: Who,
    statement: Statement,
    document: Document,
    bucket: Resource,
    context: Context,
    *,
    reaches: Callable[[Statement], Truth] | None = None,
    action: str = ACTION,
    granted: Principal | None = None,
    grant: Statement | None = None,
) -> Truth:
    """Anyone is gated by a tie to identity, network or provenance; an outsider, who is named already, by provenance alone.

    ``reaches`` says which Deny statements count; by default those that take in whatever ``grant`` (by default the statement itself)
    reaches of the bucket. ``action`` is ours as the policy spells it, ``granted`` whom it lets in.
    """
    kinds = tuple(Gate) if who is Who.ANYONE else (Gate.PROVENANCE,)
    own = allow_gates(statement, kinds, context.scope, context.graph)
    if own is True:
        return True

    ways = (
        [reaches] if reaches else [partial(refuses_throughout, bucket=bucket, grant=part) for part in parts_of(grant or statement, bucket)]
    )
    denied = all_of(deny_gates(document, action, kinds, context.scope, context.graph, reaches=way, granted=granted) for way in ways)
    if denied is True or own is False:
        return denied
    return own


def _gated_by_bucket(
    who: Who, bucket: Resource, context: Context, *, granted: Principal | None = None, grant: Statement | None = None
) -> Iterator[Truth]:
    """Whether each of the bucket's own policies refuses what isn't gated, whoever grants it: throughout, or as far as ``grant`` reaches."""
    policies = list(bucket_policies(bucket, context.graph))
    if bucket.outside and not policies:
        yield Unknown("the bucket's own policy, which may refuse it, is not part of what was read")
    for policy in policies:
        bare = Statement(effect="Allow", path=())
        document = parse_document(policy.get("PolicyDocument"), ("PolicyDocument",))
        yield _gated(who, bare, document, bucket, context, granted=granted, grant=grant)


def _reaches(statement: Statement, bucket: Resource) -> Truth:
    """Whether a statement of the bucket's own policy takes in its objects.

    An unresolved Resource beside an explicit object action can only be the bucket's objects: S3 refuses anything else.
    """
    reached = reaches_objects(statement, bucket)
    if isinstance(reached, Unknown) and _applies_explicitly(statement):
        return True
    return reached


def _applies_explicitly(statement: Statement) -> bool:
    return any(isinstance(action, str) and action.lower().startswith("s3:put") for action in statement.actions or ())


def _applies(statement: Statement) -> Truth:
    return statement.effect if isinstance(statement.effect, Unknown) else statement.effect == "Allow"


def _identity_policy(carrier: Carrier, context: Context) -> Iterator[Outcome]:
    """An identity policy: broad if it reaches any bucket, third-party if an outsider may assume its holder."""
    unread = carrier.document.unknown
    for reason in unread if unread and next(media_buckets(context.graph, context.scope), None) is not None else ():
        yield unknown(f"{carrier.label} could not be read: {reason.reason}", where=carrier.resource.where(*carrier.path))
    outsider = _trusted_outsider(carrier, context)
    for statement in carrier.document.of_effect("Allow"):
        allowed = all_of((_applies(statement), statement.covers_action(ACTION)))
        if allowed is False:
            continue
        if (missing := context.not_read(BUCKET)) is not None:
            text = f"{statement.name} allows {ACTION}; whether to media buckets: {missing.reason}"
            yield unknown(text, where=carrier.resource.where(*statement.path))
        outcomes = [
            _identity_grant(statement, carrier, bucket, f"the {role} bucket {bucket.address} ({why})", reached, outsider, context)
            for bucket, role, why in _media_reached(statement, context)
            if (reached := all_of((allowed, reaches_objects(statement, bucket)))) is not False
        ]
        yield _over_buckets(outcomes)


def _media_reached(statement: Statement, context: Context) -> Iterator[tuple[Resource, MediaRole, str]]:
    """The media buckets that the statement may reach, by its Resource: of a thousand buckets most policies name one."""
    names = names_reached(statement)
    if names is None:
        yield from media_buckets(context.graph, context.scope)
        return
    buckets = _buckets(context.graph)
    for place in sorted({*buckets.unnamed, *(at for name in names for at in buckets.named.get(name, ()))}):
        bucket = buckets.all[place]
        if (found := media_role(bucket, context.scope, context.graph)) is not None:
            yield bucket, *found


@dataclass(frozen=True)
class _Buckets:
    """The buckets of a graph, and their places in it: by name, and of those (``unnamed``) whose name doesn't tell them apart."""

    all: tuple[Resource, ...]
    named: dict[str, list[int]]
    unnamed: list[int]


@per_graph
def _buckets(graph: Graph) -> _Buckets:
    found = _Buckets(tuple(graph.of_type(BUCKET)), {}, [])
    for place, bucket in enumerate(found.all):
        name = plain_name(bucket)
        (found.named.setdefault(name, []) if name is not None else found.unnamed).append(place)
    return found


def _over_buckets(outcomes: list[Outcome]) -> Outcome:
    """One outcome for a statement that reaches several buckets: the gravest, with the number of the others."""
    first = next(
        (outcome for verdict in (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS) for outcome in outcomes if outcome.verdict is verdict), None
    )
    if first is None:
        return NOT_APPLICABLE
    others = sum(outcome.verdict is first.verdict for outcome in outcomes) - 1
    if not others or not first.message:
        return first
    more = f"{others} more media bucket{'s' if others > 1 else ''}"
    return Outcome(first.verdict, f"{first.message} (and to {more})", first.where, first.fix)


def _identity_grant(
    statement: Statement, carrier: Carrier, bucket: Resource, subject: str, reached: Truth, outsider: Principal | None, context: Context
) -> Outcome:
    where = carrier.resource.where(*statement.path)
    wide, open_ = every_bucket(statement), may_be_everywhere(statement) if reached is not True else None
    if outsider is None and wide is None and open_ is None:
        return PASS  # a named role of one's own that names its bucket
    gate = _identity_gated(statement, carrier.document, bucket, context)
    ungated = gate if isinstance(gate, Unknown) else not gate
    doubt: Truth = outsider.who if outsider is not None and isinstance(outsider.who, Unknown) and wide is None else True
    if outsider is None and wide is None and open_ is not None:
        doubt = open_
    verdict = all_of((ungated, doubt, reached))
    if verdict is False:
        return PASS
    holder = f"{outsider.text}, whom its role trusts," if outsider is not None else "its holder"
    if isinstance(verdict, Unknown):
        return unknown(f"{statement.name} of {carrier.label} may let {holder} write to {subject}: {verdict.reason}", where=where)
    scope = f"on {wide}, which takes in" if wide is not None else "on"
    reason = near_miss(statement, carrier.document)
    return fail(
        f"{statement.name} of {carrier.label} allows {holder} {statement.action_text(ACTION)} {scope} {subject} without a gate"
        + (f": {reason}" if reason else ""),
        where=where,
        fix=identity_fix(carrier.resource, bucket) if wide is not None else gate_fix(carrier.resource, bucket),
    )


def _identity_gated(statement: Statement, document: Document, bucket: Resource, context: Context) -> Truth:
    """Whether provenance is demanded by the policy itself or by the bucket's own policy."""
    own = _gated(Who.OUTSIDER, statement, document, bucket, context)
    return any_of((own, *_gated_by_bucket(Who.OUTSIDER, bucket, context, grant=statement)))


def _trusted_outsider(carrier: Carrier, context: Context) -> Principal | None:
    """Somebody outside (or possibly outside) who may assume a role that holds the policy."""
    found = [_outsider_behind(holder, context) for holder in carrier.holders if isinstance(holder, Resource)]
    people = [principal for principal in found if principal is not None]
    certain = (principal for principal in people if not isinstance(principal.who, Unknown))
    return next(certain, people[0] if people else None)


def _outsider_behind(role: Resource | None, context: Context) -> Principal | None:
    """Somebody outside, or possibly outside, whom ``role`` trusts."""
    possible: Principal | None = None
    if role is None or role.type != "AWS::IAM::Role":
        return None
    for statement in trust(role).of_effect("Allow"):
        let_in = lets_guests_in(statement, context.graph)
        if let_in is True:
            return Principal(_GUESTS, Who.ANYONE)
        if isinstance(let_in, Unknown):
            possible = Principal(_GUESTS, let_in)
    if given_to_guests(role, context.graph) is not None:
        return Principal(_GUESTS, Who.ANYONE)
    if possible is None and (doubt := perhaps_given_to_guests(role, context.graph)) is not None:
        possible = Principal(_GUESTS, doubt)
    for principal in trusted_strangers(role, context.scope, context.graph):
        if not isinstance(principal.who, Unknown):
            return principal
        possible = principal
    return possible


RULE = Rule(
    id="s3-put-object-gated",
    title="No broad or third-party s3:PutObject to a media bucket without a gate",
    severity=Severity.HIGH,
    types=("AWS::S3::BucketPolicy", BUCKET, *DOORS, *IDENTITY_TYPES),
    evaluate=evaluate,
    remediation="Name the roles that may write, and refuse objects without a provenance tag, or send uploads through quarantine.",
    guessing=MEDIA_TELLS,
    neighbours=(BUCKET, "AWS::S3::BucketPolicy", REGIONS_POINT, DISTRIBUTION, *IDENTITY_NEIGHBOURS, *GUEST_NEIGHBOURS),
)
