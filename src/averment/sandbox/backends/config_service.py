"""AWS Config: what moto lacks of it and gets wrong, put together and bound to its one address.

Recorder settings, aggregators and queries are moto's; ``config`` has the rest by concern. Requests are checked against botocore's service
model, whoever answers them.
"""

from __future__ import annotations

from averment.sandbox.backends.config.aggregates import AggregateOperations
from averment.sandbox.backends.config.evaluations import EvaluationOperations
from averment.sandbox.backends.config.functions import forget
from averment.sandbox.backends.config.items import ItemOperations
from averment.sandbox.backends.config.organization import OrganizationOperations
from averment.sandbox.backends.config.pack_compliance import PackComplianceOperations
from averment.sandbox.backends.config.packs import PackOperations
from averment.sandbox.backends.config.proactive import ProactiveOperations
from averment.sandbox.backends.config.remediation import RemediationOperations
from averment.sandbox.backends.config.rules import RuleOperations
from averment.sandbox.backends.config.running import RunOperations
from averment.sandbox.backends.config.state import issue_token
from averment.sandbox.backends.config.tags import TagOperations

__all__ = ["CorrectedConfig", "forget", "issue_token", "url_paths"]


class CorrectedConfig(
    ItemOperations,
    ProactiveOperations,
    RuleOperations,
    EvaluationOperations,
    RunOperations,
    PackOperations,
    PackComplianceOperations,
    RemediationOperations,
    OrganizationOperations,
    AggregateOperations,
    TagOperations,
):
    """moto's Config with everything of ours."""


url_paths = {"{0}/$": CorrectedConfig.dispatch}
