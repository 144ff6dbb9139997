"""What an invalidation would be about. Changes nothing."""

from typing import Any

import boto3

MAX_TOLD = 2000
"""Characters of the paths in the summary, which asks for the approval: that may have 4,096 in all."""


def handler(events: dict[str, Any], _context: Any) -> dict[str, Any]:
    """The batch for CreateInvalidation. Its caller reference is the execution's id, so that a repeated step invalidates once."""
    bad = [path for path in events["Paths"] if not path.startswith("/")]
    if bad:
        raise ValueError(f"a path begins with a slash: {', '.join(bad)}")
    told = ", ".join(events["Paths"])
    if len(told) > MAX_TOLD:
        told = f"{told[:MAX_TOLD]}… ({len(events['Paths'])} paths; the execution's parameters have them all)"
    found = boto3.client("cloudfront").get_distribution(Id=events["DistributionId"])["Distribution"]
    return {
        "Summary": f"{found['DomainName']} forgets {told}",
        "DryRun": events["DryRun"],
        "Batch": {"Paths": {"Quantity": len(events["Paths"]), "Items": events["Paths"]}, "CallerReference": events["Execution"]},
        "NeedsApproval": bool(events["Approvers"]),
        "Undo": "[]",
    }
