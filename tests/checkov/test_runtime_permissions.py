"""The IAM actions that the function behind the rules asks for, held against AWS's Service Authorization Reference.

The reference is the copy in policy_sentry, which Checkov brings; so these tests run in its environment.
"""

from __future__ import annotations

import pytest

from averment.policies.runtime.described.added import ADDITIONS
from averment.policies.runtime.described.table import DESCRIBED
from averment.policies.runtime.permissions import INVENTORY, REPORTING

querying = pytest.importorskip("policy_sentry.querying.actions")

ACTIONS = sorted({action for known in (*DESCRIBED.values(), *ADDITIONS.values()) for action in known.actions} | INVENTORY | REPORTING)


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_exists_and_only_reads(action: str):
    """A misspelt action is no permission, and nothing that writes belongs in the role, but for the report of verdicts."""
    service, name = action.split(":")
    found = querying.get_action_data(service, name)
    assert found, action
    levels = {entry["access_level"] for entry in found[service] if entry["action"] == action}
    assert levels <= {"Read", "List", "Write"}
    assert "Write" not in levels or action == "config:PutEvaluations"
