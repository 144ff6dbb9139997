"""Code doesn't ask Rekognition for emotions, or for categories such as gender and age (SM-IDV-04)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from averment.core.words import Severity
from averment.policies.graph.model import Resource, find_unknown
from averment.policies.interface import PASS, Context, Kind, Outcome, Rule, fail, unknown
from averment.policies.rules.code import AS_JSON, FUNCTION, entries, in_language
from averment.policies.rules.judge import worst_outcome

PARAMETERS = {"DetectFaces": "Attributes", "IndexFaces": "DetectionAttributes", "StartFaceDetection": "FaceAttributes"}
SENSITIVE = {"ALL": "emotions, gender and age", "EMOTIONS": "emotions", "GENDER": "gender", "AGE_RANGE": "age"}


def evaluate(resource: Resource, context: Context) -> Outcome:  # noqa: ARG001  (a function is judged by its own calls)
    """The verdict on one function: the worst of its calls that describe faces."""
    return worst_outcome(_outcomes(resource))


def _outcomes(resource: Resource) -> Iterator[Outcome]:
    for index, call in entries(resource, "Calls"):
        api, where = call.get("Api"), resource.where("Calls", index)
        if not isinstance(api, str) or api not in PARAMETERS:
            continue
        asked, parameter = call.get("Attributes"), PARAMETERS[api]
        doubt = next(iter(find_unknown(asked)), None)
        if doubt is not None:
            yield unknown(f"{api} asks for attributes of faces that can't be told: {doubt.reason}", where=where)
            continue
        wanted = [name for name in asked if str(name) in SENSITIVE] if isinstance(asked, list) else []
        if not wanted:
            yield PASS
            continue
        if call.get("Certain") is not True:
            yield unknown(f"{api} is called on something that isn't known to be a Rekognition client", where=where)
            continue
        what = ", ".join(dict.fromkeys(SENSITIVE[str(name)] for name in wanted))
        text = f"{api} asks for {parameter} {', '.join(map(str, wanted))}: that reads {what} from faces"
        yield fail(text, where=where, fix=_fix(resource, parameter, asked))


def _fix(resource: Resource, parameter: str, asked: Any) -> str:
    kept = [str(name) for name in asked if str(name) not in SENSITIVE] or ["DEFAULT"]
    if parameter == "FaceAttributes":
        if resource.get("Language") in AS_JSON:
            return '"FaceAttributes": "DEFAULT"'
        return in_language(resource, python='FaceAttributes="DEFAULT"', javascript='FaceAttributes: "DEFAULT"')
    names = ", ".join(f'"{name}"' for name in kept)
    if resource.get("Language") in AS_JSON:
        return f'"{parameter}": [{names}]'
    return in_language(resource, python=f"{parameter}=[{names}]", javascript=f"{parameter}: [{names}]")


RULE = Rule(
    id="face-attributes-limited",
    title="Code doesn't ask Rekognition for emotions, gender or age",
    severity=Severity.MEDIUM,
    types=(FUNCTION,),
    evaluate=evaluate,
    remediation="Ask for DEFAULT, or for the quality attributes that you need (FACE_OCCLUDED, EYES_OPEN, ...), one by one.",
    kind=Kind.CODE,
)
