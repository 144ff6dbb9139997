"""An evidence bucket is write-once: Object Lock in compliance mode with default retention, and nobody may bypass it (SM-MON-04)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from averment.core.words import Severity
from averment.policies.graph.model import Resource, Unknown
from averment.policies.iam.access_points import POINTS
from averment.policies.iam.carriers import IDENTITY_TYPES, carriers_of, doors_to
from averment.policies.iam.document import Statement
from averment.policies.iam.resources import reaches_objects
from averment.policies.interface import NOT_APPLICABLE, PASS, Context, Outcome, Rule, fail, unknown
from averment.policies.rules.judge import fix_for, worst_outcome
from averment.policies.rules.mechanical import VERSIONING_ON
from averment.policies.rules.media import BUCKET, MEDIA_TELLS
from averment.policies.rules.storage import BUCKET_POLICY, bucket_policies, evidence_bucket, own_reach, setting

BYPASS = "s3:BypassGovernanceRetention"
_DAYS_IN_YEAR = 365

_FINAL = "# COMPLIANCE can't be undone: try it with a day first"
_TERRAFORM = f"""\
{_FINAL}. Its versioning has to be on
# leave object_lock_enabled of a bucket that exists as it is: Terraform would replace the bucket, with all that is in it
resource "aws_s3_bucket_object_lock_configuration" "@" {{
  bucket = aws_s3_bucket.@.id

  rule {{
    default_retention {{
      mode = "COMPLIANCE"
      days = <days>
    }}
  }}
}}"""
_CLOUDFORMATION = f"""\
{_FINAL}. On a bucket that exists, read the change set: it must not replace it
ObjectLockEnabled: true
ObjectLockConfiguration:
  ObjectLockEnabled: Enabled
  Rule:
    DefaultRetention:
      Mode: COMPLIANCE
      Days: <days>"""
_COMMAND = (
    f"{_FINAL}. Its versioning has to be on\n"
    "aws s3api put-object-lock-configuration --bucket @ --object-lock-configuration"
    ' \'{"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": <days>}}}\''
)
_VERSIONING = (
    'versioning_configuration {\n  status = "Enabled"\n}',
    "VersioningConfiguration:\n  Status: Enabled",
    "aws s3api put-bucket-versioning --bucket @ --versioning-configuration Status=Enabled",
)


def evaluate(bucket: Resource, context: Context) -> Outcome:
    """The verdict on one bucket; only evidence buckets are asked."""
    why = evidence_bucket(bucket, context.parameters)
    if why is None:
        return NOT_APPLICABLE
    subject = f"this evidence bucket ({why})"
    return worst_outcome(
        [PASS, *_lock(bucket, subject, context), *_versioning(bucket, subject, context), *_bypass(bucket, subject, context)]
    )


def _lock(bucket: Resource, subject: str, context: Context) -> Iterator[Outcome]:
    settings = setting(bucket, context.graph, "ObjectLockConfiguration")
    enabled = bucket.get("ObjectLockEnabled")
    where = bucket.where("ObjectLockConfiguration")
    if isinstance(settings, Unknown) or (isinstance(enabled, Unknown) and settings is None):
        reason = settings if isinstance(settings, Unknown) else enabled
        yield unknown(f"whether {subject} is locked: {reason.reason}", where=where)
    elif settings is None and enabled is not True:
        yield _broken(bucket, f"{subject} has no Object Lock, so whoever may delete objects may delete evidence", context)
    else:
        retention = settings.get("Rule", {}) if isinstance(settings, Mapping) else {}
        retention = retention.get("DefaultRetention") if isinstance(retention, Mapping) else retention
        yield from _retention(bucket, retention, subject, context)


def _retention(bucket: Resource, retention: Any, subject: str, context: Context) -> Iterator[Outcome]:
    where = bucket.where("ObjectLockConfiguration", "Rule", "DefaultRetention")
    if isinstance(retention, Unknown):
        yield unknown(f"the default retention of {subject} could not be resolved: {retention.reason}", where=where)
        return
    if not isinstance(retention, Mapping) or not retention:
        text = f"{subject} has Object Lock but no default retention: an object is locked only if its writer asks for it"
        yield _broken(bucket, text, context)
        return
    mode = retention.get("Mode")
    if isinstance(mode, Unknown):
        yield unknown(f"the mode of the default retention of {subject} could not be resolved: {mode.reason}", where=where)
    elif str(mode).upper() != "COMPLIANCE":
        yield _broken(bucket, f"the default retention of {subject} is in {mode} mode, which whoever has {BYPASS} may lift", context)
    least = context.parameters.get("evidence_retention_days", 1)
    days = _days(retention)
    if isinstance(days, Unknown):
        yield unknown(f"how long {subject} retains: {days.reason}", where=where)
    elif not isinstance(least, int) or isinstance(least, bool):
        yield unknown(f"the parameter evidence_retention_days is {least!r}; it is a whole number of days, such as 400", where=where)
    elif days < least:
        text = f"{subject} retains for {days} days" + (f", less than evidence_retention_days ({least})" if days else "")
        yield _broken(bucket, text, context)


def _days(retention: Mapping[str, Any]) -> int | Unknown:
    for key, factor in (("Days", 1), ("Years", _DAYS_IN_YEAR)):
        value = retention.get(key)
        if value is None:
            continue
        if isinstance(value, Unknown):
            return value
        try:
            return int(value) * factor
        except (OverflowError, TypeError, ValueError):
            return Unknown(f"{key} is {value!r}")
    return 0


def _versioning(bucket: Resource, subject: str, context: Context) -> Iterator[Outcome]:
    """Object Lock switches versioning on; what says otherwise can't be deployed beside it."""
    value = setting(bucket, context.graph, "VersioningConfiguration")
    status = value.get("Status") if isinstance(value, Mapping) else None
    if status in ("Suspended", "Disabled"):
        fix = fix_for(bucket, terraform=_VERSIONING[0], cloudformation=_VERSIONING[1], command=_VERSIONING[2])
        where = bucket.where("VersioningConfiguration")
        yield fail(f"versioning of {subject} is {status}", where=where, fix=fix, changes=(VERSIONING_ON,))


