"""S3: a bucket's item holds the name; everything else stands in its supplementary configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from averment.policies.graph.acl import nearest_canned
from averment.policies.graph.model import Misshapen, Reference, Resource, Unknown
from averment.policies.surfaces.config.items import Item, capitalised, field, items_of, policy, tag_list
from averment.policies.surfaces.config.recorded.base import Late, misshapen, named, need, resource
from averment.policies.surfaces.config.recorded.shapes import PARTS, TEXT, Always, fit

_ALWAYS = ("AccessControlList", "BucketNotificationConfiguration", "BucketPolicy", "BucketVersioningConfiguration")
"""What the item of every bucket has, be it empty: one without can't say that there is none."""


_FILTER_KEYS = frozenset({"type", "prefix", "tag", "objectsizegreaterthan", "objectsizelessthan"})
"""What a part of a lifecycle rule's filter may say; with anything else, what the rule is limited to isn't known."""


def bucket(item: Item) -> list[Resource]:
    """The bucket, and its policy where it has one."""
    found = [resource(item, Late(item, _PROPERTIES))]
    if _policy_text(item) is not None:
        found.append(resource(item, Late(item, _POLICY), kind="AWS::S3::BucketPolicy", address=f"{item.arn}#policy"))
    return found


def _policy_text(item: Item) -> Any:
    try:
        return _part(item, "BucketPolicy", _written)
    except ValueError as error:
        return misshapen(item, "BucketPolicy", error)


def _written(value: Mapping[str, Any]) -> Any:
    """The policy's text; something else in its place is no word that there is none."""
    text = field(value, "policyText")
    if "policytext" not in {str(key).lower() for key in value} or not (text is None or isinstance(text, str | Mapping)):
        raise ValueError("it holds no policyText")
    return text or None if isinstance(text, str) else text


def _policy_document(item: Item) -> Any:
    text = _policy_text(item)
    return text if isinstance(text, Misshapen) else policy(text)


def access_point(item: Item) -> list[Resource]:
    """An access point; its policy is asked of S3 where the item has none."""
    config = item.configuration
    document = field(config, "policy")
    written = policy(document) if document is not None else item.added("Policy", "the policies of access points")
    properties = {
        **capitalised(config),
        "Bucket": field(config, "bucket"),
        "Name": named(item, "name"),
        "Policy": policy(written) if isinstance(written, str) else written,
        "Tags": tag_list(field(config, "tags"), item.tags) or None,
    }
    return [resource(item, properties)]


def regions_point(item: Item) -> list[Resource]:
    """A multi-region access point with the buckets behind it, and its policy, which is asked of S3."""
    need(item, "name", "regions")
    regions = field(item.configuration, "regions")
    name = named(item, "name")
    listed = [capitalised(region) for region in items_of(regions)] if isinstance(regions, list) else None
    found = [resource(item, {"Name": name, "Regions": listed or None})]
    written = item.added("Policy", "the policies of multi-region access points")
    if written is not None:
        document = policy(written) if isinstance(written, str) else written
        kind, address = "AWS::S3::MultiRegionAccessPointPolicy", f"{item.arn}#policy"
        found.append(resource(item, {"MrapName": name, "Policy": document}, kind=kind, address=address))
    return found


def _part(item: Item, name: str, read: Any) -> Any:
    """One part of the supplementary configuration, read; ``Misshapen`` where it is missing although every bucket has it.

    Of an item in which nothing stands that is known, nobody can say that it isn't set.

    Raises:
        ValueError: it has another shape than expected.
    """
    value = item.supplementary.get(name)
    if value is None and (name in _ALWAYS or not any(part in item.supplementary for part in PARTS)):
        return Misshapen(f"the configuration item holds no {name}")
    fit(value, PARTS[name], name)
    return read(value) if value is not None else None


