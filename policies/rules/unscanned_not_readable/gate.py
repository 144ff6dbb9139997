"""Whether a bucket's policy refuses objects without a good verdict, by a Deny on the verdict's tag, and whom that Deny spares."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from averment.policies.graph.model import Reference, Resource, Unknown
from averment.policies.iam.document import Condition, Statement, Value
from averment.policies.iam.partitions import plain
from averment.policies.iam.patterns import is_wildcard
from averment.policies.iam.principals import Who, classify, is_cdn
from averment.policies.iam.truth import Truth, all_of, any_of
from averment.policies.interface import Context
from averment.policies.rules.storage import READING, bucket_policies, is_everyone, listed, policies_unclear, refuses_throughout

ACTION, BY_VERSION = READING
_TAG = "s3:existingobjecttag/"
_EXEMPT = frozenset({"aws:principalarn", "aws:userid", "aws:sourcevpce", "aws:sourcevpc", "aws:principaltag/scanner"})
_ANYBODY = re.compile(
    r"arn:[^:]*:(?:iam|sts):[^:]*:[^:]*:(?:\*|(?:role|user|assumed-role)/\**)|vpce?-\**|[^:]*[*?][^:]*:[^:]*|A(?:RO|ID)A\**", re.IGNORECASE
)
"""ARNs, networks and user ids that spare everybody in an account, or everywhere: nobody in particular is the scanner."""
_OF_ROLE = re.compile(r":(?:role|assumed-role)/(?P<path>.+)")


def gated(bucket: Resource, context: Context, grant: Statement | None = None, action: str = ACTION) -> Truth:
    """Whether the bucket's policy refuses everyone but named exceptions an object without a good verdict, as far as ``grant`` reaches."""
    verdicts: list[Truth] = []
    for _, document in bucket_policies(bucket, context.graph):
        refusals = document.of_effect("Deny")
        verdicts.extend(refuses(deny, refuses_throughout(deny, bucket, grant), action, context) for deny in refusals)
    if (doubt := policies_unclear(bucket, context.graph)) is not None:
        verdicts.append(doubt)
    return any_of(verdicts)


def refuses(statement: Statement, reached: Truth, action: str, context: Context) -> Truth:
    """Whether a Deny refuses everyone but named exceptions ``action`` on an object without a good verdict, where it takes it in (``reached``)."""
    effect: Truth = statement.effect if isinstance(statement.effect, Unknown) else True
    if statement.conditions_unknown is not None:
        return statement.conditions_unknown
    tagged = [condition for condition in statement.conditions if is_tag(condition, context)]
    others = [condition for condition in statement.conditions if not is_tag(condition, context)]
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


def allows_clean_only(statement: Statement, context: Context) -> bool:
    """Whether an Allow is tied to the verdict's tag: it lets nobody read an object without it."""
    return any(is_tag(condition, context) and condition.when_missing() is False for condition in statement.conditions)


def is_tag(condition: Condition, context: Context) -> bool:
    """Whether a condition is on a tag in which the scanner writes its verdict."""
    key = condition.key.lower()
    if not key.startswith(_TAG):
        return False
    named = listed(context.parameters.get("verdict_tags"))
    return not named or key.removeprefix(_TAG) in {str(entry).lower() for entry in named}


def tags(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys of the verdict's tag: the parameter ``verdict_tags``, or any key (shown as ``verdict``)."""
    given = tuple(str(entry) for entry in listed(parameters.get("verdict_tags")))
    return given or ("verdict",)


def _keys(tagged: list[Condition]) -> set[str]:
    return {condition.key.lower() for condition in tagged}


def _spares_own(statement: Statement, context: Context) -> Truth:
    """Whether ``NotPrincipal`` spares one's own and services that scan: not the CDN, by which everyone reads, nor others' accounts."""
    spared = [classify(kind, value, context.scope, context.graph) for kind, value in statement.not_principals or ()]
    return all_of(one.who if isinstance(one.who, Unknown) else one.who in (Who.OWN, Who.SERVICE) and not is_cdn(one) for one in spared)


def _spares_some(condition: Condition) -> Truth:
    """Whether a further condition of the Deny only spares named principals or networks (the scanner)."""
    if condition.key.lower() not in _EXEMPT:
        return False
    if not condition.negated:
        return False
    return not any(isinstance(value, str) and (is_wildcard(value) or _ANYBODY.fullmatch(value)) for value in condition.values)


def near_miss(bucket: Resource, context: Context) -> str:
    """What is wrong with a Deny on the verdict's tag that is there and refuses too little, for a message; empty where there is none."""
    for _, document in bucket_policies(bucket, context.graph):
        for statement in document.of_effect("Deny"):
            if len(keys := _keys([condition for condition in statement.conditions if is_tag(condition, context)])) > 1:
                tags = " and ".join(sorted(key.removeprefix(_TAG) for key in keys))
                return f" ({statement.name} refuses only what lacks {tags} at once: make it a statement for each)"
            for condition in statement.conditions:
                if is_tag(condition, context) and condition.when_missing() is False:
                    return f" ({statement.name} refuses by {condition.operator}, so an object without the tag is let through)"
                if is_tag(condition, context) and refuses_throughout(statement, bucket) is False:
                    return f" ({statement.name} takes in some objects only)"
    return ""


def spares(deny: Statement, role: Resource) -> bool:
    """Whether ``deny`` leaves out who runs as ``role``: by a condition on ``aws:PrincipalArn``, or by ``NotPrincipal``."""
    listed = [
        value
        for condition in deny.conditions
        if condition.key.lower() == "aws:principalarn" and condition.negated
        for value in condition.values
    ]
    return any(_means(value, role) for value in (*listed, *(value for _, value in deny.not_principals or ())))


def _means(value: Value, role: Resource) -> bool:
    """Whether an entry is the ARN of ``role``, or of those who assumed it (``assumed-role/scan/*``)."""
    if isinstance(value, Reference):
        return value.address == role.address
    if not isinstance(value, str):
        return False
    named, name = _OF_ROLE.search(value), role.get("RoleName")
    if named is None or not isinstance(name, str):
        return bool(plain(value) == plain(role.address))
    return any(part != "*" and fnmatchcase(name, part) for part in named["path"].split("/"))
