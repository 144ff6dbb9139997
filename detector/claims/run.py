"""Running claims: the one way in for the command line, reports and tests."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from averment.core.canonical import JSON
from averment.core.extras import require
from averment.core.words import counted
from averment.detector.claims import fields
from averment.detector.claims.environment import environment
from averment.detector.claims.interface import ClaimContext, ClaimPlan, ClaimResult, ClaimType, Look, Looks
from averment.detector.claims.observing import REPEATED
from averment.detector.claims.plots import plot_details
from averment.detector.claims.registry import claim_type
from averment.detector.claims.sequential import DEFAULT_CONFIDENCE, alike, level
from averment.detector.claims.statistics import MIN_UNITS
from averment.detector.claims.trace import Trace, TracedDetector
from averment.detector.interface import Family


def require_statistics() -> None:
    """Find out before any work whether claims can be tested here.

    Raises:
        MissingExtraError: numpy or scipy isn't installed.
    """
    for package in ("numpy", "scipy"):
        require(package, extra="detector", needed_for="testing claims")


def run_claim(spec: Mapping[str, Any], context: ClaimContext) -> ClaimResult:
    """Test the statement ``spec`` (as in a control's ``claim:``).

    Whatever its kind, the result's ``inputs`` pin the media that were read and the detector, and its ``details`` list the media with
    their scores and name the environment: what a second run is compared with. Claims on a family of attacks get their plots.

    Raises:
        BadInputError: the statement can't be tested as it stands.
        MissingExtraError: numpy or scipy isn't installed.
        IncompleteError: its population or its detector is out of reach.
    """
    require_statistics()
    kind = claim_type(spec)
    kind.read(spec)
    detector = context.detector if kind.needs_detector else None
    result, trace = _looked(kind, spec, replace(context, detector=detector))
    if repeated := result.details.get(REPEATED):
        again = (
            f"; {counted(repeated, 'image')} {'has' if repeated == 1 else 'have'} the bytes of another one, and count as one unit with it"
        )
        result = replace(result, reason=result.reason + again)
    if not kind.asks_anew and (stuck := _always_the_same(spec, trace)):
        result = replace(result, reason=result.reason + stuck)
    inputs: dict[str, JSON] = {**result.inputs, "media": trace.facts()}
    if detector is not None:
        inputs.setdefault("detector", detector.info.facts())
    told: dict[str, JSON] = {"media": trace.listed(), "environment": environment()}
    if detector is not None:
        told |= plot_details(trace, spec, detector.info.threshold)
    if detector is not None and context.detector_name is not None:
        told["detector_opened_as"] = context.detector_name
    return replace(result, inputs=inputs, details={**result.details, **told})


def _always_the_same(spec: Mapping[str, Any], trace: Trace) -> str:
    """What a reader has to know of a detector that gave every medium one probability, as the end of a sentence; "" where it didn't.

    One that is stuck raises no alarm, treats all groups alike, and loses nothing by any transform. So may one that only says yes or no.
    """
    family = spec.get("attack")
    given = [
        score.probabilities[Family(family)]
        for score in trace.scores.values()
        if family is not None and Family(family) in score.probabilities
    ]
    if len(given) < MIN_UNITS or len(set(given)) > 1:
        return ""
    return f"; all {len(given):,} media that got a probability of {family} got {given[0]:g}, as from a detector that sees none of them"


def _looked(kind: ClaimType, spec: Mapping[str, Any], context: ClaimContext) -> tuple[ClaimResult, Trace]:
    """The result, with the trace of what it was made of. Where the claim took itself for an earlier look once more, which it has to settle
    before it has read the media and heard of them, and read others than that look did, or came to another figure, it is made again as the look that
    it is."""
    looks = context.looks
    result, trace = _traced(kind, spec, context)
    taken_for = (result.look or {}).get("repeats")
    # "" is no medium's: should they change while they are read, no look is like it.
    for media, figure in ((trace.digest(), result.estimate), ("", None)):
        if looks is None or _as_it_says(result, trace, looks):
            break
        result, trace = _traced(kind, spec, replace(context, looks=replace(looks, media=media, figure=figure)))
    if looks is None or taken_for is None or (result.look or {}).get("repeats") is not None:
        return result, trace
    other = next((look for look in _known(looks) if look.record == taken_for and look.media == trace.digest()), None)
    if other is not None and other.figure is not None:
        told = (
            f"; of the same media a look before came to {other.figure:.4g}: whoever answers otherwise each time is looked at anew each time"
        )
        result = replace(result, reason=result.reason + told)
    return result, trace


def _traced(kind: ClaimType, spec: Mapping[str, Any], context: ClaimContext) -> tuple[ClaimResult, Trace]:
    trace = Trace()
    remembered = None if kind.asks_anew else context.remembered
    detector = context.detector
    if detector is not None:
        remark = secrets.token_hex(16).encode() if kind.timed and detector.elsewhere else None
        detector = TracedDetector(detector, trace, remembered, context.asked, remark)
    return kind.run(spec, replace(context, trace=trace, detector=detector)), trace


def _as_it_says(result: ClaimResult, trace: Trace, looks: Looks) -> bool:
    """Whether the media, and what they come to, are those of the look that the result says to repeat, if it does."""
    repeats = (result.look or {}).get("repeats")
    return repeats is None or any(
        look.record == repeats and look.media == trace.digest() and alike(look, result.estimate) for look in _known(looks)
    )


def _known(looks: Looks) -> tuple[Look, ...]:
    return (*looks.earlier, *looks.kin, *looks.near)


def plan_claim(spec: Mapping[str, Any], looks: Looks | None = None) -> ClaimPlan:
    """How many samples the statement needs, at the level that a look at new data has after the earlier ``looks``; none where these left nothing to
    spend, for then no sample decides it.

    Raises:
        BadInputError: the statement can't be tested as it stands.
    """
    require_statistics()
    kind = claim_type(spec)
    plan = kind.plan(spec)
    if looks is None or not kind.sequential:
        return plan
    confidence = float(spec.get("confidence", DEFAULT_CONFIDENCE))
    next_look = level(spec, confidence, looks, None)
    if next_look.spent:
        left = f"{next_look.nothing_left}, and another decides nothing"
        return replace(plan, statement=f"{plan.statement}{next_look.note()}", least=None, needs=(), lacks=(left,))
    stricter = kind.plan({**spec, "confidence": next_look.confidence})
    return replace(stricter, statement=f"{plan.statement}{next_look.note()}")


def check_claim(spec: Mapping[str, Any]) -> None:
    """Refuse a statement that can't be tested, without running it.

    Raises:
        BadInputError: an unknown type or field, or a bar or a confidence out of range.
    """
    claim_type(spec).read(spec)
    fields.stated_confidence(spec)
