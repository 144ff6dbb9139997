"""Biometric data has an end: buckets and tables expire it, and faces that are enrolled can be deleted (SM-IDV-05)."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from typing import Any

from averment.core.words import Severity
from averment.policies.graph.memo import per_graph
from averment.policies.graph.model import Graph, Reference, Resource, Unknown
from averment.policies.graph.text import HOLE
from averment.policies.iam.carriers import IDENTITY_NEIGHBOURS, IDENTITY_TYPES, carriers_of
from averment.policies.interface import NOT_APPLICABLE, PASS, Context, Outcome, Rule, fail, unknown
from averment.policies.rules.endpoints import shown
from averment.policies.rules.grants import Grant, grants_of
from averment.policies.rules.judge import fix_for, short_name
from averment.policies.rules.media import MEDIA_TELLS
from averment.policies.rules.media_usage import names_of, uses, without_project

BUCKET = "AWS::S3::Bucket"
TABLES = ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable")
COLLECTION = "AWS::Rekognition::Collection"
PARAMETER = "biometric_names"
"""Name patterns (a list) of buckets and tables with biometric data, instead of the words below."""

_TAG = "data-class"
_WORDS = frozenset(
    {
        "biometric",
        "biometrics",
        "face",
        "faces",
        "faceprint",
        "faceprints",
        "facial",
        "liveness",
        "selfie",
        "selfies",
        "voiceprint",
        "voiceprints",
    }
)
_NOT_DATA = frozenset(
    {
        "artifact",
        "artifacts",
        "code",
        "deploy",
        "deployment",
        "frontend",
        "lambda",
        "log",
        "logs",
        "model",
        "models",
        "site",
        "state",
        "terraform",
    }
    | {"tfstate", "ui", "web", "webapp", "website"}
)
_SPLIT = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])")
_ENROL = ("rekognition:IndexFaces", "rekognition:CreateUser")
_DELETE = ("rekognition:DeleteFaces", "rekognition:DeleteCollection")

_BUCKET_TERRAFORM = """\
resource "aws_s3_bucket_lifecycle_configuration" "@" {
  bucket = aws_s3_bucket.@.id

  rule {
    id     = "expire-biometrics"
    status = "Enabled"
    filter {}
    expiration {
      days = 30
    }
    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }
}"""
_BUCKET_CLOUDFORMATION = """\
LifecycleConfiguration:
  Rules:
    - Id: expire-biometrics
      Status: Enabled
      ExpirationInDays: 30
      NoncurrentVersionExpiration:
        NoncurrentDays: 1"""
_BUCKET_COMMAND = "aws s3api put-bucket-lifecycle-configuration --bucket @ --lifecycle-configuration file://expire-biometrics.json"
_VERSIONS_TERRAFORM = "noncurrent_version_expiration {\n  noncurrent_days = 1\n}"
_VERSIONS_CLOUDFORMATION = "NoncurrentVersionExpiration:\n  NoncurrentDays: 1"
_TABLE_TERRAFORM = 'ttl {\n  attribute_name = "expires_at"\n  enabled        = true\n}'
_TABLE_CLOUDFORMATION = "TimeToLiveSpecification:\n  AttributeName: expires_at\n  Enabled: true"
_TABLE_COMMAND = 'aws dynamodb update-time-to-live --table-name @ --time-to-live-specification "Enabled=true, AttributeName=expires_at"'
_DELETE_FIX = (
    'actions = ["rekognition:DeleteFaces"]  # in the role of the function that ends an enrolment',
    "Action: rekognition:DeleteFaces  # in the role of the function that ends an enrolment",
    '"Action": "rekognition:DeleteFaces"',
)


def evaluate(resource: Resource, context: Context) -> Outcome:
    """The verdict on a bucket or table that holds biometric data, a face collection, or a policy that lets faces be enrolled."""
    if resource.type == BUCKET:
        why = _biometric(resource, "BucketName", context)
        return _bucket(resource, why) if why is not None else NOT_APPLICABLE
    if resource.type in TABLES:
        why = _biometric(resource, "TableName", context)
        return _table(resource, why) if why is not None else NOT_APPLICABLE
    if resource.type == COLLECTION:
        return _deletable(resource, "this face collection", context)
    enrolling = next((grant for grant in grants_of(list(carriers_of(resource, context.graph)), _ENROL) if grant.explicit), None)
    if enrolling is None:
        return NOT_APPLICABLE
    outcome = _deletable(resource, f"{enrolling.name} lets faces be enrolled ({enrolling.text})", context)
    return Outcome(outcome.verdict, outcome.message, enrolling.where if outcome.message else None, outcome.fix)


def _biometric(resource: Resource, name_key: str, context: Context) -> str | None:
    """Why the resource is taken to hold biometric data, if it is."""
    for key, value in resource.tags.items():
        if key.lower().replace("_", "-").replace("dataclass", _TAG).startswith(_TAG) and value.lower().startswith("biometric"):
            return f"tag {key}={value}"
    name = HOLE.sub("", shown(resource.get(name_key))) or short_name(resource)
    patterns = context.parameters.get(PARAMETER)
    if isinstance(patterns, list | tuple) and patterns:
        found = next((str(pattern) for pattern in patterns if fnmatch.fnmatchcase(name.lower(), str(pattern).lower())), None)
        return f"name matches {found}" if found is not None else None
    if _said(name) is not None and _said(without_project(name, context.graph)) is None and _said(short_name(resource)) is None:
        return _by_use(resource, context.graph) if _others_are_biometric(context.graph) else f"name has '{_said(name)}'"
    found = _said(name)
    return f"name has '{found}'" if found is not None else _by_use(resource, context.graph)


def _said(name: str) -> str | None:
    """The word by which ``name`` speaks of biometric data, unless it also speaks of something else."""
    words = {word.lower() for word in _SPLIT.split(name) if word}
    return None if words & _NOT_DATA else next(iter(sorted(words & _WORDS)), None)


def _others_are_biometric(graph: Graph) -> bool:
    """Whether something in ``graph`` holds biometric data by words of its own: then the project's name tells nothing of the rest."""
    return any(_said(name) is not None for name in names_of(graph, BUCKET, *TABLES, COLLECTION))


