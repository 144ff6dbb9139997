"""What a request can't carry: videos and large files, scored by an asynchronous SageMaker endpoint.

The scan function asks (see ``asking``). The endpoint answers on SNS, by way of a queue, to ``result_handler``, which finishes as the synchronous way does. A failure is
asked again under a new number; after ``MAX_ATTEMPTS`` a person must look. The endpoint scores and no more: credential and seal are read when its
answer is there. Whatever lies under ``inputs/`` is unanswered, so
``sweep_handler``, run by a schedule, finds what no answer ever came for. Nothing here publishes without an answer, nor by one that lies elsewhere
than the endpoint said when it was asked: whoever may call the function could point to the answer about something else.

Besides the scan function's: on the work bucket s3:GetObject, s3:DeleteObject and s3:ListBucket; on the index of the table of cases dynamodb:Query.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from averment.core.aws import aws_errors, client
from averment.core.canonical import JSON
from averment.core.errors import BadInputError, IncompleteError
from averment.core.period import from_iso, utc_now
from averment.detector.gate.asking import INPUTS, Pending, ask, awaited_at, input_key, pending_at, work_bucket
from averment.detector.gate.case import CaseState
from averment.detector.gate.cases import Cases
from averment.detector.gate.ingest import Gate, gate_of, handle_all
from averment.detector.gate.provenance import Provenance, look, unread
from averment.detector.gate.settings import Settings
from averment.detector.gate.verdict import Judgement, judge
from averment.detector.gate.verdict_log import Route
from averment.detector.imaging import MAX_BYTES
from averment.detector.interface import DetectorInfo, Score
from averment.detector.remote import MAX_ANSWER, whole
from averment.detector.serving import info_from_json, score_from_json, told_of_all

MAX_ATTEMPTS = 3
OVERDUE = timedelta(hours=2)
"""After this time without an answer a request counts as failed. Longer than the endpoint may take (an hour) and queue."""

UNDONE = timedelta(hours=1)
"""After this time a decision that was filed and not applied waits for somebody to repeat it: what is rejected may be served until then."""

COMPLETED = "Completed"
_ASKS_A_PERSON = frozenset({"held", "reopened", "appeal"})
"""Steps of a case after which somebody has to decide; the first step of each is one."""


@dataclass(frozen=True)
class Result:
    """What the endpoint said of one request: where its answer lies, or why it failed."""

    input_key: str
    output: tuple[str, str] | None
    failure: str | None

    def __str__(self) -> str:
        return self.input_key


def result_handler(event: Mapping[str, Any], context: object) -> dict[str, JSON]:
    """The Lambda entry point behind the queue of the endpoint's answers.

    Raises:
        BadInputError: an event of another kind, or missing settings.
        IncompleteError: at least one answer could not be dealt with; the queue delivers all of them again.
    """
    settings = Settings.from_environment(os.environ)
    gate = gate_of(settings)
    return handle_all(list(results(event, work_bucket(settings))), lambda result: finish(gate, result), context)


def sweep_handler(event: Mapping[str, Any], context: object) -> dict[str, JSON]:  # noqa: ARG001 - a schedule's event says nothing
    """The Lambda entry point behind a schedule: counts the cases that nobody has decided in time or whose decision stopped half-way, and asks again, or gives to a person, what
    the asynchronous endpoint (if there is one) hasn't answered for longer than ``OVERDUE``.

    Raises:
        BadInputError: missing settings.
        IncompleteError: at least one could not be dealt with.
    """
    settings = Settings.from_environment(os.environ)
    gate, now = gate_of(settings), utc_now()
    with aws_errors("count what waits for a person"):
        if gate.cases is not None:
            undone = sum(from_iso(case.history[-1].at) < now - UNDONE for case in gate.cases.undone())
            gate.log.count("ReviewsOverdue", float(undone + _waiting(gate.cases, now - timedelta(hours=settings.review_hours))))
    if settings.async_endpoint is None:
        return {"verdicts": []}
    overdue = list(_overdue(work_bucket(settings), now - OVERDUE))
    with aws_errors("count what is overdue"):
        gate.log.count("Overdue", float(len(overdue)))
    return handle_all(overdue, lambda result: finish(gate, result), context)


def results(event: Mapping[str, Any], bucket: str) -> Iterator[Result]:
    """The endpoint's notifications in an SQS event, whether SNS wrapped them or delivers them raw.

    Raises:
        BadInputError: something else, or an answer about another bucket than the work bucket ``bucket``.
    """
    records = event.get("Records")
    if not isinstance(records, list) or not records:
        raise BadInputError(
            "the event is not one of a queue", fix="subscribe a queue to the endpoint's topics, and map it to this function"
        )
    for record in records:
        try:
            value = json.loads(record["body"])
            if value.get("Type") == "Notification":
                value = json.loads(value["Message"])
            yield _result(value, bucket)
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
            raise BadInputError(f"a message is no notification of an asynchronous endpoint: {error!r}") from error


def finish(gate: Gate, result: Result) -> dict[str, JSON]:
    """Do what the answer says: record and publish, ask again, or give it to a person. Returns the line that was logged.

    Raises:
        IncompleteError: a service failed, or the answer lies elsewhere than the endpoint said that it would; it is delivered again.
    """
    bucket = work_bucket(gate.settings)
    with aws_errors(f"finish {result}"):
        pending = pending_at(bucket, result.input_key)
        if pending is None:  # an answer that was dealt with before
            line: dict[str, JSON] = {"event": "answered-before", "bucket": bucket, "key": result.input_key}
            gate.log.write(line)
            return line
        gate.check_buckets(pending.target)
        if result.output is not None and (awaited := awaited_at(bucket, pending.key)) != (answer := "s3://{}/{}".format(*result.output)):
            # Of a question that was asked twice, or of something else: delivered again it finds the question answered, or is a dead letter.
            raise IncompleteError(f"the answer to {result} is awaited at {awaited}, not at {answer}")
        head = gate.store.head(pending.target)
        if head is None:
            line = gate.gone(pending.target)
        elif result.output is None and pending.attempt < MAX_ATTEMPTS:
            attempt = pending.attempt + 1
            again = replace(pending, attempt=attempt, key=input_key(pending.target, attempt))
            line = ask(gate.settings, gate.log, again) or gate.gone(pending.target)
        elif (provenance := _provenance(gate, pending, head)) is None:
            line = gate.gone(pending.target)
        else:
            judgement = _judgement(gate, pending, result, provenance)
            answered = Route.ASYNCHRONOUS if judgement.detector != _nobody(gate) else None
            line = gate.settle(pending.target, head, judgement, pending.content_type, answered)
        client("s3").delete_object(Bucket=bucket, Key=pending.key)
    return line


def _provenance(gate: Gate, pending: Pending, head: Mapping[str, Any]) -> Provenance | None:
    """What the version says of its origin: the endpoint scores it and reads neither credential nor seal. None: it is gone meanwhile."""
    if pending.sha256 is None:
        metadata = {name.lower(): value for name, value in head.get("Metadata", {}).items()}
        return unread(metadata, f"the file has {head['ContentLength']:,} bytes; of more than {MAX_BYTES:,} no credential is read")
    fetched = gate.store.fetch(pending.target, whole_up_to=MAX_BYTES)
    if fetched is None:
        return None
    return look(fetched.data, fetched.metadata, gate.settings)


def _judgement(gate: Gate, pending: Pending, result: Result, provenance: Provenance) -> Judgement:
    if result.output is None:
        reason = f"the endpoint failed {pending.attempt} times, the last time: {result.failure}"
        return judge(Score(cannot_say=reason), _nobody(gate), pending.sha256, provenance)
    answer = client("s3").get_object(Bucket=result.output[0], Key=result.output[1])["Body"].read(MAX_ANSWER + 1)
    try:
        value: dict[str, Any] = whole(json.loads(answer))  # a longer answer was cut, and is no JSON any more
        info = info_from_json(value["detector"])
        score = told_of_all(score_from_json(value), info)
    except (ValueError, TypeError, KeyError, RecursionError, IncompleteError) as error:
        # Asking again would give the same: what it said is on record, and a person looks at the medium.
        return judge(Score(cannot_say=f"the endpoint's answer is not understood: {error}"), _nobody(gate), pending.sha256, provenance)
    return judge(score, info, pending.sha256, provenance)


def _nobody(gate: Gate) -> DetectorInfo:
    return DetectorInfo(f"{gate.settings.async_endpoint}", "unknown", None, (), 0.0)


def _result(value: Mapping[str, Any], ours: str) -> Result:
    bucket, key = _place(value["requestParameters"]["inputLocation"])
    if bucket != ours or not key.startswith(INPUTS):
        raise BadInputError(
            f"the answer is about s3://{bucket}/{key}, which the gate never asked about", fix="one endpoint, one work bucket"
        )
    if value["invocationStatus"] != COMPLETED:
        return Result(key, None, str(whole(value.get("failureReason")) or value["invocationStatus"])[:500])
    output = _place(value["responseParameters"]["outputLocation"])
    if output[0] != ours:
        raise BadInputError(f"the answer lies in {output[0]}, not in the work bucket", fix="let the endpoint write to the work bucket")
    return Result(key, output, None)


def _place(url: Any) -> tuple[str, str]:
    bucket, _, key = str(url).removeprefix("s3://").partition("/")
    return bucket, key


def _waiting(cases: Cases, before: datetime) -> int:
    """How many cases wait for a person since a moment before ``before``: since they were opened, opened again, or appealed."""
    undecided = cases.listed([CaseState.OPEN, CaseState.APPEALED])
    since = (next((step.at for step in reversed(case.history) if step.did in _ASKS_A_PERSON), case.opened_at) for case in undecided)
    return sum(from_iso(moment) < before for moment in since)


def _overdue(bucket: str, before: datetime) -> Iterator[Result]:
    s3 = client("s3")
    with aws_errors(f"list what waits in {bucket}"):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=INPUTS):
            for entry in page.get("Contents", ()):
                if entry["LastModified"] < before:
                    yield Result(entry["Key"], None, f"no answer within {OVERDUE}")
