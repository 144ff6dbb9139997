"""An upload bucket is served to nobody: no CDN origin, no public or cross-account read, no website (SM-UPL-01)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from averment.core.words import Severity
from averment.policies.graph.model import OUTSIDE, Resource, Unknown
from averment.policies.iam.access_points import POINTS, keeps_to_network
from averment.policies.iam.carriers import Carrier, bucket_policies, doors_to, reach_of
from averment.policies.iam.document import Document, Statement, parse_document
from averment.policies.iam.gates import Gate, allow_gates, deny_gates
from averment.policies.iam.principals import Principal, Who, admitted, is_cdn
from averment.policies.iam.resources import bucket_name, reaches_objects
from averment.policies.iam.truth import Truth, all_of, any_of, negate
from averment.policies.interface import PASS, Context, Outcome, Rule, fail, unknown
from averment.policies.rules.apis import DOOR_NEIGHBOURS
from averment.policies.rules.judge import fix_for, worst_outcome
from averment.policies.rules.mechanical import ACL_PRIVATE
from averment.policies.rules.media import BUCKET, MEDIA_TELLS, PUBLIC_ACLS, canned_acl
from averment.policies.rules.origins import DISTRIBUTION, Origin, looks_like_s3, origins
from averment.policies.rules.scanning import of_uploads
from averment.policies.rules.storage import READING, may_be, parts_of, refuses_throughout
from averment.policies.rules.through_cdn import only_takes

ACTION = "s3:GetObject"


def evaluate(bucket: Resource, context: Context) -> Outcome:
    """The verdict on one bucket; only upload buckets are asked."""
    return of_uploads(bucket, context, lambda why: _judged(bucket, f"this upload bucket ({why})", context))


def _judged(bucket: Resource, subject: str, context: Context) -> Outcome:
    checks = (_served_by_cdn, _readable_by_policy, _readable_through, _readable_by_acl, _website)
    return worst_outcome([PASS, *(outcome for check in checks for outcome in check(bucket, subject, context))])


def _served_by_cdn(bucket: Resource, subject: str, context: Context) -> Iterator[Outcome]:
    if (missing := context.not_read(DISTRIBUTION)) is not None:
        yield unknown(f"whether {subject} is served: {missing.reason}")
    for distribution in context.graph.of_type(DISTRIBUTION) if not only_takes(bucket, context) else ():
        for origin in origins(distribution, context.graph):
            if isinstance(origin, Unknown):
                continue
            doubt = _perhaps(origin, bucket)
            if doubt is not None:
                text = f"whether {subject} is origin '{origin.id}' of {distribution.address}: {doubt.reason}"
                yield unknown(text, where=distribution.where(*origin.path))
            if _same(origin.bucket, bucket):
                yield fail(
                    f"{subject} is origin '{origin.id}' of {distribution.address}, so unscanned media is served",
                    where=distribution.where(*origin.path),
                    fix=f"remove the origin '{origin.id}' and its cache behaviours from {distribution.address}; serve the published bucket",
                )


def _perhaps(origin: Origin, bucket: Resource) -> Unknown | None:
    """Why an origin of S3 may be ``bucket``: its domain, or the bucket's name in it, isn't resolved, and what is known of it fits."""
    if _same(origin.bucket, bucket) or origin.settings.get("CustomOriginConfig") is not None:
        return None
    domain = origin.settings.get("DomainName")
    if isinstance(origin.bucket, Unknown):
        return origin.bucket if looks_like_s3(origin.settings) and may_be(domain, bucket) else None
    name = bucket_name(origin.bucket) if isinstance(origin.bucket, Resource) and isinstance(domain, Unknown) else None
    return name if isinstance(name, Unknown) and may_be(name, bucket) else None


def _same(found: Resource | Unknown | None, bucket: Resource) -> bool:
    if not isinstance(found, Resource):
        return False
    name = bucket_name(bucket)
    return found.address == bucket.address or (isinstance(name, str) and bucket_name(found) == name)


def _readable_by_policy(bucket: Resource, subject: str, context: Context) -> Iterator[Outcome]:
    policies = list(bucket_policies(bucket, context.graph))
    if bucket.outside and not policies:
        yield unknown(f"whether the policy of {subject} lets others read it: {OUTSIDE}")
    for policy in policies:
        document = parse_document(policy.get("PolicyDocument"), ("PolicyDocument",))
        for reason in document.unknown:
            yield unknown(f"the policy of {subject} could not be read: {reason.reason}", where=policy.where("PolicyDocument"))
        for statement in document.of_effect("Allow"):
            yield from _reads(statement, document, policy, bucket, subject, context)


def _readable_through(bucket: Resource, subject: str, context: Context) -> Iterator[Outcome]:
    """Policies of access points, which let in whom they name unless the bucket's own policy refuses it."""
    for door in doors_to(bucket, context.graph):
        for reason in door.document.unknown:
            where = door.resource.where(*door.path)
            yield unknown(f"{door.label} on {subject} could not be read: {reason.reason}", where=where)
        for statement in door.document.of_effect("Allow"):
            for principal in admitted(statement, context.scope, context.graph):
                verdict = _through(door, statement, principal, bucket, context)
                who = "anyone" if principal.who is Who.ANYONE else principal.text
                where = door.resource.where(*statement.path)
                if verdict is True:
                    fix = f"remove {statement.name} from {door.resource.address}; grant {ACTION} on the published bucket instead"
                    yield fail(f"{statement.name} of {door.label} lets {who} read {subject}", where=where, fix=fix)
                elif isinstance(verdict, Unknown):
                    yield unknown(f"{statement.name} of {door.label} may let {who} read {subject}: {verdict.reason}", where=where)


