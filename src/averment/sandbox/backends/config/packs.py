"""Conformance packs: put, described, deleted, and deployed between two requests.

A pack is in progress until somebody has seen that it is (DescribeConformancePackStatus, or a refusal because of it) or asks for
anything else; then it is deployed as a whole or not at all, as the stack behind it would be. So a first look finds CREATE_IN_PROGRESS
and the next one CREATE_COMPLETE, or CREATE_FAILED with the reason. Not covered: templates in SSM documents, managed packs, and
the CloudFormation stack itself (its ARN is given, no stack has it).
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

from moto.config.models import validate_tags

from averment.sandbox.backends.config.base import ConfigOperations
from averment.sandbox.backends.config.deployment import DeploymentError, deploy, withdraw
from averment.sandbox.backends.config.errors import invalid, no_such_pack, refused
from averment.sandbox.backends.config.state import JSON, identifier, state
from averment.sandbox.backends.config.template import Resource, TemplateError, read, template_error

MAX_PACKS = 50
MAX_PARAMETERS = 60
"""Input parameters of a custom pack, by the API reference; the service model's 330 is for managed packs."""

MAX_S3_BYTES = 300 * 1024
MAX_BODY_BYTES = 51_200

_OBSERVERS = (
    "DeleteConformancePack",
    "DeleteOrganizationConformancePack",
    "DescribeConformancePackStatus",
    "DescribeOrganizationConformancePackStatuses",
    "GetOrganizationConformancePackDetailedStatus",
    "PutConformancePack",
    "PutOrganizationConformancePack",
)
_S3_URI = re.compile(r"s3://(?P<bucket>[^/]+)/(?P<key>.+)")


@dataclass
class Pack:
    """A conformance pack. ``deployed``: the rules that it has now. ``pending``: resources to be deployed, None when all is done.

    ``seen``: whether somebody was told that it is in progress. ``created_by``: the service that owns it, if one does.
    """

    name: str
    pack_id: str
    arn: str
    stack_arn: str
    tags: dict[str, str]
    status: str = "CREATE_IN_PROGRESS"
    reason: str = ""
    requested: float = field(default_factory=time.time)
    completed: float | None = None
    request: JSON = field(default_factory=dict)
    deployed: tuple[str, ...] = ()
    pending: tuple[Resource, ...] | None = None
    seen: bool = False
    created_by: str | None = None

    @property
    def in_progress(self) -> bool:
        """Whether it is being created, updated or deleted."""
        return self.status.endswith("IN_PROGRESS")

    def described(self) -> JSON:
        """As DescribeConformancePacks gives it."""
        kept = ("DeliveryS3Bucket", "DeliveryS3KeyPrefix", "ConformancePackInputParameters")
        made = {"CreatedBy": self.created_by} if self.created_by else {}
        return {
            **self._names(),
            **{key: self.request[key] for key in kept if self.request.get(key)},
            "LastUpdateRequestedTime": self.requested,
            "Type": "CUSTOM",
            **made,
        }

    def status_detail(self) -> JSON:
        """As DescribeConformancePackStatus gives it."""
        reason = {"ConformancePackStatusReason": self.reason} if self.reason else {}
        completed = {"LastUpdateCompletedTime": self.completed} if self.completed else {}
        times = {"LastUpdateRequestedTime": self.requested, **completed}
        return {**self._names(), "ConformancePackState": self.status, "StackArn": self.stack_arn, **reason, **times, "Type": "CUSTOM"}

    def _names(self) -> JSON:
        return {"ConformancePackName": self.name, "ConformancePackArn": self.arn, "ConformancePackId": self.pack_id}


