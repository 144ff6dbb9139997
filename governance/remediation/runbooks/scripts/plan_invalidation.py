"""What an invalidation would be about. Changes nothing."""

from typing import Any

import boto3


def handler(events: dict[str, Any], _context: Any) -> dict[str, Any]:
    """The batch for CreateInvalidation. Its caller reference is the execution's id, so that a repeated step invalidates once."""
    bad = [path for path in events["Paths"] if not path.startswith("/")]
    if bad:
        raise ValueError(f"a path begins with a slash: {', '.join(bad)}")
    found = boto3.client("cloudfront").get_distribution(Id=events["DistributionId"])["Distribution"]
    return {
        "Summary": f"{found['DomainName']} forgets {', '.join(events['Paths'])}",
        "DryRun": events["DryRun"],
        "Batch": {"Paths": {"Quantity": len(events["Paths"]), "Items": events["Paths"]}, "CallerReference": events["Execution"]},
        "NeedsApproval": bool(events["Approvers"]),
        "Undo": "[]",
    }
