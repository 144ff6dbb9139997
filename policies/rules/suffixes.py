"""Notifications and patterns that are on objects of some suffixes alone: who calls a file otherwise goes past them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from averment.policies.graph.model import Graph, Resource, Unknown
from averment.policies.iam.truth import Truth
from averment.policies.rules.storage import bucket_policies, listed

_OTHERS = "it is on objects that end in {} alone, and whether others come can't be told"


def whatever_suffix(entry: Mapping[str, Any], bucket: Resource, graph: Graph) -> Truth:
    """Whether a notification is on objects of every suffix, or on the only ones that the bucket's policy takes."""
    chosen = entry.get("Filter")
    key = chosen.get("S3Key") if isinstance(chosen, Mapping) else None
    rules = [
        rule
        for rule in listed(key.get("Rules") if isinstance(key, Mapping) else None)
        if isinstance(rule, Mapping) and str(rule.get("Name")).lower() == "suffix"
    ]
    suffix = next((rule.get("Value") for rule in rules if rule.get("Value") not in (None, "")), None)
    if isinstance(suffix, Unknown):
        return Unknown(f"the suffix that it is limited to could not be resolved: {suffix.reason}")
    return suffix is None or _takes_some_only(bucket, graph) or Unknown(_OTHERS.format(suffix))


def _takes_some_only(bucket: Resource, graph: Graph) -> bool:
    """Whether the bucket's policy refuses uploads but of some keys (``NotResource``): who did that has said which come."""
    denied = (deny for _, document in bucket_policies(bucket, graph) for deny in document.of_effect("Deny"))
    return any(deny.not_resources and deny.covers_action("s3:PutObject") is True for deny in denied)


def every_suffix(asked: Any, bucket: Resource, graph: Graph, enough: bool) -> Truth:
    """Whether a pattern on keys takes in objects of every suffix; of some only is a doubt, unless it is ``enough``."""
    entries = [asked] if isinstance(asked, Mapping) else listed(asked)
    limits = [entry["suffix"] for entry in entries if isinstance(entry, Mapping) and isinstance(entry.get("suffix"), str)]
    if enough or not limits or len(limits) < len(entries) or _takes_some_only(bucket, graph):
        return True
    return Unknown(_OTHERS.format(" or ".join(limits)))
