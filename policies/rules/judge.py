"""What rules share in judging: putting several findings about one resource together, and fixes in its dialect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from averment.core.words import Verdict
from averment.policies.graph.model import OUTSIDE, Dialect, Resource
from averment.policies.graph.text import hole
from averment.policies.interface import NOT_APPLICABLE, Outcome

_ORDER = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS, Verdict.NOT_APPLICABLE)


def worst_outcome(outcomes: Iterable[Outcome]) -> Outcome:
    """The gravest of ``outcomes`` (the first of equals); what else is as grave is added to its message and its fix, the rest as a number."""
    found = list(outcomes)
    for verdict in _ORDER:
        same = list(dict.fromkeys(outcome for outcome in found if outcome.verdict is verdict))
        if not same:
            continue
        if verdict is Verdict.UNKNOWN:  # what can't be told of a resource that wasn't read at all is said once for it (``engine``)
            same = [outcome for outcome in same if OUTSIDE not in outcome.message] or same
        first = same[0]
        if len(same) == 1 or not first.message:
            return first
        rest = f" (and {len(same) - 2} more)" if len(same) > 2 else ""
        changes = tuple(dict.fromkeys(change for outcome in same for change in outcome.changes))
        fixes = dict.fromkeys(outcome.fix for outcome in same[:2] if outcome.fix)
        return Outcome(verdict, f"{first.message}; also: {same[1].message}{rest}", first.where, "\n\n".join(fixes) or None, changes)
    return NOT_APPLICABLE


_CALL = re.compile(r"(module\.([\w-]+)(?:\[(?:\"(?:[^\"\\]|\\.)*\"|[^\]]*)\])?)\.")
_OUTPUTS = {
    "terraform-aws-modules/s3-bucket": {"id": "s3_bucket_id", "bucket": "s3_bucket_id", "arn": "s3_bucket_arn"},
    "cloudposse/s3-bucket": {"id": "bucket_id", "bucket": "bucket_id", "arn": "bucket_arn"},
}
"""What the modules that make buckets call their outputs, by the attribute of the bucket."""


def short_name(resource: Resource) -> str:
    """The name of ``resource`` within its file: ``uploads`` of ``module.x.aws_s3_bucket.uploads[0]``, or the logical id."""
    address = resource.address.partition("#")[0]
    if address.endswith("]") and (index := address.find("[", address.rfind("]", 0, -1) + 1)) >= 0:
        address = address[:index]
    return address.rsplit(".", 1)[-1].rsplit(":", 1)[-1]


def fix_for(
    resource: Resource, *, terraform: str, cloudformation: str, command: str, arguments: Mapping[str, str] = MappingProxyType({})
) -> str:
    """The fix in the dialect of ``resource``; a deployed one is mended by an AWS CLI ``command``.

    ``@`` in the texts stands for the resource's name in its file (or its ARN's last part). What a public module makes is mended by its
    ``arguments``, by the module's name, as far as it has some.
    """
    if resource.dialect in (Dialect.TERRAFORM, Dialect.TERRAFORM_PLAN):
        text = arguments.get(resource.module, terraform)
    else:
        text = cloudformation if resource.dialect is Dialect.CLOUDFORMATION else command
    return naming(text, resource, "@")


def naming(text: str, resource: Resource, mark: str) -> str:
    """``text`` with ``mark`` replaced by the resource's name; links to a bucket that no block defines become its name or ARN, as written.

    Of what a public module makes, the caller has the module's outputs.
    """
    if resource.module:
        return _by_outputs(text, resource, mark)
    name = resource.get("BucketName") if resource.outside else None
    if name is not None:
        known = hole(name)
        for link, plain in (
            (f"${{aws_s3_bucket.{mark}.arn}}", f"arn:aws:s3:::{known}"),
            (f"aws_s3_bucket.{mark}.arn", f'"arn:aws:s3:::{known}"'),
            (f"aws_s3_bucket.{mark}.id", f'"{known}"'),
            (f"aws_s3_bucket.{mark}", known),
            (f"${{{mark}.Arn}}", f"arn:aws:s3:::{known}"),
            (f"!GetAtt {mark}.Arn", f"!Sub 'arn:aws:s3:::{known}'"),
            (f"!Ref {mark}", f"!Sub '{known}'"),
        ):
            text = text.replace(link, plain)
    return text.replace(mark, short_name(resource))


def _by_outputs(text: str, resource: Resource, mark: str) -> str:
    call, name = _CALL.findall(resource.address)[-1]
    for attribute, output in _OUTPUTS.get(resource.module, {}).items():
        text = text.replace(f"aws_s3_bucket.{mark}.{attribute}", f"{call}.{output}")
    return text.replace(f"aws_s3_bucket.{mark}", call).replace(mark, name)