def _by_use(resource: Resource, graph: Graph) -> str | None:
    """Why a bucket holds pictures of faces although its name doesn't say so: a role reads it, and matches or enrols faces."""
    use = uses(graph).get(resource.address)
    words = {word.lower() for word in _SPLIT.split(f"{HOLE.sub('', shown(resource.get('BucketName')))} {short_name(resource)}")}
    return use.why if use is not None and use.faces and not words & _NOT_DATA else None


def _bucket(bucket: Resource, why: str) -> Outcome:
    where = bucket.where("LifecycleConfiguration")
    fix = fix_for(bucket, terraform=_BUCKET_TERRAFORM, cloudformation=_BUCKET_CLOUDFORMATION, command=_BUCKET_COMMAND)
    rules = bucket.get("LifecycleConfiguration", "Rules")
    if isinstance(rules, Unknown):
        return unknown(f"whether biometric data ({why}) expires in this bucket could not be resolved: {rules.reason}", where=where)
    active = [_switched(rule) for rule in rules if _status(rule) != "Disabled"] if isinstance(rules, list) else []
    expiring = [rule for rule in active if isinstance(rule, Mapping) and _expires(rule)]
    doubt = next((rule for rule in active if isinstance(rule, Unknown)), None)
    if not expiring:
        if doubt is not None:
            return unknown(f"whether biometric data ({why}) expires in this bucket could not be resolved: {doubt.reason}", where=where)
        said = "no lifecycle rule of this bucket expires objects" if active else "this bucket has no lifecycle rule that is on"
        return fail(f"this bucket holds biometric data ({why}), but {said}", where=where, fix=fix)
    whole = [rule for rule in expiring if _narrowed(rule) is None]
    if whole and not any(_after_days(rule) for rule in whole):
        text = f"biometric data ({why}) expires in this bucket on one day ({shown(whole[0].get('ExpirationDate'))})"
        return unknown(f"{text}; how long it is kept until then can't be told: ExpirationInDays says it of each object", where=where)
    if not whole:
        text = f"biometric data ({why}) expires in this bucket only {_narrowed(expiring[0])}; whether all of it lies there can't be told"
        return unknown(text, where=where)
    return _versions(bucket, why, active)


def _versions(bucket: Resource, why: str, active: list[Any]) -> Outcome:
    """Whether old versions end as well, where there may be some."""
    where = bucket.where("LifecycleConfiguration")
    status = "Enabled" if bucket.get("ObjectLockEnabled") is True else bucket.get("VersioningConfiguration", "Status")
    ending = [rule for rule in active if isinstance(rule, Mapping) and _ends_versions(rule)]
    if any(_narrowed(rule) is None for rule in ending) or (status != "Enabled" and not isinstance(status, Unknown)):
        return PASS
    doubt = next((rule for rule in active if isinstance(rule, Unknown)), None)
    if ending or doubt is not None or isinstance(status, Unknown):
        reason = (
            status.reason if isinstance(status, Unknown) else f"only {_narrowed(ending[0])}" if ending else doubt.reason if doubt else ""
        )
        return unknown(f"whether old versions of biometric data ({why}) expire in this bucket can't be told: {reason}", where=where)
    kept = next((number for rule in active if isinstance(rule, Mapping) and (number := _kept_versions(rule)) is not None), None)
    message = f"this bucket holds biometric data ({why}) and is versioned: what expires stays as an old version, which never does"
    message += f" (NewerNoncurrentVersions keeps {kept} of each for good)" if kept is not None else ""
    versions = fix_for(bucket, terraform=_VERSIONS_TERRAFORM, cloudformation=_VERSIONS_CLOUDFORMATION, command=_BUCKET_COMMAND)
    return fail(message, where=where, fix=versions)


