"""The graph of a root module: every resource mapped, and what belongs inside another resource merged into it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from averment.core.source import SourceRef
from averment.policies.graph import terraform_iam, terraform_s3, terraform_tables, terraform_tables_models
from averment.policies.graph.by_name import linked_by_name
from averment.policies.graph.certain import Certain
from averment.policies.graph.model import Graph, Problem, PropertyPath, Reference, Resource, Unknown
from averment.policies.graph.outside import (
    UNJUDGED,
    Names,
    Outsiders,
    Place,
    link_owners,
    listed,
    open_urls,
)
from averment.policies.graph.terraform_map import Mapped, Shape, TerraformResource, deep_merge, mapped, pass_through
from averment.policies.graph.terraform_satellites import SATELLITES
from averment.policies.graph.text import parsed_json
from averment.policies.graph.unjudged import UNDESCRIBED, undescribed, unjudged

_SHAPES: Mapping[str, Shape] = {
    **terraform_tables.SHAPES,
    **terraform_tables_models.SHAPES,
    **terraform_iam.SHAPES,
    **terraform_s3.SHAPES,
}
_ALIASES = {
    "aws_alb": "aws_lb",
    "aws_cloudfront_multitenant_distribution": "aws_cloudfront_distribution",
    "aws_cloudwatch_event_bus_policy": "aws_cloudwatch_event_permission",
    "aws_kms_external_key": "aws_kms_key",
    "aws_kms_replica_external_key": "aws_kms_replica_key",
    "aws_s3_bucket_object": "aws_s3_object",
}
_SEVERAL = frozenset({"aws_s3_bucket_metric"})
"""Settings of which one owner has several; of all others, it has one."""

_OWN_POLICY = {
    "aws_s3_bucket": ("AWS::S3::BucketPolicy", "Bucket", False),
    "aws_sqs_queue": ("AWS::SQS::QueuePolicy", "Queues", True),
    "aws_sns_topic": ("AWS::SNS::TopicPolicy", "Topics", True),
}
"""Types whose policy may be an attribute: (type of the policy's resource, its link back, whether that is a list)."""


_AS_THEY_ARE = frozenset(
    {
        "aws_bedrock_provisioned_model_throughput",
        "aws_config_configuration_recorder_status",
        "aws_config_delivery_channel",
        "aws_lambda_function_event_invoke_config",
        "aws_s3_account_public_access_block",
    }
)
"""Types without a shape that rules look at all the same."""


def is_looked_at(kind: str) -> bool:
    """Whether a rule may look at resources of Terraform's type ``kind``, as far as is known here: many types concern none."""
    return _ALIASES.get(kind, kind) in _LOOKED_AT


def becomes(kind: str) -> str | None:
    """What resources of Terraform's type ``kind`` are called in a graph; None if that is by this type."""
    shape = _SHAPES.get(_ALIASES.get(kind, kind))
    return shape.type if shape is not None and shape.type != f"Terraform::{kind}" else None


def kinds() -> frozenset[str]:
    """What resources of Terraform are called in a graph where it isn't by their own type."""
    policies = (policy for policy, *_ in _OWN_POLICY.values())
    return frozenset({*(shape.type for shape in _SHAPES.values()), *policies})


_LOOKED_AT = frozenset({*_SHAPES, *SATELLITES, *terraform_iam.ATTACHMENTS, *_AS_THEY_ARE, "aws_cloudformation_stack"})


def normal_graph(found: Iterable[TerraformResource], problems: Iterable[Problem]) -> Graph:
    """The graph of a root module's resources."""
    items = list(found)
    graph = _made(items, problems)
    hinges = {item.address: item.hinges for item in items if item.hinges and is_looked_at(item.type)}
    if hinges:
        graph.certain = Certain(hinges, lambda left_out: _made([item for item in items if item.address not in left_out])).around
    return graph


def _made(items: list[TerraformResource], problems: Iterable[Problem] = ()) -> Graph:
    build = _Build(items)
    build.run()
    return Graph(build.resources.values(), [*problems, *build.problems])


class _Build:
    """Maps in two passes, because a satellite may stand before its owner."""

    def __init__(self, found: list[TerraformResource]) -> None:
        self.found = found
        self.written = {item.address: item for item in found}
        self.resources: dict[str, Resource] = {}
        self.outsiders = Outsiders(self.resources)
        self.names = Names(self.resources)
        self.unjudged: dict[str, SourceRef] = {}
        self.settled: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {}
        self.problems: list[Problem] = []

    def run(self) -> None:
        later: list[TerraformResource] = []
        for written in self.found:
            item = terraform_s3.with_acl(written)
            shape = _SHAPES.get(_ALIASES.get(item.type, item.type))
            if shape is not None:
                self.add(mapped(item, shape))
                self.own_policy(item)
            else:
                later.append(item)
        for item in later:
            self.satellite(item)
        self.endpoints()
        linked_by_name(self.resources)
        link_owners(self.resources, lambda value: self.owner(value, "AWS::S3::Bucket", "BucketName"), self.outsiders)
        self.problems += [*self.outsiders.problem(), *self.rivals()]
        self.unjudged.update({url.address: url.source for url in open_urls(self.resources)})
        self.problems += listed(self.unjudged, UNJUDGED)
        self.problems += listed({api.address: api.source for api in undescribed(self.resources)}, UNDESCRIBED)
        self.problems += _not_read(self.found)

    def add(self, resource: Resource) -> None:
        if resource.address in self.resources:
            first = self.resources[resource.address].source
            self.problems.append(Problem(f"{resource.address} is already defined at {first}; this one was not checked", resource.source))
            return
        self.resources[resource.address] = resource

    def own_policy(self, item: TerraformResource) -> None:
        """A policy written as an attribute of the bucket, queue or topic itself."""
        policy = item.values.get("policy")
        if item.type not in _OWN_POLICY or policy in (None, ""):
            return
        kind, link, many = _OWN_POLICY[item.type]
        reference = Reference(item.address)
        place = item.places.get(("policy",), item.source)
        properties = {link: [reference] if many else reference, "PolicyDocument": parsed_json(policy)}
        lines: dict[PropertyPath, SourceRef] = {("PolicyDocument",): place}
        self.add(Resource(f"{item.address}.policy", kind, properties, item.source, item.dialect, item.type, lines, item.comments))

    def rivals(self) -> Iterator[Problem]:
        """Several policies of one bucket, which can have one: each is judged, and that only the last to be applied will hold is said."""
        surely = {item.address for item in self.found if not item.hinges}
        of_bucket: dict[str, list[Resource]] = {}
        for policy in self.resources.values():
            if policy.type == "AWS::S3::BucketPolicy" and policy.address.removesuffix(".policy") in surely:
                owner = self.owner(policy.get("Bucket"), "AWS::S3::Bucket", "BucketName")
                of_bucket.setdefault(owner.address if owner is not None else policy.address, []).append(policy)
        for bucket, policies in of_bucket.items():
            if any(policy.get("PolicyDocument") != policies[0].get("PolicyDocument") for policy in policies):
                names = " and ".join(policy.address for policy in policies)
                reason = (
                    f"{names} are policies of {bucket}, which has one: whichever is applied last holds, and which that is can't be told"
                )
                yield Problem(reason, policies[-1].source, blocking=False)

    def satellite(self, item: TerraformResource) -> None:
        """Merge a setting into its owner; one whose owner isn't read makes it appear, or is said not to be judged."""
        if item.type in terraform_iam.ATTACHMENTS:
            self.attachment(item)
            return
        known = SATELLITES.get(item.type)
        if known is None:
            self.add(pass_through(item))
            return
        link = item.values.get(known.link)
        owner, out = self.nearest(self.owner(link, known.owner, known.name), item, link, known.name), known.fill(item)
        if owner is None and known.outside:
            place = Place(item.address, item.source, item.dialect, item.type)
            owner = self.outsiders.owner(known.owner, link, item.address, place)
        if owner is None:
            if known.outside is False:
                self.unjudged[item.address] = item.source
            self.add(pass_through(item))
        elif known.entry:
            self.entry(item, owner, out, known.entry)
        elif item.type in _SEVERAL:
            self.into(item, owner, out, append=out.properties)
        else:
            self.into(item, owner, self.contended(item, owner, out))

    def contended(self, item: TerraformResource, owner: Resource, out: Mapped) -> Mapped:
        """``out``, unless another resource sets the same of ``owner`` otherwise: there is one such setting, and the last to be applied wins."""
        first, before = self.settled.setdefault((owner.address, item.type), (item.address, dict(out.properties)))
        for key in before.keys() | out.properties.keys():
            if before.get(key) != out.properties.get(key):
                out.properties[key] = Unknown(
                    f"{first} and {item.address} set it differently, and which of them is applied last can't be told"
                )
        return out

    def owner(self, value: Any, kind: str, name_key: str) -> Resource | None:
        """The resource that a satellite's link means: by reference, or by its name."""
        if isinstance(value, Reference):
            value = self.through(value)
            found = self.resources.get(value.address)
            if found is not None and found.type == kind:
                return found
        return self.names.owner(kind, name_key, value)

    def nearest(self, owner: Resource | None, item: TerraformResource, link: Any, name_key: str) -> Resource | None:
        """``owner``, or what has the same name in the region of ``item``, where it was found by the name: each region may have one of that name."""
        open_ = owner is None or isinstance(link, Reference) or not item.region or "${" in owner.region + item.region
        if owner is None or open_ or owner.region == item.region:
            return owner
        same = (
            one for one in self.resources.values() if one.type == owner.type and one.region == item.region and one.get(name_key) == link
        )
        return next(same, owner)

    def through(self, link: Reference) -> Reference:
        """A link to a bucket's setting means the bucket: their ids are its name (used to force an order of creation)."""
        for _ in range(8):
            item = self.written.get(link.address)
            onward = item.values.get("bucket") if item is not None and item.type.startswith("aws_s3_bucket_") else None
            if not isinstance(onward, Reference):
                break
            link = onward
        return link

    def endpoints(self) -> None:
        """Let an origin of a distribution that names the endpoint of a bucket's website link to the bucket: the website is a setting of it."""
        for resource in [resource for resource in self.resources.values() if resource.type == "AWS::CloudFront::Distribution"]:
            settings = resource.get("DistributionConfig")
            written = settings.get("Origins") if isinstance(settings, Mapping) else None
            linked = [self.of_website(origin) for origin in written] if isinstance(written, list) else written
            if linked != written:
                properties = {**resource.properties, "DistributionConfig": {**settings, "Origins": linked}}
                self.resources[resource.address] = replace(resource, properties=properties)

    def of_website(self, origin: Any) -> Any:
        """``origin`` with its domain linked to the bucket whose website it is, if it names one by the setting."""
        domain = origin.get("DomainName") if isinstance(origin, Mapping) else None
        item = self.written.get(domain.address) if isinstance(domain, Reference) else None
        if not isinstance(domain, Reference) or item is None or item.type != "aws_s3_bucket_website_configuration":
            return origin
        bucket = self.owner(item.values.get("bucket"), "AWS::S3::Bucket", "BucketName")
        return origin if bucket is None else {**origin, "DomainName": replace(domain, address=bucket.address)}

    def into(self, item: TerraformResource, owner: Resource, out: Mapped, *, append: Iterable[str] = ()) -> None:
        """Merge what a satellite says into its owner."""
        properties = _copied(owner.properties)
        deep_merge(properties, out.properties, append=append)
        lines = dict(owner.lines)
        for key in out.properties:
            lines[(key,)] = item.source
        lines.update(out.lines)
        comments = (*owner.comments, *item.comments)
        self.resources[owner.address] = replace(owner, properties=properties, lines=lines, comments=comments)

    def entry(self, item: TerraformResource, owner: Resource, out: Mapped, key: str) -> None:
        """One more entry of the owner's list ``key`` (an event target of its rule's ``Targets``)."""
        before = owner.get(key)
        position = len(before) if isinstance(before, list) else 0
        wrapped = Mapped({})
        wrapped.properties[key] = [out.properties]
        wrapped.lines[(key, position)] = item.source
        wrapped.lines.update({(key, position, *path): place for path, place in out.lines.items()})
        self.into(item, owner, wrapped, append=(key,))

    def attachment(self, item: TerraformResource) -> None:
        """An attachment adds to its holder's ``ManagedPolicyArns``.

        A holder that isn't in the graph (an existing role, a variable) appears under the attachment's address, so that what
        it is given is checked all the same; several attachments to one such holder make one of it.
        """
        for arn, place in _attached(item):
            for attribute, kind, name_key in terraform_iam.ATTACHMENTS[item.type]:
                value = item.values.get(attribute)
                for holder in value if isinstance(value, list) else [value] if value is not None else []:
                    owner = self.owner(holder, kind, name_key) or self.stranger(item, kind, name_key, holder)
                    before = owner.get("ManagedPolicyArns")
                    known = before if isinstance(before, list) else [] if before is None else [before]
                    out = Mapped({})
                    out.properties["ManagedPolicyArns"] = [*known, arn]
                    out.lines[("ManagedPolicyArns", len(known))] = place
                    self.into(item, owner, out)

    def stranger(self, item: TerraformResource, kind: str, name_key: str, holder: Any) -> Resource:
        """A holder that isn't in the graph, made where it is met first."""
        address = item.address
        count = 1
        while address in self.resources:
            count += 1
            address = f"{item.address}#{count}"
        properties = {name_key: holder}
        if kind == "AWS::IAM::Role":
            properties["AssumeRolePolicyDocument"] = Unknown("the role is not part of what was read")
        made = Resource(address, kind, properties, item.source, item.dialect, item.type)
        self.add(made)
        return made


def _attached(item: TerraformResource) -> Iterator[tuple[Any, SourceRef]]:
    """The policies that an attachment names, one or several, with their places."""
    one = item.values.get("policy_arn")
    several = item.values.get("policy_arns")
    if several is None:
        yield one, item.places.get(("policy_arn",), item.source)
        return
    for index, arn in enumerate(several if isinstance(several, list) else [several]):
        yield arn, item.places.get(("policy_arns", index), item.places.get(("policy_arns",), item.source))


_STACKS = frozenset(
    {
        "aws_cloudformation_stack",
        "aws_cloudformation_stack_set",
        "aws_cloudformation_stack_instances",
        "aws_serverlessapplicationrepository_cloudformation_stack",
        "aws_servicecatalog_provisioned_product",
    }
)


def _not_read(found: Iterable[TerraformResource]) -> Iterator[Problem]:
    """What makes AWS resources in a language that isn't Terraform's AWS provider's, or lets people in by ways that aren't read: said."""
    cloud_control: dict[str, SourceRef] = {}
    ways: dict[str, dict[str, SourceRef]] = {}
    for item in found:
        if item.type in _STACKS:
            yield Problem(f"{item.address}: what the stack's template makes is not read from here", item.source, blocking=False)
        elif item.type == "aws_cloudcontrolapi_resource":
            yield Problem(f"{item.address}: what the Cloud Control API makes is not read", item.source, blocking=False)
        elif item.type.startswith("awscc_"):
            cloud_control.setdefault(item.address, item.source)
        elif (said := unjudged(item.type, item.values)) is not None:
            ways.setdefault(said, {}).setdefault(item.address, item.source)
    yield from listed(cloud_control, "resources of the provider awscc are not read")
    for said, places in ways.items():
        yield from listed(places, said)


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value
