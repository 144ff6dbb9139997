"""A bucket can be isolated at the press of a button, by a role that can do just that (SM-IR-02)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from averment.core.scope import MediaRole
from averment.core.words import Severity
from averment.policies.graph.model import Graph, Reference, Resource, Unknown
from averment.policies.graph.text import hole
from averment.policies.iam.carriers import Carrier, identity_documents, trust, unread_policies
from averment.policies.iam.partitions import service_of
from averment.policies.iam.patterns import action_matches, is_wildcard
from averment.policies.iam.truth import Truth, any_of
from averment.policies.interface import NOT_APPLICABLE, PASS, Context, Outcome, Rule, fail, unknown
from averment.policies.rules.judge import fix_for, short_name, worst_outcome
from averment.policies.rules.media import BUCKET, MEDIA_TELLS, media_role

DOCUMENT = "AWS::SSM::Document"
ROLE = "AWS::IAM::Role"
PARAMETER = "isolation_runbook_expected"
"""True where a runbook is to be among what is read: then upload buckets are asked for one."""

_CLOSING = re.compile(
    r"put_?(?:bucket_?)?public_?access_?block|put_?account_?public_?access_?block|disables3bucketpublicreadwrite"
    r"|configures3(?:bucket)?publicaccessblock",
    re.IGNORECASE,
)
_POLICY = re.compile(r"(?:put|delete)_?bucket_?policy|put_?bucket_?acl", re.IGNORECASE)
_INDIRECT = re.compile(r"aws:(?:executeautomation|invokelambdafunction|executestatemachine|executescript)", re.IGNORECASE)
_ISOLATES = re.compile(r"isolat|quarantin|contain(?!er)|lock.?down|take.?offline", re.IGNORECASE)
_ABOUT_BUCKETS = re.compile(r"bucket|(?<![a-z0-9])s3(?![a-z0-9])|media|upload", re.IGNORECASE)
_ABOUT_OTHERS = re.compile(
    r"instance|ec2|host|network|vpc|security.?group|user|identity|iam|credential|access.?key|lambda|rds|database|cluster|pod|node|account",
    re.IGNORECASE,
)
_ASSUMES = re.compile(r"""^[ \t]*["']?assumeRole["']?\s*:\s*["']?(?P<role>(?:\$\{[^}\n]*\}|[^"'\n,])+)""", re.MULTILINE)
"""A link may hold quotes: those around the key of an instance (``module.x["a"]``), which JSON escapes."""
_PARAMETER = re.compile(r"\{\{\s*(?P<name>[\w:.-]+)\s*\}\}")
_LINK = re.compile(r"\$\{(?P<address>[^$]+)\.[A-Za-z]+\}")
_COMMENT = re.compile(r"^[ \t]*#.*$", re.MULTILINE)
_ALLOWED = (
    "s3:PutBucketPublicAccessBlock",
    "s3:PutAccountPublicAccessBlock",
    "s3:PutBucketPolicy",
    "s3:DeleteBucketPolicy",
    "s3:PutBucketAcl",
)
_PROBE = "AnActionThatNoServiceHas"

_ROLE_FIX = (
    'assumeRole: "${aws_iam_role.<isolation>.arn}"  # in the document',
    "assumeRole: !GetAtt <IsolationRole>.Arn  # in the document's Content",
    '"assumeRole": "<ARN of the isolation role>"',
)
_STEP_FIX = """\
mainSteps:
  - name: closeBucket
    action: aws:executeAwsApi
    inputs:
      Service: s3
      Api: PutPublicAccessBlock
      Bucket: "{{ Bucket }}"
      PublicAccessBlockConfiguration: {BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true}
  - name: denyEveryone
    action: aws:executeAwsApi
    inputs:
      Service: s3
      Api: PutBucketPolicy
      Bucket: "{{ Bucket }}"
      Policy: "{{ DenyPolicy }}\""""
_NARROW_FIX = (
    'actions   = ["s3:PutBucketPublicAccessBlock", "s3:GetBucketPolicy", "s3:PutBucketPolicy"]\nresources = ["arn:aws:s3:::<media buckets>*"]',
    "Action: [s3:PutBucketPublicAccessBlock, s3:GetBucketPolicy, s3:PutBucketPolicy]\nResource: arn:aws:s3:::<media buckets>*",
    '"Action": ["s3:PutBucketPublicAccessBlock", "s3:GetBucketPolicy", "s3:PutBucketPolicy"], "Resource": "arn:aws:s3:::<media buckets>*"',
)
_TRUST_FIX = (
    'principals {\n  type        = "Service"\n  identifiers = ["ssm.amazonaws.com"]\n}',
    "Principal: {Service: ssm.amazonaws.com}",
    '"Principal": {"Service": "ssm.amazonaws.com"}',
)


def evaluate(resource: Resource, context: Context) -> Outcome:
    """The verdict on one runbook that isolates a bucket; on an upload bucket, if a runbook is expected and there is none."""
    if resource.type == BUCKET:
        return _absent(resource, context)
    if not _is_automation(resource):
        return NOT_APPLICABLE
    content = resource.get("Content")
    if isinstance(content, Unknown) and content.template is None:
        named = _named(resource)
        return (
            unknown(f"what this runbook does could not be resolved: {content.reason}", where=resource.source) if named else NOT_APPLICABLE
        )
    text = _text(content)
    closes = _CLOSING.search(text) is not None
    if not closes and not _named(resource):
        return NOT_APPLICABLE
    if not closes and not _POLICY.search(text):
        return _does_nothing(resource, text)
    return worst_outcome((PASS, *_role(resource, text, context.graph)))


def _absent(bucket: Resource, context: Context) -> Outcome:
    found = media_role(bucket, context.scope, context.graph)
    if context.parameters.get(PARAMETER) is not True or found is None or found[0] is not MediaRole.UPLOAD:
        return NOT_APPLICABLE
    if bucket.outside:
        return NOT_APPLICABLE  # so may be its runbook
    if any(_candidate(document) for document in context.graph.of_type(DOCUMENT)):
        return NOT_APPLICABLE  # judged itself
    if (missing := context.not_read(DOCUMENT)) is not None:
        return unknown(f"whether a runbook isolates this upload bucket ({found[1]}): {missing.reason}", where=bucket.source)
    fix = fix_for(
        bucket,
        terraform='resource "aws_ssm_document" "isolate_bucket" {\n  document_type = "Automation"\n  # ... steps that close the bucket\n}',
        cloudformation="IsolateBucket:\n  Type: AWS::SSM::Document\n  Properties:\n    DocumentType: Automation\n    # ... steps that close the bucket",
        command="aws ssm create-document --document-type Automation --name isolate-bucket --content file://isolate-bucket.json",
    )
    return fail(f"no SSM Automation document in what was read isolates this upload bucket ({found[1]})", where=bucket.source, fix=fix)


def _candidate(document: Resource) -> bool:
    return _is_automation(document) and (_named(document) or _CLOSING.search(_text(document.get("Content"))) is not None)


def _is_automation(document: Resource) -> bool:
    kind = document.get("DocumentType")
    return kind == "Automation" or (kind is None and "0.3" in _text(document.get("Content"))[:400])


def _named(document: Resource) -> bool:
    """Whether the document's name or description says that it isolates a bucket."""
    content = document.get("Content")
    said = content.get("description") if isinstance(content, Mapping) else None
    words = " ".join((hole(document.get("Name") or ""), short_name(document), said if isinstance(said, str) else ""))
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", words)
    about = _ABOUT_BUCKETS.search(words) is not None
    if not about and not _ABOUT_OTHERS.search(words):
        about = re.search(r"\bs3\b", _text(content), re.IGNORECASE) is not None
    return about and _ISOLATES.search(words) is not None


def _text(content: Any) -> str:
    """The document as text (JSON of a structure), comments left out, links as ``${address.Attribute}``."""
    if isinstance(content, Mapping):
        return json.dumps(_plain(content), indent=1)
    if isinstance(content, str | Reference | Unknown):
        return _COMMENT.sub("", hole(content))
    return ""


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return hole(value) if isinstance(value, Reference | Unknown) else value


def _does_nothing(document: Resource, text: str) -> Outcome:
    if _INDIRECT.search(text):
        return unknown(
            "this runbook leaves the isolation to a function, script or other runbook, which isn't followed", where=document.source
        )
    fix = fix_for(document, terraform=_STEP_FIX, cloudformation=_STEP_FIX, command=_STEP_FIX)
    message = "this runbook is called isolation, but no step of it closes the bucket (PutPublicAccessBlock, PutBucketPolicy)"
    return fail(message, where=document.where("Content"), fix=fix)


def _role(document: Resource, text: str, graph: Graph) -> Iterator[Outcome]:
    """What is wrong with the role that the runbook runs with."""
    match = _ASSUMES.search(text)
    where = document.where("Content")
    if match is None or not match["role"].strip():
        fix = fix_for(document, terraform=_ROLE_FIX[0], cloudformation=_ROLE_FIX[1], command=_ROLE_FIX[2])
        yield fail("this runbook has no assumeRole: it runs with the rights of whoever starts it", where=where, fix=fix)
        return
    named = match["role"].strip().replace('\\"', '"')
    if _PARAMETER.search(named):
        roles = [role for role in graph.of_type(ROLE) if _trusts_ssm(role) is True]
        if not roles:
            yield unknown("whoever starts this runbook names its role, and no role for SSM is among what was read", where=where)
        for role in roles:
            yield from _judge(role, text, document, graph)
        return
    found = _named_role(named, graph)
    if found is None:
        yield unknown(f"the role of this runbook, {named}, is not part of what was read", where=where)
        return
    yield from _judge(found, text, document, graph)


def _named_role(named: str, graph: Graph) -> Resource | None:
    link = _LINK.search(named)
    found = graph.get(link["address"]) if link is not None else graph.get(named)
    if found is None:
        name = named.rsplit("/", 1)[-1]
        found = next((role for role in graph.of_type(ROLE) if role.get("RoleName") == name), None)
    return found if found is not None and found.type == ROLE else None


def _judge(role: Resource, text: str, document: Resource, graph: Graph) -> Iterator[Outcome]:
    carriers = list(identity_documents(role, graph))
    for carrier in carriers:
        yield from _too_much(carrier, role, document)
    trusted = _trusts_ssm(role)
    if trusted is False:
        fix = fix_for(document, terraform=_TRUST_FIX[0], cloudformation=_TRUST_FIX[1], command=_TRUST_FIX[2])
        yield fail(f"SSM may not assume the role of this runbook ({role.address})", where=role.where("AssumeRolePolicyDocument"), fix=fix)
    elif isinstance(trusted, Unknown):
        reason = f"whether SSM may assume the role of this runbook ({role.address}) could not be resolved: {trusted.reason}"
        yield unknown(reason, where=role.where("AssumeRolePolicyDocument"))
    doubt = next((reason for carrier in carriers for reason in carrier.document.unknown), None) or next(unread_policies(role, graph), None)
    if doubt is not None:
        yield unknown(f"not all that {role.address} may do is known: {doubt.reason}", where=role.source)
    elif not _INDIRECT.search(text) and not any(_grants(carrier, action) for carrier in carriers for action in _ALLOWED):
        fix = fix_for(document, terraform=_NARROW_FIX[0], cloudformation=_NARROW_FIX[1], command=_NARROW_FIX[2])
        yield fail(f"this runbook can't isolate: its role ({role.address}) may not close a bucket", where=role.source, fix=fix)


def _too_much(carrier: Carrier, role: Resource, document: Resource) -> Iterator[Outcome]:
    """Whole services, and everything, in what the runbook's role may do."""
    for statement in carrier.document:
        if statement.effect != "Allow":
            continue
        wide = next((action for action in statement.actions or () if isinstance(action, str) and _whole_service(action)), None)
        if wide is None and statement.not_actions is not None:
            wide = "everything but some actions (NotAction)"
        if wide is None:
            continue
        managed = carrier.path[:1] == ("ManagedPolicyArns",)
        where = carrier.resource.where(*(carrier.path if managed else statement.path))
        named = carrier.label if managed else f"{statement.name} of {carrier.label}"
        fix = fix_for(document, terraform=_NARROW_FIX[0], cloudformation=_NARROW_FIX[1], command=_NARROW_FIX[2])
        yield fail(f"the role of this runbook ({role.address}) may do more than isolate: {named} allows {wide}", where=where, fix=fix)


def _whole_service(action: str) -> bool:
    return is_wildcard(action) or action_matches(action, f"{action.partition(':')[0]}:{_PROBE}")


def _grants(carrier: Carrier, action: str) -> bool:
    return any(statement.effect == "Allow" and statement.covers_action(action) is True for statement in carrier.document)


def _trusts_ssm(role: Resource) -> Truth:
    document = trust(role)
    if document.unknown:
        return document.unknown[0]
    verdicts: list[Truth] = []
    for statement in document.of_effect("Allow"):
        for kind, value in statement.principals or ():
            if isinstance(value, Unknown):
                verdicts.append(value)
            elif kind == "Service":
                verdicts.append(isinstance(value, str) and service_of(value) == "ssm")
    return any_of(verdicts)


RULE = Rule(
    id="isolation-runbook-present",
    title="A runbook isolates a bucket, with a role of least privilege",
    severity=Severity.HIGH,
    types=(DOCUMENT, BUCKET),
    evaluate=evaluate,
    remediation="Write the steps that close a bucket as an SSM Automation document, with a role that may do just those.",
    guessing=MEDIA_TELLS,
    neighbours=(DOCUMENT, ROLE, "AWS::IAM::ManagedPolicy"),
)
