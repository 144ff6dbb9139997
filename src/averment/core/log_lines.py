"""Lines of JSON in CloudWatch Logs, one by one: each is evidence, so that one which isn't kept is an error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from averment.core.aws import aws_errors
from averment.core.canonical import JSON
from averment.core.errors import IncompleteError
from averment.core.period import iso


def open_stream(logs: Any, group: str, stream: str) -> None:
    """Make ``stream`` where it is missing, and ``group``. The stream first: where the group is there, nobody needs the right to make one, as the
    functions of the blueprints don't have it."""
    exists = logs.exceptions.ResourceAlreadyExistsException
    named = {"logGroupName": group, "logStreamName": stream}
    try:
        with suppress(exists):
            logs.create_log_stream(**named)
    except logs.exceptions.ResourceNotFoundException:
        with suppress(exists):
            logs.create_log_group(logGroupName=group)
        with suppress(exists):
            logs.create_log_stream(**named)


def put_line(logs: Any, group: str, stream: str, line: Mapping[str, JSON], moment: datetime, doing: str) -> None:
    """Put ``line``, and make the stream and the group first where they are missing; ``doing`` is what could not be done otherwise.

    Raises:
        IncompleteError: CloudWatch Logs is out of reach, or leaves the line out for its time (14 days ago or more, or two hours to come), which it
            says in an answer that is none of an error. boto3 signs by AWS's time where a machine's clock is wrong, so that all else works.
    """
    entry = {"timestamp": int(moment.timestamp() * 1000), "message": json.dumps(line, sort_keys=True, ensure_ascii=False)}
    asked = {"logGroupName": group, "logStreamName": stream, "logEvents": [entry]}
    with aws_errors(doing):
        try:
            answer = logs.put_log_events(**asked)
        except logs.exceptions.ResourceNotFoundException:
            open_stream(logs, group, stream)
            answer = logs.put_log_events(**asked)
    if answer.get("rejectedLogEventsInfo"):
        raise IncompleteError(
            f"could not {doing}: CloudWatch Logs takes no entry of {iso(moment)}, which it is by this machine's clock",
            fix="set the clock, then do it again, which logs it",
        )
