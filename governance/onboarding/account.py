"""A look at the AWS account, read only, for ``averment init --account``: its buckets, and which services are in use.

What is refused is a reason in the result, never an exception: the proposal says what it could not see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from averment.core.aws import aws_errors, client, error_code, missing_permission
from averment.core.errors import IncompleteError
from averment.core.scope import MediaRole, Scope
from averment.evidence.collectors.media_objects import BUCKETS_A_PAGE

PERMISSIONS = (
    "cloudfront:ListDistributions",
    "organizations:DescribeOrganization",
    "rekognition:ListCollections",
    "s3:GetBucketLocation",
    "s3:GetBucketTagging",
    "s3:ListAllMyBuckets",
    "sagemaker:ListEndpoints",
    "sts:GetCallerIdentity",
)
"""All that is called. GetCallerIdentity needs no permission and is named for completeness."""

MOST_BUCKETS = 500
"""Of so many buckets the tags are asked; each is a request."""

ClientFactory = Callable[..., Any]


@dataclass(frozen=True)
class AccountBucket:
    """A bucket of the account that is taken for media, and why."""

    name: str
    role: MediaRole
    why: str


@dataclass
class AccountSurvey:
    """What the account shows. ``refused`` says what could not be looked at, and why."""

    account: str
    region: str | None
    organisation: str | None = None
    buckets: list[AccountBucket] = field(default_factory=list)
    others: int = 0
    services: dict[str, int] = field(default_factory=dict)
    regions: dict[str, int] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


def policy() -> dict[str, Any]:
    """The IAM policy that the look needs, and nothing else."""
    return {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "AvermentInit", "Effect": "Allow", "Action": list(PERMISSIONS), "Resource": "*"}],
    }


def survey_account(connect: ClientFactory = client) -> AccountSurvey:
    """Look at the account that the credentials at hand belong to; ``connect`` makes the clients, as ``core.aws.client`` does.

    Raises:
        IncompleteError: there are no credentials, or AWS can't be reached at all.
        MissingExtraError: boto3 isn't installed.
    """
    with aws_errors("ask AWS whose credentials these are"):
        sts = connect("sts")
        identity = sts.get_caller_identity()
    found = AccountSurvey(identity["Account"], sts.meta.region_name)
    _try(found, "the organisation", lambda: _organisation(found, connect))
    _try(found, "the buckets", lambda: _buckets(found, connect))
    _try(found, "CloudFront's distributions", lambda: _count(found, "CloudFront distributions", _distributions(connect)))
    if found.region is None:
        found.refused.append("Rekognition and SageMaker: no region is set")
        return found
    _try(found, "Rekognition's collections", partial(_collections, found, connect, found.region))
    _try(found, "SageMaker's endpoints", partial(_endpoints, found, connect, found.region))
    return found


def _try(found: AccountSurvey, what: str, look: Callable[[], None]) -> None:
    """Run ``look``; what AWS says against it becomes a reason."""
    try:
        with aws_errors(f"look at {what}"):
            look()
    except IncompleteError as error:
        found.refused.append(f"{what}: {_because(error)}")


def _because(error: IncompleteError) -> str:
    cause = error.__cause__
    denied = missing_permission(cause) if isinstance(cause, Exception) else None
    return f"not allowed to call {denied}" if denied else error.message


def _organisation(found: AccountSurvey, connect: ClientFactory) -> None:
    try:
        found.organisation = connect("organizations").describe_organization()["Organization"]["Id"]
    except Exception as error:
        if error_code(error) != "AWSOrganizationsNotInUseException":
            raise


def _distributions(connect: ClientFactory) -> list[Mapping[str, Any]]:
    pages = connect("cloudfront").get_paginator("list_distributions").paginate()
    return [item for page in pages for item in page["DistributionList"].get("Items", [])]


def _listed(api: Any, operation: str, key: str, **asked: Any) -> list[Any]:
    """What is under ``key`` on every page of the answer."""
    return [item for page in api.get_paginator(operation).paginate(**asked) for item in page.get(key, [])]


def _collections(found: AccountSurvey, connect: ClientFactory, region: str) -> None:
    _count(found, "Rekognition collections", _listed(connect("rekognition", region=region), "list_collections", "CollectionIds"))


def _endpoints(found: AccountSurvey, connect: ClientFactory, region: str) -> None:
    _count(found, "SageMaker endpoints", _listed(connect("sagemaker", region=region), "list_endpoints", "Endpoints"))


def _count(found: AccountSurvey, name: str, items: list[Any]) -> None:
    if items:
        found.services[name] = len(items)


def _buckets(found: AccountSurvey, connect: ClientFactory) -> None:
    s3, scope = connect("s3"), Scope()
    names = [item["Name"] for item in _listed(s3, "list_buckets", "Buckets", PaginationConfig={"PageSize": BUCKETS_A_PAGE})]
    if len(names) > MOST_BUCKETS:
        found.refused.append(f"the tags of {len(names) - MOST_BUCKETS} buckets: only the first {MOST_BUCKETS} are asked")
    for number, name in enumerate(names):
        tags = _tags(found, s3, name) if number < MOST_BUCKETS else {}
        role = scope.media_role(name, tags)
        if role is None:
            found.others += 1
            continue
        found.buckets.append(AccountBucket(name, role[0], role[1]))
        _try(found, f"the region of {name}", partial(_region, found, s3, name))


def _tags(found: AccountSurvey, s3: Any, name: str) -> dict[str, str]:
    got: dict[str, str] = {}

    def look() -> None:
        try:
            got.update({tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=name)["TagSet"]})
        except Exception as error:
            if error_code(error) != "NoSuchTagSet":
                raise

    _try(found, f"the tags of {name}", look)
    return got


def _region(found: AccountSurvey, s3: Any, name: str) -> None:
    region = s3.get_bucket_location(Bucket=name).get("LocationConstraint") or "us-east-1"
    region = "eu-west-1" if region == "EU" else region  # the old name, which S3 still answers with for old buckets
    found.regions[region] = found.regions.get(region, 0) + 1
