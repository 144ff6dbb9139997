"""Asking a service: clients, pages, bounds, and the item that is made of an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from averment.core.aws import error_code
from averment.core.errors import IncompleteError
from averment.core.regions import is_there, partition_of

_NO_SUCH_OPERATION = "Unable to determine service/operation name"
"""What a service says, as a denial, of an operation that it hasn't got in the region: Lambda of function URLs in Zurich, in Spain, and in others."""

MAX_RESOURCES = 20_000
"""Resources of one type that are fetched for one evaluation; more than that is refused aloud."""

_PAID_ELSEWHERE = frozenset({"budgets", "ce"})
"""Services of which a partition without them has nothing, while what they watch is watched in another."""

Item = dict[str, Any]


@dataclass
class Ask:
    """The services of one account and region. Each listing is fetched once.

    ``connect`` makes a client by the service's name (``s3control/us-west-2``: in a region of its own), ``identify`` says which account it
    is; either may raise botocore's errors.
    """

    connect: Callable[[str], Any]
    region: str
    identify: Callable[[], str]
    _account: str = ""
    _clients: dict[str, Any] = field(default_factory=dict)
    _listed: dict[tuple[str, str, str], list[Any]] = field(default_factory=dict)

    @property
    def account(self) -> str:
        """The number of the account."""
        if not self._account:
            self._account = self.identify()
        return self._account

    def client(self, service: str) -> Any:
        """The client of ``service``."""
        if service not in self._clients:
            self._clients[service] = self.connect(service)
        return self._clients[service]

    def pages(self, service: str, operation: str, key: str, **request: Any) -> list[Any]:
        """The entries under ``key`` (``Outer.Inner``) on every page of ``operation``; none where the service, or this operation of it, doesn't exist in the region.

        Raises:
            IncompleteError: there are more than ``MAX_RESOURCES``, or further pages that the boto3 that is there doesn't know how to ask for.
            botocore.exceptions.BotoCoreError, ClientError: the service refused or was out of reach.
        """
        name = (service, operation, repr(sorted(request.items())))
        if name not in self._listed:
            self._listed[name] = self._pages(service, operation, key, request)
        return self._listed[name]

    def _pages(self, service: str, operation: str, key: str, request: Mapping[str, Any]) -> list[Any]:
        from botocore.exceptions import ClientError, EndpointConnectionError

        client = self.client(service)
        one = not client.can_paginate(operation)
        found: list[Any] = []
        try:
            for answer in [getattr(client, operation)(**request)] if one else client.get_paginator(operation).paginate(**request):
                found.extend(_under(answer, key))
                if len(found) > MAX_RESOURCES:
                    raise IncompleteError(f"{service} lists more than {MAX_RESOURCES:,} entries ({operation})")
                if one and "MaxResults" not in request and _goes_on(answer):
                    raise IncompleteError(f"{service} has further pages of {operation}, which this boto3 can't ask for", fix="update boto3")
        except ClientError as error:
            if _NO_SUCH_OPERATION not in str(error):
                raise
        except EndpointConnectionError:
            if is_there(service.partition("/")[0], self.region):
                raise
            if service in _PAID_ELSEWHERE:
                raise IncompleteError(
                    f"{service} is not in {self.partition}, whose costs are watched in the account that pays for them"
                ) from None
        return found

    def takes(self, service: str, operation: str, parameter: str) -> bool:
        """Whether the boto3 that is there knows ``parameter`` of an operation (its name as the service's API has it)."""
        return parameter in self.client(service).meta.service_model.operation_model(operation).input_shape.members

    @property
    def partition(self) -> str:
        """The part of AWS that the region is in, as ARNs name it."""
        return partition_of(self.region)

    def arn(self, service: str, rest: str) -> str:
        """An ARN in this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{rest}"

    def item(self, kind: str, identity: str, arn: str, configuration: Mapping[str, Any], tags: Any = None) -> Item:
        """A configuration item as AWS Config would write it, had it recorded the resource."""
        return {
            "accountId": self.account,
            "awsRegion": self.region,
            "resourceType": kind,
            "resourceId": identity,
            "resourceName": identity,
            "arn": arn,
            "configurationItemStatus": "OK",
            "tags": tags or {},
            "configuration": {key: value for key, value in configuration.items() if value is not None},
        }


def _under(answer: Mapping[str, Any], key: str) -> list[Any]:
    """The list under ``key`` in ``answer``, parts of which are apart by dots; empty where there is none."""
    found: Any = answer
    for part in key.split("."):
        found = (found or {}).get(part)
    return list(found or ())


def _goes_on(answer: Mapping[str, Any]) -> bool:
    """Whether ``answer``, or the list within it, says that there is another page."""
    parts = (answer, *(value for value in answer.values() if isinstance(value, dict)))
    return any(value for part in parts for name, value in part.items() if name.startswith("Next"))


def answer_or_none(call: Callable[..., Mapping[str, Any]], code: str, **request: Any) -> Mapping[str, Any] | None:
    """What ``call`` answers to ``request``; None where the service says by the error ``code`` that there is nothing.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: the service refused for another reason, or was out of reach.
    """
    from botocore.exceptions import ClientError

    try:
        return call(**request)
    except ClientError as error:
        if error_code(error) == code:
            return None
        raise


def without(answer: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """``answer`` without what the client adds and without ``names`` (dates of the listing and the like)."""
    return {key: value for key, value in answer.items() if key not in ("ResponseMetadata", *names)}
