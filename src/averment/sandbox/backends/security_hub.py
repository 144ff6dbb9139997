"""Security Hub: findings are checked against botocore's service model and kept as the service keeps them; filters select.

moto takes any finding from anybody, overwrites what belongs to the customer, and ignores the filters of GetFindings. Here a
finding is known by product and id, must belong to the caller's account and be at most 240 KB, and an update that isn't newer
changes nothing. Note, UserDefinedFields, VerificationState and Workflow stay the customer's, as documented. Products that may send findings
can be enabled and listed.
Not covered: filters on other fields than the ones below, sorting, partners' products, standards and insights.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.securityhub.models import Finding
from moto.securityhub.responses import SecurityHubResponse
from moto.securityhub.urls import url_paths as _moto_paths

from averment.sandbox.validation import message, violations

MAX_BYTES = 240 * 1024
MAX_REQUIREMENT = 64
"""Characters of one of a finding's ``Compliance.RelatedRequirements``, which the service model doesn't tell."""

_CUSTOMERS = ("Note", "UserDefinedFields", "VerificationState", "Workflow")
_TEXTS = {
    "Id": ("Id",),
    "ProductArn": ("ProductArn",),
    "AwsAccountId": ("AwsAccountId",),
    "GeneratorId": ("GeneratorId",),
    "RecordState": ("RecordState",),
    "ComplianceStatus": ("Compliance", "Status"),
    "WorkflowStatus": ("Workflow", "Status"),
    "SeverityLabel": ("Severity", "Label"),
}
"""The filters on a text that are evaluated, and where the text stands."""


class CorrectedSecurityHub(SecurityHubResponse):  # type: ignore[misc]
    """moto's Security Hub with the limits and the memory of the real one."""

    def batch_import_findings(self) -> str:
        body = json.loads(self.body)
        self._require_enabled()
        wrong = list(violations(_shape("BatchImportFindings"), body))
        if wrong:
            raise JsonRESTError("InvalidInputException", message(wrong))
        failed = []
        for data in body["Findings"]:
            problem = self._problem(data)
            if problem:
                failed.append({"Id": data["Id"], "ErrorCode": "InvalidInput", "ErrorMessage": problem})
            else:
                self._keep(data)
        count = len(body["Findings"]) - len(failed)
        return json.dumps({"FailedCount": len(failed), "SuccessCount": count, "FailedFindings": failed})

    def get_findings(self) -> str:
        body = json.loads(self.body or "{}")
        self._require_enabled()
        wrong = list(violations(_shape("GetFindings"), body))
        if wrong:
            raise JsonRESTError("InvalidInputException", message(wrong))
        found = [item.data for item in self.securityhub_backend.findings if _selected(item.data, body.get("Filters", {}))]
        start, size = int(body.get("NextToken") or 0), int(body.get("MaxResults") or 100)
        more = {"NextToken": str(start + size)} if start + size < len(found) else {}
        return json.dumps({"Findings": found[start : start + size], **more})

    def enable_import_findings_for_product(self) -> str:
        body = json.loads(self.body)
        self._require_enabled()
        wrong = list(violations(_shape("EnableImportFindingsForProduct"), body))
        product = str(body.get("ProductArn", "")).partition(":product/")[2]
        if wrong or not product:
            raise JsonRESTError("InvalidInputException", message(wrong) if wrong else "ProductArn is not the ARN of a product")
        arn = f"arn:aws:securityhub:{self.region}:{self.current_account}:product-subscription/{product}"
        if arn in self._subscriptions:
            raise JsonRESTError("ResourceConflictException", f"Account {self.current_account} is already subscribed to {product}")
        self._subscriptions.append(arn)
        return json.dumps({"ProductSubscriptionArn": arn})

    def list_enabled_products_for_import(self) -> str:
        self._require_enabled()
        start, size = int(self._get_param("NextToken") or 0), int(self._get_param("MaxResults") or 100)
        more = {"NextToken": str(start + size)} if start + size < len(self._subscriptions) else {}
        return json.dumps({"ProductSubscriptions": self._subscriptions[start : start + size], **more})

    @property
    def _subscriptions(self) -> list[str]:
        found: list[str] = self.securityhub_backend.__dict__.setdefault(
            "product_subscriptions", []
        )  # emptied with all else by moto's reset
        return found

    def _require_enabled(self) -> None:
        if not self.securityhub_backend.enabled:
            raise JsonRESTError("InvalidAccessException", f"Account {self.current_account} is not subscribed to AWS Security Hub")

    def _problem(self, data: Mapping[str, Any]) -> str | None:
        own = f":securityhub:{self.region}:{self.current_account}:product/{self.current_account}/default"
        if not str(data["ProductArn"]).endswith(own) or data["AwsAccountId"] != self.current_account:
            return f"The finding isn't of the account {self.current_account}, which calls, or not of its default product"
        if not data["Resources"]:
            return "A finding needs a resource"
        for number, text in enumerate(data.get("Compliance", {}).get("RelatedRequirements", ())):
            if len(text) > MAX_REQUIREMENT:
                place = f"data.Compliance.RelatedRequirements[{number}]"
                return f"Finding does not adhere to Amazon Finding Format. {place} should NOT be longer than {MAX_REQUIREMENT} characters."
        return f"The finding is larger than {MAX_BYTES} bytes" if len(json.dumps(data).encode()) > MAX_BYTES else None

    def _keep(self, data: dict[str, Any]) -> None:
        provider = data.get("FindingProviderFields", {})
        given = {"RecordState": "ACTIVE", **({"Types": provider["Types"]} if "Types" in provider else {}), **data}
        given.setdefault("Severity", provider.get("Severity", {}))
        for known in self.securityhub_backend.findings:
            if (known.id, known.data["ProductArn"]) == (data["Id"], data["ProductArn"]):
                if data["UpdatedAt"] > known.data["UpdatedAt"]:
                    kept = {name: known.data[name] for name in _CUSTOMERS if name in known.data}
                    known.data = {**{name: value for name, value in given.items() if name not in _CUSTOMERS}, **kept}
                return
        self.securityhub_backend.findings.append(Finding(data["Id"], {"Workflow": {"Status": "NEW"}, **given}))


