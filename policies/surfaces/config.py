"""AWS Config: configuration items, as rules are handed them or as snapshots hold them, turned into graphs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from averment.core.errors import BadInputError
from averment.core.files import read_bounded, read_text
from averment.core.source import SourceRef
from averment.policies.graph.acl import nearest_canned
from averment.policies.graph.model import Dialect, Graph, Problem, Reference, Resource, Unknown
from averment.policies.interface import Surface
from averment.policies.surfaces.config_items import Item, capitalised, decoded, field, items_of, policy, read_item, tag_list

CONFIG_TYPES: Mapping[str, str] = {
    "AWS::S3::BucketPolicy": "AWS::S3::Bucket",
    "AWS::IAM::ManagedPolicy": "AWS::IAM::Policy",
}
"""Where Config keeps what CloudFormation calls otherwise: the policy is part of the bucket's item, ``AWS::IAM::Policy`` is a
managed policy. Inline policies (CloudFormation's ``AWS::IAM::Policy``) are part of the item of their role, user or group."""

NOT_IN_CONFIG = frozenset(
    {
        "AWS::IAM::Policy",
        "AWS::IAM::RolePolicy",
        "AWS::IAM::UserPolicy",
        "AWS::IAM::GroupPolicy",
        "AWS::Cognito::IdentityPoolRoleAttachment",
        "AWS::ApiGatewayV2::Route",
        "AWS::AppSync::DataSource",
        "AWS::Config::DeliveryChannel",
        "AWS::Lambda::Url",
        "AWS::SNS::Subscription",
        "AWS::S3::AccessPoint",
        "AWS::KMS::ReplicaKey",
        "AWS::S3::MultiRegionAccessPointPolicy",
        "AWS::S3ObjectLambda::AccessPointPolicy",
    }
)
"""CloudFormation types without a counterpart of their own in Config."""


class ConfigSurface(Surface):
    """Files that AWS Config delivers to S3 (snapshots and history), or any JSON with ``configurationItems``."""

    name = "aws-config"

    def recognises(self, path: Path) -> bool:
        if path.suffix != ".json" or not path.is_file():
            return False
        try:
            return b'"configurationItems"' in read_bounded(path)
        except BadInputError:
            return True  # too large to look at: refused aloud when it is read

    def graphs(self, root: Path) -> Iterator[Graph]:
        files = sorted(root.rglob("*.json")) if root.is_dir() else [root]
        for path in files:
            if self.recognises(path):
                yield self._graph(path)

    @staticmethod
    def _graph(path: Path) -> Graph:
        where = SourceRef(str(path))
        try:
            document = json.loads(read_text(path))
            items = document["configurationItems"] if isinstance(document, dict) else None
        except BadInputError as error:
            return Graph(problems=[Problem(error.message, error.where or where)])
        except (ValueError, KeyError, RecursionError) as error:
            return Graph(problems=[Problem(f"is not a snapshot of AWS Config: {error}", where)])
        if not isinstance(items, list):
            return Graph(problems=[Problem("is not a snapshot of AWS Config: configurationItems is not a list", where)])
        return graph_from_items(items)


def graph_from_items(items: Iterable[Mapping[str, Any]]) -> Graph:
    """The graph of ``items``. Deleted resources are left out; what can't be read is a ``Problem``."""
    graph = Graph()
    for entry in items:
        try:
            item = read_item(entry)
        except (ValueError, AttributeError) as error:
            graph.problems.append(Problem(f"a configuration item could not be read: {error}", SourceRef()))
            continue
        if item.deleted:
            continue
        if not item.recorded:
            graph.problems.append(Problem(f"AWS Config doesn't record the configuration of {item.type} {item.id}", item.source))
            continue
        try:
            found = resources_of(item)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            graph.problems.append(Problem(f"the item of {item.type} {item.id} has another shape than expected: {error}", item.source))
            continue
        for resource in found:
            graph.add(resource)
    return graph


def resources_of(item: Item) -> list[Resource]:
    """The resources in one item; all of them have the item's ARN as their source."""
    adapter = _ADAPTERS.get(item.type, _generic)
    return adapter(item)


def _resource(item: Item, properties: Mapping[str, Any], *, kind: str | None = None, address: str | None = None) -> Resource:
    known = {key: value for key, value in properties.items() if value is not None}
    return Resource(address or item.arn, kind or item.type, known, item.source, Dialect.CONFIG, native_type=item.type)


def _bucket(item: Item) -> list[Resource]:
    extra = item.supplementary
    tagging = field(extra.get("BucketTaggingConfiguration"), "tagSets")
    tag_set = items_of(tagging)[0] if items_of(tagging) else None
    name = field(item.configuration, "name") or item.name
    properties = {
        "BucketName": name,
        "Tags": tag_list(field(tag_set, "tags"), tag_set, item.tags),
        "AccessControl": _acl(extra.get("AccessControlList")),
        "NotificationConfiguration": _notifications(extra.get("BucketNotificationConfiguration")),
        "PublicAccessBlockConfiguration": _block(extra.get("PublicAccessBlockConfiguration")),
        "VersioningConfiguration": _versioning(extra.get("BucketVersioningConfiguration")),
        "LifecycleConfiguration": _lifecycle(extra.get("BucketLifecycleConfiguration")),
        "WebsiteConfiguration": _website(extra.get("BucketWebsiteConfiguration")),
        "LoggingConfiguration": _logging(extra.get("BucketLoggingConfiguration")),
        "CorsConfiguration": _cors(extra.get("BucketCrossOriginConfiguration")),
        **_lock(extra.get("ObjectLockConfiguration")),
    }
    found = [_resource(item, properties)]
    text = field(extra.get("BucketPolicy"), "policyText")
    if text:
        document = {"Bucket": Reference(item.arn), "PolicyDocument": policy(text)}
        found.append(_resource(item, document, kind="AWS::S3::BucketPolicy", address=f"{item.arn}#policy"))
    return found


def _acl(value: Any) -> str | Unknown | None:
    """The canned ACL that comes nearest to the grants; None if nobody but the owner has any."""
    grants = []
    for grant in items_of(field(value, "grantList") or field(value, "Grants")):
        grantee = field(grant, "grantee")
        who = grantee if isinstance(grantee, str) else field(grantee, "uri") or field(grantee, "id")
        grants.append((who, field(grant, "permission")))
    return nearest_canned(grants)


def _notifications(value: Any) -> dict[str, Any] | None:
    """Direct targets (a map by id in Config) and EventBridge."""
    if not isinstance(value, Mapping):
        return None
    result: dict[str, Any] = {}
    listed = field(value, "configurations")
    entries = list(listed.values()) if isinstance(listed, Mapping) else items_of(listed)
    kinds = (
        ("LambdaConfigurations", "Function", "functionARN"),
        ("QueueConfigurations", "Queue", "queueARN"),
        ("TopicConfigurations", "Topic", "topicARN"),
    )
    for entry in entries:
        for key, target, arn in kinds:
            if (found := field(entry, arn)) is not None:
                result.setdefault(key, []).extend({"Event": event, target: found} for event in items_of(field(entry, "events")))
    if (bridge := field(value, "eventBridgeConfiguration")) is not None and bridge is not False:
        result["EventBridgeConfiguration"] = {"EventBridgeEnabled": True}
    return result


def _block(value: Any) -> dict[str, Any] | None:
    names = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    return {name: field(value, name) is True for name in names} if isinstance(value, Mapping) else None


def _versioning(value: Any) -> dict[str, Any] | None:
    status = field(value, "status")
    return {"Status": status} if status in ("Enabled", "Suspended") else None


def _logging(value: Any) -> dict[str, Any] | None:
    target = field(value, "destinationBucketName")
    return {"DestinationBucketName": target, "LogFilePrefix": field(value, "logFilePrefix")} if target else None


def _cors(value: Any) -> dict[str, Any] | None:
    rules = items_of(field(value, "rules"))
    return {"CorsRules": [capitalised(rule) for rule in rules]} if rules else None


def _lock(value: Any) -> dict[str, Any]:
    """Object Lock as CloudFormation has it: the switch beside the configuration."""
    if field(value, "objectLockEnabled") != "Enabled":
        return {}
    retention = field(field(value, "rule"), "defaultRetention")
    rule = {"Rule": {"DefaultRetention": capitalised(retention)}} if isinstance(retention, Mapping) else {}
    return {"ObjectLockEnabled": True, "ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled", **rule}}