def _status(rule: Any) -> Any:
    return rule.get("Status") if isinstance(rule, Mapping) else None


def _switched(rule: Any) -> Any:
    """``rule``, or why it isn't known whether it is on: then nothing that it says is certain."""
    status = _status(rule)
    return Unknown(f"whether a lifecycle rule is on: {status.reason}") if isinstance(status, Unknown) else rule


def _expires(rule: Mapping[str, Any]) -> bool:
    return _after_days(rule) or rule.get("ExpirationDate") is not None


def _after_days(rule: Mapping[str, Any]) -> bool:
    return rule.get("ExpirationInDays") not in (None, 0, "0")


def _ends_versions(rule: Mapping[str, Any]) -> bool:
    keys = ("NoncurrentVersionExpiration", "NoncurrentVersionExpirationInDays")
    return any(rule.get(key) is not None for key in keys) and _kept_versions(rule) is None


def _kept_versions(rule: Mapping[str, Any]) -> Any:
    """How many old versions of an object a rule keeps however old they are; None if it keeps none."""
    setting = rule.get("NoncurrentVersionExpiration")
    number = setting.get("NewerNoncurrentVersions") if isinstance(setting, Mapping) else None
    return None if number in (0, -1, "0", "-1") else number


def _narrowed(rule: Mapping[str, Any]) -> str | None:
    """What a rule is limited to, if it isn't for the whole bucket."""
    prefix = rule.get("Prefix")
    if isinstance(prefix, Unknown) or (isinstance(prefix, str) and prefix):
        return f"below '{prefix}'" if isinstance(prefix, str) else "below a prefix that isn't resolved"
    if rule.get("TagFilters"):
        return "where it has certain tags"
    if rule.get("ObjectSizeGreaterThan") not in (None, 0, "0") or rule.get("ObjectSizeLessThan") is not None:
        return "where it has a certain size"
    return None


def _table(table: Resource, why: str) -> Outcome:
    where = table.where("TimeToLiveSpecification")
    setting = table.get("TimeToLiveSpecification")
    enabled = setting.get("Enabled") if isinstance(setting, Mapping) else setting
    if isinstance(enabled, Unknown | Reference):
        reason = enabled.reason if isinstance(enabled, Unknown) else f"it is {enabled.address}"
        return unknown(f"whether biometric data ({why}) expires in this table could not be resolved: {reason}", where=where)
    if enabled is True:
        return PASS
    state = "its time to live is off" if setting is not None else "it has no time to live"
    fix = fix_for(table, terraform=_TABLE_TERRAFORM, cloudformation=_TABLE_CLOUDFORMATION, command=_TABLE_COMMAND)
    return fail(f"this table holds biometric data ({why}), but {state}", where=where, fix=fix)


def _deletable(resource: Resource, subject: str, context: Context) -> Outcome:
    """Whether anybody among what was read may delete faces."""
    doubt: str | None = None
    for grant in _deleting(context.graph):
        if grant.explicit:
            return PASS
        doubt = doubt or f"{grant.name} of {grant.carrier.resource.address} allows {grant.text}"
    if doubt is not None:
        return unknown(f"{subject}; whether anybody deletes faces can't be told: {doubt}", where=resource.source)
    if (missing := context.not_read(*IDENTITY_NEIGHBOURS)) is not None:
        return unknown(f"{subject}; who may delete faces: {missing.reason}", where=resource.source)
    terraform, cloudformation, command = _DELETE_FIX
    message = f"{subject}, but nothing that was read may delete them (rekognition:DeleteFaces, DeleteCollection)"
    if resource.type == COLLECTION:
        message = f"{subject} keeps faces without end: nothing that was read may delete them (rekognition:DeleteFaces, DeleteCollection)"
    return fail(message, where=resource.source, fix=fix_for(resource, terraform=terraform, cloudformation=cloudformation, command=command))


@per_graph
def _deleting(graph: Graph) -> list[Grant]:
    """Permissions to delete faces or collections, of anybody; administration isn't a deletion path."""
    holders = graph.of_type(*IDENTITY_TYPES)
    return [grant for holder in holders for grant in grants_of(list(carriers_of(holder, graph)), _DELETE) if not grant.everything]


RULE = Rule(
    id="biometric-retention-limited",
    title="Biometric data expires, and enrolled faces can be deleted",
    severity=Severity.HIGH,
    types=(BUCKET, *TABLES, COLLECTION, *IDENTITY_TYPES),
    evaluate=evaluate,
    remediation="Expire the objects and their old versions, set a time to live on the table, and let somebody delete faces.",
    guessing=MEDIA_TELLS,
    neighbours=IDENTITY_NEIGHBOURS,
)