def _selected(data: Mapping[str, Any], filters: Mapping[str, Any]) -> bool:
    """Whether ``filters`` (all of them; of each one of its alternatives) select the finding."""
    for name, conditions in filters.items():
        if name == "ProductFields":
            if not any(_fits(data.get("ProductFields", {}).get(item["Key"], ""), item) for item in conditions):
                return False
            continue
        if name == "ResourceType":
            if not any(_fits(resource["Type"], item) for resource in data["Resources"] for item in conditions):
                return False
            continue
        if name not in _TEXTS:
            raise NotImplementedError(f"the filter {name} of GetFindings")
        value: Any = data
        for step in _TEXTS[name]:
            value = value.get(step, {}) if isinstance(value, Mapping) else {}
        if not any(_fits(value or "", item) for item in conditions):
            return False
    return True


def _fits(value: str, condition: Mapping[str, str]) -> bool:
    wanted, comparison = condition["Value"], condition["Comparison"]
    if comparison == "EQUALS":
        return value == wanted
    if comparison == "PREFIX":
        return value.startswith(wanted)
    if comparison == "NOT_EQUALS":
        return value != wanted
    raise NotImplementedError(f"the comparison {comparison} of GetFindings")


@cache
def _shape(operation: str) -> Any:
    import botocore.session

    return botocore.session.get_session().get_service_model("securityhub").operation_model(operation).input_shape


url_paths = dict.fromkeys([*_moto_paths, "{0}/productSubscriptions$"], CorrectedSecurityHub.dispatch)
