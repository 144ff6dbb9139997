"""Asynchronous inference: a request is taken at once, the input fetched from S3, the model asked, and the answer or the failure written to S3.

The places are those of SageMaker: ``<S3OutputPath>/<file>.out`` and ``<S3FailurePath>/<file>-error.out``, where the file is named by the caller or by
the inference's id. Topics for success and error get SageMaker's notification.
Not covered: the queue's limits and ``RequestTTLSeconds`` (nothing waits here), scaling to zero, and whether the endpoint's role may touch the buckets.
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from averment.sandbox.backends.sagemaker_answering import Answer, answering, failure_message

MAX_INPUT = 1024**3
"""Bytes of an input in S3."""

_log = logging.getLogger("averment.sandbox")
_running: set[threading.Thread] = set()


@dataclass(frozen=True)
class Job:
    """One request that was taken. ``failure`` is None where the endpoint's configuration names no place for failures."""

    account: str
    region: str
    endpoint: str
    inference_id: str
    source: str | None
    inline: bytes
    headers: Mapping[str, str]
    seconds: float
    output: str
    failure: str | None
    topics: Mapping[str, str]
    received: datetime

    def start(self) -> None:
        """Run beside the request, as SageMaker does."""
        thread = threading.Thread(target=self._run, name=f"averment-async-{self.inference_id}", daemon=True)
        _running.add(thread)
        thread.start()

    def _run(self) -> None:
        try:
            self._finish()
        except Exception:  # noqa: BLE001 - nobody waits for this thread; the log is where it can say so
            _log.exception("an asynchronous inference failed in the embedded AWS")
        finally:
            _running.discard(threading.current_thread())

    def _finish(self) -> None:
        body, reason = self._input()
        answer = answering().answer(body, self.headers, self.seconds) if reason is None else Answer(0, reason.encode())
        good = reason is None and 200 <= answer.status < 300
        if reason is None and not good:
            reason = failure_message(answer)
        place = self.output if good else self.failure
        if place is not None:
            bucket, key = split(place)
            self._s3().put_object(bucket, key, answer.body if good else str(reason).encode())
        self._notify(good, reason, answer.headers.get("content-type", ""))

    def _input(self) -> tuple[bytes, str | None]:
        if self.source is None:
            return self.inline, None
        bucket, key = split(self.source)
        try:
            found = self._s3().get_object(bucket, key)
        except Exception as error:  # noqa: BLE001 - moto's errors share no base but Exception; the reason goes to the failure's place
            return b"", f"Unable to download the input from {self.source}: {error}"
        if found is None:
            return b"", f"Unable to download the input from {self.source}: there is no such object"
        if found.size > MAX_INPUT:
            return b"", f"the input {self.source} has {found.size:,} bytes; at most {MAX_INPUT:,} are accepted"
        return found.value, None

    def _notify(self, good: bool, reason: str | None, content_type: str) -> None:
        topic = self.topics.get("SuccessTopic" if good else "ErrorTopic")
        if topic is None:
            return
        from moto.sns.models import sns_backends

        now = datetime.now(UTC)
        told: dict[str, Any] = {
            "awsRegion": self.region,
            "eventTime": _time(now),
            "receivedTime": _time(self.received),
            "invocationStatus": "Completed" if good else "Failed",
            "requestParameters": {"endpointName": self.endpoint, "inputLocation": self.source},
            "inferenceId": self.inference_id,
            "eventVersion": "1.0",
            "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
        }
        told |= {"responseParameters": {"contentType": content_type, "outputLocation": self.output}} if good else {"failureReason": reason}
        sns_backends[self.account][self.region].publish(message=json.dumps(told), arn=topic)

    def _s3(self) -> Any:
        from moto.s3.models import s3_backends

        return s3_backends[self.account]["aws"]


def settle() -> None:
    """Wait until everything that was taken is done."""
    for thread in list(_running):
        thread.join()


def places(output: Mapping[str, Any], inference_id: str, extension: str | None, filename: str | None) -> tuple[str, str | None]:
    """Where the answer and the failure of an inference go, by an endpoint's ``AsyncInferenceConfig.OutputConfig``."""
    name = filename or inference_id or str(uuid.uuid4())
    folder = f"/{extension.strip('/')}" if extension else ""
    good = f"{str(output['S3OutputPath']).rstrip('/')}{folder}/{name if filename else f'{name}.out'}"
    failures = output.get("S3FailurePath")
    return good, f"{str(failures).rstrip('/')}/{name}-error.out" if failures else None


def split(place: str) -> tuple[str, str]:
    """Bucket and key of ``s3://bucket/key``."""
    parts = urlsplit(place)
    return parts.netloc, parts.path.lstrip("/")


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