class PackOperations(ConfigOperations):
    """PutConformancePack and its relatives."""

    def _settle(self, action: str) -> None:
        settle(self.config_backend, observing=action in _OBSERVERS)

    def put_conformance_pack(self) -> str:
        request = self._request()
        pack = put_pack(self.config_backend, request)
        return json.dumps({"ConformancePackArn": pack.arn})

    def describe_conformance_packs(self) -> str:
        request = self._request()
        return self._page(request, "ConformancePackDetails", [pack.described() for pack in self._packs(request)], 20)

    def describe_conformance_pack_status(self) -> str:
        request = self._request()
        found = self._packs(request)
        answer = self._page(request, "ConformancePackStatusDetails", [pack.status_detail() for pack in found], 20)
        for pack in found:
            pack.seen = True
        return answer

    def delete_conformance_pack(self) -> str:
        delete_pack(self.config_backend, self._request()["ConformancePackName"])
        return ""

    def _packs(self, request: JSON) -> list[Pack]:
        wanted = (request.get("Filters") or {}).get("Types")
        if wanted and "CUSTOM" not in wanted:
            raise NotImplementedError("managed conformance packs aren't to be had here, so it can't say that there are none")
        return packs_named(self.config_backend, request.get("ConformancePackNames"))


def packs_named(backend: Any, names: list[str] | None) -> list[Pack]:
    """The packs ``names``, or all, in the order of their names.

    Raises:
        JsonRESTError: NoSuchConformancePackException.
    """
    held = state(backend).packs
    missing = [name for name in names or () if name not in held]
    if missing:
        raise no_such_pack(missing)
    return [held[name] for name in names or sorted(held)]


def put_pack(backend: Any, request: JSON, created_by: str | None = None) -> Pack:
    """Check PutConformancePack's ``request`` and take it on; deployed it is by ``settle``.

    Raises:
        JsonRESTError: the service's refusal.
        NotImplementedError: a managed pack or a template in an SSM document.
    """
    held, name = state(backend).packs, request["ConformancePackName"]
    tags = validate_tags(request.get("Tags") or [])
    parameters = parameters_of(request)
    text = template_text(backend, request)
    pack: Pack | None = held.get(name)
    if pack is None and len(held) >= MAX_PACKS:
        raise refused("MaxNumberOfConformancePacksExceededException", f"The maximum number of conformance packs: {MAX_PACKS} is reached.")
    _check_free(pack, created_by)
    pack_id = pack.pack_id if pack else f"conformance-pack-{identifier(9)}"
    stack = f"awsconfigconforms-{name}-{pack_id}"
    try:
        resources = read(text, parameters, _pseudo(backend, stack), f"-{pack_id}")
    except TemplateError as error:
        raise template_error(str(error)) from error
    if pack is None:
        base = f"arn:{backend.partition}:config:{backend.region_name}:{backend.account_id}:conformance-pack"
        stack_arn = f"arn:{backend.partition}:cloudformation:{backend.region_name}:{backend.account_id}:stack/{stack}/{identifier(12)}"
        pack = held[name] = Pack(name, pack_id, f"{base}/{name}/{pack_id}", stack_arn, tags, created_by=created_by)
    else:
        pack.status = "CREATE_IN_PROGRESS" if pack.status == "CREATE_FAILED" else "UPDATE_IN_PROGRESS"
    pack.request, pack.pending, pack.reason, pack.seen, pack.requested = request, resources, "", False, time.time()
    return pack


def delete_pack(backend: Any, name: str, created_by: str | None = None) -> None:
    """Begin to delete the pack ``name``.

    Raises:
        JsonRESTError: no such pack, one in progress, or another's.
    """
    (pack,) = packs_named(backend, [name])
    _check_free(pack, created_by)
    pack.status, pack.pending, pack.seen, pack.requested = "DELETE_IN_PROGRESS", (), False, time.time()


def settle(backend: Any, *, observing: bool = False) -> None:
    """Bring to its end what is in progress; ``observing``: only what somebody has seen to be."""
    held: dict[str, Pack] = state(backend).packs
    for pack in [pack for pack in held.values() if pack.in_progress and (pack.seen or not observing)]:
        if pack.status == "DELETE_IN_PROGRESS":
            withdraw(backend, pack.deployed)
            del held[pack.name]
        else:
            _deploy(backend, pack)