def _lifecycle(value: Any) -> dict[str, Any] | None:
    """Lifecycle rules; what limits them may stand in a ``filter`` with a ``predicate``, or as a prefix of their own."""
    if not isinstance(value, Mapping):
        return None
    rules = []
    for entry in items_of(field(value, "rules") or ()):
        rule = capitalised(entry)
        predicate = field(rule.pop("Filter", None), "predicate")
        parts = items_of(field(predicate, "operands")) or [predicate]
        for part in parts:
            if (prefix := field(part, "prefix")) is not None:
                rule["Prefix"] = prefix
            if (tag := field(part, "tag")) is not None:
                rule.setdefault("TagFilters", []).append(tag)
        days = rule.get("NoncurrentVersionExpirationInDays")
        if days in (-1, 0):
            del rule["NoncurrentVersionExpirationInDays"]
        if rule.get("ExpirationInDays") in (-1, 0):
            del rule["ExpirationInDays"]
        rules.append(rule)
    return {"Rules": rules}


def _website(value: Any) -> dict[str, Any] | None:
    set_up = isinstance(value, Mapping) and any(setting is not None for setting in value.values())
    return capitalised(value) if set_up else None


def _identity(item: Item) -> list[Resource]:
    kind = item.type.rsplit("::", 1)[-1]
    inline = items_of(field(item.configuration, f"{kind.lower()}PolicyList"))
    attached = items_of(field(item.configuration, "attachedManagedPolicies"))
    properties = {
        f"{kind}Name": field(item.configuration, f"{kind.lower()}Name") or item.name,
        "Tags": tag_list(field(item.configuration, "tags"), item.tags),
        "AssumeRolePolicyDocument": policy(field(item.configuration, "assumeRolePolicyDocument")),
        "Policies": [
            {"PolicyName": field(entry, "policyName"), "PolicyDocument": policy(field(entry, "policyDocument"))} for entry in inline
        ],
        "ManagedPolicyArns": [field(entry, "policyArn") for entry in attached],
    }
    return [_resource(item, properties)]


