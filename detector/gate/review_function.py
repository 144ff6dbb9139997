"""The function through which people decide on held uploads, appeal decisions, and take down what is served.

It has the rights that this takes; people may read what is held, and call it. Who calls is proven (see ``callers``) and has to be one of
the deployment's reviewers, so that what is filed names who decided and not who they say they are. What the caller asks for is an
object ``{"asked": {...}, "proof": {...}}``; ``asked`` is one of

- ``{"do": "decide", "case", "revision", "decision", "reason"}``, ``{"do": "appeal", "case", "revision", "reason"}``;
- ``{"do": "takedown", "key", "reason"}``.

``revision`` is that of the case the person saw: a decision on a case that went on meanwhile is refused, and so is one that is sent twice. A takedown
is of a key: sent again while its proof is fresh, it takes down what is published there by then.
The answer is ``{"case": ...}``, ``{"takedown": ...}`` or ``{"error": {"kind", "message", "fix"}}``.

The function's role needs what ``Reviews`` does: on the quarantine bucket s3:GetObject(Version), s3:GetObject(Version)Tagging,
s3:PutObject(Version)Tagging and s3:ListBucket; on the published bucket s3:GetObject, s3:PutObject, s3:PutObjectTagging, s3:DeleteObject
and s3:ListBucket; on the table dynamodb:GetItem, BatchGetItem, PutItem and DeleteItem; logs:CreateLogStream and logs:PutLogEvents on the
verdicts; kms:Sign and kms:GetPublicKey on the seal's key; cloudfront:CreateInvalidation and GetInvalidation on the distribution and
cloudfront-keyvaluestore:DescribeKeyValueStore, PutKey and DeleteKey on the store, if they are named. STS needs to be asked for no permission.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from averment.core.canonical import JSON
from averment.core.errors import AvermentError, BadInputError, IncompleteError
from averment.core.http import check_url
from averment.detector.gate.callers import Caller, caller_of
from averment.detector.gate.delivery import PROPAGATION_SECONDS, admit_at_edge, take_down
from averment.detector.gate.edge_cache import addresses_of
from averment.detector.gate.ingest import Gate
from averment.detector.gate.reviews import People, Reviews
from averment.detector.gate.settings import Settings

_FIELDS: Mapping[str, Mapping[str, type]] = {
    "decide": {"case": str, "revision": int, "decision": str, "reason": str},
    "appeal": {"case": str, "revision": int, "reason": str},
    "takedown": {"key": str, "reason": str},
}
"""What each thing that can be asked for consists of, beside ``do``."""

SPARE_SECONDS = 30.0
"""Of the function's time, kept for what follows after the caches were emptied."""


@dataclass(frozen=True)
class Desk:
    """Who may decide at one deployment, and where its published media is served: ``reviewers`` are ARNs of roles or users of IAM,
    ``address`` is where viewers find the published bucket, such as ``https://media.shop.example``."""

    reviewers: tuple[str, ...]
    distribution: str | None = None
    key_value_store: str | None = None
    address: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Desk:
        """From ``AVERMENT_REVIEWERS`` (required, separated by commas), ``AVERMENT_DISTRIBUTION``, ``AVERMENT_KEY_VALUE_STORE`` and
        ``AVERMENT_MEDIA_ADDRESS``.

        Raises:
            BadInputError: nobody may decide, or the address is none.
        """

        def given(name: str) -> str | None:
            return environment.get(f"AVERMENT_{name}", "").strip() or None

        reviewers = tuple(arn for part in (given("REVIEWERS") or "").split(",") if (arn := part.strip()).startswith("arn:"))
        if not reviewers:
            raise BadInputError("AVERMENT_REVIEWERS names nobody who may decide", fix="set it to the ARNs of the reviewers' roles")
        address = given("MEDIA_ADDRESS")
        return cls(reviewers, given("DISTRIBUTION"), given("KEY_VALUE_STORE"), check_url(address).rstrip("/") if address else None)


def review_handler(event: Mapping[str, Any], context: Any) -> dict[str, JSON]:
    """The Lambda entry point; see the module for what is asked and answered. What was refused or failed is an answer as well.

    Raises:
        BadInputError: the function's settings are wrong: a mistake of the deployment, not of who asks.
    """
    settings, desk = Settings.from_environment(os.environ), Desk.from_environment(os.environ)
    if settings.cases is None:
        raise BadInputError("AVERMENT_CASES is not set", fix="name the table of cases")
    function, region = str(context.function_name), str(context.invoked_function_arn).split(":")[3]
    try:
        asked = _asked(event)
        caller = caller_of(event.get("proof"), asked, function, region)
        if not caller.is_one_of(desk.reviewers):
            raise BadInputError(f"{caller.arn} is none of the gate's reviewers", fix="assume the reviewers' role, then ask again")
        admit = partial(admit_at_edge, desk.key_value_store) if desk.key_value_store else None
        reviews = Reviews(Gate(replace(settings, trust=None, origin_keys=None), People()), authenticated=True, admit=admit)
        return _DOERS[asked["do"]](reviews, asked, caller, desk, context)
    except AvermentError as error:
        kind = "incomplete" if isinstance(error, IncompleteError) else "bad-input"
        return {"error": {"kind": kind, "message": error.message, "fix": error.fix}}


def _asked(event: Mapping[str, Any]) -> dict[str, Any]:
    asked = event.get("asked")
    fields = _FIELDS.get(str(asked.get("do"))) if isinstance(asked, dict) else None
    if not isinstance(asked, dict) or fields is None:
        raise BadInputError("nothing that can be done is asked for", fix=f"ask for one of {', '.join(_FIELDS)}")
    good = set(asked) == {"do", *fields} and all(type(asked[name]) is kind for name, kind in fields.items())
    if not good:
        raise BadInputError(f"what is asked is not as it should be: {asked['do']} takes {', '.join(fields)}", fix="use the same version")
    return asked


def _decide(reviews: Reviews, asked: Mapping[str, Any], caller: Caller, _desk: Desk, _context: Any) -> dict[str, JSON]:
    done = reviews.decide(asked["case"], asked["decision"], by=caller.by, reason=asked["reason"], seen=asked["revision"])
    return {"case": done.to_json()}


def _appeal(reviews: Reviews, asked: Mapping[str, Any], caller: Caller, _desk: Desk, _context: Any) -> dict[str, JSON]:
    return {"case": reviews.appeal(asked["case"], by=caller.by, reason=asked["reason"], seen=asked["revision"]).to_json()}


def _take_down(reviews: Reviews, asked: Mapping[str, Any], caller: Caller, desk: Desk, context: Any) -> dict[str, JSON]:
    left = context.get_remaining_time_in_millis() / 1000 - SPARE_SECONDS
    done = take_down(
        reviews,
        asked["key"],
        by=caller.by,
        reason=asked["reason"],
        distribution=desk.distribution,
        key_value_store=desk.key_value_store,
        addresses=[f"{desk.address}{path}" for path in addresses_of(asked["key"])] if desk.address else [],  # never one of the caller's
        patience=min(PROPAGATION_SECONDS, max(0.0, left)),
    )
    return {"takedown": done.to_json()}


_DOERS: Mapping[str, Callable[[Reviews, Mapping[str, Any], Caller, Desk, Any], dict[str, JSON]]] = {
    "decide": _decide,
    "appeal": _appeal,
    "takedown": _take_down,
}