def _acl(value: Mapping[str, Any]) -> str | Unknown | None:
    """The canned ACL that comes nearest to the grants; None if nobody but the owner has any."""
    listed = field(value, "grantList") if field(value, "grantList") is not None else field(value, "Grants")
    if not isinstance(listed, list):
        raise ValueError("there is no list of grants")
    grants = []
    for grant in listed:
        grantee = field(grant, "grantee")
        who = grantee if isinstance(grantee, str) else field(grantee, "uri") or field(grantee, "id")
        permission = field(grant, "permission")
        known = isinstance(who, str) and isinstance(permission, str)
        grants.append((who, permission) if known else (Misshapen("it has another shape than expected"),) * 2)
    return nearest_canned(grants)


def _notifications(value: Mapping[str, Any]) -> dict[str, Any]:
    """Direct targets (a map by id in Config) and EventBridge."""
    result: dict[str, Any] = {}
    listed = field(value, "configurations")
    entries = list(listed.values()) if isinstance(listed, Mapping) else items_of(listed)
    kinds = (
        ("LambdaConfigurations", "Function", "functionARN"),
        ("QueueConfigurations", "Queue", "queueARN"),
        ("TopicConfigurations", "Topic", "topicARN"),
    )
    for entry in entries:
        if all(field(entry, arn) is None for _, _, arn in kinds):
            raise ValueError("an entry of configurations names nobody")
        for key, target, arn in kinds:
            if (found := field(entry, arn)) is not None:
                limits = _limits(field(entry, "filter"))
                chosen = {"Filter": limits} if limits else {}
                result.setdefault(key, []).extend({"Event": event, target: found, **chosen} for event in items_of(field(entry, "events")))
    if field(value, "eventBridgeConfiguration") is not None:
        result["EventBridgeConfiguration"] = {"EventBridgeEnabled": True}
    return result


def _limits(chosen: Any) -> dict[str, Any] | Unknown:
    """A notification's filter as CloudFormation has it, empty for none; one of another shape may leave out anything."""
    for key in ("s3KeyFilter", "filterRules"):
        if isinstance(chosen, Mapping) and {str(name).lower() for name, part in chosen.items() if part is not None} <= {key.lower()}:
            chosen = field(chosen, key)
    rules = [capitalised(rule) for rule in items_of(chosen)]
    if chosen not in (None, []) and not (rules and all(isinstance(rule, Mapping) and {"Name", "Value"} <= set(rule) for rule in rules)):
        return Unknown("the filter of a notification in the configuration item has another shape than expected")
    return {"S3Key": {"Rules": rules}} if rules else {}


def _block(value: Mapping[str, Any]) -> dict[str, Any] | None:
    names = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    plain = capitalised(value)
    return {name: plain.get(name) is True for name in names}


def _versioning(value: Mapping[str, Any]) -> dict[str, Any] | None:
    status = field(value, "status")
    return {"Status": status} if status in ("Enabled", "Suspended") else None


def _logging(value: Mapping[str, Any]) -> dict[str, Any] | None:
    target = field(value, "destinationBucketName")
    return {"DestinationBucketName": target, "LogFilePrefix": field(value, "logFilePrefix")} if target else None


def _cors(value: Mapping[str, Any]) -> dict[str, Any] | None:
    rules = items_of(field(value, "rules"))
    return {"CorsRules": [capitalised(rule) for rule in rules]} if rules else None


def _lock(item: Item) -> Mapping[str, Any]:
    """Object Lock as CloudFormation has it: the switch beside the configuration."""
    checked = _part(item, "ObjectLockConfiguration", dict)
    if isinstance(checked, Misshapen):
        return {"ObjectLockEnabled": checked, "ObjectLockConfiguration": checked}
    if field(checked, "objectLockEnabled") != "Enabled":
        return {}
    retention = field(field(checked, "rule"), "defaultRetention")
    rule = {"Rule": {"DefaultRetention": capitalised(retention)}} if isinstance(retention, Mapping) else {}
    return {"ObjectLockEnabled": True, "ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled", **rule}}