def _bypass(bucket: Resource, subject: str, context: Context) -> Iterator[Outcome]:
    """Grants that name the right to lift a retention; a wildcard that happens to hold it is another rule's matter."""
    for policy, document in bucket_policies(bucket, context.graph):
        for statement in document.of_effect("Allow"):
            if _names_bypass(statement) and own_reach(statement, bucket) is not False:
                yield _granted(statement, policy, subject)
    for door in doors_to(bucket, context.graph):
        for statement in door.document.of_effect("Allow"):
            if _names_bypass(statement):
                yield _granted(statement, door.resource, subject)
    for resource in context.graph.of_type(*IDENTITY_TYPES):
        for carrier in carriers_of(resource, context.graph):
            for statement in carrier.document.of_effect("Allow"):
                if _names_bypass(statement) and reaches_objects(statement, bucket) is True:
                    yield _granted(statement, carrier.resource, subject)


def _names_bypass(statement: Statement) -> bool:
    return any(isinstance(action, str) and action.lower().startswith("s3:bypass") for action in statement.actions or ())


def _granted(statement: Statement, policy: Resource, subject: str) -> Outcome:
    return fail(
        f"{statement.name} of {policy.address} grants {BYPASS}, with which objects of {subject} that are locked in governance mode can be deleted",
        where=policy.where(*statement.path),
        fix=f"remove {BYPASS} from {statement.name} of {policy.address}",
    )


def _broken(bucket: Resource, message: str, context: Context) -> Outcome:
    given = context.parameters.get("evidence_retention_days")
    days = str(given if isinstance(given, int) else _DAYS_IN_YEAR)
    fix = fix_for(bucket, terraform=_TERRAFORM, cloudformation=_CLOUDFORMATION, command=_COMMAND).replace("<days>", days)
    return fail(message, where=bucket.where("ObjectLockConfiguration"), fix=fix)


RULE = Rule(
    id="evidence-bucket-worm",
    title="Evidence buckets are write-once",
    severity=Severity.HIGH,
    types=(BUCKET,),
    evaluate=evaluate,
    remediation="Create the bucket with Object Lock and a default retention in COMPLIANCE mode.",
    guessing=MEDIA_TELLS,
    neighbours=(*POINTS, BUCKET_POLICY, "AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group", "AWS::IAM::ManagedPolicy"),
)
