"""What an invalidation would be about. Changes nothing."""

import re
from typing import Any
from urllib.parse import quote, unquote

import boto3

MAX_TOLD = 2000
"""Characters of the paths in the summary, which asks for the approval: that may have 4,096 in all."""

AS_IT_IS = "/!$&'()+,:;=@"
"""Signs that CloudFront wants as they are: an invalidation that encodes them completes, and the copy stays."""


def handler(events: dict[str, Any], _context: Any) -> dict[str, Any]:
    """The batch for CreateInvalidation. Its caller reference is the execution's id, so that a repeated step invalidates once."""
    bad = [path for path in events["Paths"] if not path.startswith("/")]
    if bad:
        raise ValueError(f"a path begins with a slash: {', '.join(bad)}")
    within = [path for path in events["Paths"] if "*" in path[:-1]]
    if within:
        raise ValueError(f"a star counts at the end of a path alone, and within it is a sign of a name: {', '.join(within)}")
    paths = list(dict.fromkeys(way for path in events["Paths"] for way in _ways(path)))
    told = ", ".join(events["Paths"])
    if len(told) > MAX_TOLD:
        told = f"{told[:MAX_TOLD]}… ({len(events['Paths'])} paths; the execution's parameters have them all)"
    found = boto3.client("cloudfront").get_distribution(Id=events["DistributionId"])["Distribution"]
    return {
        "Summary": f"{found['DomainName']} forgets {told}",
        "DryRun": events["DryRun"],
        "Batch": {"Paths": {"Quantity": len(paths), "Items": paths}, "CallerReference": events["Execution"]},
        "NeedsApproval": bool(events["Approvers"]),
        "Undo": "[]",
    }


def _ways(path: str) -> list[str]:
    """The path in each way that a copy may be cached under: with as little encoded as may be, with everything, and as it was written."""
    bare, mark, query = path.partition("?")
    if mark:
        mark += quote(query, safe=AS_IT_IS + "?*%")
    elif bare.endswith("*"):
        bare, mark = bare[:-1], "*"
    encoded = re.fullmatch(r"(?:[^%]|%[0-9A-Fa-f]{2})*", bare)  # or a percent sign stands for itself
    plain = unquote(bare) if encoded else bare
    ways = [quote(plain, safe=AS_IT_IS).replace("~", "%7E"), quote(plain), *([quote(bare, safe=AS_IT_IS + "%")] if encoded else [])]
    return list(dict.fromkeys(f"{way}{mark}" for way in ways))
