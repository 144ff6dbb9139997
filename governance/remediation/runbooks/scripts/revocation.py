"""The policy that ends sessions which began before now: after the approval, for which an hour may have been waited. Changes nothing."""

import json
from datetime import UTC, datetime
from typing import Any


def handler(_events: dict[str, Any], _context: Any) -> dict[str, Any]:
    """A denial of everything to what was signed in before this moment."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    older = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"DateLessThan": {"aws:TokenIssueTime": now}}}
    return {"Revocation": json.dumps({"Version": "2012-10-17", "Statement": [older]})}
