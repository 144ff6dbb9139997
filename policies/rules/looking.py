"""Whether a function that takes uploads may look at them before it writes, and what a rule says of a bucket of which that isn't known."""

from __future__ import annotations

import re
from dataclasses import dataclass

from averment.core.words import Verdict
from averment.policies.graph.model import Graph, Resource, Unknown
from averment.policies.iam.carriers import identity_documents
from averment.policies.interface import NOT_APPLICABLE, Outcome, unknown
from averment.policies.rules.apis import FUNCTION, Door, role_of
from averment.policies.rules.grants import INVOKING, grants_of

_LOOKING = ("rekognition:DetectModerationLabels", *INVOKING)
"""What a function does with a picture that it is sent: it asks Rekognition whether it may be shown, or a model behind an endpoint."""
_PRESIGNING = re.compile(r"presign|pre-sign|signed|sign-?(?:url|s3)|(?:put|upload)-?(?:url|link)", re.IGNORECASE)
"""What comes by a link that a function hands out doesn't come through the function."""


@dataclass(frozen=True)
class Unclear:
    """Why it can't be told whether people put what nobody has seen into a bucket, and how a message goes on about it if they do."""

    why: Unknown
    then: str


def perhaps(outcome: Outcome, bucket: Resource, doubt: Unclear) -> Outcome:
    """``outcome`` of a bucket of which it isn't known whether it takes uploads: only what would be a failure is worth a question."""
    if outcome.verdict is not Verdict.FAIL:
        return NOT_APPLICABLE
    return unknown(f"{doubt.why.reason}; {doubt.then}: {outcome.message}", where=bucket.where("CorsConfiguration"))


def look(function: Resource, door: Door, graph: Graph) -> str | None:
    """The permission by which ``function`` may look at what it is sent; None where it has none, or hands out links to upload by.

    A role that others run as as well says nothing of this one.
    """
    if any(_PRESIGNING.search(str(name)) for name in (door.label, function.address, function.get("FunctionName"))):
        return None
    role = role_of(function, graph)
    if role is None or sum(role_of(other, graph) is role for other in graph.of_type(FUNCTION)) > 1:
        return None
    return next((grant.text for grant in grants_of(list(identity_documents(role, graph)), _LOOKING) if grant.explicit), None)
