"""Notifications and patterns that are on objects of some suffixes alone: who calls a file otherwise goes past them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from averment.policies.graph.model import Graph, Reference, Resource, Unknown
from averment.policies.iam.truth import Truth
from averment.policies.rules.filters import SOME_KEYS, endings, every_key
from averment.policies.rules.storage import bucket_policies, is_everyone, listed

_WAY_OUT = " (a Deny on s3:PutObject with a NotResource in its policy says which do)"


def whatever_suffix(entry: Mapping[str, Any], heard: Collection[str], bucket: Resource, graph: Graph) -> Truth:
    """Whether a notification is on objects of every suffix, or the bucket's policy takes no others than those that are ``heard`` of by all
    of them."""
    suffix = suffix_of(entry)
    if isinstance(suffix, Unknown):
        return Unknown(f"the suffix that it is limited to could not be resolved: {suffix.reason}")
    return suffix is None or _takes_no_other(heard, bucket, graph) or Unknown(SOME_KEYS.format(suffix) + _WAY_OUT)


def suffix_of(entry: Mapping[str, Any]) -> Any:
    """The suffix to which a notification's filter limits it; None if to none."""
    chosen = entry.get("Filter")
    for key, of_cdk in (("S3Key", "Key"), ("Rules", "FilterRules")):  # CDK's custom resource has the names of the API
        chosen = chosen.get(key, chosen.get(of_cdk)) if isinstance(chosen, Mapping) else chosen
    for rule in listed(chosen):
        name, value = (rule.get("Name"), rule.get("Value")) if isinstance(rule, Mapping) else (rule, None)
        if isinstance(name, Unknown):
            return name
        if str(name).lower() == "suffix" and value not in (None, ""):
            return value
    return None


def _takes_no_other(heard: Collection[str], bucket: Resource, graph: Graph) -> bool:
    """Whether the bucket's policy refuses everyone, at all times, uploads of keys (``NotResource``) that end otherwise than those ``heard`` of."""
    denied = (deny for _, document in bucket_policies(bucket, graph) for deny in document.of_effect("Deny"))
    return any(
        all(_text(key).endswith(tuple(heard)) for key in deny.not_resources)
        for deny in denied
        if deny.not_resources and not deny.conditions and deny.conditions_unknown is None and deny.effect == "Deny"
        if is_everyone(deny) and deny.covers_action("s3:PutObject") is True
    )


def _text(key: Any) -> str:
    """How the ARN of a key ends, as far as that is known."""
    return key.suffix if isinstance(key, Reference) else key if isinstance(key, str) else ""


def every_suffix(asked: Any, bucket: Resource, graph: Graph, enough: bool) -> Truth:
    """Whether a pattern on keys takes in objects of every suffix; of some only is a doubt, unless it is ``enough``."""
    return True if enough or asked is None or _takes_no_other(endings(asked), bucket, graph) else every_key(asked, _WAY_OUT)
