"""Code that matches faces has looked at a liveness result on the same call path (SM-IDV-01, SM-IDV-03)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from averment.core.source import SourceRef
from averment.core.words import Severity
from averment.policies.graph.model import Resource, Unknown
from averment.policies.interface import PASS, Context, Kind, Outcome, Rule, fail, unknown
from averment.policies.rules.code import FUNCTION, entries, in_language
from averment.policies.rules.judge import worst_outcome

MATCHES = ("CompareFaces", "SearchFacesByImage", "SearchUsersByImage")
_PYTHON = """\
session = rekognition.get_face_liveness_session_results(SessionId=session_id)  # a session that this server opened
if session["Status"] != "SUCCEEDED" or session["Confidence"] < 90:
    raise PermissionError("no live person in front of the camera")
live = {"Bytes": session["ReferenceImage"]["Bytes"]}  # compare this picture, not one that the client sent"""
_JAVASCRIPT = """\
const session = await rekognition.send(new GetFaceLivenessSessionResultsCommand({ SessionId: sessionId })); // one that this server opened
if (session.Status !== "SUCCEEDED" || session.Confidence < 90) {
  throw new Error("no live person in front of the camera");
}
const live = { Bytes: session.ReferenceImage.Bytes }; // compare this picture, not one that the client sent"""

_STATES = """\
"ReadLiveness": {
  "Type": "Task",
  "Resource": "arn:aws:states:::aws-sdk:rekognition:getFaceLivenessSessionResults",
  "Parameters": {"SessionId.$": "$.SessionId"},
  "ResultPath": "$.Live",
  "Next": "IsLive"
},
"IsLive": {
  "Type": "Choice",
  "Choices": [{
    "And": [
      {"Variable": "$.Live.Status", "StringEquals": "SUCCEEDED"},
      {"Variable": "$.Live.Confidence", "NumericGreaterThanEquals": 90}
    ],
    "Next": "<the comparison, of $.Live.ReferenceImage>"
  }],
  "Default": "<a state of the type Fail>"
}"""


def evaluate(resource: Resource, context: Context) -> Outcome:  # noqa: ARG001  (a function's paths were followed already)
    """The verdict on one function: the worst of the paths that lead to its comparisons of faces."""
    first: dict[str, Outcome] = {}
    for outcome in _outcomes(resource):
        first.setdefault(f"{outcome.verdict} {outcome.message}", outcome)  # the same call twice is one finding
    return worst_outcome(first.values())


def _outcomes(resource: Resource) -> Iterator[Outcome]:
    paths = [entry for _, entry in entries(resource, "Paths")]
    for index, call in entries(resource, "Calls"):
        api, where = call.get("Api"), resource.where("Calls", index)
        if isinstance(api, Unknown):
            yield unknown(f"whether {_label(resource)} matches faces can't be told: {api.reason}", where=where)
        elif api in MATCHES:
            yield from _of_call(resource, call, [path for path in paths if path.get("Line") == call.get("Line")], where)


def _of_call(resource: Resource, call: Mapping[str, Any], paths: list[Mapping[str, Any]], where: SourceRef) -> Iterator[Outcome]:
    name = _call(call)
    if call.get("Certain") is not True:
        yield unknown(f"{_label(resource)} calls {name} on something that isn't known to be a Rekognition client", where=where)
        return
    cut = resource.get("PathsCut")
    if isinstance(cut, str):
        yield unknown(f"not every way through {_label(resource)} to {name} could be followed: {cut}", where=where)
    elif not paths:
        yield unknown(f"no way through {_label(resource)} to {name} could be followed", where=where)
    outcomes = [_of_path(resource, name, path, where) for path in paths]
    for verdict in dict.fromkeys(outcome.verdict for outcome in outcomes):
        same = [outcome for outcome in outcomes if outcome.verdict is verdict]
        more = f" (as on {len(same) - 1} more path{'s' if len(same) > 2 else ''})" if len(same) > 1 and same[0].message else ""
        yield replace(same[0], message=same[0].message + more)


def _of_path(resource: Resource, name: str, path: Mapping[str, Any], where: SourceRef) -> Outcome:
    liveness, elsewhere = path.get("Liveness"), resource.get("LivenessElsewhere")
    start = f"{_label(resource)}{_from(resource, path)}"
    if liveness == "checked":
        return PASS
    if isinstance(liveness, Unknown):
        return unknown(f"{start} calls {name}; {liveness.reason}", where=where)
    if liveness == "ignored":
        text = f"{start} calls {name} after reading a liveness result ({path.get('ReadAt')}) whose Status and Confidence it never looks at"
    elif liveness == "ended":
        text = f"{start} calls {name} after looking at the Status of a liveness result ({path.get('ReadAt')}) alone: it says that the session ended, "
        text += "and its Confidence, which is never looked at, whether the person was live"
    elif liveness != "none":
        return unknown(f"{start} calls {name}; what it does about liveness isn't known", where=where)
    elif isinstance(elsewhere, str):
        reason = f"liveness is read on another path ({elsewhere}), and whether its outcome is demanded here can't be told"
        return unknown(f"{start} calls {name} without a liveness result; {reason}", where=where)
    elif path.get("Opened"):
        text = f"{start} calls {name} with a liveness session opened whose result it never reads: a picture of the person will do"
    else:
        text = f"{start} calls {name} without a liveness result on the way: a picture of the person will do"
    return fail(text, where=where, fix=in_language(resource, python=_PYTHON, javascript=_JAVASCRIPT, states=_STATES))


def _label(resource: Resource) -> str:
    label = resource.get("Function")
    return label if isinstance(label, str) else resource.address


def _from(resource: Resource, path: Mapping[str, Any]) -> str:
    """Where the path begins, if not in the function itself."""
    file, entry = path.get("EntryFile"), path.get("Entry")
    if not isinstance(file, str) or (entry == resource.get("Function") and file == resource.source.file):
        return ""
    place = "" if file == resource.source.file else f" in {'/'.join(Path(file).parts[-2:])}"
    return f", reached from {entry}{place},"


def _call(call: Mapping[str, Any]) -> str:
    return f"{call.get('Api')} by a raw request" if call.get("Http") else str(call.get("Api"))


RULE = Rule(
    id="face-call-after-liveness",
    title="Code that matches faces has looked at a liveness result before",
    severity=Severity.HIGH,
    types=(FUNCTION,),
    evaluate=evaluate,
    remediation="Read the session's result on the server, refuse unless Status and Confidence satisfy, and compare its reference image.",
    kind=Kind.CODE,
)