def _through(door: Carrier, statement: Statement, principal: Principal, bucket: Resource, context: Context) -> Truth:
    """Whether ``principal`` reads objects through an access point: by its policy, from anywhere, and not refused by the bucket's."""
    return any_of(_through_by(action, door, statement, principal, bucket, context) for action in READING)


def _through_by(action: str, door: Carrier, statement: Statement, principal: Principal, bucket: Resource, context: Context) -> Truth:
    effect: Truth = statement.effect if isinstance(statement.effect, Unknown) else True
    policies = list(bucket_policies(bucket, context.graph))
    refusals = [parse_document(policy.get("PolicyDocument"), ("PolicyDocument",)) for policy in policies]
    hidden: Truth = Unknown("the bucket's own policy, which may refuse it, is not part of what was read")
    return all_of(
        (
            effect,
            statement.covers_action(door.action(action)),
            negate(keeps_to_network(door.resource, context.graph)) if principal.who is Who.ANYONE else True,
            _open(principal, statement, door.document, context, door.action(action), reach_of(door, statement)),
            *(_open(principal, statement, one, context, action, lambda deny: refuses_throughout(deny, bucket)) for one in refusals),
            hidden if bucket.outside and not policies else True,
        )
    )


def _reads(
    statement: Statement, document: Document, policy: Resource, bucket: Resource, subject: str, context: Context
) -> Iterator[Outcome]:
    effect: Truth = statement.effect if isinstance(statement.effect, Unknown) else True
    reached = _reaches(statement, bucket)
    covered = {action: all_of((effect, statement.covers_action(action), reached)) for action in READING}
    for principal in admitted(statement, context.scope, context.graph):
        ways = [partial(refuses_throughout, bucket=bucket, grant=part) for part in parts_of(statement, bucket)]
        verdict = any_of(
            all_of((granted, any_of(_open(principal, statement, document, context, action, way) for way in ways)))
            for action, granted in covered.items()
            if granted is not False
        )
        who = "anyone" if principal.who is Who.ANYONE else principal.text
        if verdict is True:
            yield fail(
                f"{statement.name} of its policy lets {who} read {subject}",
                where=policy.where(*statement.path),
                fix=f"remove {statement.name} from {policy.address}; grant {ACTION} on the published bucket instead",
            )
        elif isinstance(verdict, Unknown):
            yield unknown(f"{statement.name} may let {who} read {subject}: {verdict.reason}", where=policy.where(*statement.path))


def _open(
    principal: Principal,
    statement: Statement,
    document: Document,
    context: Context,
    action: str,
    reaches: Callable[[Statement], Truth],
) -> Truth:
    """Whether the grant lets the bucket be read from outside, as far as ``document`` goes. CloudFront is a reader for everyone."""
    who = principal.who
    if isinstance(who, Unknown):
        return who
    if who is Who.SERVICE:
        return is_cdn(principal)
    if who not in (Who.ANYONE, Who.OUTSIDER):
        return False
    kinds = (Gate.IDENTITY, Gate.NETWORK) if who is Who.ANYONE else ()
    own = allow_gates(statement, kinds, context.scope, context.graph)
    denied = deny_gates(document, action, kinds, context.scope, context.graph, reaches=reaches, granted=principal)
    if own is True or denied is True:
        return False
    return next((value for value in (own, denied) if isinstance(value, Unknown)), True)


def _reaches(statement: Statement, bucket: Resource) -> Truth:
    """An unresolved Resource beside an explicit object action can only be this bucket's objects."""
    reached = reaches_objects(statement, bucket)
    explicit = any(isinstance(action, str) and action.lower().startswith("s3:getobject") for action in statement.actions or ())
    return True if isinstance(reached, Unknown) and explicit else reached


def _readable_by_acl(bucket: Resource, subject: str, context: Context) -> Iterator[Outcome]:  # noqa: ARG001 - one signature for all checks
    acl = canned_acl(bucket)
    if acl in PUBLIC_ACLS:
        fix = fix_for(
            bucket,
            terraform='acl = "private"',
            cloudformation="AccessControl: Private",
            command="aws s3api put-bucket-acl --bucket @ --acl private",
        )
        yield fail(f"the ACL {acl} lets others read {subject}", where=bucket.where("AccessControl"), fix=fix, changes=(ACL_PRIVATE,))
    elif isinstance(acl, Unknown):
        yield unknown(f"the ACL of {subject} could not be resolved: {acl.reason}", where=bucket.where("AccessControl"))


def _website(bucket: Resource, subject: str, context: Context) -> Iterator[Outcome]:  # noqa: ARG001 - one signature for all checks
    website = bucket.get("WebsiteConfiguration")
    if isinstance(website, Unknown):
        yield unknown(f"whether {subject} is set up as a website: {website.reason}", where=bucket.where("WebsiteConfiguration"))
    elif website is not None:
        yield fail(f"{subject} is set up as a website", where=bucket.where("WebsiteConfiguration"), fix="remove the website configuration")


RULE = Rule(
    id="quarantine-not-served",
    title="Upload buckets are served to nobody",
    severity=Severity.CRITICAL,
    types=(BUCKET,),
    evaluate=evaluate,
    remediation="Keep uploads in a bucket that only the scanner reads, and copy what is clean to the bucket that the CDN serves.",
    guessing=MEDIA_TELLS,
    neighbours=(*POINTS, *DOOR_NEIGHBOURS, "AWS::S3::BucketPolicy", "AWS::IAM::Role", "AWS::IAM::ManagedPolicy"),
)
