"""What wasn't scanned can't be read: a Deny on the verdict's tag, or nobody reads but the scanner (SM-UPL-01)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from averment.core.scope import MediaRole
from averment.core.words import Severity
from averment.policies.graph.model import Resource, Unknown
from averment.policies.iam.access_points import POINTS
from averment.policies.iam.carriers import doors_to
from averment.policies.iam.truth import Truth, all_of
from averment.policies.interface import NOT_APPLICABLE, PASS, Context, Outcome, Rule, fail, unknown
from averment.policies.rules.apis import DOOR_NEIGHBOURS
from averment.policies.rules.events import EVENT_RULE
from averment.policies.rules.judge import fix_for, worst_outcome
from averment.policies.rules.looking import perhaps
from averment.policies.rules.media import BUCKET, MEDIA_TELLS, media_role
from averment.policies.rules.origins import DISTRIBUTION
from averment.policies.rules.replication import REPLICATION, copied_elsewhere, replicas, unclear
from averment.policies.rules.scanning import direct_writers, writers_unclear
from averment.policies.rules.storage import BUCKET_POLICY, bucket_policies, parts_of, refuses_throughout
from averment.policies.rules.takers import TAKERS
from averment.policies.rules.trails import TRAIL
from averment.policies.rules.unscanned_not_readable import fixes
from averment.policies.rules.unscanned_not_readable.gate import ACTION, BY_VERSION, gated, near_miss, refuses, spares, tags
from averment.policies.rules.unscanned_not_readable.readers import Reader, by_guests, by_outsiders, by_role, from_outside

_KEPT = re.compile(r"(?:^|[-_.])(?:backups?|archives?|replicas?|cop(?:y|ies)|dr|secondary|standby)(?:[-_.]|$)", re.IGNORECASE)
"""Words by which a bucket elsewhere keeps copies for a bad day, and shows them to nobody."""


def evaluate(bucket: Resource, context: Context) -> Outcome:
    """The verdict on one bucket: upload buckets, and published ones that people upload to themselves."""
    found = media_role(bucket, context.scope, context.graph)
    if found is None or found[0] is MediaRole.GENERATED:
        return NOT_APPLICABLE
    subject = f"this {found[0]} bucket ({found[1]})"
    gate = gated(bucket, context)
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
        return worst_outcome([PASS, *spared, *_by_version(bucket, subject, context), *_copied(bucket, subject, context)])
    return _judged(bucket, found[0], subject, gate, context)


def _judged(bucket: Resource, role: MediaRole, subject: str, gate: Truth, context: Context) -> Outcome:
    readers = [*from_outside(bucket, context), *by_role(bucket, role, context)]
    outcomes = [_judge(reader, subject, gate, bucket, context) for reader in readers]
    outcomes += [
        unknown(f"who reads {subject}: {missing.reason}")
        for name in (BUCKET_POLICY, DISTRIBUTION)
        if (missing := context.not_read(name)) is not None
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
    gates = [deny for deny in denies if refuses(deny, refuses_throughout(deny, bucket), ACTION, context) is True]
    for reader in by_role(bucket, MediaRole.UPLOAD, context):
        if reader.role is not None and all(spares(deny, reader.role) for deny in gates):
            text = f"{gates[0].name} of its policy spares {reader.role.address}, by which {reader.who} may read objects of {subject}"
            # where the scanner has that role, too, not to spare it would keep that one out
            why = (
                reader.sure.reason
                if isinstance(reader.sure, Unknown)
                else "whether that is the scanner's can't be told; if not, don't spare it"
            )
            yield unknown(f"{text}: {why}", where=reader.where)


def _by_version(bucket: Resource, subject: str, context: Context) -> Iterator[Outcome]:
    """Readers from outside where the Deny leaves versions out: that of an object in a bucket without them is called null."""
    gate = gated(bucket, context, action=BY_VERSION)
    for reader in _outsiders(bucket, context) if gate is not True else ():
        if reader.grant is not None and reader.grant.covers_action(BY_VERSION) is True:
            yield _judge(reader, subject, gate, bucket, context, BY_VERSION)


def _outsiders(bucket: Resource, context: Context) -> tuple[Reader, ...]:
    return (*from_outside(bucket, context), *by_guests(bucket, context), *by_outsiders(bucket, context))


def _copied(bucket: Resource, subject: str, context: Context) -> Iterator[Outcome]:
    """Where replication publishes objects: S3 copies each as it comes, whatever the bucket's own policy says of readers."""
    where = bucket.where(REPLICATION)
    if (why := unclear(bucket)) is not None:
        yield unknown(f"who reads what replication copies of {subject}: {why.reason}", where=where)
    for name in copied_elsewhere(bucket, context.graph):
        found = context.scope.media_role(name, {}) if not (context.scope.guesses and _KEPT.search(name)) else None
        if found is not None and found[0] is MediaRole.PUBLISHED:
            text = f"who reads what replication copies of {subject} before it is scanned"
            yield unknown(f"{text}: {name}, a {found[0]} bucket ({found[1]}), is not part of what was read", where=where)
    for replica, copies in replicas(bucket, context.graph):
        gate = gated(replica, context)
        for reader in _outsiders(replica, context) if gate is not True else ():
            text = f"{reader.who} may read in {replica.address} what replication copies there of {subject} before it is scanned"
            doubt = next((value for value in (copies, reader.sure, gate) if isinstance(value, Unknown)), None)
            fix = f"remove {replica.address} from the replication of {bucket.address}, and let what has scanned an object copy it there"
            yield unknown(f"{text}: {doubt.reason}", where=where) if doubt is not None else fail(text, where=where, fix=fix)


def _judge(reader: Reader, subject: str, gate: Truth, bucket: Resource, context: Context, action: str = ACTION) -> Outcome:
    if reader.grant is not None and gate is False:  # a Deny that doesn't take in the whole bucket may take in what this reader is let at
        gate = all_of(gated(bucket, context, part, action) for part in parts_of(reader.grant, bucket))
    if gate is True:
        return PASS
    doubt = next((value for value in (reader.sure, gate) if isinstance(value, Unknown)), None)
    if doubt is not None:
        return unknown(f"whether {reader.who} may read unscanned objects of {subject}: {doubt.reason}", where=reader.where)
    lacks = f"on s3:ExistingObjectTag{near_miss(bucket, context)}" if action == ACTION else f"on the verdict's tag takes in {action}"
    message = f"{reader.who} may read objects of {subject} before they are scanned: no Deny {lacks}"
    fix = fix_for(bucket, terraform=fixes.TERRAFORM, cloudformation=fixes.CLOUDFORMATION, command=fixes.COMMAND)
    return fail(message, where=reader.where, fix=fix.replace("<tag>", tags(context.parameters)[0]))


RULE = Rule(
    id="unscanned-not-readable",
    title="What wasn't scanned can't be read",
    severity=Severity.HIGH,
    types=(BUCKET,),
    evaluate=evaluate,
    remediation="Deny s3:GetObject unless the scanner's tag says clean, or let nobody but the scanner read the bucket.",
    guessing=MEDIA_TELLS,
    neighbours=(*POINTS, BUCKET, BUCKET_POLICY, EVENT_RULE, TRAIL, *TAKERS, *DOOR_NEIGHBOURS),
)
