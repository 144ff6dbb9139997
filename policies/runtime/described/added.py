"""Facts that AWS Config leaves out of the items that it records, asked of the service and put beside what is recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from averment.core.aws import aws_errors
from averment.core.errors import IncompleteError
from averment.policies.rules.origins import bucket_of_host
from averment.policies.runtime.described.access_points import NO_POLICY
from averment.policies.runtime.described.ask import MAX_RESOURCES, Ask, answer_or_none
from averment.policies.surfaces.config.items import ADDED, WHY, Item, decoded, field, items_of, read_item

Facts = dict[str, Any]


@dataclass(frozen=True)
class Addition:
    """What is asked about resources of one type.

    ``actions`` are the IAM actions that this takes. ``rules`` are the only rules that read it (None: any), ``subjects``: only of the resource that is
    judged, not of its neighbours. ``missing`` says of an item whether the fact is missing there.
    """

    ask: Callable[[Ask, Item], Facts]
    actions: tuple[str, ...]
    missing: Callable[[Item], bool] = lambda _item: True
    rules: frozenset[str] | None = None
    subjects: bool = False

    def concerns(self, rule: str, *, subject: bool) -> bool:
        """Whether ``rule`` reads it of a resource, which is the one that is judged (``subject``) or a neighbour."""
        return (subject or not self.subjects) and (self.rules is None or rule in self.rules)


def with_added(ask: Ask, raw: Mapping[str, Any], rule: str, *, subject: bool) -> Mapping[str, Any]:
    """The item ``raw`` with the facts that ``rule`` needs of it, or with the reason why they can't be had.

    Raises:
        ValueError: ``raw`` is not a configuration item.
    """
    addition = ADDITIONS.get(str(raw.get("resourceType")))
    if addition is None or not addition.concerns(rule, subject=subject):
        return raw
    item = read_item(raw)
    if item.deleted or not item.recorded or not addition.missing(item):
        return raw
    try:
        with aws_errors(f"read more of {item.type} {item.id}"):
            facts = addition.ask(ask, item)
    except IncompleteError as error:
        facts = {WHY: error.message}
    return {**raw, "supplementaryConfiguration": {**(decoded(raw.get("supplementaryConfiguration")) or {}), ADDED: facts}}


def _trail(ask: Ask, item: Item) -> Facts:
    client = ask.client("cloudtrail")
    selectors = client.get_event_selectors(TrailName=item.arn)
    return {
        "IsLogging": client.get_trail_status(Name=item.arn).get("IsLogging") is True,
        "EventSelectors": selectors.get("EventSelectors"),
        "AdvancedEventSelectors": selectors.get("AdvancedEventSelectors"),
    }


def _table(ask: Ask, item: Item) -> Facts:
    name = field(item.configuration, "tableName") or item.name
    found = ask.client("dynamodb").describe_time_to_live(TableName=name).get("TimeToLiveDescription") or {}
    on = found.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    return {"TimeToLiveSpecification": {"Enabled": on, "AttributeName": found.get("AttributeName")} if found.get("AttributeName") else None}


def _bucket(ask: Ask, item: Item) -> Facts:
    name = field(item.configuration, "name") or item.name
    found: list[Facts] = []
    place: dict[str, Any] = {"Bucket": name}
    while len(found) < MAX_RESOURCES:
        answer = ask.client("s3").list_bucket_metrics_configurations(**place)
        found += [_metrics(entry) for entry in answer.get("MetricsConfigurationList") or ()]
        if not answer.get("IsTruncated"):
            break
        place["ContinuationToken"] = answer["NextContinuationToken"]
    return {"MetricsConfigurations": found or None}


def _metrics(entry: Mapping[str, Any]) -> Facts:
    """One metrics configuration as CloudFormation has it: without the filter around its parts."""
    chosen = entry.get("Filter") or {}
    both = chosen.get("And") or {}
    tags = both.get("Tags") or ([chosen["Tag"]] if chosen.get("Tag") else None)
    parts = {
        "Id": entry.get("Id"),
        "Prefix": chosen.get("Prefix") or both.get("Prefix"),
        "TagFilters": tags,
        "AccessPointArn": chosen.get("AccessPointArn") or both.get("AccessPointArn"),
    }
    return {key: value for key, value in parts.items() if value is not None}


def _function(ask: Ask, item: Item) -> Facts:
    """One listing for all functions: an account has many, and each rule asks about most of them.

    Raises:
        IncompleteError: Lambda doesn't list the function.
    """
    name = field(item.configuration, "functionName") or item.name
    found = next((entry for entry in ask.pages("lambda", "list_functions", "Functions") if entry["FunctionName"] == name), None)
    if found is None:
        raise IncompleteError(f"Lambda lists no function {name}")
    return {"Environment": found.get("Environment")}


def _access_point(ask: Ask, item: Item) -> Facts:
    name = field(item.configuration, "name") or item.name
    found = answer_or_none(ask.client("s3control").get_access_point_policy, NO_POLICY, AccountId=ask.account, Name=name)
    return {"Policy": (found or {}).get("Policy")}


def _regions_point(ask: Ask, item: Item) -> Facts:
    """Its policy, also where that isn't in force everywhere yet. S3 answers for such points in one region, wherever their buckets are."""
    name = field(item.configuration, "name") or item.name
    told = ask.client("s3control/us-west-2").get_multi_region_access_point_policy(AccountId=ask.account, Name=name).get("Policy") or {}
    return {"Policy": (told.get("Proposed") or told.get("Established") or {}).get("Policy") or None}