def _managed_policy(item: Item) -> list[Resource]:
    versions = items_of(field(item.configuration, "policyVersionList"))
    current = next((entry for entry in versions if field(entry, "isDefaultVersion") is True), None)
    document: Any = (
        policy(field(current, "document")) if current is not None else Unknown("the item holds no default version of the policy")
    )
    properties = {"ManagedPolicyName": field(item.configuration, "policyName") or item.name, "PolicyDocument": document}
    return [_resource(item, properties, kind="AWS::IAM::ManagedPolicy")]


def _distribution(item: Item) -> list[Resource]:
    config = field(item.configuration, "distributionConfig")
    plain = capitalised(config) if isinstance(config, Mapping) else {}
    groups = plain.get("OriginGroups")
    if isinstance(groups, list):  # CloudFormation keeps the wrapping in origin groups
        plain["OriginGroups"] = {"Items": [{**group, "Members": {"Items": group.get("Members", [])}} for group in groups]}
    for behaviour in [plain.get("DefaultCacheBehavior"), *(plain.get("CacheBehaviors") or [])]:
        for key in ("TrustedKeyGroups", "TrustedSigners"):
            if isinstance(behaviour, dict) and isinstance(behaviour.get(key), Mapping):
                behaviour[key] = behaviour[key].get("Items", []) if behaviour[key].get("Enabled") is True else []
    return [_resource(item, {"DistributionConfig": plain, "Tags": tag_list(item.tags)})]


def _key(item: Item) -> list[Resource]:
    config, extra = item.configuration, item.supplementary
    properties = {
        "KeyUsage": field(config, "keyUsage"),
        "KeySpec": field(config, "keySpec") or field(config, "customerMasterKeySpec"),
        "Description": field(config, "description"),
        "KeyPolicy": policy(extra.get("Policy") or extra.get("KeyPolicy") or field(config, "keyPolicy")),
        "Tags": tag_list(extra.get("Tags"), item.tags),
    }
    if properties["KeyPolicy"] is None:
        properties["KeyPolicy"] = Unknown("the configuration item holds no key policy")
    return [_resource(item, properties)]


def _alias(item: Item) -> list[Resource]:
    target = field(item.configuration, "targetKeyId")
    arn = target
    if isinstance(target, str) and not target.startswith("arn:"):
        region = item.arn.split(":")[3] if item.arn.count(":") >= 3 else ""
        arn = f"arn:aws:kms:{region}:{item.account}:key/{target}"
    properties = {
        "AliasName": field(item.configuration, "aliasName") or item.name,
        "TargetKeyId": Reference(arn) if isinstance(arn, str) else None,
    }
    return [_resource(item, properties)]


def _trail(item: Item) -> list[Resource]:
    """A trail's item says that it has selectors of its own, but not which."""
    chosen = field(item.configuration, "hasCustomEventSelectors") is True
    properties = {
        "TrailName": field(item.configuration, "name") or item.name,
        "S3BucketName": field(item.configuration, "s3BucketName"),
        "IsMultiRegionTrail": field(item.configuration, "isMultiRegionTrail"),
        "EventSelectors": Unknown("AWS Config doesn't record which events a trail selects") if chosen else None,
        "Tags": tag_list(item.tags),
    }
    return [_resource(item, properties)]


def _generic(item: Item) -> list[Resource]:
    """Types whose item has CloudFormation's shape but for the first letters."""
    properties = capitalised(item.configuration)
    properties.setdefault("Tags", tag_list(item.tags))
    if isinstance(properties.get("EventPattern"), str):
        properties["EventPattern"] = decoded(properties["EventPattern"])
    return [_resource(item, properties)]


_ADAPTERS: Mapping[str, Callable[[Item], list[Resource]]] = {
    "AWS::S3::Bucket": _bucket,
    "AWS::IAM::Role": _identity,
    "AWS::IAM::User": _identity,
    "AWS::IAM::Group": _identity,
    "AWS::IAM::Policy": _managed_policy,
    "AWS::CloudFront::Distribution": _distribution,
    "AWS::KMS::Key": _key,
    "AWS::KMS::Alias": _alias,
    "AWS::CloudTrail::Trail": _trail,
}
