"""AWS Config: what moto lacks of it and gets wrong, put together and bound to its one address.

Recorder, aggregators and queries are moto's; ``config`` has the rest by concern, this module the items that the recorder holds.
Requests are checked against botocore's service model, whoever answers them.
"""

from __future__ import annotations

import json

from moto.config.exceptions import ResourceNotDiscoveredException
from moto.config.models import RESOURCE_MAP

from averment.sandbox.backends.config.base import ConfigOperations
from averment.sandbox.backends.config.evaluations import EvaluationOperations
from averment.sandbox.backends.config.functions import forget
from averment.sandbox.backends.config.pack_compliance import PackComplianceOperations
from averment.sandbox.backends.config.packs import PackOperations
from averment.sandbox.backends.config.remediation import RemediationOperations
from averment.sandbox.backends.config.rules import RuleOperations
from averment.sandbox.backends.config.running import RunOperations
from averment.sandbox.backends.config.state import JSON, issue_token
from averment.sandbox.backends.config.tags import TagOperations
from averment.sandbox.backends.config_items import corrected
from averment.sandbox.backends.config_recorded import RECORDED
from averment.sandbox.backends.roles import policies_as_text

__all__ = ["CorrectedConfig", "forget", "issue_token", "url_paths"]


class ItemOperations(ConfigOperations):
    """The configuration items of the resources that are there."""

    def list_discovered_resources(self) -> str:
        request = self._request()
        kind = request["resourceType"]
        if not self._ours(kind):
            return str(super().list_discovered_resources())
        wanted, name = request.get("resourceIds"), request.get("resourceName")
        found: list[JSON] = [
            {key: item[key] for key in ("resourceType", "resourceId", "resourceName") if key in item}
            for item in RECORDED[kind](self._recorder())
            if (not wanted or item["resourceId"] in wanted) and name in (None, item["resourceName"])
        ]
        return self._page(request, "resourceIdentifiers", found, 100)

    def get_resource_config_history(self) -> str:
        request = self._request()
        policies_as_text(self.current_account)
        if not self._ours(request["resourceType"]):
            answer = json.loads(super().get_resource_config_history())
            return json.dumps({**answer, "configurationItems": [corrected(item) for item in answer["configurationItems"]]})
        found = self._recorded(request["resourceType"], {request["resourceId"]})
        if not found:
            raise ResourceNotDiscoveredException(request["resourceType"], request["resourceId"])
        return json.dumps({"configurationItems": found})

    def batch_get_resource_config(self) -> str:
        policies_as_text(self.current_account)
        ours: dict[str, set[str]] = {}
        for key in self._request()["resourceKeys"]:
            if self._ours(key["resourceType"]):
                ours.setdefault(key["resourceType"], set()).add(key["resourceId"])
        answer = json.loads(super().batch_get_resource_config())  # leaves out the types that it doesn't know
        found = [corrected(item) for item in answer["baseConfigurationItems"]]
        for kind, wanted in ours.items():
            found.extend(self._recorded(kind, wanted))
        return json.dumps({**answer, "baseConfigurationItems": found})

    def _ours(self, kind: str) -> bool:
        """Whether we make the items of ``kind``; False: moto does.

        Raises:
            NotImplementedError: nobody does. An empty answer would say that there is nothing of the kind.
        """
        if kind not in RECORDED and kind not in RESOURCE_MAP:
            raise NotImplementedError(f"AWS Config has no items of {kind} here")
        return kind in RECORDED

    def _recorded(self, kind: str, wanted: set[str]) -> list[JSON]:
        return [corrected(item) for item in RECORDED[kind](self._recorder()) if item["resourceId"] in wanted]


class CorrectedConfig(
    ItemOperations,
    RuleOperations,
    EvaluationOperations,
    RunOperations,
    PackOperations,
    PackComplianceOperations,
    RemediationOperations,
    TagOperations,
):
    """moto's Config with everything of ours."""


url_paths = {"{0}/$": CorrectedConfig.dispatch}