def _key(ask: Ask, item: Item) -> Facts:
    """The grants of a key, each as the statement that it amounts to."""
    return {"Grants": [_grant(entry) for entry in ask.pages("kms", "list_grants", "Grants", KeyId=item.arn)] or None}


def _grant(entry: Mapping[str, Any]) -> Facts:
    who = str(entry.get("GranteePrincipal"))  # KMS gives a service's name where a service has the grant
    actions = [f"kms:{operation}" for operation in entry.get("Operations") or ()]
    principal = {"Service" if who.endswith((".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu")) else "AWS": who}
    return {"Statement": [{"Sid": entry.get("GrantId"), "Effect": "Allow", "Principal": principal, "Action": actions, "Resource": "*"}]}


def _distribution(ask: Ask, item: Item) -> Facts:
    """The tags of the buckets behind a distribution, which may be in other regions than the inventory is of.

    Raises:
        botocore.exceptions.ClientError: none of them could be asked; one alone that is denied, another account's say, is left out.
    """
    from botocore.exceptions import ClientError

    origins = items_of(field(field(item.configuration, "distributionConfig"), "origins"))
    names = {name for origin in origins if (name := bucket_of_host(str(field(origin, "domainName"))))}
    found: Facts = {}
    refused: list[ClientError] = []
    for name in sorted(names):
        try:
            answer = answer_or_none(ask.client("s3").get_bucket_tagging, "NoSuchTagSet", Bucket=name)
        except ClientError as error:
            refused.append(error)
        else:
            found[name] = (answer or {}).get("TagSet") or []
    if refused and not found:
        raise refused[0]
    return {"OriginTags": found}


ADDITIONS: Mapping[str, Addition] = {
    "AWS::CloudFront::Distribution": Addition(_distribution, ("s3:GetBucketTagging",), rules=frozenset({"cdn-media-gated"}), subjects=True),
    "AWS::CloudTrail::Trail": Addition(_trail, ("cloudtrail:GetEventSelectors", "cloudtrail:GetTrailStatus")),
    "AWS::DynamoDB::Table": Addition(_table, ("dynamodb:DescribeTimeToLive",)),
    "AWS::KMS::Key": Addition(
        _key,
        ("kms:ListGrants",),
        missing=lambda item: field(item.configuration, "keyUsage") == "SIGN_VERIFY",
        rules=frozenset({"signing-key-fit"}),
        subjects=True,
    ),
    "AWS::Lambda::Function": Addition(
        _function, ("lambda:ListFunctions",), missing=lambda item: field(item.configuration, "environment") is None
    ),
    "AWS::S3::AccessPoint": Addition(
        _access_point, ("s3:GetAccessPointPolicy",), missing=lambda item: field(item.configuration, "policy") is None
    ),
    "AWS::S3::MultiRegionAccessPoint": Addition(_regions_point, ("s3:GetMultiRegionAccessPointPolicy",)),
    "AWS::S3::Bucket": Addition(_bucket, ("s3:GetMetricsConfiguration",), rules=frozenset({"upload-anomaly-alarm"}), subjects=True),
}
"""By Config's name of the type. Metrics configurations are one call a bucket, and grants one a key, so they are asked for the one rule that
reads them."""