def parameters_of(request: JSON) -> dict[str, str]:
    """The input parameters of a pack, by name.

    Raises:
        JsonRESTError: more than 60, or one twice.
    """
    given = request.get("ConformancePackInputParameters") or []
    if len(given) > MAX_PARAMETERS:
        raise invalid(f"A custom conformance pack can have at most {MAX_PARAMETERS} input parameters; {len(given)} were given.")
    parameters = {item["ParameterName"]: item["ParameterValue"] for item in given}
    if len(parameters) < len(given):
        raise invalid("An input parameter is given more than once.")
    return parameters


def template_text(backend: Any, request: JSON) -> str:
    """The text of the template that ``request`` gives or names.

    Raises:
        JsonRESTError: not exactly one source, too large, or out of reach.
        NotImplementedError: a managed pack or an SSM document.
    """
    for member, what in (("Source", "managed conformance packs"), ("TemplateSSMDocumentDetails", "templates in SSM documents")):
        if request.get(member):
            raise NotImplementedError(f"{what} aren't to be had here")
    if request.get("Scope"):
        raise invalid("A Scope is supported for managed conformance packs only.")
    body, uri = request.get("TemplateBody"), request.get("TemplateS3Uri")
    if (body is None) is (uri is None):
        raise invalid("Specify exactly one of TemplateBody, TemplateS3Uri and TemplateSSMDocumentDetails.")
    if body is not None:
        if len(body.encode()) > MAX_BODY_BYTES:
            raise template_error(f"The template body has more than {MAX_BODY_BYTES} bytes")
        return str(body)
    content = _object(backend, str(uri))
    if len(content) > MAX_S3_BYTES:
        raise template_error("The template in S3 has more than 300 KB")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise template_error("The template in S3 isn't text") from error


def _check_free(pack: Pack | None, created_by: str | None) -> None:
    if pack is None:
        return
    if pack.created_by != created_by:
        raise refused("AccessDeniedException", f"The conformance pack {pack.name} is owned by a service.")
    if pack.in_progress:
        pack.seen = True
        raise refused("ResourceInUseException", f"Conformance pack {pack.name} is in state {pack.status}. Try again later.")


def _pseudo(backend: Any, stack: str) -> dict[str, str]:
    return {
        "AWS::AccountId": backend.account_id,
        "AWS::Partition": backend.partition,
        "AWS::Region": backend.region_name,
        "AWS::StackName": stack,
        "AWS::URLSuffix": "amazonaws.com.cn" if backend.partition == "aws-cn" else "amazonaws.com",
    }


def _object(backend: Any, uri: str) -> bytes:
    """The bytes at ``uri``, whichever account's bucket it is, in the pack's own region."""
    from moto.s3.models import s3_backends

    match = _S3_URI.fullmatch(uri)
    name, key = (match["bucket"], match["key"]) if match else ("", "")
    for by_partition in s3_backends.values():
        bucket = by_partition[backend.partition].buckets.get(name)
        if bucket is not None and bucket.region_name == backend.region_name:
            found = by_partition[backend.partition].get_object(name, key)
            if found is not None:
                return bytes(found.value)
    raise refused(
        "InsufficientPermissionsException", f"Cannot read the template {uri}. Check that it exists in this region and can be read."
    )


def _deploy(backend: Any, pack: Pack) -> None:
    creating, resources = pack.status == "CREATE_IN_PROGRESS", pack.pending or ()
    pack.pending = None
    try:
        pack.deployed = deploy(backend, resources, pack.deployed, pack.request.get("DeliveryS3Bucket"))
    except DeploymentError as error:
        pack.status, pack.reason = "CREATE_FAILED" if creating else "UPDATE_FAILED", str(error)[:2000]
    else:
        pack.status, pack.completed = "CREATE_COMPLETE" if creating else "UPDATE_COMPLETE", time.time()
