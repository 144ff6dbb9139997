"""A policy that lets CloudFront write: whoever the distribution takes something from writes then, whatever the policy says of people."""

from __future__ import annotations

from dataclasses import dataclass

from averment.policies.graph.model import Resource, Unknown
from averment.policies.iam.document import Statement
from averment.policies.iam.partitions import service_of
from averment.policies.iam.principals import Principal
from averment.policies.iam.truth import Truth, all_of
from averment.policies.interface import PASS, Context, Outcome, fail, unknown
from averment.policies.rules.judge import worst_outcome
from averment.policies.rules.origins import DISTRIBUTION
from averment.policies.rules.through_cdn import leads_to, sent_to

_UNTIED = "whichever account a distribution is in: nothing ties it to one of yours (aws:SourceArn)"
_FIX = (
    "# for distributions that only read: take s3:PutObject (s3:*, s3:Put*) out of the statement\n"
    "# for uploads through the distribution: signed URLs on the behaviour (TrustedKeyGroups, trusted_key_groups), and aws:SourceArn in the statement"
)


@dataclass(frozen=True)
class Grant:
    """What a statement gives CloudFront: ``covered``, whether that is to write; ``provenance``, whether a tag is demanded of it; ``tied``,
    whether anything ties it to somebody. An origin access identity is somebody's own."""

    principal: Principal
    covered: Truth
    provenance: Truth
    tied: Truth


def judged(given: Grant, statement: Statement, policy: Resource, bucket: Resource, subject: str, context: Context) -> Outcome:
    """The outcome of what ``statement`` gives CloudFront."""
    if given.provenance is True:
        return PASS
    where, covered = policy.where(*statement.path), given.covered
    grant = f"{statement.name} lets CloudFront write to {subject}"
    tied = given.tied if service_of(given.principal.text) == "cloudfront" else True
    if tied is False and covered is True:
        return fail(f"{grant}, {_UNTIED}", where=where, fix=_FIX)
    if (doubt := next((value for value in (covered, tied) if isinstance(value, Unknown)), None)) is not None:
        return unknown(f"whether {grant}: {doubt.reason}", where=where)
    if not leads_to(bucket, context.graph):
        missing = context.not_read(DISTRIBUTION) or Unknown("no distribution in front of it is part of what was read")
        return unknown(f"{grant}; whether that asks viewers who they are: {missing.reason}", where=where)
    outcomes = [PASS]
    for way in sent_to(bucket, context.graph):
        left_open = all_of((covered, way.left_open))
        sends = f"{way.label} of {way.distribution.address} hands on what viewers send"
        if left_open is True:
            outcomes.append(fail(f"{grant} for anyone: {sends} and asks nobody who they are", where=where, fix=_FIX))
        elif isinstance(left_open, Unknown):
            outcomes.append(unknown(f"{grant}; whether {sends} without asking who they are: {left_open.reason}", where=where))
    return worst_outcome(outcomes)