def _lifecycle(value: Mapping[str, Any]) -> dict[str, Any]:
    """Lifecycle rules; what limits them may stand in a ``filter`` with a ``predicate``, or as a prefix of their own."""
    rules = []
    for entry in items_of(field(value, "rules") or ()):
        rule = capitalised(entry)
        chosen = rule.pop("Filter", None)
        predicate = field(chosen, "predicate") or chosen
        for part in items_of(field(predicate, "operands")) or [predicate]:
            if (prefix := field(part, "prefix")) is not None:
                rule["Prefix"] = prefix
            for size in ("ObjectSizeGreaterThan", "ObjectSizeLessThan"):
                if (bound := field(part, size)) is not None:
                    rule[size] = bound
            if (tag := field(part, "tag")) is not None:
                rule.setdefault("TagFilters", []).append(tag)
            if part and not (isinstance(part, Mapping) and {str(key).lower() for key in part} <= _FILTER_KEYS):
                rule["Prefix"] = Misshapen("the filter of a lifecycle rule has another shape than expected")
                break
        for name in ("NoncurrentVersionExpirationInDays", "ExpirationInDays"):
            if rule.get(name) in (-1, 0):
                del rule[name]
        rules.append(rule)
    return {"Rules": rules}


def _replication(value: Mapping[str, Any]) -> dict[str, Any] | None:
    """Replication as CloudFormation has it; Config has its rules by id, and what limits them as those of a lifecycle."""
    listed = field(value, "rules")
    entries = list(listed.values()) if isinstance(listed, Mapping) else items_of(listed)
    rules = []
    for entry in entries:
        target = field(entry, "destinationConfig") or field(entry, "destination")
        fit(field(target, "bucketARN") or field(target, "bucket"), Always(TEXT), "bucketARN")
        chosen = field(field(entry, "filter"), "predicate") or field(entry, "filter")
        parts = items_of(field(chosen, "operands")) or [chosen]
        tags = [tag for part in parts if (tag := field(part, "tag")) is not None]
        rule: dict[str, Any] = {"Status": field(entry, "status"), "Filter": {"TagFilters": tags}}
        rules.append({**rule, "Destination": {"Bucket": field(target, "bucketARN") or field(target, "bucket")}})
    return {"Rules": rules} if rules else None


def _website(value: Mapping[str, Any]) -> dict[str, Any] | None:
    return capitalised(value) if any(setting is not None for setting in value.values()) else None


def _tags(item: Item) -> Any:
    part = item.supplementary.get("BucketTaggingConfiguration")
    fit(part, PARTS["BucketTaggingConfiguration"], "BucketTaggingConfiguration")
    first = next(iter(items_of(field(part, "tagSets"))), None)
    written = field(first, "tags")
    return tag_list(first if written is None else written, item.tags)


_PROPERTIES: Mapping[str, Callable[[Item], Any]] = {
    "BucketName": lambda item: named(item, "name"),
    "Tags": _tags,
    "AccessControl": lambda item: _part(item, "AccessControlList", _acl),
    "NotificationConfiguration": lambda item: _part(item, "BucketNotificationConfiguration", _notifications),
    "PublicAccessBlockConfiguration": lambda item: _part(item, "PublicAccessBlockConfiguration", _block),
    "VersioningConfiguration": lambda item: _part(item, "BucketVersioningConfiguration", _versioning),
    "LifecycleConfiguration": lambda item: _part(item, "BucketLifecycleConfiguration", _lifecycle),
    "ReplicationConfiguration": lambda item: _part(item, "BucketReplicationConfiguration", _replication),
    "WebsiteConfiguration": lambda item: _part(item, "BucketWebsiteConfiguration", _website),
    "LoggingConfiguration": lambda item: _part(item, "BucketLoggingConfiguration", _logging),
    "CorsConfiguration": lambda item: _part(item, "BucketCrossOriginConfiguration", _cors),
    "MetricsConfigurations": lambda item: item.added("MetricsConfigurations", "the metrics configurations of buckets"),
    "ObjectLockEnabled": lambda item: _lock(item).get("ObjectLockEnabled"),
    "ObjectLockConfiguration": lambda item: _lock(item).get("ObjectLockConfiguration"),
}
_POLICY: Mapping[str, Callable[[Item], Any]] = {"Bucket": lambda item: Reference(item.arn), "PolicyDocument": _policy_document}
