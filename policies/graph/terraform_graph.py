"""The graph of a root module: every resource mapped, and what belongs inside another resource merged into it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from averment.core.source import SourceRef
from averment.policies.graph import terraform_iam, terraform_s3, terraform_tables, terraform_tables_models
from averment.policies.graph.model import Graph, Problem, PropertyPath, Reference, Resource, Unknown
from averment.policies.graph.terraform_map import Mapped, Shape, TerraformResource, deep_merge, document, finish, mapped, pass_through
from averment.policies.graph.text import parsed_json

_SHAPES: Mapping[str, Shape] = {
    **terraform_tables.SHAPES,
    **terraform_tables_models.SHAPES,
    **terraform_iam.SHAPES,
    "aws_s3_bucket": terraform_s3.BUCKET,
    "aws_s3_bucket_policy": terraform_s3.POLICY,
    "aws_s3_access_point": terraform_s3.ACCESS_POINT,
}
_ALIASES = {
    "aws_alb": "aws_lb",
    "aws_cloudwatch_event_bus_policy": "aws_cloudwatch_event_permission",
    "aws_s3_bucket_object": "aws_s3_object",
}
_OWN_POLICY = {
    "aws_s3_bucket": ("AWS::S3::BucketPolicy", "Bucket", False),
    "aws_sqs_queue": ("AWS::SQS::QueuePolicy", "Queues", True),
    "aws_sns_topic": ("AWS::SNS::TopicPolicy", "Topics", True),
}
"""Types whose policy may be an attribute: (type of the policy's resource, its link back, whether that is a list)."""


def normal_graph(found: Iterable[TerraformResource], problems: Iterable[Problem]) -> Graph:
    """The graph of a root module's resources."""
    build = _Build(list(found))
    build.run()
    return Graph(build.resources.values(), [*problems, *build.problems])


class _Build:
    """Maps in two passes, because a satellite may stand before its owner."""

    def __init__(self, found: list[TerraformResource]) -> None:
        self.found = found
        self.written = {item.address: item for item in found}
        self.resources: dict[str, Resource] = {}
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
        properties = {link: [reference] if many else reference, "PolicyDocument": document(policy)}
        lines: dict[PropertyPath, SourceRef] = {("PolicyDocument",): place}
        self.add(Resource(f"{item.address}.policy", kind, properties, item.source, item.dialect, item.type, lines, item.comments))

    def satellite(self, item: TerraformResource) -> None:
        if item.type in terraform_s3.SETTINGS:
            out = Mapped(item.places)
            out.fill(item.values, terraform_s3.SETTINGS[item.type], rest=False)
            self.into(item, self.owner(item.values.get("bucket"), "AWS::S3::Bucket", "BucketName"), out)
        elif item.type == "aws_s3_bucket_notification":
            out = Mapped(item.places)
            out.properties["NotificationConfiguration"] = terraform_s3.notification(item.values)
            self.into(item, self.owner(item.values.get("bucket"), "AWS::S3::Bucket", "BucketName"), out)
        elif item.type == "aws_cloudwatch_event_target":
            self.target(item)
        elif item.type in terraform_iam.ATTACHMENTS:
            self.attachment(item)
        elif item.type == "aws_kms_key_policy":
            out = Mapped(item.places)
            out.put(("KeyPolicy",), parsed_json(item.values.get("policy")), ("policy",))
            self.into(item, self.owner(item.values.get("key_id"), "AWS::KMS::Key", "KeyId"), out)
        elif item.type == "aws_s3control_access_point_policy":
            out = Mapped(item.places)
            out.put(("Policy",), parsed_json(item.values.get("policy")), ("policy",))
            owner = self.owner(item.values.get("access_point_arn"), "AWS::S3::AccessPoint", "Name")
            if owner is None:
                reason = f"{item.address}: the access point isn't part of what was read, so its policy was not checked"
                self.problems.append(Problem(reason, item.source, blocking=False))
            self.into(item, owner, out)
        elif item.type == "aws_sqs_queue_redrive_policy":
            out = Mapped(item.places)
            out.put(("RedrivePolicy",), parsed_json(item.values.get("redrive_policy")), ("redrive_policy",))
            self.into(item, self.owner(item.values.get("queue_url"), "AWS::SQS::Queue", "QueueName"), out)
        else:
            self.add(pass_through(item))

    def owner(self, value: Any, kind: str, name_key: str) -> Resource | None:
        """The resource that a satellite's link means: by reference, or by its literal name."""
        if isinstance(value, Reference):
            value = self.through(value)
            found = self.resources.get(value.address)
            return found if found is not None and found.type == kind else None
        if isinstance(value, str):
            return next(
                (resource for resource in self.resources.values() if resource.type == kind and resource.get(name_key) == value), None
            )
        if isinstance(value, Unknown) and value.template and "${?}" not in value.template:  # both written with the same expression
            named = ((resource, resource.get(name_key)) for resource in self.resources.values() if resource.type == kind)
            return next((resource for resource, name in named if isinstance(name, Unknown) and name.template == value.template), None)
        return None

    def through(self, link: Reference) -> Reference:
        """A link to a bucket's setting means the bucket: their ids are its name (used to force an order of creation)."""
        for _ in range(8):
            item = self.written.get(link.address)
            onward = item.values.get("bucket") if item is not None and item.type.startswith("aws_s3_bucket_") else None
            if not isinstance(onward, Reference):
                break
            link = onward
        return link

    def into(self, item: TerraformResource, owner: Resource | None, out: Mapped, *, append: Iterable[str] = ()) -> None:
        """Merge what a satellite says into its owner; one whose owner isn't in the graph stays as it is."""
        if owner is None:
            self.add(pass_through(item))
            return
        properties = _copied(owner.properties)
        deep_merge(properties, out.properties, append=append)
        lines = dict(owner.lines)
        for key in out.properties:
            lines[(key,)] = item.source
        lines.update(out.lines)
        self.resources[owner.address] = Resource(
            owner.address,
            owner.type,
            properties,
            owner.source,
            owner.dialect,
            owner.native_type,
            lines,
            (*owner.comments, *item.comments),
        )

    def target(self, item: TerraformResource) -> None:
        rule = self.owner(item.values.get("rule"), "AWS::Events::Rule", "Name")
        out = Mapped(item.places)
        out.fill(item.values, terraform_tables.TARGET)
        if rule is None:
            self.add(finish(item, "Terraform::aws_cloudwatch_event_target", out))
            return
        position = len(rule.get("Targets") or ())
        wrapped = Mapped({})
        wrapped.properties["Targets"] = [out.properties]
        wrapped.lines[("Targets", position)] = item.source
        wrapped.lines.update({("Targets", position, *path): place for path, place in out.lines.items()})
        self.into(item, rule, wrapped, append=("Targets",))

    def attachment(self, item: TerraformResource) -> None:
        """An attachment adds to its holder's ``ManagedPolicyArns``.

        A holder that isn't in the graph (an existing role, a variable) appears under the attachment's address, so that what
        it is given is checked all the same.
        """
        arn = item.values.get("policy_arn")
        place = item.places.get(("policy_arn",), item.source)
        for attribute, kind, name_key in terraform_iam.ATTACHMENTS[item.type]:
            value = item.values.get(attribute)
            for holder in value if isinstance(value, list) else [value] if value is not None else []:
                owner = self.owner(holder, kind, name_key)
                if owner is None:
                    self.stranger(item, kind, name_key, holder, arn, place)
                    continue
                before = owner.get("ManagedPolicyArns")
                known = before if isinstance(before, list) else [] if before is None else [before]
                out = Mapped({})
                out.properties["ManagedPolicyArns"] = [*known, arn]
                out.lines[("ManagedPolicyArns", len(known))] = place
                self.into(item, owner, out)

    def stranger(self, item: TerraformResource, kind: str, name_key: str, holder: Any, arn: Any, place: SourceRef) -> None:
        address = item.address
        count = 1
        while address in self.resources:
            count += 1
            address = f"{item.address}#{count}"
        properties = {name_key: holder, "ManagedPolicyArns": [arn]}
        if kind == "AWS::IAM::Role":
            properties["AssumeRolePolicyDocument"] = Unknown("the role is not part of what was read")
        lines: dict[PropertyPath, SourceRef] = {("ManagedPolicyArns", 0): place}
        self.add(Resource(address, kind, properties, item.source, item.dialect, item.type, lines, item.comments))


_STACKS = frozenset(
    {
        "aws_cloudformation_stack",
        "aws_cloudformation_stack_set",
        "aws_cloudformation_stack_instances",
        "aws_serverlessapplicationrepository_cloudformation_stack",
    }
)


def _not_read(found: Iterable[TerraformResource]) -> Iterator[Problem]:
    """What makes AWS resources in a language that isn't Terraform's AWS provider's: said, never passed over."""
    cloud_control: dict[str, SourceRef] = {}
    for item in found:
        if item.type in _STACKS:
            yield Problem(f"{item.address}: what the stack's template makes is not read from here", item.source, blocking=False)
        elif item.type.startswith("awscc_"):
            cloud_control.setdefault(item.address, item.source)
    if cloud_control:
        names = list(cloud_control)
        some = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
        yield Problem(f"{some}: resources of the provider awscc are not read", cloud_control[names[0]], blocking=False)


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value
