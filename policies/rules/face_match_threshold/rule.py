"""Code takes two faces for one only from a similarity on that tells people apart (SM-IDV-01)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from averment.core.source import SourceRef
from averment.core.words import Severity
from averment.policies.graph.model import Resource, Unknown
from averment.policies.interface import PASS, Context, Kind, Outcome, Rule, fail, unknown
from averment.policies.rules.code import AS_JSON, FUNCTION, entries, in_language
from averment.policies.rules.judge import worst_outcome

PARAMETER = "face_similarity"
THRESHOLDS = {
    "CompareFaces": "SimilarityThreshold",
    "SearchFacesByImage": "FaceMatchThreshold",
    "SearchFaces": "FaceMatchThreshold",
    "SearchUsersByImage": "UserMatchThreshold",
    "SearchUsers": "UserMatchThreshold",
}
DEFAULT = 80.0
"""What Rekognition takes where a request names nothing. Source: the Amazon Rekognition API reference, each of these operations."""
WIDE = 80.0
CLOSE = 99.0
"""What AWS recommends where a match decides something about a person, and from where on it takes a few wrong ones for tolerable, as in a
private photo album. Source: AWS, "The facts on facial recognition with artificial intelligence"."""


def evaluate(resource: Resource, context: Context) -> Outcome:
    """The verdict on one function: the worst of its requests for faces that are alike."""
    demanded = context.parameters.get(PARAMETER)
    if demanded is not None and not _is_similarity(demanded):
        return worst_outcome(_misconfigured(resource, demanded))
    first: dict[str, Outcome] = {}
    for outcome in _outcomes(resource, None if demanded is None else float(demanded)):
        first.setdefault(f"{outcome.verdict} {outcome.message}", outcome)  # the same request twice is one finding
    return worst_outcome(first.values())


def _is_similarity(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 1 < value <= 100


def _misconfigured(resource: Resource, demanded: Any) -> Iterator[Outcome]:
    for index, call in entries(resource, "Calls"):
        if call.get("Api") in THRESHOLDS:
            reason = f"the parameter {PARAMETER} is {demanded!r}; it is a similarity of more than 1 and at most 100, such as 99"
            yield unknown(reason, where=resource.where("Calls", index))


def _outcomes(resource: Resource, demanded: float | None) -> Iterator[Outcome]:
    for index, call in entries(resource, "Calls"):
        api, where = call.get("Api"), resource.where("Calls", index)
        if not isinstance(api, str) or api not in THRESHOLDS:
            continue  # an operation that is chosen at run time is a question of face-call-after-liveness
        if call.get("Certain") is not True:
            yield unknown(f"{api} is called on something that isn't known to be a Rekognition client", where=where)
            continue
        found = call.get("Similarity")
        if not isinstance(found, Mapping):
            yield unknown(f"which similarity {api} demands isn't known", where=where)
            continue
        yield from _of_call(resource, api, found, demanded, where)


def _of_call(resource: Resource, api: str, found: Mapping[str, Any], demanded: float | None, where: SourceRef) -> Iterator[Outcome]:
    """The verdicts on one request: on each similarity that it may ask for, with what the program itself demands of the answer."""
    bars = [bar for bar in found["Bars"] if not isinstance(bar, Unknown)]
    doubt = next((bar for bar in found["Bars"] if isinstance(bar, Unknown)), None)
    need = demanded if demanded is not None else CLOSE
    for asked in found["Asked"] or [DEFAULT]:
        if not isinstance(asked, Unknown) and need <= asked <= 100:
            yield PASS
        elif bars and min(bars) >= need and doubt is None:
            yield PASS if max(bars) <= 100 else unknown(f"the Similarity is compared with {max(bars):g}, and it counts to 100", where=where)
        elif doubt is not None:
            yield unknown(f"{_request(api, asked, found)}; {doubt.reason}", where=where)
        elif bars and max(bars) >= need:
            reason = f"the Similarity is compared with {min(bars):g} as well as with {max(bars):g}, and which of them decides can't be told"
            yield unknown(f"{_request(api, asked, found)}; {reason}", where=where)
        elif isinstance(asked, Unknown):
            yield unknown(_request(api, asked, found), where=where)
        else:
            yield _judged(resource, api, asked, max(bars, default=None), found, demanded, where)


def _request(api: str, asked: float | Unknown, found: Mapping[str, Any]) -> str:
    name = THRESHOLDS[api]
    if isinstance(asked, Unknown):
        return f"which {name} {api} is given can't be told: {asked.reason}"
    return (
        f"{api} is given a {name} of {asked:g}"
        if found["Asked"]
        else f"{api} is given no {name}, so that Rekognition takes its own {DEFAULT:g}"
    )


def _judged(
    resource: Resource, api: str, asked: float, bar: float | None, found: Mapping[str, Any], demanded: float | None, where: SourceRef
) -> Outcome:
    """The verdict where everything is known and too little is demanded, or more than there is."""
    text = _request(api, asked, found)
    fix = _fix(resource, api, demanded)
    if asked > 100:
        return unknown(f"{text}, and it counts to 100", where=where)
    reached = max(asked, bar or 0.0)
    if bar is not None and bar > asked:
        text = f"{text}, and what it finds counts from a Similarity of {bar:g} on"
    if found["Low"] and bar is None:
        low = f"the Similarity is compared with {found['Low'][0]:g} (line {found['LowAt'][0]}), but counts from 0 to 100, so everything passes that"
        return fail(f"{text}; {low}", where=where, fix=fix)
    if asked == 0 and bar is None and found["Looked"]:
        return unknown(f"{text}, which finds every face; what the Similarity has to be after that can't be told", where=where)
    if reached <= 1:
        scale = "which finds every face" if asked == 0 else "but it counts from 0 to 100, so that almost every face is a match"
        return fail(f"{text}, {scale}", where=where, fix=fix)
    if demanded is not None:
        return fail(f"{text}; the parameter {PARAMETER} demands {demanded:g}", where=where, fix=fix)
    if reached < WIDE:
        return fail(
            f"{text}: that is less than the {WIDE:g} that AWS thinks enough for a photo album, and other people match", where=where, fix=fix
        )
    reason = (
        f"AWS recommends {CLOSE:g} where a match decides about a person; whether this one does, the parameter {PARAMETER} would have to say"
    )
    return unknown(f"{text}; {reason}", where=where)


def _fix(resource: Resource, api: str, demanded: float | None) -> str:
    name, least = THRESHOLDS[api], f"{demanded if demanded is not None else CLOSE:g}"
    if resource.get("Language") in AS_JSON:
        return f'"{name}": {least}'
    return in_language(resource, python=f"{name}={least},  # of 100", javascript=f"{name}: {least}, // of 100")


RULE = Rule(
    id="face-match-threshold",
    title="Code takes faces for one only if they are alike enough to tell people apart",
    severity=Severity.HIGH,
    types=(FUNCTION,),
    evaluate=evaluate,
    remediation="Ask for a similarity of 99 (of 100) where a match decides about a person, or state yours in the parameter face_similarity.",
    kind=Kind.CODE,
)
