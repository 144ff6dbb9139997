"""Remediation configurations: put, described, deleted. Nothing here runs one (moto's Systems Manager runs no automation)."""

from __future__ import annotations

import json
import re
from typing import Any

from averment.sandbox.backends.config.base import ConfigOperations
from averment.sandbox.backends.config.errors import invalid, refused
from averment.sandbox.backends.config.state import JSON, identifier, rule_named, state

_DOCUMENT_ARN = re.compile(r"arn:[\w-]+:ssm:(?P<region>[\w-]+):(?P<account>\d{12}):(?:automation-definition|document)/(?P<name>[^:]+).*")
_AMAZON = ("AWS-", "AWSConfigRemediation-", "AWSSupport-", "AWSDocs-")
"""How the names of Amazon's own documents begin; those exist without being created, and aren't looked up here."""


class RemediationOperations(ConfigOperations):
    """PutRemediationConfigurations and its relatives."""

    def put_remediation_configurations(self) -> str:
        for configuration in self._request()["RemediationConfigurations"]:
            check_remediation(self.config_backend, configuration)
            rule = rule_named(self.config_backend, configuration["ConfigRuleName"])
            if rule.created_by is not None:
                raise invalid(f"The rule {rule.config_rule_name} is owned by a service; its remediation can't be put by the account.")
        for configuration in self._request()["RemediationConfigurations"]:
            keep_remediation(self.config_backend, configuration)
        return json.dumps({"FailedBatches": []})

    def describe_remediation_configurations(self) -> str:
        names = self._request()["ConfigRuleNames"]
        kept = self._state.remediations
        return json.dumps({"RemediationConfigurations": [kept[name] for name in names if name in kept]})

    def delete_remediation_configuration(self) -> str:
        name = self._request()["ConfigRuleName"]
        kept = self._state.remediations.get(name)
        if kept is None:
            raise refused("NoSuchRemediationConfigurationException", f"No RemediationConfiguration for rule {name} exists.")
        if kept.get("CreatedByService"):
            raise invalid(f"The remediation of {name} is owned by a service and can't be deleted by the account.")
        del self._state.remediations[name]
        return "{}"


def check_remediation(backend: Any, configuration: JSON) -> None:
    """Refuse a remediation that the service would: no such rule or document, a parameter without one value, automatic without a role.

    Raises:
        JsonRESTError: the service's refusal.
    """
    rule_named(backend, configuration["ConfigRuleName"])
    target = configuration["TargetId"]
    if not _document_exists(backend, target):
        raise invalid(f"Cannot find the SSM document {target}. Check its name, and whether it is shared with this account.")
    for name, value in (configuration.get("Parameters") or {}).items():
        if (value.get("StaticValue") is None) is (value.get("ResourceValue") is None):
            raise invalid(f"The parameter {name} must have either a StaticValue or a ResourceValue.")
    if configuration.get("Automatic") and not (configuration.get("Parameters") or {}).get("AutomationAssumeRole", {}).get("StaticValue"):
        raise invalid("An automatic remediation must have a value for the parameter AutomationAssumeRole.")


def keep_remediation(backend: Any, configuration: JSON, created_by: str | None = None) -> None:
    """Keep ``configuration``, completed as the service does; ``created_by`` is the service that owns its rule."""
    held = state(backend).remediations
    name = configuration["ConfigRuleName"]
    made = f"arn:{backend.partition}:config:{backend.region_name}:{backend.account_id}:remediation-configuration/{name}/{identifier(10)}"
    automatic = {"MaximumAutomaticAttempts": 5, "RetryAttemptSeconds": 60} if configuration.get("Automatic") else {}
    owner = {"CreatedByService": created_by} if created_by else {}
    held[name] = {"Automatic": False, **automatic, **configuration, "Arn": held.get(name, {}).get("Arn", made), **owner}


def _document_exists(backend: Any, target: str) -> bool:
    from moto.ssm.models import ssm_backends

    match = _DOCUMENT_ARN.fullmatch(target)
    name = match["name"] if match else target
    if name.startswith(_AMAZON):
        return True
    region, account = (match["region"], match["account"]) if match else (backend.region_name, backend.account_id)
    return name in ssm_backends[account][region]._documents
