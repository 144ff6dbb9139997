"""S3 Control: Object Lambda access points, which moto lacks. Access points, multi-region ones included, are moto's.

Requests are checked against botocore's service model. Names are the account's own in a region, the supporting access point must be there,
and a policy can be read once it was put. moto says of every access point that it stands in us-east-1; here it stands where it was made.
A client reaches S3 Control on the loopback only if it leaves the account out of the host name, as ``core.aws`` does: below an IP address
there are no names.
Whatever is refused is an InvalidRequest, also where S3 has a code of its own for it.
Not covered: what a policy says, its status, aliases, the limit of 1,000 in a region, requests for objects through these access points.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import get_service_model
from moto.s3control.exceptions import AccessPointNotFound, AccessPointPolicyNotFound, InvalidRequestException
from moto.s3control.responses import S3ControlResponse
from moto.s3control.urls import url_paths as _moto_paths

from averment.sandbox.validation import message, violations

_PAGE = 1000
_points: dict[tuple[str, str], dict[str, dict[str, Any]]] = defaultdict(dict)


def forget() -> None:
    """Remove every Object Lambda access point."""
    _points.clear()


class CorrectedS3Control(S3ControlResponse):  # type: ignore[misc]
    """moto's S3 Control with Object Lambda access points."""

    def create_access_point(self) -> ActionResult:
        super().create_access_point()
        point = self.backend.get_access_point(account_id=self._get_param("AccountId"), name=self._get_param("Name"))
        point.arn = point.arn.replace(":us-east-1:", f":{self.region}:", 1)
        return ActionResult({"AccessPointArn": point.arn, "Alias": point.alias})

    def create_access_point_for_object_lambda(self) -> ActionResult:
        request = self._request("CreateAccessPointForObjectLambda")
        name = request["Name"]
        if name in self._kept:
            raise InvalidRequestException(f"You have an Object Lambda access point {name} already")
        self._keep(name, request["Configuration"])
        arn = f"arn:aws:s3-object-lambda:{self.region}:{self.current_account}:accesspoint/{name}"
        self._kept[name] |= {"Name": name, "ObjectLambdaAccessPointArn": arn, "CreationDate": datetime.now(UTC)}
        return ActionResult({"ObjectLambdaAccessPointArn": arn})

    def list_access_points_for_object_lambda(self) -> ActionResult:
        request = self._request("ListAccessPointsForObjectLambda")
        names = sorted(self._kept)
        after, size = str(request.get("NextToken") or ""), int(request.get("MaxResults") or _PAGE)
        page = [name for name in names if name > after][:size]
        listed = [{key: self._kept[name][key] for key in ("Name", "ObjectLambdaAccessPointArn")} for name in page]
        more = {"NextToken": page[-1]} if page and page[-1] != names[-1] else {}
        return ActionResult({"ObjectLambdaAccessPointList": listed, **more})

    def get_access_point_for_object_lambda(self) -> ActionResult:
        found = self._found("GetAccessPointForObjectLambda")
        blocked = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
        return ActionResult({**{key: found[key] for key in ("Name", "CreationDate")}, "PublicAccessBlockConfiguration": blocked})

    def delete_access_point_for_object_lambda(self) -> EmptyResult:
        del self._kept[self._found("DeleteAccessPointForObjectLambda")["Name"]]
        return EmptyResult()

    def get_access_point_configuration_for_object_lambda(self) -> ActionResult:
        return ActionResult({"Configuration": self._found("GetAccessPointConfigurationForObjectLambda")["Configuration"]})

    def put_access_point_configuration_for_object_lambda(self) -> EmptyResult:
        found = self._found("PutAccessPointConfigurationForObjectLambda")
        self._keep(found["Name"], self.params["Configuration"])
        return EmptyResult()

    def get_access_point_policy_for_object_lambda(self) -> ActionResult:
        found = self._found("GetAccessPointPolicyForObjectLambda")
        if "Policy" not in found:
            raise AccessPointPolicyNotFound(found["Name"])
        return ActionResult({"Policy": found["Policy"]})

    def put_access_point_policy_for_object_lambda(self) -> EmptyResult:
        self._found("PutAccessPointPolicyForObjectLambda")["Policy"] = self.params["Policy"]
        return EmptyResult()

    def delete_access_point_policy_for_object_lambda(self) -> EmptyResult:
        self._found("DeleteAccessPointPolicyForObjectLambda").pop("Policy", None)
        return EmptyResult()

    @property
    def _kept(self) -> dict[str, dict[str, Any]]:
        return _points[self.current_account, self.region]

    def _request(self, operation: str) -> dict[str, Any]:
        request: dict[str, Any] = self.params
        if wrong := list(violations(get_service_model("s3control").operation_model(operation).input_shape, request)):
            raise InvalidRequestException(message(wrong))
        if request["AccountId"] != self.current_account:
            raise InvalidRequestException(f"The account {request['AccountId']} is not the one that calls")
        return request

    def _found(self, operation: str) -> dict[str, Any]:
        name = self._request(operation)["Name"]
        if name not in self._kept:
            raise AccessPointNotFound(name)
        return self._kept[name]

    def _keep(self, name: str, configuration: dict[str, Any]) -> None:
        supporting = str(configuration["SupportingAccessPoint"])
        known = self.backend.access_points[self.current_account].values()
        if all(point.arn != supporting for point in known):
            raise InvalidRequestException(f"The supporting access point {supporting} does not exist")
        self._kept.setdefault(name, {})["Configuration"] = configuration


_OURS = (
    "/v20180820/accesspointforobjectlambda",
    "/v20180820/accesspointforobjectlambda/<name>",
    "/v20180820/accesspointforobjectlambda/<name>/configuration",
    "/v20180820/accesspointforobjectlambda/<name>/policy",
)
url_paths = dict.fromkeys((*_moto_paths, *_OURS), CorrectedS3Control.dispatch)
