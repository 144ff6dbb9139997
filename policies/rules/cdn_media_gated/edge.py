"""Whether what a cache behaviour asks at the edge can refuse a request: functions, and signed URLs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from averment.policies.graph.model import Graph, Resource, Unknown

FUNCTION = "AWS::CloudFront::Function"
_FUNCTIONS, _LAMBDAS = "FunctionAssociations", "LambdaFunctionAssociations"
_EVENTS = {_FUNCTIONS: ("viewer-request",), _LAMBDAS: ("viewer-request", "origin-request", "origin-response")}
_REFUSING = re.compile(
    r"""statusCode|\bthrow\b                      # it answers itself, or fails on purpose
    |["']cloudfront["']|\bkvs\b                  # it asks a key-value store, or picks another origin
    |\buri["']?\]?\s*[=:]\s*(["'`])             # it shows one certain object in place of what was asked for,
     (?!/?(?:index\.html?)?\1)                  # which isn't the start page: that is for every path of an application
     [^"'`$]*\1\s*(?:[;,)}\n]|/[/*]|$)""",
    re.VERBOSE,
)
"""Words without which a CloudFront function can only pass a request on. (Developer Guide, "CloudFront Functions event structure".)"""


def gate_of(behaviour: Mapping[str, Any], graph: Graph) -> bool | Unknown | Resource:
    """A function that can refuse: a CloudFront function on viewer-request, Lambda@Edge before or on the origin's answer.

    A viewer-response function can't change the status. Of a CloudFront function whose code is known that has to have a way to refuse; if
    none has, one that only passes requests on is what comes back. Signed URLs are a gate too: whoever signs them decides.
    """
    doubt: Unknown | None = None
    idle: Resource | None = None
    for key, events in _EVENTS.items():
        listed = behaviour.get(key)
        for entry in [listed] if isinstance(listed, Unknown) else listed if isinstance(listed, list) else ():
            event, arn = (entry.get("EventType"), entry.get("FunctionARN")) if isinstance(entry, Mapping) else (entry, None)
            if isinstance(event, Unknown):
                doubt = event
            elif event in events:
                idle = _passing_on(arn, graph)
                if idle is None:
                    return True
    for key in ("TrustedKeyGroups", "TrustedSigners"):
        listed = behaviour.get(key)
        if isinstance(listed, Unknown):
            doubt = listed
        elif listed:
            return True
    return doubt or idle or False


def _passing_on(arn: Any, graph: Graph) -> Resource | None:
    """The CloudFront function that ``arn`` means, if its code is known and can't refuse a request."""
    found, code = code_of(arn, graph)
    return found if code and not _REFUSING.search(code) else None


def code_of(arn: Any, graph: Graph) -> tuple[Resource | None, str]:
    """The CloudFront function that ``arn`` means, and its code; empty where it wasn't read."""
    found = graph.target(arn)
    if isinstance(arn, str) and ":function/" in arn:
        found = next(iter(graph.holding(FUNCTION, "Name", arn.rpartition("/")[2])), None)
    if not isinstance(found, Resource) or found.type != FUNCTION:
        return None, ""
    code = found.get("FunctionCode")
    return found, code.strip() if isinstance(code, str) else ""
