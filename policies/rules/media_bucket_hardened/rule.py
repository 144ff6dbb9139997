"""A media bucket keeps versions, has a public access block, and refuses plain HTTP (SM-UPL-01)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from averment.core.scope import MediaRole
from averment.core.source import SourceRef
from averment.core.words import Severity
from averment.policies.graph.model import Graph, Resource, Unknown
from averment.policies.iam.document import Condition, Document, Statement
from averment.policies.iam.gates import Gate, allow_gates, asked_directly
from averment.policies.iam.truth import Truth, all_of, any_of
from averment.policies.interface import NOT_APPLICABLE, PASS, Change, Context, Outcome, Rule, fail, unknown
from averment.policies.rules.judge import fix_for
from averment.policies.rules.mechanical import ACCESS_BLOCK, ACCESS_BLOCK_ARGUMENTS, VERSIONING_BLOCK, VERSIONING_ON, access_blocked
from averment.policies.rules.media import BUCKET, MEDIA_TELLS, PUBLIC_ACLS, canned_acl, media_role
from averment.policies.rules.storage import (
    BUCKET_POLICY,
    bucket_policies,
    covers_all,
    is_everyone,
    own_reach,
    policies_unclear,
    refuses_throughout,
    setting,
)

_BLOCK = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
_ACCOUNT_BLOCK = "Terraform::aws_s3_account_public_access_block"
_HARMLESS = frozenset({"aws:principalisawsservice", "aws:viaawsservice"})
"""Conditions beside ``aws:SecureTransport`` that leave no person or program outside AWS a way past the Deny, if they spare services."""

_TERRAFORM_AWS, _CLOUDPOSSE = "terraform-aws-modules/s3-bucket", "cloudposse/s3-bucket"
_ARGUMENT = "# in aws_s3_bucket.@\n"
_VERSIONING = (
    VERSIONING_BLOCK,
    "VersioningConfiguration:\n  Status: Enabled",
    "aws s3api put-bucket-versioning --bucket @ --versioning-configuration Status=Enabled",
    {
        _TERRAFORM_AWS: f"{_ARGUMENT}versioning = {{\n  enabled = true\n}}",
        _CLOUDPOSSE: f"{_ARGUMENT}versioning_enabled = true",
    },
)
_ACCESS = (
    ACCESS_BLOCK,
    "PublicAccessBlockConfiguration:\n" + "\n".join(f"  {name}: true" for name in _BLOCK),
    "aws s3api put-public-access-block --bucket @ --public-access-block-configuration " + ",".join(f"{name}=true" for name in _BLOCK),
    dict.fromkeys((_TERRAFORM_AWS, _CLOUDPOSSE), f"{_ARGUMENT}{ACCESS_BLOCK_ARGUMENTS}"),
)
_TLS_TERRAFORM = """\
# in the policy of aws_s3_bucket.@ (aws_s3_bucket_policy)
statement {
  sid       = "RefusePlainHttp"
  effect    = "Deny"
  actions   = ["s3:*"]
  resources = [aws_s3_bucket.@.arn, "${aws_s3_bucket.@.arn}/*"]
  principals {
    type        = "*"
    identifiers = ["*"]
  }
  condition {
    test     = "Bool"
    variable = "aws:SecureTransport"
    values   = ["false"]
  }
}"""
_TLS_CLOUDFORMATION = """\
# in the AWS::S3::BucketPolicy of @
- Sid: RefusePlainHttp
  Effect: Deny
  Principal: '*'
  Action: s3:*
  Resource: [!GetAtt @.Arn, !Sub '${@.Arn}/*']
  Condition:
    Bool:
      aws:SecureTransport: 'false'"""
_TLS_COMMAND = (
    '# in its bucket policy: {"Sid": "RefusePlainHttp", "Effect": "Deny", "Principal": "*", "Action": "s3:*",'
    ' "Resource": ["arn:aws:s3:::@", "arn:aws:s3:::@/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}'
)
_TLS = (
    _TLS_TERRAFORM,
    _TLS_CLOUDFORMATION,
    _TLS_COMMAND,
    {
        _TERRAFORM_AWS: f"{_ARGUMENT}attach_deny_insecure_transport_policy = true",
        _CLOUDPOSSE: f"{_ARGUMENT}allow_ssl_requests_only = true",
    },
)


@dataclass(frozen=True)
class _Part:
    """One of the three demands: whether it is met, what is missing, where, the fix in three dialects and for public modules, and what of it
    is mechanical."""

    met: Truth
    lacks: str
    where: SourceRef | None
    fix: tuple[str, str, str, dict[str, str]]
    changes: tuple[Change, ...] = ()


def _fix(bucket: Resource, part: _Part) -> str:
    terraform, cloudformation, command, arguments = part.fix
    return fix_for(bucket, terraform=terraform, cloudformation=cloudformation, command=command, arguments=arguments)


def evaluate(bucket: Resource, context: Context) -> Outcome:
    """The verdict on one bucket; only media buckets are asked."""
    found = media_role(bucket, context.scope, context.graph)
    if found is None:
        return NOT_APPLICABLE
    subject = f"this {found[0]} bucket ({found[1]})"
    parts = (_versioning(bucket, context.graph), _access_block(bucket, found[0], context), _tls(bucket, context))
    broken = [part for part in parts if part.met is False]
    if broken:
        fix = "\n\n".join(_fix(bucket, part) for part in broken)
        first = broken[0] if len(broken) == 1 else None
        where = first.where if first else bucket.source
        changes = tuple(change for part in broken for change in part.changes)
        return fail(f"{subject} {_joined([part.lacks for part in broken])}", where=where, fix=fix, changes=changes)
    for part in parts:
        if isinstance(part.met, Unknown):
            return unknown(f"whether {subject} is hardened: {part.met.reason}", where=part.where)
    return PASS


def _joined(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _versioning(bucket: Resource, graph: Graph) -> _Part:
    value = setting(bucket, graph, "VersioningConfiguration")
    status = value.get("Status") if isinstance(value, Mapping) else value
    where = bucket.where("VersioningConfiguration")
    lacks = "keeps no versions" if status is None else f"keeps no versions (versioning is {status})"
    if bucket.get("ObjectLockEnabled") is True:  # Object Lock switches versioning on and forbids switching it off
        return _Part(True, lacks, where, _VERSIONING)
    return _Part(status if isinstance(status, Unknown) else status == "Enabled", lacks, where, _VERSIONING, (VERSIONING_ON,))


def _access_block(bucket: Resource, role: MediaRole, context: Context) -> _Part:
    """Whether the block is on. Where it would end what serves media today, it is nothing that ``--fix`` writes, and its fix says so."""
    part = _blocked(bucket, context.graph)
    served = _served_to_all(bucket, context) if part.met is False and role is not MediaRole.UPLOAD else None
    if served is None:
        return part
    return replace(part, fix=_with(f"{served}: this ends that, so let the CDN read it by an origin access control first", part), changes=())


def _with(warning: str, part: _Part) -> tuple[str, str, str, dict[str, str]]:
    terraform, cloudformation, command, arguments = part.fix
    told = {module: f"# {warning}\n{text}" for module, text in arguments.items()}
    return f"# {warning}\n{terraform}", f"# {warning}\n{cloudformation}", f"# {warning}\n{command}", told


def _served_to_all(bucket: Resource, context: Context) -> str | None:
    """What lets everybody read ``bucket`` by itself, without the CDN, as far as that is certain."""
    acl = canned_acl(bucket)
    if acl in PUBLIC_ACLS:
        return f"the ACL {acl} serves this bucket"
    for policy, document in bucket_policies(bucket, context.graph):
        for statement in document.of_effect("Allow"):
            opens = all_of((is_everyone(statement), statement.covers_action("s3:GetObject")))
            if opens is True and allow_gates(statement, (Gate.IDENTITY, Gate.NETWORK), context.scope, context.graph) is not True:
                return f"{statement.name} of {policy.address} lets anyone read this bucket"
    return None


def _blocked(bucket: Resource, graph: Graph) -> _Part:
    value = setting(bucket, graph, "PublicAccessBlockConfiguration")
    where = bucket.where("PublicAccessBlockConfiguration")
    if any(all(account.get(_snake(name)) is True for name in _BLOCK) for account in graph.of_type(_ACCOUNT_BLOCK)):
        return _Part(True, "", where, _ACCESS)
    if isinstance(value, Unknown):
        return _Part(Unknown(f"the public access block could not be resolved: {value.reason}"), "", where, _ACCESS)
    if not isinstance(value, Mapping):
        return _Part(False, "has no public access block", where, _ACCESS, access_blocked())
    flags = {name: value.get(name) for name in _BLOCK}
    off = [name for name, flag in flags.items() if not isinstance(flag, Unknown) and flag is not True]
    if off:
        return _Part(False, f"has a public access block that leaves {', '.join(off)} off", where, _ACCESS, access_blocked(*off))
    return _Part(all_of(flag if isinstance(flag, Unknown) else True for flag in flags.values()), "", where, _ACCESS)


def _snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name).lstrip("_")


def _tls(bucket: Resource, context: Context) -> _Part:
    where, near = bucket.source, ""
    verdicts: list[Truth] = []
    for policy, document in bucket_policies(bucket, context.graph):
        where = policy.where("PolicyDocument")
        verdicts.extend(_refuses_http(statement, bucket) for statement in document.of_effect("Deny"))
        near = near or _near_miss(document, bucket)
    verdicts += filter(None, (policies_unclear(bucket, context.graph), context.not_read(BUCKET_POLICY)))
    part = _Part(any_of(verdicts), f"doesn't refuse plain HTTP{near}", where, _TLS)
    if bucket.get("WebsiteConfiguration") is None:
        return part
    return replace(part, fix=_with("S3's website endpoint knows plain HTTP only: this ends it, so serve the bucket by the CDN first", part))


def _refuses_http(statement: Statement, bucket: Resource) -> Truth:
    """Whether a Deny turns away every request over plain HTTP that reads or writes an object."""
    effect: Truth = statement.effect if isinstance(statement.effect, Unknown) else True
    if statement.conditions_unknown is not None:
        return statement.conditions_unknown
    transport = any_of(_is_plain_http(condition) for condition in statement.conditions)
    alone = all_of(_about_transport(condition) or _spares_services(condition) for condition in statement.conditions)
    everyone = is_everyone(statement)
    covered = covers_all(statement, "s3:GetObject", "s3:PutObject")
    return all_of((effect, transport, alone, everyone, covered, refuses_throughout(statement, bucket)))


def _spares_services(condition: Condition) -> Truth:
    return asked_directly(condition) if condition.key.lower() in _HARMLESS else False


def _about_transport(condition: Condition) -> bool:
    return condition.key.lower() == "aws:securetransport"


def _is_plain_http(condition: Condition) -> Truth:
    if not _about_transport(condition) or condition.base not in ("bool", "stringequals", "stringequalsignorecase"):
        return False
    return any_of(value if isinstance(value, Unknown) else str(value).lower() == "false" for value in condition.values)


def _near_miss(document: Document, bucket: Resource) -> str:
    """Why a statement that looks as if it demanded TLS doesn't, in brackets; empty if none looks so."""
    for statement in document:
        about = [condition for condition in statement.conditions if _about_transport(condition)]
        if statement.effect == "Allow" and about:
            return f" ({statement.name} allows by aws:SecureTransport, but only a Deny binds those whom other policies let in)"
        if not about:
            if any(condition.key.lower() == "s3:tlsversion" for condition in statement.conditions):
                return f" ({statement.name} compares s3:TlsVersion, which a request over plain HTTP doesn't carry)"
            continue
        if own_reach(statement, bucket) is False:
            return f" ({statement.name} reaches the bucket but not its objects)"
        if refuses_throughout(statement, bucket) is False:
            return f" ({statement.name} reaches some of its objects only)"
        if not any(_is_plain_http(condition) is True for condition in about):
            return f" ({statement.name} refuses by {about[0].operator} on aws:SecureTransport, which isn't 'false')"
        if not is_everyone(statement):
            return f" ({statement.name} binds some principals only)"
        if covers_all(statement, "s3:GetObject", "s3:PutObject") is False:
            return f" ({statement.name} leaves out s3:GetObject or s3:PutObject)"
    return ""


RULE = Rule(
    id="media-bucket-hardened",
    title="Media buckets keep versions, block public access and refuse plain HTTP",
    severity=Severity.MEDIUM,
    types=(BUCKET,),
    evaluate=evaluate,
    remediation="Switch on versioning and the public access block, and deny requests without aws:SecureTransport.",
    guessing=MEDIA_TELLS,
    neighbours=(BUCKET_POLICY,),
)
